"""TP-PI and the optional fields that it announces: TP-PID, TP-DCS, TP-UDL and TP-UD (TS 23.040 9.2.3.27)."""

from __future__ import annotations

from typing import NamedTuple

from modemgw.sms.cursor import Cursor
from modemgw.sms.dcs import DEFAULT_DCS, Dcs
from modemgw.sms.errors import TpduEncodeError
from modemgw.sms.udh import NO_UDH, Udh
from modemgw.sms.user_data import decode_user_data, encode_user_data

_PID = 0x01
_DCS = 0x02
_UDL = 0x04
_EXTENSION = 0x80


class Parameters(NamedTuple):
    """The optional fields; those that are None or empty are absent."""

    pid: int | None = None
    dcs: Dcs | None = None
    udh: Udh = NO_UDH
    ud: bytes = b""

    def __bool__(self) -> bool:
        return self.pid is not None or self.dcs is not None or bool(self.udh) or bool(self.ud)

    def indicator(self) -> int:
        """The TP-PI octet."""
        user_data = self.udh or self.ud
        return (
            (_PID if self.pid is not None else 0) | (_DCS if self.dcs is not None else 0) | (_UDL if user_data else 0)
        )

    def fields(self, limit: int) -> bytes:
        """The fields after TP-PI (and after TP-SCTS where that stands between)."""
        indicator = self.indicator()
        out = b""
        if self.pid is not None:
            if not 0 <= self.pid <= 0xFF:
                raise TpduEncodeError("pid", f"{self.pid} is not an octet")
            out += bytes((self.pid,))
        if self.dcs is not None:
            out += bytes((self.dcs.octet,))
        if indicator & _UDL:
            out += encode_user_data(self.dcs or DEFAULT_DCS, self.udh, self.ud, limit)
        return out

    def encode(self, limit: int) -> bytes:
        """TP-PI and the fields; raises TpduEncodeError."""
        return bytes((self.indicator(),)) + self.fields(limit)

    @staticmethod
    def decode(cursor: Cursor, udhi: bool, limit: int) -> Parameters:
        """TP-PI, if there is any octet left, and the fields it announces; raises TpduDecodeError."""
        return Parameters.decode_fields(cursor, decode_indicator(cursor), udhi, limit)

    @staticmethod
    def decode_fields(cursor: Cursor, indicator: int, udhi: bool, limit: int) -> Parameters:
        """The fields that `indicator` announces; raises TpduDecodeError. Without TP-DCS the text is 7-bit."""
        pid = cursor.octet("pid") if indicator & _PID else None
        dcs = Dcs.decode(cursor.octet("dcs")) if indicator & _DCS else None
        udh, ud = NO_UDH, b""
        if indicator & _UDL:
            udh, ud = decode_user_data(cursor, udhi, dcs or DEFAULT_DCS, limit)
        return Parameters(pid, dcs, udh, ud)


def decode_indicator(cursor: Cursor) -> int:
    """TP-PI, its extension octets skipped; 0 at the end of the PDU."""
    indicator = cursor.octet("pi") if cursor.left else 0
    octet = indicator
    while octet & _EXTENSION:
        octet = cursor.octet("pi")
    return indicator
