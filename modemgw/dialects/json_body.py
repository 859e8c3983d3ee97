"""JSON bodies as hostile clients send them, read without surprises; and JSON answers. Knows no provider."""

from __future__ import annotations

import json
from typing import Any

#: No provider's request is deeper than this.
MAX_DEPTH = 32


class JsonError(ValueError):
    """The body is not JSON, or not such as any client would send. `str()` is a sentence."""


def read_json(body: bytes) -> Any:
    """The document, UTF-8 with or without a byte order mark; of a repeated key the last one counts.

    Raises JsonError; also for what has no meaning in JSON (NaN) or is nested deeper than MAX_DEPTH.
    """
    try:
        document = json.loads(body.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise JsonError("The body is not JSON in UTF-8.") from error
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return document
    raise JsonError(f"The JSON is nested more than {MAX_DEPTH} deep.")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def write_json(value: object) -> bytes:
    """Compact UTF-8 as the providers' own servers write it, Cyrillic as it is; half a surrogate pair is a `?`."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def whole(value: object) -> int | None:
    """A whole number, also as text or as 72.0, as loosely typed clients have it; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 1e15 else None
    if isinstance(value, int):
        return value if abs(value) < 10**15 else None
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        if digits.isascii() and digits.isdigit() and len(digits) <= 15:
            return int(text)
    return None


def switch(value: object) -> bool:
    """A flag: true, 1, "1", "true", "yes", "on"."""
    if isinstance(value, str):
        return value.strip().lower() in {"1", "true", "yes", "on"}
    return value is True or (isinstance(value, int | float) and value == 1)
