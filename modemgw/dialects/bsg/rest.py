"""The paths of the REST API, under either base: which call each of them is, and its errors as answers."""

from __future__ import annotations

from modemgw.dialects.bsg import account, sending, status, tables
from modemgw.dialects.bsg.wire import Answer, ApiError, Caller, answer, described, document_of, enter
from modemgw.dialects.forms import parse_urlencoded
from modemgw.dialects.seam import Steps, WireRequest
from modemgw.domain.refusal import Refusal

_READ = frozenset({"GET", "POST"})
_WRITE = frozenset({"PUT", "POST"})


def rest(request: WireRequest) -> Steps:
    """One call. Every error is HTTP 200 with its code."""
    service = ""
    try:
        caller = yield from enter(request.headers.get("x-api-key", ""), request)
        service, *rest = [piece for piece in request.path.split("/") if piece][1:]
        found = yield from _call(service, rest, caller, request)
    except ApiError as error:
        return answer(described(error.code), reason=str(error))
    except Refusal as refusal:
        code = tables.ERRORS[refusal.kind]
        return answer(described(tables.OTHER_CODES.get(service, {}).get(code, code)), reason=str(refusal))
    return answer(found)


def _call(service: str, rest: list[str], caller: Caller, request: WireRequest) -> Answer:
    if request.method in _WRITE:
        match service, rest:
            case "sms", ["create"]:
                return (yield from sending.create(caller, document_of(request)))
            case "sms", ["price"]:
                return (yield from sending.price(caller, document_of(request)))
            case "sms", ["getStatus"]:
                return (yield from status.by_ids(caller, document_of(request)))
            case "viber", ["create"]:
                return (yield from sending.viber(caller, document_of(request)))
            case "hlr", ["create"]:
                return (yield from sending.hlr(caller, document_of(request)))
            case "hlr", ["check"]:
                raise ApiError(tables.DIRECTION_DENIED, "A SIM cannot ask the HLR while you wait.")
    if request.method in _READ:
        match service, rest:
            case (("common" | "sms" | "hlr" | "viber"), ["balance"]):
                return (yield from account.balance(caller))
            case "common", ["getbalance"]:
                return (yield from account.balance(caller))
            case "common", ["price"]:
                return (yield from account.common_price(caller))
            case "common", ["tariff"]:
                return (yield from account.tariff(caller))
            case (("sms" | "hlr" | "viber"), ["prices"]):
                return (yield from account.prices(caller))
            case (("sms" | "hlr" | "viber"), ["prices", number]):
                return (yield from account.prices(caller, number))
            case "sms", ["2wayIncoming"]:
                query = {name: raw.decode("utf-8", "replace") for name, raw in parse_urlencoded(request.raw_query)}
                return (yield from account.incoming(caller, query))
            case "sms", ["2waySenders"]:
                return (yield from account.senders(caller))
            case "sms", [("task" | "task_id"), number]:
                return (yield from status.by_task(caller, number))
            case (("sms" | "hlr" | "viber"), ["reference", reference]):
                return (yield from status.by_reference(caller, reference, service))
            case (("sms" | "hlr" | "viber"), [number]) if request.method == "GET":
                return (yield from status.by_id(caller, number, service))
    raise ApiError(tables.BAD_REQUEST, f"There is no {request.method} {request.path[:80]} here.")
