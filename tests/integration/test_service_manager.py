"""What a service manager is told: real datagrams, and the real `modemgw run`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modemgw import sdnotify
from modemgw.domain.line import LineState, ModemView
from modemgw.sdnotify import Notifier, status
from modemsim.simulation import Simulation
from tests.rig import config_text

LIMIT_S = 30.0
RUN = "import sys; from modemgw.cli import main; sys.argv[0] = 'modemgw'; main()"


class Manager:
    """The service manager's end: a datagram socket."""

    def __init__(self, address: str) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(address)
        self.heard: list[str] = []

    async def hears(self, words: str) -> None:
        """Until a datagram has a line that begins so."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LIMIT_S):
            while True:
                lines = (await loop.sock_recv(self.sock, 4096)).decode().splitlines()
                self.heard += lines
                if any(line.startswith(words) for line in lines):
                    return


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    with contextlib.closing(made.sock):
        yield made


VIEW = ModemView(
    name="a",
    port="",
    state=LineState.READY,
    reason=None,
    imei=None,
    imsi=None,
    iccid=None,
    number=None,
    manufacturer=None,
    model=None,
    firmware=None,
    operator=None,
    registration=None,
    signal_dbm=None,
    smsc=None,
    storage=(),
    since=0,
    sent=0,
    received=0,
    in_air=False,
)

STATUSES = [
    ([], "No modem found yet"),
    ([VIEW], "1 of 1 modem ready"),
    ([VIEW, replace(VIEW, name="b", state=LineState.ABSENT)], "1 of 2 modems ready; b absent"),
]


@pytest.mark.parametrize(("views", "text"), STATUSES)
def test_the_status(views: list[ModemView], text: str) -> None:
    assert status(views) == text


def test_a_long_status_is_cut() -> None:
    views = [replace(VIEW, name=f"modem-{number}", state=LineState.ABSENT) for number in range(200)]
    assert len(status(views)) == sdnotify.STATUS_LIMIT


class Writer:
    """The database's writer as the notifier sees it."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[None]] = []
        self.answers = True

    def touch(self) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.asked.append(future)
        if self.answers:
            asyncio.get_running_loop().call_soon(future.set_result, None)
        return future


@contextlib.asynccontextmanager
async def notifying(
    address: str, writer: Writer, views: list[ModemView], **variables: str
) -> AsyncIterator[dict[str, str]]:
    environment = {"NOTIFY_SOCKET": address, **variables}
    notifier = Notifier(lambda: views, writer.touch, environment)
    notifier.ready()
    yield environment
    await notifier.stopping()


async def test_a_sign_of_life_only_while_the_writer_lives(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, views = Writer(), [VIEW]
    async with notifying(str(tmp_path / "notify"), writer, views, WATCHDOG_USEC="60000") as environment:
        assert environment == {}, "programs that are started from here are not the manager's"
        await manager.hears("READY=1")
        assert "STATUS=1 of 1 modem ready" in manager.heard
        await manager.hears("WATCHDOG=1")
        writer.answers = False
        views[0] = replace(VIEW, state=LineState.BLOCKED)
        await manager.hears("STATUS=0 of 1 modem ready; a blocked")
        while writer.asked[-1].done():
            await asyncio.sleep(0.005)
        manager.heard.clear()
        questions = len(writer.asked)
        views[0] = VIEW
        await manager.hears("STATUS=1 of 1")
        views[0] = replace(VIEW, state=LineState.ABSENT)
        await manager.hears("STATUS=0 of 1")
        assert "WATCHDOG=1" not in manager.heard
        assert len(writer.asked) == questions, "one question at a time"
        writer.answers = True
        writer.asked[-1].set_exception(OSError("the disk is full"))
        await manager.hears("WATCHDOG=1")
    await manager.hears("STOPPING=1")


async def test_a_write_that_is_refused_at_once_proves_nothing(manager: Manager, tmp_path: Path) -> None:
    views = [VIEW]

    class Refusing(Writer):
        def touch(self) -> asyncio.Future[None]:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            future.set_exception(OSError("too far behind"))
            return future

    async with notifying(str(tmp_path / "notify"), Refusing(), views, WATCHDOG_USEC="60000"):
        await manager.hears("READY=1")
        for state in (LineState.ABSENT, LineState.READY, LineState.ABSENT):
            views[0] = replace(VIEW, state=state)
            await manager.hears("STATUS=")
        assert "WATCHDOG=1" not in manager.heard


async def test_an_abstract_socket_and_the_watchdog_of_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sdnotify, "STATUS_S", 0.02)
    name = f"modemgw-test-{os.getpid()}"
    manager, views = Manager("\0" + name), [VIEW]
    with contextlib.closing(manager.sock):
        async with notifying(f"@{name}", Writer(), views, WATCHDOG_USEC="60000", WATCHDOG_PID="1"):
            await manager.hears("READY=1")
            views[0] = replace(VIEW, state=LineState.ABSENT)
            await manager.hears("STATUS=0 of 1")
            assert "WATCHDOG=1" not in manager.heard


@pytest.mark.parametrize("address", ["", "vsock:2:1", "/there/is/none"])
async def test_no_manager_is_no_trouble(address: str) -> None:
    async with notifying(address, Writer(), [VIEW], WATCHDOG_USEC="nonsense"):
        await asyncio.sleep(0)


async def test_the_whole_program(manager: Manager, tmp_path: Path) -> None:
    async with Simulation(dir=tmp_path / "sim", modems=1, latency=0.01) as sim:
        config = tmp_path / "modemgw.toml"
        config.write_text(config_text(tmp_path, [sim.modems[0].port]))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            RUN,
            "run",
            "--config",
            str(config),
            stderr=asyncio.subprocess.DEVNULL,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "900000"},
        )
        try:
            await manager.hears("READY=1")
            await manager.hears("STATUS=1 of 1 modem ready")
            await manager.hears("WATCHDOG=1")
            sim.unplug(0)
            await manager.hears("STATUS=0 of 1 modem ready; m0 absent")
            process.send_signal(signal.SIGTERM)
            await manager.hears("STOPPING=1")
            async with asyncio.timeout(LIMIT_S):
                assert await process.wait() == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
