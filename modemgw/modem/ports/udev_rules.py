"""The text of `udev/70-modemgw.rules`, from the table of USB interfaces: `python -m modemgw.modem.ports.udev_rules`.

Owns the text. Installs nothing; that is `modemgw udev install`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from modemgw.modem.ports.discovery import HUAWEI, HUAWEI_ROLES, PortRole, usb_roles

NAME = "70-modemgw.rules"
GROUP = "dialout"

#: So many model ids stand in one rule.
IDS_A_LINE = 12

_HEAD = """\
# Made by `modemgw udev show`; do not edit. `modemgw udev install` puts it in place.
#
# Every USB serial port gets a group, and a name that stays: by where its device is plugged and which interface it is.
# Serial numbers are in no name: they are "0000" in some modems, and the same in two of a kind.
ACTION=="remove", GOTO="modemgw_end"
SUBSYSTEM!="tty", GOTO="modemgw_end"
KERNEL!="ttyUSB*|ttyACM*", GOTO="modemgw_end"
SUBSYSTEMS=="usb", IMPORT{{builtin}}="usb_id"
IMPORT{{builtin}}="path_id"
ENV{{ID_BUS}}!="usb", GOTO="modemgw_end"
GROUP="{group}", MODE="0660"
SUBSYSTEMS=="usb-serial", ATTRS{{port_number}}!="0", ENV{{.MODEMGW_PORT}}="-port$attr{{port_number}}"
ENV{{ID_PATH}}=="?*", ENV{{ID_USB_INTERFACE_NUM}}=="?*", \\
  SYMLINK+="modemgw/$env{{ID_PATH}}-if$env{{ID_USB_INTERFACE_NUM}}$env{{.MODEMGW_PORT}}"
"""
_PORTS = """
# ModemManager leaves the AT ports alone: two programs at one port read each other's answers.
"""
_DEVICES = """
# ModemManager leaves these modems alone altogether: no port of theirs is used for anything but messages.
"""
_TAIL = '\nLABEL="modemgw_end"\n'

# A model of a known maker whose AT port is in no table: AT ports have three endpoints, those of logs two; diagnosis has
# a protocol of its own. With ttyACM it is a port for AT or for nothing.
_GUESS = """
LABEL="modemgw_guess"
SUBSYSTEMS=="usb", ATTRS{bInterfaceClass}=="ff", ATTRS{bInterfaceProtocol}!="30", ATTRS{bNumEndpoints}=="03", \\
  ENV{ID_MM_PORT_IGNORE}="1"
KERNEL=="ttyACM*", ENV{ID_MM_PORT_IGNORE}="1"
"""


def rules(*, whole_devices: bool = False, group: str = GROUP) -> str:
    """The whole file. `whole_devices`: ModemManager shall ignore known modems and not only their AT ports."""
    middle = _DEVICES + _device_rules() if whole_devices else _PORTS + "".join(_vendor_rules())
    return _HEAD.format(group=group) + middle + _TAIL


def group_in(text: str) -> str | None:
    """The group for which rules were made; None if they are none of ours."""
    found = re.search(r'^GROUP="([^"]+)"', text, re.MULTILINE)
    return found[1] if found else None


def _device_rules() -> str:
    """ModemManager takes ID_MM_DEVICE_IGNORE from the device and from each of its ports."""
    lines = []
    for vendor, models in groupby(_models(), key=lambda usb: usb[:4]):
        if vendor != f"{HUAWEI:04x}":
            lines += [
                f'ENV{{ID_VENDOR_ID}}=="{vendor}", ENV{{ID_MODEL_ID}}=="{ids}", ENV{{ID_MM_DEVICE_IGNORE}}="1"\n'
                for ids in _alternatives(usb[5:] for usb in models)
            ]
    lines.append(f'ENV{{ID_VENDOR_ID}}=="{HUAWEI:04x}", ENV{{ID_MM_DEVICE_IGNORE}}="1"\n')
    return "".join(lines)


def _vendor_rules() -> Iterator[str]:
    """The rules of each maker, which those of others skip."""
    huawei = f"{HUAWEI:04x}"
    vendors = sorted({usb[:4] for usb in _models()} | {huawei})
    for vendor in vendors:
        label = f"modemgw_not_{vendor}"
        yield f'\nENV{{ID_VENDOR_ID}}!="{vendor}", GOTO="{label}"\n'
        at = sorted(
            (number, usb[5:])
            for (usb, number), role in usb_roles().items()
            if role is PortRole.AT and usb.startswith(vendor)
        )
        for number, rows in groupby(at, key=lambda row: row[0]):
            for ids in _alternatives(model for _, model in rows):
                yield (
                    f'ENV{{ID_USB_INTERFACE_NUM}}=="{number:02x}", ENV{{ID_MODEL_ID}}=="{ids}", '
                    'ENV{ID_MM_PORT_IGNORE}="1"\n'
                )
        for ids in _alternatives(model for _, model in at):
            yield f'ENV{{ID_MODEL_ID}}=="{ids}", GOTO="modemgw_end"\n'
        if vendor == huawei:
            protocols = "|".join(f"{p:02x}" for p, role in sorted(HUAWEI_ROLES.items()) if role is PortRole.AT)
            yield (
                f'SUBSYSTEMS=="usb", ATTRS{{bInterfaceClass}}=="ff", ATTRS{{bInterfaceProtocol}}=="{protocols}", '
                'ENV{ID_MM_PORT_IGNORE}="1"\n'
            )
            yield 'GOTO="modemgw_end"\n'
        else:
            yield 'GOTO="modemgw_guess"\n'
        yield f'LABEL="{label}"\n'
    yield '\nGOTO="modemgw_end"\n'
    yield _GUESS


def _models() -> list[str]:
    """The USB ids of the table."""
    return sorted({usb for usb, _ in usb_roles()})


def _alternatives(ids: Iterable[str]) -> Iterator[str]:
    """`0121|0125|…`, so many at a time."""
    known = sorted(set(ids))
    for start in range(0, len(known), IDS_A_LINE):
        yield "|".join(known[start : start + IDS_A_LINE])


if __name__ == "__main__":
    print(rules(), end="")
