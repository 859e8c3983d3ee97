"""The text form of an AT trace: one line a chunk of bytes, exact, PINs never. Described in docs/trace.md.

Pure: no file, no clock. Writing is `trace`, making a trace fit for others is `trace_redact`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from modemgw.errors import ModemgwError

HEADER = "# modemgw trace 1"


class Mark(StrEnum):
    """Who speaks."""

    SENT = ">"  # bytes to the modem
    RECEIVED = "<"  # bytes from it
    EVENT = "="  # open, close, lost and so on, in words


class TraceError(ModemgwError):
    """A line is none of a trace; `line` is its number, from 1."""

    def __init__(self, line: int, sentence: str) -> None:
        self.line = line
        super().__init__(f"Line {line}: {sentence}")


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line. `at_s` counts from the start of the trace, `wall` is UTC; both None where they were not written."""

    mark: Mark
    data: bytes
    at_s: float | None = None
    wall: datetime | None = None
    number: int = 0

    @property
    def text(self) -> str:
        """The words of an event."""
        return self.data.decode("utf-8", "replace")


# ---------------------------------------------------------------- bytes as text

_PLAIN = {code: chr(code) if 0x20 <= code < 0x7F else f"\\x{code:02x}" for code in range(256)}
_PLAIN |= {0x0D: "\\r", 0x0A: "\\n", 0x5C: "\\\\"}
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([rnt\\])|(.?))", re.DOTALL)
_LETTERS = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}


def escape(data: bytes) -> str:
    """Printable ASCII as it is, everything else as `\\r`, `\\n`, `\\\\` or `\\xHH`; so is a space at either end."""
    text = data.decode("latin-1").translate(_PLAIN)
    if text[:1] == " ":
        text = "\\x20" + text[1:]
    if text[-1:] == " ":
        text = text[:-1] + "\\x20"
    return text


def unescape(text: str) -> bytes:
    """The bytes of `escape`. Raises ValueError for what it never writes."""

    def char(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        if found[2]:
            return _LETTERS[found[2]]
        raise ValueError(f"\\{found[3]} is no escape; there are \\r \\n \\t \\\\ and \\xHH")

    return _ESCAPE.sub(char, text).encode("latin-1")


# ---------------------------------------------------------------- lines


def format_line(wall_s: float, at_s: float, mark: Mark, data: bytes) -> str:
    """One line without its end: `2026-11-22T03:19:28.123456Z 0.012345 > AT\\r`. `wall_s` is Unix time."""
    wall = datetime.fromtimestamp(wall_s, UTC)
    return f"{wall:%Y-%m-%dT%H:%M:%S.%f}Z {at_s:.6f} {mark} {escape(data)}"


_LINE = re.compile(
    r"(?:(?P<wall>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) +)?(?:(?P<at>\d+(?:\.\d+)?) +)?"
    r"(?P<mark>[<>=])(?: +(?P<data>.*))?"
)


def parse_line(text: str, number: int = 0) -> TraceLine | None:
    """A line; None for an empty one and a comment. The times may be left out. Raises TraceError."""
    stripped = text.strip()
    if not stripped or stripped.startswith("#"):
        return None
    found = _LINE.fullmatch(stripped)
    if found is None:
        raise TraceError(
            number, f"{stripped[:60]!r} is no line of a trace: [time] [seconds] then >, < or = and the data."
        )
    mark = Mark(found["mark"])
    try:
        data = (found["data"] or "").encode() if mark is Mark.EVENT else unescape(found["data"] or "")
        wall = datetime.fromisoformat(found["wall"]) if found["wall"] else None
    except ValueError as exc:  # UnicodeEncodeError too
        raise TraceError(number, f"{exc}.") from exc
    return TraceLine(mark, data, float(found["at"]) if found["at"] else None, wall, number)


def parse_trace(lines: Iterable[str]) -> Iterator[TraceLine]:
    """All lines that say something. Raises TraceError."""
    for number, text in enumerate(lines, 1):
        line = parse_line(text, number)
        if line is not None:
            yield line


# ---------------------------------------------------------------- PINs

# +CPIN, +CPIN2, +EPIN, +CLCK (facility lock), +CPWD (change of password), ^CPIN, ^CARDLOCK, +CPUK: what is set by them
# is a secret (TS 27.007 7.4, 7.5, 8.3). MMI codes **04*, **042*, **05*, **052* change and unblock PINs (TS 22.030 6.6).
_SECRET = re.compile(rb"[+^*#%$!][A-Z]*(?:PIN|PUK|CLCK|PWD|LOCK)2?=(?!\?)|\*\*0[45]2?\*", re.IGNORECASE)
_COMMAND_ENDS = b"\r\n\x1b\x1a"
_TAIL = 160  # of a line are remembered; commands are shorter


class PinMask:
    """Overwrites PINs with `*`, byte for byte, in both directions of one dialogue, however it is cut into chunks."""

    def __init__(self) -> None:
        self._sides = {Mark.SENT: _Side(), Mark.RECEIVED: _Side()}
        self._pending = False  # a secret went out: what the modem says till the next command may be its echo

    def __call__(self, mark: Mark, data: bytes) -> bytes:
        side = self._sides[mark]
        if mark is Mark.SENT:
            masked = side.mask(data, False)
            self._pending = side.held_secret
            return masked
        return side.mask(data, self._pending)


class _Side:
    """One direction: the line so far, and whether its secret part has begun."""

    def __init__(self) -> None:
        self._line = b""
        self.held_secret = False

    def mask(self, data: bytes, echo: bool) -> bytes:
        self.held_secret = False
        if not echo and b"=" not in self._line and b"=" not in data and b"*" not in self._line + data:
            end = max(data.rfind(stop) for stop in (b"\r", b"\n", b"\x1b", b"\x1a"))
            self._line = data[end + 1 :][-_TAIL:] if end >= 0 else (self._line + data)[-_TAIL:]
            return data
        out = bytearray()
        for piece in re.split(rb"([\r\n\x1b\x1a])", data):
            if piece and piece in _COMMAND_ENDS:
                self._line = b""
                out += piece
            else:
                out += self._mask_piece(piece, echo)
        return bytes(out)

    def _mask_piece(self, piece: bytes, echo: bool) -> bytes:
        before = len(self._line)
        line = self._line + piece
        masked = bytearray(line)
        found = _SECRET.search(line)
        if found is not None:
            self.held_secret = True
            _blank(masked, found.end())
        elif echo and line[:1] not in (b"+", b"^", b"*", b"") and len(line) > 1:
            # the rest of an echo that something else was said into; a lone digit is a result (ATV0)
            masked = bytearray(re.sub(rb"[0-9]", b"*", line))
        # what is kept of a secret line is its beginning, which says that it is one
        self._line = bytes(line[:_TAIL]) if found is not None else bytes(line[-_TAIL:])
        return bytes(masked[before:])


def _blank(line: bytearray, start: int) -> None:
    """Digits everywhere, and letters from the third of a quoted string on: a facility ("SC") stays readable."""
    quoted = 0
    for place in range(start, len(line)):
        char = line[place]
        if char == 0x22:
            quoted = 0 if quoted else 1
            continue
        if chr(char).isdigit() or (quoted > 2 and chr(char).isalnum()):
            line[place] = 0x2A
        if quoted:
            quoted += 1
