"""The dialogue with a modem as a machine: what is done in which phase, and when, without a port and without a clock."""

from __future__ import annotations

import pytest

from modemgw.at import commands
from modemgw.at.dialogue import Dialogue
from modemgw.at.errors import CmsError, CommandTimeout, ModemSilent
from modemgw.at.outcomes import Finished, Response, Script
from modemgw.at.parser import Urc
from modemgw.at.phases import TABLE, Action, Event, Phase
from modemgw.at.sending import SendAborted, SendInDoubt, SendRejected, TpduHex
from modemgw.at.timing import Timing
from modemgw.errors import ModemgwError

PDU = TpduHex.of(bytes.fromhex("01000B919710325476F8000005C8329BFD06"))
PAYLOAD = PDU.hex.encode() + b"\x1a"


class Desk:
    """A dialogue, the time, and what was written and told."""

    def __init__(self, **timing: float) -> None:
        self.now = 100.0
        self.machine = Dialogue("the port", Timing(**timing))  # type: ignore[arg-type]
        self.wrote: list[bytes] = []
        self.told: list[Urc] = []
        self.over: list[Finished] = []

    def _take(self) -> None:
        machine = self.machine
        self.wrote += [write.data for write in machine.writes]
        self.told += machine.told
        machine.writes.clear()
        machine.told.clear()
        if machine.finished is not None:
            self.over.append(machine.finished)
            machine.finished = None

    def start(self, script: Script[object]) -> None:
        self.machine.begin(script, self.now)
        self._take()

    def hear(self, *lines: str) -> None:
        self.octets("".join(f"\r\n{line}\r\n" for line in lines).encode())

    def octets(self, data: bytes) -> None:
        self.machine.feed(data, self.now)
        self._take()

    def wait(self, seconds: float) -> None:
        """Let time pass, tick by tick."""
        end = self.now + seconds
        while (due := self.machine.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.machine.tick(self.now)
            self._take()
        self.now = end

    def lose(self) -> None:
        self.machine.lost(ModemgwError("the port is gone"), self.now)
        self._take()

    def result(self) -> object:
        """The value of the last script, or what it raised, raised."""
        finished = self.over.pop()
        if finished.error is not None:
            raise finished.error
        return finished.value

    def in_prompt(self) -> None:
        """AT+CMGS, the prompt, and the payload out."""
        self.start(self.machine.ask_to_send(PDU))
        self.octets(b"\r\n> ")
        self.start(self.machine.await_prompt(permitted=True))
        self.start(self.machine.payload(PDU))
        assert self.wrote[-1] == PAYLOAD


def test_every_event_has_its_action_in_every_phase() -> None:
    assert set(TABLE) == set(Phase)
    assert all(set(row) == set(Event) for row in TABLE.values())


def test_what_the_table_says_of_results() -> None:
    """An OK ends no wait for a prompt; nothing moves what is not asked; only a prompt nobody asked for is left."""
    assert TABLE[Phase.PROMPT][Event.OK] is Action.IGNORE
    assert set(TABLE[Phase.IDLE].values()) == set(TABLE[Phase.LOST].values()) == {Action.IGNORE}
    assert [phase for phase in Phase if TABLE[phase][Event.PROMPT] is Action.LEAVE] == [Phase.RESYNC]
    assert [phase for phase in Phase if TABLE[phase][Event.INFO] is Action.HURRY] == [Phase.PAYLOAD]


def test_a_command_and_its_answer() -> None:
    desk = Desk()
    desk.start(desk.machine.run(commands.SIGNAL))
    assert desk.wrote == [b"AT+CSQ\r"]
    assert desk.machine.phase is Phase.COMMAND
    desk.hear("+CSQ: 20,99", '+CMTI: "SM",3', "OK")
    response = desk.result()
    assert isinstance(response, Response)
    assert response.texts == ("+CSQ: 20,99",)
    assert desk.told == [Urc("+CMTI", '+CMTI: "SM",3')]
    assert desk.machine.phase is Phase.IDLE
    assert desk.machine.deadline is None


def test_after_silence_the_next_command_finds_its_way_back_first() -> None:
    desk = Desk()
    desk.start(desk.machine.run(commands.SIGNAL))
    desk.wait(commands.SIGNAL.timeout_s)
    with pytest.raises(CommandTimeout):
        desk.result()
    desk.wrote.clear()
    desk.start(desk.machine.run(commands.SIGNAL))
    desk.hear("+CSQ: 1,99", "OK")  # the answer to the one before
    desk.wait(0.2)
    assert desk.wrote == [b"\x1b\r", b"AT+CMEE?\r"]
    desk.hear("+CMEE: 1", "OK")
    desk.wait(0.2)
    assert desk.wrote[-1] == b"AT+CSQ\r"
    desk.hear("+CSQ: 20,99", "OK")
    response = desk.result()
    assert isinstance(response, Response)
    assert response.texts == ("+CSQ: 20,99",)


def test_a_modem_that_answers_nothing_is_silent() -> None:
    desk = Desk()
    desk.start(desk.machine.resync())
    desk.wait(60)
    with pytest.raises(ModemSilent):
        desk.result()
    assert desk.wrote == [b"\x1b\r", b"AT+CMEE?\r", b"\x1b\r", b"AT+CMGF?\r", b"\x1b\r", b"AT+CFUN?\r"]


def test_a_send_writes_nothing_between_its_payload_and_its_result() -> None:
    desk = Desk()
    desk.in_prompt()
    assert desk.wrote == [b"AT+CMGS=%d\r" % PDU.length, PAYLOAD]
    desk.hear('+CMTI: "SM",1', "RING")
    desk.octets(b"> ")
    desk.wait(170)
    assert desk.machine.phase is Phase.PAYLOAD
    desk.hear("+CMGS: 7", "OK")
    assert desk.result() == 7
    assert desk.wrote[-1] == PAYLOAD


def test_the_lines_of_a_send_may_all_come_at_once() -> None:
    """Prompt, an error of the network before the payload is out: it is never written."""
    desk = Desk()
    desk.start(desk.machine.ask_to_send(PDU))
    desk.octets(b"\r\n> \r\n+CMS ERROR: 500\r\n")
    desk.start(desk.machine.await_prompt(permitted=True))
    with pytest.raises(SendRejected) as caught:
        desk.result()
    assert caught.value.before_payload
    assert PAYLOAD not in desk.wrote


def test_no_go_ahead_no_payload() -> None:
    desk = Desk()
    desk.start(desk.machine.ask_to_send(PDU))
    desk.octets(b"\r\n> ")
    desk.start(desk.machine.await_prompt(permitted=False, why="the journal is full"))
    desk.wait(0.2)
    assert desk.wrote[-2:] == [b"\x1b\r", b"AT+CMEE?\r"]
    desk.hear("+CMEE: 1", "OK")
    desk.wait(0.2)
    with pytest.raises(SendAborted, match="the journal is full"):
        desk.result()


def test_a_send_that_nobody_waits_for_goes_on() -> None:
    desk = Desk()
    desk.in_prompt()
    desk.machine.cancel(desk.now)
    assert desk.machine.phase is Phase.PAYLOAD
    desk.hear("+CMGS: 9", "OK")
    assert desk.result() == 9


def test_a_command_that_nobody_waits_for_leaves_a_doubt() -> None:
    desk = Desk()
    desk.start(desk.machine.run(commands.SIGNAL))
    desk.machine.cancel(desk.now)
    assert desk.machine.phase is Phase.IDLE
    desk.start(desk.machine.run(commands.SIGNAL))
    assert desk.wrote[-1] == b"\x1b\r"


@pytest.mark.parametrize("moment", ["command", "prompt", "payload", "resync", "quiet"])
def test_a_port_that_goes(moment: str) -> None:
    desk = Desk()
    expected: type[ModemgwError] = ModemgwError
    if moment == "command":
        desk.start(desk.machine.run(commands.SIGNAL))
    elif moment == "prompt":
        desk.start(desk.machine.ask_to_send(PDU))
        desk.start(desk.machine.await_prompt(permitted=True))
        expected = SendAborted
    elif moment == "payload":
        desk.in_prompt()
        expected = SendInDoubt
    else:
        desk.start(desk.machine.resync())
        if moment == "resync":
            desk.wait(0.2)
    desk.over.clear()
    desk.lose()
    with pytest.raises(expected, match=r"gone|lost"):
        desk.result()
    assert desk.machine.phase is Phase.LOST
    desk.start(desk.machine.run(commands.SIGNAL))
    with pytest.raises(ModemgwError, match="gone"):
        desk.result()
    assert desk.machine.deadline is None


def test_an_error_is_the_running_commands() -> None:
    desk = Desk()
    desk.start(desk.machine.run(commands.read(3)))
    desk.hear("+CMS ERROR: 321")
    with pytest.raises(CmsError) as caught:
        desk.result()
    assert caught.value.code == 321
    desk.start(desk.machine.run(commands.AT))
    assert desk.wrote[-1] == b"AT\r"


# ---------------------------------------------------------------- an answer is owed to an earlier send


def owing() -> Desk:
    """A payload is out, and the one before it got no answer."""
    desk = Desk(owed_s=30.0)
    desk.start(desk.machine.ask_to_send(PDU))
    desk.octets(b"\r\n> ")
    desk.start(desk.machine.await_prompt(permitted=True))
    desk.start(desk.machine.payload(PDU, owed=True))
    desk.hear("+CMGS: 228", "OK")
    assert desk.machine.phase is Phase.PAYLOAD
    return desk


LATE = Urc("+CMGS", "+CMGS: 228")


@pytest.mark.parametrize("after_s", [0.0, 1.0, 12.0, 29.0])
def test_of_two_results_the_second_is_that_of_the_message(after_s: float) -> None:
    desk = owing()
    desk.wait(after_s)
    desk.hear("+CMS ERROR: 1")
    with pytest.raises(SendRejected) as caught:
        desk.result()
    assert isinstance(caught.value.error, CmsError)
    assert desk.told == [LATE]
    desk = owing()
    desk.wait(after_s)
    desk.hear("+CMGS: 229", "OK")
    assert desk.result() == 229
    assert desk.told == [LATE]


def test_a_second_reference_without_its_ok_is_one() -> None:
    desk = owing()
    desk.hear("+CMGS: 229")
    desk.wait(30)
    assert desk.result() == 229
    assert desk.told == [LATE]


def test_a_second_error_that_comes_late_is_a_doubt() -> None:
    desk = owing()
    desk.wait(29)
    desk.hear("+CMS ERROR: 332")
    with pytest.raises(SendInDoubt):
        desk.result()
    assert desk.told == [LATE]


def test_a_result_that_is_said_twice_is_one() -> None:
    desk = owing()
    desk.hear("+CMGS: 228", "OK", "OK")
    desk.wait(29.9)
    assert desk.machine.phase is Phase.PAYLOAD
    desk.wait(0.2)
    assert desk.result() == 228
    assert desk.told == []


def test_one_result_alone_is_that_of_the_message() -> None:
    desk = owing()
    desk.hear("+CREG: 1")
    desk.wait(30)
    assert desk.result() == 228
    assert desk.told == [Urc("+CREG", "+CREG: 1")]
    desk.wrote.clear()
    desk.start(desk.machine.run(commands.SIGNAL))
    assert desk.wrote == [b"AT+CSQ\r"]


def test_nobody_knows_whose_it_was_when_the_port_is_gone() -> None:
    desk = owing()
    desk.lose()
    with pytest.raises(SendInDoubt):
        desk.result()
    assert desk.told == []


def test_where_nothing_is_owed_the_first_result_is_believed_at_once() -> None:
    desk = Desk()
    desk.in_prompt()
    desk.hear("+CMGS: 228", "OK")
    assert desk.result() == 228


@pytest.mark.parametrize("prompt_first", [True, False])
def test_a_reference_before_the_payload_is_of_an_earlier_message(prompt_first: bool) -> None:
    desk = Desk()
    desk.start(desk.machine.ask_to_send(PDU))
    if prompt_first:
        desk.octets(b"\r\n> ")
    desk.hear("+CMGS: 228", "OK")
    if not prompt_first:
        desk.octets(b"\r\n> ")
    assert desk.told == [LATE]
    desk.start(desk.machine.await_prompt(permitted=True))
    desk.start(desk.machine.payload(PDU))
    desk.hear("OK")  # another command's
    desk.wait(1)
    assert desk.machine.phase is Phase.PAYLOAD
    desk.hear("+CMGS: 229", "OK")
    assert desk.result() == 229
