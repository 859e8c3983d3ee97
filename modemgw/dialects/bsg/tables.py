"""What BSG.world calls our states, refusals and errors. Data only; docs/dialects/bsg.md shows the same tables."""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

(
    OK,
    BAD_KEY,
    BLOCKED,
    NOT_ENOUGH,
    BAD_REQUEST,
    UNKNOWN_ERROR,
    BAD_TARIFF,
    BAD_PARAMETERS,
    NO_MONEY,
    _,
    BAD_TIME,
    TOO_MANY,
    BATCH,
) = range(13)
(
    NOT_FOUND,
    BAD_MSISDN,
    NO_REFERENCE,
    REFERENCE_USED,
    BAD_PAYLOAD,
    BAD_ORIGINATOR,
    BAD_BODY,
    BAD_REFERENCE,
    BAD_VALIDITY,
    BAD_TASK,
    NO_TASK,
    MSISDN_TWICE,
    ORIGINATOR_DENIED,
    DIRECTION_DENIED,
    BAD_OTP,
    NO_2WAY,
    BAD_2WAY,
) = range(20, 37)

DESCRIPTIONS: Mapping[int, str] = {
    OK: "No errors",
    BAD_KEY: "Invalid API key",
    BLOCKED: "User blocked",
    NOT_ENOUGH: "Not enough parameters",
    BAD_REQUEST: "Invalid request or API method does not exist",
    UNKNOWN_ERROR: "Unknown error",
    BAD_TARIFF: "Invalid price grid",
    BAD_PARAMETERS: "Invalid or missing parameters",
    NO_MONEY: "Not enough money",
    BAD_TIME: "Invalid time sent",
    TOO_MANY: "Concurrency limit exceeded",
    BATCH: "Batch limit exceeded",
    NOT_FOUND: "SMS not found",
    BAD_MSISDN: "Invalid MSISDN",
    NO_REFERENCE: "External ID is absent",
    REFERENCE_USED: "External ID already exists",
    BAD_PAYLOAD: "Invalid request payload",
    BAD_ORIGINATOR: "Invalid originator",
    BAD_BODY: "Invalid SMS text",
    BAD_REFERENCE: "Invalid external ID",
    BAD_VALIDITY: "Invalid validity period",
    BAD_TASK: "Invalid task ID",
    NO_TASK: "Task not found",
    MSISDN_TWICE: "MSISDN is already in the request",
    ORIGINATOR_DENIED: "Originator is not allowed",
    DIRECTION_DENIED: "Direction is not allowed",
    BAD_OTP: "Wrong OTP",
    NO_2WAY: "2way service is inactive",
    BAD_2WAY: "Wrong 2way sender",
    40: "Viber message not found",
    41: "Invalid MSISDN",
    42: "External ID is absent",
    43: "External ID already exists",
    44: "Invalid request payload",
    45: "Invalid message",
    60: "HLR not found",
    61: "Invalid MSISDN",
    62: "External ID is absent",
    63: "External ID already exists",
    64: "Invalid request payload",
    65: "Invalid external ID",
    66: "MSISDN is already in the request",
}

#: Errors that SDKs look for inside `result`; all others stand at the top, without a `result`.
INSIDE = frozenset({BAD_MSISDN, NO_REFERENCE, REFERENCE_USED, BAD_REFERENCE, BAD_VALIDITY, MSISDN_TWICE})

#: The same errors of the other two services.
OTHER_CODES: Mapping[str, Mapping[int, int]] = {
    "sms": {},
    "hlr": {
        NOT_FOUND: 60,
        BAD_MSISDN: 61,
        NO_REFERENCE: 62,
        REFERENCE_USED: 63,
        BAD_PAYLOAD: 64,
        BAD_REFERENCE: 65,
        MSISDN_TWICE: 66,
    },
    "viber": {NOT_FOUND: 40, BAD_MSISDN: 41, NO_REFERENCE: 42, REFERENCE_USED: 43, BAD_PAYLOAD: 44, BAD_BODY: 45},
}

ERRORS: Mapping[RefusalKind, int] = {
    RefusalKind.UNAUTHORISED: BAD_KEY,
    RefusalKind.ADDRESS_NOT_ALLOWED: BLOCKED,
    RefusalKind.ADDRESS_BLOCKED: BLOCKED,
    RefusalKind.FORBIDDEN: DIRECTION_DENIED,
    RefusalKind.BAD_PARAMETER: BAD_PARAMETERS,
    RefusalKind.BAD_NUMBER: BAD_MSISDN,
    RefusalKind.EMPTY_TEXT: BAD_BODY,
    RefusalKind.TEXT_TOO_LONG: BAD_BODY,
    RefusalKind.BAD_TIME: BAD_TIME,
    RefusalKind.UNKNOWN_LINE: ORIGINATOR_DENIED,
    RefusalKind.CANNOT: DIRECTION_DENIED,
    RefusalKind.DUPLICATE: REFERENCE_USED,
    RefusalKind.NO_MONEY: NO_MONEY,
    RefusalKind.NOT_FOUND: NOT_FOUND,
    RefusalKind.CONFLICT: BAD_REQUEST,
    RefusalKind.CLIENT_REF_USED: REFERENCE_USED,
    RefusalKind.UNAVAILABLE: UNKNOWN_ERROR,
}

SCHEDULED = "scheduled"

#: A queued message whose time has not come is `scheduled`.
STATES: Mapping[State, str] = {
    State.QUEUED: "accepted",
    State.SENDING: "enroute",
    State.SENT: "sent",
    State.DELIVERED: "delivered",
    State.UNDELIVERABLE: "undeliverable",
    State.EXPIRED: "expired",
    State.REJECTED: "rejected",
    State.CANCELLED: "deleted",
    State.UNKNOWN: "unknown",
}
