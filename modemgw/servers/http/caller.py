"""Makes the HTTP requests of callbacks: the client session, its limits of time and size, failures in words.

Follows no redirects, keeps no cookies, uses no proxy, checks TLS certificates. Where a client has named the URL, no
address of a private network is called that the configuration does not list: names are judged when they have become
addresses, and such requests share no connection and no remembered address with others.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from modemgw import __version__
from modemgw.domain.callback import CallbackRequest, address_of, may_reach
from modemgw.service.callback_ports import Answered, NoAnswer

CONNECT_S = 5.0
TOTAL_S = 20.0

#: Octets of an answer that are read; a dialect's reply fits many times.
BODY_LIMIT = 65_536

#: Names looked up at a time. Apart from everybody else's threads: a name server that is silent blocks only these.
RESOLVER_THREADS = 16


class HttpCaller:
    """See `service.callback_ports.Caller`. The session is made by the first call."""

    def __init__(self, *, connect_s: float = CONNECT_S, total_s: float = TOTAL_S) -> None:
        self._connect_s = connect_s
        self._total_s = total_s
        self._sessions: dict[tuple[str, ...] | None, aiohttp.ClientSession] = {}  # by guard; None: no guard

    async def call(
        self,
        request: CallbackRequest,
        headers: Mapping[str, str],
        *,
        want_body: bool,
        guard: Sequence[str] | None = None,
    ) -> Answered | NoAnswer:
        """One request; nothing is raised."""
        networks = None if guard is None else tuple(guard)
        ours = {"User-Agent": f"modemgw/{__version__}", "Accept-Encoding": "identity", **headers}
        lower = {name.lower() for name in request.headers}
        sent = {**{name: value for name, value in ours.items() if name.lower() not in lower}, **request.headers}
        try:
            # the dialect's own percent signs: they may stand for another charset than UTF-8
            url = URL(request.url, encoded=request.url.isascii())
            host = url.raw_host or ""
            if networks is not None and address_of(host) is not None and not may_reach(host, networks):
                return NoAnswer(_out_of_bounds(host), never=True)
            if networks not in self._sessions:
                self._sessions[networks] = self._open(networks)
            session = self._sessions[networks]
            async with session.request(
                request.method, url, data=request.body or None, headers=sent, allow_redirects=False
            ) as response:
                body = b""
                with contextlib.nullcontext() if want_body else contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    body = await _read(response)
                return Answered(
                    response.status, {name.lower(): value for name, value in response.headers.items()}, body
                )
        except aiohttp.ClientError as error:
            if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, OutOfBounds):
                return NoAnswer(str(error.os_error), never=True)
            return NoAnswer(self._sentence(error), never=isinstance(error, aiohttp.InvalidURL))
        except TimeoutError:
            return NoAnswer(f"The receiver did not answer within {self._total_s:g} s.")
        except (ValueError, UnicodeError):
            return NoAnswer("The URL cannot be called.", never=True)
        except OSError as error:
            return NoAnswer(f"The receiver cannot be reached: {error.strerror or error}.")

    async def close(self) -> None:
        """Close connections and threads."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    def _open(self, networks: tuple[str, ...] | None) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # the number of calls at a time is the caller's matter
            connector=aiohttp.TCPConnector(limit=0, resolver=_Resolver(networks), ttl_dns_cache=30),
            timeout=aiohttp.ClientTimeout(total=self._total_s, connect=self._connect_s, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            requote_redirect_url=False,
        )

    def _sentence(self, error: aiohttp.ClientError) -> str:
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"No connection to the receiver within {self._connect_s:g} s."
        if isinstance(error, TimeoutError):
            return f"The receiver did not answer within {self._total_s:g} s."
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return f"The host {error.host} is not known."
        if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
            reason = error.os_error if isinstance(error, aiohttp.ClientConnectorSSLError) else error.certificate_error
            text = reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else str(reason)
            return f"The TLS connection to the receiver failed: {text}."
        if isinstance(error, aiohttp.ClientConnectorError):
            return f"The receiver cannot be reached: {error.os_error.strerror or error.os_error}."
        if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
            return "The receiver closed the connection without an answer."
        if isinstance(error, aiohttp.ClientPayloadError):
            return "The receiver's answer broke off."
        if isinstance(error, aiohttp.InvalidURL):
            return "The URL cannot be called."
        return f"What answers is not HTTP ({type(error).__name__})."


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, as far as the limit; a longer one costs its connection."""
    body = b""
    async for chunk in response.content.iter_chunked(16_384):
        body += chunk
        if len(body) >= BODY_LIMIT:
            response.close()
            return body[:BODY_LIMIT]
    return body


class OutOfBounds(OSError):
    """A name stands for addresses only that may not be called. The sentence says which and what to do."""


def _out_of_bounds(host: str, address: str | None = None) -> str:
    stands = f"{host} is" if address is None else f"{host} is {address},"
    return (
        f"{stands} an address of a private network, which a request may not have called: "
        "list the network in the account's callback_networks, or give a callback_url there."
    )


class _Resolver(AbstractResolver):
    """Names by the system's resolver, in threads of its own. With `networks` only addresses that may be called."""

    def __init__(self, networks: tuple[str, ...] | None) -> None:
        self._networks = networks
        self._pool = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="modemgw-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Addresses of a host. Raises OSError, OutOfBounds among them."""
        found = await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
        )
        if self._networks is not None:
            inside = [entry for entry in found if may_reach(str(entry[4][0]), self._networks)]
            if found and not inside:
                raise OutOfBounds(_out_of_bounds(host, str(found[0][4][0])))
            found = inside
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
