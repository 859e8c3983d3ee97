"""A worker over a scripted driver on a real pty: every way in which a spell can end, and what is shown meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from modemgw.at.errors import CommandFailed, CommandTimeout
from modemgw.domain.line import LineState
from modemgw.line import worker
from modemgw.line.ladder import Rung
from modemgw.line.settings import WorkerPorts, WorkerSettings
from modemgw.line.timing import Timing
from modemgw.line.worker import Worker
from modemgw.modem.dialogue.driver import Driver, InitialiseFailed, ResetKind, SimProblem, SimReason
from modemgw.modem.ports.hotplug import HotPlug, PlugEvent
from modemgw.modem.ports.transport import PortDenied, PortLost, Transport
from modemgw.modem.quirks.profile import Profile

Initialise = Callable[[], Awaitable[Any]]


class ScriptedDriver:
    """Fails its set-up as it is told; notes what else is asked of it."""

    talk: Any = None

    def __init__(self, bench: Bench, transport: Transport) -> None:
        self.profile = Profile()
        self._bench = bench
        self._transport = transport

    def assume(self, profile: Profile) -> None:
        self.profile = profile

    async def initialise(self, settings: object) -> Any:
        self._bench.tries += 1
        self.profile = self._bench.profile
        return await self._bench.initialise()

    async def resync(self) -> None:
        self._bench.asked.append("resync")

    async def reset(self, kind: ResetKind) -> None:
        self._bench.asked.append(str(kind))

    async def close(self) -> None:
        self._transport.close()


class Bench:
    """A worker, its pty and the notes it makes."""

    def __init__(self) -> None:
        self.port = ""
        self.tries = 0
        self.asked: list[str] = []
        self.notes: list[tuple[str, dict[str, Any]]] = []
        self.profile = Profile(name="model")
        self.initialise: Initialise = self.hang
        self.worker: Worker = cast(Worker, None)
        self.make: Callable[[Transport], ScriptedDriver] = lambda transport: ScriptedDriver(self, transport)

    async def note(self, kind: str, line_id: int | None, **data: Any) -> None:
        self.notes.append((kind, data))

    async def hang(self) -> None:
        await asyncio.Event().wait()

    def fail(self, error: Exception) -> None:
        async def failing() -> None:
            raise error

        self.initialise = failing

    async def until(self, ready: Callable[[], object], limit_s: float = 5.0) -> None:
        async with asyncio.timeout(limit_s):
            while not ready():
                await asyncio.sleep(0.005)

    async def shows(self, state: LineState, words: str = "") -> None:
        await self.until(lambda: self.worker.view().state is state and words in (self.worker.view().reason or ""))

    @property
    def rungs(self) -> list[str]:
        return [data["rung"] for kind, data in self.notes if kind == "line.recovering"]


TIMING = Timing(trouble_s=(0.01, 0.02), missing_s=0.01, reset_grace_s=0.01, boot_s=0.0)


@contextlib.asynccontextmanager
async def bench(
    tmp_path: Path,
    initialise: Exception | None = None,
    *,
    port: str | None = None,
    plugs: HotPlug | None = None,
    timing: Timing = TIMING,
    **settings: Any,
) -> AsyncIterator[Bench]:
    made = Bench()
    if initialise is not None:
        made.fail(initialise)
    master, slave = os.openpty()
    tty.setraw(slave)

    def make_driver(transport: Transport, *_: object) -> Driver:
        return cast(Driver, made.make(transport))

    ports = WorkerPorts(cast(Any, made), cast(Any, None), cast(Any, None), lambda: 0, cast(Any, make_driver))
    made.port = os.ttyname(slave)
    made.worker = Worker(WorkerSettings("a", port or made.port, timing=timing, **settings), ports, plugs=plugs)
    running = asyncio.ensure_future(made.worker.run())
    try:
        yield made
    finally:
        started = time.monotonic()
        await made.worker.stop()
        await running
        os.close(master)
        os.close(slave)
        assert time.monotonic() - started < 20
        assert made.worker.view().state is LineState.STOPPED


async def test_a_set_up_that_never_ends_is_stopped_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.shows(LineState.STARTING)


async def test_the_way_up_to_quarantine_and_back(tmp_path: Path) -> None:
    async with bench(tmp_path, CommandTimeout("AT", 1), timing=replace(TIMING, quarantine_s=(0.05, 3600.0))) as b:
        await b.until(lambda: ("line.released", {"modem": "a"}) in b.notes)
        assert b.rungs[:4] == ["reopen", "reinit", "radio", "reset"]
        assert b.asked[:4] == ["resync", "radio", "resync", "full"]
        data = next(data for kind, data in b.notes if kind == "line.quarantined")
        assert data["reason"] == "The modem did not answer AT within 1 s."
        await b.until(lambda: len([kind for kind, _ in b.notes if kind == "line.quarantined"]) >= 2)


async def test_a_model_without_resets_is_not_reset(tmp_path: Path) -> None:
    async with bench(tmp_path, InitialiseFailed("a step", "The modem cannot be used.")) as b:
        b.profile = Profile(name="m590", soft_reset=("ATZ",), radio_reset=(), full_reset=())
        await b.shows(LineState.QUARANTINED, "The modem cannot be used.")
        assert b.rungs == ["reopen", "reinit"]
        assert b.asked == ["resync", "soft"]


async def test_a_model_that_nobody_knows_yet_is_not_reset(tmp_path: Path) -> None:
    async with bench(tmp_path, CommandFailed("ERROR", "ATE0")) as b:
        b.profile = Profile()
        await b.shows(LineState.QUARANTINED)
        assert b.rungs == ["reopen", "reinit"]
        assert b.asked == []


async def test_a_modem_that_has_just_come_is_given_time(tmp_path: Path) -> None:
    port = tmp_path / "port"
    async with bench(tmp_path, CommandTimeout("AT", 1), port=str(port), timing=replace(TIMING, boot_s=1.5)) as b:
        await b.shows(LineState.ABSENT, "There is no port")
        master, slave = os.openpty()
        port.symlink_to(os.ttyname(slave))
        await b.until(lambda: b.tries >= 3)
        assert b.rungs == []
        await b.until(lambda: b.rungs)
        await b.worker.stop()
        os.close(master)
        os.close(slave)


async def test_a_sim_that_needs_a_person_is_asked_again_when_the_line_is_resumed(tmp_path: Path) -> None:
    async with bench(tmp_path, SimProblem(SimReason.PUK_REQUIRED, "The SIM asks for its PUK.")) as b:
        await b.shows(LineState.BLOCKED, "PUK")
        assert b.tries == 1
        b.worker.resume()
        await b.until(lambda: b.tries == 2)


async def test_a_sim_that_is_busy_is_asked_again_by_itself(tmp_path: Path) -> None:
    async with bench(tmp_path, SimProblem(SimReason.BUSY, "The SIM did not become ready.")) as b:
        await b.until(lambda: b.tries >= 3)


async def test_a_port_that_is_lost_again_and_again_is_told_to_be_loose(tmp_path: Path) -> None:
    async with bench(tmp_path, PortLost("x", "The port x is gone.")) as b:
        await b.until(lambda: b.tries >= 5)
        await b.shows(LineState.ABSENT, "cable bad")
        assert b.rungs == []


async def test_what_is_no_port_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    async with bench(tmp_path, port=str(file)) as b:
        await b.shows(LineState.ABSENT, "is not a serial port but a file")


async def test_a_bug_of_ours_does_not_end_the_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with bench(tmp_path, ZeroDivisionError("oops")) as b:
        await b.until(lambda: b.tries >= 2)
        await b.shows(LineState.RECOVERING, "Internal error: ZeroDivisionError")

        def broken(transport: Transport) -> ScriptedDriver:
            raise KeyError("no driver")

        b.make = broken
        await b.shows(LineState.RECOVERING, "KeyError")
        b.make = lambda transport: ScriptedDriver(b, transport)  # the port was closed, so it can be opened again
        tries = b.tries
        await b.until(lambda: b.tries > tries)


async def test_a_usb_reset_that_cannot_be_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with bench(tmp_path, CommandTimeout("AT", 1), usb_reset=True) as b:
        await b.shows(LineState.QUARANTINED)
        assert Rung.USB_RESET.name.lower() not in b.rungs
    assert len([r for r in caplog.records if "is not on USB" in r.getMessage()]) == 1


PLUG = PlugEvent("add", "/dev/ttyUSB0", "udev")


async def test_a_missing_port_is_looked_for_when_one_is_plugged_in(tmp_path: Path) -> None:
    link, plugs = tmp_path / "link", HotPlug()
    async with bench(tmp_path, port=str(link), plugs=plugs, timing=replace(TIMING, missing_s=3600.0)) as b:
        await b.shows(LineState.ABSENT, "There is no port")
        link.symlink_to(b.port)
        plugs.tell(PLUG)
        await b.shows(LineState.STARTING)


async def test_a_port_that_was_denied_is_tried_when_udev_has_seen_to_it(tmp_path: Path) -> None:
    plugs = HotPlug()
    async with bench(
        tmp_path, PortDenied("x", "me may not open x"), plugs=plugs, timing=replace(TIMING, trouble_s=(3600.0,))
    ) as b:
        await b.shows(LineState.BLOCKED, "may not open")
        b.initialise = b.hang
        plugs.tell(PLUG)
        await b.shows(LineState.STARTING)


async def test_a_device_that_is_gone_is_lost_whether_or_not_its_port_has_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = False
    there = worker._there
    monkeypatch.setattr(worker, "_there", lambda path: not gone and there(path))
    async with bench(tmp_path) as b:
        await b.shows(LineState.STARTING)
        lost = asyncio.Event()
        transport = b.worker._transport
        assert transport is not None
        transport.start(lambda data: None, lambda error: lost.set())
        b.worker.unplugged(b.port)
        assert transport.is_open, "it is there"
        gone = True
        b.worker.unplugged("/dev/another")
        assert transport.is_open
        b.worker.unplugged(b.port)
        assert not transport.is_open
        assert lost.is_set()


async def test_where_events_do_come_the_looks_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    def there(path: str) -> bool:
        nonlocal looks
        looks += 1
        return False

    plugs = HotPlug()
    plugs.tell(PLUG)
    monkeypatch.setattr(worker, "_there", there)
    async with bench(
        tmp_path, port="/dev/no-such-ttyUSB99", plugs=plugs, timing=replace(TIMING, missing_told_s=3600.0)
    ) as b:
        await b.shows(LineState.ABSENT)
        await b.until(lambda: looks >= 2)
        before = looks
        await asyncio.sleep(0.05)  # five times missing_s
        assert looks == before


async def test_a_modem_that_vanishes_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING")
    async with bench(tmp_path, PortLost("/dev/ttyUSB0", "The port is gone.")) as b:
        await b.until(lambda: b.tries >= 3)
        assert [data for kind, data in b.notes if kind == "line.down"] == [
            {"modem": "a", "reason": "The port is gone."}
        ]
        assert [record.getMessage() for record in caplog.records if "down" in record.getMessage()] == [
            "a: down: The port is gone."
        ]


async def test_another_program_that_reads_from_the_port_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "holders", lambda node: ["minicom (pid 7)"])
    async with bench(tmp_path, CommandTimeout("AT", 1)) as b:
        await b.shows(LineState.RECOVERING, "minicom (pid 7) has the port open too")
