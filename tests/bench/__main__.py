"""The benchmarks as commands. Each prints its figures; the targets stand beside them for comparison."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click

from tests.bench.processes import (
    GatewayProcess,
    SimulationProcess,
    closing,
    free_port,
    load,
    submit_load,
    until,
)
from tests.fake_provider import FakeProvider, upstream


@click.group()
def bench() -> None:
    """Figures of modemgw on this machine."""


def _directory(function: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="modemgw-bench-") as name:
        function(Path(name))


@bench.command()
@click.option("--modems", default=1, show_default=True)
@click.option("--latency", default=0.2, show_default=True, help="Seconds a text takes on the radio.")
@click.option("--count", default=30, show_default=True)
@click.option("--report/--no-report", default=True, show_default=True)
def send(modems: int, latency: float, count: int, report: bool) -> None:
    """Queued messages out through modems: rate, share of the ideal, CPU a message."""

    def run(directory: Path) -> None:
        queue = GatewayProcess(directory, [])
        with closing(queue):
            for n in range(count):
                queue.post({"to": f"+7916{n:07d}", "text": f"Message {n}", "report": report})
        simulation = SimulationProcess(directory, modems=modems, latency=latency)
        gateway = GatewayProcess(directory, simulation.ports)
        with closing(simulation, gateway):
            before = gateway.usage()
            until(
                lambda: sum(m["sent"] for m in gateway.get("/v1/modems")["items"]) >= count,
                60 + 3 * count * latency,
                "all sent",
                0.5,
            )
            after = gateway.usage()
            with sqlite3.connect(gateway.database) as db:
                first, last = db.execute("SELECT min(started_at), max(ended_at) FROM attempts").fetchone()
            span = (last - first) / 1000
            share = f", {count * latency / modems / span:.4f} of the ideal" if latency else ""
            click.echo(
                f"send: {modems} modem(s), radio {latency:g} s, {count} messages, reports {'on' if report else 'off'}: "
                f"{count / span:.1f}/s{share}, {(after.cpu_s - before.cpu_s) / count * 1000:.2f} ms CPU a message, "
                f"RSS {after.rss_mib:.0f} MiB"
            )

    _directory(run)


@bench.command()
@click.option("--count", default=240, show_default=True)
@click.option("--storage", default=30, show_default=True, help="Messages the SIM holds.")
def inbound(count: int, storage: int) -> None:
    """PDUs thrown at a SIM at once: time until all are stored; none lost, none doubled."""

    def run(directory: Path) -> None:
        simulation = SimulationProcess(directory, modems=1, storage=storage)
        gateway = GatewayProcess(directory, simulation.ports)
        with closing(simulation, gateway):
            gateway.ready()
            start = simulation.inject([f"Incoming {n}" for n in range(count)])
            db = sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True)
            until(lambda: db.execute("SELECT count(*) FROM inbox").fetchone()[0] >= count, 60, "all stored", 0.01)
            last, rows, different = db.execute(
                "SELECT max(received_at), count(*), count(DISTINCT text) FROM inbox"
            ).fetchone()
            db.close()
            click.echo(
                f"inbound: {count} at once, SIM holds {storage}: {last / 1000 - start:.2f} s, "
                f"{rows} rows, {different} different"
            )

    _directory(run)


@bench.command()
@click.option("--connections", default=64, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--queued", default=0, show_default=True, help="Messages that wait already.")
def accept(connections: int, seconds: float, queued: int) -> None:
    """Durable accepts over POST /v1/messages: rate, latency, commits."""

    def run(directory: Path) -> None:
        gateway = GatewayProcess(directory, [])
        if queued:
            gateway.post({"to": "+79161234567", "text": "the first of many"})
            gateway.close()
            fill(gateway.database, queued)
            gateway = GatewayProcess(directory, [])
        with closing(gateway):
            before = gateway.usage()
            latencies, errors = load(
                gateway.url, connections, seconds, b'{"to": "+79161234567", "text": "A text of one part"}'
            )
            after = gateway.usage()
            latencies.sort()
            count = len(latencies)
            click.echo(
                f"accept: {connections} connections, {queued} queued before: {count / seconds:.0f}/s durable, "
                f"p50 {latencies[count // 2] * 1000:.1f} ms, p99 {latencies[count * 99 // 100] * 1000:.1f} ms, "
                f"mean {statistics.mean(latencies) * 1000:.1f} ms, {errors} errors, "
                f"{(after.cpu_s - before.cpu_s) / count * 1000:.3f} ms CPU each, RSS {after.rss_mib:.0f} MiB"
            )

    _directory(run)


@bench.command()
@click.option("--binds", default=1, show_default=True)
@click.option("--window", default=50, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
def smpp(binds: int, window: int, seconds: float) -> None:
    """Durable submit_sm over SMPP: rate, latency. The target is 2000/s over one bind with a window of 50."""

    def run(directory: Path) -> None:
        port = free_port()
        gateway = GatewayProcess(directory, [], f'[smpp]\nlisten = "127.0.0.1:{port}"\nrate_per_s = 0\n')
        with closing(gateway):
            before = gateway.usage()
            latencies, errors = submit_load("127.0.0.1", port, seconds, window, binds)
            after = gateway.usage()
            latencies.sort()
            count = len(latencies)
            with sqlite3.connect(gateway.database) as db:
                rows = db.execute("SELECT count(*) FROM messages").fetchone()[0]
            click.echo(
                f"smpp: {binds} bind(s), window {window}: {count / seconds:.0f} submit_sm/s durable, "
                f"p50 {latencies[count // 2] * 1000:.1f} ms, p99 {latencies[count * 99 // 100] * 1000:.1f} ms, "
                f"{errors} errors, {rows} rows for {count} answers, "
                f"{(after.cpu_s - before.cpu_s) / count * 1000:.3f} ms CPU each, RSS {after.rss_mib:.0f} MiB"
            )

    _directory(run)


@bench.command()
@click.option("--queued", default=1_000_000, show_default=True)
@click.option("--rounds", default=200, show_default=True)
def claim(queued: int, rounds: int) -> None:
    """The claim query with an empty and a full queue."""
    from modemgw.store import queries

    def run(directory: Path) -> None:
        gateway = GatewayProcess(directory, [])
        for n in range(100):
            gateway.post({"to": "+79161234567", "text": f"text {n}"})
        gateway.close()
        figures = []
        for size in (0, queued):
            if size:
                fill(gateway.database, size)
            db = sqlite3.connect(gateway.database)
            start = time.perf_counter()
            for _ in range(rounds):
                queries.claim(db, "", 64)
            figures.append((time.perf_counter() - start) / rounds * 1e6)
            db.close()
        click.echo(
            f"claim of 64: {figures[0]:.0f} µs with 100 queued, {figures[1]:.0f} µs with {queued + 100} queued, "
            f"ratio {figures[1] / figures[0]:.3f}"
        )

    _directory(run)


@bench.command()
@click.option("--modems", default=8, show_default=True)
@click.option("--seconds", default=20.0, show_default=True)
def idle(modems: int, seconds: float) -> None:
    """A gateway with nothing to do: share of a core, memory."""

    def run(directory: Path) -> None:
        simulation = SimulationProcess(directory, modems=modems)
        gateway = GatewayProcess(directory, simulation.ports)
        with closing(simulation, gateway):
            gateway.ready()
            time.sleep(2)
            before = gateway.usage()
            time.sleep(seconds)
            after = gateway.usage()
            click.echo(
                f"idle: {modems} modems, {(after.cpu_s - before.cpu_s) / seconds * 100:.2f} % of a core, "
                f"RSS {after.rss_mib:.0f} MiB"
            )

    _directory(run)


@bench.command()
@click.option("--latency", "latencies", multiple=True, type=float, default=[0.2, 0.0], show_default=True)
@click.option("--count", default=30, show_default=True)
@click.option("--program", "names", multiple=True, help="Only these, by name.")
def peers(latencies: tuple[float, ...], count: int, names: tuple[str, ...]) -> None:
    """Other programs beside modemgw: a queue of one-part messages out through one modem, timed by the simulator."""
    from tests.bench.peers import PROGRAMS, MissingError, measure

    click.echo("| one modem, queued | radio | messages/s | share of the ideal | CPU ms a message | RSS MiB |")
    click.echo("|---|---|---|---|---|---|")
    for latency in latencies:
        for name in names or PROGRAMS:

            def run(directory: Path, name: str = name, latency: float = latency) -> None:
                try:
                    row = measure(name, directory, latency, count)
                except MissingError as e:
                    click.echo(f"| {name}, {count} | {latency:g} s | {e} | | | |")
                    return
                share = "" if row.share is None else f"{row.share:.3f}"
                figures = f"{row.rate:.1f} | {share} | {row.cpu_ms:.2f} | {row.rss_mib:.0f}"
                click.echo(f"| {name}, {count} | {latency:g} s | {figures} |")

            _directory(run)


@bench.command()
@click.option("--attack", "names", multiple=True, help="Only these, by name.")
@click.option("--seconds", default=6.0, show_default=True, help="Of each attack, and of the quiet between.")
@click.option("--modems", default=4, show_default=True)
@click.option("--latency", default=0.2, show_default=True)
def stranger(names: tuple[str, ...], seconds: float, modems: int, latency: float) -> None:
    """What others get while somebody attacks: accepts and radio time. The target is 0.9 of the quiet."""
    from tests.bench.attacks import ATTACKS
    from tests.bench.stranger import measure

    def run(directory: Path) -> None:
        rows = measure(directory, names or tuple(ATTACKS), seconds, modems, latency)
        click.echo("| attack | accepts/s | of the quiet | median, slowest ms | radio time | of the quiet | RSS MiB |")
        click.echo("|---|---|---|---|---|---|---|")
        for row in rows:
            quiet, now = row.quiet, row.attacked
            click.echo(
                f"| {row.attack} | {now.accepted:.1f} | {now.accepted / quiet.accepted:.2f} "
                f"| {now.median_ms:.0f}, {now.slowest_ms:.0f} ({quiet.median_ms:.0f}, {quiet.slowest_ms:.0f}) "
                f"| {now.radio:.3f} | {now.radio / quiet.radio:.2f} | {row.rss_mib:.0f} |"
            )

    _directory(run)


def fill(database: Path, count: int) -> None:
    """Copies of the first message, ready to be sent."""
    db = sqlite3.connect(database)
    columns = [row[1] for row in db.execute("PRAGMA table_info(messages)") if row[1] != "id"]
    names = ", ".join(columns)
    db.execute(
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        f"INSERT INTO messages ({names}) SELECT {names} FROM n, (SELECT * FROM messages ORDER BY id LIMIT 1)",
        (count,),
    )
    db.execute(
        "INSERT INTO parts (message_id, seq, state) SELECT id, 1, 'queued' FROM messages "
        "WHERE id NOT IN (SELECT message_id FROM parts)"
    )
    db.commit()
    db.close()


@bench.command()
@click.option("--count", default=3000, show_default=True)
@click.option("--parallel", default=20, show_default=True)
def online(count: int, parallel: int) -> None:
    """Queued messages out through an online gateway that answers at once. The target is 500/s."""

    def run(directory: Path) -> None:
        provider = FakeProvider()
        thread, loop = _serving(provider)
        gateway = GatewayProcess(
            directory, [], "[routing]\nmax_wait_s = 0\n" + upstream("gw", provider.url, f"max_parallel = {parallel}\n")
        )
        try:
            with closing(gateway):
                gateway.call("POST", "/v1/lines/gw/pause")
                for n in range(count):
                    gateway.post({"to": f"+7916{n:07d}", "text": f"Message {n}"})
                before = gateway.usage()
                gateway.call("POST", "/v1/lines/gw/resume")
                until(lambda: len(provider.taken) >= count, 60 + count / 20, "all taken", 0.05)
                after = gateway.usage()
                time.sleep(1)  # the last outcomes
                with sqlite3.connect(gateway.database) as db:
                    first, last = db.execute("SELECT min(started_at), max(ended_at) FROM attempts").fetchone()
                click.echo(
                    f"online: {count} messages, {parallel} at a time: {count / (last - first) * 1000:.0f}/s, "
                    f"{(after.cpu_s - before.cpu_s) / count * 1000:.2f} ms CPU a message, RSS {after.rss_mib:.0f} MiB"
                )
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    _directory(run)


def _serving(provider: FakeProvider) -> tuple[threading.Thread, asyncio.AbstractEventLoop]:
    """The provider in a thread of its own."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(provider.start())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(provider.stop())
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ready.wait()
    return thread, loop


@bench.command("all")
@click.pass_context
def everything(context: click.Context) -> None:
    """All of them, with the sizes that the targets speak of."""
    context.invoke(accept)
    context.invoke(accept, queued=1_000_000)
    context.invoke(smpp)
    context.invoke(claim)
    for report in (False, True):
        context.invoke(send, report=report)
        context.invoke(send, latency=0.0, count=1000, report=report)
    context.invoke(send, modems=8, count=320)
    context.invoke(send, latency=3.0)
    context.invoke(online)
    context.invoke(inbound)
    context.invoke(idle)


if __name__ == "__main__":
    bench()
