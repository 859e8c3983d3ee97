"""A message on its way into the store, and out of it to a line; the subscription that a line sends by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import NamedTuple


@dataclass(slots=True, kw_only=True)
class _Content:
    """What a message is from its acceptance until it is sent. Each field is a column of `messages`, by its name."""

    account_id: int
    recipient: str  # as it goes into TP-DA
    text: str | None
    data: bytes | None
    udh: bytes | None
    encoding: str  # gsm7, ucs2, data8
    locking: int
    single: int
    flash: bool
    pid: int
    dcs: int | None
    priority: int
    line: str  # empty: any
    report: bool
    on_doubt: str
    parts: int
    validity_s: int


@dataclass(slots=True, kw_only=True)
class NewMessage(_Content):
    """A validated message on its way into the store. Times in Unix ms. Each field but `funds` is a column too."""

    client_ref: str | None
    ref: str | None
    dialect: str
    extra: str | None  # JSON
    send_at: int | None
    cost: int = 0  # of all parts, in units (rules/pricing)
    funds: int | None = None  # what the account may spend altogether, in units; None: it is not counted


@dataclass(slots=True, kw_only=True)
class Job(_Content):
    """A message that waits to be sent, with all that its TPDUs are made of."""

    id: int
    expires_at: int
    tries: int
    queued: tuple[int, ...]  # sequence numbers still to go, in order
    resend: frozenset[int]  # those of them that were in doubt before


#: Names of the fields that a message and its job share, and of the columns that a new message fills by itself.
CONTENT = tuple(field.name for field in fields(_Content))
COLUMNS = tuple(field.name for field in fields(NewMessage) if field.name != "funds")

_content = attrgetter(*CONTENT)


@dataclass(frozen=True, slots=True)
class LineRecord:
    """A subscription as the store knows it, in the modem it sits in now."""

    id: int
    name: str
    imsi: str | None
    number: str | None
    smsc: str | None = None  # service centre to put into the PDU; None leaves it to the SIM


def job_of(message: NewMessage, message_id: int, expires_at: int) -> Job:
    """The job of a message that was accepted just now."""
    return Job(
        **dict(zip(CONTENT, _content(message), strict=True)),
        id=message_id,
        expires_at=expires_at,
        tries=0,
        queued=(1,) if message.parts == 1 else tuple(range(1, message.parts + 1)),
        resend=frozenset(),
    )


class NextTimes(NamedTuple):
    """When the next thing is due that happens by the clock. Unix ms; None: nothing waits for that."""

    due: int | None = None  # a message that waits becomes ready
    expiry: int | None = None  # of a message in the queue
    doubt: int | None = None  # the end of a doubt
    partial: int | None = None  # when the first part of the oldest incomplete message came that is not shown
    settled: int | None = None  # a message of which all parts came is whole for sure
