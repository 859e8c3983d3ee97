"""Status reports as write operations: kept, matched to a copy of a part, or waiting for one.

Which part a report fits is decided by rules/report_matching; what a TP-ST means by the codec.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from modemgw.domain.events import EventKind
from modemgw.domain.states import State, may_become
from modemgw.rules.centre_clock import ENOUGH, CentreClock, first_look
from modemgw.rules.report_matching import Candidate, Verdict, choose, had_last_word
from modemgw.sms import StatusMeaning, status_meaning
from modemgw.store import parts
from modemgw.store.ids import next_id
from modemgw.store.writer import Transaction

#: What a part becomes by a report.
STATE_OF: dict[StatusMeaning, State | None] = {
    StatusMeaning.DELIVERED: State.DELIVERED,
    StatusMeaning.TRYING: None,
    StatusMeaning.FAILED: State.UNDELIVERABLE,
    StatusMeaning.GAVE_UP: State.UNDELIVERABLE,
}

#: A copy without a result may leave the modem so long after we gave up waiting for it.
UNANSWERED_MS = 60_000

#: Ambiguous reports are looked at again after so many that taught us the clock of their centre; so many, so old.
REVISIT_EVERY, REVISIT_LIMIT, REVISIT_MS = 16, 64, 4 * 86_400_000

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
    centre: str = ""  # address of the service centre, hex as in the PDU


@dataclass(frozen=True, slots=True)
class _Kept:
    """A report in the table of receipts. `at` is the time at which it is matched."""

    id: int
    line_id: int
    suffix: str
    mr: int
    st: int
    scts: int | None
    centre: str
    at: int


_KEPT = "SELECT id, line_id, tail, mr, st, scts, coalesce(centre, ''), received_at FROM receipts WHERE line_id = ? "


def keep(tx: Transaction, line_id: int, pdu_id: int, report: Report) -> int:
    """Store a report and match it; the receipt's id."""
    receipt_id = tx.execute(
        "INSERT INTO receipts (id, line_id, pdu_id, mr, recipient, tail, st, scts, done_at, received_at, matched, "
        f"centre) VALUES ({next_id('receipts')}, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
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
            report.centre,
        ),
    ).lastrowid
    assert receipt_id is not None
    kept = _Kept(receipt_id, line_id, report.tail, report.mr, report.st, report.scts, report.centre, tx.now)
    if not _match(tx, kept):
        tx.event(EventKind.RECEIPT_UNMATCHED, line=line_id, data={"mr": report.mr, "st": report.st})
    return receipt_id


def match_late(tx: Transaction, attempt: int) -> bool:
    """An attempt has just ended: reports that came while it was under way are its own, or not. True if one fitted."""
    line_id, suffix, started_at, ended_at = tx.execute(
        "SELECT line_id, number_suffix, started_at, coalesce(ended_at, 0) FROM attempts WHERE id = ?", (attempt,)
    ).fetchone()
    waiting = tx.execute(
        f"{_KEPT} AND tail = ? AND matched = 0 AND received_at >= ? ORDER BY id", (line_id, suffix, started_at)
    ).fetchall()
    found = False
    for row in waiting:
        kept = _Kept(*row)
        found |= _match(tx, replace(kept, at=max(kept.at, ended_at)))
    return found


_CANDIDATE = (
    "SELECT a.message_id, a.seq, p.state, a.mr, a.started_at, coalesce(a.ended_at, a.started_at), "
    "m.validity_s * 1000, a.st, a.id, "
    "NOT EXISTS (SELECT 1 FROM attempts l WHERE l.message_id = a.message_id AND l.seq = a.seq AND l.id > a.id "
    "AND (l.unreferenced = 1 OR l.mr IS NOT NULL OR l.outcome = 'started')), "
    "a.outcome <> 'sent' "
    "FROM attempts a JOIN parts p ON p.message_id = a.message_id AND p.seq = a.seq "
    "JOIN messages m ON m.id = a.message_id WHERE a.line_id = ? AND a.number_suffix = ? AND m.report "
)

#: Copies whose reference was read, and those whose payload went out and whose reference nobody knows: in doubt, or
#: called refused by the modem. Guarded by an EXPLAIN test.
CANDIDATES = f"{_CANDIDATE} AND a.mr = ? UNION ALL {_CANDIDATE} AND a.unreferenced = 1"


def _match(tx: Transaction, report: _Kept) -> bool:
    """Find the copy that a report is about and apply it; False if there is none."""
    clock = _clock(tx, report)
    verdict = _verdict(tx, report, clock)
    if not verdict.candidates:
        return False
    if all(copy.mr is None for copy in verdict.candidates) and _in_air(tx, report.line_id, report.suffix):
        return False  # it may be that of the part whose answer is awaited: see match_late
    tx.execute("UPDATE receipts SET matched = ? WHERE id = ?", (2 if verdict.ambiguous else 1, report.id))
    for candidate in verdict.candidates:
        _belongs(tx, report, candidate, verdict.ambiguous)
        if verdict.ambiguous:
            account = _account(tx, candidate.message_id)
            tx.event(
                EventKind.RECEIPT_AMBIGUOUS,
                account=account,
                message=candidate.message_id,
                part=candidate.seq,
                line=report.line_id,
                data={"mr": report.mr, "st": report.st, "fits": len(verdict.candidates)},
            )
    if verdict.ambiguous:
        return True
    copy = verdict.candidates[0]
    _apply(tx, report.line_id, copy, report.mr, report.st)
    if verdict.sole and not copy.doubtful and not had_last_word(copy.st):
        _learn(tx, report, copy, clock)
    return True


def _verdict(tx: Transaction, report: _Kept, clock: CentreClock | None) -> Verdict:
    """The copies a report fits, by the clock of its centre where that is known."""
    rows = tx.execute(CANDIDATES, (report.line_id, report.suffix, report.mr, report.line_id, report.suffix)).fetchall()
    candidates = [Candidate(*row) for row in rows]
    scts = report.scts
    if scts is None or clock is None or not clock.steady:
        return choose(candidates, report.mr, report.at)
    return choose(candidates, report.mr, report.at, lambda copy: clock.fit(copy.started_at, _until(copy), scts))


def _until(copy: Candidate) -> int:
    """When the centre had it at the latest. What has no result may have lain in the modem."""
    return copy.sent_at + (UNANSWERED_MS if copy.doubtful else 0)


def _belongs(tx: Transaction, report: _Kept, copy: Candidate, ambiguous: bool) -> None:
    tx.execute(
        "INSERT OR IGNORE INTO receipt_parts (message_id, seq, receipt_id, ambiguous) VALUES (?, ?, ?, ?)",
        (copy.message_id, copy.seq, report.id, ambiguous),
    )


def _clock(tx: Transaction, report: _Kept) -> CentreClock | None:
    row = tx.execute(
        "SELECT data FROM centre_clocks WHERE line_id = ? AND centre = ?", (report.line_id, report.centre)
    ).fetchone()
    return None if row is None else CentreClock(**json.loads(row[0]))


def _learn(tx: Transaction, report: _Kept, copy: Candidate, clock: CentreClock | None) -> None:
    """The report can be that copy's alone: so it tells the offset of its centre's clock, and perhaps what was not
    clear before is."""
    if report.scts is None:
        return
    window = (copy.started_at, copy.sent_at, report.scts)
    new = first_look(*window) if clock is None else clock.learn(*window)
    if new is None:
        return
    tx.execute(
        "INSERT INTO centre_clocks (line_id, centre, data) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET data = excluded.data",
        (report.line_id, report.centre, json.dumps({name: getattr(new, name) for name in CentreClock.__slots__})),
    )
    if new.steady and new.count % REVISIT_EVERY == ENOUGH:
        _revisit(tx, report, new)


def _revisit(tx: Transaction, report: _Kept, clock: CentreClock) -> None:
    """Ambiguous reports of the same centre, the newest of the last days, once more: with its clock."""
    rows = tx.execute(
        f"{_KEPT} AND matched = 2 AND coalesce(centre, '') = ? AND received_at > ? ORDER BY id DESC LIMIT ?",
        (report.line_id, report.centre, tx.now - REVISIT_MS, REVISIT_LIMIT),
    ).fetchall()
    for row in rows:
        kept = _Kept(*row)
        verdict = _verdict(tx, kept, clock)
        if not verdict.by_time:
            continue
        copy = verdict.candidates[0]
        tx.execute("UPDATE receipts SET matched = 1 WHERE id = ?", (kept.id,))
        tx.execute("DELETE FROM receipt_parts WHERE receipt_id = ?", (kept.id,))
        _belongs(tx, kept, copy, False)
        _apply(tx, kept.line_id, copy, kept.mr, kept.st)


def _in_air(tx: Transaction, line_id: int, suffix: str) -> bool:
    """A part to that recipient is with the modem, and a report is wanted."""
    return (
        tx.execute(
            "SELECT 1 FROM attempts a JOIN messages m ON m.id = a.message_id WHERE a.outcome = 'started' "
            "AND a.line_id = ? AND a.number_suffix = ? AND m.report LIMIT 1",
            (line_id, suffix),
        ).fetchone()
        is not None
    )


#: Parts of which nothing is known to be with the centre: news of any copy says more than they do.
_OPEN_TO_NEWS = frozenset({State.UNKNOWN, State.QUEUED, State.REJECTED, State.CANCELLED})


def _apply(tx: Transaction, line_id: int, copy: Candidate, mr: int, st: int) -> None:
    """What a report about one copy makes of its part."""
    meaning = status_meaning(st)
    account = _account(tx, copy.message_id)
    tx.event(
        EventKind.RECEIPT_MATCHED,
        account=account,
        message=copy.message_id,
        part=copy.seq,
        line=line_id,
        data={"mr": mr, "st": st, "meaning": meaning.name.lower()},
    )
    if had_last_word(copy.st):
        return  # repeated, or contradicting itself: the first word stands
    tx.execute("UPDATE attempts SET mr = ?, st = ?, unreferenced = 0 WHERE id = ?", (mr, st, copy.attempt))
    old, new = State(copy.state), _new_state(copy, meaning, st)
    if new is None or not may_become(old, new):
        if old is State.SENT and copy.last:
            tx.execute("UPDATE parts SET st = ? WHERE message_id = ? AND seq = ?", (st, copy.message_id, copy.seq))
            parts.settle(tx, copy.message_id)
        return
    if old is not State.SENT:
        tx.event(
            EventKind.PART_RESOLVED,
            account=account,
            message=copy.message_id,
            part=copy.seq,
            line=line_id,
            data={"by": "report", "mr": mr},
        )
    parts.move(
        tx,
        copy.message_id,
        old,
        new,
        {
            "st": st,
            "mr": mr,
            "line_id": line_id,
            "done_at": None if new is State.SENT else tx.now,
            "error": None,
            "error_code": None,
        },
        seq=copy.seq,
        sent_since=copy.sent_at,
    )
    parts.pin(tx, copy.message_id, line_id)
    parts.settle(tx, copy.message_id)
    if old not in (State.SENT, State.SENDING):
        parts.resume_rest(tx, copy.message_id, promoted=True)


def _new_state(copy: Candidate, meaning: StatusMeaning, st: int) -> State | None:
    """What the part becomes by the report; None: nothing else than it is."""
    new = STATE_OF[meaning]
    if new is State.DELIVERED:
        return new  # whichever copy it was: the recipient has it
    old = State(copy.state)
    if new is None:  # the centre is trying: so it has the message, and no other copy is needed
        return State.SENT if old in _OPEN_TO_NEWS or old is State.EXPIRED else None
    if not copy.last:
        return None  # a later copy speaks for itself
    return State.EXPIRED if st in EXPIRED_ST else new


def _account(tx: Transaction, message_id: int) -> int:
    account: int = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()[0]
    return account
