"""A line that is `ready` hears: on slow ports, with URCs torn in two, and whatever becomes of an acknowledgement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line.timing import Timing
from tests.integration.test_surviving import adjust, event, rungs, state
from tests.rig import Rig, running, until

__all__ = ["adjust"]

FAR = "+79161234567"
DIRECT = "direct = true\n"
SLOW: list[dict[str, Any]] = [
    {},
    {"baud": 2400},
    {"personality": "odd-slow"},
]


async def hears(rig: Rig, count: int = 3, limit_s: float = 60.0) -> None:
    """Reports and texts that come at the same time all arrive."""
    sent = [await rig.submit(FAR, f"text {n}") for n in range(count)]
    for n in range(count):
        rig.sim.inject(f"in {n}")
    for message in sent:
        await rig.until_state(message["id"], "delivered", limit_s=limit_s)
    wanted = {f"in {n}" for n in range(count)}

    async def heard() -> bool:
        return wanted <= {item["text"] for item in await rig.inbox(count, limit_s)}

    await until(heard, limit_s, lambda: f"{sorted(wanted)}")


@pytest.mark.parametrize("modem_config", ["", DIRECT], ids=["stored", "direct"])
@pytest.mark.parametrize("options", SLOW, ids=str)
async def test_everything_arrives_at_any_speed(tmp_path: Path, options: dict[str, Any], modem_config: str) -> None:
    async with running(tmp_path, modem_config=modem_config, wait=False, **options) as rig:
        await rig.ready(60.0)
        await hears(rig)


async def test_a_report_that_was_lost_on_its_way_comes_again_and_loses_no_other(tmp_path: Path) -> None:
    timing = Timing(let_go_s=0.3)
    async with running(tmp_path, timing=timing) as rig:
        rig.sim.network.config.retry_s = 0.5
        await hears(rig, 1)
        rig.sim.fault("urc_lost", match="CDS", count=2)
        await hears(rig, 4)


@pytest.mark.parametrize("command", ["CPMS=", "CNMI=", "CSMS="])
async def test_a_set_up_in_which_a_command_hangs_leaves_no_line_deaf(tmp_path: Path, command: str) -> None:
    async with running(tmp_path, timing=Timing(dialogue=DialogueTiming(longest_s=1.0))) as rig:
        rig.sim.inject("lies there")
        await rig.inbox(1)
        rig.sim.fault("no_answer", match=r"\+" + command, count=1)
        await rig.runtime.stop()
        rig.sim.fault("bad_pdu", hex="07919700009099F9")
        await rig.restart()
        await rig.ready()
        await rig.inbox(2)  # what lay in the memory before
        await hears(rig, 2)


@pytest.mark.parametrize("seconds", [0.5, 4.0])
async def test_a_report_in_two_pieces_is_one(tmp_path: Path, seconds: float) -> None:
    async with running(tmp_path) as rig:
        rig.sim.fault("urc_split", seconds=seconds, count=0)
        await hears(rig, 2)


async def refused(rig: Rig, fault: str, match: str, count: int) -> None:
    """After it has acknowledged once, the modem refuses it `count` times."""
    await hears(rig, 1)
    rig.sim.fault(fault, match=match, count=count)
    await hears(rig, 3)


@pytest.mark.parametrize("count", [1, 4])
async def test_acknowledgements_that_are_refused_are_made_again(tmp_path: Path, count: int) -> None:
    timing = Timing(acknowledge_again_s=(0.05, 0.1, 0.2, 0.4, 0.8))
    async with running(tmp_path, modem_config=DIRECT, timing=timing) as rig:
        await refused(rig, "error", r"\+CNMA", count)
        assert await rungs(rig) == []


async def test_a_modem_that_refuses_the_repair_too_is_set_up_anew(tmp_path: Path) -> None:
    timing = Timing(acknowledge_again_s=(0.05, 0.1))
    async with running(tmp_path, modem_config=DIRECT, timing=timing) as rig:
        await refused(rig, "error", r"\+(CNMA|CSMS|CNMI=)", 6)
        assert (await rungs(rig))[:1] == ["reinit"]


async def test_an_acknowledgement_that_hangs_is_made_again(tmp_path: Path) -> None:
    timing = Timing(dialogue=DialogueTiming(longest_s=1.0))
    async with running(tmp_path, modem_config=DIRECT, timing=timing) as rig:
        await refused(rig, "no_answer", r"\+CNMA", 1)


async def test_a_urc_that_never_came_leaves_no_line_deaf(tmp_path: Path, adjust: Callable[..., None]) -> None:
    """The modem waits for an acknowledgement of what nobody saw; its settings are as they should be."""
    adjust(health_interval_s=0.2)
    async with running(tmp_path, modem_config=DIRECT) as rig:
        await hears(rig, 1)
        rig.sim.fault("urc_lost", count=1)
        await hears(rig, 3)


async def test_a_modem_that_vanishes_is_told(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.unplug(0)
        await state(rig, "absent")
        assert "port" in (await event(rig, "line.down"))["data"]["reason"]
        rig.sim.replug(0)
        await rig.ready()

        async def told() -> bool:
            items = (await rig.get("/v1/events?limit=1000"))["items"]
            return [e["kind"] for e in items if e["kind"] in ("line.up", "line.down")] == [
                "line.up",
                "line.down",
                "line.up",
            ]

        await until(told, 5.0, lambda: "line.up, line.down, line.up")
