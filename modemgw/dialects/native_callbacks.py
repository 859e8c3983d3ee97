"""Callbacks in this gateway's own format: JSON, signed with HMAC-SHA256.

Owns the envelope and the signature. The bodies of messages are those of /v1, handed in by whoever wires.
"""

from __future__ import annotations

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
        if account.callback_secret:
            headers["X-Modemgw-Signature"] = signature(account.callback_secret, raw)
        return (CallbackRequest(url=url, stream=stream, headers=headers, body=raw),)

    return render


def signature(secret: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 of the body in lower-case hex."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
