"""A trace as a script: what fits, what does not, and what is said when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modemsim.errors import SimError
from modemsim.replay import Divergence, Exchange, Gone, Match, Player, Said, fits, parse_trace, read_trace

DIALOGUE = r"""
# modemgw trace 1
2026-11-22T03:19:28.123456Z 0.000000 = open /dev/ttyUSB2
0.001 > ATE0\r
0.002 < ATE0\r
0.003 < \r\nOK\r\n
0.010 > AT+CSQ\r
0.020 < \r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\n+CREG: 1\r\n
5.000 < \r\n+CMTI: "SM",3\r\n
5.001 > AT+CMGR=
5.002 > 3\r
5.102 < \r\n+CMGR: 0,,2\r\n0000\r\n
5.103 < \r\nOK\r\n
6.0 > AT+CMGS=14\r
6.1 < \r\n>\x20
6.2 > 0021000B919710325476F80000\x1a
8.2 < \r\n+CMGS: 7\r\n\r\nOK\r\n
9.0 = lost
12.0 = open /dev/ttyUSB2
12.1 > AT+CPIN="****"\r
12.2 < \r\nOK\r\n
""".strip().splitlines()


class Program:
    """The other side of a player, with a clock of its own."""

    def __init__(self, lines: list[str], match: Match = Match.EXACT, speed: float = 1.0) -> None:
        self.player = Player(parse_trace(lines), match=match, speed=speed)
        self.now = 1000.0
        self.player.begin(self.now)

    def say(self, *pieces: bytes) -> list[bytes | bool]:
        for piece in pieces:
            self.player.heard(piece, self.now)
        return self.player.take()

    def wait(self, seconds: float) -> list[bytes | bool]:
        end = self.now + seconds
        while (due := self.player.next_deadline()) is not None and due <= end:
            self.now = due
            self.player.tick(self.now)
        self.now = end
        self.player.tick(end)
        return self.player.take()


def test_what_a_trace_is_read_as() -> None:
    items = parse_trace(DIALOGUE)
    assert [type(item) for item in items] == [
        Exchange,
        Exchange,
        Said,
        Said,
        Exchange,
        Exchange,
        Exchange,
        Gone,
        Gone,
        Exchange,
    ]
    first, csq, creg, cmti = items[:4]
    assert isinstance(first, Exchange)
    assert [said.data for said in first.answer] == [b"ATE0\r", b"\r\nOK\r\n"]
    assert isinstance(csq, Exchange)
    assert csq.answer[0].data == b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    assert isinstance(creg, Said)
    assert (creg.data, creg.gap_s) == (b"\r\n+CREG: 1\r\n", 0.0)
    assert isinstance(cmti, Said)
    assert cmti.gap_s == pytest.approx(4.98)
    assert isinstance(items[4], Exchange)
    assert (items[4].command, items[4].line) == (b"AT+CMGR=3\r", 10)


def test_the_whole_dialogue_at_its_own_pace() -> None:
    program = Program(DIALOGUE)
    assert program.say(b"AT", b"E0\r") == []
    assert program.wait(1) == [b"ATE0\r", b"\r\nOK\r\n"]
    assert program.say(b"AT+CSQ\r") == []
    assert program.wait(1) == [b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n", b"\r\n+CREG: 1\r\n"]
    assert program.wait(3) == []
    assert program.wait(1) == [b'\r\n+CMTI: "SM",3\r\n']
    assert program.say(b"AT+CMGR=3\r") == []
    assert program.wait(0.2) == [b"\r\n+CMGR: 0,,2\r\n0000\r\n", b"\r\nOK\r\n"]
    program.say(b"AT+CMGS=14\r")
    assert program.wait(0.2) == [b"\r\n> "]
    program.say(b"0021000B919710325476F80000\x1a")
    assert program.wait(1.9) == []
    assert program.wait(0.2) == [b"\r\n+CMGS: 7\r\n\r\nOK\r\n"]
    assert program.wait(2) == [True]
    assert program.wait(3) == [False]
    program.player.begin(program.now)
    program.say(b'AT+CPIN="1234"\r')
    assert program.wait(0.2) == [b"\r\nOK\r\n"]
    assert program.player.ended
    assert program.player.divergence is None
    assert program.player.matched == 6


def test_faster() -> None:
    program = Program(DIALOGUE, speed=10)
    program.say(b"ATE0\r")
    program.wait(0.01)
    program.say(b"AT+CSQ\r")
    assert program.wait(0.6)[-1] == b'\r\n+CMTI: "SM",3\r\n'


def test_a_command_that_comes_early_hears_first_what_was_said_before_it() -> None:
    program = Program(DIALOGUE)
    program.say(b"ATE0\r")
    program.wait(0.1)
    program.say(b"AT+CSQ\r", b"AT+CMGR=3\r")
    assert program.wait(0.3)[1:3] == [b"\r\n+CREG: 1\r\n", b'\r\n+CMTI: "SM",3\r\n']


def test_where_a_program_diverges() -> None:
    program = Program(DIALOGUE)
    program.say(b"ATE0\r")
    program.wait(0.1)
    program.say(b"AT+CSQ?\r")
    assert program.player.divergence == Divergence(6, b"AT+CSQ\r", b"AT+CSQ?\r")
    assert str(program.player.divergence) == r"line 6: expected AT+CSQ\r, got AT+CSQ?\r"
    assert program.player.next_deadline() is None


def test_a_program_that_says_nothing() -> None:
    program = Program(DIALOGUE)
    program.wait(100)
    assert str(program.player.divergence) == r"line 3: expected ATE0\r, nothing came"


@pytest.mark.parametrize(
    ("recorded", "command", "exact", "loose"),
    [
        (b"AT+CMGF=0\r", b"AT+CMGF=0\r", True, True),
        (b"AT+CMGF=0\r", b"AT+CMGF=1\r", False, False),
        (b"AT+CMGF=0\r", b"at+cmgf=0\r", False, True),
        (b"AT+CMGS=14\r", b"AT+CMGS=23\r", False, True),
        (b"0021\x1a", b"0031AA\x1a", False, True),
        (b"0021\x1a", b"0031AA\x1b", False, False),
        (b'AT+CPIN="****"\r', b'AT+CPIN="1234"\r', True, True),
        (b'AT+CPIN="****"\r', b'AT+CPIN="12345"\r', False, False),
    ],
)
def test_what_fits(recorded: bytes, command: bytes, exact: bool, loose: bool) -> None:
    assert fits(recorded, command, Match.EXACT) is exact
    assert fits(recorded, command, Match.LOOSE) is loose


def test_loose_questions_may_come_or_not() -> None:
    program = Program(DIALOGUE, Match.LOOSE)
    program.say(b"ATE0\r")
    program.wait(0.1)
    assert program.say(b"AT+CMGR=3\r") == [b"\r\n+CREG: 1\r\n", b'\r\n+CMTI: "SM",3\r\n']
    assert program.wait(0.2)[-1] == b"\r\nOK\r\n"
    program.say(b"AT+CSQ\r")  # which was left out before
    assert program.wait(0.2) == [b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"]
    program.say(b"\x1b", b"\r")
    program.say(b"AT+CMGS=99\r")
    assert program.wait(0.2) == [b"\r\n> "]
    program.say(b"00310000\x1a")
    assert program.wait(3)[0] == b"\r\n+CMGS: 7\r\n\r\nOK\r\n"
    assert program.player.divergence is None
    program.say(b"AT+CNMI=2,1\r")
    assert str(program.player.divergence) == r'line 19: expected AT+CPIN="****"\r, got AT+CNMI=2,1\r'


def test_any_order_with_errors_for_the_rest() -> None:
    program = Program(DIALOGUE, Match.ANY)
    assert program.say(b"AT+CNMI=2,1\r") == [b"\r\nERROR\r\n"]
    program.say(b"AT+CMGR=3\r")
    assert b"\r\nOK\r\n" in program.wait(1)
    assert program.say(b"ATE1\r") == [b"\r\nERROR\r\n"]
    program.say(b"ATE0\r")
    assert program.wait(1) == [b"ATE0\r", b"\r\nOK\r\n"]
    assert program.player.divergence is None
    assert program.player.unknown == {b"AT+CNMI=2,1\r": 1, b"ATE1\r": 1}


def test_a_loose_echo_is_of_what_was_said() -> None:
    program = Program([r"> AT+CMGS=14\r", r"< AT+CMGS=14\r\r\n>\x20"], Match.LOOSE)
    assert program.say(b"AT+CMGS=20\r") == [b"AT+CMGS=20\r\r\n> "]


@pytest.mark.parametrize("text", ["hello", r"> AT\q", "> Привет", r"> \x4"])
def test_what_is_no_trace(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.trace").write_text(f"> AT\\r\n{text}\n", encoding="utf-8")
    with pytest.raises(SimError, match="Line 2 of the trace"):
        read_trace(tmp_path / "a.trace")


def test_a_trace_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.trace").write_text("= open /dev/ttyUSB0\n")
    with pytest.raises(SimError, match="is it a trace"):
        read_trace(tmp_path / "a.trace")


@pytest.mark.parametrize(
    ("said", "status", "told"),
    [(b"AT\r", 0, "Played to the end; 1 commands."), (b"ATZ\r", 1, r"line 1: expected AT\r, got ATZ\r")],
)
def test_the_command(tmp_path: Path, said: bytes, status: int, told: str) -> None:
    (tmp_path / "a.trace").write_text("> AT\\r\n< \\r\\nOK\\r\\n\n")
    command = [
        sys.executable,
        "-c",
        "from modemsim.cli import main; main()",
        "--replay",
        str(tmp_path / "a.trace"),
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(
        [*command, "--match", "exact"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        assert "replays" in process.stdout.readline()
        port = os.open(tmp_path / "modem0", os.O_RDWR | os.O_NOCTTY)
        os.write(port, said)
        output = process.stdout.read()
        os.close(port)
    assert told in output
    assert process.returncode == status
