"""What goes wrong with a foreign modem: nothing is lost, nothing doubled, nothing called what it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from modemgw.at.policy import Waits
from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line.timing import Timing

from . import codec
from .codec import deliver
from .modem import Habits
from .rig import Rig, running

TO = "+79161112233"


async def others(rig: Rig, count: int) -> None:
    """So many messages to as many recipients are delivered."""
    for message in [await rig.send(f"+7916000{n:04d}", f"other {n}") for n in range(count)]:
        await rig.state(message, "delivered")


async def test_one_unreachable_number_never_stops_the_line(tmp_path: Path) -> None:
    async with running(tmp_path, Habits()) as rig:
        rig.modem.refuse["+79990000000"] = 38
        bad = [await rig.send("+79990000000", f"bad {n}") for n in range(6)]
        await others(rig, 20)
        assert {(await rig.state(message, "queued"))["state"] for message in bad} == {"queued"}


@pytest.mark.parametrize("fate", [500, 512, "early"])
async def test_a_passing_refusal_costs_a_moment(tmp_path: Path, fate: int | str) -> None:
    timing = Timing(waits=Waits(first_s=0.5, report_s=0.5))
    async with running(tmp_path, Habits(), timing=timing) as rig:
        rig.modem.fate.append(fate)
        await rig.state(await rig.send(TO, "once"), "delivered")
        assert [pdu.text for pdu in rig.modem.sent] == ["once"]


@pytest.mark.parametrize("fate", ["late OK first", "report first"])
async def test_results_out_of_order(tmp_path: Path, fate: str) -> None:
    async with running(tmp_path, Habits()) as rig:
        rig.modem.fate.append(fate)
        await rig.state(await rig.send(TO, "once"), "delivered")
        assert len(rig.modem.sent) == 1


async def test_nothing_is_sent_without_a_network(tmp_path: Path) -> None:
    async with running(tmp_path, Habits(latency_s=0.05)) as rig:
        first = [await rig.send(f"+7916000{n:04d}", f"text {n}") for n in range(10)]
        await rig.state(first[1], "delivered")
        rig.modem.register(2)

        async def searching() -> bool:
            return bool((await rig.get("/v1/modems"))["items"][0]["state"] == "searching")

        await rig.until(searching, 5, lambda: "searching")
        sent = len(rig.modem.sent)
        assert sent < 10
        await rig.send("+79160009999", "later")
        await asyncio.sleep(0.3)
        assert len(rig.modem.sent) == sent
        rig.modem.register(5)
        for message in first:
            await rig.state(message, "delivered")
        texts = [pdu.text for pdu in rig.modem.sent]
        assert len(texts) == len(set(texts))


async def test_unplugged_with_a_message_in_the_air(tmp_path: Path) -> None:
    timing = Timing(dialogue=DialogueTiming(owed_s=0.5))
    async with running(tmp_path, Habits(latency_s=0.1), timing=timing) as rig:
        rig.modem.reports = False
        rig.modem.fate.append("unplug")
        message = await rig.send(TO, "taken by the network")
        await rig.state(message, "unknown")
        rig.modem.plug()
        rig.modem.reports = True
        await others(rig, 2)
        assert [pdu.text for pdu in rig.modem.sent].count("taken by the network") == 1
        rig.modem.throw(codec.report(0, TO))
        await rig.state(message, "delivered")


async def test_a_modem_that_starts_anew_is_set_up_anew(tmp_path: Path) -> None:
    async with running(tmp_path, Habits()) as rig:
        rig.modem.restart()
        rig.modem.write(b"\x00\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n")
        await asyncio.sleep(0.1)
        rig.modem.throw(deliver(TO, "after it"))
        await rig.inbox(1)
        await others(rig, 2)


async def test_garbage_and_stray_results_while_idle(tmp_path: Path) -> None:
    async with running(tmp_path, Habits()) as rig:
        rig.modem.write(b"\xff\xfe\x80\x00")
        await others(rig, 1)
        rig.modem.write(b"\xff\xfe\x80\x00garb\xffage\x00\r\n\x00\x00\xff" + b"\xfe" * 2000)
        rig.modem.say("FOO BAR", "+XYZ: 1", "> ", "OK", "ERROR", "+CMS ERROR: 500", '+CMTI: "SM",99', "+CMTI: ,-1")
        await others(rig, 2)
        rig.modem.throw(deliver(TO, "fine"))
        await rig.inbox(1)


async def test_more_than_a_sim_holds(tmp_path: Path) -> None:
    async with running(tmp_path, Habits(memories={"SM": 10})) as rig:
        rig.modem.throw(*[deliver(f"+7916{n:07d}", f"text {n}") for n in range(60)])
        items = await rig.inbox(60)
        assert sorted(item["text"] for item in items) == sorted(f"text {n}" for n in range(60))
        await rig.emptied()


async def test_a_report_of_a_national_number_and_a_strangers(tmp_path: Path) -> None:
    async with running(tmp_path, Habits()) as rig:
        rig.modem.reports = False
        first, second = await rig.send(TO, "first"), await rig.send(TO, "second")
        await rig.state(second, "sent")
        rig.modem.throw(codec.report(1, "+79169999999"), codec.report(0, "8" + TO[2:]))
        await rig.state(first, "delivered")
        assert (await rig.state(second, "sent"))["state"] == "sent"


async def test_a_network_that_is_found_without_a_word_is_noticed_soon(tmp_path: Path) -> None:
    habits = Habits(registered={"+CREG": 2, "+CGREG": 2, "+CEREG": None})
    async with running(tmp_path, habits, wait=False) as rig:

        async def searching() -> bool:
            return bool((await rig.get("/v1/modems"))["items"][0]["state"] == "searching")

        await rig.until(searching, 15, lambda: "searching")
        habits.registered["+CREG"] = 1
        await rig.ready(8)
        await others(rig, 1)
