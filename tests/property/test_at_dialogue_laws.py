"""Laws of the dialogue's machine: chunks and pauses change no outcome, every script ends, and a payload goes out once,
after its prompt and its go-ahead, with nothing behind it until there is a result."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.dialogue import Dialogue
from modemgw.at.outcomes import Finished, Response
from modemgw.at.parser import Urc
from modemgw.at.phases import Phase
from modemgw.at.sending import SendError, TpduHex
from modemgw.errors import ModemgwError
from tests.property.test_at_parser_laws import PIECES

PDU = TpduHex.of(bytes.fromhex("01000B919710325476F8000005C8329BFD06"))
PAYLOAD = PDU.hex.encode() + b"\x1a"
LONGEST_S = 1_000.0  # the whole of a send that is never answered, and the way back from it

# What a modem says unasked; none can be taken for an answer to the commands below.
URCS = st.sampled_from(
    [
        '+CMTI: "SM",3',
        "+CREG: 1",
        "RING",
        "+CMT: ,18\r\n0691214365870004048191001000006211211141140003E170",
        "+CDS: 4\r\n00060400",
        '+CUSD: 0,"two\r\nlines",15',
        "^RSSI:17",
    ]
)


class Modem:
    """Answers what is written, with `urcs` between its lines; says nothing by itself."""

    def __init__(self, urcs: list[str]) -> None:
        self._urcs = urcs
        self._answers = {
            r"AT\+CSQ": ["+CSQ: 20,99", "OK"],
            r"AT\+CMGR=1": ["+CMGR: 0,,18\r\n0691214365870004048191001000006211211141140003E170", "OK"],
            r"AT\+CMGR=2": ["+CMS ERROR: 321"],
            r"AT": ["OK"],
            PDU.hex + "\x1a": ["+CMGS: 77", "OK"],
        }

    def said(self, written: bytes) -> bytes:
        text = written.decode().rstrip("\r")
        if text.startswith("AT+CMGS"):
            return b"\r\n> "
        lines = next(lines for pattern, lines in self._answers.items() if re.fullmatch(pattern, text))
        told = "".join(f"\r\n{urc}\r\n" for urc in self._urcs)
        return "".join(f"{told}\r\n{line}\r\n" for line in lines).encode()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(at)]


class Desk:
    """Runs one machine; keeps all that it wrote, told and found out."""

    def __init__(self) -> None:
        self.now = 0.0
        self.machine = Dialogue("port")
        self.wrote: list[bytes] = []
        self.told: list[Urc] = []
        self.over: Finished | None = None

    def take(self) -> list[bytes]:
        fresh = [write.data for write in self.machine.writes]
        self.machine.writes.clear()
        self.wrote += fresh
        self.told += self.machine.told
        self.machine.told.clear()
        if self.machine.finished is not None:
            self.over, self.machine.finished = self.machine.finished, None
        return fresh

    def begin(self, script: object) -> list[bytes]:
        self.over = None
        self.machine.begin(script, self.now)  # type: ignore[arg-type]
        return self.take()

    def hear(self, data: bytes) -> list[bytes]:
        self.machine.feed(data, self.now)
        return self.take()

    def wait_until(self, end: float) -> list[bytes]:
        fresh: list[bytes] = []
        while (due := self.machine.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.machine.tick(self.now)
            fresh += self.take()
        self.now = end
        return fresh


def converse(desk: Desk, modem: Modem, script: object, cuts: list[int], pause_s: float) -> object:
    """A script against the modem, its answers in pieces; the value or the error's text."""
    written = desk.begin(script)
    while written:
        data = b"".join(modem.said(w) for w in written)
        written = []
        for piece in pieces(data, cuts):
            written += desk.wait_until(desk.now + pause_s)
            written += desk.hear(piece)
    desk.wait_until(desk.now + LONGEST_S)
    assert desk.over is not None
    if desk.over.error is not None:
        return str(desk.over.error)
    value = desk.over.value
    return value.lines if isinstance(value, Response) else value


def sequence(urcs: list[str], order: list[Command], cuts: list[int], pause_s: float) -> tuple[list[object], list[Urc]]:
    desk, modem = Desk(), Modem(urcs)
    found = [converse(desk, modem, desk.machine.run(command), cuts, pause_s) for command in order]
    converse(desk, modem, desk.machine.ask_to_send(PDU), cuts, pause_s)
    converse(desk, modem, desk.machine.await_prompt(permitted=True), cuts, pause_s)
    found.append(converse(desk, modem, desk.machine.payload(PDU), cuts, pause_s))
    return found, desk.told


COMMANDS = [commands.AT, commands.SIGNAL, commands.read(1), commands.read(2)]


@given(
    st.lists(URCS, max_size=3),
    st.lists(st.sampled_from(COMMANDS), max_size=4),
    st.lists(st.integers(0, 10_000), max_size=12),
    st.floats(0, 0.3),  # of silence between pieces; all together are less than the shortest limit of an answer
)
def test_pieces_and_pauses_change_nothing(
    urcs: list[str], order: list[Command], cuts: list[int], pause_s: float
) -> None:
    whole = sequence(urcs, order, [], 0.0)
    assert sequence(urcs, order, cuts, pause_s) == whole
    assert whole[0][-1] == 77


MOVES = st.one_of(PIECES, st.floats(0, 200), st.sampled_from(["cancel", "lose"]))


@given(st.lists(MOVES, max_size=25), st.booleans(), st.integers(0, 3))
def test_a_payload_goes_out_once_and_last(moves: list[bytes | float | str], permitted: bool, asked_after: int) -> None:
    """Whatever a modem says, and whenever: every script ends, by a value or by an error of ours."""
    desk = Desk()
    asked = iter(moves)

    def live(count: int | None) -> None:
        for move in itertools.islice(asked, count):
            in_air = desk.machine.phase is Phase.PAYLOAD
            if isinstance(move, bytes):
                written = desk.hear(move)
            elif isinstance(move, float):
                written = desk.wait_until(desk.now + move)
            elif move == "cancel":
                desk.machine.cancel(desk.now)
                written = desk.take()
            else:
                desk.machine.lost(ModemgwError("gone"), desk.now)
                written = desk.take()
            assert not in_air or not written

    def run(script: object, moved: int | None) -> Finished | None:
        desk.begin(script)
        live(moved)
        if desk.over is None and desk.machine.busy:
            desk.wait_until(desk.now + LONGEST_S)
            assert desk.over is not None
        return desk.over

    asking = run(desk.machine.ask_to_send(PDU), asked_after)
    ready = run(desk.machine.await_prompt(permitted=permitted), asked_after) if asking and not asking.error else None
    may = ready is not None and ready.error is None
    assert permitted or not may
    assert PAYLOAD not in desk.wrote
    if may:
        sent = run(desk.machine.payload(PDU), None)
        assert sent is not None
        assert isinstance(sent.value, int) or isinstance(sent.error, SendError)
        assert desk.wrote.count(PAYLOAD) == 1
        assert desk.wrote[-1] == PAYLOAD
    for finished in (asking, ready):
        assert finished is None or finished.error is None or isinstance(finished.error, ModemgwError)


@given(st.lists(st.one_of(PIECES, st.floats(0, 20)), max_size=25), st.sampled_from(COMMANDS))
def test_every_command_ends_and_the_next_one_is_put_in_step(moves: list[bytes | float], command: Command) -> None:
    desk = Desk()
    desk.begin(desk.machine.run(command))
    for move in moves:
        desk.hear(move) if isinstance(move, bytes) else desk.wait_until(desk.now + move)
    if desk.over is None:
        desk.wait_until(desk.now + LONGEST_S)
    assert desk.over is not None
    timed_out = desk.over.error is not None and "did not answer" in str(desk.over.error)
    desk.wrote.clear()
    desk.begin(desk.machine.run(commands.AT))
    if not desk.machine.repeats:
        assert desk.wrote[0] == (b"\x1b\r" if timed_out else b"AT\r")
