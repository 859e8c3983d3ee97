"""send.php and /rest/send/: parameters to submissions, and the answers in every format and `cost` mode."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from modemgw.dialects.seam import (
    Balance,
    Command,
    GetBalance,
    ListModems,
    Quote,
    Quoted,
    Submit,
    WireRequest,
    WireResponse,
)
from modemgw.dialects.smsc import tables
from modemgw.dialects.smsc.times import send_at, validity_s
from modemgw.dialects.smsc.translit import translit
from modemgw.dialects.smsc.wire import (
    CSV,
    JSON,
    XML,
    ApiError,
    Params,
    Steps,
    answer_json,
    answer_text,
    answer_xml,
    authenticate,
    of_refusal,
)
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.domain.message import Accepted, Submission
from modemgw.domain.numbers import normalise
from modemgw.domain.refusal import Refusal, RefusalKind

#: Kinds of message that no SIM can send, or that this version does not send yet.
CANNOT = ("hlr", "ping", "push", "mms", "mail", "soc", "viber", "whatsapp", "call", "tg", "bot")
_CANNOT_PREFIX = re.compile(r"__(HLR|PING|CALL|VIBER|SOC|MAIL|TGM|BOT)__")

MAX_RECIPIENTS = 10_000
MAX_INT_ID = 2_147_483_647

_ID = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)
_COMMENT = re.compile(r"\r?\n~~~\r?\n(.*)\Z", re.DOTALL)
_PID_DCS = re.compile(r"pid:\s*([0-9A-Fa-f]{1,2})(?:\s*,\s*dcs:\s*([0-9A-Fa-f]{1,2}))?|dcs:\s*([0-9A-Fa-f]{1,2})")
_LIST_ROW = re.compile(r"\s*([^:;]+)[:;](.*)", re.DOTALL)
_LIST_START = re.compile(r"\s*\+?[0-9][0-9+,() \t-]*[:;]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """One number as the client wrote it, with what becomes of it."""

    phone: str
    submission: Submission | None
    refusal: Refusal | None = None


def send(params: Params, request: WireRequest) -> Steps:
    """Send, or with cost=1 tell the price."""
    account = yield from authenticate(params, request)
    own_id = _own_id(params.text("id"))
    # refusals of the live service carry an id; nothing was stored, so it is one that no message of ours has
    shown_id = own_id if own_id is not None else request.now // 1000
    try:
        modems: Sequence[ModemView] = (yield ListModems()) if params.text("sender") else ()
        template = _template(params, request, own_id, modems)
        entries = [
            _entry(phone, text, template, params, account) for phones, text in _pairs(params) for phone in phones
        ]
        if not entries:
            raise Refusal(RefusalKind.BAD_PARAMETER, "There is no number in phones or list.")
        if len(entries) > MAX_RECIPIENTS:
            raise Refusal(RefusalKind.BAD_PARAMETER, f"More than {MAX_RECIPIENTS} numbers at once.")
        cost = params.flag("cost")
        results: Sequence[Quoted | Accepted | Refusal]
        if cost == 1:
            results = yield from _planned(entries, account)
        else:
            results = yield from _submitted(entries, account, own_id)
        if not any(isinstance(result, Quoted | Accepted) for result in results):
            refusal = results[0]
            assert isinstance(refusal, Refusal)
            raise refusal
    except Refusal as refusal:
        raise of_refusal(refusal, shown_id) from refusal
    first = next((result.id for result in results if isinstance(result, Accepted)), 0)
    balance: Balance | None = (yield GetBalance(account)) if cost == 3 else None
    outcome = _Outcome(own_id if own_id is not None else first, cost, account, balance, entries, results)
    return outcome.answer(params)


def _own_id(value: str) -> int | str | None:
    value = value.strip()
    if value in {"", "0"}:
        return None
    if value.isascii() and value.isdigit() and 1 <= int(value[:20]) <= MAX_INT_ID:
        return int(value)
    if not _ID.fullmatch(value):
        raise ApiError(tables.PARAMETERS, reason="id must be 1..2147483647 or 1 to 40 of A-Z a-z 0-9 . _ -")
    return value


def _template(
    params: Params, request: WireRequest, own_id: int | str | None, modems: Sequence[ModemView]
) -> Submission:
    """What all messages of the request have in common."""
    for kind in CANNOT:
        if params.flag(kind) or (kind == "bot" and params.text(kind)):
            raise Refusal(RefusalKind.CANNOT, f"{kind} messages cannot be sent through this gateway.")
    extra: dict[str, object] = {}
    if own_id is not None:
        extra["ref"] = str(own_id)
    sender = params.text("sender").strip()
    if sender:
        extra["sender"] = sender
    digits = sender.removeprefix("+")
    line = next(
        (modem.name for modem in modems if sender == modem.name or digits == (modem.number or "").removeprefix("+")),
        None,
    )
    return Submission(
        to="",
        flash=bool(params.flag("flash")),
        validity_s=validity_s(params.text("valid")),
        send_at=send_at(params.text("time"), params.text("tz"), request.now),
        line=line,
        dialect="smsc",
        extra=extra,
    )


def _pairs(params: Params) -> list[tuple[list[str], str]]:
    """Numbers with the text for them, from phones and mes or from list."""
    rows = params.text("list")
    if rows.strip():
        return [(_phones(row[0]), row[1]) for row in _list_rows(rows, multi_line=bool(params.flag("nl")))]
    return [(_phones(params.text("phones")), params.text("mes"))]


def _phones(value: str) -> list[str]:
    return [phone.strip() for phone in re.split(r"[,;\n]", value) if phone.strip()]


def _list_rows(value: str, *, multi_line: bool) -> list[tuple[str, str]]:
    lines = value.replace("\r\n", "\n").split("\n")
    if multi_line:
        joined: list[str] = []
        for line in lines:
            if joined and not _LIST_START.match(line):
                joined[-1] += "\n" + line
            else:
                joined.append(line)
        lines = [line.rstrip("\n") for line in joined]
    rows = []
    for line in lines:
        if not line.strip():
            continue
        match = _LIST_ROW.fullmatch(line)
        if match is None:
            raise Refusal(RefusalKind.BAD_PARAMETER, "A line of list has no colon between numbers and text.")
        rows.append((match[1], match[2] if multi_line else match[2].replace("\\n", "\n")))
    return rows


def _entry(phone: str, text: str, template: Submission, params: Params, account: Account) -> Entry:
    try:
        to = international(phone, account.country)
        submission = _with_text(template, text, params)
    except Refusal as refusal:
        return Entry(phone, None, refusal)
    return Entry(phone, replace(submission, to=to))


def _with_text(template: Submission, text: str, params: Params) -> Submission:
    extra = dict(template.extra)
    comment = _COMMENT.search(text)
    if comment is not None:
        extra["comment"] = comment[1]
        text = text[: comment.start()]
    mode = params.flag("bin")
    if mode in {1, 2}:
        raw = params.raw("mes") if mode == 1 else text.encode()
        return _binary(replace(template, extra=extra), raw, mode, comment[1] if comment else "")
    if _CANNOT_PREFIX.match(text):
        raise Refusal(RefusalKind.CANNOT, f"{text[:12]} messages cannot be sent through this gateway.")
    return replace(template, text=translit(text, params.flag("translit")), extra=extra)


def _binary(template: Submission, raw: bytes, mode: int, comment: str) -> Submission:
    """bin=1 octets, bin=2 hex; the user data header with its length octet comes first."""
    if mode == 1:
        payload = re.split(rb"\r?\n~~~\r?\n", raw, maxsplit=1)[0]
    else:
        try:
            payload = bytes.fromhex(raw.decode("ascii", "replace"))
        except ValueError:
            raise Refusal(RefusalKind.BAD_PARAMETER, "mes is not hex, as bin=2 asks.") from None
    if not payload or len(payload) <= payload[0]:
        raise Refusal(RefusalKind.BAD_PARAMETER, "mes is shorter than the header its first octet announces.")
    header, data = payload[1 : payload[0] + 1], payload[payload[0] + 1 :]
    match = _PID_DCS.search(comment)
    pid = int(match[1], 16) if match and match[1] else 0
    dcs = (match[2] or match[3]) if match else None
    return replace(template, data=data, udh=header, pid=pid, dcs=int(dcs, 16) if dcs else None)


def international(phone: str, country: str | None) -> str:
    """A number as the provider reads it: international with or without the plus, Russian and local spellings set right.

    Raises Refusal(BAD_NUMBER).
    """
    number = normalise(phone, country)
    if number.startswith("+") or len(number) <= 6:
        return number
    if country in {None, "7"}:
        if len(number) == 11 and number.startswith("8"):
            return "+7" + number[1:]
        if len(number) == 10 and number.startswith("9"):
            return "+7" + number
    if number.startswith("0"):
        raise Refusal(RefusalKind.BAD_NUMBER, f"{phone} is not in international format.", field="phones")
    return normalise("+" + number)


def _planned(entries: list[Entry], account: Account) -> Generator[Command, Any, list[Quoted | Refusal]]:
    good = [entry.submission for entry in entries if entry.submission is not None]
    planned = iter((yield Quote(account, good)) if good else [])
    return [entry.refusal or next(planned) for entry in entries]


def _submitted(
    entries: list[Entry], account: Account, own_id: int | str | None
) -> Generator[Command, Any, list[Accepted | Refusal]]:
    """Store them. Several under an id of ours need that id first: the first goes alone, the rest carry its id."""
    good = [entry.submission for entry in entries if entry.submission is not None]
    stored: list[Accepted | Refusal] = []
    if own_id is None and len(good) > 1:
        for plan, submission in zip((yield Quote(account, good)), good, strict=True):
            if isinstance(plan, Refusal):
                stored.append(plan)
                continue
            stored += yield Submit(account, [submission])
            break
        first = stored[-1]
        if isinstance(first, Accepted):
            rest = [
                replace(submission, extra={**submission.extra, "ref": str(first.id)})
                for submission in good[len(stored) :]
            ]
        else:
            rest = list(good[len(stored) :])
        if rest and not (isinstance(first, Refusal) and first.kind is RefusalKind.UNAVAILABLE):
            stored += yield Submit(account, rest)
        else:
            stored += [first] * len(rest) if isinstance(first, Refusal) else []
    elif good:
        stored += yield Submit(account, good)
    results = iter(stored)
    return [entry.refusal or next(results) for entry in entries]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Everything an answer is made of."""

    id: int | str
    cost: int
    account: Account
    balance: Balance | None
    entries: list[Entry]
    results: Sequence[Quoted | Accepted | Refusal]

    def answer(self, params: Params) -> WireResponse:
        count = sum(_parts(result) for result in self.results)
        price = str(Decimal(self.account.price) * count)
        if params.fmt in {JSON, XML}:
            fields: dict[str, Any] = {}
            if self.cost == 1:
                fields["cost"] = price
            else:
                fields["id"] = self.id
            fields["cnt"] = count
            if self.cost in {2, 3}:
                fields["cost"] = price
            if self.balance is not None:
                fields["balance"] = self.balance.amount
            if phones := self._phones(params):
                fields["phones"] = phones
            return answer_json(params, fields) if params.fmt == JSON else answer_xml(params, fields)
        if params.fmt == CSV:
            row = [price, str(count)] if self.cost == 1 else [str(self.id), str(count)]
            row += [price] if self.cost in {2, 3} else []
            row += [self.balance.amount] if self.balance else []
            return answer_text(params, ",".join(row))
        if self.cost == 1:
            return answer_text(params, f"{price} ({count} SMS)")
        text = f"OK - {count} SMS, ID - {self.id}"
        text += f", COST - {price}" if self.cost in {2, 3} else ""
        text += f", BALANCE - {self.balance.amount}" if self.balance else ""
        return answer_text(params, text)

    def _phones(self, params: Params) -> list[dict[str, str]]:
        """The list of op=1 (all numbers) or err=1 (the bad ones); values are strings."""
        all_numbers, bad_ones = params.flag("op"), params.flag("err")
        rows = []
        for entry, result in zip(self.entries, self.results, strict=True):
            if not (all_numbers or (bad_ones and isinstance(result, Refusal))):
                continue
            cost = str(Decimal(self.account.price) * _parts(result))
            row = {"phone": entry.phone.removeprefix("+"), "mccmnc": "", "cost": cost}
            if isinstance(result, Refusal):
                status, error = tables.REFUSED_NUMBERS.get(result.kind, (20, 255))
                row |= {"status": str(status), "error": str(error)}
            rows.append(row)
        return rows


def _parts(result: Quoted | Accepted | Refusal) -> int:
    return 0 if isinstance(result, Refusal) else result.parts
