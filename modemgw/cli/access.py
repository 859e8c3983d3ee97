"""Commands about who gave wrong credentials: listed, and forgotten. Each talks to the running service."""

from __future__ import annotations

from urllib.parse import urlencode

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.table import print_json, print_table, say


@click.group()
def access() -> None:
    """Who gave wrong credentials too often, and letting them try again."""


@access.command("list")
@connected
def list_suspects(*, client: Client, as_json: bool) -> None:
    """List addresses and accounts for which wrong credentials came lately."""
    items = client.get("/v1/access")["items"]
    if as_json:
        print_json(items)
        return
    rows = [
        (item["kind"], item["name"], str(item["failures"]), f"for {item['left_s']:.0f} s" if item["left_s"] else "no")
        for item in items
    ]
    print_table(("KIND", "NAME", "FAILURES", "BLOCKED"), rows, empty="No wrong credentials came lately.")


@access.command()
@click.option("--address", help="Only this address.")
@click.option("--login", help="Only this account.")
@connected
def clear(*, client: Client, as_json: bool, address: str | None, login: str | None) -> None:
    """Forget wrong credentials, so that nobody is blocked any more."""
    asked = {name: value for name, value in (("address", address), ("login", login)) if value is not None}
    answer = client.call("DELETE", "/v1/access" + (f"?{urlencode(asked)}" if asked else ""))
    if as_json:
        print_json(answer)
    else:
        count = answer["cleared"]
        say(f"{count} {'entry' if count == 1 else 'entries'} forgotten.")


COMMANDS: tuple[click.Command, ...] = (access,)
