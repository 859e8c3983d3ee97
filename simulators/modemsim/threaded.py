"""A simulation in a thread of its own, for programs and tests that block. Owns the thread and its event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from modemsim.farend import FarMessage
from modemsim.ledger import Entry
from modemsim.network import Network
from modemsim.simulation import Host, Simulation, SimulationConfig

T = TypeVar("T")


class ThreadedSimulation:
    """A simulation in a thread of its own, for programs and tests that block:

    `with ThreadedSimulation(modems=1, dir=path) as sim:`.
    """

    def __init__(self, config: SimulationConfig | None = None, **options: Any) -> None:
        self.simulation = Simulation(config, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the thread and open the ports; raises `SimError`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="modemsim", daemon=True)
        self._thread.start()
        try:
            self._run(self.simulation.start())
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Close everything and end the thread; safe to call twice."""
        if self._loop:
            self._run(self.simulation.stop())
            self._end()

    def _end(self) -> None:
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)
            self._loop.close()
        self._loop = self._thread = None

    def _run(self, work: Coroutine[Any, Any, T], limit: float = 60.0) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(limit)

    def call(self, do: Callable[[Simulation], T]) -> T:
        """`do(simulation)` in the simulation's thread."""

        async def in_loop() -> T:
            value = do(self.simulation)
            self.simulation.pump()
            return value

        return self._run(in_loop())

    def wait(self, predicate: Callable[[Simulation], T], timeout: float = 10.0) -> T:
        """The first true value of `predicate(simulation)`; raises `TimeoutError`."""
        return self._run(self.simulation.wait(lambda: predicate(self.simulation), timeout), timeout + 5)

    @property
    def modems(self) -> list[Host]:
        return self.simulation.modems

    @property
    def network(self) -> Network:
        """The network; look only, and use `call` to change it."""
        return self.simulation.network

    @property
    def ledger(self) -> list[Entry]:
        return list(self.simulation.ledger)

    @property
    def far(self) -> list[FarMessage]:
        return list(self.simulation.far)

    def inject(self, text: str | None = None, to: int | str | None = 0, **options: Any) -> list[bytes]:
        """See `Simulation.inject`."""
        return self.call(lambda s: s.inject(text, to, **options))

    def fault(self, kind: str, modem: int | str | None = 0, **options: Any) -> None:
        """See `Simulation.fault`."""
        self.call(lambda s: s.fault(kind, modem, **options))
