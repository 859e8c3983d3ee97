"""Ids that clients see are never given twice: not after rows were deleted, and not after a copy was brought back.

Tables with AUTOINCREMENT keep that by themselves; the others have a floor in `id_floors`, raised by triggers when
rows are deleted, and by `leap` when the database is an earlier one than clients have seen.
"""

from __future__ import annotations

from modemgw.domain.events import EventKind
from modemgw.store.writer import Transaction

#: Tables whose ids clients see and that have a floor. Pieces over SMPP share the sequence of messages.
_FLOORED = {"messages": ("messages", "smpp_pieces"), "inbox": ("inbox",), "receipts": ("receipts",)}
_AUTOINCREMENT = ("records", "callbacks")

#: Ids left out of every sequence at least, and for every second that is missing: more than a gateway can have given.
LEAP, LEAP_PER_S = 1_000_000, 10

#: A message makes some events.
EVENTS_FACTOR = 10


def next_id(table: str) -> str:
    """An SQL expression: the id for a new row."""
    return (
        f"(SELECT 1 + max(coalesce((SELECT max(id) FROM {table}), 0), "
        f"(SELECT id FROM id_floors WHERE name = '{table}')))"
    )


def leap(tx: Transaction, missing_s: float, kind: EventKind, data: str) -> None:
    """Go on with ids that nobody can have seen: `missing_s` seconds of the past are unknown here.

    Events go on from one of the given kind, with `data` (JSON), which is the first that clients have not seen.
    """
    far = LEAP + int(missing_s) * LEAP_PER_S
    for name, tables in _FLOORED.items():
        highest = ", ".join(f"coalesce((SELECT max(id) FROM {table}), 0)" for table in tables)
        tx.execute(f"UPDATE id_floors SET id = ? + max(id, {highest}) WHERE name = ?", (far, name))
    for table in _AUTOINCREMENT:
        if tx.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?", (far, table)).rowcount == 0:
            tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, far))
    tx.execute(
        "INSERT INTO events (id, at, kind, data) SELECT ? + coalesce(max(id), 0), ?, ?, ? FROM events",
        (far * EVENTS_FACTOR, tx.now, str(kind), data),
    )
