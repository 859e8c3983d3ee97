"""The writer: one thread, many operations a COMMIT, and what it does when the disk does not take them."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from modemgw.domain.refusal import StoreUnavailable
from modemgw.store import writer as writer_module
from modemgw.store.readers import connect
from modemgw.store.writer import Transaction, Writer


class Flaky(sqlite3.Connection):
    """A connection whose statements fail while `failing` is set: (statement's beginning, error)."""

    failing: tuple[str, Exception] | None = None

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if self.failing is not None and sql.startswith(self.failing[0]):
            raise self.failing[1]
        return super().execute(sql, *args)


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Flaky)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("CREATE TABLE t (x UNIQUE)")
        self.connection.execute(
            "CREATE TABLE events "
            "(id INTEGER PRIMARY KEY, at, kind, account_id, message_id, part, line_id, inbox_id, data)"
        )
        self.problems: list[str | None] = []
        self.seen_commits = 0
        self.writer = Writer(
            self.connection,
            asyncio.get_running_loop(),
            clock=lambda: 1000,
            on_commit=self._commit,
            on_problem=self.problems.append,
        )

    def _commit(self) -> None:
        self.seen_commits += 1

    def values(self) -> list[Any]:
        """What another connection sees: what is committed."""
        reader = connect(self.path, read_only=True)
        try:
            return [row[0] for row in reader.execute("SELECT x FROM t ORDER BY rowid")]
        finally:
            reader.close()

    def hold(self) -> Callable[[], None]:
        """Keep the thread busy with an operation until the returned function is called."""
        gate = threading.Event()
        self.writer.submit(lambda tx: gate.wait(10))
        return gate.set


@pytest.fixture
async def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(writer_module, "RETRY_S", 0.01)
    bench = Bench(tmp_path / "t.db")
    yield bench
    bench.connection.failing = None
    await bench.writer.close()
    bench.connection.close()


def put(value: object) -> Callable[[Transaction], object]:
    def op(tx: Transaction) -> object:
        tx.execute("INSERT INTO t VALUES (?)", (value,))
        tx.event("put", data={"value": str(value)})
        return value

    return op


def bad(tx: Transaction) -> None:
    tx.execute("INSERT INTO t VALUES ('half')")
    tx.event("half")
    raise KeyError("this one cannot be done")


async def test_the_result_comes_after_the_commit(bench: Bench) -> None:
    assert await bench.writer.submit(put(1)) == 1
    assert bench.values() == [1]
    assert bench.seen_commits == bench.writer.commits == 1


async def test_what_waits_together_is_committed_together(bench: Bench) -> None:
    let_go = bench.hold()
    futures = [bench.writer.submit(put(number)) for number in range(1000)]
    let_go()
    assert await asyncio.gather(*futures) == list(range(1000))
    assert bench.values() == list(range(1000))
    assert bench.writer.operations == 1001
    assert bench.writer.commits <= 4  # 1 + 512 + 488, or one more for how the first was gathered


async def test_one_that_raises_takes_nothing_but_itself_back(bench: Bench) -> None:
    let_go = bench.hold()
    futures: list[asyncio.Future[Any]] = [bench.writer.submit(op) for op in (put(1), bad, put(2), put(1), put(3))]
    let_go()
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [type(result) for result in results] == [int, KeyError, int, sqlite3.IntegrityError, int]
    assert bench.values() == [1, 2, 3]
    assert [row[0] for row in bench.connection.execute("SELECT kind FROM events")] == ["put"] * 3
    assert bench.problems == []


class Many:
    """An operation that is done in bulk; a set of them fails if one value is `bad`."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.alone = False

    def __call__(self, tx: Transaction) -> object:
        self.alone = True
        return self.many(tx, [self])[0]

    def many(self, tx: Transaction, ops: Sequence[Many]) -> list[object]:
        tx.insert_many("INSERT INTO t VALUES ", [(op.value,) for op in ops])
        return [op.value for op in ops]


async def test_bulk_operations_are_one_statement(bench: Bench) -> None:
    let_go = bench.hold()
    ops = [Many(number) for number in range(100)]
    futures = [bench.writer.submit(op) for op in ops]
    let_go()
    assert await asyncio.gather(*futures) == list(range(100))
    assert not any(op.alone for op in ops)
    assert sorted(bench.values()) == list(range(100))


@pytest.mark.parametrize("poison", ["\ud800", 1 << 70, 3])
async def test_one_of_a_bulk_that_cannot_be_done_does_not_spoil_the_others(bench: Bench, poison: object) -> None:
    """Half a surrogate, a number too large, a value that is there already."""
    let_go = bench.hold()
    futures = [bench.writer.submit(Many(value)) for value in (1, 2, 3, poison, 4)]
    plain = bench.writer.submit(put(5))
    let_go()
    results = await asyncio.gather(*futures, return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, False, False, True, False]
    assert await plain == 5
    assert bench.values() == [1, 2, 3, 4, 5]
    assert bench.problems == []


async def test_an_event_can_always_be_written(bench: Bench) -> None:
    await bench.writer.submit(lambda tx: tx.event("odd", data={"text": "half \ud800 and кириллица", "n": 1 << 80}))
    assert bench.connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


@pytest.mark.parametrize("step", ["BEGIN", "INSERT", "COMMIT"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), "full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "cannot be written"),
        (sqlite3.OperationalError("disk I/O error"), "did not take a write"),
        (sqlite3.DatabaseError("database disk image is malformed"), "malformed"),
    ],
)
async def test_while_the_disk_refuses_nothing_is_called_done(
    bench: Bench, step: str, error: sqlite3.Error, words: str
) -> None:
    bench.connection.failing = (step, error)
    refused = bench.writer.submit(put("refused"))
    kept = [bench.writer.submit(put(number), must=True) for number in range(5)]
    with pytest.raises(StoreUnavailable, match=words):
        await refused
    with pytest.raises(StoreUnavailable):
        await bench.writer.submit(put("also refused"))
    assert not any(future.done() for future in kept)
    assert bench.values() == []
    bench.connection.failing = None
    assert await asyncio.gather(*kept) == list(range(5))  # as soon as it takes them, with nobody asking
    assert bench.values() == list(range(5))  # in order, each once
    assert words in (bench.problems[0] or "")
    assert bench.problems[-1] is None


async def test_what_must_be_kept_stays_in_front_of_what_came_later(bench: Bench) -> None:
    bench.connection.failing = ("COMMIT", sqlite3.OperationalError("database or disk is full"))
    first = bench.writer.submit(put("first"), must=True)
    with pytest.raises(StoreUnavailable):
        await bench.writer.submit(put("door"))
    later = [bench.writer.submit(put(f"later {number}"), must=True) for number in range(3)]
    bench.connection.failing = None
    await asyncio.gather(first, *later)
    assert bench.values() == ["first", "later 0", "later 1", "later 2"]


async def test_a_disk_that_is_really_full(bench: Bench) -> None:
    pages = bench.connection.execute("PRAGMA page_count").fetchone()[0]
    bench.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailable, match="full"):
        await bench.writer.submit(put("x" * 100_000))
    kept = bench.writer.submit(put("y" * 100_000), must=True)
    with pytest.raises(StoreUnavailable, match="full"):  # the kept one is tried before it, and fails again
        await bench.writer.submit(put("z" * 100_000))
    assert not kept.done()
    bench.connection.execute("PRAGMA max_page_count = 100000")
    assert await kept == "y" * 100_000
    assert bench.values() == ["y" * 100_000]


async def test_a_caller_that_goes_away_does_not_take_its_write_along(bench: Bench) -> None:
    let_go = bench.hold()
    future = bench.writer.submit(put(1))
    future.cancel()
    let_go()
    await bench.writer.submit(put(2))
    assert bench.values() == [1, 2]


async def test_the_queue_is_bounded_but_not_for_what_has_happened(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_LIMIT", 3)
    let_go = bench.hold()
    futures = [bench.writer.submit(put(number)) for number in range(2)]
    with pytest.raises(StoreUnavailable, match="behind"):
        await bench.writer.submit(put("too many"))
    futures.append(bench.writer.submit(put("must"), must=True))
    let_go()
    await asyncio.gather(*futures)
    assert bench.values() == [0, 1, "must"]
    assert await bench.writer.submit(put("again")) == "again"


async def test_a_lazy_operation_shares_the_next_commit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "LAZY_S", 5.0)
    before = bench.writer.commits
    lazy = bench.writer.submit(put("outcome"), lazy=True)
    eager = bench.writer.submit(put("journal"))
    await asyncio.gather(lazy, eager)
    assert bench.writer.commits == before + 1
    assert bench.values() == ["outcome", "journal"]


async def test_a_lazy_operation_does_not_wait_for_ever(bench: Bench) -> None:
    assert await asyncio.wait_for(bench.writer.submit(put(1), lazy=True), 5) == 1


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "t.db")
    let_go = bench.hold()
    futures = [bench.writer.submit(put(number)) for number in range(1500)]
    closing = asyncio.ensure_future(bench.writer.close())
    let_go()
    await closing
    assert await asyncio.gather(*futures) == list(range(1500))
    bench.connection.close()


async def test_closing_does_not_wait_for_a_disk_that_refuses(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "t.db")
    bench.connection.failing = ("COMMIT", sqlite3.OperationalError("database or disk is full"))
    kept = bench.writer.submit(put(1), must=True)
    await asyncio.wait_for(bench.writer.close(), 5)
    with pytest.raises(StoreUnavailable, match=r"before the end.*full"):
        await kept
    bench.connection.failing = None
    bench.connection.close()


async def test_after_closing_nobody_waits(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "t.db")
    await bench.writer.close()
    for must in (False, True):
        with pytest.raises(StoreUnavailable, match="closed"):
            await asyncio.wait_for(bench.writer.submit(put(1), must=must), 5)
    bench.connection.close()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 31, 64, 100, 10_001])
async def test_insert_many_inserts_all_in_order(bench: Bench, count: int) -> None:
    await bench.writer.submit(lambda tx: tx.insert_many("INSERT INTO t VALUES ", [(n,) for n in range(count)]))
    assert bench.values() == list(range(count))
