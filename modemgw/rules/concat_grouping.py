"""Which incoming parts are one message (TS 23.040 9.2.3.24.1). Pure: parts in, messages out.

A reference has 8 or 16 bits and comes round again, some senders use one for everything, and parts get lost: parts
that share sender, reference and total may still be of several messages. The evidence is the time at which the service
centre took each part: those of one message are seconds to minutes apart, and in their order. So parts are joined
nearest first; of two that are equally near to a third none is joined, because nothing tells which it is. What was
joined before stays unless another part fits better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, groupby, pairwise
from operator import itemgetter

#: After this long a group is not completed any more; the same reference is another message.
OPEN_MS = 7 * 24 * 3_600_000

#: A message that has been shown as whole may still turn out to have another's part, for so long.
WHOLE_MS = 6 * 3_600_000

#: Neighbouring parts further apart are of two messages.
JOIN_MS = 300_000

#: What is further apart, or further in the wrong order, may be of two messages: see `is_sure`.
SURE_MS, SURE_BACKWARDS_MS = 180_000, 10_000

#: A message that is not sure is shown as whole when for so long no part has come that fits better.
SETTLE_MS = 120_000

#: A part that follows one of a higher number counts as so much further away.
BACKWARDS_MS = 60_000

#: How much nearer another part must be than one that is joined already: a second; and twice as near once the message
#: was shown as whole.
_STAYS_MS, _WHOLE_STAYS_MS, _WHOLE_STAYS_TIMES = 500, 1_000, 2


@dataclass(frozen=True, slots=True)
class Part:
    """A part that came. Times in Unix ms."""

    id: int  # in the order of arrival
    seq: int
    scts: int | None  # of the service centre; None: it was not a time
    at: int  # when it came
    group: int | None = None  # the message that it was taken for
    whole: bool = False  # and that message has been shown as complete


def join(parts: Sequence[Part]) -> list[list[Part]]:
    """The messages that these parts are of, each with at most one part of a number; the order does not matter."""
    messages = _Messages(parts)
    pairs = sorted(
        (_cost(one, other), one.id, other.id)
        for one, other in combinations(sorted(parts, key=_arrival), 2)
        if one.seq != other.seq and _gap(one, other) <= JOIN_MS
    )
    for _, equal in groupby(pairs, itemgetter(0)):
        messages.join([(one, other) for _, one, other in equal])
    return messages.result()


def regroup(known: Sequence[Part], part: Part) -> list[list[Part]]:
    """The messages that `known` and a new part are of."""
    if len({one.group for one in known}) > 1 or any(one.seq == part.seq for one in known):
        return join([*known, part])
    if known and min(_gap(one, part) for one in known) <= JOIN_MS:
        return [[*known, part]]
    return [[*known], [part]] if known else [[part]]


def homes(messages: Sequence[Sequence[Part]], shown: frozenset[int], total: int) -> list[int | None] | None:
    """The group that each message goes on in; None for a new one. The whole ones choose first.

    No list at all where a group that is shown would be left without a part.
    """
    wishes = sorted(
        (len(parts) < total, group not in shown, -count, group, number)
        for number, parts in enumerate(messages)
        for group, count in Counter(part.group for part in parts).items()
        if group is not None
    )
    found: dict[int, int] = {}  # message -> group
    for *_, group, number in wishes:
        if number not in found and group not in found.values():
            found[number] = group
    return None if shown - set(found.values()) else [found.get(number) for number in range(len(messages))]


def is_sure(parts: Sequence[Part]) -> bool:
    """The parts are near enough to each other, and in such an order, that they are of one message."""
    ordered = sorted(parts, key=_time)
    if any(_gap(one, other) > SURE_MS for one, other in pairwise(ordered)):
        return False
    latest: Part | None = None  # of the numbers below
    for part in sorted(parts, key=lambda part: part.seq):
        if latest is not None and _backwards(latest, part) and _gap(latest, part) > SURE_BACKWARDS_MS:
            return False
        latest = max(latest or part, part, key=_time)
    return True


def _arrival(part: Part) -> int:
    return part.id


def _time(part: Part) -> tuple[int, int]:
    return (part.at if part.scts is None else part.scts, part.id)


def _gap(one: Part, other: Part) -> int:
    """How far apart in ms: by the service centre where both have its time, else by arrival."""
    if one.scts is None or other.scts is None:
        return abs(one.at - other.at)
    return abs(one.scts - other.scts)


def _backwards(one: Part, other: Part) -> bool:
    """The part of the higher number is the earlier one."""
    low, high = sorted((one, other), key=lambda part: part.seq)
    if low.scts is None or high.scts is None:
        return (low.at, low.id) > (high.at, high.id)
    return low.scts > high.scts


def _cost(one: Part, other: Part) -> int:
    far = _gap(one, other) // 1000 * 1000 + (BACKWARDS_MS if _backwards(one, other) else 0)
    if one.group is None or one.group != other.group:
        return far
    return far // _WHOLE_STAYS_TIMES - _WHOLE_STAYS_MS if one.whole else far - _STAYS_MS


class _Messages:
    """Parts joined so far; each message goes by the id of one of its parts."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._of = {part.id: part.id for part in parts}
        self._parts = {part.id: [part] for part in parts}
        self._have = {part.id: {part.seq} for part in parts}
        self._barred: dict[int, set[int]] = {part.id: set() for part in parts}  # numbers that cannot be told

    def join(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Join what these pairs of parts, all equally near, say; but none that could be joined in two ways."""
        edges = {(min(a, b), max(a, b)) for one, other in pairs for a, b in [(self._of[one], self._of[other])]}
        edges = {edge for edge in edges if self._may_join(*edge)}
        torn = self._torn(edges)
        for one, other in torn:
            self._barred[one] |= self._have[other]
            self._barred[other] |= self._have[one]
        for one, other in sorted(edges - torn):
            a, b = self._of[one], self._of[other]
            if self._may_join(a, b):
                self._merge(a, b)

    def _may_join(self, a: int, b: int) -> bool:
        if a == b or self._have[a] & self._have[b]:
            return False
        return not (self._barred[a] & self._have[b] or self._barred[b] & self._have[a])

    def _torn(self, edges: set[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those whose one end could have the same number from another message as well."""
        offers = Counter(
            (taker, seq) for edge in edges for taker, giver in (edge, edge[::-1]) for seq in self._have[giver]
        )
        return {
            edge
            for edge in edges
            if any(offers[taker, seq] > 1 for taker, giver in (edge, edge[::-1]) for seq in self._have[giver])
        }

    def _merge(self, a: int, b: int) -> None:
        for part in self._parts[b]:
            self._of[part.id] = a
        self._parts[a] += self._parts.pop(b)
        self._have[a] |= self._have.pop(b)
        self._barred[a] |= self._barred.pop(b)

    def result(self) -> list[list[Part]]:
        return [sorted(parts, key=lambda part: part.seq) for parts in self._parts.values()]
