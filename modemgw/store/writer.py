"""The one thread that writes. Everything that waits for it at one time shares one COMMIT (group commit).

Owns transactions and their failure; does not know what is written. An operation gets a `Transaction` and
returns a value that its caller sees after the COMMIT; one that raises takes nothing but itself back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from modemgw.domain.events import EventKind
from modemgw.domain.refusal import StoreUnavailable

T = TypeVar("T")

#: Operations of one COMMIT at the most: bounds how long the first of them waits for the last. One that is many in
#: itself says so by its `weight`, and is not taken apart.
BATCH_LIMIT = 512

#: Operations that may wait. Beyond it the writer is so far behind that saying no is kinder than queueing.
QUEUE_LIMIT = 20_000

#: How long the writer waits before it tries again what must be kept when the disk did not take it.
RETRY_S = 0.5

#: How long an operation that nobody waits for is held back for another to share its COMMIT.
LAZY_S = 0.004

#: Errors of SQLite that an operation brings on itself. Any other speaks of the database: the whole batch fails.
_OWN_FAULT = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.NotSupportedError,
    sqlite3.ProgrammingError,
)

EventRow = tuple[int, str, int | None, int | None, int | None, int | None, int | None, str | None]

_EVENT_COLUMNS = "INSERT INTO events (at, kind, account_id, message_id, part, line_id, inbox_id, data) VALUES "


class Transaction:
    """What an operation may use: the connection inside the open transaction, the time, and the event log."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.clock = clock
        self.now = clock()
        self.events: list[EventRow] = []

    def event(
        self,
        kind: EventKind,
        *,
        account: int | None = None,
        message: int | None = None,
        part: int | None = None,
        line: int | None = None,
        inbox: int | None = None,
        data: Mapping[str, object] | None = None,
    ) -> None:
        """Add a row to the history; it is written with the rest of the transaction."""
        # ASCII: whatever is in it, it goes into the database
        text = json.dumps(data, separators=(",", ":")) if data else None
        self.events.append((self.now, str(kind), account, message, part, line, inbox, text))

    def insert_many(self, head: str, rows: Sequence[Sequence[Any]]) -> None:
        """Multi-row INSERT: `head` ends in VALUES. One statement for many rows lets go of the
        interpreter lock once instead of once a row; lengths are powers of two so that statements are cached."""
        if not rows:
            return
        one = "(" + ",".join("?" * len(rows[0])) + ")"
        most = 1 << ((32_000 // len(rows[0])).bit_length() - 1)
        start, left = 0, len(rows)
        while left:
            size = min(1 << (left.bit_length() - 1), most)
            chunk = rows[start : start + size]
            self.execute(head + ",".join([one] * size), [value for row in chunk for value in row])
            start += size
            left -= size

    def flush_events(self) -> None:
        """Write the collected events, in order."""
        if self.events:
            self.insert_many(_EVENT_COLUMNS, self.events)
            self.events = []


class _Job:
    __slots__ = ("at", "future", "lazy", "must", "op", "result", "weight")

    def __init__(self, op: Any, future: asyncio.Future[Any], must: bool, lazy: bool) -> None:
        self.op = op
        self.at = time.monotonic()
        self.future = future
        self.must = must
        self.lazy = lazy
        self.weight: int = getattr(op, "weight", 1)
        self.result: Any = None


class _Stumbled(Exception):
    """An operation raised for a reason of its own; those that share its transaction must be done again."""


class Writer:
    """The writer thread. `submit` is called on the event loop; its future is done after the COMMIT."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        *,
        clock: Callable[[], int],
        on_commit: Callable[[], None],
        on_problem: Callable[[str | None], None],
        lost: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`lost` says why nothing that is committed now would be kept: the files of the database are gone."""
        self._connection = connection
        self._loop = loop
        self._clock = clock
        self._on_commit = on_commit
        self._on_problem = on_problem
        self._lost = lost
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0  # jobs in flight; touched on the loop only
        self._problem: str | None = None
        self._closed = False
        self._ending = False  # the end was read from the queue; the thread's own
        self._oldest: float | None = None  # when the oldest of those being written was submitted; set by the thread
        self.commits = 0
        self.operations = 0
        self._thread = threading.Thread(target=self._run, name="modemgw-writer", daemon=True)
        self._thread.start()

    def submit(self, op: Callable[[Transaction], T], *, must: bool = False, lazy: bool = False) -> asyncio.Future[T]:
        """Have `op` done; the future has its result once it is durable.

        With `must`, an outcome that has already happened in the world: it is kept and tried again, in order,
        until the disk takes it. Without, a failure is reported as StoreUnavailable and nothing is kept.
        A `lazy` one waits up to LAZY_S for company: an outcome shares the COMMIT of the next journal entry.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        if self._waiting >= QUEUE_LIMIT and not must:
            future.set_exception(StoreUnavailable("The store is too far behind. Try again in a few seconds."))
            return future
        if self._closed:
            future.set_exception(StoreUnavailable("The store is closed: the service is stopping."))
            return future
        job = _Job(op, future, must, lazy)
        self._waiting += job.weight
        self._queue.put(job)
        return future

    @property
    def behind_s(self) -> float:
        """How long the oldest operation has waited for its COMMIT; 0 when none waits."""
        oldest = self._oldest
        return 0.0 if oldest is None else time.monotonic() - oldest

    async def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    # -- the thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        kept: list[_Job] = []
        while True:
            batch = self._gather(kept)
            if not batch:
                return
            self._oldest = batch[0].at
            kept = self._commit(batch)
            self._oldest = kept[0].at if kept else None
            if kept and self._ending:
                # the process is ending and the disk refuses: say so rather than hang
                self._finish(kept, StoreUnavailable(f"Not written before the end: {self._problem}"))
                return

    def _gather(self, kept: list[_Job]) -> list[_Job]:
        """What is kept and what waits; if that is nothing, wait for the first. Empty at the end."""
        batch = kept
        if not batch and not self._ending:
            self._next(batch, None)
        elif kept:
            self._next(batch, RETRY_S)
        self._drain(batch)
        return batch

    def _next(self, batch: list[_Job], limit_s: float | None) -> None:
        """Add the next job, if one comes in time."""
        try:
            job = self._queue.get(timeout=limit_s)
        except queue.Empty:
            return
        if job is None:
            self._ending = True
        else:
            batch.append(job)

    def _drain(self, batch: list[_Job]) -> None:
        """Add all that waits, up to the limit."""
        room = BATCH_LIMIT - sum(job.weight for job in batch)
        while room > 0:
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return
            if job is None:
                self._ending = True
            else:
                batch.append(job)
                room -= job.weight

    def _commit(self, batch: list[_Job]) -> list[_Job]:
        """Do a batch in one transaction; returns the jobs to be kept and tried again."""
        if (reason := self._lost()) is not None:
            batch = self._refuse(batch, reason)
            if not batch:
                return []
        try:
            try:
                self._transact(batch, careful=False)
            except _Stumbled:
                # one of them cannot be done; again, each in a savepoint of its own, so that it takes nobody with it
                self._connection.execute("ROLLBACK")
                self._transact(batch, careful=True)
        except Exception as error:  # disk full, I/O error, read-only: nothing of this batch is kept
            with contextlib.suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            reason = _explain(error)
            self._report(reason)
            kept = [job for job in batch if job.must]
            self._finish([job for job in batch if not job.must], StoreUnavailable(reason))
            return kept
        self.commits += 1
        self.operations += sum(job.weight for job in batch)
        reason = self._lost()
        if reason is not None:
            batch = self._refuse(batch, reason)
        elif self._problem is not None:
            self._report(None)
        self._finish(batch, None)
        return []

    def _refuse(self, batch: list[_Job], reason: str) -> list[_Job]:
        """The database is gone: what has not happened yet shall not. The rest, of what has happened already, has no
        better place than the file that nobody sees any more; `Store.close` brings that to safety."""
        self._report(reason)
        self._finish([job for job in batch if not job.must], StoreUnavailable(reason))
        return [job for job in batch if job.must]

    def _transact(self, batch: list[_Job], *, careful: bool) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        tx = Transaction(self._connection, self._clock)
        self._do(tx, batch, careful)
        if not careful and not self._ending and all(job.lazy for job in batch):
            # nobody waits for these: they are done, and their COMMIT waits a moment for company
            company: list[_Job] = []
            self._next(company, LAZY_S)
            self._drain(company)
            batch += company
            tx.now = self._clock()
            self._do(tx, company, careful)
        tx.flush_events()
        self._connection.execute("COMMIT")

    def _do(self, tx: Transaction, batch: list[_Job], careful: bool) -> None:
        at = 0
        while at < len(batch):
            op = batch[at].op
            end = at + 1
            many = getattr(op, "many", None)
            if many is None:
                batch[at].result = self._do_one(tx, op, careful)
            else:
                kind = type(op)
                while end < len(batch) and type(batch[end].op) is kind:
                    end += 1
                self._do_many(tx, many, batch[at:end], careful)
            at = end

    def _do_many(self, tx: Transaction, many: Callable[..., list[Any]], jobs: list[_Job], careful: bool) -> None:
        results = self._do_one(tx, lambda tx: many(tx, [job.op for job in jobs]), careful)
        if isinstance(results, Exception):
            # one of them cannot be done; the others need not suffer for it
            results = [self._do_one(tx, job.op, careful) for job in jobs]
        for job, result in zip(jobs, results, strict=True):
            job.result = result

    def _do_one(self, tx: Transaction, op: Callable[[Transaction], Any], careful: bool) -> Any:
        """The result of an operation, or the exception that it raised for a reason of its own."""
        if not careful:
            try:
                return op(tx)
            except Exception as error:
                if isinstance(error, sqlite3.Error) and not isinstance(error, _OWN_FAULT):
                    raise
                raise _Stumbled from error
        events = len(tx.events)
        tx.execute("SAVEPOINT op")
        try:
            result = op(tx)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, _OWN_FAULT):
                raise
            tx.execute("ROLLBACK TO op")
            del tx.events[events:]
            result = error
        tx.execute("RELEASE op")
        return result

    def _report(self, problem: str | None) -> None:
        self._problem = problem
        self._call(self._on_problem, problem)

    def _finish(self, jobs: list[_Job], error: Exception | None) -> None:
        if jobs:
            self._call(self._resolve, jobs, error)

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody is left to be told
            self._loop.call_soon_threadsafe(function, *args)

    def _resolve(self, jobs: list[_Job], error: Exception | None) -> None:
        self._waiting -= sum(job.weight for job in jobs)
        for job in jobs:
            future = job.future
            if future.done():  # its caller went away; the write stands
                continue
            if error is not None:
                future.set_exception(error)
            elif isinstance(job.result, Exception):
                future.set_exception(job.result)
            else:
                future.set_result(job.result)
        if error is None:
            self._on_commit()


def _explain(error: Exception) -> str:
    text = str(error)
    if "full" in text:
        return f"The disk that holds the database is full ({text}). Free some space; nothing accepted is lost."
    if "readonly" in text or "read-only" in text:
        return f"The database cannot be written ({text}). Check the owner and the mount of its directory."
    return f"The database did not take a write ({type(error).__name__}: {text})."
