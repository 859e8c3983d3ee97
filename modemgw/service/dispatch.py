"""Which message a ready line sends next: by priority, then by age, of the lanes that it may take from now.

A lane is the queue of a route (rules/routing.py), or of one line by its name. Keeps a short window of each lane's head
in memory, so that the next message is at hand without a look into the store, and a queue of a million costs what an
empty one costs. The store stays the truth: what is taken from a window is checked when its attempt is journalled.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from typing import Protocol

from modemgw.domain.job import Job
from modemgw.rules.routing import Claim
from modemgw.service.ports import Clock
from modemgw.store.repository import Outbox

log = logging.getLogger(__name__)

#: Heads kept in memory for each lane; refilled when half are gone.
WINDOW = 64

_Entry = tuple[int, int]  # (-priority, id): the order of the queue

_NOBODY: frozenset[str] = frozenset()


class Lanes(Protocol):
    """What a line may take from now, and who of several takes a message. See service/routing.py."""

    def claims(self, line: str) -> Sequence[Claim]: ...

    def yields(self, line: str, claim: Claim, job: Job | None, idle: Counter[str], failed: Set[str]) -> str | None:
        """The line that should rather take it: one that waits for a message now, or that the recipient knows, and that
        has not failed the message."""
        ...


class OneLane:
    """No routes: every line takes from the one lane that there is, whoever comes first."""

    def claims(self, line: str) -> Sequence[Claim]:
        return (Claim("", 0, (line,)),)

    def yields(self, line: str, claim: Claim, job: Job | None, idle: Counter[str], failed: Set[str]) -> str | None:
        return None


class _Window:
    """The head of one lane.

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
        elif job is not None:
            self.jobs[entry[1]] = job

    @property
    def hungry(self) -> bool:
        """A look into the store may find more to choose from."""
        return self.stale or (self.more and len(self.heap) <= WINDOW // 2)

    def keep(self, head: list[_Entry], end: _Entry) -> None:
        """Let go of everything behind `head` (sorted), which has all up to `end`; the store has the rest."""
        self.heap = head
        self.jobs = {message_id: self.jobs.get(message_id) for _, message_id in head}
        self.end = end
        self.more = True

    def remove(self, entry: _Entry) -> Job | None:
        if self.heap[0] == entry:
            heapq.heappop(self.heap)
        else:
            self.heap.remove(entry)
            heapq.heapify(self.heap)
        return self.jobs.pop(entry[1])

    def in_order(self) -> Iterator[_Entry]:
        """The entries, the first one without sorting."""
        if self.heap:
            yield self.heap[0]
            yield from sorted(self.heap)[1:]


class Dispatcher:
    """Hands messages to lines. `offer` tells of a new one; `take` waits for the next."""

    def __init__(self, repository: Outbox, lanes: Lanes | None = None, clock: Clock = lambda: 0) -> None:
        """Without `lanes` there is one for all lines. `clock` is asked of lanes that let messages wait."""
        self._repository = repository
        self._lanes = lanes or OneLane()
        self._clock = clock
        self._windows: dict[str, _Window] = {"": _Window()}
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._serving: dict[str, set[str]] = {}  # the lanes that each line has a window for: who is woken by what
        self._idle: Counter[str] = Counter()  # lines that wait for a message, and how many each can take
        self._yielded: dict[str, set[str]] = {}  # by who should rather take: those that look again when it is done
        self._taken: set[int] = set()  # with a line now: not to be given to another
        self._again: dict[int, tuple[int, str]] = {}  # became ready while taken
        self._failed: dict[int, set[str]] = {}  # lines that could not send a message, while it waits for another one

    def offer(self, message_id: int, priority: int, lane: str, job: Job | None = None) -> None:
        """A message is ready to be sent. Cheap: called for every accepted message. `job` saves a look into the
        store; what has changed since it was made is found when the attempt is journalled."""
        if message_id in self._taken:
            self._again[message_id] = (priority, lane)
            return
        window = self._windows.get(lane)
        if window is not None:  # else no line may take from it, and the store keeps it until one may
            window.add((-priority, message_id), job)
            self._wake(lane)

    def refresh(self) -> None:
        """Something in the queue changed in a way that `offer` did not tell: look again."""
        for window in self._windows.values():
            window.more = window.stale = True
        self.reconsider()

    def forget(self) -> None:
        """Of all messages at hand something has changed in the store: read them anew."""
        for window in self._windows.values():
            window.jobs = dict.fromkeys(window.jobs)
        self.refresh()

    def reconsider(self) -> None:
        """Which lines may take from which lanes has changed: those that wait look again."""
        for line in list(self._waiters):
            self._rouse(line)

    def failed(self, message_id: int, line: str) -> frozenset[str]:
        """A line could not send a message, which may go another way now; all lines of which that is known."""
        lines = self._failed.setdefault(message_id, set())
        lines.add(line)
        return frozenset(lines)

    def settled(self, message_id: int) -> None:
        """Nothing of a message waits any more, or its next try is a new one."""
        self._failed.pop(message_id, None)

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
        self._idle[line] += 1
        try:
            while True:
                claims = (*self._lanes.claims(line), Claim(line, 0, (line,)))
                await self._fill_windows(line, claims)
                found, due = self._next(line, claims)
                if found is None:
                    if not any(self._windows[claim.lane].hungry for claim in claims):
                        await self._wait(line, due)
                    continue
                job = await self._taking(line, *found)
                if job is not None:
                    return job
        finally:
            self._idle[line] -= 1
            for other in self._yielded.pop(line, ()):
                self._rouse(other)

    async def _taking(self, line: str, window: _Window, entry: _Entry) -> Job | None:
        """Take an entry out of its window; None if the store says that there is nothing in it for this line."""
        message_id, job = entry[1], window.remove(entry)
        self._taken.add(message_id)
        for other in self._windows.values():
            if other.refilling is not None:
                other.touched.add(message_id)
        if job is not None:
            return job
        try:
            job = await self._repository.job(message_id)
        except BaseException:
            self._taken.discard(message_id)
            self.refresh()
            raise
        if job is not None and job.queued and self._may(line, job.line):
            return job
        self.release(message_id)
        if job is not None and job.queued:
            self.offer(message_id, job.priority, job.line, job)  # it belongs to another lane by now
        return None

    def _may(self, line: str, lane: str) -> bool:
        return lane == line or any(claim.lane == lane for claim in self._lanes.claims(line))

    def release(self, message_id: int) -> None:
        """The line is through with the message, however it ended."""
        self._taken.discard(message_id)
        again = self._again.pop(message_id, None)
        if again is not None:
            self.offer(message_id, *again)

    def _next(self, line: str, claims: Sequence[Claim]) -> tuple[tuple[_Window, _Entry] | None, int | None]:
        """The first entry of all windows that the line may take now; else when one that waits may be taken."""
        best: tuple[_Entry, _Window] | None = None
        due: int | None = None
        for claim in claims:
            window = self._windows[claim.lane]
            common: tuple[str | None] | None = None  # who should rather take any that no line has failed
            for entry in window.in_order():
                if best is not None and entry > best[0]:
                    break
                job = window.jobs[entry[1]]
                failed = self._failed.get(entry[1], _NOBODY)
                if entry[1] in self._taken or line in failed:
                    continue
                if claim.wait_ms:
                    if job is None:  # how long it has waited is in the store
                        window.stale = True
                        continue
                    at = _accepted_at(job) + claim.wait_ms
                    if at > self._clock():
                        due = at if due is None else min(due, at)
                        continue
                if claim.sticky or failed:
                    rather = self._lanes.yields(line, claim, job, self._idle, failed)
                elif common is not None:
                    (rather,) = common
                else:
                    rather = self._lanes.yields(line, claim, None, self._idle, _NOBODY)
                    common = (rather,)
                if rather is not None:
                    self._yielded.setdefault(rather, set()).add(line)
                    self._rouse(rather)
                    if claim.sticky or claim.wait_ms or self._failed:
                        continue
                    break  # that goes for all the others as well
                best = (entry, window)
                break
        return (None if best is None else (best[1], best[0])), due

    async def _fill_windows(self, line: str, claims: Sequence[Claim]) -> None:
        lanes = {claim.lane for claim in claims}
        if self._serving.get(line) != lanes:
            self._serving[line] = lanes
            for lane in lanes:
                self._windows.setdefault(lane, _Window())
        for lane in lanes:
            window = self._windows[lane]
            self._forget_taken(window)
            if window.hungry or window.refilling is not None:
                await self._refill(lane, window)

    def _forget_taken(self, window: _Window) -> None:
        """Entries at the head that another window's claim, or a withdrawal, has taken are in nobody's way."""
        while window.heap and window.heap[0][1] in self._taken:
            window.jobs.pop(heapq.heappop(window.heap)[1], None)

    async def _refill(self, lane: str, window: _Window) -> None:
        if window.refilling is None:
            window.refilling = asyncio.ensure_future(self._fill(lane, window))
        await asyncio.shield(window.refilling)

    async def _fill(self, lane: str, window: _Window) -> None:
        window.more = window.stale = False  # a refresh from here on sets them again
        window.touched = set(self._taken)
        limit = WINDOW + len(self._taken)
        try:
            jobs = await self._repository.claim(lane, limit)
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

    async def _wait(self, line: str, due: int | None) -> None:
        """Until something is offered, or until `due` (Unix ms): then a message has waited long enough for this line."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(line, [])
        waiters.append(waiter)
        try:
            if due is None:
                await waiter
            else:
                await asyncio.wait((waiter,), timeout=max(0.001, (due - self._clock()) / 1000))
        finally:
            if waiter in waiters:
                waiters.remove(waiter)

    def _wake(self, lane: str) -> None:
        """Wake those that may take from a lane: one is not enough, the woken one may be about to leave."""
        for line in list(self._waiters):
            if lane in self._serving.get(line, ()):
                self._rouse(line)

    def _rouse(self, line: str) -> None:
        for waiter in self._waiters.get(line, ()):
            if not waiter.done():
                waiter.set_result(None)


def _accepted_at(job: Job) -> int:
    """When a message began to wait, Unix ms: its acceptance, or the time that it was to be sent at."""
    return job.expires_at - job.validity_s * 1000
