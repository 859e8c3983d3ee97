"""/v1/modems/{name}/ussd and /balance: statuses, bodies, rights; and the pages that tell of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from modemgw.domain.ussd import UssdState
from modemgw.rules.operators import operators
from modemgw.servers.http import make_app
from modemgw.servers.http.ussd_api import UssdBody, UssdRequest
from modemgw.service.core import Gateway

SHOP = {"Authorization": "Bearer key-of-shop"}
OTHER = {"Authorization": "Bearer key-of-other"}
DOC = (Path(__file__).parents[3] / "docs/ussd.md").read_text(encoding="utf-8")


async def call(
    gateway: Gateway, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    async with TestClient(TestServer(make_app(gateway))) as client:
        response = await client.request(method, path, json=body, headers=SHOP if headers is None else headers)
        return response.status, await response.json(content_type=None)


async def test_a_code_and_its_answer(gateway: Gateway) -> None:
    status, body = await call(gateway, "POST", "/v1/modems/a/ussd", {"code": " *100# "})
    assert (status, body["text"], body["open"], body["status"]) == (200, "Balance: 123.45 RUB", False, "done")
    UssdBody.model_validate(body)


async def test_a_menu_over_http(gateway: Gateway) -> None:
    async with TestClient(TestServer(make_app(gateway))) as client:
        path = "/v1/modems/a/ussd"
        assert (await (await client.post(path, json={"code": "*105#"}, headers=SHOP)).json())["open"] is True
        assert (await client.post(path, json={"code": "*100#"}, headers=SHOP)).status == 409
        assert (await (await client.delete(path, headers=SHOP)).json())["status"] == "cancelled"
        assert (await client.delete(path, headers=SHOP)).status == 409


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "kind"),
    [
        ("/v1/modems/a/ussd", {"code": "*108#"}, SHOP, 504, "no_answer"),
        ("/v1/modems/a/ussd", {"code": "*109#"}, SHOP, 424, "ussd_failed"),
        ("/v1/modems/a/ussd", {"answer": "1"}, SHOP, 409, "conflict"),
        ("/v1/modems/c/ussd", {"code": "*100#"}, SHOP, 404, "not_found"),
        ("/v1/modems/a/ussd", {"code": "*100#"}, OTHER, 403, "forbidden"),
        ("/v1/modems/a/ussd", {"code": "*100#"}, {}, 401, "unauthorised"),
        ("/v1/modems/a/ussd", {"code": "ping"}, SHOP, 422, "bad_parameter"),
        ("/v1/modems/a/ussd", {"code": "*1\n#"}, SHOP, 422, "bad_parameter"),
        ("/v1/modems/a/ussd", {"code": '*1"#'}, SHOP, 422, "bad_parameter"),
        ("/v1/modems/a/ussd", {"code": "*100#", "timeout_s": 0}, SHOP, 422, "bad_parameter"),
        ("/v1/modems/a/ussd", {"code": "*100#", "modem": "a"}, SHOP, 422, "bad_parameter"),
        ("/v1/modems/a/ussd", [], SHOP, 422, "bad_parameter"),
        ("/v1/modems/c/balance", None, SHOP, 404, "not_found"),
        ("/v1/modems/a/balance", None, {}, 401, "unauthorised"),
    ],
)
async def test_problems(
    gateway: Gateway, path: str, body: Any, headers: dict[str, str], status: int, kind: str
) -> None:
    got, problem = await call(gateway, "POST", path, body, headers)
    assert (got, problem["type"]) == (status, f"/docs#{kind}")


async def test_the_balance_over_http(gateway: Gateway) -> None:
    status, body = await call(gateway, "POST", "/v1/modems/a/balance", headers=OTHER)
    assert (status, body["balance"], body["balance_currency"]) == (200, "123.45", "RUB")


def test_the_page_has_every_field_state_and_operator() -> None:
    cells = re.findall(r"^\| (.*?) \|", DOC, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", " ".join(cells)))
    assert {"modem", *named} >= {*UssdRequest.model_fields, *UssdBody.model_fields, *(str(s) for s in UssdState)}
    for operator in operators():
        row = f"| {operator.name} | {', '.join(operator.plmn)} | `{operator.code}` | {operator.currency} |"
        assert f"{row} {operator.source} |" in DOC
