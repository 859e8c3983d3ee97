"""Fintek: no credentials, one URL, GET with a body."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modemgw.dialects.fintek import DIALECT, tables
from tests.unit.dialects.adapters import Adapter, Bulk, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

CONFIG = '[fintek]\naccount = "shop"\n[fintek.routes]\nds = ["a", "b"]\nany = []\n'


class Fintek(Adapter):
    dialect = DIALECT
    config = CONFIG
    account = ""
    words = tables.STATES
    bad_number = (400, "bad_number")
    wrong_password = None
    unavailable = (503, "unavailable")
    no_money = (402, "no_money")
    bulks = ("users",)

    async def ask(self, rig: DialectRig, method: str, **document: Any) -> tuple[int, Any]:
        async with rig.http.request(method, "/api/v1", json={"route": "any", **document}) as response:
            return response.status, await response.json()

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        status, (item,) = await self.ask(rig, "POST", send={"text_male": text, "users": [{"phone": to}]})
        found = item["send"]
        return Sent(found["key"]) if found["status"] == "ok" else Sent(error=(status, found["code"]))

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        users = [{"phone": number} for number in numbers]
        status, (item,) = await self.ask(rig, "POST", send={"text_male": text, "users": users})
        return Bulk() if item["send"]["status"] == "ok" else Bulk(error=(status, item["send"]["code"]))

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> str:
        _, answer = await self.ask(rig, "GET", status={"key": sent.id})
        match = re.search(r"<state [^>]*>(\w+)</state>", answer["message"][0]["send"]["status"])
        assert match is not None
        return match[1]

    async def balance(self, rig: DialectRig) -> str:
        _, asked = await self.ask(rig, "GET", balance=["rub"])
        _, answer = await self.ask(rig, "GET", status={"key": asked["message"][0]["balance"]["key"]})
        match = re.search(r'<money currency="RUR">([0-9.]+)</money>', answer["message"][0]["balance"]["status"])
        assert match is not None
        return match[1]

    async def inbox(self, rig: DialectRig) -> None:
        return None


ADAPTER = Fintek()
