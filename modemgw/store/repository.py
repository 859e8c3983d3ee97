"""The store as the use cases see it, in four roles: outbox, inbox, history, records. Each user asks for its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from modemgw.domain.job import NewMessage
from modemgw.domain.message import Accepted
from modemgw.domain.refusal import Refusal
from modemgw.store import (
    acceptance,
    deadlines,
    holds,
    intake,
    lines,
    outbox,
    parts,
    queries,
    records,
    statistics,
    upstream,
)
from modemgw.store.role import Role, keep, read, write


class Outbox(Role):
    """Messages on their way out."""

    def accept(self, message: NewMessage) -> asyncio.Future[Accepted]:
        """See acceptance.Accept."""
        return self.store.submit(acceptance.Accept(message))

    def accept_all(
        self, messages: Sequence[NewMessage], *, each: bool, as_group: bool
    ) -> asyncio.Future[list[Accepted | Refusal]]:
        """See acceptance.AcceptAll."""
        return self.store.submit(acceptance.AcceptAll(messages, each, as_group))

    recover = write(upstream.recover)
    begin_clock = write(deadlines.begin)
    move_deadlines = write(deadlines.move)

    claim = read(queries.claim)
    job = read(queries.job)
    begin_attempt = write(outbox.begin_attempt)
    end_attempt = keep(outbox.end_attempt)
    adopt_late_cmgs = keep(outbox.adopt_late_cmgs)
    spare_copies = keep(outbox.spare_copies)
    give_back = keep(parts.resume_rest)
    reject = write(outbox.reject)
    sent_since = read(queries.sent_since)
    answer_owed = read(queries.answer_owed)
    lanes = read(lines.lanes)
    failed_after = read(outbox.failed_after)
    send_elsewhere = write(outbox.send_elsewhere)
    sent_today = read(queries.sent_by_line)
    last_lines = read(queries.last_lines)

    next_times = read(queries.next_times)
    expire = write(outbox.expire)
    promote = write(outbox.promote)
    settle_doubt = write(outbox.settle_doubt)

    cancel = write(outbox.cancel)
    cancel_some = write(outbox.cancel_some)
    mark = write(outbox.mark)
    message = read(queries.message)
    find_message = read(queries.find_message)
    messages = read(queries.messages)
    spent = read(queries.spent)
    statistics = read(statistics.statistics)
    queued_count = read(queries.queued_count)
    waiting_elsewhere = read(lines.waiting_elsewhere)

    hold_accounts = write(holds.hold_accounts)
    release = write(holds.release)
    holds = read(holds.counts)


class Inbox(Role):
    """Messages that came in."""

    take_in = write(intake.take_in)
    show_partials = write(intake.show_partials)
    inbox = read(queries.inbox)
    inbox_item = read(queries.inbox_item)


class History(Role):
    """What happened, to which line and account."""

    ensure_line = write(lines.ensure_line)
    ensure_accounts = write(lines.ensure_accounts)
    account_id = read(lines.account_id)
    note = write(lines.note)
    events = read(queries.events)
    last_event = read(queries.last_event)
    count_events = read(queries.count_events)
    report_latencies = read(queries.report_latencies)


class RecordStore(Role):
    """What dialects keep. What has expired by `now` (Unix ms) is not there."""

    put_record = write(records.put)
    delete_record = write(records.delete)
    extend_record = write(records.extend)
    purge_records = write(records.purge)
    record = read(records.get)
    find_record = read(records.find)
    any_expired_record = read(records.any_expired)
    records = read(records.listed)


class Repository(Outbox, Inbox, History, RecordStore):
    """All of them, for those that wire, and that need most."""
