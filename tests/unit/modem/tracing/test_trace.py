"""Traces: exact, for their owner alone, bounded, and never a reason for a line to fail."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from modemgw.modem.ports.transport import Transport, open_transport
from modemgw.modem.tracing import trace as trace_module
from modemgw.modem.tracing.trace import Tracer, TraceRefused
from modemgw.modem.tracing.trace_format import HEADER, Mark, TraceLine, parse_trace
from tests.unit.modem.peer import ALIVE, OK, Peer


async def until(ready: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not ready():
            await asyncio.sleep(0.005)


def lines(path: Path) -> list[TraceLine]:
    return list(parse_trace(path.read_text(encoding="ascii").splitlines()))


def said(path: Path, mark: Mark) -> bytes:
    return b"".join(line.data for line in lines(path) if line.mark is mark)


async def opened(peer: Peer) -> tuple[Transport, bytearray]:
    transport, heard = await open_transport(peer.url), bytearray()
    transport.start(heard.extend, lambda _why: None)
    return transport, heard


async def test_all_that_goes_over_the_port(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path / "traces", on=True)
    async with Peer({**ALIVE, "AT": b"\r\n\xff\x00OK\r\n"}) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        url = peer.url
        transport.write(b"AT\r")
        await until(lambda: heard.endswith(b"OK\r\n"))
        peer.unplug()
        await until(lambda: not transport.is_open)
    tracer.close()
    path = tmp_path / "traces" / "a.trace"
    text = path.read_text(encoding="ascii").splitlines()
    assert text[0] == HEADER
    assert text[1].startswith("# modem a, modemgw ")
    assert next(line.text for line in lines(path) if line.mark is Mark.EVENT) == f"open {url}"
    assert any(line.text.startswith("lost") for line in lines(path))
    assert said(path, Mark.SENT) == b"AT\r"
    assert said(path, Mark.RECEIVED) == bytes(heard) == b"\r\n\xff\x00OK\r\n"
    times = [line.at_s for line in lines(path) if line.at_s is not None]
    assert times == sorted(times)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_off_it_is_not_there(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path / "traces")
    async with Peer(ALIVE) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        transport.write(b"AT\r")
        await until(lambda: heard)
        assert transport.tap is None
        transport.close()
    tracer.close()
    assert not (tmp_path / "traces").exists()


async def test_switched_on_and_off_while_the_port_is_open(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path)
    async with Peer(ALIVE) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        assert not tracer.view("a").on
        view = tracer.switch("a", True)
        assert view.on
        assert view.file == str(tmp_path / "a.trace")
        assert tracer.switch("a", True).since == view.since
        transport.write(b"AT\r")
        await until(lambda: heard)
        assert not tracer.switch("a", False).on
        transport.write(b"AT+CFUN?\r")
        await until(lambda: b"CFUN" in heard)
        assert not tracer.switch("a", False).on
        transport.close()
    tracer.close()
    assert said(tmp_path / "a.trace", Mark.SENT) == b"AT\r"
    assert [line.text for line in lines(tmp_path / "a.trace") if line.mark is Mark.EVENT] == [
        f"joined {peer.url}",
        "off",
    ]


async def test_switched_on_before_there_is_a_port_and_through_a_replug(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path)
    assert tracer.switch("a", True).on
    for _ in range(2):
        async with Peer(ALIVE) as peer:
            transport, heard = await opened(peer)
            tracer.attach("a", transport)
            transport.write(b"AT\r")
            await until(lambda heard=heard: heard.endswith(OK))  # type: ignore[misc]
            transport.close()
    tracer.close()
    events = [line.text.split()[0] for line in lines(tmp_path / "a.trace") if line.mark is Mark.EVENT]
    assert events == ["open", "close", "open", "close", "end"]


async def test_the_size_is_bounded(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, on=True, limit=4000)
    async with Peer(ALIVE) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        for n in range(1, 60):
            transport.write(b"AT\r")
            await until(lambda wanted=n * len(OK): len(heard) >= wanted)  # type: ignore[misc]
            if n % 10 == 0:
                await asyncio.sleep(trace_module.HAND_OVER_S)  # a batch is what it is cut at
        transport.close()
    tracer.close()
    assert {path.name for path in tmp_path.iterdir()} == {"a.trace", "a.trace.1"}
    for path in tmp_path.iterdir():
        assert path.stat().st_size <= 4000
        assert path.read_text(encoding="ascii").startswith(HEADER)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_full_disk_only_ends_the_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tracer = Tracer(tmp_path, on=True)
    async with Peer(ALIVE) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, tracer._traces["a"].file._fd)  # what the kernel says of a full disk
        os.close(full)
        with caplog.at_level(logging.WARNING):
            for n in range(1, 4):
                transport.write(b"AT\r")
                await until(lambda wanted=n: len(heard) >= wanted * len(OK))  # type: ignore[misc]
            await until(lambda: transport.tap is None)
        assert [record.message for record in caplog.records] == [
            f"The trace of a has ended: {tmp_path / 'a.trace'}: "
            "the disk is full; make room and switch the trace on again."
        ]
        view = tracer.view("a")
        assert not view.on
        assert view.problem is not None
        transport.write(b"AT\r")
        await until(lambda: len(heard) >= 4 * len(OK))
        assert tracer.switch("a", True).on
        assert transport.tap is not None
        transport.close()
    tracer.close()


async def test_a_file_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, on=True)
    path = tmp_path / "a.trace"
    async with Peer(ALIVE) as peer:
        transport, _ = await opened(peer)
        tracer.attach("a", transport)
        await until(lambda: b"open" in path.read_bytes())
        path.unlink()
        transport.write(b"AT\r")
        await until(lambda: path.exists() and said(path, Mark.RECEIVED) == OK)
        assert path.read_text(encoding="ascii").splitlines()[0] == HEADER
        transport.close()
    tracer.close()


async def test_a_pipe_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.trace")
    with pytest.raises(TraceRefused, match="No trace can be written to"):
        Tracer(tmp_path).switch("a", True)


async def test_a_directory_that_cannot_be(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    tracer = Tracer(tmp_path / "file" / "traces", on=True)
    with pytest.raises(TraceRefused, match="No trace can be written to"):
        tracer.check()
    with pytest.raises(TraceRefused):
        tracer.switch("a", True)
    assert not tracer.view("a").on
    async with Peer(ALIVE) as peer:
        transport, _ = await opened(peer)
        tracer.attach("b", transport)  # a line does not fail for its trace
        assert transport.tap is None
        transport.close()
    assert "No trace can be written to" in caplog.text
    tracer.close()


async def test_a_slow_disk_loses_lines_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "UNWRITTEN_LIMIT", -1)
    tracer = Tracer(tmp_path, on=True)
    async with Peer(ALIVE) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        transport.write(b"AT\r")
        await until(lambda: heard)
        await until(lambda: not tracer._traces["a"]._lines)
        monkeypatch.setattr(trace_module, "UNWRITTEN_LIMIT", 1000)
        transport.close()
    tracer.close()
    assert [line.text for line in lines(tmp_path / "a.trace")] == [
        "left out 3 lines: the disk is too slow",
        "close",
        "end",
    ]


async def test_a_pin_is_not_in_it(tmp_path: Path) -> None:
    tracer = Tracer(tmp_path, on=True)
    async with Peer({r'AT\+CPIN="1234"': b'AT+CPIN="1234"\r\r\nOK\r\n'}) as peer:
        transport, heard = await opened(peer)
        tracer.attach("a", transport)
        transport.write(b'AT+CPIN="1234"\r')
        await until(lambda: heard.endswith(OK))
        transport.close()
    tracer.close()
    text = (tmp_path / "a.trace").read_text(encoding="ascii")
    assert "1234" not in text
    assert text.count('AT+CPIN="****"') == 2
