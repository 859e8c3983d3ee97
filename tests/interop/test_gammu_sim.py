"""Gammu, the command of Debian and the library under python-gammu, both unchanged, on modems of `modemsim`.

Gammu 1.42 takes a report that a modem stored in memory SR for a whole message (gammu issues 408, 695, 759), so it is
told what its users tell it: `atgen_setcnmi`, reports straight to the terminal.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemons import LIMIT_S, PARTS, PEER, RUSSIAN, ModemSim, Process, program, tail, until

GAMMU = program("gammu")

pytestmark = pytest.mark.timeout(240)
needs_gammu = pytest.mark.skipif(not GAMMU, reason="Gammu (Debian package gammu) is not installed")

CONFIG = """\
[gammu]
device = {port}
connection = at
logfile = {log}
logformat = errorsdate
atgen_setcnmi = {cnmi}
"""
CNMI = {"siemens-mc35i": ",,,1,1"}  # the MC35i wants bfr=1, and Gammu does not look


@pytest.fixture
def sim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModemSim]:
    with ModemSim(tmp_path / "sim", request.param) as sim:
        yield sim


@pytest.fixture
def config(sim: ModemSim, tmp_path: Path) -> Path:
    path = tmp_path / "gammurc"
    cnmi = CNMI.get(sim.personality, ",,,1")
    path.write_text(CONFIG.format(port=sim.port(), log=tmp_path / "gammu.log", cnmi=cnmi), encoding="utf-8")
    return path


def run(config: Path, *words: str) -> str:
    """`gammu WORDS`; what it printed, and it said that all went well."""
    done = subprocess.run(
        [str(GAMMU), "-c", str(config), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    text = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, text
    return text


def field(text: str, name: str) -> str:
    found = re.search(rf"^{name} *: (.*)$", text, re.MULTILINE)
    assert found, f"no {name!r} in: {text}"
    return found[1].strip()


@needs_gammu
@pytest.mark.parametrize("sim", ["huawei-e3372", "siemens-mc35i"], indirect=True)
def test_gammu_identifies_receives_and_sends(sim: ModemSim, config: Path) -> None:
    state = sim.state()
    assert sim.ctl("inject", RUSSIAN, "--from", PEER, "--to", "modem1") == {"parts": PARTS}
    sim.wait("delivered", PARTS)
    second = config.with_name("gammurc1")
    second.write_text(config.read_text(encoding="utf-8").replace(sim.port(), sim.port(1)), encoding="utf-8")
    with ThreadPoolExecutor(1) as beside:  # each on a modem of its own: Gammu takes 4 s to make itself at home
        reading = beside.submit(run, second, "geteachsms")
        shown = run(config, "identify")
        read = reading.result()
    assert field(shown, "IMEI") == state["imei"]
    assert field(shown, "SIM IMSI") == state["imsi"]
    maker = {"huawei-e3372": "Huawei", "siemens-mc35i": "Siemens"}
    assert field(shown, "Manufacturer") == maker[sim.personality]
    assert f"{PARTS} SMS parts in 1 SMS sequences" in read
    assert field(read, "Remote number") == f'"{PEER}"'
    assert f"\n{RUSSIAN}\n" in read, "the parts were put together"

    # to a phone that is off, so that the reports come when somebody listens: Gammu hangs up after sending
    sim.ctl("registration", "0", "--modem", "modem1")
    number = sim.number(1)
    shown = run(config, "sendsms", "TEXT", number, "-unicode", "-len", "400", "-report", "-text", RUSSIAN)
    sent = sim.entries("submit")
    assert re.findall(r"message reference=(\d+)", shown) == [str(e["mr"]) for e in sent]
    assert "".join(e["text"] for e in sent) == RUSSIAN
    assert len(sent) == PARTS
    assert {e["recipient"] for e in sent} == {number}
    with Process([str(GAMMU), "-c", config, "monitor"], config.with_name("monitor.out")) as monitor:

        def said() -> str:
            return monitor.output.read_text(encoding="utf-8", errors="replace")

        until(lambda: sim.cnmi()[3] == 1, lambda: f"it asks for reports: {said()[-2000:]}", monitor)
        sim.ctl("registration", "1", "--modem", "modem1")
        assert len(sim.wait("report", PARTS)) == PARTS
        # it counts them all, and shows those for which it has room
        until(lambda: said().count("SMS message received") >= PARTS, lambda: f"3 reports: {said()[-2000:]}", monitor)
        until(lambda: "Delivery status" in said(), lambda: f"a report is shown: {said()[-2000:]}", monitor)
        shown = said()[said().index("SMS status report") :]
    assert field(shown, "Delivery status") == "Delivered"
    assert field(shown, "Remote number") == f'"{number}"'
    assert int(field(shown, "Reference number")) in {e["mr"] for e in sent}


@pytest.mark.parametrize("sim", ["generic", "quectel-ec25"], indirect=True)
def test_python_gammu_sends_is_told_and_receives(sim: ModemSim, config: Path) -> None:
    gammu: Any = pytest.importorskip("gammu", reason="python-gammu is not installed")
    machine = gammu.StateMachine()
    machine.ReadConfig(Filename=str(config))
    machine.Init()
    try:
        assert machine.GetIMEI() == sim.state()["imei"]
        assert machine.GetSIMIMSI() == sim.state()["imsi"]
        assert machine.GetSMSC()["Number"] == "+79000009999"

        reports: list[dict[str, Any]] = []
        machine.SetIncomingCallback(lambda _machine, kind, data: reports.append(data) if kind == "SMS" else None)
        machine.SetIncomingSMS(True)
        text = {"Class": -1, "Unicode": True, "Entries": [{"ID": "ConcatenatedTextLong", "Buffer": RUSSIAN}]}
        parts = gammu.EncodeSMS(text)
        assert len(parts) == PARTS
        mrs = [
            machine.SendSMS({**part, "SMSC": {"Location": 1}, "Number": PEER, "Type": "Status_Report"})
            for part in parts
        ]
        assert [e["mr"] for e in sim.wait("submit", PARTS)] == mrs
        assert sim.heard() == [RUSSIAN]

        def read() -> bool:
            machine.ReadDevice()
            return len(reports) >= PARTS

        until(read, lambda: f"3 reports: {reports}; {tail(config.with_name('gammu.log'))}")
        assert [r["MessageReference"] for r in reports] == mrs
        assert {r["Type"] for r in reports} == {"Status_Report"}
        assert {r["DeliveryStatus"] for r in reports} == {0}
        assert {r["Number"] for r in reports} == {PEER}

        sim.ctl("inject", RUSSIAN, "--from", PEER)
        sim.wait("delivered", PARTS)
        got = [machine.GetNextSMS(Start=True, Folder=0)]
        while len(got) < PARTS:
            got.append(machine.GetNextSMS(Location=got[-1][0]["Location"], Folder=0))
        (linked,) = gammu.LinkSMS(got)
        assert "".join(part["Text"] for part in linked) == RUSSIAN
        assert {part["Number"] for part in linked} == {PEER}
        for part in linked:
            machine.DeleteSMS(Location=part["Location"], Folder=0)
        assert sim.stored() == 0
    finally:
        machine.Terminate()
