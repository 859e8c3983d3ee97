"""What callbacks need from below and beside them, as protocols: their queue, and somebody who makes HTTP requests.

Implemented by store/callbacks.py and servers/http/caller.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modemgw.domain.callback import (
    CallbackRequest,
    CallbackState,
    CallbackView,
    DuePage,
    FeedPage,
    FeedStart,
    NewCallback,
    Note,
)


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
        self,
        request: CallbackRequest,
        headers: Mapping[str, str],
        *,
        want_body: bool,
        guard: Sequence[str] | None = None,
    ) -> Answered | NoAnswer:
        """`headers` are ours, beside the request's own. Without `want_body` a status is answer enough. With a
        `guard` only addresses are called that `may_reach` allows with these networks."""
        ...

    async def close(self) -> None: ...
