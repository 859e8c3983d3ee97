"""The native API's bodies and queries as pydantic models: validation, and the one source of /openapi.json.

Owns shapes and their documentation. views.py turns domain objects into them; rules about sending are service/.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from modemgw.domain.inbox import InboxKind
from modemgw.domain.line import LineState
from modemgw.domain.message import MAX_VALIDITY_S, Encoding, Hold, OnDoubt, Submission
from modemgw.domain.states import State

#: Seconds; the last moment that RFC 3339 can write (9999-12-31T23:59:59Z).
_LAST_MOMENT_S = 253_402_300_799

#: Longest validity a relative TP-VP can carry: 63 weeks (TS 23.040 9.2.3.12.1).

MAX_LIMIT = 1000


def _moment(value: object) -> object:
    """RFC 3339 with an offset, or Unix seconds, as Unix milliseconds."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PydanticCustomError("moment", "must be a time such as 2030-01-31T09:00:00+03:00, or Unix seconds")
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError:
            raise PydanticCustomError("moment", "is not a time such as 2030-01-31T09:00:00+03:00") from None
        if parsed.tzinfo is None:
            raise PydanticCustomError("moment", "has no offset; end it with Z or +03:00")
        value = parsed.timestamp()
    if not 0 <= value <= _LAST_MOMENT_S:
        raise PydanticCustomError("moment", "is not within the years 1970 to 9999")
    return int(value * 1000)


def _hex(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("hex", "must be a string of hexadecimal digits")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise PydanticCustomError("hex", "is not an even number of hexadecimal digits") from None


Moment = Annotated[
    int,
    BeforeValidator(
        _moment,
        json_schema_input_type=Annotated[str | int, Field(examples=["2030-01-31T09:00:00+03:00", 1_896_000_000])],
    ),
]
HexBytes = Annotated[
    bytes, BeforeValidator(_hex, json_schema_input_type=Annotated[str, Field(pattern=r"^([0-9A-Fa-f]{2})*$")])
]


class NewMessage(BaseModel):
    """One message to one number. Give `text` or `data`, not both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    to: str = Field(
        min_length=1,
        max_length=64,
        description="Number: international with +, national, or a short code.",
        examples=["+79991234567"],
    )
    text: str | None = Field(default=None, description="The text; longer ones go out as several parts.")
    data: HexBytes | None = Field(default=None, description="8-bit payload in hex, instead of a text.")
    flash: bool = Field(default=False, description="Class 0: shown at once and not kept by the phone.")
    encoding: Encoding = Field(default=Encoding.AUTO, description="auto takes GSM 7-bit where it fits, else UCS-2.")
    validity_s: int | None = Field(
        default=None, ge=1, le=MAX_VALIDITY_S, description="After so many seconds it is no longer sent."
    )
    send_at: Moment | None = Field(default=None, description="Not before: RFC 3339 with offset, or Unix seconds.")
    priority: int = Field(default=0, ge=-100, le=100, description="Higher goes first.")
    client_ref: str | None = Field(
        default=None,
        min_length=1,
        max_length=255,
        description="Your own reference. A second request with the same one and the same content returns the first "
        "message; with another number or another text it is refused.",
    )
    modem: str | None = Field(
        default=None, min_length=1, max_length=64, description="Name of the line that must send it."
    )
    report: bool = Field(default=True, description="Ask the network for a delivery report.")
    on_doubt: OnDoubt | None = Field(
        default=None,
        description="What to do when nobody can tell whether a part went out: hold it, or send it again.",
    )

    def submission(self) -> Submission:
        """The domain's form of it: each field is that of its name, `modem` is `line`."""
        values = dict(self.__dict__)
        return Submission(line=values.pop("modem"), **values)


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ListQuery(_Query):
    """A page of a list."""

    after: int = Field(default=0, ge=0, le=2**63 - 1, description="The `next` of the page before, or an id.")
    limit: int = Field(default=100, ge=1, le=MAX_LIMIT, description="At most so many items.")


class MessagesQuery(ListQuery):
    """A page of messages."""

    state: State | None = Field(default=None, description="Only messages in this state.")


class NoQuery(_Query):
    """Nothing."""


class AnyQuery(BaseModel):
    """Whatever a monitor or a browser puts there; nothing of it is looked at."""

    model_config = ConfigDict(extra="ignore")


class ReadyQuery(AnyQuery):
    """What is to be ready."""

    send: bool = Field(default=False, description="A line too: what is accepted now could go out now.")
    line: str | None = Field(default=None, max_length=64, description="This line.")


Time = Annotated[str, Field(description="RFC 3339, UTC, milliseconds.", examples=["2030-01-31T06:00:00.000Z"])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AcceptedBody(_Body):
    """The message is stored durably and will be sent."""

    id: int
    state: State
    encoding: str = Field(description="gsm7, ucs2 or data8")
    parts: int = Field(description="How many SMS it takes.")
    to: str = Field(description="The number as it is stored.")
    client_ref: str | None


class AttemptBody(_Body):
    """One try to send one part."""

    n: int
    line: str
    modem: str = Field(description="The same, as it was called before there were online gateways.")
    imsi: str | None
    number: str | None = Field(description="The SIM's own, where known.")
    started_at: Time
    ended_at: Time | None
    outcome: str = Field(description="started, sent, rejected, not_sent or unknown")
    mr: int | None = Field(description="TP-MR the service centre gave back.")
    error: str | None


class ReceiptBody(_Body):
    """A status report that was matched to a part."""

    id: int
    st: int = Field(description="TP-ST, TS 23.040 9.2.3.15.")
    meaning: str
    text: str
    received_at: Time
    done_at: Time | None
    ambiguous: bool = Field(description="It may belong to another part as well.")


class PartBody(_Body):
    """One SMS of a message."""

    seq: int
    state: State
    modem: str | None
    mr: int | None
    sent_at: Time | None
    done_at: Time | None
    error: str | None
    error_code: int | None = Field(description="CMS error of the last refusal.")
    st: int | None
    attempts: list[AttemptBody]
    receipts: list[ReceiptBody]


class EventBody(_Body):
    """One row of the history; `id` is the cursor."""

    id: int
    at: Time
    kind: str
    message_id: int | None
    part: int | None
    modem: str | None
    inbox_id: int | None
    data: dict[str, Any]


class MessageSummary(_Body):
    """A message as lists show it."""

    id: int
    account: str
    state: State
    to: str
    text: str | None
    data: str | None = Field(description="8-bit payload, hex.")
    encoding: str
    part_count: int
    flash: bool
    priority: int
    client_ref: str | None
    modem: str | None = Field(description="The line that must send it, where the client named one.")
    via: str | None = Field(description="The line that took it, or that was tried last.")
    report: bool
    on_doubt: OnDoubt
    dialect: str
    extra: dict[str, Any] = Field(description="What the dialect keeps with the message.")
    created_at: Time
    updated_at: Time
    send_at: Time | None
    expires_at: Time | None
    held: Hold | None = Field(
        description="Why it waits for a person: restored, the database came back from a copy and it may have been sent "
        "since; account, its account is not configured any more."
    )
    due_at: Time | None = Field(description="When the next try is due, while it waits.")
    error: str | None
    error_code: int | None
    st: int | None


class MessageBody(MessageSummary):
    """A message with all that happened to it."""

    parts: list[PartBody]
    events: list[EventBody]
    doubt_at: Time | None = Field(description="When the doubt window of an unknown part ends and on_doubt decides.")
    ahead: int | None = Field(description="Of a message that is ready and waits: how many go before it.")


class PortsBody(_Body):
    """Application port addressing, TS 23.040 9.2.3.24.4."""

    destination: int
    originator: int


class MmsBody(_Body):
    """What a notification tells of an MMS that waits to be fetched; nothing here fetches it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: str | None = Field(alias="from", description="Who sent the MMS; null where the network hides it.")
    via: str = Field(description="Who sent the notification.")
    url: str = Field(description="Where it lies, for its recipient alone: a secret.")
    size: int | None = Field(description="Octets.")
    expires_at: Time | None = Field(description="Until when it can be fetched.")
    subject: str | None
    message_class: str | None = Field(description="personal, advertisement, informational, auto, or another.")
    transaction_id: str | None


class InboxBody(_Body):
    """An incoming message, whole or partial."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    id: int
    modem: str
    from_: str = Field(alias="from")
    to: str | None = Field(description="The SIM's own number, where known.")
    text: str | None
    kind: InboxKind
    data: str | None = Field(description="8-bit payload, hex.")
    received_at: Time
    scts: Time | None = Field(description="Service centre time stamp; null where it was not a time.")
    scts_offset_s: int | None
    parts: int
    missing: list[int]
    complete: bool
    ports: PortsBody | None
    pdus: list[str] = Field(description="As read from the modem: hex, or what it showed instead.")
    problem: str | None = Field(description="Why it is undecodable.")
    mms: MmsBody | None = Field(description="Of the kind mms: what the notification says.")
    copies: int = Field(description="How often it came: the same text with the same time stamp is one message.")


class StorageBody(_Body):
    """Fill of one memory of a modem."""

    memory: str
    used: int
    total: int


class ModemBody(_Body):
    """A modem with the SIM in it."""

    name: str
    port: str
    state: LineState
    reason: str | None = Field(description="Why it is not ready, in words.")
    since: Time
    imei: str | None
    imsi: str | None
    iccid: str | None
    number: str | None
    manufacturer: str | None
    model: str | None
    firmware: str | None
    operator: str | None
    registration: str | None
    signal_dbm: int | None
    smsc: str | None
    storage: list[StorageBody]
    sent: int
    received: int
    in_air: bool = Field(description="A part is being sent right now.")
    paused: bool = Field(description="By hand: nothing is sent until it is resumed.")
    reports: str | None = Field(
        description="How delivery reports come: direct, stored, or none if the modem offers none. Null while it is not "
        "set up."
    )
    balance: str | None = Field(description="What the SIM has left, as its operator said last; decimal.")
    balance_currency: str | None = Field(description="ISO 4217, where known.")
    balance_at: Time | None = Field(description="When it was said.")
    recoveries: dict[str, int] = Field(description="Rungs of the recovery ladder, and how often each was climbed.")


class MessageList(_Body):
    """A page of messages, oldest first."""

    items: list[MessageSummary]
    next: int | None = Field(description="Give it as `after` for the next page; null on the last.")


class InboxList(_Body):
    """A page of incoming messages, oldest first."""

    items: list[InboxBody]
    next: int | None


class EventList(_Body):
    """A page of the history, oldest first."""

    items: list[EventBody]
    next: int | None


class ModemList(_Body):
    """All modems."""

    items: list[ModemBody]
    next: int | None


class LiveBody(_Body):
    """The process answers."""

    status: Literal["live"]


class LineHealth(_Body):
    """One line in a word."""

    name: str
    state: str


class ReadyBody(_Body):
    """Readiness: the API serves, the store is writable, and what the query asks for is ready."""

    ready: bool
    reason: str | None = Field(description="Why it is not ready, in words.")
    store: str = Field(description="ok, or why it cannot be written or read.")
    lines: list[LineHealth]
    queued: int | None = Field(description="Messages that wait; null while the store cannot be read.")
    held: dict[str, int] = Field(description="Messages that wait for a person, by reason.")


class FieldProblem(_Body):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(_Body):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []
    id: int | None = Field(default=None, description="Of client_ref_used: the first message with this client_ref.")
