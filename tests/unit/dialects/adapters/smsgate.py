"""The smsgate platform, in XML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, fromstring
from xml.sax.saxutils import escape

from modemgw.dialects.smsgate import DIALECT, tables
from tests.unit.dialects.adapters import Adapter, Sent

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig


class Smsgate(Adapter):
    """Login and password in every document."""

    dialect = DIALECT
    words = tables.STATES
    bad_number = "Укажите номер телефона."
    wrong_password = "Неправильный логин или пароль"

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
