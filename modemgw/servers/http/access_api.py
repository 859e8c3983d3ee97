"""/v1/access: who gave wrong credentials too often, and forgetting it.

Owns these routes and their bodies. The counting is rules/guessing.py's.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from modemgw.servers.http.models import NoQuery
from modemgw.servers.http.operations import Answer, Call, Operation
from modemgw.service.core import Gateway


class SuspectBody(BaseModel):
    """An address, or an account, for which wrong credentials came lately."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["address", "account"]
    name: str = Field(description="The address, the network of an IPv6 address, or the login.")
    failures: int
    left_s: float = Field(description="For so long it is blocked, or guarded; 0: it is neither.")


class SuspectList(BaseModel):
    """All of them, those first that failed last."""

    model_config = ConfigDict(extra="forbid")

    items: list[SuspectBody]
    next: None


class ClearQuery(BaseModel):
    """Whom to forget; nothing given: everybody."""

    model_config = ConfigDict(extra="forbid")

    address: str | None = Field(default=None, min_length=1, max_length=64, description="Only this address.")
    login: str | None = Field(default=None, min_length=1, max_length=64, description="Only this account.")


class ClearedBody(BaseModel):
    """They may try again at once."""

    model_config = ConfigDict(extra="forbid")

    cleared: int


class AccessApi:
    """Handlers of /v1/access."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def operations(self) -> list[Operation]:
        """The table."""
        path = "/v1/access"
        return [
            Operation(
                "GET", path, self.suspects, "Addresses and accounts with wrong credentials lately.", {200: SuspectList}
            ),
            Operation(
                "DELETE",
                path,
                self.clear_access,
                "Forget them, so that nobody is blocked.",
                {200: ClearedBody},
                (400,),
                query=ClearQuery,
            ),
        ]

    async def suspects(self, call: Call[NoQuery, None]) -> Answer:
        """GET."""
        found = self._gateway.desk.access.suspects()
        items = [
            {"kind": who.kind, "name": who.name, "failures": who.failures, "left_s": round(who.left_s, 1)}
            for who in found
        ]
        return {"items": items, "next": None}

    async def clear_access(self, call: Call[ClearQuery, None]) -> Answer:
        """DELETE."""
        count = self._gateway.desk.access.clear(address=call.query.address, login=call.query.login)
        return {"cleared": count}
