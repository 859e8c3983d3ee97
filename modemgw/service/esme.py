"""What SMPP clients (ESMEs) need beyond the gateway: pieces of long messages, and replacing.

Owns the order of things; the rows are the store's (store/smpp.py), the PDUs the server's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from modemgw.domain.account import Account
from modemgw.domain.esme import KeptPiece, NewPiece, PieceView
from modemgw.domain.message import MessageView, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.service.core import Gateway
from modemgw.service.dispatch import Dispatcher
from modemgw.store.smpp import SmppQueue


class SmppService:
    """The use cases behind the SMPP server that the gateway does not have; `queue` is the store's part."""

    def __init__(
        self, gateway: Gateway, queue: SmppQueue, dispatcher: Dispatcher, *, piece_wait_ms: int = 300_000
    ) -> None:
        self.gateway = gateway
        self.queue = queue
        self.piece_wait_ms = piece_wait_ms
        self._dispatcher = dispatcher

    async def authenticate(self, login: str, password: str, remote: str | None) -> Account:
        """By login and password, by login and API key, or by the key alone. Refusal unless it is one."""
        if not login:
            return await self.gateway.authenticate(api_key=password, remote=remote)
        return await self.gateway.authenticate(login=login, password=password, api_key=password, remote=remote)

    async def keep_piece(
        self, account: Account, piece: NewPiece, join: Callable[[Mapping[int, Any]], Submission]
    ) -> int:
        """Keep a part of a long message; its id after the COMMIT. With the last one the whole is accepted.

        Raises Refusal or PduRefused: of the whole, to the piece that completes it.
        """
        write = self.queue.keep_piece(
            piece, lambda pieces: self.gateway.admit(account, join(pieces)), self.piece_wait_ms
        )
        return (await self.gateway.durable(write, self._offer)).id

    def _offer(self, kept: KeptPiece) -> None:
        if kept.message is not None and kept.accepted is not None:
            self.gateway.offer(kept.message, kept.accepted)

    async def find(self, account: Account, message_id: int) -> MessageView | PieceView:
        """A message, or the piece of one. Refusal(NOT_FOUND)."""
        piece = await self.queue.piece(account.id, message_id)
        if piece is None:
            return await self.gateway.message(account, message_id)
        return piece if piece.message_id is None else await self.gateway.message(account, piece.message_id)

    async def find_waiting(self, account: Account, reference: str) -> MessageView | None:
        """The newest message with this reference, if it still waits."""
        view = await self.gateway.find_message(account, ref=reference)
        return view if view is not None and view.state == "queued" else None

    async def replace(self, account: Account, message_id: int, submission: Submission) -> None:
        """Give a queued message another text and other times. Refusal(NOT_FOUND | CONFLICT), and what admission says.

        The dispatcher may have the old text at hand: it must not give it out meanwhile, nor afterwards.
        """
        message = self.gateway.admit(account, submission)
        if not self._dispatcher.withhold(message_id):
            raise Refusal(RefusalKind.CONFLICT, f"Message {message_id} is being sent.")
        priority, line = message.priority, message.line
        try:
            await asyncio.shield(self.queue.replace(account.id, message_id, message))
            view = await self.gateway.message(account, message_id)
            priority, line = view.priority, view.line or ""
        finally:
            self._dispatcher.release(message_id)
            if message.send_at is None:
                self._dispatcher.offer(message_id, priority, line)
            else:
                self.gateway.wake_by(message.send_at)
