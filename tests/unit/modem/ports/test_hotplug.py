"""Events of ports that come and go: read, waited for, and heard from the kernel itself where one may ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from modemgw.modem.ports import hotplug
from modemgw.modem.ports.hotplug import HotPlug, PlugEvent, read_uevent

PLUG = PlugEvent("add", "/dev/ttyUSB0", "udev")

#: As udevd writes it: magic in network order, the rest in the machine's; filters' hashes after the lengths.
UDEV_HEADER = b"libudev\0" + b"\xfe\xed\xca\xfe" + struct.pack("=IIIIIII", 40, 40, 200, 1, 2, 3, 4)

MESSAGES = [
    (
        b"add@/devices/a/ttyUSB0\0ACTION=add\0DEVPATH=/devices/a/ttyUSB0\0SUBSYSTEM=tty\0DEVNAME=ttyUSB0\0SEQNUM=1\0",
        PlugEvent("add", "/dev/ttyUSB0", "kernel"),
    ),
    (b"remove@/x\0ACTION=remove\0SUBSYSTEM=tty\0DEVNAME=/dev/ttyACM1", PlugEvent("remove", "/dev/ttyACM1", "kernel")),
    (b"change@/x\0ACTION=change\0SUBSYSTEM=tty\0", PlugEvent("change", None, "kernel")),
    (b"add@/x\0ACTION=add\0SUBSYSTEM=block\0DEVNAME=sda\0", None),
    (b"add@/x\0SUBSYSTEM=tty\0", None),
    (b"libudev\0\xfe\xed\xca\xfe\0\0\0(", None),
    (
        UDEV_HEADER + b"ACTION=remove\0SUBSYSTEM=tty\0DEVNAME=/dev/ttyUSB3\0",
        PlugEvent("remove", "/dev/ttyUSB3", "udev"),
    ),
    (UDEV_HEADER + b"ACTION=add\0SUBSYSTEM=usb\0DEVNAME=/dev/bus/usb/001/002\0", None),
    (UDEV_HEADER[:-4], None),
    (b"", None),
    (b"\0\0@=\xff\0=\0", None),
]


@pytest.mark.parametrize(("message", "event"), MESSAGES)
def test_uevents(message: bytes, event: PlugEvent | None) -> None:
    assert read_uevent(message) == event


async def test_waiting_begins_with_the_call() -> None:
    plugs = HotPlug()
    first = plugs.wait(5)
    plugs.tell(PLUG)
    assert await first
    assert not await plugs.wait(0)
    assert plugs.proven


async def test_ports_that_come_one_after_the_other_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotplug, "SETTLED_S", 0.05)
    plugs, loop = HotPlug(), asyncio.get_running_loop()
    await plugs.settled()
    plugs.tell(PLUG)
    loop.call_later(0.02, plugs.tell, PLUG)
    begun = loop.time()
    await plugs.settled()
    assert loop.time() - begun >= 0.06
    monkeypatch.setattr(hotplug, "SETTLED_S", 60.0)
    monkeypatch.setattr(hotplug, "SETTLE_LIMIT_S", 0.01)
    plugs.tell(PLUG)
    await plugs.settled()


async def test_no_source_is_no_trouble(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    plugs = HotPlug()

    def refuse() -> None:
        raise OSError("not here")

    monkeypatch.setattr(plugs, "_open_udev", refuse)
    monkeypatch.setattr(plugs, "_open_netlink", refuse)
    plugs.start()
    assert plugs.sources == ()
    assert not plugs.proven
    plugs.close()
    plugs.close()


async def test_without_pyudev_the_kernel_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyudev", None)
    async with listening() as (plugs, _):
        assert plugs.sources == ("kernel",)


async def test_while_udevd_runs_a_new_port_is_left_to_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    control = tmp_path / "control"
    control.touch()
    monkeypatch.setattr(hotplug, "UDEV_CONTROL", str(control))
    monkeypatch.setattr(hotplug, "UDEVD_GRACE_S", 0.05)
    plugs, heard = HotPlug(), list[PlugEvent]()
    plugs.listen(heard.append)
    gone, came = PlugEvent("remove", "/dev/a", "kernel"), PlugEvent("add", "/dev/b", "kernel")
    waiting = plugs.wait(5)
    plugs._tell_kernel(came)
    assert heard == []
    plugs._tell_kernel(gone)
    assert heard == [gone]
    assert await waiting
    assert await plugs.wait(5)
    assert heard == [gone, came]
    plugs._tell_kernel(came)
    plugs.close()


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[HotPlug, list[PlugEvent]]]:
    plugs, heard = HotPlug(), list[PlugEvent]()
    plugs.start()
    plugs.listen(heard.append)
    try:
        yield plugs, heard
    finally:
        plugs.close()


TRIGGER = Path("/sys/class/tty/tty9/uevent")


@pytest.mark.skipif(not os.access(TRIGGER, os.W_OK), reason="the kernel may not be asked for an event here")
async def test_an_event_of_the_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(hotplug, "UDEV_CONTROL", str(tmp_path / "no udevd"))
    async with listening() as (plugs, heard):
        if "kernel" not in plugs.sources:
            pytest.skip("no netlink here")
        event = PlugEvent("change", "/dev/tty9", "kernel")
        while event not in heard:
            waiting = plugs.wait(10)
            TRIGGER.write_text("change")
            assert await waiting, "the kernel was asked for an event and told none"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may send to the kernel's group")
async def test_a_program_does_not_speak_for_the_kernel() -> None:
    async with listening() as (plugs, heard):
        if "kernel" not in plugs.sources:
            pytest.skip("no netlink here")
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15) as sender:
            sender.bind((0, 0))
            try:
                sender.sendto(MESSAGES[0][0].replace(b"ttyUSB0", b"ttyFAKE0"), (0, 1))
            except OSError as error:
                pytest.skip(f"may not send: {error}")
        await asyncio.sleep(0)
        if os.access(TRIGGER, os.W_OK):  # what the kernel says after it
            TRIGGER.write_text("change")
            await plugs.wait(10)
        assert "/dev/ttyFAKE0" not in [event.port for event in heard]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may send to udev's group")
async def test_udevs_events_without_pyudev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyudev", None)
    async with listening() as (plugs, heard):
        if plugs.sources != ("kernel",):
            pytest.skip("no netlink here")
        event = PlugEvent("change", "/dev/ttyFAKE0", "udev")
        body = b"ACTION=change\0SUBSYSTEM=tty\0DEVNAME=/dev/ttyFAKE0\0"
        header = UDEV_HEADER[:20] + struct.pack("=I", len(body)) + UDEV_HEADER[24:]
        with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 15) as sender:
            sender.bind((0, 0))
            while event not in heard:
                waiting = plugs.wait(10)
                try:
                    sender.sendto(header + body, (0, 2))
                except OSError as error:
                    waiting.close()
                    pytest.skip(f"may not send: {error}")
                assert await waiting


async def test_a_burst_that_overruns_the_socket_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """ENOBUFS: what was lost nobody knows, so everything is looked at."""

    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ends[1].send(b"x")

    class Overrun:
        def __init__(self, *_: object) -> None:
            self.fileno = ends[0].fileno
            self.close = ends[0].close
            self.setblocking = self.setsockopt = self.bind = lambda *_: None

        def recvfrom(self, _: int) -> tuple[bytes, object]:
            ends[0].recv(10)
            raise OSError(105, "No buffer space available")

    constants = {name: getattr(socket, name) for name in ("AF_NETLINK", "SOCK_DGRAM", "SOL_SOCKET", "SO_RCVBUF")}
    monkeypatch.setattr(hotplug, "socket", SimpleNamespace(socket=Overrun, **constants))
    monkeypatch.setattr(hotplug, "UDEV_CONTROL", "/no such")
    plugs = HotPlug()
    plugs._sources["kernel"] = plugs._open_netlink()
    heard = list[PlugEvent]()
    plugs.listen(heard.append)
    assert await plugs.wait(5)
    assert heard == [PlugEvent("change", None, "kernel")]
    plugs.close()
    ends[1].close()
