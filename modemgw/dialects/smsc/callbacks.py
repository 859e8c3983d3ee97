"""How SMSC.ru calls its clients' handlers: form, fmt=2, fmt=3; charset; signatures md5, sha1 and crc32.

The options are written into the handler's own URL, as with the provider: `…/handler.php?fmt=3&md5=secret`.
Owns fields and bytes. When a handler is called, and how often, is service/callbacks.py.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit
from xml.sax.saxutils import escape

from modemgw.dialects.seam import Occurrence
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.details import cost_of
from modemgw.dialects.smsc.kinds import hlr_fields, kind_of
from modemgw.dialects.smsc.times import moscow_time
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView, row_id

_FORM, _XML, _JSON = 0, 2, 3

_CODECS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "koi8-r": "koi8-r",
    "koi8r": "koi8-r",
    "windows-1251": "cp1251",
    "windows1251": "cp1251",
    "cp1251": "cp1251",
}
_LABELS = {"utf-8": "utf-8", "koi8-r": "koi8-r", "cp1251": "windows-1251"}

#: Lower-case hex, as the provider's clients compare it.
SIGNATURES: Mapping[str, Callable[[bytes], str]] = {
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).hexdigest(),
    "crc32": lambda data: f"{zlib.crc32(data):08x}",
}


@dataclass(frozen=True, slots=True)
class Options:
    """What a handler's URL asks for. `secrets`: which signatures, each with its secret in UTF-8 or as written."""

    fmt: int
    codec: str
    secrets: Mapping[str, bytes]

    @staticmethod
    def of(url: str, account_secret: str | None) -> Options:
        """From the query of the URL. The account's `callback_secret` goes before a secret in the URL, and signs in
        every way where the URL asks for none."""
        given: dict[str, bytes] = {}
        for pair in urlsplit(url).query.split("&"):
            name, _, value = pair.partition("=")
            given[name] = unquote_to_bytes(value.replace("+", " "))
        fmt = {b"2": _XML, b"3": _JSON}.get(given.get("fmt", b"").strip(), _FORM)
        codec = _CODECS.get(given.get("charset", b"").decode("ascii", "replace").strip().lower(), "cp1251")
        if fmt != _FORM and codec == "koi8-r":
            codec = "cp1251"  # the provider has no koi8-r there
        own = account_secret.encode() if account_secret else None
        secrets = {name: own or given[name] for name in SIGNATURES if name in given}
        if own and not secrets:
            secrets = dict.fromkeys(SIGNATURES, own)
        return Options(fmt, codec, secrets)


def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
    """One request to the account's handler for each change of status and each incoming message."""
    url = account.callback_url
    if url is None or event.own:
        return ()
    options = Options.of(url, account.callback_secret)
    if event.message is not None:
        return _status(event, event.message, account, url, options)
    if event.inbox is not None:
        return _inbound(event.inbox, url, options)
    return ()


def _status(
    event: Occurrence, view: MessageView, account: Account, url: str, options: Options
) -> Sequence[CallbackRequest]:
    status, error = tables.status_of(view)
    if status == -1 or view.extra.get("deleted"):  # it still waits: nothing has changed for the client
        return ()
    phone = view.to.removeprefix("+")
    ref = view.extra.get("ref") if view.dialect == "smsc" else None
    message_id = str(view.id if ref is None else ref)
    kind = kind_of(view)
    fields: dict[str, str | int] = {
        "id": _number(message_id),
        "phone": phone,
        "status": status,
        "time": moscow_time(event.at),
        "ts": event.at // 1000,
        "err": error,
        "cnt": view.part_count,
        "cost": cost_of(view, account),
        "sender": str(view.extra.get("sender", "")),
        "type": int(kind),
        **hlr_fields(kind),
    }
    return (_request(url, f"message {view.id}", fields, (message_id, phone, str(status)), options),)


def _inbound(view: InboxView, url: str, options: Options) -> Sequence[CallbackRequest]:
    phone = view.sender.removeprefix("+")
    text = view.text if view.text is not None else (view.data or b"").hex()
    to = (view.recipient or "").removeprefix("+")
    sent = view.scts if view.scts is not None else view.received_at
    fields: dict[str, str | int] = {
        "id": view.id,
        "phone": phone,
        "mes": text,
        "to": to,
        "time": moscow_time(view.received_at),
        "ts": view.received_at // 1000,
        "sent": moscow_time(sent),
    }
    return (_request(url, f"inbox {view.id}", fields, (phone, text, to), options),)


def _number(message_id: str) -> int | str:
    """A number where the client's id reads as one."""
    number = row_id(message_id)
    return number if str(number) == message_id and number is not None else message_id


def _request(
    url: str, stream: str, fields: dict[str, str | int], signed: Sequence[str], options: Options
) -> CallbackRequest:
    """The fields in the format that was asked for, signed over the octets that the receiver gets to compare.

    A form's octets are those sent. Parsers of XML and JSON hand out UTF-8, whatever the document was in.
    """
    codec = options.codec if options.fmt == _FORM else "utf-8"
    for name, secret in options.secrets.items():
        parts = [*(_octets(text, codec) for text in signed), secret]
        fields[name] = SIGNATURES[name](b":".join(parts))
    if options.fmt == _JSON:
        # ASCII: right in any charset the receiver takes it for
        body, content_type = json.dumps(fields).encode(), "application/json"
    elif options.fmt == _XML:
        label = _LABELS[options.codec]
        rows = "\n".join(f"<{name}>{_xml(str(value))}</{name}>" for name, value in fields.items())
        text = f'<?xml version="1.0" encoding="{label}"?>\n<callback>\n{rows}\n</callback>'
        body, content_type = text.encode(options.codec, "xmlcharrefreplace"), f"text/xml; charset={label}"
    else:
        pairs = (f"{name}={quote_from_bytes(_octets(str(value), codec), safe='')}" for name, value in fields.items())
        # no charset: frameworks refuse a form that is called anything but UTF-8
        body, content_type = "&".join(pairs).encode(), "application/x-www-form-urlencoded"
    return CallbackRequest(url=url, stream=stream, headers={"Content-Type": content_type}, body=body)


def _octets(text: str, codec: str) -> bytes:
    return text.encode(codec, "replace")


def _xml(text: str) -> str:
    """Escaped, without what XML 1.0 cannot carry."""
    return escape("".join(c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff")))
