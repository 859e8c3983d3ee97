"""Ports on the network: `socket://host:port` (bytes as they are) and `rfc2217://host:port` (Telnet with
COM-PORT-OPTION). Opens the connection and agrees with the server; from then on it is a transport like any other.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from modemgw.modem.ports.telnet import SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, ComPort
from modemgw.modem.ports.transport import READ_SIZE, PortError, PortLost, PortMissing, Transport

log = logging.getLogger(__name__)

#: A server that has not said by then whether it lets us set the port does not know RFC 2217.
NEGOTIATE_S = 3.0

#: The same for the settings of the port once it let us.
SETTINGS_S = 3.0

#: A peer that went without a word is noticed after about KEEP_IDLE_S + KEEP_COUNT * KEEP_EVERY_S.
KEEP_IDLE_S, KEEP_EVERY_S, KEEP_COUNT = 20, 5, 3

EARLY_MOST = 65536  # octets that the modem may say before the port is agreed on


async def open_socket(url: str, limit_s: float) -> Transport:
    """Connect. Raises PortError for what is no address, PortMissing where nobody answers."""
    sock = await _connect(url, limit_s)
    return Transport(url, sock.fileno(), sock.close, None)


async def open_rfc2217(url: str, baudrate: int, limit_s: float) -> Transport:
    """Connect, and set the port to `baudrate` 8N1 if the server lets us; if it does not, it is used as it is."""
    sock = await _connect(url, limit_s)
    try:
        com, early = ComPort(), bytearray()
        com.begin()
        try:
            await _agree(url, sock, com, early, lambda: com.settled, NEGOTIATE_S)
            if com.agreed:
                com.set_up(baudrate)
                wanted = (SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE)
                await _agree(url, sock, com, early, lambda: all(code in com.answers for code in wanted), SETTINGS_S)
        except OSError as exc:
            raise PortLost(url, f"The server at {url} closed the connection: {exc.strerror or exc}.") from exc
        _tell(url, com, baudrate)
        return Transport(url, sock.fileno(), sock.close, None, coding=com, early=bytes(early))
    except BaseException:
        sock.close()
        raise


def _tell(url: str, com: ComPort, baudrate: int) -> None:
    if not com.agreed:
        log.warning("%s: the server does not know RFC 2217; the settings of its port are its own", url)
        return
    answer = com.answers.get(SET_BAUDRATE)
    actual = int.from_bytes(answer, "big") if answer is not None and len(answer) == 4 else baudrate
    if answer is None:
        log.info("%s: the server does not tell the settings of its port", url)
    elif actual != baudrate:
        log.warning("%s: the server runs its port at %d baud, not at %d", url, actual, baudrate)


async def _agree(
    url: str, sock: socket.socket, com: ComPort, early: bytearray, done: Callable[[], bool], limit_s: float
) -> None:
    """Talk to the server until `done`, or for so long. What the modem says meanwhile goes into `early`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit_s):
            while True:
                replies = com.take_replies()
                if replies:
                    await loop.sock_sendall(sock, replies)
                if done():
                    return
                data = await loop.sock_recv(sock, READ_SIZE)
                if not data:
                    raise PortLost(url, f"The server at {url} closed the connection at once. Is the port in use?")
                early += com.decode(data)
                del early[:-EARLY_MOST]
    except TimeoutError:
        log.debug("%s: no answer within %g s", url, limit_s)


async def _connect(url: str, limit_s: float) -> socket.socket:
    scheme, _, rest = url.partition("://")
    host, _, number = rest.partition("/")[0].partition("?")[0].rpartition(":")
    host = host.strip("[]")
    if not host or not number.isdecimal() or not 0 < int(number) < 65536:
        raise PortError(url, f"{url!r} is no address of a modem; write {scheme}://host:port.")
    loop = asyncio.get_running_loop()
    problem: OSError | None = None
    try:
        async with asyncio.timeout(limit_s):
            for family, kind, protocol, _, address in await loop.getaddrinfo(
                host, int(number), type=socket.SOCK_STREAM
            ):
                try:
                    sock = socket.socket(family, kind, protocol)
                except OSError as exc:  # a kernel without IPv6; the next address may do
                    problem = exc
                    continue
                try:
                    sock.setblocking(False)
                    _keep_alive(sock)
                    await loop.sock_connect(sock, address)
                    return sock
                except OSError as exc:
                    problem = exc
                    sock.close()
                except BaseException:
                    sock.close()
                    raise
    except TimeoutError as exc:
        raise PortMissing(url, f"Nothing answered at {url} within {limit_s:g} s.") from exc
    except OSError as exc:
        problem = exc
    except UnicodeError as exc:  # Python's, for labels that are empty or too long
        raise PortError(url, f"{host!r} in {url!r} is no name of a host.") from exc
    raise PortMissing(url, f"Nothing answers at {url}: {problem and (problem.strerror or problem)}.") from problem


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEP_IDLE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEP_EVERY_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEP_COUNT)
    limit_ms = (KEEP_IDLE_S + KEEP_EVERY_S * KEEP_COUNT) * 1000
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
