"""The fields of a sendsms request, from a query, from X-Kannel headers or from XML, checked as smsbox does.

Owns spelling and bounds. What becomes of a request is in send.py.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from modemgw.dialects.forms import parse_urlencoded, unescape
from modemgw.dialects.kannel import tables
from modemgw.dialects.markup import parse_xml
from modemgw.domain.numbers import visible

CODING_7BIT, CODING_8BIT, CODING_UCS2 = range(3)

#: Octets of a user data header with its length octet that fit into a message at all (TS 23.040 9.2.3.24).
MAX_UDH = 140

MAX_RECEIVERS = 10_000

_NUMBER = re.compile(rb"\s*([+-]?[0-9]{1,18})")
_RECEIVER = re.compile(r"[0-9+-]{1,40}", re.ASCII)
_ACCOUNT = re.compile(rb"[^\[\]\r\n]{0,64}")
_DLR_URL = re.compile(rb"(?i)https?://.+", re.DOTALL)

#: Numbers with their least and greatest value, in the order in which smsbox looks at them.
_BOUNDS: tuple[tuple[str, str, int, int], ...] = (
    ("dlr-mask", "DLR-Mask", -1, 63),
    ("mclass", "MClass", -1, 3),
    ("pid", "PID", -1, 255),
    ("rpi", "RPI", -1, 2),
    ("alt-dcs", "Alt-DCS", -1, 1),
    ("mwi", "MWI", -1, 7),
    ("coding", "Coding", -1, 2),
    ("compress", "Compress", -1, 1),
    ("validity", "Validity", -1, 10**9),
    ("deferred", "Deferred", -1, 10**9),
    ("priority", "Priority", 0, 3),
)

#: Names of a query that have two spellings: smsbox takes the first that is there.
_ALIASES = {"user": "username", "pass": "password"}


class Rejected(Exception):
    """smsbox says no: `answer` is status and body, `reason` a sentence for people where there is more to say."""

    def __init__(self, answer: tuple[int, str], reason: str = "") -> None:
        super().__init__(answer[1])
        self.answer = answer
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Fields:
    """A request as octets by the names of the query. `receivers` is None where there was no `to`."""

    values: Mapping[str, bytes]
    receivers: list[str] | None
    post: bool = False

    def text(self, name: str) -> str:
        """A value as text; empty where it is absent."""
        return self.values.get(name, b"").decode("utf-8", "replace")

    def number(self, name: str) -> int:
        """A value as a number; -1 where there is none, or none that reads as one."""
        match = _NUMBER.match(self.values.get(name, b""))
        return int(match[1]) if match else -1

    @property
    def coding(self) -> int:
        """The coding that holds: 8-bit for what has a header and does not say."""
        asked = self.number("coding")
        return asked if asked >= 0 else CODING_8BIT if self.values.get("udh") else CODING_7BIT

    def allowed(self) -> tuple[list[str], list[str]]:
        """The receivers that can be numbers, and those that cannot, each once. Raises Rejected where there is none."""
        good = list(dict.fromkeys(number for written in self.receivers or () if (number := _receiver(written))))
        if not good or len(good) > MAX_RECEIVERS:
            raise Rejected(tables.DENIED, self.denied_reason())
        return good, list(dict.fromkeys(self.denied()))

    def denied(self) -> list[str]:
        """The receivers that can be none."""
        return [written for written in self.receivers or () if not _receiver(written)]

    def denied_reason(self) -> str:
        """A sentence that names them; empty where there are none."""
        names = ", ".join(repr(written[:40]) for written in self.denied()[:10])
        return f"No telephone numbers, and not sent to: {names}." if names else ""

    def check(self) -> None:
        """Raises Rejected for the first field that is misformed."""
        if self.receivers is None:
            raise Rejected(tables.NO_RECEIVERS if self.post else tables.NO_RECEIVER)
        if self.values.get("to") == b"":
            raise Rejected(tables.EMPTY_RECEIVER)
        if "text" not in self.values and "udh" not in self.values:
            # smsbox would send an empty message; whoever forgot the name of the parameter did not mean that
            raise Rejected(tables.NO_TEXT, "There is no parameter `text`. For an empty message give it empty.")
        udh = self.values.get("udh")
        if udh and (len(udh) != udh[0] + 1):
            raise Rejected(tables.misformed("UDH"))
        if udh and len(udh) > MAX_UDH:
            raise Rejected((400, "UDH field is too long, rejected"))
        self.allowed()
        if not _ACCOUNT.fullmatch(self.values.get("account", b"")):
            raise Rejected((400, "Account field misformed or too long, rejected"))
        url = self.values.get("dlr-url")
        if url and not _DLR_URL.fullmatch(url):
            raise Rejected(tables.misformed("DLR-URL"))
        for name, shown, least, most in _BOUNDS:
            value = self.number(name)
            if not (value == -1 or least <= value <= most):
                raise Rejected(tables.misformed(shown))

    def body_text(self) -> str:
        """The text in its charset: UTF-8, or UTF-16BE with coding 2, unless told. Raises Rejected."""
        raw = self.values.get("text", b"")
        asked = self.text("charset").strip()
        if not asked:
            return raw.decode("utf-16-be" if self.coding == CODING_UCS2 and not self.is_xml else "utf-8", "replace")
        try:
            info = codecs.lookup("utf-16-be" if asked.upper() in {"UTF-16", "UCS-2", "UCS2", "UCS-2BE"} else asked)
            if info.name in {"idna", "punycode"}:  # for names of hosts, and slow
                raise LookupError(asked)
            text = raw.decode(info.name, "replace")
        except (LookupError, ValueError):
            raise Rejected(tables.BODY) from None
        return text

    @property
    def is_xml(self) -> bool:
        """XML is decoded by its parser: the text is UTF-8 whatever the coding."""
        return "xml" in self.values


def _receivers(to: bytes) -> list[str]:
    """Between blanks; a no-break space is one within a number."""
    return [word for word in re.split(r"[ \t\r\n\v\f]+", to.decode("utf-8", "replace")) if word]


def _receiver(written: str) -> str:
    """A receiver as smsbox takes it; empty for what cannot be one."""
    number = visible(written)
    return number if _RECEIVER.fullmatch(number) else ""


def of_query(raw: bytes) -> Fields:
    """From the query of a GET; of a repeated name the first one counts."""
    values: dict[str, bytes] = {}
    for name, value in parse_urlencoded(raw):
        values.setdefault(_ALIASES.get(name, name), value)
    to = values.get("to")
    return Fields(values, None if to is None else _receivers(to))


def of_headers(headers: Mapping[str, str], body: bytes) -> Fields:
    """From the X-Kannel headers of a POST, or of the answer to get-url; names of `headers` in lower case."""
    values = {
        name.removeprefix("x-kannel-"): value.strip().encode("utf-8", "surrogateescape")
        for name, value in headers.items()
        if name.startswith("x-kannel-")
    }
    if "udh" in values:
        values["udh"] = _octets(values["udh"])
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", headers.get("content-type", ""), re.IGNORECASE)
    if charset:
        values["charset"] = charset[1].encode()
    if headers.get("content-type", "").lower().startswith("application/octet-stream"):
        values.setdefault("coding", b"1")
    values["text"] = body
    to = values.get("to")
    return Fields(values, None if to is None else _receivers(to), post=True)


#: Where XML has what a query calls so; of two places the later one counts.
_PLACES: tuple[tuple[str, str], ...] = (
    ("username", "from/user"),
    ("username", "from/username"),
    ("password", "from/pass"),
    ("password", "from/password"),
    ("account", "from/account"),
    ("binfo", "from/binfo"),
    ("from", "oa/number"),
    ("smsc", "to"),
    ("smsc", "smsc"),
    ("pid", "pid"),
    ("rpi", "rpi"),
    ("mclass", "dcs/mclass"),
    ("mwi", "dcs/mwi"),
    ("coding", "dcs/coding"),
    ("compress", "dcs/compress"),
    ("alt-dcs", "dcs/alt-dcs"),
    ("dlr-mask", "statusrequest/dlr-mask"),
    ("dlr-url", "statusrequest/dlr-url"),
    ("validity", "vp/delay"),
    ("deferred", "timing/delay"),
    ("priority", "priority"),
    ("meta-data", "meta-data"),
)


def of_xml(body: bytes) -> Fields:
    """From `<message><submit>…`. What is no XML has no fields, hence no credentials either."""
    root = parse_xml(body)
    submit = root.find("submit") if root is not None and root.tag == "message" else None
    if submit is None:
        return Fields({}, None, post=True)
    values: dict[str, bytes] = {"xml": b"1"}
    for name, place in _PLACES:
        found = submit.find(place)
        if found is not None:
            values[name] = _value(found)
    if (origin := submit.find("oa")) is not None and "from" not in values and _value(origin):
        values["from"] = _value(origin)
    for name in ("udh", "ud"):
        found = submit.find(name)
        if found is not None:
            values["text" if name == "ud" else name] = _octets(_value(found))
    receivers = [number for found in submit.findall("da/number") for number in _words(found)]
    return Fields(values, receivers or None, post=True)


def _words(element: Element) -> Iterable[str]:
    text = "".join(element.itertext()).strip()
    return [text] if text else []


def _value(element: Element) -> bytes:
    return "".join(element.itertext()).strip().encode("utf-8", "replace")


def _octets(value: bytes) -> bytes:
    """As smsbox reads them: hex, and what is none is percent-encoded."""
    if len(value) % 2 == 0 and re.fullmatch(rb"[0-9A-Fa-f]*", value):
        return bytes.fromhex(value.decode("ascii"))
    return unescape(value.replace(b"+", b" "))
