"""The recovery ladder of a line (quirks 2.2): which rung comes next, and how often each may be used.

Decides; does nothing. Gentle rungs first, each with a budget an hour; a rung that did not help for long is
followed by the next one. Time is passed in.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import IntEnum


class Rung(IntEnum):
    """What can be tried, gentle first."""

    RESYNC = 1  # ESC, CR, drain, AT
    REOPEN = 2  # close and open the port, DTR toggled, set up anew
    REINIT = 3  # the profile's reset commands and a full set-up
    RADIO = 4  # AT+CFUN=4, AT+CFUN=1
    RESET = 5  # AT+CFUN=1,1 or the maker's own; the device comes back by itself
    OTHER_PORT = 6  # another AT port of the same device
    USB_RESET = 7  # the host makes the device enumerate again; only where configured
    POWER = 8  # a configured command cuts its power; only where configured
    QUARANTINE = 9  # left alone for a while, with an alert


#: Uses an hour.
BUDGETS: dict[Rung, int] = {
    Rung.RESYNC: 30,
    Rung.REOPEN: 20,
    Rung.REINIT: 12,
    Rung.RADIO: 4,
    Rung.RESET: 3,
    Rung.OTHER_PORT: 3,
    Rung.USB_RESET: 2,
    Rung.POWER: 2,
}

HOUR_S = 3600.0

#: A line that was well for this long starts from the lowest rung again.
WELL_S = 300.0

#: First stay in quarantine; doubles each time up to the longest.
QUARANTINE_S, QUARANTINE_MOST_S = 120.0, 3600.0


@dataclass(slots=True)
class Ladder:
    """One line's way up. `allowed` are the rungs that this line has at all."""

    allowed: frozenset[Rung] = frozenset({Rung.RESYNC, Rung.REOPEN, Rung.REINIT, Rung.RADIO, Rung.RESET})
    budgets: dict[Rung, int] = field(default_factory=lambda: dict(BUDGETS))
    _used: dict[Rung, deque[float]] = field(default_factory=dict)
    _last: Rung | None = None
    _last_at: float = 0.0
    _quarantines: int = 0
    climbs: dict[Rung, int] = field(default_factory=dict)

    def next(self, now: float, *, at_least: Rung = Rung.RESYNC) -> Rung:
        """The rung to try now (monotonic seconds); QUARANTINE when nothing gentler is left."""
        start = at_least
        if self._last is not None and now - self._last_at < WELL_S:
            start = max(start, Rung(min(self._last + 1, Rung.QUARANTINE)))
        rung = Rung.QUARANTINE
        for candidate in Rung:
            if candidate >= start and candidate in self.allowed and self._left(candidate, now) > 0:
                rung = candidate
                break
        self._used.setdefault(rung, deque()).append(now)
        self.climbs[rung] = self.climbs.get(rung, 0) + 1
        self._last, self._last_at = rung, now
        return rung

    def well(self, now: float) -> None:
        """The line works: a message went out, or it has answered all along."""
        if self._last is not None and now - self._last_at >= WELL_S:
            self._last = None
            self._quarantines = 0

    def proved(self) -> None:
        """A message went out: whatever was wrong is over."""
        self._last = None
        self._quarantines = 0

    def quarantine_s(self) -> float:
        """How long to leave the line alone this time."""
        stay: float = min(QUARANTINE_S * 2**self._quarantines, QUARANTINE_MOST_S)
        self._quarantines += 1
        self._last = None
        return stay

    def _left(self, rung: Rung, now: float) -> int:
        used = self._used.get(rung)
        while used and now - used[0] >= HOUR_S:
            used.popleft()
        return self.budgets.get(rung, 0) - (len(used) if used else 0)
