"""PDUs and numbers made fit for the eyes of others: the structure stays, who and what is gone. Knows no AT.

Everything keeps its length, so that lengths announced elsewhere (AT+CMGS=<length>, +CMGL: …,<length>) stay true.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256

from modemgw.sms import Dcs, pack_septets
from modemgw.sms.dcs import Alphabet

KEPT_OF_SMSC = 5  # digits of a service centre's number: they name the operator, not a person
KEPT_OF_IMEI = 8  # the type allocation code: the model
KEPT_OF_IMSI = 5  # country and network
KEPT_OF_ICCID = 6  # issuer
MAX_ADDRESS = 20  # semi-octets of an address (TS 23.040 9.1.2.3)
MAX_SCA = 11  # octets after the length (TS 24.011 8.2.5.1)

#: Information elements whose contents tell nothing of the text: concatenation, ports, national tables, waiting.
_HARMLESS_ELEMENTS = frozenset({0x00, 0x01, 0x04, 0x05, 0x08, 0x24, 0x25})
_SEMI_OCTETS = "0123456789*#abcF"


class Redactor:
    """Maps each number to another of the same length: the same one always, and back for nobody without the salt."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def digits(self, number: str, keep: int = 0) -> str:
        """The digits of `number` exchanged, but for the first `keep` of them; what is no digit stays."""
        places = [place for place, char in enumerate(number) if "0" <= char <= "9"][keep:]
        if not places:
            return number
        plain = re.sub(r"[^0-9]", "", number)
        wanted = len(places)
        hashed = ""
        while len(hashed) < wanted:
            block = hmac.new(self._salt, f"{plain}/{len(hashed)}".encode(), sha256).digest()
            hashed += f"{int.from_bytes(block, 'big'):077d}"[-60:]
        out = list(number)
        for place, char in zip(places, hashed, strict=False):
            out[place] = char
        return "".join(out)

    def pdu(self, octets: bytes, *, sent: bool) -> bytes:
        """SMSC address and TPDU with numbers exchanged and text blanked. `sent`: from the mobile (SMS-SUBMIT).

        What cannot be read is zeroed from there to the end.
        """
        return _PduWalk(self, octets, sent).run()


class _Unreadable(Exception):
    """The PDU ends early or is none."""


class _PduWalk:
    """One PDU, field by field (TS 23.040 9.2.2), overwritten in place."""

    def __init__(self, redactor: Redactor, octets: bytes, sent: bool) -> None:
        self._redactor = redactor
        self._octets = octets
        self._out = bytearray(octets)
        self._sent = sent
        self._at = 0

    def run(self) -> bytes:
        try:
            self._sca()
            self._tpdu()
        except _Unreadable:
            self._out[self._at :] = bytes(len(self._out) - self._at)
        return bytes(self._out)

    def _need(self, count: int) -> None:
        if self._at + count > len(self._octets):
            raise _Unreadable

    def _octet(self) -> int:
        self._need(1)
        self._at += 1
        return self._octets[self._at - 1]

    def _skip(self, count: int) -> None:
        self._need(count)
        self._at += count

    def _sca(self) -> None:
        size = self._octets[0] if self._octets else 0
        if size > MAX_SCA:
            raise _Unreadable
        self._skip(1)
        if size:
            self._skip(1)
            self._number(size - 1, 2 * (size - 1), KEPT_OF_SMSC)

    def _number(self, octets: int, semi_octets: int, keep: int = 0) -> None:
        self._need(octets)
        raw = self._octets[self._at : self._at + octets]
        digits = "".join(_SEMI_OCTETS[octet & 15] + _SEMI_OCTETS[octet >> 4] for octet in raw)
        number = digits[:semi_octets].rstrip("F")
        changed = self._redactor.digits(number, keep) + digits[len(number) :]
        values = [_SEMI_OCTETS.index(char) for char in changed]
        self._out[self._at : self._at + octets] = bytes(
            low | high << 4 for low, high in zip(values[::2], values[1::2], strict=True)
        )
        self._at += octets

    def _address(self) -> None:
        start = self._at
        semi_octets = self._octet()
        kind = self._octet() >> 4 & 7
        octets = (semi_octets + 1) // 2
        if semi_octets > MAX_ADDRESS:
            self._at = start
            raise _Unreadable
        self._need(octets)
        if kind == 5:  # alphanumeric: septets
            self._out[self._at : self._at + octets] = pack_septets(b"x" * (semi_octets * 4 // 7)).ljust(octets, b"\0")
            self._at += octets
        else:
            self._number(octets, semi_octets)

    def _tpdu(self) -> None:
        first = self._octet()
        mti, has_header = first & 3, bool(first & 0x40)
        if mti == 1:  # SMS-SUBMIT, from us or stored
            self._skip(1)
            self._address()
            self._skip(1)
            dcs = self._octet()
            self._skip((0, 7, 1, 7)[first >> 3 & 3])
            self._user_data(dcs, has_header)
        elif self._sent and mti == 2:  # SMS-COMMAND
            self._skip(4)
            self._address()
        elif self._sent:  # SMS-DELIVER-REPORT: an acknowledgement, without a number
            self._at = len(self._octets)
        elif mti == 2:  # SMS-STATUS-REPORT
            self._skip(1)
            self._address()
            self._skip(15)
            self._optional(has_header)
        else:
            self._address()
            self._skip(1)
            dcs = self._octet()
            self._skip(7)
            self._user_data(dcs, has_header)

    def _optional(self, has_header: bool) -> None:
        """TP-PI and what it announces (9.2.3.27)."""
        if self._at == len(self._octets):
            return
        indicator = self._octet()
        self._skip(indicator & 1)
        dcs = self._octet() if indicator & 2 else 0
        if indicator & 4:
            self._user_data(dcs, has_header)

    def _user_data(self, dcs: int, has_header: bool) -> None:
        size = self._octet()
        data = self._octets[self._at :]
        header = 0
        if has_header and data:
            header = data[0] + 1
            if header > len(data):
                raise _Unreadable
            self._elements(self._at + 1, self._at + header)
        self._at += header
        room = len(data) - header
        coding = Dcs.decode(dcs)
        if coding.in_septets:
            before = (header * 8 + 6) // 7
            text = pack_septets(b"x" * max(0, size - before), before * 7 - header * 8)
        elif coding.alphabet is Alphabet.UCS2 and not coding.compressed:
            text = b"\x00x" * (room // 2)
        else:
            text = b"x" * room
        self._out[self._at :] = text[:room].ljust(room, b"\0")
        self._at += room

    def _elements(self, at: int, end: int) -> None:
        """Blank those information elements that may hold a number or a text, such as a reply address."""
        while at + 2 <= end:
            kind, size = self._octets[at], self._octets[at + 1]
            at += 2
            if kind not in _HARMLESS_ELEMENTS:
                stop = min(at + size, end)
                self._out[at:stop] = bytes(stop - at)
            at += size
