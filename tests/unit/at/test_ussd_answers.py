"""+CUSD and +CLCC as modems write them, and the commands that bring them about."""

from __future__ import annotations

import pytest

from modemgw.at.calls import read_ringing
from modemgw.at.commands import submit
from modemgw.at.errors import AtResponseError, CmeError, CommandFailed
from modemgw.at.parser import AtParser, Final, InfoLine, Urc
from modemgw.at.responses import UssdText, read_ussd
from modemgw.at.ussd import other_coding_may_help, ussd_request


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('+CUSD: 0,"Balance 5",15', UssdText(0, "Balance 5", 15)),
        ('+CUSD:1,"1 Yes"', UssdText(1, "1 Yes", None)),
        ('+CUSD: 0, "Balance" , 72', UssdText(0, "Balance", 72)),
        ('+CUSD: 0,"a "b" c",15', UssdText(0, 'a "b" c', 15)),
        ('+CUSD: 0,"a\nb",', UssdText(0, "a\nb", None)),
        ('+CUSD: 0,"never closed', UssdText(0, "never closed", None)),
        ("+CUSD: 2", UssdText(2, None, None)),
        ("+CUSD: 4,", UssdText(4, None, None)),
        ('+CUSD: 0,"",15', UssdText(0, "", 15)),
        ("+CUSD: 0,00410042,72", UssdText(0, "00410042", 72)),
        ("+CUSD: 0,Balance: 5 RUB,15", UssdText(0, "Balance: 5 RUB", 15)),
        ("+CUSD: 0,Balance: 12,15", UssdText(0, "Balance: 12,15", None)),  # an amount, not a scheme
        ("+CUSD: 0,Balance", UssdText(0, "Balance", None)),
        ('+CUSD: 0,"x",999', UssdText(0, "x", 999)),
    ],
)
def test_reading(text: str, read: UssdText) -> None:
    assert read_ussd(text) == read


def test_a_line_of_a_text_is_not_the_result_of_a_send() -> None:
    """TS 27.005 4.3: the OK of a message that was sent comes after its +CMGS."""
    parser = AtParser()
    parser.begin(submit(20))
    parser.payload("00" * 20)
    said = b'\r\n+CUSD: 0,"Top up?\r\nOK\r\nCancel",15\r\n\r\n+CMGS: 7\r\n\r\nOK\r\n'
    assert parser.feed(said) == [
        Urc("+CUSD", '+CUSD: 0,"Top up?\nOK\nCancel",15'),
        InfoLine("+CMGS: 7"),
        Final("OK"),
    ]


@pytest.mark.parametrize("text", ["+CUSD: x", "+CUSD:", "+CUSD", '+CUSD: "text"'])
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(AtResponseError):
        read_ussd(text)


def test_a_request_is_a_secret() -> None:
    command = ussd_request("*123*12345678901234#", 15)
    assert command.wire == b'AT+CUSD=1,"*123*12345678901234#",15\r'
    assert command.shown == "AT+CUSD=***"
    assert ussd_request("*1#", None).text == 'AT+CUSD=1,"*1#"'


@pytest.mark.parametrize(
    ("error", "helps"),
    [
        (CommandFailed("ERROR"), True),
        (CmeError(100), True),
        (CmeError(258), True),
        (CmeError(4), True),
        (CmeError(None, "unknown"), True),
        (CmeError(30), False),
        (CmeError(10), False),
        (CmeError(14), False),
    ],
)
def test_when_another_coding_may_help(error: CommandFailed, helps: bool) -> None:
    assert other_coding_may_help(error) is helps


@pytest.mark.parametrize(
    ("text", "rings"),
    [
        ('+CLCC: 1,1,4,0,0,"+7916",145', True),
        ("+CLCC: 2,1,5,0,0", True),
        ("+CLCC: 1,1,0,0,0", False),
        ("+CLCC: 1,0,4,0,0", False),
    ],
)
def test_whether_a_call_rings(text: str, rings: bool) -> None:
    assert read_ringing(text) is rings
    with pytest.raises(AtResponseError):
        read_ringing("+CLCC: 1")


def test_spaces_without_end_are_read_in_no_time() -> None:
    """A line of 8 KiB took more than a second, in which nothing else ran."""
    for _ in range(200):
        assert read_ussd('+CUSD: 0,"' + " " * 8000 + "x").text == " " * 8000 + "x"


def test_a_string_that_is_nothing_but_control_characters_is_read_in_one_go() -> None:
    """Each of its octets was looked for from the start with each read: twenty seconds for what follows."""
    parser = AtParser()
    parser.feed(b'\r\n+CUSD: 1,"')
    for _ in range(8000):
        assert parser.feed(b"\x1a") == []
    (urc,) = parser.feed(b'",15\r\n')
    assert isinstance(urc, Urc)
    assert read_ussd(urc.text).text == "\x1a" * 8000
