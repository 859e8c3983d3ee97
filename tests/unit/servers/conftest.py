"""The native API on a memory gateway, over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from modemgw.config import HttpSettings
from modemgw.servers.http import HttpServer, make_app, start_http
from tests.unit.servers.memory_gateway import MemoryGateway

KEY = {"Authorization": "Bearer key-of-shop"}


@pytest.fixture
def gateway() -> MemoryGateway:
    return MemoryGateway()


@pytest.fixture
async def server(gateway: MemoryGateway) -> AsyncIterator[HttpServer]:
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
