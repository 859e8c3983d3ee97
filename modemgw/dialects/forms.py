"""Fields of a request out of its query and body: urlencoded, multipart/form-data (RFC 7578) or a JSON object.

Owns splitting octets into names and values. Values stay octets: which charset they are in is the dialect's to know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from modemgw.dialects.seam import WireRequest

#: More fields or parts than any provider has parameters; what exceeds it is an attack.
MAX_FIELDS = 1000


#: Escapes that stand side by side, as those of a Cyrillic text do.
_ESCAPES = re.compile(rb"(?:%[0-9A-Fa-f]{2})+")


class FormError(ValueError):
    """The body does not have the form its Content-Type promises."""


@dataclass(frozen=True, slots=True)
class Form:
    """Names and values as octets; of a repeated name the last one counts. `json` tells that the body was JSON."""

    fields: dict[str, bytes]
    files: dict[str, bytes] = field(default_factory=dict)
    json: bool = False


def parse_form(request: WireRequest) -> Form:
    """Query and body merged; the query wins, as clients that re-use a stale body rely on. Raises FormError."""
    fields: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    body = request.body
    is_json = False
    if body:
        if kind == "multipart/form-data":
            fields, files = parse_multipart(body, content_type)
        elif kind.endswith(("/json", "+json")):
            is_json = True
            fields = parse_json(body)
        else:
            fields = dict(parse_urlencoded(body))
    fields.update(parse_urlencoded(request.raw_query))
    if len(fields) + len(files) > MAX_FIELDS:
        raise FormError(f"more than {MAX_FIELDS} fields")
    return Form(fields, files, is_json)


def parse_urlencoded(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Pairs of application/x-www-form-urlencoded; a plus is a space, a bad escape stays as it is."""
    for pair in raw.split(b"&", MAX_FIELDS + 1):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        yield _name(unescape(name.replace(b"+", b" "))), unescape(value.replace(b"+", b" "))


def unescape(raw: bytes) -> bytes:
    """What percent signs stand for; a bad escape stays as it is. What costs `urllib.parse.unquote_to_bytes` seconds
    (a million percent signs) takes milliseconds."""
    return _ESCAPES.sub(lambda run: bytes.fromhex(run[0].replace(b"%", b"").decode()), raw) if b"%" in raw else raw


def parse_json(body: bytes) -> dict[str, bytes]:
    """A JSON object; numbers as their digits, true and false as 1 and 0, null left out, the rest as JSON again."""
    try:
        document = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FormError("the body is not JSON") from error
    if not isinstance(document, dict):
        raise FormError("the body is not a JSON object")
    return {name: _json_value(value) for name, value in document.items() if value is not None}


def _json_value(value: object) -> bytes:
    if isinstance(value, bool):
        return b"1" if value else b"0"
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return value.encode("utf-8", "replace")


_PARAMETER = re.compile(r';\s*([A-Za-z0-9*_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


def _parameters(header: str) -> dict[str, str]:
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        for match in _PARAMETER.finditer(header)
    }


def parse_multipart(body: bytes, content_type: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Fields and files of multipart/form-data. Raises FormError."""
    boundary = _parameters(content_type).get("boundary", "")
    if not 1 <= len(boundary) <= 200:
        raise FormError("multipart without a boundary")
    mark = b"--" + boundary.encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark, MAX_FIELDS + 2)
    if len(pieces) < 2:
        raise FormError("the boundary of the multipart body does not appear in it")
    fields: dict[str, bytes] = {}
    files: dict[str, bytes] = {}
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            break
        head, gap, content = piece.partition(b"\r\n\r\n")
        if not gap:
            raise FormError("a part of the multipart body has no end to its headers")
        disposition = _disposition(head)
        name = disposition.get("name")
        if name is None:
            raise FormError("a part of the multipart body has no name")
        (files if "filename" in disposition or "filename*" in disposition else fields)[name] = content
    else:
        raise FormError("the multipart body is cut off")
    return fields, files


def _disposition(head: bytes) -> dict[str, str]:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return _parameters(_name(value))
    return {}


def _name(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
