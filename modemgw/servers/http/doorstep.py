"""What is refused before anybody is asked who they are: packed bodies, foreign pages, names that are not ours.

A web page of somebody else can make its visitors' browsers send requests here, with what they are logged in by, or
under a name that it has made point here. A browser tells: by Origin, Sec-Fetch-Site, Cookie. Programs send none of
these and are not asked.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.servers.http.problems import RequestProblem

_PORTS = {"http": 80, "https": 443}

#: Headers that browsers send and programs do not.
_OF_BROWSERS = ("Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Cookie")

#: What a link on somebody else's page may lead to.
_PAGES = ("/", "/docs", "/openapi.json", "/ui", "/ui/")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: A route's own way of wording a refusal; others get a problem.
Wording = Callable[[web.Request, Refusal, int], Awaitable[web.StreamResponse]]


class Doorstep:
    """`names` are hosts we are known by, `public_url` another; IP addresses and localhost are always ours."""

    def __init__(self, names: Sequence[str] = (), public_url: str | None = None) -> None:
        public = urlsplit(public_url).hostname if public_url is not None else None
        self._names = {name.lower().rstrip(".") for name in names} | ({public.lower()} if public else set())

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, RequestProblem] | None:
        """Why a request is refused, and its HTTP status; None if it may come in."""
        coding = headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            return _problem(415, f"Send the body as it is, without Content-Encoding: {coding[:40]}.", "packed")
        browser = any(name in headers for name in _OF_BROWSERS)
        if (browser or is_page(path)) and not self.is_ours(headers.get("Host", "")):
            host = headers.get("Host", "")[:80]
            return _problem(
                421, f"This gateway is not known as {host!r}; add the name to `hosts` in [http].", "wrong_host"
            )
        if browser and self._is_foreign(method, path, headers):
            return _problem(403, "A page of another site may not make requests to this gateway.", "cross_site")
        return None

    def is_ours(self, host: str) -> bool:
        """True for a Host header (`name`, `name:port`, `[::1]:port`) that names this service."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        name = name.lower().rstrip(".")
        if name == "localhost" or name.endswith(".localhost") or name in self._names:
            return True
        try:
            ipaddress.ip_address(name.partition("%")[0])
        except ValueError:
            return False
        return True

    def _is_foreign(self, method: str, path: str, headers: Mapping[str, str]) -> bool:
        """True if a page of another site has the browser ask."""
        site = headers.get("Sec-Fetch-Site")
        if site in ("same-origin", "none"):  # the browser has compared, or a person has typed the address
            return False
        if method in ("GET", "HEAD") and headers.get("Sec-Fetch-Mode") == "navigate":
            return path not in _PAGES and not is_page(path)
        origin = headers.get("Origin")
        if origin is not None:
            return not self._is_own_page(origin, headers.get("Host", ""))
        return site is not None

    def _is_own_page(self, origin: str, host: str) -> bool:
        """True for a page of this service, called as `host` or, behind a proxy that changes that, by a name of ours."""
        try:
            theirs, ours = urlsplit(origin), urlsplit(f"//{host}")
            default = _PORTS.get(theirs.scheme)
            if default is None or theirs.hostname is None:
                return False
            same_port = (theirs.port or default) == (ours.port or default)
            return (theirs.hostname == ours.hostname and same_port) or theirs.hostname in self._names
        except ValueError:
            return False

    def middleware(self, wordings: Callable[[web.Request], Wording | None]) -> Any:
        """Refuses in the words of the route where `wordings` has some."""

        @web.middleware
        async def at_the_doorstep(request: web.Request, handler: Handler) -> web.StreamResponse:
            refused = self.refusal(request.method, request.path, request.headers)
            if refused is None:
                return await handler(request)
            status, problem = refused
            wording = wordings(request)
            if wording is None:
                raise problem
            return await wording(request, Refusal(RefusalKind.FORBIDDEN, str(problem.detail)), status)

        return at_the_doorstep


def is_page(path: str) -> bool:
    """True for what only people with a browser ask for."""
    return path == "/ui" or path.startswith("/ui/")


def _problem(status: int, detail: str, kind: str) -> tuple[int, RequestProblem]:
    return status, RequestProblem(status, detail, kind=kind, close=status == 415)
