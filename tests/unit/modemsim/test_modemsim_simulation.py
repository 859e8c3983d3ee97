"""The running simulation: ptys that come and go, TCP, pacing, the control socket, the thread."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import serial
from simrig import submit

from modemgw.sms import Direction, SmsDeliver, decode_tpdu
from modemsim import SimError, Simulation, ThreadedSimulation
from modemsim.control import ControlClient, ControlServer


class Terminal:
    """A program that has the port open, reading through the event loop."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.gone = asyncio.Event()
        self._heard = bytearray()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self.fd, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self.fd)
            self.gone.set()
        self._heard += data
        self._news.set()

    def write(self, data: str) -> None:
        os.write(self.fd, data.encode("latin-1"))

    async def until(self, end: str, limit: float = 5) -> str:
        async with asyncio.timeout(limit):
            while end.encode() not in self._heard:
                self._news.clear()
                await self._news.wait()
        cut = self._heard.find(end.encode()) + len(end)
        said = bytes(self._heard[:cut]).decode("latin-1")
        del self._heard[:cut]
        return said

    async def ask(self, command: str) -> str:
        self.write(command + "\r")
        return await self.until("OK\r\n")

    def close(self) -> None:
        self._loop.remove_reader(self.fd)
        os.close(self.fd)


@pytest.fixture
async def sim(tmp_path: Path) -> AsyncIterator[Simulation]:
    async with Simulation(modems=2, dir=tmp_path, mr=0) as sim:
        yield sim


async def test_a_send_and_its_report_through_ptys(sim: Simulation) -> None:
    terminal = Terminal(sim.modems[0].port)
    await terminal.ask("ATE0")
    await terminal.ask("AT+CNMI=2,1,0,1,0")
    command, payload = submit(sim.modems[1].number, report=True)
    terminal.write(command)
    await terminal.until("> ")
    terminal.write(payload)
    await terminal.until("+CMGS: 0\r\n\r\nOK\r\n")
    await terminal.until("+CDS: 25\r\n")
    assert [e.kind for e in sim.ledger] == ["submit", "delivered", "report"]
    terminal.close()


async def test_unplug_takes_the_port_and_replug_brings_a_new_one(sim: Simulation) -> None:
    link = Path(sim.modems[0].port)
    old = os.readlink(link)
    terminal = Terminal(str(link))
    terminal.write("AT\r")
    await terminal.until("OK\r\n")
    sim.unplug(0)
    assert not link.is_symlink()
    await asyncio.wait_for(terminal.gone.wait(), 5)
    terminal.close()
    with pytest.raises(OSError, match=r"."):
        os.open(old, os.O_RDWR | os.O_NOCTTY)
    sim.replug(0)
    terminal = Terminal(str(link))
    await terminal.until("RDY\r\n")
    await terminal.ask("AT")
    terminal.close()


async def test_what_was_said_before_the_cable_was_pulled_is_read(sim: Simulation) -> None:
    sim.fault("unplug", at="after_result", match="CSQ", back_s=0.1)
    terminal = Terminal(sim.modems[0].port)
    terminal.write("AT+CSQ\r")
    assert "+CSQ: 20,99" in await terminal.until("OK\r\n")
    await asyncio.wait_for(terminal.gone.wait(), 5)
    terminal.close()
    await sim.wait(lambda: sim.modems[0].modem.plugged)


async def test_terminals_come_and_go_and_leave_nothing_behind(sim: Simulation) -> None:
    host = sim.modems[0]
    for _ in range(3):
        port = serial.Serial(host.port, 9600, timeout=2, exclusive=True, rtscts=True, dsrdtr=True)
        wire = host.wires[0]
        assert wire is not None
        await _settled(lambda wire=wire: wire._open == 1)
        port.write(b"AT\r")
        port.close()
        await _settled(lambda wire=wire: wire._open == 0)
    sim.fault("urc", text="LOST")  # nobody has the port open: lost
    terminal = Terminal(host.port)
    assert await terminal.ask("AT+CSQ") == "AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
    terminal.close()


async def _settled(ready: Any, limit: float = 5) -> None:
    async with asyncio.timeout(limit):
        while not ready():
            await asyncio.sleep(0.001)


async def test_a_hang_ends_when_the_port_is_closed(sim: Simulation) -> None:
    terminal = Terminal(sim.modems[0].port)
    await terminal.ask("ATE0")
    sim.fault("hang")
    terminal.write("AT\r")
    terminal.close()
    await _settled(lambda: not sim.modems[0].modem.ports[0].hung)
    terminal = Terminal(sim.modems[0].port)
    assert await terminal.ask("AT") == "\r\nOK\r\n"
    terminal.close()


async def test_nobody_reading_does_not_stop_the_modem(sim: Simulation) -> None:
    fd = os.open(sim.modems[0].port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    for _ in range(300):
        sim.fault("urc", text="x" * 1000)
    other = Terminal(sim.modems[1].port)
    await other.ask("AT")
    other.close()
    os.close(fd)


async def test_tcp_and_pacing() -> None:
    async with Simulation(modems=2, tcp=("127.0.0.1", 0), baud=115200) as sim:
        assert sim.modems[0].port.startswith("socket://127.0.0.1:")
        host, port = sim.modems[1].tcp.address  # type: ignore[union-attr]
        reader, writer = await asyncio.open_connection(host, port)
        started = asyncio.get_running_loop().time()
        writer.write(b"AT+CLAC\r")
        await asyncio.wait_for(reader.readuntil(b"OK\r\n"), 5)
        assert asyncio.get_running_loop().time() - started > 0.02
        sim.unplug(1, back_s=0.05)
        assert await reader.read() == b""
        writer.close()


async def test_everything_is_removed_at_the_end(tmp_path: Path) -> None:
    async with Simulation(modems=3, dir=tmp_path / "new"):
        assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["control.sock", "modem0", "modem1", "modem2"]
    assert list((tmp_path / "new").iterdir()) == []


async def test_two_simulations_do_not_share_a_directory(sim: Simulation, tmp_path: Path) -> None:
    with pytest.raises(SimError, match="Another modemsim runs in"):
        async with Simulation(dir=tmp_path):
            pass
    assert Path(sim.modems[0].port).exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"modems": 0}, "at least one modem"),
        ({"personality": "nokia"}, "There is no personality 'nokia'. There are: alcatel"),
        ({"numbers": ["abc"]}, "is not a telephone number"),
        ({"modems": 2, "numbers": ["+7900", "+7900"]}, "Two SIMs have the number"),
        ({"color": "red"}, "Not an option"),
    ],
)
def test_a_wrong_option_is_a_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(SimError) as caught:
        Simulation(**options)
    assert says in str(caught.value)


def test_a_threaded_simulation_and_its_control_socket(tmp_path: Path) -> None:
    with ThreadedSimulation(modems=2, dir=tmp_path, personality=["generic", "huawei-e3372"]) as sim:
        with ControlClient(tmp_path) as control:
            assert control.request("ping") == {"modems": 2}
            rows = control.request("modems")["modems"]
            assert [r["number"] for r in rows] == ["+79000000000", "+79000000001"]
            assert len(rows[1]["links"]) == 2
            assert control.request("inject", text="привет {n}", count=3, to=0)["parts"] == 3
            control.request("wait", kind="delivered", count=3)
            assert control.request("state", modem=0)["modems"][0]["storage"]["SM"] == [3, 30]
            assert len(control.request("storage", modem=0)["storage"]["SM"]) == 3
            ledger = control.request("ledger", kind="delivered", after=0)
            assert len(ledger["entries"]) == 3
            assert ledger["counts"]["inject"] == 3
            assert control.request("wait", idle=True)
            control.request("fault", fault="cms_error", code=38, count=2, modem="all")
            state = control.request("state")["modems"]
            assert [m["faults"][0]["code"] for m in state] == [38, 38]
            control.request("clear_faults")
            assert control.request("state", modem=1)["modems"][0]["faults"] == []
            assert control.request("network", latency_s=0.5)["latency_s"] == 0.5
            rules = control.request("rules", add={"pattern": "+1*", "plan": "failed"})["rules"]
            assert rules[0]["pattern"] == "+1*"
            control.request("inject", tpdu="0405", to="modem1")
            control.request("inject", pdu="000405", to="+79000000001")
            for cmd, more in [
                ("unplug", {}),
                ("replug", {}),
                ("reboot", {}),
                ("registration", {"stat": 2}),
                ("signal", {"rssi": 5}),
                ("pin", {"pin": "1111"}),
                ("ring", {}),
                ("faults", {}),
                ("far", {}),
            ]:
                control.request(cmd, **more)
            for request, says in [
                ({"cmd": "dance"}, "There is no command 'dance'"),
                ({"cmd": "state", "modem": 7}, "There is no modem 7"),
                ({"cmd": "fault", "fault": "nix"}, "There is no fault 'nix'"),
                ({"cmd": "fault"}, "lacks something"),
                ({"cmd": "wait", "kind": "nix"}, "has no kind 'nix'"),
                ({"cmd": "wait", "kind": "far", "timeout": 0.01}, "did not come to that"),
                ({"cmd": "inject", "tpdu": "xx"}, "is not hexadecimal"),
                ({"cmd": "network", "speed": 1}, "There is no setting 'speed'"),
                ({"cmd": "rules", "add": {"pattern": "*", "plan": "nix"}}, "There is no plan 'nix'"),
                ({"cmd": "storage", "memory": "XX"}, "has no memory 'XX'"),
            ]:
                with pytest.raises(SimError) as caught:
                    control.request(**request)  # type: ignore[arg-type]
                assert says in str(caught.value)
        assert sim.wait(lambda s: len(s.ledger)) > 3
    with pytest.raises(SimError, match="No modemsim runs in"):
        ControlClient(tmp_path)
    assert not [t for t in threading.enumerate() if t.name == "modemsim"]


def _by_control(sim: Simulation, **request: Any) -> Any:
    return ControlServer(sim, Path("unused")).run(request)


INJECTED: dict[str, Callable[[Simulation], Any]] = {
    "library": lambda sim: sim.inject("hi"),
    "network": lambda sim: sim.network.inject(sim.modems[0].number, "hi"),
    "tpdu": lambda sim: sim.inject_tpdu(sim.network.inject(sim.modems[1].number, "hi")[0]),
    "control": lambda sim: _by_control(sim, cmd="inject", text="hi"),
    "call": lambda sim: _by_control(sim, cmd="ring", number="+79991234567", duration_s=0),
}


@pytest.mark.parametrize("how", INJECTED)
async def test_what_is_done_after_a_quiet_time_has_its_own_time(sim: Simulation, how: str) -> None:
    """Not that of the last event: two texts, a minute apart, would look as if sent at once."""
    sim.timeline.set_wall(1_750_000_000.0)
    await asyncio.sleep(1.1)
    done = INJECTED[how](sim)
    if asyncio.iscoroutine(done):
        await done
    if how == "call":
        await sim.wait_for_count("call", 1)
    entry = sim.ledger[-1]
    assert 1.1 <= entry.t - 1_750_000_000.0 < 60
    if entry.kind != "call":
        deliver = decode_tpdu(bytes.fromhex(entry.tpdu), Direction.TO_MS)
        assert isinstance(deliver, SmsDeliver)
        assert deliver.scts.time is not None
        assert deliver.scts.time.timestamp() >= 1_750_000_001


LATER: dict[str, Callable[[Simulation], Any]] = {
    "unplug": lambda sim: sim.unplug(0, back_s=30),
    "modem": lambda sim: sim.modems[0].modem.unplug(30),
    "fault": lambda sim: sim.fault("unplug", at="now", back_s=30),
    "control": lambda sim: _by_control(sim, cmd="unplug", back_s=30),
}


@pytest.mark.parametrize("how", LATER)
async def test_seconds_count_from_when_they_are_ordered(sim: Simulation, how: str) -> None:
    sim.timeline.now -= 40  # the last event was so long ago
    done = LATER[how](sim)
    if asyncio.iscoroutine(done):
        await done
    sim.pump()
    assert not sim.modems[0].modem.plugged
    due = sim.timeline.next_deadline()
    assert due is not None
    assert due - time.monotonic() > 25
