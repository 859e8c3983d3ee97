"""The provider's limits: error 9, by what, how often, and that they can be switched off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.dialects.smsc import DIALECT
from tests.unit.dialects.smsc_client import Client

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]
PROVIDER = 'limits = "provider"\n'
NINE = {"error": "duplicate request, wait a minute", "error_code": 9}


@pytest.fixture
async def client(serve_dialect: Serve) -> Client:
    return Client(await serve_dialect(DIALECT, account=PROVIDER))


async def codes(client: Client, times: int, command: str, **parameters: Any) -> list[int]:
    return [await client.error(command, **parameters) for _ in range(times)]


async def test_an_identical_send_is_the_recorded_error_9(client: Client) -> None:
    assert (await client.send("x", id=1))["cnt"] == 1
    assert await client.send("x", id=2) == NINE
    assert (await client.send("y"))["cnt"] == 1
    assert (await client.send("x", phones="79991234568"))["cnt"] == 1
    other = Client(client.rig, "apikey=key-of-other")
    assert (await other.send("x"))["cnt"] == 1


@pytest.mark.parametrize(
    ("account", "host", "limited"),
    [
        ("", "", False),
        ("", "127.0.0.1:8080", False),
        ("", "smsc.ru", True),  # through `modemgw stand-in`
        ("", "www2.smsc.kz:443", True),
        ("", "smscentre.com.", True),
        ("", "notsmsc.ru", False),
        ("", "smsc.ru.example.org", False),
        ('limits = "own"\n', "smsc.ru", False),
        (PROVIDER, "", True),
        (f"{PROVIDER}[account.smsc]\nlimits = false\n", "smsc.ru", False),
    ],
)
async def test_whose_limits_hold(serve_dialect: Serve, account: str, host: str, limited: bool) -> None:
    rig = await serve_dialect(DIALECT, account=account)
    headers = {"Host": host} if host else {}
    query = "/sys/send.php?login=shop&psw=s3cret&phones=79991234567&mes=x&fmt=1"
    answers = []
    for _ in range(2):
        async with rig.http.get(query, headers=headers) as response:
            answers.append(await response.text())
    assert (answers[1] == "0,-9") is limited


async def test_what_was_refused_is_no_send(client: Client) -> None:
    assert await codes(client, 3, "send", phones="abc", mes="x") == [7, 7, 7]
    assert await codes(client, 3, "send", phones="79991234567", mes="") == [1, 1, 1]


@pytest.mark.parametrize(
    ("allowed", "command", "parameters"),
    [
        (5, "send", {"phones": "79991234567", "mes": "x", "cost": 1}),
        (5, "status", {"phone": "79991234567", "id": 1}),
        (1, "status", {"phone": "79991234567", "id": "1,2"}),
        (10, "balance", {}),
        (3, "get", {"get_price": 1}),
        (3, "phones", {"add": 1, "phone": "79991234567"}),
    ],
)
async def test_so_many_a_minute(client: Client, allowed: int, command: str, parameters: dict[str, Any]) -> None:
    assert await codes(client, allowed + 1, command, **parameters) == [0] * allowed + [9]


async def test_other_messages_and_answers_have_no_share_in_it(client: Client) -> None:
    for message_id in range(12):
        assert await client.error("status", phone="79991234567", id=f"{message_id},") == 0
    assert await codes(client, 12, "get", get_answers=1) == [0] * 12


async def test_settings(serve_dialect: Serve) -> None:
    config = "[smsc]\nbalance_requests = 2\nidentical_sends = 0\n"
    client = Client(await serve_dialect(DIALECT, config=config, account=PROVIDER))
    assert await codes(client, 3, "balance") == [0, 0, 9]
    assert await codes(client, 3, "send", phones="79991234567", mes="x") == [0, 0, 0]


async def test_requests_at_one_time(serve_dialect: Serve) -> None:
    config = "[smsc]\nparallel_requests = 2\nbalance_requests = 0\n"
    client = Client(await serve_dialect(DIALECT, config=config, account=PROVIDER))
    shop = await client.rig.account()
    take = client.rig.core.desk.hold
    held = [take(f"smsc:{shop.login}", 2), take(f"smsc:{shop.login}", 2)]
    assert await client.json("balance") == NINE
    for give_back in held:
        assert give_back is not None
        give_back()
    assert await codes(client, 5, "balance") == [0] * 5
    assert all(await asyncio.gather(*(client.text("balance") for _ in range(10))))
