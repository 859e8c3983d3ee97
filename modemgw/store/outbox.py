"""The way of a message out, as write operations: attempt, outcome, cancel, expire, doubt.

Each is a callable for `Store.write`. What follows from what is decided by domain/states; this keeps it.
How a message comes in is acceptance.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State, derive
from modemgw.store import receipts
from modemgw.store.purse import NEVER_LEFT, give_back_money
from modemgw.store.writer import Transaction


@dataclass(frozen=True, slots=True)
class BeginAttempt:
    """-> attempt id, or None if the part is not to be sent (any more, yet, or here). Committed before the payload
    goes out. `line` is the name of the line: a message that asks for another, or has parts there, is not its own.
    """

    message_id: int
    seq: int
    line_id: int
    line: str
    tail: str
    resend: bool

    def __call__(self, tx: Transaction) -> int | None:
        execute, now = tx.execute, tx.now
        row = execute(
            "SELECT state, queue, expires_at, account_id, line FROM messages WHERE id = ?", (self.message_id,)
        ).fetchone()
        if row is None or row[0] not in ("queued", "sending") or row[1] > 1 or row[4] not in ("", self.line):
            return None
        if row[2] <= now:
            expire_one(tx, self.message_id)
            return None
        changed = execute(
            "UPDATE parts SET state = 'sending', line_id = ?, tail = ?, mr = NULL, error = NULL, error_code = NULL "
            "WHERE message_id = ? AND seq = ? AND state = 'queued'",
            (self.line_id, self.tail, self.message_id, self.seq),
        ).rowcount
        if changed != 1:
            return None
        if row[0] != "sending" or row[1] != 0:
            execute(
                "UPDATE messages SET state = 'sending', queue = 0, due_at = NULL, updated_at = ? WHERE id = ?",
                (now, self.message_id),
            )
        attempt = execute(
            "INSERT INTO attempts (message_id, seq, n, line_id, started_at, outcome, rd) "
            "SELECT ?, ?, count(*) + 1, ?, ?, 'started', ? FROM attempts WHERE message_id = ? AND seq = ?",
            (self.message_id, self.seq, self.line_id, now, self.resend, self.message_id, self.seq),
        ).lastrowid
        tx.event(
            "part.sending",
            account=row[3],
            message=self.message_id,
            part=self.seq,
            line=self.line_id,
            data={"resend": True} if self.resend else None,
        )
        return attempt


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """-> the message's new state. The outcome of an attempt: what the modem said, or that it said nothing.

    `outcome` is sent, rejected (for good), refused (temporary: the part waits again until `due_at`), not_sent
    (nothing went out; waits again) or unknown (in doubt until `doubt_at`).

    A part keeps `sent_at` from its first attempt that may have gone out: what was in doubt once is never called
    rejected because its second copy was.
    """

    attempt_id: int
    message_id: int
    seq: int
    line_id: int
    outcome: str
    mr: int | None = None
    error: str | None = None
    error_code: int | None = None
    due_at: int | None = None
    doubt_at: int | None = None

    def __call__(self, tx: Transaction) -> State:
        execute, now = tx.execute, tx.now
        recorded = "rejected" if self.outcome == "refused" else self.outcome
        execute(
            "UPDATE attempts SET ended_at = ?, outcome = ?, mr = ?, error = ?, error_code = ? WHERE id = ?",
            (now, recorded, self.mr, self.error, self.error_code, self.attempt_id),
        )
        part = {"sent": "sent", "rejected": "rejected", "unknown": "unknown"}.get(self.outcome, "queued")
        if part in ("sent", "unknown"):
            execute(
                "UPDATE parts SET state = ?, mr = ?, sent_at = ?, error = ?, error_code = ? "
                "WHERE message_id = ? AND seq = ? AND state = 'sending'",
                (part, self.mr, now, self.error, self.error_code, self.message_id, self.seq),
            )
        else:
            execute(
                "UPDATE parts SET "
                "state = CASE WHEN ? AND sent_at IS NOT NULL THEN 'unknown' ELSE ? END, "
                "error = ?, error_code = ? WHERE message_id = ? AND seq = ? AND state = 'sending'",
                (part == "rejected", part, self.error, self.error_code, self.message_id, self.seq),
            )
        account, parts, line = execute(
            "SELECT account_id, parts, line FROM messages WHERE id = ?", (self.message_id,)
        ).fetchone()
        if part == "rejected":
            stop_rest(tx, self.message_id)
        elif parts > 1 and not line and part != "queued":
            # one part may be out: the phone puts the others to it only if they come from the same number
            execute(
                "UPDATE messages SET line = (SELECT name FROM lines WHERE id = ?) WHERE id = ?",
                (self.line_id, self.message_id),
            )
        data = {"mr": self.mr, "error": self.error, "code": self.error_code, "due_at": self.due_at}
        tx.event(
            f"part.{self.outcome}",
            account=account,
            message=self.message_id,
            part=self.seq,
            line=self.line_id,
            data={key: value for key, value in data.items() if value is not None},
        )
        if part == "queued":
            execute(
                "UPDATE messages SET queue = ?, due_at = ?, tries = tries + ?, updated_at = ?, "
                "error = ?, error_code = ? WHERE id = ?",
                (
                    2 if self.due_at else 1,
                    self.due_at,
                    self.outcome == "refused",
                    now,
                    self.error,
                    self.error_code,
                    self.message_id,
                ),
            )
        elif part == "unknown":
            execute("UPDATE messages SET doubt_at = ? WHERE id = ?", (self.doubt_at, self.message_id))
        state = settle(tx, self.message_id)
        if receipts.match_late(tx, self.line_id, self.message_id, self.seq):
            state = State(execute("SELECT state FROM messages WHERE id = ?", (self.message_id,)).fetchone()[0])
        return state


#: What a message becomes when a part of it has failed for good: the rest of it is not sent.
_FAILED = frozenset({State.REJECTED, State.UNDELIVERABLE, State.EXPIRED})


def stop_rest(tx: Transaction, message_id: int) -> None:
    """The parts that wait stay at home, and say why. One that was in doubt before is in doubt again."""
    tx.execute(
        "UPDATE parts SET state = CASE WHEN sent_at IS NULL THEN 'cancelled' ELSE 'unknown' END, "
        "error = 'Not sent, for another part of the message failed or is in doubt.' "
        "WHERE message_id = ? AND state = 'queued'",
        (message_id,),
    )


def settle(tx: Transaction, message_id: int) -> State:
    """Derive the message's state from its parts and keep it; an event tells when it changed."""
    execute = tx.execute
    rows = execute(
        "SELECT state, error, error_code, st, sent_at FROM parts WHERE message_id = ? ORDER BY seq", (message_id,)
    ).fetchall()
    state = derive(State(row[0]) for row in rows)
    if state in _FAILED and any(row[0] == "queued" for row in rows):
        stop_rest(tx, message_id)
        return settle(tx, message_id)
    old, queue, account, cost, charged = execute(
        "SELECT state, queue, account_id, cost, charged FROM messages WHERE id = ?", (message_id,)
    ).fetchone()
    if charged:
        kept = sum(row[0] not in NEVER_LEFT or row[4] is not None for row in rows)
        give_back_money(tx, message_id, account, charged - cost * kept // len(rows))
    error, code = next(((row[1], row[2]) for row in rows if row[0] == state and row[1]), (None, None))
    st = next((row[3] for row in rows if row[0] == state and row[3] is not None), None)
    if state is State.QUEUED and queue == 0:
        queue = 1
    elif state not in (State.QUEUED, State.SENDING):
        queue = 0
    if state in (State.QUEUED, State.SENDING):
        # the last refusal stays readable while the next try waits
        execute(
            "UPDATE messages SET state = ?, queue = ?, updated_at = ?, doubt_at = NULL WHERE id = ?",
            (state, queue, tx.now, message_id),
        )
    else:
        execute(
            "UPDATE messages SET state = ?, queue = ?, updated_at = ?, st = ?, error = ?, error_code = ?, "
            "due_at = NULL, doubt_at = CASE WHEN ? THEN doubt_at END WHERE id = ?",
            (state, queue, tx.now, st, error, code, state is State.UNKNOWN, message_id),
        )
    if old != state:
        tx.event(f"message.{state}", account=account, message=message_id)
    return state


@dataclass(frozen=True, slots=True)
class Mark:
    """-> None; Refusal(NOT_FOUND). Merge keys into a message's `extra`; "deleted" hides it from its dialect."""

    account_id: int
    message_id: int
    extra: Mapping[str, object]

    def __call__(self, tx: Transaction) -> None:
        row = tx.execute(
            "SELECT extra FROM messages WHERE id = ? AND account_id = ?", (self.message_id, self.account_id)
        ).fetchone()
        if row is None:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {self.message_id}.")
        extra = {**(json.loads(row[0]) if row[0] else {}), **self.extra}
        ref = extra.get("ref")
        tx.execute(
            "UPDATE messages SET extra = ?, ref = ?, hidden = ? WHERE id = ?",
            (
                json.dumps(extra),
                None if ref is None else str(ref),
                bool(extra.get("deleted")),
                self.message_id,
            ),
        )


@dataclass(frozen=True, slots=True)
class Cancel:
    """-> None. Withdraw a message of which nothing has been sent.

    One that waits to be sent again after a doubt is not sent again; its state says that it is still in doubt.
    """

    account_id: int
    message_id: int

    def __call__(self, tx: Transaction) -> None:
        row = tx.execute(
            "SELECT state FROM messages WHERE id = ? AND account_id = ?", (self.message_id, self.account_id)
        ).fetchone()
        if row is None:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {self.message_id}.")
        if row[0] == "cancelled":
            return
        if row[0] != "queued":
            raise Refusal(
                RefusalKind.CONFLICT,
                f"Message {self.message_id} is already {row[0]}; only a queued one can be cancelled.",
            )
        tx.execute(
            "UPDATE parts SET state = CASE WHEN sent_at IS NULL THEN 'cancelled' ELSE 'unknown' END "
            "WHERE message_id = ?",
            (self.message_id,),
        )
        settle(tx, self.message_id)


@dataclass(frozen=True, slots=True)
class CancelMany:
    """-> how many. Withdraw messages that wait and of which nothing has been sent, at most `limit` at a time: those of
    an account, or those that must go through a line, or both."""

    account_id: int | None
    line: str | None
    limit: int = 500

    def __call__(self, tx: Transaction) -> int:
        where = ["state = 'queued'", "queue > 0"]
        values: list[object] = []
        if self.account_id is not None:
            where.append("account_id = ?")
            values.append(self.account_id)
        if self.line is not None:
            where.append("line = ?")
            values.append(self.line)
        rows = tx.execute(
            f"SELECT id, account_id FROM messages WHERE {' AND '.join(where)} LIMIT ?", (*values, self.limit)
        ).fetchall()
        for message_id, account_id in rows:
            Cancel(account_id, message_id)(tx)
        return len(rows)


@dataclass(frozen=True, slots=True)
class Expire:
    """-> ids of queued messages whose validity has ended; at most `limit` at a time."""

    limit: int = 500

    def __call__(self, tx: Transaction) -> list[int]:
        rows = tx.execute(
            "SELECT id FROM messages WHERE queue > 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?",
            (tx.now, self.limit),
        ).fetchall()
        for (message_id,) in rows:
            expire_one(tx, message_id)
        return [row[0] for row in rows]


def expire_one(tx: Transaction, message_id: int) -> None:
    """The parts that wait have waited too long. One that was in doubt before is in doubt again, not expired."""
    tx.execute(
        "UPDATE parts SET state = CASE WHEN sent_at IS NULL THEN 'expired' ELSE 'unknown' END, "
        "error = 'Its validity ended before it could be sent.' WHERE message_id = ? AND state = 'queued'",
        (message_id,),
    )
    settle(tx, message_id)


@dataclass(frozen=True, slots=True)
class Promote:
    """-> (id, priority, line) of messages that have become due; at most `limit` at a time."""

    limit: int = 1000

    def __call__(self, tx: Transaction) -> list[tuple[int, int, str]]:
        rows = tx.execute(
            "SELECT id, priority, line FROM messages WHERE queue = 2 AND due_at <= ? ORDER BY due_at LIMIT ?",
            (tx.now, self.limit),
        ).fetchall()
        for row in rows:
            tx.execute("UPDATE messages SET queue = 1, due_at = NULL WHERE id = ?", (row[0],))
        return rows


@dataclass(frozen=True, slots=True)
class SettleDoubt:
    """-> ids that are sent again. Messages whose doubt window has passed, each by its own rule."""

    limit: int = 500

    def __call__(self, tx: Transaction) -> list[int]:
        rows = tx.execute(
            "SELECT id, on_doubt, expires_at, account_id FROM messages WHERE doubt_at <= ? LIMIT ?",
            (tx.now, self.limit),
        ).fetchall()
        again: list[int] = []
        for message_id, rule, expires_at, account in rows:
            tx.execute("UPDATE messages SET doubt_at = NULL WHERE id = ?", (message_id,))
            if rule == "resend" and expires_at > tx.now:
                tx.execute(
                    "UPDATE parts SET state = 'queued' WHERE message_id = ? AND state = 'unknown'",
                    (message_id,),
                )
                tx.execute("UPDATE messages SET queue = 1 WHERE id = ?", (message_id,))
                tx.event("message.resend", account=account, message=message_id)
                again.append(message_id)
            else:
                stop_rest(tx, message_id)
                tx.event("message.held", account=account, message=message_id)
            settle(tx, message_id)
        return again


@dataclass(frozen=True, slots=True)
class AdoptLateCmgs:
    """-> (message id, part) whose doubt a late `+CMGS` resolved, or None.

    Only the last attempt of the line can be meant, and only if it is in doubt. A part that waits to be sent again
    because of that doubt is spared it.
    """

    line_id: int
    mr: int

    def __call__(self, tx: Transaction) -> tuple[int, int] | None:
        row = tx.execute(
            "SELECT id, message_id, seq FROM attempts WHERE id = "
            "(SELECT max(id) FROM attempts WHERE line_id = ? AND outcome = 'unknown') "
            "AND NOT EXISTS (SELECT 1 FROM attempts later WHERE later.id > attempts.id AND later.line_id = ?)",
            (self.line_id, self.line_id),
        ).fetchone()
        if row is None:
            return None
        attempt, message_id, seq = row
        changed = tx.execute(
            "UPDATE parts SET state = 'sent', mr = ?, error = NULL "
            "WHERE message_id = ? AND seq = ? AND state IN ('unknown', 'queued')",
            (self.mr, message_id, seq),
        ).rowcount
        if changed != 1:
            return None
        tx.execute("UPDATE attempts SET outcome = 'sent', mr = ? WHERE id = ?", (self.mr, attempt))
        account = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()[0]
        tx.event(
            "part.resolved",
            account=account,
            message=message_id,
            part=seq,
            line=self.line_id,
            data={"by": "late +CMGS", "mr": self.mr},
        )
        settle(tx, message_id)
        receipts.match_late(tx, self.line_id, message_id, seq)
        resume_rest(tx, message_id)
        return message_id, seq


def reject(tx: Transaction, message_id: int, reason: str) -> None:
    """The parts that wait cannot be sent."""
    tx.execute(
        "UPDATE parts SET state = CASE WHEN sent_at IS NULL THEN 'rejected' ELSE 'unknown' END, error = ? "
        "WHERE message_id = ? AND state = 'queued'",
        (reason, message_id),
    )
    settle(tx, message_id)


def resume_rest(tx: Transaction, message_id: int, *, promoted: bool = False) -> None:
    """Parts that waited for a doubt to clear, or for a line that stopped between them, go on.

    With `promoted` they are due now and `Promote` hands them out: for where nobody can tell the dispatcher.
    """
    row = tx.execute(
        "SELECT count(*) FILTER (WHERE state IN ('unknown', 'sending')), count(*) FILTER (WHERE state = 'queued') "
        "FROM parts WHERE message_id = ?",
        (message_id,),
    ).fetchone()
    if row[0] == 0 and row[1] > 0:
        tx.execute(
            "UPDATE messages SET queue = ?, due_at = ?, doubt_at = NULL WHERE id = ? AND queue = 0",
            (2 if promoted else 1, tx.now if promoted else None, message_id),
        )


def recover(tx: Transaction, doubt_window_ms: int) -> tuple[int, int]:
    """After a start: (attempts now in doubt, messages back in the queue).

    What was journalled and has no outcome may be on the air: unknown. What was between two parts goes on.
    """
    doubtful = tx.execute(
        "SELECT a.id, a.message_id, a.seq, a.line_id FROM attempts a WHERE a.outcome = 'started'"
    ).fetchall()
    for attempt, message_id, seq, line_id in doubtful:
        EndAttempt(
            attempt,
            message_id,
            seq,
            line_id,
            "unknown",
            error="The service stopped while the message was with the modem.",
            doubt_at=tx.now + doubt_window_ms,
        )(tx)
    rows: list[sqlite3.Row] = tx.execute(
        "SELECT id FROM messages m WHERE state = 'sending' AND queue = 0 "
        "AND EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state = 'queued') "
        "AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.message_id = m.id AND p.state IN ('unknown', 'sending'))"
    ).fetchall()
    for (message_id,) in rows:
        tx.execute("UPDATE messages SET queue = 1 WHERE id = ?", (message_id,))
    return len(doubtful), len(rows)
