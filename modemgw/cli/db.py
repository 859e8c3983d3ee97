"""`modemgw db check | backup | restore`: the database as a file. Check and backup work beside a running service."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from modemgw.cli.exits import Exit, fail
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
    kept = _run(lambda: backup.restore(copy, path))
    moved = f" The old one is {kept}." if kept else ""
    click.echo(f"{path} is now the copy {copy}.{moved}")


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
