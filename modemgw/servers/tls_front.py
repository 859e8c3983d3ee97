"""A TLS door before the HTTP server: what comes in encrypted goes on in the clear, and back. Knows no HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

from modemgw.servers.listen import listen

CONNECT_S = 10.0
IDLE_S = 180.0
PIECE = 65_536


class TlsFront:
    """A running TLS front."""

    def __init__(self, server: asyncio.Server, port: int) -> None:
        self._server = server
        self.port = port

    async def close(self) -> None:
        """Take no more connections."""
        self._server.close()
        await self._server.wait_closed()


async def start_tls_front(address: str, chain: Path, key: Path, host: str, port: int) -> TlsFront:
    """Serve TLS on `address` and forward to `host:port`. Raises ListenError."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    # clients that have a provider's host built in are old as often as not
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(chain, key)
    sock = listen(address)

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

    try:
        server = await asyncio.start_server(serve, sock=sock, ssl=context)
    except BaseException:
        sock.close()
        raise
    return TlsFront(server, sock.getsockname()[1])


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
        while True:
            async with asyncio.timeout(IDLE_S):
                piece = await reader.read(PIECE)
            if not piece:
                break
            writer.write(piece)
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
