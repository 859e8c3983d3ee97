"""The real use cases on a real store, without modems: for tests of servers, commands and dialects; and any dialect
over a real socket.

    async def test_x(serve_dialect):                    # the fixture is in tests/conftest.py
        rig = await serve_dialect(DIALECT)              # or ALL's; options: config=…, account=…
        async with rig.http.get("/sys/send.php?login=shop&psw=s3cret&phones=79161234567&mes=hi") as response: …
        (message,) = await rig.messages()
        await rig.force(message.id, State.DELIVERED)    # any State; REJECTED takes cms=…, the reports st=…
        await rig.receive("reply", sender="+79161234567")
        rig.advance(7200)                               # the clock stands still unless told

`gateway_rig` is the same without a server. Lines: "a" +79990000001, "b" +79990000002.
Accounts: "shop" / "s3cret" / "key-of-shop" and "other" / "pärol" / "key-of-other".
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from aiohttp import ClientSession

from modemgw.config import Config, parse
from modemgw.dialects import ALL
from modemgw.dialects.seam import Dialect
from modemgw.domain.account import Account
from modemgw.domain.inbox import InboxView
from modemgw.domain.job import LineRecord
from modemgw.domain.line import ModemView
from modemgw.domain.message import MessageView
from modemgw.domain.requests import Command, InboxQuery, MessageQuery
from modemgw.domain.states import State
from modemgw.modem.tracing.trace import Tracer
from modemgw.rules.incoming import RawPdu, understand
from modemgw.rules.report_matching import tail
from modemgw.rules.routing import Route, default_route
from modemgw.servers.http import make_app, start_http
from modemgw.servers.http.caller import HttpCaller
from modemgw.service.accounts import Accounts
from modemgw.service.balances import Balances
from modemgw.service.callbacks import Callbacks
from modemgw.service.commands import CommandRunner
from modemgw.service.core import Gateway
from modemgw.service.desk import Desk
from modemgw.service.dispatch import Dispatcher
from modemgw.service.lines import Lines
from modemgw.service.ports import Clock
from modemgw.service.routing import Routing
from modemgw.service.timers import Timers
from modemgw.service.ussd import UssdDesk
from modemgw.service.ways import Ways, sim_ways
from modemgw.sms import Address, Scts, SmsDeliver, SmsStatusReport, encode_pdu, plan, segment
from modemgw.store import intake, lines, outbox
from modemgw.store import parts as store_parts
from modemgw.store.balances import LineBalances
from modemgw.store.callbacks import CallbackQueue
from modemgw.store.database import Store
from modemgw.store.repository import Repository
from modemgw.store.upstream import UpstreamStore
from modemgw.store.writer import Transaction
from modemgw.upstream.online import Upstreams
from tests.played_lines import LINES, NOW_MS, PlayedLines

P = ParamSpec("P")
T = TypeVar("T")

#: What is incomplete is shown after this.
PARTIAL_AFTER_S = 3600

ACCOUNTS = """
[[account]]
login = "shop"
password = "s3cret"
api_key = "key-of-shop"
balance = "100.50"
price = "1.40"
ussd = true
{account}
[[account]]
login = "other"
password = "pärol"
api_key = "key-of-other"
"""


@contextlib.contextmanager
def full_disk(store: Store, *, pages: int = 0) -> Iterator[None]:
    """The database can grow by so many pages and no more, as on a disk that is full."""
    connection = store._connection
    (used,) = connection.execute("PRAGMA page_count").fetchone()
    (most,) = connection.execute("PRAGMA max_page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {used + pages}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA max_page_count = {most}")


class DialectRig:
    """A gateway, and where it is served. Nothing is sent by itself: `force` and `receive` play the network."""

    def __init__(self, store: Store, config: Config, clock: list[int]) -> None:
        self.store = store
        self.config = config
        self.lines = PlayedLines()
        self.repository = Repository(store)
        self.url = ""
        self.http: ClientSession
        self.core: Gateway
        self.timers: Timers
        self._clock = clock
        self._lines: dict[str, LineRecord] = {}
        self._references = 0
        self._last_second = 0

    @property
    def modems(self) -> list[ModemView]:
        """What the gateway sees of its modems; a test sets others."""
        return self.lines.modems

    @modems.setter
    def modems(self, views: list[ModemView]) -> None:
        self.lines.modems = views

    # -- the clock

    @property
    def now(self) -> int:
        """Unix ms, for the dialect and the store alike."""
        return self._clock[0]

    def advance(self, seconds: float) -> None:
        """Let time pass. What is due by then happens with `await rig.tick()`."""
        self._clock[0] += int(seconds * 1000)

    async def tick(self) -> None:
        """What the timers would do now: promote, expire, settle."""
        await self.timers.tick()

    # -- the disk

    def full_disk(self, *, pages: int = 0) -> contextlib.AbstractContextManager[None]:
        """The database can grow by so many pages and no more."""
        return full_disk(self.store, pages=pages)

    # -- looking

    async def run(self, command: Command) -> Any:
        """The result of a command of the seam, as a handler would be sent it."""
        return await CommandRunner(self.core).run(command)

    async def account(self, login: str = "shop") -> Account:
        """An account as the dialects get it."""
        found = next(a for a in self.config.accounts if a.login == login)
        ids = await self.repository.ensure_accounts([login])
        return found.account(ids[login])

    async def messages(self, login: str = "shop") -> list[MessageView]:
        """All messages of an account with their parts, in the order of acceptance."""
        account = await self.account(login)
        found: list[MessageView] = []
        while page := await self.core.messages(
            MessageQuery(account, 1000, found[-1].id if found else 0, hidden=True, parts=False)
        ):
            found += page
        return [await self.core.message(account, view.id) for view in found]

    # -- the network's part

    async def force(
        self, message_id: int, state: State, *, cms: int | None = None, st: int | None = None, line: str = "a"
    ) -> None:
        """Bring all parts of a queued message into `state`, by the operations that a worker would use.

        `cms`: the CMS error of REJECTED. `st`: TP-ST of the report for DELIVERED, UNDELIVERABLE and EXPIRED (which
        without one expires in our queue).
        """
        parts = await self._do(lambda tx: self._prepare(tx, message_id))
        if state is State.QUEUED:
            return
        if state is State.CANCELLED:
            account = await self._do(lambda tx: _account_of(tx, message_id))
            await self.repository.cancel(account, message_id)
            return
        if state is State.EXPIRED and st is None:
            await self._do(functools.partial(store_parts.expire_one, message_id=message_id))
            return
        for seq, recipient in parts:
            if not await self._one(message_id, seq, recipient, state, cms, st, line):
                return

    async def receive(self, text: str, sender: str = "+79161234567", line: str = "a", *, lost: int = 0) -> InboxView:
        """A message comes in, in as many parts as it needs; without the last `lost` of them it shows an hour later."""
        self._references += 1
        outline, scts = plan(text), self._scts()
        pdus = [
            encode_pdu(SmsDeliver(oa=Address.parse(sender), ud=part.ud, udh=part.udh, dcs=outline.dcs(), scts=scts)).hex
            for part in segment(text, outline, reference=self._references & 0xFF)
        ]
        account = await self.account()
        before = await self.core.inbox(InboxQuery(account, 1, newest=True))
        await self._take(pdus[: len(pdus) - lost], line)
        if lost:
            self.advance(PARTIAL_AFTER_S)
            await self.tick()
        return (await self.core.inbox(InboxQuery(account, after=before[0].id if before else 0)))[0]

    async def copies(self, message_id: int, count: int) -> None:
        """Many more messages, like this one."""

        def copy(tx: Transaction) -> None:
            names = [row[1] for row in tx.execute("PRAGMA table_info(messages)") if row[1] != "id"]
            columns = ", ".join(names)
            tx.execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                f"INSERT INTO messages ({columns}) SELECT {columns} FROM n CROSS JOIN messages WHERE id = ?",
                (count, message_id),
            )

        await self._do(copy)

    async def _one(
        self, message_id: int, seq: int, recipient: str, state: State, cms: int | None, st: int | None, line: str
    ) -> bool:
        """One part; False if the rest of the message stays where it is."""
        record = await self._line(line)
        attempt = await self._do(outbox.begin_attempt, message_id, seq, record, tail(recipient), resend=False, lane="")
        if attempt is None or state is State.SENDING:
            return False
        if state is State.REJECTED:
            error = f"CMS ERROR: {cms}" if cms is not None else "The network refused it."
            await self._do(outbox.end_attempt, attempt, "rejected", error=error, error_code=cms)
            return False
        if state is State.UNKNOWN:
            doubt_at = self.now + 600_000
            await self._do(outbox.end_attempt, attempt, "unknown", error="No answer.", doubt_at=doubt_at)
            return False
        self._references += 1
        mr = self._references & 0xFF
        await self._do(outbox.end_attempt, attempt, "sent", mr=mr)
        if state is not State.SENT:
            default = {State.DELIVERED: 0, State.UNDELIVERABLE: 0x40, State.EXPIRED: 0x46}[state]
            report = SmsStatusReport(
                mr=mr, ra=Address.parse(recipient), st=default if st is None else st, scts=self._scts(), dt=self._scts()
            )
            await self._take([encode_pdu(report).hex], line)
        return True

    def _prepare(self, tx: Transaction, message_id: int) -> list[tuple[int, str]]:
        tx.execute("UPDATE messages SET queue = 1, due_at = NULL WHERE id = ? AND queue = 2", (message_id,))
        return tx.execute(
            "SELECT p.seq, m.recipient FROM parts p JOIN messages m ON m.id = p.message_id "
            "WHERE m.id = ? ORDER BY p.seq",
            (message_id,),
        ).fetchall()

    async def _take(self, pdus: Sequence[str], line: str) -> None:
        incoming = [understand(RawPdu(pdu)) for pdu in pdus]
        await self._do(intake.take_in, await self._line(line), incoming)

    async def _line(self, name: str) -> LineRecord:
        if name not in self._lines:
            imsi, number = f"25001{name}", LINES.get(name)
            line_id = await self._do(lines.ensure_line, name, imsi=imsi, iccid=None, imei=None, number=number)
            self._lines[name] = LineRecord(line_id, name, imsi, number)
        return self._lines[name]

    def _scts(self) -> Scts:
        # a PDU that looks like another is taken for a copy of it: each has a second of its own
        self._last_second = max(self._last_second + 1, self.now // 1000)
        return Scts.of(datetime.fromtimestamp(self._last_second, UTC))

    def _do(self, op: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        return self.store.write(op, *args, **kwargs)


def _account_of(tx: Transaction, message_id: int) -> int:
    row: tuple[int] = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()
    return row[0]


@contextlib.asynccontextmanager
async def gateway_rig(
    directory: Path, *, config: str = "", account: str = "", dialects: Sequence[Dialect] = ALL
) -> AsyncIterator[DialectRig]:
    """A gateway. `config`: more sections of the configuration; `account`: more keys of the account "shop"."""
    settings = parse(ACCOUNTS.format(account=account) + config, dialects=dialects)
    clock = [NOW_MS]

    def now() -> int:
        return clock[0]

    store = await Store.open(directory / "modemgw.db", now)
    rig = DialectRig(store, settings, clock)
    dispatcher = Dispatcher(rig.repository)
    rig.timers = Timers(rig.repository, dispatcher, now, partial_after_ms=PARTIAL_AFTER_S * 1000)
    members = [await rig.account(a.login) for a in settings.accounts]
    accounts = Accounts(members)
    desk = Desk(
        rig.repository,
        accounts,
        now,
        sections=settings.dialects,
        block=settings.access.rule(),
        max_records=settings.store.max_records,
        monotonic=lambda: now() / 1000,
    )
    routes = [route.route(number, settings.routing) for number, route in enumerate(settings.routes, 1)]
    rig.core = make_gateway(store, dispatcher, rig.timers, accounts, now, desk, rig.lines, routes)
    telling = asyncio.ensure_future(_tell_followers(store, rig.core))
    try:
        yield rig
    finally:
        rig.core.closing = True
        rig.core.notify()
        telling.cancel()
        await rig.core.callbacks.stop()
        await store.close()


def make_gateway(
    store: Store,
    dispatcher: Dispatcher,
    timers: Timers,
    accounts: Accounts,
    clock: Clock,
    desk: Desk,
    lines: PlayedLines,
    routes: Sequence[Route] = (),
) -> Gateway:
    """The use cases as `runtime` wires them, on lines that are played; callbacks are queued and not sent."""
    tracer = Tracer(store.path.with_name("traces"))
    queue = CallbackQueue(store)
    callbacks = Callbacks(queue, accounts.all, {}, HttpCaller(), clock, lambda: 0.5, lambda: "5ec2e7")
    balances = Balances(lines, LineBalances(store), clock, lines.views, {})
    repository, online = Repository(store), Upstreams([], UpstreamStore(store))
    routing = Routing(routes, default_route([]), lambda: sim_ways(lines.views()), clock)
    ways = Ways(routing, lines.views, online, repository.queued_count)
    all_lines = Lines(lines.views, lines, tracer, lines, UssdDesk(lines), balances, ways)
    return Gateway(repository, dispatcher, timers, accounts, clock, desk, callbacks, all_lines)


async def _tell_followers(store: Store, gateway: Gateway) -> None:
    while True:
        await store.wait_commit()
        gateway.notify()


@contextlib.asynccontextmanager
async def serving(
    directory: Path, *dialects: Dialect, config: str = "", account: str = ""
) -> AsyncIterator[DialectRig]:
    """Serve `dialects`; the rest as `gateway_rig`."""
    known = [*dialects, *(other for other in ALL if other.name not in {dialect.name for dialect in dialects})]
    async with gateway_rig(directory, config=config, account=account, dialects=known) as rig:
        app = make_app(rig.core, rig.config.http, dialects, clock=lambda: rig.now / 1000)
        server = await start_http(app, "127.0.0.1:0", shutdown_timeout_s=1.0)
        rig.url = server.url
        try:
            async with ClientSession(server.url) as rig.http:
                yield rig
        finally:
            rig.core.closing = True
            rig.core.notify()
            await asyncio.wait_for(server.close(), 10)
