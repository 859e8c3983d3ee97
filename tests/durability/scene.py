"""A simulation in this process and a gateway in another: what is seen of both, and how one is killed."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modemsim.network import Rule
from modemsim.simulation import Simulation
from tests.durability.world import Gateway, Zygote, config_text, free_port, until

#: One whose network reports on delivery, and one whose network gives no reports.
TO, SILENT = "+79161234567", "+79020000001"


@dataclass
class Scene:
    """See the module."""

    sim: Simulation
    gateway: Gateway

    @property
    def on_air(self) -> int:
        """Parts that the network took."""
        return self.sim.network.ledger.counts["submit"]

    @property
    def silent(self) -> bool:
        """The modem answers nothing."""
        return any(port.hung for port in self.sim.modems[0].modem.ports)

    def attempts(self) -> list[str]:
        """Outcomes of all attempts."""
        return [row[0] for row in self.gateway.query("SELECT outcome FROM attempts ORDER BY id")]

    async def until_journalled(self) -> None:
        """An attempt is in the journal and has no outcome."""
        await until(lambda: "started" in self.attempts(), "an attempt in the journal")

    async def until_silent(self) -> None:
        """The modem has stopped answering."""
        await until(lambda: self.silent, "the modem to fall silent")

    async def kill_and_restart(self) -> None:
        """SIGKILL, a new start, and the modem ready."""
        await self.gateway.kill()
        await self.gateway.start()
        await self.gateway.until_ready()


@contextlib.asynccontextmanager
async def scene(
    directory: Path,
    zygote: Zygote,
    *,
    on_doubt: str = "hold",
    window_s: int = 600,
    sending: str = "",
    ready: bool = True,
    **simulation: Any,
) -> AsyncIterator[Scene]:
    """One modem, and a gateway that is up; `sending` is added to the section of that name."""
    port = free_port()
    async with Simulation(dir=directory, **simulation) as sim:
        sim.network.config.rules.insert(0, Rule("+7902*", plan="never"))
        config = config_text(
            directory,
            {"m0": sim.modems[0].port},
            port,
            on_doubt=on_doubt,
            extra=f"[sending]\ndoubt_window_s = {window_s}\n{sending}\n",
        )
        async with Gateway(directory, config, port, zygote) as gateway:
            await gateway.start()
            await (gateway.until_ready() if ready else gateway.until_up())
            yield Scene(sim, gateway)
