"""User/Balance, Sms/State, Sms/In, Sms/Statistics, and the calls of Viber, which are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from decimal import Decimal
from typing import Any

from modemgw.dialects.devino import tables
from modemgw.dialects.devino.entrance import enter
from modemgw.dialects.devino.ids import find_part
from modemgw.dialects.devino.times import DAY_MS, NEVER, asp_date, read_time
from modemgw.dialects.devino.wire import ApiError, Params, answer
from modemgw.dialects.seam import GetBalance, Steps, WireRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView, PartView
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, Command, DayFigures, InboxQuery, StatisticsQuery
from modemgw.domain.states import FINAL

#: Incoming messages of one answer; those after them take another question.
MAX_INBOX = 10_000

MAX_RANGE_MS = 90 * DAY_MS
_PAGE = 1000


def balance(params: Params, request: WireRequest) -> Steps:
    """A bare number."""
    account = yield from enter(params, request)
    money: Balance = yield GetBalance(account)
    return answer(number(money.amount))


def number(amount: str) -> int | float:
    """Decimal text as a JSON number: `20015.3`, never `2E+4`."""
    value = Decimal(amount)
    return int(value) if value == value.to_integral_value() else float(value)


def state(params: Params, request: WireRequest) -> Steps:
    """What became of a part. What is not known is state 255, not an error."""
    wanted = params.needed("messageId")
    account = yield from enter(params, request)
    found = yield from find_part(account, wanted)
    if found is None:
        return answer(_state(tables.NOT_FOUND, None, None))
    view, part = found
    return answer(_state(tables.state_of(part), view, part))


def _state(code: int, view: MessageView | None, part: MessageView | PartView | None) -> dict[str, Any]:
    """The keys in their order: 1C takes what lies between StateDescription and the next one."""
    sent_at = part.sent_at if isinstance(part, PartView) else None
    done_at = part.done_at if isinstance(part, PartView) else None
    price = None if view is None else Decimal(view.cost) / view.part_count
    return {
        "State": code,
        "CreationDateUtc": asp_date(view.created_at) if view else None,
        "SubmittedDateUtc": asp_date(sent_at),
        "ReportedDateUtc": asp_date(done_at) if part is not None and part.state in FINAL else None,
        "TimeStampUtc": asp_date(view.updated_at) if view else NEVER,
        "StateDescription": tables.STATE_NAMES[code],
        "Price": None if price is None else number(str(round(price, 4))),
    }


def incoming(params: Params, request: WireRequest) -> Steps:
    """Messages that came in between two times, oldest first. Without minDateUTC: of the last year."""
    account = yield from enter(params, request)
    until = _date(params, "maxDateUtc", "In")
    oldest = request.now - 366 * DAY_MS
    since = _date(params, "minDateUtc", "In") if params.text("minDateUtc").strip() else min(oldest, until - 1)
    if since < oldest and params.text("minDateUtc").strip():
        raise ApiError(tables.BAD_ARGUMENT, "Invalid argument: minDateUTC is more than a year ago.")
    if until <= since:
        raise ApiError(tables.BAD_ARGUMENT, "Invalid argument: maxDateUTC is not after minDateUTC.")
    found: list[InboxView] = []
    while len(found) < MAX_INBOX:
        after = found[-1].id if found else 0
        page: Sequence[InboxView] = yield InboxQuery(account, limit=_PAGE, after=after, since=since, until=until)
        found += page
        if len(page) < _PAGE:
            break
    return answer([_incoming(view) for view in found])


def text_of(view: InboxView) -> str:
    """The text; of what has none, its data in hex."""
    return view.text if view.text is not None else (view.data or b"").hex()


def _incoming(view: InboxView) -> dict[str, Any]:
    return {
        "Data": text_of(view),
        "SourceAddress": view.sender.removeprefix("+"),
        "DestinationAddress": (view.recipient or "").removeprefix("+"),
        "ID": view.id,
        "CreatedDateUtc": asp_date(view.received_at),
    }


def statistics(params: Params, request: WireRequest) -> Steps:
    """How many SMS, that is parts, accepted between two times are in which state."""
    account = yield from enter(params, request)
    since = _date(params, "startDateTime", "Statistics")
    until = _date(params, "endDateTime", "Statistics")
    if until - since > MAX_RANGE_MS:
        raise ApiError(tables.BAD_ARGUMENT, tables.LONG_RANGE_TEXT)
    if until < since:
        raise ApiError(tables.BAD_ARGUMENT, "Invalid argument: endDateTime is before startDateTime.")
    days: Sequence[DayFigures] = yield StatisticsQuery(account, since, until)
    counts: Counter[str] = Counter()
    for day in days:
        for state, count in day.parts.items():
            counts[tables.COUNTED[state]] += count
    names = ("Sent", "Delivered", "Errors", "InProcess", "Expired", "Rejected")
    total = sum(counts.values())
    ratio = Decimal(100 * counts["Delivered"]) / total if total else Decimal(0)
    return answer(
        {name: counts[name] for name in names}
        | {"Total": total, "TotalWithErrors": total + counts["Errors"], "DeliveryRatio": number(str(round(ratio, 2)))}
    )


def _date(params: Params, name: str, action: str) -> int:
    """A time that must be there. Raises ApiError 9, in the words that ASP.NET has for it."""
    at = read_time(params.text(name))
    if at is None:
        raise ApiError(
            tables.INTERNAL,
            f"The parameters dictionary contains a null entry for parameter '{name}' of non-nullable type "
            f"'System.DateTime' for method 'System.Web.Mvc.ActionResult {action}(System.String, System.DateTime, "
            "System.DateTime)' in 'RestService.Controllers.SmsController'. An optional parameter must be a reference "
            "type, a nullable type, or be declared as an optional parameter.\r\nParameter name: parameters",
        )
    return at


def viber(params: Params, request: WireRequest) -> Generator[Command, Any, Any]:
    """Code 7 for whoever has logged in."""
    yield from enter(params, request)
    raise Refusal(RefusalKind.CANNOT, "Viber messages cannot leave through a SIM card.")


def unknown(params: Params, request: WireRequest) -> Generator[Command, Any, Any]:
    """A call that there is not."""
    yield from enter(params, request)
    raise ApiError(tables.BAD_OPERATION, "Invalid operation")
