"""How far a service centre's clock is from ours, learned from reports that can be about one copy only. Pure.

A status report carries the time at which the centre took its message (TP-SCTS, TS 23.040 9.2.3.11). With the offset
of that clock it tells copies apart that share a reference. Zones are what centres get wrong, and change: so the offset
is known modulo a quarter of an hour only, and two copies that far apart are not told apart. Times in Unix ms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

#: Zones differ by multiples of this.
QUARTER_MS = 15 * 60_000

#: Service centre times are cut to the second.
TICK_MS = 1_000

#: How fast the two clocks may part: what was learned is worth less with time.
DRIFT_PER_MS = 1e-4

#: A copy that is off by less than this is neither called fitting nor excluded.
MARGIN_MS = 500

#: A copy of which the time is known worse than this teaches nothing.
WIDEST_MS = 100_000

#: The clock is believed after so many reports in a row that agree, which show it to run for so long; or after many
#: that agree within less, as those of a burst.
ENOUGH, RAN_MS = 5, 2 * TICK_MS
MANY, RAN_IN_A_BURST_MS = 50, TICK_MS


class Fit(Enum):
    """Whether a report's time can be that of a copy."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"


@dataclass(frozen=True, slots=True)
class CentreClock:
    """Its offset is within `spread` ms of `offset`, modulo QUARTER_MS, by `count` reports that agree."""

    offset: float
    spread: float
    count: int
    at: int  # our time of the newest of them
    first_scts: int
    last_scts: int

    @property
    def steady(self) -> bool:
        """It may be used: a clock that stands still, jumps, or runs at a speed of its own, never is."""
        ran_ms = self.last_scts - self.first_scts
        return (self.count >= ENOUGH and ran_ms >= RAN_MS) or (self.count >= MANY and ran_ms >= RAN_IN_A_BURST_MS)

    def learn(self, since: int, until: int, scts: int) -> CentreClock:
        """With a copy that was taken between two of our times, as it says itself at `scts`. What contradicts all
        that is known begins anew."""
        new = first_look(since, until, scts)
        if new is None:
            return self
        away, spread = _apart(new.offset, self.offset), self._spread_at(until)
        low, high = max(-spread, away - new.spread), min(spread, away + new.spread)
        if low > high:
            return new
        return replace(
            self,
            offset=(self.offset + (low + high) / 2) % QUARTER_MS,
            spread=(high - low) / 2,
            count=self.count + 1,
            at=max(self.at, until),
            first_scts=min(self.first_scts, scts),
            last_scts=max(self.last_scts, scts),
        )

    def fit(self, since: int, until: int, scts: int) -> Fit:
        """Whether a copy that was taken between two of our times can have that stamp."""
        offset, spread = _window(since, until, scts)
        gap = abs(_apart(offset, self.offset)) - spread - self._spread_at(until)
        return Fit.YES if gap <= 0 else Fit.MAYBE if gap <= MARGIN_MS else Fit.NO

    def _spread_at(self, time: int) -> float:
        return self.spread + abs(time - self.at) * DRIFT_PER_MS


def first_look(since: int, until: int, scts: int) -> CentreClock | None:
    """The clock by one copy alone; None if its time is known too badly."""
    if not 0 <= until - since <= WIDEST_MS:
        return None
    return CentreClock(*_window(since, until, scts), 1, until, scts, scts)


def _window(since: int, until: int, scts: int) -> tuple[float, float]:
    """Offset and spread that a copy with that stamp gives."""
    return ((2 * scts + TICK_MS - since - until) / 2) % QUARTER_MS, (until - since + TICK_MS) / 2


def _apart(one: float, other: float) -> float:
    """The way from `other` to `one`, round the quarter hour, -half to half."""
    return (one - other + QUARTER_MS / 2) % QUARTER_MS - QUARTER_MS / 2
