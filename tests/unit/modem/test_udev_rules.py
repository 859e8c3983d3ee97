"""The files in `udev/`: made from the table, and up to date."""

from __future__ import annotations

from pathlib import Path

from modemgw.modem.discovery import PortRole, usb_roles
from modemgw.modem.udev_rules import rules

UDEV = Path(__file__).parents[3] / "udev"


def test_the_rules_are_those_of_the_table() -> None:
    assert (UDEV / "70-modemgw.rules").read_text(encoding="utf-8") == rules()


def test_every_at_interface_is_kept_from_modemmanager() -> None:
    text = rules()
    wanted = [key for key, role in usb_roles().items() if role is PortRole.AT]
    assert text.count('ENV{ID_MM_PORT_IGNORE}="1"') == len(wanted)
    assert 'ENV{ID_VENDOR_ID}=="2c7c", ENV{ID_MODEL_ID}=="0125", ENV{ID_USB_INTERFACE_NUM}=="02"' in text


def test_every_jump_has_its_label() -> None:
    lines = [line for line in rules().splitlines() if line and not line.startswith("#")]
    assert lines[-1] == 'LABEL="modemgw_end"'
    assert all('GOTO="modemgw_end"' in line for line in lines if "GOTO" in line)
