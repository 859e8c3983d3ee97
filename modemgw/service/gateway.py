"""What the front doors may ask of the gateway, as one protocol. Implemented in service/core.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from modemgw.domain.account import Account
from modemgw.domain.inbox import InboxView
from modemgw.domain.line import ModemView
from modemgw.domain.message import Accepted, EventView, MessageView, Submission
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Balance, EventQuery, InboxQuery, MessageQuery, Quoted
from modemgw.domain.trace import TraceView
from modemgw.service.callbacks import Callbacks
from modemgw.service.desk import Desk
from modemgw.service.ussd import UssdDesk


@dataclass(frozen=True, slots=True)
class Health:
    """Readiness in words. `ready` means: the API serves and the store is writable."""

    ready: bool
    store: str  # "ok", or the reason it cannot be written or read
    lines: tuple[tuple[str, str], ...]  # name, state
    queued: int | None  # None: the store cannot be read
    callbacks: Mapping[str, int] = field(default_factory=dict)  # waiting, failed
    held: Mapping[str, int] = field(default_factory=dict)  # messages that wait for a person, by Hold


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted, for metrics."""

    events: Mapping[str, int]  # by kind, since the start
    report_latency_s: Mapping[str, float]  # of the last report, by line


class Gateway(Protocol):
    """Every method may raise `Refusal`; nothing it accepted is lost."""

    async def authenticate(
        self,
        *,
        login: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        md5: bool = False,
        remote: str | None = None,
    ) -> Account:
        """The account these credentials belong to, compared in constant time; Refusal(UNAUTHORISED) otherwise."""
        ...

    async def submit(self, account: Account, submission: Submission) -> Accepted:
        """Validate and store one message; returns after the COMMIT."""
        ...

    async def submit_many(
        self, account: Account, submissions: Sequence[Submission], *, each: bool = False, as_group: bool = False
    ) -> list[Accepted | Refusal]:
        """As `submit`, for many: all of them in one COMMIT, or a Refusal and none. One entry for each, in order.

        With `each`, what is wrong with one message alone (its number, its text, a reference used before) is told in
        its place, and the others are the promise. With `as_group`, messages without `extra["ref"]` carry the id of
        the first as theirs.
        """
        ...

    def check(self, account: Account, remote: str | None) -> None:
        """That an account known from before may (still) come from this address. Refusal as of `authenticate`."""
        ...

    @property
    def callbacks(self) -> Callbacks:
        """What was sent to clients' URLs, and sending it again."""
        ...

    @property
    def desk(self) -> Desk:
        """What dialects are given besides messages."""
        ...

    @property
    def ussd(self) -> UssdDesk:
        """USSD dialogues of the lines."""
        ...

    async def refresh_balance(self, account: Account, name: str) -> ModemView:
        """Ask the operator what the SIM in a modem has left; the modem with it. Raises what `Balances.refresh` does."""
        ...

    def quote(self, account: Account, submission: Submission) -> Quoted:
        """Encoding, parts and cost a submission would have; refuses what `submit` would refuse."""
        ...

    async def quote_many(self, account: Account, submissions: Sequence[Submission]) -> list[Quoted | Refusal]:
        """As `quote`, one entry for each, in order."""
        ...

    async def message(self, account: Account, message_id: int) -> MessageView:
        """One message with parts, attempts and receipts; Refusal(NOT_FOUND)."""
        ...

    async def find_message(
        self, account: Account, *, id: int | None = None, ref: str | None = None, to: str | None = None
    ) -> MessageView | None:
        """The newest message that fits, with its parts."""
        ...

    async def messages(self, asked: MessageQuery) -> list[MessageView]:
        """A page of messages."""
        ...

    async def mark(self, account: Account, message_id: int, extra: Mapping[str, object]) -> None:
        """Merge keys into a message's `extra`; Refusal(NOT_FOUND)."""
        ...

    async def balance(self, account: Account) -> Balance:
        """What is left: as configured, counted down, or as the SIM said, as the account is set."""
        ...

    async def cancel(self, account: Account, message_id: int) -> MessageView:
        """Withdraw a message of which nothing has been sent; Refusal(CONFLICT) when it is too late."""
        ...

    async def cancel_many(self, account: Account, login: str | None, line: str | None) -> int:
        """Withdraw all that waits of an account, or of it for a line; how many. None: the asking account.

        Refusal(NOT_FOUND) where there never was such a login, Refusal(FORBIDDEN) for another that is configured.
        """
        ...

    async def inbox(self, asked: InboxQuery) -> list[InboxView]:
        """A page of incoming messages."""
        ...

    async def inbox_item(self, account: Account, inbox_id: int) -> InboxView:
        """One incoming message; Refusal(NOT_FOUND)."""
        ...

    async def release(self, account: Account, ids: Sequence[int] | None, drop: bool) -> int:
        """Send messages that are held because the database was brought back, or (`drop`) leave them unknown; None:
        all there are. How many."""
        ...

    def modems(self) -> list[ModemView]:
        """Every modem the gateway knows of, with the state of its line."""
        ...

    async def pause_modem(self, account: Account, name: str) -> ModemView:
        """Send nothing more through a modem until `resume_modem`, or a restart; Refusal(NOT_FOUND)."""
        ...

    async def resume_modem(self, account: Account, name: str) -> ModemView:
        """End a pause of either kind, a quarantine, or the wait for a person; Refusal(NOT_FOUND)."""
        ...

    async def trace_modem(self, account: Account, name: str, on: bool | None) -> TraceView:
        """Begin, end or (None) just look at a modem's AT trace; Refusal(NOT_FOUND), Refusal(UNAVAILABLE)."""
        ...

    async def examine_modem(self, account: Account, name: str) -> Sequence[tuple[str, tuple[str, ...], str | None]]:
        """Questions put to a modem between two messages, with the lines of each answer, or the error.

        Refusal(NOT_FOUND); Refusal(CONFLICT) while it cannot be asked.
        """
        ...

    async def figures(self) -> Figures:
        """Counters and latencies."""
        ...

    async def events(self, asked: EventQuery) -> list[EventView]:
        """A page of the history."""
        ...

    def follow_events(self, account: Account, *, after: int | None = None) -> AsyncIterator[EventView]:
        """The history of the account after the cursor, without end; None starts at the present."""
        ...

    async def health(self) -> Health:
        """State of the store and of each line."""
        ...
