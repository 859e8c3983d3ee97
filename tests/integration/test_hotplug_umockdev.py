"""Real udev events, a fake /sys and the real `modemgw run`: sticks that come, go, and come back elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.umockdev_bench import Bench, bench, preload, tried_again

pytest.importorskip("pyudev", reason="pyudev (the extra `udev`) is not installed")
if preload() is None:
    pytest.skip("umockdev (Debian package umockdev) is not installed", allow_module_level=True)

RUN = "import sys; from modemgw.cli import main; sys.argv[0] = 'modemgw'; main()"
CONFIG = """
[http]
listen = "127.0.0.1:0"
[store]
path = "{directory}/modemgw.db"
[[account]]
login = "shop"
password = "secret"
api_key = "key"
{modems}
"""
LIMIT_S = 40.0


class Gateway:
    """`modemgw run` on the bench's machine."""

    def __init__(self, http: aiohttp.ClientSession, url: str, log: Path) -> None:
        self._http, self._url, self._log = http, url, log

    async def get(self, path: str) -> Any:
        async with self._http.get(self._url + path) as response:
            return await response.json()

    async def line(self, name: str, state: str, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The modem of that name, once it is in that state."""

        async def look() -> dict[str, Any] | None:
            items = (await self.get("/v1/modems"))["items"]
            return next((dict(item) for item in items if (item["name"], item["state"]) == (name, state)), None)

        return await self.until(look, f"{name} {state}", limit_s)

    async def until(self, look: Callable[[], Awaitable[Any]], what: str, limit_s: float = LIMIT_S) -> Any:
        end = time.monotonic() + limit_s
        while not (value := await look()):
            assert time.monotonic() < end, f"{what}: {await self.get('/v1/modems')}\n{self._log.read_text()[-4000:]}"
            await asyncio.sleep(0.02)
        return value

    async def send(self, text: str, modem: str | None = None) -> dict[str, Any]:
        """A text on its way, once it is sent."""
        body = {"to": "+79005550000", "text": text, **({"modem": modem} if modem else {})}
        async with self._http.post(f"{self._url}/v1/messages", json=body) as response:
            made = await response.json()
            assert response.status == 202, made

        async def sent() -> dict[str, Any] | None:
            message = await self.get(f"/v1/messages/{made['id']}")
            return dict(message) if message["state"] in ("sent", "delivered") else None

        return dict(await self.until(sent, f"{text} is sent"))


@contextlib.asynccontextmanager
async def gateway(sticks: Bench, directory: Path, modems: str = "") -> AsyncIterator[Gateway]:
    config, log = directory / "modemgw.toml", directory / "log"
    config.write_text(CONFIG.format(directory=directory, modems=modems))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            RUN,
            "run",
            "--config",
            str(config),
            "-vv",
            stdout=output,
            stderr=output,
            env=sticks.environment,
            cwd=directory,
        )
    try:
        url = await _url(process, log)
        async with aiohttp.ClientSession(headers={"Authorization": "Bearer key"}) as http:
            yield Gateway(http, url, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _url(process: asyncio.subprocess.Process, log: Path) -> str:
    end = time.monotonic() + LIMIT_S
    while not (found := re.search(r"serves at (http://\S+?);", log.read_text())):
        assert process.returncode is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        await asyncio.sleep(0.05)
    return found[1]


@tried_again
async def test_a_stick_that_nobody_configured_comes_goes_and_comes_back_elsewhere(tmp_path: Path) -> None:
    async with bench(tmp_path / "sim", modems=1, personality="quectel-ec25") as sticks, gateway(sticks, tmp_path) as gw:
        assert (await gw.get("/v1/modems"))["items"] == []
        await sticks("plug", 0, "ec25", "1-1", 0)
        name = (await gw.until(lambda: _names(gw), "a modem is found"))[0]
        first = await gw.line(name, "ready")
        assert first["port"] == "/dev/ttyUSB2"
        assert name == f"modem-{first['imei'][-6:]}"
        await gw.send("one")

        await sticks("unplug", (0, "1-1"))
        await gw.line(name, "absent")
        await sticks("plug", 0, "ec25", "1-3", 5)
        again = await gw.line(name, "ready")
        assert again["port"] == "/dev/ttyUSB7"
        await gw.send("two")
        await sticks("inject", 0, "hello")
        await gw.until(lambda: _inbox(gw), "the text arrived")
        assert await sticks("sent") == ["one", "two"]
        assert await _names(gw) == [name]
        assert await sticks("written") == {}, "nothing may be written to diagnosis and GPS ports"
        assert await sticks("opened", 0) is not None


@tried_again
async def test_sticks_with_one_serial_number_are_two_and_follow_their_imei(tmp_path: Path) -> None:
    async with bench(tmp_path / "sim", modems=2, personality="huawei-e3372") as sticks:
        await sticks("plug", 0, "e3372", "1-1", 0)
        await sticks("plug", 1, "e3372", "1-2", 3)
        async with gateway(sticks, tmp_path) as gw:
            names = await gw.until(lambda: _names(gw, 2), "both are found")
            ready = [await gw.line(name, "ready") for name in names]
            assert len({modem["imei"] for modem in ready}) == 2
            assert {modem["port"] for modem in ready} == {"/dev/ttyUSB2", "/dev/ttyUSB5"}

            await sticks("unplug", (0, "1-1"), (1, "1-2"))
            for name in names:
                await gw.line(name, "absent")
            # each where the other was, with the SIM of the other: names follow the IMEI, lines the SIM
            await sticks("swap_sims", 0, 1)
            await sticks("plug", 1, "e3372", "1-1", 0)
            await sticks("plug", 0, "e3372", "1-2", 3)
            after = [await gw.line(name, "ready") for name in names]
            assert [modem["imei"] for modem in after] == [modem["imei"] for modem in ready]
            assert [modem["port"] for modem in after] == [modem["port"] for modem in reversed(ready)]
            assert [modem["imsi"] for modem in after] == [modem["imsi"] for modem in reversed(ready)]
            assert await _names(gw) == names
            assert await sticks("written") == {}


@tried_again
async def test_a_stick_bound_to_a_port_is_followed_to_its_new_name(tmp_path: Path) -> None:
    modems = '[[modem]]\nname = "a"\nport = "/dev/ttyUSB2"\n'
    async with (
        bench(tmp_path / "sim", modems=1, personality="quectel-ec25") as sticks,
        gateway(sticks, tmp_path, modems) as gw,
    ):
        await gw.line("a", "absent")
        await sticks("plug", 0, "ec25", "1-1", 0)
        await gw.line("a", "ready")
        await sticks("unplug", (0, "1-1"))
        await gw.line("a", "absent")
        await sticks("plug", 0, "ec25", "1-1", 1)  # what was the AT port's name is the GPS port's now
        assert (await gw.line("a", "ready"))["port"] == "/dev/ttyUSB3"
        await gw.send("still here")
        assert await sticks("written") == {}


@tried_again
async def test_two_sections_for_one_stick_are_told_and_do_not_fight(tmp_path: Path) -> None:
    modems = (
        '[[modem]]\nname = "a"\nport = "/dev/ttyUSB2"\n'
        '[[modem]]\nname = "b"\nport = "/dev/ttyUSB3"\n'
        '[[modem]]\nname = "c"\nport = "usb:1-1"\n'
        '[[modem]]\nname = "d"\nport = "/dev/ttyUSB0"\n'
    )
    async with (
        bench(tmp_path / "sim", modems=1, personality="quectel-ec25") as sticks,
        gateway(sticks, tmp_path, modems) as gw,
    ):
        await sticks("plug", 0, "ec25", "1-1", 0)
        await gw.line("a", "ready")
        for name in "bc":
            reason = (await gw.line(name, "blocked"))["reason"]
            assert "one modem (2c7c:0125), which the line 'a' uses already" in reason
        assert "is the diagnostics port of" in (await gw.line("d", "absent"))["reason"]
        await gw.send("alone", "a")
        assert await sticks("written") == {}


@tried_again
async def test_a_place_on_usb_is_a_port(tmp_path: Path) -> None:
    modems = '[[modem]]\nname = "left"\nport = "usb:1-1"\n[[modem]]\nname = "right"\nport = "usb:1-2:1.4"\n'
    async with (
        bench(tmp_path / "sim", modems=2, personality="quectel-ec25") as sticks,
        gateway(sticks, tmp_path, modems) as gw,
    ):
        await sticks("plug", 1, "unknown", "1-2", 0)
        await sticks("plug", 0, "ec25", "1-1", 4)
        assert (await gw.line("left", "ready"))["port"] == "/dev/ttyUSB6"
        assert (await gw.line("right", "ready"))["port"] == "/dev/ttyUSB1"
        assert await sticks("written") == {}


async def _names(gw: Gateway, count: int = 1) -> list[str] | None:
    names = [item["name"] for item in (await gw.get("/v1/modems"))["items"]]
    return names if len(names) >= count else None


async def _inbox(gw: Gateway) -> list[Any]:
    return list((await gw.get("/v1/inbox"))["items"])
