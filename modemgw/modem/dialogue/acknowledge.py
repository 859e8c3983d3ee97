"""Acknowledging what the modem hands over (TS 27.005 3.4.1, 4.7): which form of AT+CNMA it takes, and whether it
still waits for one.

Under AT+CSMS=1 the modem holds back everything that comes after a message or report until that one is acknowledged
or refused; after a while of its own it gives up, sets <mt> and <ds> of +CNMI to 0 and is deaf. So a refusal, a
silence and a lost answer are no end: the acknowledgement is owed until the modem took it or says that it waits for
none. Only a modem that has refused every form time after time, and never took one, is held for one that has no
AT+CNMA.
"""

from __future__ import annotations

import logging
from enum import Enum, auto

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.errors import CmsError, CommandFailed
from modemgw.errors import ModemgwError
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Profile

log = logging.getLogger(__name__)

NO_ACKNOWLEDGEMENT_EXPECTED = 340  # TS 27.005 3.2.5
CNMA = "cnma"  # key of the learned values: the form of AT+CNMA

#: Times in a row that every form is refused, and none was ever taken: then the modem has no such command.
REFUSALS_OF_THE_UNKNOWN = 3


class AcknowledgementFailed(ModemgwError):
    """The modem did not take an acknowledgement, or not what was to follow. It is owed still: make it again."""


class Acknowledgement(Enum):
    """What became of an acknowledgement or a refusal."""

    TAKEN = auto()
    NOT_AWAITED = auto()  # the modem waits for none: it has given up, and hands nothing over any more
    REFUSED = auto()
    NO_SUCH_COMMAND = auto()


class Acknowledger:
    """One modem between two set-ups."""

    def __init__(self, channel: Channel, profile: Profile, learned: Learned) -> None:
        self._channel = channel
        self._profile = profile
        self._learned = learned
        self._form: str | None = None  # that was taken since the set-up
        self._refusals = 0  # in a row, of all forms
        self._unknown = 0  # times in a row that AT+CNMA=2 was not understood
        self._understood = False  # it has been

    async def acknowledge(self) -> Acknowledgement:
        """Confirm what was handed over. Raises CommandTimeout, PortLost: then it is not known whether it was taken."""
        for form in self._forms():
            outcome = await self._say(Command(form, timeout_s=commands.ACKNOWLEDGE.timeout_s))
            if outcome is Acknowledgement.TAKEN:
                self._form = form
                self._learned.put(CNMA, form)
            if outcome in (Acknowledgement.TAKEN, Acknowledgement.NOT_AWAITED):
                self._refusals = 0
                return outcome
            if outcome is Acknowledgement.REFUSED:
                return outcome  # it knows the command
        self._refusals += 1
        if self._proven or self._refusals < REFUSALS_OF_THE_UNKNOWN:
            return Acknowledgement.REFUSED
        return Acknowledgement.NO_SUCH_COMMAND

    async def refuse(self) -> Acknowledgement:
        """Have the network bring again what was handed over (AT+CNMA=2, an RP-ERROR)."""
        if self._unknown >= REFUSALS_OF_THE_UNKNOWN and not self._understood:
            return Acknowledgement.NO_SUCH_COMMAND
        outcome = await self._say(commands.REFUSE_UNACKNOWLEDGED)
        if outcome is Acknowledgement.NO_SUCH_COMMAND:
            self._unknown += 1
        else:
            self._unknown, self._understood = 0, True
        return outcome

    async def _say(self, command: Command) -> Acknowledgement:
        try:
            await self._channel.run(command)
        except CommandFailed as exc:
            if isinstance(exc, CmsError):
                awaited = exc.code != NO_ACKNOWLEDGEMENT_EXPECTED
                if awaited:
                    log.info("%s: %s was refused: %s", self._channel.transport.url, command.text, exc)
                return Acknowledgement.REFUSED if awaited else Acknowledgement.NOT_AWAITED
            return Acknowledgement.NO_SUCH_COMMAND
        return Acknowledgement.TAKEN

    @property
    def _proven(self) -> bool:
        return self._form is not None or self._known is not None

    @property
    def _known(self) -> str | None:
        known = self._learned.text(CNMA)
        return known if known is not None and known.startswith("AT+CNMA") else None

    def _forms(self) -> list[str]:
        """The form that works; before one has, all that there are, the one that worked last time first."""
        if self._form is not None:
            return [self._form]
        forms = self._profile.acknowledge or (commands.ACKNOWLEDGE.text,)
        return list(dict.fromkeys([*([self._known] if self._known else []), *forms]))
