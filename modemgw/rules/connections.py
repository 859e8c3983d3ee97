"""How many connections are open, and who makes room when there are too many: a stranger, the oldest first."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)


class ConnectionLimit(Generic[C]):
    """At most `total` connections, and `per_address` of one address. Each begins as a stranger's."""

    def __init__(self, total: int, per_address: int) -> None:
        self._total = total
        self._per_address = per_address
        self._strangers: dict[C, str | None] = {}  # the oldest first
        self._trusted: dict[C, str | None] = {}
        self._counts: dict[str, int] = {}

    def add(self, connection: C, address: str | None) -> list[C] | None:
        """Count one more; those that must be closed for it, or None if it must be turned away itself.

        `address` None: no limit but the total.
        """
        evicted: list[C] = []
        if address is not None and self._counts.get(address, 0) >= self._per_address:
            rival = next((other for other, theirs in self._strangers.items() if theirs == address), None)
            if rival is None:
                return None
            evicted.append(rival)
        elif len(self) >= self._total:
            oldest = self.oldest()
            if oldest is None:
                return None
            evicted.append(oldest)
        for other in evicted:
            self.remove(other)
        self._strangers[connection] = address
        if address is not None:
            self._counts[address] = self._counts.get(address, 0) + 1
        return evicted

    def oldest(self) -> C | None:
        """The stranger that has been here longest."""
        return next(iter(self._strangers), None)

    def trust(self, connection: C) -> None:
        """It has shown right credentials."""
        if connection in self._strangers:
            self._trusted[connection] = self._strangers.pop(connection)

    def remove(self, connection: C) -> bool:
        """It is closed; False if it was not counted any more."""
        if connection in self._strangers:
            address = self._strangers.pop(connection)
        elif connection in self._trusted:
            address = self._trusted.pop(connection)
        else:
            return False
        if address is None:
            return True
        left = self._counts[address] - 1
        if left:
            self._counts[address] = left
        else:
            del self._counts[address]
        return True

    def __len__(self) -> int:
        return len(self._strangers) + len(self._trusted)
