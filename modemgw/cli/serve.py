"""Commands that serve, and `config check`. They import the server only when they run."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modemgw.cli.exits import Exit, fail
from modemgw.cli.table import printable
from modemgw.installation import command
from modemgw.places import DEFAULT_LISTEN, find_config

if TYPE_CHECKING:
    from modemgw.config import Config

_verbose = click.option("-v", "--verbose", count=True, help="Log more; twice logs texts and PDUs as well.")


@click.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration [env MODEMGW_CONFIG; else modemgw.toml here, then in /etc/modemgw].",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write all that is said to and by each modem into files here; they hold texts and numbers.",
)
@_verbose
def run(config: Path | None, trace: Path | None, verbose: int) -> None:
    """Serve in the foreground until stopped. Without a configuration every modem found is used."""
    settings = _load(find_config(config))
    if trace is not None:
        settings = settings.traced(trace)
    _log(verbose)
    import asyncio

    from modemgw.config import warnings
    from modemgw.credentials import beside
    from modemgw.errors import ModemgwError
    from modemgw.runtime import Runtime, serve

    for warning in warnings(settings):
        click.echo(f"modemgw: {settings.path}: {warning}", err=True)

    def ready(runtime: Runtime) -> None:
        click.echo(f"modemgw serves at {runtime.url}; the API is described at {runtime.url}/docs", err=True)
        if not settings.accounts:
            click.echo(f"Login, password and API key are in {beside(settings.store_path)}", err=True)

    try:
        status = asyncio.run(serve(settings, ready=ready))
    except ModemgwError as error:
        fail(Exit.FAILED, str(error))
    except KeyboardInterrupt:
        status = 0
    raise SystemExit(status)


@click.command()
@click.option("--listen", default=DEFAULT_LISTEN, show_default=True, help="Address of the HTTP server.")
@click.option(
    "--latency", type=click.FloatRange(0, 60), default=0.5, show_default=True, help="Seconds a text takes on the radio."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of everything random in the simulation.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep database and ports here; otherwise in a directory that is removed at the end.",
)
@_verbose
def demo(listen: str, latency: float, seed: int, directory: Path | None, verbose: int) -> None:
    """Serve on two simulated modems, with nothing to set up."""
    _log(verbose)
    import asyncio

    from modemgw.cli.demo_text import demo_text
    from modemgw.config import DemoOptions, split_listen
    from modemgw.errors import ModemgwError

    try:
        split_listen(listen)
    except ValueError as error:
        fail(Exit.USAGE, f"--listen {listen}: {error}")

    from modemgw.runtime import demo as serve_demo

    def announce(base_url: str, login: str, password: str, api_key: str, number_a: str, number_b: str) -> None:
        text = demo_text(base_url, login, password, api_key, number_a, number_b, command())
        click.echo(text)

    options = DemoOptions(listen=listen, latency_s=latency, seed=seed, directory=directory)
    try:
        status = asyncio.run(serve_demo(options, announce=announce))
    except ModemgwError as error:
        fail(Exit.FAILED, str(error))
    except KeyboardInterrupt:
        status = 0
    raise SystemExit(status)


@click.group()
def config() -> None:
    """Look at the configuration."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
def check(file: Path | None) -> None:
    """Check FILE, or the one `run` would use, and tell everything that is wrong with it."""
    path = find_config(file)
    settings = _load(path)
    if path is None:
        click.echo("There is no configuration file; `modemgw run` uses every modem it finds and makes an account.")
        return
    from modemgw.config import warnings

    for warning in warnings(settings):
        click.echo(f"modemgw: {path}: warning: {warning}", err=True)
    modems = f"{len(settings.modems)} modem(s)" if settings.modems else "every modem that is found"
    accounts = f"{len(settings.accounts)} account(s)" if settings.accounts else "an account made on the first run"
    click.echo(
        f"{path} is in order: {modems}, {accounts}, database {settings.store_path}, HTTP {settings.http.listen}."
    )


def _load(path: Path | None) -> Config:
    from modemgw.config import Config, ConfigError, load

    if path is None:
        return Config()
    try:
        return load(path)
    except ConfigError as error:
        fail(Exit.USAGE, str(error))


def _log(verbose: int) -> None:
    level = logging.DEBUG if verbose >= 2 else logging.INFO if verbose else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(_PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


class _PrintableFormatter(logging.Formatter):
    """What a modem or a client said cannot begin a line of its own in the log, or move a terminal's cursor."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        record.message = printable(record.message)
        return super().formatMessage(record)


COMMANDS: tuple[click.Command, ...] = (run, demo, config)
