"""The smsgate platform in its three forms, its pushes and hostile documents."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from modemgw.dialects.seam import CallbackReply
from modemgw.dialects.smsgate import ACCOUNT_SETTINGS, DIALECT, SETTINGS, tables
from modemgw.dialects.smsgate.callbacks import on_reply
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State
from modemgw.service.commands import CommandRunner
from tests.unit.dialects.adapters import pushed
from tests.unit.dialects.adapters.smsgate import ADAPTER

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

PAGE = (Path(__file__).parents[3] / "docs" / "dialects" / "smsgate.md").read_text(encoding="utf-8")
URL = "http://shop.example/in"
ACCOUNT = f'callback_url = "{URL}"\ncallback_format = "smsgate"\n'


async def get(rig: DialectRig, query: str) -> str:
    async with rig.http.get(f"/sendsms.php?{query}") as response:
        assert response.status == 200
        return await response.text()


async def ask(rig: DialectRig, **document: Any) -> Any:
    body = {"security": {"login": "shop", "password": "s3cret"}, **document}
    async with rig.http.post("/sendsmsjson.php", json=body) as response:
        assert response.status == 200
        return json.loads(await response.text())


async def test_get_repeated_and_detail(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    query = "user=shop&pwd=s3cret&dadr=79161234567&text=hi"
    assert await get(rig, query) == "1"
    assert await get(rig, query) == tables.REPEATED
    await rig.force(1, State.DELIVERED)
    assert await get(rig, "user=shop&pwd=s3cret&smsid=1") == "deliver"
    assert (await get(rig, "user=shop&pwd=s3cret&smsid=1&detail=1")).startswith('a:5:{s:6:"id_sms";s:1:"1";')


async def test_json(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    abonents = [{"phone": "79161234567", "number_sms": "1", "client_id_sms": "5"}, {"phone": "12ab", "number_sms": 2}]
    message = [{"type": "sms", "sender": "SHOP", "text": r"a\nb", "abonent": abonents}]
    sent = {"number_sms": "1", "id_sms": "1", "parts": "1", "action": "send"}
    refused = {"number_sms": "2", "action": "Укажите номер телефона."}
    assert await ask(rig, type="sms", message=message) == {"sms": [sent, refused]}
    assert (await ask(rig, type="sms", message=message))["sms"][0] == sent
    (view,) = await rig.messages()
    assert view.text == "a\nb"
    assert (await ask(rig, type="state", get_state=["1", "x"]))["state"][0]["state"] == "send"
    assert (await ask(rig, type="balance"))["money"] == {"currency": "RUR", "value": "100.50"}
    assert len((await ask(rig, type="originator"))["list_originator"]) == 2
    assert await ask(rig, type="nothing") == {"error": tables.BAD_JSON}


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"[]", b"\0", b'{"security": []}', b'{"a": NaN}'])
async def test_hostile_json(serve_dialect: Serve, body: bytes) -> None:
    rig = await serve_dialect(DIALECT)
    async with rig.http.post("/sendsmsjson.php", data=body) as response:
        assert json.loads(await response.text())["error"] == tables.BAD_JSON


BOMB = b'<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><request>&b;</request>'


HOSTILE = [
    (BOMB, tables.BAD_XML),
    (b"\0", tables.BAD_XML),
    (b"", tables.NO_DATA),
    (b"<a>" * 9999, tables.BAD_XML),
    (b"<request/>", tables.WRONG_LOGIN),
]


@pytest.mark.parametrize(("body", "text"), HOSTILE)
async def test_hostile_xml(serve_dialect: Serve, body: bytes, text: str) -> None:
    rig = await serve_dialect(DIALECT)
    async with rig.http.post("/smsgate/xml/state.php", data=body) as response:
        assert f"<response><error>{text}</error></response>" in await response.text()


async def test_scheduled_time_originator_def(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    abonent = '<abonent phone="79161234567" time_send="2027-01-15 12:00" validity_period="2027-01-15 14:00"/>'
    await ADAPTER.ask(rig, "", f"<message><text>x</text>{abonent}</message>")
    (view,) = await rig.messages()
    assert view.send_at == rig.now + 3_600_000
    assert (await ADAPTER.ask(rig, "time.php", "")).findtext("time") == "2027-01-15 11:00:00"
    assert (await ADAPTER.ask(rig, "list_scheduled.php", '<scheduled page="1"/>'))[0].get("id_sms") == "1"
    schedule = '<delete_schedule><schedule id_sms="1"/><schedule id_sms="9"/></delete_schedule>'
    assert [one.text for one in await ADAPTER.ask(rig, "scheduled.php", schedule)] == ["delete", "not_found"]
    assert len((await ADAPTER.ask(rig, "originator.php", "")).findall("list_originator/originator")) == 2
    assert (await ADAPTER.ask(rig, "def.php", "<phones><phone>79161234567</phone></phones>"))[0].text == "79161234567"
    assert (await ADAPTER.ask(rig, "list_base.php", "")).findtext("error") == tables.BAD_XML


async def test_pushes(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    refused = await ADAPTER.ask(rig, "get_state.php", '<get_state type="set">http://other.example/</get_state>')
    assert refused.find("error") is not None
    await ADAPTER.ask(rig, "get_state.php", f'<get_state type="set">{URL}/s</get_state>')
    assert (await ADAPTER.ask(rig, "get_state.php", '<get_state type="get"/>')).findtext("get_state") == f"{URL}/s"
    await ADAPTER.send(rig, "79161234567", "x")
    assert await pushed(rig, DIALECT, id=1) == []
    await rig.force(1, State.DELIVERED)
    (call,) = await pushed(rig, DIALECT, id=1)
    assert (call.url, b">deliver</state></request>" in call.body) == (f"{URL}/s", True)


@pytest.mark.parametrize(
    ("mode", "body", "count"), [("async", b"OK", 0), ("sync", b"OK", 1), ("sync", b"smsid=1", 0), ("sync", b"", 0)]
)
async def test_the_answer_is_sent_back(serve_dialect: Serve, mode: str, body: bytes, count: int) -> None:
    rig = await serve_dialect(DIALECT, account=f'{ACCOUNT}[account.smsgate]\nreply = "{mode}"\n')
    await rig.receive("ping & pong")
    (call,) = await pushed(rig, DIALECT)
    assert parse_qs(urlsplit(call.url).query)["text"] == ["ping & pong"]
    given = CallbackReply(await rig.account(), call, 200, {}, body, rig.now)
    await CommandRunner(rig.core).drive(on_reply(given))
    assert len(await rig.messages()) == count


def test_tables_are_complete_and_on_the_page() -> None:
    assert set(tables.STATES) == set(State)
    assert set(tables.ERRORS) == set(RefusalKind)
    for state, word in tables.STATES.items():
        assert f"| `{state.value}` | `{word}` |" in PAGE
    for kind, text in tables.ERRORS.items():
        assert f"| `{kind.value}` | {text} |" in PAGE
    for name in [*SETTINGS, *ACCOUNT_SETTINGS]:
        assert f"| `{name}` |" in PAGE
