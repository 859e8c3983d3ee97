"""Where a message goes that one online line could not send: which lane, and how soon.

Owns the pauses. Which line is next is rules/routing's; that nothing of the message went out is the caller's word.
"""

from __future__ import annotations

import random
from typing import Final

from modemgw.domain.job import Job
from modemgw.domain.upstream import TryOutcome
from modemgw.rules.routing import OnRefused
from modemgw.service.dispatch import Dispatcher
from modemgw.service.routing import Routing

#: Backoff of what is worth another try later: 15 s, 30 s, 60 s …, and up to a quarter more.
BACKOFF_FIRST_S: Final = 15.0
BACKOFF_MOST_S: Final = 3_600.0


class Detour:
    """Of one line. Times are Unix ms."""

    def __init__(self, line: str, routing: Routing, dispatcher: Dispatcher) -> None:
        self._line = line
        self._routing = routing
        self._dispatcher = dispatcher

    def may_follow(self, job: Job) -> bool:
        """Whether the route lets another way try what was refused for a reason of this gateway's own."""
        return self._routing.route_named(job.line).on_refused is OnRefused.NEXT

    def after(
        self, job: Job, outcome: TryOutcome, now: int, retry_after_s: float | None = None
    ) -> tuple[str | None, int | None]:
        """(lane, due): at once (due None) where another ready line may take it, else after a pause. No lane: no way is
        left for it."""
        if job.line == self._line:  # it must go this way
            if outcome is TryOutcome.REFUSED_WAY:
                return None, None
            return self._line, now + _pause_ms(job, retry_after_s)
        route = self._routing.route_named(job.line)
        waited_s = (now - (job.expires_at - job.validity_s * 1000)) / 1000
        if outcome is TryOutcome.TEMPORARY and waited_s < route.max_wait_s:
            left_ms = max(1_000, int((route.max_wait_s - waited_s) * 1000))
            return job.line, now + min(_pause_ms(job, retry_after_s), left_ms)
        failed = self._dispatcher.failed(job.id, self._line)
        lane = self._routing.next_lane(job.line, self._line, failed)
        if self._routing.any_ready(lane, failed):
            return lane, None
        self._dispatcher.settled(job.id)
        if outcome is TryOutcome.REFUSED_WAY and not self._routing.any_other(lane, failed):
            return None, None  # every way there is has refused it
        return lane, now + _pause_ms(job, retry_after_s)

    def of_absent(self, lane: str) -> str:
        """The lane of a message that never arrived here, as after a request that could not be made."""
        if lane == self._line:
            return lane
        return self._routing.next_lane(lane, self._line, frozenset({self._line}))


def _pause_ms(job: Job, retry_after_s: float | None) -> int:
    wait_s = min(BACKOFF_FIRST_S * 2 ** min(job.tries, 10), BACKOFF_MOST_S)
    wait_s = max(wait_s, min(retry_after_s or 0.0, BACKOFF_MOST_S))
    return int(wait_s * 1000 * random.uniform(1.02, 1.25))  # noqa: S311 (jitter)
