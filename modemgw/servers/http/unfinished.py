"""Octets of requests that have not come whole, over all connections: bounded, the longest-standing makes room."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar


class Abortable(Protocol):
    """What can be closed without a word."""

    def abort(self) -> None: ...


A = TypeVar("A", bound=Abortable)


class UnfinishedRequests(Generic[A]):
    """At most `limit` octets. A request that is beyond it costs the one that has been unfinished longest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: dict[A, int] = {}  # the longest unfinished first
        self.octets = 0

    def add(self, connection: A, octets: int) -> int:
        """So many octets more have come; how many connections were closed for them."""
        self._held[connection] = self._held.get(connection, 0) + octets
        self.octets += octets
        closed = 0
        while self.octets > self._limit:
            oldest = next(iter(self._held))
            self.done(oldest)
            oldest.abort()
            closed += 1
        return closed

    def done(self, connection: A) -> None:
        """The request has come whole, or never will."""
        self.octets -= self._held.pop(connection, 0)

    def __len__(self) -> int:
        return len(self._held)
