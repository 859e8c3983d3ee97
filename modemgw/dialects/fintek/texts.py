"""Whom a send is for and what each of them gets: the text by gender, with the fields put in. Reads no numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.domain.refusal import Refusal, RefusalKind

MAX_USERS = 10_000
MAX_FIELDS = 100

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]{1,100}?)\s*\}\}")
_GENDERS = {"male": "male", "m": "male", "м": "male", "female": "female", "f": "female", "ж": "female"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One recipient; `place` names it in errors."""

    place: str
    phone: str
    text: str


def letters_of(send: Any) -> list[Letter]:
    """All of a `send`, in its order, nobody left out. Raises Refusal, naming the user and the field."""
    if not isinstance(send, dict):
        raise _bad("send", "send must be an object with text_male and users.")
    male, female = _text(send, "text_male"), _text(send, "text_female")
    if not male:
        raise Refusal(RefusalKind.EMPTY_TEXT, "text_male is missing: it is the text for men and for all.", field="send")
    fields = _fields(send.get("fields"))
    users = send.get("users")
    if not isinstance(users, list) or not 1 <= len(users) <= MAX_USERS:
        raise _bad("users", f"users must be a list of 1 to {MAX_USERS} recipients.")
    return [_letter(number, user, male, female, fields) for number, user in enumerate(users, 1)]


def _letter(number: int, user: Any, male: str, female: str, fields: Sequence[str]) -> Letter:
    if not isinstance(user, dict):
        raise _bad("users", f"User {number} is not an object.")
    phone = user.get("phone")
    if isinstance(phone, int) and not isinstance(phone, bool):
        phone = f"{phone:d}" if abs(phone) < 10**20 else ""
    if not isinstance(phone, str) or not phone.strip():
        raise Refusal(RefusalKind.BAD_NUMBER, f"User {number} has no phone.", field="phone")
    place = f"User {number} ({phone[:20]})"
    text = male
    if female:
        gender = user.get("gender")
        known = _GENDERS.get(gender.strip().lower()) if isinstance(gender, str) else None
        if known is None:
            raise _bad("gender", f"{place} needs the field gender, male or female, since there is a text_female.")
        text = female if known == "female" else male
    values = {name: _value(user, name, place) for name in fields}
    return Letter(place, phone, fill(text, values))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with the placeholders of `values` replaced, in one pass: what is put in is not looked through again."""

    def put(match: re.Match[str]) -> str:
        return values.get(_name(match[1]), match[0])

    return _PLACEHOLDER.sub(put, text)


def _value(user: Mapping[str, Any], name: str, place: str) -> str:
    value = next((value for key, value in user.items() if _name(key) == name), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise _bad(name, f"{place} has no value for the field {name}.")
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        raise _bad(name, f"{place} has no value for the field {name} that could be written.") from None


def _fields(given: Any) -> list[str]:
    """A list in both examples, an object in the table."""
    if given is None:
        return []
    names = list(given.values()) if isinstance(given, dict) else [given] if isinstance(given, str) else given
    if not isinstance(names, list) or len(names) > MAX_FIELDS or not all(isinstance(name, str) for name in names):
        raise _bad("fields", f"fields must be a list of {MAX_FIELDS} names at the most.")
    return [_name(name) for name in names]


def _name(name: str) -> str:
    """`first name` of the manual's table is `first_name` of its examples."""
    return name.strip().replace(" ", "_")


def _text(send: Mapping[str, Any], name: str) -> str:
    value = send.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _bad(name, f"{name} must be text.")
    return value


def _bad(field: str, reason: str) -> Refusal:
    return Refusal(RefusalKind.BAD_PARAMETER, reason, field=field)
