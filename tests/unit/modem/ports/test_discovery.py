"""Which ports are asked AT, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from modemgw.modem.ports import discovery
from modemgw.modem.ports.discovery import (
    PortRole,
    UsbInterface,
    by_device,
    describe,
    find_ports,
    port_at,
    usb_interface,
    usb_of,
    usb_roles,
    why_never_asked,
)


@dataclass
class Facts:
    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    location: str | None = None
    manufacturer: str | None = None
    product: str | None = None
    description: str | None = "n/a"
    usb_interface_path: str | None = None


def port(device: str, usb: str, number: int, kind: tuple[int, int, int] = (255, 0, 0), endpoints: int = 3) -> object:
    vid, pid = (int(part, 16) for part in usb.split(":"))
    facts = Facts(device, vid, pid, location=f"1-1:1.{number}", manufacturer="Maker", product="Stick")
    return describe(facts, UsbInterface(number, kind, endpoints))


ROLES = [
    # usb id       interface  class, subclass, protocol   role
    ("2c7c:0125", 0, (255, 255, 255), PortRole.DIAG),
    ("2c7c:0125", 1, (255, 0, 0), PortRole.GPS),
    ("2c7c:0125", 2, (255, 0, 0), PortRole.AT),
    ("2c7c:0125", 3, (255, 0, 0), PortRole.AT2),
    ("1e0e:9011", 4, (255, 0, 0), PortRole.AT),
    ("12d1:1506", 0, (255, 2, 1), PortRole.AT2),
    ("12d1:1506", 1, (255, 2, 3), PortRole.DIAG),
    ("12d1:1506", 2, (255, 2, 2), PortRole.AT),
    ("12d1:1506", 3, (255, 2, 0x12), PortRole.AT),
    ("12d1:1506", 4, (255, 2, 0x7F), PortRole.UNKNOWN),
    ("12d1:1506", 5, (8, 6, 80), PortRole.UNKNOWN),
    ("1199:ffff", 9, (255, 255, 0x30), PortRole.DIAG),
    ("0403:6001", 0, (255, 255, 255), PortRole.UNKNOWN),
]


@pytest.mark.parametrize(("usb", "number", "kind", "role"), ROLES)
def test_role(usb: str, number: int, kind: tuple[int, int, int], role: PortRole) -> None:
    found = port("/dev/ttyUSB0", usb, number, kind)
    assert isinstance(found, discovery.FoundPort)
    assert found.role is role
    assert found.known_modem is (usb != "0403:6001")
    assert found.device == "1-1"
    assert found.description == "Maker Stick"


def test_candidates_of_a_device_stand_together_the_best_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [
        port("/dev/ttyUSB0", "2c7c:0125", 0),
        port("/dev/ttyUSB1", "2c7c:0125", 1),
        port("/dev/ttyUSB3", "2c7c:0125", 3),
        port("/dev/ttyUSB2", "2c7c:0125", 2),
        port("/dev/ttyUSB9", "2c7c:0125", 9, endpoints=2),
        port("/dev/ttyUSB8", "2c7c:0125", 8, endpoints=3),
        port("/dev/ttyUSB5", "0403:6001", 0),
        describe(Facts("/dev/ttyS0"), UsbInterface()),
    ]
    monkeypatch.setattr(discovery, "all_ports", lambda: ports)
    assert [p.url[-4:] for p in find_ports()] == ["USB2", "USB3", "USB8", "USB9"]
    assert "/dev/ttyUSB5" in [p.url for p in find_ports(converters=True)]
    assert list(by_device(find_ports())) == ["1-1"]


def test_the_ports_of_this_machine_can_be_listed() -> None:
    assert isinstance(discovery.all_ports(), list)


def test_sysfs(tmp_path: Path) -> None:
    for name, value in {
        "bInterfaceNumber": "0a",
        "bInterfaceClass": "ff",
        "bInterfaceSubClass": "02",
        "bInterfaceProtocol": "12",
        "bNumEndpoints": "03",
    }.items():
        (tmp_path / name).write_text(f"{value}\n")
    assert usb_interface(Facts("x", usb_interface_path=str(tmp_path))) == UsbInterface(10, (255, 2, 0x12), 3)
    gone = Facts("x", location="1-1:1.3", usb_interface_path=str(tmp_path / "gone"))
    assert usb_interface(gone) == UsbInterface(3)
    assert usb_interface(Facts("x", location="1-1")) == UsbInterface()


def test_the_table_of_interfaces() -> None:
    assert len(usb_roles()) > 500
    assert usb_roles()["2c7c:6005", 3] is PortRole.AT


def test_the_usb_id_behind_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usb = tmp_path / "devices" / "usb1" / "1-1"
    tty = usb / "1-1:1.2" / "ttyUSB2"
    tty.mkdir(parents=True)
    (usb / "idVendor").write_text("2c7c\n")
    (usb / "idProduct").write_text("0125\n")
    (tmp_path / "class" / "tty" / "ttyUSB2").mkdir(parents=True)
    (tmp_path / "class" / "tty" / "ttyUSB2" / "device").symlink_to(tty)
    monkeypatch.setattr(discovery, "SYSFS", tmp_path)
    link = tmp_path / "by-path"
    link.symlink_to("elsewhere/ttyUSB2")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "ttyUSB2").symlink_to("/dev/pts/0")  # a simulated stick
    round_and_round = tmp_path / "round"
    round_and_round.symlink_to(round_and_round)
    assert usb_of(str(round_and_round)) is None
    assert [usb_of("/dev/ttyUSB2"), usb_of(str(link))] == ["2c7c:0125"] * 2
    assert [usb_of(port) for port in ("/dev/ttyS0", "/dev/pts/0", "socket://127.0.0.1:1", "")] == [None] * 4


def test_a_port_for_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [port("/dev/ttyUSB0", "2c7c:0125", 0)]
    monkeypatch.setattr(discovery, "all_ports", lambda: ports)
    sentence = "/dev/ttyUSB0 is the diagnostics port of Maker Stick (2c7c:0125, interface 0), not for AT commands"
    assert (why_never_asked("/dev/ttyUSB0") or "").startswith(sentence)
    assert "Its AT port is that of interface 2." in (why_never_asked("/dev/ttyUSB0") or ""), (
        "the others are yet to come"
    )
    ports += [port("/dev/ttyUSB1", "2c7c:0125", 1), port("/dev/ttyUSB2", "2c7c:0125", 2)]
    assert "Its AT port is /dev/ttyUSB2." in (why_never_asked("/dev/ttyUSB0") or "")
    assert "GPS port" in (why_never_asked("/dev/ttyUSB1") or "")
    assert why_never_asked("/dev/ttyUSB2") is None
    assert why_never_asked("/dev/ttyS0") is None


def test_the_only_port_of_a_device_is_for_at_whatever_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "all_ports", lambda: [port("/dev/ttyUSB0", "1199:ffff", 0, (255, 255, 0x30))])
    assert why_never_asked("/dev/ttyUSB0") is None


def test_a_place_leads_to_its_best_port(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = [port(f"/dev/ttyUSB{number}", "2c7c:0125", number) for number in (3, 2, 1, 0)]
    monkeypatch.setattr(discovery, "all_ports", lambda: ports)
    assert port_at("usb:1-1") == "/dev/ttyUSB2"
    assert port_at("usb:1-1:1.3") == "/dev/ttyUSB3"
    assert port_at("usb:1-1:1.0") == "/dev/ttyUSB0"
    assert port_at("usb:1-1:1.9") is None
    assert port_at("usb:1-2") is None
    assert {p.place for p in ports} >= {"usb:1-1:1.2"}
