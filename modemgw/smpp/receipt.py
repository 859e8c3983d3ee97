"""deliver_sm: delivery receipts (Appendix B and optional parameters) and incoming messages. Owns their wording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote_plus

from modemgw.smpp.names import INTERMEDIATE, RECEIPT, STAT, UDHI, MessageState, Tag, Ton
from modemgw.smpp.pdu import Address, ShortMessage
from modemgw.smpp.times import receipt_date
from modemgw.sms import TpduEncodeError, encode_gsm7

#: Octets that short_message takes (4.6.1).
MAX_SHORT = 254


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message. Times are Unix ms; `error` is the err code of SMSC.ru's table, 0 to 255."""

    message_id: str
    state: MessageState
    error: int
    submitted_at: int
    done_at: int
    source: Address  # as it stood in the submit
    destination: Address
    text: str = ""
    final: bool = True
    reference: bytes | None = None  # user_message_reference of the submit
    service_type: str = ""
    hlr: bool = False
    vendor: Mapping[int, bytes] = field(default_factory=dict)  # tags 0x2000..0x2003


def receipt_text(receipt: Receipt, offset_s: int = 0) -> str:
    """The text of Appendix B, or for an HLR query what a SIM can tell of it: the unknown fields are empty."""
    stat = STAT[receipt.state]
    if receipt.hlr:
        empty = " ".join(f"{name}:{quote_plus('')}" for name in _HLR_FIELDS)
        return f"id:{receipt.message_id} stat:{stat} err:{receipt.error:03d} {empty}"
    delivered = int(receipt.state is MessageState.DELIVERED)
    text = receipt.text[:20]
    if not text.isascii() or not text.isprintable():
        text = ""
    return (
        f"id:{receipt.message_id} sub:001 dlvrd:{delivered:03d} "
        f"submit date:{receipt_date(receipt.submitted_at, offset_s)} "
        f"done date:{receipt_date(receipt.done_at, offset_s)} stat:{stat} err:{receipt.error:03d} text:{text}"
    )


_HLR_FIELDS = ("imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet")


def receipt_message(receipt: Receipt, *, tlvs: bool = True, offset_s: int = 0) -> ShortMessage:
    """The deliver_sm of a receipt. It comes from where the message went, and goes to where it came from."""
    optional: dict[int, bytes] = {}
    if tlvs:
        optional[Tag.RECEIPTED_MESSAGE_ID] = receipt.message_id.encode() + b"\0"
        optional[Tag.MESSAGE_STATE] = bytes((receipt.state,))
        optional[Tag.NETWORK_ERROR_CODE] = b"\x03" + receipt.error.to_bytes(2)
        if receipt.reference is not None:
            optional[Tag.USER_MESSAGE_REFERENCE] = receipt.reference
        optional.update(receipt.vendor)
    return ShortMessage(
        service_type=receipt.service_type,
        source=receipt.destination,
        destination=receipt.source,
        esm_class=RECEIPT if receipt.final else INTERMEDIATE,
        short_message=receipt_text(receipt, offset_s).encode("ascii", "replace")[:MAX_SHORT],
        tlvs=optional,
    )


def address_of(number: str) -> Address:
    """A number or a sender's name with its type: "+7916…" international, letters alphanumeric, else unknown."""
    if number.startswith("+"):
        return Address(Ton.INTERNATIONAL, 1, number[1:])
    if number and not number.isdigit():
        return Address(Ton.ALPHANUMERIC, 0, number)
    return Address(Ton.UNKNOWN, 1 if number else 0, number)


def inbound_messages(
    *,
    sender: str,
    recipient: str,
    text: str | None,
    data: bytes | None,
    ports: tuple[int, int] | None = None,
    iso: bool = False,
    long: Literal["payload", "udh"] = "payload",
    tlvs: bool = True,
    reference: int = 0,
    one_sms: bool = False,
) -> list[ShortMessage]:
    """An incoming message as deliver_sm: several only where a long one goes in parts with a header. With `one_sms`
    what short_message has room for, but an SMS has not, is a long one too."""
    header = b""
    if text is None:
        coding, octets, unit = 0x04, data or b"", 1
        if ports is not None:
            header = b"\x05\x04" + ports[0].to_bytes(2) + ports[1].to_bytes(2)
    else:
        coding, octets, unit = _coded(text, iso)
    base = ShortMessage(source=address_of(sender), destination=address_of(recipient), data_coding=coding)
    room = MAX_SHORT if not one_sms else 160 if coding == 0 else 140
    if len(octets) + len(header) + bool(header) <= room:
        return [_with_header(base, header, octets)]
    if long == "payload" and tlvs:
        # message_payload has room for a header too, and esm_class still tells of it
        whole = bytes((len(header),)) + header + octets if header else octets
        return [base._replace(esm_class=UDHI if header else 0, tlvs={Tag.MESSAGE_PAYLOAD: whole[:0xFFFF]})]
    most = 153 if coding == 0 and not iso else 134
    if header:
        most -= len(header)
    pieces = _cut(octets, most // unit * unit, coding)[:255]
    return [
        _with_header(base, bytes((0, 3, reference & 0xFF, len(pieces), number)) + header, piece)
        for number, piece in enumerate(pieces, 1)
    ]


def _coded(text: str, iso: bool) -> tuple[int, bytes, int]:
    """data_coding, octets, and octets that must not be parted."""
    try:
        return 0, text.encode("latin-1") if iso else encode_gsm7(text), 1
    except (TpduEncodeError, UnicodeEncodeError):
        return 8, text.encode("utf-16-be", "replace"), 2


def _with_header(base: ShortMessage, header: bytes, octets: bytes) -> ShortMessage:
    if not header:
        return base._replace(short_message=octets)
    return base._replace(esm_class=UDHI, short_message=bytes((len(header),)) + header + octets)


def _cut(octets: bytes, most: int, coding: int) -> list[bytes]:
    """Pieces of at most `most` octets; never between an escape and its character, nor within a surrogate pair."""
    pieces = []
    at = 0
    while at < len(octets):
        end = min(at + most, len(octets))
        if end < len(octets):
            if coding == 0 and octets[end - 1] == 0x1B:
                end -= 1
            elif coding == 8 and 0xD8 <= octets[end - 2] <= 0xDB:
                end -= 2
        pieces.append(octets[at:end])
        at = end
    return pieces
