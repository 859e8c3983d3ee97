"""The listener: slow, broken and hostile clients, addresses in use, event streams, and a stop that stops."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from aiohttp import ClientSession

from modemgw.servers.http import HttpServer, make_app, start_http
from modemgw.servers.listen import ListenError, holder_of, listen
from modemgw.service.core import Gateway
from tests.dialect_rig import DialectRig

LIMIT_S = 10.0


async def raw(server: HttpServer, data: bytes) -> tuple[int, dict[str, Any]]:
    """Status and problem that the octets are answered with; the server must then hang up."""
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), LIMIT_S)
    finally:
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/messages HTTP/1.1\r\nHost: x\r\nBad header\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ],
)
async def test_what_is_not_http(server: HttpServer, data: bytes) -> None:
    status, problem = await raw(server, data)
    assert status == 400
    assert problem["detail"]


async def test_a_body_that_dribbles_in_is_cut_off(server: HttpServer) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-of-shop\r\n"
    status, problem = await raw(server, head + b"Content-Length: 100\r\n\r\n{")
    assert status == 408
    assert problem["detail"] == "The body did not arrive within 1 s."


async def test_a_head_that_never_ends_is_cut_off(server: HttpServer) -> None:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/messages HTTP/1.1\r\nHost:")
    assert await asyncio.wait_for(reader.read(), LIMIT_S) == b""
    writer.close()
    await writer.wait_closed()


async def test_address_in_use_names_the_holder(server: HttpServer, gateway: Gateway) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(ListenError, match=rf"cannot listen on 127\.0\.0\.1:{port}: it is in use by .*\(pid \d+\)"):
        await start_http(make_app(gateway), f"127.0.0.1:{port}")


def test_addresses_that_cannot_be() -> None:
    with pytest.raises(ListenError, match="this machine does not have that address"):
        listen("192.0.2.1:0")
    with pytest.raises(ListenError, match="is no address of any kind"):
        listen("no.such.host.invalid:0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert holder_of(free.getsockname()[1]) is None


async def test_ipv6(gateway: Gateway) -> None:
    try:
        running = await start_http(make_app(gateway), "[::1]:0")
    except ListenError:
        pytest.skip("no IPv6 here")
    async with ClientSession() as session, session.get(f"{running.url}/health/live") as response:
        assert response.status == 200
    await running.close()


async def frame(response: Any) -> dict[str, str]:
    """The next event of a stream; comments are skipped."""
    fields: dict[str, str] = {}
    while True:
        line = (await asyncio.wait_for(response.content.readline(), LIMIT_S)).decode().rstrip("\n")
        if not line and fields:
            return fields
        name, colon, value = line.partition(": ")
        if colon and name:
            fields[name] = value


async def test_events_stream_from_where_the_client_left_off(client: ClientSession, rig: DialectRig) -> None:
    for _ in range(3):
        await rig.repository.note("line.up", None)
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
    async with client.get("/v1/events", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        assert [(await frame(response))["id"] for _ in range(2)] == ["2", "3"]
        await rig.repository.note("line.down", None, text="Ю")
        found = await frame(response)
    assert found["event"] == "line.down"
    assert json.loads(found["data"])["data"] == {"text": "Ю"}


async def test_events_stream_from_now_or_after(client: ClientSession, rig: DialectRig) -> None:
    await rig.repository.note("line.up", None)
    headers = {"Accept": "text/event-stream"}
    async with client.get("/v1/events?after=0", headers=headers) as response:
        assert (await frame(response))["id"] == "1"
    async with client.get("/v1/events", headers=headers) as response:
        await response.content.readline()  # the stream has begun
        await rig.repository.note("line.down", None)
        while (found := await frame(response))["id"] == "1":
            pytest.fail("an event from before the stream")
        assert found["id"] == "2"
    async with client.get("/v1/events", headers=headers | {"Last-Event-ID": "x"}) as response:
        assert response.status == 400


async def test_closing_ends_streams_and_frees_the_port(gateway: Gateway) -> None:
    running = await start_http(make_app(gateway), "127.0.0.1:0", shutdown_timeout_s=1.0)
    headers = {"Authorization": "Bearer key-of-shop", "Accept": "text/event-stream"}
    async with ClientSession(running.url, headers=headers) as session, session.get("/v1/events") as response:
        await response.content.readline()
        await asyncio.wait_for(running.close(), LIMIT_S)
        await asyncio.wait_for(response.content.read(), LIMIT_S)
    listen(running.url.removeprefix("http://")).close()


async def test_openapi_describes_every_route_and_docs_shows_it(anybody: ClientSession, gateway: Gateway) -> None:
    async with anybody.get("/openapi.json") as response:
        document = await response.json()
    app = make_app(gateway)
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
        and route.resource.canonical != "/upstream/{token}"  # for providers, each with its own document
        and route.method != "HEAD"
        and not route.resource.canonical.endswith(".php")
        and "/rest/" not in route.resource.canonical
    }
    described = {(verb, path) for path, verbs in document["paths"].items() for verb in verbs}
    assert described == served
    names = {ref.rsplit("/", 1)[1] for ref in references(document)}
    assert names <= set(document["components"]["schemas"])
    async with anybody.get("/", allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, "/docs")
    async with anybody.get("/docs") as response:
        page = await response.text()
    assert all(path in page for path in document["paths"])
    assert "/sys/send.php" in page
    assert "<script" not in page


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [ref for item in value.values() for ref in references(item)]
    if isinstance(value, list):
        return [ref for item in value for ref in references(item)]
    return []
