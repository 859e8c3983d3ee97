"""Faults of the modem's moods, as users of real ones report them: deaf, lying, browned out, back as a disk."""

from __future__ import annotations

import pytest
from simrig import Rig
from terminal import Terminal


@pytest.fixture
def t() -> Terminal:
    rig = Rig()
    rig.setup()
    return Terminal(rig)


def inject(t: Terminal, text: str = "hi") -> None:
    t.rig.network.inject(t.rig.modem.number, text)
    t.pass_time(0)


def test_ussd_fails_once(t: Terminal) -> None:
    for answer, said in (("error", ""), ("5", "+CUSD: 5"), ("silent", "")):
        t.rig.modem.fault("ussd", answer=answer)
        assert t.run('AT+CUSD=1,"*100#",15')[0] == ("+CME ERROR: 30" if answer == "error" else "OK")
        assert t.wait_told("+CUSD", 60) == said
    assert t.run('AT+CUSD=1,"*100#",15')[0] == "OK"
    assert t.wait_told("+CUSD: 0")


def test_a_loose_cable(t: Terminal) -> None:
    plugs: list[bool] = []
    t.rig.modem.on_plug = lambda m: plugs.append(m.plugged)
    t.rig.modem.fault("flap", times=3, every_s=2.0)
    t.pass_time(10)
    assert plugs == [False, True] * 3
    t.come_up()


def test_a_stick_that_comes_back_as_a_disk() -> None:
    rig = Rig(personality="huawei-e1550")
    rig.modem.fault("storage_mode", back_s=5)
    assert (rig.modem.plugged, rig.modem.state()["usb"]) == (False, "12d1:1446")
    rig.pass_time(6)
    assert (rig.modem.plugged, rig.modem.state()["usb"]) == (True, "12d1:1001")


def test_a_brown_out_when_the_radio_sends(t: Terminal) -> None:
    t.rig.modem.fault("reboot", at="after_payload", text="UNDER-VOLTAGE POWER DOWN")
    assert t.rig.send() == "\r\nUNDER-VOLTAGE POWER DOWN\r\n"
    assert t.rig.kinds() == ["submit", "far"]
    assert t.rig.modem.resets == 1
    t.come_up()


def test_lines_move_to_a_port_of_their_own_accord() -> None:
    rig = Rig(personality="quectel-ec25")
    rig.setup()
    rig.modem.fault("urc_moved", role="modem")
    rig.network.inject(rig.modem.number, "hi")
    rig.timeline.run(rig.now)
    assert [p for p, data in rig.modem.take_output() if b"+CMTI" in data] == [1]
    assert rig.modem.state()["urc_port"] == "modem"


def test_a_wrong_announcement(t: Terminal) -> None:
    t.rig.modem.fault("cmti_wrong", memory="ME", shift=2)
    inject(t)
    assert t.wait_told("+CMTI") == '+CMTI: "ME",3'
    inject(t)
    assert t.wait_told("+CMTI") == '+CMTI: "SM",2'


def test_handed_over_and_stored_too(t: Terminal) -> None:
    t.run("AT+CNMI=2,2,0,1,0")
    t.rig.modem.fault("stored_too")
    inject(t)
    assert t.wait_told("+CMT")
    assert len(t.rig.modem.memory("SM")) == 1
    inject(t)
    assert len(t.rig.modem.memory("SM")) == 1


def test_a_time_stamp_of_nonsense(t: Terminal) -> None:
    t.rig.modem.fault("bad_scts", hex="2C1B2C2C2C2C2C")
    raw = t.rig.network.inject(t.rig.modem.number, "hi")[0]
    t.pass_time(0)
    pdu = t.run("AT+CMGR=1")[1][1]
    assert "00002C1B2C2C2C2C2C02E834" in pdu
    assert len(pdu) // 2 == len(raw) + 1 + int(pdu[:2], 16)


def test_one_domain_says_it_is_not_registered(t: Terminal) -> None:
    t.run("AT+CREG=1")
    t.rig.modem.fault("circuit", stat=0)
    assert t.run("AT+CREG?") == ("OK", ["+CREG: 0", "+CREG: 1,0"])
    assert t.value("AT+CEREG?", "+CEREG:") == "0,1"
    assert t.rig.modem.reachable
    t.rig.modem.fault("circuit", stat=-1)
    assert t.run("AT+CREG?") == ("OK", ["+CREG: 1", "+CREG: 1,1"])


@pytest.mark.parametrize("until", ["send", "reset"])
def test_deaf_though_registered(t: Terminal, until: str) -> None:
    t.rig.modem.fault("deaf", until=until)
    inject(t)
    assert t.wait_told("+CMTI", 600) == ""
    assert t.value("AT+CREG?", "+CREG:") == "0,1"
    said = t.rig.send() + t.rig.pass_time(5)
    assert "+CMGS: 0" in said
    assert ("+CMTI" in said) is (until == "send")
    if until == "reset":
        t.run("AT+CFUN=1,1")
        t.come_up()
        assert t.run("AT+CMGL=4")[1][0].startswith("+CMGL: 1,")


def test_the_sim_is_busy_for_a_while(t: Terminal) -> None:
    t.rig.modem.fault("sim_busy", seconds=5)
    assert t.run("AT+CMGL=4")[0] == "+CMS ERROR: 314"
    t.pass_time(6)
    assert t.run("AT+CMGL=4")[0] == "OK"


def test_no_service_centre(t: Terminal) -> None:
    t.rig.modem.fault("smsc")
    assert t.value("AT+CSCA?", "+CSCA:") == '"",129'
    assert t.rig.send().endswith("+CMS ERROR: 330\r\n")


def test_the_memory_for_what_arrives_falls_back(t: Terminal) -> None:
    t.run('AT+CPMS="ME","ME","ME"')
    t.rig.modem.fault("mem3")
    inject(t)
    assert t.wait_told("+CMTI") == '+CMTI: "SM",1'


def test_a_reply_that_loses_bytes(t: Terminal) -> None:
    t.rig.modem.fault("reply_cut", bytes=4, position=2, match="CSQ")
    assert t.rig.say("AT+CSQ\r") == "\r\n: 20,99\r\n\r\nOK\r\n"
    assert t.rig.say("AT+CSQ\r") == "\r\n+CSQ: 20,99\r\n\r\nOK\r\n"


def test_a_line_of_two_comes_in_two_pieces(t: Terminal) -> None:
    t.run("AT+CNMI=2,2,0,1,0")
    t.rig.modem.fault("urc_split", seconds=2)
    raw = t.rig.network.inject(t.rig.modem.number, "hi")[0]
    first = t.rig.heard()
    assert first == f"\r\n+CMT: ,{len(raw)}\r\n"
    assert t.rig.pass_time(3).endswith(f"{raw.hex().upper()}\r\n")
