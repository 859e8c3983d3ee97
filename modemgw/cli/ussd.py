"""`modemgw ussd` and `modemgw balance`: what the operator of a line says, asked through the running service."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import local_time, print_json, say

#: What is said of an answer without a text.
_WORDS = {
    "done": "The network has done it, and said nothing.",
    "open": "The network waits for an answer.",
    "terminated": "The network has ended the dialogue without a word. If it should have answered, ask again: a modem "
    "that was not understood is then asked in another form.",
    "elsewhere": "Another program on the modem has answered.",
    "not_supported": "The network does not know this code.",
    "timeout": "The network waited too long.",
    "cancelled": "The dialogue is over.",
}
_FAILED = frozenset({"not_supported", "timeout"})

#: Beyond what the network is given: the way there and back.
_MORE_S = 10.0


@click.command()
@click.argument("line")
@click.argument("code", required=False)
@click.option("--answer", metavar="TEXT", help="Answer the menu that is open, instead of a CODE.")
@click.option("--cancel", "cancel_", is_flag=True, help="End the open dialogue.")
@click.option(
    "--timeout", type=click.FloatRange(1, 180), default=30.0, show_default=True, help="Seconds the network is given."
)
@click.option(
    "--interactive/--no-interactive", default=None, help="Ask for answers to menus; the default at a terminal."
)
@connected
def ussd(
    *,
    client: Client,
    as_json: bool,
    line: str,
    code: str | None,
    answer: str | None,
    cancel_: bool,
    timeout: float,
    interactive: bool | None,
) -> None:
    """Send the USSD CODE, such as *100#, through the modem LINE and show what the network says."""
    if sum((code is not None, answer is not None, cancel_)) != 1:
        fail(Exit.USAGE, "give a CODE, or --answer TEXT, or --cancel")
    if interactive is None:
        interactive = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    client.patient(timeout + _MORE_S)
    path = f"/v1/modems/{quote(line, safe='')}/ussd"
    if cancel_:
        _show(client.call("DELETE", path), as_json)
        return
    asked: dict[str, Any] = {"code": code} if code is not None else {"answer": answer}
    while True:
        said = client.call("POST", path, {**asked, "timeout_s": timeout})
        _show(said, as_json)
        if not (said["open"] and interactive):
            break
        choice = _choice()
        if choice is None:
            _show(client.call("DELETE", path), as_json)
            return
        asked = {"answer": choice}
    if said["open"] and not as_json:
        hint = f"Answer with: modemgw ussd {line} --answer TEXT; leave with: modemgw ussd {line} --cancel"
        say(hint, err=True)
    if said["status"] in _FAILED:
        raise SystemExit(int(Exit.FAILED))


def _show(said: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(said)
        return
    say(said["text"] or _WORDS.get(said["status"], said["status"]))
    if said["text"] and said["status"] in _FAILED:
        say(_WORDS[said["status"]], err=True)


def _choice() -> str | None:
    """What the user answers; None to leave the menu."""
    try:
        text: str = click.prompt("Answer (empty to leave)", default="", show_default=False)
    except click.Abort:
        say()
        return None
    return text.strip() or None


@click.command()
@click.argument("line")
@connected
def balance(*, client: Client, as_json: bool, line: str) -> None:
    """Ask the operator what the SIM in the modem LINE has left."""
    client.patient(60.0 + _MORE_S)
    modem = client.call("POST", f"/v1/modems/{quote(line, safe='')}/balance")
    if as_json:
        print_json({key: modem[key] for key in ("name", "balance", "balance_currency", "balance_at")})
        return
    currency = f" {modem['balance_currency']}" if modem["balance_currency"] else ""
    say(f"{modem['balance']}{currency} ({local_time(modem['balance_at'])})")


COMMANDS: tuple[click.Command, ...] = (ussd, balance)
