"""The gateway on foreign modems, reached over HTTP; and a look into its database from outside."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from modemgw.config import parse
from modemgw.line.timing import Timing
from modemgw.runtime import Runtime

from .modem import Habits, Modem


@dataclass
class Rig:
    """One gateway with one foreign modem."""

    modem: Modem
    runtime: Runtime
    http: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        async with self.http.get(self.runtime.url + path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def send(self, to: str, text: str, **options: Any) -> int:
        body = {"to": to, "text": text, **options}
        async with self.http.post(self.runtime.url + "/v1/messages", json=body) as response:
            assert response.status == 202, await response.text()
            return int((await response.json())["id"])

    async def state(self, message_id: int, *states: str, limit_s: float = 10.0) -> dict[str, Any]:
        """The message once it is in one of `states`."""

        async def look() -> Any:
            message = await self.get(f"/v1/messages/{message_id}")
            return message if message["state"] in states else None

        found: dict[str, Any] = await self.until(look, limit_s, lambda: f"message {message_id} in {states}")
        return found

    async def inbox(self, count: int, limit_s: float = 10.0) -> list[dict[str, Any]]:
        """The inbox once it has `count` messages."""

        async def look() -> Any:
            items = (await self.get("/v1/inbox?limit=1000"))["items"]
            return items if len(items) >= count else None

        found: list[dict[str, Any]] = await self.until(look, limit_s, lambda: f"{count} messages in the inbox")
        return found

    async def ready(self, limit_s: float = 20.0) -> None:
        async def look() -> bool:
            return all(item["state"] == "ready" for item in (await self.get("/v1/modems"))["items"])

        await self.until(look, limit_s, lambda: f"ready: {self.runtime.gateway.modems()}")

    async def emptied(self, limit_s: float = 5.0) -> None:
        """Nothing is left on the SIM or on its way to it."""

        async def look() -> bool:
            return not self.modem.waiting and not any(self.modem.stored.values())

        await self.until(look, limit_s, lambda: f"empty: {self.modem.stored}")

    async def until(self, look: Callable[[], Awaitable[Any]], limit_s: float, what: Callable[[], str]) -> Any:
        end = time.monotonic() + limit_s
        while not (value := await look()):
            assert time.monotonic() < end, f"not within {limit_s:g} s: {what()}; breaches: {self.modem.breaches}"
            await asyncio.sleep(0.01)
        return value


@contextlib.asynccontextmanager
async def running(
    directory: Path, habits: Habits, *, config: str = "", wait: bool = True, timing: Timing | None = None
) -> AsyncIterator[Rig]:
    """A gateway on a modem of these habits; afterwards the modem must have nothing to complain of."""
    database = directory / "gw.db"

    def kept(tpdu: str) -> bool:
        """The PDU is committed: seen through a connection of our own."""
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT count(*) FROM pdus WHERE hex LIKE ?", (f"%{tpdu}",)).fetchone()
            return bool(row[0])

    modem = Modem(directory / "modem", habits, kept)
    modem.plug()
    runtime = Runtime(
        parse(
            f'[http]\nlisten = "127.0.0.1:0"\n[store]\npath = "{database}"\n'
            f'[[modem]]\nname = "foreign"\nport = "{modem.link}"\n{config}'
            '[[account]]\nlogin = "judge"\npassword = "secret"\napi_key = "key"\n'
        ),
        timing=timing,
    )
    try:
        await runtime.start()
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as http:
            rig = Rig(modem, runtime, http)
            if wait:
                await rig.ready()
            yield rig
            assert modem.breaches == []
    finally:
        await runtime.stop()
        modem.close()
