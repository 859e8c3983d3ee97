"""`modemgw doctor` beside a running service, and where a service should be and is not; from outside."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modemgw.cli.story import summary
from tests.doctor_rig import HOLD, Told, doctor, mute, port, process, scripted, write_config
from tests.integration.test_doctor_modems import expect
from tests.rig import API_KEY, Rig, running, until


def config_of(rig: Rig, directory: Path) -> Path:
    path = directory / "doctor.toml"
    path.write_text(rig.config)
    path.chmod(0o600)
    return path


async def examine(rig: Rig, directory: Path, *arguments: str, apart: bool = False) -> Told:
    return await doctor(config_of(rig, directory), "--url", rig.runtime.url, *arguments, apart=apart)


def states(rig: Rig) -> list[str]:
    return [str(view.state) for view in rig.runtime.gateway.modems()]


async def test_a_healthy_service_is_not_disturbed(tmp_path: Path) -> None:
    async with running(tmp_path, modems=2, config='[smpp]\nlisten = "127.0.0.1:0"\n') as rig:
        told = await examine(rig, tmp_path, apart=True)
        status, asked = await rig.call("POST", "/v1/modems/m1/examine")
        assert status == 200
        assert {"question": "AT+CFUN?", "lines": ["+CFUN: 1"], "error": None} in asked["answers"]
        assert (await rig.call("POST", "/v1/modems/nobody/examine"))[0] == 404
        one = await examine(rig, tmp_path, "--port", rig.sim.modems[0].port)
        assert states(rig) == ["ready", "ready"]
    assert told.problems == one.problems == []
    assert told.document["top"] is None
    assert told.document["summary"].startswith(("All is well.", "No problems. Worth doing"))
    assert told.of("service.up")
    assert len([f for f in told.findings if f["key"] == "line.ready"]) == 2
    assert "not opened" in one.of("port.of_service")["seen"]


async def test_a_pin_is_one_problem_with_all_that_follows(tmp_path: Path) -> None:
    async with running(tmp_path, wait=False, pin="4321") as rig:
        await until(lambda: _in_state(rig, "blocked"), 15, lambda: str(states(rig)))
        status, refusal = await rig.call("POST", "/v1/modems/m0/examine")
        assert (status, "cannot be asked now" in refusal["detail"]) == (409, True), refusal
        await rig.submit("+79991234567", "waits")
        await _age(rig, 3600)
        told = await examine(rig, tmp_path)
    expect(told, "sim.pin_required", "asks for its PIN and none is configured", "set pin =")
    assert told.problems == ["sim.pin_required"]
    assert told.of("queue.stuck")["because"] == "sim.pin_required"


async def test_no_sim_and_then_the_port_gone(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.unplug(0)
        await until(lambda: _in_state(rig, "absent"), 15, lambda: str(states(rig)))
        told = await examine(rig, tmp_path)
    expect(told, "port.missing", "There is no port", "plug the modem in")
    assert told.problems == ["port.missing"]


async def test_paused_by_hand(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.call("POST", "/v1/modems/m0/pause")
        await until(lambda: _in_state(rig, "paused"), 15, lambda: str(states(rig)))
        told = await examine(rig, tmp_path)
    expect(told, "line.paused", "Paused by shop", "modemgw resume m0")


async def test_denied_by_the_network(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.fault("registration", stat=3, seconds=0)
        await until(lambda: _in_state(rig, "searching"), 15, lambda: str(states(rig)))
        told = await examine(rig, tmp_path)
    expect(told, "network.no_registration", "refuses this SIM", "ask the operator")
    assert told.problems == ["network.no_registration"]


async def test_the_port_of_a_line_that_modem_manager_took(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        with process(HOLD, "ModemManager", str(link)) as pid:
            async with serving(tmp_path, str(link)) as url:
                told = await doctor(write_config(tmp_path, str(link)), "--url", url)
    expect(told, "port.held", f"ModemManager (pid {pid})", "modemgw udev install")
    assert told.problems == ["port.held"]


async def test_another_program_resets_cnmi(tmp_path: Path) -> None:
    async with running(tmp_path, modem_config="health_interval_s = 5\n") as rig:
        modem = rig.sim.modems[0].modem
        modem.session.cnmi = (0, 0, 0, 0, 0)

        async def forgotten() -> bool:
            events = (await rig.get("/v1/events?limit=1000"))["items"]
            return any(event["kind"] == "line.recovering" for event in events)

        await until(forgotten, 20, lambda: "the line to be set up anew")
        await rig.ready()
        told = await examine(rig, tmp_path)
    expect(told, "announce.reset", "Another program resets the modem's AT+CNMI", "ModemManager")
    assert told.problems == ["announce.reset"]


async def test_cnmi_was_reset_and_nobody_knows_it_yet(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.sim.modems[0].modem.session.cnmi = (0, 0, 0, 0, 0)
        told = await examine(rig, tmp_path)
    expect(told, "announce.lost", "another program has reset it", "ModemManager")
    assert told.problems == ["announce.lost"]


async def test_a_modem_that_offers_no_reports(tmp_path: Path) -> None:
    async with running(tmp_path, personality="iridium-9522b") as rig:
        sent = await rig.submit("+79161234567", "hello")
        message = await rig.until_state(sent["id"], "sent")
        modems = (await rig.get("/v1/modems"))["items"]
        told = await examine(rig, tmp_path)
    assert modems[0]["reports"] == "none"
    assert "No delivery reports come through m0" in summary(message, modems)
    assert "hands over no delivery reports (AT+CNMI: 2,1,0,0" in told.of("reports.none")["seen"]


async def test_another_program_at_the_port_of_a_line_that_works(tmp_path: Path) -> None:
    script = HOLD.replace("fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)", "")
    async with running(tmp_path) as rig:
        with process(script, "ModemManager", rig.sim.modems[0].port) as pid:
            told = await examine(rig, tmp_path)
    expect(told, "port.held", f"ModemManager (pid {pid})", "modemgw udev install")
    assert told.problems == ["port.held"]


async def test_wrong_credentials(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        told = await examine(rig, tmp_path, "--api-key", "wrong")
        assert states(rig) == ["ready"]
    expect(told, "service.unauthorised", "does not know these credentials", "--api-key")
    assert told.problems == ["service.unauthorised"]


async def test_the_service_is_down_and_messages_wait(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.call("POST", "/v1/modems/m0/pause")
        await rig.submit("+79991234567", "waits")
        config = config_of(rig, tmp_path)
        await rig.runtime.stop()
        told = await doctor(config, "--url", "http://127.0.0.1:1")
        await rig.restart()
    expect(told, "service.down", "not running", "modemgw run")
    assert told.status == 1
    assert told.of("queue.stuck")["because"] == "service.down"


async def test_a_service_that_runs_elsewhere(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        told = await doctor(config_of(rig, tmp_path), "--url", "http://127.0.0.1:1")
        assert states(rig) == ["ready"]
    expect(told, "service.elsewhere", f"process {os.getpid()}", "another configuration")
    assert told.problems == ["service.elsewhere"]


async def test_another_program_at_the_address(tmp_path: Path) -> None:
    async def hello(_request: web.Request) -> web.Response:
        return web.Response(text="<h1>It works!</h1>")

    async with port(tmp_path / "tty", scripted()) as link, http(hello) as url:
        told = await doctor(write_config(tmp_path, str(link)), "--url", url)
    expect(told, "service.taken", "not modemgw", "another port")
    assert told.problems == ["service.taken"]


async def test_a_front_door_that_is_shut(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        door = f'[smpp]\nlisten = "127.0.0.1:{free.getsockname()[1]}"\n'
        async with running(tmp_path) as rig:
            config = config_of(rig, tmp_path)
            config.write_text(rig.config + door)
            told = await doctor(config, "--url", rig.runtime.url)
    expect(told, "service.door", "SMPP is configured, and nothing listens", "restart modemgw")


@pytest.mark.parametrize(
    ("view", "key", "seen", "fix"),
    [
        (
            {"state": "quarantined", "reason": "It hung. Nothing helped; left alone for 120 s."},
            "line.quarantined",
            "did not get well",
            "modemgw resume a",
        ),
        (
            {"state": "paused", "reason": "The operator bars sending. Paused for 30 minutes, or until it is resumed."},
            "line.error_run",
            "one message after the other was refused",
            "credit",
        ),
        (
            {"state": "recovering", "reason": "The modem did not answer AT within 10 s."},
            "modem.silent",
            "did not answer AT",
            "doctor --port",
        ),
        (
            {
                "state": "blocked",
                "reason": "The SIM refused the configured PIN; it will not be tried again. Correct pin "
                "for this modem. Tries left: 2.",
            },
            "sim.pin_refused",
            "Tries left: 2",
            "correct pin",
        ),
        ({"state": "ready", "storage": [{"memory": "SM", "used": 20, "total": 20}]}, "storage.full", "20 of 20", "log"),
        ({"state": "ready", "smsc": ""}, "smsc.missing", "SMS centre", "smsc ="),
        (
            {"state": "absent", "reason": "The sandbox of this service or container forbids /dev/ttyUSB9, whatever."},
            "port.denied",
            "sandbox",
            "systemctl restart",
        ),
        ({"state": "ready", "signal_dbm": -111}, "network.weak_signal", "-111 dBm", "antenna"),
    ],
)
async def test_lines_as_a_service_tells_of_them(
    tmp_path: Path, view: dict[str, Any], key: str, seen: str, fix: str
) -> None:
    async with port(tmp_path / "tty", mute) as link, a_service({"port": str(link), **view}) as url:
        told = await doctor(write_config(tmp_path), "--url", url, "--api-key", API_KEY)
    expect(told, key, seen, fix)
    assert len(told.problems) <= 1


# ---------------------------------------------------------------- scenery


async def _in_state(rig: Rig, state: str) -> bool:
    return state in states(rig)


async def _age(rig: Rig, seconds: int) -> None:
    """Make what waits older than it is."""
    store = rig.runtime._store
    assert store is not None
    await store.write(lambda tx: tx.execute("UPDATE messages SET created_at = created_at - ?", (seconds * 1000,)))


@contextlib.asynccontextmanager
async def http(handler: Any) -> AsyncIterator[str]:
    """A server that gives every request to `handler`; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield "http://{}:{}".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def a_service(changes: dict[str, Any]) -> AsyncIterator[str]:
    """Something that tells of one line as the service does."""
    line = {
        "name": "a",
        "port": "/dev/ttyUSB9",
        "state": "ready",
        "reason": None,
        "since": "2026-01-01T00:00:00.000Z",
        "imei": "864425040000018",
        "imsi": "250990000000001",
        "iccid": None,
        "number": None,
        "manufacturer": "Quectel",
        "model": "EC25",
        "firmware": "1",
        "operator": "Op",
        "registration": "registered, home network",
        "signal_dbm": -71,
        "smsc": "+79000009999",
        "storage": [],
        "sent": 0,
        "received": 0,
        "in_air": False,
        "paused": False,
        "recoveries": {},
        **changes,
    }
    bodies = {
        "/health/live": {"status": "live"},
        "/health/ready": {"ready": True, "store": "ok", "lines": [], "queued": 0},
        "/v1/modems": {"items": [line], "next": None},
    }

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=json.dumps(bodies[request.path]), content_type="application/json")

    async with http(answer) as url:
        yield url


@contextlib.asynccontextmanager
async def serving(directory: Path, modem: str) -> AsyncIterator[str]:
    """A gateway in this process on a port that is not a simulation's, once its line is blocked; its address."""
    from modemgw.config import parse
    from modemgw.runtime import Runtime

    text = write_config(directory, modem, listen="127.0.0.1:0").read_text()
    runtime = Runtime(parse(text))
    await runtime.start()
    try:

        async def blocked() -> bool:
            return [str(view.state) for view in runtime.gateway.modems()] == ["blocked"]

        await until(blocked, 15, lambda: str(runtime.gateway.modems()))
        yield runtime.url
    finally:
        await runtime.stop()
