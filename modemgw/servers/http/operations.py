"""The table of operations of the native API: what each route takes and answers, and the reading of it.

Owns who asks, the query and the body of every operation, in this order, and what is said when one of them is wrong.
/openapi.json is made of the same table. What an operation does is in the modules *_api.py of this room.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from modemgw.domain.account import Account
from modemgw.domain.message import row_id
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.servers.http import models
from modemgw.servers.http.access import Keyring, read_body
from modemgw.servers.http.problems import RequestProblem, of_validation

Q = TypeVar("Q", bound=BaseModel)
B = TypeVar("B")

#: What is sent back: a body for `as_json` with the status of the operation's first answer, or a response as it is.
Answer = Mapping[str, Any] | web.StreamResponse


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """A request that was read. `query` and `body` are the models of its operation; None where it has no body."""

    request: web.Request
    asker: Account | None
    query: Q
    body: B

    @property
    def account(self) -> Account:
        """Whose request it is. Operations with `auth` alone may ask."""
        assert self.asker is not None, "an operation without auth knows no account"
        return self.asker

    @property
    def name(self) -> str:
        """{name} in the path."""
        return self.request.match_info["name"]

    def id(self, what: str) -> int:
        """{id} in the path, of a `what`. Raises Refusal(NOT_FOUND) for what can be no id."""
        text = self.request.match_info["id"]
        number = row_id(text)
        if number is None:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no {what} {text[:40]}.")
        return number


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: all that /openapi.json says of it, and all that is read before `handler` is called."""

    method: str
    path: str
    handler: Callable[[Call[Any, Any]], Awaitable[Answer]]
    summary: str
    answers: dict[int, type[BaseModel] | str]  # a model, or a content type; the first is the usual one
    problems: tuple[int, ...] = ()
    query: type[BaseModel] = models.NoQuery
    body: type[BaseModel] | None = None
    auth: bool = True
    also: tuple[str, ...] = ()  # content types the first answer has besides JSON
    may_be_empty: bool = False  # no body at all is as good as {}


def serve(operation: Operation, keyring: Keyring, read_timeout_s: float) -> Callable[[web.Request], Awaitable[Any]]:
    """The handler of a route for the HTTP server."""
    handler, status = operation.handler, next(iter(operation.answers))

    async def operate(request: web.Request) -> web.StreamResponse:
        asker = await keyring.account(request) if operation.auth else None
        query = parse_query(request, operation.query)
        body = None
        if operation.body is not None:
            body = await _read(request, operation.body, operation.may_be_empty, read_timeout_s)
        answer = await handler(Call(request, asker, query, body))
        return answer if isinstance(answer, web.StreamResponse) else as_json(answer, status)

    return operate


async def _read(request: web.Request, model: type[BaseModel], may_be_empty: bool, timeout_s: float) -> BaseModel:
    """The body as a model. Raises RequestProblem: 400, 408, 413, 415, 422."""
    if request.headers.get("Content-Type") != "application/json":
        require_json(request)
    raw = await read_body(request, timeout_s)
    if not raw and not may_be_empty:
        raise RequestProblem(400, "The body is empty; send a JSON object.", kind="not_json")
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise of_validation(error, status=422, what="body") from None


def as_json(body: Mapping[str, Any], status: int = 200) -> web.Response:
    """A JSON response in UTF-8; a lone surrogate that slipped in is replaced, never an error."""
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(body=raw, status=status, content_type="application/json")


def page(found: list[Any], limit: int, view: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """A list of at most `limit` items; `found` has one more where there is a next page."""
    more = len(found) > limit
    items = found[:limit]
    return {"items": [view(item) for item in items], "next": items[-1].id if more else None}


def parse_query(request: web.Request, model: type[Q]) -> Q:
    """The query string as a model; unknown, repeated or malformed parameters are a 400 that names them."""
    query = request.query if request.query_string else {}
    repeated = sorted({name for name in query if len(request.query.getall(name)) > 1})
    if repeated:
        errors = [(name, "is given twice") for name in repeated]
        raise RequestProblem(400, f"{', '.join(repeated)} given twice.", errors, kind="bad_parameter")
    try:
        return model.model_validate(dict(query))
    except ValidationError as error:
        raise of_validation(error, status=400, what="query") from None


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
