"""The queue of callbacks: its plans, its order within streams, its cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from modemgw.domain.callback import CallbackRequest, CallbackState, NewCallback, Note
from modemgw.store.callbacks import HEAD, HOSTS, NEXT, CallbackQueue
from modemgw.store.database import Store
from modemgw.store.repository import Repository

NOW = 1_800_000_000_000


class Bench:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.queue = CallbackQueue(store)

    async def add(self, *streams: str, host: str = "a:80", before: int = 0, cursor: int = 0) -> None:
        new = [
            NewCallback(1, "native", stream, host, True, CallbackRequest(f"http://{host}/", stream), 1, None, 1)
            for stream in streams
        ]
        await self.queue.feed(before, cursor, new, [])

    async def due(self, limit: int = 100) -> list[int]:
        page = await self.queue.due(NOW, {}, limit)
        return sorted(call.id for calls in page.hosts.values() for call in calls)

    async def plan(self, sql: str, *values: object) -> str:
        rows = await self.store.read(lambda con: con.execute("EXPLAIN QUERY PLAN " + sql, values).fetchall())
        return " ".join(row[3] for row in rows)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await Store.open(tmp_path / "modemgw.db", lambda: NOW)
    await Repository(store).ensure_accounts(["shop", "other"])
    await CallbackQueue(store).begin({1: "http://a/"}, [1])
    yield Bench(store)
    await store.close()


async def test_the_hot_queries_walk_the_index(bench: Bench) -> None:
    for sql, values in ((HEAD, ("a", 1, 1)), (NEXT, ("a", 1)), (HOSTS, ())):
        plan = await bench.plan(sql, *values)
        assert "callbacks_due" in plan
        assert "SCAN callbacks " not in plan.replace("SCAN callbacks USING COVERING INDEX callbacks_due", "")
        assert "TEMP B-TREE" not in plan


async def test_only_the_first_of_a_stream_is_due(bench: Bench) -> None:
    await bench.add("x", "x", "y", "x")
    assert await bench.due() == [1, 3]
    await bench.queue.settle(1, CallbackState.WAITING, due_at=NOW + 5, status=500, error="No.")
    assert await bench.due() == [3]
    await bench.queue.settle(1, CallbackState.DONE, due_at=None, status=200, error=None)
    assert await bench.due() == [2, 3]
    await bench.queue.settle(2, CallbackState.FAILED, due_at=None, status=None, error="No.")
    assert await bench.due() == [3, 4]
    await bench.add("x")
    assert await bench.due() == [3, 4]


async def test_an_earlier_one_that_is_replayed_goes_first_again(bench: Bench) -> None:
    await bench.add("x", "x")
    await bench.queue.settle(1, CallbackState.DONE, due_at=None, status=200, error=None)
    assert await bench.due() == [2]
    assert await bench.queue.replay_some(1, 0, id=1, failed=False, since=None) == (1, 1)
    assert await bench.due() == [1]
    # the second was under way: its failure does not let it overtake
    await bench.queue.settle(2, CallbackState.WAITING, due_at=NOW, status=500, error="No.")
    assert await bench.due() == [1]
    assert await bench.queue.replay_some(2, 0, id=1, failed=False, since=None) == (0, 0)


async def test_thousands_are_replayed(bench: Bench) -> None:
    await bench.add(*(str(n) for n in range(4500)))
    await bench.store.write(lambda tx: tx.execute("UPDATE callbacks SET state = 'failed', due_at = NULL, ended_at = 1"))
    count, after = 0, 0
    while (more := await bench.queue.replay_some(1, after, id=None, failed=True, since=None))[0]:
        count, after = count + more[0], more[1]
    assert count == 4500
    assert len(await bench.due(10_000)) == 4500


async def test_a_batch_is_queued_once(bench: Bench) -> None:
    await bench.add("x", before=0, cursor=10)
    await bench.add("x", before=0, cursor=10)
    assert [view.id for view in await bench.queue.views(1, None, 0, 10)] == [1]
    assert (await bench.queue.begin({1: "http://a/"}, [1])).cursor == 10


async def test_requests_and_notes_are_written_with_the_cursor_or_not_at_all(bench: Bench) -> None:
    bad = NewCallback(99, "native", "x", "a:80", True, CallbackRequest("http://a/", "x"), 1, None, 1)
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await bench.queue.feed(0, 10, [bad], [Note("callback.ignored", 1, None, None, {})])
    assert (await bench.queue.begin({1: "http://a/"}, [1])).cursor == 0
    assert await bench.store.read(lambda con: con.execute("SELECT count(*) FROM events").fetchone()[0]) == 0


async def test_what_had_no_answer_is_released_and_what_had_one_waits(bench: Bench) -> None:
    await bench.add("x", "y")
    await bench.add("z", host="b:80")
    for id, status in ((1, None), (2, 500), (3, None)):
        await bench.queue.settle(id, CallbackState.WAITING, due_at=NOW + 1000, status=status, error="No.")
    assert await bench.due() == []
    assert (await bench.queue.due(NOW, {}, 1)).next_at == NOW + 1000
    assert await bench.queue.release("a:80") == 1
    assert await bench.due() == [1]


async def test_an_account_that_is_gone_is_called_no_more(bench: Bench) -> None:
    await bench.add("x", "x")
    await bench.queue.begin({2: None}, [])
    assert await bench.due() == []
    assert {view.state for view in await bench.queue.views(1, None, 0, 10)} == {CallbackState.DROPPED}
