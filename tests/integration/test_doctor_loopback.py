"""`modemgw doctor --loopback`: a modem sends itself messages, with a running service and without one; from outside."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from modemgw.modem.quirks.learned import LearnedStore, learned_path
from modemsim.network import Rule
from modemsim.simulation import Simulation
from tests.doctor_rig import modemgw, write_config
from tests.rig import running

ALL = {"send", "receive", "reports", "flash", "concatenation", "ucs2"}


async def try_it(config: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    status, out, err = await modemgw("doctor", "--config", str(config), "--loopback", "--json", "--yes", *arguments)
    assert "Traceback" not in err, err
    assert out, err
    return status, json.loads(out)["loopback"]


async def test_through_the_running_service(tmp_path: Path) -> None:
    async with running(tmp_path, modems=2, latency=0.1, report_delay=0.1) as rig:
        config = tmp_path / "doctor.toml"
        config.write_text(rig.config)
        rig.sim.inject("an older one")
        await rig.inbox(1)
        status, told = await try_it(config, "--url", rig.runtime.url, "--modem", "m1")
        sent = rig.sim.network.ledger.select("submit")
        again, _, complaint = await modemgw(
            "doctor", "--config", str(config), "--loopback", "--yes", "--url", rig.runtime.url
        )
    assert status == 0, told
    assert {ability for ability, works in told["works"].items() if works} == ALL
    assert [trial["parts"] for trial in told["trials"]] == [1, 1, 3, 1]
    assert all(trial["text"] == "exact" and trial["report_s"] is not None for trial in told["trials"])
    assert all(trial["sent_s"] >= 0.1 for trial in told["trials"])
    assert len(sent) == 6
    assert {entry.modem for entry in sent} == {"modem1"}
    imei = rig.sim.modems[1].modem.imei
    learned = LearnedStore(learned_path(tmp_path / "modemgw.db")).device(imei)
    assert learned is not None
    assert learned.values["loopback"]["flash"] is True
    assert again == 1
    assert "Say which modem with --modem: m0, m1" in complaint


async def test_without_a_service_nothing_is_lost(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim", report_delay=0.1) as sim:
        sim.inject("for the owner, before", sender="+79995550001")
        sim.inject("part " * 60, sender="+79995550002")
        config = write_config(tmp_path, sim.modems[0].port)
        status, told = await try_it(config)
        left = [len(memory) for name, memory in sim.modems[0].modem.memories.items() if name != "MT"]
    assert status == 0, told
    assert told["well"] is True
    assert "3 PDUs of others" in told["kept"]
    assert sum(left) == 0
    with sqlite3.connect(tmp_path / "modemgw.db") as db:
        texts = [row[0] for row in db.execute("SELECT text FROM inbox ORDER BY id")]
    db.close()
    assert texts == ["for the owner, before", "part " * 60]
    assert learned_path(tmp_path / "modemgw.db").exists()


async def test_reports_that_say_no(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        number = sim.modems[0].number
        sim.network.config.rules.insert(0, Rule(f"{number}*", plan="failed", deliver=False))
        status, told = await try_it(write_config(tmp_path, sim.modems[0].port))
    assert status == 1
    assert told["works"] == {
        "send": True,
        "receive": False,
        "reports": False,
        "flash": False,
        "concatenation": False,
        "ucs2": False,
    }
    assert {trial["state"] for trial in told["trials"]} == {"undeliverable"}


async def test_a_sim_that_does_not_tell_its_number(tmp_path: Path) -> None:
    personality = tmp_path / "quiet.toml"
    personality.write_text('extends = "generic"\nrefuse = ["+CNUM"]\n')
    async with Simulation(modems=1, dir=tmp_path / "sim", personality=str(personality)) as sim:
        config = write_config(tmp_path, sim.modems[0].port)
        status, _, complaint = await modemgw("doctor", "--config", str(config), "--loopback", "--yes")
        assert status == 1
        assert "--number +79991234567" in complaint
        assert not sim.network.ledger.select("submit")
        status, told = await try_it(config, "--number", sim.modems[0].number)
    assert status == 0, told


async def test_it_asks_before_it_spends_money(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        config = write_config(tmp_path, sim.modems[0].port)
        status, _, complaint = await modemgw("doctor", "--config", str(config), "--loopback")
        assert not sim.network.ledger.select("submit")
    assert status == 2
    assert "4 messages (6 parts)" in complaint
    assert "--yes" in complaint


async def test_a_sim_that_wants_a_pin(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim", pin="1234") as sim:
        config = write_config(tmp_path, sim.modems[0].port, modem='pin = "9999"\n')
        status, _, complaint = await modemgw("doctor", "--config", str(config), "--loopback", "--yes")
        assert status == 1
        assert "refused the configured PIN" in complaint
        assert sim.modems[0].modem.sim.pin_tries == 2
        await modemgw("doctor", "--config", str(config), "--loopback", "--yes")
        assert sim.modems[0].modem.sim.pin_tries == 2, "it is remembered"
