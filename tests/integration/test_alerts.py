"""An outage is told: by a webhook, a program and an SMS through another line; once, and once when it is over."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from modemgw.service import alerts
from tests.rig import Rig, running, until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "LOOK_S", 0.1)


class Hook:
    """A receiver that keeps what it gets."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.status = 200

    async def take(self, request: web.Request) -> web.Response:
        if self.status == 200:
            self.got.append(await request.json())
        return web.Response(status=self.status)

    def server(self) -> TestServer:
        app = web.Application()
        app.router.add_post("/hook", self.take)
        return TestServer(app)

    async def told(self, count: int) -> bool:
        return len(self.got) >= count


async def test_a_line_that_goes_and_comes_back_is_told_by_every_way(tmp_path: Path) -> None:
    hook, program, out = Hook(), tmp_path / "page", tmp_path / "paged"
    program.write_text(f'#!/bin/sh\ncat >> "{out}"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    async with hook.server() as server:
        config = (
            f'[[alert]]\nname = "ops"\non = "line_down"\nafter_s = 2\nwebhook = "{server.make_url("/hook")}"\n'
            f'program = ["{program}"]\nsms = "+79991112233"\nline = "m1"\n'
        )
        async with running(tmp_path, config=config, modems=2) as rig:
            assert hook.got == []
            rig.sim.unplug(0)
            await until(lambda: hook.told(1), 10, lambda: "the beginning told")
            assert (hook.got[0]["kind"], hook.got[0]["subject"]) == ("begin", "m0")
            assert "m0" in hook.got[0]["message"]
            await until(lambda: _sent(rig, "m0 is"), 10, lambda: "an SMS through the other line")
            rig.sim.replug(0)
            await until(lambda: hook.told(2), 20, lambda: "its end told")
            assert hook.got[1]["kind"] == "over"
            await until(lambda: _kept(rig), 5, lambda: "both in the history, once")
    assert json.loads(out.read_text().split("}{")[0].rstrip("}") + "}")["condition"] == "line_down"


async def _kept(rig: Rig) -> bool:
    kinds = [event["kind"] for event in (await rig.get("/v1/events?limit=1000"))["items"]]
    return kinds.count("alert.begin") == kinds.count("alert.over") == 1


async def _sent(rig: Rig, words: str) -> bool:
    items = (await rig.get("/v1/messages"))["items"]
    return any(words in (item["text"] or "") and item["via"] == "m1" for item in items)


async def test_what_was_told_is_not_told_again_after_a_restart(tmp_path: Path) -> None:
    hook = Hook()
    async with hook.server() as server:
        config = f'[[alert]]\nname = "ops"\non = ["no_way_out"]\nafter_s = 2\nwebhook = "{server.make_url("/hook")}"\n'
        async with running(tmp_path, config=config, modems=1) as rig:
            hook.got.clear()
            rig.sim.unplug(0)
            await until(lambda: hook.told(1), 10, lambda: "the beginning told")
            await rig.restart()
            rig.sim.replug(0)
            await until(lambda: hook.told(2), 20, lambda: "its end told")
            assert [got["kind"] for got in hook.got] == ["begin", "over"]
