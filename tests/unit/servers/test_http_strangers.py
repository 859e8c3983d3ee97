"""What a client without credentials may cost: packed bodies, hoarded heads and bodies, connections, odd requests."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.config import HttpSettings
from modemgw.dialects import ALL
from modemgw.dialects.smsc import DIALECT
from modemgw.servers.front import Front, FrontLimits
from modemgw.servers.http import HttpServer, make_app, start_http
from modemgw.servers.http.request_line import escaped
from modemgw.servers.http.unfinished import UnfinishedRequests
from modemgw.servers.listen import listen
from modemgw.servers.turns import turns
from modemgw.service.core import Gateway
from tests.dialect_rig import DialectRig

LIMIT_S = 10.0

Serve = Callable[..., Awaitable[DialectRig]]
Serving = Callable[[HttpSettings], AbstractAsyncContextManager[HttpServer]]
Connect = Callable[[str], Awaitable["Client"]]


@pytest.fixture
def serving(gateway: Gateway) -> Serving:
    @asynccontextmanager
    async def serving(settings: HttpSettings) -> AsyncIterator[HttpServer]:
        server = await start_http(make_app(gateway, settings), "127.0.0.1:0", shutdown_timeout_s=1.0)
        yield server
        await server.close()

    return serving


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    made: list[Client] = []

    async def connect(url: str) -> Client:
        made.append(await Client.connect(url))
        return made[-1]

    yield connect
    for client in made:
        await client.close()


class Client:
    """A socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str) -> Client:
        host, _, port = url.removeprefix("http://").rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> bytes:
        """Head and body of one answer; nothing if the connection ended."""
        head = b""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), LIMIT_S)
        if not head:
            return b""
        length = next(int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length"))
        return head + await asyncio.wait_for(self.reader.readexactly(length), LIMIT_S)

    async def ended(self) -> bool:
        """True once the server has closed it."""
        with suppress(ConnectionError):
            await asyncio.wait_for(self.reader.read(), LIMIT_S)
        return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


# -- packed bodies


async def test_no_body_is_unpacked(server: HttpServer, connect: Connect) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    client = await connect(server.url)
    head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-shop\r\n"
    await client.send(head + b"Content-Encoding: GZIP\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)
    answer = await client.answer()
    assert answer.startswith(b"HTTP/1.1 415 ")
    assert b"without Content-Encoding: gzip" in answer
    assert await client.ended()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x-whatever", "identity, gzip"])
async def test_a_dialect_refuses_packed_bodies_in_its_own_words(serve_dialect: Serve, coding: str) -> None:
    rig = await serve_dialect(DIALECT)
    url = "/sys/send.php?login=shop&psw=s3cret&phones=79161234567&mes=hi&fmt=3"
    async with rig.http.post(url, data=b"x", headers={"Content-Encoding": coding}) as response:
        assert response.status == 415
        assert set(await response.json(content_type=None)) == {"error", "error_code"}
        assert "without Content-Encoding" in response.headers["X-Modemgw-Reason"]
    assert await rig.messages() == []
    async with rig.http.post(url, data=b"", headers={"Content-Encoding": "identity"}) as response:
        assert response.status == 200
    assert len(await rig.messages()) == 1


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
async def test_every_path_of_every_dialect_refuses_packed_bodies(serve_dialect: Serve, dialect: object) -> None:
    rig = await serve_dialect(*ALL)
    for route in dialect.routes:  # type: ignore[attr-defined]
        path = route.path.replace("*", "x")
        async with rig.http.post(path, data=b"x", headers={"Content-Encoding": "gzip"}) as response:
            assert response.status in (405, 415), path


# -- hoarding


async def test_of_unfinished_requests_the_oldest_makes_room(connect: Connect, serving: Serving) -> None:
    async with serving(HttpSettings(max_unfinished_bytes=65_536, max_body_bytes=1024 * 32)) as server:
        head = b"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n"
        clients = [await connect(server.url) for _ in range(3)]
        for client in clients:
            await client.send(head + b"x" * 29_000)
            await asyncio.sleep(0.05)
        assert await clients[0].ended()
        await clients[2].send(b"x" * 1000)
        assert (await clients[2].answer()).startswith(b"HTTP/1.1 200 ")


async def test_heads_are_counted_as_bodies_are(connect: Connect, serving: Serving) -> None:
    async with serving(HttpSettings(max_unfinished_bytes=65_536, max_body_bytes=1024)) as server:
        clients = [await connect(server.url) for _ in range(3)]
        for client in clients:
            await client.send(
                b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8000) for n in range(3))
            )
            await asyncio.sleep(0.05)
        assert await clients[0].ended()
        await clients[2].send(b"\r\n")
        assert (await clients[2].answer()).startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    "head",
    [b"X: " + b"x" * 9_000 + b"\r\n", b"".join(b"X-%d: x\r\n" % n for n in range(70))],
    ids=["long field", "many fields"],
)
async def test_heads_have_bounds(server: HttpServer, head: bytes, connect: Connect) -> None:
    client = await connect(server.url)
    await client.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n")
    assert (await client.answer()).split()[1] == b"400"


async def test_a_long_list_of_numbers_fits_into_the_request_line(server: HttpServer, connect: Connect) -> None:
    client = await connect(server.url)
    await client.send(b"GET /health/live?x=" + b"7" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.answer()).startswith(b"HTTP/1.1 200 ")


class Closable:
    closed = False

    def abort(self) -> None:
        self.closed = True


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60)), max_size=60))
def test_the_bound_holds_whoever_sends(steps: list[tuple[int, int]]) -> None:
    unfinished: UnfinishedRequests[Closable] = UnfinishedRequests(100)
    clients = [Closable() for _ in range(6)]
    for number, octets in steps:
        unfinished.add(clients[number], octets)
        assert unfinished.octets <= 100
    for client in clients:
        unfinished.done(client)
    assert (unfinished.octets, len(unfinished)) == (0, 0)


# -- connections


async def test_the_oldest_connection_without_credentials_makes_room(
    caplog: pytest.LogCaptureFixture, connect: Connect, serving: Serving
) -> None:
    async with serving(HttpSettings(max_connections=10)) as server:
        known = await connect(server.url)
        await known.send(b"GET /v1/modems HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-shop\r\n\r\n")
        assert (await known.answer()).startswith(b"HTTP/1.1 200 ")
        with caplog.at_level(logging.WARNING):
            idle = [await connect(server.url) for _ in range(30)]
            for client in idle[:21]:
                assert await client.ended()
        assert len([record for record in caplog.records if "too many connections" in record.message]) == 1
        newest = await connect(server.url)
        await newest.send(LIVE)
        assert (await newest.answer()).startswith(b"HTTP/1.1 200 ")
        await known.send(LIVE)
        assert (await known.answer()).startswith(b"HTTP/1.1 200 ")


async def test_when_all_have_credentials_one_more_is_told_to_come_again(connect: Connect, serving: Serving) -> None:
    async with serving(HttpSettings(max_connections=10)) as server:
        known = [await connect(server.url) for _ in range(10)]
        for client in known:
            await client.send(b"GET /v1/modems HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-shop\r\n\r\n")
            assert (await client.answer()).startswith(b"HTTP/1.1 200 ")
        more = await connect(server.url)
        answer = await more.answer()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"Too many connections are open." in answer


async def test_a_dialect_s_client_is_known_by_its_credentials(serve_dialect: Serve, connect: Connect) -> None:
    rig = await serve_dialect(DIALECT, config="[http]\nmax_connections = 10\n")
    known = await connect(rig.url)
    await known.send(b"GET /sys/balance.php?login=shop&psw=s3cret HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await known.answer()).endswith(b"100.50")
    idle = [await connect(rig.url) for _ in range(20)]
    assert await idle[0].ended()
    await known.send(LIVE)
    assert (await known.answer()).startswith(b"HTTP/1.1 200 ")


# -- requests that should have been escaped


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("Привет", "Привет".encode("cp1251")),
        ("Привет", "Привет".encode()),
        ("Hello big world", b"Hello big world"),
        ("Ваш код 1234", "Ваш код 1234".encode("cp1251")),
        ("a\tb", b"a\tb"),
    ],
)
async def test_what_is_not_escaped_is_taken_as_if(
    serve_dialect: Serve, text: str, sent: bytes, connect: Connect
) -> None:
    rig = await serve_dialect(DIALECT)
    charset = b"&charset=utf-8" if sent.startswith("П".encode()) else b""
    client = await connect(rig.url)
    for _ in range(2):  # the second on the connection that is kept
        await client.send(
            b"GET /sys/send.php?login=shop&psw=s3cret&phones=79161234567%b&mes=%b HTTP/1.1\r\nHost: x\r\n\r\n"
            % (charset, sent)
        )
        assert b"OK" in await client.answer()
        rig.advance(100)
    assert [message.text for message in await rig.messages()] == [text, text]


@pytest.mark.parametrize("chunked", [False, True])
async def test_also_after_a_body(serve_dialect: Serve, chunked: bool, connect: Connect) -> None:
    rig = await serve_dialect(DIALECT)
    body = b"login=shop&psw=s3cret&phones=79161234567&mes=one"
    client = await connect(rig.url)
    head = b"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    if chunked:
        await client.send(head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n" % (len(body), body))
        await client.send(b"\r\n")
    else:
        await client.send(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:20])
        await client.send(body[20:])
    assert b"OK" in await client.answer()
    await client.send(b"GET /sys/send.php?login=shop&psw=s3cret&phones=79161234567&mes=a b HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"OK" in await client.answer()
    assert [message.text for message in await rig.messages()] == ["one", "a b"]


async def test_requests_ahead_of_answers_are_all_answered(server: HttpServer, connect: Connect) -> None:
    client = await connect(server.url)
    await client.send(LIVE * 40)
    for _ in range(40):
        assert (await client.answer()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_any_chunking_is_the_same(server: HttpServer, size: int, connect: Connect) -> None:
    requests = LIVE + b"GET /health/live?x=a b\xff HTTP/1.1\r\nHost: x\r\n\r\n" + LIVE
    client = await connect(server.url)
    client.writer.transport.set_write_buffer_limits(high=0)
    for start in range(0, len(requests), size):
        await client.send(requests[start : start + size])
        await asyncio.sleep(0)
    for _ in range(2):
        assert (await client.answer()).startswith(b"HTTP/1.1 200 ")


HEAD = b"POST /sys/balance.php HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        HEAD + b"Content-Length: +5\r\n\r\nabcde",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /sys/balance.php HTTP/1.1\nHost: x\n\n",
        HEAD + b"X: a\r\n b\r\n\r\n",
        HEAD + b"X : a\r\n\r\n",
        HEAD + b"X: a\x00b\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n",
        b"GET /sys/ba lance.php HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a?b\x00 c HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a?b\rc d HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /a?b c\r\nHost: x\r\n\r\n",
        b"GET /a?b c HTTP/1.1\nHost: x\r\n\r\n",
    ],
)
async def test_no_request_is_smuggled(server: HttpServer, data: bytes, connect: Connect) -> None:
    client = await connect(server.url)
    await client.send(data)
    assert (await client.answer()).split()[1] == b"400"
    assert await client.ended()


@given(st.binary(max_size=60))
def test_escaping_changes_no_octet_but_the_odd_ones(query: bytes) -> None:
    line = b"GET /a?b=%b HTTP/1.1\r\n" % query
    found = escaped(line)
    if any((octet < 0x20 and octet != 9) or octet == 0x7F for octet in query):
        assert found == line or b"\r\n" not in found[:-2]
        return
    expected = b"".join(
        quote_from_bytes(bytes([octet])).encode() if octet > 0x7F or octet in b" \t" else bytes([octet])
        for octet in query
    )
    assert found == b"GET /a?b=%b HTTP/1.1\r\n" % expected


async def test_a_client_that_goes_away_in_the_middle_is_no_error(
    server: HttpServer, caplog: pytest.LogCaptureFixture, connect: Connect
) -> None:
    client = await connect(server.url)
    await client.send(b"POST /sys/send.php HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n" + b"x" * 5000)
    await asyncio.sleep(0.1)
    client.writer.transport.abort()
    other = await connect(server.url)
    await other.send(LIVE)
    assert (await other.answer()).startswith(b"HTTP/1.1 200 ")
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


# -- whose turn it is


async def test_what_a_stranger_sends_waits_for_its_turn_in_order(server: HttpServer, connect: Connect) -> None:
    turns().charge(0.3)
    begun = asyncio.get_running_loop().time()
    client = await connect(server.url)
    body = b'{"to": "+79161234567", "text": "Hello"}'
    request = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-shop\r\n"
    request += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for at in range(0, len(request), 40):
        await client.send(request[at : at + 40])
        await asyncio.sleep(0.01)
    assert (await client.answer()).startswith(b"HTTP/1.1 202 ")
    assert asyncio.get_running_loop().time() - begun > 0.2


async def test_the_end_of_a_stranger_comes_behind_what_it_said() -> None:
    told: list[bytes] = []

    class Listener(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            told.append(data)

        def eof_received(self) -> bool:
            told.append(b"")
            return False

    sock = listen("127.0.0.1:0")
    front = Front("test", FrontLimits(), lambda _: Listener(), read_size=4)
    front.serve(sock)
    turns().charge(0.3)
    reader, writer = await asyncio.open_connection(*sock.getsockname()[:2])
    writer.write(b"0123456789")
    writer.write_eof()
    assert await asyncio.wait_for(reader.read(), LIMIT_S) == b""
    assert b"".join(told) == b"0123456789"
    assert told.index(b"") == len(told) - 1
    writer.close()
    await writer.wait_closed()
    await front.close()


async def test_a_client_has_nothing_to_do_with_what_strangers_owe(server: HttpServer, connect: Connect) -> None:
    ask = b"GET /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-shop\r\n\r\n"
    client = await connect(server.url)
    await client.send(ask)
    assert (await client.answer()).startswith(b"HTTP/1.1 200 ")
    turns().charge(2.0)
    async with asyncio.timeout(1):
        for _ in range(20):
            await client.send(ask)
            assert (await client.answer()).startswith(b"HTTP/1.1 200 ")


async def test_requests_sent_ahead_are_answered_in_order(server: HttpServer, connect: Connect) -> None:
    client = await connect(server.url)
    await client.send(LIVE * 30)
    for _ in range(30):
        assert (await client.answer()).startswith(b"HTTP/1.1 200 ")


async def test_who_is_gone_before_he_is_let_in_holds_nobody_up(server: HttpServer, connect: Connect) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    for _ in range(100):  # synchronously: nothing is accepted meanwhile
        with socket.create_connection((host, int(port))):
            pass
    client = await connect(server.url)
    await client.send(LIVE)
    assert (await client.answer()).startswith(b"HTTP/1.1 200 ")
