"""What dialects keep, as write operations and reads. Owns limits of size and number, not what a record means."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Record
from modemgw.store.writer import Transaction

_COLUMNS = "id, account_id, space, key, data, created_at, updated_at, expires_at"
_ALIVE = "(expires_at IS NULL OR expires_at > ?)"

#: Octets of a record's data as JSON, and characters of its key.
MAX_DATA, MAX_KEY = 65_536, 512

#: Expired ones removed in one transaction.
PURGE = 500


@dataclass(frozen=True, slots=True)
class Put:
    """-> Record. Refusal(BAD_PARAMETER) if it is too large, Refusal(FORBIDDEN) when there are `limit` of them."""

    account_id: int
    space: str
    data: Mapping[str, Any]
    key: str | None
    ttl_s: int | None
    limit: int

    def __call__(self, tx: Transaction) -> Record:
        text = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        if len(text) > MAX_DATA or len(self.key or "") > MAX_KEY:
            raise Refusal(
                RefusalKind.BAD_PARAMETER,
                f"That is too much to keep: {len(text)} octets, of {MAX_DATA}; {len(self.key or '')} characters "
                f"of a name, of {MAX_KEY}.",
            )
        key = None if self.key is None else self.key.encode("utf-8", "replace").decode()
        ends = None if self.ttl_s is None else tx.now + self.ttl_s * 1000
        if key is not None:
            row = tx.execute(
                "UPDATE records SET data = ?, updated_at = ?, expires_at = ? "
                f"WHERE account_id = ? AND space = ? AND key = ? AND {_ALIVE} RETURNING {_COLUMNS}",
                (text.decode(), tx.now, ends, self.account_id, self.space, key, tx.now),
            ).fetchone()
            if row is not None:
                return _record(row)
            tx.execute(
                "DELETE FROM records WHERE account_id = ? AND space = ? AND key = ?", (self.account_id, self.space, key)
            )
        self._make_room(tx)
        return self._insert(tx, key, text.decode(), ends)

    def _make_room(self, tx: Transaction) -> None:
        if self._count(tx) < self.limit:
            return
        tx.execute(
            "DELETE FROM records WHERE account_id = ? AND space = ? AND expires_at <= ?",
            (self.account_id, self.space, tx.now),
        )
        if self._count(tx) >= self.limit:
            raise Refusal(
                RefusalKind.FORBIDDEN,
                f"The account keeps {self.limit} of {self.space} already. Delete some, or raise [store] max_records.",
            )

    def _count(self, tx: Transaction) -> int:
        row = tx.execute(
            "SELECT count FROM record_counts WHERE account_id = ? AND space = ?", (self.account_id, self.space)
        ).fetchone()
        return 0 if row is None else int(row[0])

    def _insert(self, tx: Transaction, key: str | None, text: str, ends: int | None) -> Record:
        if key is None:
            # ids ascend for good: the next one is known; a name that looks like it is stepped over
            row = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
            number = (row[0] if row is not None else 0) + 1
            while tx.execute(
                "SELECT 1 FROM records WHERE account_id = ? AND space = ? AND key = ?",
                (self.account_id, self.space, str(number)),
            ).fetchone():
                number += 1
            key, given = str(number), number
        else:
            given = None
        row = tx.execute(
            f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
            (given, self.account_id, self.space, key, text, tx.now, tx.now, ends),
        ).fetchone()
        return _record(row)


@dataclass(frozen=True, slots=True)
class Delete:
    """-> bool: there was one."""

    account_id: int
    space: str
    key: str

    def __call__(self, tx: Transaction) -> bool:
        row = tx.execute(
            "DELETE FROM records WHERE account_id = ? AND space = ? AND key = ? RETURNING expires_at",
            (self.account_id, self.space, _text(self.key)),
        ).fetchone()
        return row is not None and (row[0] is None or row[0] > tx.now)


@dataclass(frozen=True, slots=True)
class Extend:
    """-> None. Put off the end of a record that has not ended."""

    record_id: int
    expires_at: int

    def __call__(self, tx: Transaction) -> None:
        tx.execute(
            "UPDATE records SET expires_at = max(expires_at, ?) WHERE id = ? AND expires_at > ?",
            (self.expires_at, self.record_id, tx.now),
        )


@dataclass(frozen=True, slots=True)
class Purge:
    """-> how many expired ones are gone; at most PURGE at a time."""

    def __call__(self, tx: Transaction) -> int:
        return tx.execute(
            "DELETE FROM records WHERE id IN (SELECT id FROM records WHERE expires_at <= ? LIMIT ?)", (tx.now, PURGE)
        ).rowcount


def get(con: sqlite3.Connection, account_id: int, space: str, key: str, now: int) -> Record | None:
    """One record, unless it has expired."""
    row = con.execute(
        f"SELECT {_COLUMNS} FROM records WHERE account_id = ? AND space = ? AND key = ? AND {_ALIVE}",
        (account_id, space, _text(key), now),
    ).fetchone()
    return None if row is None else _record(row)


def listed(con: sqlite3.Connection, account_id: int, space: str, after: int, limit: int, now: int) -> list[Record]:
    """Records by ascending id, after the cursor."""
    rows = con.execute(
        f"SELECT {_COLUMNS} FROM records WHERE account_id = ? AND space = ? AND id > ? AND {_ALIVE} "
        "ORDER BY id LIMIT ?",
        (account_id, space, after, now, limit),
    )
    return [_record(row) for row in rows]


def find(con: sqlite3.Connection, space: str, key: str, now: int) -> Record | None:
    """Whoever's record it is: the newest with this key."""
    row = con.execute(
        f"SELECT {_COLUMNS} FROM records WHERE space = ? AND key = ? AND {_ALIVE} ORDER BY id DESC LIMIT 1",
        (space, _text(key), now),
    ).fetchone()
    return None if row is None else _record(row)


def any_expired(con: sqlite3.Connection, now: int) -> bool:
    """True if Purge would find some."""
    return con.execute("SELECT 1 FROM records WHERE expires_at <= ? LIMIT 1", (now,)).fetchone() is not None


def _text(key: str) -> str:
    return key.encode("utf-8", "replace").decode()


def _record(row: Sequence[Any]) -> Record:
    return Record(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5], row[6], row[7])
