"""Opening and closing the database. Owns the file, its lock, the writer and the readers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

from sqlite_utils import Database

from modemgw.store import lineage, schema
from modemgw.store.backup import finish_restore
from modemgw.store.errors import StoreCorrupt, StoreError
from modemgw.store.files import DatabaseFiles, check_fit, free_name, real, settle
from modemgw.store.lock import LockFile
from modemgw.store.readers import Readers, connect
from modemgw.store.writer import Transaction, Writer

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

#: Pages of WAL after which the writer checkpoints; 4 KiB each.
CHECKPOINT_PAGES = 1_000

#: A WAL that grew beyond this, as during a backup, is cut to it once it is empty again.
WAL_BYTES = 16 << 20

#: A write that waits for longer says that the disk hangs.
BEHIND_S = 5.0

#: How often the mark beside the database is brought up to date, see store.lineage.
MARK_S = 30.0

#: A database smaller than this is checked at every start; a larger one would take seconds.
QUICK_CHECK_BYTES = 64 << 20


class Store:
    """The open database. `write` and `read` are the only ways to it; `problem` says why it cannot be written."""

    def __init__(self, path: Path, lock: LockFile, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self.path = path
        self.clock = clock
        self._problem: str | None = None
        self._hung = False  # the log has it that the disk hangs
        self._files = DatabaseFiles(path)
        self._marked = 0  # commits that the mark knows of
        self._mark_at = time.monotonic() + MARK_S
        self._lock = lock
        self._connection = connection
        self._readers = Readers(path)
        self._committed = asyncio.Event()
        self._writer = Writer(
            connection,
            asyncio.get_running_loop(),
            clock=clock,
            on_commit=self._on_commit,
            on_problem=self._on_problem,
            lost=self._files.lost,
        )

    @classmethod
    async def open(cls, path: str | Path, clock: Callable[[], int]) -> Store:
        """Lock, check, migrate. Raises StoreLocked, StoreCorrupt or StoreError, each with what to do."""
        path = real(path)
        try:
            if not path.parent.is_dir():
                raise StoreError(f"The directory {path.parent} of the database does not exist. Create it first.")
            if path.is_dir():
                raise StoreError(f"{path} is a directory; [store] path must name a file.")
            lock = LockFile(path)
        except OSError as error:
            raise StoreError(f"Cannot write in {path.parent}: {error.strerror}. Check owner and mount.") from error
        try:
            connection = await asyncio.to_thread(cls._prepare, path, lock, clock)
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, connection, clock)

    @staticmethod
    def _prepare(path: Path, lock: LockFile, clock: Callable[[], int]) -> sqlite3.Connection:
        """The writer's connection to a database that is sound and up to date, and knows whether it came back."""
        connection: sqlite3.Connection | None = None
        try:
            if finish_restore(path) is not None:
                log.warning("`modemgw db restore` had not come to its end with %s; it has now.", path)
            existed = check_fit(path)
            if existed:
                lineage.check_pair(path)
            else:
                # texts and numbers: nobody else's business
                os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
                log.warning("There was no database %s: a new, empty one was made.", path)
            lock.hold_database()
            connection = connect(path, read_only=False)
            if existed:
                _check(connection, path)
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StoreError(f"The file system does not support SQLite's WAL mode ({mode}).")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
            schema.apply(Database(connection))
            if (comeback := lineage.begin(connection, path, clock)) is not None:
                log.warning("%s", comeback)
        except BaseException as error:
            if connection is not None:
                connection.close()
            if (said := _sentence(path, error)) is not None:
                raise said from error
            raise
        return connection

    def _on_commit(self) -> None:
        self._committed.set()

    def _on_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            if problem:
                log.error("%s", problem)
            else:
                log.warning("The database takes writes again.")
        self._problem = problem

    @property
    def problem(self) -> str | None:
        """Why nothing can be written, as of now; None while the database takes writes."""
        lost = self._files.lost()
        if lost is not None:
            self._on_problem(lost)
            return lost
        return self._problem or self.hang

    @property
    def hang(self) -> str | None:
        """Since when the disk has not answered, in a sentence; None while it does."""
        if (behind_s := self._writer.behind_s) > BEHIND_S:
            return f"The disk does not answer: a write has waited for {behind_s:.0f} s."
        return None

    def _tell_hang(self) -> None:
        hang = self.hang
        if hang is not None and not self._hung:
            log.error("%s Nothing is accepted or sent until it does.", hang)
        elif hang is None and self._hung:
            log.warning("The disk answers again.")
        self._hung = hang is not None

    async def inspect(self) -> str | None:
        """Look after the files, once in a while: `problem`, said in the log; a lock file that is gone is made again,
        and the mark is brought up to date. Comes back though the disk hangs."""
        self._tell_hang()
        if self._files.lost() is None:
            try:
                self._lock.renew()
                if self._writer.commits != self._marked and time.monotonic() >= self._mark_at:
                    self._marked, self._mark_at = self._writer.commits, time.monotonic() + MARK_S
                    async with asyncio.timeout(BEHIND_S):
                        await self.read(lambda con: lineage.mark(con, self.path))
            except TimeoutError:
                log.warning("The database has not been read for %g s: the disk hangs, or is far behind.", BEHIND_S)
            except (StoreError, OSError) as error:
                self._on_problem(f"The database cannot be held: {error}")
        return self.problem

    @property
    def commits(self) -> int:
        """COMMITs since the start."""
        return self._writer.commits

    @property
    def operations(self) -> int:
        """Write operations that became durable since the start."""
        return self._writer.operations

    def write(
        self, op: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Have `op(transaction, …)` done; its result is durable."""
        if not args and not kwargs:
            return self._writer.submit(cast(Callable[[Transaction], T], op))  # which may be one of many (writer.Bulk)
        return self._writer.submit(lambda tx: op(tx, *args, **kwargs))

    def submit(self, op: Callable[[Transaction], T], *, must: bool = False, lazy: bool = False) -> asyncio.Future[T]:
        """See Writer.submit."""
        return self._writer.submit(op, must=must, lazy=lazy)

    async def read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The result of `query(connection, …)`; see Readers.read."""
        return await self._readers.read(lambda con: query(con, *args, **kwargs))

    async def wait_commit(self) -> None:
        """Return after the next COMMIT (or at once if there was one since the last call)."""
        await self._committed.wait()
        self._committed.clear()

    async def close(self) -> None:
        """Readers first, then the writer; leaves a database without a WAL."""
        await self._readers.close()
        await self._writer.close()
        if self._files.lost() is not None:
            await asyncio.to_thread(self._rescue)
        else:
            lineage.mark(self._connection, self.path)
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._lock.release()

    def _rescue(self) -> None:
        """The last chance for what is in a file without a name: copy it to where it was, or beside what is there now.

        With the log alone gone there is nothing to copy: the checkpoint that follows brings it into the database.
        """
        if self._files.database_stays():
            return
        rescued = free_name(self.path, "rescued")
        try:
            os.close(os.open(rescued, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_EXCL, 0o600))
            self._connection.execute("VACUUM INTO ?", (str(rescued),))
            if self.path.exists():
                log.critical(
                    "%s is not the database of this service, whose contents were saved as %s. Bring them back "
                    "with `modemgw db restore %s`.",
                    self.path,
                    rescued,
                    rescued,
                )
            else:
                settle(rescued, self.path)
                log.critical("The database %s was removed; its contents were written there again.", self.path)
        except (sqlite3.Error, OSError) as error:
            log.critical("The database %s is gone, and its contents cannot be saved: %s", self.path, error)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Raises DatabaseError or StoreError for what must not be touched."""
    if path.stat().st_size < QUICK_CHECK_BYTES:
        row = connection.execute("PRAGMA quick_check(1)").fetchone()
        if row[0] != "ok":
            raise sqlite3.DatabaseError(str(row[0]))
    schema.check(Database(connection))


def _sentence(path: Path, error: BaseException) -> StoreError | None:
    """What a person can do about a database that does not open; None if it is not about that."""
    if isinstance(error, StoreError):
        return type(error)(f"The database {path} cannot be used. {error}")
    if isinstance(error, sqlite3.OperationalError | OSError):
        return StoreError(
            f"The database {path} cannot be opened for writing: {error}. "
            "Check the owner and mode of the file and its directory, and that the disk is not full."
        )
    if isinstance(error, sqlite3.DatabaseError):
        return StoreCorrupt(
            f"The database {path} is damaged or not a database of modemgw: {error}. Nothing was changed. "
            f"Check it with `modemgw db check {path}` and bring back a copy with `modemgw db restore`."
        )
    return None
