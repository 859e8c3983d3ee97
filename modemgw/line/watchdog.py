"""What is watched about a line besides that it answers: fill of its memories, and how often its port vanishes.

Pure: told of facts and times, it says what is worth an event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from modemgw.modem.dialogue.driver import StorageFill

#: A memory is called nearly full from here on, and no longer when it is below the second: a percentage each.
FULL_PERCENT, RELIEVED_PERCENT = 80, 60

#: A port that vanishes so often within so long speaks of its cable or its power.
LOSSES, LOSSES_WITHIN_S = 5, 600.0


@dataclass(slots=True)
class StorageWatch:
    """Tells when a memory gets nearly full, once, and when it is no longer."""

    _full: set[str] = field(default_factory=set)

    def note(self, fills: Iterable[StorageFill]) -> list[tuple[StorageFill, bool]]:
        """(memory, nearly full) for each memory that changed its mind."""
        changes = []
        for fill in fills:
            if fill.total <= 0:
                continue
            percent = 100 * fill.used / fill.total
            if fill.memory not in self._full and percent >= FULL_PERCENT:
                self._full.add(fill.memory)
                changes.append((fill, True))
            elif fill.memory in self._full and percent < RELIEVED_PERCENT:
                self._full.discard(fill.memory)
                changes.append((fill, False))
        return changes


@dataclass(slots=True)
class LossWatch:
    """Counts how often a port, or a modem's memory of its settings, was lost."""

    what: str  # "port vanished", "modem started anew"
    _times: deque[float] = field(default_factory=deque)

    def note(self, now: float) -> str | None:
        """One more, at this monotonic second; a sentence when it becomes suspicious."""
        self._times.append(now)
        while now - self._times[0] >= LOSSES_WITHIN_S:
            self._times.popleft()
        if len(self._times) < LOSSES:
            return None
        return (
            f"The {self.what} {len(self._times)} times within {LOSSES_WITHIN_S / 60:g} minutes: "
            "most likely its power supply is too weak, or its cable bad."
        )
