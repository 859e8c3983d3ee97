"""Devices of several ports on real ptys: names, replugs, ports without AT, line speeds; calls and USSD from outside."""

from __future__ import annotations

import asyncio
import termios
from pathlib import Path

import pytest
import serial
from simrig import submit

from modemsim import SimError, Simulation, ThreadedSimulation
from modemsim.control import ControlClient


def named(sim: Simulation, which: int = 0) -> list[str]:
    return [p.name for p in sim.modems[which].links]


def there(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.iterdir() if p.is_symlink())


async def test_a_device_of_eight_ports(tmp_path: Path) -> None:
    async with Simulation(dir=tmp_path, personality="huawei-me909") as sim:
        assert there(tmp_path) == ["modem0", *(f"modem0.{i}" for i in range(1, 8))]
        assert [p["role"] for p in sim.modems[0].ports()][:3] == ["at", "modem", "diag"]


async def test_names_as_a_kernel_gives_them(tmp_path: Path) -> None:
    models = ("quectel-ec25", "telit-he910", "huawei-e1550")
    async with Simulation(modems=3, dir=tmp_path, personality=models, names="tty") as sim:
        # the AT port first: it is interface 2 of four, 0 of seven, 2 of three
        assert named(sim, 0) == ["ttyUSB2", "ttyUSB3", "ttyUSB0", "ttyUSB1"]
        assert named(sim, 1)[0] == "ttyACM0"
        assert named(sim, 2) == ["ttyUSB6", "ttyUSB4", "ttyUSB5"]
        sim.unplug(0)
        assert there(tmp_path) == sorted([*named(sim, 1), *named(sim, 2)])
        sim.unplug(2)
        sim.replug(2)  # the lowest numbers that are free now
        assert named(sim, 2) == ["ttyUSB2", "ttyUSB0", "ttyUSB1"]
        sim.replug(0)
        assert named(sim, 0) == ["ttyUSB5", "ttyUSB6", "ttyUSB3", "ttyUSB4"]
        assert all((tmp_path / n).exists() for n in named(sim, 0))


async def test_ports_come_back_under_other_names(tmp_path: Path) -> None:
    async with Simulation(modems=2, dir=tmp_path, personality="huawei-e3372") as sim:
        sim.unplug(0)
        assert there(tmp_path) == ["modem1", "modem1.1"]
        sim.replug(0, renumber=True)
        assert there(tmp_path) == ["modem1", "modem1.1", "modem2", "modem2.1"]
        assert sim.modems[0].port == str(tmp_path / "modem2")
        sim.unplug(0, ports=["modem1.9", "modem0"])
        sim.replug(0)
        assert sim.modems[0].port == str(tmp_path / "modem1.9")
        with pytest.raises(SimError, match="has 2 ports, and 1 names"):
            sim.replug(1, ports=["x"])
        with pytest.raises(SimError, match="holds no slash"):
            sim.replug(1, ports=["../x", "y"])
    async with Simulation(dir=tmp_path, personality="quectel-ec25", names="tty") as sim:
        sim.unplug(0, renumber=True)
        sim.replug(0)
        assert named(sim) == ["ttyUSB6", "ttyUSB7", "ttyUSB4", "ttyUSB5"]
    assert there(tmp_path) == []
    with pytest.raises(SimError, match="There is no style of names 'x'"):
        Simulation(dir=tmp_path, names="x")


def test_a_program_on_ports_that_speak_no_at(tmp_path: Path) -> None:
    with ThreadedSimulation(dir=tmp_path, personality="quectel-ec25", time_scale=0.1) as sim:
        gps, diag = (str(sim.modems[0].links[i]) for i in (3, 2))
        with serial.Serial(gps, 115200, timeout=5) as port:
            assert port.readline().startswith(b"$GPGGA,")
        with serial.Serial(diag, 115200, timeout=0.05) as port:
            port.write(b"AT\r")
            assert b"OK" not in port.read(10)
        sim.wait(lambda s: s.modems[0].modem.dumb_ports()[0].written == 3)
        with ControlClient(tmp_path) as control:
            rows = control.request("modems")["modems"][0]
            assert (rows["usb"]["id"], rows["personality"]) == ("2c7c:0125", "quectel-ec25")
            state = control.request("state", modem=0)["modems"][0]["ports"]
            assert rows["ports"] == state
            assert [(p["role"], p["interface"], p.get("written", "-")) for p in state] == [
                ("at", 2, "-"),
                ("modem", 3, "-"),
                ("diag", 0, 3),
                ("gps", 1, 0),
            ]
            assert state[2]["first"] == b"AT\r".hex()
            assert (state[0]["link"], state[0]["usb_class"]) == (str(sim.modems[0].links[0]), "ff/00/00")


async def test_a_replug_ends_what_a_port_without_at_says(tmp_path: Path) -> None:
    async with Simulation(dir=tmp_path, personality="quectel-ec25") as sim:
        gps = sim.modems[0].modem.dumb_ports()[1]
        with serial.Serial(str(sim.modems[0].links[3]), 115200):
            await sim.wait(lambda: gps.listeners == 1)
            sim.unplug(0)
        sim.replug(0)
        assert gps.listeners == 0


async def test_cards_change_places(tmp_path: Path) -> None:
    async with Simulation(modems=2, dir=tmp_path, personality=("generic", "huawei-e1550")) as sim:
        first, second = (h.modem for h in sim.modems)
        imeis, iccids = (first.imei, second.imei), (first.sim.iccid, second.sim.iccid)
        sim.inject("lies in the card", to=0)
        await sim.wait(lambda: len(first.memory("SM")) == 1)
        sim.unplug(0)
        sim.inject("waits", to="+79000000000")
        sim.swap(0, 1)
        assert (first.imei, second.imei) == imeis
        assert (first.sim.iccid, second.sim.iccid) == tuple(reversed(iccids))
        assert not first.plugged
        await sim.wait(lambda: len(second.memory("SM")) == 2)
        assert [i for i, _ in second.memory("SM")] == [0, 1]
        assert sim.find("+79000000000").modem is second
        sim.replug(0)
        sim.inject("hi", to="+79000000001")
        await sim.wait(lambda: len(first.memory("SM")) == 1)


def test_a_line_speed_that_the_modem_does_not_understand(tmp_path: Path) -> None:
    with ThreadedSimulation(dir=tmp_path, personality="simcom-sim900") as sim:
        path = sim.modems[0].port
        with serial.Serial(path, 9600, timeout=0.1) as port:
            port.write(b"AT\r")
            assert b"OK" not in port.read(20)
            sim.call(lambda s: s.modems[0].modem.urc("RING"))
            port.timeout = 5
            said = port.read(3)
            assert len(said) == 3
            assert all(octet & 0x80 for octet in said)
        with serial.Serial(path, 115200, timeout=5) as port:
            attributes = termios.tcgetattr(port.fd)
            attributes[4] = attributes[5] = termios.B0  # as Gammu leaves a pty: no speed at all
            termios.tcsetattr(port.fd, termios.TCSANOW, attributes)
            port.write(b"\rAT\r")
            assert port.read_until(b"OK\r\n").endswith(b"OK\r\n")
        with serial.Serial(path, 115200, timeout=5) as port:
            port.write(b"\rAT\r")
            assert port.read_until(b"OK\r\n").endswith(b"OK\r\n")


def test_calls_and_ussd_by_the_control_socket(tmp_path: Path) -> None:
    with (
        ThreadedSimulation(dir=tmp_path) as sim,
        serial.Serial(sim.modems[0].port, 115200, timeout=5) as port,
        ControlClient(tmp_path) as control,
    ):
        port.write(b"ATE0;+CLIP=1\r")
        port.read_until(b"OK\r\n")
        control.request("ring", number="+79161234567", duration_s=0.2)
        assert port.read_until(b'"",0\r\n') == b'\r\nRING\r\n\r\n+CLIP: "+79161234567",145,"",,"",0\r\n'
        assert port.read_until(b"CARRIER\r\n") == b"\r\nNO CARRIER\r\n"
        entry = control.request("ledger", kind="call")["entries"][0]
        assert (entry["sender"], entry["note"]) == ("+79161234567", "missed")
        control.request("ussd", codes={"*1#": "?A", "*1#/9": "B"}, text="Hello", reply=True)
        assert port.read_until(b"15\r\n") == b'\r\n+CUSD: 1,"Hello",15\r\n'
        for asked, said in ((b"*1#", b'+CUSD: 1,"A",15'), (b"9", b'+CUSD: 0,"B",15')):
            port.write(b'AT+CUSD=1,"' + asked + b'",15\r')
            port.read_until(b"OK\r\n")
            assert port.read_until(b"15\r\n").strip() == said


async def test_times_can_be_scaled(tmp_path: Path) -> None:
    async with Simulation(dir=tmp_path, personality="quectel-eg06", time_scale=0.0, mr=0) as sim:
        modem = sim.modems[0].modem
        command, payload = submit("+70001112233")
        modem.feed(f"ATE0\r{command}".encode(), asyncio.get_running_loop().time())
        modem.feed(payload.encode(), asyncio.get_running_loop().time())
        modem.tick(modem.timeline.now)
        assert b"".join(d for _, d in modem.take_output()).endswith(b"+CMS ERROR: 350\r\n")
