"""Which TPDU some octets are, and the hex PDUs of the AT interface with their SMSC prefix (TS 27.005 3.1)."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from modemgw.sms.address import Address, decode_sca, encode_sca
from modemgw.sms.deliver import Remains, SmsDeliver, SmsStatusReport, read_remains
from modemgw.sms.errors import TpduDecodeError
from modemgw.sms.reports import SmsDeliverReport, SmsSubmitReport
from modemgw.sms.submit import SmsCommand, SmsSubmit

_OCTET = re.compile("[0-9A-Fa-f]{2}")
_DIGITS = re.compile(r"[0-9A-Fa-f]*")

Tpdu = SmsSubmit | SmsDeliver | SmsStatusReport | SmsDeliverReport | SmsSubmitReport | SmsCommand


class Direction(Enum):
    """Which way a TPDU travels; the message type means different things either way (TS 23.040 9.2.3.1)."""

    TO_MS = "to_ms"
    """From the SMSC: DELIVER, STATUS-REPORT, SUBMIT-REPORT."""
    FROM_MS = "from_ms"
    """From the mobile: SUBMIT, COMMAND, DELIVER-REPORT."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """A TPDU and the service centre it came through or goes to; None leaves that to the modem."""

    sca: Address | None
    tpdu: Tpdu


class PduHex(NamedTuple):
    """A PDU as written after the prompt, and the number of TPDU octets that `AT+CMGS=` wants."""

    hex: str
    length: int


def decode_tpdu(data: bytes, direction: Direction, offset: int = 0) -> Tpdu:
    """The TPDU at `offset`; raises TpduDecodeError and nothing else, whatever the octets."""
    if offset >= len(data):
        raise TpduDecodeError("first octet", len(data), "the PDU ends before this field")
    mti = data[offset] & 3
    if direction is Direction.TO_MS:
        if mti == 1:
            return SmsSubmitReport.decode(data, offset)
        return SmsStatusReport.decode(data, offset) if mti == 2 else SmsDeliver.decode(data, offset)
    if mti == 0:
        return SmsDeliverReport.decode(data, offset)
    if mti == 1:
        return SmsSubmit.decode(data, offset)
    if mti == 2:
        return SmsCommand.decode(data, offset)
    raise TpduDecodeError("mti", offset, "message type 3 is reserved")


def decode_pdu(hex: str, direction: Direction) -> Pdu:
    """The PDU that a modem shows in PDU mode, SMSC prefix first; raises TpduDecodeError and nothing else.

    Blanks and line ends around it do not matter, nor does the case, nor octets after its end.
    """
    try:
        data = binascii.unhexlify(hex.strip())
    except ValueError:
        raise TpduDecodeError("pdu", 0, "not an even number of hexadecimal digits") from None
    sca, offset = decode_sca(data)
    return Pdu(sca, decode_tpdu(data, direction, offset))


def is_status_report(pdu: str) -> bool:
    """TP-MTI 10 from the SMS centre (TS 23.040 9.2.3.1) in a PDU as a modem shows it. Never raises: what cannot be
    read is none."""
    prefix = _OCTET.match(pdu)
    first = _OCTET.match(pdu, 2 + 2 * int(prefix[0], 16)) if prefix is not None else None
    return first is not None and int(first[0], 16) & 0x03 == 0x02


def remains_of_pdu(text: str) -> Remains | None:
    """What can be read of a PDU that `decode_pdu` refuses; None if it is no SMS-DELIVER up to its sender. Never raises.

    Up to the first character that is no hexadecimal digit, and of an odd number of digits without the last.
    """
    digits = _DIGITS.match(text.strip())
    data = bytes.fromhex(digits[0][: len(digits[0]) & ~1]) if digits is not None else b""
    try:
        _, offset = decode_sca(data)
    except TpduDecodeError:
        return None
    return read_remains(data, offset)


def encode_pdu(tpdu: Tpdu, sca: Address | None = None) -> PduHex:
    """The PDU for `AT+CMGS` or `AT+CMGW`; raises TpduEncodeError. Without `sca` the modem uses its own."""
    octets = tpdu.encode()
    return PduHex((encode_sca(sca) + octets).hex().upper(), len(octets))
