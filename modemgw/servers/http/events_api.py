"""GET /v1/events: the history as a list, or as server-sent events that start where the client left off.

Owns the stream: heartbeats, slow and vanished clients, the end at shutdown. The history itself is the gateway's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

from aiohttp import web

from modemgw.domain.message import EventView, row_id
from modemgw.domain.requests import EventQuery
from modemgw.servers.http import models, views
from modemgw.servers.http.operations import Answer, Call, Operation, page
from modemgw.servers.http.problems import RequestProblem
from modemgw.service.core import Gateway

#: Seconds of silence after which a comment is sent, so that proxies and clients see a living connection.
HEARTBEAT_S = 15.0

#: Seconds a client may take to make room for one event; it then has to come back with Last-Event-ID.
SLOW_CLIENT_S = 30.0

MAX_STREAMS = 100


class EventsApi:
    """The history of an account, paged or streamed."""

    def __init__(self, gateway: Gateway, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._gateway = gateway
        self._heartbeat_s = heartbeat_s
        self._streams: set[asyncio.Task[None]] = set()

    def operations(self) -> list[Operation]:
        """The one operation."""
        return [
            Operation(
                "GET",
                "/v1/events",
                self.events,
                "The history, oldest first. With Accept: text/event-stream it stays open and goes on; "
                "Last-Event-ID or after says where to start.",
                {200: models.EventList},
                (400, 503),
                models.ListQuery,
                also=("text/event-stream",),
            )
        ]

    async def events(self, call: Call[models.ListQuery, None]) -> Answer:
        """GET /v1/events."""
        account, request, query = call.account, call.request, call.query
        if "text/event-stream" not in request.headers.get("Accept", ""):
            found = await self._gateway.events(EventQuery(account, query.limit + 1, query.after))
            return page(found, query.limit, views.event)
        if len(self._streams) >= MAX_STREAMS:
            raise RequestProblem(503, f"{MAX_STREAMS} event streams are open already.")
        after = query.after if "after" in request.query else None
        last = request.headers.get("Last-Event-ID", "").strip()
        if last:
            after = row_id(last)
            if after is None:
                raise RequestProblem(400, "Last-Event-ID must be the id of an event.", kind="bad_parameter")
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        source = await self._gateway.follow_events(account, after=after)
        await response.prepare(request)
        stream = asyncio.create_task(self._stream(request, response, source), name="event stream")
        self._streams.add(stream)
        try:
            # shielded from nothing: a stream ends with its client, by close(), or when the client is too slow
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await stream
        finally:
            self._streams.discard(stream)
            stream.cancel()
        response.force_close()
        return response

    async def _stream(
        self, request: web.Request, response: web.StreamResponse, source: AsyncGenerator[EventView, None]
    ) -> None:
        following: asyncio.Task[EventView] | None = None
        try:
            await self._write(response, b": the history, one event a row\n\n")
            while True:
                following = following or asyncio.ensure_future(_next(source))
                done, _ = await asyncio.wait({following}, timeout=self._heartbeat_s)
                if request.transport is None:
                    return
                if not done:
                    await self._write(response, b": still here\n\n")
                    continue
                try:
                    event = following.result()
                except StopAsyncIteration:
                    return
                following = None
                data = json.dumps(views.event(event), ensure_ascii=False)
                text = f"id: {event.id}\nevent: {event.kind}\ndata: {data}\n\n"
                await self._write(response, text.encode("utf-8", "replace"))
        finally:
            if following is not None:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await following
            await source.aclose()

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        async with asyncio.timeout(SLOW_CLIENT_S):
            await response.write(data)

    async def close(self, _app: web.Application | None = None) -> None:
        """End all streams."""
        for stream in tuple(self._streams):
            stream.cancel()


async def _next(source: AsyncGenerator[EventView, None]) -> EventView:
    return await anext(source)
