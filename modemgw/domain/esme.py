"""What SMPP clients (ESMEs) have in the store: pieces of long messages and a queue of deliveries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modemgw.domain.job import NewMessage
from modemgw.domain.message import Accepted, MessageView


@dataclass(frozen=True, slots=True)
class NewPiece:
    """A part of a long message on its way into the store. Those with one `key` belong together."""

    account_id: int
    key: str
    sequence: int
    total: int
    octets: str  # a repetition has the same
    data: str  # JSON


#: What all pieces of a message become, by sequence number: (id or None for the one that has just come, data).
Join = Callable[[Mapping[int, tuple[int | None, dict[str, Any]]]], NewMessage]


@dataclass(frozen=True, slots=True)
class KeptPiece:
    """A piece is durable under `id`. With the last one the message is: `message` and what was accepted of it."""

    id: int
    message: NewMessage | None = None
    accepted: Accepted | None = None


@dataclass(frozen=True, slots=True)
class PieceView:
    """A piece that a client asks for: the message it went into, or None: it waits, or its time is over (`lost`)."""

    id: int
    message_id: int | None
    lost: bool
    created_at: int
    lost_at: int | None = None


@dataclass(frozen=True, slots=True)
class LostPiece:
    """A piece whose fellows never came."""

    id: int
    account_id: int
    created_at: int
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """Something to be told to an account over SMPP. `data` is JSON; `priority` above 0 goes first."""

    account_id: int
    kind: str  # receipt or inbox
    priority: int = 0
    data: str | None = None
    inbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the queue."""

    id: int
    kind: str
    inbox_id: int | None
    data: dict[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class News:
    """What has happened since a cursor: state changes of messages that came by SMPP, and incoming messages."""

    until: int  # the new cursor
    changes: tuple[tuple[str, int, int, MessageView], ...]  # kind of event, at, account id, the message as it is now
    inbox: tuple[int, ...]
    receivers: tuple[int, ...]  # accounts that take incoming messages
