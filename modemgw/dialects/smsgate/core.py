"""What all three forms of the API do: send, tell states, the inbox, times. Owns no layout."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from modemgw.dialects.phones import international, line_named
from modemgw.dialects.seam import FindMessage, GetBalance, GetRecord, ListModems, Submit
from modemgw.dialects.smsgate import tables
from modemgw.dialects.smsgate.settings import options_of
from modemgw.dialects.translit import translit
from modemgw.domain.account import Account
from modemgw.domain.inbox import InboxKind, InboxView
from modemgw.domain.line import ModemView
from modemgw.domain.message import Accepted, MessageView, Submission, row_id
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, Command, InboxQuery, Record

NAME = "smsgate"
PUSH_SPACE, PUSH_KEY = "smsgate.push", "url"

MAX_MESSAGES = 10_000
MAX_STATES = 1_000

_SENDER = re.compile(r"\+?[0-9]{1,15}|[ -~]{1,11}", re.ASCII)
_FORMS = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


class Wrong(Exception):
    """The document cannot be answered otherwise than by this text."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One message as a client asks for it."""

    phone: str
    text: str
    sender: str = ""
    number: str = ""  # number_sms, given back
    client_id: str = ""
    send_at: str = ""
    validity: str = ""
    translite: bool = False
    kind: str = "sms"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    wanted: Wanted
    accepted: Accepted | None = None
    error: str = ""


def zone_of(account: Account) -> timezone:
    """The account's own time."""
    hours = options_of(account)["tz"]
    return timezone(timedelta(hours=3 + max(-14, min(11, hours if isinstance(hours, int) else 0))))


def shown_time(at_ms: int, account: Account) -> str:
    """`YYYY-MM-DD hh:mm:ss`."""
    return datetime.fromtimestamp(at_ms // 1000, zone_of(account)).strftime("%Y-%m-%d %H:%M:%S")


def read_time(value: str, account: Account) -> int | None:
    """Unix ms; None for nothing. Raises Refusal(BAD_TIME)."""
    value = value.strip()
    if not value:
        return None
    for form in _FORMS:
        try:
            at = datetime.strptime(value, form).replace(tzinfo=zone_of(account)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return int(at.timestamp()) * 1000
    raise Refusal(RefusalKind.BAD_TIME, f"{value[:40]} is not YYYY-MM-DD hh:mm.")


def send(account: Account, wanted: Sequence[Wanted], now: int, *, each: bool) -> Generator[Command, Any, list[Outcome]]:
    """Store them; what came of each, in order. Without `each` all are stored or none: raises Refusal, Wrong.

    With it, what is wrong with one of them alone is its outcome; the others are stored, or none and Refusal is raised.
    """
    if len(wanted) > MAX_MESSAGES:
        raise Wrong(tables.BAD_XML)
    modems: Sequence[ModemView] = yield ListModems()
    push: Record | None = yield GetRecord(account, PUSH_SPACE, PUSH_KEY)
    outcomes: list[Outcome] = []
    good: list[tuple[int, Submission]] = []
    for one in wanted:
        outcome = Outcome(one)
        try:
            submission = _submission(one, account, modems, now)
            if push is not None:
                submission = replace(submission, extra={**submission.extra, "callback": push.data["url"]})
            good.append((len(outcomes), submission))
        except (Refusal, Wrong) as problem:
            if not each:
                raise
            text = tables.ERRORS[problem.kind] if isinstance(problem, Refusal) else str(problem)
            outcome = Outcome(one, error=text)
        outcomes.append(outcome)
    submissions = [item for _, item in good]
    results: Sequence[Accepted | Refusal] = (yield Submit(account, submissions, each=each)) if good else ()
    for (index, _), result in zip(good, results, strict=True):
        if isinstance(result, Refusal):
            outcomes[index] = replace(outcomes[index], error=tables.ERRORS[result.kind])
        else:
            outcomes[index] = replace(outcomes[index], accepted=result)
    return outcomes


def _submission(one: Wanted, account: Account, modems: Sequence[ModemView], now: int) -> Submission:
    if one.kind not in {"", "sms"}:
        raise Refusal(RefusalKind.CANNOT, f"A {one.kind[:20]} message cannot leave through a SIM card.")
    if not one.phone.strip():
        raise Wrong(tables.NO_PHONE)
    if len(re.sub(r"\D", "", one.phone)) > 15:
        raise Wrong(tables.LONG_PHONE)
    sender = one.sender.strip()
    line = line_named(sender, modems) if sender else None
    if sender and line is None and not _SENDER.fullmatch(sender):
        raise Wrong(tables.BAD_SENDER)
    text = one.text.replace("\\n", "\n")
    send_at = read_time(one.send_at, account)
    until = read_time(one.validity, account)
    validity_s = None
    if until is not None:
        validity_s = max(1, (until - max(now, send_at or now)) // 1000)
        if until <= now:
            raise Refusal(RefusalKind.BAD_TIME, "The validity has ended already.")
    return Submission(
        to=international(one.phone, account.country),
        text=translit(text, 1) if one.translite else text,
        send_at=send_at,
        validity_s=validity_s,
        line=line,
        client_ref=f"smsgate:{one.client_id.strip()[:100]}" if one.client_id.strip() else None,
        dialect=NAME,
        extra={"sender": sender} if sender else {},
    )


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state as clients are told it."""

    id: str
    state: str
    time: str
    parts: str
    price: str


def row_of(view: MessageView, account: Account) -> StateRow:
    """The state of a message; `send` has no time."""
    state = tables.STATES[view.state]
    time = "" if state == "send" else shown_time(view.updated_at, account)
    return StateRow(str(view.id), state, time, str(view.part_count), view.cost)


def states(account: Account, ids: Sequence[str]) -> Generator[Command, Any, list[StateRow]]:
    """Of those that there are."""
    rows = []
    for id in ids[:MAX_STATES]:
        if (number := row_id(id.strip())) is not None:
            view: MessageView | None = yield FindMessage(account, id=number)
            if view is not None:
                rows.append(row_of(view, account))
    return rows


def incoming(account: Account, start: str, end: str) -> Generator[Command, Any, list[InboxView]]:
    """What came in after `start` and before `end`. Raises Wrong."""
    try:
        since, until = read_time(start, account), read_time(end, account)
    except Refusal:
        raise Wrong(tables.BAD_XML) from None
    views: Sequence[InboxView] = yield InboxQuery(
        account,
        limit=MAX_MESSAGES,
        since=None if since is None else since + 1,
        until=None if until is None else until - 1,
    )
    return [view for view in views if view.kind in {InboxKind.TEXT, InboxKind.FLASH}]


def balance(account: Account) -> Generator[Command, Any, tuple[Balance, str]]:
    """The money, and how many messages it is enough for; empty where they cost nothing."""
    found: Balance = yield GetBalance(account)
    price = Decimal(account.price)
    return found, str(int(Decimal(found.amount) / price)) if price > 0 else ""


def senders(account: Account) -> Generator[Command, Any, list[str]]:
    """What may be asked for as a sender and is one: the lines' numbers, or names."""
    modems: Sequence[ModemView] = yield ListModems()
    return [(modem.number or modem.name).removeprefix("+") for modem in modems]
