"""Routes over the lines that there are now: the lane of a new message, what a line may take, who of several takes it.

Owns what is remembered for that: which lines are ready, what each has sent today, who wrote to whom last. The rules are
rules/routing.py, the queue dispatch.py.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace

from modemgw.domain.job import Job
from modemgw.domain.message import Submission
from modemgw.rules.routing import (
    Choice,
    Claim,
    Facts,
    Route,
    Step,
    Way,
    claims_of,
    is_lane,
    lane_of,
    lane_parts,
    members,
    minute_of,
    next_lane,
    route_of,
    steps,
)
from modemgw.service.ports import Clock

#: Recipients of which it is remembered who wrote to them last.
REMEMBERED = 10_000


class Routing:
    """See `service.dispatch.Lanes`. `lines` gives every line; `changed` is told when one becomes ready or not."""

    def __init__(
        self,
        routes: Sequence[Route],
        default: Route,
        lines: Callable[[], Sequence[Way]],
        clock: Clock,
        country_of: Callable[[str], str] = lambda number: "",
    ) -> None:
        self._lines = lines
        self._clock = clock
        self._country_of = country_of
        self._by_country = any(route.match.countries for route in routes)
        self._by_hour = any(route.match.hours is not None for route in routes)
        self.routes: Sequence[Route] = routes
        self.default = default
        self._named: Mapping[str, Route] = {route.name: route for route in (*routes, default)}
        self._claims: dict[str, Sequence[Claim]] = {}
        self._used: Counter[str] = Counter()
        self._day = (0, 0)
        self._orphans: tuple[str, ...] = ()
        self._last: OrderedDict[str, str] = OrderedDict()

    def use(self, routes: Sequence[Route], default: Route) -> None:
        """Other routes from now on. What waits in the lane of a route that is gone is the default's."""
        self.routes, self.default = routes, default
        self._by_country = any(route.match.countries for route in routes)
        self._by_hour = any(route.match.hours is not None for route in routes)
        self._named = {route.name: route for route in (*routes, default)}
        self.changed()

    def adopt(self, lanes: Sequence[str]) -> None:
        """Lanes in which messages wait, as the store has them: those of routes that are gone become the default's."""
        known = {lane_of(name, tier) for name, route in self._named.items() for tier in range(len(route.tiers))}
        self._orphans = tuple(lane for lane in lanes if is_lane(lane) and lane not in known)
        self.changed()

    def changed(self) -> None:
        """Which lines there are, or which of them are ready, is not what it was."""
        self._claims.clear()

    # -- at the door ------------------------------------------------------------------------------------------------

    def facts(self, account: str, submission: Submission, to: str, encoding: str, parts: int) -> Facts:
        """What routes are told of a submission; `to` is the number as it will be dialled."""
        now = self._clock() if submission.send_at is None else submission.send_at
        return Facts(
            account=account,
            digits=to.lstrip("+"),
            country=self.country(to),
            priority=submission.priority,
            flash=submission.flash,
            encoding=encoding,
            parts=parts,
            dialect=submission.dialect,
            minute=minute_of(now) if self._by_hour else 0,
        )

    def country(self, to: str) -> str:
        """Of a number, where a route asks for it."""
        return self._country_of(to) if self._by_country else ""

    def route_of(self, facts: Facts) -> Route:
        """The first route that fits."""
        return route_of(self.routes, self.default, facts)

    def steps(self, route: Route) -> list[Step]:
        """The ways of a route in the order in which they would be tried now."""
        return steps(route, self.ways())

    def ways(self) -> list[Way]:
        """Every line with what it has sent today."""
        self._new_day()
        return [replace(way, used=self._used[way.name]) for way in self._lines()]

    # -- for the dispatcher -----------------------------------------------------------------------------------------

    def claims(self, line: str) -> Sequence[Claim]:
        """The lanes that a ready line may take from now."""
        found = self._claims.get(line)
        if found is None:
            routes = (*self.routes, self.default)
            found = claims_of(line, routes, self._lines())
            first = next((claim for claim in found if claim.lane == lane_of(self.default.name)), None)
            if first is not None:
                found += [replace(first, lane=lane) for lane in self._orphans]
            self._claims[line] = found
        return found

    def yields(self, line: str, claim: Claim, job: Job | None, idle: Counter[str], failed: Set[str]) -> str | None:
        """The line that should rather take a message: the one that its recipient knows, else the first by the choice of
        those that wait for a message now. None: this one."""
        if len(claim.rivals) < 2:
            return None
        route = self.route_named(claim.lane)
        if claim.sticky and job is not None:
            known = self._last.get(job.recipient)
            if known in claim.rivals and known not in failed:
                return None if known == line else known
        waiting = [name for name in claim.rivals if name == line or (idle[name] > 0 and name not in failed)]
        if len(waiting) == 1:
            return None
        self._new_day()
        best = min(waiting, key=lambda name: self._order(route, claim, name))
        return None if best == line else best

    def _order(self, route: Route, claim: Claim, line: str) -> tuple[float, int]:
        place = claim.rivals.index(line)
        if route.choice is Choice.FILL:
            return (0.0, place)
        return (self._used[line] / route.weights.get(line, 1.0), place)

    def next_lane(self, lane: str, line: str, failed: frozenset[str]) -> str:
        """Where a message waits after a line could not send it."""
        return next_lane(self.route_named(lane), lane, line, self._lines(), failed)

    def route_named(self, lane: str) -> Route:
        """The route of a lane; the default where there is none of that name any more."""
        return self._named.get(lane_parts(lane)[0], self.default)

    def any_ready(self, lane: str, failed: Set[str]) -> bool:
        """True if a ready line of the lane's route has not failed a message."""
        return any(way.ready and way.name not in failed for way in self._of_route(lane))

    def any_other(self, lane: str, failed: Set[str]) -> bool:
        """True if there is any line of the lane's route, ready or not, that has not failed a message."""
        return any(way.name not in failed for way in self._of_route(lane))

    def _of_route(self, lane: str) -> list[Way]:
        tiers = self.route_named(lane).tiers
        return members([pattern for tier in tiers for pattern in tier], self._lines())

    # -- what is remembered -----------------------------------------------------------------------------------------

    def sent(self, line: str, recipient: str, parts: int = 1) -> None:
        """Parts went out through a line, or may have."""
        self._new_day()
        self._used[line] += parts
        self.known(recipient, line)

    def known(self, recipient: str, line: str) -> None:
        """A recipient knows the number of a line: it wrote to him last."""
        self._last[recipient] = line
        self._last.move_to_end(recipient)
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)

    def remember(self, used: Mapping[str, int], last: Iterable[tuple[str, str]] = ()) -> None:
        """Parts that went out today before this start, by line; (recipient, line) of what went out last."""
        self._new_day()
        self._used.update(used)
        for recipient, line in last:
            self.known(recipient, line)

    @property
    def sticks(self) -> bool:
        """True if a route keeps recipients with their line."""
        return any(route.choice is Choice.STICKY for route in self._named.values())

    def _new_day(self) -> None:
        now = self._clock()
        begin, end = self._day
        if not begin <= now < end:
            today = dt.datetime.fromtimestamp(now / 1000, dt.UTC).astimezone().date()
            begin, end = (
                int(dt.datetime.combine(today + dt.timedelta(days=days), dt.time()).timestamp() * 1000)
                for days in (0, 1)
            )
            self._day = begin, end
            self._used.clear()
