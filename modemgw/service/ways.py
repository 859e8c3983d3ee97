"""The ways out as the front doors see them: lines of both kinds, the route of a new message, and "not now".

Owns what is decided before a message is accepted. Which line takes it afterwards is routing.py's and dispatch.py's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.job import NewMessage
from modemgw.domain.line import LineState, LineView, ModemView
from modemgw.domain.message import Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.errors import ModemgwError
from modemgw.rules.pricing import money
from modemgw.rules.routing import Route, Step, Way, is_lane, lane_of, members
from modemgw.service.routing import Routing

log = logging.getLogger(__name__)

#: How fast a ready way is taken to be before it has shown it: parts a second.
SIM_PACE: Final = 0.2
ONLINE_PACE: Final = 5.0

#: What has gone out in this time shows how fast a way is.
PACE_WINDOW_S: Final = 60.0

#: How often the queue is counted for accounts that accept within a time.
COUNT_S: Final = 0.5


class OnlineLines(Protocol):
    """The online gateways. `told` is given the secret end of the address that was called; None: there is none."""

    def views(self) -> list[LineView]: ...

    def ways(self) -> list[Way]: ...

    def prices(self) -> Mapping[str, int]:
        """What a part costs, by line, in units, where it is known."""
        ...

    def pause(self, name: str, by: str) -> bool: ...

    def resume(self, name: str) -> bool: ...

    async def told(self, token: str, request: WireRequest) -> WireResponse | None: ...


@dataclass(frozen=True, slots=True)
class TriedWay:
    """A way in the order in which it would be tried; `cost` is decimal text, None where nobody knows."""

    line: str
    tier: int
    may: bool
    reason: str
    cost: str | None


@dataclass(frozen=True, slots=True)
class RouteTrial:
    """What would become of a message. `route` is empty for the default."""

    route: str
    ways: tuple[TriedWay, ...]
    refused: str | None
    encoding: str = ""
    parts: int = 0


class Ways:
    """See above. `sims` gives the modems, `queued` counts what waits."""

    def __init__(
        self,
        routing: Routing,
        sims: Callable[[], list[ModemView]],
        online: OnlineLines,
        queued: Callable[[], Awaitable[int]],
    ) -> None:
        self.routing = routing
        self.online = online
        self._sims = sims
        self._queued = queued
        self._waiting = 0  # at the last count, and what was accepted since
        self._sent: dict[str, deque[tuple[float, int]]] = {}
        self._rates: Counter[str] = Counter()

    def lines(self, sims: Sequence[ModemView]) -> list[LineView]:
        """Every line: the SIM cards first."""
        used = {way.name: way.used for way in self.routing.ways()}
        return [*(sim_line(view, used.get(view.name, 0)) for view in sims), *self.online.views()]

    @property
    def names(self) -> set[str]:
        """Of all lines there are now."""
        return {view.name for view in self._sims()} | {way.name for way in self.online.ways()}

    # -- at the door ---------------------------------------------------------------------------------------------

    def place(self, account: Account, submission: Submission, message: NewMessage) -> None:
        """Give a new message its lane. Raises Refusal(FORBIDDEN) by a route that denies."""
        route = self.route_of(account, submission, message)
        if route.deny is not None:
            raise Refusal(RefusalKind.FORBIDDEN, f"The route {route.name!r} refuses it: {route.deny}", field="to")
        if not message.line:
            message.line = lane_of(route.name)

    def admit(self, account: Account, message: NewMessage) -> None:
        """Let a message in that has its lane. Raises Refusal(UNAVAILABLE) for now, where the account asks for that."""
        if account.accept != "always" and message.send_at is None:
            self._not_now(account, message)
        self._waiting += 1

    def route_of(self, account: Account, submission: Submission, message: NewMessage) -> Route:
        """The route that takes a message."""
        facts = self.routing.facts(account.login, submission, message.recipient, message.encoding, message.parts)
        return self.routing.route_of(facts)

    def _not_now(self, account: Account, message: NewMessage) -> None:
        """An account that has another way of its own hears at once that ours are closed."""
        ready = self._ready(message.line)
        if not ready:
            raise Refusal(
                RefusalKind.UNAVAILABLE,
                "No way out is ready now. Try again in a minute, or send it another way.",
                retry_after_s=60,
            )
        within = account.accept_within_s
        if within is None:
            return
        pace = sum(self._pace(way) for way in ready)
        ahead_s = self._waiting / pace
        if ahead_s > within:
            raise Refusal(
                RefusalKind.UNAVAILABLE,
                f"It would wait for about {ahead_s:.0f} s, longer than this account accepts ({within} s). "
                "Try again later, or send it another way.",
                retry_after_s=max(1, min(600, int(ahead_s - within))),
            )

    def can_send(self, line: str | None) -> bool:
        """True if a way out is ready; that one, if it is named."""
        return any(way.ready and line in (None, way.name) for way in self.routing.ways())

    def _ready(self, line: str) -> list[Way]:
        """The ready ways of a lane, or the line of that name."""
        ways = self.routing.ways()
        if not is_lane(line):
            return [way for way in ways if way.name == line and way.ready]
        tiers = self.routing.route_named(line).tiers
        return [way for way in members([name for tier in tiers for name in tier], ways) if way.ready]

    def _pace(self, way: Way) -> float:
        """Parts a second, as seen lately; before it has shown that, as ways of its kind do."""
        return max(self._rates[way.name] / PACE_WINDOW_S, SIM_PACE if way.kind == "sim" else ONLINE_PACE)

    async def run(self) -> None:
        """Count the queue and the pace, until cancelled: only for accounts that accept within a time."""
        last: dict[str, int] = {}
        while True:
            with contextlib.suppress(ModemgwError):
                self._waiting = await self._queued()
            now = time.monotonic()
            for way in self.routing.ways():
                more = max(0, way.used - last.get(way.name, way.used))
                last[way.name] = way.used
                recent = self._sent.setdefault(way.name, deque())
                if more:
                    recent.append((now, more))
                    self._rates[way.name] += more
                while recent and recent[0][0] < now - PACE_WINDOW_S:
                    self._rates[way.name] -= recent.popleft()[1]
            await asyncio.sleep(COUNT_S)

    # -- trying it -----------------------------------------------------------------------------------------------

    def trial(self, account: Account, submission: Submission, message: NewMessage) -> RouteTrial:
        """What would become of a message that was admitted. Sends and keeps nothing."""
        route = self.route_of(account, submission, message)
        if route.deny is not None:
            return RouteTrial(route.name, (), route.deny, message.encoding, message.parts)
        prices = self.online.prices()
        if message.line:
            found = [way for way in self.routing.ways() if way.name == message.line]
            steps = [Step(way.name, 0, way.ready, "" if way.ready else way.reason) for way in found]
        else:
            steps = self.routing.steps(route)
        tried = tuple(
            TriedWay(
                step.line,
                step.tier,
                step.may,
                step.reason,
                money(prices[step.line] * message.parts) if step.line in prices else None,
            )
            for step in steps
        )
        return RouteTrial(route.name, tried, None, message.encoding, message.parts)


def sim_ways(views: Sequence[ModemView]) -> list[Way]:
    """SIM lines as routes see them."""
    return [
        Way(view.name, "sim", view.state is LineState.READY, reason=view.reason or f"It is {view.state}.")
        for view in views
    ]


def sim_line(view: ModemView, used_today: int = 0) -> LineView:
    """A modem's line as all lines are shown."""
    return LineView(
        name=view.name,
        kind="sim",
        state=view.state,
        reason=view.reason,
        since=view.since,
        sent=view.sent,
        received=view.received,
        used_today=used_today,
        in_air=view.in_air,
        paused=view.paused,
        number=view.number,
        operator=view.operator,
        balance=view.balance,
        balance_currency=view.balance_currency,
        balance_at=view.balance_at,
        reports=view.reports,
    )
