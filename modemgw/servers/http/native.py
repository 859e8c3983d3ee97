"""The native API under /v1: one handler for each operation, and the table that registers and documents them.

Owns translating requests and answers. What may be sent, and when, is the gateway's matter.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from modemgw.config import HttpSettings
from modemgw.domain.account import Account
from modemgw.domain.message import row_id
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import EventQuery, InboxQuery, MessageQuery
from modemgw.servers.http import models, views
from modemgw.servers.http.access import Keyring, read_body
from modemgw.servers.http.problems import RequestProblem, of_validation
from modemgw.service.core import Gateway

HttpHandler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Q = TypeVar("Q", bound=BaseModel)

_quote = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class Operation:
    """A route with all that /openapi.json says of it."""

    method: str
    path: str
    handler: HttpHandler
    summary: str
    answers: dict[int, type[BaseModel] | str]  # a model, or a content type
    problems: tuple[int, ...] = ()
    query: type[BaseModel] = models.NoQuery
    body: type[BaseModel] | None = None
    auth: bool = True
    also: tuple[str, ...] = ()  # content types the first answer has besides JSON


class NativeApi:
    """Handlers of /v1, all on one gateway."""

    def __init__(self, gateway: Gateway, settings: HttpSettings, keyring: Keyring) -> None:
        self._gateway = gateway
        self._keyring = keyring
        self._read_timeout_s = settings.read_timeout_s

    def operations(self) -> list[Operation]:
        """The table of /v1 but for the events, which events.py serves."""
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
            Operation("GET", "/v1/modems", self.modems, "All modems and what they are doing.", {200: a.ModemList}),
            Operation(
                "POST",
                "/v1/modems/{name}/pause",
                self.pause_modem,
                "Send nothing more through a modem until it is resumed; receiving goes on.",
                {200: a.ModemBody},
                (404,),
            ),
            Operation(
                "POST",
                "/v1/modems/{name}/resume",
                self.resume_modem,
                "End a pause, a quarantine, or the wait for a person to see to the SIM.",
                {200: a.ModemBody},
                (404,),
            ),
        ]

    async def submit(self, request: web.Request) -> web.Response:
        """POST /v1/messages. The hot path: nothing here but what it needs."""
        account = await self._keyring.account(request)
        if request.headers.get("Content-Type") != "application/json":
            require_json(request)
        body = await read_body(request, self._read_timeout_s)
        if not body:
            raise RequestProblem(400, "The body is empty; send a JSON object.", kind="not_json")
        try:
            message = models.NewMessage.model_validate_json(body)
        except ValidationError as error:
            raise of_validation(error, status=422, what="body") from None
        accepted = await self._gateway.submit(account, message.submission())
        if not accepted.created:
            return await self._stored(account, accepted.id)
        # written out: json.dumps of a dictionary would take as long as the validation
        answer = (
            f'{{"id": {accepted.id}, "state": "{accepted.state}", "encoding": "{accepted.encoding}", '
            f'"parts": {accepted.parts}, "to": {_quote(accepted.to)}, "client_ref": {_quote(message.client_ref)}}}'
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

    async def messages(self, request: web.Request) -> web.Response:
        """GET /v1/messages."""
        account = await self._keyring.account(request)
        query = parse_query(request, models.MessagesQuery)
        asked = MessageQuery(account, query.limit + 1, query.after, state=query.state, hidden=True, parts=False)
        found = await self._gateway.messages(asked)
        return page(found, query.limit, views.message_summary)

    async def message(self, request: web.Request) -> web.Response:
        """GET /v1/messages/{id}."""
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        message_id = path_id(request, "message")
        view = await self._gateway.message(account, message_id)
        return as_json(views.message(view, await self._gateway.events(EventQuery(account, message_id=message_id))))

    async def cancel(self, request: web.Request) -> web.Response:
        """DELETE /v1/messages/{id}."""
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        message_id = path_id(request, "message")
        view = await self._gateway.cancel(account, message_id)
        return as_json(views.message(view, await self._gateway.events(EventQuery(account, message_id=message_id))))

    async def inbox(self, request: web.Request) -> web.Response:
        """GET /v1/inbox."""
        account = await self._keyring.account(request)
        query = parse_query(request, models.ListQuery)
        found = await self._gateway.inbox(InboxQuery(account, query.limit + 1, query.after))
        return page(found, query.limit, views.inbox_item)

    async def inbox_item(self, request: web.Request) -> web.Response:
        """GET /v1/inbox/{id}."""
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        item_id = path_id(request, "incoming message")
        return as_json(views.inbox_item(await self._gateway.inbox_item(account, item_id)))

    async def modems(self, request: web.Request) -> web.Response:
        """GET /v1/modems."""
        await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        return as_json({"items": [views.modem(modem) for modem in self._gateway.modems()], "next": None})

    async def pause_modem(self, request: web.Request) -> web.Response:
        """POST /v1/modems/{name}/pause."""
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        return as_json(views.modem(await self._gateway.pause_modem(account, request.match_info["name"])))

    async def resume_modem(self, request: web.Request) -> web.Response:
        """POST /v1/modems/{name}/resume."""
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        return as_json(views.modem(await self._gateway.resume_modem(account, request.match_info["name"])))


def as_json(body: object, status: int = 200) -> web.Response:
    """A JSON response in UTF-8; a lone surrogate that slipped in is replaced, never an error."""
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(body=raw, status=status, content_type="application/json")


def page(found: list[Any], limit: int, view: Callable[[Any], dict[str, Any]]) -> web.Response:
    """A list of at most `limit` items; `found` has one more where there is a next page."""
    more = len(found) > limit
    items = found[:limit]
    return as_json({"items": [view(item) for item in items], "next": items[-1].id if more else None})


def parse_query(request: web.Request, model: type[Q]) -> Q:
    """The query string as a model; unknown, repeated or malformed parameters are a 400 that names them."""
    query = request.query
    repeated = sorted({name for name in query if len(query.getall(name)) > 1})
    if repeated:
        errors = [(name, "is given twice") for name in repeated]
        raise RequestProblem(400, f"{', '.join(repeated)} given twice.", errors, kind="bad_parameter")
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise of_validation(error, status=400, what="query") from None


def path_id(request: web.Request, what: str) -> int:
    """The id in the path. Raises Refusal(NOT_FOUND) for what can be no id."""
    text = request.match_info["id"]
    number = row_id(text)
    if number is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no {what} {text[:40]}.")
    return number


def require_json(request: web.Request) -> None:
    """Raises RequestProblem 415 if the body says to be something else. No header at all is let through."""
    if "Content-Type" not in request.headers:
        return
    content_type = request.content_type
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise RequestProblem(415, f"The body is called {content_type}; send JSON, with Content-Type: application/json.")
    charset = request.charset
    if charset and charset.lower().replace("-", "") != "utf8":
        raise RequestProblem(415, f"JSON is always UTF-8, not {charset}.")
