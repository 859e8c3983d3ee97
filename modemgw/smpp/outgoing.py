"""What an ESME of ours says to a provider's SMSC, and what it understands of it: submit_sm, receipts, incoming texts.

Owns the forms of long texts, what a command_status means to a sender, and the many spellings of a receipt. Pure; the
session is modemgw/upstream/esme.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from modemgw.domain.states import State
from modemgw.domain.upstream import (
    AccountTrouble,
    Fate,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamMessage,
)
from modemgw.smpp.errors import PduRefused
from modemgw.smpp.names import STAT, MessageState, Status, Tag
from modemgw.smpp.pdu import Address, ShortMessage
from modemgw.smpp.receipt import inbound_messages

#: Ways of a long text (5.2.12, 5.3.2.22, 5.3.2.32).
LongForm = Literal["udh", "sar", "payload"]
LONG_FORMS: Final = ("udh", "sar", "payload")

#: Keys that `[[upstream]]` of this kind has of its own.
KEYS: Final = frozenset({"system_type", "long", "window", "enquire_s"})

_TEMPORARY: Final = frozenset(
    {Status.ESME_RTHROTTLED, Status.ESME_RMSGQFUL, Status.ESME_RX_T_APPN, Status.ESME_RSYSERR}
)

_ACCOUNT: Final[Mapping[int, AccountTrouble]] = {
    Status.ESME_RINVPASWD: AccountTrouble.LOGIN,
    Status.ESME_RINVSYSID: AccountTrouble.LOGIN,
    Status.ESME_RBINDFAIL: AccountTrouble.LOGIN,
    Status.ESME_RINVBNDSTS: AccountTrouble.CONFIG,
}

_WAY: Final = frozenset({Status.ESME_RINVSRCADR, Status.ESME_RINVSRCTON, Status.ESME_RINVSRCNPI})

_STATES: Final[Mapping[MessageState, State | None]] = {
    MessageState.ENROUTE: State.SENT,
    MessageState.ACCEPTED: State.SENT,
    MessageState.DELIVERED: State.DELIVERED,
    MessageState.EXPIRED: State.EXPIRED,
    MessageState.DELETED: State.UNDELIVERABLE,
    MessageState.UNDELIVERABLE: State.UNDELIVERABLE,
    MessageState.REJECTED: State.UNDELIVERABLE,
    MessageState.UNKNOWN: None,
}
_BY_STAT: Final = {word: state for state, word in STAT.items()}

_ID = re.compile(r"\bid:\s*(\S+)", re.ASCII | re.IGNORECASE)
_STAT = re.compile(r"\bstat:\s*([A-Za-z]+)", re.ASCII | re.IGNORECASE)
_ERR = re.compile(r"\berr:\s*([0-9A-Za-z]+)", re.ASCII | re.IGNORECASE)

#: esm_class bits 5 to 2 of a deliver_sm (5.2.12): an SMSC delivery receipt, and an intermediate notification.
_RECEIPT_BITS: Final = 0x3C
_RECEIPTS: Final = frozenset({0x04, 0x20})


def problems(account: UpstreamAccount) -> Sequence[tuple[str, str]]:
    """(key, sentence) for what is wrong or missing in `[[upstream]]` of the kind `smpp`."""
    found = [
        (key, "is missing: this kind cannot do without it") for key in ("url", "login") if not getattr(account, key)
    ]
    if account.url and not account.url.startswith(("smpp://", "smpps://")):
        found.append(("url", "must be smpp://host:port or smpps://host:port"))
    known = ", ".join(sorted(KEYS))
    found += [
        (key, f"is not known to this kind; its own keys are: {known}") for key in account.options if key not in KEYS
    ]
    if account.options.get("long", "udh") not in LONG_FORMS:
        found.append(("long", f"must be one of {', '.join(LONG_FORMS)}"))
    for key, most in (("window", 1000), ("enquire_s", 3600)):
        value = account.options.get(key, 10)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= most:
            found.append((key, f"must be a number from 1 to {most}"))
    return found


def submits(message: UpstreamMessage, *, long: LongForm, reference: int, service_type: str = "") -> list[ShortMessage]:
    """A text as submit_sm: one, or several in parts. `reference` tells texts apart whose parts meet at a phone."""
    pieces = inbound_messages(  # the same forms go both ways
        sender=message.sender,
        recipient=message.to,
        text=message.text,
        data=None,
        long="payload" if long == "payload" else "udh",
        reference=reference,
        one_sms=True,
    )
    submits = []
    for number, piece in enumerate(pieces, 1):
        tlvs = dict(piece.tlvs)
        esm_class, octets = piece.esm_class, piece.short_message
        if long == "sar" and len(pieces) > 1:
            octets = octets[1 + octets[0] :]
            esm_class = 0
            tlvs[Tag.SAR_MSG_REF_NUM] = (reference & 0xFFFF).to_bytes(2)
            tlvs[Tag.SAR_TOTAL_SEGMENTS] = bytes((len(pieces),))
            tlvs[Tag.SAR_SEGMENT_SEQNUM] = bytes((number,))
        if message.flash:
            tlvs[Tag.DEST_ADDR_SUBUNIT] = b"\x01"
        submits.append(
            piece._replace(
                service_type=service_type,
                esm_class=esm_class,
                short_message=octets,
                validity_period=relative(message.validity_s),
                registered_delivery=1 if message.report else 0,
                tlvs=tlvs,
            )
        )
    return submits


def relative(seconds: int) -> str:
    """A relative time (7.1.1.2), at most 63 days as far as it can be told; days are of months of 30."""
    seconds = min(seconds, 63 * 86_400)
    days, rest = divmod(seconds, 86_400)
    months, days = divmod(days, 30)
    hours, rest = divmod(rest, 3_600)
    minutes, seconds = divmod(rest, 60)
    return f"00{months:02d}{days:02d}{hours:02d}{minutes:02d}{seconds:02d}000R"


def meaning(status: int) -> SendAnswer:
    """What a command_status means to a sender, apart from ESME_ROK."""
    name = Status(status).name if status in Status._value2member_map_ else f"status {status:#x}"
    said = f"It answered {name}."
    if status in _TEMPORARY:
        return SendAnswer(TryOutcome.TEMPORARY, said, code=name, retry_after_s=5.0)
    if status in _ACCOUNT:
        return SendAnswer(TryOutcome.REFUSED_ACCOUNT, said, code=name, trouble=_ACCOUNT[status])
    if status in _WAY:
        return SendAnswer(TryOutcome.REFUSED_WAY, said, code=name)
    return SendAnswer(TryOutcome.REFUSED_MESSAGE, said, code=name)


def is_receipt(message: ShortMessage) -> bool:
    """Whether a deliver_sm tells of a message of ours."""
    return message.esm_class & _RECEIPT_BITS in _RECEIPTS or Tag.RECEIPTED_MESSAGE_ID in message.tlvs


def fate_of(message: ShortMessage) -> Fate | None:
    """What a receipt says; None where it names no message. Its parameters go before its text."""
    try:
        text = message.payload.decode("latin-1")
    except PduRefused:
        text = message.short_message.decode("latin-1")
    receipted = message.tlvs.get(Tag.RECEIPTED_MESSAGE_ID)
    found = _ID.search(text)
    name = receipted.rstrip(b"\0").decode("latin-1") if receipted else found[1] if found else ""
    if not name:
        return None
    octet = message.tlvs.get(Tag.MESSAGE_STATE)
    state: MessageState | None = None
    if octet and octet[0] in MessageState._value2member_map_:
        state = MessageState(octet[0])
    elif (stat := _STAT.search(text)) is not None:
        state = _BY_STAT.get(stat[1].upper())
    err = _ERR.search(text)
    others = [found[1]] if found and found[1] != name else []
    return Fate(
        id=name,
        aliases=tuple(dict.fromkeys(alias for one in (name, *others) for alias in (one, *_spellings(one))))[1:],
        state=None if state is None else _STATES[state],
        text="" if state is None else STAT[state],
        code=err[1] if err and err[1].strip("0") else "",
    )


def _spellings(name: str) -> list[str]:
    """How else an id may have stood in submit_sm_resp: in the other case, in hex instead of decimal, or the reverse."""
    found = [name.lower(), name.upper(), name.lstrip("0")]
    if name.isascii() and name.isdigit() and len(name) <= 20:
        found += [f"{int(name):x}", f"{int(name):X}"]
    if re.fullmatch(r"[0-9A-Fa-f]{1,16}", name):
        found.append(str(int(name, 16)))
    return [one for one in found if one]


def sender_of(source: Address) -> str:
    """Who wrote, as our inbox has it."""
    digits = source.addr.lstrip("+")
    international = source.ton == 1 or source.addr.startswith("+")
    return f"+{digits}" if international and digits.isdigit() else source.addr
