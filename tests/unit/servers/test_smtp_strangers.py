"""What a client may cost that has brought no mail yet: commands sent ahead leave everybody else his turn."""

from __future__ import annotations

import asyncio

from modemgw.dialects.smsc.mail import MailReply
from modemgw.servers.smtp import start_smtp
from modemgw.servers.turns import STRANGERS

COMMANDS = 1000


async def never(raw: bytes, remote: str, now: int) -> MailReply:
    raise AssertionError("no mail was sent")


async def test_commands_sent_ahead_are_answered_a_few_at_a_time() -> None:
    server = await start_smtp("127.0.0.1:0", never)
    reader, writer = await asyncio.open_connection(*server.address)
    laps = 0

    async def others() -> None:
        nonlocal laps
        while True:
            await asyncio.sleep(0)
            laps += 1

    other = asyncio.create_task(others())
    writer.write(b"NOOP\r\n" * COMMANDS)
    async with asyncio.timeout(60):
        assert (await reader.readline()).startswith(b"220 ")
        begun = laps
        for _ in range(COMMANDS):
            assert (await reader.readline()).startswith(b"250 ")
    assert laps - begun >= COMMANDS // STRANGERS // 2
    other.cancel()
    writer.close()
    await writer.wait_closed()
    await server.close()
