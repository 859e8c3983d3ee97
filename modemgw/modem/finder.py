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

from modemgw.at.commands import IMEI
from modemgw.at.responses import first, read_imei
from modemgw.errors import ModemgwError
from modemgw.modem.channel import Channel
from modemgw.modem.discovery import FoundPort, find_ports
from modemgw.modem.transport import open_transport

log = logging.getLogger(__name__)

#: A port that did not answer is asked again after these; one that has been plugged anew at once.
SILENT_S = (2.0, 5.0, 10.0, 30.0, 60.0)

#: All questions to one port together.
ASKING_S = 6.0


@dataclass(frozen=True, slots=True)
class FoundModem:
    """A modem that answered. `imei` is None where it would not say."""

    port: str
    imei: str | None
    usb: str | None
    description: str


@dataclass(slots=True)
class _Known:
    mark: tuple[int, int]  # device number and birth of the node: another after a replug
    modem: FoundModem | None
    asked_at: float
    silent: int = 0  # times it was asked in vain

    def stands(self, mark: tuple[int, int], now: float) -> bool:
        """What is known needs not be asked again."""
        if self.mark != mark:
            return False
        return self.modem is not None or now - self.asked_at < SILENT_S[min(self.silent, len(SILENT_S)) - 1]


class Finder:
    """`find` looks the machine over. `in_use` tells the ports that have a worker: they are left alone."""

    def __init__(self, in_use: Callable[[], Iterable[str]], ports: Callable[[], list[FoundPort]] = find_ports) -> None:
        self._in_use = in_use
        self._ports = ports
        self._known: dict[str, _Known] = {}
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
        """The modems that are not in use, one port each."""
        async with self._lock:
            ports = await asyncio.to_thread(self._ports)
            busy = {_node(port) for port in self._in_use()}
            busy_devices = {port.device for port in ports if _node(port.url) in busy}
            found: dict[str, FoundModem] = {}
            for port in ports:
                if port.device in busy_devices or port.device in found:
                    continue
                modem = await self._ask(port)
                if modem is not None:
                    found[port.device] = modem
            return list(found.values())

    async def _ask(self, port: FoundPort) -> FoundModem | None:
        try:
            status = os.stat(port.url)
        except OSError:
            self._known.pop(port.url, None)
            return None
        mark, now = (status.st_rdev, status.st_ctime_ns), time.monotonic()
        known = self._known.get(port.url)
        if known is not None and known.stands(mark, now):
            return known.modem
        silent = known.silent if known is not None and known.mark == mark else 0
        answered, imei = await ask_imei(port.url)
        modem = FoundModem(port.url, imei, port.usb, port.description) if answered else None
        self._known[port.url] = _Known(mark, modem, now, 0 if answered else silent + 1)
        return modem


def _node(path: str) -> str:
    return os.path.realpath(path)


async def ask_imei(url: str) -> tuple[bool, str | None]:
    """(it speaks AT, its IMEI). Opens the port, asks, and closes it again; never raises for a port's mood."""
    try:
        transport = await open_transport(url)
    except ModemgwError as error:
        log.debug("%s: %s", url, error)
        return False, None
    channel = Channel(transport, lambda urc: None)
    answered = False
    try:
        async with asyncio.timeout(ASKING_S):
            await channel.resync()
            answered = True
            response = await channel.run(IMEI)
            return True, first(response.lines, read_imei, "serial number")
    except (ModemgwError, TimeoutError) as error:
        log.debug("%s: %s", url, error)
        return answered, None
    finally:
        channel.close()
