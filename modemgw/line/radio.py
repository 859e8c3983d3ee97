"""A driver as sending sees it: exceptions become outcomes, and a send waits for its turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from modemgw.at.errors import CommandFailed, CommandTimeout
from modemgw.at.sending import SendAborted, SendInDoubt, SendRejected, TpduHex
from modemgw.line.turn import Turn
from modemgw.modem.dialogue.driver import Driver
from modemgw.modem.ports.transport import PortLost
from modemgw.service.ports import InDoubt, NotSent, Refused, SendOutcome, Sent
from modemgw.sms import PduHex


class DriverRadio:
    """`service.ports.Radio` over a driver. `turn` is shared with whoever else needs the modem for more than
    one command; it is fair, so neither sending nor receiving starves."""

    def __init__(self, driver: Driver, turn: Turn) -> None:
        self._driver = driver
        self._turn = turn

    async def send(self, pdu: PduHex, go_ahead: Callable[[], Awaitable[bool]], *, owed: bool = False) -> SendOutcome:
        withdrawn = False

        async def permitted() -> bool:
            nonlocal withdrawn
            allowed = await go_ahead()
            withdrawn = not allowed
            return allowed

        async with self._turn:
            try:
                return Sent(await self._driver.send(TpduHex(pdu.hex, pdu.length), permitted, owed=owed))
            except SendRejected as error:
                return Refused(error.error, _sentence(error), error.before_payload)
            except SendAborted as error:
                return NotSent(str(error), trouble=not withdrawn)
            except SendInDoubt as error:
                return InDoubt(str(error), error.error, error.silent_ok)
            except (PortLost, CommandTimeout, CommandFailed) as error:
                # before the payload: the driver reports everything after it as SendInDoubt
                return NotSent(str(error), trouble=True)


def _sentence(error: SendRejected) -> str:
    return error.error.result if error.error is not None else error.reason
