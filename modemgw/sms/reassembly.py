"""Parts back into messages (TS 23.040 9.2.3.24.1): what is there, what is missing, and what it says.

Pure. Which parts are of one message is for `rules.concat_grouping`, storing them for `store.intake`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from modemgw.sms.dcs import Alphabet, Dcs
from modemgw.sms.deliver import SmsDeliver
from modemgw.sms.user_data import join_ucs2, text_of

GAP_MARK: Final = "[…]"
"""Stands in a text for parts that have not come, one mark for a run of them."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """What the parts so far make up: a text, or data when the parts are 8-bit data; gaps in it when incomplete."""

    text: str | None
    data: bytes | None
    missing: tuple[int, ...]
    complete: bool


def assemble(parts: Mapping[int, SmsDeliver], total: int) -> Assembled:
    """The message of parts 1 to `total` as far as `parts` (by sequence number) has them.

    Neighbours of the same coding are joined before they are decoded, so a surrogate or escape pair that the sender
    cut comes out whole. A gap shows in a text as `GAP_MARK`, and so does a data part among text parts; data are
    joined without a mark.
    """
    missing = tuple(sequence for sequence in range(1, total + 1) if sequence not in parts)
    present = [parts[sequence] for sequence in range(1, total + 1) if sequence in parts]
    complete = not missing
    if not any(_is_text(part.dcs) for part in present):
        return Assembled(None, b"".join(part.data for part in present) if present else None, missing, complete)
    pieces: list[str] = []
    for coding, run in groupby(
        (parts.get(sequence) for sequence in range(1, total + 1)), key=lambda part: part and _coding(part)
    ):
        if coding:
            members = [part for part in run if part]
            first = members[0]
            joined = join_ucs2 if first.dcs.alphabet is Alphabet.UCS2 else b"".join
            pieces.append(text_of(first.dcs, first.udh, joined([part.ud for part in members])) or "")
        else:
            pieces.append(GAP_MARK)
    return Assembled("".join(pieces), None, missing, complete)


def _is_text(dcs: Dcs) -> bool:
    return dcs.alphabet is not Alphabet.DATA8 and not dcs.compressed


def _coding(part: SmsDeliver) -> tuple[int, ...] | None:
    """Equal for parts whose payloads may be joined before decoding; None for data."""
    if not _is_text(part.dcs):
        return None
    if part.dcs.alphabet is Alphabet.UCS2:
        # A part of an odd number of octets would shift all that follow.
        return (Alphabet.UCS2,) if len(part.ud) % 2 == 0 else (Alphabet.UCS2, id(part))
    return (Alphabet.GSM7, part.udh.locking_shift, part.udh.single_shift)
