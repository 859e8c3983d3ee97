"""URCs turned into the driver's typed events: a table from name to reader. Owns no state."""

from __future__ import annotations

from collections.abc import Callable

from modemgw.at.errors import AtResponseError
from modemgw.at.parser import Urc
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
    return UnknownUrc(urc.text) if urc.name == "unknown" else None


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
    length = read_direct_length(urc.text)
    pdu = _handed_over(urc, length)
    return UnknownUrc(urc.text) if pdu is None else DirectMessage(pdu, length)


def _direct_report(urc: Urc) -> ModemEvent:
    length = read_direct_length(urc.text)
    pdu = _handed_over(urc, length)
    return UnknownUrc(urc.text) if pdu is None else DirectReport(pdu, length)


def _handed_over(urc: Urc, length: int | None) -> str | None:
    """The PDU, or what stands for it where it came garbled or not at all: it exists nowhere else.

    None for the lines of text mode.
    """
    if urc.pdu is not None:
        return with_sca(urc.pdu.upper(), length)
    return urc.text if length and "\n" not in urc.text else None


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
