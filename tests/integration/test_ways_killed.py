"""kill -9 between every two steps of a try: nothing is sent twice, lost, or called what it is not."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fake_provider import FakeProvider, Taken, upstream
from tests.integration.test_two_gateways import free_port
from tests.rig import API_KEY, until

QUICK = """
import sys
from dataclasses import replace
from modemgw.dialects.http_upstream import HttpCodec
from modemgw.upstream import asking
HttpCodec.traits = replace(HttpCodec.traits, first_find_s=0.2, absent_after_s=1.0)
asking.DOUBT_GAPS_S = (0.2,)
asking.FIND_GAP_S = 0.05
from modemgw.cli import main
sys.argv = ["modemgw", "run", "--config", sys.argv[1]]
main()
"""


class Service:
    """`modemgw run` in a process of its own, whose questions follow each other soon."""

    def __init__(self, directory: Path, url: str) -> None:
        self.port = free_port()
        self.path = directory / "modemgw.toml"
        self.path.write_text(
            f'[http]\nlisten = "127.0.0.1:{self.port}"\n[store]\npath = "{directory / "modemgw.db"}"\n'
            f'[[account]]\nlogin = "shop"\napi_key = "{API_KEY}"\n'
            f'[[modem]]\nname = "none"\nport = "{directory / "no"}"\n'
            + "[routing]\nmax_wait_s = 0\n"
            + upstream("gw", url, "proves_absence = true\n")
        )
        self.path.chmod(0o600)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            QUICK,
            str(self.path),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until(self._ready, 60, lambda: "the service ready")

    async def _ready(self) -> bool:
        try:
            lines = (await self.call("GET", "/v1/lines"))["items"]
        except aiohttp.ClientError:
            return False
        return any(line["name"] == "gw" and line["state"] == "ready" for line in lines)

    def kill(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)

    async def end(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.kill()
            await self.process.wait()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {API_KEY}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.request(method, f"http://127.0.0.1:{self.port}{path}", json=body) as answer,
        ):
            return await answer.json(content_type=None)

    async def state(self, message_id: int) -> str:
        return str((await self.call("GET", f"/v1/messages/{message_id}"))["state"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("step", ["before the request is read", "before the answer", "with the answer"])
async def test_killed_within_a_try(tmp_path: Path, step: str) -> None:
    provider = FakeProvider(hang_s=5)
    async with provider.serving():
        service = Service(tmp_path, provider.url)
        try:
            await service.start()
            message = (await service.call("POST", "/v1/messages", {"to": "+79990000001", "text": "first"}))["id"]
            await until(lambda: _in(service, message, "sent"), 30, lambda: "the first one sent")

            async def kill_soon(_taken: Taken) -> None:
                if step == "before the answer":
                    service.kill()
                else:
                    asyncio.get_running_loop().call_later(0.002, service.kill)

            if step == "before the request is read":
                provider.faults.append("hang before")
            else:
                provider.on_take = kill_soon
            message = (await service.call("POST", "/v1/messages", {"to": "+79990000002", "text": "second"}))["id"]
            if step == "before the request is read":
                await until(lambda: _in(service, message, "sending"), 10, lambda: "the request on its way")
                service.kill()
            assert service.process is not None
            await service.process.wait()
            provider.on_take = None
            await service.start()
            await until(lambda: _in(service, message, "sent"), 40, lambda: "its end known")
            assert len(provider.to("+79990000002")) == 1
        finally:
            await service.end()


async def _in(service: Service, message_id: int, state: str) -> bool:
    return await service.state(message_id) == state
