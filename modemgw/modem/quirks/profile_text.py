"""A profile written as the text of a file: for people who look at one, or copy it to change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modemgw.at.policy import ErrorPolicy
from modemgw.modem.quirks.profile import Profile
from modemgw.modem.quirks.profile_file import LAYOUT


def profile_text(profile: Profile) -> str:
    """TOML with every value that holds for this profile; those of any modem are marked as such."""
    anyones = Profile()
    lines: list[str] = []
    for section, keys in LAYOUT.items():
        inside: list[str] = []
        for name, key in keys.items():
            value = getattr(profile, key.field)
            if value is None:
                continue
            mark = "" if value != getattr(anyones, key.field) or not section else "  # as any modem"
            if key.field == "errors":
                inside += [f"{code} = {_error(policy)}" for code, policy in sorted(value.items())]
            else:
                inside.append(f"{name} = {_value(value)}{mark}")
        if inside:
            lines += [f"\n[{'errors.cms' if section == 'errors' else section}]"] if section else []
            lines += inside
    return "\n".join(lines) + "\n"


def profile_document(profile: Profile) -> dict[str, Any]:
    """The same for programs: sections, keys and values as JSON has them."""
    document: dict[str, Any] = {"name": profile.name}
    for section, keys in LAYOUT.items():
        place = document.setdefault(section, {}) if section else document
        for name, key in keys.items():
            value = getattr(profile, key.field)
            if key.field == "errors":
                value = {str(code): _parts(policy) for code, policy in sorted(value.items())}
            place[name] = value
    return document


def _parts(policy: ErrorPolicy) -> dict[str, str]:
    return {"scope": str(policy.scope), "action": str(policy.action), "text": policy.text}


def _error(policy: ErrorPolicy) -> str:
    return "{ " + ", ".join(f"{key} = {_value(value)}" for key, value in _parts(policy).items()) + " }"


def _value(value: object) -> str:
    """A TOML value; JSON's strings are TOML's basic strings."""
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }" if value else "{}"
    return json.dumps(value, ensure_ascii=False)
