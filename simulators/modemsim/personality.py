"""How a modem model behaves, as data read from `personalities/*.toml`: finding, merging and checking the files.

Owns no meaning (that is in `traits.py`) and no behaviour. A file may say
`extends = "generic"` (the default) and then holds only what differs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args, get_type_hints

from modemsim.errors import SimError
from modemsim.traits import ROLES, SPEAKING, WORDS_OF, Form, Personality


class PersonalityError(SimError):
    """No such personality, or its file is wrong."""


def _directory() -> Any:
    return files(__package__) / "personalities"


def names() -> list[str]:
    """The personalities that come with modemsim."""
    return sorted(p.name.removesuffix(".toml") for p in _directory().iterdir() if p.name.endswith(".toml"))


@cache
def load(name: str) -> Personality:
    """A personality by name, or by the path of a TOML file; raises `PersonalityError`."""
    return from_mapping(_read(name), name)


def _read(name: str) -> dict[str, Any]:
    if name.endswith(".toml"):
        path: Any = Path(name)
    elif name in names():
        path = _directory() / f"{name}.toml"
    else:
        raise PersonalityError(
            f"There is no personality {name!r}. There are: {', '.join(names())}; or give the path of a .toml file."
        )
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise PersonalityError(f"The personality file {name} cannot be read: {e.strerror}.") from None
    except tomllib.TOMLDecodeError as e:
        raise PersonalityError(f"The personality file {name} is not valid TOML: {e}.") from None
    base = own.pop("extends", None if name == "generic" else "generic")
    return _merge(_read(base), own) if base else own


def _merge(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def from_mapping(data: Mapping[str, Any], name: str) -> Personality:
    """Check and build; raises `PersonalityError` that names every unknown or wrong key."""
    wrong: list[str] = []
    made = _build(Personality, {**data, "name": Path(name).stem}, "", wrong)
    if not wrong:
        _check_ports(made, wrong)
        _check_words(made, wrong)
    if wrong:
        raise PersonalityError(f"The personality {name} has wrong keys: {'; '.join(wrong)}.")
    assert isinstance(made, Personality)
    return made


def _check_ports(made: Personality, wrong: list[str]) -> None:
    if not made.port or made.port[0].role not in SPEAKING:
        wrong.append("the first port must have the role at")
    wrong += [f"port.role {p.role!r} is none of {', '.join(ROLES)}" for p in made.port if p.role not in ROLES]
    if len({p.interface for p in made.port}) != made.ports:
        wrong.append("two ports have the same interface")


def _check_words(made: Personality, wrong: list[str]) -> None:
    for key, words in WORDS_OF.items():
        table, _, name = key.partition(".")
        value = getattr(getattr(made, table), name)
        if value not in words:
            wrong.append(f"{key} is {value!r} and must be one of {', '.join(words)}")
    codings = [c for c in made.ussd.takes if c not in ("plain", "packed", "ucs2")]
    wrong += [f"ussd.takes has {c!r}; there are plain, packed, ucs2" for c in codings]
    used = {*made.memory.default, *made.memory.receive, *made.memory.read}
    needed = used - {"SM", "MT"} | ({"ME"} if "MT" in used else set())
    wrong += [f"memory.capacity lacks {m}" for m in sorted(needed) if m not in made.memory.capacity]


def scaled(personality: Personality, factor: float) -> Personality:
    """The same model with all its times multiplied by `factor`: the keys that end in `_s`, and those of a slow port."""
    parts: dict[str, Any] = {}
    for part in fields(personality):
        value = getattr(personality, part.name)
        if is_dataclass(value) and not isinstance(value, type):
            times: dict[str, Any] = {
                f.name: getattr(value, f.name) * factor for f in fields(value) if f.name.endswith("_s")
            }
            if isinstance(value, Form):
                times["baud"] = round(value.baud / factor) if factor else 0
            parts[part.name] = replace(value, **times)
    return replace(personality, **parts)


def _build(kind: type, data: Mapping[str, Any], at: str, wrong: list[str]) -> Any:
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    values: dict[str, Any] = {}
    for key, value in data.items():
        where = f"{at}{key}"
        if key not in known:
            wrong.append(f"{where} is unknown")
            continue
        hint = hints[key]
        if is_dataclass(hint) and isinstance(hint, type):
            if isinstance(value, Mapping):
                values[key] = _build(hint, value, f"{where}.", wrong)
            else:
                wrong.append(f"{where} must be a table")
            continue
        values[key] = _value(hint, value, where, wrong)
    return kind(**values)


def _value(hint: Any, value: Any, where: str, wrong: list[str]) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type):
        if type(value) is not hint:
            wrong.append(f"{where} must be of type {hint.__name__}")
        return value
    inner = get_args(hint)
    if isinstance(value, list) and isinstance(inner[0], type) and is_dataclass(inner[0]):
        rows = [v if isinstance(v, Mapping) else {} for v in value]
        if rows != value:
            wrong.append(f"{where} must be a list of tables")
        return tuple(_build(inner[0], row, f"{where}.", wrong) for row in rows)
    if isinstance(value, list):
        if not all(type(item) is inner[0] for item in value):
            wrong.append(f"{where} must be a list of {inner[0].__name__}")
        return tuple(value)
    if isinstance(value, Mapping) and len(inner) == 2:
        return {k: _value(inner[1], v, f"{where}.{k}", wrong) for k, v in value.items()}
    wrong.append(f"{where} has the wrong type")
    return value
