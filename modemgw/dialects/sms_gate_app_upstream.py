"""SMSGate ("SMS Gateway for Android") as a gateway that we send through: a server of it, or the phone itself.

`url` is the base that its own clients take: `https://HOST/api/3rdparty/v1`, `http://PHONE:8080`. Its message id is ours
and unique on a device: without `device_id` a repetition may land on another one.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from modemgw.dialects.json_body import JsonError, read_json, whole
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    balance_by_status,
    basic,
    by_status,
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

STATES: Final[Mapping[str, State]] = {
    "Sent": State.SENT,
    "Delivered": State.DELIVERED,
    "Failed": State.UNDELIVERABLE,
    "Cancelled": State.CANCELLED,
}

#: Events of its webhooks as our states.
EVENTS: Final[Mapping[str, State]] = {
    "sms:sent": State.SENT,
    "sms:delivered": State.DELIVERED,
    "sms:failed": State.UNDELIVERABLE,
    "sms:cancelled": State.CANCELLED,
}

#: A webhook older than this, or from the future, is somebody's repetition.
MAX_AGE_S = 300


class SmsGateAppCodec(PlainCodec):
    """Kind `sms_gate_app`."""

    kind = "sms_gate_app"
    traits = Traits(
        unique_refs=True,
        proves_absence=True,
        asks_by_ref=True,
        polls=True,
        pushes=True,
        poll_gap_s=0.5,
        max_parallel=5,
        polls_inbound=False,
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """An address, login and password (or a token as api_key)."""
        found = [*wanted(account, "url"), *unknown_keys(account, ("webhook_key", "device_id", "sim_number"))]
        if not account.api_key and not (account.login and account.password):
            found.append(("", "needs login and password, or a token as api_key"))
        if (sim := account.options.get("sim_number")) is not None and sim not in (1, 2, 3):
            found.append(("sim_number", "must be 1, 2 or 3"))
        return found

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """POST /messages of one number, with our reference as its id."""
        document: dict[str, Any] = {
            "id": message.ref,
            "phoneNumbers": [message.to],
            "textMessage": {"text": message.text},
            "withDeliveryReport": message.report,
            "ttl": max(5, message.validity_s),
        }
        if account.options.get("device_id"):
            document["deviceId"] = account.options["device_id"]
        if account.options.get("sim_number"):
            document["simNumber"] = account.options["sim_number"]
        # a short code or a national number is no fault of the message: the phone dials what it is given
        return json_call(
            "POST", f"{_at(account, 'messages')}?skipPhoneValidation=true", document, _credentials(account)
        )

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """202 with the state; 409 had it already; 503 has its queue full."""
        body = json_of(answer)
        words = str(body.get("message") or body.get("error") or "") if isinstance(body, dict) else ""
        said = f"SMSGate answered HTTP {answer.status}{': ' + words if words else ''}."
        code = str(answer.status)
        if answer.status in (200, 201, 202) and isinstance(body, dict) and isinstance(body.get("id"), str):
            return SendAnswer(TryOutcome.ACCEPTED, ids=(body["id"],), code=str(body.get("state", "")))
        if answer.status == 409:
            return SendAnswer(TryOutcome.DUPLICATE, said, ids=(message.ref,), code=code)
        if answer.status == 400 and isinstance(body, dict):
            return SendAnswer(TryOutcome.REFUSED_MESSAGE, said, code=code)
        if answer.status == 501:
            return SendAnswer(TryOutcome.REFUSED_ACCOUNT, said, code=code, trouble=AccountTrouble.CONFIG)
        if answer.status in (429, 503) and isinstance(body, dict):
            return SendAnswer(TryOutcome.TEMPORARY, said, code=code, retry_after_s=retry_after_s(answer) or 10.0)
        return by_status(answer)

    def find(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall | None:
        """GET /messages/{id}."""
        return json_call("GET", _at(account, f"messages/{quote(message.ref)}"), None, _credentials(account))

    def found(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> FindAnswer:
        """Its state; 404 does not know it. (Another device may have it: absence is proof where one is named.)"""
        body = json_of(answer)
        if answer.status == 200 and isinstance(body, dict) and body.get("id") == message.ref:
            return FindAnswer(Presence.FOUND, (message.ref,), _fate(body))
        if answer.status == 404 and (not answer.body.strip() or isinstance(body, dict)):
            return FindAnswer(Presence.ABSENT, reason="It knows no message with our id.")
        return unclear(f"It answered HTTP {answer.status} without a state.")

    def fates(self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], now: int) -> WireCall | None:
        """GET /messages/{id}."""
        return json_call("GET", _at(account, f"messages/{quote(ids[0][0])}"), None, _credentials(account))

    def read_fates(
        self, account: UpstreamAccount, ids: Sequence[tuple[str, str]], answer: WireAnswer
    ) -> Sequence[Fate] | None:
        """One state."""
        body = json_of(answer)
        if answer.status != 200 or not isinstance(body, dict) or body.get("id") != ids[0][0]:
            return None
        return (_fate(body),)

    def balance(self, account: UpstreamAccount) -> WireCall | None:
        """No money there; a list of one message tells that it lives and that the login is right."""
        query = urlencode({"limit": "1"})
        return json_call("GET", f"{_at(account, 'messages')}?{query}", None, _credentials(account))

    def read_balance(self, account: UpstreamAccount, answer: WireAnswer) -> BalanceAnswer:
        """A list is a yes."""
        if answer.status == 200 and isinstance(json_of(answer), list):
            return BalanceAnswer(TryOutcome.ACCEPTED)
        return balance_by_status(answer)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """A webhook; signed over body and time stamp where the account has its `webhook_key`."""
        _check(account, request)
        try:
            body = read_json(request.body)
        except JsonError as error:
            raise NotGenuine from error
        payload = body.get("payload") if isinstance(body, dict) else None
        if not isinstance(payload, dict):
            raise NotGenuine
        event = str(body.get("event", ""))
        response = WireResponse(b"", content_type="application/json")
        if event == "sms:received":
            return Told(response, inbound=(_inbound(payload, request.now),))
        if event in EVENTS:
            at = next((_time(payload[key]) for key in ("deliveredAt", "sentAt", "failedAt") if payload.get(key)), None)
            ref = str(payload.get("messageId", ""))
            return Told(response, fates=(Fate(ref, EVENTS[event], ref, str(payload.get("reason", "")), event, at),))
        return Told(response)


def _at(account: UpstreamAccount, path: str) -> str:
    return f"{account.url.rstrip('/')}/{path}"


def _credentials(account: UpstreamAccount) -> dict[str, str]:
    return {"Authorization": f"Bearer {account.api_key}"} if account.api_key else basic(account)


def _fate(body: Mapping[str, Any]) -> Fate:
    word = str(body.get("state", ""))
    recipients = body.get("recipients")
    error = (
        next((str(item["error"]) for item in recipients or () if isinstance(item, dict) and item.get("error")), "")
        if isinstance(recipients, list)
        else ""
    )
    times = body.get("states")
    at = _time(times.get(word)) if isinstance(times, dict) else None
    return Fate(str(body.get("id", "")), STATES.get(word), str(body.get("id", "")), error or word, word, at)


def _inbound(payload: Mapping[str, Any], now: int) -> UpstreamInbound:
    sender = payload.get("sender") or payload.get("phoneNumber") or ""
    return UpstreamInbound(
        id=str(payload.get("messageId") or f"{sender} {payload.get('receivedAt', now)}"),
        sender=str(sender),
        recipient=str(payload["recipient"]) if payload.get("recipient") else None,
        text=str(payload.get("message", "")),
        received_at=_time(payload.get("receivedAt")),
    )


def _time(value: object) -> int | None:
    """RFC 3339 with an offset."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return int(at.timestamp() * 1000) if at is not None and at.tzinfo is not None and at.year > 1970 else None


def _check(account: UpstreamAccount, request: WireRequest) -> None:
    key = str(account.options.get("webhook_key", ""))
    if not key:
        return
    stamp = request.headers.get("x-timestamp", "")
    seconds = whole(stamp)
    signed = hmac.new(key.encode(), request.body + stamp.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
    fresh = seconds is not None and abs(request.now // 1000 - seconds) <= MAX_AGE_S
    if not fresh or not hmac.compare_digest(signed, request.headers.get("x-signature", "")):
        raise NotGenuine


CODEC = SmsGateAppCodec()
