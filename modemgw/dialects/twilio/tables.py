"""What Twilio calls our states, refusals and errors. Data and their reading; docs/dialects/twilio.md shows the same."""

from __future__ import annotations

from modemgw.domain.message import MessageView
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

#: Our states as statuses. UNKNOWN is still under way: nobody may call it sent.
STATUSES: dict[State, str] = {
    State.QUEUED: "queued",  # "scheduled" while its time has not come
    State.SENDING: "sending",
    State.SENT: "sent",
    State.UNKNOWN: "sending",
    State.DELIVERED: "delivered",
    State.UNDELIVERABLE: "undelivered",
    State.EXPIRED: "undelivered",
    State.REJECTED: "failed",
    State.CANCELLED: "canceled",
}

#: Statuses after which nothing comes.
FINAL = frozenset({"delivered", "undelivered", "failed", "canceled", "received"})

#: What StatusCallback is told; UNKNOWN has nothing new to say.
CALLED: dict[State, bool] = {state: state not in {State.QUEUED, State.UNKNOWN} for state in State}

NOT_FOUND, BAD_METHOD, NOT_COMPLETE, CANNOT_CANCEL, BAD_PARAMETER = 20404, 20004, 20009, 30409, 20001
NO_TO, NO_FROM, NO_BODY, BODY_TOO_LONG, BAD_TO, NO_SEND_AT, BAD_SEND_AT = (
    21604,
    21603,
    21602,
    21617,
    21211,
    35111,
    35114,
)
NO_CHANNEL, CANNOT, WRONG_CREDENTIALS, FORBIDDEN = 63007, 21612, 20003, 20403

#: Codes of refused requests: HTTP status and message.
ERRORS: dict[int, tuple[int, str]] = {
    WRONG_CREDENTIALS: (401, "Authenticate"),
    FORBIDDEN: (403, "Forbidden"),
    BAD_PARAMETER: (400, "Invalid parameter"),
    BAD_TO: (400, "The 'To' number {to} is not a valid phone number."),
    NO_BODY: (400, "Message body is required."),
    BODY_TOO_LONG: (400, "The concatenated message body exceeds the 1600 character limit."),
    BAD_SEND_AT: (400, "SendAt timestamp is not valid."),
    NO_SEND_AT: (400, "SendAt timestamp is missing."),
    NO_FROM: (400, "A 'From' phone number is required."),
    NO_TO: (400, "A 'To' phone number is required."),
    CANNOT: (400, "Message cannot be sent with the current combination of 'To' and/or 'From' parameters."),
    21606: (400, "The 'From' phone number provided is not a valid message-capable Twilio phone number."),
    NO_CHANNEL: (400, "Twilio could not find a Channel with the specified From address."),
    NOT_FOUND: (404, "The requested resource {path} was not found"),
    BAD_METHOD: (405, "Method not allowed"),
    NOT_COMPLETE: (409, "The requested resource is not complete yet."),
    CANNOT_CANCEL: (409, "This message cannot be canceled."),
    20429: (429, "Too Many Requests"),
    20005: (401, "Account not active"),
    20503: (503, "Service unavailable"),
}

#: Refusals as error codes.
REFUSALS: dict[RefusalKind, int] = {
    RefusalKind.UNAUTHORISED: WRONG_CREDENTIALS,
    RefusalKind.ADDRESS_NOT_ALLOWED: WRONG_CREDENTIALS,
    RefusalKind.ADDRESS_BLOCKED: WRONG_CREDENTIALS,
    RefusalKind.FORBIDDEN: FORBIDDEN,
    RefusalKind.BAD_PARAMETER: BAD_PARAMETER,
    RefusalKind.BAD_NUMBER: BAD_TO,
    RefusalKind.EMPTY_TEXT: NO_BODY,
    RefusalKind.TEXT_TOO_LONG: BODY_TOO_LONG,
    RefusalKind.BAD_TIME: BAD_SEND_AT,
    RefusalKind.UNKNOWN_LINE: 21606,
    RefusalKind.CANNOT: CANNOT,
    RefusalKind.DUPLICATE: 20429,
    RefusalKind.NO_MONEY: 20005,  # what an account that was suspended for want of funds is told
    RefusalKind.NOT_FOUND: NOT_FOUND,
    RefusalKind.CONFLICT: CANNOT_CANCEL,
    RefusalKind.CLIENT_REF_USED: BAD_PARAMETER,
    RefusalKind.UNAVAILABLE: 20503,
}

UNREACHABLE, BLOCKED, UNKNOWN_NUMBER, LANDLINE, UNKNOWN, EXPIRED = 30003, 30004, 30005, 30006, 30008, 30036

#: error_message of messages that failed.
FAILURES: dict[int, str] = {
    UNREACHABLE: "Unreachable destination handset",
    BLOCKED: "Message blocked",
    UNKNOWN_NUMBER: "Unknown destination handset",
    LANDLINE: "Landline or unreachable carrier",
    UNKNOWN: "Unknown error",
    EXPIRED: "Validity Period Expired",
}

#: CMS errors of a refused part (TS 24.011 annex E-2, TS 27.005 3.2.5); others are 30008.
REJECTIONS: dict[int, int] = {
    1: UNKNOWN_NUMBER,  # unassigned number
    8: BLOCKED,  # operator determined barring
    10: BLOCKED,  # call barred
    27: UNREACHABLE,  # destination out of service
    28: UNKNOWN_NUMBER,  # unidentified subscriber
    30: UNKNOWN_NUMBER,  # unknown subscriber
    195: UNKNOWN_NUMBER,  # invalid SME address
    196: BLOCKED,  # destination SME barred
}

#: TP-ST of a report that failed for good (TS 23.040 9.2.3.15); others are 30008.
REPORTS: dict[int, int] = {
    0x41: LANDLINE,  # incompatible destination
    0x42: BLOCKED,  # connection rejected by SME
    0x43: UNREACHABLE,  # not obtainable
    0x45: LANDLINE,  # no interworking available
    0x61: UNREACHABLE,  # SME busy
    0x62: UNREACHABLE,  # no response from SME
    0x63: BLOCKED,  # service rejected
}


def status_of(view: MessageView, now: int) -> str:
    """The status of a message."""
    if view.state is State.QUEUED and view.send_at is not None and view.send_at > now:
        return "scheduled"
    return STATUSES[view.state]


def error_of(view: MessageView) -> int | None:
    """Its error_code. Total."""
    if view.state is State.REJECTED:
        return REJECTIONS.get(view.error_code or 0, UNKNOWN)
    if view.state is State.UNDELIVERABLE:
        return REPORTS.get(view.st or 0, UNKNOWN)
    return EXPIRED if view.state is State.EXPIRED else None
