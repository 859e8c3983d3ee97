"""The Messages resource: create, fetch, cancel, redact, delete, list."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from modemgw.dialects.phones import international, line_named
from modemgw.dialects.seam import CancelMessage, FindMessage, ListModems, MarkMessage, Steps, Submit, WireResponse
from modemgw.dialects.twilio import tables
from modemgw.dialects.twilio.wire import ApiError, Caller, answer, id_of, incoming, outgoing, sender_of
from modemgw.domain.inbox import InboxView
from modemgw.domain.line import ModemView
from modemgw.domain.message import MessageView, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Command, InboxQuery, MessageQuery

NAME = "twilio"

MAX_BODY = 1600
LONGEST_VALIDITY_S = 36_000

MAX_PAGE, DEFAULT_PAGE = 1000, 50

#: A list that is filtered by From looks at so many messages at most.
MAX_LOOKED_AT = 20_000

#: Channels that are no SMS.
_CHANNEL = re.compile(r"(whatsapp|messenger|rcs|viber|chat):", re.IGNORECASE)

Fields = Mapping[str, str]


def create(caller: Caller, fields: Fields) -> Steps:
    """POST Messages.json."""
    modems: Sequence[ModemView] = yield ListModems()
    submission = submission_of(caller, fields, modems)
    try:
        (accepted,) = yield Submit(caller.account, [submission])
    except Refusal as refusal:
        if refusal.kind is not RefusalKind.BAD_NUMBER:
            raise
        raise ApiError(tables.BAD_TO, tables.ERRORS[tables.BAD_TO][1].replace("{to}", fields["To"])) from refusal
    view: MessageView = yield FindMessage(caller.account, id=accepted.id)
    body = outgoing(view, caller)
    if body["messaging_service_sid"] and body["status"] == "queued":
        body["status"] = "accepted"
    return answer(body, 201)


def submission_of(caller: Caller, fields: Fields, modems: Sequence[ModemView]) -> Submission:
    """What is asked for. Raises ApiError or Refusal."""
    to, sender, service = (fields.get(name, "").strip() for name in ("To", "From", "MessagingServiceSid"))
    if not to:
        raise ApiError(tables.NO_TO)
    if not sender and not service:
        raise ApiError(tables.NO_FROM)
    if _CHANNEL.match(to) or _CHANNEL.match(sender):
        raise ApiError(tables.NO_CHANNEL)
    text = fields.get("Body", "")
    if fields.get("MediaUrl"):
        raise ApiError(tables.CANNOT, "A SIM card cannot send media (MMS): leave MediaUrl out.")
    if not text:
        raise ApiError(tables.NO_BODY)
    if len(text) > MAX_BODY:
        raise ApiError(tables.BODY_TOO_LONG)
    extra: dict[str, object] = {}
    if sender:
        extra["from"] = sender
    if service:
        extra["service"] = service
    if callback := fields.get("StatusCallback", "").strip():
        extra["callback"] = callback
    try:
        number = international(to, caller.account.country)
    except Refusal as refusal:
        message = tables.ERRORS[tables.BAD_TO][1].replace("{to}", to)
        raise ApiError(tables.BAD_TO, message) from refusal
    return Submission(
        to=number,
        text=text,
        validity_s=_validity(fields),
        send_at=_send_at(fields),
        line=line_named(sender, modems),
        smart_encoding=_smart_encoding(fields),
        dialect=NAME,
        extra=extra,
    )


def _smart_encoding(fields: Fields) -> bool | None:
    """SmartEncoded; None where it is left out. Raises ApiError."""
    value = fields.get("SmartEncoded", "").strip().lower()
    if value not in {"", "true", "false"}:
        raise ApiError(tables.BAD_PARAMETER, "SmartEncoded is true or false.")
    return value == "true" if value else None


def _validity(fields: Fields) -> int | None:
    value = fields.get("ValidityPeriod", "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 6 or not 1 <= int(value) <= LONGEST_VALIDITY_S:
        raise ApiError(tables.BAD_PARAMETER, f"ValidityPeriod is a number of seconds from 1 to {LONGEST_VALIDITY_S}.")
    return int(value)


def _send_at(fields: Fields) -> int | None:
    """When, Unix ms; None for at once."""
    value = fields.get("SendAt", "").strip()
    if fields.get("ScheduleType", "").strip().lower() != "fixed":
        return None
    if not value:
        raise ApiError(tables.NO_SEND_AT)
    try:
        at = datetime.fromisoformat(value)
        return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ApiError(tables.BAD_SEND_AT) from None


def _find(caller: Caller, sid: str) -> Generator[Command, Any, MessageView | InboxView]:
    """Raises ApiError 20404."""
    named = id_of(sid)
    if named is not None:
        came_in, id = named
        if came_in:
            views: Sequence[InboxView] = yield InboxQuery(caller.account, after=id - 1, limit=1)
            if views and views[0].id == id:
                return views[0]
        else:
            view: MessageView | None = yield FindMessage(caller.account, id=id)
            if view is not None and not view.extra.get("deleted"):
                return view
    raise ApiError(tables.NOT_FOUND)


def fetch(caller: Caller, sid: str) -> Steps:
    """GET Messages/{sid}.json."""
    view = yield from _find(caller, sid)
    return answer(incoming(view, caller) if isinstance(view, InboxView) else outgoing(view, caller))


def media(caller: Caller, sid: str) -> Steps:
    """GET Messages/{sid}/Media.json: there is none."""
    yield from _find(caller, sid)
    uri = caller.uri(f"Messages/{sid}/Media.json")
    return answer({"media_list": [], **_page(uri, uri, None, 0, 50, 0)})


def update(caller: Caller, sid: str, fields: Fields) -> Steps:
    """POST Messages/{sid}.json: `Status=canceled` withdraws it, an empty Body takes the text out."""
    view = yield from _find(caller, sid)
    if isinstance(view, InboxView):
        raise ApiError(tables.FORBIDDEN, "What came in belongs to all accounts and stays as it is.")
    status = fields.get("Status", "")
    if status not in {"", "canceled"}:
        raise ApiError(tables.BAD_PARAMETER, "Status can only be set to canceled.")
    if status:
        if tables.status_of(view, caller.now) in tables.FINAL:
            raise ApiError(tables.CANNOT_CANCEL)
        yield CancelMessage(caller.account, view.id)
    if "Body" in fields:
        if fields["Body"]:
            raise ApiError(tables.BAD_PARAMETER, "Body can only be set to nothing.")
        _complete(view, caller)
        yield MarkMessage(caller.account, view.id, {"redacted": True})
    return (yield from fetch(caller, sid))


def delete(caller: Caller, sid: str) -> Steps:
    """DELETE Messages/{sid}.json: 204. What is under way cannot be deleted."""
    view = yield from _find(caller, sid)
    if isinstance(view, InboxView):
        raise ApiError(tables.FORBIDDEN, "What came in belongs to all accounts and stays as it is.")
    _complete(view, caller)
    yield MarkMessage(caller.account, view.id, {"deleted": True})
    return WireResponse(b"", 204, "application/json;charset=utf-8")


def _complete(view: MessageView, caller: Caller) -> None:
    if tables.status_of(view, caller.now) not in tables.FINAL | {"sent"}:
        raise ApiError(tables.NOT_COMPLETE)


# -- the list ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: only messages with smaller ids, and what came in not after this time."""

    out: int | None = None
    inn: int | None = None
    until: int | None = None

    @staticmethod
    def of(token: str) -> _Place:
        match = re.fullmatch(r"PA(\d{1,18})-(\d{1,18})-(\d{1,15})", token, re.ASCII)
        if match is None:
            return _Place()
        return _Place(*(int(part) or None for part in match.groups()))

    def __str__(self) -> str:
        return f"PA{self.out or 0}-{self.inn or 0}-{self.until or 0}"


def list_all(caller: Caller, fields: Fields) -> Steps:
    """GET Messages.json: what went out and what came in, the newest first."""
    size = _number(fields.get("PageSize", ""), DEFAULT_PAGE, 1, MAX_PAGE)
    number = _number(fields.get("Page", ""), 0, 0, 10**9)
    place = _Place.of(fields.get("PageToken", ""))
    since, until = _days(fields)
    digits_to, digits_from = (re.sub(r"\D", "", fields.get(name, "")) for name in ("To", "From"))
    out = yield from _outgoing(caller, fields, place, since, until, size + 1)
    bounds = [at for at in (until, place.until) if at is not None]
    views: Sequence[InboxView] = yield InboxQuery(
        caller.account,
        limit=size + 1 + MAX_PAGE * bool(place.inn),
        newest=True,
        since=since,
        until=min(bounds) if bounds else None,
        sender=digits_from or None,
        recipient=digits_to or None,
    )
    came_in = [view for view in views if place.inn is None or view.id < place.inn]
    if any(fields.get(name, "").strip() and not digits for name, digits in (("To", digits_to), ("From", digits_from))):
        came_in = []  # nothing comes in from a name
    merged: list[tuple[int, MessageView | InboxView]] = [(view.created_at, view) for view in out]
    merged += [(view.received_at, view) for view in came_in]
    merged.sort(key=lambda row: (-row[0], -row[1].id))
    shown = merged[:size]
    uri = caller.uri("Messages.json")
    kept = {name: value for name, value in fields.items() if name not in {"Page", "PageToken", "PageSize"} and value}
    following = None
    if len(merged) > size:
        last_out = [view.id for _, view in shown if isinstance(view, MessageView)]
        last_in = [view for _, view in shown if isinstance(view, InboxView)]
        after = _Place(
            min(last_out, default=place.out),
            last_in[-1].id if last_in else place.inn,
            last_in[-1].received_at if last_in else place.until,
        )
        query = {**kept, "PageSize": size, "Page": number + 1, "PageToken": str(after)}
        following = f"{uri}?{urlencode(query)}"
    rows = [incoming(view, caller) if isinstance(view, InboxView) else outgoing(view, caller) for _, view in shown]
    first = f"{uri}?{urlencode({**kept, 'PageSize': size, 'Page': 0})}"
    return answer({"messages": rows, **_page(first, first, following, number, size, len(rows))})


def _page(uri: str, first: str, following: str | None, number: int, size: int, count: int) -> dict[str, Any]:
    start = number * size
    return {
        "first_page_uri": first,
        "next_page_uri": following,
        "previous_page_uri": None,
        "page": number,
        "page_size": size,
        "start": start,
        "end": start + max(count - 1, 0),
        "uri": uri,
    }


def _outgoing(
    caller: Caller, fields: Fields, place: _Place, since: int | None, until: int | None, count: int
) -> Generator[Command, Any, list[MessageView]]:
    """So many that went out, the newest first; those that show the From that was asked for."""
    wanted = fields.get("From", "").strip()
    to = re.sub(r"\D", "", fields.get("To", "")) or None
    found: list[MessageView] = []
    before, looked_at = place.out, 0
    while len(found) < count and looked_at < MAX_LOOKED_AT:
        limit = MAX_PAGE if wanted else count
        page: Sequence[MessageView] = yield MessageQuery(
            caller.account, limit=limit, before=before, newest=True, since=since, until=until, to=to
        )
        found += [
            view
            for view in page
            if not view.extra.get("deleted")
            and (not wanted or (sender_of(view) or "").lstrip("+") == wanted.lstrip("+"))
        ]
        looked_at += len(page)
        if len(page) < limit:
            break
        before = page[-1].id
    return found[:count]


def _days(fields: Fields) -> tuple[int | None, int | None]:
    """From and to of DateSent (a day), DateSent> (from it) and DateSent< (up to it), Unix ms."""
    since = until = None
    if day := _moment(fields.get("DateSent", "")):
        since, until = day[0], day[1]
    if day := _moment(fields.get("DateSent>", "")):
        since = day[0]
    if day := _moment(fields.get("DateSent<", "")):
        until = day[1]
    return since, until


def _moment(value: str) -> tuple[int, int] | None:
    """The first and the last millisecond of a day, or of an instant."""
    if not value.strip():
        return None
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ApiError(tables.BAD_PARAMETER, "DateSent is a date (YYYY-MM-DD) or a time in ISO 8601, in UTC.") from None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    length = timedelta(days=1) if len(value.strip()) <= 10 else timedelta(seconds=1)
    try:
        return int(at.timestamp() * 1000), int((at + length).timestamp() * 1000) - 1
    except (OverflowError, ValueError):
        raise ApiError(tables.BAD_PARAMETER, "DateSent is out of range.") from None


def _number(value: str, default: int, least: int, most: int) -> int:
    value = value.strip()
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        return default
    return min(max(int(value), least), most)
