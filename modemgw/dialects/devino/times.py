"""Times as Devino writes and reads them: ISO in UTC, `/Date(ms)/` of ASP.NET. Pure arithmetic."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_TIME = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[T\s]+(\d\d?):(\d\d?)(?::(\d\d?)(?:[.,]\d+)?)?)?\s*(Z|[+-]\d\d:?\d\d)?",
    re.ASCII | re.IGNORECASE,
)
_DOTTED = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4})(?:[T\s]+(\d\d?):(\d\d?)(?::(\d\d?))?)?", re.ASCII)
_PACKED = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T?(\d\d)(\d\d)(\d\d)?)?", re.ASCII)

#: DateTime.MinValue: "none".
NEVER = "/Date(-62135596800000)/"

DAY_MS = 86_400_000


def read_time(value: str) -> int | None:
    """Unix ms of a time in UTC, where it names no offset itself; None for what is no time.

    `2011-01-28T16:00:00`, with a space for the T, without seconds, as a bare date, and as .NET reads Russian ones.
    """
    value, offset = value.strip(), UTC
    if (match := _TIME.fullmatch(value)) is not None:
        zone = match[7]
        if zone and zone.upper() != "Z":
            minutes = int(zone[1:3]) * 60 + int(zone[-2:])
            if minutes >= 24 * 60:
                return None
            offset = timezone(timedelta(minutes=-minutes if zone[0] == "-" else minutes))
        year, month, day, *clock = match.groups()[:6]
    elif (match := _DOTTED.fullmatch(value)) is not None:
        day, month, year, *clock = match.groups()
    elif (match := _PACKED.fullmatch(value)) is not None:
        year, month, day, *clock = match.groups()
    else:
        return None
    try:
        hour, minute, second = (int(part or 0) for part in clock)
        at = datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=offset)
        return int(at.timestamp()) * 1000
    except (ValueError, OverflowError):
        return None


def asp_date(at_ms: int | None) -> str | None:
    """As ASP.NET writes it; the backslashes are the JSON's (wire.py)."""
    return None if at_ms is None else f"/Date({at_ms})/"


def iso(at_ms: int, gap: str = "T") -> str:
    """`2008-06-02T13:31:24`, UTC."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime(f"%Y-%m-%d{gap}%H:%M:%S")
