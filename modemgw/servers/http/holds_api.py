"""/v1/held and /v1/messages/cancel: deciding on many messages at once, held or waiting.

Owns these routes and their bodies. What is held and why is store/holds.py.
"""

from __future__ import annotations

from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modemgw.config import HttpSettings
from modemgw.servers.http import models
from modemgw.servers.http.access import Keyring, read_body
from modemgw.servers.http.native import Operation, as_json, parse_query, require_json
from modemgw.servers.http.problems import of_validation
from modemgw.service.core import Gateway

B = TypeVar("B", bound=BaseModel)


class Release(BaseModel):
    """What becomes of messages that may have been sent before the database was brought back."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[int] | None = Field(default=None, max_length=10_000, description="These messages; null: all of them.")
    drop: bool = Field(default=False, description="Leave them as they are, unknown, instead of sending them.")


class Released(BaseModel):
    """How many messages were decided on."""

    model_config = ConfigDict(extra="forbid")

    released: int


class CancelMany(BaseModel):
    """Which messages to cancel: all that wait of one account, of one line, or of both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    account: str | None = Field(
        default=None, description="Login, your own or of an account that is not configured any more; null: your own."
    )
    line: str | None = Field(default=None, description="Only those that must go through this line.")


class Cancelled(BaseModel):
    """How many messages were cancelled."""

    model_config = ConfigDict(extra="forbid")

    cancelled: int


class HoldsApi:
    """Handlers."""

    def __init__(self, gateway: Gateway, settings: HttpSettings, keyring: Keyring) -> None:
        self._gateway = gateway
        self._keyring = keyring
        self._read_timeout_s = settings.read_timeout_s

    def operations(self) -> list[Operation]:
        """The table."""
        problems = (400, 408, 413, 415, 422, 503)
        return [
            Operation(
                "POST",
                "/v1/held/release",
                self.release,
                "Send messages that are held because the database was brought back from a copy, or leave them unknown.",
                {200: Released},
                problems,
                body=Release,
            ),
            Operation(
                "POST",
                "/v1/messages/cancel",
                self.cancel,
                "Cancel all messages of an account, or for a line, of which nothing has been sent.",
                {200: Cancelled},
                (*problems, 403, 404),
                body=CancelMany,
            ),
        ]

    async def release(self, request: web.Request) -> web.Response:
        """POST /v1/held/release."""
        account = await self._keyring.account(request)
        body = await self._body(request, Release)
        return as_json({"released": await self._gateway.release(account, body.ids, body.drop)})

    async def cancel(self, request: web.Request) -> web.Response:
        """POST /v1/messages/cancel."""
        account = await self._keyring.account(request)
        body = await self._body(request, CancelMany)
        return as_json({"cancelled": await self._gateway.cancel_many(account, body.account, body.line)})

    async def _body(self, request: web.Request, model: type[B]) -> B:
        parse_query(request, models.NoQuery)
        require_json(request)
        raw: Any = await read_body(request, self._read_timeout_s)
        try:
            return model.model_validate_json(raw or b"{}")
        except ValidationError as error:
            raise of_validation(error, status=422, what="body") from None
