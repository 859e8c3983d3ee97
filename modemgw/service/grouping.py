"""Which concatenated message an incoming part belongs to. Pure: the open groups in, the choice out.

The reference has 8 or 16 bits and each sender counts for itself, so two messages may share it: a part goes to
the open group that misses it and is nearest in service centre time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: After this long a group is not completed any more; the same reference is another message.
OPEN_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """An incomplete message. Times in Unix ms; `have` are the sequence numbers that came."""

    id: int
    first_at: int
    last_at: int
    scts: int | None
    have: frozenset[int]


def choose_group(groups: Sequence[OpenGroup], seq: int, scts: int | None, now: int) -> int | None:
    """The id of the group that takes the part, or None: it starts a new one."""
    open_for_it = [g for g in groups if seq not in g.have and now - g.last_at <= OPEN_MS]
    if not open_for_it:
        return None

    def distance(group: OpenGroup) -> tuple[int, int]:
        if scts is None or group.scts is None:
            return (1, -group.last_at)
        return (0, abs(scts - group.scts))

    return min(open_for_it, key=distance).id
