"""The gateway's door over a real store: accepted is durable and on its way, refused has left nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modemgw.domain.account import Account
from modemgw.domain.job import LineRecord
from modemgw.domain.message import Submission
from modemgw.domain.refusal import ClientRefUsed, Refusal, RefusalKind, StoreUnavailable
from modemgw.domain.requests import InboxQuery, MessageQuery
from modemgw.rules.incoming import RawPdu
from modemgw.service.accounts import Accounts
from modemgw.service.desk import Desk
from modemgw.service.dispatch import Dispatcher
from modemgw.service.receiving import take_in
from modemgw.service.timers import Timers
from modemgw.store.database import Store
from modemgw.store.repository import Repository
from tests.dialect_rig import full_disk, make_gateway
from tests.played_lines import PlayedLines
from tests.unit.store.desk import HOUR, START
from tests.unit.store.pdus import deliver, report

SHOP, OTHER = Account(1, "shop", password="x"), Account(2, "other", password="y")


class Rig:
    def __init__(self, store: Store) -> None:
        self.now = START
        self.store = store
        self.repository = Repository(store)
        self.dispatcher = Dispatcher(self.repository)
        self.timers = Timers(self.repository, self.dispatcher, lambda: self.now, partial_after_ms=HOUR)
        accounts = Accounts([SHOP, OTHER])
        desk = Desk(self.repository, accounts, lambda: self.now)
        self.core = make_gateway(store, self.dispatcher, self.timers, accounts, lambda: self.now, desk, PlayedLines())

    async def submit(self, text: str = "hello", **more: Any) -> int:
        return (await self.core.submit(SHOP, Submission(to="+79160000001", text=text, **more))).id

    async def take(self, line: str = "a") -> int:
        return (await asyncio.wait_for(self.dispatcher.take(line), 5)).id


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rigs: list[Rig] = []
    store = await Store.open(tmp_path / "m.db", lambda: rigs[0].now if rigs else START)
    rigs.append(Rig(store))
    await rigs[0].repository.ensure_accounts(["shop", "other"])
    yield rigs[0]
    await store.close()


async def test_accepted_is_durable_and_on_its_way(rig: Rig) -> None:
    message = await rig.submit()
    assert (await rig.core.message(SHOP, message)).state == "queued"
    assert await rig.take() == message


async def test_what_a_client_did_not_wait_for_is_sent_all_the_same(rig: Rig) -> None:
    waiting = asyncio.ensure_future(rig.dispatcher.take("a"))
    await asyncio.sleep(0.01)  # the line has looked and found nothing
    submitting = asyncio.ensure_future(rig.submit())
    await asyncio.sleep(0)
    submitting.cancel()
    await asyncio.gather(submitting, return_exceptions=True)
    assert (await asyncio.wait_for(waiting, 5)).text == "hello"


async def test_the_same_reference_is_not_sent_twice(rig: Rig) -> None:
    first, again = await rig.submit(client_ref="r"), await rig.submit(client_ref="r")
    assert first == again == await rig.take()
    assert await rig.submit("next") == await rig.take()


async def test_later_is_later(rig: Rig) -> None:
    later, now = await rig.submit(send_at=START + HOUR), await rig.submit()
    assert await rig.take() == now
    rig.now += HOUR
    await rig.timers.tick()
    assert await rig.take() == later


async def test_many_at_once_each_with_its_own_answer(rig: Rig) -> None:
    before = rig.store.commits
    many = [Submission(to="+79160000001" if n % 5 else "nobody", text=str(n)) for n in range(50)]
    results = await rig.core.submit_many(SHOP, many, each=True)
    assert [isinstance(result, Refusal) for result in results] == [n % 5 == 0 for n in range(50)]
    assert rig.store.commits - before == 1


async def test_one_that_is_bad_refuses_all_unless_each_is_told(rig: Rig) -> None:
    with pytest.raises(Refusal, match="nobody"):
        await rig.core.submit_many(SHOP, [Submission(to=to, text="x") for to in ("+79160000001", "nobody")])
    assert await rig.core.messages(MessageQuery(SHOP)) == []


async def test_the_whole_of_a_large_bulk_is_sent(rig: Rig) -> None:
    waiting = asyncio.ensure_future(rig.take())
    many = [Submission(to="+79160000001", text=str(n), send_at=START + HOUR if n % 2 else None) for n in range(600)]
    results = await rig.core.submit_many(SHOP, many)
    ids = [result.id for result in results if not isinstance(result, Refusal)]
    assert [await waiting] + [await rig.take() for _ in range(299)] == ids[::2]


async def test_a_bulk_that_nobody_waited_for_is_sent_all_the_same(rig: Rig) -> None:
    submitting = asyncio.ensure_future(
        rig.core.submit_many(SHOP, [Submission(to="+79160000001", text=str(n)) for n in range(3)])
    )
    await asyncio.sleep(0)
    submitting.cancel()
    await asyncio.gather(submitting, return_exceptions=True)
    assert [await rig.take() for _ in range(3)] == [1, 2, 3]


async def test_a_reference_that_stands_for_another_message(rig: Rig) -> None:
    first = await rig.submit(client_ref="order-7")
    with pytest.raises(ClientRefUsed) as refused:
        await rig.submit("shipped", client_ref="order-7")
    assert refused.value.message_id == first


async def test_refusals_at_the_door(rig: Rig) -> None:
    with pytest.raises(Refusal, match=r"There are: a, b\.") as refused:
        await rig.submit(line="c")
    assert refused.value.kind is RefusalKind.UNKNOWN_LINE
    rig.core.closing = True
    with pytest.raises(Refusal) as refused:
        await rig.submit()
    assert refused.value.kind is RefusalKind.UNAVAILABLE


async def test_a_store_that_would_not(rig: Rig) -> None:
    with full_disk(rig.store):
        tries = [await asyncio.gather(rig.submit("x" * 1500), return_exceptions=True) for _ in range(100)]
    refused = next(error for (error,) in tries if isinstance(error, BaseException))
    assert isinstance(refused, StoreUnavailable)
    assert "is full (" in str(refused)
    assert refused.kind is RefusalKind.UNAVAILABLE


async def test_cancel_and_what_others_may_not(rig: Rig) -> None:
    message = await rig.submit()
    for call in (rig.core.message(OTHER, message), rig.core.cancel(OTHER, message)):
        with pytest.raises(Refusal) as refused:
            await call
        assert refused.value.kind is RefusalKind.NOT_FOUND
    assert (await rig.core.cancel(SHOP, message)).state == "cancelled"


async def test_what_comes_in_is_stored_once_and_counted(rig: Rig) -> None:
    line_id = await rig.repository.ensure_line("a", imsi="25001", iccid=None, imei=None, number="+79990000000")
    line = LineRecord(line_id, "a", "25001", "+79990000000")
    pdus = [RawPdu(deliver("one"), "SM", 1), RawPdu(deliver("two"), "SM", 2), RawPdu(report(3)), RawPdu("zz", "ME", 0)]
    assert (await take_in(rig.repository, line, pdus)).new == 4
    assert (await take_in(rig.repository, line, pdus)).new == 0
    assert [view.text for view in await rig.core.inbox(InboxQuery(SHOP))] == ["one", "two", None]
    with pytest.raises(Refusal):
        await rig.core.inbox_item(SHOP, 99)


async def test_what_cannot_be_stored_stays_in_the_modem(rig: Rig) -> None:
    line_id = await rig.repository.ensure_line("a", imsi="25001", iccid=None, imei=None, number=None)
    pages = rig.store._connection.execute("PRAGMA page_count").fetchone()[0]
    rig.store._connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [RawPdu(deliver("x" * 160, seconds=n)) for n in range(300)]
    line = LineRecord(line_id, "a", None, None)
    with pytest.raises(StoreUnavailable):
        await take_in(rig.repository, line, many)
    assert await rig.core.inbox(InboxQuery(SHOP)) == []
    rig.store._connection.execute("PRAGMA max_page_count = 1000000")
    assert (await take_in(rig.repository, line, many)).new == 300
