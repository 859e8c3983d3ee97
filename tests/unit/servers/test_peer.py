"""Whose address a request comes from: proxies are believed only where they are trusted."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import make_mocked_request

from modemgw.config import HttpSettings
from modemgw.servers.http import make_app, start_http
from modemgw.servers.http.peer import Peers
from tests.dialect_rig import gateway_rig

LOCAL = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        ([], "192.0.2.1", "198.51.100.7", "192.0.2.1"),  # nobody is trusted
        (LOCAL, "192.0.2.1", "198.51.100.7", "192.0.2.1"),  # this peer is not
        (LOCAL, "127.0.0.1", None, "127.0.0.1"),
        (LOCAL, "127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (LOCAL, "127.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),  # what stands left may be the client's lie
        (LOCAL, "127.0.0.1", "198.51.100.7, 10.1.2.3", "198.51.100.7"),  # two proxies in a row
        (LOCAL, "127.0.0.1", "10.1.2.3", "10.1.2.3"),
        (LOCAL, "127.0.0.1", "unknown", "127.0.0.1"),
        (LOCAL, "127.0.0.1", "198.51.100.7, ", "127.0.0.1"),
        (LOCAL, "127.0.0.1", "198.51.100.7:4711", "198.51.100.7"),
        (LOCAL, "127.0.0.1", "[2001:db8::7]:4711", "2001:db8::7"),
        (LOCAL, "127.0.0.1", "2001:DB8::7", "2001:db8::7"),
        (LOCAL, "::ffff:127.0.0.1", "198.51.100.7", "198.51.100.7"),
        (LOCAL, "fd00::1", "::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_address(trusted: list[str], peer: str, forwarded: str | None, address: str) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote=peer)
    assert Peers(trusted).address(request) == address


@pytest.mark.parametrize(
    ("trusted", "told", "scheme"),
    [
        (LOCAL, "https", "https"),
        (LOCAL, "http, HTTPS", "https"),
        (LOCAL, "ftp", "http"),
        (LOCAL, None, "http"),
        ([], "https", "http"),
    ],
)
def test_scheme(trusted: list[str], told: str | None, scheme: str) -> None:
    headers = {} if told is None else {"X-Forwarded-Proto": told}
    request = make_mocked_request("GET", "/", headers=headers).clone(remote="127.0.0.1")
    assert Peers(trusted).scheme(request) == scheme


async def test_through_a_trusted_proxy(tmp_path: Path) -> None:
    """The native API holds an account's networks against the client's address."""
    settings = HttpSettings(trusted_proxies=["127.0.0.1"])
    async with gateway_rig(tmp_path, account='allow = ["198.51.100.7"]') as rig:
        server = await start_http(make_app(rig.core, settings), "127.0.0.1:0")
        async with ClientSession(server.url, headers={"Authorization": "Bearer key-of-shop"}) as client:
            # the second time on an account is known by its header, and its address is held against its networks
            for client_address, status in [("198.51.100.7", 200), ("198.51.100.7", 200), ("198.51.100.8", 403)]:
                async with client.get("/v1/modems", headers={"X-Forwarded-For": client_address}) as answer:
                    assert answer.status == status
        await server.close()
