"""The command `trace`: the AT trace of a modem of the running service, on and off."""

from __future__ import annotations

from urllib.parse import quote

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import local_time, print_json, say

_METHODS = {"on": "POST", "off": "DELETE", "show": "GET"}


@click.command()
@click.argument("line")
@click.argument("what", type=click.Choice(tuple(_METHODS)), default="show")
@connected
def trace(*, client: Client, as_json: bool, line: str, what: str) -> None:
    """Write all that the modem LINE says and is told into a file, or no longer; `show` tells where.

    The file holds texts and numbers, but no PIN.
    """
    found = client.call(_METHODS[what], f"/v1/modems/{quote(line, safe='')}/trace")
    if as_json:
        print_json(found)
    elif found["problem"]:
        fail(Exit.FAILED, f"the trace of {line} has ended: {found['problem']}")
    elif not found["on"]:
        say(f"{line} is not traced.")
    elif found["file"] is None:
        say(f"{line} is traced as soon as its port is opened.")
    else:
        since = local_time(found["since"])
        say(f"{line} is traced since {since} into {found['file']} ({found['size']} octets).")


COMMANDS: tuple[click.Command, ...] = (trace,)
