"""Deadlines when the wall clock was set: what waits goes on waiting for as long as it would have.

Owns which columns are moved. What a client gave as a time of day (`send_at`) stays, as does all history.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from modemgw.domain.events import EventKind
from modemgw.store.writer import Transaction

#: The row of `meta` with the offset of the clock (modemgw.clock) and the boot that it is of.
CLOCK = "clock"

#: A jump that is told: smaller ones are ordinary corrections.
TOLD_MS = 60_000

EVENT = EventKind.CLOCK_JUMPED

#: Not what is scheduled and still waits for its time of day: its validity begins then.
_WAITS = "NOT (due_at IS NOT NULL AND due_at IS send_at)"

_MOVES = (
    "UPDATE messages SET expires_at = expires_at + :by, due_at = due_at + :by, doubt_at = doubt_at + :by "
    f"WHERE queue > 0 AND {_WAITS}",
    "UPDATE messages SET expires_at = expires_at + :by, doubt_at = doubt_at + :by WHERE queue = 0 AND doubt_at > 0",
    "UPDATE messages SET expires_at = expires_at + :by WHERE queue = 0 AND doubt_at IS NULL AND state = 'sending'",
    "UPDATE groups SET first_at = first_at + :by, last_at = last_at + :by, settle_at = settle_at + :by "
    "WHERE complete = 0 OR settle_at IS NOT NULL",
    "UPDATE callbacks SET since = since + :by, due_at = due_at + :by WHERE state = 'waiting'",
    "UPDATE upstream_tries SET ask_at = ask_at + :by WHERE ask_at IS NOT NULL",
    "UPDATE smpp_deliveries SET created_at = created_at + :by, due_at = iif(due_at = 0, 0, due_at + :by)",
    "UPDATE smpp_pieces SET created_at = created_at + :by WHERE message_id IS NULL AND lost_at IS NULL",
    "UPDATE records SET expires_at = expires_at + :by WHERE expires_at IS NOT NULL",
    "UPDATE alerts SET since = since + :by, told_at = told_at + :by",
)


def move(tx: Transaction, by_ms: int, boot: str, offset_ms: int, follow: Callable[[int], None]) -> None:
    """The wall clock was set by `by_ms`: move the deadlines, and have the clock `follow` here and now, so that
    nothing is compared with a time of before.

    In one transaction, whatever waits: a minute's work for ten million rows, on a day when the clock was wrong.
    """
    follow(by_ms)
    tx.now = tx.clock()
    _move(tx, by_ms)
    _keep(tx, boot, offset_ms)


def begin(tx: Transaction, boot: str, offset_ms: int) -> int:
    """By how much (ms) the clock was set while the service did not run; deadlines have been moved by it.

    Within one boot of the machine that is known. After another one only the wall clock can tell how long it was off;
    but a clock that is behind what the database has seen was not set yet, or was ahead then: no time has passed, until
    the clock is set (`move`).
    """
    row = tx.execute("SELECT value FROM meta WHERE key = ?", (CLOCK,)).fetchone()
    kept = json.loads(row[0]) if row is not None else {}
    if boot and kept.get("boot") == boot:
        by_ms: int = offset_ms - kept["offset_ms"]
    else:
        seen = tx.execute("SELECT at FROM events ORDER BY id DESC LIMIT 1").fetchone()
        by_ms = 0 if seen is None else min(0, tx.now - seen[0])
    if abs(by_ms) < TOLD_MS:
        by_ms = 0
    else:
        _move(tx, by_ms)
    _keep(tx, boot, offset_ms)
    return by_ms


def _move(tx: Transaction, by_ms: int) -> None:
    for statement in _MOVES:
        tx.execute(statement, {"by": by_ms})
    if abs(by_ms) >= TOLD_MS:
        tx.execute("DELETE FROM centre_clocks")  # they were compared with another clock
        tx.event(EVENT, data={"by_s": round(by_ms / 1000)})


def _keep(tx: Transaction, boot: str, offset_ms: int) -> None:
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (CLOCK, json.dumps({"boot": boot, "offset_ms": offset_ms})),
    )
