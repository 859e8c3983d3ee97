"""templates.php, phones.php, senders.php, jobs.php and the rest of the inventory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from modemgw.dialects.smsc import DIALECT
from modemgw.dialects.smsc.jobs import MAX_MESSAGES, occurrence
from modemgw.domain.refusal import StoreUnavailable
from modemgw.domain.states import State
from tests.unit.dialects.smsc_client import NO_LIMITS, Client

if TYPE_CHECKING:
    from tests.dialect_rig import DialectRig

Serve = Callable[..., "Awaitable[DialectRig]"]
OK = {"result": "OK"}


@pytest.fixture
async def client(serve_dialect: Serve) -> Client:
    return Client(await serve_dialect(DIALECT, config=NO_LIMITS))


async def test_templates(client: Client) -> None:
    assert await client.error("templates", get=1) == 3
    made = await client.json("templates", add=1, name="Имя", msg="Текст", format="sms")
    assert list(made) == ["id"]
    assert await client.json("templates", get=1) == [
        {"id": made["id"], "format": "sms", "message": "Текст", "name": "Имя", "sender": "", "flag": 0}
    ]
    assert await client.json("templates", chg=1, id=made["id"], msg="Другой") == OK
    assert (await client.json("templates", get=1))[0]["message"] == "Другой"
    for operation in ({"chg": 1, "msg": "x"}, {"del": 1}):
        assert await client.error("templates", id=100500, **operation) == 3
    assert await client.error("templates", add=1, name="x") == 1
    assert await client.error("templates", add=1, msg="x", format="pigeon") == 1
    assert await client.text("templates", id=made["id"], **{"del": 1}) == "OK"
    assert await client.error("templates", get=1) == 3
    assert (await client.text("templates", add=1, msg="x")).startswith("ID = ")


async def test_templates_are_each_account_s_own(client: Client) -> None:
    await client.json("templates", add=1, msg="x")
    other = Client(client.rig, "apikey=key-of-other")
    assert await other.error("templates", get=1) == 3


async def test_contacts_as_smsc_java_keeps_them(client: Client) -> None:
    assert await client.error("phones", get=1) == 3
    data: dict[str, Any] = {
        "name": "Java-phone",
        "fnm": "first",
        "mnm": "middle",
        "lnm": "last",
        "bd": "17.07.1983",
        "cmt": "note",
        "tags": "a, b",
        "pho": "77014541882,79050533678",
        "myid": 100500,
    }
    assert (await client.json("phones", add=1, phone="79050533578", **data))["id"]
    [found] = await client.json("phones", get=1)
    # its mapper refuses names that it does not know
    assert found == {
        "id": 100500,
        "name": "Java-phone",
        "phone": "79050533578",
        "group": "0",
        "first_name": "first",
        "last_name": "last",
        "middle_name": "middle",
        "birthday": "17.07.1983",
        "comments": "note",
        "tags": "a, b",
        "phone_other": "77014541882,79050533678",
    }
    assert await client.json("phones", chg=1, phone="79050533578", name="B", cmt="") == OK
    assert await client.json("phones", chg=1, phone="79050533578", new_phone="89050533678") == OK
    [found] = await client.json("phones", get=1, fio="LAST")
    assert (found["id"], found["phone"], found["name"], found["comments"]) == (100500, "79050533678", "B", "")
    for nobody in ({"phone": "79050533578"}, {"fio": "x"}, {"search": "x1x"}, {"grp": 5}):
        assert await client.error("phones", get=1, **nobody) == 3
    assert len(await client.json("phones", get=1, search="a, B")) == 1
    assert await client.json("phones", phone="79050533678", **{"del": 1}) == OK
    assert await client.error("phones", phone="79050533678", **{"del": 1}) == 3


async def test_groups(client: Client) -> None:
    assert await client.error("phones", get_group=1) == 3
    one, two = [(await client.json("phones", add_group=1, name=name, num="17"))["id"] for name in ("One", "Two")]
    assert (await client.json("phones", get_group=1))[0] == {"id": one, "name": "One", "number": "17", "cnt": "0"}
    assert await client.json("phones", chg_group=1, grp=one, name="Uno") == OK
    await client.json("phones", add=1, phone="79991234561")

    async def groups() -> str:
        return str((await client.json("phones", get=1, phone="79991234561"))[0]["group"])

    for mode, group, expected in ((2, one, f"{one}"), (2, two, f"{one},{two}"), (3, one, f"{two}"), (1, one, f"{one}")):
        assert await client.json("phones", move_group=mode, grp=group, phone="79991234561") == OK
        assert await groups() == expected
    assert [group["cnt"] for group in await client.json("phones", get_group=1)] == ["1", "0"]
    assert await client.json("phones", del_group=1, grp=one) == OK
    assert await groups() == "0"
    assert await client.error("phones", del_group=1, grp=one) == 3
    assert await client.error("phones", move_group=2, grp=one, phone="79991234561") == 3
    assert await client.error("phones", move_group=2, grp=two, phone="70000000000") == 3
    assert await client.error("phones", add_group=1) == 1


async def test_senders(client: Client) -> None:
    made = await client.json("senders", add=1, sender="SHOP", cmt="ours")
    assert [row["name"] for row in await client.json("senders", get=1)] == ["79990000001", "79990000002", "SHOP"]
    assert await client.json("senders", chg=1, id=made["id"], cmt="x") == OK
    assert await client.json("senders", send_code=1, sender="79990000001") == OK
    assert await client.error("senders", send_code=1, sender="79991111111") == 5
    assert await client.json("senders", sender="SHOP", **{"del": 1}) == OK
    assert await client.error("senders", sender="SHOP", **{"del": 1}) == 3


async def test_a_job_at_once_and_one_cancelled(client: Client) -> None:
    now = await client.json("jobs", add=1, phones="79991234561,79991234562", mes="x", name="Рассылка")
    assert now["cnt"] == 2
    assert len(await client.rig.messages()) == 2
    assert (await client.json("status", phone="79991234561", id=now["id"]))["status"] == -1
    later = await client.json("jobs", add=1, phones="79991234561", mes="y", time="+60", name="Later")
    assert await client.json("jobs", cancel=1, id=later["id"]) == OK
    assert [m.state for m in await client.rig.messages()][2:] == [State.CANCELLED]
    assert await client.error("jobs", cancel=1, id=later["id"]) == 5
    found = await client.json("jobs", get_all=1)
    assert [(job["id"], job["name"], job["status"]) for job in found] == [
        (now["id"], "Рассылка", -1),
        (later["id"], "Later", -2),
    ]
    assert (await client.json("jobs", get=1, id=now["id"]))["cnt"] == 2
    assert await client.json("jobs", id=now["id"], **{"del": 1}) == OK
    for operation in ("del", "cancel", "get"):
        assert await client.error("jobs", **{operation: 1, "id": now["id"]}) == 3
    assert await client.error("jobs", get_all=1, end="01.01.2020") == 3
    assert await client.error("jobs", add=1, phones="x", mes="x") == 7


async def test_a_job_from_a_template(client: Client) -> None:
    template = await client.json("templates", add=1, msg="Из шаблона", sender="SHOP")
    await client.json("jobs", add=1, phones="79991234561", tpl=template["id"], charset="koi8-r")
    [message] = await client.rig.messages()
    assert (message.text, message.extra["sender"]) == ("Из шаблона", "SHOP")


async def test_a_repeated_job_is_laid_out_and_ends(client: Client) -> None:
    start = client.rig.now
    made = await client.json("jobs", add=1, phones="79991234561,79991234562", mes="x", rpt=2, rptn=3, time="+60")
    times = [m.send_at for m in await client.rig.messages()]
    day = 86_400_000
    assert times == [start + 3_600_000 + n * day for n in range(4) for _ in range(2)]
    assert {m.extra["ref"] for m in await client.rig.messages()} == {str(made["id"])}
    assert await client.json("jobs", cancel=1, id=made["id"]) == OK
    assert {m.state for m in await client.rig.messages()} == {State.CANCELLED}


async def test_an_endless_job_goes_on_at_every_look(client: Client) -> None:
    made = await client.json("jobs", add=1, phones="79991234561", mes="x", rpt=5)
    laid = len(await client.rig.messages())
    assert laid == 12  # the first at once and eleven months
    client.rig.advance(100 * 86_400)
    assert (await client.json("jobs", get=1, id=made["id"]))["status"] == -1
    assert len(await client.rig.messages()) == laid + 4
    assert laid < MAX_MESSAGES


@pytest.mark.parametrize(
    ("rpt", "n", "expected"),
    [
        (1, 2, "2027-01-31T14:00:00"),
        (2, 1, "2027-02-01T12:00:00"),
        (3, 1, "2027-02-07T12:00:00"),
        (4, 1, "2027-02-14T12:00:00"),
        (5, 1, "2027-02-28T12:00:00"),
        (5, 13, "2028-02-29T12:00:00"),
        (6, 1, "2027-04-30T12:00:00"),
        (7, 1, "2028-01-31T12:00:00"),
    ],
)
def test_occurrences(rpt: int, n: int, expected: str) -> None:
    first = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()) * 1000 + 7
    wanted = int(datetime.fromisoformat(expected + "+00:00").timestamp()) * 1000 + 7
    assert occurrence(first, rpt, n) == wanted


async def test_the_rest_of_the_inventory(client: Client) -> None:
    assert await client.json("receive_phones", get=1) == [
        {"phone": "79990000001", "name": "a", "operator": "MTS RUS", "cost": "0"},
        {"phone": "79990000002", "name": "b", "operator": "MTS RUS", "cost": "0"},
    ]
    for command, parameter, code in (
        ("receive_phones", "buy", 5),
        ("users", "get", 3),
        ("users", "add", 5),
        ("tinyurls", "get", 3),
        ("documents", "get", 3),
        ("op_templates", "add", 5),
        ("ping", "get", 3),
        ("wait_call", "phone", 8),
        ("get_mnp", "x", 3),
        ("hlr_everything", "x", 1),
    ):
        assert await client.error(command, **{parameter: 1}) == code, command


async def test_a_mailing_whose_messages_are_stored_is_one_though_the_store_failed_after_them(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts, repository = [], client.rig.repository
    put = repository.put_record

    def once(*args: Any) -> Any:
        puts.append(args)
        if len(puts) == 2:
            raise StoreUnavailable("The disk is full.")
        return put(*args)

    monkeypatch.setattr(repository, "put_record", once)
    made = await client.json("jobs", add=1, phones="79161234567,79161234568", mes="x", id="own")
    assert (made["cnt"], len(puts)) == (2, 2)
    assert len(await client.rig.messages()) == 2
    found = await client.json("jobs", get=1, id=made["id"])
    assert (found["cnt"], found["status"]) == (2, -1)
    assert len(await client.rig.messages()) == 2
    await client.text("jobs", cancel=1, id=made["id"])
    assert {message.state for message in await client.rig.messages()} == {State.CANCELLED}


async def test_a_mailing_that_was_refused_is_none_though_it_could_not_be_removed(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **more: Any) -> Any:
        raise StoreUnavailable("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(type(client.rig.repository), "accept_all", full)
        assert await client.error("jobs", add=1, phones="79161234567,79161234568", mes="x") == 9
    assert await client.error("jobs", get_all=1) == 3
    assert await client.error("jobs", get=1, id=1) == 3
    assert await client.rig.messages() == []
