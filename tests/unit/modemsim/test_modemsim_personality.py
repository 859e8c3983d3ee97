"""Personalities are data: each loads, its oddity shows, a wrong key is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from simrig import Rig

from modemsim.personality import PersonalityError, from_mapping, load

# model, commands to prepare, command, answer
ODDITIES = [
    ("quectel-ec25", "2,1,0,2,0", "send", '+CMGS: 0\r\n\r\nOK\r\n\r\n+CDSI: "SM",0\r\n'),
    ("simcom-sim800", None, "AT+CNMI=2,1,0,2,0", "\r\n+CMS ERROR: 303\r\n"),
    ("siemens-mc35i", None, "AT+CNMI=2,1,0,1,0", "\r\n+CMS ERROR: 303\r\n"),
    ("siemens-mc35i", None, 'AT+CPMS="SM","SM","ME"', "\r\n+CMS ERROR: 302\r\n"),
    ("huawei-e1550", None, "AT+FOO", "\r\nCOMMAND NOT SUPPORT\r\n"),
    ("huawei-e1550", None, "AT^CPIN?", "\r\n^CPIN: READY,,10,3,10,3\r\n\r\nOK\r\n"),
    ("quectel-ec25", None, "AT+QPINC?", '\r\n+QPINC: "SC",3,10\r\n+QPINC: "P2",3,10\r\n\r\nOK\r\n'),
    ("zte-mf180", "2,1,0,1,0", "inject", '\r\n+CMTI: "SM",0\r\n'),
    ("huawei-e3372", "2,1,0,1,0", "inject", '\r\n+CMTI: "ME",0\r\n'),
    ("simcom-sim7600", "2,1,0,2,0", "send", '+CDSI: "SR",0\r\n'),
]


@pytest.mark.parametrize(("name", "cnmi", "command", "answer"), ODDITIES)
def test_an_oddity(name: str, cnmi: str | None, command: str, answer: str) -> None:
    rig = Rig(personality=name)
    rig.say("ATE0\r")
    rig.say("AT+CMEE=1\r")
    if cnmi:
        assert rig.say(f"AT+CNMI={cnmi}\r") == "\r\nOK\r\n"
    if command == "send":
        assert rig.send(report=True).endswith(answer)
    elif command == "inject":
        rig.network.inject(rig.modem.number, "hi")
        assert rig.heard() == answer
    else:
        assert rig.say(command + "\r") == answer


def test_a_report_that_the_sim7600_announces_cannot_be_read() -> None:
    rig = Rig(personality="simcom-sim7600")
    rig.setup(cnmi="2,1,0,2,0")
    rig.send(report=True)
    rig.say('AT+CPMS="SR"\r')
    assert rig.say("AT+CMGR=0\r") == "\r\n+CMS ERROR: 321\r\n"


def test_ussd_is_packed_on_huawei() -> None:
    rig = Rig(personality="huawei-e1550")
    rig.setup()
    rig.say('AT+CUSD=1,"AA180C3602",15\r')  # *100#
    assert '+CUSD: 0,"C2303BEC1E9775A0986CE6A2D540D2AA10",15' in rig.pass_time(1)


def test_chatter_goes_on_until_it_is_muted() -> None:
    rig = Rig(personality="huawei-e3372")
    rig.say("ATE0\r")
    assert rig.pass_time(5).startswith("\r\n^RSSI:20\r\n")
    rig.say("AT^CURC=0\r")
    assert rig.pass_time(20) == ""


def test_an_echo_that_is_always_on_and_a_collision() -> None:
    rig = Rig(changes={"form": {"echo": "always"}, "radio": {"collision_cms": 512}})
    rig.say("ATE0\r")
    assert rig.say("AT\r") == "AT\r\r\nOK\r\n"
    rig.say("AT+CMGS=18\r")
    rig.network.inject(rig.modem.number, "hi")
    assert rig.say("0021000B919799214365F7000005E8329BFD06\x1a").endswith("+CMS ERROR: 512\r\n")


def test_a_byte_during_a_send_aborts_it_where_the_model_does_so() -> None:
    rig = Rig(latency_s=2, changes={"form": {"abort_on_byte": True}})
    rig.setup()
    assert rig.send() == ""
    assert rig.say("A") == "\r\nERROR\r\n"
    assert rig.pass_time(5) == ""
    assert rig.kinds() == ["submit", "far"], "it went all the same"


def test_a_personality_from_a_file_and_its_errors(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('extends = "quectel-ec25"\n[identity]\nmodel = "EC21"\n', encoding="utf-8")
    made = load(str(own))
    assert (made.name, made.identity.model, made.pin_counter) == ("own", "EC21", "+QPINC")
    with pytest.raises(PersonalityError, match=r"There is no personality 'nokia'\. There are: alcatel"):
        load("nokia")
    with pytest.raises(PersonalityError, match="cannot be read"):
        load(str(tmp_path / "none.toml"))
    own.write_text("x = ", encoding="utf-8")
    load.cache_clear()
    with pytest.raises(PersonalityError, match="not valid TOML"):
        load(str(own))
    with pytest.raises(PersonalityError) as caught:
        from_mapping({"port": "two", "colour": 1, "boot": {"boot_s": 1, "x": 2}, "accept": [1]}, "bad")
    for part in ("port has the wrong type", "colour is unknown", "boot.x is unknown", "accept must be a list of str"):
        assert part in str(caught.value)


WRONG = [
    ({"form": {"echo": "never"}}, "form.echo is 'never' and must be one of settable, always"),
    ({"urc": {"role": "diag"}}, "urc.role is 'diag'"),
    ({"ussd": {"takes": ["base64"]}}, "ussd.takes has 'base64'"),
    ({"memory": {"read": ["XY"]}}, "memory.capacity lacks XY"),
    ({"port": [{"role": "diag"}]}, "the first port must have the role at"),
    ({"port": [{"role": "at"}, {"role": "modem"}]}, "two ports have the same interface"),
    ({"port": [{"role": "at"}, {"role": "gpu", "interface": 1}]}, "port.role 'gpu' is none of at, modem, diag"),
    ({"port": ["at"]}, "port must be a list of tables"),
    ({"port": []}, "the first port must have the role at"),
]


@pytest.mark.parametrize(("data", "says"), WRONG)
def test_words_and_ports_are_checked(data: dict[str, object], says: str) -> None:
    with pytest.raises(PersonalityError) as caught:
        from_mapping({"memory": {"capacity": {"SM": 1, "ME": 1, "SR": 1}}, **data}, "bad")
    assert says in str(caught.value)
