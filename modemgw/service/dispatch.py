"""Which message a ready line sends next: by priority, then by age, those that ask for the line among them.

Keeps a short window of the queue's head in memory, so that the next message is at hand without a look into the
store, and a queue of a million costs what an empty one costs. The store stays the truth: what is taken from the
window is checked when its attempt is journalled.
"""

from __future__ import annotations

import asyncio
import heapq
import logging

from modemgw.domain.job import Job
from modemgw.service.ports import Repository

log = logging.getLogger(__name__)

#: Heads kept in memory for each selector; refilled when half are gone.
WINDOW = 64

_Entry = tuple[int, int]  # (-priority, id): the order of the queue


class _Window:
    """The head of the queue of one selector (a line's name, or empty for "any line").

    Every ready message up to `end` is in the heap; `end` None: every one there is. Those behind it are in the
    store only, and `more` says that a refill would find some. None of this holds while it is `stale`, before the
    first look into the store and when something has changed there: then it is refilled before the next is taken.
    """

    def __init__(self) -> None:
        self.heap: list[_Entry] = []
        self.jobs: dict[int, Job | None] = {}  # None: to be read from the store
        self.end: _Entry | None = None
        self.more = True
        self.stale = True
        self.refilling: asyncio.Task[None] | None = None
        self.touched: set[int] = set()  # taken while a refill reads the store: what it read of them is old

    def add(self, entry: _Entry, job: Job | None) -> None:
        if self.refilling is None and (self.stale or (self.end is not None and entry > self.end)):
            self.more = True
        elif entry[1] not in self.jobs:
            self.jobs[entry[1]] = job
            heapq.heappush(self.heap, entry)
            if len(self.heap) > 4 * WINDOW and self.refilling is None:
                head = heapq.nsmallest(WINDOW, self.heap)
                self.keep(head, head[-1])

    def keep(self, head: list[_Entry], end: _Entry) -> None:
        """Let go of everything behind `head` (sorted), which has all up to `end`; the store has the rest."""
        self.heap = head
        self.jobs = {message_id: self.jobs.get(message_id) for _, message_id in head}
        self.end = end
        self.more = True

    def pop(self) -> tuple[int, Job | None]:
        message_id = heapq.heappop(self.heap)[1]
        return message_id, self.jobs.pop(message_id)


class Dispatcher:
    """Hands messages to lines. `offer` tells of a new one; `take` waits for the next."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._windows: dict[str, _Window] = {"": _Window()}
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._taken: set[int] = set()  # with a line now: not to be given to another
        self._again: dict[int, tuple[int, str]] = {}  # became ready while taken

    def offer(self, message_id: int, priority: int, line: str, job: Job | None = None) -> None:
        """A message is ready to be sent. Cheap: called for every accepted message. `job` saves a look into the
        store; what has changed since it was made is found when the attempt is journalled."""
        if message_id in self._taken:
            self._again[message_id] = (priority, line)
            return
        window = self._windows.get(line)
        if window is not None:  # else no such line is up, and the store keeps it until one is
            window.add((-priority, message_id), job)
            self._wake(line)

    def refresh(self) -> None:
        """Something in the queue changed in a way that `offer` did not tell: look again."""
        for line, window in self._windows.items():
            window.more = window.stale = True
            self._wake(line)

    def withhold(self, message_id: int) -> bool:
        """Give the message to no line until `release`, and forget what is known of it; False if a line has it."""
        if message_id in self._taken:
            return False
        self._taken.add(message_id)
        for window in self._windows.values():
            if message_id in window.jobs:
                window.jobs[message_id] = None
            if window.refilling is not None:
                window.touched.add(message_id)
        return True

    async def take(self, line: str) -> Job:
        """The next message for `line`; waits until there is one. Give it back with `release`."""
        self._windows.setdefault(line, _Window())
        while True:
            for selector in ("", line):
                window = self._windows[selector]
                low = window.more and len(window.heap) <= WINDOW // 2
                if low or window.stale or window.refilling is not None:
                    await self._refill(selector, window)
            head = self._pop(line)
            if head is None:
                if not any(self._windows[selector].more for selector in ("", line)):
                    await self._wait(line)
                continue
            message_id, job = head
            self._taken.add(message_id)
            for window in self._windows.values():
                if window.refilling is not None:
                    window.touched.add(message_id)
            if job is not None:
                return job
            try:
                job = await self._repository.job(message_id)
            except BaseException:
                self._taken.discard(message_id)
                self.refresh()
                raise
            if job is not None and job.line in ("", line) and job.queued:
                return job
            self.release(message_id)
            if job is not None and job.queued:
                self.offer(message_id, job.priority, job.line, job)  # it belongs to another line by now

    def release(self, message_id: int) -> None:
        """The line is through with the message, however it ended."""
        self._taken.discard(message_id)
        again = self._again.pop(message_id, None)
        if again is not None:
            self.offer(message_id, *again)

    def _pop(self, line: str) -> tuple[int, Job | None] | None:
        any_window, own = self._windows[""], self._windows[line]
        while any_window.heap or own.heap:
            if not own.heap or (any_window.heap and any_window.heap[0] < own.heap[0]):
                head = any_window.pop()
            else:
                head = own.pop()
            if head[0] not in self._taken:
                return head
        return None

    async def _refill(self, selector: str, window: _Window) -> None:
        if window.refilling is None:
            window.refilling = asyncio.ensure_future(self._fill(selector, window))
        await asyncio.shield(window.refilling)

    async def _fill(self, selector: str, window: _Window) -> None:
        window.more = window.stale = False  # a refresh from here on sets them again
        window.touched = set(self._taken)
        limit = WINDOW + len(self._taken)
        try:
            jobs = await self._repository.claim(selector, limit)
            for job in jobs:
                if job.id not in window.touched:
                    window.add((-job.priority, job.id), job)
            window.end = None
            if len(jobs) == limit:
                end = (-jobs[-1].priority, jobs[-1].id)
                window.keep(sorted(entry for entry in window.heap if entry <= end), end)
        except BaseException:
            window.more = window.stale = True
            raise
        finally:
            window.refilling = None
            window.touched = set()

    async def _wait(self, line: str) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(line, [])
        waiters.append(waiter)
        try:
            await waiter
        finally:
            if waiter in waiters:
                waiters.remove(waiter)

    def _wake(self, selector: str) -> None:
        """Wake those that may take from `selector`: one is not enough, the woken one may be about to leave."""
        for line in [selector] if selector else list(self._waiters):
            for waiter in self._waiters.get(line, ()):
                if not waiter.done():
                    waiter.set_result(None)
