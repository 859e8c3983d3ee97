"""Texts whose report says that they failed: where the route wants it, the next way tries them, once.

Owns when. Which way is next is rules/routing's, what happens to the parts the store's.
"""

from __future__ import annotations

import logging

from modemgw.errors import ModemgwError
from modemgw.rules.routing import Facts, is_lane, lane_of, minute_of
from modemgw.service.dispatch import Dispatcher
from modemgw.service.ports import Clock
from modemgw.service.routing import Routing
from modemgw.store.outbox import Failed
from modemgw.store.repository import Outbox

log = logging.getLogger(__name__)

#: Looked at in one go.
PORTION = 200


class SecondWay:
    """`look` after commits. Starts at the event `after`: what failed before this start is over."""

    def __init__(self, outbox: Outbox, routing: Routing, dispatcher: Dispatcher, clock: Clock, after: int) -> None:
        self._outbox = outbox
        self._routing = routing
        self._dispatcher = dispatcher
        self._clock = clock
        self._after = after

    @property
    def wanted(self) -> bool:
        """True if a route wants any."""
        return any(route.resend_on for route in self._routing.routes)

    async def look(self) -> None:
        """Look at what failed since the last look."""
        while True:
            try:
                found = await self._outbox.failed_after(self._after, PORTION)
                for failed in found:
                    await self._consider(failed)
                    self._after = failed.event
            except ModemgwError as error:
                log.warning("What failed cannot be looked at: %s", error)
                return
            if len(found) < PORTION:
                return

    async def _consider(self, failed: Failed) -> None:
        routing = self._routing
        facts = Facts(
            account=failed.account,
            digits=failed.recipient.lstrip("+"),
            country=routing.country(failed.recipient),
            priority=failed.priority,
            flash=failed.flash,
            encoding=failed.encoding,
            parts=failed.parts,
            dialect=failed.dialect,
            minute=minute_of(failed.created_at),
        )
        in_lane = is_lane(failed.line)
        route = routing.route_named(failed.line) if in_lane else routing.route_of(facts)
        if failed.state not in route.resend_on:
            return
        lane = failed.line if in_lane else lane_of(route.name)
        next_lane = routing.next_lane(lane, failed.via, frozenset({failed.via}))
        if not routing.any_other(next_lane, frozenset({failed.via})):
            return
        if await self._outbox.send_elsewhere(failed.message_id, next_lane):
            log.info("Message %d failed through %s; another way tries it", failed.message_id, failed.via)
            self._dispatcher.failed(failed.message_id, failed.via)
            self._dispatcher.offer(failed.message_id, failed.priority, next_lane)
