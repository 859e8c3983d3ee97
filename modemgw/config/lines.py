"""Where a key stands in the text of a configuration, so that a complaint can name its line. Not a TOML parser."""

from __future__ import annotations

import re
from collections.abc import Sequence

Place = tuple[int | str, ...]


class KeyLines:
    """Finds the line of a key. Knows as much TOML as a hand-written configuration uses."""

    _HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
    _KEY = re.compile(r"""^\s*([A-Za-z0-9_.-]+|"[^"]*"|'[^']*')\s*=""")

    def __init__(self, text: str) -> None:
        self._found: dict[Place, int] = {}
        self._last: dict[Place, int] = {}  # index of the newest table of an array
        table: Place = ()
        quote: str | None = None
        for number, line in enumerate(text.splitlines(), 1):
            if quote is None:
                if header := self._HEADER.match(line):
                    table = self._table(header[2], array=header[1] == "[[")
                    self._found.setdefault(table, number)
                    self._found.setdefault(table[:1], number)
                elif key := self._KEY.match(line):
                    self._found.setdefault((*table, *key[1].strip("\"'").split(".")), number)
            quote = self._quote_after(line, quote)

    def _table(self, name: str, *, array: bool) -> Place:
        """`[account.smsc]` is of the newest `[[account]]`."""
        table: Place = ()
        steps = [step.strip("\"' ") for step in name.split(".")]
        for depth, step in enumerate(steps, 1):
            table = (*table, step)
            if array and depth == len(steps):
                self._last[table] = self._last.get(table, -1) + 1
            if table in self._last:
                table = (*table, self._last[table])
        return table

    @staticmethod
    def _quote_after(line: str, quote: str | None) -> str | None:
        """The delimiter of the multi-line string that is open at the end of the line."""
        at = 0
        while True:
            if quote is not None:
                end = line.find(quote, at)
                if end < 0:
                    return quote
                at, quote = end + 3, None
            starts = [(line.find(mark, at), mark) for mark in ('"""', "'''") if line.find(mark, at) >= 0]
            if not starts:
                return None
            start, quote = min(starts)
            at = start + 3

    def of(self, loc: Sequence[int | str]) -> int | None:
        """The line of the key, else of the nearest table around it."""
        for length in range(len(loc), 0, -1):
            if (line := self._found.get(tuple(loc[:length]))) is not None:
                return line
        return None
