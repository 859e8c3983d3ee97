"""The native API over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession

from modemgw.config import HttpSettings
from modemgw.servers.http import HttpServer, make_app, start_http
from modemgw.service.core import Gateway
from tests.dialect_rig import DialectRig, gateway_rig

KEY = {"Authorization": "Bearer key-of-shop"}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[DialectRig]:
    async with gateway_rig(tmp_path) as rig:
        yield rig


@pytest.fixture
def gateway(rig: DialectRig) -> Gateway:
    return rig.core


@pytest.fixture
async def server(gateway: Gateway) -> AsyncIterator[HttpServer]:
    settings = HttpSettings(max_body_bytes=20_000, read_timeout_s=1.0, keepalive_timeout_s=2.0)
    running = await start_http(make_app(gateway, settings), "127.0.0.1:0", shutdown_timeout_s=1.0)
    yield running
    await running.close()


@pytest.fixture
async def client(server: HttpServer) -> AsyncIterator[ClientSession]:
    async with ClientSession(server.url, headers=KEY) as session:
        yield session


@pytest.fixture
async def anybody(server: HttpServer) -> AsyncIterator[ClientSession]:
    async with ClientSession(server.url) as session:
        yield session
