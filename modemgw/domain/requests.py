"""What a front door asks of the gateway and what comes back, where the store or the service answers it itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modemgw.domain.account import Account
from modemgw.domain.states import State


class Command:
    """Something a dialect wants done. Subclasses say what comes back; a refusal is thrown as `Refusal`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a submission would be: `cost` is decimal text in the account's currency, for all its parts."""

    encoding: str
    parts: int
    cost: str


@dataclass(frozen=True, slots=True)
class MessageQuery(Command):
    """-> list[MessageView]. All that is given must fit; times are Unix ms of the acceptance. At most 1000 at a time,
    and as many refs.

    Oldest first after the cursor `after`, or newest first before the cursor `before` (with `newest`).
    """

    account: Account
    limit: int = 100
    after: int = 0
    before: int | None = None
    newest: bool = False
    since: int | None = None
    until: int | None = None
    to: str | None = None  # digits
    refs: tuple[str, ...] = ()
    dialect: str | None = None
    state: State | None = None
    comment: str = ""  # part of what a dialect keeps as `comment`
    hidden: bool = False  # also those that were deleted by a dialect
    parts: bool = True  # with parts, attempts and receipts


@dataclass(frozen=True, slots=True)
class InboxQuery(Command):
    """-> list[InboxView], at most 1000 at a time. Oldest first after the cursor, or newest first with `newest`; times
    of receipt, Unix ms."""

    account: Account
    limit: int = 100
    after: int = 0
    newest: bool = False
    since: int | None = None
    until: int | None = None
    sender: str | None = None  # digits
    recipient: str | None = None  # digits of the line's own number


@dataclass(frozen=True, slots=True)
class StatisticsQuery(Command):
    """-> list[DayFigures], the days with messages, oldest first. Times are Unix ms of the acceptance; `offset_s` east
    of UTC is where days begin."""

    account: Account
    since: int | None = None
    until: int | None = None
    offset_s: int = 0


@dataclass(frozen=True, slots=True)
class DayFigures:
    """How many parts of the messages that were accepted on a day are in which state, and what those messages cost
    (decimal text)."""

    begins_at: int  # Unix ms
    parts: Mapping[State, int]
    cost: str


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The history after the cursor, oldest first: all of it, with an account what belongs to that or to nobody; or
    everything of one message."""

    account: Account | None = None
    limit: int = 100
    after: int = 0
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """Money as decimal text: fixed, counted down, or as the SIM said, as the account is set."""

    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object that a dialect keeps. `space` names what it is ("smsc.template"), `key` is unique in it
    for the account; `id` ascends over all records and may be shown as a number. Times are Unix ms."""

    id: int
    account_id: int
    space: str
    key: str
    data: Mapping[str, Any]
    created_at: int
    updated_at: int
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What public data say of a number; texts in Russian where there are any, else English."""

    country: str
    country_code: str  # ISO 3166, "RU"
    operator: str
    region: str
    utc_offsets_s: tuple[int, ...]  # of its time zones now, most likely first
