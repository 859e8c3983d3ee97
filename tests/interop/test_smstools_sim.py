"""SMS Server Tools 3, unchanged: its spool directories agree with the ledger of `modemsim`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.daemons import PARTS, PEER, RUSSIAN, ModemSim, Process, program, tail, until

SMSD = program("smsd")

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(not SMSD, reason="SMS Server Tools 3 (Debian package smstools) is not installed"),
]

DIRECTORIES = ("outgoing", "checked", "incoming", "failed", "sent", "report")
CONFIG = """\
devices = GSM1
{directories}
logfile = {directory}/smsd.log
infofile = {directory}/smsd.working
pidfile = {directory}/smsd.pid
loglevel = 7
delaytime = 1
delaytime_mainprocess = 1
errorsleeptime = 1
autosplit = 3
incoming_utf8 = yes
decode_unicode_text = yes

[GSM1]
device = {port}
incoming = yes
report = yes
{modem}
"""
MODEM = {
    # reports straight to the terminal
    "huawei-e1550": "init = AT+CNMI=2,1,0,1,0\nmemory_start = 0",
    # reports in the memory MT beside the messages; the MC35i wants bfr=1
    "siemens-mc35i": "init = AT+CNMI=2,0,0,2,1",
}


def read(path: Path) -> tuple[dict[str, str], str]:
    """The head and the text of a message file."""
    head, _, text = path.read_text(encoding="utf-8").partition("\n\n")
    return dict(line.split(": ", 1) for line in head.splitlines() if ": " in line), text


@pytest.fixture
def sim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModemSim]:
    with ModemSim(tmp_path / "sim", request.param) as sim:
        yield sim


@pytest.mark.parametrize("sim", list(MODEM), indirect=True)
def test_smstools_identifies_sends_is_told_and_receives(sim: ModemSim, tmp_path: Path) -> None:
    for name in DIRECTORIES:
        (tmp_path / name).mkdir()
    config = tmp_path / "smsd.conf"
    config.write_text(
        CONFIG.format(
            directory=tmp_path,
            directories="\n".join(f"{name} = {tmp_path / name}" for name in DIRECTORIES),
            port=sim.port(),
            modem=MODEM[sim.personality],
        ),
        encoding="utf-8",
    )

    def files(name: str) -> list[Path]:
        # while a long message is incomplete, its parts wait in a file beside the whole ones
        return sorted(p for p in (tmp_path / name).iterdir() if not p.name.endswith("-concatenated"))

    def log() -> str:
        return tail(tmp_path / "smsd.log")

    (tmp_path / "outgoing" / "one").write_text(
        f"To: {PEER.lstrip('+')}\nAlphabet: UTF-8\nReport: yes\n\n{RUSSIAN}", encoding="utf-8"
    )
    with Process([str(SMSD), "-t", f"-c{config}"], tmp_path / "smsd.out") as smsd:
        assert len(sim.wait("submit", PARTS, log)) == PARTS
        assert sim.heard() == [RUSSIAN]
        assert sim.ctl("inject", RUSSIAN, "--from", PEER) == {"parts": PARTS}
        until(lambda: len(files("report")) == PARTS, lambda: f"{PARTS} reports: {log()}", smsd)
        until(lambda: files("incoming"), lambda: f"the message is in: {log()}", smsd)
        until(lambda: sim.stored() == 0, lambda: f"read messages are deleted: {log()}", smsd)
        until(lambda: files("sent"), lambda: f"the message is sent: {log()}", smsd)

    state = sim.state()
    submits = sim.entries("submit")
    head, _ = read(tmp_path / "sent" / "one")
    assert (head["IMEI"], head["IMSI"]) == (state["imei"], state["imsi"])
    assert head["Message_id"] == str(submits[-1]["mr"])
    assert not files("failed")

    reports = [read(path) for path in files("report")]
    assert {head["From"] for head, _ in reports} == {PEER.lstrip("+")}
    assert sorted(text.split("Message_id: ")[1].split()[0] for _, text in reports) == sorted(
        str(e["mr"]) for e in submits
    )
    assert all("Status: 0," in text for _, text in reports)

    (incoming,) = files("incoming")
    head, text = read(incoming)
    assert head["From"] == PEER.lstrip("+")
    assert text == RUSSIAN
