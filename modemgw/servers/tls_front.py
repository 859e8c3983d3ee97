"""A TLS door before the HTTP server: what comes in encrypted goes on in the clear, and back. Knows no HTTP.

Beside it, if asked for, a door without TLS: old libraries of the same providers say http://.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from modemgw.servers.front import Front, FrontLimits, Guest
from modemgw.servers.listen import listen

CONNECT_S = 10.0
IDLE_S = 180.0
CHUNK = 65_536

#: Half of what the HTTP server behind it takes.
LIMITS = FrontLimits(total=250, per_address=100)


class TlsFront:
    """A running front; `plain_port` is that of the door without TLS, 0 where there is none."""

    def __init__(self, front: Front, port: int, plain_port: int) -> None:
        self._front = front
        self.port = port
        self.plain_port = plain_port

    async def close(self) -> None:
        """Take no more connections."""
        await self._front.close()


class _Stream(asyncio.StreamReaderProtocol):
    """asyncio's stream, which tells when it is closed."""

    def __init__(
        self, guest: Guest, serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(asyncio.StreamReader(loop=loop), serve, loop=loop)
        self._guest = guest

    def connection_lost(self, exc: Exception | None) -> None:
        self._guest.left()
        super().connection_lost(exc)


async def start_tls_front(
    address: str, chain: Path, key: Path, host: str, port: int, *, plain: str | None = None
) -> TlsFront:
    """Serve TLS on `address`, and without TLS on `plain`; forward to `host:port`. Raises ListenError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # clients that have a provider's host built in are old as often as not
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    sock = listen(address)
    try:
        plain_sock = listen(plain) if plain is not None else None
    except BaseException:
        sock.close()
        raise

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                inner_reader, inner_writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            body = b"modemgw is not running behind this stand-in.\n"
            writer.write(
                b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body
            )
            await _end(writer)
            return
        try:
            await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))
        finally:
            await _end(inner_writer)
            await _end(writer)

    front = Front("TLS", LIMITS, lambda guest: _Stream(guest, serve), handshake_s=CONNECT_S)
    front.serve(sock, lambda: context)
    if plain_sock is not None:
        front.serve(plain_sock)
    return TlsFront(front, sock.getsockname()[1], plain_sock.getsockname()[1] if plain_sock is not None else 0)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        while True:
            async with asyncio.timeout(IDLE_S):
                chunk = await reader.read(CHUNK)
            if not chunk:
                break
            writer.write(chunk)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()
        else:
            writer.close()


async def _end(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        writer.close()
        await writer.wait_closed()
