"""Callbacks in this gateway's own format: JSON, signed as Standard Webhooks has it.

Owns the envelope and the signatures, and how a receiver checks one (another gateway of ours is one). The bodies of
messages are those of /v1, handed in by whoever wires.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modemgw.dialects.seam import CallbackRenderer, Occurrence
from modemgw.domain.account import Account
from modemgw.domain.call import CallView
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView
from modemgw.domain.states import State

NAME = "native"

#: How far the clocks of sender and receiver may be apart, and how late a request may come.
TOLERANCE_S = 300


def renderer(
    message_body: Callable[[MessageView], Mapping[str, Any]],
    inbox_body: Callable[[InboxView], Mapping[str, Any]],
    call_body: Callable[[CallView], Mapping[str, Any]],
    time_text: Callable[[int], str],
) -> CallbackRenderer:
    """The format, with the JSON of /v1 given: of a message, of an incoming one, of a call, of a time."""

    def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
        url: object = account.callback_url
        if event.own:
            url = event.message.extra.get("callback") if event.message is not None else None
        if not isinstance(url, str):
            return ()
        body: dict[str, Any] = {"event_id": event.event_id, "kind": event.event, "at": time_text(event.at)}
        if event.message is not None:
            if event.message.state is State.SENDING:
                return ()
            body["message"] = {k: v for k, v in message_body(event.message).items() if k != "events"}
            stream = f"message {event.message.id}"
        elif event.inbox is not None:
            body["inbox"] = inbox_body(event.inbox)
            stream = f"inbox {event.inbox.id}"
        elif event.call is not None:
            body["call"] = call_body(event.call)
            stream = f"call {event.call.id}"
        else:
            return ()
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {
            "Content-Type": "application/json",
            "X-Modemgw-Event": event.event,
            "X-Modemgw-Timestamp": str(event.at // 1000),
        }
        return (CallbackRequest(url=url, stream=stream, headers=headers, body=raw),)

    return render


def sign(request: CallbackRequest, account: Account, callback_id: int, now: int) -> Mapping[str, str]:
    """The headers of one try: id, time of sending, and with a secret of the account the signatures.

    `Webhook-Signature` covers id, time and body, so that what was overheard cannot be sent again under another id or
    at another time; it has one signature for each secret while they are being changed. `X-Modemgw-Signature` covers
    the body alone, for receivers that have checked it from the beginning.
    """
    headers = {"Webhook-Id": str(callback_id), "Webhook-Timestamp": str(now // 1000)}
    if account.callback_secret:
        secrets = [secret for secret in (account.callback_secret, account.callback_secret_old) if secret]
        signatures = [signature(secret, headers["Webhook-Id"], now // 1000, request.body) for secret in secrets]
        headers["Webhook-Signature"] = " ".join(signatures)
        digest = hmac.new(account.callback_secret.encode(), request.body, hashlib.sha256).hexdigest()
        headers["X-Modemgw-Signature"] = f"sha256={digest}"
    return headers


def signature(secret: str, id: str, at_s: int, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.time.body` in Base64. A secret `whsec_…` is a key in Base64, as the libraries
    of Standard Webhooks want it; any other is its own octets."""
    signed = hmac.new(_key(secret), f"{id}.{at_s}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """True if a request carries our signature and was sent within TOLERANCE_S. Names of headers in lower case."""
    id, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (sent.isascii() and sent.isdigit() and len(sent) < 15) or abs(now // 1000 - int(sent)) > TOLERANCE_S:
        return False
    expected = signature(secret, id, int(sent), body).encode()
    given = headers.get("webhook-signature", "").encode("utf-8", "replace").split(b" ")
    return any(hmac.compare_digest(expected, one) for one in given)


def _key(secret: str) -> bytes:
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            pass  # a secret that only begins so
    return secret.encode()
