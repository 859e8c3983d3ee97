"""send.php and /rest/send/: from the parameters to messages in the store, or to their price."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from modemgw.dialects.phones import international, line_named
from modemgw.dialects.seam import GetBalance, ListModems, Quote, Steps, Submit, WireRequest
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.answer import Entry, Outcome
from modemgw.dialects.smsc.entrance import Caller, digest, enter
from modemgw.dialects.smsc.kinds import refuse_what_no_sim_can, sender_of, with_text
from modemgw.dialects.smsc.recipients import REFUSED, blacklisted, expand_groups, pairs, refused_key
from modemgw.dialects.smsc.times import send_at, spread, validity_s
from modemgw.dialects.smsc.wire import ApiError, Params, of_refusal
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.domain.message import Accepted, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Balance, Command, Quoted

MAX_RECIPIENTS = 10_000
MAX_INT_ID = 2_147_483_647

_ID = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)


def send(params: Params, request: WireRequest) -> Steps:
    """Send, or with cost=1 tell the price."""
    caller = yield from enter(params, request)
    outcome = yield from deliver(params, caller)
    return outcome.answer(params)


def deliver(params: Params, caller: Caller) -> Generator[Command, Any, Outcome]:
    """What send.php does, without the wording of its answer. Raises ApiError."""
    own_id = own_id_of(params.text("id"))
    # refusals of the live service carry an id; nothing was stored, so it is one that no message of ours has
    shown_id = own_id if own_id is not None else caller.now // 1000
    mode = params.flag("cost")
    try:
        entries = yield from prepare(params, caller, own_id)
        if mode == 1:
            yield from caller.throttle("cost", caller.options.identical_costs, digest(params))
            return Outcome(0, mode, entries)
        yield from caller.throttle("send", caller.options.identical_sends, digest(params))
        first = yield from submit(entries, caller.account, own_id)
    except Refusal as refusal:
        raise of_refusal(refusal, shown_id) from refusal
    balance: Balance | None = (yield GetBalance(caller.account)) if mode == 3 else None
    return Outcome(own_id if own_id is not None else first, mode, entries, balance)


def own_id_of(value: str) -> int | str | None:
    """The id that the client chose; None for none. Raises ApiError 1."""
    value = value.strip()
    if value in {"", "0"}:
        return None
    if value.isascii() and value.isdigit() and 1 <= int(value[:20]) <= MAX_INT_ID:
        return int(value)
    if not _ID.fullmatch(value):
        raise ApiError(tables.PARAMETERS, reason="id must be 1..2147483647 or 1 to 40 of A-Z a-z 0-9 . _ -")
    return value


def prepare(params: Params, caller: Caller, own_id: int | str | None) -> Generator[Command, Any, list[Entry]]:
    """A message with its price, or a refusal, for each number. Raises Refusal where none can be sent."""
    account = caller.account
    modems: Sequence[ModemView] = (yield ListModems()) if params.text("sender").strip() else ()
    template = _template(params, caller, own_id, modems)
    rows = yield from expand_groups(pairs(params), account)
    entries = [_entry(phone, text, template, params, caller) for phones, text in rows for phone in phones]
    if not entries:
        raise Refusal(RefusalKind.BAD_PARAMETER, "There is no number in phones or list.", field="phones")
    if len(entries) > MAX_RECIPIENTS:
        raise Refusal(RefusalKind.BAD_PARAMETER, f"More than {MAX_RECIPIENTS} numbers at once.", field="phones")
    entries = yield from _without_blacklisted(entries, account)
    good = [entry.submission for entry in entries if entry.submission is not None]
    times = iter(spread(template.send_at, caller.now, len(good), params.text("period"), params.text("freq")))
    good = [replace(submission, send_at=next(times)) for submission in good]
    quotes = zip(good, (yield Quote(account, good)) if good else (), strict=True)
    entries = [_quoted(entry, *next(quotes)) if entry.submission is not None else entry for entry in entries]
    _refuse_if_all_are(entries)
    return _with_refused(entries)


def _template(params: Params, caller: Caller, own_id: int | str | None, modems: Sequence[ModemView]) -> Submission:
    """What all messages of the request have in common. A sender that is a line's name or number picks the line."""
    refuse_what_no_sim_can(params)
    extra: dict[str, object] = {}
    if own_id is not None:
        extra["ref"] = str(own_id)
    wanted = params.text("sender").strip()
    line = line_named(wanted, modems)
    if sender := wanted if line is not None else sender_of(wanted):
        extra["sender"] = sender
    return Submission(
        to="",
        flash=bool(params.flag("flash")),
        validity_s=validity_s(params.text("valid")),
        send_at=send_at(params.text("time"), params.text("tz").strip() or str(caller.options.tz), caller.now),
        line=line,
        dialect="smsc",
        extra=extra,
    )


def _entry(phone: str, text: str, template: Submission, params: Params, caller: Caller) -> Entry:
    try:
        to = international(phone, caller.account.country)
        submission = with_text(template, text, params, caller.account, caller.options)
    except Refusal as refusal:
        return Entry(phone, refusal=refusal)
    return Entry(phone, replace(submission, to=to))


def _without_blacklisted(entries: list[Entry], account: Account) -> Generator[Command, Any, list[Entry]]:
    black = yield from blacklisted((entry.submission.to for entry in entries if entry.submission is not None), account)
    if not black:
        return entries
    refusal = Refusal(RefusalKind.FORBIDDEN, "The number is on the blacklist of the account.", field="phones")
    return [
        Entry(entry.phone, refusal=refusal)
        if entry.submission is not None and entry.submission.to.lstrip("+") in black
        else entry
        for entry in entries
    ]


def _quoted(entry: Entry, submission: Submission, quote: Quoted | Refusal) -> Entry:
    if isinstance(quote, Refusal):
        return Entry(entry.phone, refusal=quote)
    return Entry(entry.phone, submission, quote)


def _with_refused(entries: list[Entry]) -> list[Entry]:
    """The first that is good keeps what the others were refused for, so that status.php can tell it afterwards."""
    refused = {
        refused_key(entry.phone): list(tables.REFUSED_NUMBERS[entry.refusal.kind])
        for entry in entries
        if entry.refusal is not None
    }
    at = next(at for at, entry in enumerate(entries) if entry.submission is not None)
    submission = entries[at].submission
    if refused and submission is not None:
        submission = replace(submission, extra={**submission.extra, REFUSED: refused})
        entries[at] = replace(entries[at], submission=submission)
    return entries


def _refuse_if_all_are(entries: Sequence[Entry]) -> None:
    if all(entry.refusal is not None for entry in entries):
        assert entries[0].refusal is not None
        raise entries[0].refusal


def submit(entries: Sequence[Entry], account: Account, own_id: int | str | None) -> Generator[Command, Any, int]:
    """Store all that can be sent, or none: the id of the first message. Raises Refusal.

    Several without an id of the client's own carry that one.
    """
    good = [entry.submission for entry in entries if entry.submission is not None]
    accepted: Sequence[Accepted] = yield Submit(account, good, as_group=own_id is None and len(good) > 1)
    return accepted[0].id
