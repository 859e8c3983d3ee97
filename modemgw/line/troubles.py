"""What helps when a line cannot go on by itself: trouble → remedy as a table, and what needs no fresh start.

What does need one is raised as `Climb`, and is the worker's, as is all else that ends a session.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum, auto

from modemgw.at.errors import CommandTimeout
from modemgw.at.policy import ErrorAction, ErrorScope
from modemgw.domain.events import EventKind
from modemgw.domain.line import LineState
from modemgw.errors import ModemgwError
from modemgw.line.ladder import Rung
from modemgw.line.registrations import Registrations
from modemgw.line.settings import Climb, Vitals, WorkerSettings
from modemgw.line.telling import Note, SetState
from modemgw.line.turn import Turn
from modemgw.modem.dialogue.driver import Driver
from modemgw.modem.ports.transport import PortLost
from modemgw.service.sending import LineTrouble

log = logging.getLogger(__name__)


class Remedy(Enum):
    """What is done about a trouble of sending."""

    PAUSE = auto()  # the line rests, until it is resumed or the time is over
    MAKE_ROOM = auto()  # its memories are emptied
    SET_SMSC = auto()  # once more with the configured SMS centre; without one a person must see to it
    ASK_NETWORK = auto()  # pauses that grow while it refuses one recipient after the other
    RESYNC = auto()  # the first time in place, then the port is opened anew
    REOPEN = auto()
    REINIT = auto()
    RADIO = auto()
    RESET = auto()


_BY_ACTION: Mapping[ErrorAction, Remedy] = {
    ErrorAction.FAIL_COUNT: Remedy.PAUSE,
    ErrorAction.STOP_LINE: Remedy.REINIT,
    ErrorAction.RADIO_RESET: Remedy.RADIO,
    ErrorAction.FULL_RESET: Remedy.RESET,
    ErrorAction.SWEEP_RETRY: Remedy.MAKE_ROOM,
    ErrorAction.USE_CONFIGURED_SMSC: Remedy.SET_SMSC,
}

#: The rung of a remedy that needs one, and whether it is this very one each time (see Climb).
CLIMBS: Mapping[Remedy, tuple[Rung, bool]] = {
    Remedy.REOPEN: (Rung.REOPEN, False),
    Remedy.REINIT: (Rung.REINIT, True),
    Remedy.RADIO: (Rung.RADIO, True),
    Remedy.RESET: (Rung.RESET, True),
}


def remedy_for(scope: ErrorScope, action: ErrorAction) -> Remedy:
    """What the action asks for; without one of its own what helps against troubles of this scope."""
    if action in _BY_ACTION:
        return _BY_ACTION[action]
    if scope is ErrorScope.NETWORK:
        return Remedy.ASK_NETWORK
    return Remedy.REOPEN if action is ErrorAction.REINIT_RETRY_ONCE else Remedy.RESYNC


class Troubles:
    """The troubles of one session. Everything that it may raise ends the session: PortLost, CommandTimeout, Climb."""

    def __init__(
        self,
        driver: Driver,
        turn: Turn,
        settings: WorkerSettings,
        vitals: Vitals,
        registrations: Registrations,
        sweep: Callable[[], Awaitable[None]],
        set_state: SetState,
        note: Note,
    ) -> None:
        self._driver = driver
        self._turn = turn
        self._settings = settings
        self._timing = settings.timing
        self._vitals = vitals
        self._ladder = vitals.ladder
        self._registrations = registrations
        self._sweep = sweep
        self._set_state = set_state
        self._note = note
        self._refused: set[str | None] = set()  # recipients, since something was sent
        self._of_modem = 0
        self._sent = 0
        self._stalled_at = -math.inf

    def count_sent(self, sent: int) -> None:
        """So many were sent in this session: if these are more than before, whatever was wrong is over."""
        if sent > self._sent:
            self._refused.clear()
            self._of_modem = 0
            self._ladder.proved()
        self._sent = sent

    async def mend(self, trouble: LineTrouble) -> None:
        """Do what helps against a trouble of sending."""
        reason = str(trouble)
        self._note(EventKind.LINE_TROUBLE, modem=self._settings.name, scope=str(trouble.scope), reason=reason)
        log.warning("%s: %s", self._settings.name, reason)
        remedy = remedy_for(trouble.scope, trouble.action)
        if remedy in CLIMBS:
            rung, again = CLIMBS[remedy]
            raise Climb(rung, reason, again=again)
        if remedy is Remedy.ASK_NETWORK:
            await self._ask_network(reason, trouble.recipient)
        elif remedy is Remedy.MAKE_ROOM:
            await self.make_room()
        else:
            in_place = {Remedy.PAUSE: self._pause, Remedy.SET_SMSC: self._set_smsc, Remedy.RESYNC: self._modem_trouble}
            await in_place[remedy](reason)

    async def resync(self, reason: str) -> None:
        """The ladder's first rung, in place. Raises ModemSilent if it does not help."""
        if not self._ladder.take(Rung.RESYNC, time.monotonic()):
            raise Climb(Rung.REOPEN, reason)
        self._note(EventKind.LINE_RECOVERING, modem=self._settings.name, rung=Rung.RESYNC.name.lower(), reason=reason)
        async with self._turn:
            await self._driver.resync()

    async def stalled(self, error: CommandTimeout) -> None:
        """A question about messages got no answer; the second within a while needs more than a resync."""
        now = time.monotonic()
        if now - self._stalled_at < self._timing.stalled_s:
            raise Climb(Rung.REOPEN, str(error)) from error
        self._stalled_at = now
        await self.resync(str(error))

    async def make_room(self) -> None:
        """Empty the memories; what the store cannot take just now stays there."""
        try:
            await self._sweep()
        except (PortLost, CommandTimeout):
            raise
        except ModemgwError as error:
            log.warning("%s: the memories could not be emptied: %s", self._settings.name, error)
            await asyncio.sleep(self._timing.store_retry_s)

    def announces_nothing(self) -> None:
        """The modem announces nothing any more: it has started anew in silence, has given up on a message that was
        not acknowledged in time, or keeps to itself what it should tell. A line that can do nothing more about it
        goes on, and looks through the memories."""
        now = time.monotonic()
        reason = "The modem does not announce messages any more, as it was told to (AT+CNMI)."
        without = (Rung.OTHER_PORT,)
        if self._ladder.find(now, at_least=Rung.REINIT, without=without) is not Rung.QUARANTINE:
            raise Climb(Rung.REINIT, reason, again=self._ladder.has(Rung.REINIT, now), without=without)
        log.warning("%s: %s", self._settings.name, reason)

    def rebooted(self, text: str) -> Climb:
        """The modem has started anew by itself: what it was told is forgotten."""
        hint = self._vitals.reboots.note(time.monotonic())
        reason = hint or f"The modem has started anew by itself ({text})."
        return Climb(Rung.REINIT, reason, again=True, send_limit_s=self._timing.rebooted_send_s)

    def unannounced(self) -> Climb | None:
        """Messages come that this port was told nothing of."""
        if not self._ladder.has(Rung.OTHER_PORT, time.monotonic()):
            return None
        reason = "Messages come unannounced: the modem tells of them at another of its ports."
        return Climb(Rung.OTHER_PORT, reason, again=True)

    # -- in place -----------------------------------------------------------------------------------------

    async def _pause(self, reason: str) -> None:
        pause_s = self._settings.sending.pause_ms / 1000
        self._set_state(LineState.PAUSED, f"{reason} Paused for {pause_s / 60:g} minutes, or until it is resumed.")
        self._note(EventKind.LINE_PAUSED, modem=self._settings.name, reason=reason, seconds=pause_s)
        by_hand = await self._vitals.switch.rest(pause_s)
        self._note(EventKind.LINE_RESUMED, modem=self._settings.name, by="hand" if by_hand else "time")

    async def _set_smsc(self, reason: str) -> None:
        if self._settings.smsc is None:
            await self._pause(f"{reason} Set smsc of this modem in the configuration.")

    async def _ask_network(self, reason: str, recipient: str | None) -> None:
        await self._registrations.ask()
        if self._registrations.usable:
            again = recipient is not None and recipient in self._refused
            self._refused.add(recipient)
            pauses = self._timing.network_pauses_s
            pause = 0.0 if again else pauses[min(len(self._refused), len(pauses)) - 1]
            if pause:
                self._set_state(LineState.RECOVERING, reason)
                await asyncio.sleep(pause)

    async def _modem_trouble(self, reason: str) -> None:
        """The first rung is climbed in place; the others need a fresh start."""
        self._of_modem += 1
        if self._of_modem > 1:
            raise Climb(Rung.REOPEN, reason)
        await self.resync(reason)
