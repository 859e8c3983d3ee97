"""Readers beside the writer: a few threads, each with its own connection that can only read."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from modemgw.domain.refusal import StoreUnavailable

T = TypeVar("T")

THREADS = 2

#: A read that takes longer is given up by who asked: the disk hangs, or all threads have long work.
READ_S = 30.0


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection with the settings that all of ours have. Autocommit: transactions are written out."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=5.0
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -4000")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
            # only the writer checkpoints: before SQLite 3.51.3 two connections that do can damage the WAL
            connection.execute("PRAGMA wal_autocheckpoint = 0")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class Readers:
    """`await read(function)` runs `function(connection)` on a reader thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="modemgw-reader")

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `function`, which sees everything committed before the call; raises StoreUnavailable."""
        try:
            async with asyncio.timeout(READ_S):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, function)
        except TimeoutError:
            raise StoreUnavailable(f"The database has not been read for {READ_S:g} s.") from None

    def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
            if connection is None:
                connection = connect(self._path, read_only=True)
                self._connections.append(connection)
                self._local.connection = connection
            return function(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"The database could not be read ({type(error).__name__}: {error}).") from error

    async def close(self) -> None:
        """End the threads and close their connections."""
        await asyncio.to_thread(self._pool.shutdown)
        for connection in self._connections:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
