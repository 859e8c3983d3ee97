"""The ends of the cables: ptys behind stable symlinks, and TCP. Owns descriptors and pacing;
knows nothing of AT.

A wire gives bytes to `on_data`, takes bytes by `write` without ever blocking, and tells of a terminal that
closed by `on_close`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import os
import struct
import termios
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from modemsim.errors import SimError

OUT_LIMIT = 65_536  # a UART that nobody reads loses bytes; so does this, past its buffer
_OPEN, _CLOSE = 0x20, 0x08 | 0x10  # IN_OPEN; IN_CLOSE_WRITE | IN_CLOSE_NOWRITE


SLOW = 9_600  # bits a second, up to which a terminal reads octet by octet


SPEEDS = {getattr(termios, name): int(name[1:]) for name in dir(termios) if name.startswith("B") and name[1:].isdigit()}


def garbled(data: bytes) -> bytes:
    """Bytes as a UART at another speed reads them: others, fewer, and hardly one of them ASCII."""
    return bytes((octet * 73 + 0x1D) & 0xFF | 0x80 for octet in data[::2])


class Wire(Protocol):
    """One end of a cable."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class OpenWatch:
    """Tells when a terminal opens and closes a pty, by inotify, so that nothing is polled."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[int, Callable[[bool], None]] = {}
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC) if _has_inotify(self._libc) else -1
        if self.fd >= 0:
            loop.add_reader(self.fd, self.look)

    def add(self, path: str, call: Callable[[bool], None]) -> int:
        """Call `call(True)` at each open of `path` and `call(False)` at each close;
        a handle, -1 without inotify.
        """
        if self.fd < 0:
            return -1
        watch = int(self._libc.inotify_add_watch(self.fd, path.encode(), _OPEN | _CLOSE))
        if watch >= 0:
            self._calls[watch] = call
        return watch

    def remove(self, watch: int) -> None:
        if watch in self._calls:
            del self._calls[watch]
            self._libc.inotify_rm_watch(self.fd, watch)

    def look(self) -> None:
        """Tell of what happened up to now; an open or close is then known before the bytes that follow it."""
        if self.fd < 0:
            return
        with contextlib.suppress(BlockingIOError):
            data = os.read(self.fd, 16_384)
            at = 0
            while at + 16 <= len(data):
                watch, mask, _cookie, size = struct.unpack_from("iIII", data, at)
                at += 16 + size
                call = self._calls.get(watch)
                if call and mask & (_OPEN | _CLOSE):
                    call(bool(mask & _OPEN))

    def close(self) -> None:
        if self.fd >= 0:
            self._loop.remove_reader(self.fd)
            os.close(self.fd)
            self.fd = -1


def _has_inotify(libc: ctypes.CDLL) -> bool:
    return hasattr(libc, "inotify_init1")


class Pacer:
    """Lets bytes through at the speed of a serial line (10 bits a byte); without a speed, at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, baud: int, out: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._rate = baud / 10
        self._out = out
        self._waiting = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, data: bytes) -> None:
        if not self._rate:
            self._out(data)
            return
        self._waiting += data[: max(0, OUT_LIMIT - len(self._waiting))]
        if self._timer is None:
            self._send()

    def _send(self) -> None:
        self._timer = None
        if not self._waiting:
            return
        piece = bytes(self._waiting[: 1 if self._rate <= SLOW / 10 else int(self._rate * 0.005)])
        del self._waiting[: len(piece)]
        self._timer = self._loop.call_later(len(piece) / self._rate, self._send)
        self._out(piece)

    def close(self) -> None:
        self._waiting.clear()
        if self._timer:
            self._timer.cancel()
            self._timer = None


class PtyWire:
    """A pty whose slave stands behind `link`; it stays usable while terminals come and go."""

    def __init__(
        self,
        link: Path,
        watch: OpenWatch,
        *,
        baud: int = 0,
        bauds: Sequence[int] = (),
        on_data: Callable[[bytes], None],
        on_close: Callable[[], None],
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        """`bauds`: the speeds that the modem understands; at another both sides get garbage. None: any."""
        self._loop = asyncio.get_running_loop()
        self.link = link
        self._bauds = bauds
        self._on_open = on_open
        self._on_close = on_close
        self._watch = watch
        self._open = 0
        self._buffer = bytearray()
        self._writing = False
        self._said_at = 0.0
        self._closed = False
        self._in = Pacer(self._loop, baud, on_data)
        self._out = Pacer(self._loop, baud, self._write_now)
        self._master, self._slave = os.openpty()
        os.set_blocking(self._master, False)
        tty.setraw(self._slave, termios.TCSANOW)
        self.device = os.ttyname(self._slave)
        try:
            _symlink(self.device, link)
        except OSError:
            os.close(self._master)
            os.close(self._slave)
            raise
        self._handle = watch.add(self.device, self._terminal)
        self._loop.add_reader(self._master, self._readable)

    def _readable(self) -> None:
        self._watch.look()
        if self._closed:
            return
        try:
            data = os.read(self._master, 65_536)
        except BlockingIOError:
            return
        except OSError:
            return
        if data:
            self._in.put(self._heard(data))

    def speed(self) -> int:
        """Bits a second to which the terminal has set the line."""
        code: int = termios.tcgetattr(self._slave)[5]
        return SPEEDS.get(code, code)

    def _heard(self, data: bytes) -> bytes:
        """What the other side makes of bytes: garbage where the speeds differ. Speed 0 is none set (Gammu on a pty)."""
        return garbled(data) if self._bauds and self.speed() not in (0, *self._bauds) else data

    def _terminal(self, opened: bool) -> None:
        if opened:
            self._open += 1
            if self._open == 1:
                self._on_open()
            return
        self._open = max(0, self._open - 1)
        if self._open or self._closed:
            return
        # What a terminal left behind must not meet the next: its bytes, its line settings, its lock.
        self._buffer.clear()
        self._out.close()
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self._slave, termios.TCIFLUSH)
            tty.setraw(self._slave, termios.TCSANOW)
            fcntl.ioctl(self._slave, termios.TIOCNXCL)
        self._on_close()

    def write(self, data: bytes) -> None:
        if not self._open:
            self._watch.look()
        if self._closed or (self._handle >= 0 and not self._open):
            return  # nobody has the port open: lost, as on a real cable
        self._out.put(self._heard(data))

    def _write_now(self, data: bytes) -> None:
        if self._closed:
            return
        self._buffer += data[: max(0, OUT_LIMIT - len(self._buffer))]
        if not self._writing:
            self._drain()

    def _drain(self) -> None:
        try:
            while self._buffer:
                sent = os.write(self._master, self._buffer)
                del self._buffer[:sent]
                self._said_at = self._loop.time()
        except BlockingIOError:
            pass
        except OSError:
            self._buffer.clear()
        if self._buffer and not self._writing:
            self._writing = True
            self._loop.add_writer(self._master, self._drain)
        elif not self._buffer and self._writing:
            self._writing = False
            self._loop.remove_writer(self._master)

    def unread(self) -> int:
        """Bytes said that the terminal has not read yet."""
        if self._closed or not self._open:
            return 0
        waiting = fcntl.ioctl(self._slave, termios.FIONREAD, b"\0\0\0\0")
        return len(self._buffer) + int(struct.unpack("i", waiting)[0])

    def pull(self, done: Callable[[PtyWire], None]) -> None:
        """Close it once the terminal has read what was said before, or 50 ms from now: a hang-up eats the rest.

        `done` gets this wire then. Nothing is heard from it meanwhile, and its symlink is gone at once.
        """
        self._loop.remove_reader(self._master)
        _unlink(self.link, self.device)
        end = self._loop.time() + 0.05

        def look() -> None:
            if self.unread() and self._loop.time() < end:
                self._loop.call_later(0.002, look)
                return
            self.close()
            done(self)

        # The kernel hands on what was written by a worker of its own: before that, it does not count as unread.
        if self._loop.time() - self._said_at < 0.05:
            self._loop.call_later(0.01, look)
        else:
            look()

    def close(self) -> None:
        """Pull it: a terminal that has it open reads end-of-file or an error, and the symlink is gone."""
        if self._closed:
            return
        self._closed = True
        self._watch.remove(self._handle)
        self._loop.remove_reader(self._master)
        if self._writing:
            self._loop.remove_writer(self._master)
        self._in.close()
        self._out.close()
        _unlink(self.link, self.device)
        os.close(self._slave)
        os.close(self._master)


def _symlink(target: str, link: Path) -> None:
    if link.is_symlink():
        link.unlink()
    elif link.exists():
        raise SimError(f"{link} exists and is no symlink; choose another directory.")
    link.symlink_to(target)


def _unlink(link: Path, target: str) -> None:
    """Remove the symlink if it is still ours."""
    with contextlib.suppress(OSError):
        if os.readlink(link) == target:
            link.unlink()


class TcpWire:
    """A TCP port that speaks raw bytes to one terminal at a time; a new one takes the place of the old."""

    def __init__(self, *, baud: int = 0, on_data: Callable[[bytes], None], on_close: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._in = Pacer(loop, baud, on_data)
        self._out = Pacer(loop, baud, self._write_now)
        self._on_close = on_close
        self._server: asyncio.Server | None = None
        self._transport: asyncio.Transport | None = None
        self.address = ("", 0)

    async def listen(self, host: str, port: int) -> None:
        """Start; raises `SimError` when the address cannot be had."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: _TcpEnd(self), host, port)
        except OSError as e:
            raise SimError(f"Cannot listen on {host}:{port}: {e.strerror}.") from None
        self.address = self._server.sockets[0].getsockname()[:2]

    def connected(self, transport: asyncio.Transport) -> None:
        if self._transport:
            self._transport.abort()
        self._transport = transport

    def lost(self, transport: asyncio.Transport) -> None:
        if self._transport is transport:
            self._transport = None
            self._on_close()

    def received(self, data: bytes) -> None:
        self._in.put(data)

    def write(self, data: bytes) -> None:
        if self._transport:
            self._out.put(data)

    def _write_now(self, data: bytes) -> None:
        transport = self._transport
        if transport and transport.get_write_buffer_size() < OUT_LIMIT:
            transport.write(data)

    def unplug(self) -> None:
        """Cut the connection; who connects anew is heard only once the modem answers."""
        if self._transport:
            self._transport.abort()
            self._transport = None

    def close(self) -> None:
        self.unplug()
        self._in.close()
        self._out.close()
        if self._server:
            self._server.close()


class _TcpEnd(asyncio.Protocol):
    def __init__(self, wire: TcpWire) -> None:
        self._wire = wire
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wire.connected(transport)

    def data_received(self, data: bytes) -> None:
        self._wire.received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport:
            self._wire.lost(self._transport)
