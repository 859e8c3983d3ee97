"""The optional driver `driver = "gsmmodem"`: python-gsmmodem-new speaks with the modem, all else is as in `driver_at`.

Its threads write the commands and cut the answers into lines; set-up, PIN, storage and PDUs stay ours, as they must
be for what we promise. It opens no port: it reads and writes through our `Transport`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import serial

from modemgw.at.outcomes import Counters
from modemgw.at.timing import Timing
from modemgw.errors import ModemgwError
from modemgw.installation import how_to_add
from modemgw.modem.dialogue.channel import Channel, OnUrc
from modemgw.modem.dialogue.driver import ModemEvent
from modemgw.modem.dialogue.driver_at import AtDriver
from modemgw.modem.ports.transport import PortLost, Transport
from modemgw.modem.quirks.profile import Profile

READ_S = 1.0  # how long the library's reader waits at a time
JOIN_S = 2.0  # its threads end at once; a bug of theirs must not hold us
SPARE_S = 0.2  # the library gives up so much before we do, so that its writer is free for what comes next


class LibraryMissing(ModemgwError):
    """python-gsmmodem-new is not installed."""


class GsmmodemDriver(AtDriver):
    """`Driver` over python-gsmmodem-new. Raises LibraryMissing where there is none."""

    def __init__(
        self,
        transport: Transport,
        on_event: Callable[[ModemEvent], None],
        *,
        on_lost: Callable[[PortLost], None] | None = None,
        profile: Profile | None = None,
        usb: str | None = None,
        port_kind: str | None = None,
        timing: Timing | None = None,
    ) -> None:
        super().__init__(
            transport,
            on_event,
            on_lost=on_lost,
            profile=profile,
            usb=usb,
            port_kind=port_kind,
            channel=LibraryChannel,
            timing=timing,
        )


class LibraryChannel(Channel):
    """A channel whose bytes go through the library: what it says are lines are lines, when it says so."""

    def __init__(
        self,
        transport: Transport,
        on_urc: OnUrc,
        *,
        on_lost: Callable[[PortLost], None] | None = None,
        counters: Counters | None = None,
        timing: Timing | None = None,
    ) -> None:
        comms = _library()
        self._port = _Port(transport)
        super().__init__(transport, on_urc, on_lost=on_lost, counters=counters, timing=timing)
        transport.on_data = self._port.feed
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"gsmmodem {transport.url}")
        self._modem = comms(self._port, self._said, self._reader_ended)
        self._modem.connect()

    # ------------------------------------------------------------ what the channel writes

    def _put(self, data: bytes) -> None:
        if not self.transport.is_open:
            raise PortLost(self.transport.url, f"The port {self.transport.url} is closed.")
        self._modem.interrupt()
        if data[-1:] == b"\r" and data[:1] != b"\x1b":
            term, prompt = "\r", "> " if data.startswith(b"AT+CMGS=") else None
        elif data[-1:] == b"\x1a":
            term, prompt = "\x1a", None
        else:  # ESC: nothing answers to it
            with contextlib.suppress(RuntimeError):  # it is closed
                self._writer.submit(self._modem.write, data.decode("latin-1"), False, writeTerm="")
            return
        text = data[:-1].decode("latin-1")
        limit_s = max(SPARE_S, self._dialogue.patience_s - SPARE_S)
        work = self._writer.submit(self._modem.ask, text, term, prompt, limit_s)
        work.add_done_callback(self._answered)

    def _answered(self, work: Future[list[str]]) -> None:
        """In the library's thread: the lines of an answer, whole or not."""
        if not work.cancelled() and work.exception() is None:
            self._said(work.result())

    def _said(self, lines: list[str]) -> None:
        """In one of the library's threads: lines that are an answer, or that nobody asked for."""
        data = b"".join(_framed(line) for line in lines)
        if data:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._received, data)

    # ------------------------------------------------------------ its end

    def _reader_ended(self, exc: Exception) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._give_up, exc)

    def _give_up(self, exc: Exception) -> None:
        """The library's reader has died of what it read: the port is of no more use until it is opened anew."""
        if self.transport.is_open:
            self.transport.close()
            self._port_lost(exc)

    def _port_lost(self, exc: Exception | None) -> None:
        self._end_library()
        super()._port_lost(exc)

    def close(self) -> None:
        super().close()
        self._end_library()

    def _end_library(self) -> None:
        self._port.end()
        self._modem.alive = False
        self._modem.interrupt()
        self._writer.shutdown(wait=False, cancel_futures=True)
        self._modem.rxThread.join(JOIN_S)


def _framed(line: str) -> bytes:
    data = line.encode("utf-8", "replace")
    return b"\r\n" + data if line == "> " else b"\r\n" + data + b"\r\n"


class _Port:
    """What the library uses of pyserial's Serial, over our transport: bytes wait here for its reader."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._changed = threading.Condition()
        self._ended = False

    def feed(self, data: bytes) -> None:
        """In the loop: bytes of the modem."""
        with self._changed:
            self._waiting += data
            self._changed.notify_all()

    def end(self) -> None:
        """In the loop: no more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def read(self, size: int = 1) -> bytes:
        with self._changed:
            if not self._waiting and not self._ended:
                self._changed.wait(READ_S)
            data = bytes(self._waiting[:size])
            del self._waiting[:size]
        return data

    def inWaiting(self) -> int:  # noqa: N802 - pyserial's name
        with self._changed:
            return len(self._waiting)

    def write(self, data: bytes) -> int:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._write, bytes(data))
        return len(data)

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(PortLost):  # which is told by `on_lost`
            self._transport.write(data)

    def close(self) -> None:
        """The transport is closed by its owner."""


def _library() -> Any:
    """The library's modem, made to read and write through a `_Port`. Raises LibraryMissing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its regular expressions are no raw strings
            from gsmmodem.exceptions import TimeoutException
            from gsmmodem.modem import GsmModem
    except ImportError as exc:
        raise LibraryMissing(f'driver = "gsmmodem" needs python-gsmmodem-new: {how_to_add("gsmmodem")}') from exc

    class LibraryModem(GsmModem):  # type: ignore[misc]
        """Its `connect` is left out: it resets the modem (ATZ) and enters a PIN without a look at the counter."""

        def __init__(self, port: _Port, said: Callable[[list[str]], None], ended: Callable[[Exception], None]) -> None:
            super().__init__("", fatalErrorCallbackFunc=ended)
            self.serial = port
            self.notifyCallback = said
            self._ended = ended

        def connect(self, *_: Any, **__: Any) -> None:
            self.alive = True
            self.rxThread = threading.Thread(target=self._readLoop, name="gsmmodem reader", daemon=True)
            self.rxThread.start()

        def _readLoop(self) -> None:  # noqa: N802 - the library's name
            try:
                super()._readLoop()
            except (ValueError, serial.SerialException) as exc:  # a byte that is no UTF-8 ends it
                self.alive = False
                self._ended(exc)

        def ask(self, text: str, term: str, prompt: str | None, limit_s: float) -> list[str]:
            """A command and the lines of its answer; of one that did not come in time those that came."""
            try:
                lines = self.write(
                    text, timeout=limit_s, parseError=False, writeTerm=term, expectedResponseTermSeq=prompt
                )
            except TimeoutException as exc:
                lines = getattr(exc, "data", None)
            except IndexError:  # an answer without a line: it was interrupted
                lines = None
            return list(lines or ())

        def interrupt(self) -> None:
            """Nobody waits any more for the answer that it waits for."""
            event = self._responseEvent
            if event is not None:
                event.set()

    return LibraryModem
