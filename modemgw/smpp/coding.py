"""data_coding and the octets of a message: alphabets, packed septets, user data headers (5.2.19, TS 23.038).

Owns what the octets mean. A text that comes in parts is only joined here, so it is decoded at the end (`text_of`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import UDHI, Status
from modemgw.sms import (
    Alphabet,
    Concat,
    Dcs,
    Iei,
    LockingShift,
    SingleShift,
    TpduDecodeError,
    TpduEncodeError,
    Udh,
    decode_gsm7,
    decode_ucs2,
    encode_gsm7,
    join_ucs2,
    unpack_septets,
)

GSM7, LATIN1, UCS2, DATA8 = "gsm7", "latin-1", "ucs2", "data8"

#: data_coding 1: ASCII to the standard, GSM septets to some clients. `decided` tells, once all octets are there.
IA5: Final = "ia5"

#: data_coding 4: data to the standard, ISO-8859-1 or data to SMSC.ru, likewise.
OCTETS: Final = "octets"

#: data_coding below 0x10 as an alphabet; 0 is the SMSC's default. The names with a dash are Python's.
_ALPHABETS: Final = {
    0x00: GSM7,
    0x01: IA5,
    0x02: DATA8,
    0x03: LATIN1,
    0x04: OCTETS,
    0x06: "iso8859-5",
    0x07: "iso8859-8",
    0x08: UCS2,
    0x0A: "iso2022-jp",
    0x0E: "euc-kr",
}


@dataclass(frozen=True, slots=True)
class Content:
    """What a message, or a part of one, carries. Of `gsm7` the octets are septets, one an octet."""

    alphabet: str
    octets: bytes
    dcs: int | None = None  # TP-DCS that must be kept: a message class other than 0, or of data
    flash: bool = False
    locking: int = 0  # national language tables of a gsm7 text
    single: int = 0
    udh: bytes = b""  # elements other than concatenation and shifts, without the length octet
    concat: Concat | None = None

    def join(self, others: list[Content]) -> Content:
        """This and what follows it, as one. Octets are joined before they are read, for a character may be cut.
        Raises PduRefused."""
        whole = replace(self, concat=None)
        if all(other.alphabet == self.alphabet for other in others):
            octets = [self.octets, *(other.octets for other in others)]
            if self.alphabet == UCS2:
                _check_even(sum(map(len, octets)))
                return replace(whole, octets=join_ucs2(octets))
            return replace(whole, octets=b"".join(octets))
        texts = [content.text for content in (self, *others)]
        if None in texts:
            raise PduRefused(Status.ESME_RSUBMITFAIL, "some parts of the message are text and others are data")
        return _as_ucs2(whole, "".join(text or "" for text in texts))

    @property
    def text(self) -> str | None:
        """The text; None for data. Raises PduRefused for what is none in its alphabet: half a character is lost."""
        if self.alphabet in (DATA8, OCTETS):
            return None
        if self.alphabet == GSM7:
            return decode_gsm7(self.octets, LockingShift(self.locking), SingleShift(self.single))
        if self.alphabet == UCS2:
            _check_even(len(self.octets))
            try:
                return decode_ucs2(self.octets, "strict")
            except UnicodeDecodeError as error:
                raise _unreadable(error, "UCS-2") from error
        try:
            return self.octets.decode(LATIN1 if self.alphabet == IA5 else self.alphabet)
        except UnicodeDecodeError as error:
            raise _unreadable(error, self.alphabet) from error

    def decided(self, *, gsm7: bool = False, latin1: bool = False) -> Content:
        """With the alphabet that octets of data_coding 1 and 4 are in. `gsm7` and `latin1` say what the client means
        by 1 and by 4 where the octets do not tell: the GSM alphabet instead of ASCII, text instead of data."""
        if self.alphabet == IA5:
            septets = self.octets.isascii() and (gsm7 or _SEPTETS.search(self.octets) is not None)
            return replace(self, alphabet=GSM7 if septets else LATIN1)
        if self.alphabet == OCTETS:
            text = latin1 and not self.udh and _NEVER_IN_TEXT.search(self.octets) is None
            return replace(self, alphabet=LATIN1, dcs=None) if text else replace(self, alphabet=DATA8)
        return self


def _unreadable(error: UnicodeDecodeError, alphabet: str) -> PduRefused:
    status = Status.ESME_RINVMSGLEN if error.end == len(error.object) else Status.ESME_RSUBMITFAIL
    return PduRefused(status, f"octet {error.start} of the text is nothing in {alphabet}, or half of a character")


def _check_even(octets: int) -> None:
    """Raises PduRefused: to drop the octet would be to drop a letter."""
    if octets % 2:
        raise PduRefused(Status.ESME_RINVMSGLEN, f"a UCS-2 text of {octets} octets ends within a character")


#: What ASCII texts have not, and GSM septets have: controls that are letters there (LF, CR and TAB are both), and
#: the signs of the extension table behind an ESC.
_SEPTETS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]|\x1b[\x0a\x14()/<=>@e]")


def read_content(data_coding: int, esm_class: int, octets: bytes, *, iso: bool = False) -> Content:
    """The content of a message. With `iso` the default alphabet is ISO-8859-1. Raises PduRefused."""
    alphabet, dcs, flash = _alphabet(data_coding, iso)
    if not esm_class & UDHI:
        if alphabet == GSM7:
            return _septets(Content(GSM7, octets, dcs, flash), 0)
        return Content(alphabet, octets, dcs, flash)
    try:
        header, end = Udh.decode(octets)
    except TpduDecodeError as error:
        raise PduRefused(Status.ESME_RINVESMCLASS, f"the user data header cannot be read: {error}") from error
    rest = Udh(tuple(element for element in header.elements if element.iei not in _OURS))
    content = Content(
        alphabet,
        octets[end:],
        dcs,
        flash,
        locking=int(header.locking_shift),
        single=int(header.single_shift),
        udh=rest.encode()[1:],
        concat=header.concat,
    )
    return _septets(content, end) if alphabet == GSM7 else content


#: Header elements that are written anew when the message is cut into SMS.
_OURS: Final = frozenset({Iei.CONCAT_8BIT, Iei.CONCAT_16BIT, Iei.LOCKING_SHIFT, Iei.SINGLE_SHIFT})


def _alphabet(data_coding: int, iso: bool) -> tuple[str, int | None, bool]:
    """Alphabet, TP-DCS to be kept, flash. From 0x10 on data_coding is taken for a TP-DCS, as clients mean it."""
    if data_coding < 0x10:
        alphabet = _ALPHABETS.get(data_coding)
        if alphabet is None:
            raise PduRefused(Status.ESME_RSUBMITFAIL, f"data_coding {data_coding:#04x} is not supported")
        if data_coding == 0 and iso:
            alphabet = LATIN1
        return alphabet, 4 if alphabet in (DATA8, OCTETS) else None, False
    dcs = Dcs.decode(data_coding)
    if dcs.compressed:
        raise PduRefused(Status.ESME_RSUBMITFAIL, f"data_coding {data_coding:#04x} means compressed text")
    alphabet = {Alphabet.GSM7: GSM7, Alphabet.DATA8: DATA8, Alphabet.UCS2: UCS2}[dcs.alphabet]
    flash = dcs.message_class == 0
    keep = alphabet == DATA8 or not flash
    return alphabet, data_coding if keep else None, flash


# -- septets that come packed, texts that are no septets ----------------------------------------------------------

#: Octets that an unpacked or an 8-bit text does not have, and packed septets soon do.
_NEVER_IN_TEXT: Final = re.compile(rb"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")

#: What most texts are made of.
_READABLE: Final = re.compile(r"[A-Za-z0-9 .,:;!?@()'\"/\r\n+-]")

_MAX_PACKED: Final = 140


def _septets(content: Content, header: int) -> Content:
    """A GSM 7-bit payload as one septet an octet, however the client wrote it.

    No octet over 0x7F: unpacked, as the standard of the field is. Else it is packed (TS 23.038 6.1.2.1) if the
    octets are none of a text and read well unpacked; else UTF-8, if it is that; else ISO-8859-1.
    """
    octets = content.octets
    if octets.isascii():
        return content
    if header + len(octets) <= _MAX_PACKED and _NEVER_IN_TEXT.search(octets):
        fill = -header * 8 % 7
        septets = unpack_septets(octets, (len(octets) * 8 - fill) // 7, fill)
        if len(septets) * 7 + fill == len(octets) * 8 and septets.endswith((b"\0", b"\r")):
            septets = septets[:-1]  # seven bits of filling, or the <CR> that stands for it
        if len(_READABLE.findall(decode_gsm7(septets))) >= 0.85 * len(septets):
            return replace(content, octets=septets)
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = octets.decode("latin-1")
    try:
        return replace(content, octets=encode_gsm7(text))
    except TpduEncodeError:
        return _as_ucs2(content, text)


def _as_ucs2(content: Content, text: str) -> Content:
    return replace(content, alphabet=UCS2, octets=text.encode("utf-16-be"), dcs=None, locking=0, single=0)
