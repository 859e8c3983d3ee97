"""Which modem is where: asked once a port, never a port in use, a silent one again soon."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import replace
from types import SimpleNamespace

import pytest

from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line import finder as finder_module
from modemgw.line.timing import Timing
from modemgw.modem.ports.discovery import FoundPort, PortRole
from modemgw.modem.ports.transport import open_transport
from tests.unit.modem.peer import ALIVE, Answer, Peer, over, said

IMEI = "356938030000013"
TELLS: dict[str, Answer] = {r"AT\+CGSN": said(IMEI, "OK")}


def port(peer: Peer, device: str = "1-1", interface: int = 2) -> FoundPort:
    return FoundPort(peer.url, "2c7c:0125", interface, device, PortRole.AT, "Maker Stick", known_modem=True)


Finder = functools.partial(
    finder_module.Finder, timing=Timing(dialogue=DialogueTiming(quiet_s=0.005, resync_probe_s=(0.05, 0.05, 0.05)))
)


async def test_a_modem_is_asked_once() -> None:
    async with Peer(over(TELLS, ALIVE)) as peer:
        finder = Finder(list, lambda: [port(peer)])
        for _ in range(2):
            (found,) = await finder.find()
            assert (found.port, found.imei) == (peer.url, IMEI)
        assert await finder.locate(IMEI[:14]) == peer.url
        assert await finder.locate("999999999999999") is None
        assert sum(line == b"AT+CGSN" for line in peer.heard) == 1


async def test_what_is_in_use_is_left_alone() -> None:
    async with Peer(over(TELLS, ALIVE)) as used, Peer(over(TELLS, ALIVE)) as beside:
        finder = Finder(lambda: [used.url], lambda: [port(used), port(beside, interface=3)])
        assert await finder.find() == []
        assert used.heard == beside.heard == []


async def test_a_modem_that_was_starting_is_used_at_its_at_port() -> None:
    awake = False

    def wakes(_peer: Peer, _line: bytes) -> bytes:
        nonlocal awake
        awake = True
        return said(IMEI, "OK")

    def late(*lines: str) -> Answer:
        return lambda _peer, _line: said(*lines, "OK") if awake else None

    sleepy: dict[str, Answer] = {r"AT\+CGSN": late(IMEI), r"AT": late(), r"AT\+CMEE\?": late("+CMEE: 1"), r".*": None}
    async with Peer(sleepy) as first, Peer(over({r"AT\+CGSN": wakes}, ALIVE)) as second:
        other = replace(port(second, interface=4), role=PortRole.UNKNOWN)
        finder = Finder(list, lambda: [port(first, interface=3), other])
        (found,) = await finder.find()
        assert found.port == first.url
        (found,) = await finder.find()
        assert found.port == first.url


async def test_a_silent_port_is_asked_again_soon_and_then_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(finder_module, "time", SimpleNamespace(monotonic=lambda: now))
    async with Peer({r".*": None}) as peer:
        finder = Finder(list, lambda: [port(peer)])
        asked = []
        for now in (1000.0, 1001.0, 1002.0, 1006.0, 1007.0, 1016.0, 1017.0, 1018.0):  # noqa: B007 (read above)
            before = len(peer.heard)
            assert await finder.find() == []
            asked.append(len(peer.heard) > before)
        assert asked == [True, False, True, False, True, False, True, False]
        peer.script = dict(over(TELLS, ALIVE))
        now = 1100.0
        assert [found.imei for found in await finder.find()] == [IMEI]


async def test_a_modem_that_does_not_tell_its_imei_is_a_modem() -> None:
    async with Peer(ALIVE) as peer:
        assert [found.imei for found in await Finder(list, lambda: [port(peer)]).find()] == [None]


async def test_siblings_are_the_free_ports_of_the_same_device() -> None:
    ports = [
        replace(port(Peer()), url=url, device=device)
        for url, device in (("/dev/a0", "1-1"), ("/dev/a1", "1-1"), ("/dev/a2", "1-1"), ("/dev/b0", "1-2"))
    ]
    finder = Finder(lambda: ["/dev/a0", "/dev/b0"], lambda: ports)
    assert await finder.siblings("/dev/a0") == ["/dev/a1", "/dev/a2"]
    assert await finder.siblings("/dev/b0") == []
    assert await finder.siblings("/dev/none") == []


async def test_devices_are_asked_side_by_side_and_ports_of_one_in_turn() -> None:
    async with Peer({r".*": None}) as silent, Peer(over(TELLS, ALIVE)) as second, Peer(over(TELLS, ALIVE)) as other:
        finder = Finder(list, lambda: [port(silent), port(second, interface=3), port(other, "1-2")])
        asked = asyncio.ensure_future(finder.find())
        async with asyncio.timeout(10):
            while not other.heard:
                await asyncio.sleep(0.001)
        assert second.heard == []
        assert [found.port for found in await asked] == [second.url, other.url]


async def test_a_port_that_does_not_tell_the_imei_is_the_last_choice() -> None:
    async with Peer(ALIVE) as shy, Peer(over(TELLS, ALIVE)) as frank:
        (found,) = await Finder(list, lambda: [port(shy), port(frank, interface=3)]).find()
        assert (found.port, found.imei, found.place) == (frank.url, IMEI, "usb:1-1:1.3")


async def test_what_answered_once_is_asked_first_in_the_next_of_its_kind() -> None:
    async with Peer({r".*": None}) as silent, Peer(over(TELLS, ALIVE)) as speaks, Peer(over(TELLS, ALIVE)) as unasked:
        ports = [port(silent), port(speaks, interface=5)]
        finder = Finder(list, lambda: ports)
        assert [found.port for found in await finder.find()] == [speaks.url]
        ports[:] = [port(unasked, "1-2"), port(speaks, "1-2", interface=5)]
        assert [found.port for found in await finder.find()] == [speaks.url]
        assert unasked.heard == []


async def test_a_port_that_was_just_plugged_in_is_asked_every_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(finder_module, "time", SimpleNamespace(monotonic=lambda: now))
    async with Peer({r".*": None}) as peer:
        ports: list[FoundPort] = []
        finder = Finder(list, lambda: ports)
        await finder.find()
        assert finder.due_s(15.0) == 15.0
        ports.append(port(peer))
        dues = []
        for now in (1000.0, 1001.0, 1044.0, 1045.0, 1046.0):  # noqa: B007 (read above)
            await finder.find()
            dues.append(finder.due_s(100.0))
        assert dues == [1.0, 1.0, 1.0, 30.0, 29.0]
        ports.clear()
        await finder.find()
        assert finder.due_s(15.0) == 15.0


async def test_an_imei_that_only_ati_tells() -> None:
    script = over({r"AT\+CGSN": said("ERROR"), "ATI": said("Maker", "Stick", f"IMEI: {IMEI}", "OK")}, ALIVE)
    async with Peer(script) as peer:
        assert [found.imei for found in await Finder(list, lambda: [port(peer)]).find()] == [IMEI]


async def test_a_port_that_somebody_holds_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0
    monkeypatch.setattr(finder_module, "time", SimpleNamespace(monotonic=lambda: now))
    async with Peer(ALIVE) as peer:
        held = await open_transport(peer.url)
        finder = Finder(list, lambda: [port(peer)])
        said = []
        for now in (1000.0, 1100.0, 1200.0):  # noqa: B007 (read above)
            assert await finder.find() == []
            said.append(len(caplog.records))
        assert said == [0, 1, 1]
        assert "Maker Stick may be a modem: The port" in caplog.text
        assert "is in use" in caplog.text
        held.close()


async def test_a_port_that_was_left_is_asked_last() -> None:
    async with Peer(over(TELLS, ALIVE)) as first, Peer(over(TELLS, ALIVE)) as second:
        finder = Finder(list, lambda: [port(first, interface=2), port(second, interface=3)])
        (found,) = await finder.find()
        assert found.port == first.url
        finder.avoid(first.url)
        (found,) = await finder.find()
        assert found.port == second.url
