"""What this API calls our states and refusals. Data only; docs/dialects/fintek.md shows the same tables.

The manual has no list of either: states are the words of the platform whose XML it passes on, errors are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

#: Literal texts of the manual.
BALANCE_ASKED = "Запрос баланса успешно отправлен"
STATUS_FOUND = "Статус запроса получен"
QUEUED = "Сообщения в очереди на отправку"

#: Words of the upstream platform in <state>. It has none for "nobody knows": that one has no report either.
STATES: Mapping[State, str] = {
    State.QUEUED: "send",
    State.SENDING: "send",
    State.SENT: "send",
    State.UNKNOWN: "send",
    State.DELIVERED: "deliver",
    State.UNDELIVERABLE: "not_deliver",
    State.EXPIRED: "expired",
    State.REJECTED: "not_deliver",
    State.CANCELLED: "not_deliver",
}

#: HTTP statuses of refusals; the body has the kind as `code` and the reason as `message`.
ERRORS: Mapping[RefusalKind, int] = {
    RefusalKind.UNAUTHORISED: 403,
    RefusalKind.ADDRESS_NOT_ALLOWED: 403,
    RefusalKind.ADDRESS_BLOCKED: 403,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.BAD_PARAMETER: 400,
    RefusalKind.BAD_NUMBER: 400,
    RefusalKind.EMPTY_TEXT: 400,
    RefusalKind.TEXT_TOO_LONG: 400,
    RefusalKind.BAD_TIME: 400,
    RefusalKind.UNKNOWN_LINE: 400,
    RefusalKind.CANNOT: 400,
    RefusalKind.DUPLICATE: 429,
    RefusalKind.NO_MONEY: 402,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.CLIENT_REF_USED: 409,
    RefusalKind.UNAVAILABLE: 503,
}
