"""Which ports of this machine are likely to be a modem's AT ports, best first.

Looks, opens nothing: asking AT is the supervisor's.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

from serial.tools import list_ports

SYSFS = Path("/sys")

#: So many links one after the other lead to a port at most.
LINKS = 8


class PortRole(StrEnum):
    """What an interface of a modem is for."""

    AT = "AT"
    AT2 = "AT2"  # AT as well, but meant for something else
    PPP = "PPP"
    DIAG = "DIAG"
    GPS = "GPS"
    AUDIO = "AUDIO"
    IGNORE = "IGNORE"
    UNKNOWN = "UNKNOWN"


_USES: Mapping[PortRole, str] = {
    PortRole.DIAG: "diagnostics",
    PortRole.GPS: "GPS",
    PortRole.AUDIO: "audio",
    PortRole.IGNORE: "vendor's own",
}

#: A port that is named by where it is plugged in.
PLACE = "usb:"

#: Makers of modems (USB ids) of whose interfaces no table is known: Novatel, Option, AirPrime, CMOTECH, Brovi.
MORE_VENDORS = frozenset({"1410", "0af0", "0f3d", "16d8", "3566"})

NEVER_ASKED = frozenset({PortRole.DIAG, PortRole.GPS, PortRole.AUDIO, PortRole.IGNORE})

HUAWEI = 0x12D1
# Huawei tells the use of an interface by its protocol, whatever its number (class ff, subclass 01, 02, 03).
HUAWEI_ROLES: Mapping[int, PortRole] = {
    0x01: PortRole.AT2,
    0x10: PortRole.AT2,
    0x31: PortRole.AT2,
    0x61: PortRole.AT2,  # modem
    0x02: PortRole.AT,
    0x12: PortRole.AT,
    0x32: PortRole.AT,
    0x62: PortRole.AT,
    0x72: PortRole.AT,  # PCUI
    0x03: PortRole.DIAG,
    0x13: PortRole.DIAG,
    0x33: PortRole.DIAG,
    0x63: PortRole.DIAG,
    0x05: PortRole.GPS,
    0x14: PortRole.GPS,
    0x35: PortRole.GPS,
    0x65: PortRole.GPS,
    0x04: PortRole.AUDIO,
}
_QUALCOMM_DIAG = (0xFF, 0xFF, 0x30)


class _Rank(IntEnum):
    """Which of a device's ports is asked first."""

    AT = 0
    AT2 = 1
    INTERRUPT = 2  # AT ports have three endpoints, log ports two
    PPP = 3
    OTHER = 4


@dataclass(frozen=True, slots=True)
class FoundPort:
    """A port that may be a modem's. `device` is the same for all ports of one USB device."""

    url: str
    usb: str | None  # "12d1:1506"
    interface: int | None  # bInterfaceNumber, which stays the same whatever the tty is called
    device: str
    role: PortRole
    description: str
    serial_number: str | None = None
    known_modem: bool = False  # its maker is one of modems; else it may be anything behind a USB converter
    endpoints: int | None = None

    @property
    def place(self) -> str | None:
        """Where it is plugged in, as a `port` of the configuration: "usb:1-1.2:1.3" is interface 3 at 1-1.2."""
        if self.usb is None or self.device.startswith("/"):
            return None
        return f"{PLACE}{self.device}" + (f":1.{self.interface}" if self.interface is not None else "")

    @property
    def candidate(self) -> bool:
        """May be asked AT."""
        return self.role not in NEVER_ASKED

    @property
    def rank(self) -> int:
        if self.role is PortRole.AT:
            return _Rank.AT
        if self.role is PortRole.AT2:
            return _Rank.AT2
        if self.role is PortRole.PPP:
            return _Rank.PPP
        return _Rank.INTERRUPT if self.endpoints is not None and self.endpoints >= 3 else _Rank.OTHER


class PortFacts(Protocol):
    """What pyserial tells of a port."""

    @property
    def device(self) -> str: ...
    @property
    def vid(self) -> int | None: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def serial_number(self) -> str | None: ...
    @property
    def location(self) -> str | None: ...
    @property
    def manufacturer(self) -> str | None: ...
    @property
    def product(self) -> str | None: ...
    @property
    def description(self) -> str | None: ...


def find_ports(*, converters: bool = False) -> list[FoundPort]:
    """The AT candidates of all modems found, those of one device together, the best first.

    Ports behind USB-to-serial converters may be anything, and are left out unless `converters`.
    """
    found = [p for p in all_ports() if p.candidate and (p.known_modem or (converters and p.usb is not None))]
    return sorted(found, key=_order)


def _order(port: FoundPort) -> tuple[str, int, int, str]:
    return port.device, port.rank, -1 if port.interface is None else port.interface, port.url


def by_device(ports: Iterable[FoundPort]) -> dict[str, list[FoundPort]]:
    """The ports of each device, in their order."""
    out: dict[str, list[FoundPort]] = {}
    for port in ports:
        out.setdefault(port.device, []).append(port)
    return out


def all_ports() -> list[FoundPort]:
    """Every serial port of the machine with what is known of it."""
    return [describe(facts, usb_interface(facts)) for facts in list_ports.comports()]


@dataclass(frozen=True, slots=True)
class UsbInterface:
    """What sysfs says of the USB interface behind a port; None where it does not."""

    number: int | None = None
    kind: tuple[int, int, int] | None = None  # class, subclass, protocol
    endpoints: int | None = None


def usb_interface(facts: PortFacts) -> UsbInterface:
    """Read the interface's description from sysfs; empty for a port that is not on USB."""
    path = getattr(facts, "usb_interface_path", None)
    if not path:
        return UsbInterface(_number_in(facts.location))
    folder = Path(path)
    number = _hex_file(folder / "bInterfaceNumber")
    kind = tuple(_hex_file(folder / f"bInterface{name}") for name in ("Class", "SubClass", "Protocol"))
    return UsbInterface(
        number if number is not None else _number_in(facts.location),
        None if None in kind else (kind[0] or 0, kind[1] or 0, kind[2] or 0),
        _hex_file(folder / "bNumEndpoints"),
    )


def describe(facts: PortFacts, interface: UsbInterface) -> FoundPort:
    """A port with its role.

    By Huawei's protocol rule, the table of interfaces, and what Qualcomm's diagnosis looks like.
    """
    vid, pid = facts.vid, facts.pid
    usb = f"{vid:04x}:{pid:04x}" if vid is not None and pid is not None else None
    location = facts.location or ""
    words = [w for w in (facts.manufacturer, facts.product) if w]
    return FoundPort(
        url=facts.device,
        usb=usb,
        interface=interface.number,
        device=location.partition(":")[0] or facts.device,
        role=_role(vid, usb, interface),
        description=" ".join(words) or facts.description or facts.device,
        serial_number=facts.serial_number,
        known_modem=vid is not None and f"{vid:04x}" in modem_vendors(),
        endpoints=interface.endpoints,
    )


def usb_of(port: str) -> str | None:
    """The USB id ("2c7c:0125") of the device behind a port; None for what is not on USB, or not there."""
    return _usb_of(port)[0]


def device_of(port: str) -> str:
    """What two ports of one modem have in common: its folder in sysfs; for all else the port itself.

    The ports of a USB converter may each have a modem behind them, so that each is a device of its own.
    """
    if "://" in port:
        return port
    usb, folder = _usb_of(port)
    if usb is None or folder is None or usb.partition(":")[0] not in modem_vendors():
        return os.path.realpath(port)
    return str(folder)


def sysfs_of(port: str) -> Path | None:
    """The folder of a port's interface or driver in sysfs, by its own name or that of what it is a link to, and so on.

    None for what is not there, and for what is no piece of hardware.
    """
    if "://" in port:
        return None
    path = port
    for _ in range(LINKS):
        folder = SYSFS / "class" / "tty" / os.path.basename(path) / "device"
        try:
            return folder.resolve(strict=True)
        except OSError:
            pass
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError:
            return None
    return None


def _usb_of(port: str) -> tuple[str | None, Path | None]:
    folder = sysfs_of(port)
    if folder is None:
        return None, None
    for parent in (folder, *folder.parents):
        vid, pid = _hex_file(parent / "idVendor"), _hex_file(parent / "idProduct")
        if vid is not None and pid is not None:
            return f"{vid:04x}:{pid:04x}", parent
    return None, None


def port_kind(port: str) -> str | None:
    """What a port is to its modem: "at", "modem" (AT as well, meant for dialling), "serial"; None: nobody knows."""
    folder = sysfs_of(port)
    if folder is None:
        return None
    usb, _ = _usb_of(port)
    if usb is None or usb.partition(":")[0] not in modem_vendors():
        return "serial"
    interface = next((p for p in (folder, *folder.parents) if (p / "bInterfaceNumber").exists()), None)
    if interface is None:
        return None
    numbers = [_hex_file(interface / f"bInterface{part}") for part in ("Class", "SubClass", "Protocol")]
    kind = None if None in numbers else (numbers[0] or 0, numbers[1] or 0, numbers[2] or 0)
    role = _role(int(usb[:4], 16), usb, UsbInterface(_hex_file(interface / "bInterfaceNumber"), kind))
    return {PortRole.AT: "at", PortRole.AT2: "modem", PortRole.PPP: "modem"}.get(role)


def port_at(place: str) -> str | None:
    """The device path of what is plugged in at "usb:1-1.2" (its best AT port) or "usb:1-1.2:1.3" (that interface)."""
    device, _, interface = place.removeprefix(PLACE).partition(":")
    number = interface.rpartition(".")[2]
    for port in sorted(all_ports(), key=_order):
        if port.device == device and (str(port.interface) == number if number else port.candidate):
            return port.url
    return None


def why_never_asked(port: str) -> str | None:
    """Why nothing may be written to a port, as a sentence; None: it may be a modem's AT port.

    A port counts as one for something else only where its device has another that is for AT, by what is there or by the
    table (its ports come one after the other): tables err.
    """
    node = os.path.realpath(port)
    ports = all_ports()
    found = next((p for p in ports if os.path.realpath(p.url) == node), None)
    if found is None or found.candidate:
        return None
    others = [p.url for p in sorted(ports, key=_order) if p.device == found.device and p.candidate]
    if not others:
        others = [
            f"that of interface {number}"
            for (usb, number), role in sorted(usb_roles().items())
            if usb == found.usb and role is PortRole.AT
        ]
    if not others:
        return None
    return (
        f"{port} is the {_USES[found.role]} port of {found.description} ({found.usb}, interface {found.interface}), "
        f"not for AT commands: nothing is written to it. Its AT port is {others[0]}."
    )


def _role(vid: int | None, usb: str | None, interface: UsbInterface) -> PortRole:
    if usb is not None and interface.number is not None:
        known = usb_roles().get((usb, interface.number))
        if known is not None:
            return known
    if interface.kind is None:
        return PortRole.UNKNOWN
    if vid == HUAWEI and interface.kind[0] == 0xFF:
        return HUAWEI_ROLES.get(interface.kind[2], PortRole.UNKNOWN)
    return PortRole.DIAG if interface.kind == _QUALCOMM_DIAG else PortRole.UNKNOWN


@cache
def usb_roles() -> Mapping[tuple[str, int], PortRole]:
    """(usb id, interface number) -> role, from `data/usb_ports.csv`."""
    text = resources.files("modemgw.modem.ports").joinpath("data/usb_ports.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {(f"{r['vid']}:{r['pid']}", int(r["interface"], 16)): PortRole(r["role"]) for r in rows}


@cache
def modem_vendors() -> frozenset[str]:
    """USB vendor ids of makers of modems."""
    return frozenset(usb.partition(":")[0] for usb, _ in usb_roles()) | {f"{HUAWEI:04x}"} | MORE_VENDORS


def _number_in(location: str | None) -> int | None:
    """`1-1.2:1.3` is interface 3."""
    last = (location or "").rpartition(":")[2].rpartition(".")[2]
    return int(last) if ":" in (location or "") and last.isdigit() else None


def _hex_file(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), 16)
    except (OSError, ValueError):
        return None
