"""Troubles that were told and are not over: told once, also over a restart."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from modemgw.domain.events import EventKind
from modemgw.store.role import Role, keep, read
from modemgw.store.writer import Transaction


@dataclass(frozen=True, slots=True)
class Told:
    """A row: which rule told what, since when the trouble is, and when it was told last (Unix ms)."""

    rule: str
    key: str
    text: str
    since: int
    told_at: int


_EVENTS = {"begin": EventKind.ALERT_BEGIN, "still": EventKind.ALERT_STILL, "over": EventKind.ALERT_OVER}


def told(con: sqlite3.Connection) -> list[Told]:
    """All of them."""
    rows = con.execute("SELECT rule, key, text, since, told_at FROM alerts").fetchall()
    return [Told(*row) for row in rows]


def put(tx: Transaction, row: Told, kind: str) -> None:
    """Something was told; `kind` is begin, still or over."""
    if kind == "over":
        tx.execute("DELETE FROM alerts WHERE rule = ? AND key = ?", (row.rule, row.key))
    else:
        tx.execute(
            "INSERT INTO alerts (rule, key, text, since, told_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET text = excluded.text, told_at = excluded.told_at",
            (row.rule, row.key, row.text, row.since, row.told_at),
        )
    tx.event(_EVENTS[kind], data={"rule": row.rule, "about": row.key, "text": row.text})


_AGE = (
    "SELECT min(created_at) FROM (SELECT created_at FROM messages WHERE queue = 1 AND line = ? "
    "ORDER BY priority DESC, id LIMIT 1)"
)


def oldest_waiting(con: sqlite3.Connection, lanes: list[str]) -> int | None:
    """When the first message in line was accepted, of those that are ready to go. Looks at the head of each lane."""
    found = [con.execute(_AGE, (lane,)).fetchone()[0] for lane in lanes]
    return min((at for at in found if at is not None), default=None)


def unknown_count(con: sqlite3.Connection) -> int:
    """Messages of which nobody can tell whether they went out, and that nothing is done about any more."""
    return sum(
        con.execute(
            "SELECT count(*) FROM messages WHERE account_id = ? AND state = 'unknown' AND doubt_at IS NULL", (account,)
        ).fetchone()[0]
        for (account,) in con.execute("SELECT id FROM accounts").fetchall()
    )


class AlertStore(Role):
    """What alerts ask of the store."""

    told = read(told)
    put = keep(put)
    oldest_waiting = read(oldest_waiting)
    unknown_count = read(unknown_count)
