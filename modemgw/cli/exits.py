"""Exit statuses of the command line, and the one way to end with a sentence."""

from __future__ import annotations

from enum import IntEnum
from typing import NoReturn

from modemgw.cli.table import say


class Exit(IntEnum):
    """What an exit status means; docs/cli.md has the same table."""

    OK = 0
    FAILED = 1  # the message failed, the service could not start, or it is too late to cancel
    USAGE = 2  # bad input or configuration
    NO_SERVICE = 3  # nothing answers at the address, or it cannot take messages now
    NOT_FOUND = 4
    UNAUTHORISED = 5
    UNKNOWN = 6  # the outcome is not known, or was not known in time


def fail(status: Exit, sentence: str) -> NoReturn:
    """Print the sentence to standard error and end."""
    for line in sentence.splitlines():
        say(f"modemgw: {line}", err=True)
    raise SystemExit(int(status))
