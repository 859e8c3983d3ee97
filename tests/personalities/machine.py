"""A machine into which simulated modems are plugged: their ports as the kernel and pyserial would describe them.

Discovery reads descriptions from here (a tree like /sys, written for what is plugged in now) and all else from life.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from modemgw.modem.ports import discovery
from modemgw.modem.ports.discovery import FoundPort, describe, usb_interface
from modemsim.simulation import Host, Simulation

PLACE = "1-1"


class Machine:
    """What is plugged in. `look` after each change of plugs."""

    def __init__(self, sim: Simulation, directory: Path) -> None:
        self._sim = sim
        self._sys = directory / "sys"

    @contextlib.contextmanager
    def seen(self) -> Iterator[None]:
        """Discovery sees this machine."""
        self.look()
        with mock.patch.object(discovery, "SYSFS", self._sys), mock.patch.object(discovery, "all_ports", self.ports):
            yield

    def ports(self) -> list[FoundPort]:
        """What pyserial would list."""
        found: list[FoundPort] = []
        for number, host in enumerate(self._sim.modems):
            usb = host.modem.personality.usb
            if not host.modem.plugged or not usb.id:
                continue
            vid, pid = (int(part, 16) for part in usb.id.split(":"))
            for link, port in zip(host.links, host.modem.personality.port, strict=True):
                if not link.exists():
                    continue
                folder = self._interface(number, port.interface)
                facts = SimpleNamespace(
                    device=str(link),
                    vid=vid,
                    pid=pid,
                    serial_number=usb.serial or None,
                    location=f"{PLACE}.{number}:1.{port.interface}",
                    manufacturer=usb.manufacturer or None,
                    product=usb.product or None,
                    description=usb.product or None,
                    usb_interface_path=str(folder),
                )
                found.append(describe(facts, usb_interface(facts)))
        return found

    def look(self) -> None:
        """Write the tree anew."""
        shutil.rmtree(self._sys, ignore_errors=True)
        (self._sys / "class" / "tty").mkdir(parents=True)
        for number, host in enumerate(self._sim.modems):
            if host.modem.plugged and host.modem.personality.usb.id:
                self._write(number, host)

    def _device(self, number: int) -> Path:
        return self._sys / "devices" / "usb1" / PLACE / f"{PLACE}.{number}"

    def _interface(self, number: int, interface: int) -> Path:
        return self._device(number) / f"{PLACE}.{number}:1.{interface}"

    def _write(self, number: int, host: Host) -> None:
        usb = host.modem.personality.usb
        device = self._device(number)
        device.mkdir(parents=True)
        vid, pid = usb.id.split(":")
        (device / "idVendor").write_text(f"{vid}\n")
        (device / "idProduct").write_text(f"{pid}\n")
        for link, port in zip(host.links, host.modem.personality.port, strict=True):
            folder = self._interface(number, port.interface)
            folder.mkdir()
            names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
            for name, value in zip(names, port.usb_class.split("/"), strict=True):
                (folder / name).write_text(f"{value}\n")
            (folder / "bInterfaceNumber").write_text(f"{port.interface:02x}\n")
            (folder / "bNumEndpoints").write_text(f"{port.endpoints:02x}\n")
            tty = self._sys / "class" / "tty" / os.path.basename(os.path.realpath(link))
            tty.mkdir(exist_ok=True)
            (tty / "device").symlink_to(folder)
