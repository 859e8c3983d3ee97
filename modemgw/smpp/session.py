"""One SMPP session of the SMSC's side, without I/O: octets and the time in, events and octets out.

Owns framing, states, sequence numbers, windows and timers. Who may bind and what becomes of a message is the
caller's business, told by events and answered by calls. Nothing that a peer sends raises.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import RESPONSE, Command, Status, Tag
from modemgw.smpp.pdu import (
    HEADER,
    HEADER_OCTETS,
    MAX_PDU,
    Bind,
    Cancel,
    Query,
    Replace,
    ShortMessage,
    cstring,
    encode_pdu,
    tlv,
)


class State(Enum):
    """2.2 of the standard; BINDING while the caller looks at the credentials."""

    OPEN = "open"
    BINDING = "binding"
    TX = "bound_tx"
    RX = "bound_rx"
    TRX = "bound_trx"
    UNBINDING = "unbinding"  # unbind was sent by us, no answer yet
    CLOSED = "closed"


_BINDS: Final = {
    Command.BIND_TRANSMITTER: State.TX,
    Command.BIND_RECEIVER: State.RX,
    Command.BIND_TRANSCEIVER: State.TRX,
}
_ALL_BOUND: Final = frozenset({State.TX, State.RX, State.TRX})
_SENDERS: Final = frozenset({State.TX, State.TRX})
_RECEIVERS: Final = frozenset({State.RX, State.TRX})

#: In which states a client may ask for what (table 2-1). What is missing here is no request for an SMSC.
ALLOWED: Final[dict[int, frozenset[State]]] = {
    Command.BIND_TRANSMITTER: frozenset({State.OPEN}),
    Command.BIND_RECEIVER: frozenset({State.OPEN}),
    Command.BIND_TRANSCEIVER: frozenset({State.OPEN}),
    Command.UNBIND: _ALL_BOUND | {State.UNBINDING},
    Command.ENQUIRE_LINK: frozenset(State) - {State.CLOSED},
    Command.SUBMIT_SM: _SENDERS,
    Command.DATA_SM: _SENDERS,
    Command.SUBMIT_MULTI: _SENDERS,
    Command.QUERY_SM: _SENDERS,
    Command.CANCEL_SM: _SENDERS,
    Command.REPLACE_SM: _SENDERS,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds. `window` counts requests that wait for our answer, `deliver_window` the other way."""

    window: int = 1000
    deliver_window: int = 5
    bind_s: float = 30.0
    enquire_s: float = 60.0
    idle_s: float = 120.0
    partial_s: float = 30.0
    response_s: float = 60.0


#: Octets of a PDU before the bind, which needs some hundred: bounds what strangers can make us keep.
MAX_UNBOUND_PDU: Final = 1024

#: Requests that are refused before a bind until the connection is closed; binds that may fail.
MAX_STRAY, MAX_BINDS = 10, 3


# -- events -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BindAsked:
    """Answer with `accept_bind` or `refuse_bind`."""

    sequence: int
    command: int
    bind: Bind


@dataclass(frozen=True, slots=True)
class SubmitAsked:
    """submit_sm or data_sm. Answer with `respond`, with a message_id."""

    sequence: int
    command: int
    message: ShortMessage


@dataclass(frozen=True, slots=True)
class RequestAsked:
    """query_sm, cancel_sm or replace_sm. Answer with `respond`."""

    sequence: int
    command: int
    request: Query | Cancel | Replace


@dataclass(frozen=True, slots=True)
class DeliverAnswered:
    """The client answered all PDUs of a delivery; `status` is the worst of them."""

    token: Hashable
    status: int


@dataclass(frozen=True, slots=True)
class DeliverOverdue:
    """No answer to these within `response_s`. An answer that comes later still counts."""

    tokens: tuple[Hashable, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more is read; write what is left and close."""

    reason: str


Event = BindAsked | SubmitAsked | RequestAsked | DeliverAnswered | DeliverOverdue | Ended


class _Delivery:
    __slots__ = ("overdue", "sent_at", "status", "token", "waiting")

    def __init__(self, token: Hashable, sent_at: float) -> None:
        self.token = token
        self.sent_at = sent_at
        self.waiting: set[int] = set()
        self.status = 0
        self.overdue = False


class Session:
    """Feed `receive` and `tick`, act on their events, write what `take_output` gives. Times are monotonic seconds."""

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.state = State.OPEN
        self.bind: Bind | None = None
        self.pending = 0  # requests handed out and not answered
        self.overdue = False  # the client leaves deliveries unanswered: give it no more
        self._out: list[bytes] = []
        self._buffer = b""
        self._partial_since: float | None = None
        self._opened_at = now
        self._heard_at = now
        self._enquired_at: float | None = None
        self._sequence = 0
        self._sent: dict[int, _Delivery] = {}
        self._deliveries: dict[Hashable, _Delivery] = {}
        self._stray = 0
        self._binds = 0

    # -- in -------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Nothing more is read."""
        return self.state is State.CLOSED

    def receive(self, data: bytes, now: float) -> list[Event]:
        """What came over the line, in pieces of any size."""
        events: list[Event] = []
        if self.closed:
            return events
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        while end - at >= HEADER_OCTETS and not self.closed:
            length, command, status, sequence = HEADER.unpack_from(buffer, at)
            most = MAX_PDU if self.state in _ALL_BOUND or self.state is State.UNBINDING else MAX_UNBOUND_PDU
            if not HEADER_OCTETS <= length <= most:
                # where the next PDU starts, nobody can tell any more
                self._write(Command.GENERIC_NACK, Status.ESME_RINVCMDLEN, 0)
                self._end(events, f"a command_length of {length}")
                break
            if end - at < length:
                break
            body = buffer[at + HEADER_OCTETS : at + length]
            at += length
            self._heard_at = now
            self._enquired_at = None
            if command & RESPONSE:
                self._response(events, status, sequence)
            else:
                self._request(events, command, sequence, body)
        if self.closed:
            self._buffer = b""
            self._partial_since = None
            return events
        self._buffer = buffer[at:] if at else buffer
        if not self._buffer:
            self._partial_since = None
        elif at or self._partial_since is None:
            self._partial_since = now
        return events

    def _request(self, events: list[Event], command: int, sequence: int, body: bytes) -> None:
        allowed = ALLOWED.get(command)
        if allowed is None:
            self._write(Command.GENERIC_NACK, Status.ESME_RINVCMDID, sequence)
            self._count_stray(events)
        elif self.state not in allowed:
            already = command in _BINDS and self.state is not State.OPEN
            self._answer(command, Status.ESME_RALYBND if already else Status.ESME_RINVBNDSTS, sequence)
            self._count_stray(events)
        else:
            try:
                self._serve(events, command, sequence, body)
            except PduRefused as refused:
                self._answer(command, refused.status, sequence)

    def _serve(self, events: list[Event], command: int, sequence: int, body: bytes) -> None:
        if command == Command.SUBMIT_SM:
            if self.pending >= self.limits.window:
                self._answer(command, Status.ESME_RMSGQFUL, sequence)
                return
            message = ShortMessage.decode(body)
            self.pending += 1
            events.append(SubmitAsked(sequence, command, message))
        elif command == Command.ENQUIRE_LINK:
            self._answer(command, Status.ESME_ROK, sequence)
        elif command in _BINDS:
            bind = Bind.decode(body)
            self.state = State.BINDING
            self._binds += 1
            events.append(BindAsked(sequence, command, bind))
        elif command == Command.UNBIND:
            self._answer(command, Status.ESME_ROK, sequence)
            self._end(events, "unbind")
        elif command == Command.SUBMIT_MULTI:
            self._answer(command, Status.ESME_RINVCMDID, sequence)
        elif self.pending >= self.limits.window:
            self._answer(command, Status.ESME_RMSGQFUL, sequence)
        elif command == Command.DATA_SM:
            message = ShortMessage.decode_data_sm(body)
            self.pending += 1
            events.append(SubmitAsked(sequence, command, message))
        else:
            request = _REQUESTS[command](body)
            self.pending += 1
            events.append(RequestAsked(sequence, command, request))

    def _response(self, events: list[Event], status: int, sequence: int) -> None:
        """A response to one of our requests; one to nothing is ignored."""
        delivery = self._sent.pop(sequence, None)
        if delivery is None:
            if self.state is State.UNBINDING and sequence == self._sequence:
                self._end(events, "unbound by us")
            return
        delivery.waiting.discard(sequence)
        delivery.status = delivery.status or status
        self.overdue = False
        if not delivery.waiting:
            del self._deliveries[delivery.token]
            events.append(DeliverAnswered(delivery.token, delivery.status))

    def _count_stray(self, events: list[Event]) -> None:
        if self.state in (State.OPEN, State.BINDING):
            self._stray += 1
            if self._stray >= MAX_STRAY:
                self._end(events, "too many requests without a bind")

    # -- time -----------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Event]:
        """To be called about once a second."""
        events: list[Event] = []
        if self.closed:
            return events
        limits = self.limits
        silent_s = now - self._heard_at
        if self.state in (State.OPEN, State.BINDING) and now - self._opened_at >= limits.bind_s:
            self._end(events, f"no bind within {limits.bind_s:g} s")
        elif self._partial_since is not None and now - self._partial_since >= limits.partial_s:
            self._end(events, f"a PDU that did not end within {limits.partial_s:g} s")
        elif silent_s >= limits.idle_s:
            self._end(events, f"silence of {limits.idle_s:g} s")
        elif self.state is State.UNBINDING and silent_s >= limits.response_s:
            self._end(events, "no answer to unbind")
        elif self.state in _ALL_BOUND:
            if silent_s >= limits.enquire_s and self._enquired_at is None:
                self._enquired_at = now
                self._ask(Command.ENQUIRE_LINK)
            late = [d for d in self._deliveries.values() if not d.overdue and now - d.sent_at >= limits.response_s]
            if late:
                self.overdue = True
                for delivery in late:
                    delivery.overdue = True
                events.append(DeliverOverdue(tuple(delivery.token for delivery in late)))
        return events

    # -- answers --------------------------------------------------------------------------------------------

    def accept_bind(self, asked: BindAsked, system_id: str) -> None:
        """The client is who it says. sc_interface_version only for those that know optional parameters."""
        if self.state is not State.BINDING:
            return
        self.state = _BINDS[Command(asked.command)]
        self.bind = asked.bind
        body = cstring(system_id, 16)
        if self.speaks_tlvs:
            body += tlv(Tag.SC_INTERFACE_VERSION, b"\x34")
        self._answer(asked.command, Status.ESME_ROK, asked.sequence, body)

    def refuse_bind(self, asked: BindAsked, status: Status) -> list[Event]:
        """It is not, or may not. It may try again, a few times."""
        events: list[Event] = []
        if self.state is State.BINDING:
            self.state = State.OPEN
            self._answer(asked.command, status, asked.sequence)
            if self._binds >= MAX_BINDS:
                self._end(events, "too many binds that failed")
        return events

    def respond(self, command: int, sequence: int, status: int, body: bytes = b"") -> None:
        """Answer a request that was handed out; lost if the session has ended."""
        self.pending -= 1
        if not self.closed:
            self._out.append(encode_pdu(command | RESPONSE, status, sequence, body))

    # -- out ------------------------------------------------------------------------------------------------

    @property
    def speaks_tlvs(self) -> bool:
        """Versions before 3.4 have no optional parameters (3.3.2)."""
        return self.bind is None or self.bind.interface_version >= 0x34

    @property
    def receives(self) -> bool:
        """Bound so that deliver_sm may be sent."""
        return self.state in _RECEIVERS

    @property
    def deliver_room(self) -> int:
        """Deliveries that may be sent now."""
        if not self.receives or self.overdue:
            return 0
        return max(0, self.limits.deliver_window - len(self._deliveries))

    @property
    def undelivered(self) -> tuple[Hashable, ...]:
        """Tokens of deliveries without an answer."""
        return tuple(self._deliveries)

    def deliver(self, token: Hashable, messages: Sequence[ShortMessage], now: float) -> None:
        """Send one delivery as one or more deliver_sm. Only with `deliver_room`, and once for a token."""
        delivery = self._deliveries[token] = _Delivery(token, now)
        for message in messages:
            sequence = self._ask(Command.DELIVER_SM, message.encode())
            delivery.waiting.add(sequence)
            self._sent[sequence] = delivery

    def unbind(self) -> None:
        """End the session from our side; a client that is not bound is just left."""
        if self.state in _ALL_BOUND:
            self._ask(Command.UNBIND)
            self.state = State.UNBINDING
        else:
            self.state = State.CLOSED

    def take_output(self) -> bytes:
        """What is to be written, once."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # -- details --------------------------------------------------------------------------------------------

    def _ask(self, command: Command, body: bytes = b"") -> int:
        self._sequence = self._sequence % 0x7FFF_FFFF + 1
        self._out.append(encode_pdu(command, 0, self._sequence, body))
        return self._sequence

    def _answer(self, command: int, status: Status, sequence: int, body: bytes = b"") -> None:
        self._out.append(encode_pdu(command | RESPONSE, status, sequence, body))

    def _write(self, command: Command, status: Status, sequence: int) -> None:
        self._out.append(encode_pdu(command, status, sequence))

    def _end(self, events: list[Event], reason: str) -> None:
        if not self.closed:
            self.state = State.CLOSED
            events.append(Ended(reason))


_REQUESTS: Final[dict[int, Callable[[bytes], Query | Cancel | Replace]]] = {
    Command.QUERY_SM: Query.decode,
    Command.CANCEL_SM: Cancel.decode,
    Command.REPLACE_SM: Replace.decode,
}
