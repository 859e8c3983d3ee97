"""What an incoming PDU is: a text, a piece of one, a report, something to be labelled, or undecodable. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from modemgw.domain.inbox import InboxKind, MmsView
from modemgw.domain.message import TYPE_0
from modemgw.rules.report_matching import tail
from modemgw.sms import (
    Alphabet,
    Concat,
    Direction,
    MessageClass,
    SmsDeliver,
    SmsStatusReport,
    TpduDecodeError,
    decode_pdu,
)
from modemgw.sms.deliver import Remains
from modemgw.sms.mms import WAP_PUSH_PORT, MmsNotification, read_mms_notification
from modemgw.sms.pdu import remains_of_pdu

#: The end of the year 9999 in Unix ms: no time beyond it can be written.
LAST_MS = 253_402_300_799_000

#: TP-MMS, "more messages to send": differs between deliveries of the same message.
_MMS_BIT = 0x04


@dataclass(frozen=True, slots=True)
class RawPdu:
    """A PDU as the modem gave it: hex with the SMSC prefix, and where it lies (None: it came direct).

    What a modem gave that is no hex is kept as it came.
    """

    hex: str
    memory: str | None = None
    index: int | None = None
    lay_there: bool = False  # when the line came up: it may be one that was taken in before and not deleted


@dataclass(frozen=True, slots=True)
class Incoming:
    """A raw PDU, understood as far as it can be."""

    raw: RawPdu
    digest: bytes  # equal for two deliveries of one message
    deliver: SmsDeliver | None = None
    report: SmsStatusReport | None = None
    reason: str | None = None  # why it does not decode
    remains: Remains | None = None  # what can be read of it all the same
    timed: bool = False  # its service centre time is a time: two equal ones are one message

    @property
    def concat(self) -> Concat | None:
        return self.deliver.udh.concat if self.deliver is not None else None


def understand(raw: RawPdu) -> Incoming:
    """Decode a PDU; never raises. What is neither SMS-DELIVER nor SMS-STATUS-REPORT counts as undecodable."""
    digest = _digest(raw)
    try:
        tpdu = decode_pdu(raw.hex, Direction.TO_MS).tpdu
    except TpduDecodeError as error:
        remains = remains_of_pdu(raw.hex)
        timed = remains is not None and remains.scts is not None and remains.scts.valid
        return Incoming(raw, digest, reason=str(error), remains=remains, timed=timed)
    if isinstance(tpdu, SmsDeliver):
        return Incoming(raw, digest, deliver=tpdu, timed=tpdu.scts.valid)
    if isinstance(tpdu, SmsStatusReport):
        return Incoming(raw, digest, report=tpdu, timed=tpdu.scts.valid)
    return Incoming(raw, digest, reason=f"A {type(tpdu).__name__} does not come in by itself.")


def _digest(raw: RawPdu) -> bytes:
    """A fingerprint of the TPDU alone: another service centre or TP-MMS makes no other message.

    What is not even octets is told by its place as well: two headers without a PDU are two messages.
    """
    try:
        octets = bytes.fromhex(raw.hex)
    except ValueError:
        text = f"{raw.memory} {raw.index} {raw.hex}"
        return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
    start = 1 + octets[0] if octets else 0
    tpdu = bytearray(octets[start:]) or bytearray(octets)
    if start < len(octets):
        tpdu[0] &= ~_MMS_BIT
    return hashlib.blake2b(bytes(tpdu), digest_size=16).digest()


#: Who sent an MMS whose sender the network hides.
HIDDEN = "hidden"


def mms_in(deliver: SmsDeliver, data: bytes | None) -> MmsNotification | None:
    """The notification in the whole user data of a push; the ports may have been lost on the way."""
    if data is None or (deliver.udh.ports is not None and deliver.udh.ports.destination != WAP_PUSH_PORT):
        return None
    return read_mms_notification(data)


def mms_view(deliver: SmsDeliver, data: bytes | None, received_at: int) -> MmsView | None:
    """What the notification tells; `received_at` in Unix ms."""
    notification = mms_in(deliver, data)
    if notification is None:
        return None
    at, within_s = notification.expires_at, notification.expires_in_s
    expires_at = at * 1000 if at is not None else None if within_s is None else received_at + within_s * 1000
    return MmsView(
        sender=notification.sender,
        via=sender_of(deliver),
        url=notification.location,
        size=notification.size,
        expires_at=expires_at if expires_at is not None and expires_at < LAST_MS else None,
        subject=notification.subject,
        message_class=notification.message_class,
        transaction=notification.transaction,
    )


def kind_of(deliver: SmsDeliver) -> InboxKind:
    """The label a message gets in the inbox."""
    if deliver.pid == TYPE_0:
        return InboxKind.TYPE0
    if deliver.dcs.message_waiting is not None or deliver.udh.special_message_indications:
        return InboxKind.VOICEMAIL
    if deliver.udh.ports is not None or deliver.text is None or deliver.dcs.alphabet is Alphabet.DATA8:
        return InboxKind.BINARY
    if deliver.dcs.message_class is MessageClass.CLASS0:
        return InboxKind.FLASH
    return InboxKind.TEXT


def sender_of(deliver: SmsDeliver) -> str:
    """The originating address as shown and matched."""
    return str(deliver.oa)


def time_ms(time: datetime | None) -> int | None:
    """Unix ms of a service centre time."""
    return None if time is None else int(time.timestamp() * 1000)


def offset_s(time: datetime | None) -> int | None:
    """Its zone, in seconds east of UTC."""
    offset = None if time is None else time.utcoffset()
    return None if offset is None else int(offset.total_seconds())


__all__ = [
    "Incoming",
    "RawPdu",
    "kind_of",
    "offset_s",
    "sender_of",
    "tail",
    "time_ms",
    "understand",
]
