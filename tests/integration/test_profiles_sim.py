"""Profiles, and what was learned, against simulated modems: with the right one, with none, and at the second start."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from modemgw.at.errors import CommandTimeout
from modemgw.at.sending import TpduHex
from modemgw.at.timing import Timing as DialogueTiming
from modemgw.errors import ModemgwError
from modemgw.line.timing import Timing
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    DriverSettings,
    MessageStored,
    ModemEvent,
    ModemInfo,
    ReportStored,
)
from modemgw.modem.dialogue.driver_at import AtDriver
from modemgw.modem.ports.transport import open_transport
from modemgw.modem.quirks.learned import LearnedStore
from modemgw.modem.quirks.profile import Profile
from modemgw.modem.quirks.profile_registry import Registry, built_in
from modemsim.simulation import Simulation
from tests.rig import running, until

PDU = TpduHex.of(bytes.fromhex("21000B919710325476F8000005C8329BFD06"))
DIALOGUE = DialogueTiming(quiet_s=0.02, resync_probe_s=(0.5, 0.5, 0.5), sim_busy_pause_s=0.05)
TIMING = Timing(dialogue=DIALOGUE, trouble_s=(0.05, 0.1, 0.2), reset_grace_s=0.2, registration_s=0.2)
running = functools.partial(running, timing=TIMING)
GENERIC = Registry({"generic": built_in().get("generic") or Profile()})


async def yes() -> bool:
    return True


async def work(folder: Path, settings: DriverSettings, personality: str) -> ModemInfo:
    """Set a modem up, send with a report, receive; what it was set up to."""
    async with Simulation(modems=1, dir=folder, personality=personality) as sim:
        events: list[ModemEvent] = []
        driver = AtDriver(await open_transport(sim.modems[0].port), events.append, timing=DIALOGUE)

        async def event(*kinds: type) -> ModemEvent:
            async with asyncio.timeout(10):
                while not (found := [e for e in events if isinstance(e, kinds)]):
                    await asyncio.sleep(0.005)
            events.remove(found[0])
            return found[0]

        try:
            info = await driver.initialise(settings)
            await driver.send(PDU, yes())
            if info.reports != "none":
                report = await event(DirectReport, ReportStored)
                if isinstance(report, DirectReport):
                    await driver.acknowledge()
                else:
                    stored = await driver.read_message(report.memory, report.index)
                    assert stored is not None
                    await driver.delete_message(stored.memory, stored.index)
            sim.inject("Hello there")
            told = await event(MessageStored, DirectMessage)
            if isinstance(told, MessageStored):
                assert await driver.read_message(told.memory, told.index) is not None
            return info
        finally:
            await driver.close()


STRANGE = [
    "huawei-e303",
    "huawei-e3372-325",
    "quectel-ec25",
    "quectel-rm500q",
    "siemens-mc35i",
    "simcom-a7670",
    "dlink-dwm156",
    "nokia-phone",
    "ublox-sara-r4",
]


@pytest.mark.parametrize("registry", [built_in(), GENERIC], ids=["ours", "generic"])
@pytest.mark.parametrize("personality", STRANGE)
async def test_a_modem_works_with_and_without_its_profile_and_the_second_time(
    tmp_path: Path, personality: str, registry: Registry
) -> None:
    settings = DriverSettings(profiles=registry, learned=LearnedStore(tmp_path / "learned.json"))
    first = await work(tmp_path / "first", settings, personality)
    assert (first.profile == "generic") is (registry is GENERIC)
    (device,) = LearnedStore(tmp_path / "learned.json").devices()
    assert (device.imei, device.firmware) == (first.imei, first.firmware)
    assert device.values["cnmi"] == list(first.cnmi)
    again = DriverSettings(profiles=registry, learned=LearnedStore(tmp_path / "learned.json"))
    second = await work(tmp_path / "second", again, personality)
    assert (second.cnmi, second.receive_memory, second.memories) == (first.cnmi, first.receive_memory, first.memories)


async def test_a_users_profile_and_what_is_learned_beside_the_database(tmp_path: Path) -> None:
    own = tmp_path / "mine"
    own.mkdir()
    (own / "own.toml").write_text('extends = "generic"\n[storage]\nmemories = ["SM"]\n[delivery]\nreports = [2]\n')
    config = f'[profiles]\nfolder = "{own}"\n'
    async with running(tmp_path, config=config, modem_config='profile = "own"\n', personality="generic") as rig:
        message = await rig.submit("+79161234567", "hello")
        await rig.until_state(message["id"], "delivered")
        kept = json.loads((tmp_path / "modemgw.db.learned.json").read_text())
    ((_, device),) = kept["devices"].items()
    assert device["values"]["memories"] == ["SM", "SM", "SM"]
    assert (device["values"]["cnmi"][3], device["values"]["reports"]) == (2, 2)


@pytest.mark.parametrize("profile", ["falcom", "generic"])
async def test_a_modem_that_is_sick_after_reference_255_goes_on(tmp_path: Path, profile: str) -> None:
    """Falcom A2: CMS ERROR 1 from the reference 255 on, until it is reset."""
    modem = f'profile = "{profile}"\n'
    async with running(tmp_path, modem_config=modem, personality="falcom-a2", mr=254) as rig:
        sent = [await rig.submit("+79161234567", f"text {n}") for n in range(4)]
        for message in sent:
            await rig.until_state(message["id"], "sent", "delivered", limit_s=40)

        async def learned() -> bool:
            kept = json.loads((tmp_path / "modemgw.db.learned.json").read_text())
            return [device["values"].get("mr_wrap") for device in kept["devices"].values()] == ["radio"]

        await until(learned, 5, lambda: "the cure is learned")


async def test_a_modem_that_calls_failures_ok_is_asked_to_be_honest(tmp_path: Path) -> None:
    """Siemens MC35i as it leaves the factory, and nobody knows that it is one."""
    timing = replace(TIMING, dialogue=replace(DIALOGUE, submit_s=1.0))
    modem = 'profile = "generic"\n'
    async with running(tmp_path, modem_config=modem, personality="siemens-mc35i", timing=timing) as rig:
        rig.sim.fault("cms_error", code=38, count=2)
        first = await rig.submit("+79161234567", "the first")
        await rig.until_state(first["id"], "unknown", limit_s=20)
        await rig.ready()
        second = await rig.submit("+79161234567", "the second")
        view = await rig.until_state(second["id"], "queued", "sent", "delivered", limit_s=20)
        assert view["state"] != "rejected"

        async def refused() -> bool:
            return "38" in str(await rig.get(f"/v1/messages/{second['id']}"))

        await until(refused, 10, lambda: "the second one was refused with its code")


async def test_a_modem_that_stalls_while_it_lists_is_read_place_by_place(tmp_path: Path) -> None:
    """Huawei E1550 takes twenty minutes over every fifth AT+CMGL: it is asked five times, and never again."""
    timing = replace(DIALOGUE, longest_s=0.8)
    settings = DriverSettings(learned=LearnedStore(tmp_path / "learned.json"))
    async with Simulation(modems=1, dir=tmp_path, personality="huawei-e1550-stalls") as sim:
        sim.inject("Hello there")
        driver = AtDriver(await open_transport(sim.modems[0].port), lambda event: None, timing=timing)
        await driver.initialise(settings)
        for _ in range(4):
            assert len(await driver.list_messages("SM")) == 1
        with pytest.raises(CommandTimeout):
            await driver.list_messages("SM")
        await driver.close()
        sim.unplug(back_s=0.2)

        async def up() -> tuple[AtDriver, ModemInfo] | None:
            with contextlib.suppress(ModemgwError):
                again = AtDriver(await open_transport(sim.modems[0].port), lambda event: None, timing=timing)
                try:
                    return again, await again.initialise(settings)
                except ModemgwError:
                    await again.close()
            return None

        driver, info = await until(up, 20, lambda: "the modem is up again")
        for _ in range(12):
            assert len(await driver.list_messages("SM")) == 1
        await driver.close()
    known = LearnedStore(tmp_path / "learned.json").of(info.imei, info.firmware)
    assert (known.get("cmgl_stalls"), known.get("cmgl")) == (["number"], {"SM": "index"})


async def test_reports_that_are_stored_where_nobody_can_read_them_come_directly_later(tmp_path: Path) -> None:
    """SIM7600 under ds=2: announced as SR,n, and CMS ERROR 321 there."""
    own = tmp_path / "mine"
    own.mkdir()
    (own / "own.toml").write_text('extends = "generic"\n[delivery]\nreports = [2, 1, 0]\n')
    config = f'[profiles]\nfolder = "{own}"\n'
    async with running(
        tmp_path, config=config, modem_config='profile = "own"\n', personality="simcom-sim7600", report_delay=0.1
    ) as rig:
        for number in range(2):
            lost = await rig.submit("+79161234567", f"lost {number}")
            await rig.until_state(lost["id"], "sent")
        path = tmp_path / "modemgw.db.learned.json"

        async def changed() -> bool:
            devices = json.loads(path.read_text())["devices"].values()
            return all(device["values"].get("reports_broken") == [2] for device in devices)

        await until(changed, 20, lambda: path.read_text())
        later = await rig.submit("+79161234567", "later")
        await rig.until_state(later["id"], "delivered", limit_s=20)
