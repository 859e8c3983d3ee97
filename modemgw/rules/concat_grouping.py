"""Which concatenated message an incoming part belongs to. Pure: the open groups in, the choice out.

The reference has 8 or 16 bits and each sender counts for itself, so two messages may share it: a part goes to
the open group that misses it and is nearest in service centre time, if that is near enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modemgw.sms.reassembly import WINDOW

#: After this long a group is not completed any more; the same reference is another message.
OPEN_MS = 7 * 24 * 3_600_000

#: Parts whose service centre times are further apart are of two messages.
WINDOW_MS = int(WINDOW.total_seconds() * 1000)


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

    def distance(group: OpenGroup) -> tuple[int, int]:
        if scts is None or group.scts is None:
            return (1, -group.last_at)
        return (0, abs(scts - group.scts))

    open_for_it = [
        (far, group.id)
        for group in groups
        if seq not in group.have and now - group.last_at <= OPEN_MS
        for far in [distance(group)]
        if far[0] or far[1] <= WINDOW_MS
    ]
    return min(open_for_it)[1] if open_for_it else None
