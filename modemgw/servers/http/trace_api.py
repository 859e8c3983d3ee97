"""/v1/modems/{name}/trace: the AT trace of a modem, on and off. The file itself is never served.

Owns these routes and their body. Writing is modem/tracing/trace.py.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from modemgw.domain.trace import TraceView
from modemgw.servers.http import models
from modemgw.servers.http.access import Keyring
from modemgw.servers.http.native import Operation, as_json, parse_query
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

    def __init__(self, gateway: Gateway, keyring: Keyring) -> None:
        self._gateway = gateway
        self._keyring = keyring

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

    async def show(self, request: web.Request) -> web.Response:
        """GET."""
        return await self._answer(request, None)

    async def begin(self, request: web.Request) -> web.Response:
        """POST."""
        return await self._answer(request, True)

    async def end(self, request: web.Request) -> web.Response:
        """DELETE."""
        return await self._answer(request, False)

    async def _answer(self, request: web.Request, on: bool | None) -> web.Response:
        account = await self._keyring.account(request)
        parse_query(request, models.NoQuery)
        return as_json(body_of(await self._gateway.trace_modem(account, request.match_info["name"], on)))


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
