"""The text form of a trace: exact, readable, and without PINs however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.modem.tracing.trace_format import (
    Mark,
    PinMask,
    TraceError,
    escape,
    format_line,
    parse_line,
    parse_trace,
    unescape,
)

WALL = 1_795_317_568.123456


@given(st.binary())
def test_what_is_written_is_read(data: bytes) -> None:
    assert unescape(escape(data)) == data
    line = parse_line(format_line(WALL, 1.5, Mark.RECEIVED, data))
    assert line is not None
    assert (line.mark, line.data, line.at_s) == (Mark.RECEIVED, data, 1.5)
    assert line.wall is not None
    assert line.wall.timestamp() == WALL


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"AT+CSQ\r", r"AT+CSQ\r"),
        (b"\r\n> ", r"\r\n>\x20"),
        (b"\xff\xfe\x80\x00", r"\xff\xfe\x80\x00"),
        (b"a\\b c\t", r"a\\b c\x09"),
        (b" ", r"\x20"),
        (b"0021\x1a", r"0021\x1a"),
    ],
)
def test_as_it_looks(data: bytes, text: str) -> None:
    assert escape(data) == text


def test_a_line() -> None:
    assert format_line(WALL, 0.0123456, Mark.SENT, b"AT\r") == r"2026-11-22T03:19:28.123456Z 0.012346 > AT\r"


def test_times_may_be_left_out() -> None:
    text = ["# a comment", "", r"> AT\r", r"0.5 < \r\nOK\r\n", "= lost Input/output error", "<"]
    lines = list(parse_trace(text))
    assert [(line.number, line.mark, line.data, line.at_s) for line in lines] == [
        (3, Mark.SENT, b"AT\r", None),
        (4, Mark.RECEIVED, b"\r\nOK\r\n", 0.5),
        (5, Mark.EVENT, b"lost Input/output error", None),
        (6, Mark.RECEIVED, b"", None),
    ]


@pytest.mark.parametrize("text", ["AT", r"> \q", r"> \x4", "> привет", "? OK"])
def test_what_is_no_line(text: str) -> None:
    with pytest.raises(TraceError, match=r"^Line 7: "):
        parse_line(text, 7)


SECRETS = [
    (b'AT+CPIN="1234"\r', b'AT+CPIN="****"\r'),
    (b"AT+CPIN=12345678\r", b"AT+CPIN=********\r"),
    (b'at+cpin="8765","4321"\r', b'at+cpin="****","****"\r'),
    (b'AT+CPIN2="1234"\r', b'AT+CPIN2="****"\r'),
    (b'AT+CLCK="SC",1,"1234"\r', b'AT+CLCK="SC",*,"****"\r'),
    (b'AT+CPWD="SC","0000","secret7"\r', b'AT+CPWD="SC","****","se*****"\r'),
    (b'AT^CARDLOCK="12345678"\r', b'AT^CARDLOCK="********"\r'),
    (b"ATE0;+CPIN=1234\r", b"ATE0;+CPIN=****\r"),
    (b"ATD**04*1234*4321*4321#;\r", b"ATD**04***************#;\r"),
    (b"AT+CPIN?\r", b"AT+CPIN?\r"),
    (b'AT+CPINR="SIM PIN"\r', b'AT+CPINR="SIM PIN"\r'),
    (b'AT+QPINC="SC"\r', b'AT+QPINC="SC"\r'),
    (b"AT+CLCK=?\r", b"AT+CLCK=?\r"),
    (b'AT+CUSD=1,"*100#",15\r', b'AT+CUSD=1,"*100#",15\r'),
]


@pytest.mark.parametrize(("data", "masked"), SECRETS)
@pytest.mark.parametrize("mark", [Mark.SENT, Mark.RECEIVED])
def test_a_pin_is_never_written(mark: Mark, data: bytes, masked: bytes) -> None:
    assert PinMask()(mark, data) == masked
    for cut in range(1, len(data)):
        mask = PinMask()
        assert mask(mark, data[:cut]) + mask(mark, data[cut:]) == masked
    byte_by_byte = PinMask()
    assert b"".join(byte_by_byte(mark, bytes([octet])) for octet in data) == masked


def test_an_echo_that_a_urc_fell_into() -> None:
    mask = PinMask()
    mask(Mark.SENT, b'AT+CPIN="1234"\r')
    heard = [b'AT+CPIN="12', b"\r\n+CREG: 1\r\n", b'34"\r', b"\r\n+CME ERROR: 16\r\n", b"3\r"]
    assert [mask(Mark.RECEIVED, piece) for piece in heard] == [
        b'AT+CPIN="**',
        b"\r\n+CREG: 1\r\n",
        b'**"\r',
        b"\r\n+CME ERROR: 16\r\n",
        b"3\r",
    ]
    mask(Mark.SENT, b"AT+CIMI\r")
    assert mask(Mark.RECEIVED, b"\r\n250011234567890\r\n") == b"\r\n250011234567890\r\n"


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_masking_keeps_every_length_and_what_is_no_secret(pieces: list[bytes]) -> None:
    mask = PinMask()
    for piece in pieces:
        assert len(mask(Mark.SENT, piece)) == len(piece)
        assert len(mask(Mark.RECEIVED, piece)) == len(piece)
