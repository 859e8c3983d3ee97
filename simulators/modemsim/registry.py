"""The table of the commands that simulated modems have, each declared where it is written (`modemsim.commands`).

What a model lacks or adds is data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modemsim.line import Command

if TYPE_CHECKING:
    from modemsim.port import AtPort, Work

Handler = Callable[["AtPort", Command], "list[str] | Work | None"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A command and what it needs."""

    run: Handler
    wants_sim: bool
    sms: bool


_TABLE: dict[str, Entry] = {}


def command(*names: str, wants_sim: bool = False, sms: bool = False) -> Callable[[Handler], Handler]:
    """Declare the handler of commands. `wants_sim`: fails without a ready SIM; `sms`: its errors are +CMS ERROR."""

    def declare(run: Handler) -> Handler:
        for name in names:
            _TABLE[name] = Entry(run, wants_sim, sms)
        return run

    return declare


def lookup(name: str) -> Entry | None:
    """The command of this name, if the simulator has it."""
    return _TABLE.get(name)


def names() -> list[str]:
    """All names, for AT+CLAC."""
    return sorted(_TABLE)
