"""What a driver must do, against the simulator on a pty: every personality comes up, sends, receives; faults have true
outcomes. The same for both drivers; what python-gsmmodem-new cannot do is listed in FAULTS."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modemgw.at.errors import CmsError
from modemgw.at.sending import SendAborted, SendInDoubt, SendRejected, TpduHex
from modemgw.at.timing import Timing
from modemgw.modem.dialogue import driver_gsmmodem, init_sim
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    DriverSettings,
    InitialiseFailed,
    LateCmgs,
    MessageStored,
    ModemEvent,
    Rebooted,
    RegistrationChanged,
    ReportStored,
    ResetKind,
    SimProblem,
    SimReason,
    StoredPdu,
)
from modemgw.modem.dialogue.driver_at import AtDriver
from modemgw.modem.ports.transport import PortLost, open_transport
from modemsim.personality import load, names
from modemsim.simulation import Simulation

PDU = TpduHex.of(bytes.fromhex("21000B919710325476F8000005C8329BFD06"))
ALL = {name: load(name) for name in names()}
PERSONALITIES = [name for name, p in ALL.items() if not p.memory.cmgl_stall_nth and "+CMGS=*" not in p.errors]
RESTRICTED = [name for name, p in ALL.items() if "+CMGS=*" in p.errors]


async def yes() -> bool:
    return True


#: What fails by the ways of python-gsmmodem-new 0.13, and why. Strict: what it learns has to be taken out here.
NO_SPACE = "it waits for '> ' to the byte: no prompt, no send"
FAULTS = {
    "test_every_personality_comes_up_sends_and_receives[odd-prompt]": NO_SPACE,
    "test_sends_that_go_well_all_the_same[prompt_no_space-options1]": NO_SPACE,
    "test_sends_that_go_well_all_the_same[garbage-options3]": "its reader ends at a byte that is no UTF-8",
}

DRIVER: type[AtDriver] = AtDriver


@pytest.fixture(params=["at", "gsmmodem"], autouse=True)
def _each_driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "gsmmodem":
        try:
            driver_gsmmodem._library()
        except driver_gsmmodem.LibraryMissing as exc:
            pytest.skip(str(exc))
        monkeypatch.setitem(globals(), "DRIVER", driver_gsmmodem.GsmmodemDriver)
        name = request.node.name.replace("[gsmmodem]", "").replace("gsmmodem-", "")
        if name in FAULTS:
            request.applymarker(pytest.mark.xfail(strict=True, reason=FAULTS[name]))


class Rig:
    def __init__(self, sim: Simulation, driver: AtDriver, events: list[ModemEvent], losses: list[PortLost]) -> None:
        self.sim, self.driver, self.events, self.losses = sim, driver, events, losses

    async def send(self) -> int:
        return await self.driver.send(PDU, yes())

    async def until(self, ready: Callable[[], object], limit_s: float = 5.0) -> None:
        async with asyncio.timeout(limit_s):
            while not ready():
                await asyncio.sleep(0.005)

    async def take_reports(self, count: int) -> None:
        """Direct ones want their acknowledgement before anything else is handed over."""
        taken = 0
        while taken < count:
            await self.until(lambda: any(isinstance(e, DirectReport | ReportStored) for e in self.events))
            report = next(e for e in self.events if isinstance(e, DirectReport | ReportStored))
            self.events.remove(report)
            if isinstance(report, DirectReport):
                assert report.hex
                await self.driver.acknowledge()
            else:
                stored = await self.driver.read_message(report.memory, report.index)
                assert stored is not None
                await self.driver.delete_message(stored.memory, stored.index)
            taken += 1

    async def everything(self) -> list[StoredPdu]:
        assert self.driver.info is not None
        return [m for memory in self.driver.info.memories for m in await self.driver.list_messages(memory)]


TIMING = Timing(
    quiet_s=0.02, prompt_s=1.0, submit_s=1.0, submit_ok_s=0.1, resync_probe_s=(0.5, 0.5, 0.5), sim_busy_pause_s=0.05
)


@contextlib.asynccontextmanager
async def rig(
    tmp_path: Path, settings: DriverSettings | None = None, timing: Timing = TIMING, **options: Any
) -> AsyncIterator[Rig]:
    async with Simulation(modems=1, dir=tmp_path, **options) as sim:
        events: list[ModemEvent] = []
        losses: list[PortLost] = []
        driver = DRIVER(await open_transport(sim.modems[0].port), events.append, on_lost=losses.append, timing=timing)
        try:
            if settings is not None:
                await driver.initialise(settings)
            yield Rig(sim, driver, events, losses)
        finally:
            await driver.close()


@pytest.mark.parametrize("personality", PERSONALITIES)
async def test_every_personality_comes_up_sends_and_receives(tmp_path: Path, personality: str) -> None:
    # an announcement that takes its time holds up the prompt behind it
    timing = replace(TIMING, prompt_s=1.0 + 4 * ALL[personality].urc.split_s)
    async with rig(tmp_path, DriverSettings(), timing, personality=personality) as r:
        info = r.driver.info
        assert info is not None
        assert info.imei
        assert info.imsi
        assert bool(info.iccid) is bool(ALL[personality].identity.iccid)
        assert info.registration.usable
        assert info.signal.dbm is not None
        assert info.cnmi[:2] in ((2, 1), (1, 1), (3, 1))
        reports = set(ALL[personality].cnmi.ds) != {0}
        assert info.reports in (("direct", "stored") if reports else ("none",))
        first = await r.send()
        assert await r.send() == (first + 1) % 256
        assert len([e for e in r.sim.ledger if e.kind == "submit"]) == 2
        await r.take_reports(2 if reports else 0)
        r.sim.inject("Hello there")
        await r.until(lambda: any(isinstance(e, MessageStored) for e in r.events))
        told = next(e for e in r.events if isinstance(e, MessageStored))
        stored = await r.driver.read_message(told.memory, told.index)
        assert stored is not None
        assert stored.hex
        assert stored in await r.everything() or any(m.hex == stored.hex for m in await r.everything())
        await r.driver.delete_message(stored.memory, stored.index)
        assert all(m.hex != stored.hex for m in await r.everything())
        assert {f.memory for f in await r.driver.storage()} <= set(info.memories)
        assert (await r.driver.registration()).usable
        assert await r.driver.alive()


@pytest.mark.parametrize("personality", RESTRICTED)
async def test_a_modem_that_takes_no_messages_says_so(tmp_path: Path, personality: str) -> None:
    async with rig(tmp_path, personality=personality) as r:
        with pytest.raises(InitialiseFailed):
            await r.driver.initialise(DriverSettings())


async def test_initialised_twice(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        first = r.driver.info
        assert await r.driver.initialise(DriverSettings()) == first


@pytest.mark.parametrize("tries", [3, 2])
async def test_a_right_pin(tmp_path: Path, tries: int) -> None:
    async with rig(tmp_path) as r:
        r.sim.fault("pin", pin="4321", tries=tries)
        info = await r.driver.initialise(DriverSettings(pin="4321", pin_memory=init_sim.RefusedPins()))
        assert info.imsi


async def test_a_wrong_pin_is_tried_once(tmp_path: Path) -> None:
    settings = DriverSettings(pin="0000", pin_memory=init_sim.RefusedPins(tmp_path / "pins"))
    async with rig(tmp_path) as r:
        r.sim.fault("pin", pin="4321", tries=3)
        for _ in range(4):
            with pytest.raises(SimProblem) as caught:
                await r.driver.initialise(settings)
            assert caught.value.reason is SimReason.PIN_WRONG
            assert caught.value.tries_left == 2
        again = DriverSettings(pin="0000", pin_memory=init_sim.RefusedPins(tmp_path / "pins"))
        with pytest.raises(SimProblem):
            await r.driver.initialise(again)
        assert (await r.driver.initialise(DriverSettings(pin="4321", pin_memory=again.pin_memory))).imsi


async def test_a_pin_is_not_tried_when_it_could_be_the_last_try(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.sim.fault("pin", pin="4321", tries=1)
        with pytest.raises(SimProblem) as caught:
            await r.driver.initialise(DriverSettings(pin="4321", pin_memory=init_sim.RefusedPins()))
        assert caught.value.reason is SimReason.PIN_NOT_TRIED


async def test_no_pin_configured(tmp_path: Path) -> None:
    async with rig(tmp_path) as r:
        r.sim.fault("pin", pin="4321", tries=3)
        with pytest.raises(SimProblem, match="none is configured"):
            await r.driver.initialise(DriverSettings())


async def test_direct_messages_are_acknowledged(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings(direct_delivery=True)) as r:
        info = r.driver.info
        assert info is not None
        assert info.cnmi[1] == 2
        assert info.needs_ack
        for n in range(3):
            r.sim.inject(f"Hello {n}")
            await r.until(lambda: any(isinstance(e, DirectMessage) for e in r.events))
            r.events.clear()
            await r.driver.acknowledge()
        assert await r.everything() == []


REJECTIONS = [
    ("cms_error", {"code": 38, "when": "after_payload"}, False),
    ("cms_error", {"code": 304, "when": "instead_of_prompt"}, True),
]


@pytest.mark.parametrize(("fault", "options", "before"), REJECTIONS)
async def test_rejected(tmp_path: Path, fault: str, options: dict[str, Any], before: bool) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault(fault, **options)
        with pytest.raises(SendRejected) as caught:
            await r.send()
        assert isinstance(caught.value.error, CmsError)
        assert caught.value.error.code == options["code"]
        assert caught.value.before_payload is before
        assert isinstance(await r.send(), int)


@pytest.mark.parametrize("kind", ["failed_ok", "cmgs_lost"])
async def test_ok_alone_says_nothing(tmp_path: Path, kind: str) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault(kind)
        with pytest.raises(SendInDoubt, match=r"no \+CMGS") as caught:
            await r.send()
        assert caught.value.silent_ok
        assert isinstance(await r.send(), int)


async def test_network_took_it_and_no_answer_came(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault("send_silent", accepted=True)
        with pytest.raises(SendInDoubt):
            await r.send()
        assert isinstance(await r.send(), int)


async def test_a_late_result_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault("late_result", seconds=1.5)
        with pytest.raises(SendInDoubt):
            await r.send()
        await r.until(lambda: any(isinstance(e, LateCmgs) for e in r.events))
        assert isinstance(await r.send(), int)


async def test_a_late_prompt_sends_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault("prompt_late", seconds=1.2)
        with pytest.raises(SendAborted):
            await r.send()
        assert [e for e in r.sim.ledger if e.kind == "submit"] == []
        assert isinstance(await r.send(), int)


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("ok_lost", {}),
        ("prompt_no_space", {}),
        ("urc", {"text": "RDYX", "when": "before"}),
        ("garbage", {"when": "now"}),
        ("urc", {"text": '+CMTI: "SM",9', "when": "in", "position": 7, "match": "CMGS"}),
        ("split_reply", {"match": "CMGS", "position": 4, "seconds": 0.05}),
    ],
)
async def test_sends_that_go_well_all_the_same(tmp_path: Path, fault: str, options: dict[str, Any]) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault(fault, **options)
        assert isinstance(await r.send(), int)
        assert isinstance(await r.send(), int)


async def test_unplugged_with_the_message_on_the_air(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault("unplug", at="after_payload", back_s=0.1)
        with pytest.raises(SendInDoubt):
            await r.send()
        assert len(r.losses) == 1
        await r.until(lambda: Path(r.sim.modems[0].port).exists())
        driver = DRIVER(await open_transport(r.sim.modems[0].port), r.events.append)
        try:
            await driver.initialise(DriverSettings())
            assert isinstance(await driver.send(PDU, yes()), int)
        finally:
            await driver.close()


async def test_a_reboot_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault("reboot", at="now")
        await r.until(lambda: any(isinstance(e, Rebooted) for e in r.events))
        info = await r.driver.initialise(DriverSettings())
        if not info.registration.usable:
            await r.until(lambda: any(isinstance(e, RegistrationChanged) and e.registration.usable for e in r.events))
        assert isinstance(await r.send(), int)


async def test_a_change_of_registration_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        r.sim.fault("registration", stat=2, seconds=0.2)
        await r.until(lambda: any(isinstance(e, RegistrationChanged) and e.registration.usable for e in r.events))
        states = [e.registration.usable for e in r.events if isinstance(e, RegistrationChanged)]
        assert states[0] is False


@pytest.mark.parametrize("kind", list(ResetKind))
async def test_reset(tmp_path: Path, kind: ResetKind) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        with contextlib.suppress(PortLost):
            await r.driver.reset(kind)
        if r.losses:
            return
        await r.driver.initialise(DriverSettings())
        assert await r.driver.alive()


async def test_the_link_is_kept_for_a_burst(tmp_path: Path) -> None:
    async with rig(tmp_path, DriverSettings()) as r:
        await r.driver.keep_link(True)
        await r.driver.keep_link(True)
        await r.send()
        await r.driver.keep_link(False)
        await r.driver.keep_link(False)
