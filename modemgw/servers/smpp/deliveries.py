"""The way to the client: news become rows of a durable queue, and rows deliver_sm to whoever of an account listens.

Owns the order and what becomes of an answer. A row is deleted when a client said ESME_ROK to it, and not before.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

from modemgw.domain.account import Account
from modemgw.domain.esme import Delivery, NewDelivery
from modemgw.domain.inbox import InboxKind
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.errors import ModemgwError
from modemgw.servers.smpp.reports import lost_receipt, receipt_of, receipts
from modemgw.service.esme import SmppService
from modemgw.smpp.names import Status
from modemgw.smpp.pdu import ShortMessage
from modemgw.smpp.receipt import inbound_messages, receipt_message

log = logging.getLogger(__name__)

#: Events looked through at a time; rows read ahead of the window.
PAGE, AHEAD = 5_000, 100

#: Time in which news are gathered before they are looked at.
GATHER_S = 0.03

RETRY_S = 2.0

#: Waits before a delivery that a client did not take is offered again; the last of them from then on.
AGAIN_S = (5, 30, 120, 600, 3600)

#: What a client says to a delivery that it will never take (5.1.3).
_NEVER = frozenset({Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN})

#: What a client is not told of.
_NOT_TOLD = frozenset({InboxKind.UNDECODABLE, InboxKind.TYPE0})


class Receiver(Protocol):
    """A bound connection that takes deliveries."""

    @property
    def deliver_room(self) -> int: ...
    @property
    def speaks_tlvs(self) -> bool: ...
    @property
    def iso(self) -> bool: ...

    def deliver(self, token: Hashable, messages: list[ShortMessage]) -> None: ...


class Wording:
    """How deliveries are written; see [smpp] in the configuration."""

    def __init__(self, *, long_inbound: str, vendor_tlvs: bool, offset_s: Callable[[], int]) -> None:
        self.by_header = long_inbound == "udh"
        self.vendor_tlvs = vendor_tlvs
        self.offset_s = offset_s


class Deliverer:
    """Deliveries of one account to its receivers, a few unanswered at a time."""

    def __init__(self, account: Account, service: SmppService, wording: Wording, clock: Callable[[], int]) -> None:
        self.account = account
        self._service = service
        self._wording = wording
        self._clock = clock
        self._receivers: list[Receiver] = []
        self._ahead: deque[Delivery] = deque()
        self._flying: dict[int, Delivery] = {}
        self._gone: set[int] = set()  # answered, and not deleted yet
        self._acknowledged: list[int] = []
        self._more = True
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._done = asyncio.Event()

    def attach(self, receiver: Receiver) -> None:
        """A receiver is bound."""
        self._receivers.append(receiver)
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._delete())]
        self.look()

    def detach(self, receiver: Receiver, undelivered: Iterable[Hashable]) -> None:
        """It is gone: what it did not answer goes to the next one."""
        if receiver in self._receivers:
            self._receivers.remove(receiver)
        self.give_back(undelivered)

    def give_back(self, tokens: Iterable[Hashable]) -> None:
        """Offer these again."""
        for token in tokens:
            if isinstance(token, int):
                self._flying.pop(token, None)
        self.look()

    def look(self) -> None:
        """There may be something new in the queue, or room for it."""
        self._ahead.clear()
        self._more = True
        self._wake.set()

    @property
    def idle(self) -> bool:
        """Nobody listens."""
        return not self._receivers

    def answered(self, token: Hashable, status: int) -> None:
        """A client answered a delivery."""
        assert isinstance(token, int)
        delivery = self._flying.pop(token, None)
        if status == Status.ESME_ROK or status in _NEVER:
            if status:
                log.warning("Account %r refused delivery %d for good: %#x", self.account.login, token, status)
            self._gone.add(token)
            self._acknowledged.append(token)
            self._done.set()
        elif delivery is not None:
            self._gone.add(token)
            self._tasks.append(asyncio.create_task(self._postpone(delivery)))
        self._wake.set()

    async def close(self) -> None:
        """Delete what was answered, and end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._acknowledged:
            try:
                await self._service.queue.acknowledge(self._acknowledged)
            except ModemgwError as error:
                log.warning("Answered deliveries could not be deleted and will come again: %s", error)

    # -- out --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while (receiver := self._free()) is not None and (delivery := await self._next()) is not None:
                    await self._send(receiver, delivery)
            except ModemgwError as error:
                log.warning("Deliveries of %r wait: %s", self.account.login, error)
                await asyncio.sleep(RETRY_S)
                self.look()

    def _free(self) -> Receiver | None:
        best = max(self._receivers, key=lambda receiver: receiver.deliver_room, default=None)
        return best if best is not None and best.deliver_room > 0 else None

    async def _next(self) -> Delivery | None:
        if not self._ahead and self._more:
            self._more = False
            limit = AHEAD + len(self._flying) + len(self._gone)
            rows = await self._service.queue.deliveries(self.account.id, limit, self._clock())
            self._more = self._more or len(rows) == limit
            known = self._flying.keys() | self._gone
            self._ahead = deque(row for row in rows if row.id not in known)
        return self._ahead.popleft() if self._ahead else None

    async def _send(self, receiver: Receiver, delivery: Delivery) -> None:
        self._flying[delivery.id] = delivery
        messages = await self._messages(receiver, delivery)
        if not messages:
            self.answered(delivery.id, Status.ESME_ROK)
        elif receiver.deliver_room > 0:
            receiver.deliver(delivery.id, messages)
        else:  # it went while we looked something up
            self.give_back([delivery.id])

    async def _messages(self, receiver: Receiver, delivery: Delivery) -> list[ShortMessage]:
        wording = self._wording
        if delivery.kind == "receipt":
            receipt = receipt_of(delivery.data, vendor=wording.vendor_tlvs)
            return [receipt_message(receipt, tlvs=receiver.speaks_tlvs, offset_s=wording.offset_s())]
        assert delivery.inbox_id is not None
        try:
            item = await self._service.gateway.inbox_item(self.account, delivery.inbox_id)
        except Refusal as refusal:
            if refusal.kind is not RefusalKind.NOT_FOUND:
                raise
            return []
        if item.kind in _NOT_TOLD:
            return []
        return inbound_messages(
            sender=item.sender if item.mms is None else item.mms.via,
            recipient=item.recipient or "",
            text=item.text,
            data=item.data,
            ports=item.ports,
            iso=receiver.iso,
            long="udh" if wording.by_header else "payload",
            tlvs=receiver.speaks_tlvs,
            reference=item.id,
        )

    # -- answers ----------------------------------------------------------------------------------------------

    async def _delete(self) -> None:
        """Take answered rows out of the queue, as many at a time as have come together."""
        while True:
            await self._done.wait()
            self._done.clear()
            ids = self._acknowledged[:]
            if not ids:
                continue
            try:
                await self._service.queue.acknowledge(ids)
            except ModemgwError as error:
                log.warning("Answered deliveries wait to be deleted: %s", error)
                await asyncio.sleep(RETRY_S)
                self._done.set()
                continue
            del self._acknowledged[: len(ids)]
            self._gone.difference_update(ids)
            self._tasks = [task for task in self._tasks if not task.done()]

    async def _postpone(self, delivery: Delivery) -> None:
        wait_s = AGAIN_S[min(delivery.tries, len(AGAIN_S) - 1)]
        try:
            await self._service.queue.postpone(delivery.id, self._clock() + wait_s * 1000)
        except ModemgwError as error:
            log.warning("A delivery could not be put off: %s", error)
        self._gone.discard(delivery.id)


class Feeder:
    """Puts what happens into the queue, with the cursor of the history in the same commit."""

    def __init__(self, service: SmppService, clock: Callable[[], int], on_queued: Callable[[set[int]], None]) -> None:
        self._service = service
        self._clock = clock
        self._on_queued = on_queued
        self._cursor: int | None = None
        self._kept = 0

    async def run(self) -> None:
        """Until cancelled."""
        news = asyncio.Event()
        news.set()
        self._service.gateway.watch(news)
        try:
            while True:
                await news.wait()
                news.clear()
                try:
                    while await self.step():
                        pass
                except ModemgwError as error:
                    log.warning("Receipts over SMPP wait: %s", error)
                    news.set()
                    await asyncio.sleep(RETRY_S)
                await asyncio.sleep(GATHER_S)
        finally:
            self._service.gateway.unwatch(news)

    async def step(self) -> bool:
        """Queue the next page of news; False when there was none."""
        first = self._cursor is None
        page = await self._service.queue.news(self._cursor, PAGE)
        rows = [row for change in page.changes for row in receipts(*change)]
        rows += [
            NewDelivery(account, "inbox", inbox_id=inbox_id) for inbox_id in page.inbox for account in page.receivers
        ]
        if rows or first or page.until - self._kept >= PAGE:
            await self._service.queue.enqueue(rows, cursor=page.until)
            self._kept = page.until
        moved = page.until != self._cursor
        self._cursor = page.until
        if rows:
            self._on_queued({row.account_id for row in rows})
        return moved and not first

    async def give_up_pieces(self) -> None:
        """Long messages whose parts did not all come in time are not sent; who asked for it is told."""
        lost = await self._service.queue.lost_pieces(self._clock() - self._service.piece_wait_ms)
        if lost:
            now = self._clock()
            rows = [row for piece in lost if (row := lost_receipt(piece, now)) is not None]
            await self._service.queue.enqueue(rows, lost=[piece.id for piece in lost])
            log.warning("%d parts of long messages were given up: the other parts never came.", len(lost))
            self._on_queued({row.account_id for row in rows})
