"""Outgoing messages: what a client asks for and what it can see of it afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from modemgw.domain.states import AttemptOutcome, State

#: Seconds after which a message is no longer sent: the shortest, and what a service centre keeps at the longest
#: (63 weeks, TS 23.040 9.2.3.12.1).
MIN_VALIDITY_S, MAX_VALIDITY_S = 1, 63 * 7 * 86_400

#: TP-PID of a type-0 message: the phone shows nothing of it and only acknowledges it (TS 23.040 9.2.3.9).
TYPE_0 = 0x40


def row_id(text: str) -> int | None:
    """An id of ours as a client writes it: digits, and no more than a row of the database can have. None for all
    other texts."""
    return int(text) if len(text) <= 18 and text.isascii() and text.isdigit() else None


class OnDoubt(StrEnum):
    """What to do with a part that may or may not have been sent, when the doubt window has passed."""

    HOLD = "hold"  # stays unknown, is never sent again by itself
    RESEND = "resend"  # is sent again, and says so


class Hold(StrEnum):
    """Why a message waits for a person."""

    RESTORED = "restored"  # the database was brought back from a copy, and it may have gone out since
    ACCOUNT = "account"  # its account is not in the configuration any more


class Encoding(StrEnum):
    """How a client may ask for its text to be encoded."""

    AUTO = "auto"
    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True, slots=True)
class Submission:
    """One message to one recipient, as a client asks for it; times are Unix milliseconds.

    Exactly one of `text` and `data` is given; `to` is as the client wrote it.
    """

    to: str
    text: str | None = None
    data: bytes | None = None  # 8-bit payload, without the header
    udh: bytes = b""  # user data header of an 8-bit message, without its length octet
    flash: bool = False  # message class 0
    encoding: Encoding = Encoding.AUTO
    national: bool | None = None  # national language tables allowed; None: the account's setting
    smart_encoding: bool | None = None  # plain signs for look-alikes of them; None: the account's setting
    pid: int = 0  # TP-PID; 0x40 is a type-0 ("silent") message
    dcs: int | None = None  # TP-DCS of an 8-bit message
    validity_s: int | None = None  # None: the account's default
    send_at: int | None = None
    priority: int = 0  # higher goes first, -100..100
    client_ref: str | None = None
    line: str | None = None  # name of the line that must send it
    report: bool = True  # ask for a status report
    on_doubt: OnDoubt | None = None  # None: the account's setting
    dialect: str = "native"
    extra: dict[str, object] = field(default_factory=dict)  # what a dialect keeps with the message


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message is durable: what the front door may now say."""

    id: int
    state: State
    encoding: str  # gsm7, ucs2 or data8
    parts: int
    created: bool  # False: the same client_ref was accepted before, this is that message
    cost: str = "0.00"  # decimal text, for all parts
    to: str = ""  # the number as it is stored


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One try to send one part. Times are Unix milliseconds."""

    n: int
    line: str
    imsi: str | None
    started_at: int
    ended_at: int | None
    outcome: AttemptOutcome
    mr: int | None
    error: str | None
    number: str | None = None  # of the SIM, where known


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """Our record of a status report that was matched to a part (or may belong to it)."""

    id: int
    st: int
    meaning: str
    text: str
    received_at: int
    done_at: int | None
    ambiguous: bool


@dataclass(frozen=True, slots=True)
class PartView:
    """A part as clients see it."""

    seq: int
    state: State
    line: str | None
    mr: int | None
    sent_at: int | None
    done_at: int | None
    error: str | None
    error_code: int | None  # CMS error of the last refusal
    st: int | None  # TP-ST of the last status report
    attempts: tuple[AttemptView, ...]
    receipts: tuple[ReceiptView, ...]


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as clients see it; `parts` is empty in lists."""

    id: int
    account: str
    state: State
    to: str
    text: str | None
    data: bytes | None
    encoding: str
    part_count: int
    flash: bool
    priority: int
    client_ref: str | None
    line: str | None
    report: bool
    on_doubt: OnDoubt
    dialect: str
    extra: dict[str, object]
    created_at: int
    updated_at: int
    send_at: int | None
    expires_at: int | None
    due_at: int | None  # when the next try is due, while it waits
    error: str | None
    error_code: int | None
    st: int | None
    parts: tuple[PartView, ...] = ()
    cost: str = "0.00"  # decimal text, for all parts, as it was at acceptance
    doubt_at: int | None = None  # when the doubt window of an unknown part ends and on_doubt decides
    ahead: int | None = None  # of one that is ready and waits: how many go before it
    held: Hold | None = None  # it waits for a person
    via: str | None = None  # the line that took it, or that was tried last


@dataclass(frozen=True, slots=True)
class EventView:
    """One row of the history; `id` is the cursor."""

    id: int
    at: int
    kind: str
    message_id: int | None
    part: int | None
    line: str | None
    inbox_id: int | None
    data: dict[str, object]
