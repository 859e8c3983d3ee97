"""Whose turn it is: shares of a turn of the loop, lanes, and what strangers pay for being looked at."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count

import pytest

from modemgw.servers.turns import KNOWN, LOOK_BACK, NEWCOMERS, REST, STRANGERS, Turns, turns


@dataclass
class Visitor:
    lane: str = "192.0.2.1"
    trusted: bool = False


SHOP, CRM = Visitor("account shop", True), Visitor("account crm", True)


class Cpu:
    """What the thread has computed, by hand."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    def __call__(self) -> float:
        return self.spent_s


def line(cpu: Cpu | None = None) -> Turns:
    return Turns(asyncio.get_running_loop(), cpu=cpu or Cpu())


@pytest.mark.parametrize(("visitor", "share"), [(SHOP, KNOWN), (Visitor(), STRANGERS)])
async def test_a_share_of_each_turn_of_the_loop_and_the_rest_to_others(visitor: Visitor, share: int) -> None:
    turns, loop = line(), asyncio.get_running_loop()
    lap, served = [0], []

    def others() -> None:
        lap[0] += 1
        if len(served) < 5 * share:
            loop.call_soon(others)

    loop.call_soon(others)
    taken = [turns.take(visitor) for _ in range(share + 3)]
    assert taken == [True] * share + [False] * 3
    for _ in range(5 * share):
        turns.wait(visitor, lambda: served.append(lap[0]))
    while len(served) < 5 * share:
        await asyncio.sleep(0)
    assert max(served.count(n) for n in served) <= share
    assert len(set(served)) >= 5


async def test_nobody_passes_those_who_wait() -> None:
    turns = line()
    order: list[int] = []
    while turns.take(SHOP):
        pass
    for n in range(3):
        turns.wait(SHOP, lambda n=n: order.append(n))  # type: ignore[misc]
    assert not turns.take(SHOP)
    while len(order) < 3:
        await asyncio.sleep(0)
    assert order == [0, 1, 2]


async def test_an_account_has_its_turn_however_many_wait_for_another() -> None:
    turns = line()
    numbers, mine = count(), []
    for _ in range(500):
        turns.wait(SHOP, lambda: next(numbers))
    turns.wait(CRM, lambda: mine.append(next(numbers)))
    while not mine:
        await asyncio.sleep(0)
    assert mine[0] < KNOWN


async def test_strangers_wait_for_a_multiple_of_what_they_cost() -> None:
    cpu = Cpu()
    turns, loop = line(cpu), asyncio.get_running_loop()
    assert turns.take(Visitor())
    cpu.spent_s += 0.02  # in the turn that looks at it
    begun = loop.time()
    for _ in range(LOOK_BACK + 1):
        await asyncio.sleep(0)
    assert turns.take(SHOP)  # who is known waits for nobody's debts
    async with asyncio.timeout(5):
        await turns.turn(Visitor("192.0.2.2"))
    assert loop.time() - begun >= 0.02 * REST * 0.9


async def test_known_ones_are_served_all_the_while() -> None:
    turns = line()
    turns.charge(1.0)
    waiting = asyncio.create_task(turns.turn(Visitor()))
    async with asyncio.timeout(0.5):
        for _ in range(50 * KNOWN):
            await turns.turn(SHOP)
    assert not waiting.done()
    waiting.cancel()


async def test_whose_piece_proves_to_be_a_clients_pays_nothing() -> None:
    cpu = Cpu()
    turns = line(cpu)
    client = Visitor()
    assert turns.take(client)
    client.trusted = True
    cpu.spent_s += 1.0
    for _ in range(5):
        await asyncio.sleep(0)
    assert turns.take(Visitor("192.0.2.2"))


async def test_all_doors_of_a_loop_share_one_line() -> None:
    assert turns() is turns()


async def test_doors_let_in_whoever_comes_whatever_others_owe() -> None:
    turns, lap = line(), 0
    turns.charge(2.0)
    entered: list[int] = []

    async def door() -> None:
        for _ in range(3 * NEWCOMERS):
            await turns.newcomer()
            entered.append(lap)

    work = asyncio.gather(door(), door())
    while not work.done():
        await asyncio.sleep(0)
        lap += 1
    assert len(entered) == 6 * NEWCOMERS
    assert max(entered.count(n) for n in entered) <= NEWCOMERS + 1
    assert lap < 100
