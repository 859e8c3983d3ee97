"""The queue of callbacks in SQLite.

Owns the table `callbacks` and two rows of `meta`: how far the history has been followed, and for whom. A waiting
row has `due_at` only while it is the first of its stream; that is what keeps a stream in order.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from modemgw.domain.callback import (
    CallbackRequest,
    CallbackState,
    CallbackView,
    DueCallback,
    DuePage,
    FeedItem,
    FeedPage,
    FeedStart,
    NewCallback,
    Note,
    host_of,
    shown,
    stream_is_own,
)
from modemgw.domain.events import OF_STATE, EventKind
from modemgw.domain.states import State
from modemgw.store import queries
from modemgw.store.role import Role, keep, read, write
from modemgw.store.writer import Transaction

CURSOR, SINCE = "callbacks.cursor", "callbacks.since"

#: Events that may be told. That a message was accepted its client knows; that it waits again is no outcome.
KINDS = (
    *(kind for state, kind in OF_STATE.items() if state is not State.QUEUED),
    EventKind.INBOX_RECEIVED,
    EventKind.INBOX_PARTIAL,
    EventKind.INBOX_COMPLETED,
    EventKind.INBOX_UNDECODABLE,
    EventKind.CALL_INCOMING,
)

#: Rows changed by one write operation at the most.
BATCH = 2_000

_FOLLOW = (
    "SELECT id, at, kind, account_id, message_id, inbox_id FROM events "
    f"WHERE id > ? AND id <= ? AND kind IN ({', '.join(repr(kind.value) for kind in KINDS)}) AND "
    "(account_id IN (SELECT value FROM json_each(?)) OR inbox_id IS NOT NULL "
    f"OR kind = {EventKind.CALL_INCOMING.value!r}) "
    "ORDER BY id LIMIT ?"
)

_DUE = "state = 'waiting' AND due_at IS NOT NULL"

#: Every host that has something due now or later, one step in the index for each.
HOSTS = (
    f"WITH RECURSIVE h (host) AS (SELECT min(host) FROM callbacks WHERE {_DUE} UNION ALL "
    f"SELECT (SELECT min(host) FROM callbacks WHERE {_DUE} AND host > h.host) FROM h WHERE h.host IS NOT NULL) "
    "SELECT host FROM h WHERE host IS NOT NULL"
)

_COLUMNS = "id, account_id, dialect, host, stream, method, url, headers, body, context, tries, since"

#: The first that are due at one host. Guarded by an EXPLAIN test, as is HOSTS.
HEAD = f"SELECT {_COLUMNS} FROM callbacks WHERE {_DUE} AND host = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?"
NEXT = f"SELECT min(due_at) FROM callbacks WHERE {_DUE} AND host = ? AND due_at > ?"

_VIEW = (
    "SELECT id, state, dialect, event_id, message_id, inbox_id, method, url, created_at, due_at, ended_at, tries, "
    "status, error FROM callbacks "
)

_EARLIER = (
    "EXISTS (SELECT 1 FROM callbacks e WHERE e.state = 'waiting' AND e.stream = callbacks.stream "
    "AND e.id < callbacks.id)"
)

_INSERT = (
    "INSERT INTO callbacks (account_id, dialect, stream, host, follows, event_id, message_id, inbox_id, method, url, "
    "headers, body, context, state, created_at, since, due_at, tries) VALUES (:account_id, :dialect, :stream, :host, "
    ":follows, :event_id, :message_id, :inbox_id, :method, :url, :headers, :body, :context, 'waiting', :now, :now, "
    "CASE WHEN EXISTS (SELECT 1 FROM callbacks WHERE state = 'waiting' AND stream = :stream) THEN NULL ELSE :now END, "
    "0)"
)

_SETTLE = (
    "UPDATE callbacks SET state = :state, status = :status, error = :error, tries = tries + 1, "
    f"due_at = CASE WHEN :state <> 'waiting' OR {_EARLIER} THEN NULL ELSE :due_at END, "
    "ended_at = CASE WHEN :state <> 'waiting' THEN :now END WHERE id = :id AND state = 'waiting' "
    "RETURNING account_id, stream, message_id, inbox_id, url, tries"
)


# -- reading --------------------------------------------------------------------------------------------------


def page(con: sqlite3.Connection, cursor: int, accounts: Sequence[int], limit: int) -> FeedPage:
    """Events after the cursor of these accounts' messages and of the inbox."""
    last = queries.last_event(con)
    rows = con.execute(_FOLLOW, (cursor, last, json.dumps(list(accounts)), limit)).fetchall()
    more = len(rows) == limit
    messages: dict[int, Any] = {}
    items = []
    for event_id, at, kind, account_id, message_id, inbox_id in rows:
        message = inbox = call = None
        if message_id is not None:
            if message_id not in messages:
                messages[message_id] = queries.message(con, account_id, message_id)
            message = messages[message_id]
        elif inbox_id is not None:
            inbox = queries.inbox_item(con, inbox_id)
        elif kind == "call.incoming":
            call = queries.call(con, event_id)
        items.append(FeedItem(event_id, at, kind, account_id, message, inbox, call))
    return FeedPage(rows[-1][0] if more else max(last, cursor), items, more)


def due(con: sqlite3.Connection, now: int, busy: Mapping[str, int], per_host: int) -> DuePage:
    """For each host `per_host` more than are `busy` there: those under way are among them."""
    found: dict[str, list[DueCallback]] = {}
    next_at: int | None = None
    for (host,) in con.execute(HOSTS).fetchall():
        rows = con.execute(HEAD, (host, now, per_host + busy.get(host, 0))).fetchall()
        if rows:
            found[host] = [_due(row) for row in rows]
        later = con.execute(NEXT, (host, now)).fetchone()[0]
        if later is not None and (next_at is None or later < next_at):
            next_at = later
    return DuePage(found, next_at)


def _due(row: Sequence[Any]) -> DueCallback:
    request = CallbackRequest(
        url=row[6], stream=row[4], method=row[5], headers=json.loads(row[7]), body=row[8], context=json.loads(row[9])
    )
    return DueCallback(row[0], row[1], row[2], row[3], request, row[10], row[11], stream_is_own(row[4]))


def views(
    con: sqlite3.Connection, account_id: int, state: CallbackState | None, after: int, limit: int
) -> list[CallbackView]:
    """Callbacks of an account after the cursor."""
    if state is None:
        rows = con.execute(
            _VIEW + "WHERE +account_id = ? AND id > ? ORDER BY id LIMIT ?", (account_id, after, limit)
        ).fetchall()
    else:
        rows = con.execute(
            _VIEW + "WHERE account_id = ? AND state = ? AND id > ? ORDER BY id LIMIT ?",
            (account_id, state, after, limit),
        ).fetchall()
    return [CallbackView(row[0], CallbackState(row[1]), *row[2:]) for row in rows]


def counts(con: sqlite3.Connection) -> dict[CallbackState, int]:
    """How many wait and how many have failed."""
    row = con.execute(
        "SELECT (SELECT count(*) FROM callbacks WHERE state = 'waiting'), "
        "(SELECT count(*) FROM callbacks WHERE state = 'failed' AND ended_at IS NOT NULL)"
    ).fetchone()
    return {CallbackState.WAITING: row[0], CallbackState.FAILED: row[1]}


# -- writing --------------------------------------------------------------------------------------------------


def begin(tx: Transaction, urls: Mapping[int, str | None], calling: Sequence[int]) -> FeedStart:
    """Once, at the start. `urls`: callback_url of every account; `calling`: accounts that may have calls.

    What waits for an account that is gone, or for a callback_url that was taken out, is dropped; what waits for a
    callback_url that was changed goes to the new one.
    """
    known = ", ".join(str(int(account)) for account in urls) or "NULL"
    _drop(tx, f"account_id NOT IN ({known})", "Its account is no longer configured.")
    for account, url in urls.items():
        if url is None:
            where = f"account_id = {int(account)} AND follows"
            _drop(tx, where, "callback_url was taken out of the configuration.")
            continue
        tx.execute(
            "UPDATE callbacks SET url = :url, host = :host, due_at = CASE WHEN due_at IS NOT NULL THEN :now END "
            "WHERE account_id = :account AND follows AND url <> :url AND state <> 'done'",
            {"url": url, "host": host_of(url), "now": tx.now, "account": account},
        )
    _order(tx, "1")
    return _start(tx, calling)


def _drop(tx: Transaction, where: str, reason: str) -> None:
    tx.execute(
        "UPDATE callbacks SET state = 'dropped', due_at = NULL, ended_at = ?, error = ? "
        f"WHERE state = 'waiting' AND {where}",
        (tx.now, reason),
    )


def _start(tx: Transaction, calling: Sequence[int]) -> FeedStart:
    """An account is told what happens from the start on that first finds it with a URL."""
    last = queries.last_event(tx.connection)
    kept = {int(key): value for key, value in json.loads(_meta(tx, SINCE) or "{}").items()}
    since = {account: kept.get(account, last) for account in calling}
    stored = _meta(tx, CURSOR)
    cursor = last if stored is None else int(stored)
    if since:
        # whom nobody follows: nothing before it can matter
        cursor = max(cursor, min(since.values()))
    _set_meta(tx, SINCE, json.dumps(since))
    _set_meta(tx, CURSOR, str(cursor))
    return FeedStart(cursor, since)


def feed(tx: Transaction, before: int, cursor: int, new: Sequence[NewCallback], notes: Sequence[Note]) -> None:
    """Queue requests and notes and move the cursor, all or none; nothing if the cursor is beyond `before` already."""
    if int(_meta(tx, CURSOR) or 0) > before:
        return
    for item in new:
        request = item.request
        tx.execute(
            _INSERT,
            {
                "account_id": item.account_id,
                "dialect": item.dialect,
                "stream": item.stream,
                "host": item.host,
                "follows": item.follows,
                "event_id": item.event_id,
                "message_id": item.message_id,
                "inbox_id": item.inbox_id,
                "method": request.method,
                "url": request.url,
                "headers": json.dumps(dict(request.headers)),
                "body": request.body,
                "context": json.dumps(dict(request.context)),
                "now": tx.now,
            },
        )
    for note in notes:
        tx.event(note.kind, account=note.account_id, message=note.message_id, inbox=note.inbox_id, data=note.data)
    _set_meta(tx, CURSOR, str(cursor))


def settle(
    tx: Transaction, id: int, state: CallbackState, *, due_at: int | None, status: int | None, error: str | None
) -> None:
    """The outcome of one try; the next of the stream gets its turn unless this one waits again."""
    again = state is CallbackState.WAITING
    row = tx.execute(
        _SETTLE,
        {
            "state": state,
            "status": status,
            "error": error,
            "due_at": due_at,
            "now": tx.now,
            "id": id,
        },
    ).fetchall()
    if not row or again:
        return
    account, stream, message, inbox, url, tries = row[0]
    tx.execute(
        "UPDATE callbacks SET due_at = ? WHERE due_at IS NULL AND id = "
        "(SELECT min(id) FROM callbacks WHERE state = 'waiting' AND stream = ?)",
        (tx.now, stream),
    )
    if state is not CallbackState.DONE:
        data = {"callback": id, "url": shown(url), "tries": tries, "error": error}
        tx.event(EventKind(f"callback.{state}"), account=account, message=message, inbox=inbox, data=data)


def release(tx: Transaction, host: str) -> int:
    """The host answers again: those that had no answer from it are due now; how many."""
    return tx.execute(
        f"UPDATE callbacks SET due_at = :now WHERE {_DUE} AND host = :host AND due_at > :now AND status IS NULL",
        {"now": tx.now, "host": host},
    ).rowcount


def replay_some(
    tx: Transaction, account_id: int, after: int, *, id: int | None, failed: bool, since: int | None
) -> tuple[int, int]:
    """(how many, the last of them). They wait as if they were new; at most BATCH at a time."""
    where: str
    value: int | str
    if id is not None:
        where, value = "id = ?", id
    elif failed:
        where, value = "state = ?", CallbackState.FAILED
    else:
        where, value = "state <> 'waiting' AND created_at >= ?", since or 0
    ids = [
        row[0]
        for row in tx.execute(
            f"SELECT id FROM callbacks WHERE account_id = ? AND id > ? AND {where} ORDER BY id LIMIT {BATCH}",
            (account_id, after, value),
        )
    ]
    if not ids:
        return 0, after
    among = "id IN (SELECT value FROM json_each(?))"
    listed = json.dumps(ids)
    tx.execute(
        "UPDATE callbacks SET state = 'waiting', tries = 0, since = ?, due_at = NULL, ended_at = NULL, "
        f"status = NULL, error = NULL WHERE {among}",
        (tx.now, listed),
    )
    _order(tx, f"stream IN (SELECT stream FROM callbacks WHERE {among})", listed)
    return len(ids), ids[-1]


def purge_some(tx: Transaction, done_before: int, failed_before: int) -> int:
    """Remove what ended before these times, at most BATCH; how many."""
    count = 0
    for state, before in (
        (CallbackState.DONE, done_before),
        (CallbackState.FAILED, failed_before),
        (CallbackState.DROPPED, failed_before),
    ):
        count += tx.execute(
            "DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks WHERE state = ? AND ended_at < ? LIMIT ?)",
            (state, before, BATCH - count),
        ).rowcount
    return count


#: The reason of callbacks that wait for a person after a copy was brought back.
MAY_HAVE_GONE = "Held: the database was brought back from an earlier copy, and it may have been made since."


def hold_all(tx: Transaction) -> int:
    """Whatever waits may have been made in the life of the database that is missing; how many. They count as given
    up: a receiver may answer with a message, and would answer twice."""
    return tx.execute(
        "UPDATE callbacks SET state = 'failed', due_at = NULL, ended_at = ?, error = ? WHERE state = 'waiting'",
        (tx.now, MAY_HAVE_GONE),
    ).rowcount


def release_all(tx: Transaction) -> int:
    """Have those made that `hold_all` held and nobody has replayed; how many."""
    count = tx.execute(
        "UPDATE callbacks SET state = 'waiting', since = ?, ended_at = NULL, error = NULL "
        "WHERE state = 'failed' AND error = ?",
        (tx.now, MAY_HAVE_GONE),
    ).rowcount
    _order(tx, "1")
    return count


def _order(tx: Transaction, where: str, *values: object) -> None:
    """Of the waiting ones of each stream, let the first be due and the others wait for it."""
    tx.execute(
        f"UPDATE callbacks SET due_at = NULL WHERE state = 'waiting' AND due_at IS NOT NULL AND {where} AND {_EARLIER}",
        values,
    )
    tx.execute(
        f"UPDATE callbacks SET due_at = ? WHERE state = 'waiting' AND due_at IS NULL AND {where} AND NOT {_EARLIER}",
        (tx.now, *values),
    )


def _meta(tx: Transaction, key: str) -> str | None:
    row = tx.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row[0])


def _set_meta(tx: Transaction, key: str, value: str) -> None:
    tx.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (key, value)
    )


class CallbackQueue(Role):
    """The durable queue, as `service.callbacks` sees it."""

    begin = write(begin)
    page = read(page)
    feed = write(feed)
    due = read(due)
    settle = keep(settle)
    release = write(release)
    replay_some = write(replay_some)
    purge_some = write(purge_some)
    views = read(views)
    counts = read(counts)
