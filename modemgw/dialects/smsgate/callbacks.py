"""Pushes: states as XML to the client's URL, what came in by GET, and its answer as a reply."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import urlencode

from modemgw.dialects.phones import international
from modemgw.dialects.seam import CallbackReply, Occurrence, Submit
from modemgw.dialects.smsgate import core
from modemgw.dialects.smsgate.documents import state_element
from modemgw.dialects.smsgate.settings import options_of
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView, Submission
from modemgw.domain.requests import Command


def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
    """The state of a message once it is over, to the URL that was set; what came in, to the account's callback_url."""
    if event.own and event.message is not None:
        return _state(event.message, account)
    if event.inbox is not None and account.callback_url is not None:
        return (_incoming(event.inbox, account, account.callback_url),)
    return ()


def _state(view: MessageView, account: Account) -> Sequence[CallbackRequest]:
    row, url = core.row_of(view, account), view.extra.get("callback")
    if row.state == "send" or not isinstance(url, str):
        return ()
    body = f'<?xml version="1.0" encoding="utf-8"?>\n<request>{state_element(row)}</request>'.encode()
    return (CallbackRequest(url, f"message {view.id}", "POST", {"Content-Type": "text/xml; charset=utf-8"}, body),)


def _incoming(view: InboxView, account: Account, url: str) -> CallbackRequest:
    text = view.text if view.text is not None else (view.data or b"").hex()
    fields = {
        "date": core.shown_time(view.received_at, account),
        "prefix": "",
        "text": text,
        "smsid": str(view.id),
        "sender": view.sender.lstrip("+"),
        "receiver": (view.recipient or "").lstrip("+"),
    }
    joined = url + ("&" if "?" in url else "?") + urlencode(fields, errors="replace")
    return CallbackRequest(joined, f"inbox {view.id}", "GET", context={"to": view.sender, "inbox": view.id})


def on_reply(reply: CallbackReply) -> Generator[Command, Any, None]:
    """With `reply = "sync"` the answer to an incoming message is a text to send back; a receipt never is."""
    context = reply.request.context
    if "to" not in context or options_of(reply.account)["reply"] != "sync":
        return
    text = reply.body.decode("utf-8-sig", "replace").strip()
    if not text or text.lower().replace(" ", "") == f"smsid={context['inbox']}":
        return
    to = international(str(context["to"]), reply.account.country)
    extra: dict[str, object] = {"reply_to": context["inbox"]}
    yield Submit(reply.account, [Submission(to=to, text=text, dialect=core.NAME, extra=extra)])
