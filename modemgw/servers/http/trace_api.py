"""/v1/modems/{name}/trace: the AT trace of a modem, on and off. The file itself is never served.

Owns these routes and their body. Writing is modem/tracing/trace.py.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from modemgw.domain.trace import TraceView
from modemgw.servers.http import models
from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.servers.http.views import rfc3339
from modemgw.service.core import Gateway


class TraceBody(BaseModel):
    """Whether a modem is traced, and where to."""

    model_config = ConfigDict(extra="forbid")

    modem: str
    on: bool
    file: str | None = Field(description="On the gateway's machine, for its owner alone; null until it is begun.")
    size: int = Field(description="Octets, with those of the file before.")
    since: models.Time | None
    problem: str | None = Field(description="Why it ended by itself.")


class TraceApi:
    """Handlers of /v1/modems/{name}/trace."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def operations(self) -> list[Operation]:
        """The table."""
        path = "/v1/modems/{name}/trace"
        return [
            Operation("GET", path, self.show, "Whether a modem is traced, and where to.", {200: TraceBody}, (404,)),
            Operation(
                "POST", path, self.begin, "Write all that a modem says and is told.", {200: TraceBody}, (404, 503)
            ),
            Operation("DELETE", path, self.end, "End the trace; its file stays.", {200: TraceBody}, (404,)),
        ]

    async def show(self, call: Call[NoQuery, None]) -> Answer:
        """GET."""
        return await self._answer(call, None)

    async def begin(self, call: Call[NoQuery, None]) -> Answer:
        """POST."""
        return await self._answer(call, True)

    async def end(self, call: Call[NoQuery, None]) -> Answer:
        """DELETE."""
        return await self._answer(call, False)

    async def _answer(self, call: Call[NoQuery, None], on: bool | None) -> Answer:
        return body_of(await self._gateway.trace_modem(call.account, call.name, on))


def body_of(view: TraceView) -> dict[str, Any]:
    """TraceBody."""
    return {
        "modem": view.modem,
        "on": view.on,
        "file": view.file,
        "size": view.size,
        "since": None if view.since is None else rfc3339(view.since),
        "problem": view.problem,
    }
