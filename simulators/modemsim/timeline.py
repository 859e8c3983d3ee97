"""The simulator's only notion of time: a heap of things to do at given moments.

Owns no clock: `now` is passed in, or asked for by what the timeline was made with.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any


class Timer:
    """One thing to do later; `cancel()` makes it a no-op."""

    __slots__ = ("args", "call", "when")

    def __init__(self, when: float, call: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.when = when
        self.call: Callable[..., Any] | None = call
        self.args = args

    def cancel(self) -> None:
        """Never call it; calling this twice, or after it ran, is harmless."""
        self.call = None
        self.args = ()


class Timeline:
    """Monotonic seconds for what happens next, and a wall clock (Unix seconds) for time stamps.

    All that is scheduled for one moment runs in the order in which it was scheduled. With a `clock`, what is done
    between two runs (a person injects a text, pulls a plug) happens at the time it says, not at that of the last run.
    """

    def __init__(
        self, now: float = 0.0, wall: float = 1_750_000_000.0, clock: Callable[[], float] | None = None
    ) -> None:
        self.now = now
        self._clock = clock
        self._running = False
        self._wall_offset = wall - now
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0

    def wall(self) -> float:
        """The wall clock, in Unix seconds."""
        self._look()
        return self.now + self._wall_offset

    def set_wall(self, wall: float) -> None:
        """Step the wall clock; what is scheduled is not moved."""
        self._look()
        self._wall_offset = wall - self.now

    def after(self, seconds: float, call: Callable[..., Any], *args: Any) -> Timer:
        """Call `call(*args)` `seconds` from now, at the next `run` at the earliest."""
        self._look()
        timer = Timer(self.now + max(0.0, seconds), call, args)
        self._serial += 1
        heapq.heappush(self._heap, (timer.when, self._serial, timer))
        return timer

    def next_deadline(self) -> float | None:
        """The moment of the next thing to do, or None."""
        heap = self._heap
        while heap and heap[0][2].call is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def advance(self, now: float) -> None:
        """Take `now` as the present; time never goes back."""
        if now > self.now:
            self.now = now

    def _look(self) -> None:
        if self._clock is not None and not self._running:
            self.advance(self._clock())

    def run(self, now: float) -> None:
        """Do all that is due by `now`, each at its own moment."""
        heap = self._heap
        was, self._running = self._running, True
        try:
            while heap and heap[0][0] <= now:
                when, _, timer = heapq.heappop(heap)
                call, args = timer.call, timer.args
                if call is None:
                    continue
                timer.cancel()
                if when > self.now:
                    self.now = when
                call(*args)
        finally:
            self._running = was
        self.advance(now)
