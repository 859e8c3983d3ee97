"""The time that the service goes by: Unix time at the start, from then on what has really passed.

Deadlines kept as Unix time are worth what the clock is worth. A machine without a battery-backed clock starts with an
old time and is set by days once it has a network; a wait of minutes would be over, or last for days. So the service
counts with CLOCK_BOOTTIME, which nobody sets and which goes on while the machine sleeps, and notices that the wall
clock was set; what is stored is moved along then (store.deadlines), in the transaction in which this clock follows.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

#: Where the clock was set by less, nothing follows: the next second's step will add up with it, or take it back.
LEAST_JUMP_MS = 1_000


_boottime_ns = functools.partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)


class ServiceClock:
    """Called, it is Unix time in ms by `wall` when it was made and by `boot` since (both in ns)."""

    def __init__(self, wall: Callable[[], int] = time.time_ns, boot: Callable[[], int] = _boottime_ns) -> None:
        self._wall, self._boot = wall, boot
        self._offset_ns = wall() - boot()

    def __call__(self) -> int:
        return (self._boot() + self._offset_ns) // 1_000_000

    @property
    def offset_ms(self) -> int:
        """What this clock adds to the time since the machine was started."""
        return self._offset_ns // 1_000_000

    def jump(self) -> int:
        """How far (ms) the wall clock was set ahead of this one since it was made or has followed; 0 if hardly."""
        off = (self._wall() - self._boot() - self._offset_ns) // 1_000_000
        return off if abs(off) >= LEAST_JUMP_MS else 0

    def follow(self, jump_ms: int) -> None:
        """Go with the wall clock."""
        self._offset_ns += jump_ms * 1_000_000


def boot_id() -> str:
    """Another one after each start of the machine; empty where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
