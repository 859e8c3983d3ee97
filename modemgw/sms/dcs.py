"""The data coding scheme octet, TP-DCS (TS 23.038 clause 4), all 256 values of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple


class Alphabet(IntEnum):
    """How the user data are coded; the values are those of bits 3 and 2."""

    GSM7 = 0
    DATA8 = 1
    UCS2 = 2


class MessageClass(IntEnum):
    """Class 0 is shown at once and not stored ("flash"), 1 is for the ME, 2 for the SIM, 3 for the TE."""

    CLASS0 = 0
    CLASS1 = 1
    CLASS2 = 2
    CLASS3 = 3


class IndicationType(IntEnum):
    """What kind of message waits in another system."""

    VOICEMAIL = 0
    FAX = 1
    EMAIL = 2
    OTHER = 3


class MessageWaiting(NamedTuple):
    """A message waiting indication: switch the icon of `indication` on or off, and keep the text or not."""

    indication: IndicationType
    active: bool
    store: bool


@dataclass(frozen=True, slots=True)
class Dcs:
    """A TP-DCS octet and what it means; reserved values mean the GSM 7-bit default alphabet (clause 4)."""

    octet: int
    alphabet: Alphabet = field(init=False, compare=False)
    message_class: MessageClass | None = field(init=False, compare=False)
    compressed: bool = field(init=False, compare=False)
    message_waiting: MessageWaiting | None = field(init=False, compare=False)
    auto_delete: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        octet = self.octet & 0xFF
        alphabet = Alphabet.GSM7
        message_class = None
        compressed = False
        waiting = None
        group = octet >> 4
        if group < 0x8:  # 00xx general, 01xx the same with automatic deletion
            bits = octet >> 2 & 3
            alphabet = Alphabet.GSM7 if bits == 3 else Alphabet(bits)
            compressed = bool(octet & 0x20)
            if octet & 0x10:
                message_class = MessageClass(octet & 3)
        elif group in (0xC, 0xD, 0xE):
            waiting = MessageWaiting(IndicationType(octet & 3), bool(octet & 8), group != 0xC)
            if group == 0xE:
                alphabet = Alphabet.UCS2
        elif group == 0xF:
            alphabet = Alphabet.DATA8 if octet & 4 else Alphabet.GSM7
            message_class = MessageClass(octet & 3)
        put = object.__setattr__
        put(self, "octet", octet)
        put(self, "alphabet", alphabet)
        put(self, "message_class", message_class)
        put(self, "compressed", compressed)
        put(self, "message_waiting", waiting)
        put(self, "auto_delete", group >> 2 == 1)

    @property
    def in_septets(self) -> bool:
        """Whether TP-UDL counts septets: 7-bit text that is not compressed (TS 23.040 9.2.3.16)."""
        return self.alphabet is Alphabet.GSM7 and not self.compressed

    @staticmethod
    def decode(octet: int) -> Dcs:
        """The meaning of an octet, 0 to 255."""
        return _ALL[octet]

    @staticmethod
    def of(alphabet: Alphabet, message_class: MessageClass | None = None) -> Dcs:
        """The octet that a sender writes: general group, not compressed."""
        return _ALL[alphabet << 2 if message_class is None else 0x10 | alphabet << 2 | message_class]


_ALL: Final = tuple(map(Dcs, range(256)))
DEFAULT_DCS: Final = _ALL[0]
