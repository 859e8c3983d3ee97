"""`modemgw doctor --loopback`: asks before it spends money, and tells the outcome. Owns words and layout."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import print_json, print_table, say

if TYPE_CHECKING:
    from modemgw.doctor.examine import Request
    from modemgw.doctor.loopback import Verdicts

_ABILITIES = {
    "send": "sending",
    "receive": "receiving",
    "reports": "delivery reports",
    "flash": "flash messages",
    "concatenation": "messages of several parts",
    "ucs2": "UCS-2",
}


def run_loopback(request: Request, modem: str | None, number: str | None, *, yes: bool, as_json: bool) -> None:
    """Try a modem and end the command: status 0 if all of it works."""
    import asyncio

    from modemgw.doctor.loopback import MESSAGES, PARTS
    from modemgw.doctor.loopback_run import loopback
    from modemgw.doctor.service import ServiceError
    from modemgw.errors import ModemgwError

    def ask(name: str, to: str | None) -> bool:
        if yes:
            say(f"{name} sends {MESSAGES} messages ({PARTS} parts) to itself; this takes up to two minutes.", err=True)
            return True
        if as_json or not sys.stdin.isatty():
            fail(Exit.USAGE, f"--loopback sends {MESSAGES} messages ({PARTS} parts), which may cost money; add --yes")
        where = f"its own number {to}" if to else "its own number"
        return click.confirm(
            f"{name} will send {MESSAGES} messages ({PARTS} parts) to {where}; the operator may charge them. Go on?",
            err=True,
        )

    try:
        verdicts = asyncio.run(loopback(request, modem, number, ask))
    except (ModemgwError, ServiceError) as error:
        fail(Exit.FAILED, str(error))
    if verdicts is None:
        fail(Exit.USAGE, "nothing was sent")
    if as_json:
        print_json({"loopback": verdicts.as_json()})
    else:
        _print(verdicts)
    raise SystemExit(Exit.OK if verdicts.well else Exit.FAILED)


def _print(verdicts: Verdicts) -> None:
    rows = [
        [
            outcome.trial.name,
            str(outcome.parts),
            _seconds(outcome.sent_s),
            _seconds(outcome.arrived_s),
            _seconds(outcome.report_s),
            "never" if outcome.text is None else "exact" if outcome.exact else "CHANGED",
            outcome.state + (f": {outcome.error}" if outcome.error else ""),
        ]
        for outcome in verdicts.outcomes
    ]
    say(f"{verdicts.modem} to itself ({verdicts.number}):")
    heads = ["message", "parts", "sent after", "arrived after", "report after", "text", "state"]
    print_table(heads, rows, empty="Nothing was sent.")
    works = verdicts.works
    good = [words for key, words in _ABILITIES.items() if works[key]]
    bad = [words for key, words in _ABILITIES.items() if not works[key]]
    say()
    if good:
        say(f"Works: {', '.join(good)}.")
    if bad:
        say(f"Does not work, or took too long: {', '.join(bad)}.")
    if verdicts.kept:
        say(verdicts.kept)
    if verdicts.learned:
        say(f"Noted in {verdicts.learned}.")


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
