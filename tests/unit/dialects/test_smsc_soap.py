"""soap.php: the description and the methods, in SOAP 1.1 and 1.2, and envelopes that are none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import pytest
from defusedxml.ElementTree import fromstring

from modemgw.dialects.smsc import DIALECT
from modemgw.dialects.smsc.soap import METHODS, NAMESPACE
from modemgw.domain.states import State
from tests.unit.dialects.smsc_client import NO_LIMITS

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]
SOAP_11, SOAP_12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
AUTH = {"login": "shop", "psw": "s3cret"}


@pytest.fixture
async def rig(serve_dialect: Serve) -> DialectRig:
    return await serve_dialect(DIALECT, config=NO_LIMITS)


async def call(rig: DialectRig, method: str, version: str = SOAP_11, **parameters: object) -> dict[str, str | None]:
    """As PHP's SoapClient writes it."""
    rows = "".join(f"<ns1:{name}>{escape(str(value))}</ns1:{name}>" for name, value in parameters.items())
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV="{version}" '
        f'xmlns:ns1="{NAMESPACE}"><SOAP-ENV:Body><ns1:{method}>{rows}</ns1:{method}></SOAP-ENV:Body></SOAP-ENV:Envelope>'
    )
    headers = {"Content-Type": "text/xml; charset=utf-8"}
    async with rig.http.post("/sys/soap.php", data=body.encode(), headers=headers) as response:
        assert response.status == 200
        root = fromstring(await response.read())
    assert root.tag == f"{{{version}}}Envelope"
    [answer] = root[0]
    assert answer.tag == f"{{{NAMESPACE}}}{method}Response"
    [result] = answer
    return {item.tag.rpartition("}")[2]: item.text for item in result}


async def test_methods(rig: DialectRig) -> None:
    sent = await call(rig, "send_sms", **AUTH, phones="79991234567", mes="Привет & <мир>", id="", sender="", time=0)
    assert sent == {"id": "1", "balance": "100.50", "cost": "1.40", "cnt": "1", "error": "0"}
    assert (await rig.messages())[0].text == "Привет & <мир>"
    await rig.force(1, State.DELIVERED)
    cost = await call(rig, "get_sms_cost2", **AUTH, phones="79991234567", mes="я", query="translit=1&cost=0")
    assert cost == {"cost": "1.40", "cnt": "1", "error": "0"}
    found = await call(rig, "get_status", version=SOAP_12, **AUTH, phone="79991234567", id=1, all=1)
    assert (found["status"], found["message"], found["error"]) == ("1", "Привет & <мир>", "0")
    assert (await call(rig, "get_status", **AUTH, phone="79991234567", id=9))["status"] == "-3"
    await call(rig, "send_sms2", apikey="key-of-shop", phones="79991234567", mes="x", query="flash=1&phones=1")
    assert [(m.flash, m.to) for m in await rig.messages()][1:] == [(True, "+79991234567")]
    assert await call(rig, "get_balance", **AUTH) == {"balance": "100.50", "error": "0"}


async def test_errors(rig: DialectRig) -> None:
    assert (await call(rig, "get_balance", login="shop", psw="wrong"))["error"] == "2"
    assert (await call(rig, "send_sms", **AUTH, phones="x", mes="x", id=5)) == {
        "id": "5",
        "balance": None,
        "cost": None,
        "cnt": None,
        "error": "7",
    }
    assert (await call(rig, "get_status", **AUTH))["error"] == "1"


async def test_the_description(rig: DialectRig) -> None:
    async with rig.http.get("/sys/soap.php?wsdl") as response:
        root = fromstring(await response.read())
        assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
    port = root.find("{http://schemas.xmlsoap.org/wsdl/}portType")
    assert port is not None
    assert [operation.get("name") for operation in port] == list(METHODS)
    address = root.find(".//{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address is not None
    assert address.get("location") == f"{rig.url.rstrip('/')}/sys/soap.php"


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"<x/>", BOMB, f'<e:Envelope xmlns:e="{SOAP_12}"><e:Body><nothing/></e:Body></e:Envelope>'.encode()],
)
async def test_what_is_no_call(rig: DialectRig, body: bytes) -> None:
    async with rig.http.post("/sys/soap.php", data=body, headers={"Content-Type": "text/xml"}) as response:
        assert response.status == 400
        assert b"Fault" in await response.read()
