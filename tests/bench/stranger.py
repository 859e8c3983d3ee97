"""The noisy stranger: what accounts get accepted and how long modems are on the air, beside each attack and without.

A process offers texts at a steady rate and notes when each was accepted; modems always have something to send. Quiet
and attacked spans follow each other in pairs, so that what else the machine does falls on both; in the quiet ones a
process computes in the attacker's place.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.attacks import ATTACKS, Target, busy, open_noise
from tests.bench.processes import API_KEY, GatewayProcess, SimulationProcess, closing, free_port

_spawn = multiprocessing.get_context("spawn")

#: Texts offered in a second, and the connections they are offered by.
OFFERED, CLIENTS = 40, 8

#: Between the spans, so that what is left of one does not count in the next.
PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Span:
    """What happened in some seconds: texts accepted a second, the longest time that took, share of the radio's time."""

    accepted: float
    slowest_ms: float
    median_ms: float
    radio: float


@dataclass(frozen=True, slots=True)
class Row:
    """One attack beside the quiet before and after it."""

    attack: str
    quiet: Span
    attacked: Span
    rss_mib: float


def measure(directory: Path, names: Sequence[str], seconds: float, modems: int, latency: float) -> list[Row]:
    """Each attack for some seconds. Waits for the modems first; ends whatever happens in the meantime."""
    from tests.bench.__main__ import fill

    smpp, smtp = free_port(), free_port()
    extra = (
        f'[smpp]\nlisten = "127.0.0.1:{smpp}"\nrate_per_s = 0\n[smtp]\nlisten = "127.0.0.1:{smtp}"\n'
        '[[account]]\nlogin = "loud"\npassword = "y"\napi_key = "key-of-the-loud"\n'
    )
    gateway = GatewayProcess(directory, [], extra)
    with closing(gateway):
        gateway.post({"to": "+79161234567", "text": "the first of many", "report": False})
    fill(gateway.database, 50_000)
    simulation = SimulationProcess(directory, modems=modems, latency=latency)
    master, noise = open_noise()
    gateway = GatewayProcess(directory, simulation.ports, extra + f'[[modem]]\nname = "loud"\nport = "{noise}"\n')
    target = Target(urlsplit(gateway.url).port or 0, smpp, smtp, "key-of-the-loud", master)
    rows = []
    with closing(simulation, gateway):
        _until_sending(gateway.database, modems)
        load = _Offer(gateway.url)
        with closing(load):
            time.sleep(PAUSE_S)
            spans = []
            for name in names:
                before = _span(None, target, seconds)
                spans.append((name, before, _span(name, target, seconds), gateway.usage().rss_mib))
            last = _span(None, target, seconds)
            accepted = load.stop()
        with contextlib.closing(sqlite3.connect(f"file:{gateway.database}?mode=ro", uri=True)) as db:
            quiet = [_figures(db, accepted, span, modems, latency) for _, span, _, _ in spans]
            quiet.append(_figures(db, accepted, last, modems, latency))
            for (name, _, span, rss), before, after in zip(spans, quiet, quiet[1:], strict=False):
                rows.append(Row(name, _mean(before, after), _figures(db, accepted, span, modems, latency), rss))
    os.close(master)
    return rows


def _until_sending(database: Path, modems: int) -> None:
    end = time.monotonic() + 60
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        while db.execute("SELECT count(DISTINCT line_id) FROM attempts WHERE outcome = 'sent'").fetchone()[0] < modems:
            if time.monotonic() > end:
                raise TimeoutError("the modems do not send")
            time.sleep(0.1)


def _span(attack: str | None, target: Target, seconds: float) -> tuple[float, float]:
    """Begin and end, Unix s, of a span of quiet or of an attack, without its first moments."""
    work = _fork.Process(target=_attack, args=(attack, target, seconds + PAUSE_S), daemon=True)
    work.start()
    time.sleep(PAUSE_S)
    begin = time.time()
    time.sleep(seconds)
    end = time.time()
    work.join(10)
    work.kill()
    work.join()
    time.sleep(PAUSE_S)
    return begin, end


#: An attacker keeps the descriptor of the noisy modem.
_fork = multiprocessing.get_context("fork")


def _attack(name: str | None, target: Target, seconds: float) -> None:
    os.nice(10)  # it would be on another machine
    asyncio.run((busy if name is None else ATTACKS[name])(target, time.monotonic() + seconds))


Accepted = Sequence[tuple[float, float]]


def _figures(
    db: sqlite3.Connection, accepted: Accepted, span: tuple[float, float], modems: int, latency: float
) -> Span:
    begin, end = span
    waits = sorted(wait for at, wait in accepted if begin <= at < end)
    sent = db.execute(
        "SELECT count(*) FROM attempts WHERE outcome = 'sent' AND ended_at >= ? AND ended_at < ?",
        (begin * 1000, end * 1000),
    ).fetchone()[0]
    median, slowest = (waits[len(waits) // 2], waits[-1]) if waits else (0.0, 0.0)
    return Span(len(waits) / (end - begin), slowest * 1000, median * 1000, sent * latency / modems / (end - begin))


def _mean(one: Span, other: Span) -> Span:
    return Span(
        (one.accepted + other.accepted) / 2,
        max(one.slowest_ms, other.slowest_ms),
        (one.median_ms + other.median_ms) / 2,
        (one.radio + other.radio) / 2,
    )


class _Offer:
    """The steady client, in a process of its own."""

    def __init__(self, url: str) -> None:
        self._orders, self._answers = _spawn.Queue(), _spawn.Queue()
        self._process = _spawn.Process(target=_offer, args=(url, self._orders, self._answers), daemon=True)
        self._process.start()

    def stop(self) -> list[tuple[float, float]]:
        """Of each text that was accepted: when, Unix s, and how long that took."""
        self._orders.put(None)
        found: list[tuple[float, float]] = self._answers.get(timeout=40)
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def _offer(url: str, orders: Any, answers: Any) -> None:
    parts = urlsplit(url)
    body = json.dumps({"to": "+79161234567", "text": "A text of one part", "modem": "m0", "report": False}).encode()
    request = (
        f"POST /v1/messages HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {API_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    accepted: list[tuple[float, float]] = []

    async def client(n: int) -> None:
        every, due, link = CLIENTS / OFFERED, time.monotonic() + n / OFFERED, None
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + every, time.monotonic() - 2 * every)  # what is late is made up for, but not for ever
            asked = time.monotonic()
            try:
                async with asyncio.timeout(20):
                    if link is None:
                        link = await asyncio.open_connection(parts.hostname, parts.port)
                    link[1].write(request)
                    head = await link[0].readuntil(b"\r\n\r\n")
                    await link[0].readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
                if head.startswith(b"HTTP/1.1 202"):
                    accepted.append((time.time(), time.monotonic() - asked))
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                link = None

    async def main() -> None:
        clients = [asyncio.create_task(client(n)) for n in range(CLIENTS)]
        await asyncio.get_running_loop().run_in_executor(None, orders.get)
        for task in clients:
            task.cancel()
        answers.put(accepted)

    asyncio.run(main())
