"""Commands about lines: modems, lines, pause, resume, route try. Each talks to the running service."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.table import print_json, print_table, say


@click.command()
@connected
def lines(*, client: Client, as_json: bool) -> None:
    """Show all ways out, SIM cards and online gateways, and what they are doing."""
    items = client.get("/v1/lines")["items"]
    if as_json:
        print_json(items)
        return
    rows = [
        (
            item["name"],
            item["kind"],
            item["state"],
            item["number"] or "",
            _balance(item),
            str(item["used_today"]),
            item["spent_today"] or "",
            item["reason"] or "",
        )
        for item in items
    ]
    heads = ("NAME", "KIND", "STATE", "NUMBER", "BALANCE", "TODAY", "SPENT", "REASON")
    shown = [at for at, head in enumerate(heads) if head not in ("BALANCE", "SPENT") or any(row[at] for row in rows)]
    print_table([heads[at] for at in shown], [[row[at] for at in shown] for row in rows], empty="There are no lines.")
    for item in items:
        if item["callback_url"]:
            say(f"Enter at {item['name']} as the address for reports and incoming texts: {item['callback_url']}")


@click.group()
def route() -> None:
    """Ask about the routes of messages."""


@route.command("try")
@click.argument("to")
@click.argument("text")
@click.option("--account", metavar="LOGIN", help="Whose message it would be; one of the configuration.")
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher goes first.")
@click.option("--flash", is_flag=True, help="Class 0: shown at once, not kept.")
@connected
def route_try(
    *,
    client: Client,
    as_json: bool,
    to: str,
    text: str,
    account: str | None,
    priority: int | None,
    flash: bool,
) -> None:
    """Say which way a message would take, and why. Sends nothing."""
    if account is not None:
        client.become(account)
    body: dict[str, Any] = {"to": to, "text": text}
    if priority is not None:
        body["priority"] = priority
    if flash:
        body["flash"] = True
    trial = client.call("POST", "/v1/routes/try", body)
    if as_json:
        print_json(trial)
        return
    name = f"The route {trial['route']!r} takes it" if trial["route"] else "No route fits; the default takes it"
    if trial["refused"]:
        say(f"The route {trial['route']!r} refuses it: {trial['refused']}")
        return
    parts = "one part" if trial["parts"] == 1 else f"{trial['parts']} parts"
    say(f"{name} ({parts}, {trial['encoding']}):")
    rows = [
        (str(way["tier"] + 1), way["line"], "yes" if way["may"] else "no", way["cost"] or "", way["reason"])
        for way in trial["ways"]
    ]
    print_table(["TIER", "LINE", "NOW", "COST", "REASON"], rows, empty="It names no line that there is.")


@click.command()
@connected
def modems(*, client: Client, as_json: bool) -> None:
    """Show all modems and what they are doing."""
    items = client.get("/v1/modems")["items"]
    if as_json:
        print_json(items)
        return
    rows = [
        (
            item["name"],
            item["state"],
            item["operator"] or "",
            "" if item["signal_dbm"] is None else f"{item['signal_dbm']} dBm",
            item["number"] or "",
            _balance(item),
            " ".join(f"{memory['memory']} {memory['used']}/{memory['total']}" for memory in item["storage"]),
            str(item["sent"]),
            str(item["received"]),
            item["port"],
            item["reason"] or "",
        )
        for item in items
    ]
    heads = (
        "NAME",
        "STATE",
        "OPERATOR",
        "SIGNAL",
        "NUMBER",
        "BALANCE",
        "STORAGE",
        "SENT",
        "RECEIVED",
        "PORT",
        "REASON",
    )
    shown = [at for at, head in enumerate(heads) if head != "BALANCE" or any(row[at] for row in rows)]
    table = [[row[at] for at in shown] for row in rows]
    print_table([heads[at] for at in shown], table, empty="There are no modems.")


def _balance(item: dict[str, Any]) -> str:
    return "" if item.get("balance") is None else f"{item['balance']} {item['balance_currency'] or ''}".rstrip()


@click.command()
@click.argument("name")
@connected
def pause(*, client: Client, as_json: bool, name: str) -> None:
    """Send nothing more through the line NAME until it is resumed; receiving goes on."""
    _switch(client, as_json, name, "pause")


@click.command()
@click.argument("name")
@connected
def resume(*, client: Client, as_json: bool, name: str) -> None:
    """End a pause or a quarantine of the line NAME, or its wait for a person to see to the SIM or the login."""
    _switch(client, as_json, name, "resume")


def _switch(client: Client, as_json: bool, name: str, what: str) -> None:
    line = client.call("POST", f"/v1/lines/{quote(name, safe='')}/{what}")
    if as_json:
        print_json(line)
    else:
        say(_switched(name, line))


def _switched(name: str, line: dict[str, Any]) -> str:
    """What a line does now that a person has paused or resumed it."""
    if line["paused"]:
        return f"{name} is paused: nothing is sent through it until: modemgw resume {name}"
    if line["state"] == "ready":
        return f"{name} sends again."
    reason = f": {line['reason'].rstrip('.')}" if line["reason"] else ""
    return f"{name} is not paused any more, but cannot send yet: it is {line['state']}{reason}."


COMMANDS: tuple[click.Command, ...] = (lines, modems, pause, resume, route)
