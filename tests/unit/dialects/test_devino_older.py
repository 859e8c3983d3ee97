"""Devino's older protocols: 1C text scripts read by line and column, WebService.asmx read by counting elements."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

import pytest

from modemgw.dialects.devino import DIALECT, tables
from modemgw.dialects.devino.soap import NAMESPACE
from modemgw.dialects.devino.tables import Operation
from modemgw.domain.line import LineState
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State
from modemgw.store.writer import _explain
from tests.played_lines import modem_view

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]
LOGIN = {"SMS_User": "shop", "SMS_Pass": "s3cret"}


@pytest.fixture
async def rig(serve_dialect: Serve) -> DialectRig:
    return await serve_dialect(DIALECT)


async def script(rig: DialectRig, path: str, **headers: str) -> list[str]:
    async with rig.http.get(path, headers=headers) as response:
        assert response.status == 200
        return (await response.text()).split("\n")


async def call(rig: DialectRig, operation: str, **fields: str) -> list[str]:
    """The texts of the elements as PHP's xml_parse_into_struct numbers them: from the fourth on."""
    given = {"smsUser": "shop", "password": "s3cret", **fields}
    rows = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in given.items())
    body = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>\n'
        f'<{operation} xmlns="{NAMESPACE}">{rows}</{operation}></soap:Body></soap:Envelope>'
    )
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f"{NAMESPACE}/{operation}"}
    async with rig.http.post("/WebService.asmx", data=body.encode(), headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/xml; charset=utf-8"
        raw = await response.read()
    assert b"> <" not in raw
    assert b">\n<" not in raw
    elements = list(fromstring(raw).iter())
    names = [element.tag.rpartition("}")[2] for element in elements]
    assert names[2:4] == [f"{operation}Response", f"{operation}Result"]
    return [element.text or "" for element in elements[3:]]


async def send(rig: DialectRig, **fields: str) -> list[str]:
    usual = {
        "destinationAddress": "79161234567",
        "messageData": "Привет",
        "sourceAddress": "SHOP",
        "deliveryReport": "true",
        "flashMessage": "false",
        "validityPeriod": "60",
    }
    return await call(rig, "SendTextMessage", **{**usual, **fields})


@pytest.mark.parametrize("base", ["", "/1c", "/devino", "/devino/1c"])
async def test_the_text_protocol(rig: DialectRig, base: str) -> None:
    assert await script(rig, f"{base}/1c_b.php", **LOGIN) == ["Result: OK_Operation_Completed", "Balance: 100.50"]
    await send(rig)
    told = await script(rig, f"{base}/1c_i.php", SMS_ID="1001", **LOGIN)
    assert told == ["Result: OK_Operation_Completed", "SMS_Time: 2027-01-15 08:00:00", "SMS_Status: Enqueued"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, Operation.INVALID_HEADER),
        ({"SMS_User": "shop"}, Operation.INVALID_HEADER),
        ({"SMS_User": "", "SMS_Pass": "x"}, Operation.INVALID_LOGIN),
        ({"SMS_User": "shop", "SMS_Pass": ""}, Operation.INVALID_PASSWORD),
        ({"SMS_User": "shop", "SMS_Pass": "wrong"}, Operation.INVALID_LOGIN),
        (LOGIN, Operation.INVALID_MESSAGE_ID),
        ({**LOGIN, "SMS_ID": "nothing"}, Operation.INVALID_MESSAGE_ID),
    ],
)
async def test_errors_of_the_text_protocol(rig: DialectRig, headers: dict[str, str], status: Operation) -> None:
    assert await script(rig, "/1c_i.php", **headers) == [f"Result: {status.value}"]


@pytest.mark.parametrize(
    ("account", "status"),
    [
        ('[account.devino]\nuser = "disabled"\n', Operation.SMS_USER_DISABLED),
        ('[account.devino]\nuser = "not_activated"\n', Operation.SMS_USER_NOT_ACTIVATED),
        ('allow = ["10.0.0.0/8"]\n', Operation.UNAUTHORISED_IP_ADDRESS),
    ],
)
async def test_users_who_may_not(serve_dialect: Serve, account: str, status: Operation) -> None:
    rig = await serve_dialect(DIALECT, account=account)
    assert await script(rig, "/1c_b.php", **LOGIN) == [f"Result: {status.value}"]
    assert await call(rig, "GetCreditBalance") == [status.value]


async def test_soap(rig: DialectRig) -> None:
    assert await call(rig, "GetCreditBalance") == ["OK_Operation_Completed", "100.50"]
    assert await send(rig, flashMessage="true") == ["OK_Operation_Completed", "", "1001"]
    (message,) = await rig.messages()
    assert (message.to, message.text, message.flash) == ("+79161234567", "Привет", True)
    assert message.expires_at == rig.now + 3_600_000
    for operation in ("GetMessageState", "GetMessageState2"):
        told = await call(rig, operation, messageId="1001")
        assert told == ["OK_Operation_Completed", "2027-01-15T08:00:00", "Enqueued"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"destinationAddress": "12ab"}, Operation.INVALID_DESTINATION_ADDRESS),
        ({"sourceAddress": "Магазин"}, Operation.INVALID_SOURCE_ADDRESS),
        ({"messageData": ""}, Operation.MESSAGE_REJECTED),
        ({"messageData": "Ж" * 5000}, Operation.MESSAGE_REJECTED),
        ({"validityPeriod": "long"}, Operation.MESSAGE_REJECTED),
        ({"password": "wrong"}, Operation.INVALID_LOGIN),
    ],
)
async def test_errors_of_soap(rig: DialectRig, fields: dict[str, str], status: Operation) -> None:
    assert await send(rig, **fields) == [status.value]
    assert await call(rig, "GetMessageState", messageId="1001") == ["Error_Invalid_MessageID"]


async def test_no_money(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account='balance_mode = "countdown"')
    for _ in range(7):
        await send(rig, messageData="Ж" * 650)  # ten parts
    assert await send(rig, messageData="Ж" * 650) == ["Error_Not_Enough_Credits"]


@pytest.mark.parametrize("state", LineState)
async def test_what_the_lines_can_do(rig: DialectRig, state: LineState) -> None:
    rig.modems[:] = [modem_view("a", state=state), modem_view("b", state=LineState.BLOCKED)]
    expected = tables.LINES[state]
    assert (await send(rig))[0] == (Operation.OK if expected is None else expected).value
    assert len(await rig.messages()) == (expected is None)
    assert await send(rig, sourceAddress="b") == ["Error_Gateway_Offline"]


async def test_a_gateway_that_stops(rig: DialectRig) -> None:
    rig.core.closing = True
    assert await send(rig) == ["Error_Gateway_Offline"]


def test_a_disk_that_is_full_is_a_queue_that_is_full() -> None:
    for error, status in (
        (OSError("database or disk is full"), Operation.MESSAGE_QUEUE_FULL),
        (OSError("disk I/O error"), Operation.DATABASE_OFFLINE),
    ):
        refusal = Refusal(RefusalKind.UNAVAILABLE, f"The message was not accepted: {_explain(error)}")
        assert tables.operation_of(refusal) is status


async def test_a_disk_that_is_full(rig: DialectRig) -> None:
    await send(rig)
    with rig.full_disk():
        told = {(await send(rig, messageData="x" * 600))[0] for _ in range(20)}  # the pages that are there take some
    assert told - {Operation.OK.value} == {"Error_Message_Queue_Full"}
    assert (await send(rig))[0] == Operation.OK.value


@pytest.mark.parametrize("state", State)
async def test_every_state(rig: DialectRig, state: State) -> None:
    await send(rig)
    await rig.force(1, state)
    (message,) = await rig.messages()
    assert message.state is state
    told = await call(rig, "GetMessageState", messageId="1001")
    assert told[2] == tables.status_of(message).value
    assert (await script(rig, "/1c_i.php", SMS_ID="1001", **LOGIN))[2] == f"SMS_Status: {told[2]}"


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<Envelope><Body><GetCreditBalance><smsUser>&b;</smsUser></GetCreditBalance></Body></Envelope>"
)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\0",
        "<",
        "<a/>",
        BOMB,
        "<Envelope><Body/></Envelope>",
        "<Envelope><Body><DropAll/></Body></Envelope>",
        "<a>" * 50_000,
        '<?xml version="1.0" encoding="nonsense"?><a/>',
        '{"a":1}',
    ],
)
async def test_hostile_xml(rig: DialectRig, body: str) -> None:
    async with rig.http.post("/webservice.asmx", data=body.encode()) as response:
        assert response.status == 500
        assert "<faultcode>soap:Client</faultcode>" in await response.text()
