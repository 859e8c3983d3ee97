"""Ports: what opens, what does not and why, and how a port's end is told."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from modemgw.modem.ports import transport as transport_module
from modemgw.modem.ports.transport import (
    PortBusy,
    PortError,
    PortLost,
    PortMissing,
    Transport,
    holders,
    open_transport,
)
from tests.unit.modem.peer import OK, Peer


class Ear:
    """What a transport tells."""

    def __init__(self) -> None:
        self.data = b""
        self.losses: list[Exception | None] = []
        self.changed = asyncio.Event()

    def hear(self, data: bytes) -> None:
        self.data += data
        self.changed.set()

    def lose(self, exc: Exception | None) -> None:
        self.losses.append(exc)
        self.changed.set()

    async def next(self) -> None:
        self.changed.clear()
        async with asyncio.timeout(5):
            await self.changed.wait()


async def opened(url: str) -> tuple[Transport, Ear]:
    port, ear = await open_transport(url), Ear()
    port.start(ear.hear, ear.lose)
    return port, ear


async def test_a_pty_and_a_symlink_to_it(tmp_path: Path) -> None:
    async with Peer({"AT": OK}) as peer:
        link = tmp_path / "modem0"
        link.symlink_to(peer.url)
        port, ear = await opened(str(link))
        port.write(b"AT\r")
        await ear.next()
        assert ear.data == OK
        port.close()
        port.close()
        assert ear.losses == []
        with pytest.raises(PortLost, match="is closed"):
            port.write(b"AT\r")


async def test_what_came_before_the_port_was_opened_is_not_lost() -> None:
    async with Peer() as peer:
        peer.say(b"\r\n+CMGS: 5\r\n")
        port, ear = await opened(peer.url)
        await ear.next()
        assert ear.data == b"\r\n+CMGS: 5\r\n"
        port.close()


async def test_the_end_of_a_port_is_told_once() -> None:
    async with Peer() as peer:
        port, ear = await opened(peer.url)
        peer.unplug()
        await ear.next()
        assert len(ear.losses) == 1
        assert not port.is_open
        with pytest.raises(PortLost):
            port.write(b"AT\r")
        assert len(ear.losses) == 1


async def test_a_modem_that_does_not_read_is_waited_for_within_bounds() -> None:
    async with Peer() as peer:
        asyncio.get_running_loop().remove_reader(peer.master)
        port, ear = await opened(peer.url)

        def fill() -> None:
            for _ in range(100):
                port.write(b"x" * 4096)

        with pytest.raises(PortLost, match="takes no more"):
            fill()
        assert ear.losses == [None]


async def test_partial_writes_arrive_whole_and_in_order() -> None:
    async with Peer({".*": None}) as peer:
        port, _ = await opened(peer.url)
        for n in range(6):
            port.write(b"%d" % n * 5000)
        port.write(b"\r")
        await peer.until(lambda: peer.heard)
        assert peer.heard == [b"".join(b"%d" % n * 5000 for n in range(6))]
        port.close()


async def test_a_port_held_by_another_program_says_by_whom() -> None:
    async with Peer() as peer:
        code = (
            "import serial, sys; p = serial.Serial(sys.argv[1], exclusive=True);"
            "print('held', flush=True); sys.stdin.read()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", code, peer.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        try:
            assert holder.stdout is not None
            assert await asyncio.to_thread(holder.stdout.readline) == "held\n"
            assert any(f"(pid {holder.pid})" in who for who in holders(peer.url))
            with pytest.raises(PortBusy, match=rf"pid {holder.pid}"):
                await open_transport(peer.url)
        finally:
            holder.communicate()
        port, _ = await opened(peer.url)
        port.close()


async def test_a_port_is_not_opened_twice() -> None:
    async with Peer() as peer:
        port, _ = await opened(peer.url)
        with pytest.raises(PortBusy, match="in use"):
            await open_transport(peer.url)
        port.close()
        again, _ = await opened(peer.url)
        again.close()


async def test_a_lock_file_of_a_living_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "LOCK_FOLDERS", (str(tmp_path),))
    async with Peer() as peer:
        lock = tmp_path / f"LCK..{os.path.basename(peer.url)}"
        lock.write_text(f"{os.getppid():>10}\n")
        with pytest.raises(PortBusy, match=f"pid {os.getppid()}"):
            await open_transport(peer.url)
        lock.write_text("not a pid")
        (await open_transport(peer.url)).close()


@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("/dev/no-such-port", PortMissing, "There is no port /dev/no-such-port"),
        ("/dev/null/x", PortError, "cannot be used"),
        ("/tmp", PortError, "not a serial port but a directory"),
        (__file__, PortError, "not a serial port but a file"),
        ("/dev/null", PortError, "cannot be opened"),
        ("socket://", PortError, "no address of a modem"),
        ("socket://host:0", PortError, "no address of a modem"),
        ("socket://host:x", PortError, "no address of a modem"),
        ("socket://host:²", PortError, "no address of a modem"),
        ("socket://a..b:1", PortError, "no name of a host"),
        (f"rfc2217://{'a' * 64}:1", PortError, "no name of a host"),
    ],
)
async def test_what_is_no_port(url: str, kind: type[PortError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        await open_transport(url)
    assert caught.value.url == url


async def test_an_open_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    release = threading.Event()
    closed = threading.Event()

    class Late:
        def close(self) -> None:
            closed.set()

    def hang(url: str, baudrate: int) -> Late:
        release.wait(5)
        return Late()

    monkeypatch.setattr(transport_module, "_open_serial", hang)
    with pytest.raises(PortError, match=r"took longer than 0\.05 s"):
        await open_transport("/dev/ttyDead", limit_s=0.05)
    release.set()
    assert await asyncio.to_thread(closed.wait, 5)


async def test_tcp() -> None:
    heard = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.set_result(await reader.readuntil(b"\r"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        number = server.sockets[0].getsockname()[1]
        port, ear = await opened(f"socket://127.0.0.1:{number}")
        port.write(b"AT\r")
        assert await heard == b"AT\r"
        await ear.next()
        assert ear.data == OK
        if not ear.losses:
            await ear.next()
        assert ear.losses == [None]
        assert not await port.toggle_dtr(0)


async def test_tcp_where_nobody_listens() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        number = sock.getsockname()[1]
    with pytest.raises(PortMissing, match="Nothing answers"):
        await open_transport(f"socket://127.0.0.1:{number}")


async def test_tcp_on_a_kernel_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with addresses of both kinds, the first of which has no sockets here."""
    real = socket.socket

    def without_ipv6(family: int = socket.AF_INET, *rest: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return real(family, *rest)

    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        number = server.sockets[0].getsockname()[1]
        tcp = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        both = [(socket.AF_INET6, *tcp, ("::1", number, 0, 0)), (socket.AF_INET, *tcp, ("127.0.0.1", number))]

        async def addresses(*_: object, **__: object) -> list[object]:
            return list(both)

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
        monkeypatch.setattr("modemgw.modem.ports.sockets.socket.socket", without_ipv6)
        (await open_transport(f"socket://both:{number}")).close()


async def test_dtr_of_a_pty_is_nothing() -> None:
    async with Peer() as peer:
        port, _ = await opened(peer.url)
        await port.toggle_dtr(0)
        assert port.is_open
        port.close()
        assert not await port.toggle_dtr(0)


async def test_a_port_that_says_much_is_heard_a_little_at_a_time() -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    sizes: list[int] = []
    port = Transport("socket://pair", here.fileno(), here.close, None)
    port.start(lambda data: sizes.append(len(data)), lambda _: None)
    there.sendall(b"x" * 60_000)
    async with asyncio.timeout(5):
        while sum(sizes) < 60_000:
            await asyncio.sleep(0)
    assert max(sizes) <= transport_module.READ_SIZE
    port.close()
    there.close()


async def test_what_a_port_said_last_is_heard_whole() -> None:
    here, there = socket.socketpair()
    here.setblocking(False)
    heard, losses = bytearray(), list[Exception | None]()
    port = Transport("socket://pair", here.fileno(), here.close, None)
    port.start(heard.extend, losses.append)
    there.sendall(b"x" * 20_000)
    port.drop()
    assert len(heard) == 20_000
    assert len(losses) == 1
    there.close()
