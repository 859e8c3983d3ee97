"""Accepts the connections of a front door, decides who stays when there are too many, and hands on what they send.

Owns listening sockets, the number of open connections, how much is read at a time and when (`turns.py`), and running
out of file descriptors. A connection is a stranger's until it has shown right credentials (`Guest.trust`); strangers
make room, the oldest first. Knows no protocol.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import resource
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.domain.networks import within
from modemgw.rules.connections import ConnectionLimit
from modemgw.servers.seldom import SeldomLog
from modemgw.servers.turns import Turns, turns

log = logging.getLogger(__name__)

#: File descriptors that no connection gets: modems, the database and its files must be able to open theirs.
RESERVED_DESCRIPTORS = 16

#: Connections that are gone already, which are passed over in one turn.
GONE = 32

#: How long the door rests for a visitor who came and went without a word, and the longest for all of them.
SILENT_S, LONGEST_S = 0.0015, 0.05

#: Octets that are read from a connection at a time.
READ_SIZE = 16_384

#: Octets that are read away of what nobody will look at.
DISCARDED = 262_144

#: After an accept that failed.
RETRY_S = 0.2

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(frozen=True, slots=True)
class FrontLimits:
    """How many connections may be open: in all, and from one address.

    This machine and the networks `shared` (reverse proxies), behind which are many clients, have no limit of their
    own.
    """

    total: int = 500
    per_address: int = 100
    shared: Sequence[str] = ()


class Guest:
    """An accepted connection, until `left`. Its protocol calls `trust` and `left`."""

    __slots__ = ("_front", "address", "connecting", "lane", "spoke", "transport", "trusted")

    def __init__(self, front: Front, address: str) -> None:
        self._front = front
        self.connecting: asyncio.Task[None] | None = None
        self.address = self.lane = address
        self.transport: asyncio.BaseTransport | None = None
        self.trusted = False
        self.spoke = False

    def trust(self, login: str | None = None) -> None:
        """It has shown right credentials, of an account: it does not make room for others any more, nor waits with
        strangers."""
        self.trusted = True
        if login is not None:
            self.lane = f"account {login}"
        self._front.limit.trust(self)

    async def turn(self) -> None:
        """Return when it is this connection's turn to have something done that takes time."""
        await turns().turn(self)

    def discard(self) -> None:
        """Read away what has come already: a connection that is closed with something unread is reset, and its client
        may never see the answer."""
        if not isinstance(self.transport, asyncio.Transport) or self.transport.get_extra_info("sslcontext") is not None:
            return
        sock = self.transport.get_extra_info("socket")
        try:
            for _ in range(DISCARDED // READ_SIZE):
                if not os.read(sock.fileno(), READ_SIZE):
                    return
        except OSError:
            pass  # that was all, or it is gone

    def left(self) -> None:
        """It is closed."""
        self._front.limit.remove(self)
        if not self.spoke:
            self._front.owed_s += SILENT_S

    def abort(self) -> None:
        """Close it without a word."""
        self.left()
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        elif self.connecting is not None:
            self.connecting.cancel()


#: Makes the protocol of a connection.
ProtocolFactory = Callable[[Guest], asyncio.Protocol]


class _Entrance(asyncio.BufferedProtocol):
    """Between a transport and the protocol of a connection: hands on a piece when it is the connection's turn, and
    reads no third one while two wait."""

    __slots__ = ("_buffer", "_ended", "_guest", "_held", "_inner", "_paused", "_transport", "_turns")

    def __init__(self, guest: Guest, inner: asyncio.Protocol, turns: Turns, buffer: memoryview) -> None:
        self._guest = guest
        self._inner = inner
        self._turns = turns
        self._buffer = buffer  # that of the door: what is in it is copied before anybody else gets it
        self._held: list[bytes] | None = None
        self._paused = False
        self._ended = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def get_buffer(self, _sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(self._buffer[:nbytes])
        self._guest.spoke = True
        if self._held is not None:
            self._held.append(data)
            if not self._paused and self._transport is not None:  # most send nothing before they have an answer
                self._paused = True
                self._transport.pause_reading()
        elif self._turns.take(self._guest):
            self._inner.data_received(data)
        else:
            self._held = [data]
            self._turns.wait(self._guest, self._go)

    def eof_received(self) -> bool | None:
        if self._held is not None and self._transport is not None:
            if self._transport.get_extra_info("sslcontext") is None:
                self._ended = True
                return True  # the end is told behind what waits
            self._go()  # TLS is over at once
        return self._inner.eof_received()

    def _go(self) -> None:
        held, self._held = self._held, None
        if self._transport is None or held is None or self._transport.is_closing():
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()  # before: the protocol may want to pause
        self._inner.data_received(held[0] if len(held) == 1 else b"".join(held))
        if self._ended and not self._inner.eof_received():
            self._transport.close()


class Front:
    """`serve` for each listening socket, then `close`. `farewell`: what one more is told before it is closed;
    `read_size`: octets of a piece, which is looked at in one go."""

    def __init__(
        self,
        name: str,
        limits: FrontLimits,
        factory: ProtocolFactory,
        *,
        farewell: bytes = b"",
        read_size: int = READ_SIZE,
        handshake_s: float = 30.0,
    ) -> None:
        self._name = name
        self._limits = limits
        self._factory = factory
        self._farewell = farewell
        self._handshake_s = handshake_s
        self._seldom = SeldomLog(log)
        self._sockets: list[socket.socket] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self._buffer = memoryview(bytearray(read_size))
        self.owed_s = 0.0  # by those who came and went without a word
        self.limit: ConnectionLimit[Guest] = ConnectionLimit(limits.total, limits.per_address)

    def serve(self, sock: socket.socket, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        """Accept what comes to a listening socket, which is ours from now on. `tls` gives a connection's context."""
        self._sockets.append(sock)
        self._start(self._accept(sock, tls))

    async def close(self) -> None:
        """Accept nothing more. What is open stays open, but for what is still shaking hands."""
        self._closing = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._sockets:
            sock.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self, sock: socket.socket, tls: Callable[[], ssl.SSLContext] | None) -> None:
        loop = asyncio.get_running_loop()
        gone = GONE
        while True:
            if gone >= GONE:
                gone = 0
                if self.owed_s:
                    owed_s, self.owed_s = min(self.owed_s, LONGEST_S), 0.0
                    await asyncio.sleep(owed_s)
                await turns().newcomer()
            try:
                conn, peer = await loop.sock_accept(sock)
            except ConnectionAbortedError:
                continue
            except OSError as error:
                await self._failed(error)
                continue
            if _is_gone(conn):  # it costs nothing to speak of, and those behind it want to come in
                gone += 1
                conn.close()
                continue
            gone = GONE
            guest = self._admit(conn, peer)
            if guest is not None:
                self._connect(conn, guest, tls)

    async def _failed(self, error: OSError) -> None:
        evicted = self._evict() if error.errno in _EXHAUSTED else False
        self._seldom.warning(
            "accept", "%s: a connection could not be accepted: %s", self._name, error.strerror or str(error)
        )
        await asyncio.sleep(0.0 if evicted else RETRY_S)

    def _evict(self) -> bool:
        oldest = self.limit.oldest()
        if oldest is not None:
            oldest.abort()
        return oldest is not None

    def _admit(self, conn: socket.socket, peer: object) -> Guest | None:
        conn.setblocking(False)
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        guest = Guest(self, address)
        key = None if self._is_shared(address) else address
        if conn.fileno() >= descriptor_limit() - RESERVED_DESCRIPTORS and not self._evict():
            self._turn_away(conn, "file descriptors are running out")
            return None
        room = self.limit.add(guest, key)
        if room is not None:
            for oldest in room:
                self._seldom.warning(
                    "evicted",
                    "%s: too many connections: closing the oldest without credentials, from %s",
                    self._name,
                    oldest.address,
                )
                oldest.abort()
            return guest
        self._turn_away(conn, f"too many connections, {address} is turned away")
        return None

    def _turn_away(self, conn: socket.socket, why: str) -> None:
        self._seldom.warning("refused", "%s: %s", self._name, why)
        try:
            if self._farewell:
                conn.send(self._farewell)
        except OSError:
            pass  # it is gone, or does not read
        conn.close()

    def _connect(self, conn: socket.socket, guest: Guest, tls: Callable[[], ssl.SSLContext] | None) -> None:
        """From the accepted socket to a protocol with a transport, which owns the socket from then on."""

        def ended(_: asyncio.Task[None]) -> None:
            if guest.transport is None:  # it failed, or was cancelled before it began
                guest.left()
                conn.close()

        guest.connecting = self._start(self._make_transport(conn, guest, tls))
        guest.connecting.add_done_callback(ended)

    async def _make_transport(
        self, conn: socket.socket, guest: Guest, tls: Callable[[], ssl.SSLContext] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            guest.transport, _ = await loop.connect_accepted_socket(
                lambda: _Entrance(guest, self._factory(guest), turns(), self._buffer),
                conn,
                ssl=tls() if tls is not None else None,
                ssl_handshake_timeout=self._handshake_s if tls is not None else None,
            )
        except OSError as error:  # that of a handshake as well
            log.debug("%s: no connection with %s: %s", self._name, guest.address, error)

    def _is_shared(self, address: str) -> bool:
        return is_loopback(address) or bool(self._limits.shared and within(tuple(self._limits.shared), address))


def _is_gone(conn: socket.socket) -> bool:
    """True if the client has closed its connection without a word before we have accepted it."""
    try:
        return not conn.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False  # it has said nothing yet
    except OSError:
        return True


def is_loopback(address: str) -> bool:
    """True for this machine's own addresses of 127.0.0.0/8 and ::1, and for what is no IP address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


def descriptor_limit() -> int:
    """File descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 1 << 30


def raise_descriptor_limit(wanted: int = 4096) -> None:
    """As many file descriptors as the system lets us have, up to `wanted`; what is above stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < aim:
        resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
