"""Twilio's envelopes: accounts and message ids, JSON answers, errors, dates. Owns layout, not what is done."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from modemgw.dialects.seam import Authenticate, ListAccounts, WireRequest, WireResponse
from modemgw.dialects.twilio import tables
from modemgw.domain.account import Account, iso_currency
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView
from modemgw.domain.requests import Command

API = "2010-04-01"

#: Ids of incoming messages have this bit; the ids of messages are those of the store, in hex.
_INBOX = 1 << 124

_SID = re.compile(r"(?:SM|MM)([0-9a-fA-F]{32})", re.ASCII)


class ApiError(Exception):
    """An answer of the error envelope."""

    def __init__(self, code: int, message: str | None = None) -> None:
        super().__init__(message or "")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the account, its sid, and when (Unix ms)."""

    account: Account
    sid: str
    now: int
    path: str

    def uri(self, rest: str) -> str:
        """The path of a resource of the account."""
        return f"/{API}/Accounts/{self.sid}/{rest}"


def account_sid(login: str) -> str:
    """`AC` and the MD5 of the login."""
    return "AC" + hashlib.md5(login.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def message_sid(id: int) -> str:
    """Of a message that went out."""
    return f"SM{id:032x}"


def inbox_sid(id: int) -> str:
    """Of a message that came in."""
    return f"SM{_INBOX | id:032x}"


def id_of(sid: str) -> tuple[bool, int] | None:
    """Whether it came in, and its id in the store; None for what is no sid of ours."""
    match = _SID.fullmatch(sid)
    if match is None:
        return None
    number = int(match[1], 16)
    came_in = bool(number & _INBOX)
    id = number & ~_INBOX
    return (came_in, id) if 0 < id < 1 << 62 else None


def authenticate(request: WireRequest, sid: str) -> Generator[Command, Any, Caller]:
    """By HTTP Basic: AccountSid and AuthToken, the login instead of the sid, or an API key (`SK…` and the key)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    user = password = ""
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
        except ValueError:
            user = password = ""
    account: Account
    if user.startswith("SK"):
        account = yield Authenticate(api_key=password, remote=request.remote)
    else:
        accounts: Sequence[Account] = yield ListAccounts()
        login = next((one.login for one in accounts if account_sid(one.login) == user), user)
        account = yield Authenticate(login=login, password=password, remote=request.remote)
    own = account_sid(account.login)
    if sid != own:
        raise ApiError(tables.NOT_FOUND)
    return Caller(account, own, request.now, request.path)


def date(at_ms: int) -> str:
    """As RFC 2822 has it."""
    return format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC))


def answer(body: Mapping[str, Any], status: int = 200) -> WireResponse:
    """JSON in UTF-8."""
    raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return WireResponse(raw, status, "application/json;charset=utf-8", {"Twilio-Api-Version": API})


def error_answer(code: int, message: str | None = None, *, path: str = "", reason: str | None = None) -> WireResponse:
    """The error envelope; `reason` is for whoever reads the headers."""
    status, text = tables.ERRORS[code]
    body = {
        "code": code,
        "message": message if message is not None else text.replace("{path}", path),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    made = answer(body, status)
    headers = dict(made.headers)
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    return WireResponse(made.body, status, made.content_type, headers, reason or "")


def _message(caller: Caller, sid: str, **fields: Any) -> dict[str, Any]:
    uri = caller.uri(f"Messages/{sid}.json")
    return {
        "account_sid": caller.sid,
        "api_version": API,
        **fields,
        "messaging_service_sid": fields.get("messaging_service_sid"),
        "num_media": "0",
        "price_unit": iso_currency(caller.account.currency),
        "sid": sid,
        "subresource_uris": {"media": caller.uri(f"Messages/{sid}/Media.json")},
        "uri": uri,
    }


def outgoing(view: MessageView, caller: Caller) -> dict[str, Any]:
    """A message that went out, or will."""
    status, code = tables.status_of(view, caller.now), tables.error_of(view)
    sent = [part.sent_at for part in view.parts if part.sent_at is not None]
    return _message(
        caller,
        message_sid(view.id),
        body="" if view.extra.get("redacted") else text_of(view),
        date_created=date(view.created_at),
        date_sent=date(max(sent)) if sent else None,
        date_updated=date(view.updated_at),
        direction="outbound-reply" if view.extra.get("reply_to") else "outbound-api",
        error_code=code,
        error_message=None if code is None else tables.FAILURES[code],
        **{"from": sender_of(view)},
        messaging_service_sid=view.extra.get("service"),
        num_segments=str(view.part_count),
        price=f"-{view.cost}" if sent else None,
        status=status,
        to=view.to,
    )


def text_of(view: MessageView) -> str:
    """The text; of a binary message its hex."""
    return view.text if view.text is not None else (view.data or b"").hex()


def sender_of(view: MessageView) -> str | None:
    """The number that it went out from, else what was asked for."""
    for part in view.parts:
        for attempt in reversed(part.attempts):
            if attempt.number:
                return attempt.number
    asked = view.extra.get("from")
    return str(asked) if asked else None


def incoming(view: InboxView, caller: Caller) -> dict[str, Any]:
    """A message that came in."""
    at = date(view.received_at)
    return _message(
        caller,
        inbox_sid(view.id),
        body=view.text if view.text is not None else (view.data or b"").hex(),
        date_created=at,
        date_sent=at,
        date_updated=at,
        direction="inbound",
        error_code=None,
        error_message=None,
        **{"from": view.sender},
        num_segments=str(view.parts),
        price=None,
        status="received",
        to=view.recipient,
    )
