"""The rest of the provider's inventory: what a gateway of one's own has no use for, answered as the provider would.

Owns commands that keep nothing here: clients, rented numbers, short links, documents, monitoring, calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modemgw.dialects.seam import ListModems, Steps, WireRequest
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.entrance import Caller, enter, operations
from modemgw.dialects.smsc.get import no_records
from modemgw.dialects.smsc.wire import ApiError, Params, answer_list
from modemgw.domain.line import ModemView

#: A command as the dialect serves it.
Serve = Callable[[Params, WireRequest], Steps]


def nothing(params: Params, caller: Caller) -> Steps:
    """There is no record of this kind: error 3."""
    raise no_records()
    yield


def _not_done(reason: str) -> Callable[[Params, Caller], Steps]:
    def refuse(params: Params, caller: Caller) -> Steps:
        raise ApiError(tables.NOT_DONE, description=tables.NOT_DONE_TEXT, reason=reason)
        yield

    return refuse


def _refused(code: int, reason: str) -> Serve:
    """Any request gets this error, once it is known whose it is."""

    def serve(params: Params, request: WireRequest) -> Steps:
        yield from enter(params, request)
        raise ApiError(code, description=tables.NO_RECORDS_TEXT if code == tables.NO_RECORDS else None, reason=reason)

    return serve


def numbers(params: Params, caller: Caller) -> Steps:
    """receive_phones.php?get=1: the numbers of the lines, which all receive."""
    modems: Sequence[ModemView] = yield ListModems()
    items = [
        {"phone": modem.number.removeprefix("+"), "name": modem.name, "operator": modem.operator or "", "cost": "0"}
        for modem in modems
        if modem.number
    ]
    if not items:
        raise no_records()
    return answer_list(params, items, item="phone")


_ACCOUNTS = _not_done("Accounts are made in the configuration of this gateway.")
_NUMBERS = _not_done("Numbers come with SIM cards; none is rented here.")
_UNKNOWN_HERE = _not_done("This gateway keeps nothing of this kind.")

users = operations(
    "users",
    {"get": nothing, "get_stat": nothing, "add": _ACCOUNTS, "chg": _ACCOUNTS, "del": _ACCOUNTS, "pay": _ACCOUNTS},
)
receive_phones = operations("receive_phones", {"get": numbers, "buy": _NUMBERS, "chg": _NUMBERS, "del": _NUMBERS})
_kept_nowhere = {"get": nothing, "add": _UNKNOWN_HERE, "chg": _UNKNOWN_HERE, "del": _UNKNOWN_HERE}
tinyurls = operations("tinyurls", _kept_nowhere)
documents = operations("documents", _kept_nowhere)
op_templates = operations("op_templates", _kept_nowhere)
ping = operations("ping", _kept_nowhere)

wait_call = _refused(tables.NO_ROUTE, "Calls are not answered by this gateway, so none can confirm a number.")
get_mnp = _refused(tables.NO_RECORDS, "The list of ported numbers is not published; info.php knows public data.")
unknown = _refused(tables.PARAMETERS, "There is no such command.")
