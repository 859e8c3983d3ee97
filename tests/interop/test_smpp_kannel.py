"""Kannel's bearerbox and smsbox as a client: long texts in parts, receipts, incoming messages."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web

from tests.rig import Rig, running, until

BEARERBOX, SMSBOX = (shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin") for name in ("bearerbox", "smsbox"))

pytestmark = pytest.mark.skipif(not (BEARERBOX and SMSBOX), reason="Kannel (bearerbox, smsbox) is not installed")

NUMBER = "+79161234567"
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 3
PLAIN = "The quick brown fox jumps over the lazy dog [and pays]. " * 6

CONFIG = """
group = core
admin-port = {admin}
admin-password = bar
smsbox-port = {box}
admin-deny-ip = "*.*.*.*"
admin-allow-ip = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
log-file = "{directory}/bearerbox.log"
log-level = 0
dlr-storage = internal
store-type = file
store-location = "{directory}/kannel.store"

group = smsc
smsc = smpp
smsc-id = modemgw
host = 127.0.0.1
port = {smpp}
transceiver-mode = true
smsc-username = shop
smsc-password = secret
system-type = ""
interface-version = 34
source-addr-ton = 5
source-addr-npi = 1
source-addr-autodetect = yes
dest-addr-ton = 1
dest-addr-npi = 1
enquire-link-interval = 60
wait-ack-expire = 0
max-pending-submits = 300
throughput = 30
validityperiod = 1440

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {box}
sendsms-port = {send}
global-sender = 13013
log-file = "{directory}/smsbox.log"

group = sendsms-user
username = tester
password = foobar
max-messages = 10
concatenation = true

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{web}/mo?from=%p&to=%P&text=%b&coding=%c&charset=%C"
accept-x-kannel-headers = true
max-messages = 0
catch-all = true
concatenation = true
omit-empty = true
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


class Kannel:
    """Both boxes; `calls` are the queries that they made to our web server: receipts and incoming messages."""

    def __init__(self, send: int, web_port: int) -> None:
        self.send_port, self.web_port = send, web_port
        self.calls: list[dict[str, str]] = []

    async def send(self, text: str, coding: int) -> int:
        """sendsms; its HTTP status. All receipts are asked for."""
        dlr = f"http://127.0.0.1:{self.web_port}/dlr?type=%d&id=%F&answer=%A"
        query = {
            "username": "tester",
            "password": "foobar",
            "from": "SHOP",
            "to": NUMBER,
            "text": text,
            "coding": coding,
            "charset": "UTF-8",
            "dlr-mask": 31,
            "dlr-url": dlr,
        }
        url = f"http://127.0.0.1:{self.send_port}/cgi-bin/sendsms?{urlencode(query)}"
        async with aiohttp.ClientSession() as http, http.get(url) as response:
            return response.status

    async def until_calls(self, path: str, count: int, **match: str) -> list[dict[str, str]]:
        async def look() -> list[dict[str, str]] | None:
            fitting = [c for c in self.calls if c["path"] == path and all(c.get(k) == v for k, v in match.items())]
            return fitting if len(fitting) >= count else None

        return await until(look, 20, lambda: f"{count} calls to {path} with {match}: {self.calls}")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path, config='[smpp]\nlisten = "127.0.0.1:0"\n', report_delay=0.3) as rig:
        yield rig


@pytest.fixture
async def kannel(rig: Rig, tmp_path: Path) -> AsyncIterator[Kannel]:
    admin, box, send, web_port = free_ports(4)
    kannel = Kannel(send, web_port)

    async def called(request: web.Request) -> web.Response:
        kannel.calls.append({"path": request.path, **request.query})
        return web.Response(text="")

    app = web.Application()
    app.router.add_get("/{any}", called)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", web_port).start()
    config = tmp_path / "kannel.conf"
    smpp = rig.runtime.smpp_addresses[0][1]
    config.write_text(CONFIG.format(admin=admin, box=box, send=send, web=web_port, smpp=smpp, directory=tmp_path))
    processes = []
    try:
        for program in (BEARERBOX, SMSBOX):
            assert program is not None
            processes.append(
                await asyncio.create_subprocess_exec(
                    program, str(config), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
                )
            )

            async def listens(port: int = box if program == BEARERBOX else send) -> bool:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return True
                return False

            await until(listens, 20, lambda: "Kannel listens")

        async def bound() -> bool:
            return any(c.account for c in rig.runtime._smpp._connections)  # type: ignore[union-attr]

        await until(bound, 20, lambda: (tmp_path / "bearerbox.log").read_text()[-3000:])
        yield kannel
    finally:
        for process in reversed(processes):
            if process.returncode is None:
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()
        await runner.cleanup()


@pytest.mark.parametrize(("text", "coding"), [("Hello @ €", 0), (PLAIN, 0), ("Привет", 2), (RUSSIAN, 2)])
async def test_kannel_sends_and_is_told(rig: Rig, kannel: Kannel, text: str, coding: int) -> None:
    assert await kannel.send(text, coding) == 202
    await kannel.until_calls("/dlr", 1, type="8")  # handed to the SMSC
    await kannel.until_calls("/dlr", 1, type="1")  # delivered

    (message,) = (await rig.get("/v1/messages"))["items"]
    assert (message["text"], message["to"]) == (text, NUMBER)
    assert message["state"] == "delivered"
    assert message["extra"]["sender"] == "SHOP"
    failed = [call for call in kannel.calls if call.get("type") in ("2", "16")]
    assert not failed


async def test_kannel_gets_incoming_messages(rig: Rig, kannel: Kannel) -> None:
    for text in ("Hello", "Привет", RUSSIAN):
        rig.sim.inject(text, to=0, sender="+79167654321")
    calls = await kannel.until_calls("/mo", 3)
    assert {call["from"].lstrip("+ ") for call in calls} == {"79167654321"}
    # %b are the octets of the message, here UCS-2, which all happen to be ASCII
    texts = {c["text"].encode().decode("utf-16-be") if c["coding"] == "2" else c["text"] for c in calls}
    assert texts == {"Hello", "Привет", RUSSIAN}
