"""Incoming PDUs as write operations: kept raw first, then inbox, reassembly or report (docs/architecture.md rule 3).

After the COMMIT of `take_in` the modem's copy may be deleted, whatever the PDU was.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from modemgw.domain.events import EventKind
from modemgw.domain.inbox import InboxKind
from modemgw.domain.job import LineRecord
from modemgw.rules.canary_text import CANARY_LOGIN, token_of
from modemgw.rules.concat_grouping import (
    OPEN_MS,
    SETTLE_MS,
    WHOLE_MS,
    Part,
    homes,
    is_sure,
    regroup,
)
from modemgw.rules.incoming import (
    HIDDEN,
    Incoming,
    RawPdu,
    kind_of,
    mms_in,
    offset_s,
    sender_of,
    tail,
    time_ms,
    understand,
)
from modemgw.sms import GAP_MARK, Address, Concat, SmsDeliver, SmsStatusReport, assemble
from modemgw.sms.deliver import Remains
from modemgw.store import receipts
from modemgw.store.ids import next_id
from modemgw.store.writer import Transaction

log = logging.getLogger(__name__)

#: A PDU without a readable time is taken for a copy only within this time; with one, always.
COPY_WINDOW_MS = 15 * 60_000


def take_in(tx: Transaction, line: LineRecord, pdus: Sequence[Incoming]) -> int:
    """The number of PDUs that were new. All of them are durable afterwards, copies and garbage included."""
    return _TakeIn(line.id, line.number, pdus)(tx)


@dataclass(frozen=True, slots=True)
class _TakeIn:
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
            new = self._take(tx, replace(pdu, deliver=None, report=None, remains=None, reason=reason))
        tx.execute("RELEASE pdu")
        return new

    def _take(self, tx: Transaction, pdu: Incoming) -> bool:
        known = self._known(tx, pdu)
        if known is not None:
            self._copy(tx, pdu, *known)
            return False
        kind = "deliver" if pdu.deliver is not None else "report" if pdu.report is not None else "undecodable"
        pdu_id = tx.execute(
            "INSERT INTO pdus (line_id, memory, idx, hex, digest, kind, received_at, note) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.line_id, pdu.raw.memory, pdu.raw.index, pdu.raw.hex, pdu.digest, kind, tx.now, pdu.reason),
        ).lastrowid
        assert pdu_id is not None
        if pdu.report is not None:
            receipts.keep(tx, self.line_id, pdu_id, _report(pdu.report, pdu.raw.hex))
        elif pdu.deliver is None:
            self._undecodable(tx, pdu_id, pdu)
        elif pdu.concat is not None and pdu.concat.total > 1:
            self._part(tx, pdu_id, pdu.deliver, pdu.concat)
        elif not self._canary(tx, pdu_id, pdu.deliver):
            self._whole(tx, pdu_id, pdu.deliver)
        return True

    def _known(self, tx: Transaction, pdu: Incoming) -> tuple[int, int | None, str | None, int | None] | None:
        """The same message that came before: its PDU, its row in the inbox, and where that PDU lay."""
        since = 0 if pdu.timed else tx.now - COPY_WINDOW_MS
        row: tuple[int, int | None, str | None, int | None] | None = tx.execute(
            "SELECT id, inbox_id, memory, idx FROM pdus WHERE line_id = ? AND digest = ? AND received_at >= ? "
            "ORDER BY id DESC LIMIT 1",
            (self.line_id, pdu.digest, since),
        ).fetchone()
        return row

    def _copy(
        self, tx: Transaction, pdu: Incoming, pdu_id: int, inbox_id: int | None, memory: str | None, index: int | None
    ) -> None:
        """Counted, unless it is what was taken in before, and not deleted then."""
        if pdu.raw.lay_there and (pdu.raw.memory, pdu.raw.index) == (memory, index):
            return
        (copies,) = tx.execute(
            "UPDATE pdus SET copies = copies + 1 WHERE id = ? RETURNING copies", (pdu_id,)
        ).fetchone()
        if pdu.report is None:
            tx.event(EventKind.INBOX_COPY, line=self.line_id, inbox=inbox_id, data={"copies": copies})

    def _undecodable(self, tx: Transaction, pdu_id: int, pdu: Incoming) -> None:
        remains = pdu.remains or Remains(Address(""))
        time = None if remains.scts is None else remains.scts.time
        inbox_id = tx.execute(
            "INSERT INTO inbox (id, line_id, sender, recipient, text, kind, data, received_at, scts, scts_offset_s, "
            f"parts, missing, complete) VALUES ({next_id('inbox')}, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, '[]', ?)",
            (
                self.line_id,
                str(remains.oa),
                self.recipient,
                None if remains.text is None else remains.text + GAP_MARK,
                InboxKind.UNDECODABLE,
                remains.data,
                tx.now,
                time_ms(time),
                offset_s(time),
                remains.text is None and remains.data is None,
            ),
        ).lastrowid
        tx.execute("UPDATE pdus SET inbox_id = ? WHERE id = ?", (inbox_id, pdu_id))
        tx.event(EventKind.INBOX_UNDECODABLE, line=self.line_id, inbox=inbox_id, data={"reason": pdu.reason})

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
        tx.event(EventKind.LINE_CANARY, message=row[0], line=self.line_id, data={"seconds": (tx.now - row[1]) / 1000})
        return True

    def _whole(self, tx: Transaction, pdu_id: int, deliver: SmsDeliver) -> None:
        inbox_id = insert_inbox(
            tx,
            self.line_id,
            self.recipient,
            deliver,
            deliver.text,
            deliver.data if deliver.text is None else None,
            tx.now,
            1,
            (),
        )
        tx.execute("UPDATE pdus SET inbox_id = ? WHERE id = ?", (inbox_id, pdu_id))
        tx.event(EventKind.INBOX_RECEIVED, line=self.line_id, inbox=inbox_id)

    def _part(self, tx: Transaction, pdu_id: int, deliver: SmsDeliver, concat: Concat) -> None:
        key = (self.line_id, sender_of(deliver), concat.reference, concat.total, concat.is_16bit)
        known = _known_parts(tx, key)
        new = Part(pdu_id, concat.sequence, time_ms(deliver.scts.time), tx.now)
        groups = {part.group for part in known if part.group is not None}
        shown = frozenset(group for group in groups if _inbox_id(tx, group) is not None)
        messages = regroup(known, new)
        found = homes(messages, shown, concat.total)
        if found is None:  # rather than take a row from the inbox
            messages, found = [[new]], [None]
        tx.execute("UPDATE pdus SET seq = ?, scts = ? WHERE id = ?", (new.seq, new.scts, pdu_id))
        _regroup(tx, key, messages, found)


_Key = tuple[int, str, int, int, bool]

#: Parts that a new one is compared with at the most, and messages that they are of.
KNOWN_PARTS, KNOWN_GROUPS = 300, 64

_GROUPS = (
    "SELECT last_at, id, complete FROM groups WHERE complete = {} AND line_id = ? AND sender = ? AND reference = ? "
    "AND total = ? AND wide = ? AND last_at >= ? ORDER BY last_at DESC LIMIT ?"
)
_INCOMPLETE, _WHOLE = _GROUPS.format(0), _GROUPS.format(1)


def _known_parts(tx: Transaction, key: _Key) -> list[Part]:
    """The parts of messages that a new one may belong to: incomplete ones, and those that became whole just now."""
    groups = [
        *tx.execute(_INCOMPLETE, (*key, tx.now - OPEN_MS, KNOWN_GROUPS)).fetchall(),
        *tx.execute(_WHOLE, (*key, tx.now - WHOLE_MS, KNOWN_GROUPS)).fetchall(),
    ]
    known: list[Part] = []
    for _, group, whole in sorted(groups, reverse=True):
        rows = tx.execute("SELECT id, seq, scts, received_at, hex FROM pdus WHERE group_id = ?", (group,)).fetchall()
        if known and len(known) + len(rows) > KNOWN_PARTS:
            break
        known += [Part(pdu, seq, _scts_of(scts, text), at, group, bool(whole)) for pdu, seq, scts, at, text in rows]
    return known


def _scts_of(scts: int | None, text: str) -> int | None:
    """A PDU taken in by an earlier version has its time in the PDU alone."""
    deliver = understand(RawPdu(text)).deliver if scts is None else None
    return scts if deliver is None else time_ms(deliver.scts.time)


def _regroup(tx: Transaction, key: _Key, messages: list[list[Part]], groups: list[int | None]) -> None:
    """Let the groups have these parts, and show what that changes. A group that is left without a part is gone."""
    changed: list[tuple[int, list[Part]]] = []
    lost = {part.group for parts, group in zip(messages, groups, strict=True) for part in parts if part.group != group}
    for parts, group in zip(messages, groups, strict=True):
        if group is None:
            group = _open_group(tx, key, parts)
        moved = [part.id for part in parts if part.group != group]
        for pdu_id in moved:
            tx.execute("UPDATE pdus SET group_id = ?, inbox_id = NULL WHERE id = ?", (group, pdu_id))
        if moved or group in lost:
            changed.append((group, parts))
    for group in lost - {None, *groups}:
        tx.execute("DELETE FROM groups WHERE id = ?", (group,))
    for group, parts in changed:
        _refresh(tx, group, parts, key[3], regrouped=group in lost)


def _open_group(tx: Transaction, key: _Key, parts: list[Part]) -> int:
    first = parts[0]
    group_id = tx.execute(
        "INSERT INTO groups (line_id, sender, reference, total, wide, first_at, last_at, scts, complete) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
        (*key, min(part.at for part in parts), first.at, first.scts),
    ).lastrowid
    assert group_id is not None
    return group_id


def _inbox_id(tx: Transaction, group_id: int) -> int | None:
    """The row in which a message is shown, if it is."""
    inbox_id: int | None = tx.execute("SELECT inbox_id FROM groups WHERE id = ?", (group_id,)).fetchone()[0]
    return inbox_id


def _refresh(tx: Transaction, group_id: int, parts: list[Part], total: int, *, regrouped: bool) -> None:
    """A group has other parts than before: shown if it is whole for sure, or was shown already."""
    whole = len(parts) == total
    sure = whole and is_sure(parts)
    tx.execute(
        "UPDATE groups SET last_at = ?, settle_at = ? WHERE id = ?",
        (max(part.at for part in parts), tx.now + SETTLE_MS if whole and not sure else None, group_id),
    )
    if sure or _inbox_id(tx, group_id) is not None:
        show_group(tx, group_id, regrouped=regrouped)


def show_group(tx: Transaction, group_id: int, *, regrouped: bool = False) -> int:
    """Put a concatenated message into the inbox, or bring its row up to date; the inbox id."""
    line_id, total, inbox_id, first_at, settle_at = tx.execute(
        "SELECT line_id, total, inbox_id, first_at, settle_at FROM groups WHERE id = ?", (group_id,)
    ).fetchone()
    parts: dict[int, SmsDeliver] = {}
    for seq, text in tx.execute("SELECT seq, hex FROM pdus WHERE group_id = ? ORDER BY seq", (group_id,)):
        deliver = understand(RawPdu(text)).deliver
        if deliver is not None:
            parts[seq] = deliver
    whole = assemble(parts, total)
    complete = whole.complete and settle_at is None
    first = parts[min(parts)]
    data = whole.data if whole.text is None else None
    if inbox_id is None:
        recipient = tx.execute("SELECT number FROM lines WHERE id = ?", (line_id,)).fetchone()[0]
        inbox_id = insert_inbox(
            tx, line_id, recipient, first, whole.text, data, first_at, total, whole.missing, complete
        )
        tx.event(EventKind.INBOX_RECEIVED if complete else EventKind.INBOX_PARTIAL, line=line_id, inbox=inbox_id)
    else:
        kind, sender = _labels(first, data, complete)
        time = first.scts.time
        tx.execute(
            "UPDATE inbox SET text = ?, data = ?, kind = ?, sender = ?, missing = ?, complete = ?, scts = ?, "
            "scts_offset_s = ? WHERE id = ?",
            (
                whole.text,
                data,
                kind,
                sender,
                json.dumps(whole.missing),
                complete,
                time_ms(time),
                offset_s(time),
                inbox_id,
            ),
        )
        incomplete = EventKind.INBOX_REGROUPED if regrouped else EventKind.INBOX_PART_ADDED
        tx.event(EventKind.INBOX_COMPLETED if complete else incomplete, line=line_id, inbox=inbox_id)
    tx.execute("UPDATE groups SET inbox_id = ?, complete = ? WHERE id = ?", (inbox_id, complete, group_id))
    tx.execute("UPDATE pdus SET inbox_id = ? WHERE group_id = ?", (inbox_id, group_id))
    return int(inbox_id)


def _labels(deliver: SmsDeliver, data: bytes | None, complete: bool) -> tuple[InboxKind, str]:
    """Kind and sender as the inbox shows them; that of an MMS is not who sends the notification."""
    kind, notification = kind_of(deliver), mms_in(deliver, data) if complete else None
    if kind is not InboxKind.BINARY or notification is None:
        return kind, sender_of(deliver)
    return InboxKind.MMS, notification.sender or HIDDEN


def insert_inbox(
    tx: Transaction,
    line_id: int,
    recipient: str | None,
    deliver: SmsDeliver,
    text: str | None,
    data: bytes | None,
    received_at: int,
    parts: int,
    missing: Sequence[int],
    complete: bool = True,
) -> int:
    """A new row of the inbox; its id."""
    ports = deliver.udh.ports
    kind, sender = _labels(deliver, data, complete)
    inbox_id = tx.execute(
        "INSERT INTO inbox (id, line_id, sender, recipient, text, kind, data, received_at, scts, scts_offset_s, "
        "parts, missing, complete, port_to, port_from) "
        f"VALUES ({next_id('inbox')}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            line_id,
            sender,
            recipient,
            text,
            kind,
            data,
            received_at,
            time_ms(deliver.scts.time),
            offset_s(deliver.scts.time),
            parts,
            json.dumps(list(missing)),
            complete,
            ports[0] if ports else None,
            ports[1] if ports else None,
        ),
    ).lastrowid
    assert inbox_id is not None
    return inbox_id


def show_partials(tx: Transaction, before: int, limit: int = 200) -> list[int]:
    """Show messages that have been waited for long enough, for missing parts or for better ones; ids of inbox rows."""
    settled = tx.execute(
        "UPDATE groups SET settle_at = NULL WHERE id IN "
        "(SELECT id FROM groups WHERE settle_at <= ? ORDER BY settle_at LIMIT ?) RETURNING id",
        (tx.now, limit),
    ).fetchall()
    overdue = tx.execute(
        "SELECT id FROM groups WHERE complete = 0 AND inbox_id IS NULL AND first_at <= ? LIMIT ?",
        (before, limit),
    ).fetchall()
    return [show_group(tx, group_id) for (group_id,) in sorted({*settled, *overdue})]


def _report(report: SmsStatusReport, pdu: str) -> receipts.Report:
    recipient = str(report.ra)
    prefix = 2 + 2 * int(pdu[:2], 16)
    return receipts.Report(
        mr=report.mr,
        recipient=recipient,
        tail=tail(recipient),
        st=report.st,
        scts=time_ms(report.scts.time),
        done_at=time_ms(report.dt.time),
        centre=pdu[2:prefix].upper(),
    )
