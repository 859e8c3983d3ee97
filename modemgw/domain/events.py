"""The kinds of events in the history: all that callbacks, streams, metrics, `explain` and SMPP are fed from.

Users see their values (`GET /v1/events`, `docs/events.md`): none is renamed, and a new one is added to that page.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from modemgw.domain.states import AttemptOutcome, State


class EventKind(StrEnum):
    """What happened. The part before the dot says to what."""

    # of a message: each state that it comes to, and what else becomes of it
    MESSAGE_QUEUED = "message.queued"
    MESSAGE_SENDING = "message.sending"
    MESSAGE_SENT = "message.sent"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_UNDELIVERABLE = "message.undeliverable"
    MESSAGE_EXPIRED = "message.expired"
    MESSAGE_REJECTED = "message.rejected"
    MESSAGE_CANCELLED = "message.cancelled"
    MESSAGE_UNKNOWN = "message.unknown"
    MESSAGE_HELD = "message.held"  # nobody can tell any more whether it went out
    MESSAGE_RESEND = "message.resend"  # the same, and it is sent again
    MESSAGE_RELEASED = "message.released"  # a person decided after a copy of the database came back
    MESSAGE_REPLACED = "message.replaced"  # by its sender, over SMPP
    MESSAGE_REROUTED = "message.rerouted"
    MESSAGE_SECOND_WAY = "message.second_way"  # undeliverable one way, it is sent another

    # of a part
    PART_SENDING = "part.sending"  # its attempt is in the journal; the modem gets it now
    PART_SENT = "part.sent"
    PART_REFUSED = "part.refused"  # for now
    PART_REJECTED = "part.rejected"  # for good
    PART_NOT_SENT = "part.not_sent"
    PART_UNKNOWN = "part.unknown"
    PART_RESOLVED = "part.resolved"  # the doubt is over

    # of a status report, or of what an online gateway said
    RECEIPT_MATCHED = "receipt.matched"
    RECEIPT_TOLD = "receipt.told"
    RECEIPT_AMBIGUOUS = "receipt.ambiguous"
    RECEIPT_UNMATCHED = "receipt.unmatched"

    # of an incoming message
    INBOX_RECEIVED = "inbox.received"
    INBOX_PARTIAL = "inbox.partial"
    INBOX_PART_ADDED = "inbox.part_added"
    INBOX_COMPLETED = "inbox.completed"
    INBOX_REGROUPED = "inbox.regrouped"
    INBOX_COPY = "inbox.copy"
    INBOX_UNDECODABLE = "inbox.undecodable"

    # of a line
    LINE_UP = "line.up"
    LINE_DOWN = "line.down"
    LINE_TROUBLE = "line.trouble"
    LINE_RECOVERING = "line.recovering"
    LINE_RECOVERY_FAILED = "line.recovery_failed"
    LINE_QUARANTINED = "line.quarantined"
    LINE_RELEASED = "line.released"
    LINE_REGISTRATION = "line.registration"
    LINE_NO_NETWORK = "line.no_network"
    LINE_QUOTA = "line.quota"
    LINE_PAUSED = "line.paused"
    LINE_RESUMED = "line.resumed"
    LINE_TRACED = "line.traced"
    LINE_UNTRACED = "line.untraced"
    LINE_POWER = "line.power"
    LINE_STORAGE = "line.storage"
    LINE_STORAGE_RELIEVED = "line.storage_relieved"
    LINE_CANARY = "line.canary"
    LINE_DEAF = "line.deaf"
    LINE_USSD = "line.ussd"
    LINE_BALANCE = "line.balance"
    LINE_LOW_BALANCE = "line.low_balance"
    LINE_BALANCE_RELIEVED = "line.balance_relieved"
    UPSTREAM_MONEY = "upstream.money"
    CALL_INCOMING = "call.incoming"

    # of a call to somebody's URL
    CALLBACK_FAILED = "callback.failed"
    CALLBACK_DROPPED = "callback.dropped"
    CALLBACK_IGNORED = "callback.ignored"

    # of an alert: a person was told of a trouble
    ALERT_BEGIN = "alert.begin"
    ALERT_STILL = "alert.still"
    ALERT_OVER = "alert.over"

    # of the machine
    CLOCK_JUMPED = "clock.jumped"
    INTERNET_DOWN = "internet.down"
    INTERNET_UP = "internet.up"
    DATABASE_RESTORED = "database.restored"


#: What is told when a message comes to a state.
OF_STATE: Final[Mapping[State, EventKind]] = MappingProxyType({state: EventKind(f"message.{state}") for state in State})

#: And when an attempt of a part ends.
OF_OUTCOME: Final[Mapping[AttemptOutcome, EventKind]] = MappingProxyType(
    {outcome: EventKind(f"part.{outcome}") for outcome in AttemptOutcome if outcome is not AttemptOutcome.STARTED}
)
