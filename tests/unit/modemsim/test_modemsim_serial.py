"""+IPR, +ICF, +IFC (V.250 6.2.10 to 6.2.12): every model has them, and programs set them before anything else."""

from __future__ import annotations

import pytest
from simrig import Rig


@pytest.mark.parametrize("personality", ["generic", "huawei-e3372", "quectel-ec25", "siemens-mc35i", "simcom-sim800"])
def test_the_line_is_set_and_told(personality: str) -> None:
    rig = Rig(personality=personality)
    assert rig.say("ATE0\r").endswith("OK\r\n")
    for command, value in (("+IPR", "57600"), ("+ICF", "3,0"), ("+IFC", "0,0")):
        assert rig.say(f"AT{command}=?\r").startswith(f"\r\n{command}: (")
        assert rig.say(f"AT{command}={value}\r") == "\r\nOK\r\n"
        assert rig.say(f"AT{command}?\r") == f"\r\n{command}: {value}\r\n\r\nOK\r\n"


def test_what_is_left_out_stays_and_what_is_not_allowed_is_refused() -> None:
    rig = Rig()
    rig.say("ATE0+CMEE=1\r")
    assert rig.say("AT+IFC=,0\r") == "\r\nOK\r\n"
    assert rig.say("AT+IFC?\r") == "\r\n+IFC: 2,0\r\n\r\nOK\r\n"
    for command in ("AT+IFC=4", "AT+IFC=1,1,1", "AT+IPR=1234", "AT+ICF=x", "AT+IPR", "AT+IFC="):
        assert rig.say(f"{command}\r") == "\r\n+CME ERROR: 50\r\n", command
    assert rig.say("AT+IFC?;+IPR?\r") == "\r\n+IFC: 2,0\r\n\r\n+IPR: 115200\r\n\r\nOK\r\n"


@pytest.mark.parametrize("personality", ["siemens-tc35", "siemens-mc35i", "cinterion-ehs6"])
def test_a_siemens_has_its_own_command_for_flow_control(personality: str) -> None:
    rig = Rig(personality=personality)
    rig.say("ATE0\r")
    assert rig.say("AT\\Q3\r") == "\r\nOK\r\n"
    assert rig.say("AT\\Q4\r") == "\r\nERROR\r\n"
