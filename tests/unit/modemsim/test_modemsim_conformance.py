"""Every personality holds the dialogue of the standards: it comes up, tells who it is, sends, receives, reports,
restarts, and is plugged anew. Written from TS 27.005, TS 27.007 and V.250, with no look at what is odd.
"""

from __future__ import annotations

import re

import pytest
from simrig import FAR, Rig, submit
from terminal import Terminal, ranges

from modemgw.sms import Direction, SmsStatusReport, decode_tpdu
from modemsim.personality import load, names
from modemsim.simcard import luhn
from modemsim.traits import SPEAKING

# Nothing of messages works on it by intention.
BARRED = {"simcom-a7670-restricted"}


def identify(t: Terminal) -> None:
    for command in ("AT+CGMI", "AT+CGMM", "AT+CGMR"):
        final, lines = t.run(command)
        assert final == "OK"
        assert any(lines), command
    _final, lines = t.run("AT+CGSN")
    found = re.search(r"\b\d{15}\b", " ".join(lines) or " ".join(t.run("ATI")[1]))
    assert found, "no IMEI"
    assert luhn(found[0][:-1]) == found[0] == t.rig.modem.imei
    assert re.fullmatch(r"\d{15}", t.run("AT+CIMI")[1][0])
    assert t.value("AT+CPIN?", "+CPIN:") == "READY"
    told = [" ".join(t.run(f"AT{c}")[1]) for c in (*t.rig.modem.personality.identity.iccid, "+CRSM=176,12258,0,0,10")]
    assert any(re.search(r"89\d{16,18}|98\d{16,18}", text) for text in told), "no ICCID"


def settle(t: Terminal) -> tuple[list[int], str]:
    """PDU mode, the first memory offered for arriving messages, indications; (+CNMI setting, memory)."""
    assert t.run("AT+CMGF=0")[0] == "OK"
    offered = [re.findall(r"[A-Z_]+", g) for g in re.findall(r"\(([^)]*)\)", t.value("AT+CPMS=?", "+CPMS:"))]
    memory = offered[2][0]
    quoted = f'"{memory}"'
    three, two = f"AT+CPMS={quoted},{quoted},{quoted}", f"AT+CPMS={quoted},{quoted}"
    assert any(t.run(command)[0] == "OK" for command in (three, two, f"AT+CPMS={quoted}"))
    memory = re.findall(r'"(\w+)"', t.value("AT+CPMS?", "+CPMS:"))[2]
    mode, mt, bm, ds, bfr = ranges(t.value("AT+CNMI=?", "+CNMI:"))
    wanted = [2 if 2 in mode else max(mode), 1 if 1 in mt else max(mt), 0 if 0 in bm else bm[0]]
    for report in (1, 2, 0):
        setting = [*wanted, report, 0 if 0 in bfr else bfr[0]]
        if report in ds and t.run("AT+CNMI=" + ",".join(map(str, setting)))[0] == "OK":
            assert t.value("AT+CNMI?", "+CNMI:") == ",".join(map(str, setting))
            return setting, memory
    raise AssertionError("no setting of +CNMI is taken")


def send(t: Terminal) -> int:
    """One SUBMIT that asks for a report; its TP-MR."""
    first, second = submit(FAR, "hello", report=True)
    before = len(t.rig.network.ledger.select("submit"))
    assert t.prompt(first.rstrip("\r"))
    t.write(second)
    final, lines = t.result(200)
    assert final == "OK"
    mr = next(int(line.split(":")[1]) for line in lines if line.startswith("+CMGS:"))
    sent = t.rig.network.ledger.select("submit")[before:]
    assert [(e.mr, e.recipient) for e in sent] == [(mr, FAR)]
    return mr


def read(t: Terminal, memory: str, index: int) -> str:
    """The PDU at a place, "" for none; the memory stays chosen."""
    quoted = f'"{memory}"'
    chosen = [f"AT+CPMS={','.join([quoted] * n)}" for n in (1, 3)]
    if not any(t.run(command)[0] == "OK" for command in chosen):
        return ""
    _final, lines = t.run(f"AT+CMGR={index}")
    return next((lines[i + 1] for i, line in enumerate(lines[:-1]) if line.startswith("+CMGR:")), "")


def report(t: Terminal, setting: list[int], mr: int) -> str:
    """How the report of a send came: direct, stored, unreadable, none."""
    if setting[3] == 0:
        return "none"
    if setting[3] == 1:
        told = t.wait_told("+CDS: ")
        length, pdu = told.removeprefix("+CDS: ").split()
        how = "direct"
    else:
        memory, index = re.fullmatch(r'\+CDSI: "(\w+)",(\d+)', t.wait_told("+CDSI: ")).groups()  # type: ignore[union-attr]
        pdu, length, how = read(t, memory, int(index)), "", "stored"
        if not pdu:
            return "unreadable"
    raw = bytes.fromhex(pdu)
    tpdu = raw[1 + raw[0] :]
    assert length in ("", str(len(tpdu)))
    made = decode_tpdu(tpdu, Direction.TO_MS)
    assert isinstance(made, SmsStatusReport)
    assert (made.mr, str(made.ra), made.st) == (mr, FAR, 0)
    return how


def receive(t: Terminal, memory: str) -> None:
    raw = t.rig.network.inject(t.rig.modem.number, "Привет")[0]
    told = t.wait_told("+CMTI: ")
    named, index = re.fullmatch(r'\+CMTI: "(\w+)",(\d+)', told).groups()  # type: ignore[union-attr]
    pdu = next((p for m in (named, memory) if (p := read(t, m, int(index)))), "")
    assert pdu.endswith(raw.hex().upper())
    assert t.run(f"AT+CMGD={index}")[0] == "OK"
    assert not any(line.startswith("+CMGR:") for line in t.run(f"AT+CMGR={index}")[1])


@pytest.mark.parametrize("name", [n for n in names() if n not in BARRED])
def test_the_dialogue_of_the_standards(name: str) -> None:
    rig = Rig(personality=name, report_delay_s=0.5)
    rig.modem.power_off()
    rig.modem.power_on()
    t = Terminal(rig)
    t.come_up()
    t.run("ATE0")
    t.run("AT+CMEE=1")
    identify(t)
    setting, memory = settle(t)
    mr = send(t)
    how = report(t, setting, mr)
    assert how in ("direct", "stored") or not {1, 2} & set(load(name).cnmi.ds) or name in ("huawei-mu509",)
    receive(t, memory)
    resets = rig.modem.resets
    assert any(t.run(f"AT{c}")[0] == "OK" for c in (*load(name).boot.reset_commands, "+CFUN=1,1"))
    t.pass_time(0.02)
    assert rig.modem.resets == resets + 1
    t.come_up()
    assert list(map(int, t.value("AT+CNMI?", "+CNMI:").split(","))) == list(load(name).cnmi.default)
    rig.modem.unplug()
    assert t.run("AT", 3)[0] == ""
    rig.modem.replug()
    t.come_up()
    settle(t)
    assert send(t) == (mr + 1) % 256
    assert all(p.written == 0 for p in rig.modem.dumb_ports())


@pytest.mark.parametrize("name", names())
def test_its_ports_are_those_of_a_device_on_the_bus(name: str) -> None:
    made = load(name)
    assert made.port[0].role == "at"
    assert made.title
    assert made.family
    assert 1 <= made.ports <= 8
    assert re.fullmatch(r"[0-9a-f]{4}:[0-9a-f]{4}", made.usb.id) or name.startswith(("generic", "odd-"))
    for port in made.port:
        assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{2}", port.usb_class)
        assert port.endpoints in (1, 2, 3)
    assert any(p.role in SPEAKING for p in made.port)


def test_the_barred_one_refuses_all_messages() -> None:
    t = Terminal(Rig(personality="simcom-a7670-restricted"))
    assert t.value("AT+CREG?", "+CREG:") == "0,11"
    assert t.run("AT+CMGF=0")[0] == "ERROR"
    assert t.run("AT+CMGS=20")[0] == "ERROR"
