"""The last known balance of each SIM, in the table `meta`. Owns the rows `balance.<line>`, not what they mean."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.domain.line import LineBalance
from modemgw.store.database import Store
from modemgw.store.writer import Transaction

_PREFIX = "balance."


@dataclass(frozen=True, slots=True)
class _Keep:
    """-> None. The balance and its events, all or none of them."""

    key: str
    balance: LineBalance
    events: Sequence[tuple[str, Mapping[str, object]]]

    def __call__(self, tx: Transaction) -> None:
        balance = self.balance
        said = {"amount": balance.amount, "currency": balance.currency, "at": balance.at, "low": balance.low}
        tx.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (_PREFIX + self.key, json.dumps(said)),
        )
        row = tx.execute("SELECT id FROM lines WHERE key = ?", (self.key,)).fetchone()
        for kind, data in self.events:
            tx.event(kind, line=row[0] if row is not None else None, data=data)


class SqliteBalances:
    """See `service.balances.BalanceStore`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> dict[str, LineBalance]:
        return await self._store.read(_all)

    async def keep(self, key: str, balance: LineBalance, events: Sequence[tuple[str, Mapping[str, object]]]) -> None:
        await self._store.write(_Keep(key, balance, events))


def _all(con: sqlite3.Connection) -> dict[str, LineBalance]:
    found: dict[str, LineBalance] = {}
    rows = con.execute("SELECT key, value FROM meta WHERE key >= ? AND key < ?", (_PREFIX, _PREFIX[:-1] + "/"))
    for key, value in rows:
        said: dict[str, Any] = json.loads(value)
        found[key.removeprefix(_PREFIX)] = LineBalance(
            str(said["amount"]), said.get("currency"), int(said["at"]), bool(said.get("low"))
        )
    return found
