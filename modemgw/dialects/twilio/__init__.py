"""Twilio Programmable Messaging, version 2010-04-01; docs/dialects/twilio.md says what is served."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modemgw.dialects.forms import FormError, parse_form
from modemgw.dialects.seam import Dialect, GetBalance, Route, Steps, WireRequest
from modemgw.dialects.twilio import callbacks, messages, tables
from modemgw.dialects.twilio.wire import API, ApiError, Caller, answer, authenticate, date, error_answer
from modemgw.domain.account import iso_currency
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Balance

_PATH = re.compile(rf"/{API}/Accounts/([^/]+?)(?:/([^/]+?)(?:/([^/]+?)(/[^/]+?)?)?)?(?:\.json)?/?")


def serve(request: WireRequest) -> Steps:
    """One request under /2010-04-01."""
    match = _PATH.fullmatch(request.path)
    try:
        sid = match[1] if match is not None else ""
        caller = yield from authenticate(request, sid)
        resource, name, inner = (match[2], match[3], match[4]) if match is not None else (None, None, None)
        return (yield from _route(caller, request, resource, name, inner))
    except ApiError as error:
        return error_answer(error.code, error.message, path=request.path.removeprefix(f"/{API}"))
    except FormError as error:
        return error_answer(tables.BAD_PARAMETER, str(error))
    except Refusal as refusal:
        code = tables.REFUSALS[refusal.kind]
        return error_answer(code, path=request.path.removeprefix(f"/{API}"), reason=str(refusal))


def _route(caller: Caller, request: WireRequest, resource: str | None, name: str | None, inner: str | None) -> Steps:
    method = request.method
    if resource is None:
        _only(method, "GET")
        return answer(_account(caller))
    if resource == "Balance" and name is None:
        _only(method, "GET")
        return (yield from _balance(caller))
    if resource not in {"Messages", "SMS"} or (inner or "/Media") != "/Media":
        raise ApiError(tables.NOT_FOUND)
    if resource == "SMS":  # the older name of it: SMS/Messages
        if name != "Messages" or inner:
            raise ApiError(tables.NOT_FOUND)
        name = None
    fields = _fields(request)
    if name is None:
        _only(method, "GET", "POST")
        return (yield from (messages.create if method == "POST" else messages.list_all)(caller, fields))
    if inner is not None:
        _only(method, "GET")
        return (yield from messages.media(caller, name))
    _only(method, "GET", "POST", "DELETE")
    if method == "POST":
        return (yield from messages.update(caller, name, fields))
    return (yield from (messages.delete if method == "DELETE" else messages.fetch)(caller, name))


def _only(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise ApiError(tables.BAD_METHOD)


def _fields(request: WireRequest) -> Mapping[str, str]:
    return {name: value.decode("utf-8", "replace") for name, value in parse_form(request).fields.items()}


def _account(caller: Caller) -> Mapping[str, Any]:
    now = date(caller.now)
    return {
        "sid": caller.sid,
        "friendly_name": caller.account.login,
        "status": "active",
        "type": "Full",
        "owner_account_sid": caller.sid,
        "date_created": now,
        "date_updated": now,
        "subresource_uris": {"messages": caller.uri("Messages.json"), "balance": caller.uri("Balance.json")},
        "uri": f"/{API}/Accounts/{caller.sid}.json",
    }


def _balance(caller: Caller) -> Steps:
    balance: Balance = yield GetBalance(caller.account)
    return answer({"account_sid": caller.sid, "balance": balance.amount, "currency": iso_currency(balance.currency)})


DIALECT = Dialect(
    name=messages.NAME,
    title="Twilio",
    callbacks=callbacks.render,
    on_reply=callbacks.on_reply,
    routes=(Route(("*",), f"/{API}/*", serve),),
    hosts=("api.twilio.com",),
    refusals=tables.REFUSALS,
    states=tables.STATUSES,
)

__all__ = ["DIALECT"]
