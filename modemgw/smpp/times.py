"""The times of SMPP: absolute and relative, in text (7.1.1). Owns the notation; "now" is passed in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

_LENGTH = 16


def parse_time(text: str, now_ms: int, offset_s: int = 0) -> int | None:
    """Unix milliseconds of `YYMMDDhhmmsstnnp`; None for an empty one. Raises ValueError.

    `p` is `+` or `-` with the difference from UTC in quarters of an hour, or `R`: so much from now. Of a time
    without its last four characters, which some clients send, `offset_s` is the difference from UTC.
    """
    text = text.strip()
    if not text:
        return None
    if not text.isascii() or not text[:-1].isdigit() or len(text) not in (10, 12, _LENGTH):
        raise ValueError(f"{text!r} is not YYMMDDhhmmsstnnp")
    if len(text) < _LENGTH and not text.isdigit():
        raise ValueError(f"{text!r} is not YYMMDDhhmmsstnnp")
    numbers = [int(text[at : at + 2]) for at in range(0, min(len(text), 12), 2)]
    years, months, days, hours, minutes = numbers[:5]
    seconds = numbers[5] if len(numbers) > 5 else 0
    mark = text[-1] if len(text) == _LENGTH else ""
    if mark == "R":
        # months and years as people count on fingers: a validity is no calendar
        whole_days = years * 365 + months * 30 + days
        return now_ms + ((whole_days * 24 + hours) * 3600 + minutes * 60 + seconds) * 1000
    if mark and mark not in "+-":
        raise ValueError(f"{text!r} ends neither in + nor in - nor in R")
    offset = timedelta(seconds=offset_s)
    if mark:
        quarters = int(text[13:15])
        if quarters > 48:
            raise ValueError(f"{text!r} is more than 12 hours away from UTC")
        offset = timedelta(minutes=15 * quarters) * (1 if mark == "+" else -1)
    moment = datetime(2000 + years, months, days, hours, minutes, seconds, tzinfo=timezone(offset))
    return int(moment.timestamp() * 1000)


def format_time(at_ms: int) -> str:
    """An absolute time in UTC, as in final_date of query_sm_resp."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%y%m%d%H%M%S}{at_ms % 1000 // 100}00+"


def receipt_date(at_ms: int, offset_s: int = 0) -> str:
    """`YYMMDDhhmm`, as in the text of a receipt."""
    moment = datetime.fromtimestamp(at_ms / 1000, timezone(timedelta(seconds=offset_s)))
    return f"{moment:%y%m%d%H%M}"
