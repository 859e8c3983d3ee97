"""Any dialect over a real socket, on the real use cases and a real store, without modems: for tests of dialects.

    async def test_x(serve_dialect):                    # the fixture is in tests/conftest.py
        rig = await serve_dialect(DIALECT)              # or ALL's; options: config=…, account=…
        async with rig.http.get("/sys/send.php?login=shop&psw=s3cret&phones=79161234567&mes=hi") as response: …
        (message,) = await rig.messages()
        await rig.force(message.id, State.DELIVERED)    # any State; REJECTED takes cms=…, the reports st=…
        await rig.receive("reply", sender="+79161234567")
        rig.advance(7200)                               # the clock stands still unless told

Accounts: "shop" / "s3cret" / "key-of-shop" and "other" / "pärol" / "key-of-other".
Lines: "a" +79990000001, "b" +79990000002.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import ClientSession

from modemgw.config import Config, parse
from modemgw.dialects import ALL
from modemgw.dialects.seam import Dialect
from modemgw.domain.account import Account
from modemgw.domain.inbox import InboxView
from modemgw.domain.line import LineState, ModemView
from modemgw.domain.message import MessageView
from modemgw.domain.requests import Command, InboxQuery, MessageQuery
from modemgw.domain.states import State
from modemgw.rules.incoming import RawPdu, understand
from modemgw.rules.report_matching import tail
from modemgw.servers.http import make_app, start_http
from modemgw.service.accounts import Accounts
from modemgw.service.commands import CommandRunner
from modemgw.service.core import GatewayCore
from modemgw.service.desk import Desk
from modemgw.service.dispatch import Dispatcher
from modemgw.service.timers import Timers
from modemgw.sms import Address, Scts, SmsDeliver, SmsStatusReport, encode_pdu, plan, segment
from modemgw.store import intake, lines, outbox
from modemgw.store import parts as store_parts
from modemgw.store.database import Store
from modemgw.store.repository import SqliteRepository
from modemgw.store.writer import Transaction

T = TypeVar("T")

#: Where the clock stands at first: 2027-01-15T08:00:00Z, in Unix ms; that of the memory gateway.
NOW_MS = 1_800_000_000_000

LINES = {"a": "+79990000001", "b": "+79990000002"}

ACCOUNTS = """
[[account]]
login = "shop"
password = "s3cret"
api_key = "key-of-shop"
balance = "100.50"
price = "1.40"
{account}
[[account]]
login = "other"
password = "pärol"
api_key = "key-of-other"
"""


def modem_view(name: str, **changes: object) -> ModemView:
    """A modem that is ready."""
    fields: dict[str, object] = {
        "name": name,
        "port": f"/dev/tty{name}",
        "state": LineState.READY,
        "reason": None,
        "imei": "356938035643809",
        "imsi": f"25001{name}",
        "iccid": None,
        "number": LINES.get(name),
        "manufacturer": None,
        "model": None,
        "firmware": None,
        "operator": "MTS RUS",
        "registration": "home",
        "signal_dbm": -71,
        "smsc": "+79168999100",
        "storage": (),
        "since": NOW_MS,
        "sent": 0,
        "received": 0,
        "in_air": False,
    }
    return ModemView(**{**fields, **changes})  # type: ignore[arg-type]


class DialectRig:
    """A served dialect. Nothing is sent by itself: a test plays the network with `force` and `receive`."""

    def __init__(self, store: Store, config: Config, clock: list[int]) -> None:
        self.store = store
        self.config = config
        self.modems: list[ModemView] = [modem_view(name) for name in LINES]
        self.repository = SqliteRepository(store)
        self.url = ""
        self.http: ClientSession
        self.core: GatewayCore
        self.timers: Timers
        self._clock = clock
        self._line_ids: dict[str, int] = {}
        self._references = 0
        self._last_second = 0

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

    @contextlib.contextmanager
    def full_disk(self, *, pages: int = 0) -> Iterator[None]:
        """The database can grow by so many pages and no more, as on a disk that is full."""
        connection = self.store._connection
        (used,) = connection.execute("PRAGMA page_count").fetchone()
        (most,) = connection.execute("PRAGMA max_page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {used + pages}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA max_page_count = {most}")

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

    async def receive(self, text: str, sender: str = "+79161234567", line: str = "a") -> InboxView:
        """A message comes in, in as many parts as it needs."""
        self._references += 1
        outline, scts = plan(text), self._scts()
        pdus = [
            encode_pdu(SmsDeliver(oa=Address.parse(sender), ud=part.ud, udh=part.udh, dcs=outline.dcs(), scts=scts)).hex
            for part in segment(text, outline, reference=self._references & 0xFF)
        ]
        account = await self.account()
        before = await self.core.inbox(InboxQuery(account, 1, newest=True))
        await self._take(pdus, line)
        return (await self.core.inbox(InboxQuery(account, after=before[0].id if before else 0)))[0]

    async def _one(
        self, message_id: int, seq: int, recipient: str, state: State, cms: int | None, st: int | None, line: str
    ) -> bool:
        """One part; False if the rest of the message stays where it is."""
        line_id = await self._line(line)
        attempt = await self._do(outbox.BeginAttempt(message_id, seq, line_id, line, tail(recipient), False))
        if attempt is None:
            return False
        if state is State.SENDING:
            return False
        if state is State.REJECTED:
            error = f"CMS ERROR: {cms}" if cms is not None else "The network refused it."
            end = outbox.EndAttempt(attempt, message_id, seq, line_id, "rejected", error=error, error_code=cms)
            await self._do(end)
            return False
        if state is State.UNKNOWN:
            end = outbox.EndAttempt(
                attempt, message_id, seq, line_id, "unknown", error="No answer.", doubt_at=self.now + 600_000
            )
            await self._do(end)
            return False
        self._references += 1
        mr = self._references & 0xFF
        await self._do(outbox.EndAttempt(attempt, message_id, seq, line_id, "sent", mr=mr))
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
        await self._do(intake.TakeIn(await self._line(line), LINES.get(line), incoming))

    async def _line(self, name: str) -> int:
        if name not in self._line_ids:
            ensure = lines.EnsureLine(name, f"25001{name}", None, None, LINES.get(name))
            self._line_ids[name] = await self._do(ensure)
        return self._line_ids[name]

    def _scts(self) -> Scts:
        # a PDU that looks like another is taken for a copy of it: each has a second of its own
        self._last_second = max(self._last_second + 1, self.now // 1000)
        return Scts.of(datetime.fromtimestamp(self._last_second, UTC))

    def _do(self, op: Callable[[Transaction], T]) -> Awaitable[T]:
        return self.store.write(op)


def _account_of(tx: Transaction, message_id: int) -> int:
    row: tuple[int] = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()
    return row[0]


@contextlib.asynccontextmanager
async def serving(
    directory: Path, *dialects: Dialect, config: str = "", account: str = ""
) -> AsyncIterator[DialectRig]:
    """Serve `dialects`. `config`: more sections of the configuration; `account`: more keys of the account "shop"."""
    known = [*dialects, *(other for other in ALL if other.name not in {dialect.name for dialect in dialects})]
    settings = parse(ACCOUNTS.format(account=account) + config, dialects=known)
    clock = [NOW_MS]

    def now() -> int:
        return clock[0]

    store = await Store.open(directory / "modemgw.db", now)
    rig = DialectRig(store, settings, clock)
    dispatcher = Dispatcher(rig.repository)
    rig.timers = Timers(rig.repository, dispatcher, now, partial_after_ms=3_600_000)
    accounts = Accounts([await rig.account(a.login) for a in settings.accounts])
    desk = Desk(
        rig.repository,
        accounts,
        now,
        sections=settings.dialects,
        block=settings.access.rule(),
        max_records=settings.store.max_records,
        monotonic=lambda: now() / 1000,
    )
    rig.core = GatewayCore(rig.repository, dispatcher, rig.timers, accounts, now, lambda: rig.modems, desk=desk)
    app = make_app(rig.core, settings.http, dialects, clock=lambda: now() / 1000)
    server = await start_http(app, "127.0.0.1:0", shutdown_timeout_s=1.0)
    rig.url = server.url
    try:
        async with ClientSession(server.url) as rig.http:
            yield rig
    finally:
        rig.core.closing = True
        rig.core.notify()
        await asyncio.wait_for(server.close(), 10)
        await store.close()
