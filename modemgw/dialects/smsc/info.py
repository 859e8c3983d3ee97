"""info.php: what public data say of a number."""

from __future__ import annotations

from modemgw.dialects.phones import international
from modemgw.dialects.seam import LookupNumber, Steps
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.entrance import Caller, operations
from modemgw.dialects.smsc.get import no_records
from modemgw.dialects.smsc.wire import ApiError, Params, answer_item, answer_list
from modemgw.domain.requests import NumberFacts

MAX_NUMBERS = 100

_MOSCOW_S, _HOUR_S = 10_800, 3600


def operator(params: Params, caller: Caller) -> Steps:
    """get_operator: an object for one number, a list for several or after a comma; error 3 where none is known."""
    yield from caller.throttle("operator", caller.options.operator_requests)
    value = params.text("phone").replace(";", ",")
    numbers = [word.strip() for word in value.split(",") if word.strip()]
    if not numbers or len(numbers) > MAX_NUMBERS:
        raise ApiError(tables.PARAMETERS, reason=f"Give phone, with {MAX_NUMBERS} numbers at most.")
    items = []
    for number in numbers:
        facts: NumberFacts | None = yield LookupNumber(international(number, caller.account.country))
        if facts is not None:
            items.append(_item(facts) | ({"phone": number} if "," in value else {}))
    if not items:
        raise no_records()
    return answer_list(params, items, item="phone") if "," in value else answer_item(params, items[0])


def _item(facts: NumberFacts) -> dict[str, str | int]:
    """`tz` is relative to Moscow, as in send.php; codes of networks are not told by a number."""
    offset = facts.utc_offsets_s[0] if facts.utc_offsets_s else _MOSCOW_S
    return {
        "country": facts.country,
        "operator": facts.operator,
        "region": facts.region,
        "mcc": "",
        "mnc": "",
        "tz": (offset - _MOSCOW_S) // _HOUR_S,
    }


info = operations("info", {"get_operator": operator})
