"""Status reports as write operations: kept, matched to a part, or waiting for one.

Which part a report fits is decided by service/matching; what a TP-ST means by the codec.
"""

from __future__ import annotations

from dataclasses import dataclass

from modemgw.domain.states import State, may_become
from modemgw.rules.report_matching import Candidate, choose
from modemgw.sms import StatusMeaning, status_meaning
from modemgw.store import outbox
from modemgw.store.ids import next_id
from modemgw.store.writer import Transaction

#: What a part becomes by a report.
STATE_OF: dict[StatusMeaning, State | None] = {
    StatusMeaning.DELIVERED: State.DELIVERED,
    StatusMeaning.TRYING: None,
    StatusMeaning.FAILED: State.UNDELIVERABLE,
    StatusMeaning.GAVE_UP: State.UNDELIVERABLE,
}

#: TP-ST values that say "validity period expired" (TS 23.040 9.2.3.15).
EXPIRED_ST = frozenset({0x46})


@dataclass(frozen=True, slots=True)
class Report:
    """A status report as it came. Times in Unix ms; `scts` is when the centre took the message."""

    mr: int
    recipient: str
    tail: str
    st: int
    scts: int | None
    done_at: int | None


def keep(tx: Transaction, line_id: int, pdu_id: int, report: Report) -> int:
    """Store a report and match it; the receipt's id."""
    receipt_id = tx.execute(
        "INSERT INTO receipts (id, line_id, pdu_id, mr, recipient, tail, st, scts, done_at, received_at, matched) "
        f"VALUES ({next_id('receipts')}, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (
            line_id,
            pdu_id,
            report.mr,
            report.recipient,
            report.tail,
            report.st,
            report.scts,
            report.done_at,
            tx.now,
        ),
    ).lastrowid
    assert receipt_id is not None
    if not _match(tx, line_id, receipt_id, report.tail, report.mr, report.st, tx.now):
        tx.event("receipt.unmatched", line=line_id, data={"mr": report.mr, "st": report.st})
    return receipt_id


def match_late(tx: Transaction, line_id: int, message_id: int, seq: int) -> bool:
    """An attempt has just ended: reports that came while it was under way are its own, or not. True if one fitted."""
    tail, sent_at, started_at = tx.execute(
        "SELECT tail, sent_at, (SELECT max(started_at) FROM attempts a "
        "WHERE a.message_id = p.message_id AND a.seq = p.seq) FROM parts p WHERE message_id = ? AND seq = ?",
        (message_id, seq),
    ).fetchone()
    waiting = tx.execute(
        "SELECT id, mr, st, received_at FROM receipts WHERE line_id = ? AND tail = ? AND matched = 0 "
        "AND received_at >= ? ORDER BY id",
        (line_id, tail, started_at),
    ).fetchall()
    found = False
    for receipt_id, mr, st, received_at in waiting:
        found |= _match(tx, line_id, receipt_id, tail, mr, st, max(received_at, sent_at or 0))
    return found


_CANDIDATE = (
    "SELECT p.message_id, p.seq, p.state, p.mr, p.sent_at, m.validity_s * 1000, p.st, "
    "(SELECT max(id) FROM attempts a WHERE a.message_id = p.message_id AND a.seq = p.seq), 0 "
    "FROM parts p JOIN messages m ON m.id = p.message_id WHERE p.line_id = ? AND p.tail = ? AND m.report "
)

#: Parts whose reference was read; those whose reference nobody knows, in doubt now or waiting to be sent again
#: because of it; and those of which an earlier copy was in doubt and another is on its way, perhaps elsewhere.
#: Guarded by an EXPLAIN test.
CANDIDATES = (
    f"{_CANDIDATE} AND p.mr = ? AND p.sent_at IS NOT NULL UNION ALL "
    f"{_CANDIDATE} AND p.mr IS NULL AND p.sent_at IS NOT NULL AND p.state IN ('unknown', 'sent', 'queued') UNION ALL "
    "SELECT p.message_id, p.seq, p.state, NULL, a.started_at, m.validity_s * 1000, p.st, a.id, 1 "
    "FROM attempts a JOIN parts p ON p.message_id = a.message_id AND p.seq = a.seq "
    "JOIN messages m ON m.id = p.message_id WHERE a.line_id = ? AND a.outcome = 'unknown' AND a.mr IS NULL "
    "AND p.tail = ? AND (p.mr IS NOT NULL OR p.line_id <> a.line_id OR p.state = 'sending') AND m.report"
)


def _match(tx: Transaction, line_id: int, receipt_id: int, tail: str, mr: int, st: int, at: int) -> bool:
    """Find the part of a report and apply it; False if there is none."""
    rows = tx.execute(CANDIDATES, (line_id, tail, mr, line_id, tail, line_id, tail)).fetchall()
    verdict = choose([Candidate(*row) for row in rows], mr, at)
    if not verdict.candidates:
        return False
    if all(part.mr is None for part in verdict.candidates) and _in_air(tx, line_id, tail):
        return False  # it may be that of the part whose answer is awaited: see match_late
    tx.execute("UPDATE receipts SET matched = ? WHERE id = ?", (2 if verdict.ambiguous else 1, receipt_id))
    for candidate in verdict.candidates:
        tx.execute(
            "INSERT OR IGNORE INTO receipt_parts (message_id, seq, receipt_id, ambiguous) VALUES (?, ?, ?, ?)",
            (candidate.message_id, candidate.seq, receipt_id, verdict.ambiguous),
        )
        if verdict.ambiguous:
            account = _account(tx, candidate.message_id)
            tx.event(
                "receipt.ambiguous",
                account=account,
                message=candidate.message_id,
                part=candidate.seq,
                line=line_id,
                data={"mr": mr, "st": st, "fits": len(verdict.candidates)},
            )
    if not verdict.ambiguous:
        _apply(tx, line_id, verdict.candidates[0], mr, st)
    return True


def _in_air(tx: Transaction, line_id: int, tail: str) -> bool:
    """A part to that recipient is with the modem, and a report is wanted."""
    return (
        tx.execute(
            "SELECT 1 FROM parts p JOIN messages m ON m.id = p.message_id WHERE p.line_id = ? AND p.tail = ? "
            "AND p.mr IS NULL AND p.state = 'sending' AND m.report LIMIT 1",
            (line_id, tail),
        ).fetchone()
        is not None
    )


def _apply(tx: Transaction, line_id: int, part: Candidate, mr: int, st: int) -> None:
    meaning = status_meaning(st)
    new = STATE_OF[meaning]
    if new is State.UNDELIVERABLE and st in EXPIRED_ST:
        new = State.EXPIRED
    old = State(part.state)
    doubtful = old in (State.UNKNOWN, State.QUEUED)
    if part.earlier and new is not State.DELIVERED:
        new = None  # of the earlier copy; the later one speaks for itself
    elif new is None and doubtful:
        new = State.SENT  # the centre is trying: so it has the message
    account = _account(tx, part.message_id)
    tx.event(
        "receipt.matched",
        account=account,
        message=part.message_id,
        part=part.seq,
        line=line_id,
        data={"mr": mr, "st": st, "meaning": meaning.name.lower()},
    )
    if doubtful and not part.earlier:
        tx.execute("UPDATE parts SET mr = ? WHERE message_id = ? AND seq = ?", (mr, part.message_id, part.seq))
        tx.execute(
            "UPDATE attempts SET mr = ? WHERE id = (SELECT max(id) FROM attempts WHERE message_id = ? AND seq = ?)",
            (mr, part.message_id, part.seq),
        )
        tx.event(
            "part.resolved",
            account=account,
            message=part.message_id,
            part=part.seq,
            line=line_id,
            data={"by": "report", "mr": mr},
        )
    if part.earlier:
        tx.execute("UPDATE attempts SET mr = ? WHERE id = ?", (mr, part.attempt))
    if new is None or not may_become(old, new):
        changed = tx.execute(
            "UPDATE parts SET st = ? WHERE message_id = ? AND seq = ? AND state = 'sent' AND NOT ?",
            (st, part.message_id, part.seq, part.earlier),
        ).rowcount
        if changed:
            outbox.settle(tx, part.message_id)
        return
    done = tx.now if new is not State.SENT else None
    tx.execute(
        "UPDATE parts SET state = ?, st = ?, done_at = ?, error = NULL WHERE message_id = ? AND seq = ?",
        (new, st, done, part.message_id, part.seq),
    )
    outbox.settle(tx, part.message_id)
    if doubtful:
        outbox.resume_rest(tx, part.message_id, promoted=True)


def _account(tx: Transaction, message_id: int) -> int:
    account: int = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()[0]
    return account
