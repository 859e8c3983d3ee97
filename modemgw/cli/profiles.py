"""`modemgw profiles`: which families of modems are known, what holds for one, and what was learned of each modem.

Reads files only; the service may run beside it or not.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import print_json, print_table
from modemgw.places import find_config, is_there

if TYPE_CHECKING:
    from modemgw.config import Config
    from modemgw.modem.quirks.learned import LearnedStore
    from modemgw.modem.quirks.profile_registry import Registry

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
_config = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration [env MODEMGW_CONFIG; else modemgw.toml here, then in /etc/modemgw].",
)


@click.group(invoke_without_command=True)
@_config
@_as_json
@click.pass_context
def profiles(context: click.Context, config: Path | None, as_json: bool) -> None:
    """List the families of modems that are known, and where each profile comes from."""
    context.obj = find_config(config)
    if context.invoked_subcommand is not None:
        return
    registry = _registry(context.obj)
    found = sorted(registry, key=lambda profile: profile.name)
    if as_json:
        print_json([{"name": p.name, "title": p.title, "from": registry.origin(p.name)} for p in found])
        return
    rows = [(p.name, registry.origin(p.name), p.title) for p in found]
    print_table(("NAME", "FROM", "TITLE"), rows, empty="No profiles.")


@profiles.command()
@click.argument("name")
@_as_json
@click.pass_context
def show(context: click.Context, name: str, as_json: bool) -> None:
    """Print all that holds for the profile NAME, as a file that could be changed and kept as your own."""
    from modemgw.modem.quirks.profile_text import profile_document, profile_text

    registry = _registry(context.obj)
    profile = registry.get(name)
    if profile is None:
        fail(Exit.NOT_FOUND, f"There is no profile {name}. `modemgw profiles` lists them.")
    if as_json:
        print_json({**profile_document(profile), "from": registry.origin(name)})
        return
    click.echo(f"# {name}, from {registry.origin(name)}")
    click.echo(profile_text(profile), nl=False)


@profiles.command()
@click.option("--manufacturer", default="", help="What the modem answers to AT+CGMI.")
@click.option("--model", default="", help="What it answers to AT+CGMM.")
@click.option("--firmware", default="", help="What it answers to AT+CGMR.")
@click.option("--usb", help='Its id on USB, such as "12d1:1506".')
@_as_json
@click.pass_context
def match(context: click.Context, manufacturer: str, model: str, firmware: str, usb: str | None, as_json: bool) -> None:
    """Tell which profile a modem gets, and why; below it those that fit as well, but less closely."""
    if usb is not None and not re.fullmatch(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}", usb):
        fail(Exit.USAGE, f'--usb {usb}: it is no USB id; lsusb shows it, such as "12d1:1506".')
    registry = _registry(context.obj)
    found = registry.matches(manufacturer, model, firmware, usb)
    if as_json:
        print_json([{"name": m.profile.name, "score": m.score, "reasons": list(m.reasons)} for m in found])
        return
    for number, fit in enumerate(found):
        where = registry.origin(fit.profile.name)
        head = f"{fit.profile.name} ({fit.profile.title}), from {where}"
        click.echo(head if number == 0 else f"\nnot {head}")
        for reason in fit.reasons:
            click.echo(f"  {reason}")
        for note in fit.profile.notes if number == 0 else ():
            click.echo(f"  note: {note}")


@profiles.group(invoke_without_command=True)
@_as_json
@click.pass_context
def learned(context: click.Context, as_json: bool) -> None:
    """Show what was learned of each modem; it is tried first at the next start, and forgotten with new firmware."""
    if context.invoked_subcommand is not None:
        return
    devices = _learned(context.obj).devices()
    if as_json:
        print_json(
            [
                {"imei": d.imei, "model": d.model, "firmware": d.firmware, "at": d.at, "values": d.values}
                for d in devices
            ]
        )
        return
    if not devices:
        click.echo("Nothing was learned of any modem yet.")
    for device in devices:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(device.at))
        click.echo(f"{device.imei}  {device.model or 'unknown model'}, firmware {device.firmware or 'unknown'}, {when}")
        for key, value in sorted(device.values.items()):
            click.echo(f"  {key:16} {_short(value)}")


@learned.command()
@click.argument("imei")
@click.pass_context
def forget(context: click.Context, imei: str) -> None:
    """Forget what was learned of the modem with this IMEI; a running service asks it anew at its next start."""
    if not _learned(context.obj).forget(imei):
        fail(Exit.NOT_FOUND, f"Nothing was learned of a modem with IMEI {imei}.")
    click.echo(f"Forgotten. The modem {imei} is asked anew when it is set up the next time.")


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_short(item)}" for key, item in value.items())
    if isinstance(value, list) and all(isinstance(item, int | str) for item in value):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _registry(path: Path | None) -> Registry:
    """Our profiles and the user's, also where the rest of the configuration is wrong; broken files are told."""
    from modemgw.config.profiles import ProfileSource

    source = ProfileSource(_document(path).get("profiles"), path)
    for mistake in source.mistakes:
        click.echo(f"modemgw: {mistake}", err=True)
    return source.registry


def _document(path: Path | None) -> dict[str, Any]:
    import tomllib

    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fail(Exit.USAGE, f"{path}: {error}")


def _learned(path: Path | None) -> LearnedStore:
    from modemgw.config import Config, ConfigError, load
    from modemgw.modem.quirks.learned import LearnedStore, learned_path

    try:
        config: Config = Config() if path is None else load(path)
    except ConfigError as error:
        fail(Exit.USAGE, str(error))
    path = learned_path(config.store_path)
    if is_there(path) and not os.access(path, os.R_OK):
        fail(Exit.FAILED, f"{path}: this user may not read it")
    return LearnedStore(path)


COMMANDS: tuple[click.Command, ...] = (profiles,)
