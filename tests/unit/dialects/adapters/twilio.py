"""Twilio, as its SDKs ask."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from modemgw.dialects.twilio import DIALECT
from modemgw.dialects.twilio.wire import account_sid
from modemgw.domain.states import State
from tests.unit.dialects.adapters import Adapter, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

SID = account_sid("shop")
WORDS = {
    State.QUEUED: "queued",
    State.SENDING: "sending",
    State.SENT: "sent",
    State.DELIVERED: "delivered",
    State.UNDELIVERABLE: "undelivered",
    State.EXPIRED: "undelivered",
    State.REJECTED: "failed",
    State.CANCELLED: "canceled",
    State.UNKNOWN: "sending",
}


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


class Twilio(Adapter):
    """HTTP Basic, forms in, JSON out."""

    dialect = DIALECT
    words = WORDS
    bad_number = 21211
    wrong_password = 20003
    unavailable = 20503
    no_money = 20005
    bulks = ()

    async def ask(
        self, rig: DialectRig, method: str, rest: str, password: str = "s3cret", **fields: str
    ) -> tuple[int, Any]:
        url = f"/2010-04-01/Accounts/{SID}/{rest}"
        data = fields if method == "POST" else None
        params = fields if method != "POST" else None
        async with rig.http.request(method, url, headers=basic(SID, password), data=data, params=params) as response:
            return response.status, await response.json() if response.status != 204 else None

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        fields = {"To": f"+{to}" if to == "79161234567" else to, "From": "SHOP", "Body": text}
        status, body = await self.ask(rig, "POST", "Messages.json", "s3cret" if password else "wrong", **fields)
        if status == 201:
            return Sent(id=body["sid"])
        assert body["status"] == status
        return Sent(error=body["code"])

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> Any:
        status, body = await self.ask(rig, "GET", f"Messages/{sent.id}.json")
        assert status == 200
        return body["status"]

    async def balance(self, rig: DialectRig) -> str:
        _, body = await self.ask(rig, "GET", "Balance.json")
        assert body["currency"] == "RUB"
        return str(body["balance"])

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        _, body = await self.ask(rig, "GET", "Messages.json")
        found = [(one["from"].removeprefix("+"), one["body"]) for one in body["messages"]]
        return found[::-1]


ADAPTER = Twilio()
