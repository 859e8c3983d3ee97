"""The commands of USSD (TS 27.007 7.15), and what their answers mean. Owns no dialogue and no coding of strings:
that is `sms.ussd`."""

from __future__ import annotations

from enum import IntEnum

from modemgw.at.commands import Command
from modemgw.at.errors import CmeError, CommandFailed

USSD_S = 45.0  # OK comes at once with most, with some (SIMCom, u-blox) after the network's answer


class UssdStatus(IntEnum):
    """<m> of +CUSD."""

    DONE = 0  # no further action is required
    OPEN = 1  # the network waits for an answer
    TERMINATED = 2  # by the network
    ELSEWHERE = 3  # another client of the modem has answered
    NOT_SUPPORTED = 4
    TIMEOUT = 5  # of the network


USSD_ON = Command("AT+CUSD=1")
USSD_CANCEL = Command("AT+CUSD=2", timeout_s=USSD_S)
CHARSET_GSM = Command('AT+CSCS="GSM"')  # TS 27.007 5.5


def ussd_request(string: str, dcs: int | None) -> Command:
    """`AT+CUSD=1,"<str>"[,<dcs>]`. Secret: a code may top an account up. The answer comes as a URC, before or after
    the result."""
    scheme = "" if dcs is None else f",{dcs}"
    return Command(f'AT+CUSD=1,"{string}"{scheme}', timeout_s=USSD_S, secret=True)


# SIM missing, locked or busy; no network; emergency calls only (TS 27.007 9.2)
_NO_CODING_HELPS = frozenset({10, 11, 12, 13, 14, 15, 16, 17, 18, 30, 31, 32})


def other_coding_may_help(error: CommandFailed) -> bool:
    """A request was refused: it may be for the form of its string."""
    return not (isinstance(error, CmeError) and error.code in _NO_CODING_HELPS)
