"""The grammar of an AT command line (V.250 5.2.1): one line to its commands. Owns no state."""

from __future__ import annotations

import re
from dataclasses import dataclass

_EXTENDED = "+^$%#*!_@\\"
_NAME = re.compile(r"([+^$%#*!_@\\][A-Za-z0-9!%\-./:_]*)\s*(=\?|\?|=)?(.*)\Z", re.DOTALL)


class LineError(ValueError):
    """No command line by the grammar."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command:

    its name in capitals, its kind (`""` action, `?` read, `=?` test, `=` set), what follows.
    """

    name: str
    op: str
    raw: str

    @property
    def text(self) -> str:
        """As on the line, without AT."""
        return f"{self.name}{self.op}{self.raw}"

    def args(self) -> list[str]:
        """The arguments, split at commas outside quotes and unquoted."""
        if not self.raw:
            return []
        return [unquote(a) for a in _split_outside_quotes(self.raw, ",")]

    def ints(self) -> list[int | None]:
        """The arguments as numbers, None where one is left out; raises `ValueError`."""
        return [int(a) if a else None for a in self.args()]


def unquote(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == '"' else text


def _split_outside_quotes(text: str, separator: str) -> list[str]:
    parts, start, quoted = [], 0, False
    for i, ch in enumerate(text):
        if ch == '"':
            quoted = not quoted
        elif ch == separator and not quoted:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return parts


def split(body: str) -> list[Command]:
    """The commands of a line without its `AT`; raises `LineError`."""
    commands: list[Command] = []
    i, n = 0, len(body)
    while i < n:
        ch = body[i]
        if ch in " ;":
            i += 1
        elif ch in _EXTENDED:
            end = i + len(_split_outside_quotes(body[i:], ";")[0])
            found = _NAME.match(body[i:end].strip())
            if not found:
                raise LineError(body)
            commands.append(Command(found[1].upper(), found[2] or "", found[3].strip()))
            i = end + 1
        elif ch in "Dd":
            commands.append(Command("D", "", body[i + 1 :].strip()))
            break
        else:
            basic = re.compile(r"(&?[A-Za-z])\s*").match(body, i)
            if not basic:
                raise LineError(body)
            name = basic[1].upper()
            pattern = r"(\d+)(=\d*|\?)?" if name == "S" else r"(\d*)()"
            rest = re.compile(pattern).match(body, basic.end())
            if not rest:
                raise LineError(body)
            tail = rest[2] or ""
            if name == "S":
                commands.append(Command(f"S{int(rest[1])}", tail[:1], tail[1:]))
            else:
                commands.append(Command(name, "", rest[1]))
            i = rest.end()
    return commands
