"""get.php and info.php: incoming and outgoing messages, statistics, prices, operators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from modemgw.dialects.smsc import DIALECT
from modemgw.dialects.smsc.times import moscow_time
from modemgw.domain.states import State
from tests.unit.dialects.smsc_client import NO_LIMITS, Client

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]


@pytest.fixture
async def client(serve_dialect: Serve) -> Client:
    return Client(await serve_dialect(DIALECT, config=NO_LIMITS))


async def test_answers(client: Client) -> None:
    assert await client.json("get", get_answers=1) == []
    assert await client.text("get", get_answers=1) == "ERROR = 3 (record not found)"
    first = await client.rig.receive("Ответ, первый", sender="+79161234567")
    client.rig.advance(7200)
    second = await client.rig.receive("two", sender="MTS", line="b")
    found = await client.json("get", get_answers=1)
    assert [list(item) for item in found] == [["id", "received", "phone", "message", "to_phone", "sent"]] * 2
    assert found[0] == {
        "id": first.id,
        "received": "15.01.2027 11:00:00",
        "phone": "79161234567",
        "message": "Ответ, первый",
        "to_phone": "79990000001",
        "sent": moscow_time(first.scts or 0),
    }
    assert (found[1]["phone"], found[1]["to_phone"]) == ("MTS", "79990000002")
    for filters, ids in (
        ({"cnt": 1}, [second.id]),
        ({"hour": 1}, [second.id]),
        ({"hour": 3}, [first.id, second.id]),
        ({"after_id": first.id}, [second.id]),
        ({"to_phone": "+79990000001"}, [first.id]),
        ({"to_phone": "89990000002"}, [second.id]),
    ):
        assert [item["id"] for item in await client.json("get", get_answers=1, **filters)] == ids, filters
    assert await client.json("get", get_answers=1, after_id=second.id) == []
    for bad in ({"cnt": 10_001}, {"hour": 169}, {"after_id": "x"}):
        assert await client.error("get", get_answers=1, **bad) == 1
    text = await client.text("get", get_answers=1, cnt=1)
    assert text.startswith(f"id = {second.id}, received = 15.01.2027 13:00:00, phone = MTS, message = two, to_phone = ")
    assert (await client.text("get", get_answers=1, cnt=1, fmt=2)).startswith("<list>\n<sms>\n<id>")


async def test_messages(client: Client) -> None:
    assert await client.error("get", get_messages=1) == 3
    await client.send("Привет", id=33, sender="SHOP", phones="79991234561")
    client.rig.advance(86_400)
    await client.send("y", phones="79991234562")
    await client.rig.force(2, State.REJECTED, cms=1)
    found = await client.json("get", get_messages=1)
    assert [item["int_id"] for item in found] == [2, 1]
    assert list(found[0]) == [
        "status",
        "last_date",
        "last_timestamp",
        "flag",
        "err",
        "send_date",
        "send_timestamp",
        "phone",
        "cost",
        "sender_id",
        "status_name",
        "message",
        "mccmnc",
        "country",
        "operator",
        "region",
        "type",
        "id",
        "int_id",
        "sms_cnt",
        "format",
        "crc",
        "comment",
    ]
    assert (found[1]["id"], found[1]["message"], found[1]["sender_id"]) == (33, "Привет", "SHOP")
    for filters, ids in (
        ({"prev_id": 2}, [1]),
        ({"cnt": 1}, [2]),
        ({"phone": "79991234561,70000000000"}, [1]),
        ({"start": "16.01.2027"}, [2]),
        ({"end": "15.01.2027"}, [1]),
        ({"start": "15.01.2027", "end": "16.01.2027"}, [2, 1]),
    ):
        assert [item["int_id"] for item in await client.json("get", get_messages=1, **filters)] == ids, filters
    assert await client.error("get", get_messages=1, start="1.1.2027") == 5
    lines = (await client.text("get", get_messages=1)).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("status = 22, last_date = 16.01.2027 11:00:00, ")
    await client.json("status", phone="79991234561", id=33, **{"del": 1})
    assert [item["int_id"] for item in await client.json("get", get_messages=1)] == [2]


async def test_statistics_and_prices(client: Client) -> None:
    assert await client.json("get", get_stat=1) == []
    await client.send("я" * 100)
    await client.send("y")
    await client.rig.force(1, State.DELIVERED)
    assert await client.json("get", get_stat=1, start="01.01.2027") == [
        {"date": "15.01.2027", "sms": 3, "delivered": 2, "cost": "4.20", "currency": "RUR"}
    ]
    found = await client.json("get", get_price=1)
    assert [zone["api"] for zone in found["zones"]] == ["1.40"]
    assert await client.error("get", get_mega_accounts=1) == 3
    assert await client.error("get") == 1


async def test_operator(client: Client) -> None:
    pytest.importorskip("phonenumbers")
    found = await client.json("info", get_operator=1, phone="89161234567")
    assert list(found) == ["country", "operator", "region", "mcc", "mnc", "tz"]
    assert found["tz"] == 0
    listed = await client.json("info", get_operator=1, phone="79161234567,380501234567")
    assert [row["phone"] for row in listed] == ["79161234567", "380501234567"]
    assert await client.error("info", get_operator=1, phone="x") == 7
    assert await client.error("info", get_operator=1) == 1


async def test_messages_have_their_comment_and_are_found_by_it(client: Client) -> None:
    for mes in ("one\n~~~\norder 7", "two\n~~~\norder 8", "three"):
        await client.send(mes)
    found = await client.json("get", get_messages=1)
    assert [(item["message"], item["comment"]) for item in found] == [
        ("three", ""),
        ("two", "order 8"),
        ("one", "order 7"),
    ]
    assert [item["message"] for item in await client.json("get", get_messages=1, comment="order")] == ["two", "one"]
    assert [item["message"] for item in await client.json("get", get_messages=1, comment="order 7", cnt=1)] == ["one"]
    assert await client.error("get", get_messages=1, comment="order 9") == 3
