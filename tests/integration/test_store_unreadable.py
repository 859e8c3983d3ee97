"""A store that cannot be read while the gateway runs: every door says "not now" in its own words, and comes back."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import threading
from pathlib import Path
from typing import Any

import pytest

from modemgw.domain.refusal import StoreUnavailable
from modemgw.servers.http import health_api
from modemgw.service import readiness, watch
from modemgw.smpp.names import Command, Status
from modemgw.smpp.pdu import Address, cstring
from modemgw.store import database, readers
from tests.rig import Rig, running, until
from tests.smpp_client import connected

DOORS = '[smpp]\nlisten = "127.0.0.1:0"\n[smtp]\nlisten = "127.0.0.1:0"\n'
NUMBER = "+79161234567"

READS = (
    "GET /v1/messages",
    "GET /v1/messages?state=queued",
    "GET /v1/messages/1",
    "GET /v1/inbox",
    "GET /v1/inbox/1",
    "GET /v1/events",
    "GET /v1/callbacks",
    "GET /metrics",
)


async def test_no_door_fails_while_the_store_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, config=DOORS) as rig:
        first = await rig.submit(NUMBER, "before")
        await rig.until_state(first["id"], "delivered")
        with monkeypatch.context() as patch:
            patch.setattr(rig.runtime._store._readers, "read", _unreadable)  # type: ignore[union-attr]
            await _native(rig)
            await _smpp(rig, Status.ESME_RQUERYFAIL)
            assert (await asyncio.to_thread(_mail, rig))[0] == 451
            assert (await rig.submit(NUMBER, "meanwhile"))["state"] == "queued"  # a write needs no reading
        await rig.until_state(first["id"] + 1, "delivered")
        assert (await rig.call("GET", "/health/ready"))[0] == 200
        await _smpp(rig, Status.ESME_ROK)
        assert (await asyncio.to_thread(_mail, rig))[0] == 250
    assert [record.message for record in caplog.records if record.exc_info and record.levelno >= logging.ERROR] == []


async def test_health_is_told_while_the_disk_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BEHIND_S", 0.3)
    monkeypatch.setattr(readiness, "BEHIND_S", 0.3)
    monkeypatch.setattr(readiness, "ANSWER_S", 0.1)
    monkeypatch.setattr(health_api, "FIGURES_S", 0.1)
    monkeypatch.setattr(watch, "INSPECT_S", 0.1)
    async with running(tmp_path) as rig:
        assert (await rig.call("GET", "/health/ready"))[0] == 200
        store = rig.runtime._store
        assert store is not None
        disk = threading.Event()
        try:
            reads = [asyncio.ensure_future(store.read(lambda con: disk.wait(30))) for _ in range(readers.THREADS)]
            status, body = await rig.call("GET", "/health/ready")
            assert (status, body["queued"]) == (200, 0)  # as it was last
            async with asyncio.timeout(20):
                while (await rig.call("GET", "/health/ready"))[0] == 200:
                    await asyncio.sleep(0.02)
            assert "has not been read" in (await rig.call("GET", "/health/ready"))[1]["store"]
            write = store.write(lambda tx: disk.wait(30))
            async with asyncio.timeout(20):
                while "The disk does not answer" not in caplog.text:
                    await asyncio.sleep(0.02)
            assert "a write has waited" in (await rig.call("GET", "/health/ready"))[1]["store"]
            assert (await rig.call("GET", "/metrics"))[0] == 503
            status, problem = await rig.call("POST", "/v1/messages", {"to": NUMBER, "text": "meanwhile"})
            assert (status, "does not answer" in problem["detail"]) == (503, True)
        finally:
            disk.set()
        await asyncio.gather(write, *reads)

        async def ready() -> bool:
            return (await rig.call("GET", "/health/ready"))[0] == 200 and "answers again" in caplog.text

        await until(ready, 20, lambda: "ready again")
        assert (await rig.submit(NUMBER, "after"))["id"] == 1


async def test_a_read_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "READ_S", 0.05)
    async with running(tmp_path, wait=False) as rig:
        store, disk = rig.runtime._store, threading.Event()
        assert store is not None
        try:
            with pytest.raises(StoreUnavailable, match="has not been read for"):
                await store.read(lambda con: disk.wait(30))
        finally:
            disk.set()


async def _unreadable(function: object) -> Any:
    raise StoreUnavailable("The database could not be read (OperationalError: disk I/O error).")


async def _native(rig: Rig) -> None:
    for read in READS:
        method, path = read.split()
        async with rig.http.request(method, rig.runtime.url + path) as response:
            problem = await response.json(content_type=None)
            assert (response.status, problem["type"]) == (503, "/docs#unavailable"), read
            assert response.headers["Retry-After"]
            assert "could not be read" in problem["detail"]
    assert (await rig.call("GET", "/health/live"))[0] == 200
    status, ready = await rig.call("GET", "/health/ready")
    assert (status, ready["ready"], ready["queued"]) == (503, False, None)
    assert "could not be read" in ready["store"]


async def _smpp(rig: Rig, expected: Status) -> None:
    async with connected(rig.runtime.smpp_addresses[0]) as client:
        assert (await client.bind()).status == 0
        assert (await client.ask(Command.QUERY_SM, cstring("1") + Address().encode())).status == expected


def _mail(rig: Rig) -> tuple[int, str]:
    address = rig.runtime.smtp_address
    assert address is not None
    with smtplib.SMTP(*address, timeout=10) as smtp:
        smtp.ehlo("client")
        smtp.mail("api@smsc.ru")
        smtp.rcpt("send@send.smsc.ru")
        code, text = smtp.data(b"Content-Type: text/plain; charset=utf-8\r\n\r\nshop:secret:::,,:79161234567:by mail")
        return code, text.decode()
