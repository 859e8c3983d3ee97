"""The TPDUs that a mobile originates: SMS-SUBMIT and SMS-COMMAND (TS 23.040 9.2.2.2, 9.2.2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from modemgw.sms.address import Address
from modemgw.sms.cursor import Cursor
from modemgw.sms.dcs import DEFAULT_DCS, Dcs
from modemgw.sms.errors import TpduDecodeError, TpduEncodeError
from modemgw.sms.udh import NO_UDH, Udh
from modemgw.sms.user_data import UserDataText, decode_user_data, encode_user_data
from modemgw.sms.validity import ValidityFormat, ValidityPeriod, decode_validity, validity_octets

MAX_COMMAND_DATA: Final = 157


def octets(**fields: int) -> bytes:
    """The values as one octet each; raises TpduEncodeError naming the first that is not an octet."""
    for name, value in fields.items():
        if not 0 <= value <= 0xFF:
            raise TpduEncodeError(name, f"{value} is not an octet")
    return bytes(fields.values())


@dataclass(frozen=True, slots=True)
class SmsSubmit(UserDataText):
    """A short message from the mobile to the SMSC; `ud` without header, septets one a byte for 7-bit text."""

    da: Address
    ud: bytes = b""
    udh: Udh = NO_UDH
    dcs: Dcs = DEFAULT_DCS
    pid: int = 0
    mr: int = 0
    vp: ValidityPeriod | None = None
    srr: bool = False
    rd: bool = False
    rp: bool = False

    def encode(self) -> bytes:
        """The TPDU; raises TpduEncodeError."""
        format_ = self.vp.format if self.vp else ValidityFormat.NONE
        first = 0x01 | self.rd << 2 | format_ << 3 | self.srr << 5 | bool(self.udh.elements) << 6 | self.rp << 7
        return b"".join(
            (
                octets(first=first, mr=self.mr),
                self.da.encode(),
                octets(pid=self.pid, dcs=self.dcs.octet),
                self.vp.encode() if self.vp else b"",
                encode_user_data(self.dcs, self.udh, self.ud),
            )
        )

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> SmsSubmit:
        """The TPDU at `offset`; raises TpduDecodeError."""
        cursor = Cursor(data, offset)
        first = cursor.octet("first octet")
        if first & 3 != 1:
            raise TpduDecodeError("mti", offset, f"first octet {first:#04x} is not that of an SMS-SUBMIT")
        mr = cursor.octet("mr")
        da, cursor.at = Address.decode(data, cursor.at, "da")
        pid = cursor.octet("pid")
        dcs = Dcs.decode(cursor.octet("dcs"))
        format_ = ValidityFormat(first >> 3 & 3)
        at = cursor.at
        vp = decode_validity(format_, cursor.take(validity_octets(format_), "vp"), at)
        udh, ud = decode_user_data(cursor, bool(first & 0x40), dcs)
        return SmsSubmit(da, ud, udh, dcs, pid, mr, vp, bool(first & 0x20), bool(first & 0x04), bool(first & 0x80))


@dataclass(frozen=True, slots=True)
class SmsCommand:
    """A command to the SMSC about a message submitted before.

    `ct` is 0 to enquire, 1 to cancel the report asked for, 2 to delete, 3 to ask for a report (9.2.3.19).
    """

    da: Address
    ct: int
    mn: int = 0
    mr: int = 0
    pid: int = 0
    cd: bytes = b""
    udh: Udh = NO_UDH
    srr: bool = False

    def encode(self) -> bytes:
        """The TPDU; raises TpduEncodeError."""
        cd = self.udh.encode() + self.cd
        if len(cd) > MAX_COMMAND_DATA:
            raise TpduEncodeError("cd", f"{len(cd)} octets are over the limit of {MAX_COMMAND_DATA}")
        first = 0x02 | self.srr << 5 | bool(self.udh.elements) << 6
        head = octets(first=first, mr=self.mr, pid=self.pid, ct=self.ct, mn=self.mn)
        return head + self.da.encode() + bytes((len(cd),)) + cd

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> SmsCommand:
        """The TPDU at `offset`; raises TpduDecodeError."""
        cursor = Cursor(data, offset)
        first = cursor.octet("first octet")
        if first & 3 != 2:
            raise TpduDecodeError("mti", offset, f"first octet {first:#04x} is not that of an SMS-COMMAND")
        mr, pid, ct, mn = (cursor.octet(name) for name in ("mr", "pid", "ct", "mn"))
        da, cursor.at = Address.decode(data, cursor.at, "da")
        length = cursor.octet("cdl")
        if length > MAX_COMMAND_DATA:
            raise TpduDecodeError("cdl", cursor.at - 1, f"{length} is over the limit of {MAX_COMMAND_DATA}")
        at = cursor.at
        cd = cursor.take(length, "cd")
        udh = NO_UDH
        if first & 0x40:
            try:
                udh, end = Udh.decode(cd)
            except TpduDecodeError as exc:
                raise TpduDecodeError(exc.field, at + exc.octet, exc.reason) from None
            cd = cd[end:]
        return SmsCommand(da, ct, mn, mr, pid, cd, udh, bool(first & 0x20))
