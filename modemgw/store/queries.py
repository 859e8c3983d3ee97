"""Reading: rows to the views that clients see, and what the dispatcher needs of the queue. Nothing here writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

from modemgw.domain.call import CallView
from modemgw.domain.inbox import InboxKind, InboxView
from modemgw.domain.job import CONTENT, Job, NextTimes
from modemgw.domain.message import (
    AttemptView,
    EventView,
    Hold,
    MessageView,
    OnDoubt,
    PartView,
    ReceiptView,
)
from modemgw.domain.requests import EventQuery, InboxQuery, MessageQuery
from modemgw.domain.states import AttemptOutcome, Queue, State
from modemgw.rules.incoming import RawPdu, mms_view, understand
from modemgw.rules.pricing import money
from modemgw.rules.routing import is_lane
from modemgw.sms import describe_status, status_meaning

#: Fields of a MessageView that are not the column of their name; the others are.
_VIEWED = {
    "account": "a.login",
    "to": "m.recipient",
    "part_count": "m.parts",
    "via": "(SELECT l.name FROM attempts t JOIN lines l ON l.id = t.line_id "
    "WHERE t.id = (SELECT max(id) FROM attempts WHERE message_id = m.id))",
}
#: Those that are read by other means.
_BESIDE_IT = {"parts", "ahead"}
_FIELDS = tuple(field.name for field in fields(MessageView) if field.name not in _BESIDE_IT)
_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "state": State,
    "flash": bool,
    "line": lambda line: None if is_lane(line) else line,
    "report": bool,
    "on_doubt": OnDoubt,
    "extra": lambda text: json.loads(text) if text else {},
    "cost": money,
    "held": lambda hold: None if hold is None else Hold(hold),
}
_MESSAGE = (
    "SELECT "
    + ", ".join(f'{_VIEWED.get(name, "m." + name)} AS "{name}"' for name in _FIELDS)
    + ", m.queue, m.line AS lane FROM messages m JOIN accounts a ON a.id = m.account_id "
)
_EVENT = (
    "SELECT e.id, e.at, e.kind, e.message_id, e.part, l.name AS line, e.inbox_id, e.data "
    "FROM events e LEFT JOIN lines l ON l.id = e.line_id "
)
_INBOX = (
    "SELECT i.id, l.name AS line, i.sender, i.recipient, i.text, i.kind, i.data, i.received_at, i.scts, "
    "i.scts_offset_s, i.parts, i.missing, i.complete, i.port_to, i.port_from "
    "FROM inbox i JOIN lines l ON l.id = i.line_id "
)

_JOB = (
    f"SELECT {', '.join(CONTENT)}, id, expires_at, tries, "
    "NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = messages.id) AS untried FROM messages "
)

_NONE: frozenset[int] = frozenset()

#: The claim: the head of the queue of one line. Guarded by an EXPLAIN test.
CLAIM = _JOB + f"WHERE queue = {Queue.READY} AND line = ? ORDER BY priority DESC, id LIMIT ?"


#: Messages of one list, and references of one question: a thousand, and the one that says that there are more.
MAX_PAGE = 1_001

#: No id is larger; SQLite's integers end not far behind.
_LAST_ID = (1 << 62) - 1


def _rows(con: sqlite3.Connection, sql: str, values: Sequence[Any]) -> list[sqlite3.Row]:
    """Rows whose columns are read by their names."""
    cursor = con.cursor()
    cursor.row_factory = sqlite3.Row
    return cursor.execute(sql, values).fetchall()


def _page(limit: int) -> int:
    return max(0, min(limit, MAX_PAGE))


class _Where:
    """Conditions that must all hold, with their values in order."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self.values += values

    def between(self, column: str, since: int | None, until: int | None) -> None:
        """Bounds that count themselves in; None for none."""
        if since is not None:
            self.add(f"{column} >= ?", since)
        if until is not None:
            self.add(f"{column} <= ?", until)

    def number(self, column: str, digits: str, *, searched: bool) -> None:
        """A column has a number, in whichever of its spellings; `searched`: by the index of its tail."""
        tail = f"{'' if searched else '+'}substr({column}, -8)"
        digits = "".join(char for char in digits if char in "0123456789")
        if len(digits) < 8:
            # a short code is a number and not the end of one
            self.add(f"{tail} IN (?, ?)", digits, "+" + digits)
        else:
            self.add(f"{tail} = ? AND {column} LIKE ?", digits[-8:], "%" + digits[-10:])

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


def claim(con: sqlite3.Connection, line: str, limit: int) -> list[Job]:
    """The next messages that ask for `line` (empty: for none in particular)."""
    return [_job(con, row) for row in _rows(con, CLAIM, (line, limit))]


def job(con: sqlite3.Connection, message_id: int) -> Job | None:
    """A message that waits to be sent; None if it does not any more."""
    rows = _rows(con, _JOB + f"WHERE id = ? AND queue = {Queue.READY}", (message_id,))
    return _job(con, rows[0]) if rows else None


def _job(con: sqlite3.Connection, row: sqlite3.Row) -> Job:
    if row["untried"]:
        queued, resend = tuple(range(1, row["parts"] + 1)), _NONE
    else:
        queued, resend = _open_parts(con, row["id"])
    content = dict(zip(CONTENT, row, strict=False))
    content["flash"], content["report"] = bool(content["flash"]), bool(content["report"])
    return Job(
        **content,
        id=row["id"],
        expires_at=row["expires_at"],
        tries=row["tries"],
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
        f"SELECT (SELECT min(due_at) FROM messages WHERE queue = {Queue.LATER}), "
        "(SELECT min(expires_at) FROM messages WHERE queue > 0), "
        "(SELECT min(doubt_at) FROM messages WHERE doubt_at IS NOT NULL), "
        "(SELECT min(first_at) FROM groups WHERE complete = 0 AND inbox_id IS NULL), "
        "(SELECT min(settle_at) FROM groups WHERE settle_at IS NOT NULL)"
    ).fetchone()
    return NextTimes(*row)


def _message_view(row: sqlite3.Row, parts: tuple[PartView, ...] = ()) -> MessageView:
    found = dict(zip(_FIELDS, row, strict=False))
    for name, convert in _CONVERTED.items():
        found[name] = convert(found[name])
    return MessageView(**found, parts=parts)


def message(con: sqlite3.Connection, account_id: int, message_id: int) -> MessageView | None:
    """One message with everything that belongs to it."""
    for row in _rows(con, _MESSAGE + "WHERE m.id = ? AND m.account_id = ?", (message_id, account_id)):
        view = _message_view(row, parts_of(con, [message_id])[message_id])
        ready = row["queue"] == Queue.READY
        return replace(view, ahead=ahead(con, row["lane"], row["priority"], message_id)) if ready else view
    # the id of a part that came over SMPP shows the message that it became a part of
    whole = con.execute(
        "SELECT message_id FROM smpp_pieces WHERE id = ? AND account_id = ? AND message_id != id",
        (message_id, account_id),
    ).fetchone()
    return None if whole is None else message(con, account_id, whole[0])


def find_message(
    con: sqlite3.Connection, account_id: int, *, id: int | None, ref: str | None, tail: str | None
) -> MessageView | None:
    """The newest message that fits all that is given and is not hidden; `tail` are the last digits of its number."""
    # newest first by the key, unless a reference narrows it down: no sorting of all that an account ever sent
    by_key = ref is None and (tail is None or id is not None)
    where = _Where()
    where.add("+m.account_id = ?" if by_key else "m.account_id = ?", account_id)
    where.add("m.hidden = 0")
    if id is not None:
        where.add("m.id = ?", id)
    if ref is not None:
        where.add("m.ref = ?", ref)
    if tail is not None:
        where.number("m.recipient", tail, searched=ref is None and id is None)
    rows = _rows(con, f"{_MESSAGE}{where} ORDER BY m.id DESC LIMIT 1", where.values)
    return _message_view(rows[0], parts_of(con, [rows[0]["id"]])[rows[0]["id"]]) if rows else None


def messages(con: sqlite3.Connection, asked: MessageQuery) -> list[MessageView]:
    """See MessageQuery. In the order of acceptance: by its time and then by id, which is the same unless the clock was
    set back; those of one state by id, as their index has them."""
    refs = asked.refs[:MAX_PAGE]
    # one index at a time: by reference, by number, by state, or by time
    by_number = asked.to is not None and not refs
    by_state = asked.state is not None and not refs and not by_number
    by_time = not (refs or by_number or by_state)
    time = "m.created_at" if by_time else "+m.created_at"
    where = _Where()
    where.add("m.account_id = ?", asked.account.id)
    if not asked.hidden:
        where.add("m.hidden = 0")
    if refs:
        where.add(f"m.ref IN ({','.join('?' * len(refs))})", *refs)
    if asked.to is not None:
        where.number("m.recipient", asked.to, searched=by_number)
    if asked.state is not None:
        where.add("m.state = ?" if by_state else "+m.state = ?", asked.state)
    if asked.dialect is not None:
        where.add("+m.dialect = ?", asked.dialect)
    if asked.comment:
        where.add("instr(json_extract(m.extra, '$.comment'), ?) > 0", asked.comment)
    where.between(time, asked.since, asked.until)
    for cursor, sign in ((asked.after, ">"), (asked.before, "<")):
        if cursor and by_state:
            where.add(f"m.id {sign} ?", min(cursor, _LAST_ID))
        elif cursor:
            at = _accepted_at(con, cursor)
            if at is None and sign == ">":
                return []
            if at is not None:
                where.add(f"{time} {sign}= ?", at)
                where.add(f"({time}, m.id) {sign} (?, ?)", at, cursor)
    way = "DESC" if asked.newest else "ASC"
    order = f"m.id {way}" if by_state else f"{time} {way}, m.id {way}"
    rows = _rows(con, f"{_MESSAGE}{where} ORDER BY {order} LIMIT ?", (*where.values, _page(asked.limit)))
    parts = _parts_of_all(con, [row["id"] for row in rows]) if asked.parts else {}
    return [_message_view(row, parts.get(row["id"], ())) for row in rows]


def _accepted_at(con: sqlite3.Connection, message_id: int) -> int | None:
    """When the message was accepted, or the next one there is; None after the last."""
    if message_id > _LAST_ID:
        return None
    row = con.execute("SELECT created_at FROM messages WHERE id >= ? ORDER BY id LIMIT 1", (message_id,)).fetchone()
    return None if row is None else int(row[0])


def _parts_of_all(con: sqlite3.Connection, message_ids: Sequence[int]) -> dict[int, tuple[PartView, ...]]:
    """The parts of many messages, in as few questions as for one."""
    found: dict[int, tuple[PartView, ...]] = {}
    for start in range(0, len(message_ids), 500):
        found |= parts_of(con, message_ids[start : start + 500])
    return found


def parts_of(con: sqlite3.Connection, message_ids: Sequence[int]) -> dict[int, tuple[PartView, ...]]:
    """The parts of messages (some hundreds at the most), with attempts and receipts."""
    these = f"IN ({','.join('?' * len(message_ids))})"
    attempts: dict[tuple[int, int], list[AttemptView]] = {}
    for row in _rows(
        con,
        "SELECT t.message_id, t.seq, t.n, l.name, l.imsi, t.started_at, t.ended_at, t.outcome, t.mr, t.error, l.number "
        f"FROM attempts t JOIN lines l ON l.id = t.line_id WHERE t.message_id {these} ORDER BY t.id",
        message_ids,
    ):
        attempts.setdefault((row["message_id"], row["seq"]), []).append(
            AttemptView(
                n=row["n"],
                line=row["name"],
                imsi=row["imsi"],
                started_at=row["started_at"],
                ended_at=row["ended_at"],
                outcome=AttemptOutcome(row["outcome"]),
                mr=row["mr"],
                error=row["error"],
                number=row["number"],
            )
        )
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


def events(con: sqlite3.Connection, asked: EventQuery) -> list[EventView]:
    """See EventQuery."""
    where = _Where()
    if asked.message_id is not None:
        where.add("e.message_id = ?", asked.message_id)
    else:
        where.add("e.id > ?", min(asked.after, _LAST_ID))
        if asked.account is not None:
            where.add("(e.account_id = ? OR e.account_id IS NULL)", asked.account.id)
    limit = -1 if asked.message_id is not None else asked.limit
    return _events(con, f"{where} ORDER BY e.id LIMIT ?", (*where.values, limit))


def _events(con: sqlite3.Connection, rest: str, values: Sequence[Any]) -> list[EventView]:
    return [
        EventView(
            id=row["id"],
            at=row["at"],
            kind=row["kind"],
            message_id=row["message_id"],
            part=row["part"],
            line=row["line"],
            inbox_id=row["inbox_id"],
            data=json.loads(row["data"]) if row["data"] else {},
        )
        for row in _rows(con, _EVENT + rest, values)
    ]


def last_event(con: sqlite3.Connection) -> int:
    """The cursor of the present."""
    last: int | None = con.execute("SELECT max(id) FROM events").fetchone()[0]
    return last or 0


def call(con: sqlite3.Connection, event_id: int) -> CallView | None:
    """The call that an event of the kind `call.incoming` tells of."""
    for event in _events(con, "WHERE e.id = ?", (event_id,)):
        number = event.data.get("number")
        return CallView(
            event.id,
            event.line or str(event.data.get("modem", "")),
            None if number is None else str(number),
            event.at,
            bool(event.data.get("rejected")),
        )
    return None


def inbox(con: sqlite3.Connection, asked: InboxQuery) -> list[InboxView]:
    """See InboxQuery."""
    by_time = asked.sender is None and (asked.since is not None or asked.until is not None)
    time = "i.received_at" if by_time else "+i.received_at"
    where = _Where()
    if asked.sender is not None:
        where.number("i.sender", asked.sender, searched=True)
    if asked.recipient is not None:
        where.number("i.recipient", asked.recipient, searched=False)
    where.between(time, asked.since, asked.until)
    if asked.after:
        where.add("+i.id > ?" if by_time or asked.sender is not None else "i.id > ?", min(asked.after, _LAST_ID))
    way = "DESC" if asked.newest else "ASC"
    order = f"{time} {way}, i.id {way}" if by_time else f"i.id {way}"
    rows = _rows(con, f"{_INBOX}{where} ORDER BY {order} LIMIT ?", (*where.values, _page(asked.limit)))
    return [_inbox_view(con, row) for row in rows]


def inbox_item(con: sqlite3.Connection, inbox_id: int) -> InboxView | None:
    """One incoming message."""
    rows = _rows(con, _INBOX + "WHERE i.id = ?", (inbox_id,))
    return _inbox_view(con, rows[0]) if rows else None


def _inbox_view(con: sqlite3.Connection, row: sqlite3.Row) -> InboxView:
    pdus = con.execute(
        "SELECT hex, copies, note FROM pdus WHERE inbox_id = ? ORDER BY seq, id", (row["id"],)
    ).fetchall()
    kind = InboxKind(row["kind"])
    first = understand(RawPdu(pdus[0][0])).deliver if kind is InboxKind.MMS and pdus else None
    return InboxView(
        id=row["id"],
        line=row["line"],
        sender=row["sender"],
        recipient=row["recipient"],
        text=row["text"],
        kind=kind,
        data=row["data"],
        received_at=row["received_at"],
        scts=row["scts"],
        scts_offset_s=row["scts_offset_s"],
        parts=row["parts"],
        missing=tuple(json.loads(row["missing"])),
        complete=bool(row["complete"]),
        ports=(row["port_to"], row["port_from"]) if row["port_to"] is not None else None,
        pdus=tuple(text for text, _, _ in pdus),
        copies=max((copies for _, copies, _ in pdus), default=1),
        problem=next((note for _, _, note in pdus), None) if kind is InboxKind.UNDECODABLE else None,
        mms=None if first is None else mms_view(first, row["data"], row["received_at"]),
    )


def spent(con: sqlite3.Connection, account_id: int) -> int:
    """What was counted down from the balance of an account, in units."""
    row = con.execute("SELECT spent FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return 0 if row is None else int(row[0])


_AHEAD = (
    f"SELECT count(*) FROM (SELECT 1 FROM messages WHERE queue = {Queue.READY} AND line = ? AND priority > ? LIMIT ?)"
)
_BESIDE = (
    f"SELECT count(*) FROM (SELECT 1 FROM messages WHERE queue = {Queue.READY} AND line = ? AND priority = ? "
    "AND id < ? LIMIT ?)"
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


def answer_owed(con: sqlite3.Connection, line_id: int) -> bool:
    """The newest attempt of a line that has a reference, or may yet get one, is in doubt without any answer."""
    row = con.execute(
        "SELECT outcome = 'unknown' AND mr IS NULL AND error_code IS NULL FROM "
        "(SELECT * FROM attempts WHERE line_id = ? ORDER BY id DESC LIMIT 8) "
        "WHERE mr IS NOT NULL OR outcome = 'unknown' ORDER BY id DESC LIMIT 1",
        (line_id,),
    ).fetchone()
    return row is not None and bool(row[0])


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


def sent_by_line(con: sqlite3.Connection, since: int) -> dict[str, int]:
    """Parts that went out, or may have, since then (Unix ms), by the name of the line."""
    rows = con.execute(
        "SELECT l.name, (SELECT count(*) FROM attempts a WHERE a.line_id = l.id AND a.started_at >= ? "
        "AND a.outcome IN ('sent', 'unknown', 'started') AND a.id >= (SELECT coalesce(min(id), 0) FROM ("
        "SELECT id FROM attempts WHERE line_id = l.id ORDER BY id DESC LIMIT 100000))) FROM lines l",
        (since,),
    )
    return {name: count for name, count in rows if count}


def last_lines(con: sqlite3.Connection, limit: int) -> list[tuple[str, str]]:
    """(recipient, line that wrote to it) of the newest attempts that went out, or may have, oldest first."""
    rows = con.execute(
        "SELECT m.recipient, l.name FROM "
        "(SELECT id, message_id, line_id, outcome FROM attempts ORDER BY id DESC LIMIT ?) a "
        "JOIN messages m ON m.id = a.message_id JOIN lines l ON l.id = a.line_id "
        "WHERE a.outcome IN ('sent', 'unknown') ORDER BY a.id",
        (limit,),
    )
    return rows.fetchall()
