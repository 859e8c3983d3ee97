"""One HTTP request to an online gateway: made once, never repeated, with its end in one of three words.

Owns limits of time and size and the phase in which a request broke. Knows no provider.

aiohttp repeats GET, PUT and DELETE by itself when a server closes the connection: a text would be sent twice without
any sign of it. That is switched off here, by an attribute that is not public; tests/unit/upstream/test_client.py counts
the requests at a server that closes, for every method. Each request has a connection of its own, so that a connection
which the server has just given up is never taken for one that is alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import SimpleNamespace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from modemgw import __version__
from modemgw.domain.upstream import TryOutcome, WireAnswer, WireCall


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How long a request may take, and how much of an answer is read."""

    connect_s: float = 5.0  # name, connection and TLS together
    total_s: float = 30.0
    body: int = 1 << 20  # octets; a longer answer is no readable one


@dataclass(frozen=True, slots=True)
class Broken:
    """There was no whole answer. `outcome` is NOT_SENT (no octet of the request can have arrived) or UNKNOWN."""

    outcome: TryOutcome
    reason: str  # a sentence
    network: bool = False  # the way to the gateway was missing: name, route, connection


class OnceClient:
    """Makes requests. One object serves all gateways; the session is opened by the first request."""

    def __init__(self, limits: ClientLimits = ClientLimits(), *, tls: ssl.SSLContext | None = None) -> None:
        """`tls` replaces the system's certificates (tests, or `[[upstream]] ca_file`); they are always checked."""
        self._limits = limits
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def call(self, call: WireCall, *, total_s: float | None = None) -> WireAnswer | Broken:
        """One request; nothing is raised but CancelledError. The answer's body may be empty, and is whole."""
        limits = self._limits if total_s is None else replace(self._limits, total_s=total_s)
        trace = _Trace()
        try:
            url = URL(call.url, encoded=call.url.isascii())
            session = self._session = self._session or self._open()
            async with session.request(
                call.method,
                url,
                data=call.body or None,
                headers=_headers(call),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=limits.total_s, connect=limits.connect_s, sock_connect=limits.connect_s
                ),
                trace_request_ctx=trace,
            ) as response:
                body = await _read(response, limits.body)
                if body is None:
                    return Broken(TryOutcome.UNKNOWN, f"Its answer is longer than {limits.body // 1024} KiB.")
                headers = {name.lower(): value for name, value in response.headers.items()}
                return WireAnswer(response.status, headers, body)
        except aiohttp.ClientError as error:
            return _broken(_sentence(error, limits), trace, isinstance(error, aiohttp.ClientConnectorError))
        except TimeoutError:
            return _broken(f"It did not answer within {limits.total_s:g} s.", trace, not trace.written)
        except (ValueError, UnicodeError) as error:
            return _broken(f"The request cannot be made: {error}.", trace, False)
        except OSError as error:
            return _broken(f"It cannot be reached: {_why(error)}.", trace, True)

    async def reach(self, url: str) -> Broken | None:
        """A connection to where a URL points, TLS handshake included, and nothing said on it; None if there is one."""
        try:
            parts = URL(url)
            tls = (self._tls or ssl.create_default_context()) if parts.scheme in ("https", "smpps") else None
            async with asyncio.timeout(self._limits.connect_s):
                _, writer = await asyncio.open_connection(parts.host, parts.port, ssl=tls)
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
        except TimeoutError:
            return Broken(TryOutcome.NOT_SENT, f"No connection to it within {self._limits.connect_s:g} s.", True)
        except ssl.SSLError as error:
            text = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
            return Broken(TryOutcome.NOT_SENT, f"The TLS connection to it failed: {text}.")
        except OSError as error:
            return Broken(TryOutcome.NOT_SENT, f"It cannot be reached: {_why(error)}.", True)
        except ValueError as error:
            return Broken(TryOutcome.NOT_SENT, f"The address cannot be called: {error}.")
        return None

    async def close(self) -> None:
        """Close connections and threads."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        tracing = aiohttp.TraceConfig()
        tracing.on_request_headers_sent.append(_written)
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0,
                force_close=True,
                resolver=Resolver(),
                use_dns_cache=False,
                ssl=True if self._tls is None else self._tls,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            trace_configs=[tracing],
        )
        session._retry_connection = False
        return session


@dataclass(slots=True)
class _Trace:
    """How far a request has got."""

    written: bool = False  # its first octets may have left


def _why(error: OSError) -> str:
    """The system's own word for it; asyncio's has the address in it."""
    return os.strerror(error.errno) if error.errno else str(error)


async def _written(_session: object, context: SimpleNamespace, _parameters: object) -> None:
    context.trace_request_ctx.written = True


def _headers(call: WireCall) -> Mapping[str, str]:
    ours = {"User-Agent": f"modemgw/{__version__}", "Accept-Encoding": "identity"}
    given = {name.lower() for name in call.headers}
    return {**{name: value for name, value in ours.items() if name.lower() not in given}, **call.headers}


def _broken(reason: str, trace: _Trace, network: bool) -> Broken:
    outcome = TryOutcome.UNKNOWN if trace.written else TryOutcome.NOT_SENT
    return Broken(outcome, reason, network and not trace.written)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """The whole body; None if it is longer than the limit."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(16_384):
        body += chunk
        if len(body) > limit:
            response.close()
            return None
    return bytes(body)


def _sentence(error: aiohttp.ClientError, limits: ClientLimits) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"No connection to it within {limits.connect_s:g} s."
    if isinstance(error, TimeoutError):
        return f"It did not answer within {limits.total_s:g} s."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"The host {error.host} is not known."
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorSSLError) else error.certificate_error
        text = cause.verify_message if isinstance(cause, ssl.SSLCertVerificationError) else str(cause)
        return f"The TLS connection to it failed: {text}."
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"It cannot be reached: {_why(error.os_error)}."
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "It closed the connection without an answer."
    if isinstance(error, aiohttp.ClientPayloadError):
        return "Its answer broke off."
    if isinstance(error, aiohttp.InvalidURL):
        return "The address cannot be called."
    return f"What answers is not HTTP ({type(error).__name__})."


#: Names looked up at a time, in threads of their own: a name server that is silent blocks nobody else.
RESOLVER_THREADS = 16


class Resolver(AbstractResolver):
    """Names by the system's resolver."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="modemgw-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of a host. Raises OSError."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """End the threads that are idle; one that waits for a name server ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
