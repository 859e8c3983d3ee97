"""modemgw and other programs on the same simulated modem: how fast each empties a queue. Owns their set-ups.

The simulator's ledger is the clock for all: from the first message that the network took to the last.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from tests.bench.processes import GatewayProcess, Usage, free_port, until
from tests.interop.daemons import ModemSim, Process, program

SCHEMA = Path(__file__).parents[1] / "interop" / "smsd.sql"

GAMMU = """\
[gammu]
device = {port}
connection = at

[smsd]
service = sql
driver = sqlite3
dbdir = {directory}
database = sms.db
logfile = {directory}/smsd.log
debuglevel = 0
commtimeout = 1
loopsleep = 0
receivefrequency = 60
statusfrequency = 0
checksecurity = 0
checkbattery = 0
checksignal = 0
checknetwork = 0
"""
SMSTOOLS = """\
devices = GSM1
outgoing = {directory}/outgoing
checked = {directory}/checked
incoming = {directory}/incoming
failed = {directory}/failed
sent = {directory}/sent
logfile = {directory}/smsd.log
infofile = {directory}/smsd.working
pidfile = {directory}/smsd.pid
loglevel = 3
delaytime = 1
delaytime_mainprocess = 1
receive_before_send = no

[GSM1]
device = {port}
incoming = no
check_network = 0
poll_faster = 20
send_delay = 0
"""
KANNEL = """\
group = core
admin-port = {admin}
admin-password = bar
smsbox-port = {box}
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
log-file = "{directory}/bearerbox.log"
log-level = 2

group = smsc
smsc = at
smsc-id = modem
modemtype = generic
device = {port}
speed = 115200
my-number = +79000000000

group = modems
id = generic
name = Generic
speed = 115200

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
log-file = "{directory}/smsbox.log"
log-level = 2

group = sendsms-user
username = tester
password = foobar
"""


class MissingError(Exception):
    """A program is not installed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One program's figures: messages a second, share of what the radio allows, CPU a message, resident memory."""

    rate: float
    share: float | None
    cpu_ms: float
    rss_mib: float


Started = Callable[[], Usage]


def _numbers(count: int) -> list[str]:
    return [f"+7916{n:07d}" for n in range(count)]


def _usage(*pids: int) -> Usage:
    cpu, rss = 0.0, 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
        cpu += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        rss += int(status.partition("VmRSS:")[2].split()[0]) / 1024
    return Usage(cpu, rss)


def _with_children(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _need(*names: str) -> list[str]:
    found = [program(name) for name in names]
    if not all(found):
        raise MissingError(f"{', '.join(n for n, f in zip(names, found, strict=True) if not f)} is not installed")
    return [str(f) for f in found]


@contextlib.contextmanager
def gammu_smsd(directory: Path, port: str, count: int) -> Iterator[Started]:
    """Gammu SMSD with its SQL backend on SQLite."""
    (smsd,) = _need("gammu-smsd")
    if not any(Path("/usr").glob("lib*/*/dbd/libdbdsqlite3.so")):
        raise MissingError("libdbd-sqlite3 is not installed")
    with contextlib.closing(sqlite3.connect(directory / "sms.db")) as db:
        db.executescript(SCHEMA.read_text(encoding="utf-8"))
        db.executemany(
            "INSERT INTO outbox (DestinationNumber, TextDecoded, Coding, Class, MultiPart, RelativeValidity, SenderID, "
            "DeliveryReport, CreatorID) VALUES (?, ?, 'Default_No_Compression', -1, 'false', -1, '', 'no', 'bench')",
            [(number, f"Message {n}") for n, number in enumerate(_numbers(count))],
        )
        db.commit()
    config = directory / "smsdrc"
    config.write_text(GAMMU.format(port=port, directory=directory), encoding="utf-8")
    with Process([smsd, "-c", config], directory / "smsd.out") as process:
        yield lambda: _usage(process.pid)


@contextlib.contextmanager
def smstools(directory: Path, port: str, count: int) -> Iterator[Started]:
    """SMS Server Tools 3, told not to look at the network or for incoming messages, its queue where its modem looks."""
    (smsd,) = _need("smsd")
    for name in ("outgoing", "checked", "incoming", "failed", "sent"):
        (directory / name).mkdir()
    for n, number in enumerate(_numbers(count)):
        (directory / "checked" / f"m{n:04d}").write_text(f"To: {number[1:]}\n\nMessage {n}", encoding="utf-8")
    config = directory / "smsd.conf"
    config.write_text(SMSTOOLS.format(port=port, directory=directory), encoding="utf-8")
    with Process([smsd, "-t", f"-c{config}"], directory / "smsd.out") as process:
        yield lambda: _usage(*_with_children(process.pid))


@contextlib.contextmanager
def kannel(directory: Path, port: str, count: int) -> Iterator[Started]:
    """Kannel's bearerbox with its AT driver; the messages come over smsbox while the modem is still being opened."""
    bearerbox, smsbox = _need("bearerbox", "smsbox")
    box, send = free_port(), free_port()
    config = directory / "kannel.conf"
    config.write_text(
        KANNEL.format(port=port, directory=directory, admin=free_port(), box=box, send=send), encoding="utf-8"
    )
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Process([bearerbox, config], directory / "bearerbox.out"))
        until(lambda: first.running and "mainloop" in first.text(), 60, "bearerbox runs")
        second = stack.enter_context(Process([smsbox, config], directory / "smsbox.out"))
        for n, number in enumerate(_numbers(count)):
            query = {"username": "tester", "password": "foobar", "from": "13", "to": number, "text": f"Message {n}"}
            until(lambda q=urlencode(query): _sent(send, q), 60, "smsbox takes a message")  # type: ignore[misc]
        yield lambda: _usage(first.pid, second.pid)


def _sent(port: int, query: str) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/cgi-bin/sendsms?{query}", timeout=30) as answer,
    ):
        return int(answer.status) == 202
    return False


@contextlib.contextmanager
def modemgw(directory: Path, port: str, count: int) -> Iterator[Started]:
    """This program: queued without a modem, then run with one."""
    with contextlib.closing(GatewayProcess(directory, [])) as queue:
        for n, number in enumerate(_numbers(count)):
            queue.post({"to": number, "text": f"Message {n}", "report": False})
    with contextlib.closing(GatewayProcess(directory, [port])) as gateway:
        yield gateway.usage


PROGRAMS = {"modemgw": modemgw, "SMS Server Tools 3": smstools, "Gammu SMSD": gammu_smsd, "Kannel (AT)": kannel}


def measure(name: str, directory: Path, latency: float, count: int) -> Row:
    """Run one program until all is sent; raises `MissingError` and, when it does not get there, TimeoutError."""
    simulator = ModemSim(directory / "sim", "generic", "--latency", str(latency), modems=1)
    with simulator as sim, PROGRAMS[name](directory, sim.port(), count) as usage:

        def sent() -> int:
            return int(sim.ask("ledger", kind="submit", after=1 << 40)["counts"]["submit"])

        until(lambda: sent() > 0, 120, f"{name} sends", 0.005)
        before = usage()
        until(lambda: sent() >= count, 120 + 5 * count, f"{name} sent all", 0.02)
        after = usage()
        times = [entry["t"] for entry in sim.entries("submit")]
    span = times[-1] - times[0]
    rate = (len(times) - 1) / span
    return Row(rate, rate * latency if latency else None, (after.cpu_s - before.cpu_s) / count * 1000, after.rss_mib)
