"""The smsgate platform, in XML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, fromstring
from xml.sax.saxutils import escape

from modemgw.dialects.smsgate import DIALECT, tables
from modemgw.domain.refusal import RefusalKind
from tests.unit.dialects.adapters import Adapter, Bulk, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Smsgate(Adapter):
    """Login and password in every document."""

    dialect = DIALECT
    words = tables.STATES
    bad_number = "Укажите номер телефона."
    wrong_password = "Неправильный логин или пароль"
    unavailable = tables.ERRORS[RefusalKind.UNAVAILABLE]
    no_money = tables.ERRORS[RefusalKind.NO_MONEY]
    bulks = ("xml", "json", "get")
    config = "[smsgate]\nidentical_sends = 0\n"

    async def ask(self, rig: DialectRig, page: str, inner: str, password: str = "s3cret") -> Element:
        security = f'<security><login value="shop"/><password value="{password}"/></security>'
        body = f'<?xml version="1.0" encoding="utf-8"?><request>{security}{inner}</request>'
        async with rig.http.post(f"/xml/{page}", data=body.encode(), headers={"Content-Type": "text/xml"}) as response:
            assert response.status == 200
            return fromstring(await response.read())

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        message = f'<message type="sms"><text>{escape(text)}</text><abonent phone="{to}" number_sms="1"/></message>'
        root = await self.ask(rig, "", message, "s3cret" if password else "wrong")
        if (error := root.find("error")) is not None:
            return Sent(error=error.text)
        information = root[0]
        if information.text == "send":
            return Sent(id=information.attrib["id_sms"])
        assert "id_sms" not in information.attrib
        return Sent(error=information.text)

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        if way == "xml":
            rows = "".join(f'<abonent phone="{to}" number_sms="{n}"/>' for n, to in enumerate(numbers))
            root = await self.ask(rig, "", f'<message type="sms"><text>{escape(text)}</text>{rows}</message>')
            if (error := root.find("error")) is not None:
                return Bulk(error=error.text)
            return Bulk(refused=[numbers[int(row.attrib["number_sms"])] for row in root if row.text != "send"])
        if way == "get":
            query = {"user": "shop", "pwd": "s3cret", "sadr": "SHOP", "dadr": ",".join(numbers), "text": text}
            async with rig.http.get("/sendsms.php", params=query) as response:
                answer = await response.text()
            return Bulk() if answer.replace(",", "").isdigit() else Bulk(error=answer)
        abonents = [{"phone": number, "number_sms": str(n)} for n, number in enumerate(numbers)]
        document = {
            "security": {"login": "shop", "password": "s3cret"},
            "type": "sms",
            "message": [{"type": "sms", "text": text, "abonent": abonents}],
        }
        async with rig.http.post("/sendsmsjson.php", json=document) as response:
            found = await response.json()
        if "error" in found:
            return Bulk(error=found["error"])
        return Bulk(refused=[numbers[int(row["number_sms"])] for row in found["sms"] if row["action"] != "send"])

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> str | None:
        root = await self.ask(rig, "state.php", f"<get_state><id_sms>{sent.id}</id_sms></get_state>")
        assert (root[0].get("time") == "") == (root[0].text == "send")
        return root[0].text

    async def balance(self, rig: DialectRig) -> str | None:
        return (await self.ask(rig, "balance.php", "")).findtext("money")

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        root = await self.ask(rig, "incoming.php", '<time start="2020-01-01 00:00:00"/>')
        return [(sms.attrib["phone"], sms.text or "") for sms in root]


ADAPTER = Smsgate()
