"""Serves the providers' dialects over HTTP: a request becomes a WireRequest, a WireResponse the answer.

Owns paths, bytes and limits. What commands do is in service/commands.py; knows nothing of any provider.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web
from yarl import URL

from modemgw.config import HttpSettings
from modemgw.dialects.seam import Dialect, GetSettings, Handler, Hold, Route, Throttle, WireRequest, WireResponse
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command
from modemgw.servers.http.access import read_body
from modemgw.servers.http.connection import Connection
from modemgw.servers.http.doorstep import Wording
from modemgw.servers.http.peer import Peers
from modemgw.servers.http.problems import of_refusal, of_status
from modemgw.service.commands import CommandRunner

log = logging.getLogger(__name__)

#: Header in which a dialect says in words why it refuses, for the log and for whoever looks at the answer.
REASON = "X-Modemgw-Reason"

#: Slashes that a base URL with one at its end and a path with one at its start come to.
_SLASHES = re.compile(r"/{2,}")


@dataclass(slots=True)
class _Place:
    """What is served at a path: a handler for each method ("*": for any), and whose it is."""

    owner: str
    dialect: str
    path: str
    prefix: str  # "/<dialect>" where it is served under that, else empty
    handlers: dict[str, Handler] = field(default_factory=dict)

    def handler(self, method: str) -> Handler | None:
        """GET serves HEAD as well: the answer without its body."""
        found = self.handlers.get(method) or self.handlers.get("*")
        return self.handlers.get("GET") if found is None and method == "HEAD" else found


class Paths:
    """Paths of all dialects. The exact one counts before one in any case, and that before the longest `…*`."""

    def __init__(self, reserved: Mapping[str, str] | None = None) -> None:
        self._reserved = reserved or {}
        self._exact: dict[str, _Place] = {}
        self._folded: dict[str, _Place] = {}
        self._starts: dict[str, _Place] = {}
        self._folded_starts: dict[str, _Place] = {}
        self._lengths: list[int] = []  # of the starts, longest first

    def add(self, dialect: Dialect) -> None:
        """All routes of a dialect, twice. Raises ValueError for a path that is taken, naming both."""
        for prefix in ("", f"/{dialect.name}"):
            for route in dialect.routes:
                self._add(dialect, route, prefix)

    def _add(self, dialect: Dialect, route: Route, prefix: str) -> None:
        path = prefix + route.path
        if not route.path.startswith("/") or "*" in route.path[:-1]:
            raise ValueError(f"{dialect.title}: a path starts with / and may end in *, not {route.path!r}")
        starts = path.endswith("*")
        key = path.removesuffix("*")
        exact, folded = (self._starts, self._folded_starts) if starts else (self._exact, self._folded)
        owner = f"{dialect.title} ({path})"
        if not starts and (reserved := self._reserved.get(path)):
            raise ValueError(f"{owner} clashes with {reserved}")
        rivals = [exact.get(key), folded.get(key.lower())]
        if route.any_case:
            rivals += [place for other, place in exact.items() if other.lower() == key.lower()]
        for rival in rivals:
            if rival is not None and (rival.dialect != dialect.name or _meet(rival.handlers, route.methods)):
                raise ValueError(f"{owner} clashes with {rival.owner}")
        table = folded if route.any_case else exact
        place = table.setdefault(
            key.lower() if route.any_case else key, _Place(owner, dialect.name, route.path, prefix)
        )
        for method in route.methods:
            place.handlers[method] = route.handler
        if starts and len(key) not in self._lengths:
            self._lengths = sorted([*self._lengths, len(key)], reverse=True)

    def find(self, path: str) -> _Place | None:
        """What is served at a path."""
        lower = path.lower()
        found = self._exact.get(path) or self._folded.get(lower)
        if found is not None:
            return found
        for end in self._lengths:
            found = self._starts.get(path[:end]) or self._folded_starts.get(lower[:end])
            if found is not None:
                return found
        return None

    def __iter__(self) -> Iterator[str]:
        for table in (self._exact, self._folded, self._starts, self._folded_starts):
            yield from table


def _meet(handlers: Mapping[str, Handler], methods: Sequence[str]) -> bool:
    return any(method in handlers or method == "*" or "*" in handlers for method in methods)


class DialectShell:
    """Serves each dialect at its provider's own paths and again under /<dialect>/, whatever the host is called."""

    def __init__(
        self,
        runner: CommandRunner,
        settings: HttpSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._runner = runner
        self._read_timeout_s = settings.read_timeout_s
        self._peers = Peers(settings.trusted_proxies)
        self._clock = clock
        self.paths = Paths()

    def reserve(self, paths: Mapping[str, str]) -> None:
        """Paths that no dialect can have, each with who has it."""
        self.paths = Paths(paths)

    def register(self, dialect: Dialect) -> None:
        """Add the dialect's routes. Raises ValueError for a path that another has."""
        self.paths.add(dialect)

    def mount(self, router: web.UrlDispatcher) -> None:
        """Serve what was registered, where the router has nothing of its own."""
        router.register_resource(DialectResource(self))

    def find(self, path: str) -> tuple[_Place, str] | None:
        """What is served at a path, and the path without `/<dialect>`."""
        path = _SLASHES.sub("/", path)
        place = self.paths.find(path)
        return None if place is None else (place, path[len(place.prefix) :])

    async def serve(self, request: web.Request) -> web.Response:
        """One request from its first octet to its last."""
        place, handler, wire = self._read(request, await read_body(request, self._read_timeout_s))
        connection = request.protocol
        refusals: list[Refusal] = []
        try:
            answer = await self._runner.drive(
                handler(wire),
                known=connection.trust if isinstance(connection, Connection) else None,
                refused=refusals.append,
            )
        except Refusal as refusal:
            log.error("%s %s let a refusal through: %s", place.owner, request.method, refusal)
            return of_refusal(refusal)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s failed", place.owner, request.method)
            return of_status(500)
        if answer.reason:
            log.info("%s refused a request: %s", place.owner, _line(answer.reason))
        response = _response(answer, answer.status)
        for heard in refusals:
            if heard.retry_after_s is not None:  # "not now", for those whose words do not say it
                response.headers.setdefault(hdrs.RETRY_AFTER, str(heard.retry_after_s))
                response.headers.setdefault(REASON, _line(str(heard)))
        return response

    async def refuse(self, request: web.Request, refusal: Refusal, status: int) -> web.Response:
        """What the dialect says to whom it must not even ask for credentials; its body is not read."""
        place, handler, wire = self._read(request, b"")
        try:
            answer = await _RefusingRunner(self._runner, refusal).drive(handler(wire))
        except Exception:  # it has no word for that: it is asked before it knows anything
            log.debug("%s has no word for %s", place.owner, refusal, exc_info=True)
            response = of_status(status, str(refusal))
        else:
            response = _response(answer, status)
        response.headers[REASON] = _line(str(refusal))
        return response

    def wording(self, request: web.Request) -> Wording | None:
        """How a request is refused, if it is one for a dialect."""
        return self.refuse if isinstance(request.match_info.route.resource, DialectResource) else None

    def _read(self, request: web.Request, body: bytes) -> tuple[_Place, Handler, WireRequest]:
        found = self.find(request.path)
        assert found is not None
        place, path = found
        handler = place.handler(request.method)
        assert handler is not None
        wire = WireRequest(
            method="GET" if request.method == "HEAD" and "HEAD" not in place.handlers else request.method,
            path=path,
            raw_query=request.raw_path.partition("?")[2].encode("utf-8", "surrogateescape"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            remote=self._peers.address(request) or "",
            now=int(self._clock() * 1000),
            scheme=self._peers.scheme(request),
        )
        return place, handler, wire


class _RefusingRunner(CommandRunner):
    """Refuses all commands but those that only look at the configuration."""

    def __init__(self, runner: CommandRunner, refusal: Refusal) -> None:
        super().__init__(runner.gateway)
        self._refusal = refusal

    async def run(self, command: Command, holds: ExitStack | None = None) -> Any:
        if isinstance(command, GetSettings):
            return await super().run(command, holds)
        if isinstance(command, Throttle | Hold):
            return True
        raise self._refusal


def _response(answer: WireResponse, status: int) -> web.Response:
    headers = {**answer.headers, "Content-Type": answer.content_type}
    if answer.reason:
        headers[REASON] = _line(answer.reason)
    return web.Response(body=answer.body, status=status, headers=headers)


def _line(sentence: str) -> str:
    """What of a sentence a header can hold: one line of ASCII, the rest as question marks."""
    return "".join(char if " " <= char <= "~" else "?" for char in " ".join(sentence.split()))[:500]


class DialectResource(web.AbstractResource):
    """All paths that the router has no route for. The router asks it last, for it stands at the root."""

    def __init__(self, shell: DialectShell) -> None:
        super().__init__(name="dialects")
        self._shell = shell

    @property
    def canonical(self) -> str:
        return "/"

    async def resolve(self, request: web.Request) -> tuple[web.UrlMappingMatchInfo | None, set[str]]:
        found = self._shell.find(request.path)
        if found is None:
            return None, set()
        place, _ = found
        if place.handler(request.method) is None:
            return None, set(place.handlers)
        route = web.ResourceRoute(request.method, self._shell.serve, self)
        return web.UrlMappingMatchInfo({}, route), set()

    def add_prefix(self, prefix: str) -> None:
        raise NotImplementedError("dialects are served at the root")

    def url_for(self, **kwargs: str) -> URL:
        raise NotImplementedError("a dialect has many addresses")

    def get_info(self) -> dict[str, object]:  # type: ignore[override]
        return {}

    def raw_match(self, path: str) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())
