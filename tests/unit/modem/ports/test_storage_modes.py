"""Sticks without an AT port: told apart from pendrives, and from sticks that have one."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.modem.ports.storage_modes import (
    network_only_devices,
    network_stick,
    network_sticks,
    storage_mode_devices,
    storage_modes,
    storage_stick,
)


def plug(sysfs: Path, place: str, usb: str, *kinds: str, maker: str = "", product: str = "", tty: bool = False) -> None:
    folder = sysfs / "bus" / "usb" / "devices" / place
    for number, kind in enumerate(kinds):
        interface = folder / f"{place}:1.{number}"
        interface.mkdir(parents=True)
        klass, sub = kind.split()
        (interface / "bInterfaceClass").write_text(f"{klass}\n")
        (interface / "bInterfaceSubClass").write_text(f"{sub}\n")
        if tty and not number:
            (interface / "ttyUSB0").mkdir()
    for name, text in {"idVendor": usb[:4], "idProduct": usb[5:], "manufacturer": maker, "product": product}.items():
        (folder / name).write_text(f"{text}\n")


NAMES = [
    ("12d1:1446", "", "", "Huawei, newer modems, and rebrandings"),
    ("12d1:1f01", "", "", "Huawei E353 (3.se) and others"),
    ("19d2:2000", "", "", "ZTE devices, some Onda devices"),
    ("05c6:1000", "AnyDATA Corp", "", "AnyDATA devices, Bless UC165"),
    ("05c6:1000", "Somebody", "Pendrive", None),
    ("19d2:0083", "", "ZTE WCDMA Technologies", "ZTE MF110 (Variant)"),
    ("19d2:0083", "", "Pendrive", None),
    ("0781:5567", "SanDisk", "Cruzer", None),
]


@pytest.mark.parametrize(("usb", "manufacturer", "product", "name"), NAMES)
def test_the_name_of_a_stick(usb: str, manufacturer: str, product: str, name: str | None) -> None:
    assert storage_stick(usb, manufacturer, product) == name


def test_the_tables() -> None:
    assert len(storage_modes()) > 300
    assert all(len(usb) == 9 and usb[4] == ":" for usb in (*storage_modes(), *network_sticks()))
    assert not set(storage_modes()) & set(network_sticks())


def test_what_is_plugged_in(tmp_path: Path) -> None:
    plug(tmp_path, "1-1", "12d1:1f01", "08 06")
    plug(tmp_path, "1-2", "12d1:1001", "08 06", maker="HUAWEI")
    plug(tmp_path, "1-3", "12d1:1001", "ff 01", "ff 01", "08 06", tty=True)  # the same id, switched
    plug(tmp_path, "1-4", "0781:5567", "08 06")
    plug(tmp_path, "1-5", "12d1:14dc", "02 06", "0a 00", "08 06")
    plug(tmp_path, "1-6", "2c7c:6005", "e0 01", "0a 00", maker="Android", product="RNDIS")
    plug(tmp_path, "1-7", "0bda:8153", "02 06", "0a 00")
    storage, network = storage_mode_devices(tmp_path), network_only_devices(tmp_path)
    assert [(stick.place, stick.usb) for stick in storage] == [("1-1", "12d1:1f01"), ("1-2", "12d1:1001")]
    assert "usb-modeswitch" in storage[0].advice
    assert [(stick.place, stick.name) for stick in network] == [("1-5", "Huawei HiLink"), ("1-6", "Android RNDIS")]
    assert "HiLink firmware" in network[0].advice
    assert "no AT port" in network[1].advice
    assert storage_mode_devices(tmp_path / "none") == network_only_devices(tmp_path / "none") == []


def test_a_stick_that_is_a_router() -> None:
    assert "http://192.168.8.1/" in (network_stick("12d1:14db") or "")
    assert network_stick("2c7c:0125") is None
