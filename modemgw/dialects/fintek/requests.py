"""/api/v1: who may ask, which operation it is, and the manual's shapes of answers.

The texts of a send are in texts.py, words and codes in tables.py.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from modemgw.dialects.fintek import tables
from modemgw.dialects.fintek.settings import DEADLINE, REFUSE, SEND, Options
from modemgw.dialects.fintek.tables import Rejected, rejected
from modemgw.dialects.fintek.texts import Letter, letters_of
from modemgw.dialects.json_body import JsonError, read_json, switch, whole, write_json
from modemgw.dialects.phones import international
from modemgw.dialects.seam import (
    GetBalance,
    GetRecord,
    GetSettings,
    ListModems,
    MakeSecret,
    PutRecord,
    Quote,
    Steps,
    Submit,
    Throttle,
    UseAccount,
    Warn,
    WireRequest,
    WireResponse,
)
from modemgw.domain.account import Account
from modemgw.domain.line import LineState, ModemView
from modemgw.domain.message import MAX_VALIDITY_S, MessageView, Submission
from modemgw.domain.networks import within
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, Command, MessageQuery, Quoted, Record
from modemgw.domain.states import State

#: Requests for the balance and dry runs, by their key; messages carry theirs as `extra["ref"]`.
SPACE = "fintek.request"
KEEP_S = 30 * 86_400

_KEY = re.compile(r"[0-9a-f]{32}")
_HEX = "0123456789abcdef"
_WRAPPED = re.compile(rb"\s*<pre[^>]*>(.*)</pre>\s*", re.DOTALL | re.IGNORECASE)
_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_PAGE = 1000

#: A client in debug mode is told of in the log this often.
_WARN_EVERY_S = 3600.0

Answer = Generator[Command, Any, object]


def api(request: WireRequest) -> Steps:
    """One request: the operation is the key of the document, whatever the method."""
    operation = ""
    try:
        options = Options.of((yield GetSettings("fintek")))
        account = yield from _enter(request, options)
        document = _document(request.body)
        named = [name for name in _OPERATIONS if name in document]
        if len(named) != 1:
            raise _bad("send", f"Нужен ровно один из ключей: {', '.join(_OPERATIONS)}")
        operation = named[0]
        route = document.get("route")
        if not isinstance(route, str) or not route.strip():
            raise _bad("route", "Не указан route: имя маршрута")
        answer = yield from _OPERATIONS[operation](document, account, options, request.now)
    except Refusal as refusal:
        told = rejected(refusal)
        return _json(_error(operation, told), tables.ERRORS[told.kind], told.reason)
    return _json(answer)


def _enter(request: WireRequest, options: Options) -> Generator[Command, Any, Account]:
    if not options.account:
        raise Rejected(
            RefusalKind.FORBIDDEN,
            "Этот API выключен: его включает [fintek] account в конфигурации",
            reason="This API is off: [fintek] account in the configuration switches it on.",
        )
    try:
        listed = within(options.allow, request.remote)
    except ValueError as error:
        raise Refusal(RefusalKind.FORBIDDEN, f"[fintek] allow has what is no network: {error}") from error
    if not listed:
        raise Refusal(RefusalKind.ADDRESS_NOT_ALLOWED, f"{request.remote} is not in [fintek] allow.")
    account: Account = yield UseAccount(options.account)
    if account.allow and not within(account.allow, request.remote):
        raise Refusal(
            RefusalKind.ADDRESS_NOT_ALLOWED, f"The account {account.login} may not be used from {request.remote}."
        )
    return account


def _document(body: bytes) -> Mapping[str, Any]:
    wrapped = _WRAPPED.fullmatch(body)
    try:
        document = read_json(wrapped[1] if wrapped else body)
    except JsonError as error:
        raise Rejected(RefusalKind.BAD_PARAMETER, "Тело запроса не JSON", "body", reason=str(error)) from error
    if not isinstance(document, dict):
        raise _bad("body", "Тело запроса не объект JSON")
    return document


# -- balance and status -----------------------------------------------------------------------------------------


def _balance(document: Mapping[str, Any], account: Account, options: Options, now: int) -> Answer:
    """First of the two steps: a key."""
    asked = document["balance"]
    currencies = [asked] if isinstance(asked, str) else asked
    if not isinstance(currencies, list) or not currencies or not all(isinstance(item, str) for item in currencies):
        raise _bad("balance", 'balance: нужен список валют, например ["rub"]')
    yield from _lines(document["route"], options)
    key: str = yield MakeSecret(32, _HEX)
    yield PutRecord(account, SPACE, {"kind": "balance"}, key=key, ttl_s=KEEP_S)
    return {"status": "ok", "message": [{"balance": {"message": tables.BALANCE_ASKED, "key": key}}]}


def _status(document: Mapping[str, Any], account: Account, options: Options, now: int) -> Answer:
    """What became of a key: the balance, or the state of each message in the order of its users."""
    asked = document["status"]
    key = asked.get("key") if isinstance(asked, dict) else None
    key = key.strip().lower() if isinstance(key, str) else ""
    missing = Rejected(RefusalKind.NOT_FOUND, "Запроса с таким ключом нет", "key")
    if not _KEY.fullmatch(key):
        raise missing
    record: Record | None = yield GetRecord(account, SPACE, key)
    if record is not None and record.data["kind"] == "balance":
        money: Balance = yield GetBalance(account)
        return _found("balance", _response(_money(money, account)))
    messages: list[MessageView] = []
    while record is None:
        page: Sequence[MessageView] = yield MessageQuery(
            account, limit=_PAGE, after=messages[-1].id if messages else 0, refs=(key,), dialect="fintek"
        )
        messages += page
        if len(page) < _PAGE:
            break
    if not messages and record is None:
        raise missing
    rows = "".join(f"{_state(view, options)}\n" for view in messages)
    return _found("send", _response(rows), debug=record is not None)


def _found(kind: str, xml: str, *, debug: bool = False) -> object:
    inner = {"message": tables.STATUS_FOUND, "status": xml} | ({"mode": "debug"} if debug else {})
    return {"status": "ok", "message": [{kind: inner}]}


def _response(rows: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<response>\n{rows}</response>'


def _money(money: Balance, account: Account) -> str:
    """The line of the manual: how many parts are left, where they have a price, and the money."""
    currency = "RUR" if money.currency == "RUB" else money.currency
    row = f"<money currency={quoteattr(currency)}>{escape(money.amount)}</money>\n"
    try:
        price = Decimal(account.price)
        left = max(0, int(Decimal(money.amount) / price)) if price > 0 else None
    except InvalidOperation:
        left = None
    return row if left is None else f' <sms area="Россия">{left}</sms>{row}'


def _state(view: MessageView, options: Options) -> str:
    reported = view.state not in {State.QUEUED, State.SENDING, State.SENT, State.UNKNOWN}
    at = _clock(view.updated_at, options) if reported else ""
    return f'<state id_sms="{view.id}" time="{at}">{tables.STATES[view.state]}</state>'


def _clock(at: int, options: Options) -> str:
    return (datetime.fromtimestamp(at // 1000, UTC) + timedelta(hours=options.utc_offset)).strftime("%Y-%m-%d %H:%M:%S")


# -- send -------------------------------------------------------------------------------------------------------


def _send(document: Mapping[str, Any], account: Account, options: Options, now: int) -> Answer:
    """All users or none: whatever can be wrong is looked at before anything is queued."""
    if switch(document.get("voice")) and options.voice == REFUSE:
        raise Rejected(
            RefusalKind.CANNOT,
            "Голосовое сообщение нельзя отправить через SIM-карту",
            "voice",
            reason='Voice cannot leave through a SIM; [fintek] voice = "sms" sends the text.',
        )
    mode = document.get("mode")
    if mode not in {None, "", "debug"} if isinstance(mode, str | None) else True:
        raise _bad("mode", 'mode: только "debug" или ничего')
    letters = letters_of(document["send"])
    lines = yield from _lines(document["route"], options)
    key: str = yield MakeSecret(32, _HEX)
    template = _template(document, options, now, key)
    first = int(key, 16)
    submissions = [
        replace(
            _to(letter, template, account), text=letter.text, line=lines[(first + n) % len(lines)] if lines else None
        )
        for n, letter in enumerate(letters)
    ]
    quotes: Sequence[Quoted | Refusal] = yield Quote(account, submissions)
    for letter, quote in zip(letters, quotes, strict=True):
        if isinstance(quote, Refusal):
            raise rejected(quote, letter.place)
    answer: dict[str, object] = {"status": "ok", "message": tables.QUEUED, "key": key}
    if mode and options.debug != SEND:
        if (yield Throttle(f"fintek:debug:{account.login}", 1, _WARN_EVERY_S)):
            yield Warn(
                f"Fintek requests of {account.login!r} have mode=debug: their messages are not sent. "
                'Leave mode out, or set debug = "send" in [fintek].'
            )
        answer["message"] = tables.CHECKED
        yield PutRecord(account, SPACE, {"kind": "debug", "users": len(letters)}, key=key, ttl_s=KEEP_S)
        return [{"send": answer | {"mode": "debug"}}]
    yield Submit(account, submissions)
    return [{"send": answer}]


def _to(letter: Letter, template: Submission, account: Account) -> Submission:
    try:
        return replace(template, to=international(letter.phone, account.country))
    except Refusal as refusal:
        raise rejected(refusal, letter.place) from refusal


def _template(document: Mapping[str, Any], options: Options, now: int, key: str) -> Submission:
    """ttl, a maximum age in seconds, and timeLimit."""
    ttl = document.get("ttl")
    validity = None
    if ttl is not None:
        validity = whole(ttl)
        if validity is None or validity <= 0:
            raise _bad("ttl", "ttl: нужно число секунд, больше нуля")
        validity = min(validity, MAX_VALIDITY_S)
    send_at = None
    limit = document.get("timeLimit")
    if limit not in {None, ""} if isinstance(limit, str | None) else True:
        at = _moment(limit, options)
        if options.time_limit == DEADLINE:
            left = (at - now) // 1000
            if left <= 0:
                raise Rejected(RefusalKind.BAD_TIME, f"timeLimit: {limit} уже в прошлом", "timeLimit")
            validity = left if validity is None else min(validity, left)
        else:
            send_at = at
    return Submission(to="", text="", validity_s=validity, send_at=send_at, dialect="fintek", extra={"ref": key})


def _moment(value: object, options: Options) -> int:
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if match is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        return int((at - timedelta(hours=options.utc_offset)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Rejected(RefusalKind.BAD_TIME, "timeLimit: нужно время, например 2022-03-15 13:00", "timeLimit") from None


def _lines(route: str, options: Options) -> Generator[Command, Any, tuple[str, ...]]:
    """The lines of a route, those that are ready before all others; none: any. Raises Refusal(UNKNOWN_LINE)."""
    name = route.strip()
    modems: Sequence[ModemView] = yield ListModems()
    states = {modem.name: modem.state for modem in modems}
    lines = options.routes.get(name)
    if lines is None:
        if name not in states:
            known = ", ".join(sorted({*options.routes, *states})) or "нет ни одного"
            raise Rejected(RefusalKind.UNKNOWN_LINE, f"Маршрута «{name[:40]}» нет. Есть: {known}", "route")
        return (name,)
    ready = tuple(line for line in lines if states.get(line) is LineState.READY)
    return ready or lines


# -- shapes -----------------------------------------------------------------------------------------------------

_OPERATIONS = {"send": _send, "status": _status, "balance": _balance}


def _error(operation: str, refusal: Refusal) -> object:
    inner = {"message": str(refusal), "code": refusal.kind.value}
    if operation == "send":
        return [{"send": {"status": "error", **inner}}]
    return {"status": "error", "message": [{operation: inner} if operation else inner]}


def _json(answer: object, status: int = 200, reason: str = "") -> WireResponse:
    return WireResponse(write_json(answer), status, "application/json; charset=utf-8", reason=reason)


def _bad(field: str, sentence: str) -> Rejected:
    return Rejected(RefusalKind.BAD_PARAMETER, sentence, field)
