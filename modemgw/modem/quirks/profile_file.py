"""The file format of profiles (TOML; docs/profiles.md): every key, its kind, all complaints at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from modemgw.at.errors import cms_text
from modemgw.at.policy import ErrorAction, ErrorPolicy, ErrorScope
from modemgw.errors import ModemgwError
from modemgw.modem.quirks.profile import LISTINGS, PORT_KINDS, USSD_CODINGS, Profile


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a file. `key` is "" where it is the whole of it."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.reason}" if self.key else f"{self.file}: {self.reason}"


class ProfileError(ModemgwError):
    """Profiles that cannot be read; the sentence has a line for each mistake, with its file and key."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(f"Profile {mistake}." for mistake in mistakes))


class _Wrong(Exception):
    """A value of a wrong kind, in words."""


# ---------------------------------------------------------------- kinds of values


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("must be a string")
    return value


def _pattern(value: Any) -> str:
    text = _text(value)
    try:
        re.compile(text)
    except re.error as exc:
        raise _Wrong(f"is no regular expression: {exc}") from exc
    return text


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise _Wrong("must be true or false")
    return value


def _number(least: float, most: float, whole: bool = False) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise _Wrong("must be a whole number" if whole else "must be a number")
        if not least <= value <= most:
            raise _Wrong(f"must be {least:g} to {most:g}")
        return value

    return read


def _list(inner: Callable[[Any], Any], *, empty: bool = True) -> Callable[[Any], tuple[Any, ...]]:
    def read(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Wrong("must be a list")
        if not value and not empty:
            raise _Wrong("must not be empty")
        return tuple(inner(item) for item in value)

    return read


def _one_of(*known: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in known:
            raise _Wrong(f"must hold only {', '.join(known)}")
        return str(value)

    return read


def _memory(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]{2}", value):
        raise _Wrong('must hold names of memories, such as "SM"')
    return value.upper()


def _usb(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{4}:([0-9a-fA-F]{4}|[0-9a-fA-F]{0,3}\*)", value):
        raise _Wrong('must hold USB ids, such as "12d1:1506" or "12d1:*"')
    return value.lower()


def _command(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"AT[\x20-\x7e]*", value):
        raise _Wrong('must hold AT commands, such as "AT^CURC=0"')
    if "&W" in value.upper():
        raise _Wrong(f"{value} would change what the modem keeps over a restart")
    return value


def _gentle(value: Any) -> str:
    text = _command(value)
    if re.match(r"ATZ|AT&F", text, re.IGNORECASE):
        raise _Wrong(f"{text} belongs into reset.soft: it undoes what was set")
    return text


def _alternatives(value: Any) -> str | tuple[str, ...]:
    return _list(_gentle, empty=False)(value) if isinstance(value, list) else _gentle(value)


def _numbers(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(type(n) is int for n in value):
        raise _Wrong("must be a list of lists of numbers")
    if len(value) > 5 or not all(0 <= n <= 3 for n in value):
        raise _Wrong("must hold up to five numbers of 0 to 3 each")
    return tuple(value)


def _urc_ports(value: Any) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not set(value) <= set(PORT_KINDS):
        raise _Wrong(f"must be a table with {', '.join(PORT_KINDS)}")
    return {kind: _list(_gentle, empty=False)(value[kind]) for kind in PORT_KINDS if kind in value}


def _errors(value: Any) -> Mapping[int, ErrorPolicy]:
    """`512 = { scope = "modem", action = "wait_retry", text = "…" }`; `text` may be left out."""
    if not isinstance(value, dict):
        raise _Wrong("must be a table of codes")
    found: dict[int, ErrorPolicy] = {}
    for code, entry in value.items():
        if not code.isascii() or not code.isdigit() or int(code) > 65_535:
            raise _Wrong(f"{code} is no code of CMS ERROR")
        if not isinstance(entry, dict) or not {"scope", "action"} <= set(entry) <= {"scope", "action", "text"}:
            raise _Wrong(f"{code} must have scope and action, and may have text")
        if entry["scope"] not in list(ErrorScope):
            raise _Wrong(f"scope of {code} must be one of {', '.join(ErrorScope)}")
        if entry["action"] not in list(ErrorAction):
            raise _Wrong(f"action of {code} must be one of {', '.join(ErrorAction)}")
        text = _text(entry.get("text", cms_text(int(code))))
        found[int(code)] = ErrorPolicy(ErrorScope(entry["scope"]), ErrorAction(entry["action"]), text)
    return found


@dataclass(frozen=True, slots=True)
class Key:
    """A key of the file: the field of Profile it fills, and what its value must be."""

    field: str
    read: Callable[[Any], Any]


_commands = _list(_gentle)

#: section -> key -> what it is. docs/profiles.md has the same list in words, and a test holds it to that.
LAYOUT: Mapping[str, Mapping[str, Key]] = {
    "": {
        "title": Key("title", _text),
        "extends": Key("extends", _text),
        "notes": Key("notes", _list(_text)),
    },
    "match": {
        "manufacturer": Key("manufacturer", _pattern),
        "model": Key("model", _pattern),
        "firmware": Key("firmware", _pattern),
        "usb": Key("usb", _list(_usb)),
    },
    "storage": {
        "memories": Key("memories", _list(_memory, empty=False)),
        "sweep": Key("sweep", _list(_memory, empty=False)),
        "cpms": Key("cpms", _list(_number(1, 3, True), empty=False)),
        "listings": Key("listings", _list(_one_of(*LISTINGS), empty=False)),
        "shifts": Key("shifts", _list(_number(-2, 2, True), empty=False)),
    },
    "delivery": {
        "service": Key("service", _number(0, 1, True)),
        "direct": Key("direct", _flag),
        "reports": Key("reports", _list(_number(0, 2, True), empty=False)),
        "acknowledge": Key("acknowledge", _commands),
        "indications": Key("indications", _list(_numbers, empty=False)),
    },
    "init": {
        "early": Key("early", _list(_alternatives)),
        "late": Key("late", _list(_alternatives)),
        "urc_ports": Key("urc_ports", _urc_ports),
        "urc_probes": Key("urc_probes", _commands),
        "ready_urcs": Key("ready_urcs", _list(_text)),
        "ready_s": Key("ready_s", _number(0, 120)),
    },
    "sim": {
        "iccid": Key("iccid", _commands),
        "pin_counter": Key("pin_counter", _commands),
    },
    "ussd": {"codings": Key("ussd", _list(_one_of(*USSD_CODINGS), empty=False))},
    "calls": {"hang_up": Key("hang_up", _list(_gentle, empty=False))},
    "send": {
        "keep_link": Key("keep_link", _flag),
        "ok_is_failure": Key("ok_is_failure", _flag),
        "honest": Key("honest", _commands),
        "mr_wrap_reset": Key("mr_wrap_reset", _flag),
    },
    "errors": {"cms": Key("errors", _errors)},
    "reset": {
        "soft": Key("soft_reset", _list(_command)),
        "radio": Key("radio_reset", _commands),
        "full": Key("full_reset", _commands),
    },
}


@dataclass(frozen=True, slots=True)
class ProfileText:
    """A file that was read and checked, but not yet put on what it extends."""

    name: str
    file: str
    extends: str | None
    values: Mapping[str, Any]  # field of Profile -> value, only those that the file names

    def on(self, parent: Profile) -> Profile:
        """The profile: what the file leaves out is the parent's. Codes of errors and URC ports add to the parent's."""
        values = {f.name: getattr(parent, f.name) for f in fields(Profile)}
        for key in ("errors", "urc_ports"):
            if key in self.values:
                values[key] = {**values[key], **self.values[key]}
        values |= {k: v for k, v in self.values.items() if k not in ("errors", "urc_ports")}
        return Profile(**{**values, "name": self.name, "extends": self.extends})


def check_text(name: str, file: str, text: str) -> tuple[ProfileText, list[Mistake]]:
    """The values of a file, and all that is wrong with it."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        return ProfileText(name, file, None, {}), [Mistake(file, "", f"is not TOML: {exc}")]
    values: dict[str, Any] = {}
    mistakes: list[Mistake] = []

    def take(place: str, key: Key, value: Any) -> None:
        try:
            values[key.field] = key.read(value)
        except _Wrong as exc:
            mistakes.append(Mistake(file, place, str(exc)))

    for section, content in document.items():
        if section in LAYOUT[""]:
            take(section, LAYOUT[""][section], content)
        elif section not in LAYOUT or not section:
            mistakes.append(Mistake(file, section, f"is no section of a profile; there are: {', '.join(_sections())}"))
        elif not isinstance(content, dict):
            mistakes.append(Mistake(file, section, "must be a table: write it as […]"))
        else:
            for name_of_key, value in content.items():
                key = LAYOUT[section].get(name_of_key)
                place = f"{section}.{name_of_key}"
                if key is None:
                    mistakes.append(Mistake(file, place, f"unknown key; known here: {', '.join(LAYOUT[section])}"))
                else:
                    take(place, key, value)
    return ProfileText(name, file, values.get("extends"), values), mistakes


def _sections() -> list[str]:
    return [*LAYOUT[""], *(f"[{section}]" for section in LAYOUT if section)]


def read_profile(name: str, text: str, parents: Mapping[str, Profile] | None = None) -> Profile:
    """A profile from the text of its file. Raises ProfileError with everything that is wrong."""
    found, mistakes = check_text(name, f"{name}.toml", text)
    parent = Profile()
    if found.extends is not None:
        known = (parents or {}).get(found.extends)
        if known is None:
            mistakes.append(Mistake(found.file, "extends", f"there is no profile {found.extends!r}"))
        else:
            parent = known
    if mistakes:
        raise ProfileError(mistakes)
    return found.on(parent)
