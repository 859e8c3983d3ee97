"""Sticks that have no AT port yet, or never: those that still play their installation disk, and those that are routers.

Owns two tables by USB id. What is plugged in is looked at by `doctor.usb`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


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


def network_stick(usb: str) -> str | None:
    """Why a stick with this id has no AT port, as a sentence; None: it is none of those."""
    known = network_sticks().get(usb)
    if known is None:
        return None
    name, address = known
    pages = f" (its web pages are at http://{address}/)" if address else ""
    firmware = "HiLink" if usb.startswith("12d1") else "router"
    return f"The stick {name} ({usb}) runs {firmware} firmware: it is a network card{pages} and has no AT port."


def _table(name: str) -> list[dict[str, str]]:
    text = resources.files("modemgw.modem.ports").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
