"""Signals that a terminal, a service manager or a log rotation sends, and the real `modemgw run`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.rig import config_text

LIMIT_S = 90.0  # of a machine with much else to do
#: Whoever started the tests may ignore signals (nohup, a shell's `&`), and the service goes on ignoring those.
RUN = (
    "import signal, sys; [signal.signal(n, signal.SIG_DFL) for n in (1, 3, 15)]; "
    "signal.signal(2, signal.default_int_handler); "
    "from modemgw.cli import main; sys.argv[0] = 'modemgw'; main()"
)


async def until_said(stream: asyncio.StreamReader, words: str) -> str:
    """The first line with these words."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            line = (await stream.readline()).decode()
            assert line, f"it ended without saying {words!r}"
            if words in line:
                return line


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGINT], ids=lambda n: n.name)
async def test_it_tells_and_stops_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    config = tmp_path / "modemgw.toml"
    config.write_text(config_text(tmp_path, [str(tmp_path / "no-such-port")]))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RUN, "run", "--config", str(config), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        await until_said(process.stderr, "modemgw serves at")
        process.send_signal(signal.SIGUSR2)
        process.send_signal(signal.SIGUSR1)
        assert "Ready; 0 messages wait; store: ok" in await until_said(process.stderr, "messages wait")
        assert "absent" in await until_said(process.stderr, "Line m0 is")
        process.send_signal(number)
        async with asyncio.timeout(LIMIT_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert not (tmp_path / "modemgw.db-wal").exists()
