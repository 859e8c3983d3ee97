"""The parts of a message inside a transaction: how one changes its state, and what becomes of the others and the whole.

The only place that writes states of parts and messages, besides their first. Decides nothing of attempts and reports.
"""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.domain.events import OF_STATE
from modemgw.domain.states import Queue, State, derive, may_become
from modemgw.store.purse import NEVER_LEFT, charge
from modemgw.store.writer import Transaction

#: A condition: the message waits for no line of a certain name, but in the lane of a route (rules/routing.py).
IN_A_LANE = "(line = '' OR substr(line, 1, 1) = '@')"

#: What is set besides the state.
Columns = Mapping[str, int | str | None]

_NOTHING: Columns = {}

#: What a message becomes when a part of it has failed for good: the rest of it is not sent.
_FAILED = frozenset({State.REJECTED, State.UNDELIVERABLE, State.EXPIRED})


def move(
    tx: Transaction,
    message_id: int,
    old: State,
    new: State,
    columns: Columns = _NOTHING,
    *,
    seq: int | None = None,
    may_be_out: bool | None = None,
    sent_since: int | None = None,
) -> int:
    """Parts of a message that are `old` become `new`; how many. ValueError where TRANSITIONS has no such way.

    The one with `seq`, else all; with `may_be_out` those only of which a copy may have gone out before, or those of
    which none has. `columns` are set besides; `sent_since` is, where no copy has gone out before.
    """
    if not may_become(old, new):
        raise ValueError(f"A part that is {old} does not become {new}.")
    sets, values = ["state = ?"], [new, *columns.values()]
    sets += [f"{name} = ?" for name in columns]
    if sent_since is not None:
        sets.append("sent_at = coalesce(sent_at, ?)")
        values.append(sent_since)
    where = "message_id = ? AND state = ?"
    values += [message_id, old]
    if seq is not None:
        where += " AND seq = ?"
        values.append(seq)
    if may_be_out is not None:
        where += f" AND sent_at IS {'NOT ' if may_be_out else ''}NULL"
    return tx.execute(f"UPDATE parts SET {', '.join(sets)} WHERE {where}", values).rowcount


def give_up(tx: Transaction, message_id: int, new: State, reason: str | None = None) -> None:
    """The parts that wait are not sent and become `new`. One of which a copy may have gone out before is in doubt."""
    columns = _NOTHING if reason is None else {"error": reason}
    move(tx, message_id, State.QUEUED, new, columns, may_be_out=False)
    move(tx, message_id, State.QUEUED, State.UNKNOWN, columns, may_be_out=True)


def stop_rest(tx: Transaction, message_id: int) -> None:
    """The parts that wait are not sent, and say why."""
    reason = "Not sent, for another part of the message failed or is in doubt."
    give_up(tx, message_id, State.CANCELLED, reason)


def expire_one(tx: Transaction, message_id: int) -> None:
    """The parts that wait have waited too long."""
    give_up(tx, message_id, State.EXPIRED, "Its validity ended before it could be sent.")
    settle(tx, message_id)


def begin_sending(tx: Transaction, message_id: int) -> None:
    """A part of the message is being sent: what `settle` would say, without a look at the others."""
    tx.execute(
        f"UPDATE messages SET state = 'sending', queue = {Queue.NOT}, due_at = NULL, updated_at = ? WHERE id = ?",
        (tx.now, message_id),
    )


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
            f"UPDATE messages SET queue = {Queue.READY}, due_at = NULL, doubt_at = NULL "
            f"WHERE id = ? AND queue = {Queue.NOT}",
            (message_id,),
        )
        return
    tx.execute(
        f"UPDATE messages SET queue = {Queue.LATER}, due_at = ?, doubt_at = NULL "
        f"WHERE id = ? AND (queue = {Queue.NOT} OR queue = {Queue.LATER} "
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
    if state is State.QUEUED and queue == Queue.NOT:
        queue = Queue.READY
    elif state not in (State.QUEUED, State.SENDING):
        queue = Queue.NOT
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
        tx.event(OF_STATE[state], account=account, message=message_id)
    return state
