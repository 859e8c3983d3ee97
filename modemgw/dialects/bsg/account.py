"""Balance, prices, tariff; incoming messages and the numbers they come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modemgw.dialects.bsg import tables
from modemgw.dialects.bsg.orders import check_tariff
from modemgw.dialects.bsg.wire import Answer, ApiError, Caller, clock, described, moment
from modemgw.dialects.seam import GetBalance, ListModems
from modemgw.domain.account import Account
from modemgw.domain.inbox import InboxView
from modemgw.domain.line import ModemView
from modemgw.domain.requests import Balance, InboxQuery

MAX_INBOX = 1000


def balance(caller: Caller) -> Answer:
    """Amounts are texts here."""
    money: Balance = yield GetBalance(caller.account)
    return {**described(0), "amount": money.amount, "currency": money.currency, "limit": "0"}


def prices(caller: Caller, tariff: str = "") -> Answer:
    """The account's price and those by prefix. Which operator a prefix is, nobody knows here."""
    check_tariff(tariff)
    yield GetBalance(caller.account)
    return {**described(0), "prices": price_rows(caller.account)}


def price_rows(account: Account) -> list[Mapping[str, Any]]:
    """One for all numbers, then one for each prefix."""
    return [
        {
            "type": "prefix" if prefix else "default",
            "country": "",
            "country_name": "",
            "mcc": "",
            "mnc": "",
            "prefix": prefix,
            "price": f"{float(cost):.7f}",
            "currency": account.currency,
        }
        for prefix, cost in (("", account.price), *account.prices)
    ]


def common_price(caller: Caller) -> Answer:
    """The account's price."""
    rows = price_rows(caller.account)
    yield GetBalance(caller.account)
    return {**described(0), **{name: rows[0][name] for name in ("price", "currency", "country", "mcc", "mnc")}}


def tariff(caller: Caller) -> Answer:
    """There is one."""
    yield GetBalance(caller.account)
    return {**described(0), "tariff_name": "modemgw", "tariff_code": 0, "services": [{"name": "sms"}]}


def incoming(caller: Caller, query: Mapping[str, str]) -> Answer:
    """sms/2wayIncoming: `sender` is the number of ours that it came to, `phone` and `recipient` who wrote."""
    times = {}
    for name in ("start_date", "end_date"):
        if text := query.get(name, "").strip():
            try:
                times[name] = moment(text)
            except ValueError as error:
                raise ApiError(tables.BAD_PARAMETERS, f"{name} is a time such as 2024-12-25 10:30:00.") from error
    modems: Sequence[ModemView] = yield ListModems()
    wanted = query.get("sender", "").strip().removeprefix("+")
    lines = {modem.name for modem in modems if wanted in {modem.name, (modem.number or "").removeprefix("+")}}
    if wanted and not lines:
        raise ApiError(tables.BAD_2WAY, "sender is the number or the name of a modem.")
    found: Sequence[InboxView] = yield InboxQuery(
        caller.account, limit=MAX_INBOX, newest=True, since=times.get("start_date"), until=times.get("end_date")
    )
    items = [received(view) for view in reversed(found) if view.text is not None and (not wanted or view.line in lines)]
    return {**described(0), "total_count": len(items), "messages": items, "result": items}


def received(view: InboxView) -> dict[str, Any]:
    """An incoming message under the names of both descriptions: in one the subscriber is `phone`, in the other, whose
    `sender` is the number of ours too, `recipient`."""
    phone = view.sender.removeprefix("+")
    to, at = (view.recipient or view.line).removeprefix("+"), clock(view.received_at)
    text = view.text if view.text is not None else (view.data or b"").hex()
    return {
        "id": str(view.id),
        "sender": to,
        "recipient": phone,
        "phone": phone,
        "text": text,
        "message": text,
        "date": at,
        "time_received": at,
    }


def senders(caller: Caller) -> Answer:
    """sms/2waySenders: the lines."""
    modems: Sequence[ModemView] = yield ListModems()
    rows = [
        {
            "id": n,
            "sender": (modem.number or modem.name).removeprefix("+"),
            "country": "",
            "status": "active",
            "date_created": clock(modem.since),
        }
        for n, modem in enumerate(modems, 1)
    ]
    return {**described(0), "senders": rows}
