"""Kannel's sendsms against what a real smsbox answered, its reports and its get-url with the reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest

from modemgw.dialects.kannel import DIALECT, escapes, tables
from modemgw.dialects.kannel.callbacks import on_reply, render
from modemgw.dialects.seam import CallbackReply, Occurrence
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.line import LineState
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State
from modemgw.service.commands import CommandRunner
from tests.unit.dialects.adapters import pushed

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

VECTORS = Path(__file__).parents[2] / "vectors" / "kannel"
PAGE = (Path(__file__).parents[3] / "docs" / "dialects" / "kannel.md").read_text(encoding="utf-8")

AUTH = "username=shop&password=s3cret"
URL = "http://shop.example/k"
ACCOUNT = f'callback_url = "{URL}?p=%p&a=%a"\ncallback_format = "kannel"\n'
HEAD = '<?xml version="1.0"?><message><submit><oa><number>1</number></oa><ud>hi+x</ud>'
TAIL = "<from><user>shop</user><pass>s3cret</pass></from></submit></message>"


async def ask(rig: DialectRig, asked: str, path: str = "/cgi-bin/sendsms") -> tuple[int, str]:
    if asked.startswith("POST "):
        _, kind, body = asked.split(" ", 2)
        request = rig.http.post(path, data=body.encode(), headers={"Content-Type": kind})
    else:
        request = rig.http.get(f"{path}?{asked}")
    async with request as response:
        return response.status, await response.text()


async def send(rig: DialectRig, **query: Any) -> int:
    status, _ = await ask(rig, f"{AUTH}&{urlencode({'to': '79161234567', **query})}")
    return status


async def test_headers_paths_and_methods(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    async with rig.http.get(f"/kannel/cgi-bin/sendsms?{AUTH}&to=79161234567&text=x") as response:
        assert response.headers["Server"] == "Kannel/1.4.5"
        assert response.headers["Content-Type"] == "text/html"
        assert response.headers["Pragma"] == response.headers["Cache-Control"] == "no-cache"
    assert await ask(rig, AUTH, "/cgi-bin/nothing") == (404, "Unknown request.")
    async with rig.http.put(f"/cgi-bin/sendsms?{AUTH}&to=79161234567&text=x") as response:
        assert (response.status, await response.text()) == (400, "")


async def test_receivers_that_are_no_numbers_are_named(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    query = urlencode({"to": "\u202a+79161234567\u202c tel:+7\u00a0916\u00a01234568 Alfa 12ab", "text": "x"})
    async with rig.http.get(f"/cgi-bin/sendsms?{AUTH}&{query}") as response:
        assert response.status == 202
        assert await response.text() == "0: Accepted for delivery Denied receivers are: Alfa 12ab"
        reason = response.headers["X-Modemgw-Reason"]
    assert reason == "No telephone numbers, and not sent to: 'Alfa', '12ab'."
    assert [message.to for message in await rig.messages()] == ["+79161234567", "+79161234568"]
    async with rig.http.get(f"/cgi-bin/sendsms?{AUTH}&to=Alfa&text=x") as response:
        assert response.status == 400
        assert "'Alfa'" in response.headers["X-Modemgw-Reason"]


async def test_no_line_ready_is_accepted_all_the_same(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    rig.modems = [replace(modem, state=LineState.SEARCHING) for modem in rig.modems]
    assert await ask(rig, f"{AUTH}&to=79161234567&text=x") == (202, "0: Accepted for delivery")


async def test_no_text_is_an_error_and_an_empty_one_a_choice(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    async with rig.http.get(f"/cgi-bin/sendsms?{AUTH}&to=79161234567&msg=Alarm") as response:
        assert (response.status, await response.text()) == (400, "Missing text, rejected")
        assert "no parameter `text`" in response.headers["X-Modemgw-Reason"]
    assert await rig.messages() == []
    assert await ask(rig, f"{AUTH}&to=79161234567&text=") == (202, "0: Accepted for delivery")
    assert await ask(rig, f"{AUTH}&to=79161234567&udh=%05%00%03%01%01%01") == (202, "0: Accepted for delivery")
    assert len(await rig.messages()) == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"text": "Привет"}, {"text": "Привет", "encoding": "ucs2"}),
        ({"text": "Привет".encode("cp1251"), "charset": "windows-1251"}, {"text": "Привет"}),
        ({"text": "Привет".encode("utf-16-be"), "coding": 2}, {"text": "Привет", "encoding": "ucs2"}),
        ({"text": "Hi", "coding": 2, "charset": "UTF-8"}, {"text": "Hi", "encoding": "ucs2"}),
        ({"text": "Hi", "mclass": 0}, {"flash": True}),
        ({"text": b"\x01\x02", "coding": 1}, {"data": b"\x01\x02", "text": None}),
        ({"text": b"\x01", "udh": b"\x06\x05\x04\x15\x82\x00\x00"}, {"data": b"\x01"}),
        ({"text": "x", "smsc": "b"}, {"line": "b"}),
        ({"text": "x", "from": "+79990000002"}, {"line": "b"}),
        ({"text": "x", "deferred": 5}, {"send_at": 1_800_000_300_000}),
        ({"text": "x", "priority": 3}, {"priority": 30}),
        ({"text": ""}, {"text": " "}),
    ],
)
async def test_fields(serve_dialect: Serve, query: dict[str, Any], expected: dict[str, Any]) -> None:
    rig = await serve_dialect(DIALECT)
    assert await send(rig, **query) == 202
    (message,) = await rig.messages()
    assert {name: getattr(message, name) for name in expected} == expected


async def test_x_kannel_headers_and_several_numbers(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    headers = {
        "Content-Type": "text/plain; charset=windows-1251",
        "X-Kannel-Username": "shop",
        "X-Kannel-Password": "s3cret",
        "X-Kannel-To": "79161234567 79161234568 79161234567",
        "X-Kannel-From": "S",
    }
    async with rig.http.post("/cgi-bin/sendsms", data="Да".encode("cp1251"), headers=headers) as response:
        assert response.status == 202
    assert [(m.to, m.text) for m in await rig.messages()] == [("+79161234567", "Да"), ("+79161234568", "Да")]


@pytest.mark.parametrize(("ud", "text"), [("hi+there%21", "hi there!"), ("6869", "hi"), ("Привет", "Привет")])
async def test_xml(serve_dialect: Serve, ud: str, text: str) -> None:
    rig = await serve_dialect(DIALECT)
    tail = f"<da><number>79161234567</number></da><dcs><mclass>0</mclass></dcs>{TAIL}"
    assert await ask(rig, "POST text/xml " + HEAD.replace("hi+x", ud) + tail) == (202, "0: Accepted for delivery")
    (message,) = await rig.messages()
    assert (message.text, message.flash, message.extra["sender"]) == (text, True, "1")


BOMB = '<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><message><submit><ud>&b;</ud></submit></message>'


@pytest.mark.parametrize(
    "body", [BOMB, "<a>" * 50_000, "\0", "", "<message/>", "<?xml version='1.0' encoding='zz'?><a/>"]
)
async def test_hostile_xml_has_no_credentials(serve_dialect: Serve, body: str) -> None:
    rig = await serve_dialect(DIALECT)
    assert await ask(rig, f"POST text/xml {body}") == (403, "Authorization failed for sendsms")


async def test_hostile_queries(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT)
    numbers = quote(" ".join(str(79160000000 + n) for n in range(300)))
    assert (await ask(rig, f"{AUTH}&to={numbers}&text=x"))[0] == 202
    assert (await ask(rig, f"{AUTH}&" + "a=1&" * 900 + "to=79161234567&text=x"))[0] == 202
    for charset in ("punycode", "hex", "rot13", "zlib", "\0", "utf-8%00"):
        assert (await ask(rig, f"{AUTH}&to=79161234567&text=x&charset={quote(charset)}"))[0] == 400
    assert (await ask(rig, f"{AUTH}&to=79161234567&text={'x' * 5000}")) == tables.BODY
    assert (await ask(rig, f"{AUTH}&to=79161234567&text=x&deferred=999999999")) == tables.misformed("Deferred")


def calls() -> Iterator[Any]:
    about = ""
    for line in (VECTORS / "calls.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith(("MO ", "DLR ")):
            about = line
        elif not line.startswith("#"):
            template, _, result = line.partition("|")
            yield pytest.param(about, template.strip(), result.strip(), id=f"{about[:8]} {template.strip()}")


@pytest.mark.parametrize(("about", "template", "result"), list(calls()))
async def test_escapes_are_filled_in_as_kannel_does(
    serve_dialect: Serve, about: str, template: str, result: str
) -> None:
    if about.startswith("MO "):
        sender, receiver, text = about[3:].split(" | ")
        words = tuple(text.split())
        values = escapes.Values(
            sender, receiver, 1_800_000_000_000, "u", service="default", raw=text.encode(), words=words, coding=0
        )
        assert escapes.fill(template, values) == result
        return
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await send(rig, text="x", **{"from": "SHOP", "dlr-mask": 31, "dlr-url": f"{URL}/d?{template}"})
    await rig.force(1, State.SENT if about == "DLR 8" else State.DELIVERED)
    (call,) = await pushed(rig, DIALECT, id=1)
    assert (call.method, call.url) == ("GET", f"{URL}/d?{result}")


def test_what_comes_in_cannot_break_the_url() -> None:
    values = escapes.Values("+7", "1", 0, "u", words=("a", "x&b=1", "#*\n"), raw=b"\0\xff")
    assert escapes.fill("%s-%S-%b-%", values) == "x%26b%3D1-%23~%0A-%00%FF-%"


@pytest.mark.parametrize(
    ("state", "mask", "told"),
    [
        (State.SENT, 31, "8"),
        (State.SENT, 3, None),
        (State.DELIVERED, 1, "1"),
        (State.DELIVERED, 2, None),
        (State.REJECTED, 2, "16"),
        (State.REJECTED, 16, "16"),
        (State.REJECTED, 1, None),
        (State.EXPIRED, 3, "2"),
    ],
)
async def test_the_mask_chooses(serve_dialect: Serve, state: State, mask: int, told: str | None) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await send(rig, text="x", **{"dlr-mask": mask, "dlr-url": f"{URL}/d?%d&%A"})
    await rig.force(1, state, cms=21 if state is State.REJECTED else None)
    found = [call.url for call in await pushed(rig, DIALECT, id=1)]
    assert [url.split("?")[1].split("&")[0] for url in found] == ([told] if told else [])
    if state is State.REJECTED and told:
        assert "NACK%2F21%2F" in found[0]


async def reply(rig: DialectRig, body: bytes, kind: str = "text/plain", status: int = 200, **headers: str) -> None:
    """The receiver of get-url answers."""
    await rig.receive("ping", sender="+79031112233", line="b")
    (call,) = await pushed(rig, DIALECT)
    answer = {"content-type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}}
    given = CallbackReply(await rig.account(), call, status, answer, body, rig.now)
    await CommandRunner(rig.core).drive(on_reply(given))


@pytest.mark.parametrize(
    ("body", "kind", "text"),
    [
        ("понг\n".encode(), "text/plain; charset=utf-8", "понг"),
        ("понг".encode("cp1251"), "text/plain; charset=windows-1251", "понг"),
        (b"<html><p>A &amp; <b>B</b></p></html>", "text/html", "A & B"),
        (b"<message><submit><ud>6869</ud></submit></message>", "text/xml", "hi"),
    ],
)
async def test_the_answer_is_sent_back(serve_dialect: Serve, body: bytes, kind: str, text: str) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await reply(rig, body, kind)
    (message,) = await rig.messages()
    assert (message.to, message.text, message.line) == ("+79031112233", text, "b")


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"", "text/plain", 200), (b"  ", "text/plain", 200), (b"x", "application/json", 200), (b"x", "text/plain", 204)],
)
async def test_nothing_is_sent_back(serve_dialect: Serve, body: bytes, kind: str, status: int) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await reply(rig, body, kind, status)
    assert await rig.messages() == []


async def test_the_answer_may_override(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await reply(rig, b"x", x_kannel_to="79161234567", x_kannel_smsc="a", x_kannel_mclass="0")
    (message,) = await rig.messages()
    assert (message.to, message.line, message.flash) == ("+79161234567", "a", True)


async def test_a_report_has_no_reply(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    given = CallbackReply(await rig.account(), CallbackRequest(URL, "s"), 200, {"content-type": "text/plain"}, b"x", 0)
    await CommandRunner(rig.core).drive(on_reply(given))
    assert await rig.messages() == []


def test_tables_are_complete_and_on_the_page() -> None:
    assert set(tables.ERRORS) == set(RefusalKind)
    assert set(tables.REPORTS) == set(State)
    for kind, (status, body) in tables.ERRORS.items():
        assert f"| `{kind.value}` | {status} | {body} |" in PAGE
    for state, told in tables.REPORTS.items():
        assert f"| `{state.value}` | {told.value if told else 'nothing'} |" in PAGE
    for name in escapes.NAMES:
        assert f"`%{name}`" in PAGE


async def test_own_messages_only(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account=ACCOUNT)
    await send(rig, text="x")
    (message,) = await rig.messages()
    assert render(Occurrence("status", 1, rig.now, message=message), await rig.account()) == ()
