"""The USB devices of the machine with their interfaces and ports, from sysfs: also those that have no port.

Opens nothing. What an interface is for is discovery's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modemgw.doctor.host import Host
from modemgw.modem.ports.discovery import FoundPort, UsbInterface, describe, modem_vendors
from modemgw.modem.ports.storage_modes import network_stick, storage_stick

MASS_STORAGE = 0x08
VENDOR_SPECIFIC = 0xFF
_NETWORK = frozenset({(0x02, 0x06), (0x02, 0x0D), (0x02, 0x0E), (0xE0, 0x01), (0xEF, 0x04), (0xEF, 0x01)})
_HID = 0x03
_ACM = (0x02, 0x02)

#: Chips that put a serial line on USB: what is behind them may be a modem, and does not say so.
CONVERTERS = frozenset({"0403", "067b", "10c4", "1a86", "04d8", "04e2"})


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a device. `ports` are names below /dev."""

    name: str
    usb: UsbInterface
    driver: str | None
    ports: tuple[str, ...]
    network: bool

    @property
    def kind(self) -> tuple[int, int]:
        return (self.usb.kind[0], self.usb.kind[1]) if self.usb.kind is not None else (0, 0)


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """One device. `place` is where it is plugged: "1-1.2"."""

    place: str
    vid: int
    pid: int
    manufacturer: str
    product: str
    interfaces: tuple[Interface, ...]

    @property
    def usb(self) -> str:
        return f"{self.vid:04x}:{self.pid:04x}"

    @property
    def title(self) -> str:
        return f"{self.manufacturer} {self.product}".strip()

    @property
    def maker_of_modems(self) -> bool:
        vendor = f"{self.vid:04x}"
        return vendor in modem_vendors() and vendor not in CONVERTERS

    @property
    def converter(self) -> bool:
        return f"{self.vid:04x}" in CONVERTERS

    @property
    def ports(self) -> tuple[str, ...]:
        return tuple(port for interface in self.interfaces for port in interface.ports)

    @property
    def installation_disk(self) -> str | None:
        """The name of the stick that still shows its disk instead of its ports; None: it is no such stick."""
        kinds = {i.kind[0] for i in self.interfaces}
        if self.ports or MASS_STORAGE not in kinds or kinds - {MASS_STORAGE, _HID}:
            return None
        known = storage_stick(self.usb, self.manufacturer, self.product)
        return known or ((self.title or "a modem stick") if self.maker_of_modems else None)

    @property
    def network_only(self) -> bool:
        """It is a network card (HiLink, RNDIS): its firmware answers HTTP, not AT."""
        if network_stick(self.usb) is not None and not self.ports:
            return True
        serial = [i for i in self.interfaces if i.kind[0] == VENDOR_SPECIFIC or i.kind == _ACM]
        return (
            self.maker_of_modems
            and not self.ports
            and not serial
            and any(i.network or i.kind in _NETWORK for i in self.interfaces)
        )

    @property
    def undriven(self) -> tuple[Interface, ...]:
        """Interfaces that should have a serial port and have no driver."""
        if self.ports:
            return ()
        return tuple(
            i for i in self.interfaces if i.driver is None and (i.kind[0] == VENDOR_SPECIFIC or i.kind == _ACM)
        )

    @property
    def wants_acm(self) -> bool:
        return any(i.kind == _ACM for i in self.undriven)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What discovery wants to know of a port."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None
    location: str | None
    manufacturer: str | None
    product: str | None
    description: str | None


def usb_devices(host: Host) -> list[UsbDevice]:
    """Every device but hubs, in the order of where they are plugged."""
    base = host.path("/sys/bus/usb/devices")
    try:
        names = sorted(entry.name for entry in base.iterdir())
    except OSError:
        return []
    found = []
    for name in names:
        if ":" in name or name.startswith("usb"):
            continue
        folder = base / name
        vid, pid = _hex(folder / "idVendor"), _hex(folder / "idProduct")
        if vid is None or pid is None or _hex(folder / "bDeviceClass") == 0x09:
            continue
        own = {entry.name: entry for entry in sorted(folder.glob(f"{name}:*"))}
        own |= {other: base / other for other in names if other.startswith(f"{name}:")}
        interfaces = tuple(_interface(own[other]) for other in sorted(own))
        words = [_text(folder / word) or "" for word in ("manufacturer", "product")]
        found.append(UsbDevice(name, vid, pid, words[0], words[1], interfaces))
    return found


def found_ports(host: Host, devices: list[UsbDevice]) -> list[FoundPort]:
    """Every serial port on USB with its role; `url` is its path on the machine (/dev/ttyUSB2)."""
    found = []
    for device in devices:
        serial = _text(host.path("/sys/bus/usb/devices") / device.place / "serial")
        for interface in device.interfaces:
            for port in interface.ports:
                facts = _Facts(
                    f"/dev/{port}", device.vid, device.pid, serial, interface.name, None, device.title or None, None
                )
                found.append(describe(facts, interface.usb))
    return sorted(found, key=lambda p: (p.device, p.rank, -1 if p.interface is None else p.interface, p.url))


def _interface(folder: Path) -> Interface:
    kind = tuple(_hex(folder / f"bInterface{name}") for name in ("Class", "SubClass", "Protocol"))
    usb = UsbInterface(
        _hex(folder / "bInterfaceNumber"),
        None if None in kind else (kind[0] or 0, kind[1] or 0, kind[2] or 0),
        _hex(folder / "bNumEndpoints"),
    )
    driver = folder / "driver"
    ports = [entry.name for entry in folder.glob("ttyUSB*")]
    ports += [entry.name for entry in folder.glob("tty/tty*")]
    return Interface(
        folder.name,
        usb,
        driver.resolve().name if driver.exists() or driver.is_symlink() else None,
        tuple(sorted(set(ports))),
        (folder / "net").exists(),
    )


def _hex(path: Path) -> int | None:
    text = _text(path)
    try:
        return int(text, 16) if text else None
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
