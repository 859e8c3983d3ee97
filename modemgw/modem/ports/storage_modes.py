"""Sticks that have no AT port yet, or never: those that still play their installation disk, and those that are routers.

Looks at sysfs and two tables; opens and switches nothing. For `modemgw doctor` and its like.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from modemgw.modem.ports.discovery import SYSFS, modem_vendors

_MASS_STORAGE = "08"
#: Class and subclass of network cards: CDC ECM, NCM, MBIM, and RNDIS in its two disguises.
_NETWORK = frozenset({"02 06", "02 0d", "e0 01", "ef 04"})


@dataclass(frozen=True, slots=True)
class PortlessStick:
    """A stick without a port. `advice` says what to do, in sentences."""

    usb: str
    place: str  # where it is plugged in: "1-1.2"
    name: str
    advice: str


@dataclass(frozen=True, slots=True)
class _StorageMode:
    match: str
    becomes: str
    name: str


@cache
def storage_modes() -> Mapping[str, tuple[_StorageMode, ...]]:
    """USB id -> the sticks that have it while they play their disk."""
    out: dict[str, tuple[_StorageMode, ...]] = {}
    for row in _table("storage_modes.csv"):
        out[row["usb"]] = (*out.get(row["usb"], ()), _StorageMode(row["match"], row["becomes"], row["name"]))
    return out


@cache
def network_sticks() -> Mapping[str, tuple[str, str]]:
    """USB id -> (name, address of its web pages)."""
    return {row["usb"]: (row["name"], row["address"]) for row in _table("network_sticks.csv")}


def storage_stick(usb: str, manufacturer: str = "", product: str = "") -> str | None:
    """The name of the stick that shows itself as a disk with this id and these words; None: it is no stick we know."""
    for mode in storage_modes().get(usb, ()):
        kind, _, words = mode.match.partition("=")
        said = {"": words, "manufacturer": manufacturer, "product": product}.get(kind)
        if said is not None and words in said:
            return mode.name
    return None


def storage_advice(usb: str, name: str) -> str:
    """What to do with a stick in storage mode."""
    return (
        f"The stick {name} ({usb}) still shows its installation disk instead of its ports. "
        "Install usb-modeswitch (sudo apt install usb-modeswitch usb-modeswitch-data), unplug the stick and plug it in."
    )


def network_stick(usb: str) -> str | None:
    """Why a stick with this id has no AT port, as a sentence; None: it is none of those."""
    known = network_sticks().get(usb)
    if known is None:
        return None
    return _network_advice(usb, *known)


def _network_advice(usb: str, name: str, address: str | None) -> str:
    pages = f" (its web pages are at http://{address}/)" if address else ""
    hilink = "HiLink" if usb.startswith("12d1") else "router"
    return (
        f"The stick {name} ({usb}) runs {hilink} firmware: it is a network card{pages} and has no AT port. "
        "modemgw needs a stick with modem (stick, not HiLink) firmware."
    )


def storage_mode_devices(sysfs: Path | None = None) -> list[PortlessStick]:
    """Sticks of this machine that still play their disk. They may be any disk: those with a port are none of them."""
    found = []
    for place, usb, folder in _devices(sysfs or SYSFS):
        classes = [kind.partition(" ")[0] for kind in _interfaces(folder)]
        if _has_port(folder) or _MASS_STORAGE not in classes or any(c not in (_MASS_STORAGE, "03") for c in classes):
            continue
        name = storage_stick(usb, _text(folder / "manufacturer"), _text(folder / "product"))
        if name is not None:
            found.append(PortlessStick(usb, place, name, storage_advice(usb, name)))
    return found


def network_only_devices(sysfs: Path | None = None) -> list[PortlessStick]:
    """Sticks of this machine that are network cards: known ones, and those of makers of modems that have no port."""
    found = []
    for place, usb, folder in _devices(sysfs or SYSFS):
        if _has_port(folder):
            continue
        known = network_sticks().get(usb)
        if known is None and usb[:4] in modem_vendors() and _NETWORK & set(_interfaces(folder)):
            words = f"{_text(folder / 'manufacturer')} {_text(folder / 'product')}".strip()
            known = (words or "of an unknown kind", "")
        if known is not None:
            found.append(PortlessStick(usb, place, known[0], _network_advice(usb, known[0], known[1] or None)))
    return found


def _devices(sysfs: Path) -> Iterator[tuple[str, str, Path]]:
    """(place, USB id, folder) of every device."""
    try:
        folders = sorted((sysfs / "bus" / "usb" / "devices").iterdir())
    except OSError:
        return
    for folder in folders:
        vid, pid = _text(folder / "idVendor").lower(), _text(folder / "idProduct").lower()
        if ":" not in folder.name and vid and pid:
            yield folder.name, f"{vid}:{pid}", folder


def _interfaces(folder: Path) -> list[str]:
    """Class and subclass of each interface."""
    return [
        f"{_text(path)} {_text(path.with_name('bInterfaceSubClass'))}" for path in folder.glob("*:*/bInterfaceClass")
    ]


def _has_port(folder: Path) -> bool:
    return any(True for _ in folder.glob("*:*/tty*"))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _table(name: str) -> list[dict[str, str]]:
    text = resources.files("modemgw.modem.ports").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
