"""When serial ports come and go, as the system tells it: udev's events by pyudev or as they are, and the kernel's own.

Owns the listening: a descriptor each on the event loop, no thread, no polling. What an event means is up to those who
wait: it is a hint to look, and looking now and then stays the safety net.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

log = logging.getLogger(__name__)

#: Where udevd listens while it runs. Until it has seen to a new port, this user may not open it yet.
UDEV_CONTROL = "/run/udev/control"

#: The kernel tells of a port before udevd has set its group; so much later the port is looked at where udevd runs.
UDEVD_GRACE_S = 0.5

#: The ports of one device come one after the other: so long after the last of them they are all there...
SETTLED_S = 0.15
#: ...and no longer than this is waited for it.
SETTLE_LIMIT_S = 1.0

#: Events taken from one source before others get their turn.
BURST = 64

_NETLINK_KOBJECT_UEVENT = 15
_KERNEL_GROUP, _UDEV_GROUP = 1, 2
_UDEV_PREFIX = b"libudev\0"
_UDEV_HEADER = struct.Struct("=8s4xIII")  # prefix, magic, its own length, where the properties are, their length
_RECEIVE_BUFFER = 1 << 20
_MESSAGE_LIMIT = 16_384


@dataclass(frozen=True, slots=True)
class PlugEvent:
    """A port came ("add", "bind", "change") or went ("remove"). `port` is its device path where that is known."""

    action: str
    port: str | None
    source: str  # "udev" or "kernel"


class HotPlug:
    """Listens from `start` to `close`. Where no event was ever heard, all must be looked for as if there were none."""

    def __init__(self) -> None:
        self._sources: dict[str, Callable[[], None]] = {}
        self._listeners: list[Callable[[PlugEvent], None]] = []
        self._told = asyncio.Event()
        self._proven = False
        self._last = float("-inf")
        self._late: set[asyncio.TimerHandle] = set()

    @property
    def sources(self) -> tuple[str, ...]:
        """What is listened to: "udev", "kernel", both or none."""
        return tuple(self._sources)

    @property
    def proven(self) -> bool:
        """Events do arrive here. Some containers let one listen and tell nothing."""
        return self._proven

    def start(self) -> None:
        """Listen to what this machine has. Never raises: without a source nothing is told."""
        for name, open_source in (("udev", self._open_udev), ("kernel", self._open_netlink)):
            try:
                self._sources[name] = open_source()
            except ImportError:
                log.debug("pyudev is not installed (the extra `udev`).")
            except Exception as error:  # a library or a kernel that will not: there is always the looking
                log.info("No events of ports from %s: %s", name, error)
        log.debug("Events of ports from: %s", ", ".join(self._sources) or "nothing; ports are looked for")

    def close(self) -> None:
        """Listen no more. May be called again."""
        for stop in self._sources.values():
            stop()
        self._sources.clear()
        for timer in self._late:
            timer.cancel()
        self._late.clear()

    def listen(self, listener: Callable[[PlugEvent], None]) -> None:
        """`listener` is called on the event loop with every event."""
        self._listeners.append(listener)

    def wait(self, seconds: float) -> Coroutine[Any, Any, bool]:
        """Until the next event from now on (True), or for so long (False)."""
        return self._wait(self._told, seconds)

    @staticmethod
    async def _wait(told: asyncio.Event, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await told.wait()
        return told.is_set()

    async def settled(self) -> None:
        """Until no port has come or gone for a moment, with a limit."""
        loop = asyncio.get_running_loop()
        end = loop.time() + SETTLE_LIMIT_S
        while (rest := min(self._last + SETTLED_S, end) - loop.time()) > 0:
            if not await self.wait(rest):
                return

    def tell(self, event: PlugEvent) -> None:
        """Wake everybody."""
        self._last = asyncio.get_running_loop().time()
        self._proven = True
        log.debug("%s: %s (%s)", event.port, event.action, event.source)
        self._told.set()
        self._told = asyncio.Event()
        for listener in self._listeners:
            listener(event)

    # -- udev ---------------------------------------------------------------------------------------------

    def _open_udev(self) -> Callable[[], None]:
        import pyudev  # an extra

        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), "udev")
        monitor.filter_by("tty")
        with contextlib.suppress(OSError):
            monitor.set_receive_buffer_size(_RECEIVE_BUFFER)
        monitor.start()
        loop, descriptor = asyncio.get_running_loop(), monitor.fileno()

        def readable() -> None:
            try:
                for _ in range(BURST):
                    device = monitor.poll(timeout=0)
                    if device is None:
                        return
                    self.tell(PlugEvent(device.action or "change", device.device_node, "udev"))
            except OSError as error:  # events were lost, say: that there were some is all one needs
                log.debug("udev: %s", error)
                self.tell(PlugEvent("change", None, "udev"))

        loop.add_reader(descriptor, readable)
        return lambda: _forget(loop, descriptor, monitor)

    # -- netlink ------------------------------------------------------------------------------------------

    def _open_netlink(self) -> Callable[[], None]:
        """The kernel's events. Also udev's where pyudev does not bring them: libudev is deaf where no udevd runs, even
        to those that come from elsewhere."""
        groups = _KERNEL_GROUP
        if "udev" not in self._sources or not os.path.exists(UDEV_CONTROL):
            groups |= _UDEV_GROUP
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_KOBJECT_UEVENT)
        try:
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.bind((0, groups))
        except BaseException:
            sock.close()
            raise
        loop = asyncio.get_running_loop()

        def readable() -> None:
            for _ in range(BURST):
                try:
                    message, sender = sock.recvfrom(_MESSAGE_LIMIT)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError as error:  # ENOBUFS: events were lost
                    log.debug("netlink: %s", error)
                    self._tell_kernel(PlugEvent("change", None, "kernel"))
                    return
                event = read_uevent(message)
                if event is None:
                    continue
                if event.source == "udev":
                    self.tell(event)
                elif _from_kernel(sender):
                    self._tell_kernel(event)

        def stop() -> None:
            loop.remove_reader(sock.fileno())
            sock.close()

        loop.add_reader(sock.fileno(), readable)
        return stop

    def _tell_kernel(self, event: PlugEvent) -> None:
        if event.action == "remove" or not os.path.exists(UDEV_CONTROL):
            self.tell(event)
            return
        loop = asyncio.get_running_loop()

        def later() -> None:
            self._late.discard(timer)
            self.tell(event)

        timer = loop.call_later(UDEVD_GRACE_S, later)
        self._late.add(timer)


def _forget(loop: asyncio.AbstractEventLoop, descriptor: int, monitor: object) -> None:
    """`monitor` keeps the descriptor open until it is collected."""
    loop.remove_reader(descriptor)


def _from_kernel(sender: object) -> bool:
    """Netlink's port 0 is the kernel; a program may not speak for it."""
    return isinstance(sender, tuple) and bool(sender) and sender[0] == 0


def read_uevent(message: bytes) -> PlugEvent | None:
    """An event of a serial port, as the kernel (`add@/devices/…`, then KEY=value, each ended by NUL) or udevd sends it
    (a header, then the same pairs); None for others."""
    source = "kernel"
    if message.startswith(_UDEV_PREFIX):
        if len(message) < _UDEV_HEADER.size:
            return None
        _, _, begin, length = _UDEV_HEADER.unpack_from(message)
        source, message = "udev", b"@\0" + message[begin : begin + length]
    head, *pairs = message.split(b"\0")
    if b"@" not in head:
        return None
    facts = dict(pair.decode("utf-8", "replace").partition("=")[::2] for pair in pairs if b"=" in pair)
    action, node = facts.get("ACTION"), facts.get("DEVNAME")
    if facts.get("SUBSYSTEM") != "tty" or not action:
        return None
    return PlugEvent(action, f"/dev/{node.removeprefix('/dev/')}" if node else None, source)
