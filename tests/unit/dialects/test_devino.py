"""Devino's /rest as its clients see it: recorded exchanges, sessions, habits of clients, sending, callbacks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.dialects.devino import CALLS, DIALECT
from modemgw.dialects.devino.entrance import SESSIONS
from modemgw.dialects.seam import PutRecord
from modemgw.domain.refusal import Refusal

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable["DialectRig"]]

LOGIN = "login=shop&password=s3cret"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LONG = "Ж" * 100


@pytest.fixture
async def rig(serve_dialect: Serve) -> DialectRig:
    return await serve_dialect(DIALECT)


async def ask(rig: DialectRig, path: str, body: Any = b"", **headers: str) -> tuple[int, str]:
    """Status and answer, by POST as the 1C module does."""
    data = body.encode() if isinstance(body, str) else body
    async with rig.http.post(path, data=data, headers={**FORM, **headers}) as response:
        return response.status, (await response.read()).decode("utf-8")


async def session(rig: DialectRig) -> str:
    status, text = await ask(rig, "/rest/User/SessionId?", LOGIN)
    assert (status, len(text)) == (200, 38)
    return str(json.loads(text))


async def send(rig: DialectRig, fields: str, call: str = "Sms/Send") -> Any:
    status, text = await ask(rig, f"/rest/v2/{call}", f"{LOGIN}&sourceAddress=SHOP&{fields}")
    assert status == 200, text
    return json.loads(text)


async def test_a_session_ends_after_120_minutes(rig: DialectRig) -> None:
    key = await session(rig)
    assert key.isalnum()
    assert key == key.upper()
    rig.advance(7199)
    assert (await ask(rig, f"/rest/User/Balance?SessionID={key}"))[0] == 200
    rig.advance(2)
    status, text = await ask(rig, f"/rest/User/Balance?SessionID={key}")
    assert (status, text) == (401, '{"Code":4,"Desc":"SessionID expired"}')


async def test_a_session_is_good_from_the_account_s_networks_only(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account='allow = ["10.0.0.0/8"]')
    await rig.run(PutRecord(await rig.account(), SESSIONS, {}, key="S" * 36, ttl_s=60))
    for path in ("/rest/User/SessionId", f"/rest/User/Balance?SessionID={'S' * 36}"):
        status, text = await ask(rig, path, LOGIN)
        assert (status, json.loads(text)["Code"]) == (403, 7)


async def test_a_user_who_may_not(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account='[account.devino]\nuser = "disabled"\n')
    status, text = await ask(rig, "/rest/v2/User/Balance", LOGIN)
    assert (status, json.loads(text)["Code"]) == (403, 7)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1+1", "1 1"),  # as forms have it
        ("1%2B1", "1+1"),
        ("a%20+%20b", "a + b"),  # Java
        ("Привет + мир", "Привет + мир"),  # 1C
        ("100%", "100%"),
        ("50% скидка", "50% скидка"),
        ("за 10%день", "за 10%день"),
        ("Скидка 10%de + x", "Скидка 10%de + x"),
        ("%D0%94%D0%B0", "Да"),
        ("%C4%E0", "Да"),  # windows-1251
        ("Ромашка %26 Ко%0AЖдём", "Ромашка & Ко\nЖдём"),
        ("a=b==c", "a=b==c"),
    ],
)
async def test_texts_as_they_are_written(rig: DialectRig, written: str, read: str) -> None:
    await send(rig, f"destinationAddress=79161234567&data={written}")
    assert [message.text for message in await rig.messages()] == [read]


@pytest.mark.parametrize("password", ["a+b%c", "a%2Bb%25c", "a+b%25c"])
async def test_a_password_with_a_plus_counts_no_failure(serve_dialect: Serve, password: str) -> None:
    rig = await serve_dialect(DIALECT, config='[[account]]\nlogin = "plus"\npassword = "a+b%c"\n')
    for _ in range(25):  # 20 failures would block the address
        assert (await ask(rig, "/rest/User/SessionId?", f"login=plus&password={password}"))[0] == 200


async def test_json_and_multipart(rig: DialectRig) -> None:
    body = {
        "Login": "shop",
        "password": "s3cret",
        "DestinationAddresses": ["79161234567", 79031112233],
        "data": "x",
        "SourceAddress": "S",
    }
    status, text = await ask(
        rig, "/rest/v2/Sms/SendBulk", json.dumps(body), **{"Content-Type": "application/json; charset=utf-8"}
    )
    assert (status, text) == (200, '["1001","2001"]')
    rows = [("login", "shop"), ("password", "s3cret"), ("data", "Да"), ("sourceAddress", "S")]
    rows.append(("destinationAddresses[0]", "79161234567"))
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in rows) + "--x--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert await ask(rig, "/rest/v2/Sms/SendBulk", parts, **kind) == (200, '["3001"]')


async def test_numbers(rig: DialectRig) -> None:
    for number in ("79161234567", "%2B79161234567", "+79161234567", "89161234567", "9161234567", "79161234567,"):
        await send(rig, f"destinationAddress={number}&data=x")
    assert {message.to for message in await rig.messages()} == {"+79161234567"}


async def test_an_id_for_each_part_with_a_state_of_its_own(rig: DialectRig) -> None:
    assert await send(rig, f"destinationAddress=79161234567&data={LONG}") == ["1001", "1002"]
    assert await send(rig, f"destinationAddresses=79161234567&destinationAddresses=79031112233&data={LONG}") == [
        "2001",
        "2002",
        "3001",
        "3002",
    ]
    for message_id in ("1000", "1003", "999001", "-1", "1001x", "١٠٠١", "9" * 40, "\0"):
        status, text = await ask(rig, "/rest/v2/Sms/State", f"{LOGIN}&messageId={message_id}")
        assert (status, json.loads(text)["State"]) == (200, 255)


async def test_a_bulk_is_sent_whole_or_not_at_all(serve_dialect: Serve) -> None:
    rig = await serve_dialect(DIALECT, account='balance_mode = "countdown"')
    numbers = "&".join("destinationAddresses=79161234567" for _ in range(72))  # 1.40 each of 100.50
    for more, code in (("&destinationAddresses=12ab", 6), ("", 5)):
        body = f"{LOGIN}&sourceAddress=SHOP&data=x&{numbers}{more}"
        status, text = await ask(rig, "/rest/v2/Sms/SendBulk", body)
        assert json.loads(text)["Code"] == code
        assert status in {400, 403}
    assert await rig.messages() == []


async def test_too_many_numbers(rig: DialectRig) -> None:
    numbers = "&".join("destinationAddresses=79161234567" for _ in range(3000))
    status, text = await ask(rig, "/rest/v2/Sms/SendBulk", f"{LOGIN}&sourceAddress=SHOP&data=x&{numbers}")
    assert (status, json.loads(text)["Code"]) == (400, 2)


@pytest.mark.parametrize(
    "written", ["2027-01-16T10:00:00", "2027-01-16+10%3A00", "16.01.2027 10:00:00", "20270116100000"]
)
async def test_times(rig: DialectRig, written: str) -> None:
    await send(rig, f"destinationAddress=79161234567&data=x&sendDate={written}")
    await send(rig, f"destinationAddress=79161234567&data=x&sendDate={written}", "Sms/SendByTimeZone")
    await send(rig, f"destinationAddress=79161234567&data=x&sendDate={written}", "Sms/SendByTimeZoneToAddresses")
    utc, *local = [message.send_at for message in await rig.messages()]
    assert utc == 1_800_093_600_000
    assert local == [1_800_093_600_000 - 3 * 3_600_000] * 2


async def test_validity_and_lines(rig: DialectRig) -> None:
    await send(rig, "destinationAddress=79161234567&data=x&validity=0")
    await send(rig, "destinationAddress=79161234567&data=x&validity=60")
    await ask(rig, "/rest/v2/Sms/Send", f"{LOGIN}&sourceAddress=79990000002&destinationAddress=79161234567&data=x")
    usual, hour, line = await rig.messages()
    assert usual.expires_at is not None
    assert hour.expires_at == rig.now + 3_600_000
    assert (usual.line, line.line) == (None, "b")


@pytest.mark.parametrize(
    ("call", "fields", "code"),
    [
        ("Sms/Send", "destinationAddress=79161234567&sourceAddress=S", 1),
        ("Sms/Send", "data=x&sourceAddress=S", 1),
        ("Sms/Send", "data=x&destinationAddress=79161234567", 1),
        ("Sms/SendByTimeZone", "data=x&sourceAddress=S&destinationAddress=79161234567", 1),
        ("Sms/Send", "data=x&sourceAddress=S&destinationAddress=79161234567&sendDate=soon", 2),
        ("Sms/Send", "data=x&sourceAddress=S&destinationAddress=79161234567&validity=-5", 2),
        ("Sms/Send", "data=x&sourceAddress=S&destinationAddress=79161234567&validity=9999999", 2),
        ("Sms/Send", "data=x&sourceAddress=LongerThanEleven&destinationAddress=79161234567", 6),
        ("Sms/In", "minDateUTC=2027-01-01", 9),
        ("Sms/In", "minDateUTC=2020-01-01&maxDateUTC=2027-01-01", 2),
        ("Sms/In", "minDateUTC=2027-01-02&maxDateUTC=2027-01-01", 2),
        ("Sms/Statistics", "", 9),
        ("Sms/Statistics", "startDateTime=2027-01-02&endDateTime=2027-01-01", 2),
        ("User/Nothing", "", 6),
        ("Nothing", "", 6),
    ],
)
async def test_errors(rig: DialectRig, call: str, fields: str, code: int) -> None:
    _, text = await ask(rig, f"/rest/v2/{call}", f"{LOGIN}&{fields}")
    assert json.loads(text)["Code"] == code, text
    assert text.startswith('{"Code":')
    assert await rig.messages() == []


async def test_a_gateway_that_takes_nothing_is_code_8(rig: DialectRig) -> None:
    rig.core.closing = True
    status, text = await ask(rig, "/rest/v2/Sms/Send", f"{LOGIN}&data=x&sourceAddress=S&destinationAddress=79161234567")
    assert (status, json.loads(text)["Code"]) == (500, 8)


HOSTILE = [
    b"\0" * 50,
    b"&" * 50_000,
    b"a" * 100_000,
    b"%" * 1000,
    b"=&=&=",
    b"\xff\xfe=\xff",
    b"[" * 100_000,
    b"{}",
    b"null",
    b'{"login":' * 20_000,
    b'{"login":"shop","login":"x","password":["s3cret"]}',
    b"login=x&login=shop&password=s3cret",
    b'{"data":"\\ud800"}',
    b"1e999999",
    b'{"data":' + b"9" * 10_000 + b"}",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
    b"&".join([b"data=x"] * 20_000),
]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "application/json", "multipart/form-data", ""])
async def test_hostile_bodies(rig: DialectRig, kind: str) -> None:
    for body in HOSTILE:
        for call in CALLS:
            status, text = await ask(rig, f"/rest/{call}", body, **{"Content-Type": kind or "x"})
            assert status in {400, 401}, (call, body[:20], text)
            assert json.loads(text)["Code"] in {1, 2, 3, 4}
    lone = json.dumps({"login": "shop", "password": "s3cret\ud800", "data": "\ud800", "sessionId": ["\udfff"]})
    status, _ = await ask(rig, "/rest/User/Balance", lone, **{"Content-Type": "application/json"})
    assert status in {400, 401}
    assert await rig.messages() == []


# -- callbacks --------------------------------------------------------------------------------------------------------


async def push(rig: DialectRig, text: str, url: str = "https://shop.example/in?key=1") -> Any:
    from dataclasses import replace

    from modemgw.dialects.seam import Occurrence

    view = await rig.receive(text, sender="+79031112233", line="b")
    account = replace(await rig.account(), callback_url=url)
    assert DIALECT.callbacks is not None
    (request,) = DIALECT.callbacks(Occurrence("inbox", 1, rig.now, inbox=view), account)
    return request


async def reply(rig: DialectRig, request: Any, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
    from modemgw.dialects.seam import CallbackReply
    from modemgw.service.commands import CommandRunner

    assert DIALECT.on_reply is not None
    asked = CallbackReply(await rig.account(), request, 200, {"Content-Type": content_type}, body, rig.now)
    await CommandRunner(rig.core).drive(DIALECT.on_reply(asked))


async def test_what_comes_in_is_pushed_and_answered(rig: DialectRig) -> None:
    request = await push(rig, "Да & нет")
    assert (request.method, request.body) == ("GET", b"")
    assert request.url == (
        "https://shop.example/in?key=1&sourcePhone=79031112233&number=79990000002&prefix="
        "&text=%D0%94%D0%B0%20%26%20%D0%BD%D0%B5%D1%82&messageId=1"
    )
    await reply(rig, request, "{sms=Спасибо {друг}}\r\n".encode())
    await reply(rig, request, "{sms=Ещё}".encode("cp1251"), "text/plain; charset=windows-1251")
    for nothing in (b"", b"OK", b"{sms=}", b"\xff\0"):
        await reply(rig, request, nothing)
    first, second = await rig.messages()
    assert (first.to, first.text, first.line) == ("+79031112233", "Спасибо {друг}", "b")
    assert second.text == "Ещё"


async def test_a_reply_that_cannot_be_sent_says_so(rig: DialectRig) -> None:
    request = await push(rig, "x")
    with pytest.raises(Refusal):
        await reply(rig, request, ("{sms=" + "Ж" * 5000 + "}").encode())


async def test_a_long_message_is_told_in_part_rather_than_not_at_all(rig: DialectRig) -> None:
    request = await push(rig, "Ж" * 1000)
    assert 3000 < len(request.url) <= 4096
