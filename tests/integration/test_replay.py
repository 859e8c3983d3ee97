"""A modem's part of a trace is enough of a modem: the gateway gets ready on it, sends and receives again."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from modemgw.config import parse
from modemgw.line.timing import Timing
from modemgw.modem.tracing.trace_redact import redact_trace
from modemgw.runtime import Runtime
from modemsim.replay import Match, Player, parse_trace
from modemsim.replay_port import Replay
from tests.rig import API_KEY, Rig, config_text, running

PEER = "+79991234567"
TEXT = "Привет из трассы"


TIMING = Timing(untold_sweep_s=1.0)


@contextlib.asynccontextmanager
async def on_port(directory: Path, port: str) -> AsyncIterator[Rig]:
    """A gateway on a port that is no simulation's."""
    directory.mkdir()
    text = config_text(directory, [port])
    runtime = Runtime(parse(text), timing=TIMING)
    await runtime.start()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        rig = Rig(None, runtime, http, text)  # type: ignore[arg-type]
        try:
            yield rig
        finally:
            await rig.runtime.stop()


async def record(directory: Path, personality: str) -> list[str]:
    """The trace of a short life: ready, a text out with its report, a text in."""
    traces = directory / "traces"
    config = f'[trace]\ndir = "{traces}"\non = true\n'
    async with running(directory, personality=personality, config=config, report_delay=0.2) as rig:
        message = await rig.submit(PEER, TEXT)
        await rig.until_state(message["id"], "delivered")
        rig.sim.inject("И тебе привет", sender=PEER)
        await rig.inbox(1)
        await rig.sim.wait(lambda: not any(len(m) for m in rig.sim.modems[0].modem.memories.values()))
    return (traces / "m0.trace").read_text(encoding="ascii").splitlines()


@pytest.mark.parametrize("personality", ["generic", "huawei-e3372", "quectel-ec25", "siemens-mc35i"])
async def test_a_recorded_session_is_played_again(tmp_path: Path, personality: str) -> None:
    (tmp_path / "first").mkdir()
    trace = await record(tmp_path / "first", personality)
    player = Player(parse_trace(trace), match=Match.LOOSE, speed=2)
    async with Replay(player, tmp_path / "ports") as replay, on_port(tmp_path / "second", replay.port) as rig:
        await rig.ready()
        message = await rig.submit(PEER, TEXT)
        await rig.until_state(message["id"], "delivered")
        (item,) = await rig.inbox(1)
        assert (item["from"], item["text"]) == (PEER, "И тебе привет")
    assert player.divergence is None


async def test_a_redacted_session_is_played_again(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    trace = redact_trace(await record(tmp_path / "first", "generic"))
    assert PEER[1:] not in "".join(trace)
    player = Player(parse_trace(trace), match=Match.LOOSE, speed=2)
    async with Replay(player, tmp_path / "ports") as replay, on_port(tmp_path / "second", replay.port) as rig:
        await rig.ready()
        message = await rig.submit(PEER, TEXT)
        await rig.until_state(message["id"], "sent", "delivered")
        (item,) = await rig.inbox(1)
        assert item["text"] == "x" * len("И тебе привет")
    assert player.divergence is None


STRANGE = Path(__file__).parent / "traces" / "strange.trace"


async def test_a_strange_modem_written_by_hand(tmp_path: Path) -> None:
    """It echoes for ever, splits its answers, announces a text within an answer, and knows half of the commands."""
    player = Player(parse_trace(STRANGE.read_text(encoding="ascii").splitlines()), match=Match.ANY)
    async with Replay(player, tmp_path / "ports") as replay, on_port(tmp_path / "gateway", replay.port) as rig:
        await rig.ready()
        (modem,) = (await rig.get("/v1/modems"))["items"]
        assert (modem["manufacturer"], modem["model"], modem["imei"]) == ("ODD", "Strange-1", "356938030000013")
        message = await rig.submit(PEER, "hello")
        await rig.until_state(message["id"], "sent", "delivered")
        (item,) = await rig.inbox(1)
        assert (item["from"], item["text"]) == ("+79169119091", "hello from afar")
    assert player.divergence is None


async def test_the_trace_is_switched_over_the_api(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        assert (await rig.get("/v1/modems/m0/trace"))["on"] is False
        status, begun = await rig.call("POST", "/v1/modems/m0/trace")
        assert (status, begun["on"], begun["file"]) == (200, True, str(tmp_path / "modemgw.db.traces" / "m0.trace"))
        message = await rig.submit(PEER, "traced")
        await rig.until_state(message["id"], "delivered")
        status, ended = await rig.call("DELETE", "/v1/modems/m0/trace")
        assert (status, ended["on"]) == (200, False)
        assert (await rig.call("POST", "/v1/modems/nobody/trace"))[0] == 404
        kinds = [event["kind"] for event in (await rig.get("/v1/events?limit=1000"))["items"]]
        assert {"line.traced", "line.untraced"} <= set(kinds)
    text = (tmp_path / "modemgw.db.traces" / "m0.trace").read_text(encoding="ascii")
    assert "> AT+CMGS=" in text
