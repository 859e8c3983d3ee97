"""Commands about callbacks: what was sent to clients' URLs, and sending it again. Each talks to the running service."""

from __future__ import annotations

from typing import Any

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import local_time, print_json, print_table, say

STATES = ("waiting", "done", "failed", "dropped")


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(STATES), help="Only callbacks in this state.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many, the newest."
)
@connected
@click.pass_context
def callbacks(context: click.Context, *, client: Client, as_json: bool, state: str | None, limit: int) -> None:
    """List the calls to the account's URLs; `replay` makes them again."""
    if context.invoked_subcommand is not None:
        context.obj = (client, as_json)
        return
    items = client.latest("/v1/callbacks", limit, state=state)
    if as_json:
        print_json(items)
        return
    rows = [
        (
            str(item["id"]),
            local_time(item["created_at"]),
            item["state"],
            _about(item),
            str(item["tries"]),
            local_time(item["due_at"]),
            item["url"].partition("?")[0],
            item["error"] or "",
        )
        for item in items
    ]
    heads = ("ID", "MADE", "STATE", "ABOUT", "TRIES", "NEXT TRY", "URL", "ERROR")
    print_table(heads, rows, empty="There are no such callbacks.")


def _about(item: dict[str, Any]) -> str:
    if item["message_id"] is not None:
        return f"message {item['message_id']}"
    return f"inbox {item['inbox_id']}"


@callbacks.command()
@click.argument("callback_id", metavar="[ID]", required=False, type=click.IntRange(min=1))
@click.option("--all-failed", is_flag=True, help="All that were given up.")
@click.option("--since", metavar="TIME", help="All made since, such as 2030-01-31T09:00:00+03:00.")
@click.pass_obj
def replay(connection: tuple[Client, bool], callback_id: int | None, all_failed: bool, since: str | None) -> None:
    """Make callbacks again: the one with ID, all that failed, or all made since a time."""
    client, as_json = connection
    if (callback_id is not None) + all_failed + (since is not None) != 1:
        fail(Exit.USAGE, "give exactly one of ID, --all-failed and --since")
    body: dict[str, Any]
    if callback_id is not None:
        body = {"id": callback_id}
    elif since is not None:
        body = {"since": since}
    else:
        body = {"failed": True}
    answer = client.call("POST", "/v1/callbacks/replay", body)
    if as_json:
        print_json(answer)
    else:
        count = answer["replayed"]
        say(f"{count} callback{'' if count == 1 else 's'} will be made again.")


COMMANDS: tuple[click.Command, ...] = (callbacks,)
