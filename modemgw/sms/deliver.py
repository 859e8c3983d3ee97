"""The TPDUs that reach a mobile: SMS-DELIVER and SMS-STATUS-REPORT (TS 23.040 9.2.2.1, 9.2.2.3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from modemgw.sms.address import Address
from modemgw.sms.cursor import Cursor
from modemgw.sms.dcs import DEFAULT_DCS, Dcs
from modemgw.sms.errors import TpduDecodeError
from modemgw.sms.parameters import Parameters
from modemgw.sms.scts import SCTS_OCTETS, Scts
from modemgw.sms.status import StatusMeaning, describe_status, status_meaning
from modemgw.sms.submit import octets
from modemgw.sms.udh import NO_UDH, Udh
from modemgw.sms.user_data import UserDataText, decode_user_data, encode_user_data, remains_of_user_data, text_of

MAX_STATUS_REPORT_UD: Final = 131

_NO_TIME: Final = Scts(bytes(SCTS_OCTETS), None)


@dataclass(frozen=True, slots=True)
class SmsDeliver(UserDataText):
    """A short message from the SMSC to the mobile; `mms` says that more messages wait there."""

    oa: Address
    scts: Scts = _NO_TIME
    ud: bytes = b""
    udh: Udh = NO_UDH
    dcs: Dcs = DEFAULT_DCS
    pid: int = 0
    mms: bool = False
    lp: bool = False
    sri: bool = False
    rp: bool = False

    def encode(self) -> bytes:
        """The TPDU; raises TpduEncodeError."""
        flags = self.lp << 3 | self.sri << 5 | bool(self.udh.elements) << 6 | self.rp << 7
        return b"".join(
            (
                octets(first=(not self.mms) << 2 | flags),
                self.oa.encode(),
                octets(pid=self.pid, dcs=self.dcs.octet),
                self.scts.raw,
                encode_user_data(self.dcs, self.udh, self.ud),
            )
        )

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> SmsDeliver:
        """The TPDU at `offset`; raises TpduDecodeError. The reserved type 3 is read as DELIVER (9.2.3.1)."""
        cursor = Cursor(data, offset)
        first = cursor.octet("first octet")
        if first & 3 not in (0, 3):
            raise TpduDecodeError("mti", offset, f"first octet {first:#04x} is not that of an SMS-DELIVER")
        oa, cursor.at = Address.decode(data, cursor.at, "oa")
        pid = cursor.octet("pid")
        dcs = Dcs.decode(cursor.octet("dcs"))
        scts = Scts.decode(cursor.take(SCTS_OCTETS, "scts"))
        udh, ud = decode_user_data(cursor, bool(first & 0x40), dcs)
        return SmsDeliver(
            oa,
            scts,
            ud,
            udh,
            dcs,
            pid,
            mms=not first & 0x04,
            lp=bool(first & 0x08),
            sri=bool(first & 0x20),
            rp=bool(first & 0x80),
        )


@dataclass(frozen=True, slots=True)
class Remains:
    """What can be read of an SMS-DELIVER that is cut or contradicts itself; each field is whole or None."""

    oa: Address
    scts: Scts | None = None
    text: str | None = None
    data: bytes | None = None


def read_remains(data: bytes, offset: int = 0) -> Remains | None:
    """The fields of a damaged SMS-DELIVER at `offset`, as far as they go; None if not even its sender. Never raises.

    Lengths are believed as far as there are octets: TP-UDL up to the end, and a TP-UDHL past it is a letter.
    """
    cursor = Cursor(data, offset)
    try:
        first = cursor.octet("first octet")
        if first & 3 not in (0, 3):
            return None
        remains = Remains(Address.read(cursor, "oa"))
    except TpduDecodeError:
        return None
    try:
        cursor.octet("pid")
        dcs = Dcs.decode(cursor.octet("dcs"))
        remains = replace(remains, scts=Scts.decode(cursor.take(SCTS_OCTETS, "scts")))
        udh, ud = remains_of_user_data(cursor, bool(first & 0x40), dcs)
    except TpduDecodeError:
        return remains
    text = text_of(dcs, udh, ud)
    return replace(remains, text=text or None, data=ud or None if text is None else None)


@dataclass(frozen=True, slots=True)
class SmsStatusReport(UserDataText):
    """What became of a message submitted before: `mr` and `ra` tell which, `st` its fate, `dt` when."""

    mr: int
    ra: Address
    scts: Scts
    dt: Scts
    st: int
    pid: int | None = None
    dcs: Dcs | None = None
    udh: Udh = NO_UDH
    ud: bytes = b""
    mms: bool = False
    lp: bool = False
    srq: bool = False

    @property
    def outcome(self) -> StatusMeaning:
        """What TP-ST means for the sender (9.2.3.15)."""
        return status_meaning(self.st)

    @property
    def description(self) -> str:
        """TP-ST in words."""
        return describe_status(self.st)

    def encode(self) -> bytes:
        """The TPDU; raises TpduEncodeError. Optional fields that are not set take no octet."""
        flags = self.lp << 3 | self.srq << 5 | bool(self.udh.elements) << 6
        parameters = Parameters(self.pid, self.dcs, self.udh, self.ud)
        return b"".join(
            (
                octets(first=0x02 | (not self.mms) << 2 | flags, mr=self.mr),
                self.ra.encode(),
                self.scts.raw,
                self.dt.raw,
                octets(st=self.st),
                parameters.encode(MAX_STATUS_REPORT_UD) if parameters else b"",
            )
        )

    @staticmethod
    def decode(data: bytes, offset: int = 0) -> SmsStatusReport:
        """The TPDU at `offset`; raises TpduDecodeError.

        Everything after TP-ST is optional, and modems leave padding there: what does not decode is left out
        rather than lose the outcome.
        """
        cursor = Cursor(data, offset)
        first = cursor.octet("first octet")
        if first & 3 != 2:
            raise TpduDecodeError("mti", offset, f"first octet {first:#04x} is not that of an SMS-STATUS-REPORT")
        mr = cursor.octet("mr")
        ra, cursor.at = Address.decode(data, cursor.at, "ra")
        scts = Scts.decode(cursor.take(SCTS_OCTETS, "scts"))
        dt = Scts.decode(cursor.take(SCTS_OCTETS, "dt"))
        st = cursor.octet("st")
        try:
            rest = Parameters.decode(cursor, bool(first & 0x40), MAX_STATUS_REPORT_UD)
        except TpduDecodeError:
            rest = Parameters()
        return SmsStatusReport(
            mr,
            ra,
            scts,
            dt,
            st,
            rest.pid,
            rest.dcs,
            rest.udh,
            rest.ud,
            mms=not first & 0x04,
            lp=bool(first & 0x08),
            srq=bool(first & 0x20),
        )
