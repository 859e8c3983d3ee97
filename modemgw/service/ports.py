"""What the use cases need beside the store: the radio, as a protocol, and the clock. Nothing here knows a port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from modemgw.at.errors import CommandFailed
from modemgw.sms import PduHex

#: Unix time in milliseconds.
Clock = Callable[[], int]


# -- the radio ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sent:
    """The network took the TPDU: `+CMGS: <mr>` was read."""

    mr: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The modem or the network said no. `error` is what it said; None: it said OK without `+CMGS: <mr>`.

    After the payload that is no proof: the network may have the message all the same.
    """

    error: CommandFailed | None
    text: str
    before_payload: bool


@dataclass(frozen=True, slots=True)
class NotSent:
    """Certainly nothing went out: withdrawn at the prompt (no trouble), or the modem made none (trouble)."""

    reason: str
    trouble: bool


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The payload went to the modem, and no answer came that says what became of it.

    `error` is what was said instead, if anything; `silent_ok`: an OK and nothing else.
    """

    reason: str
    error: CommandFailed | None = None
    silent_ok: bool = False


SendOutcome = Sent | Refused | NotSent | InDoubt


class Radio(Protocol):
    """A ready modem as sending sees it. `go_ahead` runs while the modem makes its prompt; unless it returns
    True nothing goes out. PortLost and the like become outcomes; nothing is raised for a modem's mood. `owed`: the
    modem has not answered an earlier message yet, and the next reference may be that one's."""

    async def send(
        self, pdu: PduHex, go_ahead: Callable[[], Awaitable[bool]], *, owed: bool = False
    ) -> SendOutcome: ...
