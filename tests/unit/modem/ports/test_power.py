"""USB reset in a sysfs of files, and the operator's power command."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from modemgw.modem.ports import discovery, power
from modemgw.modem.ports.power import PowerError, power_cycle, usb_device, usb_reset, why_no_usb_reset


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A USB device 1-1 with the port ttyUSB7 on its interface 2."""
    folder = tmp_path / "devices" / "usb1" / "1-1"
    interface = folder / "1-1:1.2" / "ttyUSB7"
    interface.mkdir(parents=True)
    (folder / "idVendor").write_text("2c7c")
    (folder / "authorized").write_text("1")
    tty = tmp_path / "class" / "tty" / "ttyUSB7"
    tty.mkdir(parents=True)
    (tty / "device").symlink_to(interface)
    monkeypatch.setattr(discovery, "SYSFS", tmp_path)
    monkeypatch.setattr(power, "DEAUTHORISED_S", 0.05)
    return folder


def test_the_device_behind_a_port(device: Path, tmp_path: Path) -> None:
    assert usb_device("/dev/ttyUSB7") == device
    by_id = tmp_path / "by-id"
    by_id.symlink_to("/dev/ttyUSB7")
    assert usb_device(str(by_id)) == device
    assert usb_device("/dev/ttyS0") is None


def test_why_there_is_no_usb_reset(device: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_no_usb_reset("/dev/ttyUSB7") is None
    assert why_no_usb_reset("/dev/ttyS0") == "usb_reset is set, but /dev/ttyS0 is not on USB."
    monkeypatch.setattr(power.os, "access", lambda *_: False)
    assert "may not write" in (why_no_usb_reset("/dev/ttyUSB7") or "")


async def test_usb_reset(device: Path) -> None:
    switch = device / "authorized"
    running = asyncio.ensure_future(usb_reset(device))
    async with asyncio.timeout(2):
        while switch.read_text() != "0":
            await asyncio.sleep(0.002)
    await running
    assert switch.read_text() == "1"


async def test_a_usb_reset_that_nobody_waits_for_is_finished_all_the_same(device: Path) -> None:
    switch = device / "authorized"
    running = asyncio.ensure_future(usb_reset(device))
    async with asyncio.timeout(2):
        while switch.read_text() != "0":
            await asyncio.sleep(0.002)
        running.cancel()
        while switch.read_text() != "1":
            await asyncio.sleep(0.002)


async def test_a_usb_reset_that_fails(tmp_path: Path) -> None:
    with pytest.raises(PowerError, match="could not be written"):
        await usb_reset(tmp_path / "gone")


FAILURES = [
    (["/bin/sh", "-c", "echo no such hub >&2; exit 2"], "ended with status 2. It said: no such hub"),
    (["/no/such/command"], "/no/such/command cannot be run (No such file or directory)."),
    (["/bin/sleep", "60"], "took longer than 0.2 s and was ended."),
]


@pytest.mark.parametrize(("command", "says"), FAILURES)
async def test_a_power_cycle_that_fails(command: list[str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "COMMAND_LIMIT_S", 0.2)
    started = time.monotonic()
    with pytest.raises(PowerError) as caught:
        await power_cycle(command, {})
    assert says in str(caught.value)
    assert time.monotonic() - started < 30


async def test_a_power_cycle_knows_its_modem_and_no_shell(tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = tmp_path / "cycle"
    script.write_text(f'#!/bin/sh\nprintf "%s|%s" "$1" "$MODEMGW_MODEM" > {said}\n')
    script.chmod(0o755)
    await power_cycle([str(script), "$HOME; echo x"], {"MODEMGW_MODEM": "a"})
    assert said.read_text() == "$HOME; echo x|a"
