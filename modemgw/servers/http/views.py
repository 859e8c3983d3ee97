"""Domain objects as the JSON of the native API. Owns names and formats of fields; models.py documents them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from modemgw.domain.call import CallView
from modemgw.domain.health import Health
from modemgw.domain.inbox import InboxView, MmsView
from modemgw.domain.line import ModemView
from modemgw.domain.message import AttemptView, EventView, MessageView, PartView, ReceiptView
from modemgw.servers.http import models

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(at_ms: int) -> str:
    """Unix milliseconds as RFC 3339 in UTC, with milliseconds."""
    moment = _EPOCH + timedelta(milliseconds=at_ms)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def accepted(view: MessageView) -> dict[str, Any]:
    """AcceptedBody of a message that was accepted before."""
    return {
        "id": view.id,
        "state": view.state.value,
        "encoding": view.encoding,
        "parts": view.part_count,
        "to": view.to,
        "client_ref": view.client_ref,
    }


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


#: Name, attribute of the view, and form of each field; a field of another name than the view's is in _NAMED.
_NAMED = {"modem": "line"}
_SUMMARY: tuple[tuple[str, str, Callable[[Any], object]], ...] = tuple(
    (name, _NAMED.get(name, name), _time if name.endswith("_at") else _shown)
    for name in models.MessageSummary.model_fields
)


def message_summary(view: MessageView) -> dict[str, Any]:
    """MessageSummary: a field of that model shows the field of the view."""
    return {name: form(getattr(view, attribute)) for name, attribute, form in _SUMMARY}


def message(view: MessageView, events: Sequence[EventView]) -> dict[str, Any]:
    """MessageBody."""
    body = message_summary(view)
    body["parts"] = [_part(part) for part in view.parts]
    body["events"] = [event(item) for item in events]
    body["doubt_at"] = _time(view.doubt_at)
    body["ahead"] = view.ahead
    return body


def _part(view: PartView) -> dict[str, Any]:
    return {
        "seq": view.seq,
        "state": view.state.value,
        "modem": view.line,
        "mr": view.mr,
        "sent_at": _time(view.sent_at),
        "done_at": _time(view.done_at),
        "error": view.error,
        "error_code": view.error_code,
        "st": view.st,
        "attempts": [_attempt(attempt) for attempt in view.attempts],
        "receipts": [_receipt(receipt) for receipt in view.receipts],
    }


def _attempt(view: AttemptView) -> dict[str, Any]:
    return {
        "n": view.n,
        "line": view.line,
        "modem": view.line,
        "imsi": view.imsi,
        "number": view.number,
        "started_at": rfc3339(view.started_at),
        "ended_at": _time(view.ended_at),
        "outcome": view.outcome,
        "mr": view.mr,
        "error": view.error,
    }


def _receipt(view: ReceiptView) -> dict[str, Any]:
    return {
        "id": view.id,
        "st": view.st,
        "meaning": view.meaning,
        "text": view.text,
        "received_at": rfc3339(view.received_at),
        "done_at": _time(view.done_at),
        "ambiguous": view.ambiguous,
    }


def event(view: EventView) -> dict[str, Any]:
    """EventBody."""
    return {
        "id": view.id,
        "at": rfc3339(view.at),
        "kind": view.kind,
        "message_id": view.message_id,
        "part": view.part,
        "modem": view.line,
        "inbox_id": view.inbox_id,
        "data": view.data,
    }


def inbox_item(view: InboxView) -> dict[str, Any]:
    """InboxBody."""
    ports = view.ports and {"destination": view.ports[0], "originator": view.ports[1]}
    return {
        "id": view.id,
        "modem": view.line,
        "from": view.sender,
        "to": view.recipient,
        "text": view.text,
        "kind": view.kind.value,
        "data": _hex(view.data),
        "received_at": rfc3339(view.received_at),
        "scts": _time(view.scts),
        "scts_offset_s": view.scts_offset_s,
        "parts": view.parts,
        "missing": list(view.missing),
        "complete": view.complete,
        "ports": ports,
        "pdus": list(view.pdus),
        "problem": view.problem,
        "mms": None if view.mms is None else _mms(view.mms),
        "copies": view.copies,
    }


def _mms(view: MmsView) -> dict[str, Any]:
    """MmsBody."""
    return {
        "from": view.sender,
        "via": view.via,
        "url": view.url,
        "size": view.size,
        "expires_at": _time(view.expires_at),
        "subject": view.subject,
        "message_class": view.message_class,
        "transaction_id": view.transaction,
    }


def call(view: CallView) -> dict[str, Any]:
    """A call in the callbacks of the native format."""
    return {"modem": view.line, "from": view.number, "received_at": rfc3339(view.at), "rejected": view.rejected}


def modem(view: ModemView) -> dict[str, Any]:
    """ModemBody."""
    storage = [{"memory": item.memory, "used": item.used, "total": item.total} for item in view.storage]
    return {
        "name": view.name,
        "port": view.port,
        "state": view.state.value,
        "reason": view.reason,
        "since": rfc3339(view.since),
        "imei": view.imei,
        "imsi": view.imsi,
        "iccid": view.iccid,
        "number": view.number,
        "manufacturer": view.manufacturer,
        "model": view.model,
        "firmware": view.firmware,
        "operator": view.operator,
        "registration": view.registration,
        "signal_dbm": view.signal_dbm,
        "smsc": view.smsc,
        "storage": storage,
        "sent": view.sent,
        "received": view.received,
        "in_air": view.in_air,
        "paused": view.paused,
        "reports": view.reports,
        "balance": view.balance,
        "balance_currency": view.balance_currency,
        "balance_at": _time(view.balance_at),
        "recoveries": dict(view.recoveries),
    }


def health(view: Health, reason: str | None) -> dict[str, Any]:
    """ReadyBody. `reason`: why it is not ready."""
    return {
        "ready": reason is None,
        "reason": reason,
        "store": view.store,
        "lines": [{"name": name, "state": state} for name, state in view.lines],
        "queued": view.queued,
        "held": dict(view.held),
    }
