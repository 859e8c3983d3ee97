"""The native API does what its description says, and every refusal is a problem with a sentence."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession
from pydantic import BaseModel

from modemgw.domain.message import OnDoubt
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State
from modemgw.servers.http import models
from modemgw.servers.http.problems import REFUSALS
from modemgw.servers.http.views import rfc3339
from modemgw.service.core import Gateway
from tests.dialect_rig import DialectRig
from tests.played_lines import NOW_MS

PROBLEM = "application/problem+json"


async def send(client: ClientSession, **fields: Any) -> dict[str, Any]:
    body = {"to": "+79991234567", "text": "Привет"} | fields
    async with client.post("/v1/messages", json=body) as response:
        assert response.status in {200, 202}
        found: dict[str, Any] = await response.json()
        return found


async def test_accepts_a_message(client: ClientSession, rig: DialectRig) -> None:
    body = {
        "to": "+7 999 123-45-67",
        "text": "Привет",
        "flash": True,
        "encoding": "ucs2",
        "validity_s": 3600,
        "send_at": "2027-01-31T09:00:00+03:00",
        "priority": 5,
        "client_ref": "order-1",
        "modem": "a",
        "report": False,
        "on_doubt": "resend",
    }
    async with client.post("/v1/messages", json=body) as response:
        assert response.status == 202
        assert response.headers["Location"] == "/v1/messages/1"
        models.AcceptedBody.model_validate(await response.json())
        assert await response.json() == {
            "id": 1,
            "state": "queued",
            "encoding": "ucs2",
            "parts": 1,
            "to": "+79991234567",  # as it is stored
            "client_ref": "order-1",
        }
    [message] = await rig.messages()
    assert message.flash
    assert message.encoding == "ucs2"
    assert message.send_at == 1_801_375_200_000
    assert message.on_doubt is OnDoubt.RESEND
    assert (message.line, message.priority, message.report) == ("a", 5, False)


async def test_the_same_client_ref_is_the_first_message_again(client: ClientSession) -> None:
    first = await send(client, client_ref="order-1")
    body = {"to": "+79991234567", "text": "Привет", "client_ref": "order-1"}
    async with client.post("/v1/messages", json=body) as response:
        assert response.status == 200
        assert (await response.json())["id"] == first["id"]


async def test_data_is_hex_and_send_at_may_be_unix_seconds(client: ClientSession, rig: DialectRig) -> None:
    body = {"to": "12345", "data": "DEADbeef", "send_at": 1_810_000_000}
    async with client.post("/v1/messages", json=body) as response:
        assert response.status == 202
    [message] = await rig.messages()
    assert (message.data, message.send_at) == (b"\xde\xad\xbe\xef", 1_810_000_000_000)


@pytest.mark.parametrize(
    ("body", "status", "kind", "detail"),
    [
        ('{"to": "+7999", "text": "x",}', 400, "not_json", "The body is not JSON: trailing comma at line 1 column 29."),
        ('{"to": "+7999"', 400, "not_json", "The body is not JSON: EOF while parsing an object at line 1 column 14."),
        ("", 400, "not_json", "The body is empty; send a JSON object."),
        ('{"text": "\\ud83d"}', 400, "not_json", "The body is not JSON: unexpected end of hex escape"),
        (b'{"text": "\xff"}', 400, "not_json", "The body is not JSON: invalid unicode code point"),
        ("[]", 422, "bad_parameter", "body must be a JSON object."),
        ("{}", 422, "bad_parameter", "to is missing."),
        ('{"to": 1, "text": "x"}', 422, "bad_parameter", "to must be a string."),
        ('{"to": "1", "text": "x", "flash": "yes"}', 422, "bad_parameter", "flash must be true or false."),
        ('{"to": "1", "text": "x", "tetx": 1}', 422, "bad_parameter", "tetx is not known here."),
        (
            '{"to": "1", "text": "x", "encoding": "7"}',
            422,
            "bad_parameter",
            "encoding must be 'auto', 'gsm7' or",
        ),
        ('{"to": "1", "text": "x", "priority": 101}', 422, "bad_parameter", "priority must be less than or equal to"),
        ('{"to": "1", "text": "x", "validity_s": 1.5}', 422, "bad_parameter", "validity_s must be a"),
        ('{"to": "1", "data": "abc"}', 422, "bad_parameter", "data is not an even number of hexadecimal digits."),
        ('{"to": "1", "text": "x", "send_at": "soon"}', 422, "bad_parameter", "send_at is not a time such as"),
        ('{"to": "1", "text": "x", "send_at": "2030-01-01T00:00:00"}', 422, "bad_parameter", "send_at has no offset"),
        ('{"to": "1", "text": "x", "send_at": true}', 422, "bad_parameter", "send_at must be a time"),
        ('{"to": "1", "text": "x", "send_at": 1e300}', 422, "bad_parameter", "send_at is not within"),
        ('{"to": "a", "tex": "x", "flash": 1}', 422, "bad_parameter", "flash must be true or false; tex is not known"),
        ('{"to": "+79991234567", "text": ""}', 422, "empty_text", "The text is empty; there is nothing to send."),
        ('{"to": "number", "text": "x"}', 422, "bad_number", "The recipient 'number' is not a telephone number"),
        ('{"to": "1", "text": "x", "modem": "z"}', 422, "unknown_line", "There is no line named 'z'."),
    ],
)
async def test_bad_bodies(client: ClientSession, body: str | bytes, status: int, kind: str, detail: str) -> None:
    headers = {"Content-Type": "application/json"}
    async with client.post("/v1/messages", data=body, headers=headers) as response:
        assert response.content_type == PROBLEM
        problem = models.Problem.model_validate(await response.json())
        assert (response.status, problem.status, problem.type) == (status, status, f"/docs#{kind}")
        assert problem.detail.startswith(detail)


async def test_a_text_over_the_limit(client: ClientSession) -> None:
    async with client.post("/v1/messages", json={"to": "12345", "text": "x" * 1600}) as response:
        assert response.status == 422
        problem = await response.json()
        assert problem["errors"] == [{"field": "text", "detail": problem["detail"]}]


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=cp1251"]
)
async def test_only_json_in_utf_8(client: ClientSession, content_type: str) -> None:
    async with client.post("/v1/messages", data=b"{}", headers={"Content-Type": content_type}) as response:
        assert response.status == 415
        assert response.content_type == PROBLEM


async def test_json_with_a_charset_is_json(client: ClientSession) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    async with client.post("/v1/messages", data=b'{"to":"12345","text":"x"}', headers=headers) as response:
        assert response.status == 202


async def test_unavailable_says_why_and_when_to_come_back(client: ClientSession, rig: DialectRig) -> None:
    body = {"to": "12345", "text": "x" * 1500}
    with rig.full_disk():
        while (response := await client.post("/v1/messages", json=body)).status == 202:
            response.close()  # what fits into pages that are there already
        async with response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "5"
            assert (await response.json())["detail"].startswith("The disk that holds the database is full")


async def test_a_body_that_is_too_large_by_its_length_or_by_its_chunks(client: ClientSession) -> None:
    async with client.post("/v1/messages", json={"to": "12345", "text": "x" * 20_000}) as response:
        assert response.status == 413
        assert response.content_type == PROBLEM

    async def chunks() -> Any:
        for _ in range(5):
            yield b"x" * 5000

    headers = {"Content-Type": "application/json"}
    async with client.post("/v1/messages", data=chunks(), headers=headers) as response:
        assert response.status == 413


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Bearer ключ",
        "Basic",
        "Basic !!!",
        "Basic c2hvcA==",
        "Basic c2hvcDo=",
        "Basic c2hvcDp3cm9uZw==",
        "Digest x",
    ],
)
async def test_wrong_credentials(anybody: ClientSession, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    for _ in range(2):  # a wrong one is not remembered as right
        async with anybody.get("/v1/messages", headers=headers) as response:
            assert response.status == 401
            assert response.content_type == PROBLEM
            assert [value.split()[0] for value in response.headers.getall("WWW-Authenticate")] == ["Bearer", "Basic"]


async def test_basic_and_bearer(anybody: ClientSession, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    authenticate = Mock(wraps=gateway.authenticate)
    monkeypatch.setattr(gateway, "authenticate", authenticate)
    basic = b64encode("other:pärol".encode()).decode()
    async with anybody.get("/v1/modems", headers={"Authorization": f"Basic {basic}"}) as response:
        assert response.status == 200
    headers = {"Authorization": "bearer key-of-shop"}
    for _ in range(5):
        async with anybody.get("/v1/modems", headers=headers) as response:
            assert response.status == 200
    assert authenticate.call_count == 2  # whom a header stands for is known the second time


async def test_one_message_with_its_history(client: ClientSession, rig: DialectRig) -> None:
    accepted = await send(client)
    await rig.force(accepted["id"], State.DELIVERED)
    async with client.get(f"/v1/messages/{accepted['id']}") as response:
        body = await response.json()
    models.MessageBody.model_validate(body)
    assert body["state"] == "delivered"
    assert body["created_at"] == rfc3339(NOW_MS)
    [part] = body["parts"]
    assert (part["mr"], part["modem"]) == (1, "a")
    assert part["attempts"][0]["outcome"] == "sent"
    assert part["receipts"][0]["meaning"] == "delivered"
    kinds = [event["kind"] for event in body["events"]]
    assert (kinds[0], kinds[-1]) == ("message.queued", "message.delivered")


@pytest.mark.parametrize("message_id", ["7", "abc", "-1", "1" * 40, "%00", "1%2F2", "١"])
async def test_no_such_message(client: ClientSession, message_id: str) -> None:
    for method in ("GET", "DELETE"):
        async with client.request(method, f"/v1/messages/{message_id}") as response:
            assert response.status == 404
            assert response.content_type == PROBLEM


async def test_another_accounts_message_does_not_exist(client: ClientSession, anybody: ClientSession) -> None:
    accepted = await send(client)
    headers = {"Authorization": "Bearer key-of-other"}
    async with anybody.get(f"/v1/messages/{accepted['id']}", headers=headers) as response:
        assert response.status == 404


async def test_cancel_and_too_late(client: ClientSession, rig: DialectRig) -> None:
    accepted = await send(client)
    for _ in range(2):
        async with client.delete(f"/v1/messages/{accepted['id']}") as response:
            assert response.status == 200
            assert (await response.json())["state"] == "cancelled"
    accepted = await send(client)
    await rig.force(accepted["id"], State.SENT)
    async with client.delete(f"/v1/messages/{accepted['id']}") as response:
        assert response.status == 409
        assert (await response.json())["detail"].startswith("Message 2 is already sent; only a queued one can")


async def test_pages(client: ClientSession) -> None:
    for _ in range(5):
        await send(client)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        async with client.get("/v1/messages", params={"after": after, "limit": 2, "state": "queued"}) as response:
            body = await response.json()
        models.MessageList.model_validate(body)
        seen += [item["id"] for item in body["items"]]
        after = body["next"]
    assert seen == [1, 2, 3, 4, 5]
    async with client.get("/v1/messages", params={"state": "sent"}) as response:
        assert await response.json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit must be greater than or equal to 1."),
        ("limit=1001", "limit must be less than or equal to 1000."),
        ("limit=many", "limit must be a whole number."),
        ("after=-1", "after must be greater than or equal to 0."),
        ("state=gone", "state must be 'queued', 'sending', 'sent'"),
        ("lmit=5", "lmit is not known here."),
        ("limit=1&limit=2", "limit given twice."),
    ],
)
async def test_bad_queries(client: ClientSession, query: str, detail: str) -> None:
    async with client.get(f"/v1/messages?{query}") as response:
        assert response.status == 400
        assert (await response.json())["detail"].startswith(detail)


async def test_inbox_modems_and_events_have_their_shapes(client: ClientSession, rig: DialectRig) -> None:
    await send(client)
    for number in range(1, 5):
        await rig.receive(f"Ответ {number} 👍")
    shapes: dict[str, type[BaseModel]] = {
        "/v1/inbox?limit=2": models.InboxList,
        "/v1/inbox/3": models.InboxBody,
        "/v1/modems": models.ModemList,
        "/v1/events": models.EventList,
        "/health/live": models.LiveBody,
        "/health/ready": models.ReadyBody,
    }
    for path, model in shapes.items():
        async with client.get(path) as response:
            assert response.status == 200
            model.model_validate(await response.json())
    async with client.get("/v1/inbox?limit=2&after=1") as response:
        body = await response.json()
        assert [item["id"] for item in body["items"]] == [2, 3]
        assert body["next"] == 3
        assert body["items"][0]["from"] == "+79161234567"
        assert body["items"][0]["text"] == "Ответ 2 👍"
        assert body["items"][0]["received_at"] == rfc3339(NOW_MS)


async def test_health_needs_no_key_and_tells_what_is_wrong(anybody: ClientSession, rig: DialectRig) -> None:
    (rig.store.path).unlink()
    async with anybody.get("/health/ready") as response:
        assert response.status == 503
        assert (await response.json())["store"].startswith("The database")
    async with anybody.head("/health/live") as response:
        assert response.status == 200


async def test_metrics(anybody: ClientSession) -> None:
    pytest.importorskip("prometheus_client")
    async with anybody.get("/metrics") as response:
        assert response.status == 200
        text = await response.text()
    assert 'modemgw_modem_state{modem="a",state="ready"} 1.0' in text
    assert 'modemgw_modem_storage_total{memory="SM",modem="a"} 30.0' in text


async def test_metrics_without_the_extra(anybody: ClientSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "prometheus_client", None)
    async with anybody.get("/metrics") as response:
        assert response.status == 501
        assert "pip install 'modemgw[metrics]'" in (await response.json())["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1", 404), ("PUT", "/v1/messages", 405), ("POST", "/v1/inbox", 405)],
)
async def test_what_is_not_there(client: ClientSession, method: str, path: str, status: int) -> None:
    async with client.request(method, path) as response:
        assert response.status == status
        assert response.content_type == PROBLEM
        assert ("Allow" in response.headers) == (status == 405)


async def test_a_bug_is_a_problem_without_its_traceback(
    client: ClientSession, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gateway, "modems", lambda: 1 / 0)
    async with client.get("/v1/modems") as response:
        assert response.status == 500
        assert (await response.json())["detail"] == "modemgw made a mistake; its log has the details."
    assert "ZeroDivisionError" in caplog.text


def test_every_refusal_has_a_status() -> None:
    assert set(REFUSALS) == set(RefusalKind)


@pytest.mark.parametrize(
    ("at_ms", "expected"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_896_069_600_007, "2030-01-31T06:00:00.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_rfc3339(at_ms: int, expected: str) -> None:
    assert rfc3339(at_ms) == expected
