"""Times as SMSC.ru writes and reads them: Moscow time, five forms of `time`, two of `valid`, `period` and `freq`,
days. Pure arithmetic."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from modemgw.domain.refusal import Refusal, RefusalKind

MOSCOW_S = 3 * 3600
MOSCOW = timezone(timedelta(seconds=MOSCOW_S))

_DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d\d) (\d\d):(\d\d)|(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)
_WINDOW = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)
_UNIX = re.compile(r"0(\d{9,10})", re.ASCII)
_PLUS = re.compile(r"\+(\d{1,6})", re.ASCII)
_HOURS = re.compile(r"\d{1,3}(?:[.,]\d{1,3})?", re.ASCII)
_MINUTES = re.compile(r"\d{1,4}", re.ASCII)
_DAY = re.compile(r"(\d\d)\.(\d\d)\.(\d{4})", re.ASCII)
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


def spread(first: int | None, now_ms: int, count: int, period: str, freq: str) -> list[int | None]:
    """When each of `count` messages is sent, the first at `first` (None: at once), all within `period` hours.

    Evenly, or with `freq` in groups of equal size every so many minutes. Raises Refusal(BAD_PARAMETER).
    """
    period, freq = period.strip(), freq.strip()
    if period in {"", "0"}:
        return [first] * count
    hours = Decimal(period.replace(",", ".")) if _HOURS.fullmatch(period) else Decimal(0)
    if not Decimal("0.1") <= hours <= 720:
        raise Refusal(RefusalKind.BAD_PARAMETER, "period is a number of hours from 0.1 to 720.", field="period")
    whole_ms = int(hours * 3_600_000)
    size, step_ms = 1, whole_ms / max(count, 1)
    if freq not in {"", "0"}:
        if not _MINUTES.fullmatch(freq) or not 1 <= int(freq) <= 1440:
            raise Refusal(RefusalKind.BAD_PARAMETER, "freq is a number of minutes from 1 to 1440.", field="freq")
        step_ms = int(freq) * 60_000
        groups = max(1, int(whole_ms // step_ms))
        size = -(-count // groups)
    begin = now_ms if first is None else first
    return [first if at < size else begin + int(at // size * step_ms) for at in range(count)]


def day_start(value: str, field: str) -> int | None:
    """The beginning of a day `dd.mm.yyyy` in Moscow, Unix ms; None where it is empty. Raises Refusal(BAD_TIME)."""
    value = value.strip()
    if not value:
        return None
    match = _DAY.fullmatch(value)
    try:
        if match is None:
            raise ValueError
        at = datetime(int(match[3]), int(match[2]), int(match[1]), tzinfo=MOSCOW)
    except ValueError:
        raise Refusal(RefusalKind.BAD_TIME, f"{field} {value[:40]} is no date dd.mm.yyyy.", field=field) from None
    return int(at.timestamp()) * 1000


def moscow_day(at_ms: int) -> str:
    """`DD.MM.YYYY`, Moscow time."""
    return moscow_time(at_ms)[:10]
