"""USSD for accounts: who may, what may be asked. The dialogue itself is the line's (modem/conversation)."""

from __future__ import annotations

import re
from typing import Protocol

from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.ussd import UssdAnswer

#: How long the network's answer is waited for, seconds.
TIMEOUT_S, LONGEST_S = 30.0, 180.0

#: What a telephone can dial; a `+` stands for an international number within it.
_CODE = re.compile(r"[0-9*#+]{1,182}")

#: Characters of an answer to a menu.
LONGEST_ANSWER = 182


class UssdLines(Protocol):
    """The dialogues of the lines. Refusal: NOT_FOUND no such line, CONFLICT not ready, or a dialogue in the way;
    UssdNoAnswer, UssdFailed."""

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer: ...

    async def cancel(self, line: str, *, by: str) -> UssdAnswer: ...


class UssdDesk:
    """What the front doors ask. Raises what `UssdLines` raises."""

    def __init__(self, lines: UssdLines) -> None:
        self._lines = lines

    async def ask(self, account: Account, line: str, code: str, timeout_s: float = TIMEOUT_S) -> UssdAnswer:
        """Send a code. Refusal(FORBIDDEN) without the right, Refusal(BAD_PARAMETER) for what is no code."""
        lines = self._allowed(account)
        return await lines.ask(line, checked_code(code), by=account.login, timeout_s=timeout_s)

    async def answer(self, account: Account, line: str, text: str, timeout_s: float = TIMEOUT_S) -> UssdAnswer:
        """Answer the open menu of a line."""
        lines = self._allowed(account)
        if not 0 < len(text) <= LONGEST_ANSWER:
            raise Refusal(RefusalKind.BAD_PARAMETER, f"An answer has 1 to {LONGEST_ANSWER} characters.", field="answer")
        return await lines.ask(line, text, by=account.login, timeout_s=timeout_s, answering=True)

    async def cancel(self, account: Account, line: str) -> UssdAnswer:
        """End the open dialogue of a line, whoever began it."""
        return await self._allowed(account).cancel(line, by=account.login)

    def _allowed(self, account: Account) -> UssdLines:
        if not account.ussd:
            raise Refusal(
                RefusalKind.FORBIDDEN,
                f"The account {account.login} may not use USSD, which can spend money: set `ussd = true` in its "
                "[[account]].",
            )
        return self._lines


def checked_code(code: str) -> str:
    """A code without blanks around it. Refusal(BAD_PARAMETER) if it is none."""
    code = code.strip()
    if _CODE.fullmatch(code) is None or code[0] == "+":
        raise Refusal(
            RefusalKind.BAD_PARAMETER, "A USSD code has digits, *, # and + only, such as *100#.", field="code"
        )
    return code
