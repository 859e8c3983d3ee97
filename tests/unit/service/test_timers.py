"""What happens by the clock: in time, in order, and after a store that would not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from modemgw.domain.job import NextTimes
from modemgw.domain.refusal import StoreUnavailable
from modemgw.service import timers as timers_module
from modemgw.service.dispatch import Dispatcher
from modemgw.service.timers import Timers
from modemgw.store.repository import Repository


class Store:
    """Records what it is asked to do; `at` has the next times of: due, expiry, doubt, partial, settled."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self.at: list[int | None] = [None] * 5
        self.did: list[str] = []
        self.expired = [3]
        self.ready: list[list[tuple[int, int, str]]] = []
        self.resent = [7]
        self.broken = 0
        self.looks = 0

    def _do(self, name: str, place: int) -> None:
        if self.broken:
            self.broken -= 1
            raise StoreUnavailable("The disk is full.")
        self.did.append(name)
        self.at[place] = None

    async def next_times(self) -> NextTimes:
        self.looks += 1
        return NextTimes(*self.at)

    async def expire(self) -> list[int]:
        self._do("expire", 1)
        return list(range(self.expired.pop(0) if self.expired else 0))

    async def promote(self) -> list[tuple[int, int, str]]:
        self._do("promote", 0)
        return self.ready.pop(0) if self.ready else []

    async def settle_doubt(self) -> list[int]:
        self._do("doubt", 2)
        return self.resent

    async def any_expired_record(self, now: int) -> bool:
        return False

    async def show_partials(self, before: int) -> list[int]:
        self._do(f"partials {before}", 3)
        return []


class Line:
    """A dispatcher that is only told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def offer(self, message: int, priority: int, line: str) -> None:
        self.told.append((message, priority, line))

    def refresh(self) -> None:
        self.told.append("refresh")


def make(store: Store, line: Line) -> Timers:
    return Timers(cast(Repository, store), cast(Dispatcher, line), lambda: store.now, partial_after_ms=5000)


async def test_nothing_is_due() -> None:
    store, line = Store(), Line()
    store.at = [store.now + 1, store.now + 1, store.now + 1, store.now - 4999]
    await make(store, line).tick()
    assert (store.did, line.told) == ([], [])


async def test_everything_is_due() -> None:
    store, line = Store(), Line()
    store.at = [store.now, store.now, store.now, store.now - 5000]
    store.ready = [[(1, 5, ""), (2, 0, "a")], [(3, 0, "")]]
    await make(store, line).tick()
    assert store.did == ["expire", "expire", "promote", "promote", "promote", "doubt", f"partials {store.now - 5000}"]
    assert line.told == [(1, 5, ""), (2, 0, "a"), (3, 0, ""), "refresh"]


async def test_many_that_expire_at_once_all_do() -> None:
    store = Store()
    store.at[1], store.expired = store.now, [500, 500, 12]
    await make(store, Line()).tick()
    assert store.did == ["expire"] * 4


async def test_what_is_held_tells_no_line() -> None:
    store, line = Store(), Line()
    store.at[2], store.resent = store.now, []
    await make(store, line).tick()
    assert (store.did, line.told) == (["doubt"], [])


class Awake:
    """Timers that run; a real clock runs the sleeping, so times are short."""

    def __init__(self, store: Store, line: Line) -> None:
        self.timers = make(store, line)
        self.task = asyncio.ensure_future(self.timers.run())

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not look():
                await asyncio.sleep(0.001)

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_it_sleeps_until_something_is_durable_that_is_due() -> None:
    store, line = Store(), Line()
    awake = Awake(store, line)
    await awake.until(lambda: store.looks >= 2)
    looks = store.looks
    for _ in range(20):
        await asyncio.sleep(0)
    assert store.looks == looks  # nothing polls the store
    store.at[0], store.ready = store.now, [[(9, 0, "")]]
    awake.timers.wake_by(store.now)
    await awake.until(lambda: line.told == [(9, 0, "")])
    await awake.stop()


async def test_something_sooner_is_not_slept_past() -> None:
    store, line = Store(), Line()
    store.at[0] = store.now + 20_000
    awake = Awake(store, line)
    await awake.until(lambda: store.looks >= 2)
    awake.timers.wake_by(store.now + 10_000)  # sooner than it knows, but not yet
    await asyncio.sleep(0)
    store.at[2] = store.now + 5
    awake.timers.wake_by(store.now + 5)
    store.now += 5
    await awake.until(lambda: "doubt" in store.did)
    await awake.stop()


async def test_a_store_that_would_not_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers_module, "RETRY_MS", 1)
    store, line = Store(), Line()
    store.at[2], store.broken = store.now, 3
    awake = Awake(store, line)

    async def clock() -> None:
        while True:
            store.now += 1
            await asyncio.sleep(0)

    ticking = asyncio.ensure_future(clock())
    await awake.until(lambda: store.did == ["doubt"])
    assert not awake.task.done()
    ticking.cancel()
    await awake.stop()


async def test_a_clock_set_back_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timers_module, "LONGEST_SLEEP_MS", 20)
    store, line = Store(), Line()
    store.at[0] = store.now + 10
    awake = Awake(store, line)
    await awake.until(lambda: store.looks >= 2)
    store.now -= 3_600_000  # what was due in 10 ms is due in an hour
    looks = store.looks
    await awake.until(lambda: store.looks > looks + 1)  # it looks again all the same
    await awake.stop()
