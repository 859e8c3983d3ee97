"""WAP push: a service indication as binary XML in a connectionless WSP push (WAP-167, WAP-192, WAP-230, WAP-235).

Owns the octets. They go out as 8-bit data to the port of the WAP push service, in as many parts as they take.
"""

from __future__ import annotations

from modemgw.domain.refusal import Refusal, RefusalKind

#: The user data header without its length: 16-bit ports, to 2948 (WAP push) from 9200 (WAP-259; TS 23.040 9.2.3.24.4).
PORTS = bytes.fromhex("0504 0B84 23F0")

#: Any number will do: the transaction of a push is never answered (WAP-230 8.2.1).
_TRANSACTION = 0xDC
_PUSH_PDU = 0x06
#: application/vnd.wap.sic as a well-known short integer, the only header (WAP-230, table 40).
_HEADERS = b"\xae"

#: WBXML 1.2, public identifier "-//WAPFORUM//DTD SI 1.0//EN", UTF-8, no string table (WAP-167 8.3, WAP-192 5.4).
_DOCUMENT = bytes.fromhex("02 05 6A 00")
_SI, _INDICATION = 0x45, 0xC6  # with content; with attributes and content
_STRING, _END = 0x03, 0x01

#: Beginnings of href that have a token of their own, longest first (WAP-167 8.3.2).
_HREFS = (("https://www.", 0x0F), ("http://www.", 0x0D), ("https://", 0x0E), ("http://", 0x0C), ("", 0x0B))

MAX_URL = 1000


def service_indication(url: str, title: str) -> bytes:
    """The octets behind the user data header. Raises Refusal(BAD_PARAMETER)."""
    if not url or len(url) > MAX_URL or any(char <= " " or char == "\x7f" for char in url):
        raise Refusal(RefusalKind.BAD_PARAMETER, "A push begins with a line that is a URL.", field="mes")
    start, token = next(row for row in _HREFS if url.startswith(row[0]))
    body = bytes((_SI, _INDICATION, token)) + _inline(url[len(start) :]) + bytes((_END,))
    body += _inline(title) if title else b""
    body += bytes((_END, _END))
    return bytes((_TRANSACTION, _PUSH_PDU, len(_HEADERS))) + _HEADERS + _DOCUMENT + body


def _inline(text: str) -> bytes:
    """An inline string: UTF-8 and a zero, which cannot be in it."""
    return bytes((_STRING,)) + text.replace("\0", "").encode("utf-8", "replace") + b"\0"
