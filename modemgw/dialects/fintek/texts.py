"""Whom a send is for and what each of them gets: the text by gender, with the fields put in. Reads no numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.dialects.fintek.tables import Rejected
from modemgw.domain.refusal import RefusalKind

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
        raise _bad("send", "send: нужен объект с полями text_male и users")
    male, female, other = (_text(send, name) for name in ("text_male", "text_female", "text_alternative"))
    if not male:
        raise Rejected(
            RefusalKind.EMPTY_TEXT, "Не указан text_male: текст для мужчин и текст по умолчанию", field="send"
        )
    fields = _fields(send.get("fields"), (male, female, other))
    users = send.get("users")
    if not isinstance(users, list) or not 1 <= len(users) <= MAX_USERS:
        raise _bad("users", f"users: нужен список получателей, от 1 до {MAX_USERS}")
    return [_letter(number, user, (male, female, other), fields) for number, user in enumerate(users, 1)]


def _letter(number: int, user: Any, texts: tuple[str, str, str], fields: Sequence[str]) -> Letter:
    if not isinstance(user, dict):
        raise _bad("users", f"Получатель {number}: нужен объект с полем phone")
    phone = user.get("phone")
    if isinstance(phone, int) and not isinstance(phone, bool):
        phone = f"{phone:d}" if abs(phone) < 10**20 else ""
    if not isinstance(phone, str) or not phone.strip():
        raise Rejected(RefusalKind.BAD_NUMBER, f"Получатель {number}: не указан phone", field="phone")
    place = f"Получатель {number} ({phone[:20]})"
    values = {name: _value(user, name, place) for name in fields}
    return Letter(place, phone, fill(_text_for(user, texts, place), values))


def _text_for(user: Mapping[str, Any], texts: tuple[str, str, str], place: str) -> str:
    """By gender where there is a text for women; text_alternative is for those of whom none is told."""
    male, female, other = texts
    if not female:
        return male
    gender = user.get("gender")
    known = _GENDERS.get(gender.strip().lower()) if isinstance(gender, str) else None
    if known is None:
        if other and gender in (None, ""):
            return other
        raise _bad("gender", f"{place}: нужно поле gender (male или female), так как есть text_female")
    return female if known == "female" else male


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with the placeholders of `values` replaced, in one pass: what is put in is not looked through again."""

    def put(match: re.Match[str]) -> str:
        return values.get(_name(match[1]), match[0])

    return _PLACEHOLDER.sub(put, text)


def _value(user: Mapping[str, Any], name: str, place: str) -> str:
    value = next((value for key, value in user.items() if _name(key) == name), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise _bad(name, f"{place}: нет значения для поля {name}")
    try:
        return str(value)
    except ValueError:  # an integer of thousands of digits
        raise _bad(name, f"{place}: значение поля {name} нельзя записать") from None


def _fields(given: Any, texts: Sequence[str]) -> list[str]:
    """A list in both examples. In the table an object, `fields => fio`, of which nothing tells whether the keys or the
    values are the names: those of either that stand in a text are."""
    if given is None:
        return []
    if isinstance(given, dict):
        asked = {_name(match[1]) for text in texts for match in _PLACEHOLDER.finditer(text)}
        names = [name for name in (*given, *given.values()) if isinstance(name, str) and _name(name) in asked]
    else:
        names = [given] if isinstance(given, str) else given
    if not isinstance(names, list) or len(names) > MAX_FIELDS or not all(isinstance(name, str) for name in names):
        raise _bad("fields", f"fields: нужен список имён, не больше {MAX_FIELDS}")
    return list(dict.fromkeys(map(_name, names)))


def _name(name: str) -> str:
    """`first name` of the manual's table is `first_name` of its examples."""
    return name.strip().replace(" ", "_")


def _text(send: Mapping[str, Any], name: str) -> str:
    value = send.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _bad(name, f"{name}: нужен текст")
    return value


def _bad(field: str, sentence: str) -> Rejected:
    return Rejected(RefusalKind.BAD_PARAMETER, sentence, field)
