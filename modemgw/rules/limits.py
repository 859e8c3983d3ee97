"""How often and how many at once: sliding windows and requests under way.

In memory and bounded: what is forgotten first is what was used least lately. Times are of a monotonic clock, in s.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable

#: Keys that are remembered, and times over all keys.
MAX_KEYS = 50_000
MAX_TIMES = 500_000


class Windows:
    """At most so many of one key within any stretch of time."""

    def __init__(self, monotonic: Callable[[], float], *, max_keys: int = MAX_KEYS, max_times: int = MAX_TIMES) -> None:
        self._monotonic = monotonic
        self._max_keys = max_keys
        self._max_times = max_times
        self._times: OrderedDict[str | bytes, deque[float]] = OrderedDict()
        self._count = 0

    def allow(self, key: str, limit: int, window_s: float) -> bool:
        """True, and counted, if fewer than `limit` were allowed within the last `window_s`. What is refused is not
        counted: a client that goes on asking gets its turn."""
        short = _short(key)
        now = self._monotonic()
        times = self._times.get(short)
        if times is not None:
            before = len(times)
            while times and times[0] <= now - window_s:
                times.popleft()
            self._count -= before - len(times)
        if (len(times) if times is not None else 0) >= limit:
            return False
        if times is None:
            times = self._times[short] = deque()
        times.append(now)
        self._count += 1
        self._times.move_to_end(short)
        while len(self._times) > self._max_keys or self._count > self._max_times:
            _, oldest = self._times.popitem(last=False)
            self._count -= len(oldest)
        return True

    def full(self, key: str, limit: int) -> bool:
        """True if `limit` were counted and not forgotten."""
        return len(self._times.get(_short(key), ())) >= limit

    def forget(self, key: str) -> None:
        """As if there had been none."""
        self._count -= len(self._times.pop(_short(key), ()))

    def __len__(self) -> int:
        return len(self._times)


class Holds:
    """At most so many of one key at one time."""

    def __init__(self) -> None:
        self._held: dict[str | bytes, int] = {}

    def take(self, key: str, limit: int) -> Callable[[], None] | None:
        """What gives it back, to be called once; None if `limit` are held already."""
        short = _short(key)
        held = self._held.get(short, 0)
        if held >= limit:
            return None
        self._held[short] = held + 1

        def give_back() -> None:
            left = self._held[short] - 1
            if left:
                self._held[short] = left
            else:
                del self._held[short]

        return give_back

    def __len__(self) -> int:
        return len(self._held)


def _short(key: str) -> str | bytes:
    """A key that holds a text would be as long as the text."""
    return key if len(key) <= 64 else hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
