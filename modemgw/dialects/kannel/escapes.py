"""The escapes of Kannel's URLs: `%p`, `%a`, `%d` and the others, filled in as smsbox does. Pure text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes


@dataclass(frozen=True, slots=True)
class Values:
    """What a URL may ask for. `raw` is the text as octets (`%b`), `words` those of `%a`, in UTF-8."""

    sender: str
    receiver: str
    at: int  # Unix ms
    uuid: str
    smsc: str = ""
    service: str = ""
    account: str = ""
    billing: str = ""
    foreign_id: str = ""
    report: int = -1
    dlr_url: str = ""
    meta: str = ""
    udh: bytes = b""
    raw: bytes = b""
    words: tuple[str, ...] = ()
    coding: int = -1
    charset: str = "UTF-8"
    answer: str | None = None  # of the SMSC; the text where it is not given


def quoted(value: str | bytes) -> str:
    """As smsbox encodes it: a space is a plus."""
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return quote_from_bytes(raw, safe="-_.!~*'()").replace("%20", "+")


def international(number: str) -> str:
    """With a plus for the 00 at its beginning."""
    return "+" + number[2:] if number.startswith("00") else number


def fill(url: str, values: Values) -> str:
    """The URL with its escapes filled in. Those that are not known stay as they are, `%%` is a percent sign."""
    fixed = _fixed(values)
    # %s and %S take the next word each, %r what is left
    taken = 1
    out: list[str] = []
    at = 0
    while at < len(url):
        char = url[at]
        if char != "%" or at + 1 == len(url):
            out.append(char)
            at += 1
            continue
        name = url[at + 1]
        at += 2
        if name in {"s", "S"}:
            word = values.words[taken] if taken < len(values.words) else ""
            taken += 1
            # %S is not encoded, by Kannel's own rule: made harmless here, as it comes from whoever has a telephone
            out.append(quoted(word) if name == "s" else quoted(word.replace("*", "~")))
        elif name == "r":
            out.append("+".join(quoted(word) for word in values.words[taken:]))
        elif name in fixed:
            out.append(fixed[name]())
        else:
            out.append("%" + name)
    return "".join(out)


def _fixed(v: Values) -> Mapping[str, Callable[[], str]]:
    """Escapes whose value does not depend on those before them."""
    return {
        "%": lambda: "%",
        "a": lambda: "+".join(quoted(word) for word in v.words),
        "A": lambda: quoted(v.raw if v.answer is None else v.answer),
        "b": lambda: quoted(v.raw),
        "B": lambda: quoted(v.billing),
        "c": lambda: str(v.coding),
        "C": lambda: quoted(v.charset),
        "d": lambda: str(v.report),
        "D": lambda: quoted(v.meta),
        "e": lambda: v.raw.hex().upper(),
        "f": lambda: "",
        "F": lambda: quoted(v.foreign_id),
        "i": lambda: quoted(v.smsc),
        "I": lambda: quoted(v.uuid),
        "k": lambda: quoted(v.words[0]) if v.words else "",
        "m": lambda: "-1",
        "M": lambda: "-1",
        "n": lambda: quoted(v.service),
        "o": lambda: quoted(v.account),
        "O": lambda: "00",
        "p": lambda: quoted(v.sender),
        "P": lambda: quoted(v.receiver),
        "q": lambda: quoted(international(v.sender)),
        "Q": lambda: quoted(international(v.receiver)),
        "R": lambda: quoted(v.dlr_url),
        "t": lambda: datetime.fromtimestamp(v.at // 1000, UTC).strftime("%Y-%m-%d+%H:%M:%S"),
        "T": lambda: str(v.at // 1000),
        "u": lambda: quoted(v.udh),
        "v": lambda: "",
        "V": lambda: "",
    }


#: Every escape there is.
NAMES = frozenset(_fixed(Values("", "", 0, ""))) | {"s", "S", "r"}
