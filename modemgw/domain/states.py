"""The life of a message as a table, and the one function that derives a message's state from its parts.

Owns which state may follow which. Does not own when that happens (service/) or how it is kept (store/).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum


class State(StrEnum):
    """State of a part, and of a message as derived from its parts."""

    QUEUED = "queued"  # accepted and durable, waits for its turn
    SENDING = "sending"  # an attempt is committed; the TPDU may be on the air
    SENT = "sent"  # the network took it: a `+CMGS: <mr>` was read
    DELIVERED = "delivered"  # a status report said so
    UNDELIVERABLE = "undeliverable"  # a status report said it failed for good
    EXPIRED = "expired"  # its validity ended, in our queue or in the service centre
    REJECTED = "rejected"  # the modem, the SIM or the network refused it for good
    CANCELLED = "cancelled"  # withdrawn before it was sent
    UNKNOWN = "unknown"  # it may or may not have gone out; nobody knows yet


#: Nothing follows by itself. A report of a copy that the modem called refused may still say otherwise.
FINAL = frozenset({State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED, State.REJECTED, State.CANCELLED})


class AttemptOutcome(StrEnum):
    """What one try to send a part came to."""

    STARTED = "started"  # committed, and the payload may be on its way
    SENT = "sent"  # the modem said so
    REJECTED = "rejected"  # refused for good
    REFUSED = "refused"  # refused for now: the part waits for its next try. Kept as rejected, told as this
    NOT_SENT = "not_sent"  # nothing went out
    UNKNOWN = "unknown"  # nobody knows


class Queue(IntEnum):
    """Where a message waits."""

    NOT = 0  # it does not: it is being sent, in doubt, or over
    READY = 1  # for a line
    LATER = 2  # for its time
    HELD = 3  # for a person


TRANSITIONS: dict[State, frozenset[State]] = {
    # from SENT on: only of a part that waits to be sent again after a doubt. The doubt is resolved before that,
    # or comes back because there is no second attempt after all
    State.QUEUED: frozenset(
        {State.SENDING, State.EXPIRED, State.REJECTED, State.CANCELLED}
        | {State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.UNKNOWN}
    ),
    # back to queued: no payload was written, or the modem refused it for now; delivered: so says the report of an
    # earlier copy
    State.SENDING: frozenset(
        {State.SENT, State.QUEUED, State.REJECTED, State.EXPIRED, State.UNKNOWN} | {State.DELIVERED}
    ),
    State.SENT: frozenset({State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED}),
    # a late +CMGS, a report that fits, or the rule on_doubt = resend
    State.UNKNOWN: frozenset({State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED, State.QUEUED}),
    # by the report of another copy; queued: another way tries it, as the route's resend_on says
    State.UNDELIVERABLE: frozenset({State.DELIVERED, State.QUEUED}),
    # by the report, or the late +CMGS, of a copy that the modem had called refused; queued as above
    State.EXPIRED: frozenset({State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.QUEUED}),
    State.REJECTED: frozenset({State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED}),
    State.CANCELLED: frozenset({State.SENT, State.DELIVERED, State.UNDELIVERABLE, State.EXPIRED}),
    State.DELIVERED: frozenset(),
}


#: What a part that is being sent becomes by the outcome of its attempt.
PART_AFTER: Mapping[AttemptOutcome, State] = {
    AttemptOutcome.SENT: State.SENT,
    AttemptOutcome.REJECTED: State.REJECTED,
    AttemptOutcome.REFUSED: State.QUEUED,
    AttemptOutcome.NOT_SENT: State.QUEUED,
    AttemptOutcome.UNKNOWN: State.UNKNOWN,
}


def may_become(old: State, new: State) -> bool:
    """True if the table lets `old` turn into `new`."""
    return new in TRANSITIONS[old]


#: The first of these that any part is in is the message's state: what went wrong outranks what is under way.
_WORST_FIRST = (
    State.REJECTED,
    State.UNDELIVERABLE,
    State.UNKNOWN,
    State.EXPIRED,
    State.SENDING,
)


def derive(parts: Iterable[State]) -> State:
    """A message's state from the states of its parts (at least one)."""
    states = set(parts)
    if not states:
        raise ValueError("a message has at least one part")
    if len(states) == 1:
        return states.pop()
    for state in _WORST_FIRST:
        if state in states:
            return state
    if State.QUEUED in states:
        # some parts went, others wait
        return State.SENDING
    if State.CANCELLED in states:
        return State.CANCELLED
    return State.SENT
