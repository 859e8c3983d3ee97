"""Commands as they go to the modem."""

from __future__ import annotations

import pytest

from modemgw.at import commands
from modemgw.at.commands import Command

WIRE = [
    (commands.submit(18), b"AT+CMGS=18\r"),
    (commands.read(3), b"AT+CMGR=3\r"),
    (commands.delete(0), b"AT+CMGD=0\r"),
    (commands.select_memory("SM"), b'AT+CPMS="SM"\r'),
    (commands.select_memory("SM", "SM", "ME"), b'AT+CPMS="SM","SM","ME"\r'),
    (commands.set_indications((2, 1, 0, 1, 0)), b"AT+CNMI=2,1,0,1,0\r"),
    (commands.select_service(1), b"AT+CSMS=1\r"),
    (commands.keep_link(2), b"AT+CMMS=2\r"),
    (commands.enter_pin("1234"), b'AT+CPIN="1234"\r'),
    (commands.plain("AT^SM20=0,0"), b"AT^SM20=0,0\r"),
    (commands.MEMORY_RANGE, b"AT+CPMS=?\r"),
]


@pytest.mark.parametrize(("command", "wire"), WIRE)
def test_wire(command: Command, wire: bytes) -> None:
    assert command.wire == wire


def test_a_pin_is_never_shown() -> None:
    assert "1234" not in commands.enter_pin("1234").shown
    assert commands.submit(18).shown == "AT+CMGS=18"


def test_the_result_of_a_send_is_waited_for_long_enough() -> None:
    assert commands.submit(1).timeout_s >= 150
    assert commands.submit(1).prompt
