"""Commands about messages: send, explain, show, cancel, outbox, inbox.

Each talks to the running service.
"""

from __future__ import annotations

import itertools
import sys
import time
from typing import Any

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.exits import Exit, fail
from modemgw.cli.story import headline, summary, timeline
from modemgw.cli.table import local_time, print_json, print_table, say

STATES = (
    "queued",
    "sending",
    "sent",
    "delivered",
    "undeliverable",
    "expired",
    "rejected",
    "cancelled",
    "unknown",
)

_FAILED = frozenset({"undeliverable", "expired", "rejected", "cancelled"})
#: After this long `send --wait` says what a message waits for.
STILL_QUEUED_S = 1.0
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@click.command()
@click.argument("to")
@click.argument("text")
@click.option("--wait", is_flag=True, help="Wait until its fate is known: delivered, or failed.")
@click.option("--until", type=click.Choice(["sent", "delivered"]), default="delivered", help="What --wait waits for.")
@click.option("--timeout", type=click.FloatRange(min=0), default=300.0, show_default=True, help="Seconds to --wait.")
@click.option("--flash", is_flag=True, help="Class 0: shown at once, not kept.")
@click.option("--modem", help="Name of the modem that must send it.")
@click.option("--priority", type=click.IntRange(-100, 100), help="Higher goes first.")
@click.option("--encoding", type=click.Choice(["auto", "gsm7", "ucs2"]), help="auto takes GSM 7-bit where it fits.")
@click.option("--validity", type=click.IntRange(min=1), metavar="SECONDS", help="No longer sent after so long.")
@click.option("--at", "send_at", metavar="TIME", help="Not before, such as 2030-01-31T09:00:00+03:00.")
@click.option("--ref", "client_ref", help="Your reference; the same one again sends nothing twice.")
@click.option("--no-report", is_flag=True, help="Ask for no delivery report.")
@click.option("--on-doubt", type=click.Choice(["hold", "resend"]), help="What to do if it may have gone out.")
@connected
def send(
    *,
    client: Client,
    as_json: bool,
    to: str,
    text: str,
    wait: bool,
    until: str,
    timeout: float,
    no_report: bool,
    validity: int | None,
    flash: bool,
    **options: Any,
) -> None:
    """Send TEXT to the number TO; a TEXT of - is read from standard input."""
    if text == "-":
        text = sys.stdin.read().removesuffix("\n")
    body = {name: value for name, value in options.items() if value is not None}
    body |= {"to": to, "text": text}
    if flash:
        body["flash"] = True
    if validity is not None:
        body["validity_s"] = validity
    if no_report:
        body["report"] = False
        until = "sent"
    accepted = client.call("POST", "/v1/messages", body)
    if not wait:
        parts = "1 part" if accepted["parts"] == 1 else f"{accepted['parts']} parts"
        if as_json:
            print_json(accepted)
        else:
            say(f"Accepted as message {accepted['id']} ({parts}, {accepted['encoding']}): {accepted['state']}.")
        return
    message = _wait(client, accepted["id"], until, timeout)
    if as_json:
        print_json(message)
    else:
        say(f"{headline(message)}. {summary(message, _lines(client, message))}")
    raise SystemExit(int(outcome(message["state"], until)))


def outcome(state: str, until: str) -> Exit:
    """The exit status a state is, for someone who waited for `until`."""
    if state in _FAILED:
        return Exit.FAILED
    if state == "delivered" or (state == "sent" and until == "sent"):
        return Exit.OK
    return Exit.UNKNOWN


def _wait(client: Client, message_id: int, until: str, timeout_s: float) -> dict[str, Any]:
    """Poll until the message is where it should be, has failed, or the time is up."""
    deadline = time.monotonic() + timeout_s
    spinner = itertools.cycle(_SPINNER)
    pause_s = 0.1
    tty = sys.stderr.isatty()
    try:
        told_at: float | None = time.monotonic() + STILL_QUEUED_S
        while True:
            message: dict[str, Any] = client.get(f"/v1/messages/{message_id}")
            left_s = deadline - time.monotonic()
            if told_at is not None and time.monotonic() >= told_at and message["state"] == "queued":
                told_at = None  # once
                if tty:
                    click.echo("\r\x1b[K", err=True, nl=False)
                say(f"Message {message_id}: {summary(message, _lines(client, message))}", err=True)
            if outcome(message["state"], until) is not Exit.UNKNOWN or left_s <= 0:
                return message
            if tty:
                note = f"{next(spinner)} message {message_id}: {message['state']}, {left_s:.0f} s left"
                click.echo(f"\r\x1b[K{note}", err=True, nl=False)
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 1.3, 1.0)
    finally:
        if tty:
            click.echo("\r\x1b[K", err=True, nl=False)


def _lines(client: Client, message: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The lines, for as long as what becomes of the message depends on them."""
    if message["state"] not in ("queued", "sending", "sent", "unknown"):
        return None
    lines: list[dict[str, Any]] = client.get("/v1/lines")["items"]
    return lines


@click.command()
@click.argument("message_id", metavar="ID", type=click.IntRange(min=0))
@connected
def explain(*, client: Client, as_json: bool, message_id: int) -> None:
    """Tell a message's life in sentences: what happened to it, what it waits for, what comes next."""
    message = client.get(f"/v1/messages/{message_id}")
    if as_json:
        print_json(message)
        return
    say(headline(message))
    if message["text"] is not None:
        say(f"  “{message['text']}”")
    say()
    for at, sentence in timeline(message):
        say(f"  {at}  {sentence}")
    say(f"\n{summary(message, _lines(client, message))}")
    if message["part_count"] > 1:
        states = ", ".join(f"{part['seq']} {part['state']}" for part in message["parts"])
        say(f"Its parts: {states}.")


show = click.Command(
    "show", callback=explain.callback, params=explain.params, help="The same as explain.", short_help="Same as explain."
)


@click.command()
@click.argument("message_id", metavar="[ID]", required=False, type=click.IntRange(min=0))
@click.option("--account", help="Instead all that wait of this account, yours or one that is not configured any more.")
@click.option("--line", help="Instead all that wait for this line.")
@connected
def cancel(*, client: Client, as_json: bool, message_id: int | None, account: str | None, line: str | None) -> None:
    """Cancel a message of which nothing has been sent, or all of an account or for a line."""
    if (message_id is not None) == (account is not None or line is not None):
        fail(Exit.USAGE, "give either an ID, or --account, --line or both")
    if message_id is None:
        answer = client.call("POST", "/v1/messages/cancel", {"account": account, "line": line})
        if as_json:
            print_json(answer)
        else:
            count = answer["cancelled"]
            click.echo(f"{count} message{' is' if count == 1 else 's are'} cancelled.")
        return
    message = client.call("DELETE", f"/v1/messages/{message_id}")
    if as_json:
        print_json(message)
    else:
        say(f"Message {message_id} to {message['to']} is cancelled.")


_limit = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="At most so many, the newest."
)
_after = click.option("--after", type=click.IntRange(min=0), help="Instead those after this id, the oldest first.")


def _items(client: Client, path: str, limit: int, after: int | None, **query: Any) -> list[dict[str, Any]]:
    if after is None:
        return client.latest(path, limit, **query)
    found: list[dict[str, Any]] = []
    cursor: int | None = after
    while cursor is not None and len(found) < limit:
        page = client.get(path, after=cursor, limit=min(limit - len(found), 1000), **query)
        found += page["items"]
        cursor = page["next"]
    return found


@click.command()
@click.option("--state", type=click.Choice(STATES), help="Only messages in this state.")
@_limit
@_after
@connected
def outbox(*, client: Client, as_json: bool, state: str | None, limit: int, after: int | None) -> None:
    """List messages that were sent or wait to be."""
    items = _items(client, "/v1/messages", limit, after, state=state)
    if as_json:
        print_json(items)
        return
    rows = [
        (
            str(item["id"]),
            local_time(item["created_at"]),
            item["to"],
            item["state"],
            str(item["part_count"]),
            item["text"] if item["text"] is not None else f"data {item['data']}",
        )
        for item in items
    ]
    what = "messages" if state is None else f"{state} messages"
    print_table(("ID", "ACCEPTED", "TO", "STATE", "PARTS", "TEXT"), rows, empty=_nothing(what, after))


@click.command()
@_limit
@_after
@connected
def inbox(*, client: Client, as_json: bool, limit: int, after: int | None) -> None:
    """List incoming messages."""
    items = _items(client, "/v1/inbox", limit, after)
    if as_json:
        print_json(items)
        return
    rows = [
        (str(item["id"]), local_time(item["received_at"]), item["from"], item["modem"], _inbox_text(item))
        for item in items
    ]
    empty = "The inbox is empty." if after is None else f"Nothing came in after {after}."
    print_table(("ID", "RECEIVED", "FROM", "MODEM", "TEXT"), rows, empty=empty)


def _nothing(what: str, after: int | None) -> str:
    return f"There are no {what}." if after is None else f"There are no {what} after {after}."


def _inbox_text(item: dict[str, Any]) -> str:
    labels = [item["kind"]] if item["kind"] != "text" else []
    if item["missing"]:
        labels.append("parts missing: " + ", ".join(str(number) for number in item["missing"]))
    label = f"[{'; '.join(labels)}] " if labels else ""
    mms = item["mms"]
    if mms is not None:
        return label + " ".join(
            filter(None, (mms["subject"], f"{mms['size']} octets" if mms["size"] else "", mms["url"]))
        )
    text = item["text"] if item["text"] is not None else item["data"] or " ".join(item["pdus"])
    return label + text


COMMANDS: tuple[click.Command, ...] = (send, explain, show, cancel, outbox, inbox)
