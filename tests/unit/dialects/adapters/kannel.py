"""Kannel: reports and incoming messages are pushed, there is no balance."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from modemgw.dialects.kannel import DIALECT, tables
from modemgw.domain.states import State
from tests.unit.dialects.adapters import Adapter, Bulk, Sent, pushed

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

URL = "http://shop.example/kannel"

WORDS = {
    State.QUEUED: "",
    State.SENDING: "",
    State.SENT: "8",
    State.DELIVERED: "1",
    State.UNDELIVERABLE: "2",
    State.EXPIRED: "2",
    State.REJECTED: "16",
    State.CANCELLED: "2",
    State.UNKNOWN: "",
}


class Kannel(Adapter):
    """All reports asked for."""

    dialect = DIALECT
    config = ""
    account = f'callback_url = "{URL}?p=%p&a=%a"\ncallback_format = "kannel"\n'
    words = WORDS
    bad_number = (400, "Number(s) has/have been denied by white- and/or black-lists.")
    wrong_password = (403, "Authorization failed for sendsms")
    unavailable = tables.TEMPORARY
    no_money = tables.TEMPORARY
    bulks = ("query", "xml")

    async def send(self, rig: DialectRig, to: str, text: str, *, password: bool = True) -> Sent:
        query = {
            "username": "shop",
            "password": "s3cret" if password else "wrong",
            "from": "SHOP",
            "to": to,
            "text": text,
        }
        query |= {"dlr-mask": "31", "dlr-url": f"{URL}/dlr?d=%d"}
        async with rig.http.get(f"/cgi-bin/sendsms?{urlencode(query)}") as response:
            answer = response.status, await response.text()
        if answer[0] != 202:
            return Sent(error=answer)
        assert answer[1] == "0: Accepted for delivery"
        return Sent(str((await rig.messages())[-1].id))  # Kannel tells no id

    async def bulk(self, rig: DialectRig, way: str, numbers: list[str], text: str) -> Bulk:
        if way == "query":
            query = urlencode({"username": "shop", "password": "s3cret", "to": " ".join(numbers), "text": text})
            request = rig.http.get(f"/cgi-bin/sendsms?{query}")
        else:
            da = "".join(f"<da><number>{number}</number></da>" for number in numbers)
            user = "<from><username>shop</username><password>s3cret</password></from>"
            body = f"<message><submit>{da}{user}<ud>{quote(text)}</ud></submit></message>"
            request = rig.http.post("/cgi-bin/sendsms", data=body, headers={"Content-Type": "text/xml"})
        async with request as response:
            answer = response.status, await response.text()
        if answer[0] != 202:
            return Bulk(error=answer)
        words, _, denied = answer[1].partition(" Denied receivers are: ")
        assert words == tables.ACCEPTED[1]
        return Bulk(refused=denied.split())

    async def status(self, rig: DialectRig, sent: Sent, to: str) -> str:
        calls = await pushed(rig, DIALECT, id=int(sent.id))
        return parse_qs(urlsplit(calls[-1].url).query)["d"][0] if calls else ""

    async def inbox(self, rig: DialectRig) -> list[tuple[str, str]]:
        queries = [parse_qs(urlsplit(call.url).query) for call in await pushed(rig, DIALECT)]
        return [(query["p"][0].removeprefix("+"), query["a"][0]) for query in queries]


ADAPTER = Kannel()
