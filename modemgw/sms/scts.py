"""Time stamps of TPDUs: seven octets of swapped decimal digits (TS 23.040 9.2.3.11). Takes no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from modemgw.sms.errors import TpduDecodeError, TpduEncodeError

SCTS_OCTETS = 7


@dataclass(frozen=True, slots=True)
class Scts:
    """A time stamp as it came (`raw`) and the time it tells, if any; a bad one never costs the message."""

    raw: bytes
    time: datetime | None

    @property
    def valid(self) -> bool:
        """Whether the octets are a time."""
        return self.time is not None

    @staticmethod
    def decode(data: bytes) -> Scts:
        """The stamp in exactly seven octets, any octets; raises TpduDecodeError only for another count."""
        if len(data) != SCTS_OCTETS:
            raise TpduDecodeError("scts", 0, f"a time stamp has {SCTS_OCTETS} octets, not {len(data)}")
        return Scts(bytes(data), _time(data))

    @staticmethod
    def encode(time: datetime) -> bytes:
        """The seven octets of an aware time, to the second, in its own zone to the quarter hour.

        Raises TpduEncodeError for a naive time, a year that has no two digits (1990 to 2089) or a zone past
        79 quarter hours.
        """
        offset = time.utcoffset()
        if offset is None:
            raise TpduEncodeError("scts", "a time stamp needs a time with a zone")
        quarters = int(offset / timedelta(minutes=15))  # towards zero; the instant stays the same
        time = time.astimezone(timezone(timedelta(minutes=15 * quarters)))
        if not 1990 <= time.year <= 2089 or abs(quarters) > 79:
            raise TpduEncodeError("scts", f"a time stamp cannot express {time.isoformat()}")
        fields = (time.year % 100, time.month, time.day, time.hour, time.minute, time.second, abs(quarters))
        octets = bytearray(value // 10 | value % 10 << 4 for value in fields)
        if quarters < 0:
            octets[6] |= 0x08
        return bytes(octets)

    @classmethod
    def of(cls, time: datetime) -> Scts:
        """The stamp of an aware time; raises TpduEncodeError as `encode` does."""
        return cls.decode(cls.encode(time))


def _time(data: bytes) -> datetime | None:
    zone = data[6]
    digits = [digit for octet in (*data[:6], zone & 0xF7) for digit in (octet & 0xF, octet >> 4)]
    if max(digits) > 9:
        return None
    year, month, day, hour, minute, second, quarters = (
        tens * 10 + ones for tens, ones in zip(digits[::2], digits[1::2], strict=True)
    )
    offset = timedelta(minutes=15 * (-quarters if zone & 0x08 else quarters))
    try:
        return datetime(year + (2000 if year < 90 else 1900), month, day, hour, minute, second, tzinfo=timezone(offset))
    except ValueError:
        return None
