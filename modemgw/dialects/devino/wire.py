"""How Devino reads a request and writes an answer: parameters in any case and from anywhere, compact JSON, errors.

Owns bytes and layout. What the calls mean is in the modules named after them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modemgw.dialects.devino import tables
from modemgw.dialects.forms import FormError, parse_multipart, unescape
from modemgw.dialects.json_body import JsonError, read_json, write_json
from modemgw.dialects.seam import Handler, Steps, WireRequest, WireResponse
from modemgw.domain.refusal import Refusal

#: Pairs of a request; a bulk has a pair for each number.
MAX_PAIRS = 10_000

_INDEX = re.compile(r"\[[^\]]{0,20}\]\Z")
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")
#: What no form encoder leaves as it is: its presence tells that the client encodes little or nothing.
_RAW = re.compile(rb"[^\x21-\x7e]|%(?![0-9A-Fa-f]{2})")
_DATE = re.compile(rb'"/(Date\(-?\d+\))/"')


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter as text. `plus` is the other reading of one that has a plus in it: as written, not as a space."""

    text: str
    plus: str


class Params:
    """The parameters of one request by name in any case; of a repeated one the first counts, the body before the query.

    `v2` tells the version of the path: it shows in the wording of one error.
    """

    def __init__(self, pairs: Sequence[tuple[str, Value]], *, v2: bool = False) -> None:
        self._values: dict[str, list[Value]] = {}
        for name, value in pairs:
            self._values.setdefault(_INDEX.sub("", name.strip()).lower(), []).append(value)
        self.v2 = v2

    @staticmethod
    def of(request: WireRequest) -> Params:
        """From body and query. Raises FormError."""
        pairs = [*_body_pairs(request), *_urlencoded(request.raw_query)]
        if len(pairs) > MAX_PAIRS:
            raise FormError(f"There are more than {MAX_PAIRS} parameters.")
        return Params(pairs, v2=request.path.lower().startswith("/rest/v2/"))

    def value(self, name: str) -> Value:
        """The first that is not empty; an empty one where there is none."""
        found = self._values.get(name.lower(), ())
        return next((value for value in found if value.text.strip()), Value("", ""))

    def text(self, name: str) -> str:
        """A value as text; empty where it is absent."""
        return self.value(name).text

    def all(self, name: str) -> list[str]:
        """Every value of a repeated name, in order."""
        return [value.text for value in self._values.get(name.lower(), ())]

    def needed(self, name: str) -> str:
        """A value that must be there. Raises ApiError 1."""
        text = self.text(name)
        if not text.strip():
            raise self.missing(name)
        return text

    def missing(self, name: str) -> ApiError:
        """Error 1, in the words of .NET: those of version 1 have a line break in them."""
        shown = "MessageID" if name == "messageId" else name[0].upper() + name[1:]
        gap = " " if self.v2 else "\r\n"
        return ApiError(tables.NULL_ARGUMENT, f"{shown} can not be null or empty{gap}Parameter name: {name}")


@dataclass(frozen=True, slots=True)
class ApiError(Exception):
    """An answer `{"Code":…,"Desc":"…"}`."""

    code: int
    description: str


def of_refusal(refusal: Refusal) -> ApiError:
    """The provider's error for a refusal."""
    return ApiError(tables.ERRORS[refusal.kind], tables.LITERALS.get(refusal.kind) or str(refusal))


def endpoint(serve: Callable[[Params, WireRequest], Steps]) -> Handler:
    """A handler that parses parameters for `serve` and words what it raises."""

    def handle(request: WireRequest) -> Steps:
        try:
            return (yield from serve(Params.of(request), request))
        except FormError as error:
            return error_answer(ApiError(tables.BAD_ARGUMENT, f"Invalid argument: {error}"))
        except ApiError as error:
            return error_answer(error)
        except Refusal as refusal:
            return error_answer(of_refusal(refusal))

    return handle


def answer(value: Any, status: int = 200) -> WireResponse:
    """Compact JSON in UTF-8: no space, no `\\u` where none must be, `\\/Date(ms)\\/`. 1C reads it by substrings."""
    return WireResponse(
        _DATE.sub(rb'"\\/\1\\/"', write_json(value)),
        status,
        content_type="application/json; charset=utf-8",
        headers={"Cache-Control": "private"},
    )


def error_answer(error: ApiError) -> WireResponse:
    """The error with its HTTP status."""
    return answer({"Code": error.code, "Desc": error.description}, tables.HTTP[error.code])


# -- reading ----------------------------------------------------------------------------------------------------------


def _body_pairs(request: WireRequest) -> Iterator[tuple[str, Value]]:
    body = request.body
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data" and body:
        fields, _ = parse_multipart(body, content_type)
        for name, raw in fields.items():
            yield name, _plain(_text(raw))
    elif kind.endswith(("/json", "+json")) and body:
        yield from _json_pairs(body)
    else:
        yield from _urlencoded(body)


def _json_pairs(body: bytes) -> Iterator[tuple[str, Value]]:
    try:
        document = read_json(body)
    except JsonError as error:
        raise FormError(str(error)) from error
    if not isinstance(document, dict):
        raise FormError("The body is not a JSON object.")
    for name, value in document.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, list | dict):
                raise FormError(f"{name[:40]} is neither text nor number.")
            if item is not None:
                yield name, _plain(item if isinstance(item, str) else json.dumps(item))


def _plain(text: str) -> Value:
    return Value(text, text)


def _urlencoded(raw: bytes) -> Iterator[tuple[str, Value]]:
    """Pairs of a form, also of one that was put together without encoding it.

    A plus is a space, unless the client shows that it means a plus: by octets that no form encoder leaves as they are
    (the 1C module), or by writing spaces as %20 in the same value (Java). An escape that is none stays as it is.
    """
    raw = raw.strip(b"\r\n")
    bare = _RAW.search(raw) is not None
    for pair in raw.split(b"&", MAX_PAIRS + 1):
        name, equals, value = pair.partition(b"=")
        if not name or not equals:
            continue
        written = _text(_unescape(value, bare=bare))
        literal = bare or b"%20" in value or b"+" not in value
        text = written if literal else _text(_unescape(value.replace(b"+", b" "), bare=False))
        yield _text(unescape(name)), Value(text, written)


def _unescape(raw: bytes, *, bare: bool) -> bytes:
    """Octets of escapes. Where nothing is encoded, `%de` is the beginning of a word rather than half a letter."""
    return _ESCAPES.sub(lambda found: _escape(found[0], bare=bare), raw)


def _escape(raw: bytes, *, bare: bool) -> bytes:
    octets = unescape(raw)
    if bare:
        try:
            octets.decode("utf-8")
        except UnicodeDecodeError:
            return raw
    return octets


def _text(raw: bytes) -> str:
    """UTF-8; what cannot be that is windows-1251."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1251", "replace")
