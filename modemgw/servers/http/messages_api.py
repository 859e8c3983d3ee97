"""/v1/messages and /v1/inbox: sending, looking after what was sent, reading what came in.

Owns these routes. What may be sent, and when, is the gateway's matter.
"""

from __future__ import annotations

import json

from aiohttp import web

from modemgw.domain.account import Account
from modemgw.domain.requests import EventQuery, InboxQuery, MessageQuery
from modemgw.servers.http import models, views
from modemgw.servers.http.models import ListQuery, MessagesQuery, NewMessage, NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation, as_json, page
from modemgw.service.core import Gateway

_quote = json.JSONEncoder(ensure_ascii=False).encode


class MessagesApi:
    """Handlers of messages, out and in."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def operations(self) -> list[Operation]:
        """The table."""
        a = models
        return [
            Operation(
                "POST",
                "/v1/messages",
                self.submit,
                "Send a message. Answered after it is stored durably; 200 with the first message if it was accepted "
                "before by this client_ref, 409 if the client_ref stands for another message.",
                {202: a.AcceptedBody, 200: a.AcceptedBody},
                (400, 402, 408, 409, 413, 415, 422, 429, 503),
                body=a.NewMessage,
            ),
            Operation(
                "GET",
                "/v1/messages",
                self.messages,
                "List your messages, oldest first.",
                {200: a.MessageList},
                (400,),
                a.MessagesQuery,
            ),
            Operation(
                "GET",
                "/v1/messages/{id}",
                self.message,
                "One message with its parts, attempts, receipts and events.",
                {200: a.MessageBody},
                (404,),
            ),
            Operation(
                "DELETE",
                "/v1/messages/{id}",
                self.cancel,
                "Cancel a message of which nothing has been sent.",
                {200: a.MessageBody},
                (404, 409, 503),
            ),
            Operation(
                "GET",
                "/v1/inbox",
                self.inbox,
                "List incoming messages, oldest first.",
                {200: a.InboxList},
                (400,),
                a.ListQuery,
            ),
            Operation("GET", "/v1/inbox/{id}", self.inbox_item, "One incoming message.", {200: a.InboxBody}, (404,)),
        ]

    async def submit(self, call: Call[NoQuery, NewMessage]) -> Answer:
        """POST /v1/messages. The hot path: nothing here but what it needs."""
        accepted = await self._gateway.submit(call.account, call.body.submission())
        if not accepted.created:
            return await self._stored(call.account, accepted.id)
        # written out: json.dumps of a dictionary would take as long as the validation
        answer = (
            f'{{"id": {accepted.id}, "state": "{accepted.state}", "encoding": "{accepted.encoding}", '
            f'"parts": {accepted.parts}, "to": {_quote(accepted.to)}, "client_ref": {_quote(call.body.client_ref)}}}'
        )
        return web.Response(
            body=answer.encode(),
            status=202,
            headers={"Content-Type": "application/json", "Location": f"/v1/messages/{accepted.id}"},
        )

    async def _stored(self, account: Account, message_id: int) -> web.Response:
        """The answer to a message that was accepted before: as it is stored, not as it was asked for again."""
        view = await self._gateway.message(account, message_id)
        response = as_json(views.accepted(view))
        response.headers["Location"] = f"/v1/messages/{message_id}"
        return response

    async def messages(self, call: Call[MessagesQuery, None]) -> Answer:
        """GET /v1/messages."""
        query = call.query
        asked = MessageQuery(call.account, query.limit + 1, query.after, state=query.state, hidden=True, parts=False)
        return page(await self._gateway.messages(asked), query.limit, views.message_summary)

    async def message(self, call: Call[NoQuery, None]) -> Answer:
        """GET /v1/messages/{id}."""
        message_id = call.id("message")
        view = await self._gateway.message(call.account, message_id)
        return views.message(view, await self._gateway.events(EventQuery(call.account, message_id=message_id)))

    async def cancel(self, call: Call[NoQuery, None]) -> Answer:
        """DELETE /v1/messages/{id}."""
        message_id = call.id("message")
        view = await self._gateway.cancel(call.account, message_id)
        return views.message(view, await self._gateway.events(EventQuery(call.account, message_id=message_id)))

    async def inbox(self, call: Call[ListQuery, None]) -> Answer:
        """GET /v1/inbox."""
        query = call.query
        found = await self._gateway.inbox(InboxQuery(call.account, query.limit + 1, query.after))
        return page(found, query.limit, views.inbox_item)

    async def inbox_item(self, call: Call[NoQuery, None]) -> Answer:
        """GET /v1/inbox/{id}."""
        return views.inbox_item(await self._gateway.inbox_item(call.account, call.id("incoming message")))
