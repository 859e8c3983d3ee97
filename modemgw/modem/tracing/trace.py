"""AT traces: what goes over a port, written to files that only their owner reads. The text form is `trace_format`'s.

Owns the switch of each line, the files and their size. The event loop only formats; a thread writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import queue
import re
import stat
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from modemgw import __version__
from modemgw.domain.trace import TraceView
from modemgw.errors import ModemgwError
from modemgw.modem.ports.transport import Transport
from modemgw.modem.tracing.trace_format import HEADER, Mark, PinMask, format_line

log = logging.getLogger(__name__)

FILE_LIMIT = 10 * 1024 * 1024  # octets of a file; then it is rotated, and the one before it goes
HAND_OVER_S = 0.1  # lines are gathered for so long before the thread gets them
UNWRITTEN_LIMIT = 8 * 1024 * 1024  # octets that a slow disk may owe; more is left out, and said to be
CLOSE_LIMIT_S = 5.0

Ended = Callable[[str], None]


class Tracer:
    """All traces of one gateway. `attach` each port that is opened; `switch` a line's trace on and off."""

    def __init__(self, directory: Path, *, on: bool = False, limit: int = FILE_LIMIT) -> None:
        """`on`: every line is traced from its first opening."""
        self.directory = directory
        self._on = on
        self._limit = limit
        self._traces: dict[str, _Trace] = {}
        self._ports: dict[str, Transport] = {}
        self._off: set[str] = set()  # switched off though all are on
        self._writer: _Writer | None = None

    def check(self) -> None:
        """That traces can be written, where every line is to be traced. Raises TraceRefused."""
        if self._on:
            _make(self.directory)

    def attach(self, name: str, transport: Transport) -> None:
        """The line `name` has opened this port. Costs nothing more while its trace is off."""
        self._ports[name] = transport
        trace = self._traces.get(name)
        if trace is None and self._on and name not in self._off:
            try:
                trace = self._begin(name)
            except TraceRefused as refused:  # a line must not fail for its trace
                self._off.add(name)
                log.warning("%s: %s", name, refused)
        if trace is not None and trace.file.problem is None:
            trace.opened(transport)

    def switch(self, name: str, on: bool) -> TraceView:
        """Begin or end the trace of a line, whether it has a port just now or not. Raises TraceRefused."""
        trace = self._traces.get(name)
        if on:
            if trace is None or trace.file.problem is not None:
                try:
                    trace = self._begin(name)
                except TraceRefused:
                    self._off.add(name)  # it must not be called on
                    raise
                port = self._ports.get(name)
                if port is not None and port.is_open:
                    trace.opened(port, "joined")
            self._off.discard(name)
        else:
            self._off.add(name)
            if trace is not None:
                trace.end("off")
                del self._traces[name]
        return self.view(name)

    def view(self, name: str) -> TraceView:
        """The state of a line's trace."""
        trace = self._traces.get(name)
        if trace is None:
            return TraceView(name, self._on and name not in self._off)
        file = trace.file
        return TraceView(name, file.problem is None, str(file.path), file.on_disk(), trace.since_ms, file.problem)

    def close(self) -> None:
        """End all traces and write what is left; may block for a moment, as the last thing that a gateway does."""
        for trace in self._traces.values():
            if trace.file.problem is None:
                trace.end("end")
        self._traces.clear()
        if self._writer is not None:
            self._writer.stop()
            self._writer = None

    def _begin(self, name: str) -> _Trace:
        if self._writer is None:
            self._writer = _Writer()
        _make(self.directory)
        path = self.directory / (re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".trace")
        trace = self._traces[name] = _Trace(name, _File(path, self._limit), self._writer)
        return trace


class TraceRefused(ModemgwError):
    """No trace can be written; the sentence says why."""


class _Trace:
    """One line's trace: takes what its port says, makes lines of it, and hands them over in batches."""

    def __init__(self, name: str, file: _File, writer: _Writer) -> None:
        self.file = file
        self.since_ms = time.time_ns() // 1_000_000
        self._name = name
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._began = time.monotonic()
        self._mask = PinMask()
        self._lines: list[str] = []
        self._timer: asyncio.TimerHandle | None = None
        self._queued = 0
        self._left_out = 0
        self._port: Transport | None = None
        file.begin(self._header())

    def _header(self) -> str:
        began = datetime.fromtimestamp(self.since_ms / 1000, UTC)
        return f"{HEADER}\n# modem {self._name}, modemgw {__version__}, since {began:%Y-%m-%dT%H:%M:%SZ}\n"

    # ------------------------------------------------------------ what the transport tells

    def opened(self, transport: Transport, how: str = "open") -> None:
        if self._port is not None and self._port.tap is self:
            self._port.tap = None
        self._port = transport
        self._mask = PinMask()
        transport.tap = self
        self.event(f"{how} {transport.url}")

    def sent(self, data: bytes) -> None:
        self._say(Mark.SENT, self._mask(Mark.SENT, data))

    def received(self, data: bytes) -> None:
        self._say(Mark.RECEIVED, self._mask(Mark.RECEIVED, data))

    def event(self, text: str) -> None:
        self._say(Mark.EVENT, text.encode("utf-8", "replace"))

    # ------------------------------------------------------------ lines

    def _say(self, mark: Mark, data: bytes) -> None:
        self._lines.append(format_line(time.time(), time.monotonic() - self._began, mark, data))
        if self._timer is None:
            self._timer = self._loop.call_later(HAND_OVER_S, self._hand_over)

    def _hand_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        if self.file.problem is not None:
            self._lines.clear()
            self._let_go()
            return
        if self._queued - self.file.done > UNWRITTEN_LIMIT:
            self._left_out += len(self._lines)
            self._lines.clear()
            return
        if self._left_out:
            now = time.monotonic() - self._began
            text = f"left out {self._left_out} lines: the disk is too slow"
            self._lines.insert(0, format_line(time.time(), now, Mark.EVENT, text.encode()))
            self._left_out = 0
        batch = ("\n".join(self._lines) + "\n").encode("ascii", "replace")
        self._lines.clear()
        self._queued += len(batch)
        self._writer.put(self.file, batch, self._ended)

    def end(self, why: str) -> None:
        """Last words; the port is let go, the file closed once all is written."""
        self.event(why)
        self._hand_over()
        self._let_go()
        self._writer.put(self.file, None, self._ended)

    def _let_go(self) -> None:
        if self._port is not None and self._port.tap is self:
            self._port.tap = None
        self._port = None

    def _ended(self, problem: str) -> None:
        """Called by the thread: the file takes no more."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._gave_up, problem)

    def _gave_up(self, problem: str) -> None:
        self._let_go()
        self._lines.clear()
        log.warning("The trace of %s has ended: %s", self._name, problem)


# ---------------------------------------------------------------- files


def _make(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError as exc:
        raise TraceRefused(f"No trace can be written to {directory}: {exc.strerror or exc}.") from exc
    if mode & 0o077:
        log.warning("Others may look into %s; the traces in it are for their owner alone (0600).", directory)


class _File:
    """The file of one line, and the one before it. From `begin` on it is the thread's alone."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self.problem: str | None = None
        self.done = 0  # octets that were asked for and dealt with
        self._limit = limit
        self._fd = -1
        self._size = 0
        self._header = b""

    @property
    def previous(self) -> Path:
        """Where the file goes when it is full."""
        return self.path.with_name(self.path.name + ".1")

    def begin(self, header: str) -> None:
        """What each file begins with. Opens it, so that a refusal is told at once. Raises TraceRefused."""
        self._header = header.encode("ascii", "replace")
        try:
            self._open()
        except OSError as exc:
            raise TraceRefused(f"No trace can be written to {self.path}: {exc.strerror or exc}.") from exc

    def _open(self) -> None:
        # non-blocking: the opening of a pipe would wait for its reader
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._fd = os.open(self.path, flags, 0o600)
        os.fchmod(self._fd, 0o600)
        self._size = os.fstat(self._fd).st_size
        self._put(self._header)

    def write(self, batch: bytes) -> None:
        """Raises OSError; the file then ends with its last whole batch."""
        if self._fd < 0:
            return
        if os.fstat(self._fd).st_nlink == 0:  # somebody removed it: what is written there nobody would ever see
            os.close(self._fd)
            self._fd = -1
            self._open()
        if self._size + len(batch) > self._limit and self._size > len(self._header):
            os.close(self._fd)
            self._fd = -1
            os.replace(self.path, self.previous)
            self._open()
        self._put(batch)

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += len(data)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def on_disk(self) -> int:
        """Octets of both files."""
        size = 0
        for path in (self.path, self.previous):
            with contextlib.suppress(OSError):
                size += path.stat().st_size
        return size


class _Writer:
    """The thread that waits for the disk, so that nobody else does."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[_File, bytes | None, Ended] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def put(self, file: _File, batch: bytes | None, ended: Ended) -> None:
        """Write a batch, or close the file (None)."""
        self._work.put((file, batch, ended))

    def stop(self) -> None:
        """Write what is there and end; a disk that hangs is not waited for any longer than this."""
        self._work.put(None)
        self._thread.join(CLOSE_LIMIT_S)

    def _run(self) -> None:
        while (job := self._work.get()) is not None:
            file, batch, ended = job
            try:
                if batch is None:
                    file.close()
                elif file.problem is None:
                    file.write(batch)
            except OSError as exc:
                file.problem = f"{file.path}: {_why(exc)}"
                file.close()
                ended(file.problem)
            finally:
                file.done += len(batch or b"")


def _why(exc: OSError) -> str:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room and switch the trace on again."
    return f"it cannot be written ({exc.strerror or exc})."
