"""Calls to Kannel's clients: dlr-url of a message, get-url of an account for what comes in, and the reply to that.

Owns which values there are and when there is a call. How they stand in the URL is in escapes.py.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from modemgw.dialects.kannel import tables
from modemgw.dialects.kannel.escapes import Values, fill
from modemgw.dialects.kannel.fields import CODING_7BIT, CODING_8BIT, CODING_UCS2, Fields, Rejected, of_headers, of_xml
from modemgw.dialects.kannel.send import NAME, template_of
from modemgw.dialects.phones import international
from modemgw.dialects.seam import CallbackReply, ListModems, Occurrence, Submit
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.line import ModemView
from modemgw.domain.message import MessageView
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command
from modemgw.domain.states import State
from modemgw.sms import plan

_HEADERS = {"User-Agent": "Kannel/1.4.5"}

_TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)


def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
    """dlr-url for a message that asked for it; the account's get-url (its callback_url) for what came in."""
    if event.own and event.message is not None:
        return _report(event, event.message, account)
    if event.inbox is not None and account.callback_url is not None:
        return (_incoming(event, event.inbox, account, account.callback_url),)
    return ()


def _report(event: Occurrence, view: MessageView, account: Account) -> Sequence[CallbackRequest]:
    told = tables.REPORTS[view.state]
    url, mask = view.extra.get("callback"), view.extra.get("dlr-mask")
    if told is None or not isinstance(url, str) or not isinstance(mask, int) or not mask & told.mask:
        return ()
    answer = answer_of(view)
    values = Values(
        sender=str(view.extra.get("to", view.to)),
        receiver=str(view.extra.get("sender", "")),
        at=event.at,
        uuid=uuid_of(f"{account.login} {event.event_id}"),
        smsc=_line_of(view),
        service=account.login,
        account=str(view.extra.get("account", "")),
        billing=str(view.extra.get("binfo", "")),
        foreign_id=str(view.id) if told.value in {1, 2} else "",
        report=told.value,
        dlr_url=url,
        meta=str(view.extra.get("meta-data", "")) + f"?orig_msg?dlr_mask={mask}&",
        raw=answer.encode(),
        words=tuple(answer.split()),
    )
    return (CallbackRequest(fill(url, values), f"message {view.id}", "GET", _HEADERS),)


def answer_of(view: MessageView) -> str:
    """`%A`: what the network said. A refusal is `NACK/<CMS error>/<words>`, a sent message `ACK/`."""
    if view.state is State.SENT:
        return "ACK/"
    if view.state is State.REJECTED:
        code = "" if view.error_code is None else str(view.error_code)
        return f"NACK/{code}/{view.error or 'rejected'}"
    return ""


def _line_of(view: MessageView) -> str:
    return next((part.line for part in view.parts if part.line), view.line or "")


def uuid_of(seed: str) -> str:
    """Always the same for the same seed."""
    digest = hashlib.sha256(seed.encode("utf-8", "replace")).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _incoming(event: Occurrence, view: InboxView, account: Account, url: str) -> CallbackRequest:
    coding, raw, charset = octets_of(view)
    values = Values(
        sender=view.sender,
        receiver=view.recipient or "",
        at=view.received_at,
        uuid=uuid_of(f"inbox {view.id}"),
        smsc=view.line,
        service="default",
        raw=raw,
        words=tuple((view.text or "").split()) if coding != CODING_8BIT else (),
        coding=coding,
        charset=charset,
    )
    context = {"to": view.sender, "line": view.line, "inbox": view.id}
    return CallbackRequest(fill(url, values), f"inbox {view.id}", "GET", _HEADERS, context=context)


def octets_of(view: InboxView) -> tuple[int, bytes, str]:
    """Coding, octets and charset of what came in: UTF-8 for GSM 7-bit, UTF-16BE for UCS-2, the data as they are."""
    if view.text is None:
        return CODING_8BIT, view.data or b"", "8-BIT"
    if plan(view.text or " ").encoding.value == "ucs2":
        return CODING_UCS2, view.text.encode("utf-16-be", "replace"), "UTF-16BE"
    return CODING_7BIT, view.text.encode("utf-8", "replace"), "UTF-8"


def on_reply(reply: CallbackReply) -> Generator[Command, Any, None]:
    """The answer to get-url is sent back: text/plain, HTML without its tags, octets, or XML. Empty: nothing."""
    context = reply.request.context
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if "to" not in context or reply.status not in {200, 202}:
        return
    fields = _fields(kind, reply)
    if fields is None or not (fields.values.get("text", b"").strip() or fields.values.get("udh")):
        return
    modems: Sequence[ModemView] = yield ListModems()
    try:
        template = template_of(fields, modems, reply.now)
    except Rejected:
        return
    line = template.line or str(context["line"])
    known = any(modem.name == line for modem in modems)
    numbers = fields.receivers or [str(context["to"])]
    submissions = []
    for number in numbers:
        try:
            to = international(number, reply.account.country)
        except Refusal:
            continue
        extra = {**template.extra, "to": number, "reply_to": context["inbox"]}
        submissions.append(replace(template, to=to, line=line if known else None, dialect=NAME, extra=extra))
    if submissions:
        yield Submit(reply.account, submissions)


def _fields(kind: str, reply: CallbackReply) -> Fields | None:
    if kind == "text/xml":
        return of_xml(reply.body)
    if kind in {"text/html", "text/vnd.wap.wml"}:
        text = _TAGS.sub("", reply.body.decode("utf-8", "replace"))
        return of_headers(reply.headers, " ".join(html.unescape(text).split()).encode())
    if kind == "text/plain":
        return of_headers(reply.headers, reply.body.rstrip(b"\r\n"))
    return of_headers(reply.headers, reply.body) if kind == "application/octet-stream" else None
