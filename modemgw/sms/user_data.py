"""TP-UDL and TP-UD: header, fill bits and payload as one field (TS 23.040 9.2.3.16, 9.2.3.24).

In this codec `ud` is the payload without header: one septet a byte for 7-bit text, octets for all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, Protocol

from modemgw.sms.cursor import Cursor
from modemgw.sms.dcs import DEFAULT_DCS, Alphabet, Dcs
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.gsm7 import decode_gsm7, pack_septets, unpack_septets
from modemgw.sms.udh import NO_UDH, Udh

MAX_UD_OCTETS: Final = 140
"""Octets of TP-UD in SUBMIT and DELIVER."""


class HasUserData(Protocol):
    """What the properties below need of a TPDU."""

    @property
    def dcs(self) -> Dcs | None: ...
    @property
    def udh(self) -> Udh: ...
    @property
    def ud(self) -> bytes: ...


class UserDataText:
    """Adds `text` and `data` to a TPDU with user data."""

    __slots__ = ()

    @property
    def text(self: HasUserData) -> str | None:
        """The text, national tables honoured, free of surrogates; None for 8-bit or compressed data."""
        return text_of(self.dcs or DEFAULT_DCS, self.udh, self.ud)

    @property
    def data(self: HasUserData) -> bytes:
        """The payload as octets; 7-bit text is packed, without fill bits."""
        return pack_septets(self.ud) if (self.dcs or DEFAULT_DCS).in_septets else self.ud


def text_of(dcs: Dcs, udh: Udh, ud: bytes) -> str | None:
    """What a payload says; None for 8-bit and compressed data.

    UCS-2 is read as UTF-16: half of a surrogate pair shows as U+FFFD, a last odd octet is dropped.
    """
    if dcs.compressed or dcs.alphabet is Alphabet.DATA8:
        return None
    if dcs.alphabet is Alphabet.UCS2:
        return decode_ucs2(ud)
    return decode_gsm7(ud, udh.locking_shift, udh.single_shift)


#: Byte order marks that some senders put before UCS-2, and how what follows is decoded.
BYTE_ORDER_MARKS: Final = {b"\xfe\xff": "utf-16-be", b"\xff\xfe": "utf-16-le"}


def decode_ucs2(octets: bytes, errors: Literal["replace", "strict"] = "replace") -> str:
    """UTF-16 text of any octets; never yields a surrogate. The most significant octet is the first one (TS 23.038
    6.2.3), unless a byte order mark says otherwise, which is no part of the text. Half of a surrogate pair is U+FFFD;
    with `errors` "strict" it raises UnicodeDecodeError."""
    order = BYTE_ORDER_MARKS.get(octets[:2])
    even = octets[: len(octets) & ~1]
    return even.decode("utf-16-be", errors) if order is None else even[2:].decode(order, errors)


def join_ucs2(parts: Sequence[bytes]) -> bytes:
    """Parts of a UCS-2 text as one, characters that were cut among them. A part with a byte order mark of its own
    begins a stretch in that order; one without is in the order of the part before it."""
    if not any(part[:2] in BYTE_ORDER_MARKS for part in parts[1:]):
        return b"".join(parts)
    stretches: list[list[bytes]] = [[]]
    for part in parts:
        if part[:2] in BYTE_ORDER_MARKS:
            stretches.append([])
        stretches[-1].append(part)
    return b"".join(decode_ucs2(b"".join(stretch)).encode("utf-16-be", "replace") for stretch in stretches)


def header_septets(octets: int) -> int:
    """Septets that a header of `octets` octets takes with its fill bits."""
    return (octets * 8 + 6) // 7


def encode_user_data(dcs: Dcs, udh: Udh, ud: bytes, limit: int = MAX_UD_OCTETS) -> bytes:
    """TP-UDL and TP-UD; raises TpduEncodeError for a payload over `limit` octets or a septet over 0x7F."""
    header = udh.encode()
    if dcs.in_septets:
        if ud and max(ud) > 0x7F:
            raise TpduEncodeError("ud", "7-bit user data hold a value over 0x7F")
        septets = header_septets(len(header))
        length = septets + len(ud)
        payload = pack_septets(ud, septets * 7 - len(header) * 8)
    else:
        length = len(header) + len(ud)
        payload = ud
    size = len(header) + len(payload)
    if size > limit:
        raise TpduEncodeError("ud", f"{size} octets of user data are over the limit of {limit}")
    return bytes((length,)) + header + payload


def decode_user_data(cursor: Cursor, udhi: bool, dcs: Dcs, limit: int = MAX_UD_OCTETS) -> tuple[Udh, bytes]:
    """Header and payload; raises TpduDecodeError when TP-UDL promises more than is there or may be.

    Octets after the user data are left alone: modems pad, and nothing there could belong to the message. A
    header whose last element runs past its end is ignored as 9.2.3.24 says, the payload behind it kept.
    """
    start = cursor.at
    length = cursor.octet("udl")
    size = (length * 7 + 7) // 8 if dcs.in_septets else length
    if size > limit:
        raise TpduDecodeError("udl", start, f"{length} means {size} octets, over the limit of {limit}")
    if size > cursor.left:
        raise TpduDecodeError("ud", cursor.at, f"TP-UDL {length} means {size} octets, {cursor.left} are there")
    body = cursor.take(size, "ud")
    if udhi and (not body or body[0] >= len(body)):
        raise TpduDecodeError("udhl", start + 1, "the header is longer than the user data")
    return _take_apart(body, length, udhi, dcs)


def remains_of_user_data(cursor: Cursor, udhi: bool, dcs: Dcs, limit: int = MAX_UD_OCTETS) -> tuple[Udh, bytes]:
    """As `decode_user_data`, of what there is when TP-UDL is wrong; a header that runs past the end is none."""
    length = cursor.octet("udl")
    size = (length * 7 + 7) // 8 if dcs.in_septets else length
    body = cursor.take(min(size, limit, cursor.left), "ud")
    there = len(body) * 8 // 7 if dcs.in_septets else len(body)
    return _take_apart(body, min(length, there), udhi and bool(body) and body[0] < len(body), dcs)


def _take_apart(body: bytes, length: int, udhi: bool, dcs: Dcs) -> tuple[Udh, bytes]:
    """Header and payload of user data of `length` septets or octets."""
    udh, end = NO_UDH, 0
    if udhi:
        end = body[0] + 1
        try:
            udh, _ = Udh.decode(body)
        except TpduDecodeError:
            udh = NO_UDH
    if not dcs.in_septets:
        return udh, body[end:]
    septets = header_septets(end)
    count = max(0, length - septets)
    return udh, unpack_septets(body[end:], count, septets * 7 - end * 8 if count else 0)
