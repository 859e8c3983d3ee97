"""Opening and closing the database. Owns the file, its lock, the writer and the readers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlite_utils import Database

from modemgw.store import schema
from modemgw.store.errors import StoreCorrupt, StoreError
from modemgw.store.lock import LockFile
from modemgw.store.readers import Readers, connect
from modemgw.store.writer import Transaction, Writer

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Pages of WAL after which the writer checkpoints; 4 KiB each.
CHECKPOINT_PAGES = 1_000

#: A WAL that grew beyond this, as during a backup, is cut to it once it is empty again.
WAL_BYTES = 16 << 20

#: A database smaller than this is checked at every start; a larger one would take seconds.
QUICK_CHECK_BYTES = 64 << 20


class Store:
    """The open database. `write` and `read` are the only ways to it; `problem` says why it cannot be written."""

    def __init__(self, path: Path, lock: LockFile, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self.path = path
        self.clock = clock
        self.problem: str | None = None
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
        )

    @classmethod
    async def open(cls, path: str | Path, clock: Callable[[], int]) -> Store:
        """Lock, check, migrate. Raises StoreLocked, StoreCorrupt or StoreError, each with what to do."""
        path = Path(path)
        try:
            if not path.parent.is_dir():
                raise StoreError(f"The directory {path.parent} of the database does not exist. Create it first.")
            if path.is_dir():
                raise StoreError(f"{path} is a directory; [store] path must name a file.")
            lock = LockFile(path)
        except OSError as error:
            raise StoreError(f"Cannot write in {path.parent}: {error.strerror}. Check owner and mount.") from error
        try:
            connection = await asyncio.to_thread(cls._prepare, path)
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, connection, clock)

    @staticmethod
    def _prepare(path: Path) -> sqlite3.Connection:
        """The writer's connection to a database that is sound and up to date."""
        existed = path.exists() and path.stat().st_size > 0
        connection: sqlite3.Connection | None = None
        try:
            if not existed:
                # texts and numbers: nobody else's business
                os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
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
        if problem != self.problem:
            if problem:
                log.error("%s", problem)
            else:
                log.warning("The database takes writes again.")
        self.problem = problem

    @property
    def commits(self) -> int:
        """COMMITs since the start."""
        return self._writer.commits

    @property
    def operations(self) -> int:
        """Write operations that became durable since the start."""
        return self._writer.operations

    def write(self, op: Callable[[Transaction], T], *, must: bool = False, lazy: bool = False) -> asyncio.Future[T]:
        """See Writer.submit."""
        return self._writer.submit(op, must=must, lazy=lazy)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """See Readers.read."""
        return await self._readers.read(function)

    async def wait_commit(self) -> None:
        """Return after the next COMMIT (or at once if there was one since the last call)."""
        await self._committed.wait()
        self._committed.clear()

    async def close(self) -> None:
        """Readers first, then the writer; leaves a database without a WAL."""
        await self._readers.close()
        await self._writer.close()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._lock.release()


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
