"""How fast and how much a line may send: operators bar SIM cards that send like machines. Counts; sends nothing.

What is counted is every part that went to the network, over sliding windows, and it is counted for the subscription:
after a restart, or in another modem, a SIM has not got its allowance anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
MONTH_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class Quota:
    """The most parts a line may send within any stretch of so long, 0: any number; and the pause after each message.

    `gap_ms` is stretched by up to `jitter` of itself, so that the rhythm is nobody's.
    """

    per_minute: int = 0
    per_hour: int = 0
    per_day: int = 0
    per_month: int = 0
    gap_ms: int = 0
    jitter: float = 0.5

    def __bool__(self) -> bool:
        return any((self.per_minute, self.per_hour, self.per_day, self.per_month, self.gap_ms))

    @property
    def windows(self) -> list[tuple[str, int, int]]:
        """(name, limit, length in ms) of those that are set."""
        named = (
            ("minute", self.per_minute, MINUTE_MS),
            ("hour", self.per_hour, HOUR_MS),
            ("day", self.per_day, DAY_MS),
            ("month", self.per_month, MONTH_MS),
        )
        return [entry for entry in named if entry[1]]


@dataclass(frozen=True, slots=True)
class Rest:
    """A line is to wait until `until` (Unix ms). `reason` is a sentence, empty for a mere gap."""

    until: int
    reason: str = ""


class Pace:
    """One line's counts. Memory is bounded by the limits: of each window only its newest parts are kept."""

    def __init__(self, quota: Quota, chance: Callable[[], float]) -> None:
        """`chance` gives numbers in [0, 1): how much of the jitter a gap gets."""
        self._windows = [(name, limit, length, deque[int](maxlen=limit)) for name, limit, length in quota.windows]
        self._quota = quota
        self._chance = chance
        self._gap_until = 0

    @property
    def since_ms(self) -> int:
        """How far back parts count that were sent before."""
        return max((length for _, _, length, _ in self._windows), default=0)

    @property
    def most(self) -> int:
        """How many parts that were sent before matter at most."""
        return max((limit for _, limit, _, _ in self._windows), default=0)

    def remember(self, sent: Iterable[int]) -> None:
        """Parts sent before: their times (Unix ms), oldest first."""
        for at in sent:
            self._count(at)

    def rest(self, now: int, parts: int = 1) -> Rest | None:
        """What a message of so many parts has to wait for; None: nothing. One with more parts than a window holds
        goes when the window is empty: parts are not torn apart."""
        self._catch_up(now)
        worst: Rest | None = Rest(self._gap_until) if self._gap_until > now else None
        for name, limit, length, times in self._windows:
            beyond = len(times) + min(parts, limit) - limit  # so many must have left the window
            if beyond <= 0:
                continue
            until = times[beyond - 1] + length
            if until > now and (worst is None or until > worst.until):
                worst = Rest(until, f"The quota of {limit} {'an' if name == 'hour' else 'a'} {name} is used up.")
        return worst

    def sent(self, now: int) -> None:
        """A part went to the network, or may have."""
        self._count(now)

    def ended(self, now: int) -> None:
        """A message is through: the gap begins."""
        if self._quota.gap_ms:
            self._gap_until = now + int(self._quota.gap_ms * (1 + self._quota.jitter * self._chance()))

    def _catch_up(self, now: int) -> None:
        """A clock that was set back has put all of it into the future, by as much as the last of it: back with it."""
        ahead = max((times[-1] for _, _, _, times in self._windows if times), default=now) - now
        if ahead > 0:
            for _, _, _, times in self._windows:
                for _ in range(len(times)):
                    times.append(times.popleft() - ahead)
        longest = int(self._quota.gap_ms * (1 + self._quota.jitter))
        self._gap_until = min(self._gap_until, now + longest)

    def _count(self, at: int) -> None:
        for _, _, _, times in self._windows:
            times.append(at)
