"""Tables and JSON on a terminal. Owns layout: widths as a terminal shows them, texts shortened to fit."""

from __future__ import annotations

import json
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime

import click


def width(text: str) -> int:
    """Columns the text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


#: Invisible, and harmless on a terminal: joiners and tags that emoji are made of.
_JOINERS = frozenset("\u200c\u200d") | {chr(code) for code in range(0xE0020, 0xE0080)}


def printable(text: str, *, lines: bool = False) -> str:
    """The text without what a terminal would obey: controls (C0, C1, ESC), marks of direction, and ends of lines
    unless `lines`. What came by radio is hostile: every cell and every sentence with a part of it goes through here.
    """
    return "".join(char if char.isprintable() or char in _JOINERS or (lines and char == "\n") else " " for char in text)


def say(text: str = "", *, err: bool = False) -> None:
    """Print sentences that may have something from outside in them."""
    click.echo(printable(text, lines=True), err=err)


def shorten(text: str, columns: int) -> str:
    """The text in at most so many columns, on one line."""
    text = printable(text)
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[:-1]
    return text + "…"


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str) -> None:
    """The rows under their heads; the last column gets what room is left. `empty` is said instead of nothing."""
    if not rows:
        click.echo(empty)
        return
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(width(row[column]) for row in [heads, *rows]) for column in range(len(heads) - 1)]
    room = shutil.get_terminal_size((120, 24)).columns - sum(widths) - 2 * len(widths)
    for row in [heads, *rows]:
        cells = [cell + " " * (columns - width(cell)) for cell, columns in zip(row, widths, strict=False)]
        last = shorten(row[-1], max(room, 20)) if sys.stdout.isatty() else shorten(row[-1], 10_000)
        click.echo("  ".join([*cells, last]).rstrip())


def print_json(document: object) -> None:
    """Indented JSON; what a terminal would obey stands escaped in it."""
    text = json.dumps(document, ensure_ascii=False, indent=2)
    click.echo("".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in text))


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1]


def local_time(rfc3339: str | None) -> str:
    """A time of the API in local time, to the second."""
    if rfc3339 is None:
        return ""
    return datetime.fromisoformat(rfc3339).astimezone().strftime("%Y-%m-%d %H:%M:%S")
