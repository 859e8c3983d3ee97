"""What the platform calls our states and refusals. Data only; docs/dialects/smsgate.md shows the same tables."""

from __future__ import annotations

from modemgw.domain.refusal import RefusalKind
from modemgw.domain.states import State

BAD_XML = "Неправильный формат XML документа"
BAD_JSON = "Неправильный формат JSON документа"
NO_DATA = "POST данные отсутствуют"
WRONG_LOGIN = "Неправильный логин или пароль"
BLOCKED = "Ваш аккаунт заблокирован"
NO_PHONE = "Укажите номер телефона."
LONG_PHONE = "Номер телефона должен быть меньше 15 символов."
NO_TEXT = "Нет текста сообщения."
BAD_SENDER = "Отправитель не должен превышать 15 символов для цифровых номеров и 11 символов для буквенно-числовых."
CLOSED = "Данное направление закрыто для вас."
REPEATED = "error: Попытка отправки более одного одинакового запроса в течение минуты"

#: Our states; `send` is all that is not over.
STATES: dict[State, str] = {
    State.QUEUED: "send",
    State.SENDING: "send",
    State.SENT: "send",
    State.UNKNOWN: "send",  # it may still become one of the others
    State.DELIVERED: "deliver",
    State.UNDELIVERABLE: "not_deliver",
    State.REJECTED: "not_deliver",
    State.CANCELLED: "not_deliver",
    State.EXPIRED: "expired",
}

#: Refusals: of a message as the text in its `information`, of a request as the text of its `error`.
ERRORS: dict[RefusalKind, str] = {
    RefusalKind.UNAUTHORISED: WRONG_LOGIN,
    RefusalKind.ADDRESS_NOT_ALLOWED: WRONG_LOGIN,
    RefusalKind.ADDRESS_BLOCKED: WRONG_LOGIN,
    RefusalKind.FORBIDDEN: CLOSED,
    RefusalKind.BAD_PARAMETER: BAD_XML,  # in JSON its own text
    RefusalKind.BAD_NUMBER: NO_PHONE,
    RefusalKind.EMPTY_TEXT: NO_TEXT,
    RefusalKind.TEXT_TOO_LONG: "Текст SMS отклонен модератором.",
    RefusalKind.BAD_TIME: "Неправильный формат времени отправки.",
    RefusalKind.UNKNOWN_LINE: "Такого отправителя Нет.",
    RefusalKind.CANNOT: "Данное направление закрыто.",
    RefusalKind.DUPLICATE: "Данное сообщение уже было отправлено.",
    RefusalKind.NO_MONEY: "Закончились SMS.",
    RefusalKind.NOT_FOUND: "not_found",
    RefusalKind.CONFLICT: "not_found",  # it has gone already: nothing of the kind is scheduled
    RefusalKind.CLIENT_REF_USED: "Данное сообщение уже было отправлено.",
    RefusalKind.UNAVAILABLE: "Сервис временно недоступен. Попробуйте позже.",
}
