"""The commands about calls that come in (TS 27.007 6.5, 7.18). They are refused or left alone, never answered."""

from __future__ import annotations

from modemgw.at.commands import Command
from modemgw.at.errors import AtResponseError
from modemgw.at.responses import fields, value_of

HANG_UP_S = 15.0  # Quectel EC25 says 90 s at worst; by then the caller has given up
CURRENT_CALLS = Command("AT+CLCC", ("+CLCC",))

_TERMINATED_AT_MOBILE = "1"  # <dir>
_RINGS = frozenset({"4", "5"})  # <stat>: incoming, waiting


def hang_up(text: str) -> Command:
    """Refuse the call that rings: `AT+CHUP` (TS 27.007 6.5), `ATH` (V.250 6.3.6), or a maker's own."""
    return Command(text, bare=True, timeout_s=HANG_UP_S)


def read_ringing(text: str) -> bool:
    """`+CLCC: <id>,<dir>,<stat>,<mode>,<mpty>[,…]` (TS 27.007 7.18): this one comes in and is not answered."""
    values = fields(value_of(text))
    if len(values) < 3:
        raise AtResponseError("current call", text)
    return values[1] == _TERMINATED_AT_MOBILE and values[2] in _RINGS
