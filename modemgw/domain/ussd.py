"""USSD as clients see it: an answer of the network, and how a dialogue can fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modemgw.errors import ModemgwError


class UssdState(StrEnum):
    """What an answer of the network means (<m> of +CUSD, TS 27.007 7.15)."""

    DONE = "done"  # the dialogue is over
    OPEN = "open"  # the network waits for an answer
    TERMINATED = "terminated"  # the network ended it
    ELSEWHERE = "elsewhere"  # another client of the modem has answered
    NOT_SUPPORTED = "not_supported"  # the network does not know the code
    TIMEOUT = "timeout"  # the network waited too long
    CANCELLED = "cancelled"  # by us


@dataclass(frozen=True, slots=True)
class UssdAnswer:
    """What the network said. `coding` is how the modem wrote it, `raw` what it wrote, `dcs` what it called that."""

    line: str
    state: UssdState
    text: str | None
    coding: str | None = None
    readable: bool = True
    dcs: int | None = None
    raw: str | None = None

    @property
    def open(self) -> bool:
        return self.state is UssdState.OPEN


class UssdNoAnswer(ModemgwError):
    """The request went out and no answer came in time; what it asked for may be done all the same."""


class UssdFailed(ModemgwError):
    """The modem or the network refused the request: nothing was done."""
