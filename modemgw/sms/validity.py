"""The validity period of a SUBMIT, TP-VP, in its three formats (TS 23.040 9.2.3.12). Takes no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final

from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.scts import SCTS_OCTETS, Scts

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_WEEK: Final = 7 * _DAY


class ValidityFormat(IntEnum):
    """TP-VPF, bits 4 and 3 of the first octet."""

    NONE = 0
    ENHANCED = 1
    RELATIVE = 2
    ABSOLUTE = 3


def relative_validity(seconds: float) -> int:
    """The octet for a period of at least `seconds`: the next longer one there is, at most 63 weeks (255)."""
    if seconds <= 12 * _HOUR:
        return max(0, math.ceil(seconds / (5 * _MINUTE)) - 1)
    if seconds <= _DAY:
        return 143 + math.ceil((seconds - 12 * _HOUR) / (30 * _MINUTE))
    if seconds <= 30 * _DAY:
        return 166 + math.ceil(seconds / _DAY)
    if seconds >= 63 * _WEEK:
        return 255
    return 192 + max(5, math.ceil(seconds / _WEEK))


def relative_seconds(octet: int) -> int:
    """The period that an octet of the relative format stands for (9.2.3.12.1)."""
    if octet <= 143:
        return (octet + 1) * 5 * _MINUTE
    if octet <= 167:
        return 12 * _HOUR + (octet - 143) * 30 * _MINUTE
    if octet <= 196:
        return (octet - 166) * _DAY
    return (octet - 192) * _WEEK


@dataclass(frozen=True, slots=True)
class Relative:
    """A period from the moment the SMSC gets the message; written as the next longer one there is."""

    period: timedelta
    format = ValidityFormat.RELATIVE

    def encode(self) -> bytes:
        return bytes((relative_validity(self.period.total_seconds()),))


@dataclass(frozen=True, slots=True)
class Absolute:
    """A moment, aware, told to the second."""

    time: datetime
    format = ValidityFormat.ABSOLUTE

    def encode(self) -> bytes:
        try:
            return Scts.encode(self.time)
        except TpduEncodeError as exc:
            raise TpduEncodeError("vp", exc.reason) from None


class EnhancedFormat(IntEnum):
    """What the octets of an enhanced validity period hold (9.2.3.12.3)."""

    NONE = 0
    RELATIVE = 1
    SECONDS = 2
    HMS = 3


@dataclass(frozen=True, slots=True)
class Enhanced:
    """The enhanced format: a period in one of its codings, and the wish for a single attempt."""

    coding: EnhancedFormat = EnhancedFormat.NONE
    period: timedelta = timedelta()
    single_shot: bool = False
    format = ValidityFormat.ENHANCED

    def encode(self) -> bytes:
        seconds = math.ceil(self.period.total_seconds())
        match self.coding:
            case EnhancedFormat.NONE:
                value = b""
            case EnhancedFormat.RELATIVE:
                value = bytes((relative_validity(seconds),))
            case EnhancedFormat.SECONDS:
                if not 0 <= seconds <= 255:
                    raise TpduEncodeError("vp", f"a period in seconds is 0 to 255, not {seconds}")
                value = bytes((seconds,))
            case EnhancedFormat.HMS:
                if not 0 <= seconds < 100 * _HOUR:
                    raise TpduEncodeError("vp", f"a period in hours, minutes, seconds cannot be {seconds} s")
                hms = (seconds // _HOUR, seconds // _MINUTE % 60, seconds % 60)
                value = bytes(part // 10 | part % 10 << 4 for part in hms)
        return (bytes((self.single_shot << 6 | self.coding,)) + value).ljust(SCTS_OCTETS, b"\0")


ValidityPeriod = Relative | Absolute | Enhanced


def validity_octets(format_: ValidityFormat) -> int:
    """How many octets TP-VP has in a format."""
    return {ValidityFormat.NONE: 0, ValidityFormat.RELATIVE: 1}.get(format_, SCTS_OCTETS)


def decode_validity(format_: ValidityFormat, data: bytes, octet: int = 0) -> ValidityPeriod | None:
    """The period in the octets of a TP-VP; raises TpduDecodeError (`octet` is where they stand)."""
    if len(data) != validity_octets(format_):
        raise TpduDecodeError("vp", octet, f"needs {validity_octets(format_)} octets, not {len(data)}")
    match format_:
        case ValidityFormat.NONE:
            return None
        case ValidityFormat.RELATIVE:
            return Relative(timedelta(seconds=relative_seconds(data[0])))
        case ValidityFormat.ABSOLUTE:
            time = Scts.decode(data).time
            if time is None:
                raise TpduDecodeError("vp", octet, f"{data.hex()} is not a time")
            return Absolute(time)
        case ValidityFormat.ENHANCED:
            return _enhanced(data, octet)


def _enhanced(data: bytes, octet: int) -> Enhanced:
    indicator = data[0]
    if indicator & 0x80 or indicator & 7 > EnhancedFormat.HMS:
        raise TpduDecodeError("vp", octet, f"functionality indicator {indicator:#04x} is reserved")
    coding = EnhancedFormat(indicator & 7)
    seconds = 0
    match coding:
        case EnhancedFormat.RELATIVE:
            seconds = relative_seconds(data[1])
        case EnhancedFormat.SECONDS:
            seconds = data[1]
        case EnhancedFormat.HMS:
            hours, minutes, rest = ((part & 0xF) * 10 + (part >> 4) for part in data[1:4])
            if any(part & 0xF > 9 or part >> 4 > 9 for part in data[1:4]) or minutes > 59 or rest > 59:
                raise TpduDecodeError("vp", octet + 1, f"{data[1:4].hex()} is not hours, minutes, seconds")
            seconds = hours * _HOUR + minutes * _MINUTE + rest
        case EnhancedFormat.NONE:
            pass
    return Enhanced(coding, timedelta(seconds=seconds), bool(indicator & 0x40))
