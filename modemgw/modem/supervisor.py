"""All workers together: those of the configuration, and those of modems that are found. One that fails does not
touch the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from modemgw.domain.line import ModemView
from modemgw.modem.session import WorkerPorts, WorkerSettings
from modemgw.modem.worker import Worker

log = logging.getLogger(__name__)

#: How often the machine is looked over for modems while none is configured, or some are known by IMEI only.
DISCOVERY_S = 3.0


class Supervisor:
    """Starts and stops workers. `discover` (if given) returns settings of modems that should run and do not yet;
    it is given the ports that have a worker."""

    def __init__(
        self,
        settings: Sequence[WorkerSettings],
        ports: WorkerPorts,
        discover: Callable[[frozenset[str]], list[WorkerSettings]] | None = None,
    ) -> None:
        self._ports = ports
        self._discover = discover
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._configured = settings
        self._stopping = asyncio.Event()
        self._discovery: asyncio.Task[None] | None = None

    def views(self) -> list[ModemView]:
        """Every modem, in the order in which they were named or found."""
        return [worker.view() for worker in self._workers.values()]

    def start(self) -> None:
        """Start the configured workers and the discovery."""
        for settings in self._configured:
            self._start(settings)
        if self._discover is not None:
            self._discovery = asyncio.create_task(self._discover_all(self._discover), name="discovery")

    def _start(self, settings: WorkerSettings) -> None:
        worker = Worker(settings, self._ports)
        self._workers[settings.name] = worker
        self._tasks[settings.name] = asyncio.create_task(worker.run(), name=f"modem {settings.name}")

    async def _discover_all(self, discover: Callable[[frozenset[str]], list[WorkerSettings]]) -> None:
        told = False
        while not self._stopping.is_set():
            taken = frozenset(worker.settings.port for worker in self._workers.values())
            try:
                found = await asyncio.to_thread(discover, taken)
            except OSError as error:
                log.warning("Looking for modems: %s", error)
                found = []
            for settings in found:
                if settings.name not in self._workers:
                    log.info("Found a modem at %s: it is called %s", settings.port, settings.name)
                    self._start(settings)
            if not self._workers and not told:
                told = True
                log.warning("No modem is configured and none was found; looking again every %g s.", DISCOVERY_S)
            try:
                async with asyncio.timeout(DISCOVERY_S):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def stop(self) -> None:
        """Let every worker finish the part in the air, up to its limit."""
        self._stopping.set()
        if self._discovery is not None:
            await self._discovery
        for worker in self._workers.values():
            await worker.stop()
        if self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
