"""balance.php, in every format, with or without the currency."""

from __future__ import annotations

from modemgw.dialects.seam import GetBalance, Steps, WireRequest
from modemgw.dialects.smsc.entrance import enter
from modemgw.dialects.smsc.wire import CSV, JSON, XML, Params, answer_json, answer_text, answer_xml
from modemgw.domain.requests import Balance


def balance(params: Params, request: WireRequest) -> Steps:
    """The account's balance as decimal text."""
    caller = yield from enter(params, request)
    yield from caller.throttle("balance", caller.options.balance_requests)
    money: Balance = yield GetBalance(caller.account)
    with_currency = bool(params.flag("cur"))
    if params.fmt == JSON:
        return answer_json(params, {"balance": money.amount} | ({"currency": money.currency} if with_currency else {}))
    if params.fmt == XML:
        if with_currency:
            return answer_xml(params, {"balance": money.amount, "currency": money.currency})
        return answer_xml(params, money.amount, root="balance")
    # a second column would be an error to the official libraries, so fmt 1 has the amount only
    text = f"{money.amount} {money.currency}" if with_currency and params.fmt != CSV else money.amount
    return answer_text(params, text)
