"""Accounts and lines as rows: found or made at the start of a service or a modem."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from modemgw.store.parts import IN_A_LANE
from modemgw.store.writer import Transaction


@dataclass(frozen=True, slots=True)
class EnsureAccounts:
    """-> {login: id}. Accounts that left the config keep their rows: their messages stay theirs."""

    logins: Sequence[str]

    def __call__(self, tx: Transaction) -> dict[str, int]:
        for login in self.logins:
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


@dataclass(frozen=True, slots=True)
class EnsureLine:
    """-> line id. The subscription is known by IMSI, else ICCID, else the device, else the modem's name,

    so that history and reports follow the SIM from stick to stick.
    """

    name: str
    imsi: str | None
    iccid: str | None
    imei: str | None
    number: str | None
    upstream: bool = False  # an online gateway: known by its name, and by nothing else

    @property
    def key(self) -> str:
        if self.upstream:
            return f"upstream:{self.name}"
        for kind, value in (("imsi", self.imsi), ("iccid", self.iccid), ("imei", self.imei)):
            if value:
                return f"{kind}:{value}"
        return f"name:{self.name}"

    def __call__(self, tx: Transaction) -> int:
        tx.execute(
            "INSERT INTO lines (key, name, imsi, iccid, imei, number, first_seen, last_seen) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET name = excluded.name, "
            "iccid = coalesce(excluded.iccid, iccid), imei = excluded.imei, "
            "number = coalesce(excluded.number, number), last_seen = excluded.last_seen",
            (self.key, self.name, self.imsi, self.iccid, self.imei, self.number, tx.now, tx.now),
        )
        line_id: int = tx.execute("SELECT id FROM lines WHERE key = ?", (self.key,)).fetchone()[0]
        return line_id


@dataclass(frozen=True, slots=True)
class Note:
    """-> None. An event of a line: state changes, recoveries, warnings."""

    kind: str
    line_id: int | None
    data: dict[str, object]

    def __call__(self, tx: Transaction) -> None:
        tx.event(self.kind, line=self.line_id, data=self.data)
