"""The rules in `udev/70-modemgw.rules`, from the table of USB interfaces: `python -m modemgw.modem.udev_rules`.

Owns the text. Installs nothing.
"""

from __future__ import annotations

from modemgw.modem.discovery import PortRole, usb_roles

_HEAD = """\
# Made by `python -m modemgw.modem.udev_rules`; do not edit.
# Copy to /etc/udev/rules.d/ and run: udevadm control --reload && udevadm trigger
#
# Every USB serial port gets a name that stays: by where its device is plugged and which interface it is.
ACTION=="remove", GOTO="modemgw_end"
SUBSYSTEM!="tty", GOTO="modemgw_end"
KERNEL!="ttyUSB*|ttyACM*", GOTO="modemgw_end"
IMPORT{builtin}="usb_id"
IMPORT{builtin}="path_id"
ENV{ID_BUS}!="usb", GOTO="modemgw_end"
GROUP="dialout", MODE="0660"
ENV{ID_PATH}=="?*", ENV{ID_USB_INTERFACE_NUM}=="?*", SYMLINK+="modemgw/$env{ID_PATH}-if$env{ID_USB_INTERFACE_NUM}"

# ModemManager leaves the AT ports of known modems alone: two programs at one port read each other's answers.
"""
_TAIL = 'LABEL="modemgw_end"\n'


def rules() -> str:
    """The whole file."""
    lines = [
        f'ENV{{ID_VENDOR_ID}}=="{usb[:4]}", ENV{{ID_MODEL_ID}}=="{usb[5:]}", '
        f'ENV{{ID_USB_INTERFACE_NUM}}=="{interface:02x}", ENV{{ID_MM_PORT_IGNORE}}="1"\n'
        for (usb, interface), role in sorted(usb_roles().items())
        if role is PortRole.AT
    ]
    return _HEAD + "".join(lines) + "\n" + _TAIL


if __name__ == "__main__":
    print(rules(), end="")
