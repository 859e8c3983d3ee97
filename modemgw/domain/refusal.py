"""Why the gateway says no at the door: one exception, one kind each, so that every dialect can map all of them."""

from __future__ import annotations

from enum import StrEnum

from modemgw.errors import ModemgwError


class RefusalKind(StrEnum):
    """All the reasons; a dialect's table must name each (a test holds it to that)."""

    UNAUTHORISED = "unauthorised"  # wrong login, password or key
    ADDRESS_NOT_ALLOWED = "address_not_allowed"  # right credentials, from a network the account may not use
    ADDRESS_BLOCKED = "address_blocked"  # too many failures from this address: blocked for a while
    FORBIDDEN = "forbidden"  # the account may not do this
    BAD_PARAMETER = "bad_parameter"  # anything malformed that has no kind of its own
    BAD_NUMBER = "bad_number"
    EMPTY_TEXT = "empty_text"
    TEXT_TOO_LONG = "text_too_long"
    BAD_TIME = "bad_time"  # unreadable or too far away
    UNKNOWN_LINE = "unknown_line"  # the message asks for a line that does not exist
    CANNOT = "cannot"  # a SIM cannot do this (voice, Viber, HLR, …)
    DUPLICATE = "duplicate"  # the dialect's duplicate or rate limit
    NO_MONEY = "no_money"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"  # e.g. cancel of what is already on its way
    CLIENT_REF_USED = "client_ref_used"  # the client's own reference stands for another message already
    UNAVAILABLE = "unavailable"  # store not writable or not readable, shutting down, queue full


#: Refusals that speak of the account or of the gateway, and so of a request as a whole however many messages it has.
#: Every other one may be of one message among many.
OF_THE_WHOLE = frozenset(
    {
        RefusalKind.UNAUTHORISED,
        RefusalKind.ADDRESS_NOT_ALLOWED,
        RefusalKind.ADDRESS_BLOCKED,
        RefusalKind.NO_MONEY,
        RefusalKind.UNAVAILABLE,
    }
)


class Refusal(ModemgwError):
    """The request was refused and nothing was stored. `str()` is a sentence for the caller."""

    def __init__(
        self, kind: RefusalKind, message: str, *, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        """`retry_after_s`: when another try may work, with UNAVAILABLE."""
        super().__init__(message)
        self.kind = kind
        self.field = field
        self.retry_after_s = retry_after_s


class StoreUnavailable(Refusal):
    """The store could not be read or written just now; nothing of it was kept. Another try may work."""

    def __init__(self, message: str) -> None:
        super().__init__(RefusalKind.UNAVAILABLE, message)


class ClientRefUsed(Refusal):
    """The account gave this reference to another message before: `message_id` is the first one's."""

    def __init__(self, client_ref: str, message_id: int) -> None:
        super().__init__(
            RefusalKind.CLIENT_REF_USED,
            f"The reference {client_ref!r} was given to message {message_id} before, which goes to another number or "
            "says something else. Take a reference of its own for each message.",
            field="client_ref",
        )
        self.message_id = message_id
