"""gatesms.ru's /sender.php: charsets, errors by number, quotas, blocks, and what a hostile client gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modemgw.dialects.gatesms import DIALECT, ERRORS, MEANINGS
from modemgw.domain.refusal import RefusalKind

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]

ROOT = Path(__file__).parents[3]
AUTH = "lg=shop&pw=s3cret"
GOOD = f"{AUTH}&fl=s&to=79161234567&mg=x"


async def ask(rig: DialectRig, query: str, *, path: str = "/sender.php") -> str:
    async with rig.http.get(f"{path}?{query}") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        return await response.text()


async def test_a_form_and_the_path_of_the_dialect(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    form = {"lg": "shop", "pw": "s3cret", "fl": "s", "to": "79161234567"}
    async with rig.http.post("/gatesms/sender.php", data=form | {"mg": "да"}) as response:
        assert await response.text() == "OK: 1"
    body = "&".join(f"{k}={v}" for k, v in form.items()).encode() + b"&mg=%C4%E0"
    async with rig.http.post("/sender.php", data=body) as response:  # no Content-Type of a form
        assert await response.text() == "OK: 2"
    assert [m.text for m in await rig.messages()] == ["да", "Да"]


async def test_several_numbers_are_all_or_none(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    assert await ask(rig, f"{AUTH}&fl=s&to=79161234567,79161234568&mg=x") == "OK: 1"
    assert [m.to for m in await rig.messages()] == ["+79161234567", "+79161234568"]


async def test_a_password_with_a_plus_is_not_encoded_by_the_client(serve_dialect: Serve) -> None:
    from yarl import URL

    more = '[[account]]\nlogin = "plus"\npassword = "a+b"\n'
    rig = await serve_dialect(DIALECT, config=more)
    for query in ("lg=plus&pw=a+b", "lg=plus&pw=a%2Bb"):
        url = URL(f"{rig.url}/sender.php?{query}&fl=s&to=79161234567&mg=a+b", encoded=True)
        async with rig.http.get(url) as response:
            assert (await response.text()).startswith("OK: ")
    assert [m.text for m in await rig.messages("plus")] == ["a b", "a b"]


async def test_no_money_is_error_4(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account='balance_mode = "countdown"\nprices = [{prefix = "7", price = "80"}]')
    assert await ask(rig, GOOD) == "OK: 1"
    assert await ask(rig, GOOD) == "ERROR: 4"


async def test_addresses_that_may_not_are_error_5(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account='allow = ["10.0.0.0/8"]')
    assert await ask(rig, GOOD) == "ERROR: 5"


async def test_an_address_that_guesses_is_error_5(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, config="[access]\nblock_after = 2\n")
    told = [await ask(rig, "lg=shop&pw=guess&fl=s&to=79161234567&mg=x") for _ in range(3)]
    assert told[0] == "ERROR: 1"
    assert told[-1] == "ERROR: 5"
    assert not (await ask(rig, GOOD)).startswith("ERROR")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" * 100_000),
        ("application/json", b'{"lg": {"a": 1}, "lg": null}'),
        ("application/json", b"\x00\xff"),
        ("multipart/form-data; boundary=x", b"--x\r\nnothing"),
        ("application/x-www-form-urlencoded", b"a=1&" * 5000),
        ("application/x-www-form-urlencoded", b"lg=\xff\xfe\x98&pw=%&fl=s&to=1&mg=%00"),
        ("text/xml", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_hostile(serve_dialect: Serve, method: str, content_type: str, body: bytes) -> None:
    rig = await serve_dialect(DIALECT)
    headers = {"Content-Type": content_type}
    async with rig.http.request(method, "/sender.php", data=body, headers=headers) as response:
        assert response.status == 200
        assert await response.text() == "ERROR: 0"
    assert await rig.messages() == []


def test_tables_are_complete_and_the_page_has_them() -> None:
    page = (ROOT / "docs" / "dialects" / "gatesms.md").read_text()
    assert set(ERRORS) == set(RefusalKind)
    assert set(ERRORS.values()) <= set(MEANINGS)
    for kind, code in ERRORS.items():
        assert f"| `{kind.value}` | {code} |" in page
    for code, meaning in MEANINGS.items():
        assert f"| {code} | {meaning} |" in page
