"""Makes the HTTP requests of callbacks: the client session, its limits of time and size, failures in words.

Follows no redirects, keeps no cookies, uses no proxy, checks TLS certificates.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from modemgw import __version__
from modemgw.domain.callback import CallbackRequest
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
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self, request: CallbackRequest, headers: Mapping[str, str], *, want_body: bool
    ) -> Answered | NoAnswer:
        """One request; nothing is raised."""
        session = self._session = self._session or self._open()
        ours = {"User-Agent": f"modemgw/{__version__}", "Accept-Encoding": "identity", **headers}
        lower = {name.lower() for name in request.headers}
        sent = {**{name: value for name, value in ours.items() if name.lower() not in lower}, **request.headers}
        try:
            # the dialect's own percent signs: they may stand for another charset than UTF-8
            url = URL(request.url, encoded=request.url.isascii())
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
            return NoAnswer(self._sentence(error), never=isinstance(error, aiohttp.InvalidURL))
        except TimeoutError:
            return NoAnswer(f"The receiver did not answer within {self._total_s:g} s.")
        except (ValueError, UnicodeError):
            return NoAnswer("The URL cannot be called.", never=True)
        except OSError as error:
            return NoAnswer(f"The receiver cannot be reached: {error.strerror or error}.")

    async def close(self) -> None:
        """Close connections and threads."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            # the number of calls at a time is the caller's matter
            connector=aiohttp.TCPConnector(limit=0, resolver=_Resolver(), ttl_dns_cache=30),
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


class _Resolver(AbstractResolver):
    """Names by the system's resolver, in threads of its own."""

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
