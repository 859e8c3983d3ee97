"""A recorded dialogue as a script: what the program said, and what the modem answered and said unasked.

Owns the form of traces (docs/trace.md of modemgw) and the matching of commands. Pure: bytes and times are passed in;
the port is `replay_port`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from modemsim.errors import SimError

PATIENCE_S = 60.0  # how much longer than in the recording a command may be waited for
QUESTION_S = 0.5  # the same for a question that may be left out


class Match(Enum):
    """How much the program may differ from the one that was recorded."""

    EXACT = "exact"  # every command as recorded, in the recorded order
    LOOSE = "loose"  # other payloads, and questions whenever they come
    ANY = "any"  # any order; what was not recorded is answered with ERROR


@dataclass(slots=True)
class Said:
    """Bytes of the modem, so long after what was before them."""

    gap_s: float
    data: bytes
    line: int


@dataclass(slots=True)
class Exchange:
    """A command, or a payload, up to and with the byte that ends it; and the answer, up to its result."""

    gap_s: float
    command: bytes
    line: int
    answer: list[Said] = field(default_factory=list)


@dataclass(slots=True)
class Gone:
    """The port went away (True) or came back."""

    gap_s: float
    gone: bool
    line: int


Item = Said | Exchange | Gone


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where the program did something else: `got` is None if it did nothing."""

    line: int
    expected: bytes | None
    got: bytes | None

    def __str__(self) -> str:
        expected = "the end" if self.expected is None else shown(self.expected)
        got = "nothing came" if self.got is None else f"got {shown(self.got)}"
        return f"line {self.line}: expected {expected}, {got}"


def shown(data: bytes) -> str:
    """Bytes as a trace shows them."""
    return "".join(_PLAIN[octet] for octet in data)


# ---------------------------------------------------------------- reading

_PLAIN = {code: chr(code) if 0x20 <= code < 0x7F else f"\\x{code:02x}" for code in range(256)}
_PLAIN |= {0x0D: "\\r", 0x0A: "\\n", 0x5C: "\\\\"}
_LINE = re.compile(r"(?:\d{4}-\d\d-\d\dT[0-9:.]+Z +)?(?:(?P<at>\d+(?:\.\d+)?) +)?(?P<mark>[<>=])(?: +(?P<data>.*))?")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.|$)")
_LETTERS = {"r": "\r", "n": "\n", "t": "\t", "\\": "\\"}
_UTTERANCE = re.compile(rb"[^\r\x1a\x1b]*[\r\x1a\x1b]")
_RESULT = re.compile(
    rb"(?:^|[\r\n])(?:OK|ERROR|NO CARRIER|NO ANSWER|NO DIALTONE|BUSY|CONNECT[^\r\n]*|COMMAND NOT SUPPORT"
    rb"|\+CM[ES] ERROR:[^\r\n]*)\r?\n?|(?:^|[\r\n])> ?$|(?:^|\r)[0-4]\r"
)


def _bytes_of(text: str, line: int) -> bytes:
    def char(found: re.Match[str]) -> str:
        code = found[1]
        if code[:1] == "x" and len(code) == 3:
            return chr(int(code[1:], 16))
        if code in _LETTERS:
            return _LETTERS[code]
        raise SimError(f"Line {line} of the trace: \\{code} is no escape.")

    try:
        return _ESCAPE.sub(char, text).encode("latin-1")
    except UnicodeEncodeError:
        raise SimError(f"Line {line} of the trace: write what is not ASCII as \\xHH.") from None


def read_trace(path: Path) -> list[Item]:
    """The script in a file. Raises SimError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SimError(f"{path} cannot be read: {exc}.") from None
    items = parse_trace(text.splitlines())
    if not any(isinstance(item, Exchange) for item in items):
        raise SimError(f"{path} has no command in it: is it a trace?")
    return items


def parse_trace(lines: Iterable[str]) -> list[Item]:
    """The script in the lines of a trace. Raises SimError."""
    items: list[Item] = []
    spoken = b""  # of a command that has not ended yet
    answering: Exchange | None = None
    answer = b""
    before = 0.0
    for number, mark, at, text in _lines(lines):
        now = before if at is None or at < before - 1 else max(at, before)
        if at is not None and at < before - 1:  # another trace was added to the file
            now = at
        gap, before = max(0.0, now - before), now
        if mark == "=":
            word = text.split(" ", 1)[0]
            if word == "lost":
                items.append(Gone(gap, True, number))
            elif word == "open" and _is_gone(items):
                items.append(Gone(gap, False, number))
            if word in ("lost", "close", "open", "joined"):
                spoken, answering = b"", None
            continue
        data = _bytes_of(text, number)
        if mark == ">":
            spoken += data
            end = 0
            for found in _UTTERANCE.finditer(spoken):
                answering, answer, end = Exchange(gap, found[0], number), b"", found.end()
                items.append(answering)
                gap = 0.0
                if not found[0][:-1]:  # the end of a prompt, or an empty line: no modem answers that
                    answering = None
            spoken = spoken[end:]
            continue
        if answering is not None:
            answer += data
            found_result = _RESULT.search(answer)
            if found_result is None:
                answering.answer.append(Said(gap, data, number))
                continue
            rest = len(answer) - found_result.end()
            answering.answer.append(Said(gap, data[: len(data) - rest], number))
            answering, data, gap = None, data[len(data) - rest :], 0.0
        if data:
            items.append(Said(gap, data, number))
    return items


def _is_gone(items: list[Item]) -> bool:
    return next((item.gone for item in reversed(items) if isinstance(item, Gone)), False)


def _lines(lines: Iterable[str]) -> Iterator[tuple[int, str, float | None, str]]:
    for number, raw in enumerate(lines, 1):
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        found = _LINE.fullmatch(text)
        if found is None:
            raise SimError(f"Line {number} of the trace is none: {text[:60]!r}.")
        at = found["at"]
        yield number, found["mark"], float(at) if at else None, found["data"] or ""


# ---------------------------------------------------------------- matching

_QUESTION = re.compile(
    rb"\x1b|\r|AT\r|AT[^=]*\?\r|AT[^=]*=\?\r|AT(?:I\d*|E[01]|\+G?M[IMR]|\+C?GSN(?:=1)?|\+CGM[IMR]|\+CIMI|\+CCID|\+ICCID"
    rb"|\+CICCID|\+QCCID|\+CSQ|\+CNUM|\+CPAS|\+CMGL=[^;]*|\+CPMS=[^;]*|\+CPINR.*|\+QPINC.*)\r",
    re.IGNORECASE,
)


def is_question(command: bytes) -> bool:
    """It changes nothing, or nothing that asking anew would not change again: it may come at any time."""
    return _QUESTION.fullmatch(command) is not None


def _without_payload(command: bytes) -> bytes:
    if command.endswith(b"\x1a"):
        return b"\x1a"
    return re.sub(rb"(?i)^(AT\+CMG[SW]=).*\r$", rb"\1\r", command).upper()


def fits(recorded: bytes, command: bytes, match: Match) -> bool:
    """Whether a command is the recorded one; a `*` in the recording, where a PIN was, stands for any byte."""
    if match is not Match.EXACT:
        recorded, command = _without_payload(recorded), _without_payload(command)
    if recorded == command:
        return True
    return len(recorded) == len(command) and all(a in (b, 0x2A) for a, b in zip(recorded, command, strict=True))


# ---------------------------------------------------------------- playing


class Player:
    """Plays the modem's part. `heard` and `tick` give it bytes and time; `take` tells what to do then."""

    def __init__(
        self, items: list[Item], *, match: Match = Match.EXACT, speed: float = 1.0, patience_s: float = PATIENCE_S
    ) -> None:
        self.items = items
        self.divergence: Divergence | None = None
        self.matched = 0  # commands that came as recorded
        self.unknown: dict[bytes, int] = {}  # what Match.ANY answered with ERROR
        self._match = match
        self._speed = speed
        self._patience_s = patience_s
        self._at = 0
        self._since: float | None = None  # when the item at `_at` became the next
        self._spoken = b""
        self._heard: deque[bytes] = deque()
        self._answer: deque[tuple[float, bytes]] = deque()
        self._do: list[bytes | bool] = []

    @property
    def ended(self) -> bool:
        """All was played."""
        return self._at >= len(self.items) and not self._answer

    @property
    def place(self) -> str:
        """How far it came, in words."""
        return "the end" if self._at >= len(self.items) else f"line {self.items[self._at].line}"

    def begin(self, now: float) -> None:
        """The port was opened, for the first time or again."""
        if self._since is None:
            self._since = now
        self._spoken = b""
        self._heard.clear()
        self.tick(now)

    def heard(self, data: bytes, now: float) -> None:
        """Bytes of the program, in any pieces."""
        if self._since is None:
            self._since = now
        self._spoken += data
        end = 0
        for found in _UTTERANCE.finditer(self._spoken):
            self._heard.append(found[0])
            end = found.end()
        self._spoken = self._spoken[end:]
        self.tick(now)

    def take(self) -> list[bytes | bool]:
        """What to do, in order: say bytes, pull the plug (True), put it back (False)."""
        do, self._do = self._do, []
        return do

    def next_deadline(self) -> float | None:
        """When `tick` is wanted next."""
        if self.divergence is not None or self._since is None:
            return None
        if self._answer:
            return self._answer[0][0]
        return self._due(self.items[self._at]) if self._at < len(self.items) else None

    def tick(self, now: float) -> None:
        """Do what is due."""
        while self.divergence is None and self._step(now):
            pass

    def _due(self, item: Item) -> float:
        assert self._since is not None
        if isinstance(item, Exchange):
            if self._match is not Match.EXACT and is_question(item.command):
                return self._since + item.gap_s / self._speed + min(QUESTION_S, self._patience_s)
            return self._since + item.gap_s + self._patience_s
        return self._since + item.gap_s / self._speed

    def _step(self, now: float) -> bool:
        if self._since is None:
            return False
        if self._answer:
            due, data = self._answer[0]
            if due > now:
                return False
            self._answer.popleft()
            self._do.append(data)
            if not self._answer:
                self._since = now
            return True
        if self._heard:
            self._answer_to(self._heard.popleft(), now)
            return True
        if self._at >= len(self.items) or self._due(self.items[self._at]) > now:
            return False
        item = self.items[self._at]
        if isinstance(item, Exchange):
            if self._match is not Match.EXACT and is_question(item.command):
                self._advance(now)  # nobody asks this time
                return True
            self.divergence = Divergence(item.line, item.command, None)
            return False
        self._unasked(item, now)
        return True

    def _advance(self, now: float) -> None:
        self._at += 1
        self._since = now

    def _unasked(self, item: Said | Gone, now: float) -> None:
        self._do.append(item.data if isinstance(item, Said) else item.gone)
        self._advance(now)

    # ------------------------------------------------------------ commands

    def _answer_to(self, command: bytes, now: float) -> None:
        if self._at >= len(self.items) and self._match is Match.EXACT:
            return  # what comes after the end is nobody's
        place = self._find(command)
        if place is not None:
            while self._at < place:  # the modem says before what it said before
                item = self.items[self._at]
                if isinstance(item, Exchange):
                    self._advance(now)
                else:
                    self._unasked(item, now)
            self._advance(now)
            self._give(place, command, now)
            return
        if self._match is not Match.EXACT and self._answer_out_of_order(command, now):
            return
        expected = next((item for item in self.items[self._at :] if isinstance(item, Exchange)), None)
        line = expected.line if expected is not None else self.items[-1].line
        self.divergence = Divergence(line, expected.command if expected is not None else None, command)

    def _find(self, command: bytes) -> int | None:
        """The next place in the script where this command is due, past what may be left out."""
        question = is_question(command)
        for place in range(self._at, len(self.items)):
            item = self.items[place]
            if isinstance(item, Gone) and item.gone and self._match is Match.EXACT:
                return None
            if not isinstance(item, Exchange):
                if question and self._match is not Match.EXACT and place > self._at:
                    return None  # a question does not bring forward what the modem says by itself
                continue
            if fits(item.command, command, self._match):
                return place
            if self._match is Match.EXACT:
                return None
            if not is_question(item.command) and (question or self._match is not Match.ANY):
                return None
        return None

    def _answer_out_of_order(self, command: bytes, now: float) -> bool:
        if command in (b"\r", b"\x1b"):
            return True
        if is_question(command) or self._match is Match.ANY:
            places = [*range(self._at - 1, -1, -1), *range(self._at, len(self.items))]
            for place in places:
                item = self.items[place]
                if isinstance(item, Exchange) and item.answer and fits(item.command, command, self._match):
                    self._give(place, command, now)
                    return True
        if self._match is not Match.ANY:
            return False
        self.unknown[command] = self.unknown.get(command, 0) + 1
        self._answer.append((now, b"\r\nERROR\r\n"))
        return True

    def _give(self, place: int, command: bytes, now: float) -> None:
        item = self.items[place]
        assert isinstance(item, Exchange)
        self.matched += 1
        due = now
        echo = item.command.rstrip(b"\r")
        for said in item.answer:
            due += said.gap_s / self._speed
            data = said.data
            if self._match is not Match.EXACT and data.startswith(echo) and echo:
                data = command.rstrip(b"\r") + data[len(echo) :]
            self._answer.append((due, data))
