"""Which port a line opens, and that no two lines have the same device."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from modemgw.line import port_choice as module
from modemgw.line.port_choice import Claims, PortTaken, Whereabouts
from modemgw.line.settings import WorkerSettings
from modemgw.modem.dialogue.driver import ModemInfo
from modemgw.modem.ports.transport import PortError, PortMissing

IMEI = "356938030000013"
DIAG = "is the diagnostics port of X, not for AT commands: nothing is written to it. Its AT port is {}."


class Machine:
    """Ports that are there, the devices behind them, and where IMEIs are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.device: dict[str, str] = {}
        self.diag: set[str] = set()
        self.places: dict[str, str] = {}
        self.imeis: dict[str, str] = {}
        self.looked: list[str] = []

    def port(self, name: str, device: str = "1-1", *, diag: bool = False) -> str:
        path = self.folder / name
        path.touch()
        self.device[str(path)] = device
        if diag:
            self.diag.add(str(path))
        return str(path)

    async def locate(self, imei: str) -> str | None:
        self.looked.append(imei)
        return self.imeis.get(imei)

    async def siblings(self, port: str) -> list[str]:
        return [other for other in self.device if other != port]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    monkeypatch.setattr(module, "device_of", lambda port: made.device.get(port, port))
    monkeypatch.setattr(module, "usb_of", lambda port: "2c7c:0125" if port in made.device else None)
    monkeypatch.setattr(module, "port_at", made.places.get)
    monkeypatch.setattr(module, "why_never_asked", lambda port: f"{port} {DIAG}" if port in made.diag else None)
    return made


def line(machine: Machine, name: str = "a", claims: Claims | None = None, **settings: Any) -> Whereabouts:
    return Whereabouts(WorkerSettings(name, **settings), cast(Any, machine), claims)


async def test_the_port_that_was_named(machine: Machine) -> None:
    port = machine.port("ttyUSB2")
    assert await line(machine, port=port).find(port, None) == port
    assert machine.looked == []
    assert await line(machine, port="rfc2217://h:1").find(None, IMEI) == "rfc2217://h:1"
    with pytest.raises(PortMissing, match=r"There is no port .*gone\. Is the modem plugged in"):
        await line(machine, port=port + "gone").find(None, None)


async def test_another_port_that_the_ladder_chose_is_kept_while_it_is_there(machine: Machine) -> None:
    port, other = machine.port("ttyUSB2"), machine.port("ttyUSB3")
    where = line(machine, port=port)
    assert await where.find(other, None) == other
    Path(other).unlink()
    assert await where.find(other, None) == port


async def test_a_modem_is_followed_where_its_port_is_gone_or_is_for_something_else(machine: Machine) -> None:
    moved = machine.port("ttyUSB7", "1-3")
    machine.imeis[IMEI] = moved
    gone = line(machine, port=str(machine.folder / "ttyUSB2"))
    with pytest.raises(PortMissing):
        await gone.find(None, None)
    assert await gone.find(None, IMEI) == moved
    gone.release()
    diag = machine.port("ttyUSB0", "1-2", diag=True)
    with pytest.raises(PortError, match="diagnostics port"):
        await line(machine, port=diag).find(None, None)
    assert await line(machine, port=diag).find(None, IMEI) == moved


async def test_a_link_that_comes_a_moment_later_is_the_port_all_the_same(machine: Machine) -> None:
    moved, link = machine.port("ttyUSB7"), machine.folder / "link"

    async def locate(imei: str) -> str:
        link.touch()
        return moved

    machine.locate = locate  # type: ignore[method-assign]
    assert await line(machine, port=str(link)).find(None, IMEI) == str(link)


async def test_a_place_on_usb(machine: Machine) -> None:
    where = line(machine, port="usb:1-1")
    with pytest.raises(PortMissing, match="nothing plugged in at usb:1-1"):
        await where.find("usb:1-1", None)
    machine.places["usb:1-1"] = port = machine.port("ttyUSB2")
    assert await where.find("usb:1-1", None) == port


async def test_wherever_the_imei_is(machine: Machine) -> None:
    where = line(machine, imei=IMEI)
    with pytest.raises(PortMissing, match=f"No port of this machine has the modem with IMEI {IMEI}"):
        await where.find(None, IMEI)
    machine.imeis[IMEI] = port = machine.port("ttyUSB2")
    assert await where.find(None, IMEI) == port
    looks = len(machine.looked)
    assert await where.find(port, IMEI) == port
    assert len(machine.looked) == looks, "it is where it was"


async def test_without_a_finder_there_is_nothing_to_follow() -> None:
    with pytest.raises(PortMissing):
        await Whereabouts(WorkerSettings("a", imei=IMEI)).find(None, None)
    assert await Whereabouts(WorkerSettings("a", "/dev/x")).siblings("/dev/x") == []


# ---------------------------------------------------------------- two lines, one device


async def test_a_device_is_one_lines(machine: Machine) -> None:
    one, two = machine.port("ttyUSB2"), machine.port("ttyUSB3")
    claims = Claims([WorkerSettings("a", one), WorkerSettings("b", two)])
    a, b = line(machine, "a", claims, port=one), line(machine, "b", claims, port=two)
    with pytest.raises(PortTaken, match="'a'"):
        await b.find(None, None)  # although a has not opened it yet: the first of the configuration goes first
    await a.find(None, None)
    await a.find(None, None)
    with pytest.raises(PortTaken, match=r"are one modem \(2c7c:0125\), which the line 'a' uses already"):
        await b.find(None, None)
    a.release()
    Path(one).unlink()
    assert await b.find(None, None) == two, "a has another port to wait for"
    Path(one).touch()
    with pytest.raises(PortTaken, match="'b'"):
        await a.find(None, None)


async def test_a_line_that_names_a_port_it_cannot_have_keeps_nobody_from_the_device(machine: Machine) -> None:
    diag, at = machine.port("ttyUSB0", diag=True), machine.port("ttyUSB2")
    claims = Claims([WorkerSettings("a", diag), WorkerSettings("b", at)])
    assert await line(machine, "b", claims, port=at).find(None, None) == at


async def test_an_imei_that_another_line_has_by_its_port(machine: Machine) -> None:
    port = machine.port("ttyUSB2")
    claims = Claims()
    b = line(machine, "b", claims, port=port)
    await b.find(None, None)
    b.know(info(imei=IMEI, imsi="250010000000001"))
    with pytest.raises(PortTaken, match=f"The modem with IMEI {IMEI} and .* are one modem, which the line 'b'"):
        await line(machine, "a", claims, imei=IMEI).find(None, None)


async def test_one_modem_by_two_ways(machine: Machine) -> None:
    claims = Claims()
    a, b = (line(machine, name, claims, port=f"socket://host:{n}") for n, name in enumerate("ab", 1))
    for where in (a, b):
        await where.find(None, None)
    a.know(info(imei=IMEI, imsi="250010000000001"))
    b.know(info(imei=IMEI, imsi=None))
    b.know(info(imei=IMEI, imsi="250010000000002"))  # two SIMs in one device, or a cheap stick's borrowed IMEI
    with pytest.raises(PortTaken, match="socket://host:2 and socket://host:1 are one modem"):
        b.know(info(imei=IMEI, imsi="250010000000001"))
    b.release()
    b.know(info(imei=IMEI, imsi="250010000000001"))  # no claim, no clash


def info(**known: Any) -> ModemInfo:
    fields = dict.fromkeys(ModemInfo.__dataclass_fields__)
    return ModemInfo(**{**fields, **known})  # type: ignore[arg-type]
