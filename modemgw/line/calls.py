"""Calls that come in on one line: rings that belong together are one call, noted once, refused where that is wished.

Never answers one. The commands are the driver's; they wait for their turn, so that no send is disturbed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from modemgw.domain.events import EventKind
from modemgw.errors import ModemgwError
from modemgw.line.telling import Note
from modemgw.line.timing import Timing
from modemgw.modem.dialogue.driver import CallEnded, Driver, IncomingCall

log = logging.getLogger(__name__)

CallsMode = Literal["log", "reject", "leave"]

#: Ways to hang up that are tried on one call.
TRIES = 3


@dataclass(slots=True, eq=False)
class _Call:
    number: str | None = None
    told: bool = False  # the number is known, or known to be withheld
    noted: bool = False
    rejecting: bool = False
    rejected: bool | None = None  # None: not tried, or not known yet
    tried: int = 0
    over: bool = False


class CallWatch:
    """Fed with the driver's events. `close` at the end of the line's spell."""

    def __init__(
        self,
        name: str,
        mode: CallsMode,
        errand: Callable[[Callable[[Driver], Awaitable[None]]], Awaitable[None]],
        note: Note,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing if timing is not None else Timing()
        self._name = name
        self._mode = mode
        self._errand = errand
        self._note = note
        self._call: _Call | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def on_event(self, event: object) -> bool:
        """Take an event of the driver; False if it is not about calls."""
        if isinstance(event, IncomingCall):
            if self._mode != "leave":
                self._rings(event)
        elif isinstance(event, CallEnded):
            self._ended()
        else:
            return False
        return True

    def close(self) -> None:
        """No more is heard of the modem."""
        self._ended()
        for task in self._tasks:
            task.cancel()

    def _rings(self, event: IncomingCall) -> None:
        call, again = self._call, not event.told
        if call is None:
            call, again = _Call(), False
            self._call = call
            log.info("%s: a call comes in", self._name)
            self._after("number", self._timing.call_number_s, self._note_call, call)
        if event.told and not call.told:
            call.number, call.told = event.number, True
        self._after("silence", self._timing.call_silence_s, self._ended)
        if self._mode == "log":
            if call.told:
                self._note_call(call)
        elif call.rejecting:
            pass
        elif call.tried == 0:
            if call.told:
                self._reject(call)
            elif "reject" not in self._timers:
                self._after("reject", self._timing.call_before_reject_s, self._reject, call)
        elif again and call.tried < TRIES:
            self._reject(call)  # the way that was tried has not helped

    def _ended(self) -> None:
        call, self._call = self._call, None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if call is not None:
            call.over = True
            if call.tried and call.rejected is None and not call.rejecting:
                call.rejected = True  # it was hung up, and has not rung since
            if not call.rejecting:
                self._write(call)

    def _note_call(self, call: _Call) -> None:
        """The time for the number is up, or it is there. A call that is being refused is noted with the outcome."""
        if self._mode == "log":
            self._write(call)

    def _write(self, call: _Call) -> None:
        if not call.noted:
            call.noted = True
            self._note(EventKind.CALL_INCOMING, modem=self._name, number=call.number, rejected=bool(call.rejected))

    # -- refusing -----------------------------------------------------------------------------------------

    def _reject(self, call: _Call) -> None:
        if call.over or call.rejecting:
            return
        call.rejecting = True
        task = asyncio.ensure_future(self._hang_up(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hang_up(self, call: _Call) -> None:
        async def work(driver: Driver) -> None:
            while not call.over and call.tried < TRIES:
                tried, call.tried = call.tried, call.tried + 1
                await driver.talk.hang_up(tried)
                rings = await self._still_rings(driver, call)
                if rings is not True:
                    call.rejected = True if rings is False else None
                    return
            if call.tried:
                call.rejected = False

        try:
            await self._errand(work)
        except ModemgwError as error:
            log.warning("%s: a call could not be refused: %s", self._name, error)
            call.rejected = False
        finally:
            call.rejecting = False
            if call.over and call.tried and call.rejected is None:
                call.rejected = True  # it ended while it was hung up
            if call.over or call.rejected is not None:
                self._write(call)

    async def _still_rings(self, driver: Driver, call: _Call) -> bool | None:
        """Whether a hang-up has not helped; the network takes a moment. None where the modem does not tell."""
        limit = asyncio.get_running_loop().time() + self._timing.call_release_s
        while True:
            rings = await driver.talk.ringing()
            if rings is not True or call.over:
                return rings if not call.over else None
            if asyncio.get_running_loop().time() > limit:
                return True
            await asyncio.sleep(self._timing.call_release_s / 8)

    def _after(self, name: str, seconds: float, work: Callable[..., None], *args: object) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, work, *args)
