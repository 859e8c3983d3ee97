"""Which message goes next: as a sorted list would say, though only a few heads of it are in memory."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modemgw.domain.job import Job, job_of
from modemgw.rules.routing import Choice, Route, Way, lane_of
from modemgw.service import dispatch
from modemgw.service.dispatch import Dispatcher
from modemgw.service.routing import Routing
from modemgw.store.repository import Repository
from tests.unit.store.desk import PLAIN

BLANK = job_of(PLAIN, 0, 0)


def job(message: int, priority: int = 0, line: str = "", queued: tuple[int, ...] = (1,)) -> Job:
    return replace(BLANK, id=message, priority=priority, line=line, queued=queued)


class Queue:
    """The store as the dispatcher sees it: a list, and reads that take `pace()` turns of the loop."""

    def __init__(self, pace: Any = lambda: 0) -> None:
        self.jobs: dict[int, Job] = {}
        self.pace = pace
        self.claims = 0
        self.reads = 0

    def put(self, *jobs: Job) -> None:
        self.jobs.update((job.id, job) for job in jobs)

    def order(self, *lines: str) -> list[int]:
        ready = [job for job in self.jobs.values() if job.line in lines]
        return [job.id for job in sorted(ready, key=lambda job: (-job.priority, job.id))]

    async def claim(self, line: str, limit: int) -> list[Job]:
        self.claims += 1
        before, after = self.pace(), self.pace()
        for _ in range(before):
            await asyncio.sleep(0)
        found = [self.jobs[message] for message in self.order(line)[:limit]]
        for _ in range(after):
            await asyncio.sleep(0)
        return found

    async def job(self, message: int) -> Job | None:
        self.reads += 1
        for _ in range(self.pace()):
            await asyncio.sleep(0)
        return self.jobs.get(message)


@pytest.fixture(autouse=True)
def _small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "WINDOW", 4)


def dispatcher(queue: Queue) -> Dispatcher:
    return Dispatcher(cast(Repository, queue))


async def take(dispatcher: Dispatcher, line: str = "a") -> Job:
    return await asyncio.wait_for(dispatcher.take(line), 5)


async def idle() -> None:
    """Let everything that can go on go on."""
    for _ in range(50):
        await asyncio.sleep(0)


# -- by hand ----------------------------------------------------------------------------------------------


async def test_what_was_there_before_the_start_is_taken_in_order() -> None:
    queue = Queue()
    queue.put(*(job(number, priority=number % 3) for number in range(1, 31)))
    sender = dispatcher(queue)
    expected, taken = queue.order(""), []
    for _ in range(30):
        head = await take(sender)
        taken.append(head.id)
        del queue.jobs[head.id]
        sender.release(head.id)
    assert taken == expected
    assert queue.claims <= 17  # a claim brings as much as a window holds, and half a window is left then


async def test_an_offered_message_needs_no_look_into_the_store() -> None:
    queue = Queue()
    sender = dispatcher(queue)
    waiting = asyncio.ensure_future(take(sender))
    await idle()
    claims = queue.claims
    for number in range(1, 6):
        queue.put(job(number))
        sender.offer(number, 0, "", queue.jobs[number])
        head = await waiting
        del queue.jobs[head.id]
        sender.release(head.id)
        assert head.id == number
        waiting = asyncio.ensure_future(take(sender))
        await idle()
    waiting.cancel()
    assert (queue.claims - claims, queue.reads) == (0, 0)


async def test_an_urgent_message_overtakes_what_is_in_memory() -> None:
    queue = Queue()
    queue.put(*(job(number) for number in range(1, 20)))
    sender = dispatcher(queue)
    first = await take(sender)
    queue.put(job(99, priority=9))
    sender.offer(99, 9, "", queue.jobs[99])
    assert [first.id, (await take(sender)).id] == [1, 99]


async def test_a_line_gets_its_own_among_those_for_any() -> None:
    queue = Queue()
    queue.put(job(1), job(2, line="a"), job(3, priority=5, line="b"), job(4, line="a"), job(5))
    sender = dispatcher(queue)
    assert [(await take(sender, "a")).id for _ in range(4)] == [1, 2, 4, 5]
    assert (await take(sender, "b")).id == 3


async def test_no_message_goes_to_two_lines() -> None:
    queue = Queue(pace=lambda: 3)
    queue.put(*(job(number) for number in range(1, 9)))
    sender = dispatcher(queue)
    heads = await asyncio.gather(*(take(sender, line) for line in "abcdefgh"))
    assert sorted(head.id for head in heads) == list(range(1, 9))


async def test_more_lines_than_a_window_holds_all_get_something() -> None:
    queue = Queue(pace=lambda: 2)
    queue.put(*(job(number) for number in range(1, 41)))
    sender = dispatcher(queue)
    heads = await asyncio.gather(*(take(sender, f"line {number}") for number in range(40)))
    assert len({head.id for head in heads}) == 40


async def test_what_becomes_ready_while_a_line_has_it_is_taken_again() -> None:
    queue = Queue()
    queue.put(job(1))
    sender = dispatcher(queue)
    assert (await take(sender)).id == 1
    queue.put(job(1, queued=(2,)))
    sender.offer(1, 0, "")
    other = asyncio.ensure_future(take(sender, "b"))
    await idle()
    assert not other.done()
    sender.release(1)
    assert (await other).queued == (2,)


async def test_what_is_not_to_be_sent_any_more_is_passed_over() -> None:
    queue = Queue()
    sender = dispatcher(queue)
    waiting = asyncio.ensure_future(take(sender))
    await idle()
    queue.put(job(2, queued=()), job(3))  # and 1 is gone
    for number in (1, 2, 3):
        sender.offer(number, 0, "")
    assert (await waiting).id == 3


async def test_a_message_that_has_come_to_belong_to_a_line_waits_for_that_line() -> None:
    queue = Queue()
    sender = dispatcher(queue)
    lines = {name: asyncio.ensure_future(take(sender, name)) for name in "ab"}
    await idle()
    queue.put(job(1, line="b"))
    sender.offer(1, 0, "")  # told as for anybody
    await idle()
    assert (lines["a"].done(), (await lines["b"]).id) == (False, 1)
    lines["a"].cancel()


async def test_what_a_slow_read_saw_of_a_message_that_was_sent_meanwhile_is_forgotten() -> None:
    gate = asyncio.Event()

    class Slow(Queue):
        async def claim(self, line: str, limit: int) -> list[Job]:
            found = await super().claim(line, limit)
            if not line:
                await gate.wait()
            return found

    queue = Slow()
    sender = dispatcher(queue)
    gate.set()
    waiting = asyncio.ensure_future(take(sender))
    await idle()
    queue.put(job(1))
    sender.offer(1, 0, "", queue.jobs[1])
    assert (await waiting).id == 1
    gate.clear()
    sender.refresh()
    second = asyncio.ensure_future(take(sender, "b"))
    await idle()  # has read message 1 as ready, and hangs
    sender.release(1)
    del queue.jobs[1]
    gate.set()
    await idle()
    assert not second.done()
    second.cancel()


async def test_a_refresh_finds_what_nobody_offered() -> None:
    queue = Queue()
    sender = dispatcher(queue)
    waiting = asyncio.ensure_future(take(sender))
    await idle()
    queue.put(job(7))
    sender.refresh()
    assert (await waiting).id == 7


async def test_a_line_that_is_not_up_yet_finds_what_was_offered_before() -> None:
    queue = Queue()
    sender = dispatcher(queue)
    queue.put(job(1, line="later"))
    sender.offer(1, 0, "later", queue.jobs[1])
    assert (await take(sender, "later")).id == 1


@pytest.mark.parametrize("turns", range(12))
async def test_a_line_that_gives_up_waiting_takes_nothing_along(turns: int) -> None:
    queue = Queue(pace=lambda: 2)
    queue.put(job(1), job(2))
    sender = dispatcher(queue)
    for number in (1, 2):
        sender.offer(number, 0, "")
    leaving = asyncio.ensure_future(sender.take("a"))
    for _ in range(turns):
        await asyncio.sleep(0)
    if leaving.done():
        sender.release(leaving.result().id)
        sender.offer(leaving.result().id, 0, "")
    else:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    assert {(await take(sender, "b")).id, (await take(sender, "b")).id} == {1, 2}


async def test_a_look_into_the_store_serves_those_that_come_while_it_lasts() -> None:
    queue = Queue(pace=lambda: 5)
    queue.put(job(1))
    sender = dispatcher(queue)
    leaving = asyncio.ensure_future(sender.take("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    leaving.cancel()  # and its look goes on
    assert (await take(sender, "a")).id == 1


async def test_a_store_that_cannot_be_read_is_asked_again() -> None:
    class Broken(Queue):
        broken = True

        async def claim(self, line: str, limit: int) -> list[Job]:
            if self.broken:
                raise OSError("disk")
            return await super().claim(line, limit)

    queue = Broken()
    queue.put(job(1))
    sender = dispatcher(queue)
    with pytest.raises(OSError, match="disk"):
        await take(sender)
    queue.broken = False
    assert (await take(sender)).id == 1


async def test_memory_is_bounded_however_many_are_offered() -> None:
    queue = Queue()
    sender = dispatcher(queue)
    waiting = asyncio.ensure_future(take(sender, "a"))
    await idle()
    for number in range(1, 2001):
        queue.put(job(number, priority=number % 7))
        sender.offer(number, number % 7, "", queue.jobs[number])
    window = sender._windows[""]
    assert len(window.heap) == len(window.jobs) <= 4 * dispatch.WINDOW + 1
    first = await waiting
    expected = queue.order("")
    assert first.id == expected[0]
    del queue.jobs[first.id]
    assert [(await take(sender)).id for _ in range(30)] == expected[1:31]


# -- against a sorted list --------------------------------------------------------------------------------

LINES = ("a", "b", "c")

step = st.one_of(
    st.tuples(st.just("offer"), st.integers(-2, 2), st.sampled_from(("", "", "", "a", "b")), st.booleans()),
    st.tuples(st.just("take"), st.sampled_from(LINES)),
    st.tuples(st.just("done"), st.integers(0, 9)),
    st.tuples(st.just("again"), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
)


@settings(max_examples=150)
@given(st.lists(step, min_size=10, max_size=80), st.integers(0, 12))
def test_the_next_is_always_the_first_of_a_sorted_list(steps: list[tuple[Any, ...]], before: int) -> None:
    async def run() -> None:
        queue = Queue()
        queue.put(*(job(number, priority=number % 2) for number in range(1, before + 1)))
        sender = dispatcher(queue)
        numbers = iter(range(before + 1, 1000))
        held: list[Job] = []
        for name, *how in steps:
            if name == "offer":
                priority, line, with_job = how
                number = next(numbers)
                queue.put(job(number, priority, line))
                sender.offer(number, priority, line, queue.jobs[number] if with_job else None)
            elif name == "take":
                (line,) = how
                expected = [n for n in queue.order("", line) if n not in {h.id for h in held}]
                if not expected:
                    continue
                head = await take(sender, line)
                assert head.id == expected[0]
                held.append(head)
            elif name == "cancel":
                waiting = [n for n in queue.jobs if n not in {h.id for h in held}]
                if waiting:
                    # as if it had been offered without its job: the store is asked
                    number = waiting[how[0] % len(waiting)]
                    for window in sender._windows.values():
                        if number in window.jobs:
                            window.jobs[number] = None
                    del queue.jobs[number]
            elif held:
                head = held.pop(how[0] % len(held))
                if name == "again":
                    sender.offer(head.id, head.priority, head.line)
                else:
                    del queue.jobs[head.id]
                sender.release(head.id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "WINDOW", 3)
        asyncio.run(run())


@settings(max_examples=60)
@given(st.integers(0, 1 << 32), st.integers(1, 5))
def test_under_every_race_each_message_goes_once_and_none_is_left(seed: int, lines: int) -> None:
    """Lines that take, fail and give back while others offer, cancel waiting and refresh; reads of any pace."""
    chance = random.Random(seed)

    async def run() -> None:
        queue = Queue(pace=lambda: chance.randrange(4))
        sender = dispatcher(queue)
        names = [f"line {number}" for number in range(lines)]
        done: list[int] = []
        total = 60

        async def line(name: str) -> None:
            while len(done) < total:
                taking = asyncio.ensure_future(sender.take(name))
                if chance.random() < 0.1:
                    for _ in range(chance.randrange(6)):
                        await asyncio.sleep(0)
                    if not taking.done():
                        taking.cancel()
                        await asyncio.gather(taking, return_exceptions=True)
                        continue
                head = await taking
                assert head.line in ("", name)
                for _ in range(chance.randrange(5)):
                    await asyncio.sleep(0)
                if chance.random() < 0.3:
                    sender.offer(head.id, head.priority, head.line)
                else:
                    done.append(head.id)
                    del queue.jobs[head.id]
                sender.release(head.id)

        async def doors() -> AsyncIterator[int]:
            for number in range(1, total + 1):
                made = job(number, chance.randrange(3), chance.choice(["", "", *names]))
                queue.put(made)
                sender.offer(number, made.priority, made.line, chance.choice([made, None]))
                if chance.random() < 0.1:
                    sender.refresh()
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                yield number

        tasks = [asyncio.ensure_future(line(name)) for name in names]
        async for _ in doors():
            pass
        async with asyncio.timeout(5):
            while len(done) < total:
                await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert sorted(done) == list(range(1, total + 1))
        assert not queue.jobs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "WINDOW", 3)
        asyncio.run(run())


# -- lanes ------------------------------------------------------------------------------------------------


class Clocked:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


def routed(queue: Queue, route: Route, clock: Clocked, *names: str) -> tuple[Dispatcher, Routing, set[str]]:
    """A dispatcher with one route over lines of which those in the set are ready."""
    ready = set(names)
    kinds = {name: "upstream" if name.startswith("up") else "sim" for name in names}
    routing = Routing([], route, lambda: [Way(name, kind, name in ready) for name, kind in kinds.items()], clock)
    return Dispatcher(cast(Repository, queue), routing, clock), routing, ready


def since(message: int, accepted_at: int, line: str = "", priority: int = 0) -> Job:
    return replace(job(message, priority, line), validity_s=86_400, expires_at=accepted_at + 86_400_000)


DEFAULT = Route("", (("sim:*",), ("up",)), max_wait_s=60)


async def test_what_has_waited_for_the_first_tier_goes_through_the_next() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, ready = routed(queue, DEFAULT, clock, "a", "up")
    queue.put(since(1, clock.now))
    sender.offer(1, 0, "", queue.jobs[1])
    waiting = asyncio.ensure_future(take(sender, "up"))
    await idle()
    assert not waiting.done()
    ready.discard("a")
    routing.changed()
    sender.reconsider()
    await idle()
    assert not waiting.done()  # it has not waited for a minute
    clock.now += 60_001
    sender.reconsider()
    assert (await waiting).id == 1


async def test_a_line_that_waits_for_a_time_wakes_by_itself() -> None:
    queue, clock = Queue(), Clocked()
    route = replace(DEFAULT, max_wait_s=0.05)
    sender, routing, ready = routed(queue, route, clock, "a", "up")
    ready.discard("a")
    routing.changed()
    queue.put(since(1, clock.now))
    sender.offer(1, 0, "", queue.jobs[1])
    waiting = asyncio.ensure_future(take(sender, "up"))
    await idle()
    assert not waiting.done()
    clock.now += 51
    assert (await waiting).id == 1


async def test_what_only_the_store_knows_is_read_before_its_time_is_judged() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, ready = routed(queue, DEFAULT, clock, "a", "up")
    ready.discard("a")
    routing.changed()
    waiting = asyncio.ensure_future(take(sender, "up"))
    await idle()
    queue.put(since(1, clock.now), since(2, clock.now - 61_000))
    sender.offer(1, 0, "")
    sender.offer(2, 0, "")
    assert (await waiting).id == 2


async def test_many_that_may_not_be_taken_yet_keep_nobody_busy() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, ready = routed(queue, DEFAULT, clock, "a", "up")
    ready.discard("a")
    routing.changed()
    queue.put(*(since(number, clock.now) for number in range(1, 200)))
    waiting = asyncio.ensure_future(take(sender, "up"))
    await idle()
    claims = queue.claims
    await idle()
    assert queue.claims == claims
    assert not waiting.done()
    waiting.cancel()


async def test_a_line_that_stood_back_for_another_takes_what_that_leaves() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, _ = routed(queue, DEFAULT, clock, "a", "b")
    routing.sent("a", "+79160000009", 50)  # b's turn, for long
    waiting = [asyncio.ensure_future(take(sender, name)) for name in "ab"]
    await idle()
    queue.put(*(since(number, clock.now) for number in range(1, 60)))
    sender.refresh()
    assert {job.id for job in await asyncio.gather(*waiting)} == {1, 2}


async def test_lines_that_wait_share_as_the_route_says() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, _ = routed(queue, DEFAULT, clock, "a", "b", "c")
    counts = {"a": 0, "b": 0, "c": 0}
    waiting = {name: asyncio.ensure_future(take(sender, name)) for name in counts}
    await idle()
    for number in range(1, 31):
        queue.put(since(number, clock.now))
        sender.offer(number, 0, "", queue.jobs[number])
        done, _ = await asyncio.wait(waiting.values(), return_when=asyncio.FIRST_COMPLETED)
        assert len(done) == 1
        name = next(name for name, task in waiting.items() if task in done)
        counts[name] += 1
        routing.sent(name, "+7900")
        del queue.jobs[number]
        sender.release(number)
        waiting[name] = asyncio.ensure_future(take(sender, name))
        await idle()
    for task in waiting.values():
        task.cancel()
    assert counts == {"a": 10, "b": 10, "c": 10}


async def test_a_recipient_keeps_the_line_that_wrote_to_him_though_others_wait() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, ready = routed(queue, replace(DEFAULT, choice=Choice.STICKY), clock, "a", "b")
    message = since(1, clock.now)
    routing.known(message.recipient, "b")
    queue.put(message)
    waiting = asyncio.ensure_future(take(sender, "a"))
    await idle()
    sender.offer(1, 0, "", message)
    await idle()
    assert not waiting.done()
    assert (await take(sender, "b")).id == 1
    sender.release(1)
    sender.offer(1, 0, "", message)
    ready.discard("b")  # its line is away: any other
    routing.changed()
    sender.reconsider()
    assert (await waiting).id == 1


async def test_a_line_that_failed_a_message_leaves_it_to_the_others() -> None:
    queue, clock = Queue(), Clocked()
    route = Route("", (("a", "b"), ("up",)))
    sender, routing, _ = routed(queue, route, clock, "a", "b", "up")
    message = since(1, clock.now)
    queue.put(message)
    assert (await take(sender, "a")).id == 1
    assert routing.next_lane("", "a", sender.failed(1, "a")) == ""
    sender.release(1)
    sender.offer(1, 0, "", message)
    again = asyncio.ensure_future(take(sender, "a"))
    await idle()
    assert not again.done()
    assert (await take(sender, "b")).id == 1
    assert routing.next_lane("", "b", sender.failed(1, "b")) == lane_of("", 1)
    sender.release(1)
    queue.put(replace(message, line=lane_of("", 1)))
    sender.offer(1, 0, lane_of("", 1), queue.jobs[1])
    assert (await take(sender, "up")).id == 1
    again.cancel()


async def test_what_waits_for_a_route_that_is_gone_is_not_forgotten() -> None:
    queue, clock = Queue(), Clocked()
    sender, routing, _ = routed(queue, DEFAULT, clock, "a", "up")
    queue.put(since(1, clock.now, lane_of("old", 2)))
    routing.adopt(["", "a", lane_of("old", 2), lane_of("", 1)])
    assert (await take(sender, "a")).id == 1


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
async def test_whatever_lines_come_and_go_every_message_is_taken_once(chance: random.Random) -> None:
    pace = random.Random(chance.randrange(1 << 30))  # of its own: a refill may outlive the example
    queue, clock = Queue(lambda: pace.randrange(3)), Clocked()
    route = Route("", (("a", "b"), ("up", "up2")), max_wait_s=1)
    sender, routing, ready = routed(queue, route, clock, "a", "b", "up", "up2")
    taken: list[int] = []

    async def serve(name: str) -> None:
        while True:
            found = await sender.take(name)
            assert name in ready or found.line == name
            taken.append(found.id)
            del queue.jobs[found.id]
            await asyncio.sleep(0)
            sender.release(found.id)

    serving: dict[str, asyncio.Task[None]] = {}

    async def switch(name: str, on: bool) -> None:
        task = serving.pop(name, None)
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        (ready.add if on else ready.discard)(name)
        routing.changed()
        if on:
            serving[name] = asyncio.ensure_future(serve(name))
        sender.reconsider()

    for name in ("a", "b", "up", "up2"):
        await switch(name, chance.random() < 0.5)
    for number in range(1, 121):
        lane = chance.choice(["", "", lane_of("", 1)])
        queue.put(since(number, clock.now, lane, chance.randrange(3)))
        sender.offer(number, queue.jobs[number].priority, lane, chance.choice([None, queue.jobs[number]]))
        if chance.random() < 0.3:
            await switch(chance.choice(["a", "b", "up", "up2"]), chance.random() < 0.5)
        clock.now += chance.randrange(300)
        await asyncio.sleep(0)
    for name in ("a", "b", "up", "up2"):
        await switch(name, True)
    clock.now += 10_000
    sender.reconsider()
    async with asyncio.timeout(10):
        while queue.jobs:
            await asyncio.sleep(0)
    for name in list(serving):
        await switch(name, False)
    assert sorted(taken) == list(range(1, 121))
