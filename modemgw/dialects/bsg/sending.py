"""sms/create, sms/price, viber/create, hlr/create: stored or counted, and answered where SDKs look for it.

With a test key the same is looked at, kept as a record for a day, and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from modemgw.dialects.bsg import tables
from modemgw.dialects.bsg.orders import (
    Item,
    Order,
    check_tariff,
    msisdn_of,
    originator_of,
    read_order,
    reference_of,
)
from modemgw.dialects.bsg.settings import PING, SMS, option
from modemgw.dialects.bsg.wire import Answer, ApiError, Caller, amount, described
from modemgw.dialects.json_body import whole
from modemgw.dialects.phones import line_named
from modemgw.dialects.seam import GetRecord, ListModems, PutRecord, Quote, Submit
from modemgw.domain.message import TYPE_0, Accepted, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command, Quoted, Record
from modemgw.domain.states import State

TASKS, TESTS = "bsg.task", "bsg.test"
KEEP_TASK_S, KEEP_TEST_S = 90 * 86_400, 86_400
MAX_VIBER_S = 86_400


def create(caller: Caller, document: Any) -> Answer:
    """One message, flat and under `result`; many, as a task."""
    order = yield from read_order(document, caller)
    if not order.many:
        (result,), _ = yield from deliver(order.items, caller)
        code = result["error"]
        if code and code not in tables.INSIDE:
            raise ApiError(code, order.items[0].reason)
        return {"result": result} if code else {**result, "result": result}
    codes = {item.error for item in order.items}
    if len(codes) == 1 and not codes & ({0} | tables.INSIDE):
        raise ApiError(codes.pop(), order.items[0].reason)
    task, items = yield from with_task(order, caller)
    results, total = yield from deliver(items, caller)
    codes = {result["error"] for result in results}
    if len(codes) == 1 and not codes & ({0} | tables.INSIDE):
        raise ApiError(codes.pop())
    cost = {"total_price": total, "totalprice": total, "currency": caller.account.currency}
    return {**described(0), "task_id": task.key, "result": results, **cost}


def with_task(order: Order, caller: Caller) -> Generator[Command, Any, tuple[Record, list[Item]]]:
    """A task, durable before its messages are, and these with its id."""
    refs = [item.reference for item in order.items if not item.error]
    data = {"refs": refs, "originator": order.originator, "body": order.body, "validity": order.validity}
    record: Record = yield PutRecord(caller.account, TASKS, {**data, "test": caller.test}, ttl_s=KEEP_TASK_S)
    return record, [_in_task(item, record.id) for item in order.items]


def _in_task(item: Item, task: int) -> Item:
    submission = item.submission
    if submission is None:
        return item
    return replace(item, submission=replace(submission, extra={**submission.extra, "task": task}))


def price(caller: Caller, document: Any) -> Answer:
    """What a create would cost."""
    order = yield from read_order(document, caller, priced=True)
    for item in order.items:
        if item.error:
            raise ApiError(item.error, item.reason)
    found = [item.submission for item in order.items if item.submission is not None]
    quotes: Sequence[Quoted | Refusal] = (yield Quote(caller.account, found)) if found else ()
    total = Decimal(0)
    for quote in quotes:
        if isinstance(quote, Refusal):
            raise quote
        total += Decimal(quote.cost)
    money = amount(str(total))
    return {**described(0), "totalprice": money, "total_price": money, "currency": caller.account.currency}


def deliver(
    items: Sequence[Item], caller: Caller, service: str = "sms", *, each: bool = True
) -> Generator[Command, Any, tuple[list[dict[str, Any]], float]]:
    """Store what can be stored: the answer of each, in order, and what all of it costs.

    What is wrong with one of them alone is its answer, without `each` a Refusal of all; money that does not do for
    all and a store that cannot take them are one in any case.
    """
    good = [item.submission for item in items if item.submission is not None and not item.error]
    if caller.test:
        stored = yield from _pretend(good, caller)
    else:
        stored = (yield Submit(caller.account, good, each=each)) if good else []
    outcomes = iter(stored)
    results, total = [], Decimal(0)
    for item in items:
        outcome = next(outcomes) if item.submission is not None and not item.error else None
        code = item.error
        if isinstance(outcome, Refusal):
            code = tables.ERRORS[outcome.kind]
        elif outcome is not None and not outcome.created:
            code = tables.REFERENCE_USED
        code = tables.OTHER_CODES[service].get(code, code)
        result = {**described(code), "reference": item.reference}
        if isinstance(outcome, Accepted) and not code:
            total += Decimal(outcome.cost)
            result |= {"id": str(outcome.id), "price": amount(outcome.cost), "currency": caller.account.currency}
            result |= item.more
        results.append(result)
    return results, amount(str(total))


def _pretend(submissions: Sequence[Submission], caller: Caller) -> Generator[Command, Any, list[Accepted | Refusal]]:
    quotes: Sequence[Quoted | Refusal] = (yield Quote(caller.account, submissions)) if submissions else ()
    results: list[Accepted | Refusal] = []
    for submission, quote in zip(submissions, quotes, strict=True):
        if isinstance(quote, Refusal):
            results.append(quote)
            continue
        key = str(submission.extra["ref"])
        earlier: Record | None = yield GetRecord(caller.account, TESTS, key)
        if earlier is not None:
            results.append(Refusal(RefusalKind.DUPLICATE, "This reference was used before."))
            continue
        data = {"to": submission.to, "cost": quote.cost}
        record: Record = yield PutRecord(caller.account, TESTS, data, key=key, ttl_s=KEEP_TEST_S)
        results.append(Accepted(record.id, State.QUEUED, quote.encoding, quote.parts, True, quote.cost))
    return results


def viber(caller: Caller, document: Any) -> Answer:
    """The alt_route of each message as an SMS, where the account allows that."""
    messages = document.get("messages") if isinstance(document, dict) else None
    if not isinstance(messages, list) or not messages:
        raise ApiError(44, "messages is a list of at least one.")
    if option(caller.account, "viber") != SMS:
        raise ApiError(
            tables.DIRECTION_DENIED,
            'A SIM cannot send Viber messages; [account.bsg] viber = "sms" delivers their alt_route as SMS.',
        )
    check_tariff(document.get("tariff"))
    seconds = whole(document.get("validity")) if document.get("validity") is not None else MAX_VIBER_S
    if seconds is None or not 1 <= seconds <= MAX_VIBER_S:
        raise ApiError(tables.BAD_VALIDITY, f"validity is 1 to {MAX_VIBER_S} seconds.")
    modems = yield ListModems()
    items = []
    for message in messages:
        found = message if isinstance(message, dict) else {}
        recipients = found.get("to")
        for row in recipients if isinstance(recipients, list) and recipients else [{}]:
            reference, error = yield from reference_of(row if isinstance(row, dict) else {})
            try:
                if error:
                    raise ApiError(error)
                route = _alt_route(found)
                sender = originator_of(route.get("originator") or found.get("alpha_name"))
                text = route.get("text")
                if not isinstance(text, str) or not text:
                    raise ApiError(tables.BAD_BODY)
                to = msisdn_of(row.get("msisdn") if isinstance(row, dict) else None, caller)
            except ApiError as failure:
                items.append(Item(reference, error=failure.code))
                continue
            extra: dict[str, object] = {"ref": reference, "sender": sender, "service": "viber"}
            url = found.get("callback_url")
            if isinstance(url, str) and url.strip():
                extra["callback"] = url.strip()
            submission = Submission(
                to=to,
                text=text,
                validity_s=max(1, seconds),
                client_ref=f"bsg:{reference}",
                dialect="bsg",
                line=line_named(sender, modems),
                extra=extra,
            )
            items.append(Item(reference, submission))
    return (yield from _listed(items, caller, "viber"))


def _alt_route(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Documented in `options`, and in `options.viber` as the Python SDK has it. Raises ApiError."""
    options = message.get("options")
    inner = options.get("viber") if isinstance(options, dict) else None
    for place in (options, inner, message):
        if isinstance(place, dict) and isinstance(route := place.get("alt_route"), dict):
            return route
    raise ApiError(tables.DIRECTION_DENIED)


def hlr(caller: Caller, document: Any) -> Answer:
    """A type-0 message to each number, where the account allows that: its report says whether somebody is there."""
    rows = [document] if isinstance(document, dict) else document
    if not isinstance(rows, list) or not rows:
        raise ApiError(64, "The body is a list of at least one.")
    if option(caller.account, "hlr") != PING:
        raise ApiError(
            tables.DIRECTION_DENIED,
            'A SIM cannot ask the HLR; [account.bsg] hlr = "ping" answers from a type-0 message.',
        )
    items: list[Item] = []
    seen: set[str] = set()
    for row in rows:
        found = row if isinstance(row, dict) else {}
        reference = ""
        try:
            to = msisdn_of(found.get("msisdn"), caller)
            reference, error = (yield from reference_of(found)) if "reference" in found else ("", tables.NO_REFERENCE)
            if error or to in seen:
                raise ApiError(error or tables.MSISDN_TWICE)
            check_tariff(found.get("tariff"))
        except ApiError as failure:
            items.append(Item(reference, error=failure.code))
            continue
        seen.add(to)
        extra: dict[str, object] = {"ref": reference, "service": "hlr"}
        if isinstance(url := found.get("callback_url"), str) and url.strip():
            extra["callback"] = url.strip()
        submission = Submission(
            to=to, text="", pid=TYPE_0, report=True, client_ref=f"bsg:{reference}", dialect="bsg", extra=extra
        )
        items.append(Item(reference, submission))
    return (yield from _listed(items, caller, "hlr"))


def _listed(items: Sequence[Item], caller: Caller, service: str) -> Answer:
    results, total = yield from deliver(items, caller, service)
    return {**described(0), "result": results, "total_price": total, "currency": caller.account.currency}
