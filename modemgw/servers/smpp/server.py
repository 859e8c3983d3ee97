"""Listeners and all connections of the SMPP server: limits, rates, who is bound, the clock's tick."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Hashable
from typing import Any

from modemgw.config import SmppSettings
from modemgw.domain.account import Account
from modemgw.domain.message import Submission
from modemgw.domain.numbers import normalise
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.errors import ModemgwError
from modemgw.servers.front import Front, FrontLimits, Guest
from modemgw.servers.listen import listen
from modemgw.servers.smpp.connection import Connection
from modemgw.servers.smpp.deliveries import Deliverer, Feeder, Wording
from modemgw.servers.smpp.duplicates import Duplicates
from modemgw.servers.tls import certificate, listeners
from modemgw.service.esme import SmppService
from modemgw.smpp.session import BindAsked, Limits
from modemgw.smpp.submission import Conventions
from modemgw.smpp.times import format_time

log = logging.getLogger(__name__)

SYSTEM_ID = "modemgw"

#: Seconds between looks at lost pieces and at the age of the queue; how long clients get to answer our unbind.
HOUSEKEEPING_S, GOODBYE_S = 10.0, 2.0

#: How long the names and numbers of lines are remembered.
LINES_S = 1.0


#: Octets that are taken from a connection at a time: a dozen messages or so.
READ_SIZE = 2048


class Bucket:
    """At most `rate` a second, with a second's worth at once. 0: no limit."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = float(rate)
        self._at = now

    def take(self, now: float) -> bool:
        """One more?"""
        if not self._rate:
            return True
        self._left = min(float(self._rate), self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class SmppServer:
    """`start`, then `close`; both once."""

    def __init__(self, settings: SmppSettings, service: SmppService, clock: Callable[[], int]) -> None:
        self.settings = settings
        self.service = service
        self.clock = clock
        self.limits = Limits(
            window=settings.window,
            deliver_window=settings.deliver_window,
            bind_s=settings.bind_s,
            enquire_s=settings.enquire_s,
            idle_s=settings.idle_s,
            response_s=settings.response_s,
        )
        self.conventions = Conventions(
            text_commands=settings.text_commands,
            hlr_as_ping=settings.hlr == "ping",
            offset_s=_local_offset_s(),
            line_of=self._line_of,
        )
        self.addresses: list[tuple[str, int]] = []
        self._wording = Wording(
            long_inbound=settings.long_inbound, vendor_tlvs=settings.vendor_tlvs, offset_s=_local_offset_s
        )
        self._connections: set[Connection] = set()
        self._bound: dict[int, set[Connection]] = {}
        self._deliverers: dict[int, Deliverer] = {}
        self._buckets: dict[int, Bucket] = {}
        self.duplicates = Duplicates(settings.duplicate_s)
        self._lines: tuple[float, dict[str, str]] = (-1e9, {})
        self._feeder = Feeder(service, clock, self._queued)
        self._front = Front(
            "SMPP",
            FrontLimits(settings.max_connections, settings.max_per_address),
            self._connection,
            read_size=READ_SIZE,
            handshake_s=settings.bind_s,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self._empty = asyncio.Event()

    async def start(self) -> None:
        """Listen. Raises ListenError, or ModemgwError for a certificate that cannot be used."""
        settings = self.settings
        try:
            tls = certificate(settings.tls_cert, settings.tls_key, "[smpp]")
            for address, secure in listeners(settings.listen, settings.tls_listen, tls):
                sock = listen(address)
                self.addresses.append(sock.getsockname()[:2])
                self._front.serve(sock, secure)
        except BaseException:
            await self.close()
            raise
        self._tasks = [
            asyncio.create_task(self._feeder.run(), name="smpp-feeder"),
            asyncio.create_task(self._tick(), name="smpp-tick"),
            asyncio.create_task(self._keep_house(), name="smpp-housekeeping"),
        ]

    async def close(self) -> None:
        """Take no more connections, unbind, and leave what was not answered in the queue."""
        self._closing = True
        await self._front.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.unbind()
        if self._connections:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._empty.wait()
        for connection in list(self._connections):
            connection.abort()
        for _ in range(3):  # aborted transports tell of their end in the next rounds of the loop
            await asyncio.sleep(0)
        await asyncio.gather(*(deliverer.close() for deliverer in self._deliverers.values()))

    # -- what connections ask -----------------------------------------------------------------------------------------

    def admit(self, connection: Connection) -> bool:
        """A new connection; False at the end."""
        if self._closing:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: Connection) -> None:
        """It is closed."""
        self._connections.discard(connection)
        connection.guest.left()
        if self._closing and not self._connections:
            self._empty.set()
        account = connection.account
        if account is None:
            return
        self._bound.get(account.id, set()).discard(connection)
        deliverer = self._deliverers.get(account.id)
        if deliverer is not None:
            deliverer.detach(connection, connection.session.undelivered)

    async def bound(self, connection: Connection, account: Account, asked: BindAsked) -> None:
        """The credentials are right: bind, or refuse. Raises Refusal."""
        bound = self._bound.setdefault(account.id, set())
        if len(bound) >= self.settings.max_binds:
            raise Refusal(RefusalKind.FORBIDDEN, f"{account.login!r} is bound {len(bound)} times already.")
        connection.session.accept_bind(asked, SYSTEM_ID)
        if connection.session.closed:
            return
        bound.add(connection)
        connection.guest.trust(account.login)
        connection.account = account
        log.info("SMPP %s: %r bound as %s", connection.remote, account.login, connection.session.state.value)
        if connection.session.receives:
            try:
                await self.service.queue.receiving(account.id)
            except ModemgwError as error:
                log.warning("Incoming messages are not queued for %r yet: %s", account.login, error)
            if connection not in self._connections:
                return
            if account.id not in self._deliverers:
                self._deliverers[account.id] = Deliverer(account, self.service, self._wording, self.clock)
            self._deliverers[account.id].attach(connection)

    def answered(self, connection: Connection, token: Hashable, status: int) -> None:
        """A delivery was answered."""
        if connection.account is not None and (deliverer := self._deliverers.get(connection.account.id)):
            deliverer.answered(token, status)

    def overdue(self, connection: Connection, tokens: tuple[Hashable, ...]) -> None:
        """Deliveries are not answered: they go to another receiver, if there is one."""
        account = connection.account
        if account is None:
            return
        log.warning("SMPP %s: %r leaves %d deliveries unanswered", connection.remote, account.login, len(tokens))
        deliverer = self._deliverers.get(account.id)
        if deliverer is not None and any(
            other is not connection and other.session.receives for other in self._bound[account.id]
        ):
            deliverer.give_back(tokens)

    def may_submit(self, account: Account) -> bool:
        """The account's rate, over all its binds."""
        now = time.monotonic()
        bucket = self._buckets.get(account.id)
        if bucket is None:
            bucket = self._buckets[account.id] = Bucket(self.settings.rate_per_s, now)
        return bucket.take(now)

    @staticmethod
    def check_recipient(account: Account, submission: Submission) -> None:
        """Of a part, what can be refused before the whole has come. Raises Refusal(BAD_NUMBER)."""
        normalise(submission.to, account.country)

    @staticmethod
    def dump(data: dict[str, Any]) -> str:
        """JSON that goes into any database."""
        return json.dumps(data)

    @staticmethod
    def date(at: int | None) -> str:
        """final_date of query_sm_resp."""
        return "" if at is None else format_time(at)

    # -- details ------------------------------------------------------------------------------------------------------

    def _connection(self, guest: Guest) -> Connection:
        return Connection(self, guest)

    def _line_of(self, source: str) -> str | None:
        """The line that a sender names, by its name or its number."""
        at, lines = self._lines
        now = time.monotonic()
        if now - at >= LINES_S:
            lines = {}
            for modem in self.service.gateway.modems():
                lines[modem.name] = modem.name
                if modem.number:
                    lines[modem.number.lstrip("+")] = modem.name
            self._lines = (now, lines)
        return lines.get(source) or lines.get(source.lstrip("+"))

    def _queued(self, accounts: set[int]) -> None:
        for account_id in accounts:
            if (deliverer := self._deliverers.get(account_id)) is not None:
                deliverer.look()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            for connection in list(self._connections):
                connection.tick()

    async def _keep_house(self) -> None:
        """Give up what waits too long; offer again what clients put off."""
        while True:
            await asyncio.sleep(min(HOUSEKEEPING_S, self.settings.pieces_s))
            for deliverer in self._deliverers.values():
                if not deliverer.idle:
                    deliverer.look()
            self.duplicates.prune()
            try:
                await self._feeder.give_up_pieces()
                dropped = await self.service.queue.prune(self.clock() - self.settings.keep_s * 1000)
            except ModemgwError as error:
                log.warning("%s", error)
                continue
            if dropped:
                log.warning("%d SMPP deliveries that nobody fetched were dropped.", dropped)


def _local_offset_s() -> int:
    """Seconds that this machine's time is ahead of UTC."""
    return time.localtime().tm_gmtoff
