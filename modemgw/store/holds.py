"""Messages that wait for a person: held, let go, or left unsent. Which ones, and why, is `domain.message.Hold`.

A message that is held never becomes ready, whoever sets it so (a trigger turns READY and LATER into HELD), and is
held no longer once nothing is left to decide: it was cancelled, a report came (another trigger). One whose account is
gone stays queued and may expire. One of a database that was brought back may have gone out in the life that is
missing: its parts are unknown, without `sent_at`, which no other unknown part is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence

from modemgw.domain.events import EventKind
from modemgw.domain.message import Hold
from modemgw.domain.states import Queue, State
from modemgw.store import callbacks, outbox, parts
from modemgw.store.writer import Transaction

#: The reason of parts that wait for a person after a copy was brought back.
MAY_HAVE_GONE = "The database was brought back from an earlier copy; it may have been sent since that was made."


def hold_restored(tx: Transaction) -> int:
    """Whatever waits and could have gone out by now, or was being sent, is in doubt; how many messages.

    What is scheduled for later than now cannot have gone out.
    """
    outbox.recover(tx, 0, 0)
    rows = tx.execute(
        "SELECT id FROM messages WHERE held IS NOT ? AND ((queue > 0 "
        f"AND NOT (queue = {Queue.LATER} AND due_at IS send_at AND due_at > ?)) OR doubt_at IS NOT NULL "
        "OR id IN (SELECT id FROM messages WHERE state = 'sending'))",
        (Hold.RESTORED, tx.now),
    ).fetchall()
    for (message_id,) in rows:
        tx.execute(
            f"UPDATE messages SET held = ?, queue = {Queue.NOT}, due_at = NULL, doubt_at = NULL WHERE id = ?",
            (Hold.RESTORED, message_id),
        )
        parts.move(tx, message_id, State.QUEUED, State.UNKNOWN, {"error": MAY_HAVE_GONE})
        parts.settle(tx, message_id)
    return len(rows)


def hold_accounts(tx: Transaction, configured: Collection[int]) -> dict[str, int]:
    """Messages of accounts that are not configured wait; those of accounts that are back go on. What is held now,
    by login."""
    here = json.dumps(sorted(configured))
    gone = [
        account
        for (account,) in tx.execute(
            "SELECT id FROM accounts WHERE id NOT IN (SELECT value FROM json_each(?))", (here,)
        ).fetchall()
    ]
    for account in gone:
        # those that are in doubt as well: their rule may send them again
        tx.execute(
            "UPDATE messages SET held = ? WHERE account_id = ? AND state IN ('queued', 'sending', 'unknown') "
            "AND held IS NULL AND (queue > 0 OR doubt_at IS NOT NULL OR state = 'sending')",
            (Hold.ACCOUNT, account),
        )
    tx.execute(
        f"UPDATE messages SET held = NULL, queue = CASE WHEN queue = {Queue.NOT} THEN {Queue.NOT} "
        f"WHEN due_at IS NULL THEN {Queue.READY} ELSE {Queue.LATER} END "
        "WHERE held = ? AND account_id IN (SELECT value FROM json_each(?))",
        (Hold.ACCOUNT, here),
    )
    return dict(
        tx.execute(
            "SELECT a.login, count(*) FROM messages m JOIN accounts a ON a.id = m.account_id WHERE m.held = ? "
            "GROUP BY a.id",
            (Hold.ACCOUNT,),
        ).fetchall()
    )


def release(tx: Transaction, ids: Sequence[int] | None, drop: bool, configured: Collection[int]) -> int:
    """A person has decided on messages of a database that was brought back; how many.

    They are sent, those that were in doubt before by their own rule; or with `drop` they stay unknown for good.
    `ids` None: all of them. Those of accounts that are not `configured` stay held.
    """
    these = "" if ids is None else " AND id IN (SELECT value FROM json_each(?))"
    rows = tx.execute(
        f"SELECT id, account_id, on_doubt, send_at FROM messages WHERE held = ?{these}",
        (Hold.RESTORED, *([] if ids is None else [json.dumps(list(ids))])),
    ).fetchall()
    for message_id, account, on_doubt, send_at in rows:
        tx.execute("UPDATE messages SET held = NULL WHERE id = ?", (message_id,))
        data: Mapping[str, object] | None = {"dropped": True} if drop else None
        tx.event(EventKind.MESSAGE_RELEASED, account=account, message=message_id, data=data)
        if drop:
            tx.event(EventKind.MESSAGE_HELD, account=account, message=message_id)
            continue
        _requeue(tx, message_id, account, again=on_doubt == "resend", due_at=send_at, configured=configured)
    if ids is None and not drop:
        callbacks.release_all(tx)
    return len(rows)


def _requeue(
    tx: Transaction, message_id: int, account: int, *, again: bool, due_at: int | None, configured: Collection[int]
) -> None:
    doubtful = "SELECT 1 FROM parts WHERE message_id = ? AND state = 'unknown' AND sent_at IS NOT NULL"
    if not again and tx.execute(doubtful, (message_id,)).fetchone():
        return  # one part was in doubt before, and its rule is to hold: the others stay at home
    parts.move(tx, message_id, State.UNKNOWN, State.QUEUED, {"error": None})
    later = due_at is not None and due_at > tx.now
    tx.execute(
        "UPDATE messages SET queue = ?, due_at = ?, error = NULL, held = ? WHERE id = ?",
        (
            Queue.LATER if later else Queue.READY,
            due_at if later else None,
            None if account in configured else Hold.ACCOUNT,
            message_id,
        ),
    )
    parts.settle(tx, message_id)


def counts(con: sqlite3.Connection) -> dict[Hold, int]:
    """How many messages wait for a person, by reason."""
    rows = con.execute("SELECT held, count(*) FROM messages WHERE held IS NOT NULL GROUP BY held")
    return {Hold(held): count for held, count in rows}
