"""status.php: one message or many, `all` 0, 1 and 2, deleting, HLR columns, in every format."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from modemgw.dialects.seam import CancelMessage, FindMessage, LookupNumber, MarkMessage, Steps, WireRequest
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.details import details, place
from modemgw.dialects.smsc.entrance import Caller, enter
from modemgw.dialects.smsc.kinds import Kind, hlr_fields, kind_of
from modemgw.dialects.smsc.recipients import REFUSED, digits, refused_key
from modemgw.dialects.smsc.times import moscow_time
from modemgw.dialects.smsc.wire import (
    CSV,
    JSON,
    XML,
    ApiError,
    Params,
    answer_done,
    answer_json,
    answer_text,
    answer_xml,
)
from modemgw.domain.account import Account
from modemgw.domain.message import MessageView, row_id
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command, MessageQuery, NumberFacts
from modemgw.domain.states import State

MAX_MESSAGES = 500

#: Messages of one id that are looked through for the numbers that were refused beside them.
MAX_PAGE = 1000

#: Columns of all=1 and all=2 in fmt 1; those of all=2 stand before the sender.
_FRONT = ("send_timestamp", "phone", "cost")
_PLACE = ("country", "operator", "region")


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked for and what there is; `facts` is what is known of its number, where that was asked for too."""

    phone: str
    id: str
    view: MessageView | None
    facts: NumberFacts | None = None
    refused: bool = False  # nothing was stored: the view says how the number was refused beside the good ones


def status(params: Params, request: WireRequest) -> Steps:
    """The newest message with that id that went to that number; a comma in either makes the answer a list."""
    caller = yield from enter(params, request)
    phones, ids = params.text("phone"), params.text("id")
    listed = "," in phones or "," in ids
    asked = _asked(_values(phones), _values(ids))
    detail = min(params.flag("all"), 2)
    if len(asked) > 1:
        yield from caller.throttle("mass status", caller.options.mass_status)
    else:
        yield from caller.throttle("status", caller.options.status_per_message, *asked[0])
    found = []
    refused: dict[str, Sequence[MessageView]] = {}
    for phone, message_id in asked:
        view = yield from find(caller.account, phone, message_id)
        if view is None:
            if message_id not in refused:
                refused[message_id] = yield from _with_refusals(caller.account, message_id)
            if (view := _refused(phone, refused[message_id])) is not None:
                found.append(Found(phone, message_id, view, refused=True))
                continue
        facts = (yield LookupNumber(view.to)) if view is not None and detail == 2 else None
        found.append(Found(phone, message_id, view, facts))
    if params.flag("del"):
        yield from _delete(found, caller)
        return answer_done(params)
    if params.fmt in {JSON, XML}:
        items = [_item(one, detail, listed=listed) for one in found]
        if params.fmt == JSON:
            return answer_json(params, items if listed else items[0])
        if listed:
            return answer_xml(params, items, root="list", item="sms")
        return answer_xml(params, items[0], root="sms")
    word = _csv if params.fmt == CSV else _text
    return answer_text(params, "\n".join(word(one, detail, listed=listed) for one in found))


def find(account: Account, phone: str, message_id: str) -> Generator[Command, Any, MessageView | None]:
    """The newest message with the client's id or, where there is none, with ours; None also for deleted ones."""
    to = digits(phone, account)
    if not to:
        return None
    view: MessageView | None = yield FindMessage(account, ref=message_id, to=to)
    if view is None and (number := row_id(message_id)) is not None:
        view = yield FindMessage(account, id=number, to=to)
    return None if view is None or view.extra.get("deleted") else view


def _with_refusals(account: Account, message_id: str) -> Generator[Command, Any, list[MessageView]]:
    """Messages of a request beside which numbers were refused; the newest first."""
    views: list[MessageView] = [*(yield MessageQuery(account, refs=(message_id,), limit=MAX_PAGE, dialect="smsc"))]
    if (number := row_id(message_id)) is not None:
        view: MessageView | None = yield FindMessage(account, id=number)
        views += [view] if view is not None else []
    return [view for view in reversed(views) if REFUSED in view.extra]


def _refused(phone: str, views: Sequence[MessageView]) -> MessageView | None:
    """What is told of a number that was refused: a message that never was, rejected when its fellows were taken."""
    for view in views:
        numbers = view.extra[REFUSED]
        if isinstance(numbers, dict) and (status := numbers.get(refused_key(phone))) is not None:
            return replace(
                view,
                state=State.REJECTED,
                to=phone,
                text="",
                data=None,
                part_count=0,
                parts=(),
                cost="0.00",
                updated_at=view.created_at,
                extra={tables.REFUSED_AS: status},
            )
    return None


def _values(text: str) -> list[str]:
    return [value.strip() for value in text.split(",") if value.strip()]


def _asked(phones: list[str], ids: list[str]) -> list[tuple[str, str]]:
    """Both lists in equal order; one number may go with many ids and the other way round."""
    if not phones or not ids:
        raise ApiError(tables.PARAMETERS, reason="Give phone and id.")
    if len(phones) == 1:
        phones = phones * len(ids)
    elif len(ids) == 1:
        ids = ids * len(phones)
    if len(phones) != len(ids):
        raise ApiError(tables.PARAMETERS, reason="phone and id must have equally many values.")
    if len(ids) > MAX_MESSAGES:
        raise ApiError(tables.PARAMETERS, reason=f"More than {MAX_MESSAGES} messages at once.")
    return list(zip(phones, ids, strict=True))


def _delete(found: Sequence[Found], caller: Caller) -> Generator[Command, Any, None]:
    """Hide them, and withdraw those that were not sent yet. Raises ApiError 5 if one of them could not be."""
    problem = ""
    for one in found:
        if one.view is None or one.refused:
            problem = f"There is no message {one.id} to {one.phone}."
            continue
        try:
            if one.view.state is State.QUEUED:
                yield CancelMessage(caller.account, one.view.id)
        except Refusal as refusal:
            problem = str(refusal)
        else:
            yield MarkMessage(caller.account, one.view.id, {"deleted": True})
    if problem:
        raise ApiError(tables.NOT_DONE, description="cannot delete", reason=problem)


def _shown_id(message_id: str) -> int | str:
    """A number as the live service has it, where the client's id reads as one."""
    number = row_id(message_id)
    return number if str(number) == message_id and number is not None else message_id


def _state(view: MessageView) -> dict[str, Any]:
    """What all=0 tells. The live service leaves `err` out where there is none."""
    code, error = tables.status_of(view)
    item: dict[str, Any] = {
        "status": code,
        "last_date": moscow_time(view.updated_at),
        "last_timestamp": view.updated_at // 1000,
    }
    return item | ({"err": error} if error else {})


def _item(one: Found, detail: int, *, listed: bool) -> dict[str, Any]:
    named = {"id": _shown_id(one.id), "phone": one.phone} if listed else {}
    view = one.view
    if view is None:
        # clients that ask for all read it of every row
        name = {"status_name": tables.STATUS_NAMES[tables.NOT_FOUND]} if detail else {}
        return {"status": tables.NOT_FOUND, **name, **named}
    kind = kind_of(view)
    item = _state(view) | hlr_fields(kind)
    if detail:
        item |= details(view)
        if comment := view.extra.get("comment"):
            item["comment"] = comment
        item |= {"type": int(kind), "sms_cnt": view.part_count, "mccmnc": ""}
        if detail == 2:
            item |= place(one.facts)
    return item | named


def _csv(one: Found, detail: int, *, listed: bool) -> str:
    """Columns of the official libraries; the text is the last of a message's own and may hold commas."""
    view = one.view
    if view is None:
        columns = [str(tables.NOT_FOUND), "0", "0"]
    else:
        code, error = tables.status_of(view)
        kind = kind_of(view)
        columns = [str(code), str(view.updated_at // 1000), str(error), *hlr_fields(kind).values()]
        if detail:
            more = details(view)
            columns += [str(more[name]) for name in _FRONT]
            columns += [place(one.facts)[name] for name in _PLACE] if detail == 2 else []
            columns += ["HLR" if kind is Kind.HLR else more["sender_id"], more["status_name"]]
            columns = [column.replace(",", " ") for column in columns]
            columns.append(" ".join(str(more["message"]).splitlines()))
    if listed:
        columns += [one.id] if detail else [one.id, one.phone]
    return ",".join(columns)


def _text(one: Found, detail: int, *, listed: bool) -> str:
    view = one.view
    named = f", id = {one.id}, phone = {one.phone}" if listed else ""
    if view is None:
        name = f", status_name = {tables.STATUS_NAMES[tables.NOT_FOUND]}" if detail else ""
        return f"Status = {tables.NOT_FOUND}{name}{named}"
    state = _state(view)
    text = f"Status = {state['status']}, check_time = {state['last_date']}"
    words: dict[str, Any] = {"err": state["err"]} if "err" in state else {}
    kind = kind_of(view)
    words |= hlr_fields(kind)
    if detail:
        more: Mapping[str, Any] = details(view)
        words |= {name: value for name, value in more.items() if name != "send_timestamp"}
        if comment := view.extra.get("comment"):
            words["comment"] = comment
        words["type"] = int(kind)
        words |= place(one.facts) if detail == 2 else {}
    return text + "".join(f", {name} = {' '.join(str(value).splitlines())}" for name, value in words.items()) + named
