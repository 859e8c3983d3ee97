"""/v1/held and /v1/messages/cancel: deciding on many messages at once, held or waiting.

Owns these routes and their bodies. What is held and why is store/holds.py.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.service.core import Gateway


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

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

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
                may_be_empty=True,
            ),
            Operation(
                "POST",
                "/v1/messages/cancel",
                self.cancel,
                "Cancel all messages of an account, or for a line, of which nothing has been sent.",
                {200: Cancelled},
                (*problems, 403, 404),
                body=CancelMany,
                may_be_empty=True,
            ),
        ]

    async def release(self, call: Call[NoQuery, Release]) -> Answer:
        """POST /v1/held/release."""
        return {"released": await self._gateway.release(call.account, call.body.ids, call.body.drop)}

    async def cancel(self, call: Call[NoQuery, CancelMany]) -> Answer:
        """POST /v1/messages/cancel."""
        return {"cancelled": await self._gateway.cancel_many(call.account, call.body.account, call.body.line)}
