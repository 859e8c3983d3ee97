"""GSM 7-bit text: septets to characters and back, and septets into octets (TS 23.038 6.1.2.1, 6.2.1).

The character tables are in `gsm7_tables`; which table a message uses is for the UDH (`udh`) to say.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final, NamedTuple

from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.gsm7_tables import LOCKING, SINGLE, VOID, LockingShift, SingleShift

ESC: Final = 0x1B
"""Septet that takes the next one from the single shift table."""

_ESC: Final = b"\x1b"


class Gsm7Codec(NamedTuple):
    """One pair of tables, made ready for speed."""

    encodable: re.Pattern[str]
    """Matches the longest prefix that the pair can write."""
    to_septets: dict[int, str]
    """For `str.translate`: the septets of a character, as Latin-1 characters."""
    main: list[str]
    """The locking shift table by octet; bit 8 is ignored, void positions are spaces."""
    shifted: list[str]
    """What stands for ESC and this octet; a code without entry shows the main table's character (6.2.1.1)."""
    chars: frozenset[str]


@cache
def codec(locking: LockingShift, single: SingleShift) -> Gsm7Codec:
    """The tables of one pair of national language identifiers."""
    base, extension = LOCKING[locking], SINGLE[single]
    to_septets: dict[int, str] = {}
    for code in sorted(extension, reverse=True):
        to_septets[ord(extension[code])] = chr(ESC) + chr(code)
    for code in range(0x7F, -1, -1):
        if base[code] != VOID and code != ESC:
            to_septets[ord(base[code])] = chr(code)
    main = [" " if char == VOID else char for char in base] * 2
    shifted = [extension.get(code & 0x7F, main[code]) for code in range(256)]
    chars = frozenset(map(chr, to_septets))
    encodable = re.compile("[" + "".join(map(re.escape, sorted(chars))) + "]*")
    return Gsm7Codec(encodable, to_septets, main, shifted, chars)


def encode_gsm7(
    text: str,
    locking: LockingShift = LockingShift.DEFAULT,
    single: SingleShift = SingleShift.DEFAULT,
) -> bytes:
    """The septets of `text`, one a byte; raises TpduEncodeError naming the first character that has none."""
    tables = codec(locking, single)
    fits = tables.encodable.match(text)
    end = fits.end() if fits else 0
    if end != len(text):
        char = text[end]
        raise TpduEncodeError(
            "ud", f"character {char!a} (U+{ord(char):04X}) at index {end} is not in the GSM 7-bit alphabet"
        )
    return text.translate(tables.to_septets).encode("latin-1")


def decode_gsm7(
    septets: bytes,
    locking: LockingShift = LockingShift.DEFAULT,
    single: SingleShift = SingleShift.DEFAULT,
) -> str:
    """The text of `septets` (one a byte, bit 8 ignored); never raises.

    ESC and a code without entry shows the main table's character, ESC ESC shows a space (6.2.1.1); a lone ESC
    at the very end shows nothing, its other half is in the next part or nowhere.
    """
    tables = codec(locking, single)
    main = tables.main
    runs = septets.split(_ESC)
    out = [main[septet] for septet in runs[0]]
    index = 1
    while index < len(runs):
        run = runs[index]
        if run:
            out.append(tables.shifted[run[0]])
            out += [main[septet] for septet in run[1:]]
        elif index + 1 < len(runs):
            out.append(" ")
            index += 1
            out += [main[septet] for septet in runs[index]]
        index += 1
    return "".join(out)


@lru_cache(maxsize=64)
def _masks(groups: int) -> tuple[int, int, int, int, int, int]:
    """Masks over `groups` 64-bit words that pick every other 7-, 14- and 28-bit field."""

    def repeat(pattern: int) -> int:
        return int.from_bytes(pattern.to_bytes(8, "little") * groups, "little")

    return (
        repeat(0x007F_007F_007F_007F),
        repeat(0x7F00_7F00_7F00_7F00),
        repeat(0x0000_3FFF_0000_3FFF),
        repeat(0x3FFF_0000_3FFF_0000),
        repeat(0x0000_0000_0FFF_FFFF),
        repeat(0x0FFF_FFFF_0000_0000),
    )


def pack_septets(septets: bytes, fill_bits: int = 0) -> bytes:
    """Septets (one a byte, below 0x80) as octets, least significant bit first, after `fill_bits` zero bits.

    TS 23.038 6.1.2.1.1; the fill bits are those of TS 23.040 9.2.3.24 between a UDH and the first septet.
    """
    count = len(septets)
    groups = (count + 7) >> 3
    low7, high7, low14, high14, low28, high28 = _masks(groups)
    # All groups of eight septets at once, as one integer: neighbours move together, 7 to 14 to 28 to 56 bits.
    word = int.from_bytes(septets, "little")
    word = (word & low7) | ((word & high7) >> 1)
    word = (word & low14) | ((word & high14) >> 2)
    word = (word & low28) | ((word & high28) >> 4)
    octets = bytearray(word.to_bytes(groups * 8, "little"))
    del octets[7::8]
    size = (count * 7 + fill_bits + 7) >> 3
    if fill_bits:
        return (int.from_bytes(octets, "little") << fill_bits).to_bytes(len(octets) + 1, "little")[:size]
    return bytes(octets[:size])


def unpack_septets(data: bytes, count: int, fill_bits: int = 0) -> bytes:
    """`count` septets, one a byte, from octets whose first `fill_bits` bits are skipped.

    Raises TpduDecodeError when `data` is too short for them.
    """
    size = (count * 7 + fill_bits + 7) >> 3
    if size > len(data):
        raise TpduDecodeError("ud", len(data), f"{count} septets need {size} octets, {len(data)} are there")
    groups = (count + 7) >> 3
    if fill_bits:
        data = (int.from_bytes(data[:size], "little") >> fill_bits).to_bytes(size, "little")
    octets = data[: groups * 7].ljust(groups * 7, b"\0")
    spread = bytearray(groups * 8)
    for place in range(7):
        spread[place::8] = octets[place::7]
    low7, high7, low14, high14, low28, high28 = _masks(groups)
    word = int.from_bytes(spread, "little")
    word = (word & low28) | ((word << 4) & high28)
    word = (word & low14) | ((word << 2) & high14)
    word = (word & low7) | ((word << 1) & high7)
    return word.to_bytes(groups * 8, "little")[:count]
