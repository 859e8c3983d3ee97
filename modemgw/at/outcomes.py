"""What goes between a dialogue and its owner: what is to be written, what is waited for, and what came of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from modemgw.at.parser import Final, InfoLine, Prompt


@dataclass(frozen=True, slots=True)
class Response:
    """The information lines of a successful command and its result."""

    lines: tuple[InfoLine, ...]
    final: Final

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(line.text for line in self.lines)


@dataclass(slots=True)
class Counters:
    """Running totals of one dialogue."""

    commands: int = 0
    timeouts: int = 0
    resyncs: int = 0
    garbage: int = 0
    unknown_urcs: int = field(default=0)


class TimedOut:
    """The outcome of waiting too long."""


class Unwritten:
    """What was to be written could not be: not one octet went out."""

    def __init__(self, error: Exception) -> None:
        self.error = error


class Lost:
    """The port is gone."""

    def __init__(self, error: Exception) -> None:
        self.error = error


TIMED_OUT = TimedOut()
Outcome = Prompt | Final | TimedOut | Unwritten | Lost


@dataclass(frozen=True, slots=True)
class Wait:
    """What a script waits for: an outcome, or, with `quiet_s`, that nothing has come for so long."""

    quiet_s: float | None = None


AN_OUTCOME = Wait()

T = TypeVar("T")
Script = Generator[Wait, "Outcome | None", T]


@dataclass(frozen=True, slots=True)
class Write:
    """Octets for the modem. `shown` for logs; one that is not `vital` may fail."""

    data: bytes
    shown: str
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Finished:
    """A script is over: its value, or what it raised."""

    value: Any = None
    error: Exception | None = None
