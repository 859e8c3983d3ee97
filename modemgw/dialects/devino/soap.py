"""WebService.asmx: the operations of the older SOAP 1.1 service, answered in the layout that its clients read by place.

Owns the envelope. Names of the elements inside an answer are ours: no source has them, and clients count elements.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from modemgw.dialects.devino import tables
from modemgw.dialects.devino.ids import ids_of
from modemgw.dialects.devino.older import OperationError, lines_problem, log_in, message_state
from modemgw.dialects.devino.send import sender_line, validity_s
from modemgw.dialects.devino.tables import Operation
from modemgw.dialects.devino.times import iso
from modemgw.dialects.devino.wire import ApiError
from modemgw.dialects.markup import escape, parse_xml
from modemgw.dialects.phones import international
from modemgw.dialects.seam import GetBalance, ListModems, Steps, Submit, WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.domain.message import Submission
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Balance, Command

NAMESPACE = "http://gw1.devinosms.com/WebService.asmx"
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"

#: Parameters of a call by name in lower case, and what follows the result in its answer, as markup.
Fields = Mapping[str, str]
Method = Callable[[Fields, Account, WireRequest], Generator[Command, Any, str]]


def _balance(fields: Fields, account: Account, request: WireRequest) -> Generator[Command, Any, str]:
    money: Balance = yield GetBalance(account)
    return f"<creditBalance>{money.amount}</creditBalance>"


def _send(fields: Fields, account: Account, request: WireRequest) -> Generator[Command, Any, str]:
    try:
        line, sender = yield from sender_line(fields.get("sourceaddress", ""))
    except ApiError:
        raise OperationError(Operation.INVALID_SOURCE_ADDRESS) from None
    try:
        validity = validity_s(fields.get("validityperiod", ""))
    except ApiError:
        raise OperationError(Operation.MESSAGE_REJECTED) from None
    modems: Sequence[ModemView] = yield ListModems()
    problem = lines_problem(modems, line)
    if problem is not None:
        raise OperationError(problem)
    submission = Submission(
        to=international(fields.get("destinationaddress", ""), account.country),
        text=fields.get("messagedata", ""),
        flash=_flag(fields.get("flashmessage", "")),
        report=_flag(fields.get("deliveryreport", "true")),
        line=line,
        validity_s=validity,
        dialect="devino",
        extra={"sender": sender},
    )
    (accepted,) = yield Submit(account, [submission])
    return "<messageIds>" + "".join(f"<string>{part_id}</string>" for part_id in ids_of(accepted)) + "</messageIds>"


def _state(fields: Fields, account: Account, request: WireRequest) -> Generator[Command, Any, str]:
    told = yield from message_state(account, fields.get("messageid", ""))
    return f"<reportDate>{iso(told.at)}</reportDate><messageState>{told.status.value}</messageState>"


def _flag(value: str) -> bool:
    return value.strip().lower() in {"true", "1"}


METHODS: Mapping[str, Method] = {
    "GetCreditBalance": _balance,
    "SendTextMessage": _send,
    "GetMessageState": _state,
    "GetMessageState2": _state,
}


def soap(request: WireRequest) -> Steps:
    """One operation; what is no envelope, or none of the operations, gets a fault."""
    root = parse_xml(request.body)
    body = next((child for child in root if _local(child) == "Body"), None) if root is not None else None
    call = next(iter(body), None) if body is not None else None
    name = _local(call) if call is not None else ""
    method = METHODS.get(name)
    if call is None or method is None:
        return _fault()
    fields = {_local(item).lower(): item.text or "" for item in call}
    more = ""
    try:
        account = yield from log_in(fields.get("smsuser", ""), fields.get("password", ""), request)
        more = yield from method(fields, account, request)
        status = Operation.OK
    except OperationError as error:
        status = error.status
    except Refusal as refusal:
        status = tables.operation_of(refusal)
    return _envelope(
        f'<{name}Response xmlns="{NAMESPACE}"><{name}Result>{status.value}</{name}Result>{more}</{name}Response>'
    )


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _envelope(inner: str, status: int = 200) -> WireResponse:
    """Without a space between the tags: clients count them."""
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<soap:Envelope xmlns:soap="{_ENVELOPE}"><soap:Body>{inner}</soap:Body></soap:Envelope>'
    )
    return WireResponse(text.encode(), status, content_type="text/xml; charset=utf-8")


def _fault() -> WireResponse:
    words = escape(f"This is none of the operations of the service: {', '.join(METHODS)}.")
    return _envelope(
        f"<soap:Fault><faultcode>soap:Client</faultcode><faultstring>{words}</faultstring><detail/></soap:Fault>", 500
    )
