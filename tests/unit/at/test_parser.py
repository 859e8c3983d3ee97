"""What transcripts do not show: bounds, stale prompts, holding, states between commands."""

from __future__ import annotations

import pytest

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.errors import CmsError, CommandFailed
from modemgw.at.parser import LINE_LIMIT, AtParser, Echo, Final, Garbage, InfoLine, Prompt, Urc
from modemgw.at.urcs import urc_name


def test_final_carries_the_typed_error() -> None:
    parser = AtParser()
    parser.begin(commands.submit(10))
    (final,) = parser.feed(b"\r\n+CMS ERROR: 38\r\n")
    assert isinstance(final, Final)
    assert isinstance(final.error, CmsError)
    assert final.error.code == 38
    assert final.error.command == "AT+CMGS=10"


@pytest.mark.parametrize("size", [1, 100, 4096, LINE_LIMIT + 5000])
def test_an_endless_line_is_dropped_to_its_end_and_bounded(size: int) -> None:
    parser = AtParser()
    data = b"x" * (LINE_LIMIT + 2000) + b'\r\n+CMTI: "SM",1\r\n'
    events = [e for i in range(0, len(data), size) for e in parser.feed(data[i : i + size])]
    assert events == [Garbage(b"x" * 64), Urc("+CMTI", '+CMTI: "SM",1')]


def test_an_endless_line_keeps_no_memory() -> None:
    parser = AtParser()
    for _ in range(50):
        assert parser.feed(b"y" * 4096) == []
    assert len(parser._buffer) <= LINE_LIMIT


@pytest.mark.parametrize("junk", [b"\xff" * (LINE_LIMIT + 1), b" " * (LINE_LIMIT + 1)])
@pytest.mark.parametrize("size", [1000, 10**6])
def test_a_prompt_behind_an_endless_line_is_none(junk: bytes, size: int) -> None:
    parser = AtParser()
    parser.begin(commands.submit(10))
    data = junk + b"> \r\n"
    events = [e for i in range(0, len(data), size) for e in parser.feed(data[i : i + size])]
    assert Prompt() not in events


def test_a_prompt_nobody_waits_for_is_nothing() -> None:
    parser = AtParser()
    assert parser.feed(b"\r\n> ") == []
    parser.begin(commands.submit(10))
    assert parser.feed(b"") == []
    assert parser.feed(b"\r\n> ") == [Prompt()]
    parser.end()
    assert parser.feed(b"> \r\n> RING\r\n") == [Urc("RING", "RING")]


def test_a_prompt_may_be_awaited_without_a_send() -> None:
    parser = AtParser()
    parser.begin(commands.AT)
    parser.expect_prompt()
    assert parser.feed(b"\r\n> ") == [Prompt()]


def test_flush_releases_what_waits() -> None:
    parser = AtParser()
    assert parser.feed(b"\r\n+CMT: ,24\r\n0791") == []
    assert parser.holding
    assert parser.flush() == [Urc("+CMT", "+CMT: ,24")]
    assert not parser.holding
    assert parser.flush() == []


@pytest.mark.parametrize("line", [b"+CREG: 1\r\n"])
def test_a_pdu_is_not_waited_for_for_ever(line: bytes) -> None:
    parser = AtParser()
    assert parser.feed(b"+CMT: ,24\r\n") == []
    events = parser.feed(line * 30)
    assert Urc("+CMT", "+CMT: ,24") in events
    assert not parser.holding


def test_a_string_is_not_waited_for_for_ever() -> None:
    parser = AtParser()
    assert parser.feed(b'+CUSD: 0,"a\r\n') == []
    events = parser.feed(b"b\r\n" * 40)
    assert isinstance(events[0], Urc)
    assert events[0].name == "+CUSD"
    assert not parser.holding


def test_results_of_calls_only_end_calls() -> None:
    parser = AtParser()
    parser.begin(Command("ATD*99#", call=True))
    (final,) = parser.feed(b"\r\nCONNECT 115200\r\n")
    assert final == Final("CONNECT 115200")
    parser.begin(Command("ATD123;", call=True))
    (final,) = parser.feed(b"\r\nNO CARRIER\r\n")
    assert isinstance(final, Final)
    assert isinstance(final.error, CommandFailed)
    parser.begin(Command("ATD123;", call=True))
    assert parser.feed(b"\r\n+COLP: 1\r\nBusy\r\n") == [Urc("+COLP", "+COLP: 1"), Urc("BUSY", "Busy")]


def test_boot_brings_numbers_back() -> None:
    parser = AtParser()
    parser.begin(commands.AT)
    assert parser.feed(b"\r\nOK\r\n") == [Final("OK")]
    assert parser.feed(b"RDY\r\n") == [Urc("RDY", "RDY")]
    parser.begin(commands.ECHO_OFF)
    assert parser.feed(b"0\r") == [Final("OK")]
    assert parser.numeric


def test_what_is_not_understood_is_told_once_the_next_line_is_there() -> None:
    parser = AtParser()
    parser.begin(commands.SIGNAL)
    assert parser.feed(b"WHAT\r\n") == []
    assert parser.feed(b"IS\r\n") == [Urc("unknown", "WHAT")]
    assert parser.feed(b"+CSQ: 1,1\r\n") == [Urc("unknown", "IS"), InfoLine("+CSQ: 1,1")]
    assert parser.feed(b"THIS\r\n") == []
    parser.end()
    assert parser.feed(b"RING\r\n") == [Urc("unknown", "THIS"), Urc("RING", "RING")]


def test_a_tail_without_a_urc_before_it_amends_nothing() -> None:
    parser = AtParser()
    parser.begin(commands.SIGNAL)
    assert parser.feed(b"+CSQ: 1,1\r\n9\r\nOK\r\n") == [InfoLine("+CSQ: 1,1"), Urc("unknown", "9"), Final("OK")]
    parser.begin(commands.SIGNAL)
    assert parser.feed(b"+CSQ: 1,1\r\nRING\r\nSIM WARM\r\nOK\r\n")[-2:] == [Urc("unknown", "SIM WARM"), Final("OK")]


def test_bare_answer_between_pdu_headers() -> None:
    parser = AtParser()
    parser.begin(Command("AT+X", ("+X",), bare=True, pdu=True))
    assert parser.feed(b"+X: 1,,24\r\nhello\r\nOK\r\n") == [InfoLine("+X: 1,,24"), InfoLine("hello"), Final("OK")]


def test_echo_of_another_command() -> None:
    parser = AtParser()
    parser.begin(commands.SIGNAL)
    assert parser.feed(b"at+csq\r") == [Echo()]
    assert parser.feed(b"AT+CMGF?\r") == [Echo()]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('+CMTI: "SM",1', "+CMTI"),
        ("+cmti: 1", "+CMTI"),
        ("ring", "RING"),
        ("UNDER-VOLTAGE POWER DOWN NOW", "UNDER-VOLT"),
        ("+XYZ: 1", None),
        ("hello", None),
    ],
)
def test_urc_table(line: str, name: str | None) -> None:
    assert urc_name(line) == name


SENT_WHILE_TEXT = b'\r\n+CUSD: 0,"Hello\r\n+CMGS: 77\r\n\r\nOK\r\nRDY\r\n+CREG: 0\r\n+CMS ERROR: 38\r\nworld",15\r\n'


@pytest.mark.parametrize("command", [None, commands.submit(18), commands.SIGNAL])
def test_lines_of_a_text_of_the_network_are_no_results(command: Command | None) -> None:
    for size in (1, 7, len(SENT_WHILE_TEXT)):
        parser = AtParser()
        if command is not None:
            parser.begin(command)
        events = [e for i in range(0, len(SENT_WHILE_TEXT), size) for e in parser.feed(SENT_WHILE_TEXT[i : i + size])]
        text = "Hello\n+CMGS: 77\nOK\nRDY\n+CREG: 0\n+CMS ERROR: 38\nworld"
        assert events == [Urc("+CUSD", f'+CUSD: 0,"{text}",15')]
        assert not parser.holding


@pytest.mark.parametrize("urc", ['+CLIP: "+79161234567",145', '+CMTI: "SM",1', '+CREG: 1,"00AB","1234",7'])
def test_a_text_without_its_quote_ends_where_the_results_begin(urc: str) -> None:
    parser = AtParser()
    parser.begin(commands.submit(18))
    said = f'\r\n+CUSD: 0,"Hello\r\nyou\r\n+CMGS: 5\r\n{urc}\r\n\r\nOK\r\n'
    assert parser.feed(said.encode()) == []
    assert parser.doubting
    assert parser.flush() == [
        Urc("+CUSD", '+CUSD: 0,"Hello\nyou'),
        InfoLine("+CMGS: 5"),
        Urc(urc.partition(":")[0], urc),
        Final("OK"),
    ]


def test_a_second_text_ends_the_first() -> None:
    parser = AtParser()
    assert parser.feed(b'+CUSD: 0,"one\r\n+CREG: 1\r\n+CUSD: 0,"two",15\r\n') == [
        Urc("+CUSD", '+CUSD: 0,"one'),
        Urc("+CREG", "+CREG: 1"),
        Urc("+CUSD", '+CUSD: 0,"two",15'),
    ]


def test_a_pdu_line_that_comes_after_the_wait_still_has_its_header() -> None:
    parser = AtParser()
    parser.feed(b"\r\n+CDS: 6\r\n")
    assert parser.flush() == [Urc("+CDS", "+CDS: 6")]
    assert parser.feed(b"RING\r\n0123\r\n00060000000000\r\n") == [
        Urc("RING", "RING"),
        Urc("unknown", "0123"),
        Urc("+CDS", "+CDS: 6", "00060000000000"),
    ]
    assert parser.feed(b"00060000000000\r\n") == [Urc("unknown", "00060000000000")]


def test_an_answer_without_a_name_is_no_pdu_line() -> None:
    parser = AtParser()
    parser.feed(b"\r\n+CDS: 26\r\n")
    parser.begin(commands.IMEI)
    assert parser.feed(b"\r\n356938030000013\r\n\r\nOK\r\n") == [InfoLine("356938030000013"), Final("OK")]
