"""The way to one online gateway: what is asked of it, each time as one request, and what that came to.

`HttpLink` puts a codec (dialects) and the client together. A kind that is a session, and not requests, has a link of
its own. Knows no store and no queue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from modemgw.dialects.seam import WireRequest
from modemgw.dialects.upstream import Told, Traits, UpstreamCodec
from modemgw.domain.upstream import (
    BalanceAnswer,
    Fate,
    FindAnswer,
    Presence,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamInbound,
    UpstreamMessage,
    WireCall,
)
from modemgw.upstream.client import Broken, OnceClient


class Link(Protocol):
    """A gateway as a line sees it. Nothing is raised but CancelledError; what cannot be asked answers None."""

    traits: Traits

    @property
    def down(self) -> str | None:
        """Why nothing can be handed over now (a session that is not there), as a sentence; None: it can. Empty: it is
        being tried for the first time."""
        ...

    @property
    def cut_off(self) -> bool:
        """The last request did not get through to the gateway's network."""
        ...

    def cannot(self, message: UpstreamMessage) -> str | None:
        """Why the gateway cannot send such a message, or None."""
        ...

    async def send(self, message: UpstreamMessage, now: int) -> SendAnswer:
        """Hand a message over, once. It is journalled: the first octet may leave."""
        ...

    async def find(self, message: UpstreamMessage, now: int) -> FindAnswer | None: ...

    async def fates(self, ids: Sequence[tuple[str, str]], now: int) -> Sequence[Fate] | None: ...

    async def balance(self) -> BalanceAnswer | None: ...

    async def probe(self) -> BalanceAnswer:
        """Whether it lives: by its balance, else by a mere connection. Costs nothing and sends nothing."""
        ...

    async def inbox(self, after: str, now: int) -> tuple[Sequence[UpstreamInbound], str] | None: ...

    def told(self, request: WireRequest, url: str) -> Told:
        """A call of the gateway to our address. Raises NotGenuine."""
        ...

    async def run(
        self, told: Callable[[Sequence[Fate], Sequence[UpstreamInbound]], Awaitable[None]], changed: Callable[[], None]
    ) -> None:
        """What keeps a session, until cancelled. `told` takes what comes over it and returns when it is durable,
        `changed` hears that `down` is another."""
        ...

    def retry(self) -> None:
        """A person has seen to it: try again what was given up for a while."""
        ...

    async def close(self) -> None: ...


class HttpLink:
    """A gateway that is spoken to in requests, by its codec."""

    down: str | None = None

    def __init__(self, codec: UpstreamCodec, account: UpstreamAccount, client: OnceClient) -> None:
        self.traits = codec.traits
        self.cut_off = False
        self._codec = codec
        self._account = account
        self._client = client

    def cannot(self, message: UpstreamMessage) -> str | None:
        return self._codec.cannot(message)

    async def send(self, message: UpstreamMessage, now: int) -> SendAnswer:
        call = self._codec.send(self._account, message, now)
        answer = await self._client.call(call)
        self.cut_off = isinstance(answer, Broken) and answer.network
        if isinstance(answer, Broken):
            return SendAnswer(answer.outcome, answer.reason)
        return self._codec.sent(self._account, message, answer)

    async def find(self, message: UpstreamMessage, now: int) -> FindAnswer | None:
        call = self._codec.find(self._account, message, now)
        if call is None:
            return None
        answer = await self._client.call(call)
        if isinstance(answer, Broken):
            return FindAnswer(Presence.UNCLEAR, reason=answer.reason)
        return self._codec.found(self._account, message, answer)

    async def fates(self, ids: Sequence[tuple[str, str]], now: int) -> Sequence[Fate] | None:
        call = self._codec.fates(self._account, ids, now)
        if call is None:
            return None
        answer = await self._client.call(call)
        return None if isinstance(answer, Broken) else self._codec.read_fates(self._account, ids, answer)

    async def balance(self) -> BalanceAnswer | None:
        call = self._codec.balance(self._account)
        return None if call is None else await self._asked(call)

    async def _asked(self, call: WireCall) -> BalanceAnswer:
        answer = await self._client.call(call)
        self.cut_off = isinstance(answer, Broken) and answer.network
        if isinstance(answer, Broken):
            return BalanceAnswer(TryOutcome.UNKNOWN, reason=answer.reason)
        return self._codec.read_balance(self._account, answer)

    async def probe(self) -> BalanceAnswer:
        call = self._codec.balance(self._account)
        if call is not None:
            return await self._asked(call)
        broken = await self._client.reach(self._account.url)
        self.cut_off = broken is not None and broken.network
        if broken is not None:
            return BalanceAnswer(TryOutcome.UNKNOWN, reason=broken.reason)
        return BalanceAnswer(TryOutcome.ACCEPTED)

    async def inbox(self, after: str, now: int) -> tuple[Sequence[UpstreamInbound], str] | None:
        call = self._codec.inbox(self._account, after, now)
        if call is None:
            return None
        answer = await self._client.call(call)
        return None if isinstance(answer, Broken) else self._codec.read_inbox(self._account, after, answer)

    def told(self, request: WireRequest, url: str) -> Told:
        return self._codec.told(self._account, request, url)

    async def run(
        self, told: Callable[[Sequence[Fate], Sequence[UpstreamInbound]], Awaitable[None]], changed: Callable[[], None]
    ) -> None:
        """There is no session."""

    def retry(self) -> None:
        """There is nothing that was given up."""

    async def close(self) -> None:
        await self._client.close()
