"""/v1/lines, /v1/routes/try, and the addresses at which online gateways call us.

Owns these routes and their bodies. What a gateway's call means is its codec's, who takes a message the routes'.
"""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from modemgw.config import HttpSettings
from modemgw.dialects.seam import WireRequest
from modemgw.domain.line import LineState, LineView
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.servers.http import models, views
from modemgw.servers.http.access import read_body
from modemgw.servers.http.connection import Connection
from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.servers.http.peer import Peers
from modemgw.service.core import Gateway
from modemgw.service.ways import RouteTrial


class LineBody(BaseModel):
    """A way out: a SIM card in a modem, or an online gateway."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str = Field(description="sim, or the kind of the online gateway.")
    state: LineState
    reason: str | None = Field(description="Why it is not ready, in words.")
    since: models.Time
    sent: int = Field(description="Parts since start.")
    received: int
    used_today: int = Field(description="Parts sent today.")
    in_air: bool
    paused: bool
    number: str | None = Field(description="Of the SIM; of an online gateway what it sends as.")
    operator: str | None
    balance: str | None
    balance_currency: str | None
    balance_at: models.Time | None
    spent_today: str | None = Field(description="Of an online gateway, as it said or as the price has it.")
    callback_url: str | None = Field(description="The address to enter at the online gateway.")
    reports: str | None = Field(description="How delivery reports come: direct, stored, told, asked, none.")


class LineList(BaseModel):
    """All lines."""

    model_config = ConfigDict(extra="forbid")

    items: list[LineBody]
    next: None = None


class WayBody(BaseModel):
    """A way in the order in which it would be tried."""

    model_config = ConfigDict(extra="forbid")

    line: str
    tier: int = Field(description="From 0; those of one tier share.")
    may: bool = Field(description="It would take the message now.")
    reason: str = Field(description="Why it would not, or after how long.")
    cost: str | None = Field(description="Of all parts, where the price is known.")


class TrialBody(BaseModel):
    """What would become of a message. Nothing is sent."""

    model_config = ConfigDict(extra="forbid")

    route: str = Field(description="Empty: no route fits, every SIM and then the online gateways in their order.")
    ways: list[WayBody]
    refused: str | None = Field(description="Why a route refuses it.")
    encoding: str
    parts: int


class LinesApi:
    """Handlers of the lines of both kinds."""

    def __init__(self, gateway: Gateway, settings: HttpSettings) -> None:
        self._gateway = gateway
        self._read_timeout_s = settings.read_timeout_s
        self._peers = Peers(settings.trusted_proxies)

    def operations(self) -> list[Operation]:
        """The table."""
        return [
            Operation("GET", "/v1/lines", self.lines, "All ways out: SIM cards and online gateways.", {200: LineList}),
            Operation(
                "POST",
                "/v1/lines/{name}/pause",
                self.pause,
                "Send nothing more through a line until it is resumed; receiving goes on.",
                {200: LineBody},
                (404,),
            ),
            Operation(
                "POST",
                "/v1/lines/{name}/resume",
                self.resume,
                "End a pause, a quarantine, or the wait for a person to see to it: a SIM, a login that was refused.",
                {200: LineBody},
                (404,),
            ),
            Operation(
                "POST",
                "/v1/routes/try",
                self.try_route,
                "Say which route a message would take, which ways in which order and why. Sends nothing.",
                {200: TrialBody},
                (400, 403, 408, 413, 415, 422),
                body=models.NewMessage,
            ),
        ]

    async def lines(self, call: Call[NoQuery, None]) -> Answer:
        """GET /v1/lines."""
        return {"items": [line_body(view) for view in self._gateway.lines()], "next": None}

    async def pause(self, call: Call[NoQuery, None]) -> Answer:
        """POST /v1/lines/{name}/pause."""
        return line_body(await self._gateway.pause_line(call.account, call.name))

    async def resume(self, call: Call[NoQuery, None]) -> Answer:
        """POST /v1/lines/{name}/resume."""
        return line_body(await self._gateway.resume_line(call.account, call.name))

    async def try_route(self, call: Call[NoQuery, models.NewMessage]) -> Answer:
        """POST /v1/routes/try."""
        return trial_body(self._gateway.try_route(call.account, call.body.submission()))

    async def called(self, request: web.Request) -> web.Response:
        """ANY /upstream/{token}: what a gateway tells us. What is wrong with a call is not said to a stranger."""
        body = await read_body(request, self._read_timeout_s)
        wire = WireRequest(
            method=request.method,
            path=request.path,
            raw_query=request.raw_path.partition("?")[2].encode("utf-8", "surrogateescape"),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            remote=self._peers.address(request) or "",
            now=int(time.time() * 1000),
            scheme=self._peers.scheme(request),
        )
        answer = await self._gateway.told(request.match_info["token"], wire)
        if answer is None:
            raise Refusal(RefusalKind.NOT_FOUND, "There is nothing here.")
        if isinstance(request.protocol, Connection):
            request.protocol.trust()
        return web.Response(
            body=answer.body, status=answer.status, headers={**answer.headers, "Content-Type": answer.content_type}
        )


def line_body(view: LineView) -> dict[str, Any]:
    """LineBody."""
    return {
        "name": view.name,
        "kind": view.kind,
        "state": view.state.value,
        "reason": view.reason,
        "since": views.rfc3339(view.since),
        "sent": view.sent,
        "received": view.received,
        "used_today": view.used_today,
        "in_air": view.in_air,
        "paused": view.paused,
        "number": view.number,
        "operator": view.operator,
        "balance": view.balance,
        "balance_currency": view.balance_currency,
        "balance_at": None if view.balance_at is None else views.rfc3339(view.balance_at),
        "spent_today": view.spent_today,
        "callback_url": view.callback_url,
        "reports": view.reports,
    }


def trial_body(trial: RouteTrial) -> dict[str, Any]:
    """TrialBody."""
    return {
        "route": trial.route,
        "ways": [
            {"line": way.line, "tier": way.tier, "may": way.may, "reason": way.reason, "cost": way.cost}
            for way in trial.ways
        ],
        "refused": trial.refused,
        "encoding": trial.encoding,
        "parts": trial.parts,
    }
