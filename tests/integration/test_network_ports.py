"""Modems on the network, behind other people's servers: pyserial's RFC 2217 PortManager, ser2net, and plain TCP."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
import serial
import serial.rfc2217

from modemgw.config import parse
from modemgw.line.timing import Timing
from modemgw.modem.ports.sockets import open_rfc2217
from modemgw.modem.ports.transport import PortError, PortLost, PortMissing, open_transport
from modemgw.runtime import Runtime
from modemsim.simulation import Simulation
from tests.rig import API_KEY, Rig, config_text, until

LIMIT_S = 20.0


class PtySerial(serial.Serial):
    """A pty has no modem lines: what is asked of them is noted."""

    def __init__(self, port: str) -> None:
        self.dtr_history: list[bool] = []
        super().__init__(port, timeout=0.02)

    def _update_dtr_state(self) -> None:
        self.dtr_history.append(self._dtr_state)

    def _update_rts_state(self) -> None:
        """Nothing to set."""

    cts = dsr = ri = cd = property(lambda self: False)


class PyserialServer:
    """pyserial's PortManager in front of a serial port, as in pyserial's own example `rfc2217_server.py`.

    Threads, one client at a time. `settings` is what the client set.
    """

    def __init__(self, port: str) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self.serial: PtySerial | None = None
        self.connections = 0
        self._client: socket.socket | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), client:
                self._client = client
                self.connections += 1
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        with PtySerial(self._port) as port:
            self.serial = port
            manager = serial.rfc2217.PortManager(port, self)
            alive = True

            def back() -> None:
                while alive:
                    try:
                        data = port.read(port.in_waiting or 1)
                        if data:
                            self.write(b"".join(manager.escape(data)))
                    except OSError:
                        return

            reader = threading.Thread(target=back, daemon=True)
            reader.start()
            try:
                while data := client.recv(1024):
                    port.write(b"".join(manager.filter(data)))
            finally:
                alive = False
                reader.join()

    def write(self, data: bytes) -> None:
        """What the PortManager calls its connection."""
        assert self._client is not None
        with self._lock:
            self._client.sendall(data)

    async def another(self, than: int) -> bool:
        """There was a connection since."""
        return self.connections > than

    def hang_up(self) -> None:
        assert self._client is not None
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._client is not None:
            self.hang_up()
        self._thread.join(5)


@contextlib.asynccontextmanager
async def gateway(directory: Path, sim: Simulation, port: str) -> AsyncIterator[Rig]:
    text = config_text(directory, [port])
    runtime = Runtime(parse(text), timing=Timing(network_port_s=0.05))
    await runtime.start()
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
        try:
            yield Rig(sim, runtime, http, text)
        finally:
            await runtime.stop()


async def both_ways(rig: Rig, text: str) -> None:
    """A text out, with its report, and one in."""
    message = await rig.submit("+79005550000", text)
    await rig.until_state(message["id"], "delivered", limit_s=LIMIT_S)
    before = len((await rig.get("/v1/inbox?limit=1000"))["items"])
    rig.sim.inject(text)
    assert (await rig.inbox(before + 1, LIMIT_S))[-1]["text"] == text


@contextlib.contextmanager
def pyserial_server(port: str) -> Iterator[PyserialServer]:
    server = PyserialServer(port)
    try:
        yield server
    finally:
        server.close()


async def test_pyserials_server(tmp_path: Path) -> None:
    async with Simulation(dir=tmp_path / "sim", modems=1, latency=0.01) as sim:
        with pyserial_server(sim.modems[0].port) as server:
            url = "rfc2217://{}:{}".format(*server.address)
            async with gateway(tmp_path, sim, url) as rig:
                await rig.ready(LIMIT_S)
                assert server.serial is not None
                assert (server.serial.baudrate, server.serial.bytesize, server.serial.parity) == (115_200, 8, "N")
                await both_ways(rig, "привет ÿ {€}")
                # a connection that breaks is made anew
                connections = server.connections
                server.hang_up()
                await until(lambda: server.another(connections), LIMIT_S, lambda: "it connects again")
                await rig.ready(LIMIT_S)
                await both_ways(rig, "again")


async def test_dtr_and_settings_reach_pyserials_server(tmp_path: Path) -> None:
    async with Simulation(dir=tmp_path / "sim", modems=1) as sim:
        with pyserial_server(sim.modems[0].port) as server:
            url = "rfc2217://{}:{}".format(*server.address)
            port = await open_transport(url, baudrate=9600)
            heard = asyncio.Event()
            port.start(lambda data: heard.set() if b"OK" in data else None, lambda exc: None)
            assert server.serial is not None
            assert server.serial.baudrate == 9600
            del server.serial.dtr_history[:]
            assert await port.toggle_dtr(0)
            port.write(b"AT\r")
            async with asyncio.timeout(LIMIT_S):
                await heard.wait()
            assert server.serial.dtr_history == [False, True]
            port.close()
            assert not await port.toggle_dtr(0)


async def test_ser2net(tmp_path: Path) -> None:
    program = shutil.which("ser2net") or shutil.which("ser2net", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("ser2net (Debian package ser2net) is not installed")
    async with Simulation(dir=tmp_path / "sim", modems=1, latency=0.01) as sim:
        with socket.create_server(("127.0.0.1", 0)) as free:
            number = free.getsockname()[1]
        config = tmp_path / "ser2net.yaml"
        config.write_text(
            "%YAML 1.1\n---\n"
            "connection: &modem\n"
            f"  accepter: telnet(rfc2217),tcp,127.0.0.1,{number}\n"
            "  enable: on\n"
            "  options:\n    kickolduser: true\n"
            f"  connector: serialdev,{sim.modems[0].port},9600n81,local\n"
        )
        process = await asyncio.create_subprocess_exec(
            program,
            "-n",
            "-d",
            "-u",
            "-P",
            str(tmp_path / "pid"),
            "-c",
            str(config),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with gateway(tmp_path, sim, f"rfc2217://127.0.0.1:{number}") as rig:
                await rig.ready(LIMIT_S)
                await both_ways(rig, "привет ÿ {€}")
        finally:
            process.terminate()
            await process.wait()


# ---------------------------------------------------------------- servers that have their own mind


@contextlib.asynccontextmanager
async def server(*says: bytes, close: bool = False) -> AsyncIterator[tuple[str, bytearray]]:
    """Says something at once and never negotiates; what it is sent stands in the bytearray."""
    heard = bytearray()
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in says:
            writer.write(part)
        if not close:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(4096):
                    heard.extend(data)
        writer.close()
        done.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, number = listener.sockets[0].getsockname()
    try:
        yield f"rfc2217://{host}:{number}", heard
    finally:
        async with asyncio.timeout(5):
            await done.wait()
        listener.close()
        await listener.wait_closed()


async def test_a_server_that_does_not_negotiate_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from modemgw.modem.ports import sockets

    monkeypatch.setattr(sockets, "NEGOTIATE_S", 0.05)
    async with server(b"\r\nRDY\r\n") as (url, heard):
        port = await open_rfc2217(url, 115_200, 5)
        said, event = bytearray(), asyncio.Event()

        def hear(data: bytes) -> None:
            said.extend(data)
            event.set()

        port.start(hear, lambda exc: None)
        async with asyncio.timeout(5):
            await event.wait()
        assert said == b"\r\nRDY\r\n", "what came before the port was in use is not lost"
        assert not await port.toggle_dtr(0)
        port.write(b"AT\xff\r")
        async with asyncio.timeout(5):
            while not heard.endswith(b"AT\xff\xff\r"):
                await asyncio.sleep(0.005)
        port.close()


async def test_a_server_that_suspends_gets_nothing_until_it_resumes() -> None:
    agree = b"\xff\xfd\x2c" + b"".join(
        b"\xff\xfa\x2c" + bytes([code, 0]) + b"\xff\xf0" for code in (101, 102, 103, 104)
    )
    async with server(agree, b"\xff\xfa\x2c\x6c\xff\xf0", b"hold") as (url, heard):
        port = await open_transport(url)
        event = asyncio.Event()
        port.start(lambda data: event.set(), lambda exc: None)
        async with asyncio.timeout(5):
            await event.wait()
        before = len(heard)
        port.write(b"AT\r")
        await asyncio.sleep(0)
        assert b"AT\r" not in heard[before:]
        port._hear(b"\xff\xfa\x2c\x6d\xff\xf0")
        async with asyncio.timeout(5):
            while not heard.endswith(b"AT\r"):
                await asyncio.sleep(0.005)
        port.close()


async def test_a_server_that_hangs_up_at_once_is_told() -> None:
    async with server(close=True) as (url, _):
        with pytest.raises(PortLost, match="closed the connection"):
            await open_transport(url)


@pytest.mark.parametrize(
    "url", ["rfc2217://", "rfc2217://host", "rfc2217://host:0", "rfc2217://:2217", "socket://h:99999", "loop://x:1"]
)
async def test_what_is_no_address(url: str) -> None:
    with pytest.raises(PortError, match="no address of a modem"):
        await open_transport(url)


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with pytest.raises(PortMissing, match="Nothing answers at rfc2217://localhost"):
        await open_transport(f"rfc2217://localhost:{number}")
