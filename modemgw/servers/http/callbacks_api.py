"""/v1/callbacks: what was sent to an account's URLs, what waits and what failed, and making them again.

Owns these routes and their bodies. The queue and its rules are service/callbacks.py.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from modemgw.domain.callback import CallbackState, CallbackView
from modemgw.servers.http import models
from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation, page
from modemgw.servers.http.views import rfc3339
from modemgw.service.core import Gateway


class CallbacksQuery(models.ListQuery):
    """A page of callbacks."""

    state: CallbackState | None = Field(default=None, description="Only callbacks in this state.")


class CallbackBody(BaseModel):
    """A request to one of the account's URLs."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(description="As receivers get it in X-Modemgw-Callback.")
    state: CallbackState
    format: str = Field(description="The dialect that worded it.")
    event_id: int
    message_id: int | None
    inbox_id: int | None
    method: str
    url: str
    created_at: models.Time
    due_at: models.Time | None = Field(
        description="The next try, while it waits; null also while an earlier one about the same message waits."
    )
    ended_at: models.Time | None
    tries: int
    status: int | None = Field(description="HTTP status of the last answer; null if there was none.")
    error: str | None


class CallbackList(BaseModel):
    """A page of callbacks, oldest first."""

    model_config = ConfigDict(extra="forbid")

    items: list[CallbackBody]
    next: int | None


class ReplayRequest(BaseModel):
    """Which callbacks to make again. Give exactly one."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: int | None = Field(default=None, ge=1, le=2**63 - 1, description="This one, in whatever state.")
    failed: bool = Field(default=False, description="All that were given up.")
    since: models.Moment | None = Field(default=None, description="All made since: RFC 3339 with offset, or seconds.")

    @model_validator(mode="after")
    def _one(self) -> ReplayRequest:
        if (self.id is not None) + self.failed + (self.since is not None) != 1:
            raise PydanticCustomError("replay", "needs exactly one of id, failed and since")
        return self


class ReplayBody(BaseModel):
    """They wait to be made again."""

    model_config = ConfigDict(extra="forbid")

    replayed: int


class CallbacksApi:
    """Handlers of /v1/callbacks."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def operations(self) -> list[Operation]:
        """The table."""
        return [
            Operation(
                "GET",
                "/v1/callbacks",
                self.callbacks,
                "List the calls to your URLs, oldest first.",
                {200: CallbackList},
                query=CallbacksQuery,
            ),
            Operation(
                "POST",
                "/v1/callbacks/replay",
                self.replay_callbacks,
                "Make callbacks again, as if they were new.",
                {202: ReplayBody},
                (400, 404, 408, 413, 415, 422, 503),
                body=ReplayRequest,
            ),
        ]

    async def callbacks(self, call: Call[CallbacksQuery, None]) -> Answer:
        """GET /v1/callbacks."""
        account, query = call.account, call.query
        found = await self._gateway.callbacks.list(account, state=query.state, after=query.after, limit=query.limit + 1)
        return page(found, query.limit, body_of)

    async def replay_callbacks(self, call: Call[NoQuery, ReplayRequest]) -> Answer:
        """POST /v1/callbacks/replay."""
        asked, callbacks = call.body, self._gateway.callbacks
        count = await callbacks.replay(call.account, id=asked.id, failed=asked.failed, since=asked.since)
        return {"replayed": count}


def body_of(view: CallbackView) -> dict[str, Any]:
    """CallbackBody."""
    return {
        "id": view.id,
        "state": view.state.value,
        "format": view.format,
        "event_id": view.event_id,
        "message_id": view.message_id,
        "inbox_id": view.inbox_id,
        "method": view.method,
        "url": view.url,
        "created_at": rfc3339(view.created_at),
        "due_at": None if view.due_at is None else rfc3339(view.due_at),
        "ended_at": None if view.ended_at is None else rfc3339(view.ended_at),
        "tries": view.tries,
        "status": view.status,
        "error": view.error,
    }
