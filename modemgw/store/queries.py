"""Reading: rows to the views that clients see, and what the dispatcher needs of the queue. Nothing here writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from modemgw.domain.call import CallView
from modemgw.domain.inbox import InboxKind, InboxView
from modemgw.domain.job import Job, NextTimes
from modemgw.domain.message import (
    AttemptView,
    EventView,
    Hold,
    MessageView,
    OnDoubt,
    PartView,
    ReceiptView,
)
from modemgw.domain.states import State
from modemgw.rules.pricing import money
from modemgw.sms import describe_status, status_meaning

MESSAGE = (
    "SELECT m.id, a.login, m.state, m.recipient, m.text, m.data, m.encoding, m.parts, m.flash, m.priority, "
    "m.client_ref, m.line, m.report, m.on_doubt, m.dialect, m.extra, m.created_at, m.updated_at, m.send_at, "
    "m.expires_at, m.due_at, m.error, m.error_code, m.st, m.cost, m.doubt_at, m.queue, m.held FROM messages m "
    "JOIN accounts a ON a.id = m.account_id "
)
_EVENT = (
    "SELECT e.id, e.at, e.kind, e.message_id, e.part, l.name, e.inbox_id, e.data "
    "FROM events e LEFT JOIN lines l ON l.id = e.line_id "
)
INBOX = (
    "SELECT i.id, l.name, i.sender, i.recipient, i.text, i.kind, i.data, i.received_at, i.scts, i.scts_offset_s, "
    "i.parts, i.missing, i.complete, i.port_to, i.port_from "
    "FROM inbox i JOIN lines l ON l.id = i.line_id "
)

_JOB = (
    "SELECT id, account_id, recipient, text, data, udh, encoding, locking, single, flash, pid, dcs, line, report, "
    "on_doubt, parts, priority, expires_at, validity_s, tries, "
    "NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = messages.id) FROM messages "
)

_NONE: frozenset[int] = frozenset()

#: The claim: the head of the queue of one line. Guarded by an EXPLAIN test.
CLAIM = _JOB + "WHERE queue = 1 AND line = ? ORDER BY priority DESC, id LIMIT ?"


def claim(con: sqlite3.Connection, line: str, limit: int) -> list[Job]:
    """The next messages that ask for `line` (empty: for none in particular)."""
    return [_job(con, row) for row in con.execute(CLAIM, (line, limit)).fetchall()]


def job(con: sqlite3.Connection, message_id: int) -> Job | None:
    """A message that waits to be sent; None if it does not any more."""
    row = con.execute(_JOB + "WHERE id = ? AND queue = 1", (message_id,)).fetchone()
    return None if row is None else _job(con, row)


def _job(con: sqlite3.Connection, row: Sequence[Any]) -> Job:
    queued, resend = tuple(range(1, row[15] + 1)), _NONE
    if not row[20]:  # it was tried before
        queued, resend = _open_parts(con, row[0])
    return Job(
        id=row[0],
        account_id=row[1],
        recipient=row[2],
        text=row[3],
        data=row[4],
        udh=row[5] or b"",
        encoding=row[6],
        locking=row[7],
        single=row[8],
        flash=bool(row[9]),
        pid=row[10],
        dcs=row[11],
        line=row[12],
        report=bool(row[13]),
        on_doubt=row[14],
        parts=row[15],
        priority=row[16],
        expires_at=row[17],
        validity_s=row[18],
        tries=row[19],
        queued=queued,
        resend=resend,
    )


def _open_parts(con: sqlite3.Connection, message_id: int) -> tuple[tuple[int, ...], frozenset[int]]:
    """Parts still to go, and those of them of which a copy may be out already."""
    parts = con.execute(
        "SELECT seq, line_id FROM parts WHERE message_id = ? AND state = 'queued' ORDER BY seq", (message_id,)
    ).fetchall()
    resend = _NONE
    if any(line_id is not None for _, line_id in parts):
        doubtful = con.execute(
            "SELECT DISTINCT seq FROM attempts WHERE message_id = ? AND (unreferenced = 1 OR outcome = 'unknown')",
            (message_id,),
        )
        resend = frozenset(seq for (seq,) in doubtful)
    return tuple(seq for seq, _ in parts), resend


def next_times(con: sqlite3.Connection) -> NextTimes:
    """When the next of these is due."""
    row = con.execute(
        "SELECT (SELECT min(due_at) FROM messages WHERE queue = 2), "
        "(SELECT min(expires_at) FROM messages WHERE queue > 0), "
        "(SELECT min(doubt_at) FROM messages WHERE doubt_at IS NOT NULL), "
        "(SELECT min(first_at) FROM groups WHERE complete = 0 AND inbox_id IS NULL), "
        "(SELECT min(settle_at) FROM groups WHERE settle_at IS NOT NULL)"
    ).fetchone()
    return NextTimes(*row)


def message_view(row: Sequence[Any], parts: tuple[PartView, ...] = ()) -> MessageView:
    """A row of MESSAGE."""
    return MessageView(
        id=row[0],
        account=row[1],
        state=State(row[2]),
        to=row[3],
        text=row[4],
        data=row[5],
        encoding=row[6],
        part_count=row[7],
        flash=bool(row[8]),
        priority=row[9],
        client_ref=row[10],
        line=row[11] or None,
        report=bool(row[12]),
        on_doubt=OnDoubt(row[13]),
        dialect=row[14],
        extra=json.loads(row[15]) if row[15] else {},
        created_at=row[16],
        updated_at=row[17],
        send_at=row[18],
        expires_at=row[19],
        due_at=row[20],
        error=row[21],
        error_code=row[22],
        st=row[23],
        parts=parts,
        cost=money(row[24]),
        doubt_at=row[25],
        held=None if row[27] is None else Hold(row[27]),
    )


def message(con: sqlite3.Connection, account_id: int, message_id: int) -> MessageView | None:
    """One message with everything that belongs to it."""
    row = con.execute(MESSAGE + "WHERE m.id = ? AND m.account_id = ?", (message_id, account_id)).fetchone()
    if row is None:
        # the id of a part that came over SMPP shows the message that it became a part of
        whole = con.execute(
            "SELECT message_id FROM smpp_pieces WHERE id = ? AND account_id = ? AND message_id != id",
            (message_id, account_id),
        ).fetchone()
        return None if whole is None else message(con, account_id, whole[0])
    view = message_view(row, parts_of(con, [message_id])[message_id])
    return replace(view, ahead=ahead(con, row[11], row[9], message_id)) if row[26] == 1 else view


def find_message(
    con: sqlite3.Connection, account_id: int, id: int | None, ref: str | None, tail: str | None
) -> MessageView | None:
    """The newest message that fits all that is given and is not hidden; `tail` are the last digits of its number."""
    # newest first by the key, unless a reference narrows it down: no sorting of all that an account ever sent
    by_key = ref is None and (tail is None or id is not None)
    where: list[str] = ["+m.account_id = ?" if by_key else "m.account_id = ?", "m.hidden = 0"]
    found: list[Any] = [account_id]
    if id is not None:
        where.append("m.id = ?")
        found.append(id)
    if ref is not None:
        where.append("m.ref = ?")
        found.append(ref)
    if tail is not None:
        condition, values = recipient_is(tail, searched=ref is None and id is None)
        where.append(condition)
        found += values
    row = con.execute(MESSAGE + f"WHERE {' AND '.join(where)} ORDER BY m.id DESC LIMIT 1", found).fetchone()
    return None if row is None else message_view(row, parts_of(con, [row[0]])[row[0]])


def recipient_is(digits: str, *, searched: bool) -> tuple[str, list[str]]:
    """The condition that a message went to a number; see number_is."""
    return number_is("m.recipient", digits, searched=searched)


def number_is(column: str, digits: str, *, searched: bool) -> tuple[str, list[str]]:
    """The condition that a column has a number, in whichever of its spellings; `searched`: by the index of its tail."""
    tail = f"{'' if searched else '+'}substr({column}, -8)"
    digits = "".join(char for char in digits if char in "0123456789")
    if len(digits) < 8:
        # a short code is a number and not the end of one
        return f"{tail} IN (?, ?)", [digits, "+" + digits]
    return f"{tail} = ? AND {column} LIKE ?", [digits[-8:], "%" + digits[-10:]]


def messages(
    con: sqlite3.Connection, account_id: int, state: State | None, after: int, limit: int
) -> list[MessageView]:
    """Messages in the order of acceptance."""
    if state is None:
        rows = con.execute(
            MESSAGE + "WHERE +m.account_id = ? AND m.id > ? ORDER BY m.id LIMIT ?",
            (account_id, after, limit),
        )
    else:
        rows = con.execute(
            MESSAGE + "WHERE m.account_id = ? AND m.state = ? AND m.id > ? ORDER BY m.id LIMIT ?",
            (account_id, state, after, limit),
        )
    return [message_view(row) for row in rows]


def parts_of(con: sqlite3.Connection, message_ids: Sequence[int]) -> dict[int, tuple[PartView, ...]]:
    """The parts of messages (some hundreds at the most), with attempts and receipts."""
    these = f"IN ({','.join('?' * len(message_ids))})"
    attempts: dict[tuple[int, int], list[AttemptView]] = {}
    for row in con.execute(
        "SELECT t.message_id, t.seq, t.n, l.name, l.imsi, t.started_at, t.ended_at, t.outcome, t.mr, t.error, l.number "
        f"FROM attempts t JOIN lines l ON l.id = t.line_id WHERE t.message_id {these} ORDER BY t.id",
        message_ids,
    ):
        attempts.setdefault((row[0], row[1]), []).append(AttemptView(*row[2:]))
    receipts: dict[tuple[int, int], list[ReceiptView]] = {}
    for row in con.execute(
        "SELECT p.message_id, p.seq, r.id, r.st, r.received_at, r.done_at, p.ambiguous FROM receipt_parts p "
        f"JOIN receipts r ON r.id = p.receipt_id WHERE p.message_id {these} ORDER BY r.id",
        message_ids,
    ):
        meaning = status_meaning(row[3]).name.lower()
        receipts.setdefault((row[0], row[1]), []).append(
            ReceiptView(row[2], row[3], meaning, describe_status(row[3]), row[4], row[5], bool(row[6]))
        )
    parts: dict[int, list[PartView]] = {message_id: [] for message_id in message_ids}
    for row in con.execute(
        "SELECT p.message_id, p.seq, p.state, l.name, p.mr, p.sent_at, p.done_at, p.error, p.error_code, p.st "
        f"FROM parts p LEFT JOIN lines l ON l.id = p.line_id WHERE p.message_id {these} ORDER BY p.message_id, p.seq",
        message_ids,
    ):
        key = (row[0], row[1])
        parts[row[0]].append(
            PartView(
                seq=row[1],
                state=State(row[2]),
                line=row[3],
                mr=row[4],
                sent_at=row[5],
                done_at=row[6],
                error=row[7],
                error_code=row[8],
                st=row[9],
                attempts=tuple(attempts.get(key, ())),
                receipts=tuple(receipts.get(key, ())),
            )
        )
    return {message_id: tuple(found) for message_id, found in parts.items()}


def _events(rows: Iterable[Sequence[Any]]) -> list[EventView]:
    return [
        EventView(row[0], row[1], row[2], row[3], row[4], row[5], row[6], json.loads(row[7]) if row[7] else {})
        for row in rows
    ]


def message_events(con: sqlite3.Connection, message_id: int) -> list[EventView]:
    """The history of one message."""
    return _events(con.execute(_EVENT + "WHERE e.message_id = ? ORDER BY e.id", (message_id,)))


def events(con: sqlite3.Connection, account_id: int, after: int, limit: int) -> list[EventView]:
    """The account's history and what belongs to no account."""
    rows = con.execute(
        _EVENT + "WHERE e.id > ? AND (e.account_id = ? OR e.account_id IS NULL) ORDER BY e.id LIMIT ?",
        (after, account_id, limit),
    )
    return _events(rows)


def last_event(con: sqlite3.Connection) -> int:
    """The cursor of the present."""
    last: int | None = con.execute("SELECT max(id) FROM events").fetchone()[0]
    return last or 0


def call(con: sqlite3.Connection, event_id: int) -> CallView | None:
    """The call that an event of the kind `call.incoming` tells of."""
    for event in _events(con.execute(_EVENT + "WHERE e.id = ?", (event_id,))):
        number = event.data.get("number")
        return CallView(
            event.id,
            event.line or str(event.data.get("modem", "")),
            None if number is None else str(number),
            event.at,
            bool(event.data.get("rejected")),
        )
    return None


def inbox(con: sqlite3.Connection, after: int, limit: int) -> list[InboxView]:
    """Incoming messages after the cursor."""
    rows = con.execute(INBOX + "WHERE i.id > ? ORDER BY i.id LIMIT ?", (after, limit)).fetchall()
    return [inbox_view(con, row) for row in rows]


def inbox_item(con: sqlite3.Connection, inbox_id: int) -> InboxView | None:
    """One incoming message."""
    row = con.execute(INBOX + "WHERE i.id = ?", (inbox_id,)).fetchone()
    return None if row is None else inbox_view(con, row)


def inbox_view(con: sqlite3.Connection, row: Sequence[Any]) -> InboxView:
    """A row of INBOX."""
    pdus = con.execute("SELECT hex, copies FROM pdus WHERE inbox_id = ? ORDER BY seq, id", (row[0],)).fetchall()
    return InboxView(
        id=row[0],
        line=row[1],
        sender=row[2],
        recipient=row[3],
        text=row[4],
        kind=InboxKind(row[5]),
        data=row[6],
        received_at=row[7],
        scts=row[8],
        scts_offset_s=row[9],
        parts=row[10],
        missing=tuple(json.loads(row[11])),
        complete=bool(row[12]),
        ports=(row[13], row[14]) if row[13] is not None else None,
        pdus=tuple(text for text, _ in pdus),
        copies=max((copies for _, copies in pdus), default=1),
    )


_AHEAD = "SELECT count(*) FROM (SELECT 1 FROM messages WHERE queue = 1 AND line = ? AND priority > ? LIMIT ?)"
_BESIDE = (
    "SELECT count(*) FROM (SELECT 1 FROM messages WHERE queue = 1 AND line = ? AND priority = ? AND id < ? LIMIT ?)"
)


def ahead(con: sqlite3.Connection, line: str, priority: int, message_id: int, cap: int = 10_000) -> int:
    """How many ready messages go before this one, through the same line or any, counted up to `cap`."""
    count = 0
    for selector in {"", line}:
        count += con.execute(_AHEAD, (selector, priority, cap)).fetchone()[0]
        count += con.execute(_BESIDE, (selector, priority, message_id, cap)).fetchone()[0]
    return min(count, cap)


def count_events(con: sqlite3.Connection, after: int) -> tuple[int, dict[str, int]]:
    """(the last event, how many of each kind there are after the cursor)."""
    last = last_event(con)
    rows = con.execute("SELECT kind, count(*) FROM events WHERE id > ? AND id <= ? GROUP BY kind", (after, last))
    return last, dict(rows.fetchall())


def report_latencies(con: sqlite3.Connection, receipts: int = 1_000) -> dict[str, int]:
    """Milliseconds from `+CMGS` to the last report that settled a part, by line; looks at the newest receipts only."""
    rows = con.execute(
        "SELECT l.name, r.received_at - p.sent_at FROM receipts r "
        "JOIN receipt_parts k ON k.receipt_id = r.id AND k.ambiguous = 0 "
        "JOIN parts p ON p.message_id = k.message_id AND p.seq = k.seq JOIN lines l ON l.id = r.line_id "
        "WHERE r.id > (SELECT coalesce(max(id), 0) FROM receipts) - ? AND p.sent_at IS NOT NULL ORDER BY r.id",
        (receipts,),
    )
    return {name: max(0, latency) for name, latency in rows}


def sent_since(con: sqlite3.Connection, line_id: int, since: int, limit: int) -> list[int]:
    """When parts went out through a line, or may have, oldest first. Goes back through the attempts of all lines."""
    rows = con.execute(
        "SELECT started_at FROM attempts WHERE line_id = ? AND started_at > ? "
        "AND outcome IN ('sent', 'unknown', 'started') ORDER BY id DESC LIMIT ?",
        (line_id, since, limit),
    )
    return [at for (at,) in rows][::-1]


def queued_count(con: sqlite3.Connection, cap: int = 1_000_000) -> int:
    """Messages that wait to be sent, counted up to `cap`."""
    count: int = con.execute(
        "SELECT count(*) FROM (SELECT 1 FROM messages WHERE queue > 0 LIMIT ?)", (cap,)
    ).fetchone()[0]
    return count
