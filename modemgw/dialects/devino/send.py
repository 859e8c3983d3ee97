"""Sms/Send, SendBulk, SendByTimeZone and SendByTimeZoneToAddresses: from the parameters to messages in the store.

All four take one number or many, for clients mix them: the 1C module sends its delayed bulks to SendByTimeZone.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from modemgw.dialects.devino import tables
from modemgw.dialects.devino.entrance import enter
from modemgw.dialects.devino.ids import ids_of
from modemgw.dialects.devino.settings import SETTINGS
from modemgw.dialects.devino.times import read_time
from modemgw.dialects.devino.wire import ApiError, Params, answer
from modemgw.dialects.phones import international, line_named
from modemgw.dialects.seam import GetSettings, ListModems, LookupNumber, Steps, Submit, WireRequest
from modemgw.dialects.settings import with_defaults
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.domain.message import Accepted, Submission
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command, NumberFacts

#: 11 Latin letters and signs, or 15 digits.
_SENDER = re.compile(r"[\x20-\x7e]{1,11}|\+?[0-9]{1,15}", re.ASCII)
_MINUTES = re.compile(r"[0-9]{1,7}", re.ASCII)


def send(params: Params, request: WireRequest) -> Steps:
    """At once, or at a time in UTC."""
    return (yield from _send(params, request, by_time_zone=False))


def send_by_time_zone(params: Params, request: WireRequest) -> Steps:
    """At a time of the recipient's clock."""
    return (yield from _send(params, request, by_time_zone=True))


def _send(params: Params, request: WireRequest, *, by_time_zone: bool) -> Steps:
    numbers = _numbers(params)
    text = params.needed("data")
    params.needed("sourceAddress")
    if by_time_zone:
        params.needed("sendDate")
    account = yield from enter(params, request)
    section: Mapping[str, Any] = yield GetSettings("devino")
    most = with_defaults(SETTINGS, section)["max_addresses"]
    if len(numbers) > most:
        raise ApiError(tables.BAD_ARGUMENT, f"Invalid argument: more than {most} destination addresses.")
    recipients = [_recipient(number, account) for number in numbers]
    line, sender = yield from sender_line(params.text("sourceAddress"))
    at = _send_date(params.text("sendDate"))
    template = Submission(
        to="",
        text=text,
        line=line,
        validity_s=validity_s(params.text("validity")),
        dialect="devino",
        extra={"sender": sender},
    )
    submissions = []
    for to in recipients:
        offset_s = (yield from _offset_s(to)) if by_time_zone else 0
        due = None if at is None else at - offset_s * 1000
        submissions.append(replace(template, to=to, send_at=due if due is not None and due > request.now else None))
    accepted: Sequence[Accepted] = yield Submit(account, submissions)
    return answer([part_id for one in accepted for part_id in ids_of(one)])


def _numbers(params: Params) -> list[str]:
    """One or many; commas after them are from the 1C module. Raises ApiError 1."""
    many = params.all("destinationAddresses") or params.all("destinationAddress")[:1]
    numbers = [number.strip() for value in many for number in re.split(r"[,;\r\n]", value) if number.strip()]
    if not numbers:
        raise params.missing("destinationAddress")
    return numbers


def _recipient(number: str, account: Account) -> str:
    try:
        return international(number, account.country)
    except Refusal:
        raise ApiError(tables.BAD_OPERATION, tables.BAD_DESTINATION_TEXT) from None


def sender_line(value: str) -> Generator[Command, Any, tuple[str | None, str]]:
    """The line that a sender names, if it does, and the sender. Raises ApiError 6."""
    sender = value.strip()
    modems: Sequence[ModemView] = yield ListModems()
    line = line_named(sender, modems)
    if line is None and not _SENDER.fullmatch(sender):
        raise ApiError(tables.BAD_OPERATION, tables.BAD_SOURCE_TEXT)
    return line, sender


def _send_date(value: str) -> int | None:
    if not value.strip():
        return None
    at = read_time(value)
    if at is None:
        raise ApiError(tables.BAD_ARGUMENT, f"Invalid argument: sendDate {value[:40]} is no time.")
    return at


def validity_s(value: str) -> int | None:
    """Seconds of a validity in minutes; None where it is left out or 0. Raises ApiError 2."""
    value = value.strip()
    if value in {"", "0"}:
        return None
    if not _MINUTES.fullmatch(value):
        raise ApiError(tables.BAD_ARGUMENT, "Invalid argument: validity is a number of minutes.")
    return int(value) * 60 or None


def _offset_s(to: str) -> Generator[Command, Any, int]:
    """Of the recipient's clock from UTC; 0 where nothing is known of the number."""
    facts: NumberFacts | None = yield LookupNumber(to)
    return facts.utc_offsets_s[0] if facts is not None and facts.utc_offsets_s else 0
