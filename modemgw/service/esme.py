"""What SMPP clients (ESMEs) need beyond the gateway: pieces of long messages, replacing, and a queue of deliveries.

Owns the order of things; the rows are the store's (store/smpp.py), the PDUs the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from modemgw.domain.account import Account
from modemgw.domain.esme import Delivery, Join, KeptPiece, LostPiece, NewDelivery, NewPiece, News, PieceView
from modemgw.domain.inbox import InboxView
from modemgw.domain.job import NewMessage
from modemgw.domain.line import ModemView
from modemgw.domain.message import Accepted, MessageView, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.service.core import Gateway
from modemgw.service.dispatch import Dispatcher


class EsmeRepository(Protocol):
    """The store's part. Writes return after their COMMIT and may raise StoreUnavailable."""

    def keep_piece(self, piece: NewPiece, join: Join, wait_ms: int) -> Awaitable[KeptPiece]: ...

    def replace(self, account_id: int, message_id: int, message: NewMessage) -> Awaitable[None]: ...

    async def lose_pieces(self, wait_ms: int) -> list[LostPiece]:
        """Pieces that have waited for their fellows for longer than that. `enqueue` gives them up."""
        ...

    def enqueue(self, deliveries: Sequence[NewDelivery], cursor: int | None, lost: Sequence[int]) -> Awaitable[None]:
        """New rows of the queue, the cursor they were read up to, and pieces that are given up, in one commit."""
        ...

    def receiving(self, account_id: int) -> Awaitable[None]:
        """From now on the account takes incoming messages."""
        ...

    def acknowledge(self, ids: Sequence[int]) -> Awaitable[None]: ...

    def postpone(self, delivery_id: int, due_at: int) -> Awaitable[None]: ...

    def prune(self, before: int) -> Awaitable[int]:
        """Rows that nobody fetched in time are dropped; their number."""
        ...

    async def news(self, cursor: int | None, limit: int) -> News:
        """What has happened after the cursor; None: after the one that was kept, or from now on."""
        ...

    async def deliveries(self, account_id: int, limit: int, now: int) -> list[Delivery]: ...

    async def piece(self, account_id: int, piece_id: int) -> PieceView | None: ...


class EsmeDesk:
    """The use cases behind the SMPP server."""

    def __init__(
        self, core: Gateway, repository: EsmeRepository, dispatcher: Dispatcher, *, piece_wait_ms: int = 300_000
    ) -> None:
        self._core = core
        self._repository = repository
        self._dispatcher = dispatcher
        self._piece_wait_ms = piece_wait_ms

    async def authenticate(self, login: str, password: str, remote: str | None) -> Account:
        """By login and password, by login and API key, or by the key alone. Refusal unless it is one."""
        if not login:
            return await self._core.authenticate(api_key=password, remote=remote)
        return await self._core.authenticate(login=login, password=password, api_key=password, remote=remote)

    def modems(self) -> list[ModemView]:
        """Every modem, for senders that name one."""
        return self._core.modems()

    def submit_soon(self, account: Account, submission: Submission, done: Callable[[Accepted | Refusal], None]) -> None:
        """See Gateway.submit_soon."""
        self._core.submit_soon(account, submission, done)

    async def keep_piece(
        self, account: Account, piece: NewPiece, join: Callable[[Mapping[int, Any]], Submission]
    ) -> int:
        """Keep a part of a long message; its id after the COMMIT. With the last one the whole is accepted.

        Raises Refusal or PduRefused: of the whole, to the piece that completes it.
        """
        write = self._repository.keep_piece(
            piece, lambda pieces: self._core.admit(account, join(pieces)), self._piece_wait_ms
        )
        return (await self._core.durable(write, self._offer)).id

    def _offer(self, kept: KeptPiece) -> None:
        if kept.message is not None and kept.accepted is not None:
            self._core.offer(kept.message, kept.accepted)

    async def find(self, account: Account, message_id: int) -> MessageView | PieceView:
        """A message, or the piece of one. Refusal(NOT_FOUND)."""
        piece = await self._repository.piece(account.id, message_id)
        if piece is None:
            return await self._core.message(account, message_id)
        return piece if piece.message_id is None else await self._core.message(account, piece.message_id)

    async def find_waiting(self, account: Account, reference: str) -> MessageView | None:
        """The newest message with this reference, if it still waits."""
        view = await self._core.find_message(account, ref=reference)
        return view if view is not None and view.state == "queued" else None

    async def cancel(self, account: Account, message_id: int) -> None:
        """Refusal(NOT_FOUND | CONFLICT)."""
        await self._core.cancel(account, message_id)

    async def replace(self, account: Account, message_id: int, submission: Submission) -> None:
        """Give a queued message another text and other times. Refusal(NOT_FOUND | CONFLICT), and what admission says.

        The dispatcher may have the old text at hand: it must not give it out meanwhile, nor afterwards.
        """
        message = self._core.admit(account, submission)
        if not self._dispatcher.withhold(message_id):
            raise Refusal(RefusalKind.CONFLICT, f"Message {message_id} is being sent.")
        priority, line = message.priority, message.line
        try:
            await asyncio.shield(asyncio.ensure_future(self._repository.replace(account.id, message_id, message)))
            view = await self._core.message(account, message_id)
            priority, line = view.priority, view.line or ""
        finally:
            self._dispatcher.release(message_id)
            if message.send_at is None:
                self._dispatcher.offer(message_id, priority, line)
            else:
                self._core.wake_by(message.send_at)

    # -- deliveries -----------------------------------------------------------------------------------------------

    async def receiving(self, account: Account) -> None:
        """The account has a receiver: incoming messages are queued for it from now on, for good."""
        await self._repository.receiving(account.id)

    async def news(self, cursor: int | None, limit: int) -> News:
        """What has happened after the cursor; None: after the one that `enqueue` kept last."""
        return await self._repository.news(cursor, limit)

    async def enqueue(
        self, deliveries: Sequence[NewDelivery], *, cursor: int | None = None, lost: Sequence[int] = ()
    ) -> None:
        """Durable afterwards, with the cursor."""
        await self._repository.enqueue(deliveries, cursor, lost)

    async def lost_pieces(self) -> list[LostPiece]:
        """Pieces whose fellows have not come in time."""
        return await self._repository.lose_pieces(self._piece_wait_ms)

    async def deliveries(self, account_id: int, limit: int, now: int) -> list[Delivery]:
        """The head of an account's queue: priority first, then age."""
        return await self._repository.deliveries(account_id, limit, now)

    async def inbox_item(self, account: Account, inbox_id: int) -> InboxView:
        """One incoming message."""
        return await self._core.inbox_item(account, inbox_id)

    async def acknowledge(self, ids: Sequence[int]) -> None:
        """The client has them."""
        await self._repository.acknowledge(ids)

    async def postpone(self, delivery_id: int, due_at: int) -> None:
        """The client does not take it now."""
        await self._repository.postpone(delivery_id, due_at)

    async def prune(self, before: int) -> int:
        """Drop what nobody fetched."""
        return await self._repository.prune(before)

    def watch(self, news: asyncio.Event) -> None:
        """Have it set after every commit."""
        self._core.watch(news)

    def unwatch(self, news: asyncio.Event) -> None:
        """Not any more."""
        self._core.unwatch(news)
