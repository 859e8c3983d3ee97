"""The user data header: information elements, known and unknown (TS 23.040 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from modemgw.sms.cursor import Cursor
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.gsm7_tables import LockingShift, SingleShift


class Iei(IntEnum):
    """The information element identifiers that this codec reads; all others are kept and passed on."""

    CONCAT_8BIT = 0x00
    SPECIAL_MESSAGE = 0x01
    PORTS_8BIT = 0x04
    PORTS_16BIT = 0x05
    CONCAT_16BIT = 0x08
    SINGLE_SHIFT = 0x24
    LOCKING_SHIFT = 0x25


class Concat(NamedTuple):
    """Which part of which long message this is (9.2.3.24.1, 9.2.3.24.8)."""

    reference: int
    total: int
    sequence: int
    is_16bit: bool = False


class Ports(NamedTuple):
    """Application port addressing (9.2.3.24.3, 9.2.3.24.4)."""

    destination: int
    originator: int
    is_16bit: bool = True


class SpecialMessage(NamedTuple):
    """A special SMS message indication (9.2.3.24.2): bits 6-0 of octet 1, store flag, messages waiting."""

    kind: int
    store: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class InformationElement:
    """One element as it stands in the header."""

    iei: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Udh:
    """A user data header; without elements there is none. Of repeated elements the last one counts."""

    elements: tuple[InformationElement, ...] = ()

    def _last(self, iei: int, length: int) -> bytes | None:
        for element in reversed(self.elements):
            if element.iei == iei and len(element.data) == length:
                return element.data
        return None

    @property
    def concat(self) -> Concat | None:
        """The concatenation element, of either width; ignored with number 0 or past total (9.2.3.24.1)."""
        for element in reversed(self.elements):
            data = element.data
            if element.iei == Iei.CONCAT_8BIT and len(data) == 3:
                concat = Concat(data[0], data[1], data[2], False)
            elif element.iei == Iei.CONCAT_16BIT and len(data) == 4:
                concat = Concat(data[0] << 8 | data[1], data[2], data[3], True)
            else:
                continue
            return concat if 1 <= concat.sequence <= concat.total else None
        return None

    @property
    def ports(self) -> Ports | None:
        """The application ports, of either width."""
        for element in reversed(self.elements):
            data = element.data
            if element.iei == Iei.PORTS_16BIT and len(data) == 4:
                return Ports(data[0] << 8 | data[1], data[2] << 8 | data[3], True)
            if element.iei == Iei.PORTS_8BIT and len(data) == 2:
                return Ports(data[0], data[1], False)
        return None

    @property
    def locking_shift(self) -> LockingShift:
        """The locking shift table; an unknown or reserved language is ignored (9.2.3.24.16)."""
        data = self._last(Iei.LOCKING_SHIFT, 1)
        return _LOCKING.get(data[0], LockingShift.DEFAULT) if data else LockingShift.DEFAULT

    @property
    def single_shift(self) -> SingleShift:
        """The single shift table; an unknown or reserved language is ignored (9.2.3.24.15)."""
        data = self._last(Iei.SINGLE_SHIFT, 1)
        return _SINGLE.get(data[0], SingleShift.DEFAULT) if data else SingleShift.DEFAULT

    @property
    def special_message_indications(self) -> tuple[SpecialMessage, ...]:
        """All special message indications; this element may be repeated."""
        return tuple(
            SpecialMessage(element.data[0] & 0x7F, bool(element.data[0] & 0x80), element.data[1])
            for element in self.elements
            if element.iei == Iei.SPECIAL_MESSAGE and len(element.data) == 2
        )

    def __bool__(self) -> bool:
        return bool(self.elements)

    @property
    def octets(self) -> int:
        """Octets that the header takes, UDHL included; 0 without elements."""
        return 1 + sum(2 + len(element.data) for element in self.elements) if self.elements else 0

    def encode(self) -> bytes:
        """UDHL and the elements; nothing when there are none. Raises TpduEncodeError past 140 octets."""
        if not self.elements:
            return b""
        if self.octets > 140:
            raise TpduEncodeError("udh", f"a header of {self.octets} octets does not fit in 140")
        try:
            return bytes((self.octets - 1,)) + b"".join(
                bytes((element.iei, len(element.data))) + element.data for element in self.elements
            )
        except ValueError:
            raise TpduEncodeError("udh", "an identifier of an element is not an octet") from None

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> tuple[Udh, int]:
        """The header that starts with its UDHL at `offset`, and the offset after it.

        Raises TpduDecodeError when it runs past the data, or an element past the header.
        """
        cursor = Cursor(data, offset)
        length = cursor.octet("udhl")
        header = Cursor(cursor.take(length, "udh"))
        elements = []
        while header.left:
            start = header.at
            try:
                iei = header.octet("udh")
                elements.append(InformationElement(iei, header.take(header.octet("udh"), "udh")))
            except TpduDecodeError:
                raise TpduDecodeError(
                    "udh", offset + 1 + start, "an information element runs past the header"
                ) from None
        return Udh(tuple(elements)), cursor.at


NO_UDH: Final = Udh()
_LOCKING: Final = {table.value: table for table in LockingShift}
_SINGLE: Final = {table.value: table for table in SingleShift}


def concat_element(reference: int, total: int, sequence: int, bits: int = 8) -> InformationElement:
    """The concatenation element with an 8- or 16-bit reference."""
    if bits == 16:
        return InformationElement(Iei.CONCAT_16BIT, bytes((reference >> 8 & 0xFF, reference & 0xFF, total, sequence)))
    return InformationElement(Iei.CONCAT_8BIT, bytes((reference & 0xFF, total, sequence)))
