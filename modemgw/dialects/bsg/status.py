"""What became of a message, by id, reference or task; the same body is posted to callbacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

from modemgw.dialects.bsg import tables
from modemgw.dialects.bsg.sending import TASKS, TESTS
from modemgw.dialects.bsg.wire import Answer, ApiError, Caller, amount, clock, described
from modemgw.dialects.seam import FindMessage, GetRecord, ListRecords
from modemgw.domain.message import MessageView, row_id
from modemgw.domain.requests import Command, MessageQuery, Record
from modemgw.domain.states import FINAL, State

MAX_IDS = 1000
_PAGE = 1000

Found = dict[str, Any]


def told(view: MessageView, currency: str, now: int) -> Found:
    """A message in the provider's fields."""
    sent = [part.sent_at for part in view.parts if part.sent_at is not None]
    word = tables.STATES[view.state]
    if view.state is State.QUEUED and view.send_at is not None and view.send_at > now:
        word = tables.SCHEDULED
    return {
        **described(0),
        "id": str(view.id),
        "msisdn": view.to.removeprefix("+"),
        "reference": str(view.extra.get("ref", "")),
        "time_in": clock(view.created_at),
        "time_sent": clock(min(sent)) if sent else None,
        "time_dr": clock(view.updated_at) if view.state in FINAL else None,
        "status": word,
        "price": amount(view.cost),
        "currency": currency,
    }


def _made_up(record: Record, currency: str) -> Found:
    """Of a message that went out with a test key: delivered the moment it came."""
    at = clock(record.created_at)
    return {
        **described(0),
        "id": str(record.id),
        "msisdn": str(record.data["to"]).removeprefix("+"),
        "reference": record.key,
        "time_in": at,
        "time_sent": at,
        "time_dr": at,
        "status": tables.STATES[State.DELIVERED],
        "price": amount(record.data["cost"]),
        "currency": currency,
    }


def _by_id(caller: Caller, text: str) -> Generator[Command, Any, Found | None]:
    number = row_id(text)
    if number is None:
        return None
    currency = caller.account.currency
    if caller.test:
        records: Sequence[Record] = yield ListRecords(caller.account, TESTS, after=number - 1, limit=1)
        return _made_up(records[0], currency) if records and records[0].id == number else None
    view: MessageView | None = yield FindMessage(caller.account, id=number)
    return None if view is None else told(view, currency, caller.now)


def by_id(caller: Caller, text: str, service: str = "sms") -> Answer:
    """sms/{id}, hlr/{id}, viber/{id}."""
    found = yield from _by_id(caller, text)
    return _or_not_found(found, service)


def by_reference(caller: Caller, reference: str, service: str = "sms") -> Answer:
    """…/reference/{reference}."""
    if service == "hlr" and not reference.replace("_", "").isalnum():
        raise ApiError(65)
    found: Found | None = None
    if reference.isascii() and reference.isprintable() and caller.test:
        record: Record | None = yield GetRecord(caller.account, TESTS, reference)
        found = None if record is None else _made_up(record, caller.account.currency)
    elif reference.isascii() and reference.isprintable():
        views: Sequence[MessageView] = yield MessageQuery(
            caller.account, limit=1, newest=True, refs=(reference,), dialect="bsg"
        )
        found = told(views[0], caller.account.currency, caller.now) if views else None
    return _or_not_found(found, service)


def _or_not_found(found: Found | None, service: str) -> Found:
    if found is None:
        raise ApiError(tables.OTHER_CODES[service].get(tables.NOT_FOUND, tables.NOT_FOUND))
    if service == "hlr":
        return found | dict.fromkeys(("imsi", "brand", "name_en", "name_ru", "network", "mcc", "mnc", "country"), "")
    return found


def by_ids(caller: Caller, document: Any) -> Answer:
    """sms/getStatus: those that there are."""
    ids = document.get("ids") if isinstance(document, dict) else None
    if not isinstance(ids, list) or not ids:
        raise ApiError(tables.BAD_PAYLOAD, "ids is a list of at least one.")
    if len(ids) > MAX_IDS:
        raise ApiError(tables.BATCH, f"ids has {MAX_IDS} at the most.")
    result = []
    for given in ids:
        text = given if isinstance(given, str) else f"{given:d}" if isinstance(given, int) and given < 10**18 else ""
        found = yield from _by_id(caller, text)
        if found is None:
            result.append({**described(tables.NOT_FOUND), "id": text})
        else:
            result.append({**found, "external_id": found["reference"]})
    return {**described(0), "result": result}


def by_task(caller: Caller, text: str) -> Answer:
    """sms/task/{id}: how many of it are in each state."""
    if row_id(text) is None:
        raise ApiError(tables.BAD_TASK)
    record: Record | None = yield GetRecord(caller.account, TASKS, text)
    if record is None or record.data["test"] != caller.test:
        raise ApiError(tables.NO_TASK)
    found = yield from task_messages(caller, record)
    counts = Counter(item["status"] for item in found)
    words = ["queued", tables.SCHEDULED, *tables.STATES.values()]
    total = amount(str(sum(item["price"] for item in found)))
    return {
        **described(0),
        "originator": record.data["originator"],
        "body": record.data["body"],
        "validity": record.data["validity"],
        "totalprice": total,
        "total_price": total,
        "currency": caller.account.currency,
        "total": len(found),
        **{word: counts[word] for word in words},
    }


def task_messages(caller: Caller, record: Record) -> Generator[Command, Any, list[Found]]:
    """All messages of a task."""
    refs = list(record.data["refs"])
    found: list[Found] = []
    if caller.test:
        for ref in refs:
            kept: Record | None = yield GetRecord(caller.account, TESTS, ref)
            if kept is not None:
                found.append(_made_up(kept, caller.account.currency))
        return found
    for start in range(0, len(refs), _PAGE):
        views: Sequence[MessageView] = yield MessageQuery(
            caller.account, limit=_PAGE, refs=tuple(refs[start : start + _PAGE]), dialect="bsg"
        )
        mine = (view for view in views if view.extra.get("task") == record.id)
        found += [told(view, caller.account.currency, caller.now) for view in mine]
    return found
