"""The unit against the kernel's list of drivers: systemd resolves DeviceAllow= by the names of /proc/devices."""

from __future__ import annotations

import re
from pathlib import Path

from modemgw.cli.systemd_unit import DEVICES, MODULES, unit

#: Device groups that the drivers of modems register (tty_driver.name in the kernel), and the modules that do.
BY_MODULE = {"usbserial": "ttyUSB", "cdc_acm": "ttyACM", "hso": "ttyHS"}


def test_every_driver_is_loaded_before_the_devices_are_resolved() -> None:
    text = unit()
    for module, group in BY_MODULE.items():
        assert module in MODULES
        assert group in DEVICES
    wants = re.search(r"^Wants=(.*)$", text, re.MULTILINE)
    assert wants is not None
    assert wants[1].split() == [f"modprobe@{module}.service" for module in MODULES]
    assert f"\nAfter={wants[1]}\n" in text
    assert "time-sync.target" in text


def test_the_names_are_those_of_proc_devices() -> None:
    """A wrong name is passed over by systemd in silence: those that this kernel has must be spelled as it does."""
    known = {line.split()[1] for line in Path("/proc/devices").read_text().splitlines() if len(line.split()) == 2}
    assert "ttyS" in known
    for device in DEVICES:
        near = {name for name in known if name.lower() == device.lower()}
        assert near <= {device}


def test_each_group_stands_in_the_unit_once() -> None:
    allowed = re.findall(r"^DeviceAllow=char-(\S+) rw$", unit(), re.MULTILINE)
    assert allowed == list(DEVICES)
