"""Where +CREG says that a modem is (TS 27.007 7.2): in a cell of the radio that its model has."""

from __future__ import annotations

import pytest
from simrig import Rig

CELLS = {
    "siemens-mc35i": ',"1A2B","D4E5"',
    "huawei-e1550": ',"1A2B","01C3D4E5",2',
    "quectel-ec25": ',"1A2B","01C3D4E5",7',
}


@pytest.mark.parametrize("personality", sorted(CELLS))
def test_a_cell_is_of_the_radio_of_the_model(personality: str) -> None:
    rig = Rig(personality=personality)
    rig.setup(cnmi="2,1,0,1")
    rig.say("AT+CREG=2\r")
    where = CELLS[personality]
    assert rig.say("AT+CREG?\r") == f"\r\n+CREG: 2,1{where}\r\n\r\nOK\r\n"
    rig.modem.set_registration(2)
    assert rig.heard() == "\r\n+CREG: 2\r\n"
    assert rig.say("AT+CREG?\r") == "\r\n+CREG: 2,2\r\n\r\nOK\r\n"
    rig.modem.set_registration(1)
    assert rig.heard() == f"\r\n+CREG: 1{where}\r\n"
