"""`modemgw stand-in PROVIDER`: serves under the provider's own names, for clients with a built-in host."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from modemgw.cli.exits import Exit, fail
from modemgw.places import DEFAULT_LISTEN


@click.command("stand-in")
@click.argument("provider")
@click.option("--listen", default="127.0.0.1:443", show_default=True, help="Address of the TLS door.")
@click.option(
    "--listen-http",
    "plain",
    default="127.0.0.1:80",
    show_default=True,
    help="Address of the door without TLS, for clients that say http://; none: no such door.",
)
@click.option("--to", "target", default=f"http://{DEFAULT_LISTEN}", show_default=True, help="The running modemgw.")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("modemgw-standin"),
    show_default=True,
    help="Where the CA and the certificate are kept, for this user alone.",
)
@click.option("--files-only", is_flag=True, help="Make the files, print what to do, and end.")
def stand_in(provider: str, listen: str, plain: str, target: str, directory: Path, files_only: bool) -> None:
    """Serve as PROVIDER (smsc.ru, devino, bsg.world, gatesms.ru, or a host name) before a running modemgw.

    With TLS and without. Writes a local CA and a certificate, prints the hosts line
    and how to trust the CA. Changes nothing on the system.
    """
    from modemgw.errors import ModemgwError
    from modemgw.standin import hosts_of, make_certificates

    parts = urlsplit(target)
    if parts.scheme != "http" or not parts.hostname:
        fail(Exit.USAGE, f"--to {target}: write http://host:port of the running modemgw")
    try:
        certificates = make_certificates(directory, hosts_of(provider))
    except ModemgwError as error:
        fail(Exit.USAGE, str(error))
    address = listen.rpartition(":")[0].strip("[]") or "127.0.0.1"
    shown = {"0.0.0.0": "<address of this machine>", "::": "<address of this machine>"}.get(address, address)  # noqa: S104
    click.echo(instructions(shown, certificates.hosts, certificates.ca.resolve()))
    if files_only:
        return
    address_http = None if plain == "none" else plain
    raise SystemExit(
        _serve(listen, address_http, certificates.chain, certificates.key, parts.hostname, parts.port or 80)
    )


def instructions(address: str, hosts: tuple[str, ...], ca: Path) -> str:
    """What a person must do, on the machine where the client runs."""
    return f"""\
On the machine where the client runs, add this line to /etc/hosts
(Windows: C:\\Windows\\System32\\drivers\\etc\\hosts, as administrator):

{address} {" ".join(hosts)}

and let it trust the CA {ca}.

Debian and Ubuntu:
  sudo cp {ca} /usr/local/share/ca-certificates/modemgw-standin.crt
  sudo update-ca-certificates
Windows (as administrator):
  certutil -addstore -f Root {ca.name}
Python's requests and PHP's curl may have bundles of their own: REQUESTS_CA_BUNDLE, curl.cainfo.

To undo it, take the line out, remove the copy and run: sudo update-ca-certificates --fresh
(Windows: certutil -delstore Root "modemgw stand-in CA of this machine").
Whoever has {ca.with_name("ca.key").name} can pose as any site to that machine: keep the directory to yourself."""


def _serve(listen: str, plain: str | None, chain: Path, key: Path, host: str, port: int) -> int:
    import asyncio
    import signal

    from modemgw.errors import ModemgwError
    from modemgw.servers.tls_front import start_tls_front

    async def main() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        front = await start_tls_front(listen, chain, key, host, port, plain=plain)
        doors = f"TLS is served at {listen}" + (f", HTTP without TLS at {plain};" if plain else ";")
        click.echo(f"\n{doors} what comes in goes on to http://{host}:{port}. Ctrl-C stops it.")
        await stop.wait()
        await front.close()
        return 0

    try:
        return asyncio.run(main())
    except ModemgwError as error:
        fail(Exit.FAILED, f"{error} --listen and --listen-http take other addresses; --listen-http none leaves it out.")


COMMANDS: tuple[click.Command, ...] = (stand_in,)
