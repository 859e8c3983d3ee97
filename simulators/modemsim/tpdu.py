"""The octets of TPDUs as a network handles them:

read a SUBMIT, make a DELIVER or a STATUS-REPORT (TS 23.040 9.2).

Owns no alphabet and no text: user data pass through untouched, as they do in a real service centre.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from modemsim.errors import SimError

INTERNATIONAL = 0x91
UNKNOWN = 0x81
ALPHANUMERIC = 0xD0

_DIGITS = "0123456789*#abc"


class TpduError(SimError):
    """These octets are no TPDU of the kind asked for; a modem answers with CMS 304."""


@dataclass(frozen=True, slots=True)
class Number:
    """An address: digits (or packed septets, when alphanumeric) and the type-of-address octet (9.1.2.5)."""

    digits: str
    toa: int
    octets: bytes  # the value part as it stands in the TPDU
    semi_octets: int

    @property
    def international(self) -> bool:
        return self.toa & 0x70 == 0x10

    @property
    def alphanumeric(self) -> bool:
        return self.toa & 0x70 == 0x50

    def field(self) -> bytes:
        """The address field of a TPDU: length in semi-octets, type, value."""
        return bytes((self.semi_octets, self.toa)) + self.octets

    def __str__(self) -> str:
        return f"+{self.digits}" if self.international else self.digits


def number(text: str) -> Number:
    """An address from `+7900…` (international) or bare digits (type unknown);
    raises `TpduError` for anything else.
    """
    toa = INTERNATIONAL if text.startswith("+") else UNKNOWN
    digits = text.removeprefix("+")
    if not digits or len(digits) > 20 or any(ch not in _DIGITS for ch in digits):
        raise TpduError(f"{text!r} is not a telephone number: use digits, with + when international.")
    return Number(digits, toa, semi_octets(digits), len(digits))


def semi_octets(digits: str) -> bytes:
    """Swapped BCD with a filler 0xF (9.1.2.3)."""
    values = [_DIGITS.index(ch) for ch in digits]
    if len(values) % 2:
        values.append(0xF)
    return bytes(values[i] | values[i + 1] << 4 for i in range(0, len(values), 2))


def digits_of(octets: bytes, count: int) -> str:
    """The digits of `count` semi-octets; fillers are left out."""
    nibbles = [nibble for octet in octets for nibble in (octet & 0xF, octet >> 4)]
    return "".join(_DIGITS[n] for n in nibbles[:count] if n != 0xF)


@dataclass(frozen=True, slots=True)
class Submit:
    """What a service centre reads of an SMS-SUBMIT (9.2.2.2)."""

    raw: bytes
    first_octet: int
    mr: int
    da: Number
    pid: int
    dcs: int
    udl: int
    ud: bytes

    @property
    def wants_report(self) -> bool:
        return bool(self.first_octet & 0x20)

    def with_mr(self, mr: int) -> bytes:
        """The same TPDU with the TP-MR that the modem gave it."""
        return self.raw[:1] + bytes((mr,)) + self.raw[2:]


def septets(dcs: int) -> bool:
    """Whether TP-UDL counts septets: uncompressed GSM 7-bit (TS 23.038 4)."""
    group = dcs >> 4
    if group < 0x8:
        return not dcs & 0x20 and dcs & 0x0C in (0x00, 0x0C)
    if group in (0xC, 0xD):
        return True
    if group == 0xF:
        return not dcs & 0x04
    return group != 0xE


def parse_submit(tpdu: bytes) -> Submit:
    """Read an SMS-SUBMIT to its last octet; raises `TpduError` that names the field at fault."""
    if len(tpdu) < 7:
        raise TpduError("the TPDU is shorter than any SMS-SUBMIT")
    first = tpdu[0]
    if first & 0x03 != 0x01:
        raise TpduError(f"TP-MTI is {first & 3}, an SMS-SUBMIT has 1")
    count = tpdu[2]
    if count == 0 or count > 20:
        raise TpduError(f"TP-DA has {count} semi-octets, 1 to 20 are allowed")
    end = 4 + (count + 1) // 2
    if len(tpdu) < end:
        raise TpduError("the TPDU ends inside TP-DA")
    if len(tpdu) < end + 3:
        raise TpduError("the TPDU ends before TP-UDL")
    toa = tpdu[3]
    if not toa & 0x80:
        raise TpduError(f"the type-of-address octet {toa:#04x} has no extension bit")
    value = tpdu[4:end]
    if toa & 0x70 == 0x50:
        da = Number("", toa, value, count)
    else:
        try:
            da = Number(digits_of(value, count), toa, value, count)
        except IndexError:
            raise TpduError("TP-DA holds something that is no digit") from None
    pid, dcs = tpdu[end], tpdu[end + 1]
    at = end + 2 + {0x00: 0, 0x10: 1, 0x08: 7, 0x18: 7}[first & 0x18]
    if len(tpdu) <= at:
        raise TpduError("the TPDU ends before TP-UDL")
    udl, ud = tpdu[at], tpdu[at + 1 :]
    if septets(dcs):
        if udl > 160:
            raise TpduError(f"TP-UDL is {udl} septets, 160 fit")
        wanted = (udl * 7 + 7) // 8
    else:
        if udl > 140:
            raise TpduError(f"TP-UDL is {udl} octets, 140 fit")
        wanted = udl
    if len(ud) != wanted:
        raise TpduError(f"TP-UDL announces {wanted} octets of user data and {len(ud)} follow")
    if first & 0x40 and (not ud or ud[0] + 1 > len(ud)):
        raise TpduError("the user data header is longer than the user data")
    return Submit(tpdu, first, tpdu[1], da, pid, dcs, udl, ud)


def build_deliver(submit: Submit, oa: Number, scts: bytes, *, more: bool = False) -> bytes:
    """The SMS-DELIVER that the recipient of `submit` gets (9.2.2.1):

    header and user data as they were sent.
    """
    first = 0x00 if more else 0x04
    first |= submit.first_octet & 0xC0  # TP-UDHI, TP-RP
    head = bytes((first,)) + oa.field() + bytes((submit.pid, submit.dcs)) + scts
    return head + bytes((submit.udl,)) + submit.ud


def build_report(mr: int, ra: Number, scts: bytes, discharge: bytes, status: int) -> bytes:
    """An SMS-STATUS-REPORT (9.2.2.3) without optional parameters."""
    return bytes((0x06, mr)) + ra.field() + scts + discharge + bytes((status,))


def timestamp(wall: float, quarters: int = 12) -> bytes:
    """TP-SCTS of a Unix time (9.2.3.11); `quarters` is the zone in quarter hours east of Greenwich."""
    then = time.gmtime(wall + quarters * 900)
    year, month, day, hour, minute, second = then[:6]
    swapped = [((v % 10) << 4) | (v // 10) for v in (year % 100, month, day, hour, minute, second)]
    zone = abs(quarters)
    swapped.append(((zone % 10) << 4) | (zone // 10) | (0x08 if quarters < 0 else 0))
    return bytes(swapped)


def sca_field(address: str) -> bytes:
    """The service centre address that stands before a TPDU on the AT line (TS 27.005 <pdu>):

    length in octets.
    """
    if not address:
        return b"\x00"
    value = number(address)
    return bytes((len(value.octets) + 1, value.toa)) + value.octets


def message_class(dcs: int) -> int | None:
    """0 to 3, or None for a message without class (TS 23.038 4)."""
    group = dcs >> 4
    if (group < 0x8 and dcs & 0x10) or group == 0xF:
        return dcs & 0x03
    return None


def with_scts(tpdu: bytes, scts: bytes) -> bytes:
    """An SMS-DELIVER with other octets in the place of its TP-SCTS."""
    at = 3 + (tpdu[1] + 1) // 2 + 2 if len(tpdu) > 1 else len(tpdu)
    return tpdu[:at] + scts[:7] + tpdu[at + len(scts[:7]) :]


def deliver_dcs(tpdu: bytes) -> int | None:
    """TP-DCS of an SMS-DELIVER, or None when the octets are too short to have one."""
    if len(tpdu) < 2:
        return None
    at = 3 + (tpdu[1] + 1) // 2 + 1
    return tpdu[at] if at < len(tpdu) else None
