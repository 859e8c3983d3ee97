"""A store, a history written by hand, callbacks on it, and receivers that are real HTTP servers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from modemgw.dialects.seam import CallbackRenderer, Occurrence, ReplyHandler
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest, CallbackState, CallbackView
from modemgw.domain.job import NewMessage
from modemgw.domain.message import OnDoubt
from modemgw.servers.http.caller import HttpCaller
from modemgw.service.callbacks import CallbackLimits, Callbacks, Drive
from modemgw.store import lines
from modemgw.store.callbacks import CallbackQueue
from modemgw.store.database import Store
from modemgw.store.repository import Repository
from modemgw.store.writer import Transaction
from tests.rig import until

#: Quick enough for tests, in the proportions of the real ones.
QUICK = CallbackLimits(backoff_ms=(20, 40, 80), jitter=0.0, slow_s=0.3, drain_s=0.2)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def account(url: str | None = None, **options: Any) -> Account:
    """The account "shop", which is the first row of the store."""
    options.setdefault("callback_format", "plain")
    return Account(id=1, login="shop", callback_url=url, **options)


def plain(event: Occurrence, account: Account) -> list[CallbackRequest]:
    """A dialect for tests: the state or the text as the body, to the account's URL or the message's own."""
    if event.message is not None:
        url = str(event.message.extra["callback"]) if event.own else account.callback_url
        assert url is not None
        body = f"{event.message.id} {event.message.state}"
        return [CallbackRequest(url=url, stream=f"m{event.message.id}", body=body.encode(), context={"n": 1})]
    assert event.inbox is not None
    assert account.callback_url is not None
    body = f"in {event.inbox.id} {event.inbox.text}"
    return [CallbackRequest(url=account.callback_url, stream=f"i{event.inbox.id}", body=body.encode())]


@dataclass
class Got:
    """A request as a receiver saw it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass
class Receiver:
    """A real HTTP server. `answer` says what it does; by default it says 200."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Awaitable[web.StreamResponse] | web.StreamResponse] = lambda _got: web.Response(text="OK")
    open: int = 0
    most_open: int = 0

    @property
    def bodies(self) -> list[str]:
        return [got.body.decode() for got in self.got]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        got = Got(request.method, request.path_qs, dict(request.headers), await request.read(), time.monotonic())
        self.got.append(got)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            answer = self.answer(got)
            return answer if isinstance(answer, web.StreamResponse) else await answer
        finally:
            self.open -= 1

    async def until_got(self, count: int, limit_s: float = 5.0) -> list[str]:
        """The bodies once there are so many."""

        async def look() -> bool:
            return len(self.got) >= count

        await until(look, limit_s, lambda: f"{count} requests, got {self.bodies}")
        return self.bodies


@contextlib.asynccontextmanager
async def receiving(answer: Callable[[Got], Any] | None = None) -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()
    if answer is not None:
        receiver.answer = answer
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/cb"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def listening(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """The URL of a TCP server that need not speak HTTP."""
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            talks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/cb"
    finally:
        server.close()
        for task in tuple(talks):
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@dataclass
class Desk:
    """Callbacks running on a store."""

    store: Store
    callbacks: Callbacks
    account: Account

    async def message(self, state: str = "", *, extra: str | None = None, dialect: str = "plain") -> int:
        """A message that was accepted, and then got into the state if one is given."""
        new = NewMessage(
            account_id=1,
            recipient="+79161234567",
            text="Hi",
            data=None,
            udh=None,
            encoding="gsm7",
            locking=0,
            single=0,
            flash=False,
            pid=0,
            dcs=None,
            priority=0,
            line="",
            report=True,
            on_doubt=OnDoubt.HOLD,
            client_ref=None,
            ref=None,
            dialect=dialect,
            extra=extra,
            parts=1,
            send_at=None,
            validity_s=3600,
        )
        accepted = await Repository(self.store).accept(new)
        if state:
            await self.become(accepted.id, state)
        return accepted.id

    async def become(self, message_id: int, *states: str) -> None:
        """The history of a message goes on."""

        def write(tx: Transaction) -> None:
            for state in states:
                tx.execute("UPDATE messages SET state = ? WHERE id = ?", (state, message_id))
                tx.event(f"message.{state}", account=1, message=message_id)

        await self.store.write(write)
        self.callbacks.notify()

    async def incoming(self, text: str, kind: str = "inbox.received") -> int:
        """A text came in."""
        line = await self.store.write(
            lines.ensure_line, "a", imsi="250010000000001", iccid=None, imei=None, number="+79990000001"
        )

        def write(tx: Transaction) -> int:
            inbox_id = tx.execute(
                "INSERT INTO inbox (line_id, sender, recipient, text, kind, received_at, parts, missing, complete) "
                "VALUES (?, '+79161234567', '+79990000001', ?, 'text', ?, 1, '[]', 1)",
                (line, text, tx.now),
            ).lastrowid
            tx.event(kind, line=line, inbox=inbox_id)
            return inbox_id or 0

        inbox_id = await self.store.write(write)
        self.callbacks.notify()
        return inbox_id

    async def views(self, state: CallbackState | None = None) -> list[CallbackView]:
        return await self.callbacks.list(self.account, state=state, limit=10_000)

    async def until_states(self, *states: str, limit_s: float = 5.0) -> list[CallbackView]:
        """The callbacks once they are in these states, in order."""

        async def look() -> bool:
            return [view.state.value for view in await self.views()] == list(states)

        await until(look, limit_s, lambda: f"callbacks in {states}")
        return await self.views()

    async def events(self) -> list[tuple[str, str | None]]:
        """Kinds and data of the events about callbacks."""
        return await self.store.read(
            lambda con: con.execute("SELECT kind, data FROM events WHERE kind LIKE 'callback.%' ORDER BY id").fetchall()
        )


@contextlib.asynccontextmanager
async def calling(
    path: Path,
    shop: Account,
    *,
    renderers: Mapping[str, CallbackRenderer] | None = None,
    repliers: Mapping[str, ReplyHandler] | None = None,
    drive: Drive | None = None,
    limits: CallbackLimits = QUICK,
    total_s: float = 1.0,
) -> AsyncIterator[Desk]:
    """Callbacks of one account on the database at `path`."""
    store = await Store.open(path, now_ms)
    await Repository(store).ensure_accounts(["shop"])
    callbacks = Callbacks(
        CallbackQueue(store),
        [shop],
        renderers or {"plain": plain},
        HttpCaller(connect_s=0.5, total_s=total_s),
        now_ms,
        lambda: 0.5,
        lambda: "5ec2e7",
        repliers=repliers,
        drive=drive,
        limits=limits,
    )
    await callbacks.start()
    try:
        yield Desk(store, callbacks, shop)
    finally:
        await callbacks.stop()
        await store.close()
