"""Telephone numbers as people write them, to what goes into TP-DA. Owns spelling, not routing."""

from __future__ import annotations

import re
import unicodedata

from modemgw.domain.refusal import Refusal, RefusalKind

#: Dashes, brackets and dots between digits; blanks of every width are found by their category.
_PUNCTUATION = frozenset("\t-\u2010\u2011\u2012\u2013\u2014\u2015\u2212().")

#: Categories of what nobody sees: marks of direction, joiners, byte order marks, soft hyphens (Cf) and blanks (Zs).
_UNSEEN = frozenset({"Cf", "Zs"})

_TEL = re.compile(r"tel:", re.IGNORECASE)
_PLAIN = re.compile(r"\+?[0-9]+\Z", re.ASCII)

#: Digits of an international number (E.164), and of what is still taken for a short code.
E164_MIN, E164_MAX, SHORT_MAX = 5, 15, 6

#: Trunk prefix of national numbers by country code, where it is not "0"; and the length of a national number.
_TRUNK = {"7": ("8", 10), "375": ("80", 9), "380": ("0", 9), "1": ("1", 10)}


def visible(written: str) -> str:
    """A number without what is no part of it: marks that cannot be seen, blanks, `tel:`, punctuation between digits.

    Full-width signs become their ASCII twins. What is left may be anything: `normalise` says whether it is a number.
    """
    if written.isascii() and written.isdigit():
        return written
    text = "".join(_narrow(c) for c in written if unicodedata.category(c) not in _UNSEEN)
    if (scheme := _TEL.match(text)) is not None:
        text = text[scheme.end() :]
    return "".join(c for c in text if c not in _PUNCTUATION)


def _narrow(sign: str) -> str:
    """The ASCII twin of a full-width sign (U+FF01 to U+FF5E); any other as it is."""
    return chr(ord(sign) - 0xFEE0) if "\uff01" <= sign <= "\uff5e" else sign


def normalise(number: str, country: str | None = None) -> str:
    """The number as it goes into TP-DA: "+79161234567", a short code, or bare digits as they were dialled.

    `country` is a calling code such as "7"; with it, national spellings become international. Without it they
    are left to the network as typed. Raises Refusal(BAD_NUMBER).
    """
    text = visible(number)
    if _PLAIN.match(text) is None:
        raise Refusal(
            RefusalKind.BAD_NUMBER,
            f"The recipient {_wrong(number, text)}: give digits, with + and the country code for an international one.",
            field="to",
        )
    if text.startswith(("+", "00")):
        digits = text.lstrip("+") if text.startswith("+") else text[2:]
        if not E164_MIN <= len(digits) <= E164_MAX or digits.startswith("0"):
            raise _length(number, f"an international number has {E164_MIN} to {E164_MAX} digits and no leading zero")
        return "+" + digits
    if len(text) > E164_MAX:
        raise _length(number, f"a number has at most {E164_MAX} digits")
    if len(text) <= SHORT_MAX or country is None:
        return text
    trunk, length = _TRUNK.get(country, ("0", 0))
    if length and len(text) == len(trunk) + length and text.startswith(trunk):
        return f"+{country}{text[len(trunk) :]}"
    if length and len(text) == length:
        return f"+{country}{text}"
    if text.startswith(country) and (not length or len(text) == len(country) + length):
        return "+" + text
    if not length and text.startswith(trunk):
        return f"+{country}{text[len(trunk) :]}"
    return text


def _wrong(number: str, text: str) -> str:
    """What is wrong with it, the first sign that has no place there by its name."""
    if not text:
        return "is empty"
    shown = repr(number if len(number) <= 40 else number[:40] + "…")
    foreign = next((c for c in text.removeprefix("+") if c not in "0123456789"), None)
    if foreign is None or (foreign.isascii() and foreign.isprintable()):
        return f"{shown} is not a telephone number"
    name = unicodedata.name(foreign, "a control character")
    return f"{shown} is not a telephone number, for it has U+{ord(foreign):04X} ({name}) in it"


def _length(number: str, rule: str) -> Refusal:
    return Refusal(RefusalKind.BAD_NUMBER, f"The recipient {number[:40]!r} cannot be right: {rule}.", field="to")
