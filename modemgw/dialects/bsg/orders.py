"""What sms/create and sms/price are asked for: messages out of the document, each with its own error if it has one."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from modemgw.dialects.bsg import tables
from modemgw.dialects.bsg.wire import ApiError, Caller, moment
from modemgw.dialects.json_body import switch, whole
from modemgw.dialects.phones import international, line_named
from modemgw.dialects.seam import ListModems, MakeSecret
from modemgw.dialects.translit import translit
from modemgw.domain.line import ModemView
from modemgw.domain.message import Encoding, Submission
from modemgw.domain.numbers import visible
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command

MAX_PHONES = 1000
#: Hours: what the provider takes, and the longest that a service centre keeps a message (63 weeks).
MAX_VALIDITY, LONGEST = 87_840, 10_584

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,32}")
_ORIGINATOR = re.compile(r"\+?[0-9]{1,15}|[ -~]{1,14}")
_MSISDN = re.compile(r"\+?[0-9]{8,15}")
_OTP = re.compile(r"\{gen_otp_(09|AZ|az|aZ|a9|\*\*),([0-9]{1,2})\}")
_DIGITS, _LOWER = "0123456789", "abcdefghijklmnopqrstuvwxyz"
_ALPHABETS = {
    "09": _DIGITS,
    "AZ": _LOWER.upper(),
    "az": _LOWER,
    "aZ": _LOWER + _LOWER.upper(),
    "a9": _LOWER + _DIGITS,
    "**": _LOWER + _LOWER.upper() + _DIGITS + "!#%&*+-=?@",
}
MAX_OTP = 32
_NAMES = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Item:
    """One message: a submission, or the error it has."""

    reference: str
    submission: Submission | None = None
    error: int = 0
    reason: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)  # what else its answer has


@dataclass(frozen=True, slots=True)
class Order:
    """A create. `many` is answered with a task and a list."""

    many: bool
    items: Sequence[Item]
    originator: str
    body: str
    validity: int


def read_order(document: Any, caller: Caller, *, priced: bool = False) -> Generator[Command, Any, Order]:
    """All messages of a create. Raises ApiError for what is wrong with all of it. `priced`: without references."""
    if not isinstance(document, dict):
        raise ApiError(tables.BAD_PAYLOAD, "The body is not a JSON object.")
    destination = document.get("destination")
    rows: Any
    if destination in ("phone", "otp"):
        many, rows = False, [document]
    elif destination in ("phones", "individual"):
        many, rows = True, document.get("phones")
    else:
        raise ApiError(tables.BAD_PAYLOAD, "destination is phone, phones, individual or otp.")
    if not isinstance(rows, list) or not rows:
        raise ApiError(tables.BAD_PAYLOAD, "phones is a list of at least one.")
    if len(rows) > MAX_PHONES:
        raise ApiError(tables.BATCH, f"phones has {MAX_PHONES} at the most.")
    check_tariff(document.get("tariff"))
    modems: Sequence[ModemView] = yield ListModems()
    own = destination == "individual"
    common = {name: document.get(name) for name in ("originator", "body")}
    if not own:
        originator_of(common["originator"])
        _body_of(common["body"])
    template = _template(document)
    items = []
    seen: set[str] = set()
    for row in rows:
        if priced and isinstance(row, dict):
            row = {name: value for name, value in row.items() if name != "reference"}
        item = yield from _item(row, document, common, template, modems, caller, own=own)
        if destination == "otp" and not item.error and not item.more:
            raise ApiError(tables.BAD_BODY, "The body has no {gen_otp_…} in it.")
        if item.submission is not None:
            to = item.submission.to
            if to in seen:
                item = Item(item.reference, error=tables.MSISDN_TWICE)
            seen.add(to)
        items.append(item)
    hours = whole(document.get("validity"))
    return Order(many, items, str(common["originator"] or ""), str(common["body"] or ""), hours or 72)


def _item(
    row: Any,
    document: Mapping[str, Any],
    common: Mapping[str, Any],
    template: Submission,
    modems: Sequence[ModemView],
    caller: Caller,
    *,
    own: bool,
) -> Generator[Command, Any, Item]:
    if not isinstance(row, dict):
        return Item("", error=tables.BAD_MSISDN, reason="This is not an object.")
    reference, error = yield from reference_of(row)
    if error:
        return Item(reference, error=error)
    try:
        to = msisdn_of(row.get("msisdn"), caller)
        hours = validity_of(row.get("validity", document.get("validity")))
        given = {name: row.get(name) or common[name] for name in common} if own else common
        sender, body = originator_of(given["originator"]), _body_of(given["body"])
        if switch(document.get("transliterate")):
            body = translit(body, 1)
        body, codes = yield from _with_codes(body)
    except ApiError as failure:
        return Item(reference, error=failure.code, reason=str(failure))
    extra: dict[str, object] = {**template.extra, "ref": reference, "sender": sender}
    submission = replace(
        template,
        to=to,
        text=body,
        validity_s=None if hours is None else hours * 3600,
        client_ref=f"bsg:{reference}",
        line=line_named(sender, modems),
        extra=extra,
    )
    return Item(reference, submission, more={"otp_code": codes[0]} if codes else {})


def _template(document: Mapping[str, Any]) -> Submission:
    extra: dict[str, object] = {}
    if isinstance(url := document.get("callback_url"), str) and url.strip():
        extra["callback"] = url.strip()
    if switch(document.get("2way")):
        extra["2way"] = True
    send_at = None
    if when := document.get("scheduledDatetime") or document.get("send_time"):
        try:
            send_at = moment(when if isinstance(when, str) else "")
        except ValueError as error:
            raise ApiError(tables.BAD_TIME, "scheduledDatetime is a time such as 2024-12-25T10:30:00Z.") from error
    ucs2 = switch(document.get("data_coding_ucs2"))
    return Submission(
        to="", text="", send_at=send_at, encoding=Encoding.UCS2 if ucs2 else Encoding.AUTO, dialect="bsg", extra=extra
    )


def reference_of(row: Mapping[str, Any]) -> Generator[Command, Any, tuple[str, int]]:
    """The client's reference, or one of ours where it gives none; and the error of one that is no good."""
    if "reference" not in row:
        made: str = yield MakeSecret(16, _NAMES)
        return made, 0
    given = row["reference"]
    if given is None or given == "":
        return "", tables.NO_REFERENCE
    text = str(given) if isinstance(given, str) or whole(given) is not None else ""
    if not _REFERENCE.fullmatch(text):
        return text[:32], tables.BAD_REFERENCE
    return text, 0


def msisdn_of(given: Any, caller: Caller) -> str:
    """The number. Raises ApiError(BAD_MSISDN)."""
    text = visible(given) if isinstance(given, str) else str(whole(given) or "")
    if not _MSISDN.fullmatch(text):
        raise ApiError(tables.BAD_MSISDN, f"msisdn has 8 to 15 digits, which {str(given)[:40]!r} has not.")
    try:
        return international(text, caller.account.country)
    except Refusal as refusal:
        raise ApiError(tables.BAD_MSISDN, str(refusal)) from refusal


def originator_of(given: Any) -> str:
    """The sender's name. Raises ApiError(BAD_ORIGINATOR)."""
    text = given if isinstance(given, str) else str(whole(given) or "")
    if not _ORIGINATOR.fullmatch(text) or not text.strip():
        raise ApiError(tables.BAD_ORIGINATOR, "originator has 1 to 14 Latin letters and signs, or 15 digits.")
    return text


def _body_of(given: Any) -> str:
    if not isinstance(given, str) or not given:
        raise ApiError(tables.BAD_BODY, "body is missing.")
    return given


def validity_of(given: Any) -> int | None:
    """Hours, None for none given. Raises ApiError(BAD_VALIDITY)."""
    if given is None or given == "":
        return None
    hours = whole(given)
    if hours is None or not 1 <= hours <= MAX_VALIDITY:
        raise ApiError(tables.BAD_VALIDITY, f"validity is 1 to {MAX_VALIDITY} hours.")
    return min(hours, LONGEST)


def check_tariff(given: Any) -> None:
    """0 to 9, or nothing. Raises ApiError(BAD_TARIFF)."""
    if given is None or given == "":
        return
    tariff = whole(given)
    if tariff is None or not 0 <= tariff <= 9:
        raise ApiError(tables.BAD_TARIFF, "tariff is 0 to 9.")


def _with_codes(body: str) -> Generator[Command, Any, tuple[str, list[str]]]:
    """The body with a code in the place of each `{gen_otp_…}`."""
    codes: list[str] = []
    pieces, end = [], 0
    for match in _OTP.finditer(body):
        length = int(match[2])
        if not 1 <= length <= MAX_OTP or len(codes) >= 16:
            raise ApiError(tables.BAD_BODY, f"A code has 1 to {MAX_OTP} characters.")
        code: str = yield MakeSecret(length, _ALPHABETS[match[1]])
        codes.append(code)
        pieces += [body[end : match.start()], code]
        end = match.end()
    return "".join([*pieces, body[end:]]), codes
