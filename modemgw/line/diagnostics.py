"""Questions about how a modem is set, and the asking of a line that works: between two messages, nothing is set.

Owns the questions; what the answers mean is the doctor's to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.errors import CommandFailed, CommandTimeout, ModemSilent
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.line.supervisor import Supervisor
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.driver import Driver
from modemgw.modem.ports.transport import PortLost

CLOCK = Command("AT+CCLK?", ("+CCLK",))  # TS 27.007 8.15
SUPPLY = Command("AT+CBC", ("+CBC",))  # TS 27.007 8.4
URC_PORT_QUECTEL = Command('AT+QURCCFG="urcport"', ("+QURCCFG",))
URC_PORT_SIMCOM = Command("AT+CATR?", ("+CATR",))
SLOT_SIMCOM = Command("AT+CSMINS?", ("+CSMINS",))
SLOT_QUECTEL = Command("AT+QSIMSTAT?", ("+QSIMSTAT",))

#: What only the modem itself can tell of a line that works; registration and signal are known of it anyway.
OF_A_LINE: tuple[Command, ...] = (
    commands.INDICATIONS_ASK,
    commands.FORMAT_ASK,
    commands.FUNCTION_ASK,
    commands.SERVICE_ASK,
    commands.MEMORY_ASK,
    CLOCK,
    SUPPLY,
)

#: A question may keep a message waiting for so long.
QUESTION_S = 5.0

#: The error of a question that the modem left open.
NO_ANSWER = "no answer"

#: A question, and the lines of its answer or the error.
Answer = tuple[str, tuple[str, ...], str | None]


def makers_own(manufacturer: str) -> tuple[Command, ...]:
    """Which port unsolicited lines go to, as each maker has it asked."""
    maker = manufacturer.lower()
    if "quectel" in maker:
        return (URC_PORT_QUECTEL,)
    return (URC_PORT_SIMCOM,) if "simcom" in maker else ()


class Examiner:
    """See `service.lines.Examiner`: one line at a time, by its name."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def examine(self, line: str) -> list[Answer]:
        """What the modem answers. Refusal(NOT_FOUND), or Refusal(CONFLICT) while it cannot be asked."""
        try:
            return await self._supervisor.errand(line, _ask)
        except PortLost as error:
            raise Refusal(RefusalKind.CONFLICT, str(error)) from error


async def _ask(driver: Driver) -> list[Answer]:
    channel = getattr(driver, "channel", None)
    if not isinstance(channel, Channel):
        return []  # a driver that does not speak AT itself
    maker = driver.info.manufacturer if driver.info is not None else ""
    return await _ask_all(channel, (*OF_A_LINE, *makers_own(maker)))


async def _ask_all(channel: Channel, questions: Sequence[Command]) -> list[Answer]:
    """Up to the first that stays unanswered: the line's own troubles are its worker's."""
    out: list[Answer] = []
    for question in questions:
        try:
            response = await channel.run(replace(question, timeout_s=min(question.timeout_s, QUESTION_S)))
        except CommandFailed as error:
            out.append((question.text, (), error.result))
        except (CommandTimeout, ModemSilent):
            out.append((question.text, (), NO_ANSWER))
            break
        else:
            out.append((question.text, response.texts, None))
    return out
