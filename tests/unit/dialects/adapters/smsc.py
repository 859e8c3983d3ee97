"""SMSC.ru, in JSON (fmt=3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modemgw.dialects.smsc import DIALECT, tables
from tests.unit.dialects.adapters import Adapter, Bulk, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Smsc(Adapter):
    dialect = DIALECT
    config = "[smsc]\nlimits = false\n"
    words = tables.STATUSES
    bad_number = tables.BAD_NUMBER
    wrong_password = tables.AUTHORISE
    unavailable = tables.DUPLICATE
    no_money = tables.NO_MONEY
    bulks = ("phones", "list", "jobs", "rest")

    async def ask(self, rig: DialectRig, path: str, password: str = "s3cret", **fields: Any) -> Any:
        fields = {"login": "shop", "psw": password, "charset": "utf-8", "fmt": "3", **fields}
        async with rig.http.post(path, data=fields) as response:
            assert response.status == 200
            return await response.json(content_type=None)

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        found = await self.ask(rig, "/sys/send.php", "s3cret" if password else "wrong", phones=to, mes=text)
        return Sent(error=found["error_code"]) if "error_code" in found else Sent(str(found["id"]))

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        path, fields = "/sys/send.php", {"phones": ",".join(numbers), "mes": text, "op": "1"}
        if way == "list":
            fields = {"list": "\n".join(f"{number}:{text}" for number in numbers), "op": "1"}
        elif way == "jobs":
            path, fields["add"] = "/sys/jobs.php", "1"
        elif way == "rest":
            path = "/rest/send/"
        found = await self.ask(rig, path, **fields)
        if "error_code" in found:
            return Bulk(error=found["error_code"])
        refused = []
        for number in numbers:
            told = await self.ask(rig, "/sys/status.php", phone=number, id=str(found["id"]))
            assert told["status"] != tables.NOT_FOUND
            refused += [number] if told["status"] > 0 else []
        listed = [row["phone"] for row in found.get("phones", ()) if row.get("status", "0") != "0"]
        assert way == "jobs" or listed == refused
        return Bulk(refused=refused)

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> int:
        return int((await self.ask(rig, "/sys/status.php", phone=to, id=sent.id))["status"])

    async def balance(self, rig: DialectRig) -> str:
        return str((await self.ask(rig, "/sys/balance.php"))["balance"])

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        found = await self.ask(rig, "/sys/get.php", get_answers="1")
        return [(row["phone"], row["message"]) for row in found]


ADAPTER = Smsc()
