"""send.php: numbers, groups, lists, texts, kinds, prices, times and refusals, into a real store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.dialects.smsc import DIALECT
from modemgw.dialects.smsc.kinds import CANNOT
from modemgw.domain.states import State
from tests.unit.dialects.smsc_client import NO_LIMITS, Client

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]


@pytest.fixture
async def client(serve_dialect: Serve) -> Client:
    return Client(await serve_dialect(DIALECT, config=NO_LIMITS))


async def test_several_numbers_share_one_id(client: Client) -> None:
    found = await client.send(phones="79991234561;+79991234562, 8(999)123-45-63,")
    assert found == {"id": 1, "cnt": 3}
    assert [m.to for m in await client.rig.messages()] == ["+79991234561", "+79991234562", "+79991234563"]
    for phone in ("79991234561", "79991234562", "89991234563"):
        assert (await client.json("status", phone=phone, id=1))["status"] == -1
    assert (await client.json("status", phone="79991234569", id=1))["status"] == -3


async def test_an_own_id_is_kept_and_echoed(client: Client) -> None:
    assert await client.send(id="order-1.a") == {"id": "order-1.a", "cnt": 1}
    assert await client.send(id=10) == {"id": 10, "cnt": 1}
    assert await client.send(id=0) == {"id": 3, "cnt": 1}
    assert [m.extra.get("ref") for m in await client.rig.messages()] == ["order-1.a", "10", None]


@pytest.mark.parametrize("own_id", ["2147483648x!", "a b", "x" * 41, "ы"])
async def test_bad_own_ids(client: Client, own_id: str) -> None:
    assert await client.error("send", phones="79991234567", mes="x", id=own_id) == 1


async def test_a_bad_number_among_good_ones(client: Client) -> None:
    assert await client.send(phones="abc,79991234562,79991234563", err=1) == {
        "id": 1,
        "cnt": 2,
        "phones": [{"phone": "abc", "mccmnc": "", "cost": "0", "status": "22", "error": "249"}],
    }
    found = await client.send(phones="79991234562,abc", op=1, cost=1)
    assert [list(row) for row in found["phones"]] == [
        ["phone", "mccmnc", "cost"],
        ["phone", "mccmnc", "cost", "status", "error"],
    ]
    text = await client.text("send", phones="79991234562,abc", mes="x", err=1, fmt=2)
    assert "<phones>\n<phone>\n<phone>abc</phone>" in text


async def test_list(client: Client) -> None:
    rows = "79991234561,79991234562:one: a\\nb\n79991234563;two\n\n"
    assert (await client.json("send", list=rows))["cnt"] == 3
    assert [m.text for m in await client.rig.messages()] == ["one: a\nb", "one: a\nb", "two"]
    assert (await client.json("send", list="79991234561:one\nmore: yes\n79991234562:two", nl=1))["cnt"] == 2
    assert [m.text for m in await client.rig.messages()][3:] == ["one\nmore: yes", "two"]
    assert await client.error("send", list="no separator") == 1


async def test_marks_in_a_list_are_no_part_of_its_numbers(client: Client) -> None:
    row = "\u202a+7\u00a0999\u00a01234561\u202c, tel:+79991234562:at the hotel: yes"
    assert (await client.json("send", list=f"{row}\n\ufeff79991234563:two\nmore: yes", nl=1))["cnt"] == 3
    assert [(message.to, message.text) for message in await client.rig.messages()] == [
        ("+79991234561", "at the hotel: yes"),
        ("+79991234562", "at the hotel: yes"),
        ("+79991234563", "two\nmore: yes"),
    ]


async def test_a_group_of_contacts(client: Client) -> None:
    group = (await client.json("phones", add_group=1, name="Друзья"))["id"]
    for number in ("79991234561", "79991234562"):
        await client.json("phones", add=1, phone=number, grp=group)
    await client.json("phones", add=1, phone="79991234563")
    assert (await client.send(phones=f"G{group},79991234569"))["cnt"] == 3
    assert [m.to for m in await client.rig.messages()] == ["+79991234561", "+79991234562", "+79991234569"]
    assert await client.error("send", phones="G999999", mes="x") == 1


async def test_nothing_goes_to_the_blacklist(client: Client) -> None:
    await client.json("phones", add_black=1, phone="89991234561,79991234562")
    refused = await client.send(phones="+79991234561", id=7)
    assert refused == {"error": "message is denied", "error_code": 6, "id": 7}
    many = ",".join(f"7999123456{n}" for n in range(6))
    found = await client.send(phones=many, err=1)
    assert [(row["phone"], row["status"], row["error"]) for row in found["phones"]] == [
        ("79991234561", "23", "252"),
        ("79991234562", "23", "252"),
    ]
    assert (await client.json("phones", get_black=1))[0]["phone"] == "79991234561"
    await client.json("phones", del_black=1, phone="79991234561")
    assert (await client.send(phones="79991234561"))["cnt"] == 1


async def test_comment_is_kept_and_neither_sent_nor_paid(client: Client) -> None:
    assert (await client.send("text\n~~~\n" + "order 5 " * 50, id=3, sender="SHOP", cost=2))["cost"] == "1.40"
    [message] = await client.rig.messages()
    assert message.text == "text"
    assert message.extra == {"ref": "3", "sender": "SHOP", "comment": "order 5 " * 50}
    found = await client.json("status", phone="79991234567", id=3, all=1)
    assert (found["comment"], found["message"], found["sender_id"]) == ("order 5 " * 50, "text", "SHOP")


@pytest.mark.parametrize("sender", ["b", "+79990000002", "79990000002"])
async def test_a_sender_that_is_a_modem_picks_its_line(client: Client, sender: str) -> None:
    await client.send(sender=sender)
    assert (await client.rig.messages())[0].line == "b"


async def test_a_sender_that_is_none_is_denied(client: Client) -> None:
    assert (await client.send(sender="Магазин", id=5)) == {"error": "message is denied", "error_code": 6, "id": 5}
    await client.send(sender=".")
    assert (await client.rig.messages())[0].extra == {}


@pytest.mark.parametrize("kind", [*CANNOT, "hlr", "prefix"])
async def test_what_a_sim_cannot_do_is_error_8(client: Client, kind: str) -> None:
    more: dict[str, Any] = {"mes": "__CALL__: x"} if kind == "prefix" else {kind: "1", "mes": "x"}
    found = await client.json("send", phones="79991234567", id=5, **more)
    assert found == {"error": "can't to deliver", "error_code": 8, "id": 5}
    url = f"/sys/send.php?{client.login}&phones=79991234567&mes=x&call=1"
    async with client.rig.http.get(url) as response:
        assert response.headers["X-Modemgw-Reason"] == "A call message cannot leave through a SIM card."


async def test_ping_and_hlr_are_silent_messages(serve_dialect: Serve) -> None:
    client = Client(await serve_dialect(DIALECT, config=NO_LIMITS, account='[account.smsc]\nhlr = "ping"'))
    assert (await client.send("", ping=1))["cnt"] == 1
    assert (await client.send("", hlr=1))["cnt"] == 1
    assert [(m.text, m.report, m.extra) for m in await client.rig.messages()] == [
        ("", True, {"type": 5}),
        ("", True, {"type": 4}),
    ]


async def test_push_takes_as_many_parts_as_it_needs(client: Client) -> None:
    assert (await client.send("http://mysite.ru\nmysite", push=1))["cnt"] == 1
    assert (await client.send("http://mysite.ru\n" + "я" * 100, push=1, cost=1))["cnt"] == 2
    assert await client.error("send", phones="79991234567", mes="no address", push=1) == 1
    shown = await client.json("status", phone="79991234567", id=1, all=1)
    assert (shown["message"], shown["type"]) == ("http://mysite.ru\nmysite", 3)


async def test_binary(client: Client) -> None:
    await client.send("0605040B8423F0DEAD\n~~~\npid: 1F, dcs: F5", bin=2)
    await client.send("00DEAD", bin=2)
    async with client.rig.http.get(f"/sys/send.php?{client.login}&phones=79991234567&bin=1&mes=%00%DE%AD") as response:
        assert (await response.text()).startswith("OK")
    assert [m.data for m in await client.rig.messages()] == [b"\xde\xad"] * 3
    for mes in ("", "zz", "05"):
        assert await client.error("send", phones="79991234567", mes=mes, bin=2) == 1


async def test_valid_time_and_flash(client: Client) -> None:
    await client.send(flash=1, valid="01:30", time="01.02.27 03:04", tz=1)
    [message] = await client.rig.messages()
    assert (message.flash, message.send_at) == (
        True,
        int(datetime.fromisoformat("2027-02-01T03:04:00+04:00").timestamp()) * 1000,
    )
    assert message.expires_at is not None
    assert message.send_at is not None
    assert message.expires_at - message.send_at == 5_400_000
    assert await client.error("send", phones="79991234567", mes="x", time="soon") == 5
    assert await client.error("send", phones="79991234567", mes="x", valid="25") == 1


async def test_a_bulk_is_spread_over_time(client: Client) -> None:
    many = ",".join(f"7999123456{n}" for n in range(4))
    await client.send(phones=many, period="1", freq="30")
    now = client.rig.now
    assert [m.send_at for m in await client.rig.messages()] == [None, None, now + 1_800_000, now + 1_800_000]
    assert await client.error("send", phones="79991234567", mes="x", period="721") == 1


async def test_prices_by_prefix_and_the_new_balance(serve_dialect: Serve) -> None:
    account = 'balance_mode = "countdown"\n[[account.prices]]\nprefix = "7"\nprice = "2.00"\n'
    account += '[[account.prices]]\nprefix = "7999"\nprice = "0.50"\n'
    client = Client(await serve_dialect(DIALECT, config=NO_LIMITS, account=account))
    assert await client.send("я" * 71, phones="79161234567,79991234567,380501234567", cost=1) == {
        "cost": "7.80",
        "cnt": 6,
    }
    found = await client.send("я" * 71, phones="79161234567,79991234567", cost=3)
    assert found == {"id": 1, "cnt": 4, "cost": "5.00", "balance": "95.50"}
    assert (await client.json("status", phone="79161234567", id=1, all=1))["cost"] == "4.00"
    assert (await client.send(phones=",".join(f"7916{n:07d}" for n in range(48)), cost=1))["cost"] == "96.00"
    many = ",".join(f"7916{n:07d}" for n in range(48))
    assert await client.send(id=275, phones=many, err=1) == {"error": "no money", "error_code": 3, "id": 275}
    assert len(await client.rig.messages()) == 2


async def test_temporarily_unavailable_is_the_error_that_means_later(client: Client) -> None:
    client.rig.core.closing = True
    for phones in ("79991234567", "79991234567,79991234568"):
        assert await client.send(phones=phones) == {
            "error": "temporarily unavailable, wait a minute",
            "error_code": 9,
        }


async def test_a_number_that_was_refused_among_others_has_its_status_ever_after(client: Client) -> None:
    assert (await client.send(phones="79161234567,12ab,79161234568"))["cnt"] == 2
    found = await client.json("status", phone="12ab", id=1)
    assert (found["status"], found["err"]) == (22, 249)
    found = await client.json("status", phone="12ab", id=1, all=1)
    assert (found["status_name"], found["phone"], found["cost"]) == ("Неверный номер", "12ab", "0.00")
    assert (await client.json("status", phone="79161234568", id=1))["status"] == -1
    assert (await client.json("status", phone="79161234569", id=1))["status"] == -3
    assert (await client.json("status", phone="12ab", id=2))["status"] == -3
    # under an id of the client's own, and not to be deleted: nothing of it was stored
    await client.send(id="order-7", phones="34cd,79161234567")
    assert (await client.json("status", phone="34cd", id="order-7"))["status"] == 22
    assert (await client.json("status", phone="34cd,79161234567", id="order-7", **{"del": 1}))["error_code"] == 5
    assert [message.state for message in await client.rig.messages()] == [State.QUEUED, State.QUEUED, State.CANCELLED]
