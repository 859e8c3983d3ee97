"""What the use cases need from below and beside them, as protocols: the repository, the radio, the clock.

Implemented by store/repository and modem/worker; nothing here knows SQLite or a port.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modemgw.at.errors import CommandFailed
from modemgw.domain.inbox import InboxView
from modemgw.domain.job import Job, LineRecord, NewMessage, NextTimes
from modemgw.domain.message import Accepted, EventView, Hold, MessageView
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import DayFigures, EventQuery, InboxQuery, MessageQuery, Record, StatisticsQuery
from modemgw.domain.states import State
from modemgw.rules.incoming import Incoming
from modemgw.sms import PduHex

#: Unix time in milliseconds.
Clock = Callable[[], int]


class RecordRepository(Protocol):
    """What dialects keep. `now` is Unix ms; what has expired by then is not there."""

    def put_record(
        self, account_id: int, space: str, data: Mapping[str, Any], key: str | None, ttl_s: int | None, limit: int
    ) -> Awaitable[Record]: ...

    def delete_record(self, account_id: int, space: str, key: str) -> Awaitable[bool]: ...

    def extend_record(self, record_id: int, expires_at: int) -> Awaitable[None]: ...

    async def record(self, account_id: int, space: str, key: str, now: int) -> Record | None: ...

    async def records(self, account_id: int, space: str, after: int, limit: int, now: int) -> list[Record]: ...

    async def find_record(self, space: str, key: str, now: int) -> Record | None:
        """The newest with this key, whosever it is."""
        ...


class Repository(RecordRepository, Protocol):
    """The store as the use cases see it. Writes return after their COMMIT; writes and reads may raise
    StoreUnavailable (a Refusal) unless said otherwise. "kept" writes record what has happened in the world: they are
    tried again until the disk takes them."""

    @property
    def problem(self) -> str | None:
        """Why the store cannot be written, or None."""
        ...

    @property
    def hang(self) -> str | None:
        """That a write has waited for long, in a sentence, or None."""
        ...

    def accept(self, message: NewMessage) -> Awaitable[Accepted]:
        """Refusal(NO_MONEY), ClientRefUsed."""
        ...

    def accept_all(
        self, messages: Sequence[NewMessage], *, each: bool, as_group: bool
    ) -> Awaitable[list[Accepted | Refusal]]:
        """All in one COMMIT, or a Refusal and none. See store.acceptance.AcceptAll."""
        ...

    def begin_attempt(self, job: Job, seq: int, line: LineRecord, tail: str) -> Awaitable[int | None]:
        """Journal an attempt; its id, or None if the part is not to be sent any more, yet, or through this line."""
        ...

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
        """Kept. See store.outbox.EndAttempt for the outcomes."""
        ...

    def spare_copies(self, line: LineRecord, until: int) -> Awaitable[None]:
        """A line is back: what it may have sent already waits until its reports had the time to come (Unix ms)."""
        ...

    def adopt_late_cmgs(self, line: LineRecord, mr: int) -> Awaitable[tuple[int, int] | None]: ...

    def cancel(self, account_id: int, message_id: int) -> Awaitable[None]: ...

    async def cancel_many(self, account_id: int | None, line: str | None) -> int:
        """Withdraw what waits, of an account, for a line, or both; how many."""
        ...

    async def account_id(self, login: str) -> int | None:
        """The key of an account that is or was configured."""
        ...

    def reject(self, message_id: int, reason: str) -> Awaitable[None]:
        """What waits of a message cannot be sent, for a reason that is ours."""
        ...

    def give_back(self, message_id: int) -> Awaitable[None]:
        """Kept. A line stops before or between parts: what is left waits again. Nothing if nothing is left."""
        ...

    def expire(self) -> Awaitable[list[int]]: ...

    def promote(self) -> Awaitable[list[tuple[int, int, str]]]:
        """(id, priority, line) of messages that have become due."""
        ...

    def settle_doubt(self) -> Awaitable[list[int]]: ...

    def take_in(self, line: LineRecord, pdus: Sequence[Incoming]) -> Awaitable[int]: ...

    def show_partials(self, before: int) -> Awaitable[list[int]]: ...

    def note(self, kind: str, line_id: int | None, **data: object) -> Awaitable[None]: ...

    def mark(self, account_id: int, message_id: int, extra: Mapping[str, object]) -> Awaitable[None]: ...

    def release(self, ids: Sequence[int] | None, drop: bool, configured: Collection[int]) -> Awaitable[int]:
        """Messages that are held after the database was brought back are sent after all, or (`drop`) left unknown.
        None: all of them. How many; those of accounts that are not `configured` stay held."""
        ...

    def purge_records(self) -> Awaitable[int]:
        """Remove some that have expired; how many."""
        ...

    def ensure_line(
        self, name: str, *, imsi: str | None, iccid: str | None, imei: str | None, number: str | None
    ) -> Awaitable[int]: ...

    # reading

    async def claim(self, line: str, limit: int) -> list[Job]:
        """The head of the queue of `line` (empty: of those that ask for none)."""
        ...

    async def job(self, message_id: int) -> Job | None: ...

    async def next_times(self) -> NextTimes: ...

    async def message(self, account_id: int, message_id: int) -> MessageView | None: ...

    async def find_message(
        self, account_id: int, *, id: int | None, ref: str | None, tail: str | None
    ) -> MessageView | None: ...

    async def messages(self, asked: MessageQuery) -> list[MessageView]: ...

    async def statistics(self, asked: StatisticsQuery) -> list[DayFigures]: ...

    async def inbox(self, asked: InboxQuery) -> list[InboxView]: ...

    async def spent(self, account_id: int) -> int:
        """What was counted down from the balance of an account, in units (service/pricing)."""
        ...

    async def any_expired_record(self, now: int) -> bool: ...

    async def inbox_item(self, inbox_id: int) -> InboxView | None: ...

    async def events(self, asked: EventQuery) -> list[EventView]: ...

    async def last_event(self) -> int: ...

    async def count_events(self, after: int) -> tuple[int, dict[str, int]]:
        """(the last event, how many of each kind came after the cursor)."""
        ...

    async def report_latencies(self) -> dict[str, int]:
        """Milliseconds between a part's sending and its report, the last one of each line."""
        ...

    async def holds(self) -> dict[Hold, int]:
        """How many messages wait for a person, by reason."""
        ...

    async def queued_count(self) -> int: ...

    async def answer_owed(self, line: LineRecord) -> bool:
        """The line's modem has not answered the last message that it was given: its `+CMGS` may yet come."""
        ...

    async def sent_since(self, line: LineRecord, since: int, limit: int) -> list[int]:
        """When parts went out through a line, or may have (Unix ms), oldest first; the newest `limit` of them."""
        ...


# -- the radio ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took the TPDU: `+CMGS: <mr>` was read."""

    mr: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network said no. `error` is what it said; None: it said OK without `+CMGS: <mr>`.

    After the payload that is no proof: the network may have the message all the same.
    """

    error: CommandFailed | None
    text: str
    before_payload: bool


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly nothing went out: withdrawn at the prompt (no trouble), or the modem made none (trouble)."""

    reason: str
    trouble: bool


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The payload went to the modem, and no answer came that says what became of it.

    `error` is what was said instead, if anything; `silent_ok`: an OK and nothing else.
    """

    reason: str
    error: CommandFailed | None = None
    silent_ok: bool = False


SendOutcome = Sent | Refused | NotSent | InDoubt


class Radio(Protocol):
    """A ready modem as sending sees it. `go_ahead` runs while the modem makes its prompt; unless it returns
    True nothing goes out. PortLost and the like become outcomes; nothing is raised for a modem's mood. `owed`: the
    modem has not answered an earlier message yet, and the next reference may be that one's."""

    async def send(
        self, pdu: PduHex, go_ahead: Callable[[], Awaitable[bool]], *, owed: bool = False
    ) -> SendOutcome: ...
