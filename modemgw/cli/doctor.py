"""`modemgw doctor`: what is wrong and what to do about it. Owns options and layout; looking is the doctor room's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import print_json, printable, say, width
from modemgw.places import DEFAULT_LISTEN, find_config

if TYPE_CHECKING:
    from modemgw.doctor.examine import Report, Request
    from modemgw.doctor.findings import Finding

_MARKS = {"ok": "ok", "note": "note", "warning": "WARNING", "problem": "PROBLEM"}
_COLOURS = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "red"}


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, readable=False),  # that it is not readable is a finding
    help="Configuration to examine.",
)
@click.option("--port", help="Examine this port only, also one that is not configured.")
@click.option("--url", envvar="MODEMGW_URL", help="Address of the service [env MODEMGW_URL; else the config's].")
@click.option("--api-key", envvar="MODEMGW_API_KEY", help="API key [env MODEMGW_API_KEY; else the config's].")
@click.option("--loopback", is_flag=True, help="Let a modem send itself four messages (6 parts), and measure.")
@click.option("--modem", help="Of --loopback: the modem, by name or port; needed where there are several.")
@click.option("--number", help="Of --loopback: the SIM's own number, where it does not tell it.")
@click.option("--yes", is_flag=True, help="Of --loopback: do not ask before money is spent.")
@click.option(
    "--bundle",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a redacted archive (FILE.tar.gz) for a bug report.",
)
@click.option(
    "--log",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Of --bundle: the log, where it is not in the journal.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Take /dev, /sys, /etc, /run and what runs from below this directory.",
)
def doctor(
    config: Path | None,
    port: str | None,
    url: str | None,
    api_key: str | None,
    loopback: bool,
    modem: str | None,
    number: str | None,
    yes: bool,
    bundle: Path | None,
    log: Path | None,
    as_json: bool,
    root: Path | None,
) -> None:
    """Examine configuration, ports, modems, SIMs, network and database, and say what to do.

    Works beside the running service, and without it. Sets nothing and tries no PIN.
    """
    import asyncio

    from modemgw.doctor.examine import diagnose

    if loopback and bundle is not None:
        fail(Exit.USAGE, "--loopback and --bundle are two things: try the modem first, then make the bundle")
    request = request_of(config, port, url, api_key, root)
    if loopback:
        from modemgw.cli.doctor_loopback import run_loopback

        run_loopback(request, modem, number, yes=yes, as_json=as_json)
    elif modem or number or yes:
        fail(Exit.USAGE, "--modem, --number and --yes belong to --loopback; --port examines one port")
    if bundle is not None and not bundle.name.endswith((".tar.gz", ".tgz")):
        fail(Exit.USAGE, f"--bundle {bundle}: name a file that ends in .tar.gz")
    report = asyncio.run(diagnose(request))
    if as_json:
        print_json(report.as_json())
    else:
        _print(report)
    if bundle is not None:
        _bundle(bundle, report, log)
    raise SystemExit(Exit.FAILED if report.diagnosis.problems else Exit.OK)


def _bundle(target: Path, report: Report, log: Path | None) -> None:
    from modemgw.doctor.bundle import write_bundle
    from modemgw.errors import ModemgwError

    try:
        names = write_bundle(target, report, log)
    except ModemgwError as error:
        fail(Exit.FAILED, str(error))
    say(f"{target} has {', '.join(names)}: numbers hashed, texts and secrets gone.", err=True)


def request_of(
    config: Path | None = None,
    port: str | None = None,
    url: str | None = None,
    api_key: str | None = None,
    root: Path | None = None,
) -> Request:
    """What is to be examined, from the command's options. Ends with a sentence where they cannot be used."""
    from modemgw.cli.client import Target
    from modemgw.cli.systemd_unit import problem_in
    from modemgw.doctor.examine import Request, find_root
    from modemgw.doctor.setup import read_setup

    path = find_config(config)
    setup = read_setup(path)
    readable = path is None or not any(c.reason.startswith(("cannot be read", "is not")) for c in setup.complaints)
    if readable:
        target = Target.find(url, api_key, path)
    else:
        target = Target(url or f"http://{DEFAULT_LISTEN}", f"Bearer {api_key}" if api_key else None)
    if not target.url.startswith(("http://", "https://")):
        fail(Exit.USAGE, f"{target.url} is not the address of a service; write http://host:port")
    return Request(setup, target.url, target.authorization, port, find_root(root), problem_in)


def _print(report: Report) -> None:
    from modemgw.doctor.findings import Area

    colour = sys.stdout.isatty()
    findings = report.diagnosis.findings
    room = max(len(mark) for mark in _MARKS.values())
    for area in Area:
        shown = [f for f in findings if f.area is area]
        if not shown:
            continue
        click.echo(click.style(area.value, bold=True) if colour else area.value)
        for finding in shown:
            _print_one(finding, room, colour)
    say()
    say(report.diagnosis.summary)


def _print_one(finding: Finding, room: int, colour: bool) -> None:
    mark = _MARKS[finding.verdict.value]
    about = f"{finding.subject}: " if finding.subject else ""
    follows = f" (follows from {finding.because})" if finding.because else ""
    head = mark + " " * (room - width(mark))
    if colour:
        head = click.style(head, fg=_COLOURS[finding.verdict.value], bold=finding.verdict.value == "problem")
    click.echo(f"  {head}  " + printable(f"{about}{finding.seen}{follows}"))
    if finding.fix and not finding.because:
        say(f"  {' ' * room}  -> {finding.fix}")


COMMANDS: tuple[click.Command, ...] = (doctor,)
