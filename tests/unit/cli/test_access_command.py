"""`modemgw access`: who gave wrong credentials, on a service with the real counting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from click.testing import CliRunner

from modemgw.cli.main import group
from modemgw.dialects.smsc import DIALECT
from tests.dialect_rig import DialectRig


async def run(rig: DialectRig, *words: str) -> list[str]:
    """The lines a command says."""
    arguments = ["access", *words, "--url", rig.url, "--api-key", "key-of-shop"]
    result = await asyncio.to_thread(CliRunner().invoke, group, arguments)
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


async def test_listed_and_forgotten(serve_dialect: Callable[..., Awaitable[DialectRig]]) -> None:
    rig = await serve_dialect(DIALECT, config="[access]\nblock_after = 3\n")
    assert await run(rig, "list") == ["No wrong credentials came lately."]
    for number in range(3):
        async with rig.http.get(f"/sys/balance.php?login=shop&psw={number}") as response:
            assert "2" in await response.text()
    lines = await run(rig, "list")
    assert [line.split() for line in lines[1:]] == [
        ["address", "127.0.0.0/8", "3", "for", "300", "s"],
        ["account", "shop", "3", "no"],
    ]
    assert await run(rig, "clear", "--login", "nobody") == ["0 entries forgotten."]
    assert await run(rig, "clear", "--address", "127.0.0.1") == ["1 entry forgotten."]
    async with rig.http.get("/sys/balance.php?login=shop&psw=x&fmt=3") as response:
        assert (await response.json(content_type=None))["error_code"] == 2
    assert await run(rig, "clear") == ["2 entries forgotten."]
    assert await run(rig, "list", "--json") == ["[]"]
