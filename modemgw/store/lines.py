"""Accounts and lines as rows: found or made at the start of a service or a modem."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from modemgw.domain.events import EventKind
from modemgw.store.parts import IN_A_LANE
from modemgw.store.writer import Transaction


def ensure_accounts(tx: Transaction, logins: Sequence[str]) -> dict[str, int]:
    """Ids of all accounts that ever were, by login: those that left the configuration keep their messages."""
    for login in logins:
        tx.execute("INSERT INTO accounts (login) VALUES (?) ON CONFLICT DO NOTHING", (login,))
    return dict(tx.execute("SELECT login, id FROM accounts").fetchall())


def account_id(con: sqlite3.Connection, login: str) -> int | None:
    """The key of an account that is or was configured."""
    row = con.execute("SELECT id FROM accounts WHERE login = ?", (login,)).fetchone()
    return None if row is None else int(row[0])


def waiting_elsewhere(con: sqlite3.Connection, names: Sequence[str]) -> dict[str, int]:
    """Messages that wait for lines of other names than these, by name."""
    rows = con.execute(
        f"SELECT line, count(*) FROM messages WHERE queue > 0 AND NOT {IN_A_LANE} "
        "AND line NOT IN (SELECT value FROM json_each(?)) GROUP BY line",
        (json.dumps(list(names)),),
    )
    return dict(rows.fetchall())


def lanes(con: sqlite3.Connection) -> list[str]:
    """Lanes of routes in which messages wait; the default's first is not told."""
    rows = con.execute("SELECT DISTINCT line FROM messages WHERE queue > 0 AND substr(line, 1, 1) = '@'")
    return [lane for (lane,) in rows]


def ensure_line(
    tx: Transaction,
    name: str,
    *,
    imsi: str | None = None,
    iccid: str | None = None,
    imei: str | None = None,
    number: str | None,
    upstream: bool = False,
) -> int:
    """The id of a line. The subscription is known by IMSI, else ICCID, else the device, else the modem's name, so that
    history and reports follow the SIM from stick to stick; an online gateway by its name."""
    known = (("imsi", imsi), ("iccid", iccid), ("imei", imei), ("upstream", name if upstream else None))
    key = next((f"{kind}:{value}" for kind, value in known if value), f"name:{name}")
    tx.execute(
        "INSERT INTO lines (key, name, imsi, iccid, imei, number, first_seen, last_seen) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET name = excluded.name, "
        "iccid = coalesce(excluded.iccid, iccid), imei = excluded.imei, "
        "number = coalesce(excluded.number, number), last_seen = excluded.last_seen",
        (key, name, imsi, iccid, imei, number, tx.now, tx.now),
    )
    line_id: int = tx.execute("SELECT id FROM lines WHERE key = ?", (key,)).fetchone()[0]
    return line_id


def note(tx: Transaction, /, kind: EventKind, line_id: int | None, **data: object) -> None:
    """An event of a line: state changes, recoveries, warnings."""
    tx.event(kind, line=line_id, data=data)
