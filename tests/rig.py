"""A gateway on simulated modems in one process: what integration tests, demos of faults and benchmarks stand on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from modemgw.clock import ServiceClock
from modemgw.config import parse
from modemgw.line.timing import Timing
from modemgw.runtime import Runtime
from modemsim.simulation import Simulation

API_KEY = "key-of-shop"

Json = dict[str, Any]
T = TypeVar("T")


def config_text(directory: Path, ports: list[str], extra: str = "", modem: str = "") -> str:
    """A configuration with one modem a port, named m0, m1, …, and the account "shop"."""
    modems = "".join(f'[[modem]]\nname = "m{i}"\nport = "{port}"\n{modem}' for i, port in enumerate(ports))
    return (
        f'[http]\nlisten = "127.0.0.1:0"\n[store]\npath = "{directory / "modemgw.db"}"\n{modems}'
        f'[[account]]\nlogin = "shop"\npassword = "secret"\napi_key = "{API_KEY}"\n{extra}'
    )


@dataclass
class Rig:
    """A running gateway and its simulation. `sim` is None when the gateway runs without one."""

    sim: Simulation
    runtime: Runtime
    http: aiohttp.ClientSession
    config: str
    timing: Timing = field(default_factory=Timing)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of one request of the native API."""
        async with self.http.request(method, self.runtime.url + path, json=body) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> Any:
        """JSON of a GET that must succeed."""
        status, body = await self.call("GET", path)
        assert status == 200, (status, body)
        return body

    async def submit(self, to: str, text: str, **options: Any) -> Json:
        """POST /v1/messages; the accepted message."""
        status, body = await self.call("POST", "/v1/messages", {"to": to, "text": text, **options})
        assert status in (200, 202), (status, body)
        return dict(body)

    async def message(self, message_id: int) -> Json:
        """GET /v1/messages/{id}."""
        return dict(await self.get(f"/v1/messages/{message_id}"))

    async def until_state(self, message_id: int, *states: str, limit_s: float = 10.0) -> Json:
        """The message once it is in one of `states`."""

        async def look() -> Json | None:
            message = await self.message(message_id)
            return message if message["state"] in states else None

        return await until(look, limit_s, lambda: f"message {message_id} in {states}")

    async def inbox(self, count: int, limit_s: float = 10.0) -> list[Json]:
        """The inbox once it has `count` messages."""

        async def look() -> list[Json] | None:
            items = (await self.get("/v1/inbox?limit=1000"))["items"]
            return items if len(items) >= count else None

        return await until(look, limit_s, lambda: f"{count} messages in the inbox")

    async def ready(self, limit_s: float = 15.0) -> None:
        """Every modem is ready."""

        async def look() -> bool:
            return all(str(view.state) == "ready" for view in self.runtime.gateway.modems())

        await until(look, limit_s, lambda: f"modems ready: {self.runtime.gateway.modems()}")

    async def restart(self) -> None:
        """Stop the gateway in good order and start it again on the same database."""
        await self.runtime.stop()
        self.runtime = Runtime(parse(self.config), timing=self.timing)
        await self.runtime.start()


async def until(look: Callable[[], Awaitable[T | None]], limit_s: float, what: Callable[[], str]) -> T:
    """The first true value of `look`; fails the test after `limit_s`."""
    end = time.monotonic() + limit_s
    while not (value := await look()):
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what()}"
        await asyncio.sleep(0.01)
    return value


@contextlib.asynccontextmanager
async def running(
    directory: Path,
    *,
    config: str = "",
    modem_config: str = "",
    wait: bool = True,
    clock: ServiceClock | None = None,
    timing: Timing | None = None,
    **simulation: Any,
) -> AsyncIterator[Rig]:
    """A gateway on `Simulation(**simulation)`; `config` is added to its configuration file, `modem_config` to each
    of its modems. `clock` is what it goes by."""
    timing = timing if timing is not None else Timing()
    simulation.setdefault("modems", 1)
    async with Simulation(dir=directory, **simulation) as sim:
        text = config_text(directory, [host.port for host in sim.modems], config, modem_config)
        runtime = Runtime(parse(text), clock, timing=timing)
        await runtime.start()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
            rig = Rig(sim, runtime, http, text, timing)
            try:
                if wait:
                    await rig.ready()
                yield rig
            finally:
                await rig.runtime.stop()
