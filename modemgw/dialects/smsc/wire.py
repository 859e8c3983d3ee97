"""How SMSC.ru reads a request and writes an answer: parameters, charsets, the four formats, the error envelope.

Owns bytes and layout. What the commands mean is in the modules named after them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, ItemsView, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

from modemgw.dialects.forms import Form, FormError, parse_form, parse_urlencoded
from modemgw.dialects.seam import Authenticate, Handler, Steps, WireRequest, WireResponse
from modemgw.dialects.smsc import tables
from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command

TEXT, CSV, XML, JSON = range(4)

_CHARSETS = {
    "windows-1251": "windows-1251",
    "windows1251": "windows-1251",
    "cp1251": "windows-1251",
    "1251": "windows-1251",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "koi8-r": "koi8-r",
    "koi8r": "koi8-r",
}
_CODECS = {"windows-1251": "cp1251", "utf-8": "utf-8", "koi8-r": "koi8-r"}


class Params:
    """The parameters of one request, decoded on demand."""

    def __init__(self, form: Form, *, rest: bool = False) -> None:
        self._fields = form.fields
        asked = form.fields.get("charset", b"").decode("ascii", "replace").strip().lower()
        self._charset = "utf-8" if form.json else _CHARSETS.get(asked, "windows-1251")
        #: The charset of answers that need one.
        self.charset = _CHARSETS.get(asked, "utf-8" if rest else "windows-1251")
        self.rest = rest
        fmt = form.fields.get("fmt", b"").decode("ascii", "replace").strip()
        self.fmt = JSON if rest else int(fmt) if fmt in {"0", "1", "2", "3"} else TEXT

    def raw(self, name: str) -> bytes:
        """A value as octets; empty where it is absent."""
        return self._fields.get(name, b"")

    def has(self, name: str) -> bool:
        """It was given, be it empty."""
        return name in self._fields

    def items(self) -> ItemsView[str, bytes]:
        """All names with their octets."""
        return self._fields.items()

    def text(self, name: str) -> str:
        """A value as text; empty where it is absent.

        Whatever the client calls windows-1251, or calls nothing, is UTF-8 if it reads as UTF-8: official libraries
        send that by mistake, and Cyrillic in windows-1251 practically never does.
        """
        raw = self.raw(name)
        if self._charset == "koi8-r":
            return raw.decode("koi8-r")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("cp1251", "replace")

    def encode(self, text: str) -> bytes:
        """A text as `text` would read it back."""
        return text.encode("koi8-r" if self._charset == "koi8-r" else "utf-8", "replace")

    def flag(self, name: str) -> int:
        """A small number; 0 where it is absent or is none, 1 for true."""
        value = self.raw(name).strip().lower()
        return int(value) if value.isdigit() and len(value) < 4 else int(value == b"true")

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number in its bounds; the default where it is absent or empty. Raises ApiError 1."""
        value = self.raw(name).strip()
        if not value:
            return default
        if not value.isdigit() or len(value) > 18 or not least <= int(value) <= most:
            raise ApiError(tables.PARAMETERS, reason=f"{name} is a number from {least} to {most}.")
        return int(value)


@dataclass(frozen=True, slots=True)
class ApiError(Exception):
    """An answer of the error envelope. `reason` is for whoever reads the headers."""

    code: int
    id: int | str | None = None
    description: str | None = None
    reason: str | None = None


def of_refusal(refusal: Refusal, message_id: int | str | None = None) -> ApiError:
    """The provider's error for a refusal."""
    code = tables.ERRORS[refusal.kind]
    with_id = message_id if code in tables.WITH_ID else None
    return ApiError(code, with_id, tables.TRUER.get(refusal.kind), str(refusal))


def endpoint(serve: Callable[[Params, WireRequest], Steps], *, rest: bool = False) -> Handler:
    """A handler that parses parameters for `serve` and turns what it raises into the error envelope."""

    def handle(request: WireRequest) -> Steps:
        try:
            params = Params(parse_form(request), rest=rest)
        except FormError as error:
            query = Form(dict(parse_urlencoded(request.raw_query)))
            return error_answer(Params(query, rest=rest), ApiError(tables.PARAMETERS, reason=str(error)))
        try:
            return (yield from serve(params, request))
        except ApiError as error:
            return error_answer(params, error)
        except Refusal as refusal:
            return error_answer(params, of_refusal(refusal))

    return handle


def authenticate(params: Params, request: WireRequest) -> Generator[Command, Any, Account]:
    """The account by login and psw (plain or MD5), or by apikey alone."""
    login, password, api_key = params.text("login"), params.text("psw"), params.text("apikey")
    if login and password:
        command = Authenticate(login=login, password=password, md5=True, remote=request.remote)
    elif api_key:
        command = Authenticate(api_key=api_key, remote=request.remote)
    else:
        raise Refusal(RefusalKind.UNAUTHORISED, "Give login and psw, or apikey.")
    account: Account = yield command
    return account


def error_answer(params: Params, error: ApiError) -> WireResponse:
    """The error envelope; status 200 as the live service has it, the reason in a header."""
    description = error.description or tables.DESCRIPTIONS[error.code]
    code, message_id = error.code, error.id
    if params.fmt == JSON:
        body: dict[str, Any] = {"error": description, "error_code": code}
        if message_id is not None:
            body["id"] = message_id
        answer = answer_json(params, body)
    elif params.fmt == CSV:
        answer = answer_text(params, f"{message_id if message_id is not None else 0},-{code}")
    elif params.fmt == XML:
        fields = {"error": description, "error_code": code}
        if message_id is not None:
            fields["id"] = message_id
        answer = answer_xml(params, fields)
    else:
        tail = f", ID - {message_id}" if message_id is not None else ""
        answer = answer_text(params, f"ERROR = {code} ({description}){tail}")
    return replace(answer, reason=error.reason or "")


def answer_done(params: Params) -> WireResponse:
    """It was done, and there is nothing more to say."""
    if params.fmt == JSON:
        return answer_json(params, {"result": "OK"})
    return answer_xml(params, "OK") if params.fmt == XML else answer_text(params, "OK")


def answer_id(params: Params, record_id: int, **more: int) -> WireResponse:
    """What was made: `ID = 5` in fmt 0."""
    fields = {"id": record_id, **more}
    if params.fmt == JSON:
        return answer_json(params, fields)
    if params.fmt == XML:
        return answer_xml(params, fields)
    if params.fmt == CSV:
        return answer_text(params, ",".join(str(value) for value in fields.values()))
    return answer_text(params, ", ".join(f"{name.upper()} = {value}" for name, value in fields.items()))


def answer_item(params: Params, item: Mapping[str, Any], *, root: str = "result") -> WireResponse:
    """One object: a line of `name = value` in fmt 0, of values in fmt 1."""
    if params.fmt == JSON:
        return answer_json(params, item)
    if params.fmt == XML:
        return answer_xml(params, item, root=root)
    return answer_text(params, _row(params, item))


def answer_list(params: Params, items: Sequence[Mapping[str, Any]], *, item: str) -> WireResponse:
    """Many objects: a line each in fmt 0 and 1, a `<list>` of `<item>` in fmt 2, an array in fmt 3."""
    if params.fmt == JSON:
        return answer_json(params, items)
    if params.fmt == XML:
        return answer_xml(params, items, root="list", item=item)
    if not items:
        # an empty body would send the official libraries to the next host
        return error_answer(params, ApiError(tables.NO_RECORDS, description=tables.NO_RECORDS_TEXT))
    return answer_text(params, "\n".join(_row(params, row) for row in items))


def _row(params: Params, item: Mapping[str, Any]) -> str:
    if params.fmt == CSV:
        return ",".join(_one_line(value) for value in item.values())
    return ", ".join(f"{name} = {_one_line(value)}" for name, value in item.items())


def _one_line(value: Any) -> str:
    return " ".join(str(value).splitlines())


def answer_text(params: Params, text: str) -> WireResponse:
    """fmt 0 and 1."""
    charset = params.charset
    return WireResponse(text.encode(_CODECS[charset], "replace"), content_type=f"text/plain; charset={charset}")


def answer_json(params: Params, value: Any) -> WireResponse:
    """fmt 3, in the live service's own layout.

    A pure ASCII body of /sys is always labelled windows-1251, as recorded; any other has its true label.
    """
    text = layout(value)
    label = params.charset
    if label != "windows-1251" and not params.rest and text.isascii():
        label = "windows-1251"
    codec = _CODECS[label]
    try:
        body = text.encode(codec)
    except UnicodeEncodeError:
        body = "".join(_escaped(char, codec) for char in text).encode(codec)
    return WireResponse(body, content_type=f"application/json; charset={label}")


def _escaped(char: str, codec: str) -> str:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return json.dumps(char)[1:-1]
    return char


def layout(value: Any) -> str:
    """One key a line, `"key": value`, no indentation, no newline at the end; a list begins with `[{`."""
    if isinstance(value, Mapping):
        rows = ",\n".join(f"{json.dumps(key)}: {layout(item)}" for key, item in value.items())
        return f"{{\n{rows}\n}}"
    if isinstance(value, list | tuple):
        return "[" + ",\n".join(layout(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def answer_xml(params: Params, value: Any, *, root: str = "result", item: str = "") -> WireResponse:
    """fmt 2: the names of fmt 3 as elements, one a line. A document that is not ASCII names its encoding."""
    return answer_markup(params, "\n".join(_elements(root, value, item or root.removesuffix("s"))))


def answer_markup(params: Params, text: str) -> WireResponse:
    """XML that is markup already."""
    charset = params.charset
    if not text.isascii():
        text = f'<?xml version="1.0" encoding="{charset}"?>\n{text}'
    return WireResponse(text.encode(_CODECS[charset], "xmlcharrefreplace"), content_type=f"text/xml; charset={charset}")


def _elements(name: str, value: Any, item_name: str) -> Sequence[str]:
    if isinstance(value, Mapping):
        rows = [row for key, item in value.items() for row in _elements(key, item, key.removesuffix("s"))]
        return [f"<{name}>", *rows, f"</{name}>"]
    if isinstance(value, list | tuple):
        return [f"<{name}>", *(row for item in value for row in _elements(item_name, item, item_name)), f"</{name}>"]
    return [f"<{name}>{escape(printable(str(value)))}</{name}>"]


def printable(text: str) -> str:
    """Without the control characters XML 1.0 cannot carry."""
    return "".join(char for char in text if char in "\t\n\r" or char >= " ")
