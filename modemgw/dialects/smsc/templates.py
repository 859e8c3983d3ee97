"""templates.php: texts that a client keeps here."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from modemgw.dialects.seam import DeleteRecord, GetRecord, PutRecord, Steps
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.entrance import Caller, operations
from modemgw.dialects.smsc.get import no_records
from modemgw.dialects.smsc.recipients import all_records
from modemgw.dialects.smsc.wire import ApiError, Params, answer_done, answer_id, answer_list
from modemgw.domain.requests import Command, Record

TEMPLATES = "smsc.template"

FORMATS = ("", "sms", "flash", "bin", "push", "mms", "call", "mail", "viber")

MAX_TEXT = 10_000


def template_of(params: Params, name: str, caller: Caller) -> Generator[Command, Any, Record]:
    """The template whose id a parameter holds; raises ApiError 3."""
    key = params.text(name).strip()
    found: Record | None = (yield GetRecord(caller.account, TEMPLATES, key)) if key.isdigit() else None
    if found is None:
        raise no_records()
    return found


def _fields(params: Params, old: dict[str, Any]) -> dict[str, Any]:
    data = dict(old)
    for name in ("name", "msg", "format", "sender"):
        if params.has(name):
            data[name] = params.text(name)
    if params.has("fl[1]"):
        data["flag"] = params.flag("fl[1]")
    if not data["msg"].strip() or len(data["msg"]) > MAX_TEXT or data["format"] not in FORMATS:
        raise ApiError(tables.PARAMETERS, reason=f"Give msg, and a format of {', '.join(FORMATS[1:])} or none.")
    return data


def add(params: Params, caller: Caller) -> Steps:
    """A new one."""
    empty = {"name": "", "msg": "", "format": "", "sender": "", "flag": 0}
    made: Record = yield PutRecord(caller.account, TEMPLATES, _fields(params, empty))
    return answer_id(params, made.id)


def change(params: Params, caller: Caller) -> Steps:
    """What is given replaces what there was."""
    old = yield from template_of(params, "id", caller)
    yield PutRecord(caller.account, TEMPLATES, _fields(params, dict(old.data)), key=old.key)
    return answer_done(params)


def delete(params: Params, caller: Caller) -> Steps:
    """It is gone."""
    old = yield from template_of(params, "id", caller)
    yield DeleteRecord(caller.account, TEMPLATES, old.key)
    return answer_done(params)


def listing(params: Params, caller: Caller) -> Steps:
    """All of them; none at all is error 3."""
    found = yield from all_records(caller.account, TEMPLATES)
    if not found:
        raise no_records()
    items = [
        {
            "id": one.id,
            "format": one.data["format"],
            "message": one.data["msg"],
            "name": one.data["name"],
            "sender": one.data["sender"],
            "flag": one.data["flag"],
        }
        for one in found
    ]
    return answer_list(params, items, item="template")


templates = operations("templates", {"add": add, "chg": change, "del": delete, "get": listing})
