"""The character tables of TS 23.038: default alphabet, extension, national tables of Annex A. Data only.

Row after row as the standard prints them, septet 0x00 first, 16 to a row. `VOID` marks a position without a
character. The nine Indic tables share one layout (that of ISCII), so only what differs is written down.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

VOID: Final = "\ufffe"
"""A position of a table to which no character is assigned."""


class LockingShift(IntEnum):
    """National language identifiers with a locking shift table (TS 23.038 6.2.1.2.4, A.3)."""

    DEFAULT = 0
    TURKISH = 1
    PORTUGUESE = 3
    BENGALI = 4
    GUJARATI = 5
    HINDI = 6
    KANNADA = 7
    MALAYALAM = 8
    ORIYA = 9
    PUNJABI = 10
    TAMIL = 11
    TELUGU = 12
    URDU = 13


class SingleShift(IntEnum):
    """National language identifiers with a single shift table (TS 23.038 6.2.1.2.4, A.2)."""

    DEFAULT = 0
    TURKISH = 1
    SPANISH = 2
    PORTUGUESE = 3
    BENGALI = 4
    GUJARATI = 5
    HINDI = 6
    KANNADA = 7
    MALAYALAM = 8
    ORIYA = 9
    PUNJABI = 10
    TAMIL = 11
    TELUGU = 12
    URDU = 13


_DEFAULT: Final = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

_TURKISH: Final = (
    "@£$¥€éùıòÇ\nĞğ\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "İABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "çabcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

_PORTUGUESE: Final = (
    "@£$¥êéúíóç\nÔô\rÁá"
    "Δ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ"
    " !\"#º%&'()*+,-./"
    "0123456789:;<=>?"
    "ÍABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÃÕÚÜ§"
    "~abcdefghijklmno"
    "pqrstuvwxyzãõ`üà"
)

_URDU: Final = (
    "\u0627\u0622\u0628\u067b\u0680\u067e\u06a6\u062a\u06c2\u067f\n\u0679\u067d\r\u067a\u067c"
    "\u062b\u062c\u0681\u0684\u0683\u0685\u0686\u0687\u062d\u062e\u062f\x1b\u068c\u0688\u0689\u068a"
    " !\u068f\u068d\u0630\u0631\u0691\u0693)(\u0699\u0632,\u0696.\u0698"
    "0123456789:;\u069a\u0633\u0634?"
    "\u0635\u0636\u0637\u0638\u0639\u0641\u0642\u06a9\u06aa\u06ab\u06af\u06b3\u06b1\u0644\u0645\u0646"
    "\u06ba\u06bb\u06bc\u0648\u06c4\u06d5\u06c1\u06be\u0621\u06cc\u06d0\u06d2\u064d\u0650\u064f\u0657"
    "\u0654abcdefghijklmno"
    "pqrstuvwxyz\u0655\u0651\u0653\u0656\u0670"
)

# Offsets into the script's Unicode block, or the character itself; rows 0x00 to 0x50 of A.3.4 to A.3.12.
_INDIC_ROWS: Final[tuple[int | str, ...]] = (
    *(0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, "\n", 0x0C, 0x0D, "\r", 0x0E, 0x0F),
    *(0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, "\x1b", 0x1B, 0x1C, 0x1D, 0x1E),
    *(" ", "!", 0x1F, 0x20, 0x21, 0x22, 0x23, 0x24, ")", "(", 0x25, 0x26, ",", 0x27, ".", 0x28),
    *("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", ":", ";", 0x29, 0x2A, 0x2B, "?"),
    *(0x2C, 0x2D, 0x2E, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3C, 0x3D),
    *(0x3E, 0x3F, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D),
)


def _indic(block: int, without: str, at_60: int, tail: tuple[int, int, int, int, int]) -> str:
    """The locking shift table of the script at `block`; `without` are the offsets (hex) it leaves void."""
    void = {int(offset, 16) for offset in without.split()}
    rows = (item if isinstance(item, str) else VOID if item in void else chr(block + item) for item in _INDIC_ROWS)
    last = "".join(chr(block + offset) for offset in tail)
    return f"{''.join(rows)}{chr(block + at_60)}abcdefghijklmnopqrstuvwxyz{last}"


LOCKING: Final[dict[LockingShift, str]] = {
    LockingShift.DEFAULT: _DEFAULT,
    LockingShift.TURKISH: _TURKISH,
    LockingShift.PORTUGUESE: _PORTUGUESE,
    LockingShift.BENGALI: _indic(
        0x0980, "0D 0E 11 12 29 31 33 34 35 45 46 49 4A", 0x4E, (0x57, 0x5C, 0x5D, 0x70, 0x71)
    ),
    LockingShift.GUJARATI: _indic(0x0A80, "0E 12 29 31 34 46 4A", 0x50, (0x60, 0x61, 0x62, 0x63, 0x71)),
    LockingShift.HINDI: _indic(0x0900, "", 0x50, (0x72, 0x7B, 0x7C, 0x7E, 0x7F)),
    LockingShift.KANNADA: _indic(0x0C80, "01 0D 11 29 34 45 49", 0x55, (0x56, 0x60, 0x61, 0x62, 0x63)),
    LockingShift.MALAYALAM: _indic(0x0D00, "01 0D 11 29 3C 45 49", 0x57, (0x60, 0x61, 0x62, 0x63, 0x79)),
    LockingShift.ORIYA: _indic(0x0B00, "0D 0E 11 12 29 31 34 45 46 49 4A", 0x56, (0x57, 0x60, 0x61, 0x62, 0x63)),
    LockingShift.PUNJABI: _indic(
        0x0A00,
        "0B 0C 0D 0E 11 12 29 31 34 37 3D 43 44 45 46 49 4A",
        0x51,
        (0x70, 0x71, 0x72, 0x73, 0x74),
    ),
    LockingShift.TAMIL: _indic(
        0x0B80,
        "01 0B 0C 0D 11 16 17 18 1B 1D 20 21 22 25 26 27 2B 2C 2D 3C 3D 43 44 45 49",
        0x50,
        (0x57, 0x70, 0x71, 0x72, 0x79),
    ),
    LockingShift.TELUGU: _indic(0x0C00, "0D 11 29 34 3C 45 49", 0x55, (0x56, 0x60, 0x61, 0x62, 0x63)),
    LockingShift.URDU: _URDU,
}
"""Locking shift tables (A.3), 128 characters each; DEFAULT is the GSM 7-bit default alphabet (6.2.1)."""

# 0x0D is CR2 and 0x1B the escape to a further table: control codes, in no table a character.
_EXTENSION: Final = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
    0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip

_INDIC_EXTENSION: Final = {
    **dict(enumerate("@£$¥¿\"¤%&'\f*+")),
    **dict(enumerate("-/<=>¡^¡_#*", 0x0E)),
    **{code: _EXTENSION[code] for code in (0x28, 0x29, 0x2F, 0x3C, 0x3D, 0x3E, 0x40, 0x65)},
    **dict(enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0x41)),
}


def _indic_extension(block: int, digits: int, danda: bool, letters: str) -> dict[int, str]:
    """The single shift table of the script at `block`: the common part, ten digits, and `letters`.

    The letters (hex offsets) stand, in order, at 0x26, 0x27, 0x2A to 0x2E and from 0x30.
    """
    table = dict(_INDIC_EXTENSION)
    if danda:
        table |= {0x19: "\u0964", 0x1A: "\u0965"}
    table |= {0x1C + digit: chr(block + digits + digit) for digit in range(10)}
    places = (0x26, 0x27, *range(0x2A, 0x2F), *range(0x30, 0x3C))
    offsets = [int(offset, 16) for offset in letters.split()]
    return table | {place: chr(block + offset) for place, offset in zip(places, offsets, strict=False)}


_BENGALI_EXTENSION: Final = {
    **_INDIC_EXTENSION,
    **dict(zip((0x19, 0x1A), "\u09e6\u09e7", strict=True)),
    **dict(enumerate("\u09e8\u09e9\u09ea\u09eb\u09ec\u09ed\u09ee\u09ef\u09df\u09e0\u09e1\u09e2", 0x1C)),
    **dict(enumerate("\u09e3\u09f2\u09f3\u09f4\u09f5", 0x2A)),
    **dict(enumerate("\u09f6\u09f7\u09f8\u09f9\u09fa", 0x30)),
}

_URDU_EXTENSION: Final = {
    **_INDIC_EXTENSION,
    **dict(enumerate("\u0600\u0601", 0x19)),
    **dict(enumerate("\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9\u060c\u060d", 0x1C)),
    **dict(enumerate("\u060e\u060f\u0610\u0611\u0612", 0x2A)),
    **dict(enumerate("\u0613\u0614\u061b\u061f\u0640\u0652\u0658\u066b\u066c\u0672\u0673\u06cd", 0x30)),
    0x3F: "\u06d4",
}

SINGLE: Final[dict[SingleShift, dict[int, str]]] = {
    SingleShift.DEFAULT: _EXTENSION,
    SingleShift.TURKISH: {
        **_EXTENSION,
        0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş",
    },
    SingleShift.SPANISH: {
        **_EXTENSION,
        0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú",
    },
    SingleShift.PORTUGUESE: {
        **_EXTENSION,
        0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á",
        0x12: "Φ", 0x13: "Γ", 0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê",
        0x41: "À", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ",
        0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ", 0x7F: "â",
    },
    SingleShift.BENGALI: _BENGALI_EXTENSION,
    SingleShift.GUJARATI: _indic_extension(0x0A80, 0x66, True, ""),
    SingleShift.HINDI: _indic_extension(
        0x0900, 0x66, True, "51 52 53 54 58 59 5A 5B 5C 5D 5E 5F 60 61 62 63 70 71"
    ),
    SingleShift.KANNADA: _indic_extension(0x0C80, 0x66, True, "5E 71 72"),
    SingleShift.MALAYALAM: _indic_extension(
        0x0D00, 0x66, True, "70 71 72 73 74 75 7A 7B 7C 7D 7E 7F"
    ),
    SingleShift.ORIYA: _indic_extension(0x0B00, 0x66, True, "5C 5D 5F 70 71"),
    SingleShift.PUNJABI: _indic_extension(0x0A00, 0x66, True, "59 5A 5B 5C 5E 75"),
    SingleShift.TAMIL: _indic_extension(0x0B80, 0x66, True, "73 74 75 76 77 78 7A"),
    SingleShift.TELUGU: _indic_extension(0x0C00, 0x66, False, "58 59 78 79 7A 7B 7C 7D 7E 7F"),
    SingleShift.URDU: _URDU_EXTENSION,
}  # fmt: skip
"""Single shift tables (A.2), code after ESC to character; DEFAULT is the extension table of 6.2.1.1."""
