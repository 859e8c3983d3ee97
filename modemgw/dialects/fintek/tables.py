"""What this API calls our states and refusals. Data only; docs/dialects/fintek.md shows the same tables.

The manual has no list of either: states are the words of the platform whose XML it passes on, errors are ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State

#: Literal texts of the manual.
BALANCE_ASKED = "Запрос баланса успешно отправлен"
STATUS_FOUND = "Статус запроса получен"
QUEUED = "Сообщения в очереди на отправку"

#: What mode=debug is told, which queues nothing. Ours: the manual tells nothing of the mode.
CHECKED = "Режим отладки: сообщения проверены, но не отправлены"

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

#: HTTP statuses of refusals; the body has the kind as `code` and a sentence as `message`.
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

#: What the gateway's own refusals are to people, in the language of the manual.
MESSAGES: Mapping[RefusalKind, str] = {
    RefusalKind.UNAUTHORISED: "Учётная запись не найдена",
    RefusalKind.ADDRESS_NOT_ALLOWED: "С этого адреса доступ запрещён",
    RefusalKind.ADDRESS_BLOCKED: "Адрес временно заблокирован",
    RefusalKind.FORBIDDEN: "Доступ запрещён",
    RefusalKind.BAD_PARAMETER: "Ошибка в параметрах запроса",
    RefusalKind.BAD_NUMBER: "Неверный номер телефона",
    RefusalKind.EMPTY_TEXT: "Текст сообщения пуст",
    RefusalKind.TEXT_TOO_LONG: "Текст сообщения слишком длинный",
    RefusalKind.BAD_TIME: "Неверное время",
    RefusalKind.UNKNOWN_LINE: "Неизвестный маршрут",
    RefusalKind.CANNOT: "Такое сообщение нельзя отправить через SIM-карту",
    RefusalKind.DUPLICATE: "Повтор запроса, попробуйте позже",
    RefusalKind.NO_MONEY: "Недостаточно средств",
    RefusalKind.NOT_FOUND: "Запрос не найден",
    RefusalKind.CONFLICT: "Сообщение уже отправляется",
    RefusalKind.CLIENT_REF_USED: "Сообщение с таким идентификатором уже принято",
    RefusalKind.UNAVAILABLE: "Сервис временно недоступен, повторите запрос позже",
}


class Rejected(Refusal):
    """A refusal of this dialect: the sentence is for the client, in Russian. `reason` is English, for the log and
    the header, where it says more than the sentence."""

    def __init__(self, kind: RefusalKind, sentence: str = "", field: str | None = None, *, reason: str = "") -> None:
        super().__init__(kind, sentence or MESSAGES[kind], field=field)
        self.reason = reason


def rejected(refusal: Refusal, place: str = "") -> Rejected:
    """A refusal of the gateway in this dialect's words, with the user it is of before it."""
    told = str(refusal) if isinstance(refusal, Rejected) else MESSAGES[refusal.kind]
    reason = refusal.reason if isinstance(refusal, Rejected) else str(refusal)
    return Rejected(refusal.kind, f"{place}: {told}" if place else told, refusal.field, reason=reason)
