"""Calls to Twilio's clients: StatusCallback, the webhook of what comes in, and TwiML as its answer.

Owns fields and signature. When a handler is called, and how often, is service/callbacks.py.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Generator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from modemgw.dialects.markup import parse_xml
from modemgw.dialects.phones import international
from modemgw.dialects.seam import CallbackReply, ListModems, Occurrence, Submit
from modemgw.dialects.twilio import tables
from modemgw.dialects.twilio.messages import NAME
from modemgw.dialects.twilio.wire import API, account_sid, inbox_sid, message_sid, sender_of
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.line import ModemView
from modemgw.domain.message import MessageView, Submission
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command

#: So many messages are made of one answer.
MAX_REPLIES = 10


def signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the URL and the fields, sorted, each name directly before its value."""
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    digest = hmac.new(token.encode("utf-8"), signed.encode("utf-8", "replace"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")


def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
    """StatusCallback of a message that has one; the account's webhook (its callback_url) for what came in."""
    if event.own and event.message is not None:
        return _status(event.message, account)
    if event.inbox is not None and account.callback_url is not None:
        return (_incoming(event.inbox, account, account.callback_url),)
    return ()


def _request(
    url: str, stream: str, fields: Mapping[str, str], account: Account, context: Mapping[str, Any] | None = None
) -> CallbackRequest:
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "User-Agent": "TwilioProxy/1.1",
        "Accept": "*/*",
        "X-Twilio-Signature": signature(account.password, url, fields),
    }
    body = urlencode(fields, errors="replace").encode()
    return CallbackRequest(url, stream, "POST", headers, body, context or {})


def _status(view: MessageView, account: Account) -> Sequence[CallbackRequest]:
    url = view.extra.get("callback")
    if not isinstance(url, str) or not tables.CALLED[view.state] or view.extra.get("deleted"):
        return ()
    sid, status = message_sid(view.id), tables.STATUSES[view.state]
    fields = {
        "MessageSid": sid,
        "SmsSid": sid,
        "MessageStatus": status,
        "SmsStatus": status,
        "To": view.to,
        "From": sender_of(view) or "",
        "AccountSid": account_sid(account.login),
        "ApiVersion": API,
    }
    if service := view.extra.get("service"):
        fields["MessagingServiceSid"] = str(service)
    if (code := tables.error_of(view)) is not None:
        fields["ErrorCode"] = str(code)
    return (_request(url, f"message {view.id}", fields, account),)


def _incoming(view: InboxView, account: Account, url: str) -> CallbackRequest:
    sid = inbox_sid(view.id)
    fields = {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": account_sid(account.login),
        "From": view.sender,
        "To": view.recipient or "",
        "Body": view.text if view.text is not None else (view.data or b"").hex(),
        "NumMedia": "0",
        "NumSegments": str(view.parts),
        "ApiVersion": API,
        "SmsStatus": "received",
    }
    context = {"to": view.sender, "line": view.line, "from": view.recipient or "", "inbox": view.id}
    return _request(url, f"inbox {view.id}", fields, account, context)


def on_reply(reply: CallbackReply) -> Generator[Command, Any, None]:
    """Each `<Message>` of a TwiML answer is sent back by the same line; a text/plain answer as well."""
    context = reply.request.context
    if "to" not in context:
        return
    submissions: list[Submission] = []
    modems: Sequence[ModemView] = yield ListModems()
    line = str(context["line"])
    for text, to, callback in _messages(reply)[:MAX_REPLIES]:
        extra: dict[str, object] = {"from": context["from"], "reply_to": context["inbox"]}
        if callback:
            extra["callback"] = callback
        try:
            number = international(to or str(context["to"]), reply.account.country)
        except Refusal:
            continue
        known = any(modem.name == line for modem in modems)
        submissions.append(Submission(to=number, text=text, line=line if known else None, dialect=NAME, extra=extra))
    if submissions:
        yield Submit(reply.account, submissions)


def _messages(reply: CallbackReply) -> list[tuple[str, str, str]]:
    """Text, `to` and status callback of each message that the answer asks for."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/plain":
        text = reply.body.decode("utf-8", "replace").strip()
        return [(text, "", "")] if text else []
    root = parse_xml(reply.body.strip()) if kind in {"text/xml", "application/xml", "text/html", ""} else None
    if root is None or root.tag != "Response":
        return []
    found = []
    for verb in root:
        if verb.tag not in {"Message", "Sms"}:
            continue
        bodies = verb.findall("Body")
        text = "".join("".join(body.itertext()) for body in bodies) if bodies else (verb.text or "")
        if text.strip():
            callback = verb.get("statusCallback") or (verb.get("action") or "")
            found.append((text.strip(), verb.get("to") or "", callback))
    return found
