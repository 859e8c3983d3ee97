"""The report TPDUs, acknowledgements either way (TS 23.040 9.2.2.1a, 9.2.2.2a).

With a failure cause (TP-FCS) they travel in an RP-ERROR, without one in an RP-ACK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modemgw.sms.cursor import Cursor
from modemgw.sms.dcs import Dcs
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.parameters import Parameters, decode_indicator
from modemgw.sms.scts import SCTS_OCTETS, Scts
from modemgw.sms.submit import octets
from modemgw.sms.udh import NO_UDH, Udh
from modemgw.sms.user_data import UserDataText

MAX_DELIVER_REPORT_UD: Final = 159
MAX_SUBMIT_REPORT_UD: Final = 152


@dataclass(frozen=True, slots=True)
class SmsDeliverReport(UserDataText):
    """The mobile's answer to a DELIVER or STATUS-REPORT; `fcs` (0x80 to 0xFF) refuses it."""

    fcs: int | None = None
    pid: int | None = None
    dcs: Dcs | None = None
    udh: Udh = NO_UDH
    ud: bytes = b""

    def encode(self) -> bytes:
        """The TPDU; raises TpduEncodeError."""
        head = _head(0x00, self.udh, self.fcs)
        limit = MAX_DELIVER_REPORT_UD - (self.fcs is not None)
        return head + Parameters(self.pid, self.dcs, self.udh, self.ud).encode(limit)

    @staticmethod
    def decode(data: bytes, offset: int = 0, *, error: bool | None = None) -> SmsDeliverReport:
        """The TPDU at `offset`; raises TpduDecodeError.

        Only the layer below knows whether there is a TP-FCS: `error` tells it. None goes by the octet itself:
        causes start at 0x80, and a TP-PI that high would be extended, which no release does yet.
        """
        cursor = Cursor(data, offset)
        udhi, fcs = _decode_head(cursor, 0, error)
        rest = Parameters.decode(cursor, udhi, MAX_DELIVER_REPORT_UD)
        return SmsDeliverReport(fcs, *rest)


@dataclass(frozen=True, slots=True)
class SmsSubmitReport(UserDataText):
    """The SMSC's answer to a SUBMIT or COMMAND; `scts` is when it came, `fcs` (0x80 to 0xFF) refuses it."""

    scts: Scts
    fcs: int | None = None
    pid: int | None = None
    dcs: Dcs | None = None
    udh: Udh = NO_UDH
    ud: bytes = b""

    def encode(self) -> bytes:
        """The TPDU; raises TpduEncodeError."""
        rest = Parameters(self.pid, self.dcs, self.udh, self.ud)
        head = _head(0x01, self.udh, self.fcs) + bytes((rest.indicator(),))
        return head + self.scts.raw + rest.fields(MAX_SUBMIT_REPORT_UD - (self.fcs is not None))

    @staticmethod
    def decode(data: bytes, offset: int = 0, *, error: bool | None = None) -> SmsSubmitReport:
        """The TPDU at `offset`; raises TpduDecodeError. `error` as for SmsDeliverReport."""
        cursor = Cursor(data, offset)
        udhi, fcs = _decode_head(cursor, 1, error)
        indicator = decode_indicator(cursor)
        scts = Scts.decode(cursor.take(SCTS_OCTETS, "scts"))
        rest = Parameters.decode_fields(cursor, indicator, udhi, MAX_SUBMIT_REPORT_UD)
        return SmsSubmitReport(scts, fcs, *rest)


def _head(mti: int, udh: Udh, fcs: int | None) -> bytes:
    first = mti | bool(udh.elements) << 6
    if fcs is None:
        return bytes((first,))
    if fcs < 0x80:
        raise TpduEncodeError("fcs", f"{fcs:#04x} is not a failure cause, they start at 0x80")
    return octets(first=first, fcs=fcs)


def _decode_head(cursor: Cursor, mti: int, error: bool | None) -> tuple[bool, int | None]:
    """Whether there is a header, and the failure cause if there is one."""
    at = cursor.at
    first = cursor.octet("first octet")
    if first & 3 != mti:
        raise TpduDecodeError("mti", at, f"first octet {first:#04x} is not that of this report")
    if error is None:
        error = cursor.left > 0 and cursor.data[cursor.at] >= 0x80
    return bool(first & 0x40), cursor.octet("fcs") if error else None
