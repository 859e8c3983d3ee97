"""Which port a line opens: the one it was given, what is plugged in at a place, or wherever the modem with an IMEI is;
and that no two lines have the same device. Owns these rules; opens nothing, and asking modems is the finder's.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass

from modemgw.line.finder import Finder
from modemgw.line.settings import WorkerSettings
from modemgw.modem.dialogue.driver import ModemInfo
from modemgw.modem.ports.discovery import PLACE, device_of, port_at, usb_of, why_never_asked
from modemgw.modem.ports.transport import PortBusy, PortError, PortMissing

log = logging.getLogger(__name__)


class PortTaken(PortBusy):
    """Another line of this gateway has the modem."""


@dataclass(slots=True)
class _Claim:
    device: str
    port: str
    imei: str | None = None
    sim: str | None = None


class Claims:
    """Which line has which device. The first in the configuration goes first; nobody takes what another holds."""

    def __init__(self, settings: Sequence[WorkerSettings] = ()) -> None:
        self._wanted = {s.name: s.port for s in settings if s.port is not None}
        self._held: dict[str, _Claim] = {}

    def take(self, name: str, port: str) -> None:
        """The line is about to open `port`. Raises PortTaken."""
        device = device_of(port)
        for other, claim in self._held.items():
            if other != name and claim.device == device:
                raise PortTaken(port, _twice(port, claim.port, other))
        for other, wanted in self._wanted.items():
            if other == name:
                break
            if "://" not in wanted and _there(wanted) and device_of(wanted) == device:
                if why_never_asked(wanted) is not None:
                    continue
                raise PortTaken(port, _twice(port, wanted, other))
        self._held[name] = _Claim(device, port)

    def know(self, name: str, info: ModemInfo) -> None:
        """The modem at the line's port has said what it is. Raises PortTaken if another line talks to the same one."""
        mine = self._held.get(name)
        if mine is None:
            return
        imei, sim = info.imei and info.imei[:14], info.imsi or info.iccid
        for other, claim in self._held.items():
            if other != name and imei and sim and (claim.imei, claim.sim) == (imei, sim):
                raise PortTaken(mine.port, _twice(mine.port, claim.port, other))
        mine.imei, mine.sim = imei, sim

    def has(self, name: str) -> bool:
        """The line holds a device just now."""
        return name in self._held

    def holder(self, imei: str) -> tuple[str, str] | None:
        """(line, port) of the modem with this IMEI, if a line has it."""
        return next(((name, claim.port) for name, claim in self._held.items() if claim.imei == imei[:14]), None)

    def release(self, name: str) -> None:
        """The line's port is closed, and may be anybody's."""
        self._held.pop(name, None)


def _twice(port: str, other_port: str, other: str) -> str:
    same = "is" if port == other_port else f"and {other_port} are"
    usb = usb_of(port)
    device = f"one modem ({usb})" if usb else "one modem"
    return (
        f"{port} {same} {device}, which the line {other!r} uses already. "
        f"Two [[modem]] sections lead to it: remove one of them, or correct its port or IMEI."
    )


class Whereabouts:
    """Where one line's modem is. Without a `finder` only ports that are named can be found."""

    def __init__(self, settings: WorkerSettings, finder: Finder | None = None, claims: Claims | None = None) -> None:
        self._settings = settings
        self._finder = finder
        self._claims = claims if claims is not None else Claims()

    async def find(self, now: str | None, imei: str | None) -> str:
        """The port to open; `now` is where it was, `imei` what was there. It counts as taken until `release`.

        Raises PortMissing, PortTaken, and PortError for a port that is not for AT.
        """
        wanted = self._settings.port
        if wanted is None:
            port = await self._by_imei(now)
        elif now is not None and now != wanted and _there(now):  # another of its ports, or where it moved to
            port = now
        else:
            port = await self._by_name(wanted, imei)
        self._claims.take(self._settings.name, port)
        return port

    async def _by_imei(self, now: str | None) -> str:
        if now is not None and _there(now):
            return now
        imei = self._settings.imei or ""
        port = await self._locate(imei)
        if port is not None:
            return port
        held = self._claims.holder(imei)
        if held is not None and held[0] != self._settings.name:
            raise PortTaken("", _twice(f"The modem with IMEI {imei}", held[1], held[0]))
        raise PortMissing("", f"No port of this machine has the modem with IMEI {imei}. Is it plugged in?")

    async def _by_name(self, wanted: str, imei: str | None) -> str:
        if "://" in wanted:
            return wanted
        path: str | None = wanted
        if wanted.startswith(PLACE):
            path = await asyncio.to_thread(port_at, wanted)
        if path is not None and _there(path):
            problem = await asyncio.to_thread(why_never_asked, path)
            if problem is None:
                return path
            return await self._follow(wanted, imei, PortError(wanted, problem))
        kind = "nothing plugged in at" if wanted.startswith(PLACE) else "no port"
        missing = PortMissing(wanted, f"There is {kind} {wanted}. Is the modem plugged in? See: modemgw modems.")
        return await self._follow(wanted, imei, missing)

    async def _follow(self, wanted: str, imei: str | None, error: PortError) -> str:
        """The modem that was at `wanted` may have come back under another name."""
        port = await self._locate(imei) if imei else None
        if port is None:
            raise error
        if _there(wanted) and isinstance(error, PortMissing):
            return wanted  # a link that came a moment after its port
        log.warning("%s: the modem of %s is at %s now", self._settings.name, wanted, port)
        return port

    async def _locate(self, imei: str) -> str | None:
        return await self._finder.locate(imei) if self._finder is not None else None

    def know(self, info: ModemInfo) -> None:
        """See `Claims.know`."""
        self._claims.know(self._settings.name, info)

    def release(self) -> None:
        """See `Claims.release`."""
        self._claims.release(self._settings.name)

    def avoid(self, port: str) -> None:
        """See `Finder.avoid`."""
        if self._finder is not None:
            self._finder.avoid(port)

    async def siblings(self, port: str) -> list[str]:
        """The other free AT ports of the device behind `port`, the best first."""
        if self._finder is None or "://" in port:
            return []
        return await self._finder.siblings(port)


def _there(path: str) -> bool:
    return os.path.exists(path)
