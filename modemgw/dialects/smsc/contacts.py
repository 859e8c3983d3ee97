"""phones.php: contacts, their groups, and the blacklist. Groups are used as `G<n>` by send.php (recipients.py)."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from modemgw.dialects.phones import international
from modemgw.dialects.seam import DeleteRecord, GetRecord, PutRecord, Steps
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.entrance import Caller, operations
from modemgw.dialects.smsc.get import no_records
from modemgw.dialects.smsc.recipients import BLACKLIST, CONTACTS, GROUPS, all_records, digits
from modemgw.dialects.smsc.wire import ApiError, Params, answer_done, answer_id, answer_list
from modemgw.domain.requests import Command, Record

#: Parameter and field of what is kept of a person beside the number.
_FIELDS = {
    "name": "name",
    "fnm": "first_name",
    "lnm": "last_name",
    "mnm": "middle_name",
    "bd": "birthday",
    "cmt": "comments",
    "tags": "tags",
    "pho": "phone_other",
}
_NAMES = ("name", "first_name", "last_name", "middle_name")

MAX_FIELD = 1000
MAX_AT_ONCE = 1000


def _numbers(params: Params, caller: Caller, name: str = "phone") -> list[str]:
    """The numbers of a parameter as digits; at least one. Raises ApiError 1, Refusal(BAD_NUMBER)."""
    words = [word for word in re.split(r"[,; \t\r\n]+", params.text(name)) if word]
    if not words or len(words) > MAX_AT_ONCE:
        raise ApiError(tables.PARAMETERS, reason=f"Give {name}, with {MAX_AT_ONCE} numbers at most.")
    return [international(word, caller.account.country).removeprefix("+") for word in words]


def _group_ids(params: Params, caller: Caller) -> Generator[Command, Any, list[int]]:
    """The groups of the parameter grp, all of which there are. Raises ApiError 3."""
    words = [word for word in re.split(r"[,;|\s]+", params.text("grp")) if word and word != "0"]
    for word in words:
        if not word.isdigit() or (yield GetRecord(caller.account, GROUPS, word)) is None:
            raise no_records()
    return list(dict.fromkeys(int(word) for word in words))


def _contact(caller: Caller, number: str) -> Generator[Command, Any, Record]:
    found: Record | None = yield GetRecord(caller.account, CONTACTS, number)
    if found is None:
        raise no_records()
    return found


def _data(params: Params, old: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(old)
    for name, field in _FIELDS.items():
        if params.has(name):
            data[field] = params.text(name)[:MAX_FIELD]
    if params.text("myid").strip():
        data["id"] = params.number("myid", 0, 0, 10**18)
    return data


def _shown_id(record: Record) -> int:
    return int(record.data.get("id") or record.id)


def add(params: Params, caller: Caller) -> Steps:
    """New contacts, or new data of old ones; the answer has the id of the first."""
    numbers = _numbers(params, caller)
    groups = yield from _group_ids(params, caller)
    first = 0
    for number in numbers:
        old: Record | None = yield GetRecord(caller.account, CONTACTS, number)
        empty = {**dict.fromkeys(_FIELDS.values(), ""), "phone": number, "groups": []}
        data = _data(params, old.data if old is not None else empty)
        if groups:
            data["groups"] = groups
        record: Record = yield PutRecord(caller.account, CONTACTS, data, key=number)
        first = first or record.id
    return answer_id(params, first)


def change(params: Params, caller: Caller) -> Steps:
    """What is given replaces what there was, with new_phone the number too."""
    old = yield from _contact(caller, _numbers(params, caller)[0])
    data = _data(params, old.data)
    if params.has("grp"):
        data["groups"] = yield from _group_ids(params, caller)
    key = old.key
    if params.text("new_phone").strip():
        key = _numbers(params, caller, "new_phone")[0]
        data |= {"phone": key, "id": _shown_id(old)}
    yield PutRecord(caller.account, CONTACTS, data, key=key)
    if key != old.key:
        yield DeleteRecord(caller.account, CONTACTS, old.key)
    return answer_done(params)


def delete(params: Params, caller: Caller) -> Steps:
    """They are gone; error 3 if there was none of them."""
    return (yield from _delete(params, caller, CONTACTS))


def _delete(params: Params, caller: Caller, space: str) -> Steps:
    deleted = 0
    for number in _numbers(params, caller):
        deleted += bool((yield DeleteRecord(caller.account, space, number)))
    if not deleted:
        raise no_records()
    return answer_done(params)


def listing(params: Params, caller: Caller) -> Steps:
    """Contacts that fit grp, phone, fio and search; none at all is error 3."""
    contacts = yield from all_records(caller.account, CONTACTS)
    if group := params.text("grp").strip():
        contacts = [one for one in contacts if group in map(str, one.data["groups"] or [0])]
    if phone := params.text("phone").strip():
        number = digits(phone, caller.account)
        contacts = [one for one in contacts if one.key == number]
    if name := params.text("fio").strip().casefold():
        contacts = [one for one in contacts if name in " ".join(one.data[field] for field in _NAMES).casefold()]
    if word := params.text("search").strip().casefold():
        contacts = [one for one in contacts if word in " ".join(map(str, one.data.values())).casefold()]
    if not contacts:
        raise no_records()
    return answer_list(params, [_item(one) for one in contacts], item="contact")


def _item(record: Record) -> dict[str, Any]:
    data = record.data
    return {
        "id": _shown_id(record),
        "name": data["name"],
        "phone": data["phone"],
        "group": ",".join(map(str, data["groups"])) or "0",
        **{field: data[field] for field in _FIELDS.values() if field != "name"},
    }


def move(params: Params, caller: Caller) -> Steps:
    """move_group: 1 puts contacts into the groups and out of all others, 2 into them too, 3 takes them out."""
    mode = params.flag("move_group")
    groups = yield from _group_ids(params, caller)
    if not groups or mode > 3:
        raise ApiError(tables.PARAMETERS, reason="Give grp, and move_group from 1 to 3.")
    for number in _numbers(params, caller):
        contact = yield from _contact(caller, number)
        old: Sequence[int] = contact.data["groups"]
        kept = [] if mode == 1 else [group for group in old if group not in groups]
        data = {**contact.data, "groups": kept + (groups if mode < 3 else [])}
        yield PutRecord(caller.account, CONTACTS, data, key=contact.key)
    return answer_done(params)


def add_group(params: Params, caller: Caller) -> Steps:
    """A new group; its id is the number behind the G in send.php."""
    name = params.text("name").strip()[:MAX_FIELD]
    if not name:
        raise ApiError(tables.PARAMETERS, reason="Give the name of the group.")
    data = {"name": name, "number": params.text("num").strip()[:MAX_FIELD]}
    made: Record = yield PutRecord(caller.account, GROUPS, data)
    return answer_id(params, made.id)


def _group(params: Params, caller: Caller) -> Generator[Command, Any, Record]:
    key = params.text("grp").strip()
    found: Record | None = (yield GetRecord(caller.account, GROUPS, key)) if key.isdigit() else None
    if found is None:
        raise no_records()
    return found


def change_group(params: Params, caller: Caller) -> Steps:
    """Another name or number."""
    old = yield from _group(params, caller)
    data = dict(old.data)
    for name, field in (("name", "name"), ("num", "number")):
        if params.has(name):
            data[field] = params.text(name).strip()[:MAX_FIELD]
    yield PutRecord(caller.account, GROUPS, data, key=old.key)
    return answer_done(params)


def delete_group(params: Params, caller: Caller) -> Steps:
    """It is gone; its contacts stay."""
    old = yield from _group(params, caller)
    for contact in (yield from all_records(caller.account, CONTACTS)):
        if old.id in contact.data["groups"]:
            groups = [group for group in contact.data["groups"] if group != old.id]
            yield PutRecord(caller.account, CONTACTS, {**contact.data, "groups": groups}, key=contact.key)
    yield DeleteRecord(caller.account, GROUPS, old.key)
    return answer_done(params)


def groups(params: Params, caller: Caller) -> Steps:
    """All groups with the count of their contacts; none at all is error 3."""
    found = yield from all_records(caller.account, GROUPS)
    if not found:
        raise no_records()
    contacts = yield from all_records(caller.account, CONTACTS)
    items = [
        {
            "id": one.id,
            "name": one.data["name"],
            "number": one.data["number"],
            "cnt": str(sum(one.id in contact.data["groups"] for contact in contacts)),
        }
        for one in found
    ]
    return answer_list(params, items, item="group")


def add_black(params: Params, caller: Caller) -> Steps:
    """Nothing is sent to these numbers any more; the answer has the id of the first."""
    first = 0
    for number in _numbers(params, caller):
        data = {"phone": number, "comments": params.text("cmt")[:MAX_FIELD]}
        record: Record = yield PutRecord(caller.account, BLACKLIST, data, key=number)
        first = first or record.id
    return answer_id(params, first)


def delete_black(params: Params, caller: Caller) -> Steps:
    """They may be sent to again; error 3 if none of them was on the list."""
    return (yield from _delete(params, caller, BLACKLIST))


def black(params: Params, caller: Caller) -> Steps:
    """The blacklist; error 3 if it is empty."""
    found = yield from all_records(caller.account, BLACKLIST)
    if not found:
        raise no_records()
    items = [{"id": one.id, "phone": one.data["phone"], "comments": one.data["comments"]} for one in found]
    return answer_list(params, items, item="contact")


phones = operations(
    "phones",
    {
        "add": add,
        "chg": change,
        "del": delete,
        "get": listing,
        "move_group": move,
        "add_group": add_group,
        "chg_group": change_group,
        "del_group": delete_group,
        "get_group": groups,
        "add_black": add_black,
        "del_black": delete_black,
        "get_black": black,
    },
)
