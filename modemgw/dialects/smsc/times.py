"""Times as SMSC.ru writes and reads them: Moscow time, five forms of `time`, two of `valid`. Pure arithmetic."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from modemgw.domain.refusal import Refusal, RefusalKind

MOSCOW = timezone(timedelta(hours=3))

_DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d\d) (\d\d):(\d\d)|(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_WINDOW = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)
_UNIX = re.compile(r"0(\d{9,10})", re.ASCII)
_PLUS = re.compile(r"\+(\d{1,6})", re.ASCII)
_VALID = re.compile(r"(\d{1,2}):(\d\d)|(\d{1,2})", re.ASCII)


def moscow_time(at_ms: int) -> str:
    """`DD.MM.YYYY hh:mm:ss`, Moscow time."""
    return datetime.fromtimestamp(at_ms // 1000, MOSCOW).strftime("%d.%m.%Y %H:%M:%S")


def send_at(value: str, tz: str, now_ms: int) -> int | None:
    """When to send, Unix ms; None for at once (also what is past). `tz` is in hours relative to Moscow.

    Raises Refusal(BAD_TIME).
    """
    # a plus that was not percent-encoded arrives as a space
    value = "+" + value[1:] if value.startswith(" ") and value.strip().isdigit() else value.strip()
    if value in {"", "0"}:
        return None
    zone = timezone(timedelta(hours=3) + _offset(tz))
    if (match := _DATE.fullmatch(value)) is not None:
        day, month, year, hour, minute = (int(part) for part in match.groups() if part is not None)
        try:
            at = datetime(2000 + year, month, day, hour, minute, tzinfo=zone)
        except ValueError:
            raise Refusal(RefusalKind.BAD_TIME, f"time {value} is no date.") from None
        at_ms = int(at.timestamp()) * 1000
    elif (match := _WINDOW.fullmatch(value)) is not None:
        at_ms = _window(int(match[1]), int(match[2]), now_ms, zone)
    elif (match := _UNIX.fullmatch(value)) is not None:
        at_ms = int(match[1]) * 1000
    elif (match := _PLUS.fullmatch(value)) is not None:
        at_ms = now_ms + int(match[1]) * 60_000
    else:
        raise Refusal(RefusalKind.BAD_TIME, f"time {value[:40]} has none of the known forms.")
    return at_ms if at_ms > now_ms else None


def _offset(tz: str) -> timedelta:
    tz = tz.strip()
    if not tz:
        return timedelta()
    try:
        hours = int(tz)
    except ValueError:
        hours = 99
    if not -15 <= hours <= 15:
        raise Refusal(RefusalKind.BAD_TIME, f"tz {tz[:40]} is no number of hours relative to Moscow.")
    return timedelta(hours=hours)


def _window(first: int, last: int, now_ms: int, zone: timezone) -> int:
    """Now if the hour is within the window, else its next beginning."""
    if first > 24 or last > 24:
        raise Refusal(RefusalKind.BAD_TIME, f"time {first}-{last} is no window of hours.")
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    inside = first <= now.hour < last if first < last else now.hour >= first or now.hour < last
    if inside:
        return now_ms
    begin = now.replace(hour=first % 24, minute=0, second=0, microsecond=0)
    if begin <= now:
        begin += timedelta(days=1)
    return int(begin.timestamp()) * 1000


def validity_s(value: str) -> int | None:
    """Seconds of `valid`: 1 to 24 hours, or hh:mm from 00:01 to 24:00; None for the account's default."""
    value = value.strip()
    if value in {"", "0"}:
        return None
    match = _VALID.fullmatch(value)
    minutes = 0
    if match is not None:
        minutes = int(match[3]) * 60 if match[3] else int(match[1]) * 60 + int(match[2])
    if not 1 <= minutes <= 1440 or (match is not None and match[2] and int(match[2]) > 59):
        raise Refusal(RefusalKind.BAD_PARAMETER, f"valid {value[:40]} is neither 1 to 24 nor hh:mm.")
    return minutes * 60
