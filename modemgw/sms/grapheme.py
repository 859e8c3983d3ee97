"""Where a text may be cut without breaking what a reader sees as one character (UAX #29, extended clusters).

Properties come from `unicodedata`; the few sets it does not tell are listed here. No word or line breaking.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Final


class Break(IntEnum):
    """Grapheme_Cluster_Break, with the emoji and conjunct properties that the rules also ask for."""

    OTHER = 0
    CR = 1
    LF = 2
    CONTROL = 3
    EXTEND = 4
    ZWJ = 5
    SPACING_MARK = 6
    PREPEND = 7
    REGIONAL = 8
    HANGUL_L = 9
    HANGUL_V = 10
    HANGUL_T = 11
    HANGUL_LV = 12
    HANGUL_LVT = 13
    PICTOGRAPH = 14
    CONSONANT = 15
    """InCB=Consonant of the scripts whose conjuncts stay together (GB9c)."""
    LINKER = 16
    """InCB=Linker: the virama between such consonants; an Extend in all other rules."""


def _code_points(ranges: str) -> frozenset[int]:
    """The code points of blank-separated hex ranges."""
    out: set[int] = set()
    for item in ranges.split():
        first, _, last = item.partition("-")
        out.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(out)


_PREPEND: Final = _code_points(
    "0600-0605 06DD 070F 0890-0891 08E2 0D4E 110BD 110CD 111C2-111C3 1193F 11941 11A3A 11A84-11A89 11D46 11F02"
)
# Other_Grapheme_Extend: spacing marks, letters and format characters that extend all the same.
_EXTEND: Final = _code_points(
    "09BE 09D7 0B3E 0B57 0BBE 0BD7 0CC2 0CD5-0CD6 0D3E 0D57 0DCF 0DDF 1B35 200C 302E-302F FF9E-FF9F"
    " 1133E 11357 114B0 114BD 115AF 11930 1D165 1D16E-1D172 1F3FB-1F3FF E0020-E007F"
)
_SPACING_LETTERS: Final = _code_points("0E33 0EB3")
_NOT_SPACING: Final = _code_points(
    "102B-102C 1038 1062-1064 1067-106D 1083 1087-108C 108F 109A-109C 1A61 1A63-1A64 AA7B AA7D 11720-11721"
)
_LINKERS: Final = _code_points("094D 09CD 0ACD 0B4D 0C4D 0D4D")
_CONSONANTS: Final = _code_points(
    "0915-0939 0958-095F 0978-097F 0995-09A8 09AA-09B0 09B2 09B6-09B9 09DC-09DD 09DF 09F0-09F1"
    " 0A95-0AA8 0AAA-0AB0 0AB2-0AB3 0AB5-0AB9 0AF9 0B15-0B28 0B2A-0B30 0B32-0B33 0B35-0B39 0B5C-0B5D 0B5F"
    " 0B71 0C15-0C28 0C2A-0C39 0C58-0C5A 0D15-0D3A"
)
_PICTOGRAPHS: Final = _code_points(
    "A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 2388 23CF 23E9-23F3 23F8-23FA 24C2"
    " 25AA-25AB 25B6 25C0 25FB-25FE 2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714 2716 271D 2721"
    " 2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2767 2795-2797 27A1 27B0 27BF 2934-2935"
    " 2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F000-1F0FF 1F10D-1F10F 1F12F 1F16C-1F171"
    " 1F17E-1F17F 1F18E 1F191-1F19A 1F1AD-1F1E5 1F201-1F20F 1F21A 1F22F 1F232-1F23A 1F23C-1F23F"
    " 1F249-1F3FA 1F400-1F53D 1F546-1F64F 1F680-1F6FF 1F774-1F77F 1F7D5-1F7FF 1F80C-1F80F 1F848-1F84F"
    " 1F85A-1F85F 1F888-1F88F 1F8AE-1F8FF 1F90C-1F93A 1F93C-1F945 1F947-1FAFF 1FC00-1FFFD"
)


def _hangul(code: int) -> Break | None:
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return Break.HANGUL_L
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return Break.HANGUL_V
    if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB:
        return Break.HANGUL_T
    if 0xAC00 <= code <= 0xD7A3:
        return Break.HANGUL_LV if (code - 0xAC00) % 28 == 0 else Break.HANGUL_LVT
    return None


_SINGLE: Final = {0x0D: Break.CR, 0x0A: Break.LF, 0x200D: Break.ZWJ}
_LISTS: Final = (
    (_LINKERS, Break.LINKER),
    (_CONSONANTS, Break.CONSONANT),
    (_EXTEND, Break.EXTEND),
    (_PICTOGRAPHS, Break.PICTOGRAPH),
    (_PREPEND, Break.PREPEND),
    (_SPACING_LETTERS, Break.SPACING_MARK),
    (_NOT_SPACING, Break.OTHER),
)
_CATEGORIES: Final = {
    "Mn": Break.EXTEND,
    "Me": Break.EXTEND,
    "Mc": Break.SPACING_MARK,
    "Cc": Break.CONTROL,
    "Cf": Break.CONTROL,
    "Zl": Break.CONTROL,
    "Zp": Break.CONTROL,
}


@lru_cache(maxsize=4096)
def break_property(char: str) -> Break:
    """The class of one character."""
    code = ord(char)
    if code in _SINGLE:
        return _SINGLE[code]
    for members, value in _LISTS:
        if code in members:
            return value
    if 0x1F1E6 <= code <= 0x1F1FF:
        return Break.REGIONAL
    hangul = _hangul(code)
    if hangul is not None:
        return hangul
    return _CATEGORIES.get(unicodedata.category(char), Break.OTHER)


_CONTROLS: Final = frozenset({Break.CR, Break.LF, Break.CONTROL})
_EXTENDING: Final = frozenset({Break.EXTEND, Break.LINKER, Break.ZWJ, Break.SPACING_MARK})
# GB6 to GB8: what may follow within a Hangul syllable.
_HANGUL_NEXT: Final = {
    Break.HANGUL_L: {Break.HANGUL_L, Break.HANGUL_V, Break.HANGUL_LV, Break.HANGUL_LVT},
    Break.HANGUL_LV: {Break.HANGUL_V, Break.HANGUL_T},
    Break.HANGUL_V: {Break.HANGUL_V, Break.HANGUL_T},
    Break.HANGUL_LVT: {Break.HANGUL_T},
    Break.HANGUL_T: {Break.HANGUL_T},
}


class _Boundaries:
    """The rules of UAX #29 as a machine fed one class at a time."""

    __slots__ = ("consonant", "emoji", "last", "linked", "regionals")

    def __init__(self, first: Break) -> None:
        self._restart(first)

    def _restart(self, first: Break) -> None:
        self.last = first
        self.regionals = first is Break.REGIONAL
        """An odd number of regional indicators just passed (GB12, GB13)."""
        self.emoji = first is Break.PICTOGRAPH
        """A pictograph and nothing but Extend since, at most one ZWJ at the end (GB11)."""
        self.consonant = first is Break.CONSONANT
        self.linked = False
        """A consonant, and a linker since (GB9c)."""

    def before(self, char: str, current: Break) -> bool:
        """Whether a cluster ends before `char`."""
        if self._ends(current):
            self._restart(current)
            return True
        self.regionals = current is Break.REGIONAL and not self.regionals
        if current is Break.PICTOGRAPH:
            self.emoji = True
        elif current is Break.SPACING_MARK or self.last is Break.ZWJ:
            self.emoji = False
        if current is Break.CONSONANT:
            self.consonant, self.linked = True, False
        elif current is Break.LINKER:
            self.linked = self.consonant
        elif current not in (Break.EXTEND, Break.ZWJ) or char == "\u200c":
            self.consonant = self.linked = False
        self.last = current
        return False

    def _ends(self, current: Break) -> bool:
        last = self.last
        if last in _CONTROLS or current in _CONTROLS:
            return not (last is Break.CR and current is Break.LF)
        if current in _EXTENDING or last is Break.PREPEND:
            return False
        if current in _HANGUL_NEXT.get(last, ()):
            return False
        if current is Break.CONSONANT and self.linked:
            return False
        if current is Break.PICTOGRAPH and last is Break.ZWJ and self.emoji:
            return False
        return not (current is Break.REGIONAL and last is Break.REGIONAL and self.regionals)


def clusters(text: str) -> Iterator[str]:
    """The extended grapheme clusters of `text`, in order; together they are the text."""
    if not text:
        return
    machine = _Boundaries(break_property(text[0]))
    start = 0
    for index in range(1, len(text)):
        char = text[index]
        if machine.before(char, break_property(char)):
            yield text[start:index]
            start = index
    yield text[start:]
