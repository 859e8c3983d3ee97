"""Text mode (AT+CMGF=1): messages shown and taken as text in the character set of AT+CSCS (TS 27.005 3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from modemgw.sms import (
    Address,
    Alphabet,
    Dcs,
    Direction,
    Relative,
    Scts,
    SmsDeliver,
    SmsStatusReport,
    SmsSubmit,
    TpduDecodeError,
    TpduEncodeError,
    decode_tpdu,
    encode_gsm7,
    relative_seconds,
)
from modemsim.errors import CmsError
from modemsim.storage import STATUS_TEXT, STO_SENT, STO_UNSENT, Stored

if TYPE_CHECKING:
    from modemsim.engine import SimModem


def _time(scts: Scts) -> str:
    """`yy/MM/dd,hh:mm:ss±zz`, the octets swapped back as they stand."""
    digits = [f"{octet & 0xF}{octet >> 4}" for octet in scts.raw[:6]]
    zone = scts.raw[6]
    sign = "-" if zone & 0x08 else "+"
    quarters = (zone & 0x07) * 10 + (zone >> 4)
    return "/".join(digits[:3]) + "," + ":".join(digits[3:]) + f"{sign}{quarters:02d}"


def _shown(modem: SimModem, message: SmsDeliver | SmsSubmit) -> str:
    text = message.text
    if message.udh:
        return message.udh.encode().hex().upper() + message.data.hex().upper()
    if text is None:
        return message.data.hex().upper()
    return charset_out(modem.session.cscs, text, message.dcs.alphabet)


def charset_out(cscs: str, text: str, alphabet: Alphabet = Alphabet.GSM7) -> str:
    """A text in the terminal's character set."""
    if cscs == "UCS2" or alphabet is Alphabet.UCS2:
        return text.encode("utf-16-be", "surrogatepass").hex().upper()
    if cscs == "HEX":
        try:
            return encode_gsm7(text).hex().upper()
        except TpduEncodeError:
            return text.encode("utf-16-be").hex().upper()
    if cscs == "GSM":
        try:
            return encode_gsm7(text).decode("latin-1")
        except TpduEncodeError:
            return "?" * len(text)
    return text.encode("ascii", "replace").decode("ascii")


def _decode(message: Stored) -> SmsDeliver | SmsSubmit | SmsStatusReport | None:
    stored = message.status in (STO_UNSENT, STO_SENT)
    try:
        made = decode_tpdu(message.tpdu, Direction.FROM_MS if stored else Direction.TO_MS)
    except TpduDecodeError:
        return None
    return made if isinstance(made, SmsDeliver | SmsSubmit | SmsStatusReport) else None


def _report(made: SmsStatusReport) -> str:
    times = f'"{_time(made.scts)}","{_time(made.dt)}"'
    return f'6,{made.mr},"{made.ra}",{made.ra.toa},{times},{made.st}'


def _head(modem: SimModem, message: Stored, status: int) -> tuple[str, list[str]]:
    made = _decode(message)
    word = STATUS_TEXT[status]
    if isinstance(made, SmsDeliver):
        more = f',{made.oa.toa},4,{made.pid},{made.dcs.octet},"",145,{len(made.ud)}' if modem.session.csdh else ""
        return f'"{word}","{made.oa}",,"{_time(made.scts)}"{more}', [_shown(modem, made)]
    if isinstance(made, SmsSubmit):
        return f'"{word}","{made.da}",', [_shown(modem, made)]
    if isinstance(made, SmsStatusReport):
        return f'"{word}",{_report(made)}', []
    return f'"{word}","",,""', [message.tpdu.hex().upper()]


def cmgr_lines(modem: SimModem, message: Stored, status: int) -> list[str]:
    """AT+CMGR in text mode."""
    head, text = _head(modem, message, status)
    return [f"+CMGR: {head}", *text]


def cmgl_lines(modem: SimModem, index: int, message: Stored, status: int) -> list[str]:
    """One message of AT+CMGL in text mode."""
    head, text = _head(modem, message, status)
    return [f"+CMGL: {index},{head}", *text]


def cmt_text(modem: SimModem, tpdu: bytes) -> str:
    """+CMT in text mode."""
    made = _decode(Stored(0, tpdu))
    if isinstance(made, SmsDeliver):
        return f'+CMT: "{made.oa}",,"{_time(made.scts)}"\r\n{_shown(modem, made)}'
    return f'+CMT: "",,""\r\n{tpdu.hex().upper()}'


def cds_text(tpdu: bytes) -> str:
    """+CDS in text mode."""
    made = _decode(Stored(0, tpdu))
    if isinstance(made, SmsStatusReport):
        return f"+CDS: {_report(made)}"
    return "+CDS: 6,0"


def submit_of(modem: SimModem, to: str, payload: bytes) -> bytes:
    """The SUBMIT of a text-mode send; raises `CmsError`."""
    session = modem.session
    first, vp, pid, dcs_octet = session.csmp
    dcs = Dcs.decode(dcs_octet)
    raw = payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        if session.cscs == "UCS2":
            to = bytes.fromhex(to).decode("utf-16-be") if len(to) % 4 == 0 and len(to) > 12 else to
            text = bytes.fromhex(raw.decode("ascii").replace("\n", "")).decode("utf-16-be")
            octets = text.encode("utf-16-be")
        elif session.cscs == "HEX" or dcs.alphabet is not Alphabet.GSM7:
            octets = bytes.fromhex(raw.decode("ascii").replace("\n", ""))
            text = octets.decode("latin-1")
        elif session.cscs == "GSM":
            octets = raw
            text = ""
        else:
            text = raw.decode("ascii", "replace")
            octets = encode_gsm7(text)
        if dcs.alphabet is Alphabet.GSM7 and session.cscs == "UCS2":
            octets = encode_gsm7(text)
        made = SmsSubmit(
            da=Address.parse(to),
            ud=octets,
            dcs=dcs,
            pid=pid,
            vp=Relative(timedelta(seconds=relative_seconds(vp))) if first & 0x18 == 0x10 else None,
            srr=bool(first & 0x20),
        )
        return made.encode()
    except (ValueError, TpduEncodeError):
        raise CmsError(305) from None
