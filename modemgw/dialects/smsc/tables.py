"""What SMSC.ru calls our states, refusals and errors. Data only; docs/dialects/smsc.md shows the same tables."""

from __future__ import annotations

from modemgw.domain.message import MessageView
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

PARAMETERS, AUTHORISE, NO_MONEY, BLOCKED, BAD_DATE, DENIED, BAD_NUMBER, NO_ROUTE, DUPLICATE = range(1, 10)

#: What 3 and 5 mean to the commands that neither send nor take a date.
NO_RECORDS, NOT_DONE = NO_MONEY, BAD_DATE
NO_RECORDS_TEXT, NOT_DONE_TEXT = "record not found", "operation error"

#: Literal descriptions of the live service where they were seen (2, 3, 6, 7, 8, 9), ours where they were not.
DESCRIPTIONS: dict[int, str] = {
    PARAMETERS: "parameters error",
    AUTHORISE: "authorise error",
    NO_MONEY: "no money",
    BLOCKED: "IP is blocked",
    BAD_DATE: "invalid date format",
    DENIED: "message is denied",
    BAD_NUMBER: "invalid number",
    NO_ROUTE: "can't to deliver",
    DUPLICATE: "duplicate request, wait a minute",
}

#: Send errors that carry the id of the message they refuse.
WITH_ID = frozenset({NO_MONEY, DENIED, BAD_NUMBER, NO_ROUTE})

#: Refusals as error codes. 9 is the only code that means "later", hence its use for UNAVAILABLE.
ERRORS: dict[RefusalKind, int] = {
    RefusalKind.UNAUTHORISED: AUTHORISE,
    RefusalKind.ADDRESS_NOT_ALLOWED: AUTHORISE,
    RefusalKind.ADDRESS_BLOCKED: BLOCKED,
    RefusalKind.FORBIDDEN: DENIED,
    RefusalKind.BAD_PARAMETER: PARAMETERS,
    RefusalKind.BAD_NUMBER: BAD_NUMBER,
    RefusalKind.EMPTY_TEXT: PARAMETERS,
    RefusalKind.TEXT_TOO_LONG: PARAMETERS,
    RefusalKind.BAD_TIME: BAD_DATE,
    RefusalKind.UNKNOWN_LINE: DENIED,
    RefusalKind.CANNOT: NO_ROUTE,
    RefusalKind.DUPLICATE: DUPLICATE,
    RefusalKind.NO_MONEY: NO_MONEY,
    RefusalKind.NOT_FOUND: PARAMETERS,
    RefusalKind.CONFLICT: BAD_DATE,  # of status.php with del=1: could not be deleted
    RefusalKind.CLIENT_REF_USED: PARAMETERS,
    RefusalKind.UNAVAILABLE: DUPLICATE,
}

#: Descriptions that say something truer than the code's own literal.
TRUER: dict[RefusalKind, str] = {RefusalKind.UNAVAILABLE: "temporarily unavailable, wait a minute"}

NOT_FOUND = -3

#: Our states as status codes.
STATUSES: dict[State, int] = {
    State.QUEUED: -1,
    State.SENDING: -1,
    State.SENT: 0,
    State.UNKNOWN: 0,  # with err 245, "no status received": it may have gone out
    State.DELIVERED: 1,
    State.EXPIRED: 3,
    State.UNDELIVERABLE: 20,
    State.REJECTED: 20,  # or what `rejection` says
    State.CANCELLED: -2,
}

STATUS_NAMES: dict[int, str] = {
    -3: "Сообщение не найдено",
    -2: "Остановлено",
    -1: "Ожидает отправки",
    0: "Передано оператору",
    1: "Доставлено",
    2: "Прочитано",
    3: "Просрочено",
    4: "Нажата ссылка",
    20: "Невозможно доставить",
    22: "Неверный номер",
    23: "Запрещено",
    24: "Недостаточно средств",
    25: "Недоступный номер",
}

#: CMS errors (TS 24.011 annex E-2, TS 23.040 9.2.3.22, TS 27.005 3.2.5) of a refused part as (status, err).
REJECTIONS: dict[int, tuple[int, int]] = {
    1: (22, 1),  # unassigned number
    8: (20, 243),  # operator determined barring
    10: (20, 13),  # call barred
    21: (20, 255),  # short message transfer rejected
    22: (20, 12),  # memory capacity exceeded
    27: (20, 6),  # destination out of service
    28: (22, 1),  # unidentified subscriber
    29: (20, 255),  # facility rejected
    30: (22, 1),  # unknown subscriber
    38: (25, 248),  # network out of order
    42: (20, 220),  # congestion
    50: (20, 243),  # requested facility not subscribed
    69: (20, 21),  # requested facility not implemented
    192: (20, 220),  # SC busy
    193: (20, 243),  # no SC subscription
    194: (20, 220),  # SC system failure
    195: (22, 249),  # invalid SME address
    196: (20, 252),  # destination SME barred
    208: (20, 12),  # SIM SMS storage full
}

#: The rest of them by ranges: first and last code.
REJECTION_RANGES: tuple[tuple[int, int, tuple[int, int]], ...] = (
    (0, 299, (20, 255)),  # the network refused it
    (300, 499, (20, 248)),  # our modem or SIM did: there was no way out
    (500, 65535, (20, 255)),  # "unknown" and what makers add: mostly a refusal of the network in disguise
)

#: TP-ST of a report that failed for good (TS 23.040 9.2.3.15) as err; others are 255.
REPORTS: dict[int, int] = {
    0x40: 248,  # remote procedure error
    0x41: 21,  # incompatible destination
    0x42: 13,  # connection rejected by SME
    0x43: 6,  # not obtainable
    0x44: 21,  # quality of service not available
    0x45: 248,  # no interworking available
    0x49: 245,  # SM does not exist
    0x60: 220,  # congestion
    0x61: 12,  # SME busy
    0x62: 6,  # no response from SME
    0x63: 11,  # service rejected
    0x64: 21,  # quality of service not available
    0x65: 12,  # error in SME
}

#: Names of the err codes that this gateway tells, in English; the provider's own list has more.
ERR_NAMES: dict[int, str] = {
    0: "no error",
    1: "no such subscriber",
    6: "subscriber offline",
    11: "SMS service not enabled",
    12: "handset or SIM error",
    13: "subscriber blocked",
    21: "service unsupported by the handset",
    220: "operator's queue full",
    243: "no contract",
    244: "mailing prohibited",
    245: "no status received",
    248: "no route",
    249: "bad number format",
    252: "number forbidden",
    253: "spam filter",
    254: "unregistered sender",
    255: "rejected by the operator",
}

#: Under which status.php's view of a number that was refused has its status and err; no stored message has it.
REFUSED_AS = "refused_as"

#: A number refused at once, in the lists of err=1 and op=1: (status, error).
REFUSED_NUMBERS: dict[RefusalKind, tuple[int, int]] = {
    RefusalKind.UNAUTHORISED: (20, 255),
    RefusalKind.ADDRESS_NOT_ALLOWED: (20, 255),
    RefusalKind.ADDRESS_BLOCKED: (20, 255),
    RefusalKind.FORBIDDEN: (23, 252),
    RefusalKind.BAD_PARAMETER: (20, 255),
    RefusalKind.BAD_NUMBER: (22, 249),
    RefusalKind.EMPTY_TEXT: (20, 255),
    RefusalKind.TEXT_TOO_LONG: (20, 255),
    RefusalKind.BAD_TIME: (20, 255),
    RefusalKind.UNKNOWN_LINE: (23, 254),
    RefusalKind.CANNOT: (25, 248),
    RefusalKind.DUPLICATE: (23, 244),
    RefusalKind.NO_MONEY: (24, 0),
    RefusalKind.NOT_FOUND: (20, 255),
    RefusalKind.CONFLICT: (20, 255),
    RefusalKind.CLIENT_REF_USED: (20, 255),
    RefusalKind.UNAVAILABLE: (20, 248),
}


def rejection(code: int | None) -> tuple[int, int]:
    """Status and err of a part that was refused with this CMS error, None where there was none. Total."""
    if code is None:
        return STATUSES[State.REJECTED], 255
    if code in REJECTIONS:
        return REJECTIONS[code]
    return next((row for first, last, row in REJECTION_RANGES if first <= code <= last), (20, 255))


def report_error(st: int | None) -> int:
    """The err of a report that failed for good or gave up; reserved values count as 0x63 (TS 23.040 9.2.3.15)."""
    return REPORTS.get(0x63 if st is not None and st & 0x80 else st or 0, 255)


def status_of(view: MessageView) -> tuple[int, int]:
    """Status and err code of a message."""
    told = view.extra.get(REFUSED_AS)
    if isinstance(told, list | tuple) and len(told) == 2:
        return int(told[0]), int(told[1])
    if view.state is State.REJECTED:
        return rejection(view.error_code)
    if view.state is State.UNDELIVERABLE:
        return STATUSES[view.state], report_error(view.st)
    return STATUSES[view.state], 245 if view.state is State.UNKNOWN else 0
