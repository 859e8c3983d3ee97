"""Messages handed to online gateways, as write operations: journalled, ended, asked about, told of.

A gateway is given a text as a whole. Its attempts are those of the parts (outbox), all begun and ended together; a try
is what ties them to the gateway: our reference, its ids, and when it is asked about it. What a try came to is decided
in modemgw/upstream; what follows from it for a part, in domain/states.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from modemgw.domain.events import EventKind
from modemgw.domain.inbox import InboxKind
from modemgw.domain.job import Job, LineRecord
from modemgw.domain.states import FINAL, AttemptOutcome, Queue, State, derive, may_become
from modemgw.domain.upstream import Fate, UpstreamInbound
from modemgw.rules.pricing import units
from modemgw.store import lines, outbox
from modemgw.store.ids import next_id
from modemgw.store.outbox import begin_attempt, end_attempt, reject
from modemgw.store.parts import move, resume_rest, settle
from modemgw.store.role import Role, keep, read, write
from modemgw.store.writer import Transaction

#: Fates of ids that nobody knows yet which are kept for each line: an answer that is under way may give the id.
EARLY_LIMIT = 1_000

#: For so long they are kept.
EARLY_MS = 600_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A try that is journalled. `ref` is what the gateway is told."""

    id: int
    ref: str


@dataclass(frozen=True, slots=True)
class Ended:
    """What a try came to. `outcome` and the rest as outbox.end_attempt has them; `ids` are the gateway's."""

    outcome: AttemptOutcome
    reason: str | None = None
    ids: tuple[str, ...] = ()
    lane: str | None = None
    due_at: int | None = None
    doubt_at: int | None = None
    ask_at: int | None = None
    cost: str | None = None


@dataclass(frozen=True, slots=True)
class OpenTry:
    """A try that a gateway is asked about now, with what it was given."""

    id: int
    message_id: int
    ref: str
    started_at: int
    asks: int
    ids: tuple[str, ...]  # of which no last word was told
    recipient: str
    text: str
    flash: bool
    encoding: str
    parts: int
    expires_at: int
    lane: str


# -- a try ------------------------------------------------------------------------------------------------------------


def begin(tx: Transaction, job: Job, line: LineRecord, tail: str, *, unique_refs: bool) -> Begun | None:
    """Journal a try of all that waits of a message; None if it is not to be sent any more, yet, or this way."""
    states = tx.execute("SELECT state FROM parts WHERE message_id = ?", (job.id,)).fetchall()
    if any(state != State.QUEUED for (state,) in states):
        return None  # a part of a text is nothing that a gateway can be given
    for seq in job.queued:
        begun = begin_attempt(tx, job.id, seq, line, tail, resend=seq in job.resend, lane=job.line)
        if begun is None:
            return None
    (earlier,) = tx.execute("SELECT count(*) FROM upstream_tries WHERE message_id = ?", (job.id,)).fetchone()
    ref = f"{_life(tx)}-{job.id}" + ("" if unique_refs or not earlier else f"-{earlier + 1}")
    try_id = tx.execute(
        "INSERT INTO upstream_tries (message_id, line_id, ref, started_at, state) VALUES (?, ?, ?, ?, 'started')",
        (job.id, line.id, ref, tx.now),
    ).lastrowid
    assert try_id is not None
    return Begun(try_id, ref)


def _life(tx: Transaction) -> str:
    """What our references begin with: those of another database, at the same gateway, are not ours."""
    row = tx.execute("SELECT value FROM meta WHERE key = 'upstream_refs'").fetchone()
    if row is not None:
        return str(row[0])
    life = "m" + secrets.token_hex(3)
    tx.execute("INSERT INTO meta (key, value) VALUES ('upstream_refs', ?)", (life,))
    return life


def end(tx: Transaction, try_id: int, ended: Ended) -> State:
    """What a try came to; the message's new state. What was told of the try before its answer came stands."""
    message_id, line_id, state = tx.execute(
        "SELECT message_id, line_id, state FROM upstream_tries WHERE id = ?", (try_id,)
    ).fetchone()
    taken = ended.outcome is AttemptOutcome.SENT
    if state == "started":
        _end_attempts(tx, message_id, line_id, ended)
        after = {AttemptOutcome.SENT: "taken", AttemptOutcome.UNKNOWN: "doubt"}.get(ended.outcome, "ended")
        tx.execute("UPDATE upstream_tries SET state = ?, ask_at = ? WHERE id = ?", (after, ended.ask_at, try_id))
    elif state == "doubt" and taken:  # a callback, or the service's own start, was quicker
        _taken(tx, try_id, message_id, line_id, "its answer")
        tx.execute("UPDATE upstream_tries SET ask_at = ? WHERE id = ?", (ended.ask_at, try_id))
    if taken and ended.cost is not None:
        tx.execute("UPDATE upstream_tries SET cost = ? WHERE id = ?", (_cost(ended.cost), try_id))
    _name(tx, try_id, message_id, line_id, ended.ids)
    return _state(tx, message_id)


def _cost(amount: str) -> int:
    """What a gateway says that it took; nothing, where that is no amount."""
    try:
        return max(0, min(units(amount), 1 << 50))
    except (ArithmeticError, ValueError):
        return 0


def _end_attempts(tx: Transaction, message_id: int, line_id: int, ended: Ended) -> None:
    attempts = tx.execute(
        "SELECT id FROM attempts WHERE message_id = ? AND line_id = ? AND outcome = 'started' ORDER BY seq",
        (message_id, line_id),
    ).fetchall()
    for (attempt,) in attempts:
        end_attempt(
            tx,
            attempt,
            ended.outcome,
            error=ended.reason or None,
            due_at=ended.due_at,
            doubt_at=ended.doubt_at,
            lane=ended.lane,
        )


def _name(tx: Transaction, try_id: int, message_id: int, line_id: int, ids: Sequence[str]) -> None:
    """Keep the gateway's ids, and match what was told of them already."""
    if not ids:
        return
    (parts,) = tx.execute("SELECT parts FROM messages WHERE id = ?", (message_id,)).fetchone()
    each = len(ids) == parts > 1
    for at, name in enumerate(ids, 1):
        tx.execute(
            "INSERT INTO upstream_ids (line_id, id, try_id, seq) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "try_id = excluded.try_id, seq = excluded.seq, state = NULL",
            (line_id, name, try_id, at if each else 0),
        )
    names = json.dumps(list(ids))
    early = tx.execute(
        "SELECT fate FROM upstream_early WHERE line_id = ? AND name IN (SELECT value FROM json_each(?)) ORDER BY id",
        (line_id, names),
    ).fetchall()
    if early:
        for row in early:  # under all its spellings
            tx.execute("DELETE FROM upstream_early WHERE line_id = ? AND fate = ?", (line_id, *row))
        tell(tx, line_id, [_fate(text) for (text,) in early])


def pass_on(tx: Transaction, message_id: int, lane: str | None, reason: str, due_at: int | None) -> None:
    """A way cannot take a message: it waits in another lane, or (None) it is rejected for that reason."""
    if lane is None:
        reject(tx, message_id, reason)
        return
    row = tx.execute(
        f"SELECT account_id, line FROM messages WHERE id = ? AND queue = {Queue.READY}", (message_id,)
    ).fetchone()
    if row is None:
        return
    tx.execute(
        "UPDATE messages SET line = ?, queue = ?, due_at = ?, error = ?, updated_at = ? WHERE id = ?",
        (lane, Queue.READY if due_at is None else Queue.LATER, due_at, reason, tx.now, message_id),
    )
    tx.event(EventKind.MESSAGE_REROUTED, account=row[0], message=message_id, data={"reason": reason})


def absent(tx: Transaction, try_id: int, lane: str, reason: str) -> bool:
    """The gateway never had it: what was in doubt waits again. False if the doubt has ended otherwise meanwhile."""
    row = tx.execute(
        "SELECT t.message_id, t.line_id, m.account_id FROM upstream_tries t JOIN messages m ON m.id = t.message_id "
        "WHERE t.id = ? AND t.state = 'doubt'",
        (try_id,),
    ).fetchone()
    if row is None:
        return False
    message_id, line_id, account = row
    tx.execute("UPDATE upstream_tries SET state = 'ended', ask_at = NULL WHERE id = ?", (try_id,))
    if _state(tx, message_id) is not State.UNKNOWN:
        return False
    tx.execute(
        "UPDATE attempts SET outcome = 'not_sent', unreferenced = 0, error = ? "
        "WHERE message_id = ? AND line_id = ? AND outcome = 'unknown'",
        (reason, message_id, line_id),
    )
    parts = tx.execute("SELECT seq FROM parts WHERE message_id = ? AND state = 'unknown'", (message_id,)).fetchall()
    for (seq,) in parts:
        (out,) = tx.execute(
            "SELECT min(started_at) FROM attempts WHERE message_id = ? AND seq = ? "
            "AND (outcome IN ('sent', 'unknown') OR unreferenced = 1)",
            (message_id, seq),
        ).fetchone()
        move(tx, message_id, State.UNKNOWN, State.QUEUED, {"sent_at": out, "error": None}, seq=seq)
        tx.event(
            EventKind.PART_RESOLVED, account=account, message=message_id, part=seq, line=line_id, data={"by": "absence"}
        )
    tx.execute(
        f"UPDATE messages SET queue = {Queue.READY}, due_at = NULL, doubt_at = NULL, line = ? WHERE id = ?",
        (lane, message_id),
    )
    settle(tx, message_id)
    return True


# -- what gateways tell -----------------------------------------------------------------------------------------------


def tell(tx: Transaction, line_id: int, fates: Iterable[Fate]) -> int:
    """What a gateway said of ids and references; how many of them are ours. Claims: states only move forwards, and what
    is said twice is heard once."""
    ours = 0
    for fate in fates:
        found = _try_of(tx, line_id, fate)
        if found is None:
            _keep_early(tx, line_id, fate)
            continue
        ours += 1
        name, try_id, message_id, state, seq = found
        _told(tx, line_id, try_id, message_id, state, seq, replace(fate, id=name))
    return ours


_Where = tuple[str, int, int, str, int]


def _try_of(tx: Transaction, line_id: int, fate: Fate) -> _Where | None:
    """(id, try, message, its state, part) that something was told of."""
    for name in (fate.id, *fate.aliases):
        row = tx.execute(
            "SELECT t.id, t.message_id, t.state, i.seq FROM upstream_ids i "
            "JOIN upstream_tries t ON t.id = i.try_id WHERE i.line_id = ? AND i.id = ?",
            (line_id, name),
        ).fetchone()
        if row is not None:
            return (name, *row)
    row = tx.execute(
        "SELECT id, message_id, state, 0 FROM upstream_tries WHERE line_id = ? AND ref = ? ORDER BY id DESC LIMIT 1",
        (line_id, fate.ref),
    ).fetchone()
    return None if row is None else (fate.id, *row)


def _keep_early(tx: Transaction, line_id: int, fate: Fate) -> None:
    """A gateway may tell of an id before we have read the answer that gives it."""
    if not fate.id:
        return
    tx.execute("DELETE FROM upstream_early WHERE line_id = ? AND received_at < ?", (line_id, tx.now - EARLY_MS))
    (count,) = tx.execute("SELECT count(*) FROM upstream_early WHERE line_id = ?", (line_id,)).fetchone()
    if count < EARLY_LIMIT:
        text = json.dumps(asdict(fate))
        tx.insert_many(
            "INSERT INTO upstream_early (line_id, name, fate, received_at) VALUES ",
            [(line_id, name, text, tx.now) for name in (fate.id, *fate.aliases)],
        )


def _fate(text: str) -> Fate:
    data = json.loads(text)
    state = data.pop("state")
    data["aliases"] = tuple(data["aliases"])
    return Fate(state=None if state is None else State(state), **data)


def _told(tx: Transaction, line_id: int, try_id: int, message_id: int, state: str, seq: int, fate: Fate) -> None:
    if state in ("started", "doubt"):
        _taken(tx, try_id, message_id, line_id, "the gateway")
        if fate.id and seq == 0:
            _name(tx, try_id, message_id, line_id, (fate.id,))
    if fate.cost is not None:
        tx.execute("UPDATE upstream_tries SET cost = ? WHERE id = ?", (_cost(fate.cost), try_id))
    if fate.state is None:
        return
    if fate.id:
        tx.execute("UPDATE upstream_ids SET state = ? WHERE line_id = ? AND id = ?", (fate.state, line_id, fate.id))
    new: State | None = fate.state
    if seq == 0:
        told = [row[0] for row in tx.execute("SELECT state FROM upstream_ids WHERE try_id = ?", (try_id,))]
        if len(told) > 1:  # segments as the gateway cut them: only together do they say what became of the text
            new = None if None in told else derive(State(each) for each in told)
    if new is not None:
        _apply(tx, line_id, message_id, seq, new, fate)
    if _state(tx, message_id) in FINAL:
        tx.execute("UPDATE upstream_tries SET state = 'ended', ask_at = NULL WHERE id = ?", (try_id,))


def _apply(tx: Transaction, line_id: int, message_id: int, seq: int, new: State, fate: Fate) -> None:
    (account,) = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()
    parts = tx.execute(
        "SELECT seq, state FROM parts WHERE message_id = ? AND (seq = ? OR ? = 0) AND line_id = ?",
        (message_id, seq, seq, line_id),
    ).fetchall()
    changed = False
    for part, old in parts:
        becomes = new
        if becomes is State.REJECTED and not may_become(State(old), becomes):
            becomes = State.UNDELIVERABLE  # the gateway took it, and thought better of it
        if becomes == old or not may_become(State(old), becomes):
            continue
        changed = True
        failed = becomes not in (State.SENT, State.DELIVERED)
        done_at = (fate.at or tx.now) if becomes in FINAL else None
        error = _reason(fate) if failed else None
        move(tx, message_id, State(old), becomes, {"done_at": done_at, "error": error}, seq=part)
        data = {"state": becomes, "said": fate.text, "code": fate.code}
        tx.event(
            EventKind.RECEIPT_TOLD,
            account=account,
            message=message_id,
            part=part,
            line=line_id,
            data={key: value for key, value in data.items() if value},
        )
    if changed:
        settle(tx, message_id)


def _reason(fate: Fate) -> str:
    said = " ".join(word for word in (fate.text, f"({fate.code})" if fate.code else "") if word)
    return f"The gateway said: {said}." if said else "The gateway said that it failed."


def _taken(tx: Transaction, try_id: int, message_id: int, line_id: int, by: str) -> None:
    """The gateway has it, whatever its answer was or will be."""
    tx.execute("UPDATE upstream_tries SET state = 'taken' WHERE id = ?", (try_id,))
    _end_attempts(tx, message_id, line_id, Ended(AttemptOutcome.SENT))
    tx.execute(
        "UPDATE attempts SET outcome = 'sent', unreferenced = 0, ended_at = ? "
        "WHERE message_id = ? AND line_id = ? AND outcome = 'unknown'",
        (tx.now, message_id, line_id),
    )
    (account,) = tx.execute("SELECT account_id FROM messages WHERE id = ?", (message_id,)).fetchone()
    # also one that was to be sent again after the doubt, and has not been yet
    parts = tx.execute(
        "SELECT seq, state FROM parts WHERE message_id = ? AND line_id = ? "
        "AND (state = 'unknown' OR state = 'queued' AND sent_at IS NOT NULL)",
        (message_id, line_id),
    ).fetchall()
    for seq, old in parts:
        move(tx, message_id, State(old), State.SENT, {"error": None}, seq=seq, sent_since=tx.now)
        tx.event(EventKind.PART_RESOLVED, account=account, message=message_id, part=seq, line=line_id, data={"by": by})
    settle(tx, message_id)
    resume_rest(tx, message_id, promoted=True)


def _state(tx: Transaction, message_id: int) -> State:
    return State(tx.execute("SELECT state FROM messages WHERE id = ?", (message_id,)).fetchone()[0])


# -- asking -----------------------------------------------------------------------------------------------------------

#: Guarded by an EXPLAIN test.
DUE = (
    "SELECT t.id, t.message_id, t.ref, t.started_at, t.asks, m.recipient, m.text, m.flash, m.encoding, "
    "m.parts, m.expires_at, m.line FROM upstream_tries t JOIN messages m ON m.id = t.message_id "
    "WHERE t.line_id = ? AND t.state = ? AND t.ask_at <= ? ORDER BY t.ask_at LIMIT ?"
)


def due(con: sqlite3.Connection, line_id: int, state: str, now: int, limit: int) -> list[OpenTry]:
    """Tries that are to be asked about now: those in `doubt`, or those that were `taken`."""
    tries = []
    for row in con.execute(DUE, (line_id, state, now, limit)).fetchall():
        ids = con.execute(
            "SELECT id FROM upstream_ids WHERE try_id = ? AND (state IS NULL OR state NOT IN "
            "('delivered', 'undeliverable', 'expired', 'rejected')) ORDER BY seq, id",
            (row[0],),
        ).fetchall()
        tries.append(
            OpenTry(
                id=row[0],
                message_id=row[1],
                ref=row[2],
                started_at=row[3],
                asks=row[4],
                ids=tuple(name for (name,) in ids),
                recipient=row[5],
                text=row[6] or "",
                flash=bool(row[7]),
                encoding=row[8],
                parts=row[9],
                expires_at=row[10],
                lane=row[11],
            )
        )
    return tries


def next_ask(con: sqlite3.Connection, line_id: int, state: str) -> int | None:
    """When the next of these is to be asked about."""
    found: int | None = con.execute(
        "SELECT min(ask_at) FROM upstream_tries WHERE line_id = ? AND state = ? AND ask_at IS NOT NULL",
        (line_id, state),
    ).fetchone()[0]
    return found


def have_asked(tx: Transaction, asked: Sequence[tuple[int, int | None]]) -> None:
    """(try, when it is asked again, or None for never) of tries that were asked about."""
    for try_id, again in asked:
        tx.execute(
            "UPDATE upstream_tries SET asks = asks + 1, ask_at = ? WHERE id = ? AND ask_at IS NOT NULL", (again, try_id)
        )


def recover(tx: Transaction, doubt_window_ms: int, report_wait_ms: int) -> tuple[int, int]:
    """As outbox.recover; once, before anything is sent. Gateways are asked about the tries that are in doubt."""
    counts = outbox.recover(tx, doubt_window_ms, report_wait_ms)
    tx.execute("UPDATE upstream_tries SET state = 'doubt', ask_at = ? WHERE state = 'started'", (tx.now,))
    return counts


def spent(con: sqlite3.Connection, line_id: int, since: int) -> int:
    """What tries have cost since then, in units (rules/pricing)."""
    total: int = con.execute(
        "SELECT coalesce(sum(cost), 0) FROM upstream_tries WHERE line_id = ? AND started_at >= ? AND cost > 0",
        (line_id, since),
    ).fetchone()[0]
    return total


# -- coming in --------------------------------------------------------------------------------------------------------


def take_in(tx: Transaction, line: LineRecord, texts: Sequence[UpstreamInbound], cursor: str | None = None) -> int:
    """Incoming texts, and how far was read; how many were new."""
    new = 0
    for text in texts:
        known = tx.execute("SELECT 1 FROM upstream_inbox WHERE line_id = ? AND id = ?", (line.id, text.id)).fetchone()
        if known is not None:
            continue
        inbox_id = tx.execute(
            "INSERT INTO inbox (id, line_id, sender, recipient, text, kind, received_at, scts, parts, missing, "
            f"complete) VALUES ({next_id('inbox')}, ?, ?, ?, ?, ?, ?, ?, ?, '[]', 1)",
            (
                line.id,
                text.sender,
                text.recipient or line.number,
                text.text,
                InboxKind.TEXT,
                tx.now,
                text.received_at,
                max(1, text.parts),
            ),
        ).lastrowid
        tx.execute("INSERT INTO upstream_inbox (line_id, id, inbox_id) VALUES (?, ?, ?)", (line.id, text.id, inbox_id))
        tx.event(EventKind.INBOX_RECEIVED, line=line.id, inbox=inbox_id)
        new += 1
    if cursor is not None:
        tx.execute("UPDATE upstream_links SET cursor = ? WHERE name = ?", (cursor, line.name))
    return new


def token(tx: Transaction, name: str) -> str:
    """The unguessable end of the address at which the gateway may call; the same at every start."""
    tx.execute(
        "INSERT INTO upstream_links (name, token) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (name, secrets.token_urlsafe(24)),
    )
    return str(tx.execute("SELECT token FROM upstream_links WHERE name = ?", (name,)).fetchone()[0])


def cursor(con: sqlite3.Connection, name: str) -> str:
    """How far its incoming texts were read."""
    row = con.execute("SELECT cursor FROM upstream_links WHERE name = ?", (name,)).fetchone()
    return "" if row is None else str(row[0])


class UpstreamStore(Role):
    """The store as online gateways need it."""

    ensure_line = write(lines.ensure_line)
    note = write(lines.note)
    token = write(token)
    cursor = read(cursor)
    begin = write(begin)
    end = keep(end)
    pass_on = write(pass_on)
    absent = keep(absent)
    tell = keep(tell)
    asked = write(have_asked)
    due = read(due)
    next_ask = read(next_ask)
    spent = read(spent)
    take_in = write(take_in)
