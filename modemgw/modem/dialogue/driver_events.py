"""URCs turned into the driver's typed events: a table from name to reader. Owns no state."""

from __future__ import annotations

import re
from collections.abc import Callable

from modemgw.at.errors import AtResponseError
from modemgw.at.parser import UNKNOWN, Urc
from modemgw.at.responses import (
    read_caller,
    read_direct_length,
    read_pin_state,
    read_stored_indication,
    read_submit_reference,
    read_ussd,
    value_of,
    with_sca,
)
from modemgw.at.urcs import BOOT_URCS, POWER_URCS, STORAGE_FULL_URCS
from modemgw.modem.dialogue.driver import (
    CallEnded,
    DirectMessage,
    DirectReport,
    IncomingCall,
    LateCmgs,
    MessageStored,
    ModemEvent,
    PowerWarning,
    Rebooted,
    ReportStored,
    SimChanged,
    StorageFull,
    UnknownUrc,
    UssdReply,
)
from modemgw.sms import Direction, SmsDeliver, SmsStatusReport, TpduDecodeError, decode_pdu

LEAST_PDU = 32  # hexadecimal digits of the shortest SMS-DELIVER with an SMSC address
_OCTETS = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")


def event_of(urc: Urc) -> ModemEvent | None:
    """The event of a URC; None for one that means nothing to the gateway. What cannot be read becomes UnknownUrc."""
    read = _READERS.get(urc.name)
    try:
        if read is not None:
            return read(urc)
    except AtResponseError:
        return UnknownUrc(urc.text)
    if urc.name in BOOT_URCS:
        return Rebooted(urc.text)
    if urc.name in STORAGE_FULL_URCS:
        return StorageFull(_memory_in(urc.text))
    if urc.name in POWER_URCS or urc.name.startswith(("UNDER-VOLT", "OVER-VOLT")):
        return PowerWarning(urc.text)
    return _unknown(urc) if urc.name == UNKNOWN else None


def _memory_in(text: str) -> str | None:
    """`^SMMEMFULL: "SM"`."""
    return value_of(text).strip('"').upper() or None


def _message_stored(urc: Urc) -> ModemEvent:
    memory, index = read_stored_indication(urc.text)
    return StorageFull(memory) if memory is None or index < 0 else MessageStored(memory, index)


def _report_stored(urc: Urc) -> ModemEvent:
    memory, index = read_stored_indication(urc.text)
    return StorageFull(memory or "SR") if memory is None or index < 0 else ReportStored(memory, index)


def _direct_message(urc: Urc) -> ModemEvent:
    handed = _handed_over(urc)
    return UnknownUrc(urc.text) if handed is None else DirectMessage(*handed)


def _direct_report(urc: Urc) -> ModemEvent:
    handed = _handed_over(urc)
    return UnknownUrc(urc.text) if handed is None else DirectReport(*handed)


def _handed_over(urc: Urc) -> tuple[str, int | None, bool] | None:
    """The PDU, or what stands for it where it came garbled or not at all: it exists nowhere else; its announced
    length; whether it is whole. None for the lines of text mode."""
    length = read_direct_length(urc.text)
    if urc.pdu is None:
        return (urc.text, length, False) if length and "\n" not in urc.text else None
    if not _OCTETS.match(urc.pdu):
        return urc.pdu, length, False
    pdu = urc.pdu.upper()
    whole = length is None or len(pdu) // 2 in (length, length + 1 + int(pdu[:2], 16))
    return with_sca(pdu, length), length, whole


def _unknown(urc: Urc) -> ModemEvent:
    """A PDU alone was handed over, and its header got lost: to take it for noise would lose it."""
    if len(urc.text) >= LEAST_PDU and _OCTETS.match(urc.text):
        try:
            tpdu = decode_pdu(urc.text, Direction.TO_MS).tpdu
        except TpduDecodeError:
            return UnknownUrc(urc.text)
        if isinstance(tpdu, SmsStatusReport) and tpdu.scts.valid:
            return DirectReport(urc.text.upper(), None)
        if isinstance(tpdu, SmsDeliver) and tpdu.scts.valid:
            return DirectMessage(urc.text.upper(), None)
    return UnknownUrc(urc.text)


def _ussd(urc: Urc) -> ModemEvent:
    reply = read_ussd(urc.text)
    return UssdReply(reply.status, reply.text, reply.dcs)


def _voice_call(urc: Urc) -> ModemEvent | None:
    """`VOICE CALL: BEGIN`, `VOICE CALL: END: 000012` (SIMCom)."""
    return CallEnded(urc.text) if "END" in urc.text.upper() else None


_READERS: dict[str, Callable[[Urc], ModemEvent | None]] = {
    "+CMTI": _message_stored,
    "+CDSI": _report_stored,
    "+CMT": _direct_message,
    "+CDS": _direct_report,
    "+CMGS": lambda urc: LateCmgs(read_submit_reference(urc.text)),
    "+CUSD": _ussd,
    "+CPIN": lambda urc: SimChanged(read_pin_state(urc.text)),
    "+CLIP": lambda urc: IncomingCall(read_caller(urc.text), told=True),
    "RING": lambda urc: IncomingCall(None),
    "+CRING": lambda urc: IncomingCall(None),
    "NO CARRIER": lambda urc: CallEnded(urc.text),
    "^CEND": lambda urc: CallEnded(urc.text),
    "MISSED_CALL": lambda urc: CallEnded(urc.text),
    "VOICE CALL": _voice_call,
}
