"""soap.php: the methods of the provider's web service, and its description (SOAP 1.1 and 1.2, document/literal).

Owns the envelope. What is done is in send.py, status.py and the seam's GetBalance.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from modemgw.dialects.forms import Form, parse_urlencoded
from modemgw.dialects.markup import parse_xml
from modemgw.dialects.seam import GetBalance, LookupNumber, Steps, WireRequest, WireResponse
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.details import details, place
from modemgw.dialects.smsc.entrance import Caller, enter
from modemgw.dialects.smsc.send import deliver
from modemgw.dialects.smsc.status import find
from modemgw.dialects.smsc.times import moscow_time
from modemgw.dialects.smsc.wire import ApiError, Params, of_refusal, printable
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Balance, Command, NumberFacts

NAMESPACE = "http://smsc.ru/sys/soap.php"
_SOAP_11, _SOAP_12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"

_AUTH = ("login", "psw", "apikey")
_SEND = ("phones", "mes", "id", "sender", "time")
_STATUS = ("phone", "id", "all")

#: Parameters and the name of the result of each method; those that end in 2 take `query` for all other parameters.
METHODS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "send_sms": (_SEND, "sendresult"),
    "send_sms2": ((*_SEND, "query"), "sendresult"),
    "get_sms_cost": (_SEND, "costresult"),
    "get_sms_cost2": ((*_SEND, "query"), "costresult"),
    "get_status": (_STATUS, "statusresult"),
    "get_status2": ((*_STATUS, "query"), "statusresult"),
    "get_balance": ((), "balanceresult"),
}

RESULTS: Mapping[str, tuple[str, ...]] = {
    "sendresult": ("id", "balance", "cost", "cnt", "error"),
    "costresult": ("cost", "cnt", "error"),
    "statusresult": (
        "status",
        "last_date",
        "err",
        "send_date",
        "phone",
        "cost",
        "sender_id",
        "status_name",
        "message",
        "sms_cnt",
        "operator",
        "region",
        "error",
    ),
    "balanceresult": ("balance", "error"),
}

#: What a method does: its result, without `error`.
Method = Callable[[Params, Caller], Generator[Command, Any, Mapping[str, Any]]]


def _send(params: Params, caller: Caller) -> Generator[Command, Any, Mapping[str, Any]]:
    return (yield from deliver(params, caller)).fields(params)


def _status(params: Params, caller: Caller) -> Generator[Command, Any, Mapping[str, Any]]:
    phone, message_id = params.text("phone").strip(" ,"), params.text("id").strip(" ,")
    if not phone or not message_id:
        raise ApiError(tables.PARAMETERS)
    yield from caller.throttle("status", caller.options.status_per_message, phone, message_id)
    view = yield from find(caller.account, phone, message_id)
    if view is None:
        return {"status": tables.NOT_FOUND}
    code, error = tables.status_of(view)
    found: dict[str, Any] = {"status": code, "last_date": moscow_time(view.updated_at), "err": error}
    if params.flag("all"):
        found |= details(view) | {"sms_cnt": view.part_count}
    if params.flag("all") > 1:
        facts: NumberFacts | None = yield LookupNumber(view.to)
        found |= place(facts)
    return found


def _balance(params: Params, caller: Caller) -> Generator[Command, Any, Mapping[str, Any]]:
    yield from caller.throttle("balance", caller.options.balance_requests)
    money: Balance = yield GetBalance(caller.account)
    return {"balance": money.amount}


_DO: Mapping[str, tuple[Method, str]] = {
    "send": (_send, "3"),
    "cost": (_send, "1"),
    "status": (_status, ""),
    "balance": (_balance, ""),
}


def soap(request: WireRequest) -> Steps:
    """The description for GET, a method for POST; a request that is no envelope gets a fault."""
    if request.method != "POST":
        return WireResponse(wsdl(_own_address(request)).encode(), content_type="text/xml; charset=utf-8")
    root = parse_xml(request.body)
    try:
        if root is None:
            raise ValueError("no document")
        body = next(child for child in root if _local(child) == "Body")
        call = next(iter(body))
        parameters, result_name = METHODS[_local(call)]
    except (ValueError, StopIteration, KeyError):
        return _fault(_SOAP_12 if _SOAP_12.encode() in request.body else _SOAP_11)
    version = _SOAP_12 if root.tag.startswith(f"{{{_SOAP_12}}}") else _SOAP_11
    fields = {_local(item): (item.text or "").encode() for item in call if _local(item) in {*_AUTH, *parameters}}
    fields = dict(parse_urlencoded(fields.pop("query", b""))) | fields | {"charset": b"utf-8", "fmt": b"3"}
    method, mode = _DO[result_name.removesuffix("result")]
    fields = {name: value for name, value in fields.items() if name != "cost"} | (
        {"cost": mode.encode()} if mode else {}
    )
    params = Params(Form(fields))
    try:
        caller = yield from enter(params, request)
        result = dict((yield from method(params, caller))) | {"error": 0}
    except ApiError as error:
        result = {"error": error.code} | ({"id": error.id} if error.id is not None else {})
    except Refusal as refusal:
        result = {"error": of_refusal(refusal).code}
    rows = "".join(f"<{name}>{escape(printable(str(result.get(name, ''))))}</{name}>" for name in RESULTS[result_name])
    name = f"{_local(call)}Response"
    inner = f"<{name} xmlns={quoteattr(NAMESPACE)}><{result_name}>{rows}</{result_name}></{name}>"
    return _envelope(version, inner)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _envelope(version: str, inner: str, status: int = 200) -> WireResponse:
    kind = "application/soap+xml" if version == _SOAP_12 else "text/xml"
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<soap:Envelope xmlns:soap={quoteattr(version)}><soap:Body>{inner}</soap:Body></soap:Envelope>"
    )
    return WireResponse(text.encode(), status, content_type=f"{kind}; charset=utf-8")


def _fault(version: str) -> WireResponse:
    words = "This is not a call of a method of this service."
    if version == _SOAP_12:
        inner = (
            "<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code>"
            f'<soap:Reason><soap:Text xml:lang="en">{words}</soap:Text></soap:Reason></soap:Fault>'
        )
    else:
        inner = f"<soap:Fault><faultcode>soap:Client</faultcode><faultstring>{words}</faultstring></soap:Fault>"
    return _envelope(version, inner, 400)


def _own_address(request: WireRequest) -> str:
    scheme = request.headers.get("x-forwarded-proto", request.scheme).split(",")[0].strip()
    return f"{scheme}://{request.headers.get('host', 'localhost')}{request.path}"


def wsdl(address: str) -> str:
    """The description of the service at an address."""
    strings = '<s:element minOccurs="0" name="{}" type="s:string"/>'

    def sequence(names: tuple[str, ...]) -> str:
        return f"<s:complexType><s:sequence>{''.join(map(strings.format, names))}</s:sequence></s:complexType>"

    types, messages, operations, bindings = "", "", "", ""
    for result, names in RESULTS.items():
        types += sequence(names).replace("<s:complexType>", f'<s:complexType name="{result}">', 1)
    for method, (parameters, result) in METHODS.items():
        types += f'<s:element name="{method}">{sequence((*_AUTH, *parameters))}</s:element>'
        types += (
            f'<s:element name="{method}Response"><s:complexType><s:sequence>'
            f'<s:element name="{result}" type="tns:{result}"/></s:sequence></s:complexType></s:element>'
        )
        for way, element in (("In", method), ("Out", f"{method}Response")):
            messages += f'<message name="{method}{way}"><part name="parameters" element="tns:{element}"/></message>'
        operations += (
            f'<operation name="{method}">'
            f'<input message="tns:{method}In"/><output message="tns:{method}Out"/></operation>'
        )
        bindings += (
            f'<operation name="{method}"><soap:operation soapAction="" style="document"/>'
            '<input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<definitions name="smsc" targetNamespace="{NAMESPACE}" xmlns="http://schemas.xmlsoap.org/wsdl/"'
        f' xmlns:tns="{NAMESPACE}" xmlns:s="http://www.w3.org/2001/XMLSchema"'
        ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/">\n'
        f'<types><s:schema targetNamespace="{NAMESPACE}" elementFormDefault="qualified">{types}</s:schema></types>\n'
        f'{messages}\n<portType name="smscPort">{operations}</portType>\n'
        '<binding name="smscBinding" type="tns:smscPort">'
        f'<soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>{bindings}</binding>\n'
        '<service name="smsc"><port name="smscPort" binding="tns:smscBinding">'
        f"<soap:address location={quoteattr(address)}/></port></service>\n</definitions>\n"
    )
