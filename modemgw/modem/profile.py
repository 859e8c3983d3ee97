"""Profiles.

What a family of modems wants done otherwise, as data in `profiles/*.toml`, most specific first. Owns no dialogue.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from modemgw.errors import ModemgwError


class ProfileError(ModemgwError):
    """A profile file cannot be read; the sentence names file and key."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The start values for one family. Every field has the value that suits a modem nobody knows."""

    name: str = "generic"
    title: str = "Any modem"
    manufacturer: str | None = None  # regular expressions, in any case of letters, found anywhere in the answer
    model: str | None = None
    firmware: str | None = None
    usb: tuple[str, ...] = ()  # "12d1:1001", "12d1:*"
    memories: tuple[str, ...] = ("ME", "SM", "MT")  # wanted for arriving messages; of equal size the first wins
    sweep: tuple[str, ...] = ("SM", "ME", "MT", "SR")  # looked through for messages and reports
    service: int = 1  # AT+CSMS: 1 asks for delivery with acknowledgement
    direct: bool = False  # +CMT instead of +CMTI: for modems whose storage is broken
    reports: tuple[int, ...] = (1, 2, 0)  # <ds> of AT+CNMI in order of preference
    indications: tuple[tuple[int, ...], ...] = (  # tried where AT+CNMI=? says nothing, or refuses what it offered
        (2, 1, 0, 1, 0),
        (2, 1, 0, 2, 0),
        (2, 1, 0, 1, 1),
        (2, 1, 0, 2, 1),
        (3, 1, 0, 1, 0),
        (3, 1, 0, 2, 0),
        (1, 1, 0, 1, 0),
        (1, 1, 2, 1, 0),
        (2, 1, 0, 0, 0),
        (2, 1, 0, 0, 1),
        (2, 1),
        (1, 1),
        (2, 2, 0, 1, 0),  # handed over directly is better than not told at all
        (2, 2, 0, 0, 0),
        (1, 2, 0, 1, 0),
        (2, 2),
    )
    early: tuple[str, ...] = ()  # before the SIM is looked at
    late: tuple[str, ...] = ()  # after the settings of messages
    keep_link: bool = True
    soft_reset: tuple[str, ...] = ()  # ATZ or AT&F, for firmware that wants it; most are better off without
    radio_reset: tuple[str, ...] = ("AT+CFUN=4", "AT+CFUN=1")  # none: it must not be switched off
    full_reset: tuple[str, ...] = ("AT+CFUN=1,1",)  # the first that is taken counts; none: no such command helps
    ready_urcs: tuple[str, ...] = ("SMS READY", "SMS DONE")
    notes: tuple[str, ...] = field(default=())

    def fits(self, manufacturer: str, model: str, firmware: str, usb: str | None) -> int:
        """How specifically this profile names the modem; 0 if it does not fit, 1 for the one that fits all."""
        by_usb = self._usb_weight(usb)
        score = 1 + by_usb
        for pattern, value, weight in (
            (self.manufacturer, manufacturer, 4),
            (self.model, model, 16),
            (self.firmware, firmware, 64),
        ):
            if pattern is None:
                continue
            if re.search(pattern, value, re.IGNORECASE) is not None:
                score += weight
            elif weight > 4 or not by_usb:  # operators put their own name on sticks, but not on USB ids
                return 0
        return 0 if self.usb and score == 1 else score

    def _usb_weight(self, usb: str | None) -> int:
        if usb is None:
            return 0
        usb = usb.lower()
        return 3 if usb in self.usb else 2 if usb.partition(":")[0] + ":*" in self.usb else 0


# TOML section -> key -> field
_LAYOUT: Mapping[str, Mapping[str, str]] = {
    "match": {"manufacturer": "manufacturer", "model": "model", "firmware": "firmware", "usb": "usb"},
    "storage": {"memories": "memories", "sweep": "sweep"},
    "delivery": {"service": "service", "direct": "direct", "reports": "reports", "indications": "indications"},
    "init": {"early": "early", "late": "late", "ready_urcs": "ready_urcs"},
    "send": {"keep_link": "keep_link"},
    "reset": {"soft": "soft_reset", "radio": "radio_reset", "full": "full_reset"},
}
_TOP = {"title": "title", "notes": "notes"}
_TYPES: Mapping[str, type] = {"service": int, "direct": bool, "keep_link": bool}
_STRINGS = frozenset({"title", "manufacturer", "model", "firmware"})


def read_profile(name: str, text: str) -> Profile:
    """A profile from the text of its file. Raises ProfileError on an unknown key or a value of a wrong type."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ProfileError(f"Profile {name}: {exc}.") from exc
    values: dict[str, Any] = {"name": name}
    for section, content in data.items():
        if section in _TOP:
            values[_TOP[section]] = _value(name, section, _TOP[section], content)
            continue
        keys = _LAYOUT.get(section)
        if keys is None or not isinstance(content, dict):
            raise ProfileError(f"Profile {name}: {section!r} is no section of a profile.")
        for key, value in content.items():
            if key not in keys:
                raise ProfileError(f"Profile {name}: [{section}] has no key {key!r}.")
            values[keys[key]] = _value(name, f"{section}.{key}", keys[key], value)
    for key in ("manufacturer", "model", "firmware"):
        try:
            re.compile(values.get(key, ""))
        except re.error as exc:
            raise ProfileError(f"Profile {name}: match.{key} is no regular expression: {exc}.") from exc
    return Profile(**values)


def _value(name: str, place: str, key: str, value: Any) -> Any:
    wanted = str if key in _STRINGS else _TYPES.get(key)
    if wanted is not None:
        if type(value) is not wanted:
            raise ProfileError(f"Profile {name}: {place} must be {wanted.__name__}.")
        return value
    if not isinstance(value, list):
        raise ProfileError(f"Profile {name}: {place} must be a list.")
    if key == "indications":
        if not all(isinstance(v, list) and v and all(type(n) is int for n in v) for v in value):
            raise ProfileError(f"Profile {name}: {place} must be a list of lists of numbers.")
        return tuple(tuple(v) for v in value)
    inner = int if key == "reports" else str
    if not all(type(v) is inner for v in value):
        raise ProfileError(f"Profile {name}: {place} must be a list of {inner.__name__}.")
    return tuple(v.lower() for v in value) if key == "usb" else tuple(value)


@cache
def known_profiles() -> tuple[Profile, ...]:
    """All profiles that come with the program."""
    folder = resources.files("modemgw.modem").joinpath("profiles")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".toml")), key=lambda f: f.name)
    return tuple(read_profile(f.name.removesuffix(".toml"), f.read_text(encoding="utf-8")) for f in files)


def choose_profile(
    manufacturer: str,
    model: str = "",
    firmware: str = "",
    usb: str | None = None,
    profiles: Sequence[Profile] | None = None,
) -> Profile:
    """The most specific profile that fits; the generic one if none does."""
    best, score = Profile(), 0
    for profile in known_profiles() if profiles is None else profiles:
        found = profile.fits(manufacturer, model, firmware, usb)
        if found > score:
            best, score = profile, found
    return best
