"""The parts of a message inside a transaction: what the state of one makes of the others and of the whole.

Used by `outbox` and `receipts`; decides nothing about attempts and reports.
"""

from __future__ import annotations

from modemgw.domain.states import State, derive
from modemgw.store.purse import NEVER_LEFT, charge
from modemgw.store.writer import Transaction

#: A condition: the message waits for no line of a certain name, but in the lane of a route (rules/routing.py).
IN_A_LANE = "(line = '' OR substr(line, 1, 1) = '@')"

#: What a message becomes when a part of it has failed for good: the rest of it is not sent.
_FAILED = frozenset({State.REJECTED, State.UNDELIVERABLE, State.EXPIRED})


def stop_rest(tx: Transaction, message_id: int) -> None:
    """The parts that wait stay at home, and say why. One that was in doubt before is in doubt again."""
    tx.execute(
        "UPDATE parts SET state = CASE WHEN sent_at IS NULL THEN 'cancelled' ELSE 'unknown' END, "
        "error = 'Not sent, for another part of the message failed or is in doubt.' "
        "WHERE message_id = ? AND state = 'queued'",
        (message_id,),
    )


def expire_one(tx: Transaction, message_id: int) -> None:
    """The parts that wait have waited too long. One that was in doubt before is in doubt again, not expired."""
    tx.execute(
        "UPDATE parts SET state = CASE WHEN sent_at IS NULL THEN 'expired' ELSE 'unknown' END, "
        "error = 'Its validity ended before it could be sent.' WHERE message_id = ? AND state = 'queued'",
        (message_id,),
    )
    settle(tx, message_id)


def pin(tx: Transaction, message_id: int, line_id: int) -> None:
    """One part may be out: the phone puts the others to it only if they come from the same number.

    An online gateway is given a text as a whole: nothing of it is left for a line to be pinned to.
    """
    tx.execute(
        "UPDATE messages SET line = l.name FROM lines l WHERE l.id = ? AND l.key NOT LIKE 'upstream:%' "
        f"AND messages.id = ? AND parts > 1 AND {IN_A_LANE}",
        (line_id, message_id),
    )


def resume_rest(tx: Transaction, message_id: int, *, promoted: bool = False) -> None:
    """Parts that waited for a doubt to clear, or for a line that stopped between them, go on.

    With `promoted` they are due now and `outbox.promote` hands them out: for where nobody can tell the dispatcher.
    Then they do not wait for the next try of a part that is settled either.
    """
    row = tx.execute(
        "SELECT count(*) FILTER (WHERE state IN ('unknown', 'sending')), count(*) FILTER (WHERE state = 'queued') "
        "FROM parts WHERE message_id = ?",
        (message_id,),
    ).fetchone()
    if row[0] > 0 or row[1] == 0:
        return
    if not promoted:
        tx.execute(
            "UPDATE messages SET queue = 1, due_at = NULL, doubt_at = NULL WHERE id = ? AND queue = 0", (message_id,)
        )
        return
    tx.execute(
        "UPDATE messages SET queue = 2, due_at = ?, doubt_at = NULL WHERE id = ? AND (queue = 0 OR queue = 2 "
        "AND NOT EXISTS (SELECT 1 FROM attempts a JOIN parts p ON p.message_id = a.message_id AND p.seq = a.seq "
        "WHERE a.message_id = messages.id AND a.unreferenced = 1 AND p.state = 'queued'))",
        (tx.now, message_id),
    )


def settle(tx: Transaction, message_id: int) -> State:
    """Derive the message's state from its parts and keep it; an event tells when it changed."""
    execute = tx.execute
    rows = execute(
        "SELECT state, error, error_code, st, sent_at FROM parts WHERE message_id = ? ORDER BY seq", (message_id,)
    ).fetchall()
    state = derive(State(row[0]) for row in rows)
    if state in _FAILED and any(row[0] == "queued" for row in rows):
        stop_rest(tx, message_id)
        return settle(tx, message_id)
    old, queue, account, cost, charged, refunded = execute(
        "SELECT state, queue, account_id, cost, charged, refunded FROM messages WHERE id = ?", (message_id,)
    ).fetchone()
    if charged or refunded:
        kept = sum(row[0] not in NEVER_LEFT or row[4] is not None for row in rows)
        charge(tx, message_id, account, cost * kept // len(rows) - charged)
    error, code = next(((row[1], row[2]) for row in rows if row[0] == state and row[1]), (None, None))
    st = next((row[3] for row in rows if row[0] == state and row[3] is not None), None)
    if state is State.QUEUED and queue == 0:
        queue = 1
    elif state not in (State.QUEUED, State.SENDING):
        queue = 0
    if state in (State.QUEUED, State.SENDING):
        # the last refusal stays readable while the next try waits
        execute(
            "UPDATE messages SET state = ?, queue = ?, updated_at = ?, doubt_at = NULL WHERE id = ?",
            (state, queue, tx.now, message_id),
        )
    else:
        execute(
            "UPDATE messages SET state = ?, queue = ?, updated_at = ?, st = ?, error = ?, error_code = ?, "
            "due_at = NULL, doubt_at = CASE WHEN ? THEN doubt_at END WHERE id = ?",
            (state, queue, tx.now, st, error, code, state is State.UNKNOWN, message_id),
        )
    if old != state:
        tx.event(f"message.{state}", account=account, message=message_id)
    return state
