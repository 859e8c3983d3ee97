"""SMSC.ru: parameters and fmt=3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modemgw.dialects.smsc import DIALECT, tables
from tests.unit.dialects.adapters import Adapter, Sent
from tests.unit.dialects.smsc_client import NO_LIMITS, Client

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Smsc(Adapter):
    dialect = DIALECT
    config = NO_LIMITS
    bad_number = tables.BAD_NUMBER
    wrong_password = tables.AUTHORISE
    words = tables.STATUSES

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        client = Client(rig) if password else Client(rig, "login=shop&psw=wrong")
        found = await client.send(text, to)
        return Sent(error=found["error_code"]) if "error_code" in found else Sent(str(found["id"]))

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> Any:
        return (await Client(rig).json("status", phone=to, id=sent.id))["status"]

    async def balance(self, rig: DialectRig) -> str:
        return str((await Client(rig).json("balance"))["balance"])

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        rows = await Client(rig).json("get", get_answers=1)
        return [(row["phone"], row["message"]) for row in rows]


ADAPTER = Smsc()
