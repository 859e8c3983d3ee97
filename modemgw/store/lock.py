"""The lock file beside the database: one process, one writer (DESIGN rule 9)."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from modemgw.store.errors import StoreLocked


class LockFile:
    """An advisory lock on `<database>.lock`, held until `release`, gone by itself when the process dies."""

    def __init__(self, database: Path) -> None:
        """Take the lock at once; raises StoreLocked naming the process that has it."""
        self.path = database.with_name(database.name + ".lock")
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise StoreLocked(
                f"The database {database} is in use by another modemgw (process {holder}). "
                "Stop that one, or give this one its own [store] path."
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Give the lock up. The file stays: removing it would race with the next owner."""
        if self._fd >= 0:
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = -1
