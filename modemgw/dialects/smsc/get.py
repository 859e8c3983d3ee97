"""get.php: what came in, what went out, statistics and prices."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from modemgw.dialects.seam import LookupNumber, Steps
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.details import details, place
from modemgw.dialects.smsc.entrance import Caller, operations
from modemgw.dialects.smsc.kinds import kind_of
from modemgw.dialects.smsc.recipients import digits
from modemgw.dialects.smsc.times import MOSCOW_S, day_start, moscow_day, moscow_time
from modemgw.dialects.smsc.wire import JSON, XML, ApiError, Params, answer_item, answer_list
from modemgw.domain.inbox import InboxKind, InboxView
from modemgw.domain.message import MessageView, row_id
from modemgw.domain.requests import DayFigures, InboxQuery, MessageQuery, NumberFacts, StatisticsQuery
from modemgw.domain.states import State

DAY_MS, HOUR_MS = 86_400_000, 3_600_000

MAX_ANSWERS, MAX_HOURS = 10_000, 168
MAX_MESSAGES, DEFAULT_MESSAGES = 1000, 100
MAX_NUMBERS = 100

#: Whatever else came in (data for an application, voice mail, what could not be decoded) is no answer of a person.
_ANSWERS = frozenset({InboxKind.TEXT, InboxKind.FLASH})


def no_records() -> ApiError:
    """The error of a list with nothing in it, which clients take for one."""
    return ApiError(tables.NO_RECORDS, description=tables.NO_RECORDS_TEXT)


def answers(params: Params, caller: Caller) -> Steps:
    """get_answers: incoming messages, the oldest first; with after_id those behind it."""
    limit = params.number("cnt", MAX_ANSWERS, 1, MAX_ANSWERS)
    after = params.number("after_id", 0, 0, 10**18)
    hours = params.number("hour", 0 if after else MAX_HOURS, 0, MAX_HOURS)
    recipient = digits(params.text("to_phone"), caller.account) if params.text("to_phone").strip() else None
    views: Sequence[InboxView] = yield InboxQuery(
        caller.account,
        limit=limit,
        after=after,
        newest=not after,
        since=caller.now - hours * HOUR_MS if hours else None,
        recipient=recipient,
    )
    if not after:
        views = sorted(views, key=lambda view: view.id)
    return answer_list(params, [_answer(view) for view in views if view.kind in _ANSWERS], item="sms")


def _answer(view: InboxView) -> dict[str, Any]:
    sent = view.scts if view.scts is not None else view.received_at
    return {
        "id": view.id,
        "received": moscow_time(view.received_at),
        "phone": view.sender.removeprefix("+"),
        "message": view.text or "",
        "to_phone": (view.recipient or "").removeprefix("+"),
        "sent": moscow_time(sent),
    }


def messages(params: Params, caller: Caller) -> Steps:
    """get_messages: sent messages, the newest first; with prev_id those before it. None at all is error 3."""
    limit = params.number("cnt", DEFAULT_MESSAGES, 1, MAX_MESSAGES)
    before = params.number("prev_id", 0, 0, 10**18) or None
    since, until = _days(params)
    if params.text("email").strip() or params.text("format").strip() == "8":
        raise no_records()
    numbers = [word for word in params.text("phone").replace(";", ",").split(",") if word.strip()]
    if len(numbers) > MAX_NUMBERS:
        raise ApiError(tables.PARAMETERS, reason=f"More than {MAX_NUMBERS} numbers.")
    comment = params.text("comment").strip()
    found: list[MessageView] = []
    wanted: list[str | None] = [digits(number, caller.account) for number in numbers]
    for to in wanted or [None]:
        if to != "":
            found += yield MessageQuery(
                caller.account,
                limit=limit,
                before=before,
                newest=True,
                since=since,
                until=until,
                to=to,
                comment=comment,
            )
    found = sorted(found, key=lambda view: -view.id)[:limit]
    if not found:
        raise no_records()
    facts: list[NumberFacts | None] = []
    for view in found:
        facts += [(yield LookupNumber(view.to))]
    return answer_list(params, [_message(*row) for row in zip(found, facts, strict=True)], item="sms")


def _comment(view: MessageView) -> str:
    return str(view.extra.get("comment", ""))


def _days(params: Params) -> tuple[int | None, int | None]:
    """The first and the last millisecond of the days from start to end."""
    end = day_start(params.text("end"), "end")
    return day_start(params.text("start"), "start"), None if end is None else end + DAY_MS - 1


def _message(view: MessageView, facts: NumberFacts | None) -> dict[str, Any]:
    code, error = tables.status_of(view)
    shown = details(view)
    ref = str(view.extra.get("ref", view.id))
    return {
        "status": code,
        "last_date": moscow_time(view.updated_at),
        "last_timestamp": view.updated_at // 1000,
        "flag": 0,
        **({"err": error} if error else {}),
        **shown,
        "mccmnc": "",
        **place(facts),
        "type": int(kind_of(view)),
        "id": ref if (number := row_id(ref)) is None else number,
        "int_id": view.id,
        "sms_cnt": view.part_count,
        "format": 0,
        "crc": zlib.crc32(str(shown["message"]).encode("utf-8", "replace")),
        "comment": _comment(view),
    }


def statistics(params: Params, caller: Caller) -> Steps:
    """get_stat: a row for each day with messages."""
    since, until = _days(params)
    if since is None:
        since = (day_start(moscow_day(caller.now), "start") or 0) - 30 * DAY_MS
    days: Sequence[DayFigures] = yield StatisticsQuery(caller.account, since, until, MOSCOW_S)
    rows = [
        {
            "date": moscow_day(day.begins_at),
            "sms": sum(day.parts.values()),
            "delivered": day.parts.get(State.DELIVERED, 0),
            "cost": day.cost,
            "currency": caller.account.currency,
        }
        for day in days
    ]
    return answer_list(params, rows, item="day")


def prices(params: Params, caller: Caller) -> Steps:
    """get_price: the account's price per SMS, by the beginning of the number."""
    account = caller.account
    zones = [_zone(prefix, price) for prefix, price in account.prices]
    zones.append(_zone("*", account.price))
    if params.fmt in {JSON, XML}:
        return answer_item(params, {"zones": zones, "currency": account.currency})
    return answer_list(params, zones, item="zone")
    yield


def _zone(prefix: str, price: str) -> dict[str, str]:
    return {"zone": prefix, "name": prefix, "api": price, "mass": price, "mms": "0", "hlr": price, "call": "0"}


def no_accounts(params: Params, caller: Caller) -> Steps:
    """get_mega_accounts: accounts with an operator, of which there are none here."""
    raise no_records()
    yield


get = operations(
    "get",
    {
        "get_answers": answers,
        "get_messages": messages,
        "get_stat": statistics,
        "get_price": prices,
        "get_mega_accounts": no_accounts,
    },
    unlimited=("get_answers",),  # asked for again and again by those who wait for an answer
)
