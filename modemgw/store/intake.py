"""Incoming PDUs as write operations: kept raw first, then inbox, reassembly or report (DESIGN rule 3).

After the COMMIT of `TakeIn` the modem's copy may be deleted, whatever the PDU was.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modemgw.domain.inbox import InboxKind
from modemgw.rules.canary_text import CANARY_LOGIN, token_of
from modemgw.rules.concat_grouping import OpenGroup, choose_group
from modemgw.rules.incoming import (
    Incoming,
    RawPdu,
    kind_of,
    offset_s,
    sender_of,
    tail,
    time_ms,
    understand,
)
from modemgw.sms import Concat, SmsDeliver, SmsStatusReport, assemble
from modemgw.store import receipts
from modemgw.store.writer import Transaction

log = logging.getLogger(__name__)

#: A PDU without a readable time is taken for a copy only within this time; with one, always.
COPY_WINDOW_MS = 15 * 60_000


@dataclass(frozen=True, slots=True)
class TakeIn:
    """-> number of PDUs that were new. All of them are durable afterwards, copies and garbage included."""

    line_id: int
    recipient: str | None
    pdus: Sequence[Incoming]

    def __call__(self, tx: Transaction) -> int:
        return sum(self._take_safely(tx, pdu) for pdu in self.pdus)

    def _take_safely(self, tx: Transaction, pdu: Incoming) -> bool:
        """A PDU that we stumble over is kept raw, like one that does not decode: it must not stop the others."""
        events = len(tx.events)
        tx.execute("SAVEPOINT pdu")
        try:
            new = self._take(tx, pdu)
        except sqlite3.OperationalError:
            raise
        except Exception as error:
            log.error("A PDU could not be taken in (%s); it is kept as undecodable", type(error).__name__)
            log.debug("How it failed:", exc_info=True)  # may tell of what it says
            tx.execute("ROLLBACK TO pdu")
            del tx.events[events:]
            reason = f"Internal error: {type(error).__name__}"
            new = self._take(tx, replace(pdu, deliver=None, report=None, reason=reason))
        tx.execute("RELEASE pdu")
        return new

    def _take(self, tx: Transaction, pdu: Incoming) -> bool:
        if self._is_copy(tx, pdu):
            return False
        kind = "deliver" if pdu.deliver is not None else "report" if pdu.report is not None else "undecodable"
        pdu_id = tx.execute(
            "INSERT INTO pdus (line_id, memory, idx, hex, digest, kind, received_at, note) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.line_id, pdu.raw.memory, pdu.raw.index, pdu.raw.hex, pdu.digest, kind, tx.now, pdu.reason),
        ).lastrowid
        assert pdu_id is not None
        if pdu.report is not None:
            receipts.keep(tx, self.line_id, pdu_id, _report(pdu.report))
        elif pdu.deliver is None:
            self._undecodable(tx, pdu_id, pdu)
        elif pdu.concat is not None and pdu.concat.total > 1:
            self._part(tx, pdu_id, pdu.deliver, pdu.concat)
        elif not self._canary(tx, pdu_id, pdu.deliver):
            self._whole(tx, pdu_id, pdu.deliver)
        return True

    def _is_copy(self, tx: Transaction, pdu: Incoming) -> bool:
        since = 0 if pdu.timed else tx.now - COPY_WINDOW_MS
        return (
            tx.execute(
                "SELECT 1 FROM pdus WHERE line_id = ? AND digest = ? AND received_at >= ? LIMIT 1",
                (self.line_id, pdu.digest, since),
            ).fetchone()
            is not None
        )

    def _undecodable(self, tx: Transaction, pdu_id: int, pdu: Incoming) -> None:
        inbox_id = tx.execute(
            "INSERT INTO inbox (line_id, sender, recipient, text, kind, received_at, parts, missing, complete) "
            "VALUES (?, '', ?, NULL, ?, ?, 1, '[]', 1)",
            (self.line_id, self.recipient, InboxKind.UNDECODABLE, tx.now),
        ).lastrowid
        tx.execute("UPDATE pdus SET inbox_id = ? WHERE id = ?", (inbox_id, pdu_id))
        tx.event("inbox.undecodable", line=self.line_id, inbox=inbox_id, data={"reason": pdu.reason})

    def _canary(self, tx: Transaction, pdu_id: int, deliver: SmsDeliver) -> bool:
        """A text that a line sent to prove that it hears is kept raw, and told by an event instead of the inbox."""
        token = token_of(deliver.text)
        if token is None:
            return False
        row = tx.execute(
            "SELECT m.id, m.created_at FROM messages m JOIN accounts a ON a.id = m.account_id "
            "WHERE a.login = ? AND m.client_ref = ?",
            (CANARY_LOGIN, token),
        ).fetchone()
        if row is None:
            return False
        tx.execute("UPDATE pdus SET note = 'canary' WHERE id = ?", (pdu_id,))
        tx.event("line.canary", message=row[0], line=self.line_id, data={"seconds": (tx.now - row[1]) / 1000})
        return True

    def _whole(self, tx: Transaction, pdu_id: int, deliver: SmsDeliver) -> None:
        inbox_id = insert_inbox(
            tx,
            self.line_id,
            self.recipient,
            deliver,
            kind_of(deliver),
            deliver.text,
            deliver.data if deliver.text is None else None,
            tx.now,
            1,
            (),
        )
        tx.execute("UPDATE pdus SET inbox_id = ? WHERE id = ?", (inbox_id, pdu_id))
        tx.event("inbox.received", line=self.line_id, inbox=inbox_id)

    def _part(self, tx: Transaction, pdu_id: int, deliver: SmsDeliver, concat: Concat) -> None:
        sender, scts = sender_of(deliver), time_ms(deliver.scts.time)
        rows = tx.execute(
            "SELECT g.id, g.first_at, g.last_at, g.scts, (SELECT json_group_array(p.seq) FROM pdus p "
            "WHERE p.group_id = g.id) FROM groups g WHERE complete = 0 AND line_id = ? AND sender = ? "
            "AND reference = ? AND total = ? AND wide = ?",
            (self.line_id, sender, concat.reference, concat.total, concat.is_16bit),
        ).fetchall()
        groups = [OpenGroup(row[0], row[1], row[2], row[3], frozenset(json.loads(row[4]))) for row in rows]
        group_id = choose_group(groups, concat.sequence, scts, tx.now)
        if group_id is None:
            group_id = tx.execute(
                "INSERT INTO groups (line_id, sender, reference, total, wide, first_at, last_at, scts, complete) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
                (self.line_id, sender, concat.reference, concat.total, concat.is_16bit, tx.now, tx.now, scts),
            ).lastrowid
            assert group_id is not None
        else:
            tx.execute("UPDATE groups SET last_at = ? WHERE id = ?", (tx.now, group_id))
        tx.execute("UPDATE pdus SET group_id = ?, seq = ? WHERE id = ?", (group_id, concat.sequence, pdu_id))
        have = tx.execute("SELECT count(*) FROM pdus WHERE group_id = ?", (group_id,)).fetchone()[0]
        shown = tx.execute("SELECT inbox_id FROM groups WHERE id = ?", (group_id,)).fetchone()[0]
        if have >= concat.total or shown is not None:
            show_group(tx, group_id)


def show_group(tx: Transaction, group_id: int) -> int:
    """Put a concatenated message into the inbox, or bring its row up to date; the inbox id."""
    line_id, total, inbox_id, first_at = tx.execute(
        "SELECT line_id, total, inbox_id, first_at FROM groups WHERE id = ?", (group_id,)
    ).fetchone()
    parts: dict[int, SmsDeliver] = {}
    for seq, text in tx.execute("SELECT seq, hex FROM pdus WHERE group_id = ? ORDER BY seq", (group_id,)):
        deliver = understand(RawPdu(text)).deliver
        if deliver is not None:
            parts[seq] = deliver
    whole = assemble(parts, total)
    first = parts[min(parts)]
    recipient = tx.execute("SELECT number FROM lines WHERE id = ?", (line_id,)).fetchone()[0]
    if inbox_id is None:
        inbox_id = insert_inbox(
            tx,
            line_id,
            recipient,
            first,
            kind_of(first),
            whole.text,
            whole.data if whole.text is None else None,
            first_at,
            total,
            whole.missing,
        )
        tx.event("inbox.received" if whole.complete else "inbox.partial", line=line_id, inbox=inbox_id)
    else:
        tx.execute(
            "UPDATE inbox SET text = ?, data = ?, missing = ?, complete = ? WHERE id = ?",
            (
                whole.text,
                whole.data if whole.text is None else None,
                json.dumps(whole.missing),
                whole.complete,
                inbox_id,
            ),
        )
        tx.event("inbox.completed" if whole.complete else "inbox.part_added", line=line_id, inbox=inbox_id)
    tx.execute("UPDATE groups SET inbox_id = ?, complete = ? WHERE id = ?", (inbox_id, whole.complete, group_id))
    tx.execute("UPDATE pdus SET inbox_id = ? WHERE group_id = ?", (inbox_id, group_id))
    return int(inbox_id)


def insert_inbox(
    tx: Transaction,
    line_id: int,
    recipient: str | None,
    deliver: SmsDeliver,
    kind: InboxKind,
    text: str | None,
    data: bytes | None,
    received_at: int,
    parts: int,
    missing: Sequence[int],
) -> int:
    """A new row of the inbox; its id."""
    ports = deliver.udh.ports
    inbox_id = tx.execute(
        "INSERT INTO inbox (line_id, sender, recipient, text, kind, data, received_at, scts, scts_offset_s, "
        "parts, missing, complete, port_to, port_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            line_id,
            sender_of(deliver),
            recipient,
            text,
            kind,
            data,
            received_at,
            time_ms(deliver.scts.time),
            offset_s(deliver.scts.time),
            parts,
            json.dumps(list(missing)),
            not missing,
            ports[0] if ports else None,
            ports[1] if ports else None,
        ),
    ).lastrowid
    assert inbox_id is not None
    return inbox_id


@dataclass(frozen=True, slots=True)
class ShowPartials:
    """-> ids of inbox rows made of messages whose missing parts have been waited for long enough."""

    before: int  # Unix ms: the first part came earlier than this
    limit: int = 200

    def __call__(self, tx: Transaction) -> list[int]:
        rows = tx.execute(
            "SELECT id FROM groups WHERE complete = 0 AND inbox_id IS NULL AND first_at <= ? LIMIT ?",
            (self.before, self.limit),
        ).fetchall()
        return [show_group(tx, row[0]) for row in rows]


def _report(report: SmsStatusReport) -> receipts.Report:
    recipient = str(report.ra)
    return receipts.Report(
        mr=report.mr,
        recipient=recipient,
        tail=tail(recipient),
        st=report.st,
        scts=time_ms(report.scts.time),
        done_at=time_ms(report.dt.time),
    )
