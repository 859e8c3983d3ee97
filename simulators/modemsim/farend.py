"""The phones that are no SIMs of ours: what they receive, put together, and what they send, as TPDUs.

Owns composing and reading of texts, by the codec of `modemgw.sms`; routing and times are the network's.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

from modemgw.sms import (
    Address,
    Alphabet,
    Concat,
    Dcs,
    Direction,
    InformationElement,
    LockingShift,
    MessageClass,
    Scts,
    SingleShift,
    SmsDeliver,
    SmsSubmit,
    TpduDecodeError,
    TpduEncodeError,
    Udh,
    decode_tpdu,
    encode_gsm7,
)
from modemgw.sms.segment import plan, segment, segment_data
from modemgw.sms.udh import concat_element
from modemsim.errors import SimError


@dataclass(slots=True)
class FarMessage:
    """One message on a far phone; `text` is None while parts miss, or for 8-bit data."""

    t: float
    sender: str
    recipient: str
    total: int
    reference: int | None
    parts: dict[int, SmsDeliver] = field(default_factory=dict)
    copies: int = 0  # parts that came once more

    @property
    def complete(self) -> bool:
        return len(self.parts) == self.total

    @property
    def text(self) -> str | None:
        if not self.complete:
            return None
        ordered = [self.parts[i] for i in sorted(self.parts)]
        if ordered[0].dcs.alphabet is Alphabet.UCS2:
            # a pair of surrogates may be cut by who sent it: join the octets first
            return b"".join(p.ud for p in ordered).decode("utf-16-be", "replace")
        texts = [p.text for p in ordered]
        return None if None in texts else "".join(t for t in texts if t is not None)

    @property
    def data(self) -> bytes:
        return b"".join(self.parts[i].data for i in sorted(self.parts))

    @property
    def flash(self) -> bool:
        return any(p.dcs.message_class is MessageClass.CLASS0 for p in self.parts.values())

    def as_dict(self) -> dict[str, Any]:
        return {
            "t": self.t,
            "sender": self.sender,
            "recipient": self.recipient,
            "text": self.text,
            "data": self.data.hex().upper() if self.text is None else None,
            "flash": self.flash,
            "total": self.total,
            "have": sorted(self.parts),
            "copies": self.copies,
            "complete": self.complete,
        }


class FarEnd:
    """All far phones: each message that reached one, in the order of its first part."""

    def __init__(self) -> None:
        self.messages: list[FarMessage] = []
        self.undecodable: list[bytes] = []
        self._open: dict[tuple[str, str, int, int], FarMessage] = {}

    def receive(self, recipient: str, sender: str, tpdu: bytes, t: float) -> None:
        """A DELIVER arrives at a phone."""
        try:
            deliver = decode_tpdu(tpdu, Direction.TO_MS)
        except TpduDecodeError:
            self.undecodable.append(tpdu)
            return
        assert isinstance(deliver, SmsDeliver)
        concat = deliver.udh.concat or Concat(0, 1, 1, False)
        key = (recipient, sender, concat.reference, concat.total)
        message = self._open.get(key) if concat.total > 1 else None
        if message is None:
            reference = concat.reference if concat.total > 1 else None
            message = FarMessage(t, sender, recipient, concat.total, reference)
            self.messages.append(message)
            if concat.total > 1:
                self._open[key] = message
        if concat.sequence in message.parts:
            message.copies += 1
        message.parts.setdefault(concat.sequence, deliver)
        if message.complete and message.copies == 0:
            self._open.pop(key, None)

    def texts(self, number: str | None = None) -> list[str]:
        """The texts of complete messages, of one phone or of all."""
        return [m.text for m in self.messages if m.text is not None and (number is None or m.recipient == number)]


def compose(
    text: str | None,
    *,
    sender: str,
    scts: bytes,
    rng: random.Random,
    data: bytes | None = None,
    ref: int | None = None,
    ref_bits: Literal[8, 16] = 8,
    encoding: Literal["auto", "gsm7", "ucs2"] = "auto",
    national: bool = False,
    locking: int = 0,
    single: int = 0,
    flash: bool = False,
    message_class: int | None = None,
    pid: int = 0,
    ports: tuple[int, int] | None = None,
    order: list[int] | None = None,
) -> list[bytes]:
    """The DELIVER TPDUs of a text, or of 8-bit `data`; raises `SimError` for what cannot be written.

    `locking` and `single` force a national table (TS 23.038 Annex A) for a text of one part; `order` is the
    order of the parts, by
    number from 1, where one may miss or come twice; `ports` puts application ports (destination, origin)
    into the header.
    """
    if ref is None:
        ref = rng.randrange(1 << ref_bits)
    kind = MessageClass.CLASS0 if flash else MessageClass(message_class) if message_class is not None else None
    header = Udh()
    if ports:
        header = Udh((InformationElement(5, ports[0].to_bytes(2) + ports[1].to_bytes(2)),))
    try:
        oa = Address.parse(sender)
        if data is not None:
            dcs = Dcs.of(Alphabet.DATA8, kind)
            parts = [(p.udh, p.ud) for p in segment_data(data, header, ref, ref_bits)]
        elif text is None:
            raise SimError("There is nothing to send: give a text or data.")
        elif locking or single:
            elements = [*header.elements]
            if locking:
                elements.append(InformationElement(0x25, bytes((locking,))))
            if single:
                elements.append(InformationElement(0x24, bytes((single,))))
            dcs = Dcs.of(Alphabet.GSM7, kind)
            septets = encode_gsm7(text, LockingShift(locking), SingleShift(single))
            parts = _cut(septets, elements, ref, ref_bits)
        else:
            planned = plan(text, encoding=encoding, national=national, reference_bits=ref_bits, header=header)
            dcs = planned.dcs(kind)
            parts = [(p.udh, p.ud) for p in segment(text, planned, reference=ref)]
        when = Scts.decode(scts)
        made = [
            SmsDeliver(oa=oa, scts=when, ud=ud, udh=udh, dcs=dcs, pid=pid, mms=i + 1 < len(parts)).encode()
            for i, (udh, ud) in enumerate(parts)
        ]
        return [made[i - 1] for i in order] if order else made
    except (TpduEncodeError, ValueError) as e:
        raise SimError(f"This message cannot be written: {e}.") from None
    except IndexError:
        raise SimError(f"There are {len(made)} parts, and `order` names others.") from None


def _cut(septets: bytes, elements: list[InformationElement], ref: int, bits: Literal[8, 16]) -> list[tuple[Udh, bytes]]:
    """Parts with forced tables; an escape pair is never cut."""
    room = (140 - Udh(tuple(elements)).octets) * 8 // 7 if elements else 160
    if len(septets) <= room:
        return [(Udh(tuple(elements)), septets)]
    room = (140 - Udh((concat_element(ref, 1, 1, bits), *elements)).octets) * 8 // 7
    pieces, at = [], 0
    while at < len(septets):
        end = min(at + room, len(septets))
        if end < len(septets) and septets[end - 1] == 0x1B:
            end -= 1
        pieces.append(septets[at:end])
        at = end
    return [(Udh((concat_element(ref, len(pieces), n, bits), *elements)), piece) for n, piece in enumerate(pieces, 1)]


def old_message(n: int) -> bytes:
    """A DELIVER that fills a memory slot."""
    return SmsDeliver(
        oa=Address.parse("+79990000000"),
        scts=Scts.decode(bytes.fromhex("52600112000021")),
        ud=encode_gsm7(f"old message {n}"),
    ).encode()


def submit_text(tpdu: bytes) -> str | None:
    """The text of a SUBMIT, or None when it has none; for people who look at the ledger."""
    try:
        made = decode_tpdu(tpdu, Direction.FROM_MS)
    except TpduDecodeError:
        return None
    return made.text if isinstance(made, SmsSubmit) else None
