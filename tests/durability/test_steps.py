"""The service killed just between every two steps of a send and of a receipt; then started again on what is left.

The moment is held still from outside: the modem stops answering at a named point of the dialogue, or somebody else
holds the database's write lock, so that a COMMIT does not come. Nothing in the service knows of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from modemgw.sms import Direction, SmsSubmit, decode_tpdu
from tests.durability.scene import SILENT, TO, Scene, scene
from tests.durability.world import Zygote, until

Begin = Callable[..., contextlib.AbstractAsyncContextManager[Scene]]


@pytest.fixture
def begin(tmp_path: Path, zygote: Zygote) -> Begin:
    """Opens a scene."""
    return partial(scene, tmp_path, zygote)


# ---------------------------------------------------------------- out


async def test_killed_while_it_waits_in_the_queue(begin: Begin) -> None:
    async with begin() as s:
        s.sim.fault("registration", stat=2, seconds=0)
        message = await s.gateway.submit(TO, "hello")
        await s.gateway.kill()
        s.sim.fault("registration", stat=1, seconds=0)
        await s.gateway.start()
        await s.gateway.until_up()
        await s.gateway.until_message(message["id"], "delivered")
        assert (s.on_air, s.attempts()) == (1, ["sent"])


async def test_killed_at_the_prompt_before_the_journal_is_durable(begin: Begin) -> None:
    async with begin() as s:
        s.sim.fault("registration", stat=2, seconds=0)
        message = await s.gateway.submit(TO, "hello")
        modem = s.sim.modems[0].modem
        with s.gateway.write_lock():
            s.sim.fault("registration", stat=1, seconds=0)
            await until(lambda: any(port.in_payload for port in modem.ports), "the prompt")
            await s.gateway.kill()
        assert s.on_air == 0
        await s.gateway.start()
        await s.gateway.until_up()
        await s.gateway.until_message(message["id"], "delivered")
        assert (s.on_air, s.attempts()) == (1, ["sent"])


# point at which the modem falls silent, whether the network has the message then
POINTS = [
    ("command", False),  # the journal is durable, the modem has not read AT+CMGS
    ("before_prompt", False),
    ("after_prompt", False),
    ("mid_payload", False),
    ("not_accepted", False),
    ("after_payload", True),
    ("before_result", True),
    ("mid_reply", True),
]


@pytest.mark.parametrize(("at", "accepted"), POINTS)
async def test_killed_in_the_middle_of_a_send(begin: Begin, at: str, accepted: bool) -> None:
    async with begin() as s:
        s.sim.fault("hang", at=at, match="CMGS")
        message = await s.gateway.submit(SILENT, "hello")
        await s.until_journalled()
        if accepted:
            await s.sim.wait_for_count("submit", 1)
        await s.until_silent()
        await s.kill_and_restart()
        kept = await s.gateway.get(f"/v1/messages/{message['id']}")
        assert kept["state"] == "unknown"
        # the line goes on with the next one, and the doubtful one is left alone
        other = await s.gateway.submit(TO, "next")
        await s.gateway.until_message(other["id"], "delivered")
        assert (await s.gateway.get(f"/v1/messages/{message['id']}"))["state"] == "unknown"
        assert (s.on_air, s.attempts()) == (1 + accepted, ["unknown", "sent"])


@pytest.mark.parametrize("at", ["after_payload", "before_result", "mid_reply"])
async def test_a_report_resolves_the_doubt_that_a_kill_left(begin: Begin, at: str) -> None:
    async with begin(report_delay=0.3) as s:
        s.sim.fault("hang", at=at, match="CMGS")
        message = await s.gateway.submit(TO, "hello")
        await s.sim.wait_for_count("submit", 1)
        await s.kill_and_restart()
        await s.gateway.until_message(message["id"], "delivered")
        assert (s.on_air, s.attempts()) == (1, ["unknown"])


async def test_a_late_result_ends_the_doubt_that_a_kill_left(begin: Begin) -> None:
    async with begin() as s:
        s.sim.fault("late_result", seconds=1.5)
        message = await s.gateway.submit(SILENT, "hello")
        await s.sim.wait_for_count("submit", 1)
        await s.kill_and_restart()
        await s.gateway.until_message(message["id"], "sent")
        assert (s.on_air, s.attempts()) == (1, ["sent"])


async def test_killed_between_the_result_and_its_commit(begin: Begin) -> None:
    async with begin(latency=0.2, report_delay=0.3) as s:
        message = await s.gateway.submit(TO, "hello")
        await s.until_journalled()
        with s.gateway.write_lock():
            await s.sim.wait_for_count("submit", 1)
            await s.sim.wait(lambda: not any(port.busy for port in s.sim.modems[0].modem.ports))
            await until(lambda: s.sim.modems[0].wires[0].unread() == 0, "the result to be read")  # type: ignore[union-attr]
            await s.gateway.kill()
        assert s.attempts() == ["started"]
        await s.gateway.start()
        await s.gateway.until_ready()
        await s.gateway.until_message(message["id"], "delivered")
        assert (s.on_air, s.attempts()) == (1, ["unknown"])


async def test_killed_right_after_the_outcome_is_durable(begin: Begin) -> None:
    async with begin() as s:
        message = await s.gateway.submit(SILENT, "hello")
        await s.gateway.until_message(message["id"], "sent")
        await s.kill_and_restart()
        assert (await s.gateway.get(f"/v1/messages/{message['id']}"))["state"] == "sent"
        assert (s.on_air, s.attempts()) == (1, ["sent"])


async def test_killed_in_the_second_part_of_three(begin: Begin) -> None:
    text = "The quick brown fox jumps over the lazy dog 0123456789. " * 7
    async with begin(report_delay=0.2) as s:
        s.sim.fault("hang", at="before_result", match="CMGS", skip=1)
        message = await s.gateway.submit(TO, text)
        assert message["parts"] == 3
        await s.sim.wait_for_count("submit", 2)
        await s.kill_and_restart()
        await s.gateway.until_message(message["id"], "delivered")
        assert (s.on_air, s.attempts()) == (3, ["sent", "unknown", "sent"])
        assert s.sim.network.far.texts() == [text]


async def test_killed_in_the_second_part_and_no_report_the_rest_stays_at_home(begin: Begin) -> None:
    async with begin(window_s=1) as s:
        s.sim.fault("hang", at="before_result", match="CMGS", skip=1)
        message = await s.gateway.submit(SILENT, "The quick brown fox jumps over the lazy dog. " * 9)
        await s.sim.wait_for_count("submit", 2)
        await s.kill_and_restart()

        def states() -> list[str]:
            return [row[0] for row in s.gateway.query("SELECT state FROM parts ORDER BY seq")]

        await until(lambda: "queued" not in states(), "the end of the doubt")
        assert states() == ["sent", "unknown", "cancelled"]
        assert (await s.gateway.get(f"/v1/messages/{message['id']}"))["state"] == "unknown"
        assert s.on_air == 2


@pytest.mark.parametrize(("at", "accepted"), [("not_accepted", False), ("before_result", True)])
async def test_with_resend_the_doubtful_one_goes_again_and_says_so(begin: Begin, at: str, accepted: bool) -> None:
    async with begin(on_doubt="resend", window_s=1) as s:
        s.sim.fault("hang", at=at, match="CMGS")
        message = await s.gateway.submit(SILENT, "hello")
        await s.until_journalled()
        await s.until_silent()
        await s.kill_and_restart()
        await s.gateway.until_message(message["id"], "sent")
        assert (s.on_air, s.attempts()) == (1 + accepted, ["unknown", "sent"])
        tpdu = decode_tpdu(bytes.fromhex(s.sim.network.ledger.select("submit")[-1].tpdu), Direction.FROM_MS)
        assert isinstance(tpdu, SmsSubmit)
        assert tpdu.rd


# ---------------------------------------------------------------- in

# the command at which the modem falls silent: read or not, durable or not, deleted or not
READS = [
    ("command", "CMGR"),  # announced, not read
    ("mid_reply", "CMGR"),  # half of it read
    ("after_result", "CMGR"),  # read
    ("command", "CMGD"),  # durable, not deleted
    ("mid_reply", "CMGD"),  # deleted, and the answer cut off
    ("after_result", "CMGD"),
]


@pytest.mark.parametrize(("at", "command"), READS)
async def test_killed_in_the_middle_of_a_receipt(begin: Begin, at: str, command: str) -> None:
    async with begin() as s:
        s.sim.fault("hang", at=at, match=command)
        s.sim.inject("one")
        await s.until_silent()
        await s.kill_and_restart()
        s.sim.inject("two")
        inbox = await s.gateway.until_inbox(2)
        assert [row["text"] for row in inbox] == ["one", "two"]
        await s.sim.wait(lambda: all(len(memory) == 0 for memory in s.sim.modems[0].modem.memories.values()))


async def test_killed_between_reading_and_the_commit(begin: Begin) -> None:
    async with begin() as s:
        memories = s.sim.modems[0].modem.memories
        with s.gateway.write_lock():
            s.sim.inject("one")
            read = await s.sim.wait(lambda: [m for store in memories.values() for _, m in store if m.status == 1])
            assert read
            await s.gateway.kill()
        assert sum(len(store) for store in memories.values()) >= 1, "nothing was deleted"
        await s.gateway.start()
        await s.gateway.until_ready()
        assert [row["text"] for row in await s.gateway.until_inbox(1)] == ["one"]


async def test_killed_between_the_parts_of_an_incoming_message(begin: Begin) -> None:
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 3
    async with begin() as s:
        made = s.sim.inject(text, ref=7, order=[3, 1])
        await until(lambda: s.gateway.query("SELECT count(*) FROM pdus")[0][0] == len(made), "two parts stored")
        await s.kill_and_restart()
        s.sim.inject(text, ref=7, order=[2])
        (row,) = await s.gateway.until_inbox(1)
        assert (row["text"], row["complete"]) == (text, True)


# a status report that is handed over directly: read, durable, acknowledged
REPORTS = [("command", "CNMA"), ("after_result", "CNMA")]


@pytest.mark.parametrize(("at", "command"), REPORTS)
async def test_killed_between_a_report_and_its_acknowledgement(begin: Begin, at: str, command: str) -> None:
    async with begin(report_delay=0.1) as s:
        s.sim.fault("hang", at=at, match=command)
        message = await s.gateway.submit(TO, "hello")
        await s.until_silent()
        await s.kill_and_restart()
        await s.gateway.until_message(message["id"], "delivered")
        await s.sim.wait(s.sim.network.idle)
        assert s.gateway.query("SELECT count(*) FROM receipts") == [(1,)]
        assert s.on_air == 1


async def test_killed_before_a_report_is_durable(begin: Begin) -> None:
    async with begin(report_delay=0.3) as s:
        message = await s.gateway.submit(TO, "hello")
        await s.gateway.until_message(message["id"], "sent")
        with s.gateway.write_lock():
            wire = s.sim.modems[0].wires[0]
            assert wire is not None
            await s.sim.wait(lambda: s.sim.modems[0].modem.receiver._unacked is not None)
            await until(lambda: wire.unread() == 0, "the report to be read")
            await s.gateway.kill()
        await s.gateway.start()
        await s.gateway.until_ready()
        await s.gateway.until_message(message["id"], "delivered")
        assert s.gateway.query("SELECT count(*) FROM receipts") == [(1,)]
