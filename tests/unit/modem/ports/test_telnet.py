"""Telnet's escapes and options, and RFC 2217, byte by byte."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.modem.ports.telnet import (
    BINARY,
    COM_PORT,
    DO,
    DONT,
    DTR_OFF,
    ECHO,
    IAC,
    SB,
    SB_LIMIT,
    SE,
    SET_BAUDRATE,
    SET_CONTROL,
    SGA,
    WILL,
    WONT,
    ComPort,
)


def begun() -> ComPort:
    com = ComPort()
    com.begin()
    com.take_replies()
    return com


def said(*parts: int | bytes) -> bytes:
    return b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts)


def test_the_client_offers_first() -> None:
    com = ComPort()
    com.begin()
    assert com.take_replies() == said(
        IAC, WILL, COM_PORT, IAC, WILL, BINARY, IAC, WILL, SGA, IAC, DO, BINARY, IAC, DO, SGA
    )
    assert com.take_replies() == b""
    assert not com.agreed
    assert not com.settled


OPTIONS = [
    # the server says             we answer                  agreed settled
    (said(IAC, DO, COM_PORT), b"", True, True),
    (said(IAC, WILL, COM_PORT), said(IAC, DO, COM_PORT), True, True),  # servers that have it the other way round
    (said(IAC, DONT, COM_PORT), b"", False, True),
    (said(IAC, WILL, BINARY, IAC, DO, BINARY), b"", False, False),
    (said(IAC, WILL, ECHO), said(IAC, DO, ECHO), False, False),
    (said(IAC, DO, ECHO), said(IAC, WONT, ECHO), False, False),
    (said(IAC, DO, 24), said(IAC, WONT, 24), False, False),  # terminal type
    (said(IAC, WILL, 5), said(IAC, DONT, 5), False, False),
    (said(IAC, DONT, 24, IAC, WONT, 5), b"", False, False),
    (said(IAC, DO, COM_PORT, IAC, DONT, COM_PORT), said(IAC, WONT, COM_PORT), False, True),
    (said(IAC, 241, IAC, 246), b"", False, False),  # NOP, AYT
]


@pytest.mark.parametrize(("server", "answer", "agreed", "settled"), OPTIONS)
def test_options(server: bytes, answer: bytes, agreed: bool, settled: bool) -> None:
    com = begun()
    assert com.decode(server) == b""
    assert (com.take_replies(), com.agreed, com.settled) == (answer, agreed, settled)
    assert com.decode(server) == b""
    if DONT not in server:
        assert com.agreed is agreed
        assert not agreed or com.take_replies() == b"", "an answer to an answer goes on for ever"


def test_the_settings() -> None:
    com = begun()
    com.set_up(115_200)
    text = com.take_replies()
    assert text.startswith(said(IAC, SB, COM_PORT, SET_BAUDRATE, b"\x00\x01\xc2\x00", IAC, SE))
    com.ask(SET_BAUDRATE, b"\x00\x00\xff\x00")
    assert com.take_replies() == said(IAC, SB, COM_PORT, SET_BAUDRATE, b"\x00\x00\xff\xff\x00", IAC, SE)
    com.ask(SET_CONTROL, bytes([DTR_OFF]))
    assert com.take_replies() == said(IAC, SB, COM_PORT, SET_CONTROL, DTR_OFF, IAC, SE)


def test_the_server_answers_suspends_and_notifies() -> None:
    com = begun()
    com.decode(said(IAC, SB, COM_PORT, 101, b"\x00\x00\xff\xff\x00", IAC, SE))
    assert com.answers == {SET_BAUDRATE: b"\x00\x00\xff\x00"}
    com.decode(said(IAC, SB, COM_PORT, 107, 0x30, IAC, SE, IAC, SB, COM_PORT, 106, 0x60, IAC, SE))
    assert com.decode(said(b"a", IAC, SB, COM_PORT, 108, IAC, SE, b"b")) == b"ab"
    assert com.suspended
    com.decode(said(IAC, SB, COM_PORT, 109, IAC, SE))
    assert not com.suspended


def test_a_text_connection() -> None:
    com = begun()
    com.decode(said(IAC, DONT, BINARY, IAC, WONT, BINARY))
    assert com.encode(b"AT\rAT\r\n") == b"AT\r\0AT\r\n"
    assert com.decode(b"OK\r\0\r\n\0") == b"OK\r\r\n\0"
    assert begun().encode(b"AT\r\n\xff") == b"AT\r\n\xff\xff"


def test_what_a_broken_server_says_is_bounded() -> None:
    com = begun()
    assert com.decode(said(IAC, SB, COM_PORT, 101, b"x" * 10_000, IAC, SE, b"ok")) == b"ok"
    assert len(com.answers[SET_BAUDRATE]) <= SB_LIMIT
    assert com.decode(said(IAC, SB, COM_PORT, 101, IAC, WILL, ECHO, b"ok")) == b"ok"
    assert com.take_replies() == said(IAC, DO, ECHO)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_chunking_gives_the_data(data: bytes, cuts: list[int]) -> None:
    com, wire = begun(), begun().encode(data)
    edges = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    assert b"".join(com.decode(wire[a:b]) for a, b in pairwise(edges)) == data


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_garbage_never_raises_and_is_answered_with_little(chunks: list[bytes]) -> None:
    com = begun()
    for chunk in chunks:
        com.decode(chunk)
    assert len(com.take_replies()) <= 3 * sum(map(len, chunks))
