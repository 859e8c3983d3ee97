"""The processes of a durability test: the simulation, which survives, and the gateway, which does not.

Owns starting and killing them and the client's side of the API; judges nothing (see `verdict`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.rig import API_KEY

Json = dict[str, Any]

RUN = "import sys; from modemgw.cli import main; sys.argv[0] = 'modemgw'; main()"

#: A real service is up in about a second on a quiet machine.
UP_LIMIT_S = 30.0


async def until(look: Callable[[], Any], what: str, limit_s: float = 10.0) -> Any:
    """The first true value of `look`; fails the test after `limit_s`."""
    end = time.monotonic() + limit_s
    while not (value := look()):
        assert time.monotonic() < end, f"not within {limit_s:g} s: {what}"
        await asyncio.sleep(0.005)
    return value


def free_port() -> int:
    """A TCP port of the loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def config_text(directory: Path, modems: dict[str, str], port: int, *, on_doubt: str = "hold", extra: str = "") -> str:
    """A configuration of named modems at ports, with the account "shop"."""
    lines = "".join(f'[[modem]]\nname = "{name}"\nport = "{path}"\n' for name, path in modems.items())
    return (
        f'[http]\nlisten = "127.0.0.1:{port}"\n[store]\npath = "{directory / "modemgw.db"}"\n'
        f'{lines}[[account]]\nlogin = "shop"\npassword = "secret"\napi_key = "{API_KEY}"\non_doubt = "{on_doubt}"\n'
        f"{extra}"
    )


class Zygote:
    """See `tests.durability.zygote`: forks gateways that need not import anything. Blocks, for milliseconds."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self, config: Path, log: Path) -> int:
        """Fork a gateway; its pid."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.durability.zygote"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
                cwd=Path(__file__).parents[2],
            )
        return self._ask(f"start {config} {log}")

    def wait(self, pid: int) -> int:
        """The status of a gateway that has ended."""
        return self._ask(f"wait {pid}")

    def _ask(self, line: str) -> int:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        return int(self._process.stdout.readline().split()[1])

    def close(self) -> None:
        """End it. The gateways that it forked are not touched."""
        if self._process is not None:
            self._process.communicate()
            self._process = None


class Gateway:
    """A gateway process that is started, killed and started again on one configuration."""

    def __init__(self, directory: Path, config: str, port: int, zygote: Zygote) -> None:
        self.directory = directory
        self.url = f"http://127.0.0.1:{port}"
        self.config = directory / "modemgw.toml"
        self.config.write_text(config)
        self.log = directory / "gateway.log"
        self.database = directory / "modemgw.db"
        self.pid = 0
        self.started = 0.0
        self.up = asyncio.Event()
        self._cold: Process | None = None
        self._zygote = zygote
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Gateway:
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {API_KEY}"}, timeout=aiohttp.ClientTimeout(total=10)
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self.pid:
            await self.kill()
        if self._http is not None:
            await self._http.close()

    # -- the process

    async def start(self, *, cold: bool = False) -> None:
        """Start it; `cold` by the installed command, otherwise forked from a process that has the imports."""
        self.started = time.monotonic()
        if cold:
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                self._cold = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", RUN, "run", "--config", str(self.config), "-v", stdout=log, stderr=log
                )
            finally:
                os.close(log)
            self.pid = self._cold.pid
            return
        self.pid = self._zygote.start(self.config, self.log)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals, limit_s: float = 30.0) -> int:
        """Send a signal and wait for the end; the exit status. Killed after `limit_s`, which raises TimeoutError."""
        self.up.clear()
        pid, self.pid = self.pid, 0
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        try:
            async with asyncio.timeout(limit_s):
                while _alive(pid):
                    await asyncio.sleep(0.002)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        finally:
            status = await self._reap(pid)
        return status

    async def _reap(self, pid: int) -> int:
        if self._cold is not None and self._cold.pid == pid:
            process, self._cold = self._cold, None
            return await process.wait()
        return self._zygote.wait(pid)

    async def until_up(self) -> None:
        """The API answers."""
        end = time.monotonic() + UP_LIMIT_S
        while True:
            with contextlib.suppress(OSError, aiohttp.ClientError, TimeoutError):
                status, _ = await self.call("GET", "/health/live")
                if status == 200:
                    self.up.set()
                    return
            assert self.pid, "the gateway was killed"
            assert _alive(self.pid), f"the gateway ended by itself:\n{self.tail()}"
            assert time.monotonic() < end, f"the gateway does not come up:\n{self.tail()}"
            await asyncio.sleep(0.005)

    async def until_ready(self, limit_s: float = 20.0) -> None:
        """Every modem is ready."""
        await self.until_up()
        end = time.monotonic() + limit_s
        while True:
            modems = (await self.get("/v1/modems"))["items"]
            if modems and all(modem["state"] == "ready" for modem in modems):
                return
            assert time.monotonic() < end, f"not ready: {modems}\n{self.tail()}"
            await asyncio.sleep(0.01)

    def tail(self, lines: int = 40) -> str:
        """The end of its log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    # -- the client

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of a request; raises what the connection raises."""
        assert self._http is not None
        async with self._http.request(method, self.url + path, json=body) as response:
            return response.status, await response.json(content_type=None)

    async def get(self, path: str) -> Any:
        """JSON of a GET that must succeed."""
        status, body = await self.call("GET", path)
        assert status == 200, (status, body)
        return body

    async def submit(self, to: str, text: str, **options: Any) -> Json:
        """POST /v1/messages, which must be accepted."""
        status, body = await self.call("POST", "/v1/messages", {"to": to, "text": text, **options})
        assert status in (200, 202), (status, body)
        return dict(body)

    async def until_message(self, message_id: int, *states: str, limit_s: float = 15.0) -> Json:
        """The message once it is in one of `states`."""
        end = time.monotonic() + limit_s
        while True:
            message: Json = await self.get(f"/v1/messages/{message_id}")
            if message["state"] in states:
                return message
            assert time.monotonic() < end, f"message {message_id} is {message}, not {states}\n{self.tail()}"
            await asyncio.sleep(0.01)

    async def until_inbox(self, count: int, limit_s: float = 15.0) -> list[Json]:
        """The inbox once it has `count` rows."""
        end = time.monotonic() + limit_s
        while True:
            items: list[Json] = (await self.get("/v1/inbox?limit=1000"))["items"]
            if len(items) >= count:
                return items
            assert time.monotonic() < end, f"{len(items)} of {count} messages in the inbox\n{self.tail()}"
            await asyncio.sleep(0.01)

    async def everything(self, path: str) -> list[Json]:
        """All items of a list, page by page."""
        items: list[Json] = []
        cursor: Any = 0
        while cursor is not None:
            page = await self.get(f"{path}?after={cursor}&limit=500")
            items += page["items"]
            cursor = page["next"]
        return items

    # -- the store, from outside

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the database, read beside the running service."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    @contextlib.contextmanager
    def write_lock(self) -> Iterator[None]:
        """Hold the database's write lock: no COMMIT of the service gets through."""
        connection = sqlite3.connect(self.database, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
        finally:
            connection.rollback()
            connection.close()


def _alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


class Simulator:
    """`modemsim` in a process of its own, asked through its control socket."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.directory = directory
        self._arguments = arguments
        self._process: Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Simulator:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "modemsim.cli", "--dir", str(self.directory), *self._arguments, stdout=PIPE
        )
        assert self._process.stdout is not None
        while b"Serving" not in (line := await self._process.stdout.readline()):
            assert line, "modemsim did not start"
        self._reader, self._writer = await asyncio.open_unix_connection(
            str(self.directory / "control.sock"), limit=1 << 26
        )
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()

    async def ask(self, cmd: str, **options: Any) -> Json:
        """One request of the control socket."""
        assert self._reader is not None
        assert self._writer is not None
        async with self._turn:
            self._writer.write(json.dumps({"cmd": cmd, **options}).encode() + b"\n")
            answer: Json = json.loads(await self._reader.readline())
        assert answer.pop("ok"), answer
        return answer
