"""What accounts have spent, as part of the transactions that accept and settle messages. Amounts in units (pricing)."""

from __future__ import annotations

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State
from modemgw.rules.pricing import money
from modemgw.store.writer import Transaction

#: Parts that ended so, and of which nothing can have gone out, cost nothing.
NEVER_LEFT = frozenset({State.REJECTED, State.CANCELLED, State.EXPIRED})


class Purse:
    """What accounts have spent, while a transaction accepts messages of theirs."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._spent: dict[int, int] = {}
        self._paid: dict[int, int] = {}

    def spent(self, account_id: int) -> int:
        """What an account has spent."""
        if account_id not in self._spent:
            row = self._tx.execute("SELECT spent FROM accounts WHERE id = ?", (account_id,)).fetchone()
            self._spent[account_id] = row[0]
        return self._spent[account_id] + self._paid.get(account_id, 0)

    def pay(self, account_id: int, cost: int, funds: int) -> bool:
        """Take the cost off, if the funds suffice. What costs nothing needs none."""
        if cost and self.spent(account_id) + cost > funds:
            return False
        self._paid[account_id] = self._paid.get(account_id, 0) + cost
        return True

    def refusal(self, account_id: int, cost: int, funds: int, messages: int = 1) -> Refusal:
        """Why messages that cost so much together are not accepted."""
        what = "The message costs" if messages == 1 else f"The {messages} messages together cost"
        left = money(funds - self.spent(account_id))
        return Refusal(
            RefusalKind.NO_MONEY, f"{what} {money(cost)} and {left} are left. Raise the balance of the account."
        )

    def keep(self) -> None:
        """Write what was paid: one statement for each account that paid."""
        for account_id, paid in self._paid.items():
            if paid:
                self._tx.execute("UPDATE accounts SET spent = spent + ? WHERE id = ?", (paid, account_id))


def charge(tx: Transaction, message_id: int, account_id: int, amount: int) -> None:
    """Move money between a message and its account's balance: below 0 it is given back, for parts that never left;
    above 0 it is taken again, for those that did after all, whatever is left of the balance."""
    if amount:
        tx.execute(
            "UPDATE messages SET charged = charged + ?, refunded = refunded - ? WHERE id = ?",
            (amount, amount, message_id),
        )
        tx.execute("UPDATE accounts SET spent = spent + ? WHERE id = ?", (amount, account_id))
