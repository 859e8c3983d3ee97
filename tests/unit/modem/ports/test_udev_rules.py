"""The rules in `udev/`: made from the table, and up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from modemgw.modem.ports.discovery import PortRole, usb_roles
from modemgw.modem.ports.udev_rules import NAME, rules

UDEV = Path(__file__).parents[4] / "udev"

TEXTS = {"ports": rules(), "devices": rules(whole_devices=True)}


def test_the_rules_are_those_of_the_table() -> None:
    assert (UDEV / NAME).read_text(encoding="utf-8") == rules(), (
        "run: python -m modemgw.modem.ports.udev_rules > udev/" + NAME
    )


def test_every_at_interface_is_kept_from_modemmanager() -> None:
    told = set()
    vendor = ""
    for line in rules().splitlines():
        if found := re.match(r'ENV\{ID_VENDOR_ID\}!="(\w+)"', line):
            vendor = found[1]
        if found := re.match(r'ENV\{ID_USB_INTERFACE_NUM\}=="(\w+)", ENV\{ID_MODEL_ID\}=="([\w|]+)", ENV\{ID_MM', line):
            told |= {(f"{vendor}:{model}", int(found[1], 16)) for model in found[2].split("|")}
    assert told == {key for key, role in usb_roles().items() if role is PortRole.AT}


def test_whole_devices() -> None:
    text = TEXTS["devices"]
    assert "ID_MM_PORT_IGNORE" not in text
    assert 'ENV{ID_VENDOR_ID}=="12d1", ENV{ID_MM_DEVICE_IGNORE}="1"' in text
    found = re.findall(r'ENV\{ID_VENDOR_ID\}=="(\w+)", ENV\{ID_MODEL_ID\}=="([\w|]+)"', text)
    told = {f"{vendor}:{model}" for vendor, models in found for model in models.split("|")}
    assert told == {usb for usb, _ in usb_roles() if not usb.startswith("12d1")}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_every_jump_goes_forward_to_a_label_that_is_there(text: str) -> None:
    labels = {name: at for at, line in enumerate(text.splitlines()) for name in re.findall(r'LABEL="(\w+)"', line)}
    jumps = [(name, at) for at, line in enumerate(text.splitlines()) for name in re.findall(r'GOTO="(\w+)"', line)]
    assert {name for name, _ in jumps} == set(labels)
    assert all(at < labels[name] for name, at in jumps)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_the_file_is_short_and_names_nothing_that_is_not_unique(text: str) -> None:
    assert len(text) < 20_000
    assert max(map(len, text.splitlines())) < 250
    links = [line for line in text.splitlines() if "SYMLINK" in line]
    assert len(links) == 1
    assert "SERIAL" not in links[0]


def test_another_group() -> None:
    assert 'GROUP="modemgw"' in rules(group="modemgw")
