"""What is expected of a modem, and how its answers are read. Owns no check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from modemgw.at.commands import Command
from modemgw.at.errors import AtResponseError
from modemgw.at.responses import first
from modemgw.doctor.asking import Answers

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says of the modem at a port."""

    name: str
    port: str
    baudrate: int = 115_200
    pin: bool = False  # one is configured
    pin_refused: Callable[[str], bool] | None = None  # by this SIM, before
    smsc: str | None = None
    number: str | None = None
    imei: str | None = None
    role: str | None = None  # what the interface is for, where known


def read(answers: Answers, command: Command, reader: Callable[[str], T], what: str) -> T | None:
    """What an answer says, or None."""
    try:
        return first(answers.lines(command), reader, what)
    except AtResponseError:
        return None
