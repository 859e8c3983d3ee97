"""The way of a message out, as write operations: attempt, outcome, cancel, expire, doubt.

Each is a callable for `Store.write`. What follows from what is decided by domain/states; this keeps it.
How a message comes in is acceptance.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemgw.domain.message import Hold
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State, may_become
from modemgw.rules.report_matching import had_last_word
from modemgw.store import receipts
from modemgw.store.parts import expire_one, pin, resume_rest, settle, stop_rest
from modemgw.store.writer import Transaction


@dataclass(frozen=True, slots=True)
class BeginAttempt:
    """-> attempt id, or None if the part is not to be sent (any more, yet, or here). Committed before the payload
    goes out. `line` is the name of the line: a message that asks for another, or has parts there, is not its own.
    `lane` is the queue that the line took it from: one that goes another way by now is not its own either.
    """

    message_id: int
    seq: int
    line_id: int
    line: str
    tail: str
    resend: bool
    lane: str = ""

    def __call__(self, tx: Transaction) -> int | None:
        execute, now = tx.execute, tx.now
        row = execute(
            "SELECT state, queue, expires_at, account_id, line FROM messages WHERE id = ?", (self.message_id,)
        ).fetchone()
        if row is None or row[0] not in ("queued", "sending") or row[1] > 1 or row[4] not in (self.lane, self.line):
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
            "INSERT INTO attempts (message_id, seq, n, line_id, number_suffix, started_at, outcome, rd) "
            "SELECT ?, ?, count(*) + 1, ?, ?, ?, 'started', ? FROM attempts WHERE message_id = ? AND seq = ?",
            (self.message_id, self.seq, self.line_id, self.tail, now, self.resend, self.message_id, self.seq),
        ).lastrowid
        tx.event(
            "part.sending",
            account=row[3],
            message=self.message_id,
            part=self.seq,
            line=self.line_id,
            data={"resend": True, "after": self._after(tx)} if self.resend else None,
        )
        return attempt

    def _after(self, tx: Transaction) -> str:
        """Outcome of the last copy before this one: unknown, or rejected after its payload was out."""
        outcome: str = tx.execute(
            "SELECT outcome FROM attempts WHERE message_id = ? AND seq = ? AND outcome <> 'started' "
            "AND (unreferenced = 1 OR outcome = 'unknown') ORDER BY id DESC LIMIT 1",
            (self.message_id, self.seq),
        ).fetchone()[0]
        return outcome


@dataclass(frozen=True, slots=True)
class EndAttempt:
    """-> the message's new state. The outcome of an attempt: what the modem said, or that it said nothing.

    `outcome` is sent, rejected (for good), refused (temporary: the part waits again until `due_at`), not_sent
    (nothing went out; waits again) or unknown (in doubt until `doubt_at`). `went_out`: the payload was with the modem
    when it refused. Its word is no proof: the attempt stays a candidate for reports. `lane`: where a message that waits
    again waits from now; None where it did.

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
    went_out: bool = False
    lane: str | None = None

    def __call__(self, tx: Transaction) -> State:
        execute, now = tx.execute, tx.now
        recorded = "rejected" if self.outcome == "refused" else self.outcome
        unreferenced = self.mr is None and (self.went_out or self.outcome == "unknown")
        execute(
            "UPDATE attempts SET ended_at = ?, outcome = ?, mr = ?, error = ?, error_code = ?, unreferenced = ? "
            "WHERE id = ?",
            (now, recorded, self.mr, self.error, self.error_code, unreferenced, self.attempt_id),
        )
        part = {"sent": "sent", "rejected": "rejected", "unknown": "unknown"}.get(self.outcome, "queued")
        if part != "sent" and self._centre_has_it(tx):
            part = "sent"  # an earlier copy; no further one is needed
        if part in ("sent", "unknown"):
            changed = execute(
                "UPDATE parts SET state = ?, mr = ?, sent_at = ?, error = ?, error_code = ? "
                "WHERE message_id = ? AND seq = ? AND state = 'sending'",
                (part, self.mr, now, self.error, self.error_code, self.message_id, self.seq),
            ).rowcount
        else:
            changed = execute(
                "UPDATE parts SET "
                "state = CASE WHEN ? AND sent_at IS NOT NULL THEN 'unknown' ELSE ? END, "
                "error = ?, error_code = ? WHERE message_id = ? AND seq = ? AND state = 'sending'",
                (part == "rejected", part, self.error, self.error_code, self.message_id, self.seq),
            ).rowcount
        (account,) = execute("SELECT account_id FROM messages WHERE id = ?", (self.message_id,)).fetchone()
        data = {"mr": self.mr, "error": self.error, "code": self.error_code, "due_at": self.due_at}
        tx.event(
            f"part.{self.outcome}",
            account=account,
            message=self.message_id,
            part=self.seq,
            line=self.line_id,
            data={key: value for key, value in data.items() if value is not None},
        )
        if changed:  # else a report of an earlier copy has settled it meanwhile
            self._tell_message(tx, part)
        state = settle(tx, self.message_id)
        if receipts.match_late(tx, self.attempt_id):
            state = State(execute("SELECT state FROM messages WHERE id = ?", (self.message_id,)).fetchone()[0])
        return state

    def _tell_message(self, tx: Transaction, part: str) -> None:
        """What the part's new state asks of its message: the rest of it, its line, its place in the queue."""
        if part == "rejected":
            stop_rest(tx, self.message_id)
        elif part != "queued":
            pin(tx, self.message_id, self.line_id)
        if part == "queued":
            tx.execute(
                "UPDATE messages SET queue = ?, due_at = ?, tries = tries + ?, updated_at = ?, "
                "error = ?, error_code = ?, line = coalesce(?, line) WHERE id = ?",
                (
                    2 if self.due_at else 1,
                    self.due_at,
                    self.outcome == "refused",
                    tx.now,
                    self.error,
                    self.error_code,
                    self.lane,
                    self.message_id,
                ),
            )
        elif part == "unknown":
            tx.execute("UPDATE messages SET doubt_at = ? WHERE id = ?", (self.doubt_at, self.message_id))

    def _centre_has_it(self, tx: Transaction) -> bool:
        """Of an earlier copy of the part a report has said that the centre is still trying to deliver it, or the modem,
        while this one was in the air, that the network took it."""
        rows = tx.execute(
            "SELECT st FROM attempts WHERE message_id = ? AND seq = ? AND id <> ? "
            "AND (st IS NOT NULL OR outcome = 'sent')",
            (self.message_id, self.seq, self.attempt_id),
        ).fetchall()
        return any(not had_last_word(st) for (st,) in rows)


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
                tx.execute("UPDATE messages SET held = NULL WHERE id = ? AND held = ?", (message_id, Hold.ACCOUNT))
                tx.event("message.held", account=account, message=message_id)
            settle(tx, message_id)
        return again


@dataclass(frozen=True, slots=True)
class AdoptLateCmgs:
    """-> (message id, part) whose doubt a late `+CMGS` resolved, or None.

    The last attempt of the line is meant, if nobody knows its reference: it was in doubt, or the modem had called it
    refused. Or the one before it, when the modem was asked to send again without waiting any longer: it answers in
    the order of the questions. A part that waits to be sent again is spared it.
    """

    line_id: int
    mr: int

    def __call__(self, tx: Transaction) -> tuple[int, int] | None:
        rows = tx.execute(
            "SELECT id, message_id, seq, outcome, mr, unreferenced FROM attempts WHERE line_id = ? "
            "ORDER BY id DESC LIMIT 2",
            (self.line_id,),
        ).fetchall()
        if not rows or (rows[0][4] == self.mr and not rows[0][5]):
            return None  # nobody's; or a result that is said twice
        if rows[0][5]:
            return self._adopt(tx, rows[0], self.mr)
        if len(rows) < 2 or not rows[1][5] or rows[1][3] != "unknown":
            return None
        newest = rows[0]
        if newest[4] is None:
            return self._adopt(tx, rows[1], self.mr)
        # both went out; references count up, and tell whose is which
        if (newest[4] + 1) % 256 == self.mr:
            tx.execute("UPDATE attempts SET mr = ? WHERE id = ?", (self.mr, newest[0]))
            tx.execute(
                "UPDATE parts SET mr = ? WHERE message_id = ? AND seq = ? AND mr = ?",
                (self.mr, newest[1], newest[2], newest[4]),
            )
            return self._adopt(tx, rows[1], newest[4])
        return self._adopt(tx, rows[1], self.mr) if (self.mr + 1) % 256 == newest[4] else None

    def _adopt(self, tx: Transaction, row: tuple[Any, ...], mr: int) -> tuple[int, int] | None:
        attempt, message_id, seq = row[:3]
        account, state = tx.execute(
            "SELECT m.account_id, p.state FROM parts p JOIN messages m ON m.id = p.message_id "
            "WHERE p.message_id = ? AND p.seq = ?",
            (message_id, seq),
        ).fetchone()
        old = State(state)
        if old is not State.SENDING and not may_become(old, State.SENT):
            return None
        tx.execute("UPDATE attempts SET outcome = 'sent', mr = ?, unreferenced = 0 WHERE id = ?", (mr, attempt))
        if old is State.SENDING:
            return message_id, seq  # another copy is in the air: its end sees that one was taken
        tx.execute(
            "UPDATE parts SET state = 'sent', mr = ?, line_id = ?, sent_at = coalesce(sent_at, ?), error = NULL, "
            "error_code = NULL WHERE message_id = ? AND seq = ?",
            (mr, self.line_id, tx.now, message_id, seq),
        )
        tx.event(
            "part.resolved",
            account=account,
            message=message_id,
            part=seq,
            line=self.line_id,
            data={"by": "late +CMGS", "mr": mr},
        )
        pin(tx, message_id, self.line_id)
        settle(tx, message_id)
        receipts.match_late(tx, attempt)
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


#: Copies of a line that are looked at when it is back: the newest. Older ones are beyond the first minutes.
SPARE_LIMIT = 1_000


def spare_copies(tx: Transaction, line_id: int, until: int) -> None:
    """Messages of which a copy may have gone out through this line wait until `until` at least: its reports, which
    nobody heard while it was away, come first."""
    tx.execute(
        "UPDATE messages SET queue = 2, due_at = max(coalesce(due_at, 0), ?) WHERE queue IN (1, 2) AND id IN ("
        "SELECT message_id FROM attempts WHERE line_id = ? AND unreferenced = 1 ORDER BY id DESC LIMIT ?)",
        (until, line_id, SPARE_LIMIT),
    )


def recover(tx: Transaction, doubt_window_ms: int, report_wait_ms: int) -> tuple[int, int]:
    """After a start: (attempts now in doubt, messages back in the queue).

    What was journalled and has no outcome may be on the air: unknown. What was between two parts goes on. What was
    refused after its payload was out waits until the reports that nobody heard meanwhile could have come.
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
    tx.execute(
        "UPDATE messages SET queue = 2, due_at = max(coalesce(due_at, 0), ?) WHERE queue IN (1, 2) AND tries > 0 "
        "AND EXISTS (SELECT 1 FROM attempts a WHERE a.message_id = messages.id AND a.unreferenced = 1)",
        (tx.now + report_wait_ms,),
    )
    return len(doubtful), len(rows)
