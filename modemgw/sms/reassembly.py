"""Parts back into messages (TS 23.040 9.2.3.24.1): what is there, what is missing, and what it says.

Pure: keeps nothing but its own state, and times are passed in. Storing parts and telling people is for others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count, groupby
from typing import Final, NamedTuple, TypedDict

from modemgw.sms.dcs import Alphabet, Dcs
from modemgw.sms.deliver import SmsDeliver
from modemgw.sms.udh import Concat
from modemgw.sms.user_data import join_ucs2, text_of

GAP_MARK: Final = "[…]"
"""Stands in a text for parts that have not come, one mark for a run of them."""

WINDOW: Final = timedelta(hours=6)
"""Parts whose service centre times are further apart belong to two messages that share a reference."""


class ReassemblyKey(NamedTuple):
    """What the parts of one message have in common. Not unique for ever: references come round again."""

    line: str
    sender: str
    reference: int
    total: int
    is_16bit: bool

    @classmethod
    def of(cls, line: str, deliver: SmsDeliver) -> ReassemblyKey | None:
        """The key of a part that came in on `line`; None for a message of one part."""
        concat = deliver.udh.concat
        if concat is None:
            return None
        return cls(line, str(deliver.oa), concat.reference, concat.total, concat.is_16bit)


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


class PartStored(NamedTuple):
    """A part found its place; these are still missing."""

    message: int
    key: ReassemblyKey
    sequence: int
    missing: tuple[int, ...]


class PartDuplicate(NamedTuple):
    """The same part once more, in sequence number, content and service centre time."""

    message: int
    key: ReassemblyKey
    sequence: int


class MessageComplete(NamedTuple):
    """The last missing part has come; `was_partial` when the message was already given out with gaps."""

    message: int
    key: ReassemblyKey
    assembled: Assembled
    was_partial: bool


class MessagePartial(NamedTuple):
    """Parts have been missing for too long; the rest is still awaited."""

    message: int
    key: ReassemblyKey
    assembled: Assembled


Event = PartStored | PartDuplicate | MessageComplete


class MessageState(TypedDict):
    """One message as `Reassembler.export` writes it; JSON can carry it."""

    message: int
    key: list[str | int]
    first_at: float
    last_at: float
    partial: bool
    parts: dict[str, str]


@dataclass(slots=True)
class _Message:
    number: int
    key: ReassemblyKey
    first_at: float
    last_at: float
    partial: bool = False
    parts: dict[int, SmsDeliver] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return len(self.parts) == self.key.total

    def assembled(self) -> Assembled:
        return assemble(self.parts, self.key.total)

    def distance(self, deliver: SmsDeliver, now: float) -> float:
        """Seconds between this part and the nearest one here, by service centre time where both have one."""
        time = deliver.scts.time
        known = [part.scts.time for part in self.parts.values() if part.scts.time]
        if time is None or not known:
            return abs(now - self.last_at)
        return min(abs((time - other).total_seconds()) for other in known)


class Reassembler:
    """Takes parts in any order, as often as they come, and says when a message is whole.

    The same sequence number with another content is another message that shares the reference. Messages that are
    whole stay known, so that late copies are recognised, until `forget`.
    """

    def __init__(self, window: timedelta = WINDOW) -> None:
        self._window_s = window.total_seconds()
        self._messages: dict[ReassemblyKey, list[_Message]] = {}
        self._numbers = count(1)

    def feed(self, key: ReassemblyKey, deliver: SmsDeliver, now: float) -> list[Event]:
        """Takes one part at `now` (seconds of any clock) and tells what changed."""
        sequence = (deliver.udh.concat or Concat(0, 1, 1)).sequence
        messages = self._messages.setdefault(key, [])
        for message in messages:
            if _same(message.parts.get(sequence), deliver):
                return [PartDuplicate(message.number, key, sequence)]
        near = [
            (message.distance(deliver, now), -message.number, message)
            for message in messages
            if sequence not in message.parts
        ]
        if near and min(near)[0] <= self._window_s:
            message = min(near)[2]
        else:
            message = _Message(next(self._numbers), key, now, now)
            messages.append(message)
        message.parts[sequence] = deliver
        message.last_at = now
        assembled = message.assembled()
        events: list[Event] = [PartStored(message.number, key, sequence, assembled.missing)]
        if assembled.complete:
            events.append(MessageComplete(message.number, key, assembled, message.partial))
        return events

    def overdue(self, now: float, after_s: float) -> list[MessagePartial]:
        """The incomplete messages without news for `after_s`, each told once."""
        out = []
        for message in self._all():
            if not message.complete and not message.partial and now - message.last_at >= after_s:
                message.partial = True
                out.append(MessagePartial(message.number, message.key, message.assembled()))
        return out

    def forget(self, now: float, after_s: float) -> int:
        """Drops what has had no news for `after_s`, whole or not; returns how many messages."""
        before = sum(1 for _ in self._all())
        for key, messages in list(self._messages.items()):
            kept = [message for message in messages if now - message.last_at < after_s]
            if kept:
                self._messages[key] = kept
            else:
                del self._messages[key]
        return before - sum(1 for _ in self._all())

    def _all(self) -> Iterator[_Message]:
        for messages in self._messages.values():
            yield from messages

    def export(self) -> list[MessageState]:
        """All state, for `restore` after a restart."""
        return [
            MessageState(
                message=message.number,
                key=list(message.key),
                first_at=message.first_at,
                last_at=message.last_at,
                partial=message.partial,
                parts={str(sequence): part.encode().hex() for sequence, part in message.parts.items()},
            )
            for message in self._all()
        ]

    @classmethod
    def restore(cls, state: list[MessageState], window: timedelta = WINDOW) -> Reassembler:
        """A reassembler that goes on where `export` was called; raises TpduDecodeError for parts that are none."""
        out = cls(window)
        last = 0
        for item in state:
            line, sender, reference, total, is_16bit = item["key"]
            key = ReassemblyKey(str(line), str(sender), int(reference), int(total), bool(is_16bit))
            parts = {int(sequence): SmsDeliver.decode(bytes.fromhex(tpdu)) for sequence, tpdu in item["parts"].items()}
            message = _Message(item["message"], key, item["first_at"], item["last_at"], item["partial"], parts)
            out._messages.setdefault(key, []).append(message)
            last = max(last, message.number)
        out._numbers = count(last + 1)
        return out


def _same(known: SmsDeliver | None, deliver: SmsDeliver) -> bool:
    """Whether it is the same part; the service centre repeats its time when it repeats a delivery."""
    return known is not None and (
        (known.ud, known.dcs, known.scts.raw, known.udh) == (deliver.ud, deliver.dcs, deliver.scts.raw, deliver.udh)
    )
