"""The command `modemsim`: serve modems until stopped, and `modemsim ctl …` to talk to a running one.

Owns options, what is printed and exit codes: 0 done, 1 it did not come to that, 2 bad input.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from modemsim import catalogue
from modemsim.control import ControlClient
from modemsim.errors import SimError
from modemsim.faults import KINDS
from modemsim.naming import STYLES
from modemsim.personality import load, names
from modemsim.replay import PATIENCE_S, Match, Player, read_trace, shown
from modemsim.replay_port import Replay
from modemsim.simulation import Simulation, SimulationConfig


def _fail(error: Exception) -> NoReturn:
    click.echo(f"modemsim: {error}", err=True)
    sys.exit(2)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--modems", "-n", type=click.IntRange(1, 256), help="How many modems; default one a --personality.")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Where modem0, modem1 … and control.sock go.")
@click.option("--personality", "-p", multiple=True, help="A model, see `modemsim personalities`; repeat: one a modem.")
@click.option("--latency", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds a send takes.")
@click.option("--linked-latency", type=click.FloatRange(0), help="The same over a link that AT+CMMS keeps.")
@click.option("--report-delay", type=click.FloatRange(0), default=0.0, show_default=True, help="Seconds to a report.")
@click.option("--deliver-latency", type=click.FloatRange(0), default=0.0, help="Seconds between incoming messages.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same chance.")
@click.option("--number", multiple=True, help="The SIMs' numbers in order; default +79000000000, +79000000001 …")
@click.option("--storage", type=click.IntRange(1, 1000), help="How many messages a SIM holds.")
@click.option("--baud", type=click.IntRange(0), default=0, help="Pace the ports like a serial line; 0 is unpaced.")
@click.option("--pin", default="", help="The PIN that the SIMs want.")
@click.option("--tcp", help="HOST:PORT of the first modem's TCP port; the next modems have the next ports.")
@click.option("--replay", type=click.Path(path_type=Path), help="Play the modem's part of this AT trace instead.")
@click.option(
    "--match",
    type=click.Choice([m.value for m in Match]),
    default="loose",
    show_default=True,
    help="With --replay: how much the program may differ from the recorded one.",
)
@click.option(
    "--speed", type=click.FloatRange(0.01), default=1.0, show_default=True, help="With --replay: times as fast."
)
@click.option(
    "--patience",
    type=click.FloatRange(0),
    default=PATIENCE_S,
    show_default=True,
    help="With --replay: seconds that a command may be late.",
)
@click.option("--stay", is_flag=True, help="With --replay: go on answering after the end, until stopped.")
@click.option("--cold", is_flag=True, help="Boot the modems at the start, with their chatter.")
@click.option(
    "--names",
    type=click.Choice(STYLES),
    default="modem",
    show_default=True,
    help="Of the ports: modem0, modem0.1 …, or ttyUSB0, ttyUSB1 … as a kernel gives them.",
)
@click.option("--time-scale", type=click.FloatRange(0), default=1.0, help="What the models' times are multiplied by.")
@click.pass_context
def main(ctx: click.Context, /, **options: Any) -> None:
    """GSM modems made of software.

    Without a sub-command: make the ports DIR/modem0, DIR/modem1 … and serve until stopped.
    """
    if ctx.invoked_subcommand is not None:
        return
    trace, playing = options.pop("replay"), {name: options.pop(name) for name in ("match", "speed", "patience", "stay")}
    try:
        if trace is not None:
            sys.exit(asyncio.run(_replay(trace, options["directory"], **playing)))
        config = _config(**options)
        asyncio.run(_serve(config))
    except SimError as e:
        _fail(e)


async def _replay(trace: Path, directory: Path | None, *, match: str, speed: float, patience: float, stay: bool) -> int:
    """Play a trace; 0 when it was played to its end, 1 where the program did otherwise."""
    if directory is None:
        raise SimError("Say where the port goes: --dir DIR.")
    player = Player(read_trace(trace), match=Match(match), speed=speed, patience_s=patience)
    loop = asyncio.get_running_loop()
    async with Replay(player, directory) as replay:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(which, replay.stopped.set)
        click.echo(f"modem0  {replay.port}  replays {trace}")
        sys.stdout.flush()
        await replay.wait(stay=stay)
    for command, count in player.unknown.items():
        click.echo(f"not in the trace: {shown(command)} ({count} times)")
    if player.divergence is not None:
        click.echo(f"modemsim: the program diverged: {trace}, {player.divergence}", err=True)
        return 1
    click.echo(f"Played to {player.place}; {player.matched} commands.")
    return 0 if player.ended else 1


def _config(*, directory: Path | None, personality: tuple[str, ...], tcp: str | None, **rest: Any) -> SimulationConfig:
    if directory is None and tcp is None:
        raise SimError("Say where the ports go: --dir DIR (or --tcp HOST:PORT).")
    address: tuple[str, int] | None = None
    if tcp is not None:
        host, _, port = tcp.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise SimError(f"{tcp!r} is not HOST:PORT, such as 127.0.0.1:7000.")
        address = (host, int(port))
    for name in personality:
        load(name)
    rest["modems"] = rest["modems"] or max(1, len(personality))
    rest["numbers"] = rest.pop("number")
    return SimulationConfig(dir=directory, personality=personality or "generic", tcp=address, **rest)


async def _serve(config: SimulationConfig) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, stopped.set)
    async with Simulation(config) as sim:
        for host in sim.modems:
            tcp = "  socket://{}:{}".format(*host.tcp.address) if host.tcp and host.links else ""
            click.echo(f"{host.name}  {host.port}{tcp}  {host.number}  {host.modem.personality.name}")
        if config.dir is not None:
            click.echo(f"control  {config.dir / 'control.sock'}")
        click.echo("Serving; Ctrl-C stops.")
        sys.stdout.flush()
        await stopped.wait()


@main.command()
@click.option("--markdown", is_flag=True, help="As the table of the README, with ports and oddities.")
@click.argument("name", required=False)
def personalities(markdown: bool, name: str | None) -> None:
    """List the models that come with modemsim, or what is odd about the one of NAME."""
    try:
        if name is not None:
            made = load(name)
            click.echo(f"{made.title}\nPorts: {catalogue.ports(made)}")
            for phrase in catalogue.oddities(made):
                click.echo(f"  {phrase}")
        elif markdown:
            click.echo(catalogue.markdown(), nl=False)
        else:
            for each in names():
                click.echo(f"{each:<24} {load(each).title}")
    except SimError as e:
        _fail(e)


@main.command()
def faults() -> None:
    """List the faults, with their parameters and defaults."""
    for name, kind in sorted(KINDS.items()):
        click.echo(f"{name}: {kind.what}")
        for key, value in kind.params.items():
            click.echo(f"    {key}={json.dumps(value)}")


@main.group()
@click.option("--dir", "directory", type=click.Path(path_type=Path), required=True, help="DIR of the running modemsim.")
@click.pass_context
def ctl(ctx: click.Context, directory: Path) -> None:
    """Talk to a running modemsim."""
    ctx.obj = directory


def _ask(ctx: click.Context, cmd: str, **options: Any) -> dict[str, Any]:
    try:
        with ControlClient(ctx.obj) as client:
            return client.request(cmd, **{k: v for k, v in options.items() if v is not None})
    except SimError as e:
        _fail(e)


def _pairs(texts: tuple[str, ...]) -> dict[str, Any]:
    """`key=value` words; the value is JSON where it can be, else text."""
    out: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            _fail(SimError(f"{text!r} is not KEY=VALUE."))
        try:
            out[key] = json.loads(value)
        except json.JSONDecodeError:
            out[key] = value
        if key in ("hex", "pin", "match", "text"):
            out[key] = value
    return out


_MODEM = click.option("--modem", "-m", help="Name, place or number of the modem; default the first.")


def _show(answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


@ctl.command()
@click.argument("text", required=False)
@click.option("--to", default="0", help="The modem that gets it: name, place or number.")
@click.option("--from", "sender", default="+79991112233", show_default=True, help="A number or a name.")
@click.option("--data", help="8-bit data, hex, instead of a text.")
@click.option("--tpdu", help="A whole DELIVER or STATUS-REPORT TPDU, hex.")
@click.option("--count", type=click.IntRange(1), default=1, help="How many times; {n} in the text is counted up.")
@click.option("--ref", type=int, help="The reference of a message of several parts.")
@click.option("--ref-bits", type=click.Choice(["8", "16"]), default="8")
@click.option("--encoding", type=click.Choice(["auto", "gsm7", "ucs2"]), default="auto")
@click.option("--national", is_flag=True, help="Use national language tables where they save parts.")
@click.option("--flash", is_flag=True, help="Class 0.")
@click.pass_context
def inject(ctx: click.Context, /, text: str | None, ref_bits: str, tpdu: str | None, **options: Any) -> None:
    """Send TEXT from a far phone to a modem's SIM."""
    if tpdu is not None:
        _show(_ask(ctx, "inject", tpdu=tpdu, to=options["to"], sender=options["sender"]))
        return
    if text is None and options["data"] is None:
        _fail(SimError("There is nothing to send: give a TEXT, --data or --tpdu."))
    _show(_ask(ctx, "inject", text=text, ref_bits=int(ref_bits), **options))


@ctl.command()
@click.argument("name")
@click.argument("params", nargs=-1)
@_MODEM
@click.option("--count", type=int, help="How often it strikes; 0 is for ever.")
@click.option("--probability", type=float, help="At each chance.")
@click.option("--skip", type=int, help="Chances to let pass first.")
@click.pass_context
def fault(ctx: click.Context, /, name: str, params: tuple[str, ...], **options: Any) -> None:
    """Order a fault: NAME KEY=VALUE …, see `modemsim faults`."""
    _show(_ask(ctx, "fault", fault=name, **_pairs(params), **options))


def _simple(name: str, what: str) -> Callable[..., None]:
    @ctl.command(name, help=what)
    @_MODEM
    @click.pass_context
    def run(ctx: click.Context, modem: str | None) -> None:
        _show(_ask(ctx, name.replace("-", "_"), modem=modem))

    return run


_simple("state", "Show modems: registration, memories, what waits, faults.")
_simple("storage", "Show what lies in a modem's memories.")
_simple("clear-faults", "Take back faults that have not struck.")
_simple("reboot", "Let a modem restart by itself.")


_RENUMBER = click.option("--renumber", is_flag=True, help="Its ports come back under new numbers.")
_PORTS = click.option("--port", "ports", multiple=True, help="The name of a port then, in their order; repeat.")


@ctl.command()
@_MODEM
@click.option("--back", "back_s", type=float, default=0.0, help="Put it back after so many seconds.")
@_RENUMBER
@_PORTS
@click.pass_context
def unplug(ctx: click.Context, /, **options: Any) -> None:
    """Pull a modem's plug: all its ports vanish."""
    _show(_ask(ctx, "unplug", **options))


@ctl.command()
@_MODEM
@_RENUMBER
@_PORTS
@click.pass_context
def replug(ctx: click.Context, /, **options: Any) -> None:
    """Put the plug back in."""
    _show(_ask(ctx, "replug", **options))


@ctl.command()
@click.argument("modem")
@click.argument("other")
@click.pass_context
def swap(ctx: click.Context, modem: str, other: str) -> None:
    """Exchange the SIM cards of two modems."""
    _show(_ask(ctx, "swap", modem=modem, other=other))


@ctl.command()
@_MODEM
@click.option("--number", default="+79991112233", show_default=True, help='Who calls; "" withholds it.')
@click.option("--duration", "duration_s", type=float, default=25.0, show_default=True, help="Seconds that it rings.")
@click.pass_context
def ring(ctx: click.Context, /, **options: Any) -> None:
    """Call a modem. How it ended stands in the ledger, kind call."""
    _show(_ask(ctx, "ring", **options))


@ctl.command()
@click.argument("text", required=False)
@_MODEM
@click.option("--reply", is_flag=True, help="The network waits for an answer.")
@click.option("--code", "codes", multiple=True, help="CODE=TEXT: what a code leads to; a leading ? opens a menu.")
@click.pass_context
def ussd(ctx: click.Context, /, text: str | None, codes: tuple[str, ...], **options: Any) -> None:
    """Let the network send TEXT by USSD, or show and set the codes that it knows."""
    _show(_ask(ctx, "ussd", text=text, codes=dict(c.partition("=")[::2] for c in codes), **options))


@ctl.command()
@click.option("--kind", help="submit, rejected, delivered, refused, report, inject, far or call.")
@click.option("--number", help="Only with this sender or recipient.")
@click.option("--after", type=int, default=0, help="Only entries past this number.")
@click.option("--text", is_flag=True, help="Decode the texts of submits.")
@_MODEM
@click.pass_context
def ledger(ctx: click.Context, /, **options: Any) -> None:
    """Show what the network saw."""
    _show(_ask(ctx, "ledger", **options))


@ctl.command()
@click.option("--number", help="Of one far phone only.")
@click.pass_context
def far(ctx: click.Context, number: str | None) -> None:
    """Show the messages that far phones received, put together."""
    _show(_ask(ctx, "far", number=number))


@ctl.command()
@click.argument("stat", type=int)
@click.option("--seconds", type=float, default=0.0, help="Back after so many; 0 is never.")
@_MODEM
@click.pass_context
def registration(ctx: click.Context, /, **options: Any) -> None:
    """Set the registration: 0 none, 1 home, 2 searching, 3 denied, 5 roaming, 6 and 7 SMS only, 11 restricted."""
    _show(_ask(ctx, "registration", **options))


@ctl.command()
@click.argument("pattern", required=False)
@click.argument("params", nargs=-1)
@click.pass_context
def rule(ctx: click.Context, pattern: str | None, params: tuple[str, ...]) -> None:
    """Say what becomes of messages to a number PATTERN: cms=38, plan=failed, status=70, delay_s=5, deliver=false."""
    _show(_ask(ctx, "rules", add={"pattern": pattern, **_pairs(params)} if pattern else None))


@ctl.command()
@click.argument("params", nargs=-1)
@click.pass_context
def network(ctx: click.Context, params: tuple[str, ...]) -> None:
    """Show or set times: latency_s=3 report_delay_s=1 …"""
    _show(_ask(ctx, "network", **_pairs(params)))


@ctl.command()
@click.argument("kind")
@click.argument("count", type=int, default=1)
@click.option("--timeout", type=float, default=10.0, show_default=True)
@click.pass_context
def wait(ctx: click.Context, kind: str, count: int, timeout: float) -> None:
    """Wait until the ledger has COUNT entries of KIND (or KIND = idle); exit status 1 when it does not come."""
    try:
        with ControlClient(ctx.obj) as client:
            how = {"idle": True} if kind == "idle" else {"kind": kind, "count": count}
            _show(client.request("wait", timeout=timeout, **how))
    except SimError as e:
        click.echo(f"modemsim: {e}", err=True)
        sys.exit(1 if "did not come" in str(e) else 2)


@ctl.command()
@click.argument("request")
@click.pass_context
def raw(ctx: click.Context, request: str) -> None:
    """Send a REQUEST of the control socket, as JSON."""
    try:
        options = json.loads(request)
        cmd = options.pop("cmd")
    except (json.JSONDecodeError, KeyError, AttributeError):
        _fail(SimError('A request is a JSON object with a "cmd".'))
    _show(_ask(ctx, cmd, **options))


if __name__ == "__main__":
    main()
