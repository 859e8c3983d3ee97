"""What dialects keep, as write operations and reads. Owns limits of size and number, not what a record means."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
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


def put(
    tx: Transaction,
    account_id: int,
    space: str,
    data: Mapping[str, Any],
    key: str | None,
    ttl_s: int | None,
    limit: int,
) -> Record:
    """Keep a record. Refusal(BAD_PARAMETER) if it is too large, Refusal(FORBIDDEN) when there are `limit` of them."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    if len(text) > MAX_DATA or len(key or "") > MAX_KEY:
        raise Refusal(
            RefusalKind.BAD_PARAMETER,
            f"That is too much to keep: {len(text)} octets, of {MAX_DATA}; {len(key or '')} characters "
            f"of a name, of {MAX_KEY}.",
        )
    key = None if key is None else key.encode("utf-8", "replace").decode()
    ends = None if ttl_s is None else tx.now + ttl_s * 1000
    if key is not None:
        row = tx.execute(
            "UPDATE records SET data = ?, updated_at = ?, expires_at = ? "
            f"WHERE account_id = ? AND space = ? AND key = ? AND {_ALIVE} RETURNING {_COLUMNS}",
            (text.decode(), tx.now, ends, account_id, space, key, tx.now),
        ).fetchone()
        if row is not None:
            return _record(row)
        tx.execute("DELETE FROM records WHERE account_id = ? AND space = ? AND key = ?", (account_id, space, key))
    _make_room(tx, account_id, space, limit)
    return _insert(tx, key, text.decode(), ends, account_id, space)


def _make_room(tx: Transaction, account_id: int, space: str, limit: int) -> None:
    if _count(tx, account_id, space) < limit:
        return
    tx.execute(
        "DELETE FROM records WHERE account_id = ? AND space = ? AND expires_at <= ?",
        (account_id, space, tx.now),
    )
    if _count(tx, account_id, space) >= limit:
        raise Refusal(
            RefusalKind.FORBIDDEN,
            f"The account keeps {limit} of {space} already. Delete some, or raise [store] max_records.",
        )


def _count(tx: Transaction, account_id: int, space: str) -> int:
    row = tx.execute(
        "SELECT count FROM record_counts WHERE account_id = ? AND space = ?", (account_id, space)
    ).fetchone()
    return 0 if row is None else int(row[0])


def _insert(tx: Transaction, key: str | None, text: str, ends: int | None, account_id: int, space: str) -> Record:
    if key is None:
        # ids ascend for good: the next one is known; a name that looks like it is stepped over
        row = tx.execute("SELECT seq FROM sqlite_sequence WHERE name = 'records'").fetchone()
        number = (row[0] if row is not None else 0) + 1
        while tx.execute(
            "SELECT 1 FROM records WHERE account_id = ? AND space = ? AND key = ?",
            (account_id, space, str(number)),
        ).fetchone():
            number += 1
        key, given = str(number), number
    else:
        given = None
    row = tx.execute(
        f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING {_COLUMNS}",
        (given, account_id, space, key, text, tx.now, tx.now, ends),
    ).fetchone()
    return _record(row)


def delete(tx: Transaction, account_id: int, space: str, key: str) -> bool:
    """True if there was one."""
    row = tx.execute(
        "DELETE FROM records WHERE account_id = ? AND space = ? AND key = ? RETURNING expires_at",
        (account_id, space, _text(key)),
    ).fetchone()
    return row is not None and (row[0] is None or row[0] > tx.now)


def extend(tx: Transaction, record_id: int, expires_at: int) -> None:
    """Put off the end of a record that has not ended."""
    tx.execute(
        "UPDATE records SET expires_at = max(expires_at, ?) WHERE id = ? AND expires_at > ?",
        (expires_at, record_id, tx.now),
    )


def purge(tx: Transaction) -> int:
    """Remove some that have expired, at most PURGE; how many."""
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
