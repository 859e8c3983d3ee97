"""SMSC.ru as its clients see it: recorded answers byte for byte, odd requests, and tables without gaps."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from aiohttp import ClientSession
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.send import CANNOT, international
from modemgw.dialects.smsc.translit import translit
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State
from modemgw.servers.http import make_app, start_http

from tests.unit.servers.memory_gateway import NOW_MS, MemoryGateway

AUTH = "login=shop&psw=s3cret"
VECTORS = Path(__file__).parents[2] / "vectors" / "smsc" / "answers.txt"
LABEL_1251 = "application/json; charset=windows-1251"


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
async def http(gateway: MemoryGateway) -> AsyncIterator[ClientSession]:
    server = await start_http(make_app(gateway), "127.0.0.1:0", shutdown_timeout_s=1.0)
    async with ClientSession(server.url) as session:
        yield session
    await server.close()


async def get(http: ClientSession, path: str, **parameters: Any) -> str:
    query = urlencode(parameters)
    async with http.get(f"/sys/{path}" + (f"?{AUTH}&{query}" if parameters else "")) as response:
        assert response.status == 200
        return (await response.read()).decode("utf-8")


async def get_json(http: ClientSession, path: str, **parameters: Any) -> Any:
    return json.loads(await get(http, path, fmt=3, **parameters))


def vectors() -> list[tuple[str, int, str]]:
    rows = [line.split(" | ", 2) for line in VECTORS.read_text().splitlines() if " | " in line and line[0] != "#"]
    return [(request.strip(), int(size), ast.literal_eval(body)) for request, size, body in rows]


@pytest.mark.parametrize(("request_line", "size", "body"), vectors())
async def test_answers_byte_for_byte(http: ClientSession, request_line: str, size: int, body: str) -> None:
    for base in ("/sys/", "/smsc/sys/"):
        async with http.get(base + request_line.format(auth=AUTH)) as response:
            assert response.status == 200
            raw = await response.read()
        assert raw == body.encode()
        assert len(raw) == size


async def test_json_is_labelled_windows_1251_even_when_utf_8_was_asked(http: ClientSession) -> None:
    for charset in ("", "&charset=utf-8"):
        async with http.get(f"/sys/balance.php?{AUTH}&fmt=3{charset}") as response:
            assert response.headers["Content-Type"] == LABEL_1251


@pytest.mark.parametrize("path", ["send.php", "status.php", "balance.php"])
@pytest.mark.parametrize("login", ["", "login=shop", "login=shop&psw=", "psw=s3cret", "apikey=wrong", "login=a&psw=b"])
async def test_wrong_credentials(http: ClientSession, path: str, login: str) -> None:
    async with http.get(f"/sys/{path}?{login}") as response:
        assert await response.text() == "ERROR = 2 (authorise error)"


async def test_every_way_to_log_in(http: ClientSession) -> None:
    md5 = hashlib.md5(b"s3cret", usedforsecurity=False).hexdigest()
    for login in (AUTH, f"login=shop&psw={md5}", "apikey=key-of-shop", "login=&psw=&apikey=key-of-shop"):
        async with http.get(f"/sys/balance.php?{login}") as response:
            assert await response.text() == "100.50"


RUSSIAN = "Привет"


@pytest.mark.parametrize(
    ("charset", "mes"),
    [
        ("", RUSSIAN.encode("cp1251")),
        ("", RUSSIAN.encode("utf-8")),
        ("windows-1251", RUSSIAN.encode("cp1251")),
        ("windows-1251", RUSSIAN.encode("utf-8")),
        ("utf-8", RUSSIAN.encode("utf-8")),
        ("UTF-8", RUSSIAN.encode("utf-8")),
        ("utf8", RUSSIAN.encode("utf-8")),
        ("koi8-r", RUSSIAN.encode("koi8-r")),
    ],
)
async def test_charsets(http: ClientSession, gateway: MemoryGateway, charset: str, mes: bytes) -> None:
    body = f"{AUTH}&phones=79991234567&charset={charset}&mes={quote(mes)}".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with http.post("/sys/send.php", data=body, headers=headers) as response:
        assert (await response.text()).startswith("OK - 1 SMS, ID - ")
    assert gateway.submissions[0].text == RUSSIAN


def multipart(*parts: tuple[str, str], boundary: str = "----x") -> bytes:
    rows = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    ]
    return ("".join(rows) + f"--{boundary}--\r\n").encode()


async def test_multipart_also_chunked_with_parameters_in_the_query(http: ClientSession, gateway: MemoryGateway) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=----x"}
    body = multipart(("login", "shop"), ("psw", "s3cret"), ("phones", "79991234567"), ("mes", "Ёж\r\nи уж"))
    async with http.post("/sys/send.php?fmt=1&charset=utf-8", data=body, headers=headers) as response:
        assert await response.text() == "1,1"
    assert gateway.submissions[0].text == "Ёж\r\nи уж"

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    async with http.post("/sys/send.php?fmt=1&charset=utf-8", data=chunks(), headers=headers) as response:
        assert await response.text() == "2,1"


async def test_the_query_wins_over_a_stale_body(http: ClientSession) -> None:
    async with http.post(f"/sys/balance.php?{AUTH}&fmt=1", data={"login": "other", "fmt": "3", "mes": "x"}) as response:
        assert await response.text() == "100.50"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b"[" * 100_000),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=y", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\ncut"),
    ],
)
async def test_a_broken_body_is_error_1(http: ClientSession, content_type: str, body: bytes) -> None:
    url = f"/sys/send.php?{AUTH}&phones=79991234567&mes=x"
    async with http.post(url, data=body, headers={"Content-Type": content_type}) as response:
        assert await response.text() == "ERROR = 1 (parameters error)"
        assert response.headers["X-Modemgw-Reason"]


async def test_rest_send(http: ClientSession, gateway: MemoryGateway) -> None:
    body = {"login": "shop", "psw": "s3cret", "phones": 79991234567, "mes": "Привет", "flash": True, "cost": 3}
    for path in ("/rest/send/", "/rest/send", "/smsc/rest/send/"):
        async with http.post(path, json=body) as response:
            assert response.status == 200
            found = await response.json()
            assert list(found) == ["id", "cnt", "cost", "balance"]
    assert gateway.submissions[0].text == "Привет"
    assert gateway.submissions[0].flash
    async with http.post("/rest/send/", data={**body, "phones": "zero", "flash": 1}) as response:
        assert (await response.json())["error_code"] == 7
    async with http.post("/rest/send/", data=b"{", headers={"Content-Type": "application/json"}) as response:
        assert (await response.json()) == {"error": "parameters error", "error_code": 1}


async def test_json_is_accepted_everywhere(http: ClientSession) -> None:
    async with http.post("/sys/balance.php", json={"apikey": "key-of-shop", "fmt": 3}) as response:
        assert await response.json() == {"balance": "100.50"}


async def test_several_numbers_share_one_id(http: ClientSession, gateway: MemoryGateway) -> None:
    found = await get_json(http, "send.php", phones="79991234561;+79991234562, 8(999)123-45-63,", mes="x")
    assert found == {"id": 1, "cnt": 3}
    assert [s.to for s in gateway.submissions] == ["+79991234561", "+79991234562", "+79991234563"]
    for phone in ("79991234561", "79991234562", "89991234563"):
        assert (await get_json(http, "status.php", phone=phone, id=1))["status"] == -1
    assert (await get_json(http, "status.php", phone="79991234569", id=1))["status"] == -3


async def test_the_newest_message_with_an_own_id_counts(http: ClientSession, gateway: MemoryGateway) -> None:
    for _ in range(2):
        assert await get_json(http, "send.php", phones="79991234567", mes="x", id="order-1.a") == {
            "id": "order-1.a",
            "cnt": 1,
        }
    await gateway.deliver(2)
    assert (await get_json(http, "status.php", phone="79991234567", id="order-1.a"))["status"] == 1


async def test_a_bad_number_among_good_ones(http: ClientSession, gateway: MemoryGateway) -> None:
    found = await get_json(http, "send.php", phones="abc,79991234562,79991234563", mes="x", err=1)
    assert found == {
        "id": 1,
        "cnt": 2,
        "phones": [{"phone": "abc", "mccmnc": "", "cost": "0.00", "status": "22", "error": "249"}],
    }
    found = await get_json(http, "send.php", phones="79991234562,abc", mes="x", op=1, cost=1)
    assert [list(row) for row in found["phones"]] == [
        ["phone", "mccmnc", "cost"],
        ["phone", "mccmnc", "cost", "status", "error"],
    ]


async def test_list(http: ClientSession, gateway: MemoryGateway) -> None:
    rows = "79991234561,79991234562:one: a\\nb\n79991234563;two\n\n"
    assert (await get_json(http, "send.php", list=rows))["cnt"] == 3
    assert [s.text for s in gateway.submissions] == ["one: a\nb", "one: a\nb", "two"]
    assert (await get_json(http, "send.php", list="79991234561:one\nmore: yes\n79991234562:two", nl=1))["cnt"] == 2
    assert [s.text for s in gateway.submissions[3:]] == ["one\nmore: yes", "two"]
    assert (await get_json(http, "send.php", list="no separator"))["error_code"] == 1


async def test_comment_is_kept_and_not_sent(http: ClientSession, gateway: MemoryGateway) -> None:
    await get(http, "send.php", phones="79991234567", mes="text\n~~~\norder 5", id=3, sender="SHOP")
    [submission] = gateway.submissions
    assert submission.text == "text"
    assert submission.extra == {"ref": "3", "sender": "SHOP", "comment": "order 5"}
    found = await get_json(http, "status.php", phone="79991234567", id=3, all=1, charset="utf-8")
    assert (found["comment"], found["message"], found["sender_id"]) == ("order 5", "text", "SHOP")


@pytest.mark.parametrize("sender", ["a", "+79990000001", "79990000001"])
async def test_a_sender_that_is_a_modem_picks_its_line(
    http: ClientSession, gateway: MemoryGateway, sender: str
) -> None:
    await get(http, "send.php", phones="79991234567", mes="x", sender=sender)
    assert gateway.submissions[0].line == "a"


@pytest.mark.parametrize("kind", [*CANNOT, "prefix"])
async def test_what_a_sim_cannot_do_is_error_8(http: ClientSession, kind: str) -> None:
    more = {"mes": "__HLR__"} if kind == "prefix" else {kind: "1", "mes": "x"}
    found = await get_json(http, "send.php", phones="79991234567", id=5, **more)
    assert found == {"error": "can't to deliver", "error_code": 8, "id": 5}


async def test_binary(http: ClientSession, gateway: MemoryGateway) -> None:
    mes = "0605040B8423F0DEAD\n~~~\npid: 1F, dcs: F5"
    await get(http, "send.php", phones="79991234567", bin=2, mes=mes)
    submission = gateway.submissions[0]
    assert (submission.udh.hex(), submission.data) == ("05040b8423f0", b"\xde\xad")
    assert (submission.pid, submission.dcs) == (0x1F, 0xF5)
    async with http.get(f"/sys/send.php?{AUTH}&phones=79991234567&bin=1&mes=%00%DE%AD") as response:
        assert (await response.text()).startswith("OK")
    assert (gateway.submissions[1].udh, gateway.submissions[1].data) == (b"", b"\xde\xad")
    for mes in ("", "zz", "05"):
        assert (await get_json(http, "send.php", phones="79991234567", bin=2, mes=mes))["error_code"] == 1


async def test_valid_time_and_flash(http: ClientSession, gateway: MemoryGateway) -> None:
    await get(http, "send.php", phones="79991234567", mes="x", flash=1, valid="01:30", time="01.02.40 03:04", tz=1)
    submission = gateway.submissions[0]
    assert (submission.flash, submission.validity_s, submission.send_at) == (True, 5400, 2_211_663_840_000)
    assert (await get_json(http, "send.php", phones="79991234567", mes="x", time="soon"))["error_code"] == 5
    assert (await get_json(http, "send.php", phones="79991234567", mes="x", valid="25"))["error_code"] == 1


@pytest.mark.parametrize("own_id", ["2147483648x!", "a b", "x" * 41, "1" * 41])
async def test_bad_own_ids(http: ClientSession, own_id: str) -> None:
    assert (await get_json(http, "send.php", phones="79991234567", mes="x", id=own_id))["error_code"] == 1


async def test_unavailable_is_the_error_that_means_later(http: ClientSession, gateway: MemoryGateway) -> None:
    gateway.unavailable = True
    for phones in ("79991234567", "79991234567,79991234568"):
        found = await get_json(http, "send.php", phones=phones, mes="x")
        assert found == {"error": "temporarily unavailable, wait a minute", "error_code": 9}


async def test_status_in_all_formats(http: ClientSession, gateway: MemoryGateway) -> None:
    await get(http, "send.php", phones="79991234567", mes="Привет, мир", id=10)
    await gateway.deliver(1)
    ask: dict[str, Any] = {"phone": "79991234567", "id": 10}
    at = NOW_MS // 1000
    assert await get(http, "status.php", fmt=3, **ask) == (
        f'{{\n"status": 1,\n"last_date": "15.01.2027 11:00:00",\n"last_timestamp": {at}\n}}'
    )
    assert await get(http, "status.php", **ask) == "Status = 1, check_time = 15.01.2027 11:00:00"
    assert await get(http, "status.php", fmt=1, **ask) == f"1,{at},0"
    assert await get(http, "status.php", fmt=1, all=1, charset="utf-8", **ask) == (
        f"1,{at},0,{at},79991234567,1.40,,Доставлено,Привет, мир"
    )
    assert await get(http, "status.php", fmt=1, all=2, charset="utf-8", **ask) == (
        f"1,{at},0,{at},79991234567,1.40,,,,,Доставлено,Привет, мир"
    )
    listed: dict[str, Any] = {"phone": "79991234567,79991234567", "id": "10,11"}
    assert await get(http, "status.php", fmt=1, **listed) == f"1,{at},0,10,79991234567\n-3,0,0,11,79991234567"
    found = await get_json(http, "status.php", all=2, charset="utf-8", **ask)
    assert list(found) == [
        "status", "last_date", "last_timestamp", "send_date", "send_timestamp", "phone", "cost", "sender_id",
        "status_name", "message", "type", "sms_cnt", "mccmnc", "country", "operator", "region",
    ]  # fmt: skip
    assert found["message"] == "Привет, мир"
    assert "<message>Привет, мир</message>" in await get(http, "status.php", fmt=2, all=1, charset="utf-8", **ask)


async def test_the_recorded_status_is_81_bytes(http: ClientSession) -> None:
    recorded = '{\n"status": 1,\n"last_date": "18.10.2016 15:34:12",\n"last_timestamp": 1476794052\n}'
    assert len(recorded) == 81


async def test_a_body_that_is_not_ascii_has_its_true_label(http: ClientSession, gateway: MemoryGateway) -> None:
    await get(http, "send.php", phones="79991234567", mes="Привет 👍", id=10, charset="utf-8")
    for asked, label in (("", "windows-1251"), ("utf-8", "utf-8"), ("koi8-r", "koi8-r")):
        url = f"/sys/status.php?{AUTH}&phone=79991234567&id=10&fmt=3&all=1&charset={asked}"
        async with http.get(url) as response:
            assert response.headers["Content-Type"] == f"application/json; charset={label}"
            assert json.loads((await response.read()).decode(label))["message"] == "Привет 👍"


async def test_unequal_lists(http: ClientSession) -> None:
    assert (await get_json(http, "status.php", phone="1,2", id="1,2,3"))["error_code"] == 1
    assert len(await get_json(http, "status.php", phone="79991234567", id="1,2,3")) == 3


@pytest.mark.parametrize(
    ("state", "changes", "expected"),
    [
        (State.QUEUED, {}, (-1, None)),
        (State.SENDING, {}, (-1, None)),
        (State.SENT, {}, (0, None)),
        (State.UNKNOWN, {}, (0, 245)),
        (State.DELIVERED, {}, (1, None)),
        (State.EXPIRED, {}, (3, None)),
        (State.UNDELIVERABLE, {"st": 0x43}, (20, 6)),
        (State.UNDELIVERABLE, {"st": None}, (20, 255)),
        (State.REJECTED, {"error_code": 1}, (22, 1)),
        (State.REJECTED, {"error_code": 500}, (20, 255)),
        (State.REJECTED, {"error_code": 38}, (25, 248)),
        (State.CANCELLED, {}, (-2, None)),
    ],
)
async def test_states(
    http: ClientSession, gateway: MemoryGateway, state: State, changes: dict[str, Any], expected: tuple[int, int | None]
) -> None:
    await get(http, "send.php", phones="79991234567", mes="x")
    await gateway.become(1, state, **changes)
    found = await get_json(http, "status.php", phone="79991234567", id=1)
    assert (found["status"], found.get("err")) == expected


def test_tables_have_no_gaps() -> None:
    assert set(tables.STATUSES) == set(State)
    assert set(tables.ERRORS) == set(RefusalKind)
    assert set(tables.ERRORS.values()) <= set(tables.DESCRIPTIONS)
    assert set(tables.STATUSES.values()) <= set(tables.STATUS_NAMES)
    assert {row[0] for row in tables.REJECTIONS.values()} <= set(tables.STATUS_NAMES)


@pytest.mark.parametrize(
    ("phone", "country", "expected"),
    [
        ("79991234567", None, "+79991234567"),
        ("+79991234567", None, "+79991234567"),
        ("89991234567", None, "+79991234567"),
        ("9991234567", None, "+79991234567"),
        ("8 (999) 123-45-67", "7", "+79991234567"),
        ("380501234567", None, "+380501234567"),
        ("0501234567", "380", "+380501234567"),
        ("89991234567", "380", "+89991234567"),
        ("2929", None, "2929"),
    ],
)
def test_numbers(phone: str, country: str | None, expected: str) -> None:
    assert international(phone, country) == expected


@pytest.mark.parametrize("phone", ["", "abc", "0501234567", "1234567890123456"])
def test_numbers_that_are_none(phone: str) -> None:
    with pytest.raises(Refusal) as caught:
        international(phone, None)
    assert caught.value.kind is RefusalKind.BAD_NUMBER


def test_translit() -> None:
    assert translit("Щука и Ёж", 1) == "Schuka i Jozh"
    assert translit("транслит", 2) == "mpaHc/Ium"
    assert translit("Ёж", 0) == "Ёж"
