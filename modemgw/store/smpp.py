"""Rows of SMPP: pieces of long messages, replaced messages, the queue of deliveries. Writes first, then reads.

A piece has an id of the same sequence as messages have; the last piece's id is that of the whole message.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from modemgw.domain.esme import Delivery, Join, KeptPiece, LostPiece, NewDelivery, NewPiece, News, PieceView
from modemgw.domain.events import EventKind
from modemgw.domain.job import NewMessage
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import Queue
from modemgw.store import acceptance, queries
from modemgw.store.purse import Purse, charge
from modemgw.store.role import Role, read, write
from modemgw.store.writer import Transaction

_CURSOR = "smpp.events"


def keep_piece(tx: Transaction, piece: NewPiece, join: Join, wait_ms: int) -> KeptPiece:
    """Keep a piece; with the last one the whole is accepted. A piece that is there already keeps its id; another one
    with its number begins a new message."""
    group, fellows = _open_group(tx, piece, wait_ms)
    if piece.sequence in fellows:
        earlier_id, earlier = fellows[piece.sequence]
        if earlier["octets"] == piece.octets:
            return KeptPiece(earlier_id)
        group, fellows = None, {}
    if len(fellows) + 1 == piece.total:
        message = join({**fellows, piece.sequence: (None, json.loads(piece.data))})
        accepted = acceptance.Accept(message)(tx)
        tx.execute("UPDATE smpp_pieces SET message_id = ? WHERE grp = ?", (accepted.id, group or accepted.id))
        return KeptPiece(accepted.id, message, accepted)
    piece_id: int = tx.execute(acceptance.NEXT_ID).fetchone()[0]
    tx.execute(
        "INSERT INTO smpp_pieces (id, account_id, key, grp, seq, data, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (piece_id, piece.account_id, piece.key, group or piece_id, piece.sequence, piece.data, tx.now),
    )
    return KeptPiece(piece_id)


def _open_group(
    tx: Transaction, piece: NewPiece, wait_ms: int
) -> tuple[int | None, dict[int, tuple[int, dict[str, Any]]]]:
    """The newest group with this key that waits for pieces."""
    rows = tx.execute(
        "SELECT grp, seq, id, data FROM smpp_pieces WHERE account_id = ? AND key = ? AND message_id IS NULL "
        "AND created_at >= ? ORDER BY grp DESC",
        (piece.account_id, piece.key, tx.now - wait_ms),
    ).fetchall()
    if not rows:
        return None, {}
    group = rows[0][0]
    return group, {row[1]: (row[2], json.loads(row[3])) for row in rows if row[0] == group}


def replace(tx: Transaction, account_id: int, message_id: int, message: NewMessage) -> None:
    """Text, times and price of a message of which nothing has been tried yet; the rest stays as it was."""
    m, now = message, tx.now
    row = tx.execute(
        "SELECT state, charged, extra FROM messages WHERE id = ? AND account_id = ?",
        (message_id, account_id),
    ).fetchone()
    if row is None:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {message_id}.")
    tried = tx.execute("SELECT 1 FROM attempts WHERE message_id = ? LIMIT 1", (message_id,)).fetchone()
    if row[0] != "queued" or tried is not None:
        raise Refusal(RefusalKind.CONFLICT, f"Message {message_id} is on its way or done.")
    _pay(tx, row[1], message_id, message)
    later = m.send_at is not None and m.send_at > now
    start = m.send_at if later and m.send_at is not None else now
    extra = {**json.loads(m.extra or "{}")}
    own, old = extra.get("smpp"), json.loads(row[2] or "{}").get("smpp", {})
    if isinstance(own, dict) and "pieces" in old:
        own["pieces"] = old["pieces"]
    tx.execute(
        "UPDATE messages SET text = ?, data = ?, udh = ?, encoding = ?, locking = ?, single = ?, flash = ?, "
        "pid = ?, dcs = ?, extra = ?, parts = ?, queue = ?, due_at = ?, send_at = ?, validity_s = ?, "
        "expires_at = ?, cost = ?, updated_at = ? WHERE id = ?",
        (
            m.text,
            m.data,
            m.udh,
            m.encoding,
            m.locking,
            m.single,
            m.flash,
            m.pid,
            m.dcs,
            json.dumps(extra, ensure_ascii=False),
            m.parts,
            Queue.LATER if later else Queue.READY,
            start if later else None,
            m.send_at,
            m.validity_s,
            start + m.validity_s * 1000,
            m.cost,
            now,
            message_id,
        ),
    )
    tx.execute("DELETE FROM parts WHERE message_id = ?", (message_id,))
    tx.insert_many(
        "INSERT INTO parts (message_id, seq, state) VALUES ",
        [(message_id, seq, "queued") for seq in range(1, m.parts + 1)],
    )
    tx.event(EventKind.MESSAGE_REPLACED, account=account_id, message=message_id)


def _pay(tx: Transaction, charged: int, message_id: int, message: NewMessage) -> None:
    m = message
    if m.funds is None:
        return
    if m.cost > charged:
        purse = Purse(tx)
        if not purse.pay(m.account_id, m.cost - charged, m.funds):
            raise purse.refusal(m.account_id, m.cost - charged, m.funds)
        purse.keep()
        tx.execute("UPDATE messages SET charged = ? WHERE id = ?", (m.cost, message_id))
    else:
        charge(tx, message_id, m.account_id, m.cost - charged)


def enqueue(
    tx: Transaction, deliveries: Sequence[NewDelivery], *, cursor: int | None = None, lost: Sequence[int] = ()
) -> None:
    """New rows of the queue, the cursor they were read up to, and pieces that are given up."""
    tx.insert_many(
        "INSERT INTO smpp_deliveries (account_id, priority, kind, inbox_id, data, created_at) VALUES ",
        [(d.account_id, d.priority, d.kind, d.inbox_id, d.data, tx.now) for d in deliveries],
    )
    for piece_id in lost:
        tx.execute("UPDATE smpp_pieces SET lost_at = ? WHERE id = ? AND message_id IS NULL", (tx.now, piece_id))
    if cursor is not None:
        tx.execute(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (_CURSOR, str(cursor)),
        )


def receiving(tx: Transaction, account_id: int) -> None:
    """From now on, and for good, incoming messages are queued for the account."""
    tx.execute(
        "INSERT INTO smpp_receivers (account_id, since) VALUES (?, ?) ON CONFLICT DO NOTHING", (account_id, tx.now)
    )


def acknowledge(tx: Transaction, ids: Sequence[int]) -> None:
    """The client has them."""
    tx.connection.executemany("DELETE FROM smpp_deliveries WHERE id = ?", [(delivery_id,) for delivery_id in ids])


def postpone(tx: Transaction, delivery_id: int, due_at: int) -> None:
    """The client does not take it now."""
    tx.execute("UPDATE smpp_deliveries SET due_at = ?, tries = tries + 1 WHERE id = ?", (due_at, delivery_id))


def prune(tx: Transaction, before: int) -> int:
    """Drop rows that nobody fetched in time; how many."""
    dropped: int = tx.execute(
        "DELETE FROM smpp_deliveries WHERE id IN "
        "(SELECT id FROM smpp_deliveries WHERE created_at < ? ORDER BY created_at LIMIT 10000)",
        (before,),
    ).rowcount
    return dropped


# -- reading ------------------------------------------------------------------------------------------------------

#: Guarded by an EXPLAIN test.
HEAD = (
    "SELECT id, kind, inbox_id, data, tries FROM smpp_deliveries WHERE account_id = ? AND due_at <= ? "
    "ORDER BY priority DESC, id LIMIT ?"
)

#: Events that a client may be told of; "held" is a doubt that nobody resolves any more.
_CHANGES = (
    EventKind.MESSAGE_SENT,
    EventKind.MESSAGE_DELIVERED,
    EventKind.MESSAGE_UNDELIVERABLE,
    EventKind.MESSAGE_EXPIRED,
    EventKind.MESSAGE_REJECTED,
    EventKind.MESSAGE_CANCELLED,
    EventKind.MESSAGE_HELD,
)
_ARRIVALS = (EventKind.INBOX_RECEIVED, EventKind.INBOX_PARTIAL, EventKind.INBOX_COMPLETED)


def news(con: sqlite3.Connection, cursor: int | None, limit: int) -> News:
    """What has happened after the cursor; None: after the one that `enqueue` kept last, or from now on."""
    last = queries.last_event(con)
    if cursor is None:
        row = con.execute("SELECT value FROM meta WHERE key = ?", (_CURSOR,)).fetchone()
        cursor = int(row[0]) if row is not None else last
    receivers = tuple(account for (account,) in con.execute("SELECT account_id FROM smpp_receivers"))
    until = min(last, cursor + limit)
    changes = []
    for kind, at, account, message_id in con.execute(
        f"SELECT e.kind, e.at, e.account_id, e.message_id FROM events e JOIN messages m ON m.id = e.message_id "
        f"WHERE e.id > ? AND e.id <= ? AND e.kind IN ({', '.join('?' * len(_CHANGES))}) AND m.dialect = 'smpp' "
        "ORDER BY e.id",
        (cursor, until, *_CHANGES),
    ).fetchall():
        view = queries.message(con, account, message_id)
        if view is not None:
            changes.append((kind, at, account, view))
    arrivals = con.execute(
        f"SELECT inbox_id FROM events WHERE id > ? AND id <= ? AND kind IN ({', '.join('?' * len(_ARRIVALS))}) "
        "ORDER BY id",
        (cursor, until, *_ARRIVALS),
    ).fetchall()
    return News(until, tuple(changes), tuple(inbox_id for (inbox_id,) in arrivals), receivers)


def lost(con: sqlite3.Connection, before: int) -> list[LostPiece]:
    """Pieces that wait since before then."""
    rows = con.execute(
        "SELECT id, account_id, created_at, data FROM smpp_pieces WHERE message_id IS NULL AND lost_at IS NULL "
        "AND created_at < ? ORDER BY created_at LIMIT 1000",
        (before,),
    ).fetchall()
    return [LostPiece(row[0], row[1], row[2], json.loads(row[3])) for row in rows]


def deliveries(con: sqlite3.Connection, account_id: int, limit: int, now: int) -> list[Delivery]:
    """The head of an account's queue."""
    rows = con.execute(HEAD, (account_id, now, limit)).fetchall()
    return [Delivery(row[0], row[1], row[2], json.loads(row[3]) if row[3] else {}, row[4]) for row in rows]


def piece(con: sqlite3.Connection, account_id: int, piece_id: int) -> PieceView | None:
    """A piece, by its id."""
    row = con.execute(
        "SELECT id, message_id, lost_at, created_at FROM smpp_pieces WHERE id = ? AND account_id = ?",
        (piece_id, account_id),
    ).fetchone()
    return None if row is None else PieceView(row[0], row[1], row[2] is not None, row[3], row[2])


class SmppQueue(Role):
    """Pieces of long messages, and the queue of deliveries."""

    keep_piece = write(keep_piece)
    piece = read(piece)
    lost_pieces = read(lost)
    replace = write(replace)
    news = read(news)
    enqueue = write(enqueue)
    receiving = write(receiving)
    deliveries = read(deliveries)
    acknowledge = write(acknowledge, lazy=True)
    postpone = write(postpone)
    prune = write(prune)
