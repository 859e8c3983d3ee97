"""What Kannel's smsbox calls our states and refusals. Data only; docs/dialects/kannel.md shows the same tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

#: Also when no line is ready now: bearerbox's "3: Queued for later delivery" is a failure to Kannel's own HTTP client.
ACCEPTED = (202, "0: Accepted for delivery")
DENIED = (400, "Number(s) has/have been denied by white- and/or black-lists.")
UNROUTABLE = (403, "Not routable. Do not try again.")
UNAUTHORISED = (403, "Authorization failed for sendsms")
TEMPORARY = (503, "Temporal failure, try again later.")
UNKNOWN_REQUEST = (404, "Unknown request.")
NO_RECEIVER = (400, "Missing receiver number, rejected")
NO_RECEIVERS = (400, "Missing receiver(s) number(s), rejected")  # of a POST
NO_TEXT = (400, "Missing text, rejected")
EMPTY_RECEIVER = (400, "Empty receiver number not allowed, rejected")
CONTENT_TYPE = (400, "Invalid content-type")


def misformed(field: str) -> tuple[int, str]:
    """The answer for a field that cannot be so."""
    return 400, f"{field} field misformed, rejected"


def with_denied(answer: tuple[int, str], denied: Sequence[str]) -> tuple[int, str]:
    """The answer of a send to several, in smsbox's words for those of them that were denied."""
    status, body = answer
    return status, f"{body} Denied receivers are: {' '.join(denied)}" if denied else body


BODY = (400, "Charset or body misformed, rejected")

#: Refusals as status and body.
ERRORS: dict[RefusalKind, tuple[int, str]] = {
    RefusalKind.UNAUTHORISED: UNAUTHORISED,
    RefusalKind.ADDRESS_NOT_ALLOWED: UNAUTHORISED,
    RefusalKind.ADDRESS_BLOCKED: UNAUTHORISED,
    RefusalKind.FORBIDDEN: UNROUTABLE,
    RefusalKind.BAD_PARAMETER: BODY,
    RefusalKind.BAD_NUMBER: DENIED,
    RefusalKind.EMPTY_TEXT: BODY,
    RefusalKind.TEXT_TOO_LONG: BODY,
    RefusalKind.BAD_TIME: misformed("Deferred"),
    RefusalKind.UNKNOWN_LINE: UNROUTABLE,
    RefusalKind.CANNOT: UNROUTABLE,
    RefusalKind.DUPLICATE: TEMPORARY,
    RefusalKind.NO_MONEY: TEMPORARY,  # once there is money it will go
    RefusalKind.NOT_FOUND: UNKNOWN_REQUEST,
    RefusalKind.CONFLICT: TEMPORARY,
    RefusalKind.CLIENT_REF_USED: UNROUTABLE,  # its requests have no reference of this kind
    RefusalKind.UNAVAILABLE: TEMPORARY,
}


@dataclass(frozen=True, slots=True)
class Told:
    """A delivery report: `%d`, and the bits of dlr-mask of which one is enough for it to be told."""

    value: int
    mask: int


#: Delivery reports of our states; None where there is nothing true to tell yet.
REPORTS: dict[State, Told | None] = {
    State.QUEUED: None,
    State.SENDING: None,
    State.SENT: Told(8, 8),
    State.UNKNOWN: None,  # it may still become one of the others
    State.DELIVERED: Told(1, 1),
    State.UNDELIVERABLE: Told(2, 2),
    State.EXPIRED: Told(2, 2),
    State.CANCELLED: Told(2, 2),
    State.REJECTED: Told(16, 16 | 2),  # Kannel tells a rejection also to those who asked for failures only
}
