"""Addresses of TPDUs (TS 23.040 9.1.2.5) and of the SMSC (TS 24.011 8.2.5.1, TS 27.005 3.1).

Numbers are taken as they are: making them international is for `service`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from modemgw.sms.cursor import Cursor
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.gsm7 import decode_gsm7, encode_gsm7, pack_septets, unpack_septets

MAX_SEMI_OCTETS: Final = 20
"""The longest Address-Value: ten octets, so twenty digits or eleven septets."""

_DIGITS: Final = "0123456789*#abc"
_FILL: Final = 0xF
_NIBBLE: Final = {digit: value for value, digit in enumerate(_DIGITS)}
_INTERNATIONAL: Final = re.compile(r"\+[0-9]+")
_DIALLED: Final = re.compile(r"[0-9*#]+")


class TypeOfNumber(IntEnum):
    """TON, bits 7-5 of the Type-of-Address octet."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6
    RESERVED = 7


class NumberingPlan(IntEnum):
    """NPI, bits 4-1 of the Type-of-Address octet; reserved values are kept as they came."""

    UNKNOWN = 0
    ISDN = 1
    RESERVED_2 = 2
    DATA = 3
    TELEX = 4
    SC_SPECIFIC_5 = 5
    SC_SPECIFIC_6 = 6
    RESERVED_7 = 7
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10
    RESERVED_11 = 11
    RESERVED_12 = 12
    RESERVED_13 = 13
    RESERVED_14 = 14
    RESERVED_15 = 15


@dataclass(frozen=True, slots=True)
class Address:
    """An address as the standard has it; `digits` is the text itself when `ton` is ALPHANUMERIC."""

    digits: str
    ton: TypeOfNumber = TypeOfNumber.UNKNOWN
    npi: NumberingPlan = NumberingPlan.ISDN

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address a person means by `text`; raises TpduEncodeError when it is none.

        "+" and digits is international; digits, "*" and "#" alone are sent as typed with an unknown type
        (TOA 129: national numbers and short codes); up to eleven septets with a letter in them are a name.
        Separators are not removed: a number with blanks in it is refused rather than taken for a name.
        """
        if _INTERNATIONAL.fullmatch(text):
            address = cls(text[1:], TypeOfNumber.INTERNATIONAL, NumberingPlan.ISDN)
        elif _DIALLED.fullmatch(text):
            address = cls(text, TypeOfNumber.UNKNOWN, NumberingPlan.ISDN)
        elif text[:1] != "+" and any(map(str.isalpha, text)):
            address = cls(text, TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN)
        else:
            raise TpduEncodeError("address", f"{text!a} is neither a number nor a name")
        address.encode()
        return address

    @property
    def toa(self) -> int:
        """The Type-of-Address octet, 145 for an international number."""
        return 0x80 | self.ton << 4 | self.npi

    def __str__(self) -> str:
        return f"+{self.digits}" if self.ton is TypeOfNumber.INTERNATIONAL else self.digits

    def _value(self) -> tuple[int, bytes]:
        """Useful semi-octets and the Address-Value."""
        if self.ton is TypeOfNumber.ALPHANUMERIC:
            try:
                septets = encode_gsm7(self.digits)
            except TpduEncodeError as exc:
                raise TpduEncodeError("address", f"name {self.digits!a}: {exc.reason}") from None
            semi_octets, value = (len(septets) * 7 + 3) // 4, pack_septets(septets)
            limit = "a name has at most 11 septets"
        else:
            try:
                nibbles = [_NIBBLE[digit] for digit in self.digits]
            except KeyError as exc:
                raise TpduEncodeError("address", f"{exc.args[0]!a} is not a digit of a number") from None
            semi_octets = len(nibbles)
            if semi_octets & 1:
                nibbles.append(_FILL)
            value = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
            limit = "a number has at most 20 digits"
        if semi_octets > MAX_SEMI_OCTETS:
            raise TpduEncodeError("address", f"{self.digits!a} is too long: {limit}")
        return semi_octets, value

    def encode(self) -> bytes:
        """Length in semi-octets, Type-of-Address, Address-Value; raises TpduEncodeError."""
        semi_octets, value = self._value()
        return bytes((semi_octets, self.toa)) + value

    @classmethod
    def decode(cls, data: bytes, offset: int = 0, field: str = "address") -> tuple[Address, int]:
        """The address at `offset` and the offset after it; raises TpduDecodeError naming `field`.

        Tolerant of reserved types and plans, fill semi-octets among the digits, a missing extension bit.
        """
        if offset < len(data) and data[offset] > MAX_SEMI_OCTETS:
            raise TpduDecodeError(field, offset, f"length of {data[offset]} semi-octets is over {MAX_SEMI_OCTETS}")
        cursor = Cursor(data, offset)
        return cls.read(cursor, field), cursor.at

    @classmethod
    def read(cls, cursor: Cursor, field: str) -> Address:
        """The address at the cursor, of any length that is there; raises TpduDecodeError naming `field`."""
        semi_octets = cursor.octet(field)
        toa = cursor.octet(field)
        return cls._of(toa, cursor.take((semi_octets + 1) // 2, field), semi_octets)

    @classmethod
    def _of(cls, toa: int, value: bytes, semi_octets: int) -> Address:
        ton, npi = TypeOfNumber(toa >> 4 & 7), NumberingPlan(toa & 0xF)
        if ton is TypeOfNumber.ALPHANUMERIC:
            return cls(decode_gsm7(unpack_septets(value, semi_octets * 4 // 7)), ton, npi)
        nibbles = [nibble for octet in value for nibble in (octet & 0xF, octet >> 4)][:semi_octets]
        return cls("".join(_DIGITS[nibble] for nibble in nibbles if nibble != _FILL), ton, npi)


def encode_sca(address: Address | None) -> bytes:
    """The SMSC prefix of the AT interface: length in octets, TOA, number; None leaves it to the modem."""
    if address is None:
        return b"\0"
    if address.ton is TypeOfNumber.ALPHANUMERIC:
        raise TpduEncodeError("sca", f"a service centre has a number, not the name {address.digits!a}")
    _, value = address._value()
    return bytes((1 + len(value), address.toa)) + value


def decode_sca(data: bytes, offset: int = 0) -> tuple[Address | None, int]:
    """The SMSC prefix at `offset` (None when it is empty) and the offset after it; raises TpduDecodeError."""
    cursor = Cursor(data, offset)
    length = cursor.octet("sca")
    if not length:
        return None, cursor.at
    if length > 1 + MAX_SEMI_OCTETS // 2:
        raise TpduDecodeError("sca", offset, f"length of {length} octets is over {1 + MAX_SEMI_OCTETS // 2}")
    toa = cursor.octet("sca")
    value = cursor.take(length - 1, "sca")
    return Address._of(toa, value, 2 * len(value)), cursor.at
