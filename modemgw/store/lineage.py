"""Which life of the database this is: noticing that an earlier copy came back, and what follows from it.

The database has an id for its life and counts its starts. Both, with the last event, also stand in a small file beside
it, the mark. A database that is behind its mark, or of another life, is a copy that somebody put there by hand;
`modemgw db restore` says so itself, by a stamp in `meta`. In either case what happened since the copy is missing:
messages that wait in it may have been sent, and ids that it would give next may have been given.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modemgw.domain.events import EventKind
from modemgw.store import callbacks, holds, ids
from modemgw.store.errors import StoreError
from modemgw.store.files import wal_of
from modemgw.store.writer import Transaction

#: Rows of `meta`.
LIFE, STARTS, COPIED_AT, RESTORED = "life", "starts", "copied_at", "restored"

#: The event that tells of it.
EVENT = EventKind.DATABASE_RESTORED


@dataclass(frozen=True, slots=True)
class Mark:
    """What was known of the database when it was last seen. `file` and `wal` are inodes."""

    life: str
    starts: int
    event: int
    file: int
    wal: int

    @classmethod
    def read(cls, path: Path) -> Mark | None:
        """That of the database at `path`; None if there is none that can be read."""
        try:
            return cls(**json.loads(mark_of(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Replace that of the database at `path`; a disk that does not take it is no reason to stop."""
        draft = mark_of(path).with_name(mark_of(path).name + ".part")
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
            os.replace(draft, mark_of(path))


@dataclass(frozen=True, slots=True)
class Comeback:
    """An earlier database has come back. Times in Unix ms."""

    by_hand: bool  # without `modemgw db restore`
    copied_at: int  # when the copy was made, or the last that is known of it
    messages: int  # held now
    callbacks: int  # held now

    def __str__(self) -> str:
        how = "is an earlier copy that was put there by hand" if self.by_hand else "was brought back from a copy"
        return (
            f"The database {how}: {self.messages} messages may have been sent since and are held, and {self.callbacks} "
            "callbacks. `modemgw db release` sends them, `modemgw db release --drop` leaves them as they are."
        )


def mark_of(path: Path) -> Path:
    """The mark of a database."""
    return path.with_name(path.name + ".mark")


def check_pair(path: Path) -> None:
    """Before opening: raises StoreError when the file is another than last time and the log beside it is the same."""
    mark, wal = Mark.read(path), wal_of(path)
    if mark is None or not wal.exists() or wal.stat().st_size == 0:
        return
    if path.stat().st_ino != mark.file and wal.stat().st_ino == mark.wal:
        raise StoreError(
            f"The file is another one than the service used last, and {wal.name} is the log of that one: together they "
            f"would be damaged. Bring a copy back with `modemgw db restore COPY --database {path}`, which takes care "
            f"of the log; if they do belong together, remove {mark_of(path).name}."
        )


def begin(con: sqlite3.Connection, path: Path, clock: Callable[[], int]) -> Comeback | None:
    """A start of the service, in one transaction; tells if an earlier database has come back."""
    con.execute("BEGIN IMMEDIATE")
    try:
        tx = Transaction(con, clock)
        comeback = _begin(tx, Mark.read(path))
        tx.flush_events()
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")
    mark(con, path)
    return comeback


def _begin(tx: Transaction, mark: Mark | None) -> Comeback | None:
    life, starts = _get(tx.connection, LIFE), int(_get(tx.connection, STARTS) or 0)
    stamp = _get(tx.connection, RESTORED)
    behind = mark is not None and (
        mark.life != life or starts < mark.starts or (starts == mark.starts and _last_event(tx.connection) < mark.event)
    )
    comeback = _come_back(tx, by_hand=stamp is None) if stamp is not None or behind else None
    if life is None or comeback is not None:
        set_meta(tx.connection, LIFE, secrets.token_hex(8))
    set_meta(tx.connection, STARTS, str(starts + 1))
    return comeback


def _come_back(tx: Transaction, *, by_hand: bool) -> Comeback:
    newest = tx.execute("SELECT max(at) FROM (SELECT at FROM events ORDER BY id DESC LIMIT 100)").fetchone()[0]
    copied_at = int(_get(tx.connection, COPIED_AT) or newest or tx.now)
    data = {"by_hand": by_hand, "copied_at": copied_at}
    ids.leap(tx, max(0, tx.now - copied_at) / 1000, EVENT, json.dumps(data))
    messages = holds.hold_restored(tx)
    told = callbacks.hold_all(tx)
    tx.execute("DELETE FROM meta WHERE key IN (?, ?)", (RESTORED, COPIED_AT))
    return Comeback(by_hand, copied_at, messages, told)


def mark(con: sqlite3.Connection, path: Path) -> None:
    """Write the mark of an open database."""
    life, starts = _get(con, LIFE), _get(con, STARTS)
    if life is not None and starts is not None:
        with contextlib.suppress(OSError):
            file, wal = os.stat(path).st_ino, os.stat(wal_of(path)).st_ino
            Mark(life, int(starts), _last_event(con), file, wal).write(path)


def stamp(con: sqlite3.Connection, now: int, kept: str) -> None:
    """Say in a copy that it takes the place of a database, which is kept under the name `kept`."""
    set_meta(con, RESTORED, json.dumps({"at": now, "kept": kept}))


def stamped(con: sqlite3.Connection) -> str:
    """The name that `stamp` was given."""
    found: dict[str, Any] = json.loads(_get(con, RESTORED) or "{}")
    return str(found["kept"])


def set_meta(con: sqlite3.Connection, key: str, value: str) -> None:
    """Keep a value in `meta`."""
    con.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (key, value)
    )


def _get(con: sqlite3.Connection, key: str) -> str | None:
    row = con.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _last_event(con: sqlite3.Connection) -> int:
    return int(con.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])
