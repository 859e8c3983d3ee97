"""The shell of dialects over a real socket: paths in any spelling, every command, and handlers that go wrong."""

from __future__ import annotations

import asyncio
import json
import string
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from modemgw.dialects.seam import (
    Authenticate,
    CancelMessage,
    DeleteRecord,
    Dialect,
    FindMessage,
    FindSession,
    GetBalance,
    GetRecord,
    GetSettings,
    Hold,
    ListAccounts,
    ListModems,
    ListRecords,
    LookupNumber,
    MakeSecret,
    MarkMessage,
    PutRecord,
    Quote,
    Route,
    Submit,
    Throttle,
    UseAccount,
    WireRequest,
    WireResponse,
)
from modemgw.dialects.settings import Setting
from modemgw.domain.message import Accepted, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, Command, InboxQuery, MessageQuery, Quoted
from modemgw.domain.states import State
from modemgw.servers.http.dialects import Paths
from tests.dialect_rig import DialectRig

Serve = Callable[..., Awaitable[DialectRig]]
Steps = Generator[Command, Any, WireResponse]


def said(what: str) -> Callable[[WireRequest], Steps]:
    """A handler that tells what it got."""

    def handle(request: WireRequest) -> Steps:
        yield ListModems()
        told = [what, request.method, request.path, request.raw_query.decode(), request.body.decode("latin-1")]
        return WireResponse(json.dumps([*told, request.remote, request.scheme]).encode(), headers={"X-What": what})

    return handle


def refused(request: WireRequest) -> Steps:
    yield Throttle("x", 1, 1)
    raise Refusal(RefusalKind.NO_MONEY, "No money.")


def broken(request: WireRequest) -> Steps:
    yield Hold("broken", 1)
    raise RuntimeError("the password is s3cret")


def unknown(request: WireRequest) -> Steps:
    yield Command()
    return WireResponse(b"")


def throttled(request: WireRequest) -> Steps:
    return WireResponse(b"yes" if (yield Throttle("k", 2, 60)) else b"no")


def held(request: WireRequest) -> Steps:
    if not (yield Hold("k", 2)):
        return WireResponse(b"no")
    yield Authenticate(login="shop", password="s3cret", remote=request.remote)
    yield Submit((yield UseAccount("shop")), [Submission("+79161234567", "x")])
    return WireResponse(b"yes")


TOY = Dialect(
    "toy",
    "Toy",
    (
        Route(("GET", "POST"), "/toy.php", said("exact")),
        Route(("GET",), "/Rest/User", said("any"), any_case=True),
        Route(("POST",), "/rest/user", said("post"), any_case=True),
        Route(("GET",), "/rest/User/special", said("special")),
        Route(("GET", "DELETE"), "/rest/user/*", said("star"), any_case=True),
        Route(("GET",), "/rest/*", said("wide")),
        Route(("*",), "/whatever", said("all methods")),
        Route(("HEAD",), "/head", said("own head")),
        Route(("GET",), "/refused", refused),
        Route(("GET",), "/broken", broken),
        Route(("GET",), "/unknown", unknown),
        Route(("GET",), "/throttled", throttled),
        Route(("GET",), "/held", held),
    ),
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/toy.php?a=%D0&b=+", ["exact", "GET", "/toy.php", "a=%D0&b=+"]),
        ("GET", "//toy.php", ["exact", "GET", "/toy.php", ""]),
        ("GET", "/toy/toy.php", ["exact", "GET", "/toy.php", ""]),
        ("GET", "/toy//toy.php?x", ["exact", "GET", "/toy.php", "x"]),
        ("GET", "/Toy.php", 404),
        ("PUT", "/toy.php", 405),
        ("GET", "/toy.php/", 404),
        ("GET", "/rest/USER", ["any", "GET", "/rest/USER", ""]),
        ("POST", "/REST/user?q", ["post", "POST", "/REST/user", "q"]),
        ("DELETE", "/rest/user", 405),
        ("GET", "/rest/User/special", ["special", "GET", "/rest/User/special", ""]),
        ("GET", "/Rest/User/Special", ["star", "GET", "/Rest/User/Special", ""]),
        ("DELETE", "/rest/user/a/b%20c/%D1%91", ["star", "DELETE", "/rest/user/a/b c/ё", ""]),
        ("GET", "/toy/rest/user/", ["star", "GET", "/rest/user/", ""]),
        ("GET", "/rest/other", ["wide", "GET", "/rest/other", ""]),
        ("GET", "/rest", 404),
        ("PATCH", "/whatever", ["all methods", "PATCH", "/whatever", ""]),
        ("GET", "/v1/nothing", 404),
        ("GET", "/" + "a/" * 10_000, 404),
    ],
)
async def test_paths(serve_dialect: Serve, method: str, path: str, expected: Any) -> None:
    rig = await serve_dialect(TOY)
    async with rig.http.request(
        method, URL(rig.url + path, encoded=True), data=b"" if method == "GET" else b"b"
    ) as got:
        if isinstance(expected, int):
            assert got.status == expected
            assert got.content_type == "application/problem+json"
        else:
            body = await got.json(content_type=None)
            assert body[:4] == expected
            assert body[5:] == ["127.0.0.1", "http"]


async def test_head_is_get_without_the_body(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY)
    async with rig.http.head("/toy.php?x=1") as head, rig.http.get("/toy.php?x=1") as get:
        assert head.status == 200
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert await head.read() == b""
    async with rig.http.head("/head") as own:
        assert own.headers["X-What"] == "own head"
    async with rig.http.get("/head") as get:
        assert get.status == 405
        assert get.headers["Allow"] == "HEAD"


async def test_whatever_the_host_is_called(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY)
    for host in ("smsc.ru", "SMSC.KZ:80", "[::1]"):
        async with rig.http.get("/toy.php", headers={"Host": host}) as got:
            assert got.status == 200
    reader, writer = await asyncio.open_connection("127.0.0.1", int(rig.url.rpartition(":")[2]))
    writer.write(b"GET http://smsc.ru/toy.php?q=1 HTTP/1.1\r\nHost: smsc.ru\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    assert json.loads(answer.rpartition(b"\r\n\r\n")[2])[:4] == ["exact", "GET", "/toy.php", "q=1"]


async def test_what_goes_wrong_in_a_handler(serve_dialect: Serve, caplog: pytest.LogCaptureFixture) -> None:
    rig = await serve_dialect(TOY)
    async with rig.http.get("/refused") as got:
        assert got.status == 402
    for path in ("/broken", "/broken", "/unknown"):
        async with rig.http.get(path) as got:
            text = await got.text()
            assert got.status == 500
            assert "s3cret" not in text
            assert "Traceback" not in text
    assert "Toy (/broken)" in caplog.text


async def test_a_body_that_is_too_large(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY, config="[http]\nmax_body_bytes = 2000\n")
    async with rig.http.post("/toy.php", data=b"x" * 2000) as got:
        assert got.status == 200
    async with rig.http.post("/toy.php", data=b"x" * 2001) as got:
        assert got.status == 413


async def test_throttle(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY)

    async def ask() -> str:
        async with rig.http.get("/throttled") as got:
            return await got.text()

    assert [await ask() for _ in range(3)] == ["yes", "yes", "no"]
    rig.advance(60)
    assert await ask() == "yes"


async def test_what_is_held_is_given_back_however_it_ends(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY)

    async def ask(http: ClientSession) -> str:
        async with http.get("/held") as got:
            return await got.text()

    answers = await asyncio.gather(*(ask(rig.http) for _ in range(6)))
    assert set(answers) <= {"yes", "no"}
    assert answers.count("yes") >= 2
    for _ in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", int(rig.url.rpartition(":")[2]))
        writer.write(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        writer.transport.abort()
    async with asyncio.timeout(10):  # those that nobody waits for any more come to their end
        while await ask(rig.http) != "yes":
            await asyncio.sleep(0.01)
    async with rig.http.get("/broken"):
        pass
    assert rig.core.desk.hold("broken", 1) is not None


# -- clashes


def dialect(name: str, *routes: tuple[str, str, bool]) -> Dialect:
    return Dialect(name, name.title(), tuple(Route((m,), p, said(name), any_case=c) for m, p, c in routes))


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("GET", "/a", False), ("GET", "/a", False), True),
        (("GET", "/a", False), ("POST", "/a", False), True),  # whose 405 would it be?
        (("GET", "/a", False), ("GET", "/A", False), False),
        (("GET", "/a", True), ("GET", "/A", False), True),
        (("GET", "/A", False), ("GET", "/a", True), True),
        (("GET", "/a", True), ("GET", "/A", True), True),
        (("GET", "/a/*", False), ("GET", "/a/*", False), True),
        (("GET", "/a/*", False), ("GET", "/a/b", False), False),
        (("GET", "/a/*", False), ("GET", "/a/b/*", False), False),
        (("GET", "/a/*", True), ("GET", "/A/*", False), True),
    ],
)
def test_clashes_of_paths(first: tuple[str, str, bool], second: tuple[str, str, bool], clash: bool) -> None:
    paths = Paths()
    paths.add(dialect("one", first))
    if clash:
        with pytest.raises(ValueError, match=rf"Two \({second[1].replace('*', '.')}\) clashes with One \("):
            paths.add(dialect("two", second))
    else:
        paths.add(dialect("two", second))


@pytest.mark.parametrize(
    ("routes", "sentence"),
    [
        ([("GET", "/v1/messages", False)], r"One \(/v1/messages\) clashes with modemgw itself"),
        ([("GET", "/a", False), ("GET", "/a", False)], r"One \(/a\) clashes with One \(/a\)"),
        ([("GET", "a", False)], "a path starts with / and may end in"),
        ([("GET", "/a*b", False)], "a path starts with / and may end in"),
    ],
)
async def test_routes_that_cannot_be(serve_dialect: Serve, routes: list[tuple[str, str, bool]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        await serve_dialect(dialect("one", *routes))


# -- every command


async def test_messages_by_command(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY)
    shop = await rig.run(Authenticate(login="shop", password="s3cret", remote="127.0.0.1"))
    assert shop == await rig.account()
    good, bad = Submission("+79161234567", "x" * 400, extra={"ref": "r"}), Submission("nobody", "x")
    quoted = await rig.run(Quote(shop, [good, bad]))
    assert quoted[0] == Quoted("gsm7", 3, "4.20")
    assert quoted[1].kind is RefusalKind.BAD_NUMBER
    with pytest.raises(Refusal, match="'nobody' is not a telephone number"):
        await rig.run(Submit(shop, [good, bad, good]))
    first, second, third = await rig.run(Submit(shop, [good, bad, good], each=True))
    assert isinstance(first, Accepted)
    assert (first.cost, second.kind, third.id) == ("4.20", RefusalKind.BAD_NUMBER, first.id + 1)
    assert (await rig.run(Submit(shop, [bad], each=True)))[0].kind is RefusalKind.BAD_NUMBER
    found = await rig.run(FindMessage(shop, ref="r", to="79161234567"))
    assert (found.id, found.cost) == (third.id, "4.20")
    listed = await rig.run(MessageQuery(shop, newest=True))
    assert [view.id for view in listed] == [third.id, first.id]
    assert (await rig.run(CancelMessage(shop, third.id))).state is State.CANCELLED
    with pytest.raises(Refusal, match="There is no message"):
        await rig.run(CancelMessage(await rig.account("other"), first.id))
    await rig.force(first.id, State.SENT)
    with pytest.raises(Refusal) as too_late:
        await rig.run(CancelMessage(shop, first.id))
    assert too_late.value.kind is RefusalKind.CONFLICT
    await rig.run(MarkMessage(shop, first.id, {"deleted": True}))
    assert await rig.run(FindMessage(shop, id=first.id)) is None
    await rig.receive("да", sender="+79161112233")
    (item,) = await rig.run(InboxQuery(shop, sender="79161112233", newest=True))
    assert item.text == "да"
    assert [modem.name for modem in await rig.run(ListModems())] == ["a", "b"]


async def test_records_and_sessions_by_command(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY, config="[store]\nmax_records = 2\n")
    shop, other = await rig.account(), await rig.account("other")
    record = await rig.run(PutRecord(shop, "toy.template", {"text": "ё"}))
    assert await rig.run(GetRecord(shop, "toy.template", record.key)) == record
    assert await rig.run(GetRecord(other, "toy.template", record.key)) is None
    assert await rig.run(ListRecords(shop, "toy.template")) == [record]
    assert await rig.run(DeleteRecord(shop, "toy.template", record.key)) is True
    assert await rig.run(DeleteRecord(shop, "toy.template", record.key)) is False
    session = await rig.run(PutRecord(shop, "toy.session", {}, key="secret", ttl_s=7200))
    assert await rig.run(FindSession("toy.session", "secret")) == (shop, session)
    assert await rig.run(FindSession("toy.session", "guess")) is None
    rig.advance(7199)
    found = await rig.run(FindSession("toy.session", "secret", extend_s=7200))
    assert found[0] == shop
    rig.advance(7199)
    assert await rig.run(FindSession("toy.session", "secret")) is not None
    rig.advance(1)
    assert await rig.run(FindSession("toy.session", "secret")) is None
    await rig.tick()
    assert await rig.store.read(lambda con: con.execute("SELECT count(*) FROM records").fetchone()) == (0,)
    for key in "ab":
        await rig.run(PutRecord(shop, "toy.template", {}, key=key))
    with pytest.raises(Refusal, match=r"keeps 2 of toy\.template already"):
        await rig.run(PutRecord(shop, "toy.template", {}))


async def test_the_rest_by_command(serve_dialect: Serve) -> None:
    pytest.importorskip("phonenumbers")
    rig = await serve_dialect(TOY)
    secret = await rig.run(MakeSecret(36, string.ascii_letters))
    assert len(secret) == 36
    assert set(secret) <= set(string.ascii_letters)
    assert secret != await rig.run(MakeSecret(36, string.ascii_letters))
    assert (await rig.run(LookupNumber("79241234567"))).country_code == "RU"
    assert (await rig.run(UseAccount("other"))).login == "other"
    with pytest.raises(Refusal) as refused_login:
        await rig.run(UseAccount("nobody"))
    assert refused_login.value.kind is RefusalKind.UNAUTHORISED
    assert [account.login for account in await rig.run(ListAccounts())] == ["shop", "other"]
    assert await rig.run(GetSettings("toy")) == {}


async def test_addresses_are_blocked_at_every_door(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY, config="[access]\nblock_after = 3\nblock_s = 100\n")
    good, bad = {"Authorization": "Bearer key-of-shop"}, {"Authorization": "Bearer wrong"}

    async def ask(headers: dict[str, str]) -> int:
        async with rig.http.get("/v1/messages", headers=headers) as got:
            return got.status

    assert await ask(good) == 200
    assert [await ask(bad) for _ in range(4)] == [401, 401, 401, 429]
    with pytest.raises(Refusal) as blocked:
        await rig.run(Authenticate(login="shop", password="wrong", remote="127.0.0.1"))
    assert blocked.value.kind is RefusalKind.ADDRESS_BLOCKED
    assert await ask(good) == 200  # it was known from before
    assert (await rig.run(Authenticate(login="shop", password="s3cret", remote="127.0.0.1"))).login == "shop"
    rig.advance(100)
    assert await ask(bad) == 401
    assert await ask(good) == 200


async def test_balances(serve_dialect: Serve) -> None:
    rig = await serve_dialect(
        TOY, account='balance_mode = "countdown"\n[[account.prices]]\nprefix = "7916"\nprice = "50"'
    )
    shop, other = await rig.account(), await rig.account("other")
    assert await rig.run(GetBalance(other)) == Balance("0.00", "RUR")
    assert await rig.run(GetBalance(shop)) == Balance("100.50", "RUR")
    mts, another = Submission("+79161234567", "x"), Submission("+79031234567", "x")
    for each in (False, True):
        with pytest.raises(Refusal, match=r"The 4 messages together cost 151\.40") as refused:
            await rig.run(Submit(shop, [mts, mts, mts, another], each=each))
        assert refused.value.kind is RefusalKind.NO_MONEY
    assert await rig.run(GetBalance(shop)) == Balance("100.50", "RUR")
    results = await rig.run(Submit(shop, [mts, mts]))
    assert await rig.run(GetBalance(shop)) == Balance("0.50", "RUR")
    await rig.force(results[0].id, State.REJECTED, cms=28)
    assert await rig.run(GetBalance(shop)) == Balance("50.50", "RUR")
    (result,) = await rig.run(Submit(shop, [another]))
    assert result.cost == "1.40"
    assert await rig.run(GetBalance(shop)) == Balance("49.10", "RUR")


async def test_a_balance_that_the_sim_tells(serve_dialect: Serve) -> None:
    rig = await serve_dialect(TOY, account='balance_mode = "sim"')
    shop = await rig.account()
    assert await rig.run(GetBalance(shop)) == Balance("100.50", "RUR")
    await rig.core.refresh_balance(shop, "a")
    assert await rig.run(GetBalance(shop)) == Balance("123.45", "RUR")


def table(request: WireRequest) -> Steps:
    account = yield UseAccount("shop")
    section = yield GetSettings("fintek")
    return WireResponse(json.dumps([dict(section), dict(account.options)]).encode())


async def test_settings_of_a_dialect(serve_dialect: Serve) -> None:
    own = Dialect(
        "fintek",
        "Fintek",
        (Route(("GET",), "/settings", table),),
        settings={
            "account": Setting(str, "", "Whose messages they are."),
            "allow": (list[str], ["127.0.0.1/32"], "From where."),
            "routes": Setting(dict[str, list[str]], {}, "Groups of lines."),
            "schema": Setting(int, 1, "A name that pydantic has as well.", least=1),
        },
        account_settings={"voice": Setting(bool, False, "…"), "mode": Setting(str, "a", "…", ("a", "b"))},
    )
    rig = await serve_dialect(
        own,
        config='[fintek]\naccount = "shop"\n[fintek.routes]\nds = ["a", "b"]\n',
        account='[account.fintek]\nmode = "b"\n',
    )
    async with rig.http.get("/fintek/settings") as got:
        section, options = await got.json(content_type=None)
    assert section == {"account": "shop", "allow": ["127.0.0.1/32"], "routes": {"ds": ["a", "b"]}, "schema": 1}
    assert options == {"fintek": {"mode": "b"}}
