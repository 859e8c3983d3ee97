"""The text that a line sends to itself to prove that it hears: its wording, and how it is recognised. Pure.

A canary is a message like any other, journalled and sent by the same rules, of an account that nobody can log in to.
It comes in like any other, too, and its PDU is kept; but it is not shown in the inbox. So that nobody can hide a text
by imitating one, the store looks whether such a token was sent.
"""

from __future__ import annotations

import re

#: No login of the configuration can have a colon.
CANARY_LOGIN = ":canary"

_FORM = re.compile(r"modemgw canary ([0-9a-f]{16})", re.ASCII)


def canary_text(token: str) -> str:
    """The text of the canary with this token of 16 hexadecimal digits."""
    return f"modemgw canary {token}"


def token_of(text: str | None) -> str | None:
    """The token of a text that may be a canary."""
    found = _FORM.fullmatch(text.strip()) if text is not None else None
    return found[1] if found is not None else None
