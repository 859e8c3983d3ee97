"""Incoming messages as clients see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class InboxKind(StrEnum):
    """What an incoming message is; everything but TEXT is labelled so that nobody takes it for a text."""

    TEXT = "text"
    FLASH = "flash"  # class 0
    BINARY = "binary"  # 8-bit data or port-addressed
    MMS = "mms"  # the notification of an MMS that waits to be fetched
    VOICEMAIL = "voicemail"  # message waiting indication
    TYPE0 = "type0"  # short message type 0 ("silent")
    UNDECODABLE = "undecodable"  # kept raw


@dataclass(frozen=True, slots=True)
class MmsView:
    """What a notification tells of its MMS. Times are Unix milliseconds; None: it does not say."""

    sender: str | None  # None: hidden
    via: str  # who sent the notification: the network
    url: str  # where it lies, for its recipient alone
    size: int | None  # octets
    expires_at: int | None
    subject: str | None
    message_class: str | None
    transaction: str | None


@dataclass(frozen=True, slots=True)
class InboxView:
    """One incoming message, whole or partial. Times are Unix milliseconds."""

    id: int
    line: str
    sender: str  # "from" in the API
    recipient: str | None  # the line's own number, where known
    text: str | None
    kind: InboxKind
    data: bytes | None
    received_at: int
    scts: int | None  # service centre time stamp; None where it was not a time
    scts_offset_s: int | None
    parts: int  # total as announced
    missing: tuple[int, ...]
    complete: bool
    ports: tuple[int, int] | None  # destination, originator
    pdus: tuple[str, ...]  # hex with the SMSC prefix, as read from the modem
    copies: int = 1  # how often it came; of a message of several parts, that part which came most often
    mms: MmsView | None = None
    problem: str | None = None  # of what is undecodable: why
