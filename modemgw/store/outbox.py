"""The way of a message out, as write operations: attempt, outcome, cancel, expire, doubt.

Functions for `Store.write`. What follows from what is decided by domain/states; this keeps it.
How a message comes in is acceptance.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemgw.domain.events import OF_OUTCOME, EventKind
from modemgw.domain.job import LineRecord
from modemgw.domain.message import Hold
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import PART_AFTER, AttemptOutcome, Queue, State, may_become
from modemgw.rules.report_matching import had_last_word
from modemgw.store import receipts
from modemgw.store.parts import Columns, begin_sending, expire_one, give_up, move, pin, resume_rest, settle, stop_rest
from modemgw.store.writer import Transaction

_WAITING = f"({Queue.READY}, {Queue.LATER})"


def begin_attempt(
    tx: Transaction, message_id: int, seq: int, line: LineRecord, suffix: str, *, resend: bool, lane: str
) -> int | None:
    """Journal an attempt, before the payload goes out: its id, or None if the part is not to be sent any more, yet, or
    through this line: the message asks for another, or has parts there, or goes another way by now than that of `lane`,
    the queue that the line took it from."""
    execute, now = tx.execute, tx.now
    row = execute(
        "SELECT state, queue, expires_at, account_id, line FROM messages WHERE id = ?", (message_id,)
    ).fetchone()
    if row is None or row[0] not in ("queued", "sending") or row[1] > Queue.READY or row[4] not in (lane, line.name):
        return None
    if row[2] <= now:
        expire_one(tx, message_id)
        return None
    began: Columns = {"line_id": line.id, "tail": suffix, "mr": None, "error": None, "error_code": None}
    if not move(tx, message_id, State.QUEUED, State.SENDING, began, seq=seq):
        return None
    if row[0] != "sending" or row[1] != 0:
        begin_sending(tx, message_id)
    attempt = execute(
        "INSERT INTO attempts (message_id, seq, n, line_id, number_suffix, started_at, outcome, rd) "
        "SELECT ?, ?, count(*) + 1, ?, ?, ?, 'started', ? FROM attempts WHERE message_id = ? AND seq = ?",
        (message_id, seq, line.id, suffix, now, resend, message_id, seq),
    ).lastrowid
    tx.event(
        EventKind.PART_SENDING,
        account=row[3],
        message=message_id,
        part=seq,
        line=line.id,
        data={"resend": True, "after": _after(tx, message_id, seq)} if resend else None,
    )
    return attempt


def _after(tx: Transaction, message_id: int, seq: int) -> str:
    """Outcome of the last copy before this one: unknown, or rejected after its payload was out."""
    outcome: str = tx.execute(
        "SELECT outcome FROM attempts WHERE message_id = ? AND seq = ? AND outcome <> 'started' "
        "AND (unreferenced = 1 OR outcome = 'unknown') ORDER BY id DESC LIMIT 1",
        (message_id, seq),
    ).fetchone()[0]
    return outcome


def end_attempt(
    tx: Transaction,
    attempt_id: int,
    outcome: AttemptOutcome,
    *,
    mr: int | None = None,
    error: str | None = None,
    error_code: int | None = None,
    due_at: int | None = None,
    doubt_at: int | None = None,
    went_out: bool = False,
    lane: str | None = None,
) -> State:
    """Record the outcome of an attempt, what the modem said or that it said nothing; the message's new state.

    After REFUSED the part waits again until `due_at`, after NOT_SENT at once; UNKNOWN is in doubt until `doubt_at`.
    `went_out`: the payload was with the modem when it refused. Its word is no proof: the attempt stays a candidate for
    reports. `lane`: where a message that waits again waits from now; None where it did.

    What was in doubt once is never called rejected because its second copy was.
    """
    execute, now = tx.execute, tx.now
    message_id, seq, line_id, account = execute(
        "SELECT a.message_id, a.seq, a.line_id, m.account_id FROM attempts a JOIN messages m ON m.id = a.message_id "
        "WHERE a.id = ?",
        (attempt_id,),
    ).fetchone()
    recorded = AttemptOutcome.REJECTED if outcome is AttemptOutcome.REFUSED else outcome
    unreferenced = mr is None and (went_out or outcome is AttemptOutcome.UNKNOWN)
    execute(
        "UPDATE attempts SET ended_at = ?, outcome = ?, mr = ?, error = ?, error_code = ?, unreferenced = ? "
        "WHERE id = ?",
        (now, recorded, mr, error, error_code, unreferenced, attempt_id),
    )
    part = PART_AFTER[outcome]
    if part is not State.SENT and _centre_has_it(tx, attempt_id, message_id, seq):
        part = State.SENT  # an earlier copy; no further one is needed
    said = {"error": error, "error_code": error_code}
    if part in (State.SENT, State.UNKNOWN):
        changed = move(tx, message_id, State.SENDING, part, {**said, "mr": mr, "sent_at": now}, seq=seq)
    else:
        went_before = False if part is State.REJECTED else None
        changed = move(tx, message_id, State.SENDING, part, said, seq=seq, may_be_out=went_before) or (
            part is State.REJECTED and move(tx, message_id, State.SENDING, State.UNKNOWN, said, seq=seq)
        )
    data = {"mr": mr, "error": error, "code": error_code, "due_at": due_at}
    tx.event(
        OF_OUTCOME[outcome],
        account=account,
        message=message_id,
        part=seq,
        line=line_id,
        data={key: value for key, value in data.items() if value is not None},
    )
    if changed:  # else a report of an earlier copy has settled it meanwhile
        if part is State.QUEUED:
            execute(
                "UPDATE messages SET queue = ?, due_at = ?, tries = tries + ?, updated_at = ?, error = ?, "
                "error_code = ?, line = coalesce(?, line) WHERE id = ?",
                (
                    Queue.LATER if due_at else Queue.READY,
                    due_at,
                    outcome is AttemptOutcome.REFUSED,
                    now,
                    error,
                    error_code,
                    lane,
                    message_id,
                ),
            )
        elif part is State.REJECTED:
            stop_rest(tx, message_id)
        else:
            pin(tx, message_id, line_id)
            if part is State.UNKNOWN:
                execute("UPDATE messages SET doubt_at = ? WHERE id = ?", (doubt_at, message_id))
    state = settle(tx, message_id)
    if receipts.match_late(tx, attempt_id):
        state = State(execute("SELECT state FROM messages WHERE id = ?", (message_id,)).fetchone()[0])
    return state


def _centre_has_it(tx: Transaction, attempt_id: int, message_id: int, seq: int) -> bool:
    """Of an earlier copy of the part a report has said that the centre is still trying to deliver it, or the modem,
    while this one was in the air, that the network took it."""
    rows = tx.execute(
        "SELECT st FROM attempts WHERE message_id = ? AND seq = ? AND id <> ? AND (st IS NOT NULL OR outcome = 'sent' "
        "AND ended_at >= (SELECT started_at FROM attempts WHERE id = ?))",
        (message_id, seq, attempt_id, attempt_id),
    ).fetchall()
    return any(not had_last_word(st) for (st,) in rows)


def mark(tx: Transaction, account_id: int, message_id: int, extra: Mapping[str, object]) -> None:
    """Refusal(NOT_FOUND). Merge keys into a message's `extra`; "deleted" hides it from its dialect."""
    row = tx.execute("SELECT extra FROM messages WHERE id = ? AND account_id = ?", (message_id, account_id)).fetchone()
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {message_id}.")
    merged = {**(json.loads(row[0]) if row[0] else {}), **extra}
    ref = merged.get("ref")
    tx.execute(
        "UPDATE messages SET extra = ?, ref = ?, hidden = ? WHERE id = ?",
        (json.dumps(merged), None if ref is None else str(ref), bool(merged.get("deleted")), message_id),
    )


def cancel(tx: Transaction, account_id: int, message_id: int) -> None:
    """Withdraw a message of which nothing has been sent. Refusal(NOT_FOUND | CONFLICT).

    One that waits to be sent again after a doubt is not sent again; its state says that it is still in doubt.
    """
    row = tx.execute("SELECT state FROM messages WHERE id = ? AND account_id = ?", (message_id, account_id)).fetchone()
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {message_id}.")
    if row[0] == "cancelled":
        return
    if row[0] != "queued":
        raise Refusal(
            RefusalKind.CONFLICT,
            f"Message {message_id} is already {row[0]}; only a queued one can be cancelled.",
        )
    give_up(tx, message_id, State.CANCELLED)
    settle(tx, message_id)


def cancel_some(tx: Transaction, account_id: int | None, line: str | None, limit: int = 500) -> int:
    """Withdraw messages that wait and of which nothing has been sent, at most `limit`: those of an account, or those
    that must go through a line, or both. How many."""
    where = ["state = 'queued'", "queue > 0"]
    values: list[object] = []
    if account_id is not None:
        where.append("account_id = ?")
        values.append(account_id)
    if line is not None:
        where.append("line = ?")
        values.append(line)
    rows = tx.execute(
        f"SELECT id, account_id FROM messages WHERE {' AND '.join(where)} LIMIT ?", (*values, limit)
    ).fetchall()
    for message_id, owner in rows:
        cancel(tx, owner, message_id)
    return len(rows)


def expire(tx: Transaction, limit: int = 500) -> list[int]:
    """Queued messages whose validity has ended expire; their ids, at most `limit` at a time."""
    rows = tx.execute(
        "SELECT id FROM messages WHERE queue > 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?",
        (tx.now, limit),
    ).fetchall()
    for (message_id,) in rows:
        expire_one(tx, message_id)
    return [row[0] for row in rows]


def promote(tx: Transaction, limit: int = 1000) -> list[tuple[int, int, str]]:
    """Messages that have become due are ready; (id, priority, line) of each, at most `limit` at a time."""
    rows = tx.execute(
        f"SELECT id, priority, line FROM messages WHERE queue = {Queue.LATER} AND due_at <= ? ORDER BY due_at LIMIT ?",
        (tx.now, limit),
    ).fetchall()
    for row in rows:
        tx.execute(f"UPDATE messages SET queue = {Queue.READY}, due_at = NULL WHERE id = ?", (row[0],))
    return rows


def settle_doubt(tx: Transaction, limit: int = 500) -> list[int]:
    """Messages whose doubt window has passed, each by its own rule; ids of those that are sent again."""
    rows = tx.execute(
        "SELECT id, on_doubt, expires_at, account_id FROM messages WHERE doubt_at <= ? LIMIT ?",
        (tx.now, limit),
    ).fetchall()
    again: list[int] = []
    for message_id, rule, expires_at, account in rows:
        tx.execute("UPDATE messages SET doubt_at = NULL WHERE id = ?", (message_id,))
        if rule == "resend" and expires_at > tx.now:
            move(tx, message_id, State.UNKNOWN, State.QUEUED)
            tx.execute(f"UPDATE messages SET queue = {Queue.READY} WHERE id = ?", (message_id,))
            tx.event(EventKind.MESSAGE_RESEND, account=account, message=message_id)
            again.append(message_id)
        else:
            stop_rest(tx, message_id)
            tx.execute("UPDATE messages SET held = NULL WHERE id = ? AND held = ?", (message_id, Hold.ACCOUNT))
            tx.event(EventKind.MESSAGE_HELD, account=account, message=message_id)
        settle(tx, message_id)
    return again


def adopt_late_cmgs(tx: Transaction, line_id: int, mr: int) -> tuple[int, int] | None:
    """A late `+CMGS` resolves a doubt: (message id, part), or None.

    The last attempt of the line is meant, if nobody knows its reference: it was in doubt, or the modem had called it
    refused. Or the one before it, when the modem was asked to send again without waiting any longer: it answers in
    the order of the questions. A part that waits to be sent again is spared it.
    """
    rows = tx.execute(
        "SELECT id, message_id, seq, outcome, mr, unreferenced FROM attempts WHERE line_id = ? "
        "ORDER BY id DESC LIMIT 2",
        (line_id,),
    ).fetchall()
    if not rows or (rows[0][4] == mr and not rows[0][5]):
        return None  # nobody's; or a result that is said twice
    if rows[0][5]:
        return _adopt(tx, rows[0], mr, line_id)
    if len(rows) < 2 or not rows[1][5] or rows[1][3] != AttemptOutcome.UNKNOWN:
        return None
    newest = rows[0]
    if newest[4] is None:
        return _adopt(tx, rows[1], mr, line_id)
    # both went out; references count up, and tell whose is which
    if (newest[4] + 1) % 256 == mr:
        tx.execute("UPDATE attempts SET mr = ? WHERE id = ?", (mr, newest[0]))
        tx.execute(
            "UPDATE parts SET mr = ? WHERE message_id = ? AND seq = ? AND mr = ?",
            (mr, newest[1], newest[2], newest[4]),
        )
        return _adopt(tx, rows[1], newest[4], line_id)
    return _adopt(tx, rows[1], mr, line_id) if (mr + 1) % 256 == newest[4] else None


def _adopt(tx: Transaction, row: tuple[Any, ...], mr: int, line_id: int) -> tuple[int, int] | None:
    attempt, message_id, seq = row[:3]
    account, state = tx.execute(
        "SELECT m.account_id, p.state FROM parts p JOIN messages m ON m.id = p.message_id "
        "WHERE p.message_id = ? AND p.seq = ?",
        (message_id, seq),
    ).fetchone()
    old = State(state)
    if old is not State.SENDING and not may_become(old, State.SENT):
        return None
    tx.execute(
        "UPDATE attempts SET outcome = 'sent', mr = ?, unreferenced = 0, ended_at = ? WHERE id = ?",
        (mr, tx.now, attempt),
    )
    if old is State.SENDING:
        return message_id, seq  # another copy is in the air: its end sees that one was taken
    taken = {"mr": mr, "line_id": line_id, "error": None, "error_code": None}
    move(tx, message_id, old, State.SENT, taken, seq=seq, sent_since=tx.now)
    tx.event(
        EventKind.PART_RESOLVED,
        account=account,
        message=message_id,
        part=seq,
        line=line_id,
        data={"by": "late +CMGS", "mr": mr},
    )
    pin(tx, message_id, line_id)
    settle(tx, message_id)
    receipts.match_late(tx, attempt)
    resume_rest(tx, message_id)
    return message_id, seq


def reject(tx: Transaction, message_id: int, reason: str) -> None:
    """The parts that wait cannot be sent."""
    give_up(tx, message_id, State.REJECTED, reason)
    settle(tx, message_id)


#: Copies of a line that are looked at when it is back: the newest. Older ones are beyond the first minutes.
SPARE_LIMIT = 1_000


def spare_copies(tx: Transaction, line_id: int, until: int) -> None:
    """Messages of which a copy may have gone out through this line wait until `until` at least: its reports, which
    nobody heard while it was away, come first."""
    tx.execute(
        f"UPDATE messages SET queue = {Queue.LATER}, due_at = max(coalesce(due_at, 0), ?) "
        f"WHERE queue IN {_WAITING} AND id IN ("
        "SELECT message_id FROM attempts WHERE line_id = ? AND unreferenced = 1 ORDER BY id DESC LIMIT ?)",
        (until, line_id, SPARE_LIMIT),
    )


def recover(tx: Transaction, doubt_window_ms: int, report_wait_ms: int) -> tuple[int, int]:
    """After a start: (attempts now in doubt, messages back in the queue).

    What was journalled and has no outcome may be on the air: unknown. What was between two parts goes on. What was
    refused after its payload was out waits until the reports that nobody heard meanwhile could have come.
    """
    doubtful = tx.execute("SELECT id FROM attempts WHERE outcome = 'started'").fetchall()
    for (attempt,) in doubtful:
        end_attempt(
            tx,
            attempt,
            AttemptOutcome.UNKNOWN,
            error="The service stopped while the message was with the modem.",
            doubt_at=tx.now + doubt_window_ms,
        )
    rows: list[sqlite3.Row] = tx.execute(
        f"SELECT id FROM messages m WHERE state = 'sending' AND queue = {Queue.NOT} "
        "AND EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state = 'queued') "
        "AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state IN ('unknown', 'sending'))"
    ).fetchall()
    for (message_id,) in rows:
        tx.execute(f"UPDATE messages SET queue = {Queue.READY} WHERE id = ?", (message_id,))
    tx.execute(
        f"UPDATE messages SET queue = {Queue.LATER}, due_at = max(coalesce(due_at, 0), ?) "
        f"WHERE queue IN {_WAITING} AND tries > 0 "
        "AND EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = messages.id AND a.unreferenced = 1)",
        (tx.now + report_wait_ms,),
    )
    return len(doubtful), len(rows)


@dataclass(frozen=True, slots=True)
class Failed:
    """A message whose report said that it failed. `event` is the cursor."""

    event: int
    message_id: int
    state: State
    account: str
    recipient: str
    priority: int
    flash: bool
    encoding: str
    parts: int
    dialect: str
    created_at: int
    line: str
    via: str


def failed_after(con: sqlite3.Connection, after: int, limit: int) -> list[Failed]:
    """What failed after the event, by a report: of which every part went out, and none arrived."""
    rows = con.execute(
        "SELECT e.id, m.id, m.state, a.login, m.recipient, m.priority, m.flash, m.encoding, m.parts, m.dialect, "
        "m.created_at, m.line, l.name FROM events e JOIN messages m ON m.id = e.message_id "
        "JOIN accounts a ON a.id = m.account_id "
        "JOIN attempts t ON t.id = (SELECT max(id) FROM attempts WHERE message_id = m.id) "
        "JOIN lines l ON l.id = t.line_id "
        "WHERE e.id > ? AND e.kind IN ('message.undeliverable', 'message.expired') ORDER BY e.id LIMIT ?",
        (after, limit),
    )
    return [
        Failed(
            event=row[0],
            message_id=row[1],
            state=State(row[2]),
            account=row[3],
            recipient=row[4],
            priority=row[5],
            flash=bool(row[6]),
            encoding=row[7],
            parts=row[8],
            dialect=row[9],
            created_at=row[10],
            line=row[11],
            via=row[12],
        )
        for row in rows
    ]


def send_elsewhere(tx: Transaction, message_id: int, lane: str) -> bool:
    """A text that failed by its report waits in a lane, to be sent once more; False if it may not: it was before, a
    part of it arrived or never went out, or its validity has ended."""
    row = tx.execute("SELECT account_id, expires_at, held FROM messages WHERE id = ?", (message_id,)).fetchone()
    states = {
        State(state): out
        for state, out in tx.execute(
            "SELECT state, min(sent_at IS NOT NULL) FROM parts WHERE message_id = ? GROUP BY state", (message_id,)
        )
    }
    again = tx.execute(
        "SELECT 1 FROM events WHERE message_id = ? AND kind = 'message.second_way'", (message_id,)
    ).fetchone()
    if row is None or row[1] <= tx.now or row[2] is not None or again is not None:
        return False
    if not states or not states.keys() <= {State.UNDELIVERABLE, State.EXPIRED} or not all(states.values()):
        return False
    for state in states:
        move(tx, message_id, state, State.QUEUED, {"sent_at": None, "done_at": None, "error": None, "st": None})
    tx.event(EventKind.MESSAGE_SECOND_WAY, account=row[0], message=message_id)
    tx.execute(
        "UPDATE messages SET line = ?, queue = ?, due_at = NULL, doubt_at = NULL WHERE id = ?",
        (lane, Queue.READY, message_id),
    )
    settle(tx, message_id)
    return True
