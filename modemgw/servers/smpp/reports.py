"""From what happened to what a client is told: rows of the delivery queue, and rows back to deliver_sm."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from modemgw.dialects.smsc import tables
from modemgw.domain.esme import LostPiece, NewDelivery, PieceView
from modemgw.domain.events import EventKind
from modemgw.domain.message import MessageView
from modemgw.domain.states import State
from modemgw.smpp.names import MessageState, Tag
from modemgw.smpp.pdu import Address
from modemgw.smpp.receipt import Receipt
from modemgw.smpp.submission import KEY

#: Our states in SMPP. A message that may or may not have gone out is UNKNOWN, never DELIVRD and never UNDELIV.
STATES: Final[dict[State, MessageState]] = {
    State.QUEUED: MessageState.ENROUTE,
    State.SENDING: MessageState.ENROUTE,
    State.SENT: MessageState.ENROUTE,
    State.DELIVERED: MessageState.DELIVERED,
    State.UNDELIVERABLE: MessageState.UNDELIVERABLE,
    State.EXPIRED: MessageState.EXPIRED,
    State.REJECTED: MessageState.REJECTED,
    State.CANCELLED: MessageState.DELETED,
    State.UNKNOWN: MessageState.UNKNOWN,
}

#: Events that are told, and the state they tell. "held": the doubt is over, and nobody will ever know.
TOLD: Final[dict[str, MessageState]] = {
    EventKind.MESSAGE_SENT: MessageState.ENROUTE,
    EventKind.MESSAGE_DELIVERED: MessageState.DELIVERED,
    EventKind.MESSAGE_UNDELIVERABLE: MessageState.UNDELIVERABLE,
    EventKind.MESSAGE_EXPIRED: MessageState.EXPIRED,
    EventKind.MESSAGE_REJECTED: MessageState.REJECTED,
    EventKind.MESSAGE_CANCELLED: MessageState.DELETED,
    EventKind.MESSAGE_HELD: MessageState.UNKNOWN,
}

MISSING_PARTS: Final = 241
"""SMSC.ru's err code of a long message whose parts did not all come."""

_NO_STATUS: Final = 245


def wanted(registered: int, state: MessageState) -> bool:
    """Whether registered_delivery asks for this (5.2.17); 17 asks for the last word and for what comes before it."""
    if state is MessageState.ENROUTE:
        return bool(registered & 0x10)
    match registered & 3:
        case 1:
            return True
        case 2:
            return state is not MessageState.DELIVERED
        case 3:  # of SMPP 5.0
            return state is MessageState.DELIVERED
    return False


def receipts(kind: str, at: int, account_id: int, view: MessageView) -> Iterator[NewDelivery]:
    """What an event of a message gives its client: one receipt for each id that it knows the message by."""
    state = TOLD[kind]
    kept = view.extra.get(KEY)
    if not isinstance(kept, Mapping):
        return
    told = [(view.id, int(kept.get("reg", 0)))]
    told += [(int(piece), int(registered)) for piece, registered in kept.get("pieces", ())]
    for message_id, registered in sorted(told):
        if not wanted(registered, state):
            continue
        data = {
            "id": str(message_id),
            "state": int(state),
            "error": error_of(state, view),
            "at": at,
            "submitted": view.created_at,
            "src": kept["src"],
            "dst": kept["dst"],
            "text": (view.text or "")[:20],
            "ref": kept.get("ref"),
            "service": kept.get("service", ""),
            "hlr": kept.get("kind") == "hlr",
            "cost": view.cost,
            "type": _type(kept, view),
            "parts": view.part_count,
        }
        yield NewDelivery(account_id, "receipt", view.priority, json.dumps(data))


def lost_receipt(piece: LostPiece, at: int) -> NewDelivery | None:
    """The receipt of a piece whose fellows never came, if it asked for one."""
    kept = piece.data["extra"][KEY]
    if not wanted(int(kept.get("reg", 0)), MessageState.UNDELIVERABLE):
        return None
    data = {
        "id": str(piece.id),
        "state": int(MessageState.UNDELIVERABLE),
        "error": MISSING_PARTS,
        "at": at,
        "submitted": piece.created_at,
        "src": kept["src"],
        "dst": kept["dst"],
        "text": "",
        "ref": kept.get("ref"),
        "service": kept.get("service", ""),
        "hlr": False,
        "cost": "0",
        "type": 0,
        "parts": 0,
    }
    return NewDelivery(piece.account_id, "receipt", int(piece.data["priority"]), json.dumps(data))


def error_of(state: MessageState, view: MessageView) -> int:
    """err code of SMSC.ru's table, 0 where all is well or still open."""
    if state in (MessageState.ENROUTE, MessageState.DELIVERED, MessageState.DELETED):
        return 0
    if state is MessageState.UNKNOWN:
        return _NO_STATUS
    error = tables.status_of(view)[1]
    return error if 0 <= error <= 255 else 255


def receipt_of(data: Mapping[str, Any], *, vendor: bool) -> Receipt:
    """A row's data as a receipt; with `vendor` it carries SMSC.ru's own parameters too."""
    extra: dict[int, bytes] = {}
    if vendor:
        extra[Tag.COST] = f"{Decimal(data['cost']):.4f}"[:6].encode()
        extra[Tag.FLAGS] = int(data["type"]).to_bytes(2)
        extra[Tag.PARTS] = int(data["parts"]).to_bytes(2)
    return Receipt(
        message_id=data["id"],
        state=MessageState(data["state"]),
        error=data["error"],
        submitted_at=data["submitted"],
        done_at=data["at"],
        source=Address(*data["src"]),
        destination=Address(*data["dst"]),
        text=data["text"],
        final=data["state"] != MessageState.ENROUTE,
        reference=bytes.fromhex(data["ref"]) if data["ref"] else None,
        service_type=data["service"],
        hlr=data["hlr"],
        vendor=extra,
    )


def query_result(found: MessageView | PieceView) -> tuple[MessageState, int, int | None]:
    """message_state, error_code and final_date (Unix ms, None if it is not final) for query_sm_resp."""
    if isinstance(found, PieceView):
        if found.lost:
            return MessageState.UNDELIVERABLE, MISSING_PARTS, found.lost_at
        return MessageState.ENROUTE, 0, None
    state = STATES[found.state]
    final = state not in (MessageState.ENROUTE, MessageState.UNKNOWN)
    return state, error_of(state, found), found.updated_at if final else None


def _type(kept: Mapping[str, Any], view: MessageView) -> int:
    """SMSC.ru's type of a message: 0 SMS, 1 flash, 2 binary, 4 HLR, 5 ping."""
    kind = {"hlr": 4, "ping": 5}.get(str(kept.get("kind")))
    if kind is not None:
        return kind
    return 1 if view.flash else 2 if view.text is None else 0
