"""Is a USB device a modem stick that still plays its installation disk? Owns no table: discovery has it."""

from __future__ import annotations

from modemgw.doctor.usb import UsbDevice


def storage_stick(device: UsbDevice) -> str | None:
    """What stick it is, or None."""
    if not device.storage_only:
        return None
    return device.title or "a modem stick" if device.maker_of_modems else None
