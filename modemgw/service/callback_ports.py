"""What callbacks need beside their queue: somebody who makes HTTP requests. Implemented by servers/http/caller.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modemgw.domain.callback import (
    CallbackRequest,
)


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
