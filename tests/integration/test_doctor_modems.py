"""`modemgw doctor` without a service, from outside: broken modems and SIMs, each with its cause and fix on top."""

from __future__ import annotations

import asyncio
import re
import termios
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner

from modemgw.cli.doctor import doctor as doctor_command
from modemgw.doctor import asking, checks_modem
from modemsim.simulation import Simulation
from tests.doctor_rig import Answerer, Told, asleep, doctor, mute, parrot, port, saying, scripted, write_config

#: Of every family one, and those that are oddest to ask.
PERSONALITIES = (
    "generic",
    "huawei-e1550",
    "huawei-e3372",
    "quectel-ec25",
    "quectel-rm500q",
    "quectel-bg95",
    "simcom-sim7600",
    "simcom-sim800",
    "simcom-a7670",
    "siemens-mc35i",
    "zte-mf180",
    "sierra-mc7455",
    "wavecom-fastrack",
    "nokia-phone",
)


async def test_healthy_modems_have_no_problems(tmp_path: Path) -> None:
    async with Simulation(modems=len(PERSONALITIES), dir=tmp_path / "sim", personality=PERSONALITIES) as sim:
        told = await doctor(write_config(tmp_path, *(host.port for host in sim.modems)))
        submits = [entry for entry in sim.ledger if entry.kind == "submit"]
    assert told.problems == []
    assert told.status == 0
    assert told.document["top"] == "service.down"  # nothing else is worth a warning
    assert told.document["warnings"] == 1
    assert len([f for f in told.findings if f["key"] == "network.registered"]) == len(PERSONALITIES)
    assert submits == []


async def test_nothing_is_set(tmp_path: Path) -> None:
    heard = bytearray()
    modem = scripted()

    def listening(data: bytes, speed: int) -> bytes:
        heard.extend(data)
        return modem(data, speed)

    async with port(tmp_path / "tty", listening) as link:
        told = await doctor(write_config(tmp_path, str(link), modem='pin = "1234"\n'))
    assert told.problems == []
    commands = [line.strip("\x1b") for line in heard.decode().split("\r") if line.strip("\x1b")]
    assert len(commands) > 15
    allowed = ('AT+CPINR="SIM PIN"', 'AT+QPINC="SC"', 'AT+QURCCFG="urcport"')
    assert [c for c in commands if "=" in c and not c.endswith("=?") and c not in allowed] == []
    assert "1234" not in heard.decode()


def in_numbers() -> Answerer:
    """As after ATV0, until ATV1."""
    words, modem = [False], scripted({"ATV1": "", "ATV0": ""})

    def answer(data: bytes, speed: int) -> bytes:
        said = modem(data, speed)
        words[0] = (words[0] or b"ATV1" in data) and b"ATV0" not in data
        return said if words[0] else said.replace(b"\r\nOK\r\n", b"0\r").replace(b"\r\nERROR\r\n", b"4\r")

    return answer


def at_its_prompt() -> Answerer:
    """Somebody has left it waiting for a payload: only ESC ends that."""
    waiting, modem = [True], scripted()

    def answer(data: bytes, speed: int) -> bytes:
        if waiting[0] and b"\x1b" not in data:
            return data
        waiting[0], data = False, data.rpartition(b"\x1b")[2]
        return modem(data, speed)

    return answer


def with_manners(change: Callable[[bytes], bytes]) -> Answerer:
    modem = scripted()

    def answer(data: bytes, speed: int) -> bytes:
        said = modem(data, speed)
        return change(said) if said else b""

    return answer


async def test_odd_manners_are_no_problem(tmp_path: Path) -> None:
    manners = (
        in_numbers(),
        at_its_prompt(),
        with_manners(lambda said: said.replace(b"\r\n", b"\n")),
        with_manners(lambda said: b"\xff\x00" + said),
        with_manners(lambda said: re.sub(rb"AT[^\r]*\r(?=\r\n)", b"", said)),  # no echo
        with_manners(lambda said: b"\r\n^RSSI:18\r\n" + said + b"\r\n^BOOT:123,0,0,0,20\r\n"),
    )
    async with AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(port(tmp_path / f"tty{n}", answer)) for n, answer in enumerate(manners)
        ]
        told = await doctor(write_config(tmp_path, *map(str, links)))
    for number in range(len(manners)):
        only(told, f"m{number}", "", "", "")
        assert any(f["key"] == "network.registered" and f["subject"] == f"m{number}" for f in told.findings)


Prepare = Callable[[Simulation, int], None]


def registration(stat: int) -> Prepare:
    return lambda sim, n: sim.fault("registration", n, stat=stat, seconds=0)


def puk(sim: Simulation, n: int) -> None:
    sim.modems[n].modem.sim.lock("1234", 0)


def no_smsc(sim: Simulation, n: int) -> None:
    sim.modems[n].modem.sim.smsc = ""


def flight_mode(sim: Simulation, n: int) -> None:
    sim.modems[n].modem.feed(b"AT+CFUN=4\r", 0.0, 0)


def weak_and_lost(sim: Simulation, n: int) -> None:
    sim.fault("signal", n, rssi=99)
    sim.fault("registration", n, stat=2, seconds=0)


#: What is done to a modem, its configuration, and what the doctor must say of it: key, words, words of the fix.
BROKEN: tuple[tuple[Prepare, str, str, str, str], ...] = (
    (lambda s, n: s.fault("pin", n, pin="1234"), "", "sim.pin_required", "asks for its PIN and none", "pin ="),
    (lambda s, n: s.fault("pin", n, pin="1234", tries=1), 'pin = "9999"', "sim.pin_last_try", "1 tries", "phone"),
    (puk, 'pin = "1234"', "sim.puk", "PUK", "phone"),
    (lambda s, n: s.fault("sim", n), "", "sim.missing", "SIM", "insert a SIM"),
    (registration(3), "", "network.no_registration", "registration denied", "operator"),
    (registration(11), "", "network.no_registration", "emergency and restricted", "operator"),
    (registration(8), "", "network.no_registration", "emergency", "operator"),
    (registration(2), "", "network.no_registration", "searches", "antenna"),
    (registration(0), "", "network.no_registration", "does not search", "AT+COPS=0"),
    (lambda s, n: s.fault("signal", n, rssi=2), "", "network.weak_signal", "-109 dBm", "antenna"),
    (weak_and_lost, "", "network.no_signal", "hears no network", "antenna"),
    (no_smsc, "", "smsc.missing", "SMS centre", "smsc ="),
    (lambda s, n: s.fault("full", n, memory="SM"), "", "storage.full", "30 of 30", "modemgw run"),
    (lambda s, n: s.fault("full", n, memory="SM", leave=3), "", "storage.filling", "27 of 30", "modemgw run"),
    (flight_mode, "", "radio.off", "flight mode", "AT+CFUN=1"),
)


async def test_broken_modems(tmp_path: Path) -> None:
    async with Simulation(modems=len(BROKEN), dir=tmp_path / "sim") as sim:
        for number, (prepare, *_) in enumerate(BROKEN):
            prepare(sim, number)
        sim.pump()
        config = write_config(tmp_path, *(host.port for host in sim.modems))
        text = config.read_text()
        for number, (_, settings, *_) in enumerate(BROKEN):
            text = text.replace(f'name = "m{number}"\n', f'name = "m{number}"\n{settings}\n')
        config.write_text(text)
        told = await doctor(config)
    for number, (_, _, key, seen, fix) in enumerate(BROKEN):
        only(told, f"m{number}", key, seen, fix)


@pytest.mark.parametrize("number", [0, 5, 9], ids=lambda number: BROKEN[number][2])
async def test_a_broken_modem_is_on_top(tmp_path: Path, number: int) -> None:
    prepare, _, key, seen, fix = BROKEN[number]
    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        prepare(sim, 0)
        sim.pump()
        told = await doctor(write_config(tmp_path, sim.modems[0].port))
    expect(told, key, seen, fix)
    assert len(told.problems) <= 1


async def test_an_sms_only_registration_is_no_problem(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        sim.fault("registration", stat=6, seconds=0)
        told = await doctor(write_config(tmp_path, sim.modems[0].port))
    assert told.problems == []
    assert "SMS only" in told.of("network.sms_only")["seen"]


async def test_a_pin_that_was_refused_before(tmp_path: Path) -> None:
    from modemgw.modem.dialogue.init_sim import RefusedPins

    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        sim.fault("pin", pin="1234", tries=2)
        RefusedPins(tmp_path / "modemgw.db.pins").remember(sim.modems[0].modem.sim.iccid, "9999")
        told = await doctor(write_config(tmp_path, sim.modems[0].port, modem='pin = "9999"\n'))
        assert sim.modems[0].modem.sim.pin_tries == 2
    expect(told, "sim.pin_refused", "refused the configured one", "correct pin")


async def test_a_configured_pin_that_only_waits_is_no_problem(tmp_path: Path) -> None:
    async with Simulation(modems=1, dir=tmp_path / "sim") as sim:
        sim.fault("pin", pin="1234")
        told = await doctor(write_config(tmp_path, sim.modems[0].port, modem='pin = "1234"\n'))
        assert sim.modems[0].modem.sim.state == "SIM PIN"
    assert told.problems == []
    assert told.of("sim.pin_waits")


SAID: tuple[tuple[dict[str, str], str, str, str], ...] = (
    ({"AT+CPIN?": "ERROR", "AT+CIMI": "ERROR", "AT+CCID": "ERROR"}, "sim.missing", "not know of a SIM", "insert"),
    ({"AT+CPIN?": "+CME ERROR: SIM failure"}, "sim.failure", "cannot read the SIM", "contacts"),
    ({"AT+CPIN?": "+CME ERROR: 14"}, "sim.busy", "busy", "wait"),
    ({"AT+CPIN?": "+CPIN: PH-NET PIN"}, "sim.locked", "locked to another network", "unlock"),
    ({'AT+QURCCFG="urcport"': '+QURCCFG: "urcport","usbmodem"'}, "announce.other_port", '"usbmodem"', "usbat"),
    ({"AT+CGMI": "SIMCOM", "AT+CATR?": "+CATR: 2"}, "announce.other_port", "its modem port", "AT+CATR=0"),
    ({"AT+CCLK?": '+CCLK: "30/01/01,12:00:00+12"'}, "clock.off", "2030-01-01", "timedatectl"),
    ({"AT+CBC": "+CBC: 0,12,3312"}, "modem.supply", "3.31 V", "2 A"),
    ({"AT+CREG?": "+CREG: 0,0", "AT+CEREG?": "+CEREG: 0,5"}, "", "", ""),
    ({"AT+CCLK?": '+CCLK: "80/01/06,00:00:12+00"'}, "", "", ""),
)


async def test_what_modems_say(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(port(tmp_path / f"tty{n}", scripted(changes)))
            for n, (changes, *_) in enumerate(SAID)
        ]
        told = await doctor(write_config(tmp_path, *map(str, links)))
    for number, (_, key, seen, fix) in enumerate(SAID):
        only(told, f"m{number}", key, seen, fix)


OTHERS: tuple[tuple[Answerer, str, str, str], ...] = (
    (parrot, "modem.echo", "gives back what is written", "loopback"),
    (saying(b"$GPGGA,120000,5545.0,N,03737.0,E,1,8,1.0,150,M,,M,,*47\r\n"), "port.role", "GPS", "another port"),
    (saying(b"\r\nRaspbian GNU/Linux 12 pi ttyS0\r\n\r\npi login: "), "modem.no_modem", "login", "AT port"),
    (asleep(scripted(), 0.9), "modem.slow", "to answer the first AT", "power"),
    (scripted(speed=termios.B9600), "modem.speed", "9600 baud, not at 115200", "baudrate = 9600"),
)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor waits for what does not come a fifth of its time; everything here answers at once, or asleep does."""
    for name, value in (("PATIENCE_S", (0.4, 0.6, 1.0)), ("OTHER_SPEED_S", 0.4), ("SLOW_S", 0.6), ("MUTE_S", 0.3)):
        monkeypatch.setattr(asking, name, value)
    monkeypatch.setattr(checks_modem, "SLOW_S", 0.6)


@pytest.mark.usefixtures("impatient")
async def test_what_is_no_modem_or_not_at_this_speed(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        links = [
            await stack.enter_async_context(port(tmp_path / f"tty{n}", answer)) for n, (answer, *_) in enumerate(OTHERS)
        ]
        told = await doctor(write_config(tmp_path, *map(str, links)))
    for number, (_, key, seen, fix) in enumerate(OTHERS):
        only(told, f"m{number}", key, seen, fix)
    assert len(told.problems) == len(OTHERS) - 1


@pytest.mark.usefixtures("impatient")
async def test_silence_in_words_for_people(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", mute) as link:
        told = await asyncio.to_thread(
            CliRunner().invoke, doctor_command, ["--config", str(write_config(tmp_path, str(link)))]
        )
    assert told.exit_code == 1, told.output
    out = told.stdout
    assert f"PROBLEM  m0: Nothing answers AT at {link}" in out
    assert "\x1b" not in out  # no colours where nobody looks
    summary = out.strip().splitlines()[-1]
    assert summary.startswith("1 problem: m0: Nothing answers AT")
    assert "Do this first: check that this is the modem's AT port" in summary


def expect(told: Told, key: str, seen: str, fix: str) -> None:
    """This is on top, in these words."""
    assert told.document["top"] == key, told.document["summary"]
    assert seen in told.top["seen"], told.top
    assert fix in (told.top["fix"] or ""), told.top
    assert told.status == (1 if told.top["verdict"] == "problem" else 0)


def only(told: Told, subject: str, key: str, seen: str, fix: str) -> None:
    """Of this modem nothing else is told as a problem or a warning; with no key, nothing."""
    bad = [f for f in told.findings if f["subject"] == subject and f["verdict"] in ("problem", "warning")]
    assert [f["key"] for f in bad] == ([key] if key else []), bad
    for finding in bad:
        assert seen in finding["seen"], finding
        assert fix in (finding["fix"] or ""), finding
