"""A message on its way into the store, alone or as one of many that are one promise. Callables for `Store.write`.

What is refused here is what only the store knows: the money that is left, a reference that was used before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from modemgw.domain.events import EventKind
from modemgw.domain.job import COLUMNS, NewMessage
from modemgw.domain.message import Accepted
from modemgw.domain.refusal import ClientRefUsed, Refusal, RefusalKind
from modemgw.domain.states import Queue, State
from modemgw.rules.pricing import money
from modemgw.store.purse import Purse
from modemgw.store.writer import Transaction

#: What the store adds to the columns that a message fills by itself.
_ADDED = ("id", "state", "queue", "due_at", "expires_at", "created_at", "updated_at", "charged")
_INSERT_MESSAGE = f"INSERT INTO messages ({', '.join((*_ADDED, *COLUMNS))}) VALUES "

_columns = attrgetter(*COLUMNS)

#: Ids of messages ascend; pieces of long messages over SMPP have theirs of the same sequence.
NEXT_ID = (
    "SELECT 1 + max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(id) FROM smpp_pieces), 0), "
    "(SELECT id FROM id_floors WHERE name = 'messages'))"
)

_INSERT_PART = "INSERT INTO parts (message_id, seq, state) VALUES "


@dataclass(frozen=True, slots=True)
class Accept:
    """-> Accepted; Refusal(NO_MONEY), ClientRefUsed. Many at a time become three statements, and one for each account
    that counts."""

    message: NewMessage

    def __call__(self, tx: Transaction) -> Accepted:
        result = self.many(tx, [self])[0]
        if isinstance(result, Exception):
            raise result
        return result

    def many(self, tx: Transaction, ops: Sequence[Accept]) -> list[Accepted | Exception]:
        rows = _Rows(tx)
        results: list[Accepted | Exception] = []
        for op in ops:
            message = op.message
            results.append(rows.earlier(message) or rows.charge([message]) or rows.add(message))
        rows.write()
        return results


@dataclass(frozen=True, slots=True)
class AcceptAll:
    """-> list[Accepted | Refusal], one for each message, in order: all of them in one COMMIT, or a Refusal and none.

    Refusal(NO_MONEY) unless the money is enough for all. A reference that was used for another message is told in its
    place with `each`, and refuses all of them without. With `as_group`, messages without a `ref` of their own carry
    the id of the first as theirs, so that all are found by it.
    """

    messages: Sequence[NewMessage]
    each: bool = False
    as_group: bool = False

    @property
    def weight(self) -> int:
        """How many operations it counts for, see writer.BATCH_LIMIT."""
        return len(self.messages)

    def __call__(self, tx: Transaction) -> list[Accepted | Refusal]:
        result = self.many(tx, [self])[0]
        if isinstance(result, Exception):
            raise result
        return result

    def many(self, tx: Transaction, ops: Sequence[AcceptAll]) -> list[list[Accepted | Refusal] | Exception]:
        rows = _Rows(tx)
        results = [op._take(rows) for op in ops]
        rows.write()
        return results

    def _take(self, rows: _Rows) -> list[Accepted | Refusal] | Exception:
        """Everything that can be refused is looked at before the first row is made."""
        known = self._known(rows)
        refusal = None if self.each else next((found for found in known if isinstance(found, Refusal)), None)
        fresh = [message for message, found in zip(self.messages, known, strict=True) if found is None]
        refusal = refusal or rows.charge(fresh)
        if refusal is not None:
            return refusal
        results: list[Accepted | Refusal] = []
        group = None
        for message, found in zip(self.messages, known, strict=True):
            if isinstance(found, int):
                first = results[found]
                results.append(replace(first, created=False) if isinstance(first, Accepted) else first)
                continue
            result = found or rows.add(message, group)
            if group is None and self.as_group and isinstance(result, Accepted):
                group = str(result.id)
            results.append(result)
        return results

    def _known(self, rows: _Rows) -> list[Accepted | Refusal | int | None]:
        """What the reference of each stands for: a message in the store, the place of one here, or nothing."""
        known: list[Accepted | Refusal | int | None] = []
        places: dict[str, int] = {}
        for at, message in enumerate(self.messages):
            found: Accepted | Refusal | int | None = rows.earlier(message)
            if found is None and message.client_ref is not None:
                first = places.setdefault(message.client_ref, at)
                if first != at:
                    same = _content(self.messages[first]) == _content(message)
                    found = first if same else _twice(message.client_ref)
            known.append(found)
        return known


def _twice(client_ref: str) -> Refusal:
    return Refusal(
        RefusalKind.CLIENT_REF_USED,
        f"The reference {client_ref!r} stands beside two different messages of this request. "
        "Take a reference of its own for each message.",
        field="client_ref",
    )


class _Rows:
    """Rows of messages that one transaction accepts, gathered until `write`."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._next_id: int = tx.execute(NEXT_ID).fetchone()[0]
        self._messages: list[tuple[Any, ...]] = []
        self._parts: list[tuple[Any, ...]] = []
        self._named: dict[tuple[int, str], tuple[NewMessage, Accepted]] = {}
        self._purse = Purse(tx)

    def earlier(self, message: NewMessage) -> Accepted | ClientRefUsed | None:
        """What the message's reference stands for already: the same message, or another one; None for nothing."""
        if message.client_ref is None:
            return None
        fresh = self._named.get((message.account_id, message.client_ref))
        if fresh is not None:
            same = _content(fresh[0]) == _content(message)
            return replace(fresh[1], created=False) if same else ClientRefUsed(message.client_ref, fresh[1].id)
        return _stored(self._tx, message, message.client_ref)

    def charge(self, messages: Sequence[NewMessage]) -> Refusal | None:
        """Charge what all of them cost together, or why that cannot be."""
        costs: dict[tuple[int, int], int] = {}
        for m in messages:
            if m.funds is not None:
                costs[m.account_id, m.funds] = costs.get((m.account_id, m.funds), 0) + m.cost
        for (account_id, funds), cost in costs.items():
            if not self._purse.pay(account_id, cost, funds):
                return self._purse.refusal(account_id, cost, funds, len(messages))
        return None

    def add(self, m: NewMessage, group: str | None = None) -> Accepted:
        """One more message; `group` is its `ref` where it has none of its own."""
        tx, now, message_id = self._tx, self._tx.now, self._next_id
        if group is not None and m.ref is None:
            extra = json.dumps({**json.loads(m.extra or "{}"), "ref": group}, ensure_ascii=False)
            m = replace(m, ref=group, extra=extra)
        later = m.send_at is not None and m.send_at > now
        start = m.send_at if later and m.send_at is not None else now
        added = (
            message_id,
            State.QUEUED,
            Queue.LATER if later else Queue.READY,
            start if later else None,
            start + m.validity_s * 1000,
            now,
            now,
            0 if m.funds is None else m.cost,
        )
        self._messages.append((*added, *_columns(m)))
        if m.parts == 1:
            self._parts.append((message_id, 1, "queued"))
        else:
            self._parts.extend((message_id, seq, "queued") for seq in range(1, m.parts + 1))
        tx.events.append((now, EventKind.MESSAGE_QUEUED, m.account_id, message_id, None, None, None, None))
        accepted = Accepted(message_id, State.QUEUED, m.encoding, m.parts, True, money(m.cost), m.recipient)
        if m.client_ref is not None:
            self._named[m.account_id, m.client_ref] = (m, accepted)
        self._next_id += 1
        return accepted

    def write(self) -> None:
        """All that was added, and what it cost."""
        self._tx.insert_many(_INSERT_MESSAGE, self._messages)
        self._tx.insert_many(_INSERT_PART, self._parts)
        self._purse.keep()


def _content(m: NewMessage) -> tuple[Any, ...]:
    """What makes two messages the same to the one who gets them: whom they go to and what they say."""
    return (m.recipient, m.text, m.data, m.udh or b"", bool(m.flash), m.pid, m.dcs)


def _stored(tx: Transaction, message: NewMessage, client_ref: str) -> Accepted | ClientRefUsed | None:
    row = tx.execute(
        "SELECT id, state, encoding, parts, cost, recipient, text, data, udh, flash, pid, dcs FROM messages "
        "WHERE account_id = ? AND client_ref = ?",
        (message.account_id, client_ref),
    ).fetchone()
    if row is None:
        return None
    message_id, state, encoding, parts, cost, recipient, text, data, udh, flash, pid, dcs = row
    content = (recipient, text, data, udh or b"", bool(flash), pid, dcs)
    erased = text is None and data is None  # nothing is left to compare but the number
    if content != _content(message) and not (erased and recipient == message.recipient):
        return ClientRefUsed(client_ref, message_id)
    return Accepted(message_id, State(state), encoding, parts, False, money(cost), recipient)
