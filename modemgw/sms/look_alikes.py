"""Signs that look like one of the GSM 7-bit alphabet and are none: what word processors and telephones put into texts.

One of them makes a text of 160 letters a UCS-2 text of three parts. Pure data and their use; nobody's text is changed
unless he asked for it.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from modemgw.sms.errors import TpduEncodeError
from modemgw.sms.gsm7 import encode_gsm7

#: Each sign, or signs, with those that are written as it.
_TWINS: Final = {
    " ": "\t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000",
    "\n": "\u0085\u2028\u2029\v\f",
    '"': "«»“”„‟″ʺˮ〝〞❝❞",
    "'": "‘’‚‛′`´ʹʻʼʽˈˊˋ❛❜",
    "-": "‐‑‒–—―−﹘﹣⁃",
    "...": "…",
    "..": "‥",
    ".": "․",
    "!!": "‼",
    "?!": "⁈",
    "!?": "⁉",
    "??": "⁇",
    "/": "⁄∕÷⧸",
    "\\": "⧹⧵∖",
    "|": "∣ǀ⎸⎹",
    "~": "∼˜",
    "*": "∗⁎✱•",
    "<": "‹❮˂",
    ">": "›❯˃",
    ":": "ː˸∶",
    ",": "‚¸",
    "^": "ˆ",
    "1/4": "¼",
    "1/2": "½",
    "3/4": "¾",
}

#: Marks that are not seen at all: joiners, marks of direction, byte order marks, soft hyphens.
_UNSEEN: Final = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff"
)

_TABLE: Final = str.maketrans(
    {twin: sign for sign, twins in reversed(_TWINS.items()) for twin in twins}
    | {chr(wide): chr(wide - 0xFEE0) for wide in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(_UNSEEN, "")
)


def without_look_alikes(text: str) -> str:
    """The text composed (NFC), and with plain signs in the place of their look-alikes if then all of it fits the GSM
    7-bit alphabet; if it does not, they cost nothing and stay."""
    composed = unicodedata.normalize("NFC", text)
    if _fits(composed):
        return composed
    plain = composed.translate(_TABLE)
    return plain if _fits(plain) else composed


def _fits(text: str) -> bool:
    try:
        encode_gsm7(text)
    except TpduEncodeError:
        return False
    return True
