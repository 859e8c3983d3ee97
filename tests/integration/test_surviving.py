"""A line survives its modem: hangs, reboots, unplugs, silence, a lost network, deafness; on ptys, with short waits."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line.ladder import Rung
from modemgw.line.timing import Timing
from modemgw.modem.ports.discovery import FoundPort, PortRole
from modemgw.runtime import Runtime
from tests.rig import Json, Rig, running, until

FAR = "+79161234567"

TIMING = Timing(
    dialogue=DialogueTiming(quiet_s=0.02, resync_probe_s=(0.2, 0.2, 0.2), longest_s=0.8),
    trouble_s=(0.05, 0.1, 0.2),
    reset_grace_s=0.2,
    sim_s=30.0,
    registration_s=0.2,
    rebooted_send_s=0.3,
    canary_poll_s=0.05,
    canary_swept_s=0.3,
)
running = functools.partial(running, timing=TIMING)


def with_budgets(budgets: dict[Rung, int], **spans: Any) -> Timing:
    return dataclasses.replace(TIMING, budgets=budgets, **spans)


@pytest.fixture
def adjust(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the settings of all workers: spans that the configuration does not allow so short."""

    def change(**changes: Any) -> None:
        made = Runtime._worker_settings
        monkeypatch.setattr(
            Runtime, "_worker_settings", lambda self, modem: dataclasses.replace(made(self, modem), **changes)
        )

    return change


async def events(rig: Rig, kind: str) -> list[Json]:
    items: list[Json] = (await rig.get("/v1/events?limit=1000"))["items"]
    return [item for item in items if item["kind"] == kind]


async def event(rig: Rig, kind: str, limit_s: float = 8.0, **data: Any) -> Json:
    """The first event of this kind with these data, once there is one."""

    async def look() -> Json | None:
        found = await events(rig, kind)
        return next((e for e in found if all(e["data"].get(key) == value for key, value in data.items())), None)

    return await until(look, limit_s, lambda: f"{kind} {data}: {rig.runtime.gateway.modems()}")


async def rungs(rig: Rig) -> list[str]:
    return [e["data"]["rung"] for e in await events(rig, "line.recovering")]


async def state(rig: Rig, *names: str, limit_s: float = 8.0, modem: int = 0) -> Json:
    """The modem as the API shows it, once it is in one of these states."""

    async def look() -> Json | None:
        view: Json = (await rig.get("/v1/modems"))["items"][modem]
        return view if view["state"] in names else None

    return await until(look, limit_s, lambda: f"{names}: {rig.runtime.gateway.modems()}")


async def sends(rig: Rig, text: str = "after all", limit_s: float = 10.0, **options: Any) -> Json:
    accepted = await rig.submit(FAR, text, **options)
    return await rig.until_state(accepted["id"], "sent", "delivered", limit_s=limit_s)


# ---------------------------------------------------------------- what modems do


async def test_back_soon_after_the_plug(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.unplug(0)
        view = await state(rig, "absent")
        assert "port" in view["reason"]
        accepted = await rig.submit(FAR, "waits for the cable")
        rig.sim.replug(0)
        await rig.until_state(accepted["id"], "sent", "delivered")
        assert (await state(rig, "ready"))["reason"] is None
        assert await rungs(rig) == []


async def test_a_hang_that_a_new_opening_ends(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.fault("hang", until="close")
        await sends(rig)
        climbed = await rungs(rig)
        assert climbed in (["reopen"], ["resync", "reopen"])  # the latter where a question found it out, not the send
        view = await state(rig, "ready")
        assert view["recoveries"] == dict.fromkeys(climbed, 1)


async def test_one_question_unanswered_costs_a_resync_only(tmp_path: Path, adjust: Callable[..., None]) -> None:
    adjust(health_interval_s=0.1)
    async with running(tmp_path) as rig:
        rig.sim.fault("no_answer", match=r"\+CSQ")
        await event(rig, "line.recovering", rung="resync")
        await sends(rig)
        assert await rungs(rig) == ["resync"]


async def test_a_list_unanswered_is_asked_for_again(tmp_path: Path) -> None:
    async with running(tmp_path, wait=False) as rig:
        rig.sim.fault("no_answer", match=r"\+CMGL")
        rig.sim.inject("lies there")
        await rig.inbox(1)
        await sends(rig)


async def test_a_reboot_is_set_up_anew_and_nothing_else(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        for _ in range(3):
            rig.sim.fault("reboot")
            await event(rig, "line.recovering", rung="reinit")
            await rig.ready()
        rig.sim.inject("after the reboot")
        await rig.inbox(1)
        assert set(await rungs(rig)) == {"reinit"}


async def test_a_modem_that_keeps_rebooting_is_told_to_lack_power(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        for n in range(5):
            rig.sim.fault("reboot")

            async def look(n: int = n) -> bool:
                return len(await events(rig, "line.recovering")) > n

            await until(look, 8.0, lambda: "a recovery")
            await rig.ready()
        assert "power supply" in (await events(rig, "line.recovering"))[-1]["data"]["reason"]


async def test_registration_lost_for_long_switches_the_radio(tmp_path: Path, adjust: Callable[..., None]) -> None:
    adjust(registration_limit_s=0.5)
    async with running(tmp_path) as rig:
        rig.sim.fault("registration", stat=2, seconds=0)
        view = await state(rig, "searching")
        assert "searching" in view["reason"]
        climbed = await event(rig, "line.recovering", rung="radio")
        assert "No network" in climbed["data"]["reason"]
        await rig.ready()  # the simulator's network is back with the radio
        rig.sim.fault("registration", stat=3, seconds=0)
        await event(rig, "line.recovering", rung="reset")
        await rig.ready()
        rig.sim.fault("registration", stat=2, seconds=0)

        # then there is nothing left to try, and it goes on looking instead of going into quarantine
        async def told() -> bool:
            return len(await events(rig, "line.no_network")) >= 4

        await until(told, 8.0, lambda: "line.no_network")
        assert not await events(rig, "line.quarantined")
        await state(rig, "searching")


async def test_a_sim_that_is_gone_blocks_the_line_until_it_is_seen_to(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.fault("sim", removed=True)
        rig.sim.fault("reboot")
        view = await state(rig, "blocked")
        assert "No SIM" in view["reason"]
        accepted = await rig.submit(FAR, "waits for the SIM")
        rig.sim.fault("sim", removed=False)
        await rig.call("POST", "/v1/modems/m0/resume")
        await rig.until_state(accepted["id"], "sent", "delivered")


async def test_while_one_line_is_in_trouble_its_queue_goes_to_another(tmp_path: Path) -> None:
    async with running(tmp_path, modems=2) as rig:
        rig.sim.unplug(0)
        await state(rig, "absent")
        ids = [(await rig.submit(FAR, f"text {n}"))["id"] for n in range(5)]
        for message_id in ids:
            message = await rig.until_state(message_id, "sent", "delivered")
            assert message["parts"][0]["modem"] == "m1"


async def test_metrics_tell_all_of_it(tmp_path: Path) -> None:
    async with running(tmp_path, modems=2) as rig:
        rig.sim.fault("hang", until="close")
        accepted = await rig.submit(FAR, "counted", modem="m0")
        await rig.until_state(accepted["id"], "delivered")
        async with rig.http.get(rig.runtime.url + "/metrics") as response:
            lines = set((await response.text()).splitlines())
        climbed = await rungs(rig)
        assert climbed in (["reopen"], ["resync", "reopen"])  # the latter where a question found it out, not the send
        assert {
            'modemgw_modem_state{modem="m0",state="ready"} 1.0',
            'modemgw_modem_sent_parts_total{modem="m0"} 1.0',
            'modemgw_modem_received_messages_total{modem="m0"} 0.0',
            'modemgw_modem_recoveries_total{modem="m0",rung="reopen"} 1.0',
            'modemgw_events_total{kind="message.delivered"} 1.0',
            f'modemgw_events_total{{kind="line.recovering"}} {len(climbed)}.0',
            "modemgw_queued_messages 0.0",
        } <= lines
        assert any(line.startswith('modemgw_modem_storage_total{memory="SM",modem="m0"}') for line in lines)
        assert any(line.startswith('modemgw_modem_report_latency_seconds{modem="m0"}') for line in lines)


# ---------------------------------------------------------------- the high rungs


async def test_quarantine_and_the_way_back(tmp_path: Path) -> None:
    timing = with_budgets({Rung.RESYNC: 1, Rung.REOPEN: 1, Rung.REINIT: 1}, quarantine_s=(0.5, 3600.0))
    async with running(tmp_path, timing=timing) as rig:
        rig.sim.fault("no_answer", match=".", count=0)
        accepted = await rig.submit(FAR, "when it is back")
        view = await state(rig, "quarantined")
        assert "Nothing helped" in view["reason"]
        told = await event(rig, "line.quarantined")
        assert told["data"]["seconds"] == 0.5
        assert (await rungs(rig))[-2:] == ["reopen", "reinit"]  # a resync in place may come before
        await event(rig, "line.released")
        await event(rig, "line.quarantined", seconds=1.0)  # the second stay is longer
        rig.sim.clear_faults()
        await rig.until_state(accepted["id"], "sent", "delivered")


async def test_an_operator_ends_quarantine(tmp_path: Path) -> None:
    async with running(tmp_path, timing=with_budgets({Rung.REOPEN: 1})) as rig:
        rig.sim.fault("no_answer", match=".", count=0)
        accepted = await rig.submit(FAR, "when it is back")
        await state(rig, "quarantined")
        rig.sim.clear_faults()
        assert (await rig.call("POST", "/v1/modems/m0/resume"))[0] == 200
        await rig.until_state(accepted["id"], "sent", "delivered")


async def test_a_replug_ends_quarantine(tmp_path: Path) -> None:
    async with running(tmp_path, timing=with_budgets({Rung.REOPEN: 1})) as rig:
        rig.sim.fault("hang", until="replug")
        accepted = await rig.submit(FAR, "when it is back")
        await state(rig, "quarantined")
        rig.sim.unplug(0, back_s=0.6)
        await rig.until_state(accepted["id"], "sent", "delivered")


async def test_the_power_cycle_is_the_operators_command(tmp_path: Path) -> None:
    said = tmp_path / "said"
    text = f'power_cycle = ["/bin/sh", "-c", "echo $MODEMGW_MODEM $MODEMGW_PORT > {said}"]\n'
    async with running(tmp_path, timing=with_budgets({Rung.REOPEN: 1, Rung.POWER: 2}), modem_config=text) as rig:
        rig.sim.fault("hang", until="replug")
        await rig.submit(FAR, "when it is back")
        await event(rig, "line.recovering", rung="power")

        async def written() -> str | None:
            return said.read_text() if said.exists() else None

        assert await until(written, 5.0, lambda: "the command") == f"m0 {rig.sim.modems[0].port}\n"
        rig.sim.unplug(0, back_s=0.1)
        await state(rig, "ready")


async def test_a_power_cycle_that_fails_is_told(tmp_path: Path) -> None:
    text = 'power_cycle = ["/bin/sh", "-c", "echo no hub; exit 3"]\n'
    async with running(tmp_path, timing=with_budgets({Rung.POWER: 1}), modem_config=text) as rig:
        rig.sim.fault("hang", until="replug")
        await rig.submit(FAR, "never")
        failed = await event(rig, "line.recovery_failed")
        assert failed["data"]["reason"].endswith("ended with status 3. It said: no hub")


async def test_another_port_of_the_same_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path, timing=with_budgets({Rung.REOPEN: 1, Rung.OTHER_PORT: 1}), modems=2) as rig:
        # two simulated modems play the two ports of one device
        ports = [host.port for host in rig.sim.modems]
        found = [FoundPort(port, "2c7c:0125", n, "1-1", PortRole.AT, "EC25") for n, port in enumerate([*ports])]
        supervisor = rig.runtime._supervisor
        assert supervisor is not None
        supervisor._finder._ports = lambda: found
        supervisor._finder._in_use = lambda: [w.port for w in supervisor._workers.values() if w.port == ports[0]]
        avoided: list[str] = []
        monkeypatch.setattr(supervisor._finder, "avoid", avoided.append)
        await supervisor._workers["m1"].stop()
        await state(rig, "stopped", modem=1)
        rig.sim.fault("hang", until="replug", modem=0)
        await sends(rig)
        assert await rungs(rig) == ["reopen", "other_port"]
        assert (await state(rig, "ready"))["port"] == ports[1]
        assert avoided == [], "a modem that hung does not give all ports of this kind a bad name"


# ---------------------------------------------------------------- memories, hearing, pause


async def test_a_memory_that_gets_full_is_told_once(tmp_path: Path) -> None:
    async with running(tmp_path, storage=10) as rig:
        rig.sim.unplug(0)
        await state(rig, "absent")
        rig.sim.fault("full", memory="SM", leave=1)
        rig.sim.replug(0)
        told = await event(rig, "line.storage", memory="SM")
        assert (told["data"]["used"], told["data"]["total"]) == (9, 10)
        await event(rig, "line.storage_relieved", memory="SM", used=0)

        async def emptied() -> bool:
            storage = (await rig.get("/v1/modems"))["items"][0]["storage"]
            return {"memory": "SM", "used": 0, "total": 10} in storage

        await until(emptied, 5.0, lambda: "the view to show the emptied memory")
        assert len([e for e in await events(rig, "line.storage") if e["data"]["memory"] == "SM"]) == 1


async def test_received_counts_messages_and_not_reports(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        accepted = await rig.submit(FAR, "with a report")
        await rig.until_state(accepted["id"], "delivered")
        rig.sim.inject("one")
        await rig.inbox(1)
        view = (await rig.get("/v1/modems"))["items"][0]
        assert (view["sent"], view["received"]) == (1, 1)


async def test_the_canary_comes_back_and_is_not_shown(tmp_path: Path, adjust: Callable[..., None]) -> None:
    adjust(canary_interval_s=0.2, canary_limit_s=3.0)
    async with running(tmp_path, modem_config="canary_interval_s = 60\n") as rig:
        for _ in range(2):
            sung = await event(rig, "line.canary")
        assert sung["modem"] == "m0"
        assert sung["data"]["seconds"] < 3
        assert (await rig.get("/v1/inbox"))["items"] == []
        assert (await rig.get("/v1/messages"))["items"] == []
        assert not await events(rig, "line.deaf")
        # nobody can hide a text by imitating one
        rig.sim.inject("modemgw canary 0123456789abcdef")
        (shown,) = await rig.inbox(1)
        assert shown["text"] == "modemgw canary 0123456789abcdef"


async def test_a_deaf_line_is_told_and_mended(tmp_path: Path, adjust: Callable[..., None]) -> None:
    adjust(canary_interval_s=0.2, canary_limit_s=0.5)
    async with running(tmp_path, modem_config="canary_interval_s = 60\n") as rig:
        rig.sim.fault("urc_lost", match="CMTI")
        deaf = await event(rig, "line.deaf")
        assert "was not announced" in deaf["data"]["reason"]
        await event(rig, "line.recovering", rung="reinit")
        await rig.ready()


async def test_readiness_to_send_and_of_one_line(tmp_path: Path) -> None:
    async with running(tmp_path, modems=2) as rig:

        async def ready(query: str) -> tuple[int, str | None]:
            status, body = await rig.call("GET", "/health/ready" + query)
            return status, body["reason"] if "reason" in body else body["detail"]

        for query in ("", "?send=1", "?send=true", "?line=m0", "?send=1&line=m1", "?t=1700000000"):
            assert await ready(query) == (200, None), query
        await rig.call("POST", "/v1/modems/m0/pause")
        await state(rig, "paused")
        assert await ready("?line=m0") == (503, "No line is ready to send: m0 is paused.")
        assert (await ready("?send=1&line=m0"))[0] == 503
        assert await ready("?send=1") == (200, None)  # by the other
        assert await ready("?line=m1") == (200, None)
        await rig.call("POST", "/v1/modems/m1/pause")
        status, reason = await ready("?send=1")
        assert (status, reason) == (503, "No line is ready to send: m0 is paused, m1 is paused.")
        assert await ready("") == (200, None)  # it accepts, all the same
        assert await ready("?send=0") == (200, None)
        assert await ready("?line=m7") == (404, "There is no line m7.")
        assert (await rig.call("GET", "/health/ready?send=perhaps"))[0] == 400


async def test_pause_and_resume_by_hand(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        status, view = await rig.call("POST", "/v1/modems/m0/pause")
        assert (status, view["paused"]) == (200, True)
        assert (await state(rig, "paused"))["reason"] == "Paused by shop."
        accepted = await rig.submit(FAR, "waits")
        rig.sim.inject("comes in all the same")
        await rig.inbox(1)
        rig.sim.unplug(0, back_s=0.2)
        await state(rig, "absent")
        await state(rig, "paused")  # the next spell is paused, too
        assert (await rig.message(accepted["id"]))["state"] == "queued"
        status, view = await rig.call("POST", "/v1/modems/m0/resume")
        assert (status, view["paused"]) == (200, False)
        await rig.until_state(accepted["id"], "sent", "delivered")
        assert (await rig.call("POST", "/v1/modems/none/pause"))[0] == 404
        assert [e["data"]["by"] for e in await events(rig, "line.paused")] == ["shop"]


async def test_refusals_pause_the_line_until_it_is_resumed(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.fault("cms_error", code=8, count=3)
        for n in range(3):
            await rig.submit(f"+7916000000{n}", "refused")
        view = await state(rig, "paused")
        assert "credit" in view["reason"]
        assert view["paused"] is False
        accepted = await rig.submit(FAR, "after all")
        await rig.call("POST", "/v1/modems/m0/resume")
        await rig.until_state(accepted["id"], "sent", "delivered")


# ---------------------------------------------------------------- stopping


STOPPED_IN = {
    "ready": {},
    "starting": {"fault": ("no_answer", {"match": r"\+CMGF=0", "count": 0})},
    "silent": {"fault": ("no_answer", {"match": ".", "count": 0})},
    "sim": {"fault": ("sim", {"removed": True})},
    "searching": {"fault": ("registration", {"stat": 2, "seconds": 0})},
    "absent": {"unplug": True},
}


@pytest.mark.parametrize("phase", STOPPED_IN)
async def test_stop_is_quick_whatever_goes_on(tmp_path: Path, phase: str, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path, wait=False) as rig:
        how: dict[str, Any] = STOPPED_IN[phase]
        if "fault" in how:
            kind, options = how["fault"]
            rig.sim.fault(kind, **options)
        if how.get("unplug"):
            rig.sim.unplug(0)
        await asyncio.sleep(0.4)  # into the middle of it, wherever that is
        started = time.monotonic()
    assert time.monotonic() - started < 20  # a send alone may be waited for 180 s
    assert {str(view.state) for view in rig.runtime.gateway.modems()} == {"stopped"}
    assert not [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert not [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
