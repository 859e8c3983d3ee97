"""What SMSC.ru calls our states, refusals and errors. Data only; docs/dialects/smsc.md shows the same tables."""

from __future__ import annotations

from modemgw.domain.message import MessageView
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

PARAMETERS, AUTHORISE, NO_MONEY, BLOCKED, BAD_DATE, DENIED, BAD_NUMBER, NO_ROUTE, DUPLICATE = range(1, 10)

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
    State.REJECTED: 20,  # or what REJECTIONS says
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

#: CMS errors 1..127 (TS 24.011 annex E-2) of a refused part as (status, err); other refusals are (20, 255).
REJECTIONS: dict[int, tuple[int, int]] = {
    1: (22, 1),  # unassigned number
    8: (20, 243),  # operator determined barring
    10: (20, 13),  # call barred
    21: (20, 255),  # short message transfer rejected
    27: (20, 6),  # destination out of service
    28: (22, 1),  # unidentified subscriber
    29: (20, 255),  # facility rejected
    30: (22, 1),  # unknown subscriber
    38: (25, 248),  # network out of order
    50: (20, 243),  # requested facility not subscribed
    69: (20, 21),  # requested facility not implemented
}

#: TP-ST of a report that failed for good (TS 23.040 9.2.3.15) as err; others are 255.
REPORTS: dict[int, int] = {
    0x41: 21,  # incompatible destination
    0x42: 13,  # connection rejected by SME
    0x43: 6,  # not obtainable
    0x45: 248,  # no interworking available
    0x49: 245,  # SM does not exist
    0x61: 12,  # SME busy
    0x62: 6,  # no response from SME
    0x63: 11,  # service rejected
    0x65: 12,  # error in SME
}

#: A number refused at once, in the lists of err=1 and op=1: (status, error).
REFUSED_NUMBERS: dict[RefusalKind, tuple[int, int]] = {
    RefusalKind.BAD_NUMBER: (22, 249),
    RefusalKind.CANNOT: (25, 248),
    RefusalKind.FORBIDDEN: (23, 252),
    RefusalKind.DUPLICATE: (23, 244),
    RefusalKind.NO_MONEY: (24, 0),
}


def status_of(view: MessageView) -> tuple[int, int]:
    """Status and err code of a message."""
    if view.state is State.REJECTED:
        return REJECTIONS.get(view.error_code or 0, (STATUSES[view.state], 255))
    status = STATUSES[view.state]
    if view.state is State.UNDELIVERABLE:
        return status, REPORTS.get(view.st or 0, 255)
    return status, 245 if view.state is State.UNKNOWN else 0
