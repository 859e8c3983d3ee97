"""Kannel's `/cgi-bin/sendsms`, its delivery reports and its get-url; docs/dialects/kannel.md says what is served."""

from __future__ import annotations

from modemgw.dialects.kannel import callbacks, tables
from modemgw.dialects.kannel.fields import Fields, Rejected, of_headers, of_query, of_xml
from modemgw.dialects.kannel.send import NAME, send
from modemgw.dialects.seam import Authenticate, Dialect, Route, Steps, WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal

_HEADERS = {"Server": "Kannel/1.4.5", "Pragma": "no-cache", "Cache-Control": "no-cache"}

_POSTED = ("text/plain", "application/octet-stream", "text/xml")


def _answer(answer: tuple[int, str], reason: str = "") -> WireResponse:
    status, body = answer
    return WireResponse(body.encode(), status, "text/html", _HEADERS, reason)


def _fields(request: WireRequest) -> Fields:
    if request.method == "GET":
        return of_query(request.raw_query)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not request.body and not kind:
        return Fields({}, None, post=True)
    if kind not in _POSTED:
        raise Rejected(tables.CONTENT_TYPE)
    return of_xml(request.body) if kind == "text/xml" else of_headers(request.headers, request.body)


def sendsms(request: WireRequest) -> Steps:
    """One request, one answer in Kannel's words."""
    if request.method not in {"GET", "POST"}:
        return _answer((400, ""))
    try:
        fields = _fields(request)
        account: Account = yield Authenticate(
            login=fields.text("username"), password=fields.text("password"), remote=request.remote
        )
        fields.check()
        return _answer((yield from send(fields, account, request.now)), fields.denied_reason())
    except Rejected as rejected:
        return _answer(rejected.answer, rejected.reason)
    except Refusal as refusal:
        return _answer(tables.ERRORS[refusal.kind], str(refusal))


def unknown(request: WireRequest) -> Steps:
    """Whatever else is asked for."""
    return _answer(tables.UNKNOWN_REQUEST)
    yield


DIALECT = Dialect(
    name=NAME,
    title="Kannel",
    callbacks=callbacks.render,
    on_reply=callbacks.on_reply,
    routes=(
        Route(("*",), "/cgi-bin/sendsms", sendsms),
        Route(("*",), "/cgi-bin/*", unknown),
    ),
    refusals=tables.ERRORS,
    states=tables.REPORTS,
)

__all__ = ["DIALECT"]
