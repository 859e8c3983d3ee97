"""Where a modem is: asks the likely ports of the machine for their IMEI, one at a time and never one in use.

Owns the asking; which ports are likely is discovery's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from modemgw.at.commands import IDENTIFY, IMEI
from modemgw.at.errors import AtResponseError, CommandFailed
from modemgw.at.responses import first, read_imei
from modemgw.errors import ModemgwError
from modemgw.line.timing import Timing
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.init import imei_in
from modemgw.modem.ports.discovery import FoundPort, PortRole, by_device, find_ports
from modemgw.modem.ports.transport import PortBusy, PortDenied, open_transport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FoundModem:
    """A modem that answered. `imei` is None where it would not say."""

    port: str
    imei: str | None
    usb: str | None
    description: str
    place: str | None = None  # where it is plugged in, as a `port` of the configuration


@dataclass(slots=True)
class _Known:
    mark: tuple[int, int]  # device number and birth of the node: another after a replug
    modem: FoundModem | None
    asked_at: float
    silent: int = 0  # times it was asked in vain
    first_at: float = 0.0  # monotonic time of the first question
    fresh: bool = False  # it was plugged in while this program ran

    def due(self, timing: Timing) -> float | None:
        """When to ask again (monotonic); None: never, the answer stands."""
        if self.modem is not None:
            return None
        if self.asked_at - self.first_at < timing.fresh_s and self.fresh:
            return self.asked_at + timing.fresh_pause_s
        return self.asked_at + timing.silent_s[min(self.silent, len(timing.silent_s)) - 1]

    def stands(self, mark: tuple[int, int], now: float, timing: Timing) -> bool:
        """What is known needs not be asked again."""
        due = self.due(timing)
        return self.mark == mark and (due is None or now < due)


class Finder:
    """`find` looks the machine over. `in_use` tells the ports that have a worker: they are left alone."""

    def __init__(
        self,
        in_use: Callable[[], Iterable[str]],
        ports: Callable[[], list[FoundPort]] = find_ports,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing if timing is not None else Timing()
        self._in_use = in_use
        self._ports = ports
        self._known: dict[str, _Known] = {}
        self._answered: set[tuple[str | None, int | None]] = set()  # (usb id, interface) that spoke AT
        self._told: dict[str, str] = {}
        self._avoided: set[tuple[str | None, int | None]] = set()  # (usb id, interface) that was left for another
        self._seen: dict[str, FoundPort] = {}
        self._looked = False
        self._lock = asyncio.Lock()

    async def locate(self, imei: str) -> str | None:
        """The port of the modem with this IMEI (14 digits suffice), or None."""
        for modem in await self.find():
            if modem.imei is not None and modem.imei[:14] == imei[:14]:
                return modem.port
        return None

    async def siblings(self, port: str) -> list[str]:
        """The other AT ports of the device behind `port` that are not in use, the best first."""
        ports = await asyncio.to_thread(self._ports)
        device = next((found.device for found in ports if _node(found.url) == _node(port)), None)
        busy = {_node(used) for used in self._in_use()}
        return [found.url for found in ports if found.device == device and _node(found.url) not in busy]

    async def find(self) -> list[FoundModem]:
        """The modems that are not in use, one port each. Devices are asked side by side, their ports in turn."""
        async with self._lock:
            ports = await asyncio.to_thread(self._ports)
            self._seen = {port.url: port for port in ports}
            urls = set(self._seen)
            for gone in self._known.keys() - urls:
                del self._known[gone]
            busy = {_node(port) for port in self._in_use()}
            busy_devices = {port.device for port in ports if _node(port.url) in busy}
            devices = [group for name, group in by_device(ports).items() if name not in busy_devices]
            found = await asyncio.gather(*(self._ask_device(group) for group in devices))
            self._looked = True
            return [modem for modem in found if modem is not None]

    def due_s(self, at_most: float) -> float:
        """How long to wait before the next `find`: no longer than a port that was silent is left alone."""
        now = time.monotonic()
        dues = [due for known in self._known.values() if (due := known.due(self._timing)) is not None]
        return max(0.0, min([at_most, *(due - now for due in dues)]))

    async def _ask_device(self, ports: list[FoundPort]) -> FoundModem | None:
        """The first port that tells its IMEI, else the first that speaks AT."""
        nameless: FoundModem | None = None
        silent: list[FoundPort] = []
        for port in sorted(ports, key=self._order):
            modem = await self._ask(port)
            if modem is not None and modem.imei is not None:
                return await self._ask_better(port, silent) or modem
            nameless = nameless or modem
            if modem is None:
                silent.append(port)
        return nameless

    def _order(self, port: FoundPort) -> tuple[bool, bool]:
        key = (port.usb, port.interface)
        return key in self._avoided, key not in self._answered

    def avoid(self, port: str) -> None:
        """This port of a device, and of all of its kind, is asked last from now on."""
        known = self._seen.get(port)
        if known is not None and known.usb is not None:
            self._avoided.add((known.usb, known.interface))

    async def _ask_better(self, answered: FoundPort, silent: list[FoundPort]) -> FoundModem | None:
        """A modem that was starting while its AT port was asked has answered at another of its ports, which may not
        be the one it announces at: its AT port is asked once more."""
        for port in silent:
            if port.role is PortRole.AT and answered.role is not PortRole.AT:
                self._known.pop(port.url, None)
                modem = await self._ask(port)
                if modem is not None and modem.imei is not None:
                    return modem
        return None

    def _tell(self, port: FoundPort, problem: Exception | None, again: bool) -> None:
        """Say once of a port that may be a modem's what keeps one from it; the first time udev may not be done yet."""
        if again and isinstance(problem, PortBusy | PortDenied) and str(problem) != self._told.get(port.url):
            self._told[port.url] = str(problem)
            log.warning("%s may be a modem: %s", port.description, problem)

    async def _ask(self, port: FoundPort) -> FoundModem | None:
        try:
            status = os.stat(port.url)
        except OSError:
            self._known.pop(port.url, None)
            return None
        mark, now = (status.st_rdev, status.st_ctime_ns), time.monotonic()
        known = self._known.get(port.url)
        if known is not None and known.stands(mark, now, self._timing):
            return known.modem
        again = known is not None and known.mark == mark
        silent, first_at, fresh = (
            (known.silent, known.first_at, known.fresh) if known is not None and again else (0, now, self._looked)
        )
        answered, imei, problem = await _ask_port(port.url, self._timing)
        self._tell(port, problem, again)
        modem = FoundModem(port.url, imei, port.usb, port.description, port.place) if answered else None
        if answered:
            self._answered.add((port.usb, port.interface))
        self._known[port.url] = _Known(mark, modem, time.monotonic(), 0 if answered else silent + 1, first_at, fresh)
        return modem


def _node(path: str) -> str:
    return os.path.realpath(path)


async def _imei(channel: Channel) -> str | None:
    """By the question for it, else from what the modem says of itself."""
    try:
        return first((await channel.run(IMEI)).lines, read_imei, "serial number")
    except (CommandFailed, AtResponseError):
        return imei_in((await channel.run(IDENTIFY)).texts)


async def ask_imei(url: str) -> tuple[bool, str | None]:
    """(it speaks AT, its IMEI). Opens the port, asks, and closes it again; never raises for a port's mood."""
    answered, imei, _ = await _ask_port(url, Timing())
    return answered, imei


async def _ask_port(url: str, timing: Timing) -> tuple[bool, str | None, ModemgwError | TimeoutError | None]:
    """The same with what was in the way."""
    try:
        transport = await open_transport(url)
    except ModemgwError as error:
        log.debug("%s: %s", url, error)
        return False, None, error
    channel = Channel(transport, lambda urc: None, timing=timing.dialogue)
    answered = False
    try:
        async with asyncio.timeout(timing.asking_s):
            await channel.resync()
            answered = True
            return True, await _imei(channel), None
    except (ModemgwError, TimeoutError) as error:
        log.debug("%s: %s", url, error)
        return answered, None, error
    finally:
        channel.close()
