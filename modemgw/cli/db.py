"""`modemgw db check | backup | restore | release`: the database as a file, and what follows when a copy comes back.

Check and backup work beside a running service, restore needs it stopped, release talks to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from modemgw.cli.client import Client, connected
from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import print_json
from modemgw.places import DEFAULT_STORE, find_config, resolve_store

T = TypeVar("T")

_database = click.option(
    "--database",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The database file; otherwise that of the configuration.",
)
_config = click.option(
    "--config", type=click.Path(path_type=Path, dir_okay=False), help="Configuration that names the database."
)


@click.group()
def db() -> None:
    """Check, copy and bring back the database."""


@db.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@_config
def check(file: Path | None, config: Path | None) -> None:
    """Tell whether the database (or the copy FILE) is in order."""
    from modemgw.store import backup

    path = file or _path(config)
    problems = _run(lambda: backup.check(path))
    for problem in problems:
        click.echo(f"{path}: {problem}", err=True)
    if problems:
        fail(Exit.FAILED, f"{path} is not in order; bring back a copy with `modemgw db restore COPY`")
    click.echo(f"{path} is in order.")


@db.command()
@click.argument("target", required=False, type=click.Path(path_type=Path, dir_okay=False))
@_database
@_config
def backup(target: Path | None, database: Path | None, config: Path | None) -> None:
    """Copy the database to TARGET (else a name with the time, beside it), also while the service runs."""
    from modemgw.store import backup as work

    path = database or _path(config)
    target = target or path.with_name(f"{path.stem}-{time.strftime('%Y%m%d-%H%M%S')}{path.suffix}")
    with click.progressbar(length=1, label="Copying", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        size = _run(lambda: work.backup(path, target, progress))
    click.echo(f"{path} was copied to {target} ({size / 1_048_576:.1f} MiB) and the copy was checked.")


@db.command()
@click.argument("copy", type=click.Path(path_type=Path, dir_okay=False))
@_database
@_config
def restore(copy: Path, database: Path | None, config: Path | None) -> None:
    """Put COPY in the place of the database; the service must be stopped. The old file is kept."""
    from modemgw.store import backup

    path = database or _path(config)
    kept = _run(lambda: backup.restore(copy, path, time.time_ns() // 1_000_000))
    moved = f" The old one is {kept}." if kept else ""
    click.echo(f"{path} is now the copy {copy}.{moved}")
    click.echo("What waits in it may have been sent since; at the next start it is held until `modemgw db release`.")


@db.command()
@click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))
@click.option("--drop", is_flag=True, help="Leave them as they are, unknown, instead of sending them.")
@connected
def release(*, client: Client, as_json: bool, ids: tuple[int, ...], drop: bool) -> None:
    """Send what is held after a copy was brought back, or only the messages with these IDs.

    After `restore` everything that waited in the copy is held, for it may have been sent since the copy was made.
    """
    answer = client.call("POST", "/v1/held/release", {"ids": list(ids) or None, "drop": drop})
    if as_json:
        print_json(answer)
        return
    count = answer["released"]
    then = "stay as they are" if drop else "are sent"
    click.echo(f"{count} messages {then}." if count != 1 else f"1 message {'stays as it is' if drop else 'is sent'}.")


def _path(config: Path | None) -> Path:
    from modemgw.config import Config, ConfigError, load

    path = find_config(config)
    if path is None:
        return resolve_store(DEFAULT_STORE, None)
    try:
        settings: Config = load(path)
    except ConfigError as error:
        fail(Exit.USAGE, str(error))
    return settings.store_path


def _run(work: Callable[[], T]) -> T:
    from modemgw.store.errors import StoreError

    try:
        return work()
    except StoreError as error:
        fail(Exit.FAILED, str(error))


COMMANDS: tuple[click.Command, ...] = (db,)
