"""What Devino calls our states, refusals and errors, over /rest and in its older vocabulary.

Data and their reading only; docs/dialects/devino.md shows the same tables.
"""

from __future__ import annotations

from enum import StrEnum

from modemgw.domain.line import LineState
from modemgw.domain.message import MessageView, PartView
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State

# -- /rest: errors --------------------------------------------------------------------------------------------------

NULL_ARGUMENT, BAD_ARGUMENT, BAD_SESSION, UNAUTHORISED, NO_CREDITS, BAD_OPERATION, FORBIDDEN, GATEWAY, INTERNAL = range(
    1, 10
)

#: HTTP status of each code.
HTTP: dict[int, int] = {
    NULL_ARGUMENT: 400,
    BAD_ARGUMENT: 400,
    BAD_SESSION: 400,
    UNAUTHORISED: 401,
    NO_CREDITS: 403,
    BAD_OPERATION: 400,
    FORBIDDEN: 403,
    GATEWAY: 500,
    INTERNAL: 500,
}

#: Refusals as codes.
ERRORS: dict[RefusalKind, int] = {
    RefusalKind.UNAUTHORISED: UNAUTHORISED,
    RefusalKind.ADDRESS_NOT_ALLOWED: FORBIDDEN,
    RefusalKind.ADDRESS_BLOCKED: FORBIDDEN,
    RefusalKind.FORBIDDEN: FORBIDDEN,
    RefusalKind.BAD_PARAMETER: BAD_ARGUMENT,
    RefusalKind.BAD_NUMBER: BAD_OPERATION,
    RefusalKind.EMPTY_TEXT: NULL_ARGUMENT,
    RefusalKind.TEXT_TOO_LONG: BAD_ARGUMENT,
    RefusalKind.BAD_TIME: BAD_ARGUMENT,
    RefusalKind.UNKNOWN_LINE: BAD_OPERATION,
    RefusalKind.CANNOT: FORBIDDEN,
    RefusalKind.DUPLICATE: FORBIDDEN,
    RefusalKind.NO_MONEY: NO_CREDITS,
    RefusalKind.NOT_FOUND: BAD_ARGUMENT,
    RefusalKind.CONFLICT: BAD_OPERATION,
    RefusalKind.CLIENT_REF_USED: BAD_OPERATION,
    RefusalKind.UNAVAILABLE: GATEWAY,
}

BAD_LOGIN_TEXT = "Invalid user login or password"
EXPIRED_TEXT = "SessionID expired"
BAD_SESSION_TEXT = "Invalid session id"
BAD_SOURCE_TEXT = "Invalid source address"
BAD_DESTINATION_TEXT = "Invalid destination address"
LONG_RANGE_TEXT = "Нельзя указывать диапазон дат более 90 дней."

#: Literals that clients compare; other refusals are told as their own sentence.
LITERALS: dict[RefusalKind, str] = {
    RefusalKind.UNAUTHORISED: BAD_LOGIN_TEXT,
    RefusalKind.BAD_NUMBER: BAD_DESTINATION_TEXT,
    RefusalKind.UNKNOWN_LINE: BAD_SOURCE_TEXT,
    RefusalKind.NO_MONEY: "Not enough credits",
}

# -- /rest: states --------------------------------------------------------------------------------------------------

TO_NETWORK, QUEUED, DELIVERED, DELETED, EXPIRED = -1, -2, 0, 47, 46
BAD_DESTINATION, BARRED, REFUSED_BY_SMSC, REFUSED_HERE, REFUSED, UNKNOWN, NOT_FOUND = 11, 41, 42, 48, 69, 99, 255

STATES: dict[State, int] = {
    State.QUEUED: QUEUED,
    State.SENDING: QUEUED,
    State.SENT: TO_NETWORK,
    State.DELIVERED: DELIVERED,
    State.UNDELIVERABLE: REFUSED_BY_SMSC,  # or what `REPORTS` says
    State.EXPIRED: EXPIRED,
    State.REJECTED: REFUSED_HERE,  # or what `rejection` says
    State.CANCELLED: DELETED,
    State.UNKNOWN: UNKNOWN,
}

STATE_NAMES: dict[int, str] = {
    -1: "Отправлено (передано в мобильную сеть)",
    -2: "В очереди",
    -98: "Остановлено",
    0: "Доставлено абоненту",
    10: "Неверно введен адрес отправителя",
    11: "Неверно введен адрес получателя",
    41: "Недопустимый адрес получателя",
    42: "Отклонено смс-центром",
    46: "Просрочено (истек срок жизни сообщения)",
    47: "Удалено",
    48: "Отклонено платформой",
    69: "Отклонено",
    99: "Неизвестный",
    255: "Неизвестный",
}

#: CMS errors of a refused part (TS 24.011 annex E-2, TS 23.040 9.2.3.22, TS 27.005 3.2.5).
REJECTIONS: dict[int, int] = {
    1: BAD_DESTINATION,  # unassigned number
    8: BARRED,  # operator determined barring
    10: BARRED,  # call barred
    28: BAD_DESTINATION,  # unidentified subscriber
    30: BAD_DESTINATION,  # unknown subscriber
    195: BAD_DESTINATION,  # invalid SME address
    196: BARRED,  # destination SME barred
}

#: The rest of them by ranges: first and last code.
REJECTION_RANGES: tuple[tuple[int, int, int], ...] = (
    (0, 299, REFUSED_BY_SMSC),
    (300, 499, REFUSED),  # our modem or SIM did
    (500, 65535, REFUSED_BY_SMSC),  # mostly a refusal of the network in disguise
)

#: TP-ST of a report that failed for good (TS 23.040 9.2.3.15), where there is a truer state than 42.
REPORTS: dict[int, int] = {
    0x41: BARRED,  # incompatible destination
    0x43: BAD_DESTINATION,  # not obtainable
    0x47: DELETED,  # deleted by the originating SME
    0x48: DELETED,  # deleted by the service centre
    0x49: UNKNOWN,  # SM does not exist
}


def rejection(code: int | None) -> int:
    """State of a part that was refused with this CMS error, None where there was none. Total."""
    if code is None:
        return STATES[State.REJECTED]
    if code in REJECTIONS:
        return REJECTIONS[code]
    return next((state for first, last, state in REJECTION_RANGES if first <= code <= last), REFUSED)


def state_of(part: MessageView | PartView) -> int:
    """State of a message, or of one of its parts."""
    if part.state is State.REJECTED:
        return rejection(part.error_code)
    if part.state is State.UNDELIVERABLE:
        return REPORTS.get(part.st or 0, STATES[part.state])
    return STATES[part.state]


#: What a part counts as in Sms/Statistics. Errors are requests that were refused; none of them is kept.
COUNTED: dict[State, str] = {
    State.QUEUED: "InProcess",
    State.SENDING: "InProcess",
    State.UNKNOWN: "InProcess",
    State.SENT: "Sent",
    State.DELIVERED: "Delivered",
    State.EXPIRED: "Expired",
    State.UNDELIVERABLE: "Rejected",
    State.REJECTED: "Rejected",
    State.CANCELLED: "Rejected",
}

# -- the older vocabulary: 1C text protocol, WebService.asmx ----------------------------------------------------------


class Operation(StrEnum):
    """What became of a call."""

    OK = "OK_Operation_Completed"
    NOT_ENOUGH_CREDITS = "Error_Not_Enough_Credits"
    MESSAGE_REJECTED = "Error_Message_Rejected"
    INVALID_SOURCE_ADDRESS = "Error_Invalid_Source_Address"
    INVALID_DESTINATION_ADDRESS = "Error_Invalid_Destination_Address"
    SMS_USER_DISABLED = "Error_SMS_User_Disabled"
    INVALID_MESSAGE_ID = "Error_Invalid_MessageID"
    INVALID_HEADER = "Error_Invalid_Header"
    INVALID_LOGIN = "Error_Invalid_Login"
    INVALID_PASSWORD = "Error_Invalid_Password"  # noqa: S105 (a status)
    UNAUTHORISED_IP_ADDRESS = "Error_Unauthorised_IP_Address"
    SMS_USER_NOT_ACTIVATED = "Error_SMS_User_Not_Activated"
    MESSAGE_QUEUE_FULL = "Error_Message_Queue_Full"
    GATEWAY_OFFLINE = "Error_Gateway_Offline"
    GATEWAY_BUSY = "Error_Gateway_Busy"
    DATABASE_OFFLINE = "Error_Database_Offline"


#: Refusals as operation statuses.
OPERATIONS: dict[RefusalKind, Operation] = {
    RefusalKind.UNAUTHORISED: Operation.INVALID_LOGIN,
    RefusalKind.ADDRESS_NOT_ALLOWED: Operation.UNAUTHORISED_IP_ADDRESS,
    RefusalKind.ADDRESS_BLOCKED: Operation.UNAUTHORISED_IP_ADDRESS,
    RefusalKind.FORBIDDEN: Operation.SMS_USER_DISABLED,
    RefusalKind.BAD_PARAMETER: Operation.INVALID_HEADER,
    RefusalKind.BAD_NUMBER: Operation.INVALID_DESTINATION_ADDRESS,
    RefusalKind.EMPTY_TEXT: Operation.MESSAGE_REJECTED,
    RefusalKind.TEXT_TOO_LONG: Operation.MESSAGE_REJECTED,
    RefusalKind.BAD_TIME: Operation.INVALID_HEADER,
    RefusalKind.UNKNOWN_LINE: Operation.INVALID_SOURCE_ADDRESS,
    RefusalKind.CANNOT: Operation.MESSAGE_REJECTED,
    RefusalKind.DUPLICATE: Operation.GATEWAY_BUSY,
    RefusalKind.NO_MONEY: Operation.NOT_ENOUGH_CREDITS,
    RefusalKind.NOT_FOUND: Operation.INVALID_MESSAGE_ID,
    RefusalKind.CONFLICT: Operation.MESSAGE_REJECTED,
    RefusalKind.CLIENT_REF_USED: Operation.MESSAGE_REJECTED,
    RefusalKind.UNAVAILABLE: Operation.DATABASE_OFFLINE,
}

#: What UNAVAILABLE really is, by the words of its sentence: the queue is full when the disk is.
UNAVAILABLE: tuple[tuple[str, Operation], ...] = (
    ("is full", Operation.MESSAGE_QUEUE_FULL),
    ("shutting down", Operation.GATEWAY_OFFLINE),
)


def operation_of(refusal: Refusal) -> Operation:
    """The operation status of a refusal."""
    if refusal.kind is RefusalKind.UNAVAILABLE:
        for words, status in UNAVAILABLE:
            if words in str(refusal):
                return status
    return OPERATIONS[refusal.kind]


#: What the best of the lines can do for a new message: None that it sends, busy that it soon will.
LINES: dict[LineState, Operation | None] = {
    LineState.READY: None,
    LineState.OPENING: Operation.GATEWAY_BUSY,
    LineState.STARTING: Operation.GATEWAY_BUSY,
    LineState.SEARCHING: Operation.GATEWAY_BUSY,
    LineState.RECOVERING: Operation.GATEWAY_BUSY,
    LineState.PAUSED: Operation.GATEWAY_BUSY,
    LineState.ABSENT: Operation.GATEWAY_OFFLINE,
    LineState.QUARANTINED: Operation.GATEWAY_OFFLINE,
    LineState.BLOCKED: Operation.GATEWAY_OFFLINE,
    LineState.STOPPED: Operation.GATEWAY_OFFLINE,
}


class Status(StrEnum):
    """What became of a message."""

    ENQUEUED = "Enqueued"
    DELIVERED_TO_GATEWAY = "Delivered_To_Gateway"
    SENT = "Sent"
    DELIVERED_TO_RECIPIENT = "Delivered_To_Recipient"
    INVALID_DESTINATION_ADDRESS = "Error_Invalid_Destination_Address"
    INVALID_SOURCE_ADDRESS = "Error_Invalid_Source_Address"
    REJECTED = "Error_Rejected"
    EXPIRED = "Error_Expired"


#: The states of /rest as message statuses. -98 and 255 have none: the first never occurs, the second is no message.
STATUSES: dict[int, Status] = {
    QUEUED: Status.ENQUEUED,
    TO_NETWORK: Status.SENT,
    DELIVERED: Status.DELIVERED_TO_RECIPIENT,
    10: Status.INVALID_SOURCE_ADDRESS,
    BAD_DESTINATION: Status.INVALID_DESTINATION_ADDRESS,
    BARRED: Status.REJECTED,
    REFUSED_BY_SMSC: Status.REJECTED,
    EXPIRED: Status.EXPIRED,
    DELETED: Status.REJECTED,
    REFUSED_HERE: Status.REJECTED,
    REFUSED: Status.REJECTED,
    UNKNOWN: Status.DELIVERED_TO_GATEWAY,  # it reached us, and nobody can tell more
}


def status_of(part: MessageView | PartView) -> Status:
    """Message status of a message, or of one of its parts."""
    if part.state is State.SENDING:
        return Status.DELIVERED_TO_GATEWAY
    return STATUSES[state_of(part)]
