"""Health and metrics, for supervisors and Prometheus. Unauthenticated: they name modems, never people or texts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from aiohttp import web

from modemgw import __version__
from modemgw.domain.health import Figures, Health
from modemgw.domain.line import LineState, LineView, ModemView
from modemgw.domain.refusal import Refusal, RefusalKind, StoreUnavailable
from modemgw.installation import how_to_add
from modemgw.servers.http import models, views
from modemgw.servers.http.operations import Answer, Call, Operation, as_json
from modemgw.servers.http.problems import RequestProblem
from modemgw.service.core import Gateway

#: The figures of /metrics are counted for at most so long: a disk that hangs is no reason to wait for ever.
FIGURES_S = 5.0

T = TypeVar("T")

#: What was found is told again for so many times as long as it took to find out, and a second at the most: anybody may
#: ask, and at any rate.
FRESH, LONGEST_FRESH_S = 10, 1.0


class _Shared(Generic[T]):
    """What is looked up once for all who ask at the same time, or shortly after where it is worth `keeping`."""

    def __init__(self, look: Callable[[], Awaitable[T]], keeping: Callable[[T], bool] = lambda _: True) -> None:
        self._look = look
        self._keeping = keeping
        self._looking: asyncio.Task[T] | None = None
        self._found: T | None = None
        self._until = 0.0

    async def get(self) -> T:
        """What there is. Raises what looking raises."""
        if self._found is not None and time.monotonic() < self._until:
            return self._found
        if self._looking is None:
            self._looking = asyncio.create_task(self._search(), name="health")
            self._looking.add_done_callback(self._looked)
        return await asyncio.shield(self._looking)  # who gives up does so for himself alone

    async def _search(self) -> T:
        begun = time.monotonic()
        found = await self._look()
        now = time.monotonic()
        self._found = found if self._keeping(found) else None
        self._until = now + min(LONGEST_FRESH_S, FRESH * (now - begun))
        return found

    def close(self) -> None:
        """Look no longer."""
        if self._looking is not None:
            self._looking.cancel()

    def _looked(self, task: asyncio.Task[T]) -> None:
        self._looking = None
        if not task.cancelled():
            task.exception()  # told to those who asked; perhaps nobody waits any more


class HealthApi:
    """Liveness, readiness, metrics."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._health = _Shared(gateway.health, lambda health: health.ready)
        self._figures = _Shared(gateway.figures)

    def operations(self) -> list[Operation]:
        """The table."""
        return [
            Operation(
                "GET",
                "/health/live",
                self.live,
                "200 while the process answers.",
                {200: models.LiveBody},
                query=models.AnyQuery,
                auth=False,
            ),
            Operation(
                "GET",
                "/health/ready",
                self.ready,
                "200 once the API serves and the store is writable, 503 otherwise; with `send` only while some line is "
                "ready to send, with `line` only while that one is. Tells each line's state.",
                {200: models.ReadyBody, 503: models.ReadyBody},
                (404,),
                models.ReadyQuery,
                auth=False,
            ),
            Operation(
                "GET",
                "/metrics",
                self.metrics,
                "Prometheus metrics; needs the extra modemgw[metrics].",
                {200: "text/plain"},
                (501,),
                models.AnyQuery,
                auth=False,
            ),
        ]

    async def close(self, _app: web.Application) -> None:
        """Answer nobody any more."""
        self._health.close()
        self._figures.close()

    async def live(self, _call: Call[models.AnyQuery, None]) -> Answer:
        """GET /health/live."""
        return {"status": "live"}

    async def ready(self, call: Call[models.ReadyQuery, None]) -> Answer:
        """GET /health/ready. Raises Refusal(NOT_FOUND) for a line that there is not."""
        health = await self._health.get()
        reason = None
        if not health.ready:
            reason = "The service is stopping." if health.store == "ok" else health.store
        reason = reason or self._lines_problem(call.query)
        return as_json(views.health(health, reason), 200 if reason is None else 503)

    def _lines_problem(self, query: models.ReadyQuery) -> str | None:
        """Why the lines are not as the query wants them, as a sentence. Their states alone: anybody may ask."""
        lines = self._gateway.lines()
        if query.line is not None:
            lines = [line for line in lines if line.name == query.line]
            if not lines:
                raise Refusal(RefusalKind.NOT_FOUND, f"There is no line {query.line}.")
        elif not query.send:
            return None
        if any(line.state is LineState.READY for line in lines):
            return None
        states = ", ".join(f"{line.name} is {line.state}" for line in lines)
        return f"No line is ready to send: {states or 'there is none'}."

    async def metrics(self, _call: Call[models.AnyQuery, None]) -> Answer:
        """GET /metrics."""
        try:
            from prometheus_client import CollectorRegistry, exposition
        except ImportError:
            raise RequestProblem(501, f"Metrics need the prometheus_client package: {how_to_add('metrics')}") from None
        registry = CollectorRegistry(auto_describe=False)
        health = await self._health.get()
        try:
            async with asyncio.timeout(FIGURES_S):
                figures = await self._figures.get()
        except TimeoutError:
            raise StoreUnavailable(f"The database has not been read for {FIGURES_S:g} s.") from None
        registry.register(_Snapshot(health, figures, self._gateway.modems(), self._gateway.lines()))
        return web.Response(
            body=exposition.generate_latest(registry),
            headers={"Content-Type": exposition.CONTENT_TYPE_LATEST},
        )


class _Snapshot:
    """What the gateway says right now, as a Prometheus collector."""

    def __init__(
        self, health: Health, figures: Figures, modems: list[ModemView], lines: Sequence[LineView] = ()
    ) -> None:
        self._lines = lines
        self._health = health
        self._figures = figures
        self._modems = modems

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

        info = InfoMetricFamily("modemgw", "The running version.")
        info.add_metric([], {"version": __version__})
        yield info
        yield GaugeMetricFamily(
            "modemgw_ready", "1 while the API serves and the store is writable.", value=int(self._health.ready)
        )
        if self._health.queued is not None:
            yield GaugeMetricFamily(
                "modemgw_queued_messages", "Messages that wait for their turn.", value=self._health.queued
            )
        callbacks = GaugeMetricFamily(
            "modemgw_callbacks", "Callbacks that wait to be made, and those that were given up.", labels=["state"]
        )
        for kind, count in self._health.callbacks.items():
            callbacks.add_metric([kind], count)
        yield callbacks
        state = GaugeMetricFamily(
            "modemgw_modem_state", "1 for the state the modem's line is in.", labels=["modem", "state"]
        )
        sent = CounterMetricFamily("modemgw_modem_sent_parts", "Parts sent since start.", labels=["modem"])
        received = CounterMetricFamily("modemgw_modem_received_messages", "SMS received since start.", labels=["modem"])
        since = GaugeMetricFamily("modemgw_modem_state_since_seconds", "Unix time of that state.", labels=["modem"])
        air = GaugeMetricFamily("modemgw_modem_in_air", "1 while a part is being sent.", labels=["modem"])
        climbed = CounterMetricFamily(
            "modemgw_modem_recoveries", "Rungs of the recovery ladder climbed since start.", labels=["modem", "rung"]
        )
        signal = GaugeMetricFamily("modemgw_modem_signal_dbm", "Received signal strength.", labels=["modem"])
        balance = GaugeMetricFamily(
            "modemgw_modem_balance", "What the SIM has left, as its operator said.", labels=["modem", "currency"]
        )
        balance_at = GaugeMetricFamily(
            "modemgw_modem_balance_time_seconds", "Unix time at which it was said.", labels=["modem"]
        )
        used = GaugeMetricFamily(
            "modemgw_modem_storage_used", "SMS kept in a memory of the modem.", labels=["modem", "memory"]
        )
        total = GaugeMetricFamily(
            "modemgw_modem_storage_total", "SMS a memory of the modem can hold.", labels=["modem", "memory"]
        )
        for modem in self._modems:
            for name in LineState:
                state.add_metric([modem.name, name.value], int(modem.state is name))
            sent.add_metric([modem.name], modem.sent)
            received.add_metric([modem.name], modem.received)
            since.add_metric([modem.name], modem.since / 1000)
            air.add_metric([modem.name], int(modem.in_air))
            for rung, count in modem.recoveries:
                climbed.add_metric([modem.name, rung], count)
            if modem.signal_dbm is not None:
                signal.add_metric([modem.name], modem.signal_dbm)
            if modem.balance is not None and modem.balance_at is not None:
                balance.add_metric([modem.name, modem.balance_currency or ""], float(modem.balance))
                balance_at.add_metric([modem.name], modem.balance_at / 1000)
            for storage in modem.storage:
                used.add_metric([modem.name, storage.memory], storage.used)
                total.add_metric([modem.name, storage.memory], storage.total)
        yield from (state, since, air, sent, received, climbed, signal, balance, balance_at, used, total)
        yield from self._ways()
        yield from self._counted()

    def _ways(self) -> Iterator[Any]:
        """Lines of both kinds."""
        from prometheus_client.core import GaugeMetricFamily

        names = ["line", "kind"]
        ready = GaugeMetricFamily("modemgw_line_ready", "1 while the line takes messages.", labels=names)
        since = GaugeMetricFamily("modemgw_line_state_since_seconds", "Unix time of its state.", labels=names)
        used = GaugeMetricFamily("modemgw_line_parts_today", "Parts sent today.", labels=names)
        spent = GaugeMetricFamily("modemgw_line_spent_today", "Money spent today.", labels=names)
        balance = GaugeMetricFamily("modemgw_line_balance", "What is left.", labels=[*names, "currency"])
        for line in self._lines:
            label = [line.name, line.kind]
            ready.add_metric(label, int(line.state is LineState.READY))
            since.add_metric(label, line.since / 1000)
            used.add_metric(label, line.used_today)
            if line.spent_today is not None:
                spent.add_metric(label, float(line.spent_today))
            if line.balance is not None:
                balance.add_metric([*label, line.balance_currency or ""], float(line.balance))
        yield from (ready, since, used, spent, balance)

    def _counted(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        events = CounterMetricFamily(
            "modemgw_events",
            "Rows of the history since start, by kind: message.delivered, line.deaf …",
            labels=["kind"],
        )
        for kind, count in sorted(self._figures.events.items()):
            events.add_metric([kind], count)
        latency = GaugeMetricFamily(
            "modemgw_modem_report_latency_seconds", "From sending a part to its last report.", labels=["modem"]
        )
        for modem, seconds in self._figures.report_latency_s.items():
            latency.add_metric([modem], seconds)
        yield from (events, latency)
