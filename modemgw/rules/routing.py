"""Which way a message takes: routes as data, the lanes of the queue that follow from them, the choice among equals.

A route names its ways in tiers. A message waits in the lane of its route and of the first tier that has not failed for
it; a line claims from the lanes that it may serve now. So no message is moved when a line comes or goes: half a million
of them change their way by nothing being done. Pure: which lines there are, what they have sent and the time are passed
in. Times are Unix milliseconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from modemgw.domain.states import State


class Choice(StrEnum):
    """Who of a tier's ready lines takes a message."""

    SPREAD = "spread"  # the one that has sent the least today, by its weight
    STICKY = "sticky"  # the one that wrote to this recipient last, so that answers come to the same number
    FILL = "fill"  # the first in the order of the tier that is free


class OnRefused(StrEnum):
    """What follows a refusal of a gateway's own kind (its sender names, its tariffs)."""

    STOP = "stop"  # the message is rejected
    NEXT = "next"  # the next tier may try


@dataclass(frozen=True, slots=True)
class Hours:
    """A span of the day in minutes, which may go over midnight; `start` belongs to it, `end` does not."""

    start: int
    end: int

    def has(self, minute: int) -> bool:
        """True if a minute of the day lies in it."""
        if self.start <= self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end


@dataclass(frozen=True, slots=True)
class Facts:
    """What routes are told of a message. `minute` is the minute of the day on this machine's clock."""

    account: str
    digits: str  # of the recipient, without `+`; a national number as it is
    country: str = ""  # ISO 3166, where known
    priority: int = 0
    flash: bool = False
    encoding: str = "gsm7"
    parts: int = 1
    dialect: str = "native"
    minute: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """The conditions of a route: all that are given must hold; of several values one."""

    accounts: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    priority_min: int | None = None
    priority_max: int | None = None
    flash: bool | None = None
    encodings: tuple[str, ...] = ()
    parts_min: int | None = None
    parts_max: int | None = None
    dialects: tuple[str, ...] = ()
    hours: Hours | None = None

    def fits(self, facts: Facts) -> bool:
        """True if every condition holds."""
        return (
            (not self.accounts or facts.account in self.accounts)
            and (not self.prefixes or facts.digits.startswith(self.prefixes))
            and (not self.countries or facts.country in self.countries)
            and (self.priority_min is None or facts.priority >= self.priority_min)
            and (self.priority_max is None or facts.priority <= self.priority_max)
            and (self.flash is None or facts.flash is self.flash)
            and (not self.encodings or facts.encoding in self.encodings)
            and (self.parts_min is None or facts.parts >= self.parts_min)
            and (self.parts_max is None or facts.parts <= self.parts_max)
            and (not self.dialects or facts.dialect in self.dialects)
            and (self.hours is None or self.hours.has(facts.minute))
        )

    def covers(self, other: Match) -> bool:
        """True if whatever `other` fits is certain to fit this one too."""
        return (
            _within(other.accounts, self.accounts)
            and self._covers_prefixes(other)
            and _within(other.countries, self.countries)
            and _at_least(other.priority_min, self.priority_min)
            and _at_most(other.priority_max, self.priority_max)
            and (self.flash is None or self.flash is other.flash)
            and _within(other.encodings, self.encodings)
            and _at_least(other.parts_min, self.parts_min)
            and _at_most(other.parts_max, self.parts_max)
            and _within(other.dialects, self.dialects)
            and (self.hours is None or self.hours == other.hours)
        )

    def _covers_prefixes(self, other: Match) -> bool:
        if not self.prefixes:
            return True
        return bool(other.prefixes) and all(prefix.startswith(self.prefixes) for prefix in other.prefixes)

    @property
    def impossible(self) -> str | None:
        """Why nothing can ever fit, as the end of a sentence; None if something may."""
        if self.priority_min is not None and self.priority_max is not None and self.priority_min > self.priority_max:
            return "priority_min is above priority_max"
        if self.parts_min is not None and self.parts_max is not None and self.parts_min > self.parts_max:
            return "parts_min is above parts_max"
        if self.hours is not None and self.hours.start == self.hours.end:
            return "time begins when it ends"
        return None


def _within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    return not outer or (bool(inner) and set(inner) <= set(outer))


def _at_least(inner: int | None, outer: int | None) -> bool:
    return outer is None or (inner is not None and inner >= outer)


def _at_most(inner: int | None, outer: int | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)


@dataclass(frozen=True, slots=True)
class Route:
    """Which ways, in which order. A way is a line's name, `sim:*`, `sim:NAME` or `upstream:*`."""

    name: str
    tiers: tuple[tuple[str, ...], ...] = (("sim:*",),)
    match: Match = Match()
    weights: Mapping[str, float] = field(default_factory=dict)
    choice: Choice = Choice.SPREAD
    max_wait_s: float = 60.0
    on_refused: OnRefused = OnRefused.STOP
    resend_on: frozenset[State] = frozenset()  # failed reports after which the next tier may try, once
    deny: str | None = None  # a reason: what fits is refused at the door


#: The route of messages that no route fits: every SIM, then the upstreams in their order.
DEFAULT = ""


def default_route(upstreams: Sequence[str], choice: Choice = Choice.SPREAD, max_wait_s: float = 60.0) -> Route:
    """What holds without routes, and for what none of them fits."""
    return Route(DEFAULT, (("sim:*",), *((name,) for name in upstreams)), choice=choice, max_wait_s=max_wait_s)


def route_of(routes: Iterable[Route], default: Route, facts: Facts) -> Route:
    """The first that fits."""
    for route in routes:
        if route.match.fits(facts):
            return route
    return default


def shadows(routes: Sequence[Route]) -> list[tuple[Route, Route]]:
    """(route, the earlier one that takes everything that it could fit), for those that can never be reached."""
    found = []
    for at, route in enumerate(routes):
        for earlier in routes[:at]:
            if earlier.match.covers(route.match):
                found.append((route, earlier))
                break
    return found


# -- lanes ------------------------------------------------------------------------------------------------------------

_MARK, _TIER = "@", "#"


def lane_of(route: str, tier: int = 0) -> str:
    """The lane of a route and of the first tier that has not failed for a message.

    A lane is told from a line's name, by which a message that must go through one line waits: names begin with a
    letter or a digit. The default route's first lane is empty, as it was before there were routes.
    """
    return "" if route == DEFAULT and tier == 0 else f"{_MARK}{route}{_TIER}{tier}"


def is_lane(selector: str) -> bool:
    """False for the name of a line."""
    return selector == "" or selector.startswith(_MARK)


def lane_parts(lane: str) -> tuple[str, int]:
    """(route, tier) of a lane."""
    if not lane:
        return DEFAULT, 0
    route, _, tier = lane[1:].rpartition(_TIER)
    return route, int(tier)


@dataclass(frozen=True, slots=True)
class Way:
    """A line as routes see it."""

    name: str
    kind: str  # sim or upstream
    ready: bool
    used: int = 0  # parts sent today
    reason: str = ""  # why it is not ready, in words


def members(tier: Sequence[str], ways: Iterable[Way]) -> list[Way]:
    """The lines that a tier names, in its order; a pattern's lines in the order of `ways`. None stands twice."""
    known = list(ways)
    found: dict[str, Way] = {}
    for pattern in tier:
        for way in known:
            if _names(pattern, way):
                found.setdefault(way.name, way)
    return list(found.values())


def _names(pattern: str, way: Way) -> bool:
    kind, colon, name = pattern.partition(":")
    if not colon:
        return pattern == way.name
    return kind == way.kind and name in ("*", way.name)


@dataclass(frozen=True, slots=True)
class Claim:
    """A lane that a line may take from: at once (`wait_ms` 0), or what has waited for so long since its acceptance."""

    lane: str
    wait_ms: int
    rivals: tuple[str, ...]  # ready lines of the same tier, in the order of the route's choice; the line among them
    sticky: bool = False  # which of them takes a message depends on its recipient


def claims_of(line: str, routes: Iterable[Route], ways: Sequence[Way]) -> list[Claim]:
    """The lanes that a ready line may take from now, given which lines are ready.

    In a lane the tiers stand in a circle that begins at the lane's own; a tier that names no line there is, is none.
    The first takes at once. Another one takes only while no tier before it has a ready line, and only what has waited
    for the route's `max_wait_s`.
    """
    claims = []
    for route in routes:
        tiers = [members(tier, ways) for tier in route.tiers]
        mine = [at for at, tier in enumerate(tiers) if any(way.name == line for way in tier)]
        if not mine:
            continue
        alive = [any(way.ready for way in tier) for tier in tiers]
        for start in range(len(tiers)):
            at = min(mine, key=lambda tier: (tier - start) % len(tiers))
            circle = [(start + step) % len(tiers) for step in range((at - start) % len(tiers))]
            before = [tier for tier in circle if tiers[tier]]
            if any(alive[tier] for tier in before):
                continue
            rivals = tuple(way.name for way in ranked(route, tiers[at]) if way.ready)
            wait_ms = int(route.max_wait_s * 1000) if before else 0
            claims.append(Claim(lane_of(route.name, start), wait_ms, rivals, route.choice is Choice.STICKY))
    return claims


def ranked(route: Route, tier: Sequence[Way]) -> list[Way]:
    """The lines of a tier in the order of the route's choice; STICKY as SPREAD, for no recipient is known here."""
    if route.choice is Choice.FILL:
        return list(tier)
    return sorted(tier, key=lambda way: (way.used + 1) / route.weights.get(way.name, 1.0))


def next_lane(route: Route, lane: str, line: str, ways: Sequence[Way], failed: frozenset[str]) -> str:
    """Where a message waits after `line` could not send it: in its lane while another ready line of that tier has not
    failed it (`failed` has `line`), else in that of the next tier; behind the last one comes the first again."""
    _, start = lane_parts(lane)
    tiers = [members(tier, ways) for tier in route.tiers]
    at = next((t % len(tiers) for t in range(start, start + len(tiers)) if _has(tiers[t % len(tiers)], line)), start)
    if any(way.ready and way.name not in failed for way in tiers[at]):
        return lane_of(route.name, at)
    return lane_of(route.name, (at + 1) % len(tiers))


def _has(tier: Iterable[Way], line: str) -> bool:
    return any(way.name == line for way in tier)


# -- saying it --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """A way in the order in which it would be tried."""

    line: str
    tier: int
    may: bool  # it would take the message now
    reason: str  # why not, or after how long


def steps(route: Route, ways: Sequence[Way]) -> list[Step]:
    """The ways of a route for a message that has just been accepted, in order, each with what holds it back."""
    told: list[Step] = []
    seen: set[str] = set()
    alive_before = False
    for number, tier in enumerate(route.tiers):
        found = [way for way in ranked(route, members(tier, ways)) if way.name not in seen]
        for way in sorted(found, key=lambda way: not way.ready):
            seen.add(way.name)
            told.append(Step(way.name, number, way.ready and number == 0, _held(route, way, number, alive_before)))
        gone = [name for name in tier if ":" not in name and all(way.name != name for way in ways)]
        told += [Step(name, number, False, "There is no such line now.") for name in gone]
        alive_before = alive_before or any(way.ready for way in found)
    return told


def _held(route: Route, way: Way, tier: int, alive_before: bool) -> str:
    if not way.ready:
        return way.reason or "It is not ready."
    if tier == 0:
        return ""
    if alive_before:
        return "A line before it is ready; it takes what those cannot send."
    return f"No line before it is ready: it takes what has waited for {route.max_wait_s:g} s."


def minute_of(now_ms: int, zone: dt.tzinfo | None = None) -> int:
    """The minute of the day, by the zone (None: this machine's)."""
    at = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC).astimezone(zone)
    return at.hour * 60 + at.minute


#: What ways there are now.
Ways = Callable[[], Sequence[Way]]
