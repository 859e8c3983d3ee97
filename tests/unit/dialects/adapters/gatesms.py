"""gatesms.ru: it sends, and that is all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemgw.dialects.gatesms import ADDRESS, DIALECT, LOGIN
from tests.unit.dialects.adapters import Adapter, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Gatesms(Adapter):
    dialect = DIALECT
    config = ""
    account = ""
    words = None
    bad_number = f"ERROR: {ADDRESS}"
    wrong_password = f"ERROR: {LOGIN}"

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

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> None:
        return None

    async def balance(self, rig: DialectRig) -> None:
        return None

    async def inbox(self, rig: DialectRig) -> None:
        return None


ADAPTER = Gatesms()
