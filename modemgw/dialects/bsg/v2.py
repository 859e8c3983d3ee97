"""The newer API at /api, as its SDK calls it: login for a bearer, balance, SMS campaigns."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from modemgw.dialects.bsg import tables
from modemgw.dialects.bsg.orders import read_order
from modemgw.dialects.bsg.sending import TASKS, deliver, with_task
from modemgw.dialects.bsg.status import task_messages
from modemgw.dialects.bsg.wire import TEST, ApiError, Caller, amount, answer, clock, document_of, enter
from modemgw.dialects.seam import (
    FindSession,
    GetBalance,
    GetRecord,
    MakeSecret,
    PutRecord,
    Steps,
    WireRequest,
)
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, Command, Record

SESSIONS = "bsg.session"
SESSION_S = 3600

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

#: HTTP statuses of refusals; other errors of a request are 422.
STATUSES: Mapping[RefusalKind, int] = {
    **dict.fromkeys(RefusalKind, 422),
    RefusalKind.UNAUTHORISED: 401,
    RefusalKind.ADDRESS_NOT_ALLOWED: 403,
    RefusalKind.ADDRESS_BLOCKED: 429,
    RefusalKind.FORBIDDEN: 403,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.UNAVAILABLE: 503,
}

Data = Generator[Command, Any, Mapping[str, Any]]


def v2(request: WireRequest) -> Steps:
    """One call; errors are `{"code", "message"}`, those of fields `{"message", "errors"}` with HTTP 422."""
    try:
        found = yield from _call(request)
    except ApiError as error:
        text = str(error) or tables.DESCRIPTIONS[error.code]
        return answer({"code": error.code, "message": text, "errors": {"request": [text]}}, 422)
    except Refusal as refusal:
        code = STATUSES[refusal.kind]
        more = {"errors": {refusal.field or "request": [str(refusal)]}} if code == 422 else {}
        return answer({"code": code, "message": str(refusal), **more}, code)
    return answer(found)


def _call(request: WireRequest) -> Data:
    pieces = [piece for piece in request.path.split("/") if piece][1:]
    if (request.method, pieces) == ("POST", ["auth", "login"]):
        return (yield from _login(request))
    caller, key = yield from _session(request)
    match request.method, pieces:
        case "POST", ["auth", "refresh"]:
            return (yield from _bearer(caller, key))
        case "GET", ["accounts", "balance"]:
            money: Balance = yield GetBalance(caller.account)
            return {"data": {"balance": float(money.amount), "currency": money.currency, "credit": 0}}
        case "POST", ["campaigns", "sms", "send"]:
            return (yield from _send(caller, document_of(request), individual=False))
        case "POST", ["campaigns", "sms", "send-individual"]:
            return (yield from _send(caller, document_of(request), individual=True))
        case "GET", ["campaigns", number] if number.isascii() and number.isdigit():
            return (yield from _campaign(caller, number))
    raise Refusal(RefusalKind.NOT_FOUND, f"There is no {request.method} {request.path[:80]} here.")


def _login(request: WireRequest) -> Data:
    document = document_of(request)
    key = document.get("api_key") if isinstance(document, dict) else None
    if not isinstance(key, str):
        raise ApiError(tables.BAD_PAYLOAD, "api_key is missing.")
    caller = yield from enter(key, request)
    return (yield from _bearer(caller, TEST if key.strip().startswith(TEST) else ""))


def _bearer(caller: Caller, kind: str) -> Data:
    bearer: str = yield MakeSecret(64, _LETTERS)
    yield PutRecord(caller.account, SESSIONS, {"test": bool(kind)}, key=bearer, ttl_s=SESSION_S)
    return {"bearer": bearer}


def _session(request: WireRequest) -> Generator[Command, Any, tuple[Caller, str]]:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    bearer = bearer.strip()
    found = None
    if scheme.lower() == "bearer" and bearer.isascii() and bearer.isalnum() and len(bearer) == 64:
        found = yield FindSession(SESSIONS, bearer)
    if found is None:
        raise Refusal(RefusalKind.UNAUTHORISED, "API Key not found")
    account, record = found
    test = bool(record.data["test"])
    return Caller(account, test, request.now), TEST if test else ""


def _send(caller: Caller, document: Any, *, individual: bool) -> Data:
    """As phones or individual of the older API, in other words."""
    if not isinstance(document, dict):
        raise ApiError(tables.BAD_PAYLOAD, "The body is not a JSON object.")
    rows = document.get("messages" if individual else "phones")
    old = {
        "destination": "individual" if individual else "phones",
        "phones": [_renamed(row) for row in rows] if isinstance(rows, list) else None,
        "originator": document.get("sender"),
        "body": document.get("text"),
        "validity": document.get("validity"),
        "tariff": document.get("tariff_code"),
        "transliterate": document.get("transliterate"),
        "callback_url": document.get("callback_url"),
        "scheduledDatetime": None if individual else document.get("start_at"),
    }
    order = yield from read_order(old, caller)
    for item in order.items:
        if item.error:
            reason = item.reason or tables.DESCRIPTIONS[item.error]
            raise ApiError(item.error, f"{item.reference}: {reason}")
    record, items = yield from with_task(order, caller)
    results, total = yield from deliver(items, caller, each=False)
    if all(result["error"] for result in results):
        raise ApiError(results[0]["error"])
    return {"data": _shape(record, "sending", total, caller, delivered=0, sent=0)}


def _renamed(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    names = {"number": "msisdn", "phone": "msisdn", "reference_id": "reference", "sender": "originator", "text": "body"}
    found = {names.get(name, name): value for name, value in row.items()}
    if found.get("reference", "") is None:
        del found["reference"]
    return found


def _campaign(caller: Caller, number: str) -> Data:
    record: Record | None = yield GetRecord(caller.account, TASKS, number)
    if record is None or record.data["test"] != caller.test:
        raise Refusal(RefusalKind.NOT_FOUND, f"There is no campaign {number[:20]}.")
    found = yield from task_messages(caller, record)
    delivered = sum(item["status"] == "delivered" for item in found)
    sent = sum(item["time_sent"] is not None for item in found)
    open_ = any(item["time_dr"] is None for item in found)
    total = amount(str(sum(item["price"] for item in found)))
    word = "sending" if open_ else "done"
    return {"data": _shape(record, word, total, caller, delivered=delivered, sent=sent)}


def _shape(record: Record, word: str, total: float, caller: Caller, *, delivered: int, sent: int) -> dict[str, Any]:
    return {
        "id": record.id,
        "name": f"modemgw {record.id}",
        "sender": record.data["originator"],
        "status": word,
        "message_type": "sms",
        "created_at": clock(record.created_at),
        "statistics": {"delivered": delivered, "sent": sent},
        "calculated_price": total,
        "currency": caller.account.currency,
    }
