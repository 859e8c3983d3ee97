"""Incoming messages pushed to the client's URL, and the reply that it may give: `{sms=…}`.

Owns words. When a URL is called, and how often, is service/callbacks.py. There are no delivery reports in this API.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from modemgw.dialects.devino.reading import text_of
from modemgw.dialects.seam import CallbackReply, Occurrence, Submit
from modemgw.domain.account import Account
from modemgw.domain.callback import MAX_URL, CallbackRequest
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import Submission
from modemgw.domain.requests import Command

#: To the last brace: a text may have braces of its own.
_REPLY = re.compile(r"\{sms=(.*)\}", re.DOTALL | re.IGNORECASE)
_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_-]{1,20})", re.IGNORECASE)
_CYRILLIC = frozenset({"windows-1251", "cp1251"})


def render(event: Occurrence, account: Account) -> Sequence[CallbackRequest]:
    """A GET of the account's URL for each incoming message; `prefix` is empty, for a number of one's own has no
    keywords."""
    view, url = event.inbox, account.callback_url
    if view is None or url is None:
        return ()
    text = text_of(view)
    while len(address := _address(url, view, text)) > MAX_URL and text:
        text = text[: len(text) * 9 // 10]  # told in part rather than not at all; Sms/In has all of it
    context = {"to": view.sender, "line": view.line}
    return (CallbackRequest(url=address, stream=f"inbox {view.id}", method="GET", context=context),)


def _address(url: str, view: InboxView, text: str) -> str:
    fields = {
        "sourcePhone": view.sender.removeprefix("+"),
        "number": (view.recipient or "").removeprefix("+"),
        "prefix": "",
        "text": text,
        "messageId": str(view.id),
    }
    pairs = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in fields.items())
    url = url.partition("#")[0]
    joint = "&" if urlsplit(url).query else "" if url.endswith("?") else "?"
    return url + joint + pairs


def on_reply(reply: CallbackReply) -> Generator[Command, Any, None]:
    """Send the text of `{sms=…}` back, through the line the message came by. Raises Refusal."""
    content_type = next((value for name, value in reply.headers.items() if name.lower() == "content-type"), "")
    charset = _CHARSET.search(content_type)
    named = charset[1].lower() if charset else ""
    body = reply.body.decode("cp1251" if named in _CYRILLIC else "utf-8-sig", "replace")
    match = _REPLY.search(body)
    if match is None or not match[1].strip():
        return
    context = reply.request.context
    submission = Submission(
        to=str(context.get("to", "")), text=match[1], line=str(context.get("line") or "") or None, dialect="devino"
    )
    yield Submit(reply.account, [submission])
