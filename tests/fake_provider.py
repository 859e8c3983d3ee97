"""An online gateway to rehearse with: takes messages as our own dialects' documents have it, and fails as it is told.

A raw HTTP server, so that every way to break off is possible. What it took in is its truth: `taken` has every message
that would go out, however its answer ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

#: Ways to fail a send: what is not `taken` was certainly not taken.
FAULTS_TAKEN = ("hang after", "close after", "500 after", "html after", "cut after", "drip after", "callback first")
FAULTS_NOT = ("close before", "hang before", "503", "refuse", "no money", "login")


@dataclass
class Taken:
    """A message as the gateway has it."""

    id: str
    to: str
    text: str
    ref: str
    state: str = "accepted"


@dataclass
class FakeProvider:
    """Speaks a plain JSON API (`kind = "http"`): POST /send, GET /status?ref=, GET /fate?id=, GET /balance."""

    faults: deque[str] = field(default_factory=deque)  # of the next sends; "" for none
    taken: list[Taken] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    money: bool = True
    balance: tuple[int, dict[str, str]] | None = None  # what /balance answers instead
    down: str = ""  # a fault for every request
    fate: str = "delivered"
    hang_s: float = 30.0
    url: str = ""
    on_take: Callable[[Taken], Any] | None = None
    _server: asyncio.Server | None = None
    _port: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeProvider]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen; again on the same port after `stop`."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def to(self, number: str) -> list[Taken]:
        """What was taken for a number."""
        return [one for one in self.taken if one.to == number]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.get_running_loop().create_task(self._until_done(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_done(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        target = head.split(" ", 2)[1]
        length = next(
            (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
        )
        path = urlsplit(target).path
        fault = self.down or (self.faults.popleft() if path == "/send" and self.faults else "")
        if fault == "hang before":
            await asyncio.sleep(self.hang_s)
            return
        if fault == "close before":
            return
        body = await reader.readexactly(length)
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        self.requests[path] += 1
        if path == "/send":
            await self._send(writer, json.loads(body), fault)
        elif path == "/status":
            found = next((one for one in self.taken if one.ref == query["ref"]), None)
            self._answer(writer, 200 if found else 404, {"id": found.id} if found else {"error": "unknown"})
        elif path == "/fate":
            found = next((one for one in self.taken if one.id == unquote(query["id"])), None)
            self._answer(writer, 200, {"state": self.fate if found else "unknown"})
        elif path == "/balance":
            self._answer(writer, *(self.balance or (200, {"balance": "100.00" if self.money else "0.00"})))
        else:
            self._answer(writer, 404, {})
        await writer.drain()

    async def _send(self, writer: asyncio.StreamWriter, asked: dict[str, str], fault: str) -> None:
        if fault == "503":
            return self._answer(writer, 429, {"code": 429})
        if fault == "refuse":
            return self._answer(writer, 200, {"code": 21})
        if fault == "no money" or not self.money:
            return self._answer(writer, 200, {"code": 8})
        if fault == "login":
            return self._answer(writer, 401, {"code": 1})
        one = Taken(f"id-{len(self.taken) + 1}", asked["to"], asked["text"], asked.get("ref", ""))
        self.taken.append(one)
        if self.on_take is not None:
            await self.on_take(one)
        if fault == "hang after":
            return await asyncio.sleep(self.hang_s)
        if fault == "close after":
            return None
        if fault == "500 after":
            return self._answer(writer, 500, {"error": "oops"})
        if fault == "html after":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>")
            return None
        if fault == "cut after":
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"code"')
            return None
        if fault == "drip after":
            for octet in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" * 40:
                writer.write(bytes((octet,)))
                await writer.drain()
                await asyncio.sleep(0.05)
            return None
        return self._answer(writer, 200, {"code": 0, "data": {"id": one.id}})

    @staticmethod
    def _answer(writer: asyncio.StreamWriter, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        writer.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + raw
        )


def upstream(name: str, url: str, more: str = "") -> str:
    """`[[upstream]]` of the kind `http` for a FakeProvider."""
    return f"""
[[upstream]]
name = "{name}"
kind = "http"
method = "POST"
url = "{url}/send"
timeout_s = 1.5
connect_s = 1
body = {{ to = "{{to}}", text = "{{text}}", ref = "{{ref}}" }}
id = "json:/data/id"
accepted = ["status:2xx json:/code=0"]
refused_message = ["json:/code=21"]
refused_account = ["status:401", "json:/code=8"]
temporary = ["status:429"]
find = {{ url = "{url}/status?ref={{ref}}", found = ["status:200"], absent = ["status:404"] }}
{more}"""
