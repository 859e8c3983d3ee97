"""A message on its way into the store, and out of it to a line; the subscription that a line sends by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(slots=True)
class NewMessage:
    """A validated message on its way into the store. Times in Unix ms."""

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
    client_ref: str | None
    ref: str | None
    dialect: str
    extra: str | None  # JSON
    parts: int
    send_at: int | None
    validity_s: int
    cost: int = 0  # of all parts, in units (service/pricing)
    funds: int | None = None  # what the account may spend altogether, in units; None: it is not counted


@dataclass(frozen=True, slots=True)
class Job:
    """A message that waits to be sent, with all that its TPDUs are made of."""

    id: int
    account_id: int
    recipient: str
    text: str | None
    data: bytes | None
    udh: bytes
    encoding: str
    locking: int
    single: int
    flash: bool
    pid: int
    dcs: int | None
    line: str
    report: bool
    on_doubt: str
    parts: int
    priority: int
    expires_at: int
    validity_s: int
    tries: int
    queued: tuple[int, ...]  # sequence numbers still to go, in order
    resend: frozenset[int]  # those of them that were in doubt before


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
        id=message_id,
        account_id=message.account_id,
        recipient=message.recipient,
        text=message.text,
        data=message.data,
        udh=message.udh or b"",
        encoding=message.encoding,
        locking=message.locking,
        single=message.single,
        flash=message.flash,
        pid=message.pid,
        dcs=message.dcs,
        line=message.line,
        report=message.report,
        on_doubt=message.on_doubt,
        parts=message.parts,
        priority=message.priority,
        expires_at=expires_at,
        validity_s=message.validity_s,
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
