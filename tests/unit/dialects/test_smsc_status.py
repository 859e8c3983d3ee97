"""status.php: every state, format and detail; lists; deleting; HLR columns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.dialects.smsc import DIALECT
from modemgw.domain.states import State
from tests.unit.dialects.smsc_client import NO_LIMITS, Client

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]
ASK: dict[str, Any] = {"phone": "79991234567", "id": 10}


@pytest.fixture
async def client(serve_dialect: Serve) -> Client:
    return Client(await serve_dialect(DIALECT, config=NO_LIMITS, account='[account.smsc]\nhlr = "ping"'))


async def test_every_format(client: Client) -> None:
    await client.send("Привет, мир", id=10, sender="A,B")
    await client.rig.force(1, State.DELIVERED)
    at = client.rig.now // 1000
    assert await client.text("status", fmt=3, **ASK) == (
        f'{{\n"status": 1,\n"last_date": "15.01.2027 11:00:00",\n"last_timestamp": {at}\n}}'
    )
    assert await client.text("status", **ASK) == "Status = 1, check_time = 15.01.2027 11:00:00"
    assert await client.text("status", fmt=1, **ASK) == f"1,{at},0"
    assert await client.text("status", fmt=1, all=1, **ASK) == (
        f"1,{at},0,{at},79991234567,1.40,A B,Доставлено,Привет, мир"
    )
    assert await client.text("status", all=1, **ASK) == (
        "Status = 1, check_time = 15.01.2027 11:00:00, send_date = 15.01.2027 11:00:00, phone = 79991234567, "
        "cost = 1.40, sender_id = A,B, status_name = Доставлено, message = Привет, мир, type = 0"
    )
    assert await client.text("status", fmt=2, **ASK) == (
        f"<sms>\n<status>1</status>\n<last_date>15.01.2027 11:00:00</last_date>\n"
        f"<last_timestamp>{at}</last_timestamp>\n</sms>"
    )
    assert "<message>Привет, мир</message>" in await client.text("status", fmt=2, all=1, **ASK)


async def test_everything_about_a_message(client: Client) -> None:
    await client.send("x", id=10)
    found = await client.json("status", all=2, **ASK)
    assert list(found) == [
        "status",
        "last_date",
        "last_timestamp",
        "send_date",
        "send_timestamp",
        "phone",
        "cost",
        "sender_id",
        "status_name",
        "message",
        "type",
        "sms_cnt",
        "mccmnc",
        "country",
        "operator",
        "region",
    ]
    # the columns of all=2 in fmt 1: twelve, the text last
    columns = (await client.text("status", fmt=1, all=2, **ASK)).split(",", 11)
    assert (columns[4], columns[5], columns[9], columns[10], columns[11]) == (
        "79991234567",
        "1.40",
        "",
        "Ожидает отправки",
        "x",
    )


async def test_lists(client: Client) -> None:
    await client.send("a, b", id=10)
    at = client.rig.now // 1000
    listed: dict[str, Any] = {"phone": "79991234567,79991234567", "id": "10,11"}
    assert await client.text("status", fmt=1, **listed) == f"-1,{at},0,10,79991234567\n-3,0,0,11,79991234567"
    assert await client.text("status", fmt=1, all=1, phone="79991234567,", id="10,") == (
        f"-1,{at},0,{at},79991234567,1.40,,Ожидает отправки,a, b,10"
    )
    found = await client.json("status", **listed)
    assert [list(item)[-2:] for item in found] == [["id", "phone"]] * 2
    assert [item["id"] for item in found] == [10, 11]
    # smsc-java takes no list that begins otherwise
    assert (await client.text("status", fmt=3, phone="89991234567,", id="10,")).startswith("[{\n")
    assert (await client.text("status", fmt=2, **listed)).startswith("<list>\n<sms>\n<status>-1</status>")
    assert await client.error("status", phone="1,2", id="1,2,3") == 1
    assert await client.error("status", phone="1", id=",".join(map(str, range(501)))) == 1
    assert len(await client.json("status", phone="79991234567", id="1,2,3")) == 3


async def test_the_newest_message_with_an_own_id_counts(client: Client) -> None:
    await client.send("a", id="order")
    await client.send("b", id="order")
    await client.rig.force(2, State.DELIVERED)
    assert (await client.json("status", phone="79991234567", id="order"))["status"] == 1


@pytest.mark.parametrize(
    ("state", "how", "expected"),
    [
        (State.QUEUED, {}, (-1, None)),
        (State.SENDING, {}, (-1, None)),
        (State.SENT, {}, (0, None)),
        (State.UNKNOWN, {}, (0, 245)),
        (State.DELIVERED, {}, (1, None)),
        (State.EXPIRED, {}, (3, None)),
        (State.EXPIRED, {"st": 0x46}, (3, None)),
        (State.UNDELIVERABLE, {"st": 0x43}, (20, 6)),
        (State.UNDELIVERABLE, {"st": 0x51}, (20, 255)),
        (State.REJECTED, {"cms": 1}, (22, 1)),
        (State.REJECTED, {"cms": 500}, (20, 255)),
        (State.REJECTED, {"cms": 310}, (20, 248)),
        (State.REJECTED, {"cms": 38}, (25, 248)),
        (State.CANCELLED, {}, (-2, None)),
    ],
)
async def test_states(client: Client, state: State, how: dict[str, int], expected: tuple[int, int | None]) -> None:
    await client.send(id=10)
    await client.rig.force(1, state, **how)
    found = await client.json("status", **ASK)
    assert (found["status"], found.get("err")) == expected
    text = await client.text("status", **ASK)
    assert text.endswith(f", err = {expected[1]}") == (expected[1] is not None)


async def test_hlr_and_ping(client: Client) -> None:
    await client.send("", hlr=1, id=10)
    await client.rig.force(1, State.DELIVERED)
    at = client.rig.now // 1000
    found = await client.json("status", all=1, **ASK)
    names = ["imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet"]
    assert list(found)[3:11] == names
    assert [found[name] for name in names] == [""] * 8
    assert (found["status"], found["type"]) == (1, 4)
    columns = (await client.text("status", fmt=1, all=1, **ASK)).split(",")
    assert columns[:3] == ["1", str(at), "0"]
    # official PHP library: column 14 with all=1 and 17 with all=2 say that it is an HLR query
    assert columns[14] == "HLR"
    assert (await client.text("status", fmt=1, all=2, **ASK)).split(",")[17] == "HLR"
    await client.send("", ping=1, id=11)
    await client.rig.force(2, State.UNDELIVERABLE, st=0x43)
    found = await client.json("status", phone="79991234567", id=11, all=1)
    assert (found["status"], found["err"], found["type"], "imsi" in found) == (20, 6, 5, False)


async def test_deleting(client: Client) -> None:
    await client.send(id=10)
    await client.send("y", id=11, time="+60")
    await client.rig.force(1, State.DELIVERED)
    assert await client.json("status", **{"del": 1}, **ASK) == {"result": "OK"}
    assert (await client.json("status", **ASK))["status"] == -3
    assert await client.json("status", **{"del": 1}, **ASK) == {"error": "cannot delete", "error_code": 5}
    assert await client.text("status", phone="79991234567", id=11, **{"del": 1}) == "OK"
    assert [m.state for m in await client.rig.messages()] == [State.DELIVERED, State.CANCELLED]


@pytest.mark.parametrize("detail", [1, 2])
async def test_what_is_not_found_has_the_name_of_its_status_where_all_was_asked(client: Client, detail: int) -> None:
    name = "Сообщение не найдено"
    ask = {"phone": "79991234567", "id": 999, "all": detail}
    assert await client.json("status", **ask) == {"status": -3, "status_name": name}
    assert await client.text("status", **ask) == f"Status = -3, status_name = {name}"
    (row,) = await client.json("status", phone="79991234567,", id="999,", all=detail)
    assert (row["status_name"], row["id"]) == (name, 999)
