"""Fintek's /api/v1: the manual's exchanges, who may ask, routes, times, fields, and what a hostile client gets."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.config import ConfigError, parse
from modemgw.dialects.fintek import DIALECT, SETTINGS, tables
from modemgw.dialects.fintek.texts import fill, letters_of
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]

ROOT = Path(__file__).parents[3]
ROUTES = '[fintek.routes]\nds = ["a", "b"]\n"осм" = ["b"]\nany = []\ngone = ["nowhere"]\n'
ON = f'[fintek]\naccount = "shop"\n{ROUTES}'
USER = {"phone": "+79281706700"}


@dataclass
class Client:
    rig: DialectRig

    async def ask(self, method: str = "POST", /, **document: Any) -> tuple[int, Any]:
        return await self.raw(json.dumps({"route": "ds", **document}).encode(), method)

    async def raw(self, body: bytes, method: str = "POST") -> tuple[int, Any]:
        headers = {"Content-type": "application/json"}
        async with self.rig.http.request(method, "/api/v1", data=body, headers=headers) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()

    async def send(self, users: Any = None, **more: Any) -> tuple[int, dict[str, Any]]:
        """Status and the inner object; `text`, `fields`, `female` are of `send`, the rest of the document."""
        send = {"text_male": more.pop("text", "x"), "users": [USER] if users is None else users}
        send |= {name: more.pop(key) for key, name in (("fields", "fields"), ("female", "text_female")) if key in more}
        status, answer = await self.ask(send=send, **more)
        assert isinstance(answer, list)
        return status, answer[0]["send"]


@pytest.fixture
async def client(serve_dialect: Serve) -> Client:
    return Client(await serve_dialect(DIALECT, config=ON))


# -- who may ask


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ("", "forbidden"),
        ("[fintek]\n", "forbidden"),
        ('[fintek]\naccount = "nobody"\n', "unauthorised"),
        ('[fintek]\naccount = "shop"\nallow = ["10.0.0.0/8"]\n', "address_not_allowed"),
        ('[fintek]\naccount = "shop"\nallow = []\n', "address_not_allowed"),
        ('[fintek]\naccount = "shop"\nallow = ["everywhere"]\n', "forbidden"),
    ],
)
async def test_it_is_off_or_closed(serve_dialect: Serve, config: str, code: str) -> None:
    client = Client(await serve_dialect(DIALECT, config=config))
    status, answer = await client.ask(send={"text_male": "x", "users": [USER]})
    assert status == 403
    assert answer == {"status": "error", "message": [{"message": answer["message"][0]["message"], "code": code}]}
    assert await client.rig.messages() == []


async def test_the_accounts_own_list_counts_as_well(serve_dialect: Serve) -> None:
    client = Client(await serve_dialect(DIALECT, config=ON, account='allow = ["10.0.0.0/8"]'))
    assert (await client.ask("GET", balance=["rub"]))[0] == 403


def test_settings_are_held_against_their_table() -> None:
    assert parse(ON, dialects=[DIALECT]).dialects["fintek"]["routes"]["ds"] == ["a", "b"]
    for wrong in ('routes = "a"', "routes = {ds = [1]}", 'voice = "loud"', 'accoutn = "x"', "allow = [1]"):
        with pytest.raises(ConfigError):
            parse(f"[fintek]\n{wrong}\n", dialects=[DIALECT])


# -- routes


async def test_a_route_is_a_group_a_line_or_any(client: Client) -> None:
    users = [{"phone": f"+7928170670{n}"} for n in range(4)]
    lines = []
    for route in ("ds", "осм", "a", "any"):
        assert (await client.send(users, route=route))[0] == 200
        lines.append([m.line for m in await client.rig.messages()][-4:])
    assert lines[0] in (["a", "b", "a", "b"], ["b", "a", "b", "a"])
    assert lines[1:] == [["b"] * 4, ["a"] * 4, [None] * 4]


async def test_lines_that_are_ready_go_first(client: Client) -> None:
    from modemgw.domain.line import LineState
    from tests.played_lines import modem_view

    client.rig.modems = [modem_view("a", state=LineState.ABSENT), modem_view("b")]
    await client.send([USER] * 3)
    assert {m.line for m in await client.rig.messages()} == {"b"}


@pytest.mark.parametrize("route", ["x", "gone"])
async def test_unknown_routes(client: Client, route: str) -> None:
    status, answer = await client.send(route=route)
    assert (status, answer["code"]) == (400, "unknown_line")


@pytest.mark.parametrize("route", [None, "", 5, ["ds"]])
async def test_no_route(client: Client, route: Any) -> None:
    status, answer = await client.send(route=route)
    assert (status, answer["code"]) == (400, "bad_parameter")


# -- times


async def test_ttl_is_the_validity(client: Client) -> None:
    await client.send(ttl=7200)
    await client.send(ttl="3600")
    await client.send(ttl=5)
    await client.send(ttl=10**12)
    ages = [m.expires_at - m.created_at for m in await client.rig.messages() if m.expires_at]
    assert ages == [7_200_000, 3_600_000, 5_000, 38_102_400_000]
    client.rig.advance(6)
    await client.rig.tick()
    assert [m.state for m in await client.rig.messages()] == [State.QUEUED, State.QUEUED, State.EXPIRED, State.QUEUED]


@pytest.mark.parametrize("ttl", [0, -5, "soon", True, 1.5, [], 1e300])
async def test_bad_ttl(client: Client, ttl: Any) -> None:
    assert (await client.send(ttl=ttl))[1]["code"] == "bad_parameter"
    assert await client.rig.messages() == []


async def test_time_limit_is_when_it_is_sent(client: Client) -> None:
    await client.send(timeLimit="2027-01-15 13:00")  # it is 11:00 there
    await client.send(timeLimit="2022-03-15 13:00")
    first, second = await client.rig.messages()
    assert first.send_at == client.rig.now + 2 * 3_600_000
    assert second.send_at is not None
    assert second.send_at < client.rig.now


async def test_time_limit_may_be_a_deadline(serve_dialect: Serve) -> None:
    config = ON.replace('account = "shop"', 'account = "shop"\ntime_limit = "deadline"\nutc_offset = 0')
    client = Client(await serve_dialect(DIALECT, config=config))
    assert (await client.send(timeLimit="2027-01-15 09:00"))[0] == 200
    assert (await client.send(timeLimit="2022-03-15 13:00"))[1]["code"] == "bad_time"
    (message,) = await client.rig.messages()
    assert message.expires_at == client.rig.now + 3_600_000


@pytest.mark.parametrize("limit", ["tomorrow", "2027-13-01 00:00", "0001-01-01 00:00", 5, ["x"], "2099-01-01 00:00"])
async def test_bad_time_limits(client: Client, limit: Any) -> None:
    assert (await client.send(timeLimit=limit))[1]["code"] == "bad_time"


# -- texts


async def test_a_missing_field_names_user_and_field_before_anything_is_queued(client: Client) -> None:
    users = [{"phone": "+79281706700", "fio": "А"}, {"phone": "+79281706701"}]
    status, answer = await client.send(users, text="{{fio}}", fields=["fio"])
    assert status == 400
    assert answer["message"] == "Получатель 2 (+79281706701): нет значения для поля fio"
    assert await client.rig.messages() == []


async def test_a_bad_number_is_named_before_anything_is_queued(client: Client) -> None:
    status, answer = await client.send([USER, {"phone": "abc"}])
    assert (status, answer["code"]) == (400, "bad_number")
    assert answer["message"] == "Получатель 2 (abc): Неверный номер телефона"
    assert await client.rig.messages() == []


@pytest.mark.parametrize(
    ("send", "code"),
    [
        ({"users": [USER]}, "empty_text"),
        ({"text_male": "", "users": [USER]}, "empty_text"),
        ({"text_male": 5, "users": [USER]}, "bad_parameter"),
        ({"text_male": "x"}, "bad_parameter"),
        ({"text_male": "x", "users": []}, "bad_parameter"),
        ({"text_male": "x", "users": {}}, "bad_parameter"),
        ({"text_male": "x", "users": [5]}, "bad_parameter"),
        ({"text_male": "x", "users": [{}]}, "bad_number"),
        ({"text_male": "x", "text_female": "y", "users": [USER]}, "bad_parameter"),
        ({"text_male": "x", "text_female": "y", "users": [{**USER, "gender": "it"}]}, "bad_parameter"),
        ({"text_male": "x", "fields": 5, "users": [USER]}, "bad_parameter"),
        ({"text_male": "x", "fields": ["n"], "users": [{**USER, "n": None}]}, "bad_parameter"),
        ({"text_male": "x", "users": [USER] * 10_001}, "bad_parameter"),
        ([], "bad_parameter"),
        (None, "bad_parameter"),
    ],
)
def test_bad_sends(send: Any, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        letters_of(send)
    assert caught.value.kind.value == code


def test_placeholders() -> None:
    assert fill("{{a}} {{ a }} {{b}} {a} {{{a}}}", {"a": "{{b}}", "c": "x"}) == "{{b}} {{b}} {{b}} {a} {{{b}}}"
    (letter,) = letters_of(
        {
            "text_male": "{{first_name}} {{n}}",
            "fields": {"fields": "first name", "n": "m"},
            "users": [{"phone": 79281706700, "first_name": "А", "n": 5}],
        }
    )
    assert (letter.phone, letter.text) == ("79281706700", "А 5")


async def test_voice_may_be_delivered_as_text(serve_dialect: Serve) -> None:
    config = ON.replace('account = "shop"', 'account = "shop"\nvoice = "sms"')
    client = Client(await serve_dialect(DIALECT, config=config))
    assert (await client.send(voice=1, route="осм"))[0] == 200
    assert len(await client.rig.messages()) == 1


async def test_debug_sends_nothing_and_says_so(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        status, answer = await client.send(mode="debug")
        assert (status, answer["message"]) == (200, "Режим отладки: сообщения проверены, но не отправлены")
    assert await client.rig.messages() == []
    (warning,) = [record.getMessage() for record in caplog.records if "mode=debug" in record.getMessage()]
    assert "their messages are not sent" in warning
    assert USER["phone"] not in warning


async def test_debug_may_be_set_to_send(serve_dialect: Serve) -> None:
    config = ON.replace('account = "shop"', 'account = "shop"\ndebug = "send"')
    client = Client(await serve_dialect(DIALECT, config=config))
    _, answer = await client.send(mode="debug")
    assert (answer["message"], "mode" in answer) == (tables.QUEUED, False)
    assert len(await client.rig.messages()) == 1


async def test_the_gateway_s_own_reason_is_in_the_header(client: Client) -> None:
    body = json.dumps({"route": "ds", "send": {"text_male": "x" * 5000, "users": [USER]}}).encode()
    async with client.rig.http.post("/api/v1", data=body) as response:
        answer = (await response.json())[0]["send"]
        assert answer["message"] == "Получатель 1 (+79281706700): Текст сообщения слишком длинный"
        assert "this account may send 10 at the most" in response.headers["X-Modemgw-Reason"]


async def test_other_modes_are_refused(client: Client) -> None:
    for mode in ("live", 5, ["debug"]):
        assert (await client.send(mode=mode))[1]["code"] == "bad_parameter"
    assert await client.rig.messages() == []


async def test_no_money_for_all_is_told(serve_dialect: Serve) -> None:
    account = 'balance_mode = "countdown"\nprices = [{prefix = "7", price = "60"}]'
    client = Client(await serve_dialect(DIALECT, config=ON, account=account))
    status, answer = await client.send([USER, USER])
    assert (status, answer["code"]) == (402, "no_money")
    assert await client.rig.messages() == []
    assert (await client.send())[0] == 200


async def test_the_state_has_its_time_in_the_configured_zone(client: Client) -> None:
    _, sent = await client.send(route="a")
    await client.rig.force(1, State.DELIVERED)
    _, answer = await client.ask("GET", status={"key": sent["key"].upper()})
    assert '<state id_sms="1" time="2027-01-15 11:00:00">deliver</state>' in answer["message"][0]["send"]["status"]


# -- the wire


async def test_the_manuals_markup_around_a_body_is_stripped(client: Client) -> None:
    document = json.dumps({"send": {"text_male": "x", "users": [USER]}, "route": "ds"})
    for body in (f"<pre>{document}</pre>", f"\ufeff{document}", f" <PRE class='x'>\n{document}\n</PRE>\n"):
        assert (await client.raw(body.encode()))[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"send":' * 20_000,
        b"[]",
        b"5",
        b"null",
        b"{}",
        b'"send"',
        b'{"send": {}, "balance": ["rub"], "route": "ds"}',
        b'{"balance": [], "route": "ds"}',
        b'{"balance": [5], "route": "ds"}',
        b'{"send": NaN, "route": "ds"}',
        b'{"ttl": ' + b"9" * 5000 + b"}",
        b'{"send": {"text_male": "\\ud800", "users": [{"phone": "+79281706700"}]}, "route": "ds"}',
        b'{"send": {"text_male": "x", "users": [{"phone": "\\u0000"}]}, "route": "ds"}',
        b'{"send": {"text_male": "x", "users": [{"phone": 1e400}]}, "route": "ds"}',
        b'{"route": "\\ud800\\u0000", "balance": ["rub"]}',
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_hostile(client: Client, body: bytes, method: str) -> None:
    status, answer = await client.raw(body, method)
    assert status == 400
    assert "error" in json.dumps(answer)
    assert await client.rig.messages() == []


@pytest.mark.parametrize("key", [None, 5, "", "x", "\x00", "\ud800", ["a"], "A" * 32])
async def test_bad_keys(client: Client, key: Any) -> None:
    assert (await client.ask("GET", status={"key": key}))[0] == 404
    assert (await client.ask("GET", status=key))[0] == 404


async def test_of_a_repeated_key_the_last_one_counts(client: Client) -> None:
    body = (
        b'{"route": "x", "route": "ds", "send": {}, "send": {"text_male": "y", "users": [{"phone": "+79281706700"}]}}'
    )
    assert (await client.raw(body))[0] == 200


def test_tables_are_complete_and_the_page_has_them() -> None:
    page = (ROOT / "docs" / "dialects" / "fintek.md").read_text()
    assert set(tables.STATES) == set(State)
    assert set(tables.ERRORS) == set(tables.MESSAGES) == set(RefusalKind)
    for kind, sentence in tables.MESSAGES.items():
        assert f"| `{kind.value}` | {tables.ERRORS[kind]} | {sentence} |" in page
    for state, word in tables.STATES.items():
        assert f"| `{state.value}` | `{word}` |" in page
    for name, setting in SETTINGS.items():
        assert f"| `{name}` |" in page
        assert setting.about in page
