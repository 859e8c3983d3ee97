"""How often the receiver looks through the memories."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from modemgw.modem import receiver as receiver_module
from modemgw.modem.driver import Driver, MessageStored, StorageFill, StoredPdu
from modemgw.modem.receiver import Receiver
from modemgw.service.ports import Repository


class Empty:
    """A modem that keeps no message."""

    def __init__(self) -> None:
        self.looked = 0

    async def storage(self) -> list[StorageFill]:
        self.looked += 1
        return []

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        return None


async def test_a_modem_that_has_announced_nothing_yet_is_looked_through_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receiver_module, "UNPROVED_SWEEP_S", 0.02)
    modem = Empty()
    fills: list[tuple[Any, ...]] = []
    receiver = Receiver(
        cast(Driver, modem), cast(Repository, None), asyncio.Lock(), lambda: None, lambda fill: fills.append(fill)
    )
    running = asyncio.create_task(receiver.run(sweep_interval_s=3600))
    try:
        async with asyncio.timeout(10):
            while modem.looked < 4:
                await asyncio.sleep(0.005)
        receiver.on_event(MessageStored("SM", 1))  # whatever became of it: announcements come here
        async with asyncio.timeout(10):
            while receiver._news.is_set() or receiver._sweep_wanted:
                await asyncio.sleep(0.005)
        looked = modem.looked
        await asyncio.sleep(0.1)
        assert modem.looked == looked
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
