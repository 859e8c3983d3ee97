"""What happens by the clock: due messages become ready, old ones expire, doubts end, partial messages are shown.

One task, asleep until the next of these is due; nothing polls the store.
"""

from __future__ import annotations

import asyncio
import logging

from modemgw.errors import ModemgwError
from modemgw.service.dispatch import Dispatcher
from modemgw.service.ports import Clock
from modemgw.store.repository import Repository

log = logging.getLogger(__name__)

#: Looks again after this long at the latest: bounds what a clock that was set can do.
LONGEST_SLEEP_MS = 30_000

#: Records of dialects that have expired are not shown any more; they are removed this often.
PURGE_EVERY_MS = 300_000

#: After a write that failed.
RETRY_MS = 2_000

_NEVER = 1 << 62


class Timers:
    """Run `run` as a task; `wake_by` tells of something due sooner than it knows."""

    def __init__(self, repository: Repository, dispatcher: Dispatcher, clock: Clock, *, partial_after_ms: int) -> None:
        self._repository = repository
        self._dispatcher = dispatcher
        self._clock = clock
        self._partial_after_ms = partial_after_ms
        self._sooner = asyncio.Event()
        self._wanted = _NEVER
        self._purged = 0

    def wake_by(self, at: int) -> None:
        """Something is durable that is due at `at` (Unix ms)."""
        if at < self._wanted:
            self._wanted = at
            self._sooner.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.tick()
                target = await self._next()
            except ModemgwError as error:
                log.warning("%s", error)
                target = self._clock() + RETRY_MS
            await self._sleep_until(target)

    async def tick(self) -> None:
        """Do all that is due now."""
        now = self._clock()
        due, expiry, doubt, partial, settled = await self._repository.next_times()
        while expiry is not None and expiry <= now and await self._repository.expire():
            pass
        if due is not None and due <= now:
            while ready := await self._repository.promote():
                for message_id, priority, line in ready:
                    self._dispatcher.offer(message_id, priority, line)
        if doubt is not None and doubt <= now and await self._repository.settle_doubt():
            self._dispatcher.refresh()
        overdue = partial is not None and partial + self._partial_after_ms <= now
        if overdue or (settled is not None and settled <= now):
            await self._repository.show_partials(now - self._partial_after_ms)
        if abs(now - self._purged) >= PURGE_EVERY_MS:
            self._purged = now
            while await self._repository.any_expired_record(now) and await self._repository.purge_records():
                pass

    async def _next(self) -> int:
        now = self._clock()
        due, expiry, doubt, partial, settled = await self._repository.next_times()
        times = [t for t in (due, expiry, doubt, settled) if t is not None]
        if partial is not None:
            times.append(partial + self._partial_after_ms)
        return min([now + LONGEST_SLEEP_MS, *(max(t, now + 20) for t in times)])

    async def _sleep_until(self, target: int) -> None:
        while (wait := min(target, self._wanted) - self._clock()) > 0:
            self._sooner.clear()
            try:
                async with asyncio.timeout(min(wait, LONGEST_SLEEP_MS) / 1000):
                    await self._sooner.wait()
            except TimeoutError:
                break
        self._wanted = _NEVER
