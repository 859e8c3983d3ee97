"""gatesms.ru: it sends, and that is all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemgw.dialects.gatesms import ADDRESS, BALANCE, DIALECT, FORBIDDEN, LOGIN
from tests.unit.dialects.adapters import Adapter, Bulk, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Gatesms(Adapter):
    dialect = DIALECT
    config = ""
    account = ""
    words = None
    bad_number = f"ERROR: {ADDRESS}"
    wrong_password = f"ERROR: {LOGIN}"
    unavailable = f"ERROR: {FORBIDDEN}"
    no_money = f"ERROR: {BALANCE}"
    bulks = ("to",)

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        fields = {
            "lg": "shop",
            "pw": "s3cret" if password else "wrong",
            "fl": "s",
            "to": to,
            "mg": text,
            "char": "utf8",
        }
        async with rig.http.post("/sender.php", data=fields) as response:
            assert response.status == 200
            answer = await response.text()
        word, _, value = answer.partition(": ")
        return Sent(value) if word == "OK" and value.isdigit() else Sent(error=answer)

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        return Bulk(error=(await self.send(rig, ",".join(numbers), text)).error)

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> None:
        return None

    async def balance(self, rig: DialectRig) -> None:
        return None

    async def inbox(self, rig: DialectRig) -> None:
        return None


ADAPTER = Gatesms()
