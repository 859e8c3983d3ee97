"""The seam between a provider's API and the gateway. A dialect is a translator without I/O.

A dialect is a set of routes; each route's handler is a generator: it gets a `WireRequest`, yields `Command`s,
is sent their results (or has a `Refusal` thrown into it) and returns a `WireResponse`. The shell that runs it
(servers/http) owns sockets, limits and time. No rule about sending lives in a dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modemgw.domain.account import Account
from modemgw.domain.message import Submission


@dataclass(frozen=True, slots=True)
class WireRequest:
    """An HTTP request as it came: nothing decoded beyond the percent signs' octets. `now` is Unix ms."""

    method: str
    path: str  # percent-decoded
    raw_query: bytes  # what follows the `?`, as sent
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    remote: str  # IP address of the peer
    now: int
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WireResponse:
    """What goes back. `content_type` is the whole header value, with the charset the body really has."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class Command:
    """Something a dialect wants done. Subclasses say what comes back; a refusal is thrown as `Refusal`."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """-> Account. By login and password (plain, or its MD5 in hex where `md5` allows it), or by API key."""

    login: str | None = None
    password: str | None = None
    api_key: str | None = None
    md5: bool = False
    remote: str | None = None


@dataclass(frozen=True, slots=True)
class Submit(Command):
    """-> list[Accepted | Refusal], one for each submission, in order. Accepted ones are durable."""

    account: Account
    submissions: Sequence[Submission]


@dataclass(frozen=True, slots=True)
class PlanText(Command):
    """-> Accepted-like counts without storing: list[int | Refusal] (parts) for each submission, in order."""

    account: Account
    submissions: Sequence[Submission]


@dataclass(frozen=True, slots=True)
class FindMessage(Command):
    """-> MessageView | None. By our id, by client_ref, or by a dialect's own key kept in `extra["ref"]`."""

    account: Account
    id: int | None = None
    ref: str | None = None
    to: str | None = None  # digits; the message must have gone there


@dataclass(frozen=True, slots=True)
class ListModems(Command):
    """-> list[ModemView]. All modems, so that a sender that names one can pick its line."""


@dataclass(frozen=True, slots=True)
class GetBalance(Command):
    """-> Balance."""

    account: Account


@dataclass(frozen=True, slots=True)
class Balance:
    """Money as decimal text, as configured or as the SIM said."""

    amount: str
    currency: str


#: What a handler is: `response = yield from …`, `result = yield Command(...)`.
Handler = Callable[[WireRequest], Generator[Command, Any, WireResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the provider. `path` is exact; methods in upper case."""

    methods: tuple[str, ...]
    path: str
    handler: Handler


@dataclass(frozen=True, slots=True)
class Dialect:
    """A provider's API. Its routes are served at their own paths and again under `/<name>/`."""

    name: str
    title: str
    routes: tuple[Route, ...]
