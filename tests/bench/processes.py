"""The processes a benchmark runs: the simulation, the gateway, and a load of HTTP requests."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import multiprocessing
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

API_KEY = "key-of-bench"

_spawn = multiprocessing.get_context("spawn")


def _simulate(directory: str, options: dict[str, Any], ready: Any, orders: Any) -> None:
    """Body of the simulation's process: obeys orders (inject, ledger) until it is told to end."""
    from modemsim.simulation import Simulation

    async def main() -> None:
        async with Simulation(dir=Path(directory), **options) as sim:
            ready.put([host.port for host in sim.modems])
            loop = asyncio.get_running_loop()
            while (order := await loop.run_in_executor(None, orders.get)) is not None:
                if order[0] == "inject":
                    for text in order[1]:
                        sim.inject(text, to=0, sender="+79161112233")
                    ready.put(time.time())

    asyncio.run(main())


class SimulationProcess:
    """A simulation in a process of its own."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self._answers, self._orders = _spawn.Queue(), _spawn.Queue()
        self._process = _spawn.Process(
            target=_simulate, args=(str(directory), options, self._answers, self._orders), daemon=True
        )
        self._process.start()
        self.ports: list[str] = self._answers.get(timeout=30)

    def inject(self, texts: list[str]) -> float:
        """Throw texts at the first SIM, all at once; the time at which that was done."""
        self._orders.put(("inject", texts))
        return float(self._answers.get(timeout=30))

    def close(self) -> None:
        self._orders.put(None)
        self._process.join(5)
        self._process.kill()
        self._process.join()


@dataclass
class Usage:
    """CPU seconds and resident MiB of a process."""

    cpu_s: float
    rss_mib: float


class GatewayProcess:
    """`modemgw run` in a process of its own."""

    def __init__(self, directory: Path, ports: list[str], extra: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{listen}"
        self.database = directory / "modemgw.db"
        modems = "".join(f'[[modem]]\nname = "m{i}"\nport = "{port}"\n' for i, port in enumerate(ports))
        config = directory / "modemgw.toml"
        config.write_text(
            f'[http]\nlisten = "{listen}"\n[store]\npath = "{self.database}"\n{modems}'
            f'[[account]]\nlogin = "bench"\npassword = "x"\napi_key = "{API_KEY}"\n{extra}',
            encoding="utf-8",
        )
        config.chmod(0o600)
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from modemgw.cli import main; main()", "run", "--config", str(config)]
        )
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        until(lambda: self._answers(), 30, "the gateway serves")

    def _answers(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.get("/health/live") is not None
        self._connection.close()
        return False

    def get(self, path: str) -> Any:
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {API_KEY}"})
        return json.loads(self._connection.getresponse().read())

    def call(self, method: str, path: str) -> Any:
        self._connection.request(method, path, headers={"Authorization": f"Bearer {API_KEY}"})
        return json.loads(self._connection.getresponse().read())

    def post(self, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        self._connection.request("POST", "/v1/messages", json.dumps(body), headers)
        return json.loads(self._connection.getresponse().read())

    def ready(self) -> None:
        until(lambda: all(m["state"] == "ready" for m in self.get("/v1/modems")["items"]), 30, "modems ready")

    def usage(self) -> Usage:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        rss = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        return Usage((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), rss)

    def close(self) -> None:
        self._connection.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def submit_load(host: str, port: int, seconds: float, window: int, binds: int = 1) -> tuple[list[float], int]:
    """submit_sm over `binds` binds, `window` unanswered on each, from this process: latencies in s, errors.

    Writes octets made beforehand and looks at no more of an answer than it must.
    """
    bind = struct.pack(">IIII", 0, 9, 0, 1) + b"bench\0" + b"x\0" + b"\0\x34\0\0\0"
    bind = struct.pack(">I", len(bind)) + bind[4:]
    body = b"\0\0\0\0\x01\x0179161234567\0\0\0\0\0\0\0\0\0\0\x12A text of one part"
    submit = struct.pack(">III", 16 + len(body), 4, 0)
    latencies: list[float] = []
    errors = 0

    class Client(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.buffer = b""
            self.sequence = 1
            self.asked: dict[int, float] = {}
            transport.write(bind)  # type: ignore[attr-defined]

        def ask(self, count: int, now: float) -> None:
            out = []
            for _ in range(count):
                self.sequence += 1
                self.asked[self.sequence] = now
                out.append(submit + self.sequence.to_bytes(4) + body)
            self.transport.write(b"".join(out))  # type: ignore[attr-defined]

        def data_received(self, data: bytes) -> None:
            nonlocal errors
            buffer = self.buffer + data
            at, answered = 0, 0
            now = time.perf_counter()
            while len(buffer) - at >= 16:
                length, command, status, sequence = struct.unpack_from(">IIII", buffer, at)
                if len(buffer) - at < length:
                    break
                at += length
                if command == 0x80000009:
                    assert status == 0, status
                    answered = window
                elif command == 0x80000004:
                    latencies.append(now - self.asked.pop(sequence))
                    errors += status != 0
                    answered += 1
            self.buffer = buffer[at:]
            if now < end:
                self.ask(answered, now)
            elif not self.asked:
                self.transport.close()

        def connection_lost(self, error: Exception | None) -> None:
            closed.append(self)

    closed: list[Client] = []
    end = time.perf_counter() + seconds

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.create_connection(Client, host, port) for _ in range(binds)))
        while len(closed) < binds:
            await asyncio.sleep(0.05)

    asyncio.run(main())
    return latencies, errors


@contextlib.contextmanager
def closing(*things: Any) -> Iterator[None]:
    """Close all of them at the end, the last first."""
    try:
        yield
    finally:
        for thing in reversed(things):
            thing.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(look: Callable[[], bool], limit_s: float, what: str, pause_s: float = 0.02) -> None:
    """Wait for a condition; raises TimeoutError."""
    end = time.monotonic() + limit_s
    while not look():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {limit_s:g} s: {what}")
        time.sleep(pause_s)


def load(url: str, connections: int, seconds: float, body: bytes) -> tuple[list[float], int]:
    """Requests over keep-alive connections, each waiting for its answer, from this process: latencies in s, errors.

    Reads and writes sockets itself: an HTTP client library would take more of the machine than the gateway.
    """
    parts = urlsplit(url)
    request = (
        f"POST /v1/messages HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {API_KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    latencies: list[float] = []
    errors = 0

    class Client(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            self.buffer = b""
            self.ask()

        def ask(self) -> None:
            self.asked = time.perf_counter()
            self.transport.write(request)  # type: ignore[attr-defined]

        def data_received(self, data: bytes) -> None:
            nonlocal errors
            self.buffer += data
            head, found, rest = self.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(rest) < length:
                return
            self.buffer = b""
            latencies.append(time.perf_counter() - self.asked)
            errors += not head.startswith(b"HTTP/1.1 202")
            if time.perf_counter() < end:
                self.ask()
            else:
                self.transport.close()

    end = time.perf_counter() + seconds

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pairs = await asyncio.gather(
            *(loop.create_connection(Client, parts.hostname, parts.port) for _ in range(connections))
        )
        while any(not transport.is_closing() for transport, _ in pairs):
            await asyncio.sleep(0.05)

    asyncio.run(main())
    return latencies, errors
