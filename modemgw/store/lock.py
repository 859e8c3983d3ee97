"""The lock of a database: one process, one writer (docs/architecture.md rule 11).

A file beside the database names the process that has it; the database itself is locked as well (flock(2), which
SQLite does not use), so that a second name of the same file leads to the same lock.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from pathlib import Path

from modemgw.store.errors import StoreError, StoreLocked

log = logging.getLogger(__name__)


class LockFile:
    """An advisory lock on `<database>.lock`, held until `release`, gone by itself when the process dies."""

    def __init__(self, database: Path) -> None:
        """Take the lock at once; raises StoreLocked naming the process that has it. `database` is a real path."""
        self._database = database
        self._inode = -1
        self.path = database.with_name(database.name + ".lock")
        self._fd = self._take()
        try:
            with contextlib.suppress(FileNotFoundError, PermissionError):  # one may be replaced, unread
                self.hold_database()
        except BaseException:
            self.release()
            raise

    def _take(self) -> int:
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise StoreError(f"The lock file {self.path} is a link. Remove it.") from None
            raise
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise StoreLocked(
                f"The database {self._database} is in use by another modemgw (process {holder}). "
                "Stop that one, or give this one its own [store] path."
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode("ascii"), 0)
        return fd

    def hold_database(self) -> None:
        """Lock the file itself, once it is there and before SQLite opens it; raises StoreLocked."""
        if self._inode >= 0:
            return
        fd = os.open(self._database, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            raise StoreLocked(
                f"The database {self._database} is in use by another modemgw, which knows it by another name (a hard "
                "link). Stop that one, or give this one its own [store] path."
            ) from None
        self._inode = fd

    def renew(self) -> None:
        """Make the lock file again if it was removed or replaced; raises StoreLocked if another process has it."""
        mine = os.fstat(self._fd)
        try:
            there = os.stat(self.path, follow_symlinks=False)
        except OSError:
            there = None
        if there is not None and (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
            return
        fd = self._take()
        os.close(self._fd)
        self._fd = fd
        log.warning("The lock file %s was removed or replaced; it was made again.", self.path)

    def release(self) -> None:
        """Give the lock up, after SQLite has closed the database. The file stays: to remove it would race with the
        next owner."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1
        if self._inode >= 0:
            os.close(self._inode)
            self._inode = -1
