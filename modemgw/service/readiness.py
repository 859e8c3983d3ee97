"""What waits, counted for /health/ready: the answer comes within ANSWER_S, whatever the disk does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modemgw.domain.refusal import StoreUnavailable
from modemgw.service.callbacks import Callbacks
from modemgw.store.repository import Outbox

#: A health call is answered after it, with the counts of the last one if there are no new ones yet.
ANSWER_S = 1.0

#: A count that takes longer says that the database cannot be read.
BEHIND_S = 5.0


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits; `queued` is None where the store could not be read."""

    queued: int | None = None
    held: Mapping[str, int] = field(default_factory=dict)
    callbacks: Mapping[str, int] = field(default_factory=dict)


class Readiness:
    """At most one count is under way, however many ask: on a disk that hangs they do not take up the readers."""

    def __init__(
        self, repository: Outbox, callbacks: Callbacks, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._repository = repository
        self._callbacks = callbacks
        self._monotonic = monotonic
        self._task: asyncio.Task[Counts] | None = None
        self._since = 0.0
        self._last = Counts()

    async def counts(self) -> tuple[Counts, str | None]:
        """What waits, and why the store cannot be read or written now; None: it can."""
        problem = self._repository.problem
        if self._task is None:
            self._since = self._monotonic()
            self._task = asyncio.ensure_future(self._count())
        task = self._task
        await asyncio.wait({task}, timeout=ANSWER_S)
        if not task.done():
            waited_s = self._monotonic() - self._since
            if waited_s > BEHIND_S:
                problem = problem or f"The disk does not answer: the database has not been read for {waited_s:.0f} s."
            return self._last, problem
        if self._task is task:
            self._task = None
        try:
            self._last = task.result()
        except StoreUnavailable as error:
            self._last = Counts()
            problem = problem or str(error)
        return self._last, problem

    async def _count(self) -> Counts:
        queued = await self._repository.queued_count()
        held = {str(hold): count for hold, count in (await self._repository.holds()).items()}
        return Counts(queued, held, await self._callbacks.counts())
