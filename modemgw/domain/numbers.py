"""Telephone numbers as people write them, to what goes into TP-DA. Owns spelling, not routing."""

from __future__ import annotations

import re

from modemgw.domain.refusal import Refusal, RefusalKind

_PUNCTUATION = str.maketrans("", "", " \t\u00a0\u2009\u202f-\u2010\u2011\u2012\u2013().")
_PLAIN = re.compile(r"\+?[0-9]+\Z", re.ASCII)

#: Digits of an international number (E.164), and of what is still taken for a short code.
E164_MIN, E164_MAX, SHORT_MAX = 5, 15, 6

#: Trunk prefix of national numbers by country code, where it is not "0"; and the length of a national number.
_TRUNK = {"7": ("8", 10), "375": ("80", 9), "380": ("0", 9), "1": ("1", 10)}


def normalise(number: str, country: str | None = None) -> str:
    """The number as it goes into TP-DA: "+79161234567", a short code, or bare digits as they were dialled.

    `country` is a calling code such as "7"; with it, national spellings become international. Without it they
    are left to the network as typed. Raises Refusal(BAD_NUMBER).
    """
    text = number.translate(_PUNCTUATION)
    if _PLAIN.match(text) is None:
        shown = number if len(number) <= 40 else number[:40] + "…"
        what = "is empty" if not number.strip() else f"{shown!r} is not a telephone number"
        raise Refusal(
            RefusalKind.BAD_NUMBER,
            f"The recipient {what}: give digits, with + and the country code for an international one.",
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


def _length(number: str, rule: str) -> Refusal:
    return Refusal(RefusalKind.BAD_NUMBER, f"The recipient {number[:40]!r} cannot be right: {rule}.", field="to")
