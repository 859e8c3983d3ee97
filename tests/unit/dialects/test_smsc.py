"""SMSC.ru as its clients see it: recorded answers byte for byte, logins, bodies, charsets, formats."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from modemgw.dialects.smsc import COMMANDS, DIALECT
from modemgw.domain.states import State

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

AUTH = "login=shop&psw=s3cret"
LABEL_1251 = "application/json; charset=windows-1251"
NO_LIMITS = "[smsc]\nlimits = false\n"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def rig(serve_dialect: Callable[..., Awaitable[DialectRig]]) -> DialectRig:
    return await serve_dialect(DIALECT, config=NO_LIMITS)


async def read(rig: DialectRig, path: str, data: Any = None, **headers: str) -> str:
    method = rig.http.get if data is None else rig.http.post
    async with method(path, data=data, headers=headers) as response:  # type: ignore[operator]
        assert response.status == 200
        return str((await response.read()).decode("utf-8"))


def test_recorded_lengths() -> None:
    assert len('{\n"id": 33,\n"cnt": 1\n}') == 22
    assert len('{\n"balance": "1871.62"\n}') == 24
    assert len('{\n"status": 1,\n"last_date": "18.10.2016 15:34:12",\n"last_timestamp": 1476794052\n}') == 81


async def test_json_is_labelled_windows_1251_even_when_utf_8_was_asked(rig: DialectRig) -> None:
    for charset in ("", "&charset=utf-8"):
        async with rig.http.get(f"/sys/balance.php?{AUTH}&fmt=3{charset}") as response:
            assert response.headers["Content-Type"] == LABEL_1251


@pytest.mark.parametrize("login", ["", "login=shop", "login=shop&psw=", "psw=s3cret", "apikey=wrong", "login=a&psw=b"])
async def test_wrong_credentials(rig: DialectRig, login: str) -> None:
    for command in (*COMMANDS, "nothing"):
        assert await read(rig, f"/sys/{command}.php?{login}&get=1") == "ERROR = 2 (authorise error)"


async def test_every_way_to_log_in(rig: DialectRig) -> None:
    md5 = hashlib.md5(b"s3cret", usedforsecurity=False).hexdigest()
    for login in (AUTH, f"login=shop&psw={md5}", "apikey=key-of-shop", "login=&psw=&apikey=key-of-shop"):
        assert await read(rig, f"/sys/balance.php?{login}") == "100.50"


async def test_another_address_than_the_account_s(serve_dialect: Callable[..., Awaitable[DialectRig]]) -> None:
    rig = await serve_dialect(DIALECT, account='allow = ["10.0.0.0/8"]')
    assert await read(rig, f"/sys/balance.php?{AUTH}") == "ERROR = 2 (authorise error)"


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
async def test_charsets(rig: DialectRig, charset: str, mes: bytes) -> None:
    body = f"{AUTH}&phones=79991234567&charset={charset}&mes={quote(mes)}".encode()
    assert (await read(rig, "/sys/send.php", body, **FORM)).startswith("OK - 1 SMS, ID - ")
    assert (await rig.messages())[0].text == RUSSIAN


def multipart(*parts: tuple[str, str], boundary: str = "----x") -> bytes:
    rows = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts
    ]
    return ("".join(rows) + f"--{boundary}--\r\n").encode()


async def test_multipart_also_chunked_with_parameters_in_the_query(rig: DialectRig) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=----x"}
    body = multipart(("login", "shop"), ("psw", "s3cret"), ("phones", "79991234567"), ("mes", "Ёж\r\nи уж"))
    assert await read(rig, "/sys/send.php?fmt=1&charset=utf-8", body, **headers) == "1,1"
    assert (await rig.messages())[0].text == "Ёж\r\nи уж"

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    assert await read(rig, "/sys/send.php?fmt=1&charset=utf-8", chunks(), **headers) == "2,1"


async def test_files_only_in_the_body_as_node_smsc_sends_them(rig: DialectRig) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
        b"\xff\xd8\r\n--x--\r\n"
    )
    path = f"/sys/send.php?{AUTH}&fmt=3&phones=79991234567&mms=1&mes=x&id=4"
    found = json.loads(await read(rig, path, body, **{"Content-Type": "multipart/form-data; boundary=x"}))
    assert found == {"error": "can't to deliver", "error_code": 8, "id": 4}


async def test_the_query_wins_over_a_stale_body(rig: DialectRig) -> None:
    stale = {"login": "other", "fmt": "3", "mes": "x"}
    assert await read(rig, f"/sys/balance.php?{AUTH}&fmt=1", stale) == "100.50"


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
async def test_a_broken_body_is_error_1(rig: DialectRig, content_type: str, body: bytes) -> None:
    url = f"/sys/send.php?{AUTH}&phones=79991234567&mes=x"
    async with rig.http.post(url, data=body, headers={"Content-Type": content_type}) as response:
        assert await response.text() == "ERROR = 1 (parameters error)"
        assert response.headers["X-Modemgw-Reason"]


async def test_rest_send(rig: DialectRig) -> None:
    body = {"login": "shop", "psw": "s3cret", "phones": 79991234567, "mes": "Привет", "flash": True, "cost": 3}
    for path in ("/rest/send/", "/rest/send", "/smsc/rest/send/"):
        async with rig.http.post(path, json=body) as response:
            assert response.status == 200
            found = await response.json()
            assert list(found) == ["id", "cnt", "cost", "balance"]
    assert [(m.text, m.flash) for m in await rig.messages()] == [("Привет", True)] * 3
    async with rig.http.post("/rest/send/", data={**body, "phones": "zero", "flash": 1}) as response:
        assert (await response.json())["error_code"] == 7
    async with rig.http.post("/rest/send/", data=b"{", headers={"Content-Type": "application/json"}) as response:
        assert (await response.json()) == {"error": "parameters error", "error_code": 1}


async def test_json_is_accepted_everywhere(rig: DialectRig) -> None:
    async with rig.http.post("/sys/balance.php", json={"apikey": "key-of-shop", "fmt": 3}) as response:
        assert await response.json() == {"balance": "100.50"}


async def test_a_body_that_is_not_ascii_has_its_true_label(rig: DialectRig) -> None:
    mes = quote("Привет 👍")
    await read(rig, f"/sys/send.php?{AUTH}&phones=79991234567&id=10&charset=utf-8&mes={mes}")
    await rig.force(1, State.SENT)
    for asked, label in (("", "windows-1251"), ("utf-8", "utf-8"), ("koi8-r", "koi8-r")):
        url = f"/sys/status.php?{AUTH}&phone=79991234567&id=10&all=1&charset={asked}"
        async with rig.http.get(url + "&fmt=3") as response:
            assert response.headers["Content-Type"] == f"application/json; charset={label}"
            assert json.loads((await response.read()).decode(label))["message"] == "Привет 👍"
        async with rig.http.get(url + "&fmt=2") as response:
            assert response.headers["Content-Type"] == f"text/xml; charset={label}"
            assert (await response.read()).startswith(f'<?xml version="1.0" encoding="{label}"?>\n<sms>'.encode())


async def test_no_answer_is_ever_empty(rig: DialectRig) -> None:
    """The official libraries take an empty body for a failure and walk on to the next host."""
    for command in COMMANDS:
        for fmt in range(4):
            for flag in ("", "get=1", "get_answers=1", "add=1"):
                assert await read(rig, f"/sys/{command}.php?{AUTH}&fmt={fmt}&{flag}")
