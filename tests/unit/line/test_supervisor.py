"""The workers together: found modems get one, a look that fails does no harm, stopping waits for no look."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any, cast

import pytest

from modemgw.line.finder import FoundModem
from modemgw.line.settings import WorkerPorts, WorkerSettings
from modemgw.line.supervisor import Supervisor
from modemgw.line.timing import Timing
from modemgw.line.worker import Worker
from modemgw.modem.ports.discovery import FoundPort
from modemgw.modem.ports.hotplug import HotPlug, PlugEvent

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


async def test_a_look_that_fails_is_followed_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    looks = 0

    def look() -> list[FoundPort]:
        nonlocal looks
        looks += 1
        raise OSError("the device went while it was looked at")

    adopt, timing = lambda name, modem: WorkerSettings(name, modem.port), Timing(discovery_s=0.01)
    supervisor = Supervisor([], PORTS, adopt=adopt, look=look, timing=timing)
    supervisor.start()
    async with asyncio.timeout(5):
        while looks < 3:
            await asyncio.sleep(0.005)
    await supervisor.stop()


async def test_stopping_waits_for_no_look() -> None:
    ended = threading.Event()

    def look() -> list[FoundPort]:
        ended.wait(60)
        return []

    supervisor = Supervisor([], PORTS, adopt=lambda name, modem: WorkerSettings(name, modem.port), look=look)
    supervisor.start()
    await asyncio.sleep(0.01)
    started = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - started < 30
    ended.set()


# ---------------------------------------------------------------- names


def found(imei: str | None, place: str | None = "usb:1-1:1.2", port: str = "/dev/no-such-ttyUSB2") -> FoundModem:
    return FoundModem(port, imei, "2c7c:0125", "Maker Stick", place)


async def test_names_of_modems_that_were_found() -> None:
    supervisor = Supervisor([], PORTS)

    def adopt(name: str, modem: FoundModem) -> WorkerSettings:
        return WorkerSettings(name, None if modem.imei else modem.place or modem.port, modem.imei)

    def take(modem: FoundModem) -> str | None:
        settings = supervisor._named(modem, adopt)
        if settings is None:
            return None
        supervisor._workers[settings.name] = Worker(settings, PORTS)
        return settings.name

    assert take(found("356938030000013")) == "modem-000013"
    assert take(found("356938030000013")) is None, "its line is looking for it itself"
    assert take(found("356938039000013")) == "modem-356938039000013"  # ends like the first
    assert take(found(None)) == "usb-1-1-1.2"
    assert take(found(None)) is None
    assert take(found(None, "usb:1-1:1.3")) is None, "another port of the same device"
    assert take(found(None, None)) == "no-such-ttyUSB2"
    supervisor._claims.take("modem-000013", "/dev/no-such-ttyUSB2")
    assert take(found("356938030000013", "usb:1-2:1.2")) == "modem-000013-usb-1-2-1.2"  # its twin
    assert take(found("356938030000013", "usb:1-2:1.2")) is None
    assert supervisor._workers["modem-000013-usb-1-2-1.2"].settings.port == "usb:1-2:1.2"


async def test_a_look_follows_a_plug_at_once() -> None:
    looks = 0
    looked = asyncio.Event()

    def look() -> list[FoundPort]:
        nonlocal looks
        looks += 1
        loop.call_soon_threadsafe(looked.set)
        return []

    loop, plugs = asyncio.get_running_loop(), HotPlug()
    adopt = lambda name, modem: WorkerSettings(name, modem.port)  # noqa: E731
    supervisor = Supervisor([], PORTS, adopt=adopt, look=look, plugs=plugs)
    supervisor.start()
    for _ in range(3):
        async with asyncio.timeout(2.5):  # less than the time between two looks
            await looked.wait()
        looked.clear()
        plugs.tell(PlugEvent("add", "/dev/ttyUSB0", "udev"))
    await supervisor.stop()
    assert looks >= 3
