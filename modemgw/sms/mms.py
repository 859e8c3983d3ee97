"""The notification of an MMS that waits: a WAP push in user data (WAP-230 8.2.4, OMA-TS-MMS-ENC 7.3).

Reads what a person wants to know of it. Fetching the MMS is for others; its address is a secret and is not asked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modemgw.sms.cursor import Cursor
from modemgw.sms.errors import TpduDecodeError

WAP_PUSH_PORT: Final = 2948
"""The destination port of a push (WAP-259)."""

_PUSH: Final = 0x06  # WSP PDU type
_MMS_TOKEN, _MMS_NAME = b"\xbe", b"application/vnd.wap.mms-message"
_NOTIFICATION: Final = 0x82  # M-Notification.ind, of X-Mms-Message-Type
_QUOTE: Final = 0x7F  # before a text whose first character has its high bit set
_LENGTH_FOLLOWS: Final = 0x1F
_TYPE, _TRANSACTION, _FROM, _SUBJECT, _CLASS, _SIZE, _EXPIRY, _LOCATION = (
    0x8C,
    0x98,
    0x89,
    0x96,
    0x8A,
    0x8E,
    0x88,
    0x83,
)
_CLASSES: Final = {0x80: "personal", 0x81: "advertisement", 0x82: "informational", 0x83: "auto"}
_ABSOLUTE, _PRESENT = 0x80, 0x80
# MIBenum of the charsets that occur; anything else is tried as UTF-8.
_CHARSETS: Final = {3: "ascii", 4: "latin-1", 106: "utf-8", 1000: "utf-16-be", 1015: "utf-16"}
_TEXT_LIMIT: Final = 2048  # octets of a text field that are believed


@dataclass(frozen=True, slots=True)
class MmsNotification:
    """What an M-Notification.ind says; None for what it leaves out. `sender` None: the network hides it."""

    location: str  # X-Mms-Content-Location
    sender: str | None = None  # a number, or a mail address
    subject: str | None = None
    message_class: str | None = None
    size: int | None = None  # octets
    expires_at: int | None = None  # Unix seconds
    expires_in_s: int | None = None  # or from its arrival
    transaction: str | None = None


def read_mms_notification(data: bytes) -> MmsNotification | None:
    """The notification in the assembled user data of a push; None for any other push or a cut one. Never raises."""
    try:
        cursor = Cursor(data)
        cursor.octet("transaction id")
        if cursor.octet("PDU type") != _PUSH:
            return None
        length = _uintvar(cursor)
        headers = Cursor(cursor.take(length, "headers"))
        return _notification(Cursor(data, cursor.at)) if _is_mms(headers) else None
    except TpduDecodeError:
        return None


def _is_mms(headers: Cursor) -> bool:
    """The content type, by its token or its name, with parameters or without (WAP-230 8.4.2.24)."""
    first = headers.octet("content type")
    if first <= _LENGTH_FOLLOWS:
        length = _uintvar(headers) if first == _LENGTH_FOLLOWS else first
        headers = Cursor(headers.take(length, "content type"))
        first = headers.octet("content type")
    if first & 0x80:
        return bytes((first,)) == _MMS_TOKEN
    headers.at -= 1
    return _octets(headers).lower() == _MMS_NAME


def _notification(body: Cursor) -> MmsNotification | None:
    """The headers of the body; the first one is the type of the message."""
    if body.octet("header") != _TYPE or body.octet("message type") != _NOTIFICATION:
        return None
    found: dict[int, bytes] = {}
    while body.left:
        code = body.octet("header")
        start = body.at
        _skip(body)
        if code & 0x80:
            found.setdefault(code, body.data[start : body.at])
        else:  # a header by its name: the value behind it
            body.at = start - 1
            _skip(body)
            _skip(body)
    if _LOCATION not in found:
        return None
    return MmsNotification(
        location=_text(found[_LOCATION]).strip(),
        sender=_sender(found.get(_FROM)),
        subject=_encoded(found[_SUBJECT]) if _SUBJECT in found else None,
        message_class=_class(found.get(_CLASS)),
        size=_long_integer(Cursor(found[_SIZE])) if _SIZE in found else None,
        transaction=_text(found[_TRANSACTION]) if _TRANSACTION in found else None,
        **_expiry(found.get(_EXPIRY)),
    )


def _uintvar(cursor: Cursor) -> int:
    """Seven bits an octet, the high bit says that more follow (WAP-230 8.1.2)."""
    value = 0
    for _ in range(5):
        octet = cursor.octet("uintvar")
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            return value
    raise TpduDecodeError("uintvar", cursor.at, "more than five octets")


def _skip(cursor: Cursor) -> None:
    """A value of any header: its first octet tells how long it is (WAP-230 8.4.1.2)."""
    first = cursor.octet("value")
    if first & 0x80:
        return
    if first > _LENGTH_FOLLOWS:
        cursor.at -= 1
        _octets(cursor)
    else:
        cursor.take(_uintvar(cursor) if first == _LENGTH_FOLLOWS else first, "value")


def _octets(cursor: Cursor) -> bytes:
    """Up to the octet 00, which is taken too."""
    end = cursor.data.find(b"\0", cursor.at)
    if end < 0:
        raise TpduDecodeError("text", cursor.at, "a text without its end")
    value = cursor.take(end - cursor.at, "text")
    cursor.at += 1
    return value


def _value(octets: bytes) -> Cursor:
    """What is behind the length of a value."""
    cursor = Cursor(octets)
    if cursor.octet("value") == _LENGTH_FOLLOWS:
        _uintvar(cursor)
    return cursor


def _text(octets: bytes, charset: str = "utf-8") -> str:
    """A text up to its 00, without the quote; never raises for its octets."""
    text = octets[1:] if octets[:1] == bytes((_QUOTE,)) else octets
    whole = text[: _TEXT_LIMIT if not charset.startswith("utf-16") else min(_TEXT_LIMIT, len(text) & ~1)]
    return whole.decode(charset, "replace").partition("\0")[0]


def _encoded(octets: bytes) -> str:
    """An encoded string: a text, or a length, a charset and a text."""
    if not octets or octets[0] > _LENGTH_FOLLOWS:
        return _text(octets)
    cursor = _value(octets)
    first = cursor.octet("charset")
    if first & 0x80:
        charset = first & 0x7F
    else:
        cursor.at -= 1
        charset = _long_integer(cursor)
    return _text(cursor.take(cursor.left, "text"), _CHARSETS.get(charset, "utf-8"))


def _sender(octets: bytes | None) -> str | None:
    """From: a token that says whether there is one, and the address, `/TYPE=PLMN` cut off."""
    if octets is None:
        return None
    cursor = _value(octets)
    if not cursor.left or cursor.octet("from") != _PRESENT:
        return None
    return _encoded(cursor.take(cursor.left, "from")).partition("/TYPE=")[0].strip() or None


def _class(octets: bytes | None) -> str | None:
    if octets is None:
        return None
    return _CLASSES.get(octets[0]) if octets[0] & 0x80 else _text(octets)


def _long_integer(cursor: Cursor) -> int:
    """A length and so many octets, the most significant first; one octet with its high bit set is the number itself."""
    length = cursor.octet("integer")
    if length & 0x80:
        return length & 0x7F
    if length > 8:
        raise TpduDecodeError("integer", cursor.at, f"an integer of {length} octets")
    return int.from_bytes(cursor.take(length, "integer"), "big")


def _expiry(octets: bytes | None) -> dict[str, int]:
    if octets is None:
        return {}
    cursor = _value(octets)
    absolute = cursor.octet("expiry") == _ABSOLUTE
    return {"expires_at" if absolute else "expires_in_s": _long_integer(cursor)}
