"""What strangers, loud clients and broken modems do to a gateway, each as hard as one process can, on loopback alone.

Each attack is a coroutine that goes on until `end` (of `time.monotonic`); nothing of it is bounded by politeness.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import pty
import random
import struct
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Target:
    """Where the doors of the gateway are; `key` belongs to an account of the attacker's own, `noise` is a pty."""

    http: int
    smpp: int
    smtp: int
    key: str
    noise: int = -1


Attack = Callable[[Target, float], Awaitable[None]]

HOST = "127.0.0.1"


def _addresses() -> list[str]:
    """Many that a stranger comes from: all of 127.0.0.0/8 is this machine."""
    return [f"127.0.{n // 200 + 1}.{n % 200 + 1}" for n in range(200)]


@contextlib.asynccontextmanager
async def _connected(port: int, source: str | None = None) -> AsyncIterator[tuple[Any, asyncio.StreamWriter]]:
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(HOST, port, local_addr=local)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _together(count: int, end: float, one: Callable[[int], Awaitable[None]]) -> None:
    """`count` of them at a time, each again and again until the end. That they are cut off is no reason to stop."""

    async def again(n: int) -> None:
        while (left := end - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left):
                    await one(n)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
                await asyncio.sleep(0)

    await asyncio.gather(*(again(n) for n in range(count)))


def _http(path: str, body: bytes = b"", *headers: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


async def _requests(port: int, requests: list[bytes], source: str | None = None) -> None:
    """One after the other on one connection, for as long as it is left open."""
    async with _connected(port, source) as (reader, writer):
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            await reader.readexactly(int(length or 0))


async def bombs(target: Target, end: float) -> None:
    """Packed bodies of a megabyte that are a gigabyte when they are unpacked."""
    packed = gzip.compress(bytes(100_000_000), 9)
    request = _http("/sys/send.php", packed * 10, "Content-Encoding: gzip")
    await _together(8, end, lambda _: _requests(target.http, [request]))


async def hoards(target: Target, end: float) -> None:
    """Heads and bodies that never end, from many addresses, and connections that say nothing."""
    sources = _addresses()

    async def one(n: int) -> None:
        async with _connected(target.http, sources[n % len(sources)]) as (reader, writer):
            if n % 3 == 0:
                writer.write(b"POST /sys/send.php HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n" + b"x" * 1_000_000)
            elif n % 3 == 1:
                writer.write(b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 8000) for i in range(60)))
            await reader.read()

    await _together(600, end, one)


async def comers(target: Target, end: float) -> None:
    """Connections that are opened and closed at once, at every door."""

    async def one(n: int) -> None:
        async with _connected((target.http, target.smpp, target.smtp)[n % 3]):
            pass

    await _together(60, end, one)


async def guesses(target: Target, end: float) -> None:
    """Wrong credentials from two hundred addresses, at every account and door of HTTP and SMPP."""
    sources, chance = _addresses(), random.Random(1)

    async def one(n: int) -> None:
        source, word = sources[chance.randrange(len(sources))], chance.randrange(1 << 30)
        if n % 4 == 3:
            async with _connected(target.smpp, source) as (reader, writer):
                writer.write(_pdu(9, b"bench\0" + b"%08x\0" % (word & 0xFFFFFFFF) + b"\0\x34\0\0\0"))
                await reader.readexactly(16)
            return
        paths = [f"/sys/balance.php?login=bench&psw={word}", f"/rest/User/SessionId?login=bench&password={word}"]
        tries = [_http(path, method="GET") for path in paths * 10]
        tries.append(_http("/v1/messages", b"", f"Authorization: Bearer {word}", method="GET"))
        await _requests(target.http, tries, source)

    await _together(32, end, one)


async def bodies(target: Target, end: float) -> None:
    """Bodies that are hard to read, at doors that read before they ask who it is."""
    megabyte = 1_000_000
    form = "Content-Type: application/x-www-form-urlencoded"
    xml = "Content-Type: text/xml"
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    part = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n'
    keys = json.dumps({f"k{n}": n for n in range(70_000)}).encode()
    hard = [
        _http("/sys/send.php", b"&" * megabyte, form),
        _http("/sys/send.php", b"a=&" * (megabyte // 3), form),
        _http("/sys/send.php", b"%" * megabyte, form),
        _http("/sys/send.php", part * (megabyte // len(part)), "Content-Type: multipart/form-data; boundary=b"),
        _http("/v1/messages", b"[" * megabyte, "Content-Type: application/json"),
        _http("/api/v1", b"[" * 400_000, "Content-Type: application/json"),
        _http("/rest/sms/create", b'{"a":' * 200_000, "Content-Type: application/json"),
        _http("/api/v1", b"9" * 900_000, "Content-Type: application/json"),
        _http("/sendsmsjson.php", keys, "Content-Type: application/json"),
        _http("/xml/", f'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "l">{laughs}]><r>&a9;</r>'.encode(), xml),
        _http("/xml/", b"<a>" * 200_000, xml),
        _http("/sys/soap.php", b"<r " + b"".join(b'a%d="1" ' % n for n in range(60_000)) + b"/>", xml),
        _http("/WebService.asmx", b"<a>" * 200_000, xml),
    ]
    await _together(8, end, lambda n: _requests(target.http, [hard[n % len(hard)] for n in range(n, n + 5)]))


async def pages(target: Target, end: float) -> None:
    """All that is served without credentials, as often as it goes, with requests sent ahead of their answers."""
    paths = ("/metrics", "/openapi.json", "/docs", "/health/ready", "/no/such/path", "/v1/messages", "/sys/send.php")

    async def one(n: int) -> None:
        async with _connected(target.http) as (reader, writer):
            writer.write(b"".join(_http(path, method="GET") for path in paths) * 20)
            while await reader.read(65_536):
                pass

    await _together(32, end, one)


def _pdu(command: int, body: bytes = b"", *, length: int | None = None, sequence: int = 1) -> bytes:
    return struct.pack(">IIII", 16 + len(body) if length is None else length, command, 0, sequence) + body


async def smpp(target: Target, end: float) -> None:
    """SMPP: lengths that cannot be, binds that hang, answers that nobody reads, other protocols."""
    openings = [
        _pdu(9, length=0),
        _pdu(9, length=5),
        _pdu(9, length=0xFFFFFFFF),
        b"GET / HTTP/1.1\r\n\r\n",
        _pdu(9, b"x" * 60_000),
        b"".join(_pdu(0x15, sequence=n) for n in range(20_000)),
        _pdu(4, bytes(30)),
        b"",
    ]

    async def one(n: int) -> None:
        async with _connected(target.smpp) as (reader, writer):
            writer.write(openings[n % len(openings)])
            await reader.read(1 if n % 5 else -1)

    await _together(80, end, one)


async def smtp(target: Target, end: float) -> None:
    """SMTP: lines without end, thousands of recipients, guesses, silence."""
    talks = [
        b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n" + b"RCPT TO:<send@send.smsc.ru>\r\n" * 3000,
        b"EHLO " + b"x" * 200_000 + b"\r\n",
        b"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<send@send.smsc.ru>\r\nDATA\r\n" + b"bench:no:::\r\n" * 70_000,
        b"NOOP\r\n" * 20_000,
        b"",
    ]

    async def one(n: int) -> None:
        async with _connected(target.smtp) as (reader, writer):
            writer.write(talks[n % len(talks)])
            while await reader.read(65_536):
                pass

    await _together(40, end, one)


async def noise(target: Target, end: float) -> None:
    """A modem that has gone mad: answers to nothing, lines without end, announcements without number."""
    chance = random.Random(2)
    kinds = [
        b"x" * 60_000,
        b"".join(b'\r\n+CMTI: "SM",%d\r\n' % n for n in range(2_000)),
        b'\r\n+CMTI: "SM",1\r\n' * 2_000,
        b"\r\nOK\r\n" * 5_000,
        b"\r\n+CMGS: 7\r\n\r\nOK\r\n" * 2_000,
        b"> " * 20_000,
        b"\r\n+CMT: ,24\r\n" * 2_000,
        b"\r\n+CREG: 0\r\n\r\n+CREG: 1\r\n" * 2_000,
        b"\r\nRING\r\n" * 3_000,
        chance.randbytes(60_000),
        bytes(60_000),
    ]
    os.set_blocking(target.noise, False)
    while time.monotonic() < end:
        data = kinds[chance.randrange(len(kinds))]
        while data and time.monotonic() < end:
            with contextlib.suppress(OSError):  # nothing to read, or nobody has it open
                os.read(target.noise, 65_536)
            try:
                data = data[os.write(target.noise, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.0005)


async def loud(target: Target, end: float) -> None:
    """Another account that sends as much as it can, through one door."""
    body = json.dumps({"to": "+79161234567", "text": "A text of one part", "modem": "loud"}).encode()
    request = _http("/v1/messages", body, f"Authorization: Bearer {target.key}", "Content-Type: application/json")
    await _together(64, end, lambda _: _requests(target.http, [request] * 1000))


async def loud_smpp(target: Target, end: float) -> None:
    """The same over SMPP, with a window of a hundred."""
    bind = _pdu(9, b"loud\0" + b"y\0" + b"\0\x34\0\0\0")
    submit = b"\0\0\0\0\x01\x0179161234567\0\0\0\0\0\0\0\0\0\0\x12A text of one part"

    async def one(_: int) -> None:
        async with _connected(target.smpp) as (reader, writer):
            writer.write(bind)
            await reader.readexactly(16)
            while True:
                writer.write(b"".join(_pdu(4, submit, sequence=n) for n in range(2, 102)))
                for _ in range(100):
                    head = await reader.readexactly(16)
                    await reader.readexactly(int.from_bytes(head[:4]) - 16)

    await _together(1, end, one)


async def busy(target: Target, end: float) -> None:
    """Nothing but a process that computes: what an attacker takes by being on the same machine, and no more."""
    while time.monotonic() < end:
        sum(range(1000))


_ALL = (bombs, hoards, comers, guesses, bodies, pages, smpp, smtp, noise, loud, loud_smpp)

ATTACKS: dict[str, Attack] = {attack.__name__: attack for attack in _ALL}


def open_noise() -> tuple[int, str]:
    """A port for `noise`: the modem's end, and the path of the gateway's."""
    master, slave = pty.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    path = os.ttyname(slave)
    os.close(slave)
    return master, path
