"""The main job, from the API to the air and back, on simulated modems."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.rig import running

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 3
TEXTS = {
    "one part": "Hello, world!",
    "russian": "Привет, мир!",
    "emoji": "ok 👍🏽 👨‍👩‍👧‍👦",
    "three parts of UCS-2": RUSSIAN,
    "four parts of GSM-7": "The quick brown fox jumps over the lazy dog 0123456789. " * 10,
    "extension characters on the borders": "x" * 152 + "€" + "y" * 151 + "[" + "z" * 20,
}


@pytest.mark.parametrize("name", TEXTS)
async def test_a_text_goes_out_comes_in_and_its_report_comes_back(tmp_path: Path, name: str) -> None:
    text = TEXTS[name]
    async with running(tmp_path, modems=2) as rig:
        accepted = await rig.submit(rig.sim.modems[1].number, text, modem="m0")
        message = await rig.until_state(accepted["id"], "delivered")
        assert all(part["state"] == "delivered" for part in message["parts"])
        assert {part["modem"] for part in message["parts"]} == {"m0"}
        (incoming,) = await rig.inbox(1)
        assert incoming["text"] == text
        assert incoming["complete"] is True
        assert incoming["from"] == rig.sim.modems[0].number
        assert incoming["modem"] == "m1"
        assert len(incoming["pdus"]) == accepted["parts"]


async def test_flash_is_class_0(tmp_path: Path) -> None:
    async with running(tmp_path, modems=2) as rig:
        accepted = await rig.submit(rig.sim.modems[1].number, "Look here", flash=True, modem="m0")
        await rig.until_state(accepted["id"], "delivered")
        (incoming,) = await rig.inbox(1)
        assert incoming["kind"] == "flash"
        assert incoming["text"] == "Look here"


async def test_the_same_client_ref_is_one_message(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        body = {"to": "+79161234567", "text": "once", "client_ref": "order-17"}
        first = await rig.call("POST", "/v1/messages", body)
        second = await rig.call("POST", "/v1/messages", body)
        assert (first[0], second[0]) == (202, 200)
        assert first[1]["id"] == second[1]["id"]
        await rig.until_state(first[1]["id"], "delivered")
        assert rig.sim.network.far.texts() == ["once"]
        again = await rig.call("POST", "/v1/messages", {**body, "to": "+7 (916) 123-45-67", "priority": 3})
        assert again == (200, {**first[1], "state": "delivered", "to": "+79161234567"})
        for other in ({"to": "+79161234568"}, {"text": "shipped"}, {"flash": True}):
            status, problem = await rig.call("POST", "/v1/messages", {**body, **other})
            assert (status, problem["type"], problem["id"]) == (409, "/docs#client_ref_used", first[1]["id"])
        assert rig.sim.network.far.texts() == ["once"]


async def test_urgent_goes_before_bulk(tmp_path: Path) -> None:
    async with running(tmp_path, latency=0.05) as rig:
        for n in range(20):
            await rig.submit("+79161234567", f"bulk {n}")
        urgent = await rig.submit("+79161234567", "urgent", priority=10)
        await rig.until_state(urgent["id"], "delivered")
        states = [item["state"] for item in (await rig.get("/v1/messages"))["items"]]
        assert states.count("queued") >= 10


async def test_a_queued_message_can_be_cancelled_and_a_sent_one_cannot(tmp_path: Path) -> None:
    async with running(tmp_path, latency=0.2) as rig:
        first = await rig.submit("+79161234567", "goes")
        second = await rig.submit("+79161234567", "stays")
        status, body = await rig.call("DELETE", f"/v1/messages/{second['id']}")
        assert (status, body["state"]) == (200, "cancelled")
        await rig.until_state(first["id"], "delivered")
        status, body = await rig.call("DELETE", f"/v1/messages/{first['id']}")
        assert status == 409
        assert rig.sim.network.far.texts() == ["goes"]


async def test_what_is_queued_survives_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, latency=0.05) as rig:
        ids = [(await rig.submit("+79161234567", f"text {n}"))["id"] for n in range(10)]
        await rig.restart()
        for message_id in ids:
            await rig.until_state(message_id, "delivered")
        assert sorted(rig.sim.network.far.texts()) == sorted(f"text {n}" for n in range(10))


async def test_eight_modems_share_the_queue(tmp_path: Path) -> None:
    async with running(tmp_path, modems=8, latency=0.05) as rig:
        ids = [(await rig.submit(f"+7916000{n:04d}", f"text {n}"))["id"] for n in range(40)]
        for message_id in ids:
            await rig.until_state(message_id, "delivered")
        modems = (await rig.get("/v1/modems"))["items"]
        assert sum(modem["sent"] for modem in modems) == 40
        assert all(modem["sent"] >= 1 for modem in modems)


async def test_many_modems_send_at_once(tmp_path: Path) -> None:
    """No line waits while messages do, however long the queue: each is on the air most of the time, and they share."""
    count, lines = 80, 4
    async with running(tmp_path, modems=lines, latency=0.2) as rig:
        for number in range(lines):
            await rig.call("POST", f"/v1/modems/m{number}/pause")
        for number in range(count):
            last = await rig.submit(f"+7916{number:07d}", f"text {number}")
        await rig.restart()
        await rig.until_state(last["id"], "sent", "delivered", limit_s=90)
        attempts = [
            (attempt["modem"], attempt["started_at"], attempt["ended_at"])
            for number in range(1, count + 1)
            for attempt in (await rig.message(number))["parts"][0]["attempts"]
        ]
    assert len(attempts) == count
    on_air = [sum(began <= at <= (ended or at) for _, began, ended in attempts) for _, at, _ in attempts]
    assert sum(on_air) / count > lines - 1
    assert min(Counter(modem for modem, _, _ in attempts).values()) > count / lines / 2
