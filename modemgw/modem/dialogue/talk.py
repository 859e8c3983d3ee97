"""What a driver does for talk: USSD strings out, calls refused, in the ways that suit the modem. Owns which way works;
the dialogue with the network is `conversation` and `calls`."""

from __future__ import annotations

import logging
from collections.abc import Callable

from modemgw.at.calls import CURRENT_CALLS, hang_up, read_ringing
from modemgw.at.errors import AtResponseError, CommandFailed
from modemgw.at.ussd import CHARSET_GSM, USSD_CANCEL, ussd_request
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Profile
from modemgw.sms import TpduEncodeError
from modemgw.sms.ussd import REQUEST_ORDER, UssdCoding, write_request

log = logging.getLogger(__name__)

#: Of the learned values: the coding of USSD in which this modem was understood.
LEARNED = "ussd"

#: What refuses a call on a modem whose profile does not say.
HANG_UP = ("AT+CHUP", "ATH")


class AtTalk:
    """See `driver.Talk`."""

    def __init__(self, channel: Channel, profile: Callable[[], Profile], learned: Callable[[], Learned]) -> None:
        self._channel = channel
        self._profile = profile
        self._learned = learned
        self._doubted: list[UssdCoding] = []

    @property
    def proven(self) -> UssdCoding | None:
        said = self._learned().text(LEARNED)
        return UssdCoding(said) if said in REQUEST_ORDER else None

    def codings(self, text: str) -> tuple[UssdCoding, ...]:
        wanted = [UssdCoding(name) for name in self._profile().ussd if name in REQUEST_ORDER]
        order = dict.fromkeys([*wanted, *REQUEST_ORDER])
        for doubted in self._doubted:
            del order[doubted]
            order[doubted] = None
        first = [self.proven] if self.proven is not None else []
        return tuple(coding for coding in dict.fromkeys([*first, *order]) if _carries(coding, text))

    async def ask(self, text: str, coding: UssdCoding) -> None:
        string = write_request(text, coding)
        if coding is UssdCoding.GSM:
            try:
                await self._channel.run(CHARSET_GSM)
            except CommandFailed as exc:
                log.debug("%s: %s", self._channel.transport.url, exc)
        await self._channel.run(ussd_request(string.text, string.dcs))

    async def cancel(self) -> None:
        await self._channel.run(USSD_CANCEL)

    def understood(self, coding: UssdCoding) -> None:
        if coding in self._doubted:
            self._doubted.remove(coding)
        self._learned().put(LEARNED, str(coding))

    def doubt(self, coding: UssdCoding) -> None:
        if coding not in self._doubted and coding is not self.proven:
            self._doubted.append(coding)

    async def hang_up(self, tried: int) -> None:
        ways = self._profile().hang_up or HANG_UP
        start = tried % len(ways)
        problem: CommandFailed | None = None
        for text in (*ways[start:], *ways[:start]):
            try:
                await self._channel.run(hang_up(text))
                return
            except CommandFailed as exc:
                problem = exc
        if problem is not None:
            raise problem

    async def ringing(self) -> bool | None:
        try:
            return any(read_ringing(text) for text in (await self._channel.run(CURRENT_CALLS)).texts)
        except (CommandFailed, AtResponseError):
            return None


def _carries(coding: UssdCoding, text: str) -> bool:
    try:
        write_request(text, coding)
    except TpduEncodeError:
        return False
    return True
