"""TP-ST, the fate that a status report tells (TS 23.040 9.2.3.15)."""

from __future__ import annotations

from enum import Enum
from typing import Final


class StatusMeaning(Enum):
    """The four things that a TP-ST can mean for the sender."""

    DELIVERED = "delivered"
    """The transaction is complete: 0x00 to 0x1F."""
    TRYING = "trying"
    """A temporary error, the SMSC goes on trying: 0x20 to 0x3F."""
    FAILED = "failed"
    """A permanent error: 0x40 to 0x5F."""
    GAVE_UP = "gave_up"
    """A temporary error, and the SMSC has stopped trying: 0x60 to 0x7F. Reserved values count as 0x63."""


_MEANINGS: Final = (
    StatusMeaning.DELIVERED,
    StatusMeaning.TRYING,
    StatusMeaning.FAILED,
    StatusMeaning.GAVE_UP,
)

_TEXTS: Final = {
    0x00: "received by the recipient's phone",
    0x01: "forwarded by the service centre, which cannot confirm that it was received",
    0x02: "replaced by the service centre",
    0x20: "congestion, the service centre is still trying",
    0x21: "recipient's phone busy, the service centre is still trying",
    0x22: "no response from the recipient's phone, the service centre is still trying",
    0x23: "service rejected, the service centre is still trying",
    0x24: "quality of service not available, the service centre is still trying",
    0x25: "error in the recipient's phone, the service centre is still trying",
    0x40: "remote procedure error",
    0x41: "incompatible destination",
    0x42: "connection rejected by the recipient's phone",
    0x43: "not obtainable",
    0x44: "quality of service not available",
    0x45: "no interworking available",
    0x46: "validity period expired",
    0x47: "deleted by the sender",
    0x48: "deleted by the service centre's administration",
    0x49: "the message does not exist (any more) at the service centre",
    0x60: "congestion, the service centre has given up",
    0x61: "recipient's phone busy, the service centre has given up",
    0x62: "no response from the recipient's phone, the service centre has given up",
    0x63: "service rejected, the service centre has given up",
    0x64: "quality of service not available, the service centre has given up",
    0x65: "error in the recipient's phone, the service centre has given up",
}

_RANGES: Final = (
    "completed",
    "temporary error, the service centre is still trying",
    "permanent error",
    "temporary error, the service centre has given up",
)


def status_meaning(st: int) -> StatusMeaning:
    """What a TP-ST octet means; a value with bit 7 set is reserved and read as "service rejected" (0x63)."""
    return StatusMeaning.GAVE_UP if st & 0x80 else _MEANINGS[st >> 5 & 3]


def describe_status(st: int) -> str:
    """A TP-ST octet in words, with its number where the standard leaves the meaning to the service centre."""
    text = _TEXTS.get(st)
    if text:
        return text
    if st & 0x80:
        return f"reserved status {st:#04x}, read as service rejected"
    kind = "service centre's own" if st & 0x10 else "reserved"
    return f"{_RANGES[st >> 5]} ({kind} status {st:#04x})"
