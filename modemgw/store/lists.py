"""Lists of messages as dialects ask for them: by time, number, reference, oldest or newest first. Nothing here writes.

What goes out is ordered by its time of acceptance and then by id: the same order, unless the clock was set back.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView, PartView
from modemgw.domain.requests import ListInbox, ListMessages
from modemgw.store import queries

#: Messages of one list, and references of one question.
MAX_PAGE = 1_000


def messages(con: sqlite3.Connection, asked: ListMessages) -> list[MessageView]:
    """See the seam's ListMessages."""
    limit = max(0, min(asked.limit, MAX_PAGE))
    refs = asked.refs[:MAX_PAGE]
    # one index at a time: by reference, by number, or by time
    searched = asked.to is not None and not refs
    where = ["m.account_id = ?", "m.hidden = 0"]
    values: list[Any] = [asked.account.id]
    time = "+m.created_at" if refs or searched else "m.created_at"
    if refs:
        where.append(f"m.ref IN ({','.join('?' * len(refs))})")
        values += refs
    if asked.to is not None:
        condition, numbers = queries.recipient_is(asked.to, searched=searched)
        where.append(condition)
        values += numbers
    if asked.dialect is not None:
        where.append("+m.dialect = ?")
        values.append(asked.dialect)
    for bound, sign in ((asked.since, ">="), (asked.until, "<=")):
        if bound is not None:
            where.append(f"{time} {sign} ?")
            values.append(bound)
    for cursor, sign in ((asked.after, ">"), (asked.before, "<")):
        if cursor:
            at = _accepted_at(con, cursor)
            if at is None:
                if sign == ">":
                    return []
                continue
            where += [f"{time} {sign}= ?", f"({time}, m.id) {sign} (?, ?)"]
            values += [at, at, cursor]
    way = "DESC" if asked.newest else "ASC"
    rows = con.execute(
        queries.MESSAGE + f"WHERE {' AND '.join(where)} ORDER BY {time} {way}, m.id {way} LIMIT ?", (*values, limit)
    ).fetchall()
    parts = parts_of(con, [row[0] for row in rows])
    return [replace(queries.message_view(row), parts=parts.get(row[0], ())) for row in rows]


def _accepted_at(con: sqlite3.Connection, message_id: int) -> int | None:
    """When the message was accepted, or the next one there is; None after the last."""
    if message_id >= 1 << 62:
        return None
    row = con.execute("SELECT created_at FROM messages WHERE id >= ? ORDER BY id LIMIT 1", (message_id,)).fetchone()
    return None if row is None else int(row[0])


def parts_of(con: sqlite3.Connection, message_ids: Sequence[int]) -> dict[int, tuple[PartView, ...]]:
    """The parts of many messages, in as few questions as for one."""
    found: dict[int, tuple[PartView, ...]] = {}
    for start in range(0, len(message_ids), 500):
        found |= queries.parts_of(con, message_ids[start : start + 500])
    return found


def inbox(con: sqlite3.Connection, asked: ListInbox) -> list[InboxView]:
    """See the seam's ListInbox."""
    limit = max(0, min(asked.limit, MAX_PAGE))
    where: list[str] = []
    values: list[Any] = []
    if asked.sender is not None:
        condition, numbers = queries.number_is("i.sender", asked.sender, searched=True)
        where.append(condition)
        values += numbers
    if asked.recipient is not None:
        condition, numbers = queries.number_is("i.recipient", asked.recipient, searched=False)
        where.append(condition)
        values += numbers
    by_time = asked.sender is None and (asked.since is not None or asked.until is not None)
    time = "i.received_at" if by_time else "+i.received_at"
    for bound, sign in ((asked.since, ">="), (asked.until, "<=")):
        if bound is not None:
            where.append(f"{time} {sign} ?")
            values.append(bound)
    if asked.after:
        if asked.after >= 1 << 62:
            return []
        where.append("+i.id > ?" if by_time or asked.sender is not None else "i.id > ?")
        values.append(asked.after)
    way = "DESC" if asked.newest else "ASC"
    order = f"{time} {way}, i.id {way}" if by_time else f"i.id {way}"
    condition = f"WHERE {' AND '.join(where)} " if where else ""
    rows = con.execute(queries.INBOX + f"{condition}ORDER BY {order} LIMIT ?", (*values, limit)).fetchall()
    return [queries.inbox_view(con, row) for row in rows]


def spent(con: sqlite3.Connection, account_id: int) -> int:
    """What was counted down from the balance of an account, in units."""
    row = con.execute("SELECT spent FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return 0 if row is None else int(row[0])
