"""BSG.world: the documented exchanges, test keys, OTP, services a SIM lacks, callbacks, V2, and hostile bodies."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.dialects.bsg import ACCOUNT_SETTINGS, DIALECT, tables
from modemgw.dialects.bsg.callbacks import render
from modemgw.dialects.seam import Occurrence
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State
from tests.unit.dialects.adapters import pushed

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]

ROOT = Path(__file__).parents[3]
KEY = "key-of-shop"
ONE = {"destination": "phone", "msisdn": "79161234567", "originator": "SHOP", "body": "hi"}
ALLOWED = '[account.bsg]\nhlr = "ping"\nviber = "sms"\n'


async def ask(rig: DialectRig, call: str, body: Any = None, key: str = KEY, **headers: str) -> Any:
    method, _, path = call.partition(" ")
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"X-API-KEY": key, "Content-Type": "multipart/form-data", **headers}
    async with rig.http.request(method, path, data=data, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        return await response.json()


async def test_otp_and_the_rest_of_a_create(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    answer = await ask(rig, "POST /rest/sms/create", ONE | {"destination": "otp", "body": "code {gen_otp_09,6}!"})
    assert len(answer["otp_code"]) == 6
    more = {"transliterate": True, "body": "Привет", "scheduledDatetime": "2027-01-15T10:00:00Z", "2way": "1"}
    scheduled = await ask(rig, "POST /rest/sms/create", ONE | more | {"originator": "79990000002"})
    first, second = await rig.messages()
    assert first.text == f"code {answer['otp_code']}!"
    assert (second.text, second.send_at, second.line) == ("Privet", rig.now + 7_200_000, "b")
    assert (await ask(rig, f"GET /rest/sms/{scheduled['id']}"))["status"] == "scheduled"
    assert (await ask(rig, "POST /rest/sms/create", ONE | {"destination": "otp"}))["error"] == 26
    assert (await ask(rig, "POST /rest/sms/create", ONE | {"scheduledDatetime": "soon"}))["error"] == 10
    assert (await ask(rig, "POST /rest/sms/create", ONE | {"tariff": 111}))["error"] == 6


async def test_statuses_by_reference_and_by_list(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    await ask(rig, "PUT /rest/sms/create", ONE | {"reference": "abc"})
    await rig.force(1, State.DELIVERED)
    found = await ask(rig, "GET /rest/sms/reference/abc")
    assert (found["status"], found["time_dr"]) == ("delivered", "2027-01-15 08:00:00")
    listed = await ask(rig, "POST /rest/sms/getStatus", {"ids": ["1", 9, "x", None]})
    assert [(item["error"], item.get("external_id")) for item in listed["result"]] == [
        (0, "abc"),
        (20, None),
        (20, None),
        (20, None),
    ]


@pytest.mark.parametrize("key", ["test_1234", "test_key-of-test"])
async def test_a_test_key_answers_and_sends_nothing(serve_dialect: Serve, key: str) -> None:
    accounts = '[[account]]\nlogin = "t"\napi_key = "live_1234"\n[[account]]\nlogin = "u"\napi_key = "key-of-test"\n'
    rig = await serve_dialect(DIALECT, config=accounts)
    answer = await ask(rig, "POST /rest/sms/create", ONE | {"reference": "abc"}, key)
    assert answer["error"] == 0
    assert (await ask(rig, f"GET /rest/sms/{answer['id']}", key=key))["status"] == "delivered"
    assert (await ask(rig, "GET /rest/sms/reference/abc", key=key))["msisdn"] == "79161234567"
    assert (await ask(rig, "POST /rest/sms/create", ONE | {"reference": "abc"}, key))["result"]["error"] == 23
    many = {**ONE, "destination": "phones", "phones": [{"msisdn": "79161234560"}]}
    task = await ask(rig, "POST /rest/sms/create", many, key)
    assert (await ask(rig, f"GET /rest/sms/task/{task['task_id']}", key=key))["delivered"] == 1
    assert await rig.messages("t") == await rig.messages("u") == []
    assert (await ask(rig, "GET /rest/common/balance", key="test_wrong"))["error"] == 1


async def test_what_an_account_may_allow(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ALLOWED)
    pinged = await ask(rig, "POST /rest/hlr/create", [{"msisdn": "79161234567", "reference": "h1"}, {"msisdn": "x"}])
    assert [item["error"] for item in pinged["result"]] == [0, 61]
    assert (await ask(rig, f"GET /rest/hlr/{pinged['result'][0]['id']}"))["brand"] == ""
    message = {"to": [{"msisdn": 79161234567, "reference": "v1"}], "text": "viber", "alpha_name": "SHOP"}
    message["options"] = {"viber": {"alt_route": {"originator": "SHOP", "text": "instead"}}}
    answer = await ask(rig, "POST /rest/viber/create", {"messages": [message, {"to": [{"reference": "x"}]}]})
    assert [item["error"] for item in answer["result"]] == [0, 33]
    assert [m.text for m in await rig.messages()] == ["", "instead"]


async def test_callbacks(serve_dialect: Serve) -> None:
    url = "http://shop.example/hook"
    rig = await serve_dialect(DIALECT, account=f'callback_url = "{url}"\ncallback_format = "bsg"\n')
    await ask(rig, "POST /rest/sms/create", ONE | {"reference": "abc", "callback_url": f"{url}/dlr"})
    await rig.force(1, State.DELIVERED)
    (view,) = await rig.messages()
    account = await rig.account()
    event = Occurrence("status", 1, rig.now, message=view, own=True)
    (call,) = render(event, account)
    body = json.loads(call.body)
    assert (call.url, body["status"], body["reference"], body["price"]) == (
        f"{url}/dlr",
        "delivered",
        "abc",
        "1.4000000",
    )
    assert render(Occurrence("status", 1, rig.now, message=view), account) == ()
    inbox = await rig.receive("да")
    (call,) = render(Occurrence("inbox", 2, rig.now, inbox=inbox), account)
    assert (call.url, json.loads(call.body)["message"]) == (url, "да")


async def test_v2(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)

    async def call(method: str, path: str, body: Any = None, bearer: str = "") -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {bearer}"}
        async with rig.http.request(method, f"/api/{path}", json=body, headers=headers) as response:
            return response.status, await response.json()

    assert (await call("POST", "auth/login", {"api_key": "wrong"}))[0] == 401
    assert (await call("GET", "accounts/balance"))[0] == 401
    _, login = await call("POST", "auth/login", {"api_key": KEY})
    bearer = login["bearer"]
    _, money = await call("GET", "accounts/balance", bearer=bearer)
    assert money == {"data": {"balance": 100.5, "currency": "RUR", "credit": 0}}
    body = {"phones": [{"number": 79161112233}], "sender": "SHOP", "text": "x", "validity": 72, "transliterate": False}
    status, sent = await call("POST", "campaigns/sms/send", body, bearer)
    assert (status, sent["data"]["calculated_price"]) == (200, 1.4)
    await rig.force(1, State.DELIVERED)
    _, campaign = await call("GET", f"campaigns/{sent['data']['id']}", bearer=bearer)
    assert (campaign["data"]["status"], campaign["data"]["statistics"]) == ("done", {"delivered": 1, "sent": 1})
    assert (await call("POST", "campaigns/sms/send", body | {"text": ""}, bearer))[0] == 422
    rig.advance(3601)
    assert (await call("GET", "accounts/balance", bearer=bearer))[0] == 401


@pytest.mark.parametrize("path", ["sms/create", "sms/price", "sms/getStatus", "viber/create", "hlr/create"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"[" * 200_000,
        b'{"a":' * 50_000,
        b"null",
        b"5",
        b'"x"',
        b"[null]",
        b"[[]]",
        b"{}",
        b"[{}]",
        b'{"destination": ["phone"]}',
        b'{"destination": "phones", "phones": {}}',
        b'{"destination": "phones", "originator": "a", "body": "x", "phones": [5, null, [], "x"]}',
        b'{"destination": "phone", "msisdn": {}, "originator": [], "body": 5, "reference": {}}',
        b'{"destination": "phone", "msisdn": "\\u0000", "originator": "a", "body": "\\ud800", "reference": "a"}',
        b'{"destination": "phone", "msisdn": 1e400, "originator": "a", "body": "x"}',
        b'{"ids": [[], {}, 1e999, "\\ud800", true]}',
        b'{"messages": [null, 5, {"to": 5}, {"to": [5]}]}',
    ],
)
async def test_hostile(serve_dialect: Serve, path: str, body: bytes) -> None:
    rig = await serve_dialect(DIALECT, account=ALLOWED)
    answer = await ask(rig, f"POST /rest/{path}", body)
    assert isinstance(answer, dict)
    assert await rig.messages() == []


def test_tables_are_complete_and_the_page_has_them() -> None:
    page = (ROOT / "docs" / "dialects" / "bsg.md").read_text()
    assert set(tables.STATES) == set(State)
    assert set(tables.ERRORS) == set(RefusalKind)
    assert set(tables.ERRORS.values()) <= set(tables.DESCRIPTIONS)
    for state, word in tables.STATES.items():
        assert f"| `{state.value}` | `{word}` |" in page
    for kind, code in tables.ERRORS.items():
        assert f"| `{kind.value}` | {code} |" in page
    for code, text in tables.DESCRIPTIONS.items():
        assert f"| {code} | {text} |" in page
    for name, setting in ACCOUNT_SETTINGS.items():
        assert f"| `{name}` | `{setting.default}` | {setting.about}" in page


async def test_who_wrote_is_told_under_both_names(serve_dialect: Serve) -> None:
    """The official SDK's item has `sender` and `recipient`, that of the pages `sender` and `phone`."""
    account = 'callback_url = "http://shop.example/b"\ncallback_format = "bsg"\n'
    rig = await serve_dialect(DIALECT, account=account)
    await rig.receive("stop", sender="+79031112233")
    rig.advance(2)
    (item,) = (await ask(rig, "GET /rest/sms/2wayIncoming"))["messages"]
    assert (item["sender"], item["recipient"], item["phone"]) == ("79990000001", "79031112233", "79031112233")
    (told,) = await pushed(rig, DIALECT)
    assert json.loads(told.body)["recipient"] == "79031112233"
