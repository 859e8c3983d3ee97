"""/v1/modems: what the modems are doing, and a person's hand on them.

Owns these routes; tracing and examining have modules of their own, and so has what is asked of the operator.
"""

from __future__ import annotations

from modemgw.servers.http import models as a
from modemgw.servers.http import views
from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.service.core import Gateway


class ModemsApi:
    """Handlers of /v1/modems."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def operations(self) -> list[Operation]:
        """The table."""
        return [
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

    async def modems(self, call: Call[NoQuery, None]) -> Answer:
        """GET /v1/modems."""
        return {"items": [views.modem(modem) for modem in self._gateway.modems()], "next": None}

    async def pause_modem(self, call: Call[NoQuery, None]) -> Answer:
        """POST /v1/modems/{name}/pause."""
        return views.modem(await self._gateway.pause_modem(call.account, call.name))

    async def resume_modem(self, call: Call[NoQuery, None]) -> Answer:
        """POST /v1/modems/{name}/resume."""
        return views.modem(await self._gateway.resume_modem(call.account, call.name))
