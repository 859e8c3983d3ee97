"""How often the receiver looks through the memories."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from modemgw.at.commands import ACKNOWLEDGE
from modemgw.at.errors import CommandTimeout
from modemgw.domain.job import LineRecord
from modemgw.line import receiver as receiver_module
from modemgw.line.receiver import Receiver
from modemgw.line.timing import Timing
from modemgw.line.turn import Turn
from modemgw.modem.dialogue.acknowledge import AcknowledgementFailed
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    Driver,
    MessageStored,
    ReportStored,
    StorageFill,
    StoredPdu,
)
from modemgw.rules.incoming import RawPdu
from modemgw.service.receiving import Taken
from modemgw.store.repository import Repository
from modemsim.personality import load, names


class Empty:
    """A modem that keeps no message."""

    def __init__(self) -> None:
        self.looked = 0

    async def storage(self) -> list[StorageFill]:
        self.looked += 1
        return []

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        return None


async def test_a_modem_that_has_announced_nothing_yet_is_looked_through_more_often() -> None:
    modem = Empty()
    fills: list[tuple[Any, ...]] = []
    receiver = Receiver(
        cast(Driver, modem),
        cast(Repository, None),
        Turn(),
        lambda: None,
        lambda fill: fills.append(fill),
        Timing(unproved_sweep_s=0.02),
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
    receiver = Receiver(cast(Driver, modem), cast(Repository, None), Turn(), lambda: None, lambda fill: None)
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


class Busy(Kept):
    """A modem that keeps many messages, and notes what is asked of it."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.lies = {("SM", n): MESSAGE for n in range(count)}
        self.asked: list[str] = []

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        self.asked.append("read")
        await asyncio.sleep(0)
        return await super().read_message(memory, index)

    async def delete_message(self, memory: str, index: int) -> None:
        self.asked.append("delete")
        await asyncio.sleep(0)
        await super().delete_message(memory, index)


@pytest.mark.parametrize("announced", [True, False])
async def test_sending_keeps_its_share_however_much_comes_in(monkeypatch: pytest.MonkeyPatch, announced: bool) -> None:
    async def take_in(repository: object, line: object, pdus: list[RawPdu]) -> Taken:
        await asyncio.sleep(0)
        return Taken(len(pdus), len(pdus))

    async def send() -> None:
        while True:
            async with turn:
                modem.asked.append("send")
                await asyncio.sleep(0)

    monkeypatch.setattr(receiver_module, "take_in", take_in)
    modem, turn = Busy(100), Turn()
    receiver = Receiver(cast(Driver, modem), cast(Repository, None), turn, lambda: None, lambda fill: None)
    receiver._line, receiver._memories = LineRecord(1, "m0", None, None, None), ("SM",)
    for place in modem.lies if announced else ():
        receiver.on_event(MessageStored(*place))
    running = [asyncio.create_task(receiver.run(3600.0)), asyncio.create_task(send())]
    try:
        async with asyncio.timeout(10):
            while modem.lies:
                await asyncio.sleep(0)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    between = "".join(what[0] for what in modem.asked).split("s")
    assert max(len(some) for some in between) <= receiver_module.SHARE


FAILED = AcknowledgementFailed("no")


class HandsOver(Empty):
    """A modem that hands over, and takes acknowledgements as it is told."""

    def __init__(self, *ends: Exception | None) -> None:
        super().__init__()
        self.ends = list(ends)
        self.asked: list[str] = []

    async def _end(self, what: str) -> None:
        self.asked.append(what)
        error = self.ends.pop(0) if self.ends else None
        if error is not None:
            raise error

    async def acknowledge(self) -> None:
        await self._end("acknowledge")

    async def refuse(self) -> None:
        await self._end("refuse")


@contextlib.asynccontextmanager
async def handed(
    monkeypatch: pytest.MonkeyPatch, modem: Empty, *events: DirectMessage
) -> AsyncIterator[tuple[Receiver, asyncio.Task[None], list[str]]]:
    kept: list[str] = []

    async def take_in(repository: object, line: object, pdus: list[RawPdu]) -> Taken:
        kept.extend(pdu.hex for pdu in pdus)
        return Taken(len(pdus), len(pdus))

    monkeypatch.setattr(receiver_module, "take_in", take_in)
    timing = Timing(acknowledge_again_s=(0.01, 0.01, 0.01))
    receiver = Receiver(cast(Driver, modem), cast(Repository, None), Turn(), lambda: None, lambda fill: None, timing)
    receiver._line, receiver._needs_ack = LineRecord(1, "m0", None, None, None), True
    for event in events:
        receiver.on_event(event)
    running = asyncio.create_task(receiver.run(3600.0))
    try:
        yield receiver, running, kept
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(ready: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not ready():
            await asyncio.sleep(0.001)


class Keeps(Busy):
    """A modem that keeps many messages, and hands over a report in the midst of their reading and deleting."""

    def __init__(self, count: int, at: int, failures: int = 0) -> None:
        super().__init__(count)
        self.at, self.failures = at, failures
        self.hand_over: Callable[[], object] = lambda: None

    async def acknowledge(self) -> None:
        self.asked.append("acknowledge")
        self.failures -= 1
        if self.failures >= 0:
            raise FAILED

    def _told(self) -> None:
        if len(self.asked) == self.at:
            self.asked.append("handed over")
            self.hand_over()

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        self._told()
        return await super().read_message(memory, index)

    async def delete_message(self, memory: str, index: int) -> None:
        self._told()
        await super().delete_message(memory, index)


@pytest.mark.parametrize(("announced", "at"), [(False, 10), (True, 6), (True, 24)], ids=["swept", "read", "deleted"])
async def test_what_is_handed_over_waits_for_no_memory_to_be_emptied(
    monkeypatch: pytest.MonkeyPatch, announced: bool, at: int
) -> None:
    modem = Keeps(60, at)
    async with handed(monkeypatch, modem) as (receiver, _, kept):
        modem.hand_over = lambda: receiver.on_event(DirectReport(REPORT, None))
        receiver._memories = ("SM",)
        for place in list(modem.lies) if announced else ():
            receiver.on_event(MessageStored(*place))
        await until(lambda: not modem.lies)
        later = modem.asked[modem.asked.index("handed over") + 1 :]
        assert later.index("acknowledge") <= 2
        assert kept.count(REPORT) == later.count("acknowledge") == 1


async def test_an_acknowledgement_that_fails_meanwhile_holds_up_no_deleting(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = Keeps(60, 10, 2)
    async with handed(monkeypatch, modem) as (receiver, _, _):
        modem.hand_over = lambda: receiver.on_event(DirectReport(REPORT, None))
        receiver._memories = ("SM",)
        receiver._sweep_wanted = True
        await until(lambda: not modem.lies and not receiver._owed)
        assert modem.asked.count("acknowledge") == 3
        assert modem.asked.count("delete") == 60


async def test_an_acknowledgement_that_failed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = HandsOver(FAILED, FAILED, None)
    async with handed(monkeypatch, modem, DirectMessage(MESSAGE, None)) as (receiver, _, kept):
        await until(lambda: len(modem.asked) == 3 and not receiver._owed)
        assert kept == [MESSAGE]


async def test_an_acknowledgement_that_hung_is_made_again_by_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = HandsOver(CommandTimeout("AT+CNMA", 10))
    async with handed(monkeypatch, modem, DirectMessage(MESSAGE, None)) as (receiver, running, _):
        with pytest.raises(CommandTimeout):
            await running
        again = asyncio.create_task(receiver.run(3600.0))
        await until(lambda: modem.asked == ["acknowledge"] * 2 and not receiver._owed)
        again.cancel()


async def test_acknowledgements_that_go_on_failing_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = HandsOver(*[FAILED] * 10)
    async with handed(monkeypatch, modem, DirectMessage(MESSAGE, None)) as (_, running, _):
        with pytest.raises(AcknowledgementFailed):
            await running
        assert modem.asked == ["acknowledge"] * 4


async def test_what_came_damaged_is_kept_and_refused_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    modem = HandsOver()
    damaged = DirectMessage("0004_Z00", 4, whole=False)
    async with handed(monkeypatch, modem, damaged, damaged, damaged) as (receiver, _, kept):
        await until(lambda: len(modem.asked) == 3 and not receiver._owed)
        assert modem.asked == ["refuse", "refuse", "acknowledge"]
        assert kept == ["0004_Z00"] * 3


RESYNC_S = 2.0  # of a modem that answers
GIVES_UP_S = 15.0  # the shortest wait for an acknowledgement that a personality of the simulator has


def test_a_modem_that_takes_no_acknowledgement_is_set_up_anew_before_it_gives_up() -> None:
    """By then it would be deaf, and lose the reports that come meanwhile. One that hangs is asked twice."""
    assert sum(Timing().acknowledge_again_s) < GIVES_UP_S / 2 + 1
    assert 2 * ACKNOWLEDGE.timeout_s + RESYNC_S < GIVES_UP_S
    assert min(load(name).cnmi.ack_timeout_s for name in names()) >= GIVES_UP_S
