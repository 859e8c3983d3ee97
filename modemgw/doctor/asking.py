"""What a port says when it is asked: is it a modem at all, at which speed, and how it is set. Changes nothing for good.

Only questions go out (`AT`, `…?`, `AT+CSQ`), an ESC that leaves a prompt somebody left open, and `AT+CMEE` and `ATV`,
which are put back: without them no cause is told. No PIN is tried.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.errors import CommandFailed, CommandTimeout
from modemgw.errors import ModemgwError
from modemgw.line.diagnostics import (
    CLOCK,
    NO_ANSWER,
    SLOT_QUECTEL,
    SLOT_SIMCOM,
    SUPPLY,
    makers_own,
)
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.ports.transport import PortLost, Transport, open_transport

#: How long each `AT` is waited for.
PATIENCE_S = (1.0, 1.5, 2.5)
#: At another speed one short wait is enough: the modem is awake by then.
OTHER_SPEED_S = 0.7
#: An answer that takes longer is worth a word.
SLOW_S = 1.5
#: One question, and all of them.
QUESTION_S = 12.0
ALL_S = 60.0
#: The same of a modem that is slow: it is known to be, and the rest can wait.
SLOW_ALL_S = 20.0

SPEEDS = (115_200, 9_600, 57_600, 38_400, 19_200, 230_400, 460_800, 921_600, 4_800)

_DONE = re.compile(
    rb"(?:^|[\r\n]) *(?:OK|ok|ERROR) *[\r\n]|(?:^|[\r\n])0\r?\n|\+CM[ES] ERROR|COMMAND NOT SUPPORT|(?:^|[\r\n])0\r\Z"
)
_MUTE = re.compile(rb"\+CMEE: ?[0-2]")  # an answer, but no result
MUTE_S = 1.0
_NMEA = re.compile(rb"\$G[A-Z]{4},")


class Heard(StrEnum):
    """What came back."""

    MODEM = "modem"
    NOTHING = "nothing"
    ECHO = "echo"  # what was written, and nothing else: a loop, or nobody behind a converter
    NMEA = "nmea"  # a GPS
    WORDS = "words"  # something that does not speak AT
    NOISE = "noise"  # bytes of no meaning: another speed, or a binary protocol


@dataclass(frozen=True, slots=True)
class Probe:
    """The outcome of `AT`."""

    heard: Heard
    after_s: float = 0.0
    sample: bytes = b""


@dataclass(slots=True)
class Answers:
    """What a port said. `said` has the lines of each question, `refused` the error, by the question's text."""

    port: str
    probe: Probe
    baudrate: int
    right_speed: int | None = None  # the speed at which it answers, where that is another
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    errors: dict[str, CommandFailed] = field(default_factory=dict)
    trouble: str | None = None  # why the questions ended early
    slowest: tuple[str, float] = ("", 0.0)

    def lines(self, command: Command) -> tuple[str, ...]:
        """The lines of an answer; none where it was refused."""
        return self.said.get(command.text, ())


NO_CAUSES = Command("AT+CMEE=0")
IN_NUMBERS = Command("ATV0")
FUNCTION = commands.FUNCTION_ASK
TRIES = commands.PIN_TRIES_FORMS

#: What a modem that takes seconds for each answer is asked.
FEW: tuple[Command, ...] = (
    commands.PIN_ASK,
    FUNCTION,
    commands.SIGNAL,
    *commands.REGISTRATION_ASK,
)

QUESTIONS: tuple[Command, ...] = (
    commands.MANUFACTURER,
    commands.MODEL,
    commands.FIRMWARE,
    commands.IMEI,
    *FEW,
    commands.OPERATOR,
    commands.FORMAT_ASK,
    commands.SERVICE_ASK,
    commands.SMSC_ASK,
    commands.MEMORY_ASK,
    commands.INDICATIONS_ASK,
    CLOCK,
    SUPPLY,
    commands.IMSI,
    commands.OWN_NUMBER,
)


async def examine(url: str, baudrate: int, *, other_speeds: bool = True) -> Answers:
    """Open the port, ask, close it. Raises what opening raises (PortMissing, PortBusy, PortDenied, PortError)."""
    transport = await open_transport(url, baudrate=baudrate)
    try:
        answers = Answers(url, await probe(transport, PATIENCE_S), baudrate)
        if answers.probe.heard is Heard.MODEM:
            await _ask_all(transport, answers)
            return answers
    except PortLost as error:
        return Answers(url, Probe(Heard.NOTHING), baudrate, trouble=str(error))
    finally:
        transport.close()
    if other_speeds and "://" not in url and answers.probe.heard in (Heard.NOTHING, Heard.NOISE):
        answers.right_speed = await _other_speed(url, baudrate)
    return answers


async def probe(transport: Transport, patience_s: Sequence[float]) -> Probe:
    """Write `AT` and see what comes. Raises PortLost."""
    loop = asyncio.get_running_loop()
    heard = bytearray()
    came = asyncio.Event()
    lost: list[Exception | None] = []

    def on_data(data: bytes) -> None:
        heard.extend(data[: 65_536 - len(heard)])
        came.set()

    def on_lost(error: Exception | None) -> None:
        lost.append(error)
        came.set()

    transport.start(on_data, on_lost)
    transport.write(b"\x1b\r")  # a program that crashed may have left it at a prompt
    await _quiet(came, 0.2)
    heard.clear()
    began = loop.time()
    for number, limit_s in enumerate(patience_s, 1):
        transport.write(b"AT\r")
        end = loop.time() + limit_s
        while (left := end - loop.time()) > 0:
            came.clear()
            try:
                async with asyncio.timeout(left):
                    await came.wait()
            except TimeoutError:
                break
            if lost:
                raise PortLost(transport.url, f"The port {transport.url} went away while it was asked.")
            if _NMEA.search(heard):
                return Probe(Heard.NMEA, loop.time() - began, bytes(heard[:200]))
            if _DONE.search(bytes(heard)):
                took_s, sample = loop.time() - began, bytes(heard[:200])
                if number > 1:  # the others are answered too: not to be taken for answers to questions
                    await _quiet(came, took_s + 0.5)
                return Probe(Heard.MODEM, took_s, sample)
        if number > 1 and _kind(bytes(heard)) is Heard.WORDS:
            break
    said = bytes(heard)  # without the echo of what is asked next
    if len(patience_s) > 1 and await _mute(transport, heard, came):
        return Probe(Heard.MODEM, loop.time() - began, bytes(heard[:200]))
    return Probe(_kind(said), loop.time() - began, said[:200])


async def _mute(transport: Transport, heard: bytearray, came: asyncio.Event) -> bool:
    """A modem that was told to keep its results to itself (ATQ1) answers questions all the same. Makes it speak."""
    if _kind(bytes(heard)) not in (Heard.ECHO, Heard.WORDS, Heard.NOTHING) or not transport.is_open:
        return False
    transport.write(commands.ERRORS_ASK.wire)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MUTE_S):
            while _MUTE.search(bytes(heard)) is None and transport.is_open:
                came.clear()
                await came.wait()
    if _MUTE.search(bytes(heard)) is None or not transport.is_open:
        return False
    transport.write(commands.RESULTS_ON.wire)
    await _quiet(came, 0.2)
    return True


def _kind(heard: bytes) -> Heard:
    """What bytes without a result are."""
    if not heard.strip(b"\r\n\0"):
        return Heard.NOTHING
    if _NMEA.search(heard):
        return Heard.NMEA
    if not heard.replace(b"AT", b"").strip(b"\r\n\x1b\0 "):
        return Heard.ECHO
    readable = sum(1 for byte in heard if 0x20 <= byte < 0x7F or byte in b"\r\n\t")
    return Heard.WORDS if readable >= 0.9 * len(heard) else Heard.NOISE


async def _quiet(came: asyncio.Event, span_s: float) -> None:
    """Until nothing came for so long, at most ten times as long."""
    for _ in range(10):
        came.clear()
        try:
            async with asyncio.timeout(span_s):
                await came.wait()
        except TimeoutError:
            return


async def _other_speed(url: str, baudrate: int) -> int | None:
    for speed in SPEEDS:
        if speed == baudrate:
            continue
        try:
            transport = await open_transport(url, baudrate=speed)
        except ModemgwError:  # a speed that this port does not have, or somebody took it
            continue
        try:
            if (await probe(transport, (OTHER_SPEED_S,))).heard is Heard.MODEM:
                return speed
        except PortLost:
            return None
        finally:
            transport.close()
    return None


# ---------------------------------------------------------------- the questions


async def _ask_all(transport: Transport, answers: Answers) -> None:
    channel = Channel(transport, lambda urc: None)
    timeouts = 0
    silent_causes = in_numbers = False
    try:
        slow = answers.probe.after_s > SLOW_S
        async with asyncio.timeout(SLOW_ALL_S if slow else ALL_S):
            with contextlib.suppress(CommandFailed):
                await channel.run(commands.AT)
            if in_numbers := channel.numeric:
                await channel.run(commands.VERBOSE_ON)
            silent_causes = not slow and await _causes(channel)
            for question in FEW if slow else QUESTIONS:
                timeouts += not await _ask(channel, question, answers)
                if timeouts >= 2:
                    answers.trouble = f"It left {', '.join(_unanswered(answers))} unanswered."
                    return
            for question in _more(answers):
                await _ask(channel, question, answers)
                if question in TRIES and answers.lines(question):
                    break
    except TimeoutError:
        answers.trouble = f"It had answered no more than {len(answers.said)} questions when time was up."
    except (CommandTimeout, PortLost) as error:
        answers.trouble = str(error)
    finally:
        for changed, back in ((silent_causes, NO_CAUSES), (in_numbers, IN_NUMBERS)):
            if changed:
                with contextlib.suppress(CommandFailed, CommandTimeout, PortLost):
                    await channel.run(back)


async def _causes(channel: Channel) -> bool:
    """A modem that keeps the causes of its errors to itself tells them while it is asked; True: to be put back."""
    try:
        levels = (await channel.run(commands.ERRORS_ASK)).texts
        if not levels or levels[0].rpartition(":")[2].strip() != "0":
            return False
        await channel.run(commands.ERRORS_NUMERIC)
    except CommandFailed:
        return False
    return True


def _more(answers: Answers) -> list[Command]:
    """Questions that only some are asked: the maker's own, and what an answer gives reason to."""
    maker = " ".join(answers.lines(commands.MANUFACTURER)).lower()
    more: list[Command] = [*makers_own(maker)]
    if "quectel" in maker:
        more.append(SLOT_QUECTEL)
    if "simcom" in maker:
        more.append(SLOT_SIMCOM)
    more += commands.ICCID_FORMS[:2]
    if any("SIM PIN" in line or "PUK" in line for line in answers.lines(commands.PIN_ASK)):
        more += TRIES
    return more


async def _ask(channel: Channel, question: Command, answers: Answers) -> bool:
    """False if no answer came."""
    began = asyncio.get_running_loop().time()
    try:
        response = await channel.run(replace(question, timeout_s=min(question.timeout_s, QUESTION_S)))
        answers.said[question.text] = response.texts
    except CommandFailed as error:
        answers.refused[question.text] = error.result
        answers.errors[question.text] = error
    except CommandTimeout:
        answers.refused[question.text] = NO_ANSWER
        return False
    took = asyncio.get_running_loop().time() - began
    if took > answers.slowest[1]:
        answers.slowest = (question.text, took)
    return True


def _unanswered(answers: Answers) -> list[str]:
    return [question for question, error in answers.refused.items() if error == NO_ANSWER]
