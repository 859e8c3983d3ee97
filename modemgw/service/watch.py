"""What nobody else would notice in time: a file of the database is gone, the disk hangs, the wall clock was set."""

from __future__ import annotations

import asyncio
import logging

from modemgw.clock import ServiceClock, boot_id
from modemgw.domain.refusal import StoreUnavailable
from modemgw.service.dispatch import Dispatcher
from modemgw.service.timers import Timers
from modemgw.store.database import Store
from modemgw.store.deadlines import TOLD_MS
from modemgw.store.repository import Repository

log = logging.getLogger(__name__)

#: How often the clock and the files are looked after; COMMITs and health calls see to the files too.
INSPECT_S = 1.0


class Watch:
    """Run `run` as a task."""

    def __init__(
        self, store: Store, repository: Repository, dispatcher: Dispatcher, timers: Timers, clock: ServiceClock
    ) -> None:
        self._store = store
        self._repository = repository
        self._dispatcher = dispatcher
        self._timers = timers
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._store.inspect()
            if jump_ms := self._clock.jump():
                await self._follow_clock(jump_ms)
            await asyncio.sleep(INSPECT_S)

    async def _follow_clock(self, jump_ms: int) -> None:
        """Move the deadlines along; later, if the store cannot now."""
        followed = False

        def follow(by_ms: int) -> None:
            nonlocal followed
            followed = True
            self._clock.follow(by_ms)

        try:
            await self._repository.move_deadlines(jump_ms, boot_id(), self._clock.offset_ms + jump_ms, follow)
        except StoreUnavailable:
            if followed:
                self._clock.follow(-jump_ms)
            return
        if abs(jump_ms) >= TOLD_MS:
            tell_jump(jump_ms)
        self._dispatcher.forget()
        self._timers.wake_by(self._clock())


def tell_jump(jump_ms: int) -> None:
    """Log by how much the clock was set."""
    log.warning(
        "The clock was set %s by %s s. What waits goes on waiting for as long as it would have.",
        "ahead" if jump_ms > 0 else "back",
        f"{abs(jump_ms) / 1000:.0f}",
    )
