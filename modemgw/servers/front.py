"""Accepts the connections of a front door, and decides who stays when there are too many.

Owns listening sockets, the number of open connections and running out of file descriptors. A connection is a
stranger's until it has shown right credentials (`Guest.trust`); strangers make room, the oldest first. Knows no
protocol.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.domain.networks import within
from modemgw.rules.connections import ConnectionLimit
from modemgw.servers.seldom import SeldomLog

log = logging.getLogger(__name__)

#: File descriptors that no connection gets: modems, the database and its files must be able to open theirs.
RESERVED_DESCRIPTORS = 16

#: Connections accepted in a row before others get their turn.
BURST = 64

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

    __slots__ = ("_front", "address", "connecting", "transport")

    def __init__(self, front: Front, address: str) -> None:
        self._front = front
        self.connecting: asyncio.Task[None] | None = None
        self.address = address
        self.transport: asyncio.BaseTransport | None = None

    def trust(self) -> None:
        """It has shown right credentials: it does not make room for others any more."""
        self._front.limit.trust(self)

    def left(self) -> None:
        """It is closed."""
        self._front.limit.remove(self)

    def abort(self) -> None:
        """Close it without a word."""
        self.left()
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
        elif self.connecting is not None:
            self.connecting.cancel()


#: Makes the protocol of a connection.
ProtocolFactory = Callable[[Guest], asyncio.Protocol]


class Front:
    """`serve` for each listening socket, then `close`. `farewell`: what one more is told before it is closed."""

    def __init__(
        self,
        name: str,
        limits: FrontLimits,
        factory: ProtocolFactory,
        *,
        farewell: bytes = b"",
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
        accepted = 0
        while True:
            try:
                conn, peer = await loop.sock_accept(sock)
            except ConnectionAbortedError:
                continue
            except OSError as error:
                await self._failed(error)
                continue
            guest = self._admit(conn, peer)
            if guest is not None:
                self._connect(conn, guest, tls)
            accepted += 1
            if accepted % BURST == 0:
                await asyncio.sleep(0)

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
                lambda: self._factory(guest),
                conn,
                ssl=tls() if tls is not None else None,
                ssl_handshake_timeout=self._handshake_s if tls is not None else None,
            )
        except OSError as error:  # that of a handshake as well
            log.debug("%s: no connection with %s: %s", self._name, guest.address, error)

    def _is_shared(self, address: str) -> bool:
        return is_loopback(address) or bool(self._limits.shared and within(tuple(self._limits.shared), address))


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
