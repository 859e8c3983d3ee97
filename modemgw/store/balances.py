"""The last known balance of each SIM, in the table `meta`. Owns the rows `balance.<line>`, not what they mean."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from modemgw.domain.events import EventKind
from modemgw.domain.line import LineBalance
from modemgw.store.role import Role, read, write
from modemgw.store.writer import Transaction

_PREFIX = "balance."


def keep(
    tx: Transaction, key: str, balance: LineBalance, events: Sequence[tuple[EventKind, Mapping[str, object]]]
) -> None:
    """The balance of a line, by its key, and the events of it, all or none of them."""
    said = {"amount": balance.amount, "currency": balance.currency, "at": balance.at, "low": balance.low}
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (_PREFIX + key, json.dumps(said)),
    )
    row = tx.execute("SELECT id FROM lines WHERE key = ?", (key,)).fetchone()
    for kind, data in events:
        tx.event(kind, line=row[0] if row is not None else None, data=data)


def load(con: sqlite3.Connection) -> dict[str, LineBalance]:
    """All that is known, by the key of the line."""
    found: dict[str, LineBalance] = {}
    rows = con.execute("SELECT key, value FROM meta WHERE key >= ? AND key < ?", (_PREFIX, _PREFIX[:-1] + "/"))
    for key, value in rows:
        said: dict[str, Any] = json.loads(value)
        found[key.removeprefix(_PREFIX)] = LineBalance(
            str(said["amount"]), said.get("currency"), int(said["at"]), bool(said.get("low"))
        )
    return found


class LineBalances(Role):
    """As `service.balances` sees them."""

    load = read(load)
    keep = write(keep)
