"""status.php: one message or many, `all` 0, 1 and 2, in every format."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from modemgw.dialects.seam import FindMessage, WireRequest
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.send import MAX_INT_ID, international
from modemgw.dialects.smsc.times import moscow_time
from modemgw.dialects.smsc.wire import (
    CSV,
    JSON,
    XML,
    ApiError,
    Params,
    Steps,
    answer_json,
    answer_text,
    answer_xml,
    authenticate,
)
from modemgw.domain.account import Account
from modemgw.domain.message import MessageView
from modemgw.domain.refusal import Refusal

MAX_MESSAGES = 500

_SMS, _FLASH, _BINARY = 0, 1, 2


def status(params: Params, request: WireRequest) -> Steps:
    """The newest message with that id that went to that number; a comma in either makes the answer a list."""
    account = yield from authenticate(params, request)
    phones, ids = params.text("phone"), params.text("id")
    multiple = "," in phones or "," in ids
    pairs = _pairs(_values(phones), _values(ids))
    if params.flag("del"):
        raise ApiError(tables.BAD_DATE, description="cannot delete", reason="This gateway keeps its history.")
    found: list[tuple[str, str, MessageView | None]] = []
    for phone, message_id in pairs:
        view: MessageView | None = None
        try:
            to = international(phone, account.country).removeprefix("+")
        except Refusal:
            to = ""
        if to:
            view = yield FindMessage(account, ref=message_id, to=to)
            if view is None and message_id.isdigit() and int(message_id) <= 10**18:
                view = yield FindMessage(account, id=int(message_id), to=to)
        found.append((phone, message_id, view))
    detail = min(params.flag("all"), 2)
    if params.fmt in {JSON, XML}:
        items = [_item(row, account, detail, listed=multiple) for row in found]
        if params.fmt == JSON:
            return answer_json(params, items if multiple else items[0])
        return answer_xml(params, {"messages": items} if multiple else items[0])
    if params.fmt == CSV:
        return answer_text(params, "\n".join(_csv(row, account, detail, listed=multiple) for row in found))
    return answer_text(params, "\n".join(_text(row, account, detail) for row in found))


def _values(text: str) -> list[str]:
    return [value.strip() for value in text.split(",") if value.strip()]


def _pairs(phones: list[str], ids: list[str]) -> list[tuple[str, str]]:
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


def _shown_id(message_id: str) -> int | str:
    return int(message_id) if message_id.isdigit() and int(message_id) <= MAX_INT_ID else message_id


def _details(view: MessageView, account: Account) -> dict[str, Any]:
    """What all=1 adds, in the order of fmt 1."""
    code, _ = tables.status_of(view)
    return {
        "send_date": moscow_time(view.created_at),
        "send_timestamp": view.created_at // 1000,
        "phone": view.to.removeprefix("+"),
        "cost": str(Decimal(account.price) * view.part_count),
        "sender_id": str(view.extra.get("sender", "")),
        "status_name": tables.STATUS_NAMES[code],
        "message": view.text if view.text is not None else (view.data or b"").hex(),
    }


def _item(row: tuple[str, str, MessageView | None], account: Account, detail: int, *, listed: bool) -> dict[str, Any]:
    phone, message_id, view = row
    named = {"id": _shown_id(message_id), "phone": phone} if listed else {}
    if view is None:
        return {"status": tables.NOT_FOUND, **named}
    code, error = tables.status_of(view)
    item: dict[str, Any] = {
        "status": code,
        "last_date": moscow_time(view.updated_at),
        "last_timestamp": view.updated_at // 1000,
    }
    if error:
        item["err"] = error
    if detail:
        item |= _details(view, account)
        kind = _BINARY if view.data is not None else _FLASH if view.flash else _SMS
        item |= {"type": kind, "sms_cnt": view.part_count, "mccmnc": ""}
        if comment := view.extra.get("comment"):
            item["comment"] = comment
        if detail == 2:
            item |= {"country": "", "operator": "", "region": ""}
    return item | named


def _csv(row: tuple[str, str, MessageView | None], account: Account, detail: int, *, listed: bool) -> str:
    """Columns of the official libraries; the text is the last of a message's own and may hold commas."""
    phone, message_id, view = row
    code, at, error = tables.NOT_FOUND, 0, 0
    if view is not None:
        code, error = tables.status_of(view)
        at = view.updated_at // 1000
    columns = [str(code), str(at), str(error)]
    if detail and view is not None:
        more = _details(view, account)
        more.pop("send_date")
        text = " ".join(str(more.pop("message")).splitlines())
        front = ("send_timestamp", "phone", "cost")
        columns += [str(more[name]) for name in front]
        columns += ["", "", ""] if detail == 2 else []
        columns += [more["sender_id"].replace(",", " "), more["status_name"], text]
    if listed:
        columns += [message_id] if detail else [message_id, phone]
    return ",".join(columns)


def _text(row: tuple[str, str, MessageView | None], account: Account, detail: int) -> str:
    _, _, view = row
    if view is None:
        return f"Status = {tables.NOT_FOUND}"
    code, error = tables.status_of(view)
    text = f"Status = {code}, check_time = {moscow_time(view.updated_at)}"
    if error:
        text += f", err = {error}"
    if detail:
        more = _details(view, account)
        more.pop("send_timestamp")
        text += "".join(f", {name} = {value}" for name, value in more.items())
    return text
