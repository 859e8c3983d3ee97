"""Listening sockets: opened with a sentence when that fails, naming who holds the address where Linux tells."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from modemgw.config import split_listen
from modemgw.errors import ModemgwError


class ListenError(ModemgwError):
    """The address cannot be listened on."""


def listen(address: str, *, backlog: int = 1024) -> socket.socket:
    """A listening TCP socket on `host:port`. Raises ListenError."""
    host, port = split_listen(address)
    try:
        family, _, _, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise ListenError(f"cannot listen on {address}: {host} is no address of any kind ({error.strerror})") from error
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(target)
        sock.listen(backlog)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ListenError(_why(address, port, error)) from error
    return sock


def url_of(sock: socket.socket, scheme: str = "http") -> str:
    """The base URL a client on this machine can use for the socket."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _why(address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        holder = holder_of(port)
        by = f" by {holder}" if holder else " by another process"
        return f"cannot listen on {address}: it is in use{by}; stop that or set another `listen`"
    if error.errno == errno.EACCES:
        return f"cannot listen on {address}: ports below 1024 need a privilege; set another `listen`"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"cannot listen on {address}: this machine does not have that address"
    return f"cannot listen on {address}: {error.strerror}"


def holder_of(port: int) -> str | None:
    """Who listens on the TCP port, as `name (pid 123)`; None where /proc does not tell."""
    inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listeners(table, port)}
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(descriptor) in inodes for descriptor in (process / "fd").iterdir()):
                name = (process / "comm").read_text().strip()
                return f"{name} (pid {process.name})"
        except OSError:  # it has ended, or belongs to another user
            continue
    return None


def _listeners(table: str, port: int) -> list[str]:
    try:
        rows = Path("/proc/net", table).read_text().splitlines()[1:]
    except OSError:
        return []
    found = []
    for row in rows:
        columns = row.split()
        local, state, inode = columns[1], columns[3], columns[9]
        if state == "0A" and int(local.rpartition(":")[2], 16) == port:  # 0A is TCP_LISTEN
            found.append(inode)
    return found
