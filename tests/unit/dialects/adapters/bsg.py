"""BSG.world: X-API-KEY and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modemgw.dialects.bsg import DIALECT, tables
from tests.unit.dialects.adapters import Adapter, Bulk, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Bsg(Adapter):
    dialect = DIALECT
    bad_number = tables.BAD_MSISDN
    wrong_password = tables.BAD_KEY
    words = tables.STATES
    unavailable = tables.UNKNOWN_ERROR
    no_money = tables.NO_MONEY
    bulks = ("phones", "individual", "v2")

    async def ask(self, rig: DialectRig, path: str, document: Any = None, key: str = "key-of-shop") -> Any:
        method = "GET" if document is None else "POST"
        async with rig.http.request(method, f"/rest/{path}", json=document, headers={"X-API-KEY": key}) as response:
            assert response.status == 200
            return await response.json()

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        document = {"destination": "phone", "msisdn": to, "originator": "SHOP", "body": text, "reference": "r1"}
        answer = await self.ask(rig, "sms/create", document, "key-of-shop" if password else "wrong")
        found = answer.get("result", answer)
        return Sent(error=found["error"]) if found["error"] else Sent(found["id"])

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        if way == "v2":
            return await self._campaign(rig, numbers, text)
        more: dict[str, str] = {"originator": "SHOP", "body": text}
        rows = [{"msisdn": number, **(more if way == "individual" else {})} for number in numbers]
        document = {"destination": way, "phones": rows, **({} if way == "individual" else more)}
        answer = await self.ask(rig, "sms/create", document)
        if answer["error"]:
            return Bulk(error=answer["error"])
        told = zip(numbers, answer["result"], strict=True)
        return Bulk(refused=[number for number, result in told if result["error"]])

    async def _campaign(self, rig: DialectRig, numbers: list[str], text: str) -> Bulk:
        async def call(path: str, body: Any, **headers: str) -> tuple[int, Any]:
            async with rig.http.post(f"/api/{path}", json=body, headers=headers) as response:
                return response.status, await response.json()

        _, login = await call("auth/login", {"api_key": "key-of-shop"})
        if "bearer" not in login:
            return Bulk(error={503: self.unavailable}[login["code"]])
        body = {"sender": "SHOP", "text": text, "phones": [{"number": number} for number in numbers]}
        status, answer = await call("campaigns/sms/send", body, Authorization=f"Bearer {login['bearer']}")
        if status == 200:
            return Bulk()
        codes = {503: self.unavailable, tables.BAD_MSISDN: self.bad_number}
        if (answer["code"], "left" in answer["message"]) == (422, True):
            return Bulk(error=self.no_money)
        return Bulk(error=codes.get(answer["code"], answer["code"]))

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> str:
        return str((await self.ask(rig, f"sms/{sent.id}"))["status"])

    async def balance(self, rig: DialectRig) -> str:
        return str((await self.ask(rig, "common/balance"))["amount"])

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        answer = await self.ask(rig, "sms/2wayIncoming")
        return [(item["phone"], item["text"]) for item in answer["result"]]


ADAPTER = Bsg()
