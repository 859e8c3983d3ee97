"""How often the receiver looks through the memories."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from modemgw.domain.job import LineRecord
from modemgw.line import receiver as receiver_module
from modemgw.line.receiver import Receiver
from modemgw.modem.dialogue.driver import Driver, MessageStored, ReportStored, StorageFill, StoredPdu
from modemgw.rules.incoming import RawPdu
from modemgw.service.ports import Repository
from modemgw.service.receiving import Taken


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


REPORT = "00" + "06" + "01" + "0B919761112233F4" + "62112221540021" * 2 + "00"
MESSAGE = "00" + "04" + "0B919761112233F4" + "0000" + "62112221540021" + "01" + "41"


class Kept(Empty):
    """A modem that announces what lies in SR for SM, where a message has the same place."""

    def __init__(self) -> None:
        super().__init__()
        self.lies = {("SM", 1): MESSAGE, ("SR", 1): REPORT, ("SR", 2): REPORT}

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        pdu = self.lies.get((memory, index))
        return StoredPdu(memory, index, 0, pdu) if pdu is not None else None

    async def list_messages(self, memory: str) -> list[StoredPdu]:
        return [StoredPdu(m, index, 0, pdu) for (m, index), pdu in self.lies.items() if m == memory]

    async def delete_message(self, memory: str, index: int) -> None:
        del self.lies[memory, index]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
async def test_a_report_that_is_announced_for_the_place_of_a_message_is_found_at_once(
    monkeypatch: pytest.MonkeyPatch, order: tuple[int, int]
) -> None:
    async def take_in(repository: object, line: object, pdus: list[RawPdu]) -> Taken:
        return Taken(len(pdus), len(pdus))

    monkeypatch.setattr(receiver_module, "take_in", take_in)
    modem = Kept()
    receiver = Receiver(cast(Driver, modem), cast(Repository, None), asyncio.Lock(), lambda: None, lambda fill: None)
    receiver._memories = ("SM", "SR")
    receiver._line = cast(LineRecord, object())
    receiver._sweep_wanted = False
    events = [MessageStored("SM", 1), ReportStored("SM", 1)]
    for number in order:
        receiver.on_event(events[number])
    running = asyncio.create_task(receiver.run(sweep_interval_s=3600))
    try:
        async with asyncio.timeout(10):
            while modem.lies:
                await asyncio.sleep(0.005)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
