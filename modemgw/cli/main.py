"""The command `modemgw`: one group of all commands, and Ctrl-C and closed pipes ended quietly."""

from __future__ import annotations

import os
import sys

import click

from modemgw import __version__
from modemgw.cli import (
    access,
    alerts,
    callbacks,
    db,
    doctor,
    lines,
    messages,
    profiles,
    serve,
    standin,
    trace,
    udev,
    ussd,
)
from modemgw.cli.exits import Exit, fail


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.version_option(__version__, prog_name="modemgw")
def group() -> None:
    """An SMS gateway on your own SIM cards.

    `run` and `demo` serve; all other commands talk to the running service.
    """


for _command in (
    *serve.COMMANDS,
    *messages.COMMANDS,
    *lines.COMMANDS,
    *alerts.COMMANDS,
    *access.COMMANDS,
    *callbacks.COMMANDS,
    *db.COMMANDS,
    *standin.COMMANDS,
    *doctor.COMMANDS,
    *trace.COMMANDS,
    *udev.COMMANDS,
    *ussd.COMMANDS,
    *profiles.COMMANDS,
):
    group.add_command(_command)


def main() -> None:
    """Run the command line and end the process with the command's status."""
    try:
        group()
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except PermissionError as error:  # whatever a command needs and looks at by itself: not this program's mistake
        fail(Exit.FAILED, f"{error.filename or 'a file'}: this user may not use it ({error.strerror})")
