"""The only place that wires all: store, use cases, modems and front doors of one running gateway."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import logging
import random
import re
import secrets
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from modemgw import alerting, signals
from modemgw.clock import ServiceClock, boot_id
from modemgw.config import (
    AccountSettings,
    Config,
    DemoOptions,
    HttpSettings,
    ModemSettings,
    ReceivingSettings,
    StoreSettings,
)
from modemgw.credentials import load_or_create
from modemgw.dialects import ALL, native_callbacks
from modemgw.dialects.smsc import send_handler
from modemgw.dialects.smsc.mail import MailReply, answer_mail
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.errors import ModemgwError
from modemgw.line.diagnostics import Examiner
from modemgw.line.finder import FoundModem
from modemgw.line.settings import WorkerPorts, WorkerSettings
from modemgw.line.supervisor import Supervisor
from modemgw.line.timing import Timing
from modemgw.modem.dialogue.driver import Driver, DriverSettings
from modemgw.modem.dialogue.driver_at import AtDriver
from modemgw.modem.dialogue.init_sim import RefusedPins
from modemgw.modem.ports.discovery import port_kind, usb_of
from modemgw.modem.ports.transport import PortLost, Transport
from modemgw.modem.quirks.learned import LearnedStore, learned_path
from modemgw.modem.tracing.trace import Tracer
from modemgw.rules.canary_text import CANARY_LOGIN
from modemgw.rules.quota import Quota
from modemgw.rules.routing import Route, default_route
from modemgw.sdnotify import Notifier
from modemgw.servers.front import raise_descriptor_limit
from modemgw.servers.http import views
from modemgw.servers.http.app import HttpServer, make_app, start_http
from modemgw.servers.http.caller import HttpCaller
from modemgw.servers.smpp import SmppServer
from modemgw.servers.smtp import SmtpServer, start_smtp
from modemgw.service.accounts import Accounts
from modemgw.service.alerts import Alerts, Observed, Sink
from modemgw.service.balances import Balances, BalanceSettings
from modemgw.service.callbacks import CallbackLimits, Callbacks
from modemgw.service.commands import CommandRunner
from modemgw.service.core import Gateway
from modemgw.service.desk import Desk
from modemgw.service.dispatch import Dispatcher
from modemgw.service.esme import SmppService
from modemgw.service.lines import Lines
from modemgw.service.numbers import country_of
from modemgw.service.orphans import hold_orphans
from modemgw.service.routing import REMEMBERED, Routing
from modemgw.service.second_way import SecondWay
from modemgw.service.sending import SendingSettings
from modemgw.service.timers import Timers
from modemgw.service.ussd import UssdDesk
from modemgw.service.watch import Watch, tell_jump
from modemgw.service.ways import Ways, sim_ways
from modemgw.store.alerts import AlertStore
from modemgw.store.balances import LineBalances
from modemgw.store.callbacks import CallbackQueue
from modemgw.store.database import Store
from modemgw.store.repository import Repository
from modemgw.store.smpp import SmppQueue
from modemgw.store.upstream import UpstreamStore
from modemgw.upstream.client import OnceClient
from modemgw.upstream.line import LinePorts
from modemgw.upstream.online import Upstreams

log = logging.getLogger(__name__)


class Runtime:
    """A running gateway. `start`, then `stop`; both once."""

    def __init__(self, config: Config, clock: ServiceClock | None = None, *, timing: Timing | None = None) -> None:
        self.config = config
        self._clock = clock or ServiceClock()
        self._timing = timing if timing is not None else Timing()
        self._refused_pins = RefusedPins(config.store_path.with_name(config.store_path.name + ".pins"))
        self._learned = LearnedStore(learned_path(config.store_path))
        trace = config.trace
        self._tracer = Tracer(
            trace.directory(config.store_path, config.path), on=trace.on, limit=trace.max_mib * 1024 * 1024
        )
        self._store: Store | None = None
        self._supervisor: Supervisor | None = None
        self._online: Upstreams | None = None
        self._http: HttpServer | None = None
        self._smpp: SmppServer | None = None
        self._smtp: SmtpServer | None = None
        self._callbacks: Callbacks | None = None
        self._made = AsyncExitStack()  # what was made is undone in the opposite order
        self._core: Gateway | None = None
        self._telling: asyncio.Future[None] | None = None  # kept, or it may be collected before it is done

    @property
    def url(self) -> str:
        """Base URL of the HTTP server."""
        assert self._http is not None
        return self._http.url

    @property
    def smpp_addresses(self) -> list[tuple[str, int]]:
        """Where the SMPP server listens: plain or TLS, then TLS where it has a port of its own."""
        return self._smpp.addresses if self._smpp is not None else []

    @property
    def smtp_address(self) -> tuple[str, int] | None:
        """Where the SMTP server listens."""
        return self._smtp.address if self._smtp is not None else None

    @property
    def gateway(self) -> Gateway:
        """The use cases, for those that run in the same process."""
        assert self._core is not None
        return self._core

    def touch_store(self) -> asyncio.Future[None]:
        """Done when the database's writer has had its turn: it lives."""
        assert self._store is not None
        return self._store.write(lambda transaction: None)

    def tell(self) -> None:
        """Log the state of the lines and of the queue, soon."""
        if self._core is not None:
            self._telling = asyncio.ensure_future(self._tell(self._core))

    @staticmethod
    async def _tell(core: Gateway) -> None:
        """At WARNING, for whoever asked wants to see it at any verbosity."""
        health = await core.health()
        log.warning(
            "%s; %s messages wait; store: %s; callbacks: %s",
            "Ready" if health.ready else "Not ready",
            "no one knows how many" if health.queued is None else health.queued,
            health.store,
            ", ".join(f"{count} {state}" for state, count in health.callbacks.items()) or "none",
        )
        for line in core.lines():
            log.warning("Line %s is %s%s", line.name, line.state, f" ({line.reason})" if line.reason else "")

    async def start(self) -> None:
        """Open the store, bring back what was interrupted, start modems, then open the front doors."""
        config = self.config
        raise_descriptor_limit()
        self._tracer.check()
        accounts = list(config.accounts)
        if not accounts:
            account, path, made = load_or_create(config.store_path)
            accounts.append(account)
            log.warning(
                "No [[account]] is configured: %s the account %r in %s",
                "made" if made else "using",
                account.login,
                path,
            )
        self._made.callback(self._tracer.close)
        self._store = store = await Store.open(config.store_path, self._clock)
        self._made.push_async_callback(store.close)
        repository = Repository(store)
        if jump_ms := await repository.begin_clock(boot_id(), self._clock.offset_ms):
            tell_jump(jump_ms)
        doubt_window_ms = config.sending.doubt_window_s * 1000
        doubtful, resumed = await repository.recover(doubt_window_ms, int(self._timing.waits.report_s * 1000))
        if doubtful or resumed:
            log.warning(
                "After the last stop: %d parts may or may not have been sent; %d messages go on.", doubtful, resumed
            )
        own = [CANARY_LOGIN] if any(modem.canary_interval_s for modem in config.modems) else []
        ids = await repository.ensure_accounts([*(account.login for account in accounts), *own])
        names = [modem.name for modem in config.modems]
        names += [upstream.name for upstream in config.upstreams if names]
        await hold_orphans(repository, list(ids.values()), names)
        upstreams = UpstreamStore(store)
        online = Upstreams(config.upstreams, upstreams)
        routing = Routing(*self._routes(), lambda: [*sim_ways(self._views()), *online.ways()], self._clock, country_of)
        dispatcher = Dispatcher(repository, routing, self._clock)
        timers = Timers(repository, dispatcher, self._clock, partial_after_ms=config.receiving.partial_after_s * 1000)
        worker_ports = WorkerPorts(
            repository,
            dispatcher,
            timers,
            self._clock,
            self._make_driver,
            ids.get(CANARY_LOGIN),
            routing,
            lambda: _reconsider(routing, dispatcher),
        )
        self._supervisor = Supervisor(
            [self._worker_settings(modem) for modem in config.modems if modem.enabled],
            worker_ports,
            adopt=None if config.modems else self._adopt,
            timing=self._timing,
        )
        known = [account.account(ids[account.login]) for account in accounts]
        members = Accounts(known)
        self._callbacks = self._make_callbacks(store, known)
        last = await repository.last_lines(REMEMBERED) if routing.sticks else []
        routing.remember(await repository.sent_today(_midnight()), last)
        routing.adopt(await repository.lanes())
        give_back = _give_back(repository, dispatcher)
        await online.make(
            LinePorts(
                upstreams,
                dispatcher,
                routing,
                timers,
                self._clock,
                give_back,
                repository.sent_since,
                lambda: _reconsider(routing, dispatcher),
                online.network,
            ),
            public_url=config.http.public_url,
            doubt_window_ms=doubt_window_ms,
        )
        self._online = online
        ways = Ways(routing, self._supervisor.views, online, repository.queued_count)
        balances = Balances(
            self._supervisor, LineBalances(store), self._clock, self._supervisor.views, self._balance_settings()
        )
        await balances.load()
        self._core = Gateway(
            repository,
            dispatcher,
            timers,
            members,
            self._clock,
            Desk(
                repository,
                members,
                self._clock,
                sections=config.dialects,
                block=config.access.rule(),
                max_records=config.store.max_records,
            ),
            self._callbacks,
            Lines(
                self._supervisor.views,
                self._supervisor,
                self._tracer,
                Examiner(self._supervisor),
                UssdDesk(self._supervisor),
                balances,
                ways,
            ),
        )
        await self._core.figures()  # counters begin here
        second_way = SecondWay(repository, routing, dispatcher, self._clock, await repository.last_event())
        watch = Watch(store, repository, dispatcher, timers, self._clock)
        self._run(
            ("timers", timers.run()),
            ("balances", balances.run()),
            ("watch", watch.run()),
            ("followers", self._tell_followers(store, self._core)),
        )
        if second_way.wanted:
            self._run(("second way", self._look_for_failures(store, second_way)))
        if any(account.accept_within_s is not None for account in known):
            self._run(("pace", ways.run()))
        if config.alerts:
            alerts = self._make_alerts(store, repository, self._core, known[0], balances, online)
            self._run(("alerts", alerts.run()))
        self._made.push_async_callback(self._callbacks.stop)
        await self._callbacks.start()
        self._http = await start_http(make_app(self._core, config.http), config.http.listen)
        self._made.push_async_callback(self._http.close)
        if config.smpp is not None:
            service = SmppService(self._core, SmppQueue(store), dispatcher, piece_wait_ms=config.smpp.pieces_s * 1000)
            self._smpp = SmppServer(config.smpp, service, self._clock)
            self._made.push_async_callback(self._smpp.close)
            await self._smpp.start()
        if config.smtp is not None:
            self._smtp = await start_smtp(config.smtp.listen, self._answer_mail, max_bytes=config.smtp.max_bytes)
            self._made.push_async_callback(self._smtp.close)
        self._supervisor.start()
        online.start()

    def _views(self) -> list[ModemView]:
        return [] if self._supervisor is None else self._supervisor.views()

    def _routes(self) -> tuple[list[Route], Route]:
        """The routes of the configuration, and the one for what none of them fits."""
        config = self.config
        routes = [route.route(number, config.routing) for number, route in enumerate(config.routes, 1)]
        names = [upstream.name for upstream in config.upstreams if upstream.enabled]
        return routes, default_route(names, config.routing.choice, config.routing.max_wait_s)

    async def stop(self) -> None:
        """Accept nothing new, finish what is in the air, leave a clean database."""
        if self._core is not None:
            self._core.closing = True
            self._core.notify()
        await asyncio.gather(*(lines.stop() for lines in (self._supervisor, self._online) if lines is not None))
        await self._made.aclose()

    def _run(self, *loops: tuple[str, Coroutine[Any, Any, None]]) -> None:
        """Have these run until the stop, all together."""
        tasks = [asyncio.create_task(loop, name=name) for name, loop in loops]

        async def end() -> None:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._made.push_async_callback(end)

    def _make_driver(
        self,
        transport: Transport,
        settings: WorkerSettings,
        on_event: Callable[[object], None],
        on_lost: Callable[[PortLost], None],
    ) -> Driver:
        self._tracer.attach(settings.name, transport)
        return make_driver(transport, settings, on_event, on_lost)

    def _make_alerts(
        self,
        store: Store,
        repository: Repository,
        core: Gateway,
        account: Account,
        balances: Balances,
        online: Upstreams,
    ) -> Alerts:
        client = OnceClient()
        self._made.push_async_callback(client.close)

        def sms(to: str, line: str | None) -> Sink:
            return alerting.sms_sink(core, account, to, line)

        async def events() -> Mapping[str, int]:
            return (await core.figures()).events

        observed = Observed(
            lines=core.lines,
            low_balances=lambda: [*balances.low(), *online.low_balances()],
            internet_down=lambda: online.internet_down,
            lanes=repository.lanes,
            events=events,
            callbacks=core.callbacks.counts,
            database=self.config.store_path,
        )
        rules = [alerting.rule_of(settings, client, sms) for settings in self.config.alerts]
        return Alerts(rules, observed, AlertStore(store), self._clock)

    async def _answer_mail(self, raw: bytes, remote: str, now: int) -> MailReply:
        return await CommandRunner(self.gateway).drive(answer_mail(raw, send_handler, remote, now))

    def _make_callbacks(self, store: Store, accounts: list[Account]) -> Callbacks:
        settings = self.config.callbacks
        renderers = {dialect.name: dialect.callbacks for dialect in ALL if dialect.callbacks is not None}
        renderers[native_callbacks.NAME] = native_callbacks.renderer(
            lambda view: views.message(view, ()), views.inbox_item, views.call, views.rfc3339
        )
        return Callbacks(
            CallbackQueue(store),
            accounts,
            renderers,
            HttpCaller(),
            self._clock,
            random.random,
            lambda: secrets.token_hex(16),
            signers={native_callbacks.NAME: native_callbacks.sign},
            repliers={dialect.name: dialect.on_reply for dialect in ALL if dialect.on_reply is not None},
            drive=lambda steps: CommandRunner(self.gateway).drive(steps),
            limits=CallbackLimits(
                give_up_ms=settings.give_up_s * 1000,
                keep_done_ms=settings.keep_done_s * 1000,
                keep_failed_ms=settings.keep_failed_s * 1000,
            ),
        )

    def _balance_settings(self) -> dict[str, BalanceSettings]:
        return {
            modem.name: BalanceSettings(
                code=modem.balance_code,
                pattern=None if modem.balance_pattern is None else re.compile(modem.balance_pattern),
                interval_s=modem.balance_interval_s,
                low=None if modem.low_balance is None else Decimal(modem.low_balance),
            )
            for modem in self.config.modems
        }

    def _worker_settings(self, modem: ModemSettings) -> WorkerSettings:
        config = self.config
        return WorkerSettings(
            name=modem.name,
            port=modem.port,
            imei=modem.imei,
            baudrate=modem.baudrate,
            smsc=modem.smsc,
            number=modem.number,
            driver=DriverSettings(
                pin=modem.pin,
                pin_memory=self._refused_pins,
                learned=self._learned,
                profiles=config.profile_source.registry,
                direct_delivery=modem.direct,
                show_calls=modem.calls != "leave",
                acknowledge_reports=self.config.receiving.acknowledge_reports,
                indications=None if modem.cnmi is None else tuple(int(value) for value in modem.cnmi.split(",")),
            ),
            spoken_by=modem.driver,
            profile=modem.profile,
            sending=SendingSettings(
                waits=self._timing.waits,
                doubt_window_ms=config.sending.doubt_window_s * 1000,
                pause_after=config.sending.pause_after,
                quota=Quota(modem.per_minute, modem.per_hour, modem.per_day, modem.per_month, int(modem.gap_s * 1000)),
            ),
            sweep_interval_s=config.receiving.sweep_interval_s,
            health_interval_s=modem.health_interval_s,
            registration_limit_s=config.sending.registration_limit_s,
            drain_limit_s=config.sending.drain_limit_s,
            usb_reset=modem.usb_reset,
            power_cycle=tuple(modem.power_cycle or ()),
            canary_interval_s=modem.canary_interval_s,
            canary_limit_s=modem.canary_limit_s,
            calls=modem.calls,
            timing=self._timing,
        )

    def _adopt(self, name: str, found: FoundModem) -> WorkerSettings:
        """Settings for a modem that nobody configured. It is followed by its IMEI where it has one."""
        bound = ModemSettings(name="found", port=found.port)
        return replace(
            self._worker_settings(bound),
            name=name,
            port=None if found.imei else found.place or found.port,
            imei=found.imei,
        )

    @staticmethod
    async def _tell_followers(store: Store, core: Gateway) -> None:
        while True:
            await store.wait_commit()
            core.notify()

    @staticmethod
    async def _look_for_failures(store: Store, second_way: SecondWay) -> None:
        while True:
            await store.wait_commit()
            await second_way.look()


def _reconsider(routing: Routing, dispatcher: Dispatcher) -> None:
    """A line is ready, or is not any more."""
    routing.changed()
    dispatcher.reconsider()


def _give_back(repository: Repository, dispatcher: Dispatcher) -> Callable[[int], Coroutine[Any, Any, None]]:
    async def give_back(message_id: int) -> None:
        await repository.give_back(message_id)
        left = await repository.job(message_id)
        if left is not None:
            dispatcher.offer(left.id, left.priority, left.line, left)

    return give_back


def _midnight() -> int:
    """When this day began, Unix ms, by this machine's zone."""
    return int(dt.datetime.combine(dt.datetime.now().astimezone().date(), dt.time()).timestamp() * 1000)


def make_driver(
    transport: Transport,
    settings: WorkerSettings,
    on_event: Callable[[object], None],
    on_lost: Callable[[PortLost], None],
) -> Driver:
    """The driver for a port that the configuration wants, with the profile that it names, if it names one."""
    kind: type[AtDriver] = AtDriver
    if settings.spoken_by == "gsmmodem":
        from modemgw.modem.dialogue.driver_gsmmodem import GsmmodemDriver  # its library is an extra

        kind = GsmmodemDriver
    return kind(
        transport,
        on_event,
        on_lost=on_lost,
        profile=settings.driver.profiles.get(settings.profile),
        usb=usb_of(transport.url),
        port_kind=port_kind(transport.url),
        timing=settings.timing.dialogue,
    )


async def serve(config: Config, *, ready: Callable[[Runtime], None] | None = None) -> int:
    """Run until a signal ends it (see modemgw.signals); the exit status. Raises ModemgwError if it cannot start."""
    stop = asyncio.Event()
    runtime = Runtime(config)
    notifier = Notifier(lambda: runtime.gateway.modems(), runtime.touch_store)
    with signals.handled(asyncio.get_running_loop(), stop.set, runtime.tell):
        try:
            await runtime.start()
            notifier.ready()
            # what lives as long as the process need not be looked through by every collection
            gc.collect()
            gc.freeze()
            if ready is not None:
                ready(runtime)
            await stop.wait()
        finally:
            await notifier.stopping()
            await runtime.stop()
    return 0


async def demo(options: DemoOptions, *, announce: Callable[[str, str, str, str, str, str], None]) -> int:
    """`serve` on two simulated modems of one simulated network; `announce` gets what a user must know:
    URL, login, password, API key and the two numbers. Raises ModemgwError if it cannot start."""
    from modemsim.errors import SimError
    from modemsim.simulation import Simulation

    async with AsyncExitStack() as stack:
        directory = options.directory
        if directory is None:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modemgw-demo-")))
        directory.mkdir(parents=True, exist_ok=True)
        try:
            simulation = await stack.enter_async_context(
                Simulation(modems=2, dir=directory, latency=options.latency_s, seed=options.seed, report_delay=1.0)
            )
        except SimError as error:
            raise ModemgwError(str(error)) from error
        account = AccountSettings(
            login="demo",
            password=secrets.token_hex(4),
            api_key=f"demo-{secrets.token_hex(8)}",
            price="1.00",
            balance="100.00",
            ussd=True,
        )
        config = Config(
            http=HttpSettings(listen=options.listen),
            store=StoreSettings(path=str(directory / "modemgw.db")),
            modem=[
                ModemSettings(name=name, port=host.port) for name, host in zip("ab", simulation.modems, strict=True)
            ],
            account=[account],
            receiving=ReceivingSettings(partial_after_s=60),
        )

        def ready(runtime: Runtime) -> None:
            numbers = [host.number for host in simulation.modems]
            announce(runtime.url, account.login, account.password or "", account.api_key or "", *numbers)

        return await serve(config, ready=ready)
