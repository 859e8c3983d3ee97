"""Checking, copying and bringing back the database file. Works beside a running service, but for `restore`."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path

from modemgw.store import lineage
from modemgw.store.errors import StoreCorrupt, StoreError
from modemgw.store.files import free_name, real, settle, sync_directory
from modemgw.store.lock import LockFile

#: Pages copied between two reports of progress.
STEP_PAGES = 2_048

Progress = Callable[[int, int], None]


def check(path: Path) -> list[str]:
    """What is wrong with the database, in sentences; empty if nothing is. Raises StoreError if it cannot be read."""
    with contextlib.closing(_open(path)) as connection:
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(100)") if row[0] != "ok"]
            for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"):
                found.append(f"a row of {table} refers to a row of {parent} that is not there")
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchone():
                found.append("it has no table of messages: it is no database of modemgw")
        except sqlite3.DatabaseError as error:
            found = [str(error)]
    return found


def backup(path: Path, target: Path, progress: Progress | None = None) -> int:
    """Copy the database, also while the service writes to it; the size of the copy in octets.

    One read transaction covers the whole of it: the copy is the database of one moment, and takes as long with a
    writer as without (between transactions, every commit would make SQLite begin anew). Meanwhile the write-ahead
    log cannot be reset and grows by what is written. The copy is checked before it gets its name.
    Raises StoreError, StoreCorrupt.
    """
    if os.path.lexists(target):
        raise StoreError(f"{target} exists already; name a file that does not.")
    draft = target.with_name(target.name + ".part")
    try:
        with contextlib.closing(_open(path)) as source:
            os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
            with contextlib.closing(sqlite3.connect(draft)) as copy:
                source.isolation_level = None
                at = time.time_ns() // 1_000_000
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master")  # from here on it sees one moment
                source.backup(copy, pages=STEP_PAGES, progress=_told(progress))
                copy.execute("PRAGMA journal_mode = DELETE")
                _date(copy, at)
        problems = check(draft)
        if problems:
            raise StoreCorrupt(f"The copy of {path} is not in order: {problems[0]}. Check the original.")
        settle(draft, target)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be copied to {target}: {error}.") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be copied to {target}: {error.strerror}.") from error
    finally:
        _remove(draft)
    return target.stat().st_size


def restore(copy: Path, path: Path, now: int) -> Path | None:
    """Put a copy in the place of the database; where the old one was moved to, or None if there was none.

    Needs the service stopped. The copy is checked first, the old file is kept. The new one says of itself that it was
    brought back at `now` (Unix ms), so that the next start holds what may have been sent since (store.lineage). Until
    the copy stands beside the database as `….restoring`, nothing has changed; from then on the next start, or another
    `restore`, finishes what was begun. Raises StoreError, StoreCorrupt, StoreLocked.
    """
    problems = check(copy)
    if problems:
        raise StoreCorrupt(f"{copy} is not in order: {problems[0]}. Nothing was changed.")
    path = real(path)
    lock = LockFile(path)
    draft = path.with_name(path.name + ".restoring.part")
    try:
        draft.unlink(missing_ok=True)
        with contextlib.closing(_open(copy)) as source, contextlib.closing(sqlite3.connect(draft)) as target:
            os.chmod(draft, 0o600)
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            lineage.stamp(target, now, free_name(path, "old").name)
            target.commit()
        settle(draft, _restoring(path))
        return finish_restore(path)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{copy} cannot be put in the place of {path}: {error}.") from error
    finally:
        draft.unlink(missing_ok=True)
        lock.release()


def finish_restore(path: Path) -> Path | None:
    """Do what is left of a `restore`, if one was begun; where the old database was moved to. The lock is ours."""
    restoring = _restoring(path)
    if not restoring.exists():
        return None
    with contextlib.closing(_open(restoring)) as copy:
        kept = path.with_name(lineage.stamped(copy))
    for suffix in ("", "-wal", "-shm"):  # the database before its log: a log alone is a state that is understood
        file, aside = Path(f"{path}{suffix}"), Path(f"{kept}{suffix}")
        if file.exists() and not aside.exists():
            os.rename(file, aside)
    os.replace(restoring, path)
    sync_directory(path.parent)
    return kept if kept.exists() else None


def _restoring(path: Path) -> Path:
    return path.with_name(path.name + ".restoring")


def _date(copy: sqlite3.Connection, at: int) -> None:
    """Have the copy say when it was made, unless it has no place for it: `check` will tell."""
    with contextlib.suppress(sqlite3.OperationalError):
        lineage.set_meta(copy, lineage.COPIED_AT, str(at))
        copy.commit()


def _open(path: Path) -> sqlite3.Connection:
    """Read-only: such a connection never checkpoints, so it does no harm beside the service."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise StoreError(f"{path} is no file.")
        if not os.access(path, os.R_OK):  # not by opening it: closing drops the locks that this process has on it
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    except FileNotFoundError:
        raise StoreError(f"There is no file {path}.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    except sqlite3.DatabaseError as error:
        raise StoreCorrupt(f"{path} cannot be read as a database: {error}.") from error
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreCorrupt(f"{path} cannot be read as a database: {error}.") from error
    return connection


def _remove(draft: Path) -> None:
    """What is left of a copy that was broken off. A folder that this user may not write to holds none."""
    with contextlib.suppress(OSError):
        draft.unlink()


def _told(progress: Progress | None) -> Callable[[int, int, int], None] | None:
    if progress is None:
        return None

    def told(_status: int, remaining: int, total: int) -> None:
        progress(total - remaining, total)

    return told
