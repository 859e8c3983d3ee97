"""Whether a line may send: what the network says of it, and the operator's hand."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from modemgw.domain.events import EventKind
from modemgw.domain.line import LineState
from modemgw.line.ladder import Rung
from modemgw.line.settings import Climb, Vitals, WorkerSettings
from modemgw.line.telling import Note, SetState
from modemgw.line.turn import Turn
from modemgw.modem.dialogue.driver import Driver, Registration

log = logging.getLogger(__name__)


class Registrations:
    """`seen` with each registration, `switched` when the operator paused or resumed the line."""

    def __init__(
        self,
        driver: Driver,
        turn: Turn,
        settings: WorkerSettings,
        vitals: Vitals,
        set_state: SetState,
        note: Note,
    ) -> None:
        self._driver = driver
        self._turn = turn
        self._settings = settings
        self._vitals = vitals
        self._set_state = set_state
        self._note = note
        self._registered = asyncio.Event()
        self.halted = asyncio.Event()  # no network, or paused by hand: nothing more is to be sent
        self.last: Registration | None = None

    @property
    def usable(self) -> bool:
        """The line is in a network that takes messages."""
        return self._registered.is_set()

    def seen(self, registration: Registration) -> None:
        """The modem told its registration, asked or not."""
        before, self.last = self.last, registration
        if registration.usable:
            self._registered.set()
            self._vitals.unregistered_since = None
        else:
            self._registered.clear()
            if self._vitals.unregistered_since is None:
                self._vitals.unregistered_since = time.monotonic()
        self.switched()
        if before is not None and before.stat != registration.stat:
            self._note(EventKind.LINE_REGISTRATION, modem=self._settings.name, text=registration.text)

    def switched(self) -> None:
        """Halt, or go."""
        if self._registered.is_set() and self._vitals.switch.paused_by is None:
            self.halted.clear()
        else:
            self.halted.set()

    async def ask(self) -> None:
        """Ask the modem."""
        self.seen(await self._driver.registration())

    async def until_may_send(self) -> None:
        """Until there is a network and the operator lets the line send. Climbs where there is none for too long."""
        switch = self._vitals.switch
        while self.halted.is_set():
            if switch.paused_by is not None:
                self._set_state(LineState.PAUSED, f"Paused by {switch.paused_by}.")
                await switch.rest(None)
                self.switched()
                continue
            text = self.last.text if self.last else "unknown"
            self._set_state(LineState.SEARCHING, f"Network: {text}.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s()):
                    await self._registered.wait()
                    continue
            async with self._turn:
                await self.ask()
            self._check(text)

    def _pause_s(self) -> float:
        timing = self._settings.timing
        since = self._vitals.unregistered_since
        soon = since is not None and time.monotonic() - since < timing.registration_soon_for_s
        return min(timing.registration_soon_s, timing.registration_s) if soon else timing.registration_s

    def _check(self, text: str) -> None:
        since, now = self._vitals.unregistered_since, time.monotonic()
        limit = self._settings.registration_limit_s
        if since is None or now - since < limit:
            return
        self._vitals.unregistered_since = now
        reason = f"No network for {limit:g} s: {text}."
        self._note(EventKind.LINE_NO_NETWORK, modem=self._settings.name, reason=reason)
        # another port does not help, and a line in quarantine would not see the network come back
        without = (Rung.OTHER_PORT,)
        if self._vitals.ladder.find(now, at_least=Rung.RADIO, without=without) is not Rung.QUARANTINE:
            raise Climb(Rung.RADIO, reason, without=without)
        log.warning("%s: %s", self._settings.name, reason)
