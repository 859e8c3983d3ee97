"""Reads and plays the transcripts of tests/vectors/at (their README has the format)."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.parser import AtEvent, AtParser, Echo, Final, Garbage, InfoLine, Prompt, Urc

FOLDER = Path(__file__).parents[2] / "vectors" / "at"
_KNOWN = {c.text: c for c in vars(commands).values() if isinstance(c, Command)} | {
    c.text: c for group in vars(commands).values() if isinstance(group, tuple) for c in group if isinstance(c, Command)
}

Cut = Callable[[bytes], list[bytes]]


@dataclass
class Turn:
    """What the gateway does, and then what the modem says and what must come of it."""

    act: str = ""
    said: bytes = b""
    expected: list[str] = field(default_factory=list)


def command_of(text: str) -> Command:
    if text.startswith("AT+CMGS="):
        return commands.submit(int(text.partition("=")[2]))
    if text.startswith("AT+CMGR="):
        return commands.read(int(text.partition("=")[2]))
    return _KNOWN[text]


def read(path: Path) -> list[Turn]:
    turns = [Turn()]
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("> "):
            turns.append(Turn(act=line[2:]))
        elif line.startswith("<< "):
            turns[-1].said += unescaped(line[3:])
        elif line.startswith("< "):
            turns[-1].said += b"\r\n" + unescaped(line[2:]) + b"\r\n"
        elif line.startswith("= "):
            turns[-1].expected.append(line[2:])
        else:
            assert not line or line.startswith("#"), f"{path.name}: {line!r}"
    return turns


def unescaped(text: str) -> bytes:
    return re.sub(
        rb"\\(r|n|x[0-9a-f]{2})",
        lambda m: {b"r": b"\r", b"n": b"\n"}.get(m[1]) or bytes([int(m[1][1:], 16)]),
        text.encode("utf-8"),
    )


def shown(event: AtEvent) -> str:
    tail = f" | {event.pdu}" if isinstance(event, InfoLine | Urc) and event.pdu is not None else ""
    match event:
        case InfoLine(text=text, amends=amends):
            out = ("amended " if amends else "info ") + text + tail
        case Final(text=text):
            out = f"final {text}"
        case Urc(name=name, text=text):
            out = f"urc {name} {text}{tail}"
        case Garbage(data=data):
            out = f"garbage {data.hex()}"
        case Prompt():
            out = "prompt"
        case Echo():
            out = "echo"
    return out.replace("\n", "\\n")


def play(turns: list[Turn], cut: Cut) -> Iterator[tuple[Turn, list[str]]]:
    parser = AtParser()
    for turn in turns:
        if turn.act.startswith("^Z "):
            parser.payload(turn.act[3:])
        elif turn.act:
            parser.end()
            if turn.act != "end":
                parser.begin(command_of(turn.act))
        events = [e for piece in cut(turn.said) for e in parser.feed(piece)]
        yield turn, [shown(e) for e in events]


def whole(data: bytes) -> list[bytes]:
    return [data]


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def pieces(seed: int) -> Cut:
    rng = random.Random(seed)

    def cut(data: bytes) -> list[bytes]:
        at = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(4))})
        return [data[a:b] for a, b in itertools.pairwise(at)]

    return cut
