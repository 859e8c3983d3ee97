"""What a port is to its modem, as sysfs tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.modem.ports import discovery
from modemgw.modem.ports.discovery import port_kind

PORTS = [
    # usb id        interface  class, subclass, protocol  kind
    ("2c7c:0125", "02", "ff/00/00", "at"),
    ("2c7c:0125", "03", "ff/00/00", "modem"),
    ("2c7c:6005", "03", "ff/00/00", "at"),
    ("12d1:1506", "00", "ff/02/01", "modem"),
    ("12d1:1506", "01", "ff/02/02", "at"),
    ("2c7c:0125", "00", "ff/ff/30", None),
    ("1a86:7523", "00", "ff/01/02", "serial"),
]


@pytest.mark.parametrize(("usb", "interface", "kind", "expected"), PORTS)
def test_port_kind(
    usb: str, interface: str, kind: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "devices" / "1-1"
    folder = device / "1-1:1.x"
    tty = folder / "ttyUSB7"
    tty.mkdir(parents=True)
    for name, value in (("idVendor", usb[:4]), ("idProduct", usb[5:])):
        (device / name).write_text(value)
    names = ("bInterfaceNumber", "bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    for name, value in zip(names, (interface, *kind.split("/")), strict=True):
        (folder / name).write_text(value)
    (tmp_path / "class" / "tty" / "ttyUSB7").mkdir(parents=True)
    (tmp_path / "class" / "tty" / "ttyUSB7" / "device").symlink_to(tty)
    monkeypatch.setattr(discovery, "SYSFS", tmp_path)
    assert port_kind("/dev/ttyUSB7") == expected


def test_a_port_of_no_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = tmp_path / "devices" / "platform" / "serial8250"
    board.mkdir(parents=True)
    (tmp_path / "class" / "tty" / "ttyS0").mkdir(parents=True)
    (tmp_path / "class" / "tty" / "ttyS0" / "device").symlink_to(board)
    monkeypatch.setattr(discovery, "SYSFS", tmp_path)
    assert port_kind("/dev/ttyS0") == "serial"
    assert [port_kind(port) for port in ("/dev/pts/0", "socket://127.0.0.1:1", "rfc2217://h:1")] == [None] * 3
