"""BSG.world: X-API-KEY and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modemgw.dialects.bsg import DIALECT, tables
from tests.unit.dialects.adapters import Adapter, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Bsg(Adapter):
    dialect = DIALECT
    bad_number = tables.BAD_MSISDN
    wrong_password = tables.BAD_KEY
    words = tables.STATES

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

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> str:
        return str((await self.ask(rig, f"sms/{sent.id}"))["status"])

    async def balance(self, rig: DialectRig) -> str:
        return str((await self.ask(rig, "common/balance"))["amount"])

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        answer = await self.ask(rig, "sms/2wayIncoming")
        return [(item["phone"], item["text"]) for item in answer["result"]]


ADAPTER = Bsg()
