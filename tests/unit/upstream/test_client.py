"""One request is one request, and how it ended is never guessed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from modemgw.domain.upstream import TryOutcome, WireAnswer, WireCall
from modemgw.upstream.client import Broken, ClientLimits, OnceClient

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD")
LIMITS = ClientLimits(connect_s=1.5, total_s=1.5, body=100_000)


class Server:
    """Counts whole requests, and does with each what it was told."""

    def __init__(self, then: Serve) -> None:
        self.requests: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self._then = then

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            await self._then(reader, writer)
        writer.close()


@contextlib.asynccontextmanager
async def server(then: Serve) -> AsyncIterator[tuple[Server, str]]:
    counting = Server(then)
    listener = await asyncio.start_server(counting.connected, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield counting, f"http://127.0.0.1:{port}/send?to=1"
    finally:
        listener.close()
        for writer in counting.writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
async def client() -> AsyncIterator[OnceClient]:
    made = OnceClient(LIMITS)
    yield made
    await made.close()


def say(octets: bytes, then: Serve | None = None) -> Serve:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(octets)
        await writer.drain()
        if then is not None:
            await then(reader, writer)

    return answer


async def close(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return


async def hang(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while not writer.is_closing():
        writer.write(b"x" * 65_536)
        await writer.drain()


@pytest.mark.parametrize("method", METHODS)
async def test_a_server_that_reads_and_closes_sees_one_request(client: OnceClient, method: str) -> None:
    async with server(close) as (counting, url):
        for _ in range(3):
            answer = await client.call(WireCall(method, url, body=b"" if method in ("GET", "HEAD") else b"text"))
            assert isinstance(answer, Broken)
            assert answer.outcome is TryOutcome.UNKNOWN
            assert answer.reason == "It closed the connection without an answer."
        await asyncio.sleep(0)
        assert len(counting.requests) == 3


@pytest.mark.parametrize("method", METHODS)
async def test_a_connection_that_answered_once_is_not_used_again(client: OnceClient, method: str) -> None:
    async with server(say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as (counting, url):
        for _ in range(2):
            assert isinstance(await client.call(WireCall(method, url)), WireAnswer)
        assert len(counting.requests) == 2


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("then", "sentence"),
    [
        (hang, "It did not answer within 1.5 s."),
        (say(OK + b"Content-Length: 10\r\n\r\nabc"), "Its answer broke off."),
        (say(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), "Its answer broke off."),
        (say(OK + b"Content-Length: 100000000\r\n\r\n", flood), "Its answer is longer than 97 KiB."),
        (say(OK + b"\r\n", flood), "Its answer is longer than 97 KiB."),
        (say(OK + b"\r\n", drip), "It did not answer within 1.5 s."),
        (say(b"SSH-2.0-OpenSSH_9.2\r\n"), "What answers is not HTTP (ClientResponseError)."),
    ],
    ids=["hangs", "cut", "cut chunk", "long", "endless", "drips", "no HTTP"],
)
async def test_what_was_written_and_not_answered_is_unknown(client: OnceClient, then: Serve, sentence: str) -> None:
    async with server(then) as (counting, url):
        answer = await client.call(WireCall("GET", url))
        assert isinstance(answer, Broken)
        assert answer.outcome is TryOutcome.UNKNOWN
        assert answer.reason == sentence
        assert len(counting.requests) == 1


async def test_what_cannot_be_reached_was_not_sent(client: OnceClient) -> None:
    async with server(close) as (_, url):
        pass
    answer = await client.call(WireCall("POST", url, body=b"x"))
    assert isinstance(answer, Broken)
    assert (answer.outcome, answer.network) == (TryOutcome.NOT_SENT, True)
    assert answer.reason.startswith("It cannot be reached")


async def test_a_name_that_is_not_known_was_not_sent(client: OnceClient) -> None:
    answer = await client.call(WireCall("GET", "http://gateway.invalid/"))
    assert isinstance(answer, Broken)
    assert (answer.outcome, answer.network) == (TryOutcome.NOT_SENT, True)


async def test_a_server_without_tls_was_not_sent_anything(client: OnceClient) -> None:
    async with server(say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as (counting, url):
        answer = await client.call(WireCall("POST", url.replace("http:", "https:"), body=b"secret"))
        assert isinstance(answer, Broken)
        assert answer.outcome is TryOutcome.NOT_SENT
        assert counting.requests == []


async def test_a_redirect_is_an_answer_and_followed_by_nobody(client: OnceClient) -> None:
    async with server(say(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")) as (counting, url):
        answer = await client.call(WireCall("GET", url))
        assert isinstance(answer, WireAnswer)
        assert answer.status == 302
        assert len(counting.requests) == 1


async def test_no_request_asks_for_a_compressed_answer_and_ours_are_named(client: OnceClient) -> None:
    async with server(say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as (counting, url):
        await client.call(WireCall("GET", url, {"X-Key": "1"}))
    head = counting.requests[0].lower()
    assert b"accept-encoding: identity" in head
    assert b"user-agent: modemgw/" in head
    assert b"x-key: 1" in head
