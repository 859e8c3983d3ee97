"""Doors before the HTTP server: one with TLS, whose traffic goes on in the clear, and one without, for libraries that
say http://. Either may be left out. Knows no HTTP."""

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
    """A running front; `port` is that of the door with TLS, `plain_port` of the one without, 0 where there is none."""

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
    host: str, port: int, *, tls: tuple[str, Path, Path] | None = None, plain: str | None = None
) -> TlsFront:
    """Forward to `host:port` what comes in with TLS (`tls`: address, certificates, key) and without, at the address
    `plain`. Raises ListenError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # clients that have a provider's host built in are old as often as not
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    sock = None
    if tls is not None:
        address, chain, key = tls
        context.load_cert_chain(chain, key)
        sock = listen(address)
    try:
        plain_sock = listen(plain) if plain is not None else None
    except BaseException:
        if sock is not None:
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
    if sock is not None:
        front.serve(sock, lambda: context)
    if plain_sock is not None:
        front.serve(plain_sock)
    return TlsFront(front, *(each.getsockname()[1] if each is not None else 0 for each in (sock, plain_sock)))


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
