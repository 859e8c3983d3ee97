"""What callbacks need from below and beside them, as protocols: their queue, and somebody who makes HTTP requests.

Implemented by store/callbacks.py and servers/http/caller.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modemgw.dialects.seam import CallbackRequest
from modemgw.domain.call import CallView
from modemgw.domain.callback import CallbackState, CallbackView
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An event that somebody may want to be told, with what it is about as it is now. `at` is Unix ms."""

    event_id: int
    at: int
    kind: str
    account_id: int | None
    message: MessageView | None
    inbox: InboxView | None
    call: CallView | None = None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in order. All up to `cursor` have been looked at; `more`: there may be others after it."""

    cursor: int
    items: Sequence[FeedItem]
    more: bool


@dataclass(frozen=True, slots=True)
class FeedStart:
    """Where to go on: the cursor, and for each account the event after which it wants to be told."""

    cursor: int
    since: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class NewCallback:
    """A request on its way into the queue."""

    account_id: int
    dialect: str
    stream: str
    host: str
    follows: bool  # the URL is the account's callback_url, and changes with it
    request: CallbackRequest
    event_id: int
    message_id: int | None
    inbox_id: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """An event about callbacks."""

    kind: str
    account_id: int
    message_id: int | None
    inbox_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DueCallback:
    """A request whose turn it is. `since` is when its time began, Unix ms."""

    id: int
    account_id: int
    dialect: str
    host: str
    request: CallbackRequest
    tries: int
    since: int


@dataclass(frozen=True, slots=True)
class DuePage:
    """What is due, by host, oldest first; `next_at` is when the first of the others will be."""

    hosts: Mapping[str, Sequence[DueCallback]]
    next_at: int | None


class CallbackStore(Protocol):
    """The durable queue. Writes return after their COMMIT."""

    async def begin(self, urls: Mapping[int, str | None], calling: Sequence[int]) -> FeedStart:
        """Once, at the start. `urls`: callback_url of every account; `calling`: accounts that may have calls.

        What waits for an account that is gone, or for a callback_url that was taken out, is dropped; what waits
        for a callback_url that was changed goes to the new one.
        """
        ...

    async def page(self, cursor: int, accounts: Sequence[int], limit: int) -> FeedPage: ...

    async def feed(self, before: int, cursor: int, new: Sequence[NewCallback], notes: Sequence[Note]) -> None:
        """Queue requests and move the cursor in one; nothing if the cursor is beyond `before` already."""
        ...

    async def due(self, now: int, busy: Mapping[str, int], per_host: int) -> DuePage:
        """For each host `per_host` more than are `busy` there: those under way are among them."""
        ...

    async def settle(
        self, id: int, state: CallbackState, *, due_at: int | None, status: int | None, error: str | None
    ) -> None:
        """Kept. The outcome of one try; the next of the stream gets its turn unless this one waits again."""
        ...

    async def release(self, host: str) -> int:
        """The host answers again: those that had no answer from it are due now."""
        ...

    async def replay(self, account_id: int, *, id: int | None, failed: bool, since: int | None) -> int: ...

    async def purge(self, done_before: int, failed_before: int) -> int:
        """Remove what ended before these times; how many."""
        ...

    async def list(
        self, account_id: int, state: CallbackState | None, after: int, limit: int
    ) -> list[CallbackView]: ...

    async def counts(self) -> Mapping[CallbackState, int]:
        """How many wait and how many have failed."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """The receiver's answer. Names of headers in lower case; the body up to a limit."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """There was none. `reason` is a sentence; `never`: there cannot be one, whenever it is tried."""

    reason: str
    never: bool = False


class Caller(Protocol):
    """Makes one HTTP request, within its own limits of time. Follows no redirects, raises nothing."""

    async def call(
        self, request: CallbackRequest, headers: Mapping[str, str], *, want_body: bool
    ) -> Answered | NoAnswer:
        """`headers` are ours, beside the request's own. Without `want_body` a status is answer enough."""
        ...

    async def close(self) -> None: ...
