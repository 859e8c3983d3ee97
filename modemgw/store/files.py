"""The files of an open database: noticing that one of them was taken away, and refusing what does not belong together.

A process goes on writing into a file that was removed or replaced, and all of it is lost with the process. So the
files are compared with what was opened, by device and inode, before and after every COMMIT. By stat(2) only: to open
and close a file of SQLite's would drop this process's locks on it.
"""

from __future__ import annotations

import os
from pathlib import Path

from modemgw.store.errors import StoreError

_Identity = tuple[int, int]


class DatabaseFiles:
    """The database and its write-ahead log as they were when they had just been opened."""

    def __init__(self, path: Path) -> None:
        """`path` is the real one, without links; both files must be there."""
        self._watched = [
            (path, "database", _identity(path)),
            (wal_of(path), "write-ahead log", _identity(wal_of(path))),
        ]

    def lost(self) -> str | None:
        """What happened to a file, in a sentence; None while both are the ones that were opened."""
        for path, what, opened in self._watched:
            now = _identity(path)
            if now != opened:
                happened = "was removed" if now is None else "was replaced by another file"
                return (
                    f"The {what} {path} {happened} while the service runs: nothing that is written now can be kept, "
                    "so nothing is accepted, sent or deleted from a modem. Put it back where it was, or stop the "
                    "service, bring back a copy with `modemgw db restore`, and start it again."
                )
        return None

    def database_stays(self) -> bool:
        """The database itself is there, whatever became of its log."""
        path, _, opened = self._watched[0]
        return _identity(path) == opened


def real(path: str | Path) -> Path:
    """The path without links: the lock and SQLite's own files belong beside the file, not beside a link to it."""
    return Path(os.path.realpath(path))


def free_name(path: Path, what: str) -> Path:
    """The first of `<path>.<what>-1`, `-2`, … that nothing has."""
    number = 1
    while (name := path.with_name(f"{path.name}.{what}-{number}")).exists():
        number += 1
    return name


def settle(draft: Path, target: Path) -> None:
    """Give a finished file its name: on the disk under it, or not at all."""
    with open(draft, "rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, target)
    sync_directory(target.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    directory = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def wal_of(path: Path) -> Path:
    """The write-ahead log of a database."""
    return path.with_name(path.name + "-wal")


def check_fit(path: Path) -> bool:
    """Before opening: whether there is a database at the real `path`. Raises StoreError for files that do not fit.

    SQLite would write the frames of a log into whatever database lies beside it, and takes a log without its
    database for rubbish.
    """
    wal = wal_of(path)
    for file in (wal, path.with_name(path.name + "-shm")):
        if file.is_symlink():
            raise StoreError(f"{file} is a link. SQLite's own files must be beside the database; remove the link.")
    exists = path.exists() and path.stat().st_size > 0
    if not exists and wal.exists() and wal.stat().st_size > 0:
        raise StoreError(
            f"It is {'empty' if path.exists() else 'not there'}, and {wal} is the log of a database: what was written "
            "last may be in it alone. Put the database that it belongs to back, or bring a copy back with `modemgw db "
            f"restore COPY --database {path}`; to begin with an empty one, move {wal.name} elsewhere first."
        )
    return exists


def _identity(path: Path) -> _Identity | None:
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return status.st_dev, status.st_ino
