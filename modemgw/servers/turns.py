"""Who is served when in the event loop, so that a burst at a front door leaves modems and everybody else their turn.

One process serves everything: in each turn of its loop it reads modems, answers clients and goes on with commits. What
clients send is therefore taken a little at a time. In one turn of the loop KNOWN pieces are taken from connections that
have shown right credentials, and STRANGERS from all others; the rest waits in line, each account and each address in
its turn, and meanwhile no more is read from it. Nobody loses throughput by this while there is time: the next turn
comes at once.

What strangers send must be looked at before anybody can be asked for credentials, and looking takes time: after it they
wait for REST times what it took, so that all of them together get a part of the machine. Whose piece proves to be a
client's pays nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary

#: Pieces that are taken in one turn of the loop, and connections that are let in.
KNOWN, STRANGERS, NEWCOMERS = 8, 2, 2

#: How many times as long as they were looked at strangers wait, and the longest that they do.
REST, LONGEST_REST_S = 2, 2.0

#: What a piece leads to is done in the turn after it, or one more: then it shows whose it was.
LOOK_BACK = 3


class Visitor(Protocol):
    """Whose turn it is: a connection."""

    @property
    def lane(self) -> str:
        """Whom it shares its turns with: an address, or an account."""
        ...

    @property
    def trusted(self) -> bool: ...


class _Line:
    """What waits; each lane gets its turn, however many wait in another."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[str, deque[tuple[Visitor, Callable[[], None]]]] = OrderedDict()

    def add(self, visitor: Visitor, go: Callable[[], None]) -> None:
        self._lanes.setdefault(visitor.lane, deque()).append((visitor, go))

    def pop(self) -> tuple[Visitor, Callable[[], None]]:
        name, lane = next(iter(self._lanes.items()))
        first = lane.popleft()
        if lane:
            self._lanes.move_to_end(name)
        else:
            del self._lanes[name]
        return first

    def __bool__(self) -> bool:
        return bool(self._lanes)


@dataclass(slots=True)
class _Served:
    """The strangers that were served in one turn, and what that has cost."""

    visitors: list[Visitor] = field(default_factory=list)
    cost_s: float = 0.0


class Turns:
    """The line before the front doors of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, cpu: Callable[[], float] = time.thread_time) -> None:
        """`cpu` is the time that this thread has been computing, in seconds."""
        self._loop = loop
        self._cpu = cpu
        self._known_left, self._strangers_left, self._newcomers_left = KNOWN, STRANGERS, NEWCOMERS
        self._known_line, self._stranger_line = _Line(), _Line()
        self._doors: deque[asyncio.Future[None]] = deque()
        self._served: deque[_Served] = deque([_Served()], LOOK_BACK)  # by turn, this one first
        self._measured = 0.0
        self._open_at = 0.0  # before this no stranger is served, by the loop's clock
        self._ticking = False
        self._timer: asyncio.TimerHandle | None = None

    def take(self, visitor: Visitor) -> bool:
        """True if a piece of the visitor's may be looked at now; else it must `wait`."""
        if visitor.trusted:
            if self._known_left <= 0 or self._known_line:
                return False
            self._known_left -= 1
        else:
            if self._strangers_left <= 0 or self._stranger_line or self._loop.time() < self._open_at:
                return False
            self._serve_stranger(visitor)
        self._tick()
        return True

    def wait(self, visitor: Visitor, go: Callable[[], None]) -> None:
        """Have `go` called when it is the visitor's turn."""
        (self._known_line if visitor.trusted else self._stranger_line).add(visitor, go)
        self._tick()

    async def turn(self, visitor: Visitor) -> None:
        """Return when it is the visitor's turn."""
        if self.take(visitor):
            return
        mine: asyncio.Future[None] = self._loop.create_future()
        self.wait(visitor, lambda: None if mine.done() else mine.set_result(None))
        await mine

    async def newcomer(self) -> None:
        """Return when a door may let the next one in. This waits for no debts: who it is nobody knows yet."""
        if self._newcomers_left > 0 and not self._doors:
            self._newcomers_left -= 1
            self._tick()
            return
        mine: asyncio.Future[None] = self._loop.create_future()
        self._doors.append(mine)
        self._tick()
        await mine

    def charge(self, cpu_s: float) -> None:
        """Strangers have cost so much."""
        now = self._loop.time()
        self._open_at = min(max(self._open_at, now) + cpu_s * REST, now + LONGEST_REST_S)

    def _serve_stranger(self, visitor: Visitor) -> None:
        self._strangers_left -= 1
        self._served[0].visitors.append(visitor)

    def _tick(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._measured = self._cpu()
            self._loop.call_soon(self._next)

    def _next(self) -> None:
        """A turn of the loop is over: a new share for everybody, and those who wait come first."""
        cpu = self._cpu()
        took, self._measured = cpu - self._measured, cpu
        for turn in list(self._served)[:2]:  # its own, and the one in which it was answered
            turn.cost_s = max(turn.cost_s, took)
        if len(self._served) == LOOK_BACK and any(not visitor.trusted for visitor in self._served[-1].visitors):
            self.charge(self._served[-1].cost_s)
        self._served.appendleft(_Served())
        self._known_left, self._strangers_left, self._newcomers_left = KNOWN, STRANGERS, NEWCOMERS
        while self._doors and self._newcomers_left > 0:
            door = self._doors.popleft()
            if not door.done():
                self._newcomers_left -= 1
                door.set_result(None)
        while self._known_line and self._known_left > 0:
            self._known_left -= 1
            self._known_line.pop()[1]()
        now = self._loop.time()
        while self._stranger_line and self._strangers_left > 0 and now >= self._open_at:
            visitor, go = self._stranger_line.pop()
            self._serve_stranger(visitor)
            go()
        open_line = self._stranger_line and now >= self._open_at
        if self._known_line or self._doors or open_line or any(turn.visitors for turn in self._served):
            self._loop.call_soon(self._next)
            return
        # the loop may sleep: what is done meanwhile is not theirs
        self._ticking = False
        if self._stranger_line and self._timer is None:
            self._timer = self._loop.call_at(self._open_at, self._reopen)

    def _reopen(self) -> None:
        self._timer = None
        self._tick()


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """The line of the running loop: all front doors share it, as they share the loop."""
    loop = asyncio.get_running_loop()
    found = _of_loop.get(loop)
    if found is None:
        found = _of_loop[loop] = Turns(loop)
    return found
