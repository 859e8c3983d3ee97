"""The HTTP requests of callbacks, octet by octet, and what their failures are called."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modemgw.domain.callback import CallbackRequest
from modemgw.servers.http.caller import BODY_LIMIT, HttpCaller
from modemgw.service.callback_ports import Answered, NoAnswer
from tests.unit.service.callback_desk import listening


@pytest.fixture
async def caller() -> AsyncIterator[HttpCaller]:
    made = HttpCaller(connect_s=0.5, total_s=0.5)
    yield made
    await made.close()


class Wire:
    """A server that keeps the request as it came and answers as told."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.head = b""
        self.body = b""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = await reader.readuntil(b"\r\n\r\n")
        for line in self.head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self.body = await reader.readexactly(int(line[15:]))
        writer.write(self.answer)
        await writer.drain()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\nX-Note: a\r\nSet-Cookie: a=b\r\n\r\nOK"


async def test_a_request_is_what_the_dialect_made(caller: HttpCaller) -> None:
    wire = Wire(OK)
    async with listening(wire.talk) as url:
        request = CallbackRequest(
            url + "?mes=%CF%F0%E8&x=a+b%2B&y=%zz",
            "s",
            method="POST",
            headers={"Content-Type": "text/xml; charset=x"},
            body=b"\xcf<a>",
        )
        for n in (1, 2):
            answer = await caller.call(request, {"X-Modemgw-Try": str(n)}, want_body=True)
            assert isinstance(answer, Answered)
            assert (answer.status, answer.body, answer.headers["x-note"]) == (200, b"OK", "a")
            lines = wire.head.split(b"\r\n")
            assert lines[0] == b"POST /cb?mes=%CF%F0%E8&x=a+b%2B&y=%zz HTTP/1.1"
            assert b"Content-Type: text/xml; charset=x" in lines
            assert b"X-Modemgw-Try: %d" % n in lines
            assert b"Accept-Encoding: identity" in lines
            assert not any(line.lower().startswith(b"cookie") for line in lines)
            assert wire.body == b"\xcf<a>"


async def test_a_get_has_no_body(caller: HttpCaller) -> None:
    wire = Wire(OK)
    async with listening(wire.talk) as url:
        await caller.call(CallbackRequest(url, "s", method="GET"), {}, want_body=False)
    assert b"content-length" not in wire.head.lower()
    assert b"content-type" not in wire.head.lower()


async def test_a_dialect_may_name_itself(caller: HttpCaller) -> None:
    wire = Wire(OK)
    async with listening(wire.talk) as url:
        await caller.call(CallbackRequest(url, "s", headers={"user-agent": "TwilioProxy/1.1"}), {}, want_body=False)
    assert [line for line in wire.head.split(b"\r\n") if b"gent" in line] == [b"user-agent: TwilioProxy/1.1"]


async def test_a_body_that_breaks_off_matters_only_to_who_wants_it(caller: HttpCaller) -> None:
    wire = Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of")
    async with listening(wire.talk) as url:
        assert isinstance(await caller.call(CallbackRequest(url, "s"), {}, want_body=False), Answered)
        answer = await caller.call(CallbackRequest(url, "s"), {}, want_body=True)
        assert answer == NoAnswer("The receiver's answer broke off.")


async def test_a_long_body_is_cut(caller: HttpCaller) -> None:
    wire = Wire(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000_000)
    async with listening(wire.talk) as url:
        answer = await caller.call(CallbackRequest(url, "s"), {}, want_body=True)
        assert isinstance(answer, Answered)
        assert len(answer.body) == BODY_LIMIT


async def test_an_answer_that_dribbles_ends_with_the_time(caller: HttpCaller) -> None:
    async def dribble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: 1\r\n" * 100:
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(0.05)

    async with listening(dribble) as url:
        answer = await caller.call(CallbackRequest(url, "s"), {}, want_body=False)
        assert answer == NoAnswer("The receiver did not answer within 0.5 s.")


async def test_a_certificate_that_nobody_trusts_is_refused(caller: HttpCaller, tmp_path: Path) -> None:
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "1", "-subj", "/CN=localhost"]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl here")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    wire = Wire(OK)
    server = await asyncio.start_server(wire.talk, "127.0.0.1", 0, ssl=context)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/cb"
        answer = await caller.call(CallbackRequest(url, "s", body=b"secret"), {}, want_body=False)
    assert isinstance(answer, NoAnswer)
    assert answer.reason.startswith("The TLS connection to the receiver failed: self-signed certificate")
    assert wire.head == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]"])
async def test_a_guarded_call_reaches_nothing_private_by_any_name(caller: HttpCaller, host: str) -> None:
    wire = Wire(OK)
    async with listening(wire.talk) as url:
        inside = CallbackRequest(url.replace("127.0.0.1", host), "s")
        # a connection and a remembered address that others have left behind are of no help
        await caller.call(CallbackRequest(url, "s"), {}, want_body=False)
        wire.head = b""
        answer = await caller.call(inside, {}, want_body=False, guard=())
        assert isinstance(answer, NoAnswer)
        assert answer.never
        assert wire.head == b""
        if host.replace(".", "").isdigit() and host != "127.0.0.1":
            assert answer.reason == "The URL cannot be called."  # no name, and no address as it is written today
        else:
            assert "an address of a private network" in answer.reason
            assert "callback_networks" in answer.reason


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_network_that_is_listed_is_reached(caller: HttpCaller, host: str) -> None:
    wire = Wire(OK)
    async with listening(wire.talk) as url:
        request = CallbackRequest(url.replace("127.0.0.1", host), "s")
        answer = await caller.call(request, {}, want_body=False, guard=["127.0.0.0/8"])
        assert isinstance(answer, Answered), answer
