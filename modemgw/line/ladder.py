"""The recovery ladder of a line: which rung comes next, and how often each may be used.

Decides; does nothing. Gentle rungs first, each with a budget an hour. As long as the line has not been well since,
a rung that was climbed is followed by a higher one. Time is passed in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
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


#: What every line has. Which of the others it has depends on the model, the host and the configuration.
ALWAYS = frozenset({Rung.RESYNC, Rung.REOPEN, Rung.REINIT})

#: Uses an hour. There is no limit to quarantine: it is what is left.
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


@dataclass(slots=True)
class Ladder:
    """One line's way up. `allowed` are the rungs that this line has at all; times are monotonic seconds."""

    allowed: frozenset[Rung] = ALWAYS | {Rung.RADIO, Rung.RESET}
    budgets: dict[Rung, int] = field(default_factory=lambda: dict(BUDGETS))
    well_s: float = 300.0  # a line that was well for this long starts from the lowest rung again
    stay_s: tuple[float, float] = (120.0, 3600.0)  # in quarantine: the first one, which doubles each time, the longest
    climbs: dict[Rung, int] = field(default_factory=dict)  # since the start
    _used: dict[Rung, deque[float]] = field(default_factory=dict)
    _last: Rung | None = None
    _well_since: float | None = None  # since the last climb
    _quarantines: int = 0

    def find(self, now: float, *, at_least: Rung = Rung.RESYNC, without: Collection[Rung] = ()) -> Rung:
        """The rung to try now; QUARANTINE when nothing gentler is left. Uses nothing up."""
        start = at_least
        if self._last is not None:
            start = max(start, Rung(min(self._last + 1, Rung.QUARANTINE)))
        for rung in Rung:
            if rung >= start and rung not in without and self.has(rung, now):
                return rung
        return Rung.QUARANTINE

    def next(self, now: float, *, at_least: Rung = Rung.RESYNC, without: Collection[Rung] = ()) -> Rung:
        """As `find`, and the rung counts as climbed."""
        rung = self.find(now, at_least=at_least, without=without)
        self._count(rung, now)
        self._last = rung
        return rung

    def take(self, rung: Rung, now: float) -> bool:
        """Climb this rung and no other, if there is budget for it. What comes next is not higher for it."""
        if not self.has(rung, now):
            return False
        self._count(rung, now)
        return True

    def has(self, rung: Rung, now: float) -> bool:
        """The line has this rung, and budget for it."""
        if rung not in self.allowed:
            return False
        used = self._used.get(rung)
        while used and now - used[0] >= HOUR_S:
            used.popleft()
        return len(used or ()) < self.budgets.get(rung, 0)

    def well(self, now: float) -> None:
        """The line answers and has a network; it is over the trouble if that lasts."""
        if self._last is None:
            return
        if self._well_since is None:
            self._well_since = now
        elif now - self._well_since >= self.well_s:
            self.proved()

    def proved(self) -> None:
        """A message went out: whatever was wrong is over."""
        self._last = None
        self._quarantines = 0

    def quarantine_s(self) -> float:
        """How long to leave the line alone this time. After it the line starts from below."""
        stay: float = min(self.stay_s[0] * 2**self._quarantines, self.stay_s[1])
        self._quarantines += 1
        self._last = None
        return stay

    def _count(self, rung: Rung, now: float) -> None:
        self._well_since = None
        self._used.setdefault(rung, deque()).append(now)
        self.climbs[rung] = self.climbs.get(rung, 0) + 1
