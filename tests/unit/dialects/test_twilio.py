"""Twilio's Messages: what SDKs read, lists with pages, cancel and delete, callbacks with their signature, TwiML."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest

from modemgw.dialects.seam import CallbackReply
from modemgw.dialects.twilio import DIALECT, tables
from modemgw.dialects.twilio.callbacks import on_reply, signature
from modemgw.dialects.twilio.wire import id_of, inbox_sid, message_sid
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State
from modemgw.service.commands import CommandRunner
from tests.unit.dialects.adapters import pushed
from tests.unit.dialects.adapters.twilio import ADAPTER, SID, basic

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

VECTORS = Path(__file__).parents[2] / "vectors" / "twilio"
PAGE = (Path(__file__).parents[3] / "docs" / "dialects" / "twilio.md").read_text(encoding="utf-8")
URL = "http://shop.example/twilio?shop=1"
ACCOUNT = f'callback_url = "{URL}"\ncallback_format = "twilio"\ncallback_any_url = true\n'

SEND = {"To": "+79161234567", "From": "+79990000002", "Body": "Hi"}


def vectors(name: str) -> list[list[str]]:
    lines = (VECTORS / name).read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.split(" | ")] for line in lines if not line.startswith("#")]


async def test_a_message_has_every_field(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    status, body = await ADAPTER.ask(rig, "POST", "Messages.json", **SEND)
    sid = message_sid(1)
    uri = f"/2010-04-01/Accounts/{SID}/Messages/{sid}"
    at = "Fri, 15 Jan 2027 08:00:00 +0000"
    assert (status, body) == (
        201,
        {
            "account_sid": SID,
            "api_version": "2010-04-01",
            "body": "Hi",
            "date_created": at,
            "date_sent": None,
            "date_updated": at,
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "from": "+79990000002",
            "messaging_service_sid": None,
            "num_media": "0",
            "num_segments": "1",
            "price": None,
            "price_unit": "RUB",
            "sid": sid,
            "status": "queued",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": "+79161234567",
            "uri": f"{uri}.json",
        },
    )
    (message,) = await rig.messages()
    assert message.line == "b"
    await rig.force(1, State.REJECTED, cms=1, line="b")
    _, body = await ADAPTER.ask(rig, "GET", f"Messages/{sid}.json")
    assert (body["status"], body["error_code"]) == ("failed", 30005)
    assert body["error_message"] == "Unknown destination handset"


async def test_paths_methods_and_credentials(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    for rest in ("Nothing.json", "Messages/SMxyz.json", f"Messages/{message_sid(7)}.json", "Messages/x/y/z.json"):
        assert (await ADAPTER.ask(rig, "GET", rest))[1]["code"] == 20404
    assert (await ADAPTER.ask(rig, "DELETE", "Messages.json"))[1]["code"] == 20004
    assert (await ADAPTER.ask(rig, "POST", "Messages.json", **{**SEND, "Body": "x" * 1601}))[1]["code"] == 21617
    async with rig.http.get("/twilio/2010-04-01/nothing") as response:
        assert (response.status, (await response.json())["code"]) == (401, 20003)
    for user, word in ((SID, "s3cret"), ("shop", "s3cret"), ("SK1", "key-of-shop")):
        async with rig.http.get(f"/2010-04-01/Accounts/{SID}.json", headers=basic(user, word)) as response:
            assert (await response.json())["status"] == "active"
    for header in ("Basic !!!", "Basic", "Bearer x", "Basic " + "QQ==" * 50, "Basic /w=="):
        url = f"/2010-04-01/Accounts/{SID}/Messages.json"
        async with rig.http.get(url, headers={"Authorization": header}) as response:
            assert response.status in {401, 403}
            assert "code" in await response.json()


@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data", "application/x-www-form-urlencoded", "x/y"]
)
@pytest.mark.parametrize("body", [b"[" * 100_000, b"\0\xff=\0", b"a=1&" * 5000, b"To=1&To=2&To=3", b"{}"])
async def test_hostile_bodies(serve_dialect: Serve, kind: str, body: bytes) -> None:
    rig = await serve_dialect(DIALECT)
    url, headers = f"/2010-04-01/Accounts/{SID}/Messages.json", {"Content-Type": kind, **basic(SID, "s3cret")}
    async with rig.http.post(url, data=body, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["code"] in {20001, 21603, 21604}


async def test_cancel_redact_delete(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    later = {"ScheduleType": "fixed", "SendAt": "2027-01-15T09:00:00Z", "MessagingServiceSid": "MG1"}
    _, body = await ADAPTER.ask(rig, "POST", "Messages.json", **SEND, **later)
    assert body["status"] == "scheduled"
    place = f"Messages/{body['sid']}.json"
    assert (await ADAPTER.ask(rig, "DELETE", place))[1]["code"] == 20009
    status, body = await ADAPTER.ask(rig, "POST", place, Status="canceled")
    assert (status, body["status"]) == (200, "canceled")
    assert (await ADAPTER.ask(rig, "POST", place, Status="canceled"))[1]["code"] == 30409
    assert (await ADAPTER.ask(rig, "POST", place, Body=""))[1]["body"] == ""
    assert await ADAPTER.ask(rig, "DELETE", place) == (204, None)
    assert (await ADAPTER.ask(rig, "GET", place))[0] == 404
    _, body = await ADAPTER.ask(rig, "POST", "Messages.json", To="+79161234567", Body="x", MessagingServiceSid="MG1")
    assert (body["status"], body["messaging_service_sid"], body["from"]) == ("accepted", "MG1", None)


async def test_lists_have_pages(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    for number in range(5):
        await ADAPTER.ask(rig, "POST", "Messages.json", **{**SEND, "Body": f"out {number}"})
        rig.advance(10)
        await rig.receive(f"in {number}")
        rig.advance(10)
    found: list[str] = []
    url = f"/2010-04-01/Accounts/{SID}/Messages.json?PageSize=3"
    pages = 0
    while url:
        async with rig.http.get(url, headers=basic(SID, "s3cret")) as response:
            body = await response.json()
        assert (body["page"], body["page_size"], body["start"]) == (pages, 3, pages * 3)
        found += [one["body"] for one in body["messages"]]
        url, pages = body["next_page_uri"], pages + 1
    assert found == [f"{way} {n}" for n in range(4, -1, -1) for way in ("in", "out")]
    for fields, count in (
        ({"From": "+79161234567"}, 5),
        ({"From": "+79990000002"}, 5),
        ({"To": "+79161234567"}, 5),
        ({"To": "+79990000001"}, 5),
        ({"DateSent": "2027-01-15"}, 10),
        ({"DateSent<": "2027-01-14"}, 0),
        ({"DateSent>": "2027-01-16"}, 0),
        ({"From": "SHOP"}, 0),
    ):
        assert len((await ADAPTER.ask(rig, "GET", "Messages.json", **fields))[1]["messages"]) == count, fields
    assert (await ADAPTER.ask(rig, "GET", "Messages.json", DateSent="x"))[1]["code"] == 20001


async def test_what_came_in_is_fetched_and_stays(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    view = await rig.receive("hello")
    place = f"Messages/{inbox_sid(view.id)}.json"
    _, body = await ADAPTER.ask(rig, "GET", place)
    assert (body["direction"], body["status"], body["from"], body["to"]) == (
        "inbound",
        "received",
        "+79161234567",
        "+79990000001",
    )
    assert (await ADAPTER.ask(rig, "GET", place.replace(".json", "/Media.json")))[1]["media_list"] == []
    assert (await ADAPTER.ask(rig, "DELETE", place))[0] == 403


@pytest.mark.parametrize(("token", "url", "fields", "expected"), vectors("signatures.txt"))
def test_signatures(token: str, url: str, fields: str, expected: str) -> None:
    assert signature(token, url, dict(parse_qsl(fields))) == expected


async def test_status_callbacks(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await ADAPTER.ask(rig, "POST", "Messages.json", **SEND, StatusCallback="http://shop.example/s?id=1")
    assert await pushed(rig, DIALECT, id=1) == []
    await rig.force(1, State.UNDELIVERABLE, st=0x43, line="b")
    (call,) = await pushed(rig, DIALECT, id=1)
    fields = dict(parse_qsl(call.body.decode()))
    assert fields == {
        "MessageSid": message_sid(1),
        "SmsSid": message_sid(1),
        "MessageStatus": "undelivered",
        "SmsStatus": "undelivered",
        "To": "+79161234567",
        "From": "+79990000002",
        "AccountSid": SID,
        "ApiVersion": "2010-04-01",
        "ErrorCode": "30003",
    }
    assert call.url == "http://shop.example/s?id=1"
    assert call.headers["X-Twilio-Signature"] == signature("s3cret", call.url, fields)


async def reply(rig: DialectRig, body: bytes, kind: str = "text/xml") -> None:
    """The webhook answers."""
    await rig.receive("ping", sender="+79031112233", line="b")
    (call,) = await pushed(rig, DIALECT)
    fields = dict(parse_qsl(call.body.decode()))
    assert (fields["From"], fields["To"], fields["Body"]) == ("+79031112233", "+79990000002", "ping")
    assert call.headers["X-Twilio-Signature"] == signature("s3cret", URL, fields)
    given = CallbackReply(await rig.account(), call, 200, {"content-type": kind}, body, rig.now)
    await CommandRunner(rig.core).drive(on_reply(given))


DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'


@pytest.mark.parametrize(
    ("body", "kind", "texts"),
    [
        (DECLARATION + b"<Response><Message>Hi &amp; bye</Message></Response>", "text/xml", ["Hi & bye"]),
        ("<Response><Message><Body>Да</Body></Message></Response>".encode(), "application/xml", ["Да"]),
        (b"<Response><Message>1</Message><Message>2</Message></Response>", "text/xml", ["1", "2"]),
        (b"plain", "text/plain; charset=utf-8", ["plain"]),
        (b"<Response/>", "text/xml", []),
        (b"", "text/xml", []),
        (b"<Response><Message>x</Response>", "text/xml", []),
        (b'<!DOCTYPE R [<!ENTITY a "x">]><Response><Message>&a;</Message></Response>', "text/xml", []),
        (b"<Response>" + b"<Message>x</Message>" * 500 + b"</Response>", "text/xml", ["x"] * 10),
        (b"{}", "application/json", []),
    ],
)
async def test_twiml(serve_dialect: Serve, body: bytes, kind: str, texts: list[str]) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await reply(rig, body, kind)
    messages = await rig.messages()
    assert [message.text for message in messages] == texts
    assert all((message.to, message.line) == ("+79031112233", "b") for message in messages)


async def test_an_answer_to_a_status_callback_is_no_reply(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    given = CallbackReply(await rig.account(), CallbackRequest(URL, "s"), 200, {"content-type": "text/plain"}, b"x", 0)
    await CommandRunner(rig.core).drive(on_reply(given))
    assert await rig.messages() == []


@pytest.mark.parametrize("sid", ["", "SM", "SM" + "0" * 32, "SM" + "f" * 32, "XX" + "0" * 31 + "1", "SM" + "g" * 32])
def test_sids_that_are_none(sid: str) -> None:
    assert id_of(sid) is None


def test_tables_are_complete_and_on_the_page() -> None:
    assert set(tables.STATUSES) == set(tables.CALLED) == set(State)
    assert set(tables.REFUSALS) == set(RefusalKind)
    assert {*tables.REJECTIONS.values(), *tables.REPORTS.values()} <= set(tables.FAILURES)
    for state, status in tables.STATUSES.items():
        assert f"| `{state.value}` | {status}" in PAGE
    for kind, code in tables.REFUSALS.items():
        assert f"| `{kind.value}` | {tables.ERRORS[code][0]} | {code} |" in PAGE
    for name, table in (("CMS", tables.REJECTIONS), ("TP-ST", tables.REPORTS)):
        for code, error in table.items():
            shown: Any = code if name == "CMS" else f"0x{code:02x}"
            assert f"| {name} {shown} | {error} |" in PAGE


@pytest.mark.parametrize(
    ("asked", "account", "body", "segments"),
    [
        ({"SmartEncoded": "true"}, "", 'It\'s "ok" - now', "1"),
        ({}, "", "It’s “ok” –\u00a0now", "1"),
        ({"SmartEncoded": "false"}, "smart_encoding = true\n", "It’s “ok” –\u00a0now", "1"),
        ({}, "smart_encoding = true\n", 'It\'s "ok" - now', "1"),
    ],
)
async def test_smart_encoding(
    serve_dialect: Serve, asked: dict[str, str], account: str, body: str, segments: str
) -> None:
    rig = await serve_dialect(DIALECT, account=account)
    status, answer = await ADAPTER.ask(
        rig, "POST", "Messages.json", **{**SEND, "Body": "It’s “ok” –\u00a0now", **asked}
    )
    assert (status, answer["body"], answer["num_segments"]) == (201, body, segments)
    (message,) = await rig.messages()
    assert message.encoding == ("gsm7" if '"' in body else "ucs2")


async def test_smart_encoding_counts_after_it(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    for smart, segments in (("false", "3"), ("true", "1")):
        fields = {**SEND, "Body": "“" + "x" * 150 + "”", "SmartEncoded": smart}
        assert (await ADAPTER.ask(rig, "POST", "Messages.json", **fields))[1]["num_segments"] == segments
    status, answer = await ADAPTER.ask(rig, "POST", "Messages.json", **{**SEND, "SmartEncoded": "maybe"})
    assert (status, answer["code"]) == (400, 20001)
