"""The tables of sticks without an AT port. What is done with them is tried in test_doctor_ports."""

from __future__ import annotations

import pytest

from modemgw.modem.ports.storage_modes import (
    network_stick,
    network_sticks,
    storage_modes,
    storage_stick,
)

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


def test_a_stick_that_is_a_router() -> None:
    assert "http://192.168.8.1/" in (network_stick("12d1:14db") or "")
    assert network_stick("2c7c:0125") is None
