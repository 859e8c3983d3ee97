"""The workers together: found modems get one, a look that fails does no harm, stopping waits for no look."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, cast

import pytest
from modemgw.modem import supervisor as supervisor_module
from modemgw.modem.discovery import FoundPort
from modemgw.modem.line import WorkerPorts, WorkerSettings
from modemgw.modem.supervisor import Supervisor

PORTS = WorkerPorts(cast(Any, None), cast(Any, None), cast(Any, None), lambda: 0, cast(Any, None))


async def test_pause_and_resume_by_name() -> None:
    supervisor = Supervisor([WorkerSettings("a", "/dev/no-such-port")], PORTS)
    supervisor.start()
    assert supervisor.pause("a", "me")
    assert [view.paused for view in supervisor.views()] == [True]
    assert supervisor.resume("a")
    assert [view.paused for view in supervisor.views()] == [False]
    assert not supervisor.pause("b", "me")
    assert not supervisor.resume("b")
    await supervisor.stop()


async def test_a_look_that_fails_is_followed_by_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor_module, "DISCOVERY_S", 0.01)
    looks = 0

    def look() -> list[FoundPort]:
        nonlocal looks
        looks += 1
        raise OSError("the device went while it was looked at")

    supervisor = Supervisor([], PORTS, adopt=lambda name, modem: WorkerSettings(name, modem.port), look=look)
    supervisor.start()
    async with asyncio.timeout(5):
        while looks < 3:
            await asyncio.sleep(0.005)
    await supervisor.stop()


async def test_stopping_waits_for_no_look() -> None:
    ended = threading.Event()

    def look() -> list[FoundPort]:
        ended.wait(5)
        return []

    supervisor = Supervisor([], PORTS, adopt=lambda name, modem: WorkerSettings(name, modem.port), look=look)
    supervisor.start()
    await asyncio.sleep(0.01)
    started = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - started < 1
    ended.set()
