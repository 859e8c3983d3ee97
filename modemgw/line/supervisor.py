"""All workers together: those of the configuration, and those of modems that are found. One that fails does not
touch the others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from modemgw.domain.line import ModemView
from modemgw.domain.ussd import UssdAnswer
from modemgw.line.finder import Finder, FoundModem
from modemgw.line.port_choice import Claims, Whereabouts
from modemgw.line.settings import NoSuchLine, WorkerPorts, WorkerSettings
from modemgw.line.timing import Timing
from modemgw.line.worker import Worker
from modemgw.modem.dialogue.driver import Driver
from modemgw.modem.ports.discovery import FoundPort, find_ports
from modemgw.modem.ports.hotplug import HotPlug, PlugEvent

log = logging.getLogger(__name__)

T = TypeVar("T")


class Supervisor:
    """Starts and stops workers. With `adopt`, every modem that is found gets one: it makes the settings."""

    def __init__(
        self,
        settings: Sequence[WorkerSettings],
        ports: WorkerPorts,
        *,
        adopt: Callable[[str, FoundModem], WorkerSettings] | None = None,
        look: Callable[[], list[FoundPort]] = find_ports,
        plugs: HotPlug | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing if timing is not None else Timing()
        self._plugs = plugs if plugs is not None else HotPlug()
        self._claims = Claims(settings)
        self._settings = settings
        self._ports = ports
        self._adopt = adopt
        self._finder = Finder(self._in_use, look, self._timing)
        self._workers: dict[str, Worker] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        self._discovery: asyncio.Task[None] | None = None

    def views(self) -> list[ModemView]:
        """Every modem, in the order in which they were named or found."""
        return [worker.view() for worker in self._workers.values()]

    def pause(self, name: str, by: str) -> bool:
        """Let a modem send nothing until `resume`; False if there is none of that name."""
        worker = self._workers.get(name)
        if worker is not None:
            worker.pause(by)
        return worker is not None

    def resume(self, name: str) -> bool:
        """End a pause, a stay in quarantine, or the wait for a person to see to the SIM; False as above."""
        worker = self._workers.get(name)
        if worker is not None:
            worker.resume()
        return worker is not None

    async def ask(self, line: str, text: str, *, by: str, timeout_s: float, answering: bool = False) -> UssdAnswer:
        """See `service.ussd.UssdLines`."""
        conversation = self._worker(line).conversation()
        return await (conversation.answer if answering else conversation.ask)(text, by, timeout_s)

    async def cancel(self, line: str, *, by: str) -> UssdAnswer:
        """See `service.ussd.UssdLines`."""
        return await self._worker(line).conversation().cancel(by)

    def _worker(self, name: str) -> Worker:
        worker = self._workers.get(name)
        if worker is None:
            raise NoSuchLine(name)
        return worker

    async def errand(self, name: str, work: Callable[[Driver], Awaitable[T]]) -> T:
        """Let `work` have a modem to itself between two messages. Raises NoSuchLine, LineNotReady, what it raises."""
        return await self._worker(name).errand(work)

    def start(self) -> None:
        """Start the configured workers and the discovery."""
        self._plugs.start()
        self._plugs.listen(self._plugged)
        for settings in self._settings:
            self._start(settings)
        if self._adopt is not None:
            self._discovery = asyncio.create_task(self._discover(self._adopt), name="discovery")

    def _start(self, settings: WorkerSettings) -> None:
        whereabouts = Whereabouts(settings, self._finder, self._claims)
        worker = Worker(settings, self._ports, whereabouts, self._plugs)
        self._workers[settings.name] = worker
        self._tasks.append(asyncio.create_task(worker.run(), name=f"modem {settings.name}"))

    def _in_use(self) -> list[str]:
        return [worker.port for worker in self._workers.values() if worker.port]

    def _plugged(self, event: PlugEvent) -> None:
        if event.action == "remove" and event.port is not None:
            for worker in self._workers.values():
                worker.unplugged(event.port)

    async def _discover(self, adopt: Callable[[str, FoundModem], WorkerSettings]) -> None:
        told = False
        while not self._stopping.is_set():
            woken = asyncio.create_task(self._plugs.wait(3600))  # also by what comes during the look
            try:
                await self._look(adopt)
                if not self._workers and not told:
                    told = True
                    log.warning("No modem is configured and none is found; waiting for one.")
                every_s = self._timing.discovery_told_s if self._plugs.proven else self._timing.discovery_s
                if await self._heard(woken, self._finder.due_s(every_s)):
                    await self._plugs.settled()
            finally:
                woken.cancel()
                await asyncio.gather(woken, return_exceptions=True)

    async def _heard(self, woken: asyncio.Task[bool], seconds: float) -> bool:
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait([woken, stop], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            await asyncio.gather(stop, return_exceptions=True)
        return woken.done()

    def _named(self, modem: FoundModem, adopt: Callable[[str, FoundModem], WorkerSettings]) -> WorkerSettings | None:
        """Settings for a modem that was found; None for one that has a worker, which will find it as well.

        A modem is known by its IMEI: wherever it is plugged in, its name stays. One without, and the second of two
        with the same IMEI, are known by the place where they are plugged in.
        """
        place = (modem.place or os.path.basename(modem.port)).replace(":", "-")
        if modem.imei is None:
            known = place in self._workers or (modem.place is not None and self._has_line(modem.place))
            return None if known else adopt(place, modem)
        for digits in (modem.imei[-6:], modem.imei):
            name = f"modem-{digits}"
            worker = self._workers.get(name)
            if worker is None:
                return adopt(name, modem)
            if worker.settings.imei is not None and worker.settings.imei[:14] == modem.imei[:14]:
                if not self._claims.has(name):
                    return None
                twin = f"{name}-{place}"
                return adopt(twin, replace(modem, imei=None)) if twin not in self._workers else None
        return None

    def _has_line(self, place: str) -> bool:
        """A line is bound to a port of the device at this place: another of its ports has answered first this time."""
        device = place.rpartition(":")[0]
        return any((worker.settings.port or "").rpartition(":")[0] == device for worker in self._workers.values())

    async def _look(self, adopt: Callable[[str, FoundModem], WorkerSettings]) -> None:
        try:
            for modem in await self._finder.find():
                settings = self._named(modem, adopt)
                if settings is not None:
                    log.warning("Found %s at %s: it is called %s", modem.description, modem.port, settings.name)
                    self._start(settings)
        except Exception:  # a device that goes while it is looked at, say; the next look is soon
            log.exception("Looking for modems failed.")

    async def stop(self) -> None:
        """Let every worker finish the part in the air, up to its limit."""
        self._stopping.set()
        self._plugs.close()
        if self._discovery is not None:
            self._discovery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._discovery
        for worker in self._workers.values():
            await worker.stop()
        await asyncio.gather(*self._tasks, return_exceptions=True)
