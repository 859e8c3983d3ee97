"""Twilio's Messages as a gateway that we send through.

`url` is the root, `https://api.twilio.com`; `login` the AccountSid, `password` the token. There is no reference of ours
but the one in the URL of the status callback; an unclear send is looked for by recipient, day and text.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlencode

from modemgw.dialects.forms import FormError, parse_form
from modemgw.dialects.json_body import whole
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.twilio import tables
from modemgw.dialects.twilio.callbacks import signature
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    balance_by_status,
    basic,
    by_status,
    decimal_of,
    form_call,
    json_call,
    json_of,
    retry_after_s,
    unclear,
    unknown_keys,
    wanted,
)
from modemgw.domain.states import State
from modemgw.domain.upstream import (
    AccountTrouble,
    BalanceAnswer,
    Fate,
    FindAnswer,
    Presence,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamInbound,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

#: Codes of refused requests as the sender sees them; others go by the HTTP status.
ERRORS: Final[Mapping[int, tuple[TryOutcome, AccountTrouble | None]]] = {
    tables.WRONG_CREDENTIALS: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    tables.FORBIDDEN: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.LOGIN),
    20005: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.MONEY),  # account not active
    tables.NOT_FOUND: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.CONFIG),
    20429: (TryOutcome.TEMPORARY, None),  # not processed, safe to repeat
    20503: (TryOutcome.TEMPORARY, None),
    21611: (TryOutcome.TEMPORARY, None),  # the sender's queue is full
    tables.NO_FROM: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.SENDER),
    21606: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.SENDER),  # not a sender of ours
    tables.NO_CHANNEL: (TryOutcome.REFUSED_ACCOUNT, AccountTrouble.SENDER),
    tables.BAD_TO: (TryOutcome.REFUSED_MESSAGE, None),
    tables.NO_TO: (TryOutcome.REFUSED_MESSAGE, None),
    tables.NO_BODY: (TryOutcome.REFUSED_MESSAGE, None),
    tables.BODY_TOO_LONG: (TryOutcome.REFUSED_MESSAGE, None),
    21610: (TryOutcome.REFUSED_MESSAGE, None),  # opted out
    21614: (TryOutcome.REFUSED_MESSAGE, None),  # not mobile
    21635: (TryOutcome.REFUSED_MESSAGE, None),  # landline
    21408: (TryOutcome.REFUSED_WAY, None),  # no permission for the country
    tables.CANNOT: (TryOutcome.REFUSED_WAY, None),
}

#: Statuses as our states; queued, accepted, sending and scheduled say nothing yet.
STATES: Final[Mapping[str, State]] = {
    "sent": State.SENT,
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "undelivered": State.UNDELIVERABLE,
    "failed": State.UNDELIVERABLE,
    "canceled": State.CANCELLED,
}


class TwilioCodec(PlainCodec):
    """Kind `twilio`."""

    kind = "twilio"
    traits = Traits(
        unique_refs=False,
        proves_absence=False,  # a list may lag behind, and equal texts look alike
        asks_by_ref=True,
        polls=True,
        pushes=True,
        poll_gap_s=0.5,
        first_find_s=10.0,
        max_parallel=10,
        max_text=1600,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """An address, the AccountSid, the token, and a sender: a number of ours or a messaging service (MG…)."""
        return [*wanted(account, "url", "login", "password", "sender"), *unknown_keys(account, ())]

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """POST Messages.json; what is left of the validity bounds its queue (10 h by itself)."""
        sender = message.sender or account.sender
        fields = {
            "To": message.to,
            ("MessagingServiceSid" if sender.startswith("MG") else "From"): sender,
            "Body": message.text,
            "ValidityPeriod": str(min(36_000, max(1, message.validity_s))),
        }
        if account.callback_url:
            fields["StatusCallback"] = f"{account.callback_url}?ref={quote(message.ref)}"
        return form_call(_at(account, "Messages.json"), fields, basic(account))

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """201 with a `sid`, or a `code`."""
        body = json_of(answer)
        if not isinstance(body, dict):
            return by_status(answer)
        if answer.status in (200, 201) and isinstance(body.get("sid"), str) and body["sid"]:
            return SendAnswer(
                TryOutcome.ACCEPTED,
                ids=(body["sid"],),
                code=str(body.get("status", "")),
                parts=whole(body.get("num_segments")) or None,
                cost=_price(body),
                currency=_unit(body),
            )
        code = whole(body.get("code"))
        if code is None or answer.status < 400:
            return by_status(answer)
        known = ERRORS.get(code)
        said = f"Twilio error {code} ({body.get('message', '')})."
        if known is None:
            other = by_status(answer)
            return SendAnswer(other.outcome, said, code=str(code), trouble=other.trouble)
        retry = (retry_after_s(answer) or 5.0) if known[0] is TryOutcome.TEMPORARY else None
        return SendAnswer(known[0], said, code=str(code), trouble=known[1], retry_after_s=retry)

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """The messages to this number since yesterday; which is ours, the text tells."""
        day = (datetime.fromtimestamp(now / 1000, UTC) - timedelta(days=1)).date().isoformat()
        query = urlencode({"To": message.to, "DateSent>": day, "PageSize": "100"})
        return json_call("GET", f"{_at(account, 'Messages.json')}?{query}", None, basic(account))

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """One with the same text is ours; of two nobody can tell."""
        body = json_of(answer)
        items = body.get("messages") if isinstance(body, dict) and answer.status == 200 else None
        if not isinstance(items, list):
            return unclear(f"It answered HTTP {answer.status} without a list.")
        same = [item for item in items if isinstance(item, dict) and item.get("body") == message.text]
        same = [item for item in same if str(item.get("direction", "outbound-api")).startswith("outbound")]
        if len(same) > 1:
            return unclear("It has several messages with this text to this number: nobody can tell which is this one.")
        if not same:
            return FindAnswer(Presence.ABSENT, reason="Its list has no message with this text to this number.")
        return FindAnswer(Presence.FOUND, (str(same[0].get("sid", "")),), _fate(same[0]))

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """Messages/{sid}.json."""
        return json_call("GET", _at(account, f"Messages/{quote(ids[0][0], safe='')}.json"), None, basic(account))

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """One message."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, dict) or str(body.get("sid")) != ids[0][0]:
            return None
        return (_fate(body),)

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """Balance.json."""
        return json_call("GET", _at(account, "Balance.json"), None, basic(account))

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """`balance` as text."""
        body = json_of(answer)
        amount = decimal_of(body.get("balance")) if isinstance(body, dict) else None
        if answer.status == 200 and amount is not None:
            return BalanceAnswer(TryOutcome.ACCEPTED, amount, str(body.get("currency") or "USD"))
        return balance_by_status(answer)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """A form, signed over the URL and its fields with the token."""
        try:
            form = parse_form(WireRequest(**{**_fields_of(request), "raw_query": b""}))
        except FormError as error:
            raise NotGenuine from error
        fields = {name: value.decode("utf-8", "replace") for name, value in form.fields.items()}
        query = request.raw_query.decode("ascii", "replace")
        signed = signature(account.password, f"{url}?{query}" if query else url, fields)
        if not hmac.compare_digest(signed, request.headers.get("x-twilio-signature", "")):
            raise NotGenuine
        empty = WireResponse(b"<Response/>", content_type="text/xml; charset=utf-8")
        if fields.get("SmsStatus") == "received" or ("Body" in fields and "MessageStatus" not in fields):
            item = UpstreamInbound(
                id=fields.get("MessageSid", ""),
                sender=fields.get("From", ""),
                recipient=fields.get("To"),
                text=fields.get("Body", ""),
                received_at=request.now,
                parts=whole(fields.get("NumSegments")) or 1,
            )
            return Told(empty, inbound=(item,))
        word = fields.get("MessageStatus", fields.get("SmsStatus", ""))
        ref = parse_qs(query).get("ref", [""])[0]
        code = fields.get("ErrorCode", "")
        fate = Fate(fields.get("MessageSid", ""), _state(word, code), ref, word, code, request.now)
        return Told(empty, fates=(fate,))


def _fields_of(request: WireRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in WireRequest.__dataclass_fields__}


def _at(account: UpstreamAccount, path: str) -> str:
    return f"{account.url.rstrip('/')}/2010-04-01/Accounts/{quote(account.login, safe='')}/{path}"


def _state(word: str, code: str) -> State | None:
    if code in ("30001", str(tables.EXPIRED)):  # its queue overflowed, or the validity ended
        return State.EXPIRED
    return STATES.get(word)


def _fate(item: Mapping[str, Any]) -> Fate:
    word = str(item.get("status", ""))
    code = "" if item.get("error_code") is None else str(item["error_code"])
    return Fate(
        str(item.get("sid", "")),
        _state(word, code),
        text=word,
        code=code,
        at=_time(item.get("date_updated")),
        cost=_price(item),
        currency=_unit(item),
        parts=whole(item.get("num_segments")) or None,
    )


def _price(item: Mapping[str, Any]) -> str | None:
    """Their prices are below zero."""
    price = decimal_of(item.get("price"))
    return None if price is None else price.removeprefix("-")


def _unit(item: Mapping[str, Any]) -> str | None:
    value = item.get("price_unit")
    return value.upper() if isinstance(value, str) and len(value) == 3 else None


def _time(value: object) -> int | None:
    """RFC 2822."""
    try:
        return int(parsedate_to_datetime(value).timestamp() * 1000) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


CODEC = TwilioCodec()
