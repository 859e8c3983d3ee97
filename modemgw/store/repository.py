"""The store as the use cases see it: `service.ports.Repository` over the operations and queries of this room."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

from modemgw.domain.inbox import InboxView
from modemgw.domain.job import Job, LineRecord, NewMessage, NextTimes
from modemgw.domain.message import Accepted, EventView, Hold, MessageView
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import DayFigures, EventQuery, InboxQuery, MessageQuery, Record, StatisticsQuery
from modemgw.domain.states import State
from modemgw.rules.incoming import Incoming
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
from modemgw.store.database import Store
from modemgw.store.writer import Transaction


class SqliteRepository:
    """See `service.ports.Repository`, whose docstrings are the contract."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._write = store.write
        self._read = store.read

    @property
    def problem(self) -> str | None:
        return self._store.problem

    @property
    def hang(self) -> str | None:
        return self._store.hang

    # -- writing ------------------------------------------------------------------------------------------

    def accept(self, message: NewMessage) -> Awaitable[Accepted]:
        return self._write(acceptance.Accept(message))

    def accept_all(
        self, messages: Sequence[NewMessage], *, each: bool, as_group: bool
    ) -> Awaitable[list[Accepted | Refusal]]:
        return self._write(acceptance.AcceptAll(messages, each, as_group))

    def begin_attempt(self, job: Job, seq: int, line: LineRecord, tail: str) -> Awaitable[int | None]:
        return self._write(outbox.BeginAttempt(job.id, seq, line.id, line.name, tail, seq in job.resend, job.line))

    def end_attempt(
        self,
        attempt_id: int,
        job: Job,
        seq: int,
        line: LineRecord,
        outcome: str,
        *,
        mr: int | None = None,
        error: str | None = None,
        error_code: int | None = None,
        due_at: int | None = None,
        doubt_at: int | None = None,
        went_out: bool = False,
        lane: str | None = None,
    ) -> Awaitable[State]:
        op = outbox.EndAttempt(
            attempt_id, job.id, seq, line.id, outcome, mr, error, error_code, due_at, doubt_at, went_out, lane
        )
        return self._write(op, must=True, lazy=outcome == "sent")

    def spare_copies(self, line: LineRecord, until: int) -> Awaitable[None]:
        return self._write(functools.partial(outbox.spare_copies, line_id=line.id, until=until), must=True)

    def adopt_late_cmgs(self, line: LineRecord, mr: int) -> Awaitable[tuple[int, int] | None]:
        return self._write(outbox.AdoptLateCmgs(line.id, mr), must=True)

    def cancel(self, account_id: int, message_id: int) -> Awaitable[None]:
        return self._write(outbox.Cancel(account_id, message_id))

    async def cancel_many(self, account_id: int | None, line: str | None) -> int:
        total = 0
        while (count := await self._write(outbox.CancelMany(account_id, line))) > 0:
            total += count
        return total

    async def account_id(self, login: str) -> int | None:
        return await self._read(lambda con: lines.account_id(con, login))

    def reject(self, message_id: int, reason: str) -> Awaitable[None]:
        return self._write(functools.partial(outbox.reject, message_id=message_id, reason=reason))

    def give_back(self, message_id: int) -> Awaitable[None]:
        return self._write(functools.partial(parts.resume_rest, message_id=message_id), must=True)

    def expire(self) -> Awaitable[list[int]]:
        return self._write(outbox.Expire())

    def promote(self) -> Awaitable[list[tuple[int, int, str]]]:
        return self._write(outbox.Promote())

    def settle_doubt(self) -> Awaitable[list[int]]:
        return self._write(outbox.SettleDoubt())

    def take_in(self, line: LineRecord, pdus: Sequence[Incoming]) -> Awaitable[int]:
        return self._write(intake.TakeIn(line.id, line.number, pdus))

    def show_partials(self, before: int) -> Awaitable[list[int]]:
        return self._write(intake.ShowPartials(before))

    def mark(self, account_id: int, message_id: int, extra: Mapping[str, object]) -> Awaitable[None]:
        return self._write(outbox.Mark(account_id, message_id, extra))

    def put_record(
        self, account_id: int, space: str, data: Mapping[str, Any], key: str | None, ttl_s: int | None, limit: int
    ) -> Awaitable[Record]:
        return self._write(records.Put(account_id, space, data, key, ttl_s, limit))

    def delete_record(self, account_id: int, space: str, key: str) -> Awaitable[bool]:
        return self._write(records.Delete(account_id, space, key))

    def extend_record(self, record_id: int, expires_at: int) -> Awaitable[None]:
        return self._write(records.Extend(record_id, expires_at))

    def purge_records(self) -> Awaitable[int]:
        return self._write(records.Purge())

    def note(self, kind: str, line_id: int | None, **data: object) -> Awaitable[None]:
        return self._write(lines.Note(kind, line_id, data))

    def ensure_line(
        self, name: str, *, imsi: str | None, iccid: str | None, imei: str | None, number: str | None
    ) -> Awaitable[int]:
        return self._write(lines.EnsureLine(name, imsi, iccid, imei, number))

    def ensure_accounts(self, logins: Sequence[str]) -> Awaitable[dict[str, int]]:
        """Ids of all accounts that ever were, by login."""
        return self._write(lines.EnsureAccounts(logins))

    def hold_accounts(self, configured: Collection[int]) -> Awaitable[dict[str, int]]:
        """See holds.hold_accounts; at the start, and whenever accounts come or go."""
        return self._write(functools.partial(holds.hold_accounts, configured=configured))

    def release(self, ids: Sequence[int] | None, drop: bool, configured: Collection[int]) -> Awaitable[int]:
        return self._write(holds.Release(ids, drop, configured))

    async def holds(self) -> dict[Hold, int]:
        return await self._read(holds.counts)

    async def lanes(self) -> list[str]:
        """See lines.lanes."""
        return await self._read(lines.lanes)

    async def sent_today(self, since: int) -> dict[str, int]:
        """See queries.sent_by_line."""
        return await self._read(lambda con: queries.sent_by_line(con, since))

    async def last_lines(self, limit: int) -> list[tuple[str, str]]:
        """See queries.last_lines."""
        return await self._read(lambda con: queries.last_lines(con, limit))

    async def waiting_elsewhere(self, names: Sequence[str]) -> dict[str, int]:
        """See lines.waiting_elsewhere."""
        return await self._read(lambda con: lines.waiting_elsewhere(con, names))

    def begin_clock(self, boot: str, offset_ms: int) -> Awaitable[int]:
        """See deadlines.Begin; at the start, before anything is due."""
        return self._write(deadlines.Begin(boot, offset_ms))

    def move_deadlines(self, by_ms: int, boot: str, offset_ms: int, follow: Callable[[int], None]) -> Awaitable[None]:
        """See deadlines.Move."""
        return self._write(deadlines.Move(by_ms, boot, offset_ms, follow))

    def recover(self, doubt_window_ms: int, report_wait_ms: int) -> Awaitable[tuple[int, int]]:
        """See outbox.recover; once, before anything is sent. Online gateways are asked about theirs."""

        def recovered(tx: Transaction) -> tuple[int, int]:
            counts = outbox.recover(tx, doubt_window_ms, report_wait_ms)
            upstream.recover(tx, tx.now)
            return counts

        return self._write(recovered)

    # -- reading ------------------------------------------------------------------------------------------

    async def claim(self, line: str, limit: int) -> list[Job]:
        return await self._read(lambda con: queries.claim(con, line, limit))

    async def job(self, message_id: int) -> Job | None:
        return await self._read(lambda con: queries.job(con, message_id))

    async def next_times(self) -> NextTimes:
        return await self._read(queries.next_times)

    async def message(self, account_id: int, message_id: int) -> MessageView | None:
        return await self._read(lambda con: queries.message(con, account_id, message_id))

    async def find_message(
        self, account_id: int, *, id: int | None, ref: str | None, tail: str | None
    ) -> MessageView | None:
        return await self._read(lambda con: queries.find_message(con, account_id, id, ref, tail))

    async def messages(self, asked: MessageQuery) -> list[MessageView]:
        return await self._read(lambda con: queries.messages(con, asked))

    async def statistics(self, asked: StatisticsQuery) -> list[DayFigures]:
        return await self._read(lambda con: statistics.statistics(con, asked))

    async def inbox(self, asked: InboxQuery) -> list[InboxView]:
        return await self._read(lambda con: queries.inbox(con, asked))

    async def spent(self, account_id: int) -> int:
        return await self._read(lambda con: queries.spent(con, account_id))

    async def record(self, account_id: int, space: str, key: str, now: int) -> Record | None:
        return await self._read(lambda con: records.get(con, account_id, space, key, now))

    async def records(self, account_id: int, space: str, after: int, limit: int, now: int) -> list[Record]:
        return await self._read(lambda con: records.listed(con, account_id, space, after, limit, now))

    async def find_record(self, space: str, key: str, now: int) -> Record | None:
        return await self._read(lambda con: records.find(con, space, key, now))

    async def any_expired_record(self, now: int) -> bool:
        return await self._read(lambda con: records.any_expired(con, now))

    async def inbox_item(self, inbox_id: int) -> InboxView | None:
        return await self._read(lambda con: queries.inbox_item(con, inbox_id))

    async def events(self, asked: EventQuery) -> list[EventView]:
        return await self._read(lambda con: queries.events(con, asked))

    async def last_event(self) -> int:
        return await self._read(queries.last_event)

    async def count_events(self, after: int) -> tuple[int, dict[str, int]]:
        return await self._read(lambda con: queries.count_events(con, after))

    async def report_latencies(self) -> dict[str, int]:
        return await self._read(queries.report_latencies)

    async def queued_count(self) -> int:
        return await self._read(queries.queued_count)

    async def answer_owed(self, line: LineRecord) -> bool:
        return await self._read(lambda con: queries.answer_owed(con, line.id))

    async def sent_since(self, line: LineRecord, since: int, limit: int) -> list[int]:
        return await self._read(lambda con: queries.sent_since(con, line.id, since, limit))
