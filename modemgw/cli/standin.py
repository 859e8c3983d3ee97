"""`modemgw stand-in PROVIDER…`: serves under providers' own names, for clients with a built-in host."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import click

from modemgw.cli.exits import Exit, fail
from modemgw.places import DEFAULT_LISTEN


@click.command("stand-in")
@click.argument("providers", metavar="[PROVIDER]...", nargs=-1)
@click.option("--only", multiple=True, metavar="HOST", help="Serve no other name than this; may be repeated.")
@click.option(
    "--listen", default="127.0.0.1:443", show_default=True, help="Address of the TLS door; none: no such door."
)
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
@click.option("--check", "checking", is_flag=True, help="Look whether clients on this machine reach modemgw, and end.")
def stand_in(
    providers: tuple[str, ...],
    only: tuple[str, ...],
    listen: str,
    plain: str,
    target: str,
    directory: Path,
    files_only: bool,
    checking: bool,
) -> None:
    """Serve as PROVIDERs (smsc.ru, devino, bsg.world, gatesms.ru, twilio, or host names) before a running modemgw.

    With TLS and without. Writes a local CA and a certificate, prints the hosts line
    and how to trust the CA. Changes nothing on the system.
    """
    from modemgw.errors import ModemgwError
    from modemgw.standin import choose_hosts, make_certificates

    parts = urlsplit(target)
    if parts.scheme != "http" or not parts.hostname:
        fail(Exit.USAGE, f"--to {target}: write http://host:port of the running modemgw")
    tls_at, plain_at = (None if address == "none" else address for address in (listen, plain))
    if tls_at is None and plain_at is None:
        fail(Exit.USAGE, "--listen none and --listen-http none: nothing would be served")
    if tls_at is None and files_only:
        fail(Exit.USAGE, "--files-only with --listen none: without TLS there are no files to make")
    try:
        hosts = choose_hosts(providers, only)
        if checking:
            raise SystemExit(_check(hosts, tls_at, plain_at, directory))
        certificates = make_certificates(directory, hosts) if tls_at is not None else None
    except ModemgwError as error:
        fail(Exit.USAGE, str(error))
    click.echo(hosts_line(_address(tls_at or plain_at or ""), hosts))
    if certificates is not None:
        click.echo(trust(certificates.ca.resolve()))
    if files_only:
        return
    tls = (tls_at, certificates.chain, certificates.key) if tls_at is not None and certificates is not None else None
    raise SystemExit(_serve(parts.hostname, parts.port or 80, tls, plain_at))


def _address(listen: str) -> str:
    address = listen.rpartition(":")[0].strip("[]") or "127.0.0.1"
    return "<address of this machine>" if address in {"0.0.0.0", "::"} else address  # noqa: S104


def _check(hosts: tuple[str, ...], tls: str | None, plain: str | None, directory: Path) -> int:
    from modemgw.cli.standin_check import check
    from modemgw.config import split_listen

    places = [None if address is None else split_listen(address) for address in (tls, plain)]
    if any(place is not None and place[0] in {"0.0.0.0", "::", ""} for place in places):  # noqa: S104
        fail(Exit.USAGE, "--check asks one address, as a client does: say with --listen and --listen-http which")
    wrong = 0
    for looked in check(hosts, tls=places[0], plain=places[1], ca=directory / "ca.crt"):
        click.echo(f"{'ok ' if looked.well else 'NO '} {looked.sentence}")
        if not looked.well:
            wrong += 1
            click.echo(f"    {looked.fix}")
    click.echo("All is well." if not wrong else f"{wrong} of these must be put right.")
    return int(Exit.FAILED if wrong else Exit.OK)


def hosts_line(address: str, hosts: tuple[str, ...]) -> str:
    """What leads the client here."""
    return f"""\
On the machine where the client runs, add this line to /etc/hosts
(Windows: C:\\Windows\\System32\\drivers\\etc\\hosts, as administrator):

{address} {" ".join(hosts)}

To undo it, take the line out."""


def trust(ca: Path) -> str:
    """What makes the client content with the certificate."""
    return f"""
Let it trust the CA {ca}.

Debian and Ubuntu:
  sudo cp {ca} /usr/local/share/ca-certificates/modemgw-standin.crt
  sudo update-ca-certificates
Windows (as administrator):
  certutil -addstore -f Root {ca.name}
Python's requests and PHP's curl may have bundles of their own: REQUESTS_CA_BUNDLE, curl.cainfo.

To undo it, remove the copy and run: sudo update-ca-certificates --fresh
(Windows: certutil -delstore Root "modemgw stand-in CA of this machine").
Whoever has {ca.with_name("ca.key").name} can pose as any site to that machine: keep the directory to yourself."""


def _serve(host: str, port: int, tls: tuple[str, Path, Path] | None, plain: str | None) -> int:
    import asyncio
    import signal

    from modemgw.errors import ModemgwError
    from modemgw.servers.tls_front import start_tls_front

    async def main() -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        front = await start_tls_front(host, port, tls=tls, plain=plain)
        doors = [f"TLS at {tls[0]}"] if tls is not None else []
        doors += [f"HTTP without TLS at {plain}"] if plain is not None else []
        click.echo(f"\nServing {' and '.join(doors)}; what comes in goes on to http://{host}:{port}. Ctrl-C stops it.")
        await stop.wait()
        await front.close()
        return 0

    try:
        return asyncio.run(main())
    except ModemgwError as error:
        fail(Exit.FAILED, f"{error} --listen and --listen-http take other addresses; none leaves one out.")


COMMANDS: tuple[click.Command, ...] = (stand_in,)
