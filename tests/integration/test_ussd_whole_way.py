"""USSD and balances as a user meets them: HTTP, the command line, a real gateway, simulated modems and network."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from modemsim.personality import load, names
from modemsim.traits import Ussd
from tests.rig import API_KEY, Rig, running, until

Json = dict[str, Any]

MODEMGW = str(Path(sys.executable).with_name("modemgw"))
USSD = "ussd = true\n"
READER = '[[account]]\nlogin = "reader"\npassword = "secret"\napi_key = "key-of-reader"\n'


async def ussd(rig: Rig, code: str, name: str = "m0", **more: Any) -> Json:
    status, body = await rig.call("POST", f"/v1/modems/{name}/ussd", {"code": code, **more})
    assert status == 200, body
    return dict(body)


async def answer(rig: Rig, text: str) -> Json:
    status, body = await rig.call("POST", "/v1/modems/m0/ussd", {"answer": text})
    assert status == 200, body
    return dict(body)


async def events(rig: Rig, kind: str, count: int = 1) -> list[Json]:
    async def look() -> list[Json] | None:
        found = [e for e in (await rig.get("/v1/events?limit=1000"))["items"] if e["kind"] == kind]
        return found if len(found) >= count else None

    return await until(look, 15, lambda: f"{count} events {kind}")


async def cli(rig: Rig, *arguments: str, key: str = API_KEY) -> tuple[int, str, str]:
    """Status, output and complaints of the command in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        MODEMGW,
        *arguments,
        "--url",
        rig.runtime.url,
        "--api-key",
        key,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


# ---------------------------------------------------------------- every family of modems


def kinds_of_habits() -> list[str]:
    """One personality for each way in which USSD goes in and out, calls and refusals aside."""
    found: dict[object, str] = {}
    for name in names():
        personality = load(name)
        found.setdefault((personality.ussd, "+CUSD" in personality.refuse), name)
    return sorted(found.values())


@pytest.mark.parametrize("personality", kinds_of_habits())
async def test_every_family_is_understood_and_remembered(tmp_path: Path, personality: str) -> None:
    async with running(tmp_path, config=USSD, personality=personality) as rig:
        if "+CUSD" in load(personality).refuse or load(personality).ussd.error:
            status, problem = await rig.call("POST", "/v1/modems/m0/ussd", {"code": "*100#"})
            assert (status, "Nothing was done" in problem["detail"]) == (424, True)
            return
        await whole_conversation(rig)
        learned = json.loads((tmp_path / "modemgw.db.learned.json").read_text())
        (device,) = learned["devices"].values()
        assert device["values"]["ussd"] in ("plain", "packed", "ucs2", "gsm", "bare")
        accepted = await rig.submit("+79161234567", "after all that")
        await rig.until_state(accepted["id"], "sent", "delivered")


async def whole_conversation(rig: Rig) -> None:
    said = await ussd(rig, "*100#", timeout_s=60)
    assert (said["status"], said["text"], said["open"]) == ("done", "Balance: 123.45 RUB", False)
    assert (await ussd(rig, "*101#", timeout_s=60))["text"] == "Баланс: 123.45 руб."
    menu = await ussd(rig, "*106#", timeout_s=60)
    assert menu["open"]
    assert menu["text"] == "1 Баланс\n2 Услуги\n0 Выход"
    assert (await answer(rig, "1"))["text"] == "Ваш баланс 123.45 руб."


HABITS = {
    "packed in, UCS-2 out": Ussd(takes=("packed",), gives="ucs2"),
    "UCS-2 in, packed out": Ussd(takes=("ucs2",), gives="packed"),
    "UCS-2 in and out, before OK": Ussd(takes=("ucs2",), gives="ucs2", when="before"),
    "hex out": Ussd(gives="hex"),
    "no dcs": Ussd(takes=("packed",), gives="packed", dcs=False),
    "no quotes": Ussd(takes=("packed",), gives="packed", quotes=False),
    "neither": Ussd(gives="ucs2", dcs=False, quotes=False),
    "no dcs in the request": Ussd(takes_dcs=False),
    "only in the GSM alphabet": Ussd(charset="GSM"),
    "every code unknown is a 2": Ussd(unknown=2),
    "a cancel is told": Ussd(cancel="+CUSD: 2"),
}


@pytest.mark.parametrize("habits", HABITS)
async def test_habits_that_no_profile_knows(tmp_path: Path, habits: str) -> None:
    async with running(tmp_path, config=USSD) as rig:
        modem = rig.sim.modems[0].modem
        modem.personality = replace(modem.personality, ussd=HABITS[habits])
        await whole_conversation(rig)


# ---------------------------------------------------------------- dialogues


async def test_a_menu_is_walked_left_and_told(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD) as rig:
        assert (await ussd(rig, "*106#"))["open"]
        status, problem = await rig.call("POST", "/v1/modems/m0/ussd", {"code": "*100#"})
        assert (status, "open" in problem["detail"]) == (409, True)
        assert (await answer(rig, "2"))["text"] == "1 Подключить\n0 Назад"
        assert (await answer(rig, "0"))["open"]
        status, body = await rig.call("DELETE", "/v1/modems/m0/ussd")
        assert (status, body["status"], body["open"]) == (200, "cancelled", False)
        assert (await rig.call("DELETE", "/v1/modems/m0/ussd"))[0] == 409
        assert (await rig.call("POST", "/v1/modems/m0/ussd", {"answer": "1"}))[0] == 409
        assert (await ussd(rig, "*100#"))["text"] == "Balance: 123.45 RUB"
        told = [event["data"] for event in await events(rig, "line.ussd", 5)]
        assert told[0] == {
            "modem": "m0",
            "state": "open",
            "text": "1 Баланс\n2 Услуги\n0 Выход",
            "coding": "ucs2",
            "by": "shop",
            "code": "*106#",
        }
        assert [event["state"] for event in told] == ["open", "open", "open", "cancelled", "done"]


async def test_what_the_network_does_not_say(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD) as rig:
        assert (await ussd(rig, "*999#"))["status"] == "not_supported"
        assert (await ussd(rig, "*107#"))["status"] == "timeout"
        status, problem = await rig.call("POST", "/v1/modems/m0/ussd", {"code": "*108#", "timeout_s": 1})
        assert (status, problem["type"]) == (504, "/docs#no_answer")
        assert (await ussd(rig, "*100#"))["text"] == "Balance: 123.45 RUB"
        assert [e["data"]["state"] for e in await events(rig, "line.ussd", 4)] == [
            "not_supported",
            "timeout",
            "no_answer",
            "done",
        ]


async def test_a_code_that_was_taken_is_never_sent_twice(tmp_path: Path) -> None:
    """It may cost money: no other coding is tried once the network has it."""
    async with running(tmp_path, config=USSD) as rig:
        modem = rig.sim.modems[0].modem
        modem.sim.ussd["*777#"] = "!2"  # done, with no more than "terminated"
        said: list[str] = []
        for port in modem.ports:
            feed = port.feed
            port.feed = lambda data, feed=feed: (said.append(data.decode()), feed(data))[1]  # type: ignore[method-assign]
        assert (await ussd(rig, "*777#"))["status"] == "terminated"
        assert "".join(said).count("AT+CUSD=1") == 1


async def test_messages_go_out_while_the_network_thinks(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD) as rig:
        asked = asyncio.create_task(rig.call("POST", "/v1/modems/m0/ussd", {"code": "*108#", "timeout_s": 30}))
        try:
            accepted = await rig.submit("+79161234567", "meanwhile")
            await rig.until_state(accepted["id"], "sent", "delivered")
            assert not asked.done()
            status, problem = await rig.call("POST", "/v1/modems/m0/ussd", {"code": "*100#"})
            assert (status, "under way" in problem["detail"]) == (409, True)
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)


async def test_what_the_network_says_unasked_is_an_event_and_can_be_answered(tmp_path: Path) -> None:
    from modemsim.ussd import pushed

    async with running(tmp_path, config=USSD) as rig:
        modem = rig.sim.modems[0].modem
        modem.sim.ussd["push/1"] = "Спасибо"
        pushed(modem, "Ваш долг погашен")
        rig.sim.pump()
        (event,) = await events(rig, "line.ussd")
        assert event["data"] == {
            "modem": "m0",
            "state": "done",
            "text": "Ваш долг погашен",
            "coding": "ucs2",
            "unasked": True,
        }
        assert event["modem"] == "m0"
        pushed(modem, "Agree? 1 Yes", reply=True)
        rig.sim.pump()
        await events(rig, "line.ussd", 2)
        assert (await answer(rig, "1"))["text"] == "Спасибо"


async def test_only_accounts_with_the_right_may_spend_money(tmp_path: Path) -> None:
    async with (
        running(tmp_path, config=USSD + READER) as rig,
        aiohttp.ClientSession(headers={"Authorization": "Bearer key-of-reader"}) as http,
        http.post(f"{rig.runtime.url}/v1/modems/m0/ussd", json={"code": "*100#"}) as response,
    ):
        problem = await response.json(content_type=None)
        assert response.status == 403
        assert "set `ussd = true`" in problem["detail"]


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("nobody", {"code": "*100#"}, 404),
        ("m0", {"code": "call me"}, 422),
        ("m0", {"code": "+7"}, 422),
        ("m0", {}, 422),
        ("m0", {"code": "*100#", "answer": "1"}, 422),
        ("m0", {"code": "*100#", "timeout_s": 500}, 422),
    ],
)
async def test_what_cannot_be_asked(tmp_path: Path, name: str, body: Json, status: int) -> None:
    async with running(tmp_path, config=USSD) as rig:
        assert (await rig.call("POST", f"/v1/modems/{name}/ussd", body))[0] == status


async def test_a_modem_that_is_gone_is_a_conflict_and_ends_the_waiting(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD) as rig:
        asked = asyncio.create_task(rig.call("POST", "/v1/modems/m0/ussd", {"code": "*108#", "timeout_s": 60}))
        modem = rig.sim.modems[0].modem

        async def under_way() -> bool:
            status, _ = await rig.call("POST", "/v1/modems/m0/ussd", {"answer": "1"})
            return status == 409 and bool(modem.bytes_in)

        await until(under_way, 5, lambda: "the request under way")
        rig.sim.unplug(0)
        status, problem = await asked
        assert (status, "lost" in problem["detail"]) == (504, True)

        async def absent() -> bool:
            return (await rig.get("/v1/modems"))["items"][0]["state"] != "ready"

        await until(absent, 10, lambda: "the modem absent")
        assert (await rig.call("POST", "/v1/modems/m0/ussd", {"code": "*100#"}))[0] == 409


# ---------------------------------------------------------------- the command line


async def test_the_command_line(tmp_path: Path) -> None:
    async with running(tmp_path, config=USSD + READER) as rig:
        status, out, err = await cli(rig, "ussd", "m0", "*105#")
        assert (status, out) == (0, "1 Balance\n2 Own number\n")
        assert "--answer" in err
        assert (await cli(rig, "ussd", "m0", "--answer", "2"))[1] == f"Your number is {rig.sim.modems[0].number}\n"
        status, out, _ = await cli(rig, "ussd", "m0", "*101#", "--json")
        assert json.loads(out)["text"] == "Баланс: 123.45 руб."
        assert (await cli(rig, "ussd", "m0", "*999#"))[0] == 1
        assert (await cli(rig, "ussd", "m0", "*108#", "--timeout", "1"))[0] == 6
        assert (await cli(rig, "ussd", "m0", "*105#"))[0] == 0
        assert (await cli(rig, "ussd", "m0", "--cancel"))[0] == 0
        assert (await cli(rig, "ussd", "nobody", "*100#"))[0] == 4
        assert (await cli(rig, "ussd", "m0", "*100#", key="key-of-reader"))[0] == 5
        assert (await cli(rig, "ussd", "m0"))[0] == 2
