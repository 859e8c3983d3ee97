"""How a text or data goes into parts: encoding, count, and the cuts (TS 23.040 9.2.3.24.1).

Owns the choice and the cutting. References come from the caller; addresses and options are for `submit`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, NamedTuple

from modemgw.sms.dcs import Alphabet, Dcs, MessageClass
from modemgw.sms.errors import TpduEncodeError
from modemgw.sms.grapheme import clusters
from modemgw.sms.gsm7 import ESC, codec, encode_gsm7
from modemgw.sms.gsm7_tables import LockingShift, SingleShift
from modemgw.sms.national import national_tables
from modemgw.sms.udh import NO_UDH, Iei, InformationElement, Udh, concat_element
from modemgw.sms.user_data import MAX_UD_OCTETS

MAX_PARTS: Final = 255

ReferenceBits = Literal[8, 16]


class Encoding(Enum):
    """How the parts are coded."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    DATA8 = "data8"

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet that TP-DCS names."""
        return Alphabet[self.name]


@dataclass(frozen=True, slots=True)
class Plan:
    """What sending will take. Units are septets (GSM7), UTF-16 code units (UCS2) or octets (DATA8)."""

    encoding: Encoding
    parts: int
    locking: LockingShift
    single: SingleShift
    units: int
    """Length of the whole text."""
    units_per_part: int
    """Room in each part."""
    characters_left: int
    """Units free in the last part."""
    reference_bits: ReferenceBits = 8
    header: Udh = NO_UDH

    def dcs(self, message_class: MessageClass | None = None) -> Dcs:
        """The TP-DCS of every part."""
        return Dcs.of(self.encoding.alphabet, message_class)


class UserData(NamedTuple):
    """One part: header and payload, as `SmsSubmit` takes them."""

    udh: Udh
    ud: bytes


def plan(
    text: str,
    *,
    encoding: Literal["auto", "gsm7", "ucs2"] = "auto",
    national: bool = False,
    reference_bits: ReferenceBits = 8,
    header: Udh = NO_UDH,
) -> Plan:
    """Encoding, number of parts and room left for `text`.

    "auto" takes the default alphabet where it has every character and UCS-2 otherwise. With `national` the
    tables of Annex A are used where they need fewer parts; of equals the fewest shifts win. `header` goes into
    every part. Raises TpduEncodeError for a character that the forced alphabet lacks, half a surrogate pair,
    more than 255 parts, or a header that leaves no room.
    """
    if reference_bits == 8 and not header.elements and len(text) <= _SINGLE_PART:
        if encoding in ("auto", "gsm7") and _ONE_SEPTET.fullmatch(text):
            return _SHORT_GSM7[len(text)]
        if encoding == "ucs2" or (encoding == "auto" and not _ENCODABLE.fullmatch(text)):
            units = len(_utf16(text)) // 2
            if units < len(_SHORT_UCS2):
                return _SHORT_UCS2[units]
    _check(encoding, reference_bits, header)
    frame = _Frame(reference_bits, header)
    if encoding == "ucs2" or (encoding == "auto" and not _ENCODABLE.fullmatch(text)):
        best, refusal = _attempt(frame.ucs2, text)
    else:
        best, refusal = _attempt(frame.gsm7, text)
    if national and encoding != "ucs2" and not (best and (best.parts == 1 or _one_septet_each(best, text))):
        best = _best_national(text, frame, best)
    if best is None:
        raise refusal
    return best


def plan_data(length: int, *, reference_bits: ReferenceBits = 8, header: Udh = NO_UDH) -> Plan:
    """The plan for `length` octets of 8-bit data; raises TpduEncodeError as `plan` does."""
    _check("auto", reference_bits, header)
    return _Frame(reference_bits, header).data(length)


def segment(text: str, plan: Plan, *, reference: int = 0) -> list[UserData]:
    """The parts of `text` as `plan` has it, `plan.parts` of them; `reference` is unused for a single one.

    Never cuts an escape or surrogate pair, nor a grapheme cluster that fits into one part. Raises
    TpduEncodeError when the text is not the planned one and cannot be written so.
    """
    frame = _Frame(plan.reference_bits, plan.header)
    if plan.encoding is Encoding.GSM7:
        payload = encode_gsm7(text, plan.locking, plan.single)
        cut = _cut_gsm7(text, payload, plan.locking, plan.single, frame)
        return _parts(payload, 1, cut, plan, reference)
    if plan.encoding is Encoding.UCS2:
        payload = _utf16(text)
        return _parts(payload, 2, _cut_ucs2(text, len(payload) // 2, frame), plan, reference)
    raise TpduEncodeError("ud", "8-bit data are cut with segment_data, not as a text")


def segment_data(
    data: bytes, header: Udh = NO_UDH, reference: int = 0, reference_bits: ReferenceBits = 8
) -> list[UserData]:
    """The parts of 8-bit data; raises TpduEncodeError as `plan` does."""
    planned = plan_data(len(data), reference_bits=reference_bits, header=header)
    cut = list(range(planned.units_per_part, len(data), planned.units_per_part))
    return _parts(data, 1, [*cut, len(data)], planned, reference)


# Characters of the default alphabet that take one septet: what most texts are made of.
_NO_SHIFT: Final = (LockingShift.DEFAULT, SingleShift.DEFAULT)
_ONE_SEPTET: Final = re.compile(
    "["
    + "".join(re.escape(chr(code)) for code, septets in codec(*_NO_SHIFT).to_septets.items() if len(septets) == 1)
    + "]*"
)
_SINGLE_PART: Final = MAX_UD_OCTETS * 8 // 7
_ENCODABLE: Final = codec(*_NO_SHIFT).encodable


def _short(encoding: Encoding, room: int) -> list[Plan]:
    """The plans of all texts of one part without header, by their length in units."""
    return [Plan(encoding, 1, *_NO_SHIFT, units, room, room - units) for units in range(room + 1)]


_SHORT_GSM7: Final = _short(Encoding.GSM7, _SINGLE_PART)
_SHORT_UCS2: Final = _short(Encoding.UCS2, MAX_UD_OCTETS // 2)

# No character in here joins its neighbour but LF after CR; texts of others are cut cluster by cluster.
_NEVER_JOINS: Final = re.compile(
    "[\u0000-\u02ff\u0370-\u0482\u048a-\u058f\u1e00-\u1fff\u2010-\u2027\u2030-\u205f\u20a0-\u20cf"
    "\u2100-\u2bff\u3000-\u3029\u3031-\u3098\u309b-\u9fff\uac00-\ud7a3\uff00-\uff9d]*"
)
_LATIN_TABLES: Final = 3
"""Tables up to this identifier have no character that joins its neighbour either."""


def _check(encoding: str, reference_bits: int, header: Udh) -> None:
    if encoding not in ("auto", "gsm7", "ucs2"):
        raise TpduEncodeError("ud", f"encoding {encoding!a} is none of auto, gsm7, ucs2")
    if reference_bits not in (8, 16):
        raise TpduEncodeError("udh", f"a reference has 8 or 16 bits, not {reference_bits}")
    for element in header.elements:
        if element.iei in (Iei.CONCAT_8BIT, Iei.CONCAT_16BIT, Iei.SINGLE_SHIFT, Iei.LOCKING_SHIFT):
            raise TpduEncodeError("udh", f"element {element.iei:#04x} is written by segmentation, not by the caller")


def _shifts(locking: LockingShift, single: SingleShift) -> tuple[InformationElement, ...]:
    out: tuple[InformationElement, ...] = ()
    if locking:
        out += (InformationElement(Iei.LOCKING_SHIFT, bytes((locking,))),)
    if single:
        out += (InformationElement(Iei.SINGLE_SHIFT, bytes((single,))),)
    return out


class _Frame:
    """What all parts have around their payload, and so how much payload they take."""

    __slots__ = ("header", "reference_bits")

    def __init__(self, reference_bits: ReferenceBits, header: Udh) -> None:
        self.reference_bits = reference_bits
        self.header = header

    def room(
        self,
        encoding: Encoding,
        many: bool,
        locking: LockingShift = LockingShift.DEFAULT,
        single: SingleShift = SingleShift.DEFAULT,
    ) -> int:
        """Units of payload in a part, of one or of `many`."""
        octets = max(0, self.header.octets - 1) + 3 * (bool(locking) + bool(single))
        if many:
            octets += 5 if self.reference_bits == 8 else 6
        octets += bool(octets)
        left = MAX_UD_OCTETS - octets
        units = {Encoding.GSM7: left * 8 // 7, Encoding.UCS2: left // 2, Encoding.DATA8: left}[encoding]
        if units < 2:
            raise TpduEncodeError("udh", f"a header of {octets} octets leaves no room for a text")
        return units

    def gsm7(
        self,
        text: str,
        locking: LockingShift = LockingShift.DEFAULT,
        single: SingleShift = SingleShift.DEFAULT,
    ) -> Plan:
        septets = encode_gsm7(text, locking, single)
        cut = _cut_gsm7(text, septets, locking, single, self)
        return self._plan(Encoding.GSM7, cut, locking, single)

    def ucs2(self, text: str) -> Plan:
        return self._plan(Encoding.UCS2, _cut_ucs2(text, len(_utf16(text)) // 2, self), *_NO_SHIFT)

    def data(self, length: int) -> Plan:
        if length <= self.room(Encoding.DATA8, False):
            return self._plan(Encoding.DATA8, [length], *_NO_SHIFT)
        room = self.room(Encoding.DATA8, True)
        _limit(length, room)
        return self._plan(Encoding.DATA8, [*range(room, length, room), length], *_NO_SHIFT)

    def _plan(self, encoding: Encoding, cut: list[int], locking: LockingShift, single: SingleShift) -> Plan:
        parts = len(cut)
        if parts > MAX_PARTS:
            raise _too_long(parts)
        room = self.room(encoding, parts > 1, locking, single)
        last = cut[-1] - cut[-2] if parts > 1 else cut[0]
        return Plan(encoding, parts, locking, single, cut[-1], room, room - last, self.reference_bits, self.header)


def _attempt(make: Callable[[str], Plan], text: str) -> tuple[Plan | None, TpduEncodeError]:
    """The plan, or why there is none."""
    try:
        return make(text), _NO_REFUSAL
    except TpduEncodeError as exc:
        return None, exc


_NO_REFUSAL: Final = TpduEncodeError("ud", "not refused")


def _one_septet_each(plan: Plan, text: str) -> bool:
    """Whether no table could make the text shorter."""
    return plan.encoding is Encoding.GSM7 and plan.units == len(text)


def _best_national(text: str, frame: _Frame, best: Plan | None) -> Plan | None:
    """The plan with fewest parts; national tables only when they need fewer than `best`."""
    rank = (best.parts, 0, 0) if best else None
    for locking, single in national_tables(text):
        try:
            candidate = frame.gsm7(text, locking, single)
        except TpduEncodeError:
            continue
        shifts = 2 * bool(locking) + bool(single)
        candidate_rank = (candidate.parts, shifts, candidate.units)
        if rank is None or candidate_rank < rank:
            best, rank = candidate, candidate_rank
    return best


def _too_long(parts: int) -> TpduEncodeError:
    return TpduEncodeError("ud", f"the text needs {parts} parts, a message has at most {MAX_PARTS}")


def _limit(units: int, room: int) -> None:
    """Refuses before the work of cutting what cannot end in 255 parts."""
    if units > room * MAX_PARTS:
        raise _too_long(-(-units // room))


def _utf16(text: str) -> bytes:
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as exc:
        raise TpduEncodeError("ud", f"half a surrogate pair at index {exc.start}") from None


def _cut_gsm7(text: str, septets: bytes, locking: LockingShift, single: SingleShift, frame: _Frame) -> list[int]:
    """Where each part ends, in septets."""
    units = len(septets)
    if units <= frame.room(Encoding.GSM7, False, locking, single):
        return [units]
    room = frame.room(Encoding.GSM7, True, locking, single)
    _limit(units, room)
    if locking > _LATIN_TABLES or single > _LATIN_TABLES:
        widths = codec(locking, single).to_septets
        return _cut_clusters(text, {chr(code): len(septets) for code, septets in widths.items()}, room)
    ends = []
    end = room
    while end < units:
        before = septets[end - 1]
        if before == ESC or (before == _CR and septets[end] == _LF):
            end -= 1
        ends.append(end)
        end += room
    return [*ends, units]


def _cut_ucs2(text: str, units: int, frame: _Frame) -> list[int]:
    """Where each part ends, in UTF-16 code units."""
    if units <= frame.room(Encoding.UCS2, False):
        return [units]
    room = frame.room(Encoding.UCS2, True)
    _limit(units, room)
    if _NEVER_JOINS.fullmatch(text) is None:
        return _cut_clusters(text, {char: 2 if char > "\uffff" else 1 for char in frozenset(text)}, room)
    ends = []
    end = room
    while end < units:
        if text[end - 1] == "\r" and text[end] == "\n":
            end -= 1
        ends.append(end)
        end += room
    return [*ends, units]


_CR: Final = 0x0D
_LF: Final = 0x0A


def _cut_clusters(text: str, widths: dict[str, int], room: int) -> list[int]:
    """Where each part ends when clusters stay whole; one that no part can hold is cut between characters."""
    ends: list[int] = []
    done = used = 0

    def place(width: int) -> None:
        nonlocal done, used
        if used + width > room:
            ends.append(done)
            used = 0
        used += width
        done += width

    for cluster in clusters(text):
        width = sum(map(widths.__getitem__, cluster))
        if width <= room:
            place(width)
        else:
            for char in cluster:
                place(widths[char])
    return [*ends, done]


def _parts(payload: bytes, unit_octets: int, ends: Iterable[int], plan: Plan, reference: int) -> list[UserData]:
    """The payload cut at `ends` (in units), each piece with its header."""
    own = _shifts(plan.locking, plan.single) + plan.header.elements
    cut = [end * unit_octets for end in ends]
    if len(cut) == 1:
        return [UserData(Udh(own), payload)]
    return [
        UserData(
            Udh((concat_element(reference, len(cut), sequence, plan.reference_bits), *own)),
            payload[start:end],
        )
        for sequence, (start, end) in enumerate(zip([0, *cut], cut, strict=False), 1)
    ]
