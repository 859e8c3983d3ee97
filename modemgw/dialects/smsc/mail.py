"""SMSC.ru over SMTP: a mail's text is a request to send.php. Owns the grammar of the body; sockets are servers/smtp's.

`<login>:<psw>:<id>:<time>,<tz>:<translit>,<format>,<sender>,<test>:<phones>:<mes>`, and with a list an empty phones
and the list in the place of mes. Commas and what follows them may be left out; an empty login makes psw the API key.
With test 1 the mail is looked at and answered with the price: nothing is sent, nothing is paid.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Generator
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

from modemgw.dialects.seam import Handler, WireRequest, WireResponse
from modemgw.dialects.smsc import tables
from modemgw.domain.refusal import RefusalKind
from modemgw.domain.requests import Command

DEFAULT_CHARSET = "koi8-r"

#: Index of the official libraries' `format` to the flag it stands for.
FORMATS = {
    "1": "flash=1",
    "2": "push=1",
    "3": "hlr=1",
    "4": "bin=1",
    "5": "bin=2",
    "6": "ping=1",
    "7": "mms=1",
    "8": "mail=1",
    "9": "call=1",
    "10": "viber=1",
    "11": "soc=1",
    "13": "tg=1",
}

#: Errors of send.php as SMTP statuses; any other is 550.
_STATUSES = {"2": "535 5.7.8", "9": "450 4.7.1", "4": "450 4.7.1"}

_WRAPPED = re.compile(r"\[text\](.*?)\[/text\]", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[^>]{0,500}>")

#: Recipient that mail is taken for, on any host: never an open relay.
LOCAL_PART = "send"


class MailError(ValueError):
    """The mail is not a request; the sentence goes into the SMTP answer."""


@dataclass(frozen=True, slots=True)
class MailReply:
    """The SMTP answer: status and text."""

    status: int
    text: str


def accepts(recipient: str) -> bool:
    """True for `send@<any host>`."""
    local, at, host = recipient.strip("<> ").partition("@")
    return local.lower() == LOCAL_PART and bool(at) and bool(host)


def answer_mail(raw: bytes, send: Handler, remote: str, now: int) -> Generator[Command, Any, MailReply]:
    """Carry out a mail; `send` is the handler of send.php."""
    try:
        fields = parse_body(text_of(raw))
    except MailError as error:
        return MailReply(550, f"5.6.0 {error}")
    request = WireRequest(
        method="POST",
        path="/sys/send.php",
        raw_query=b"",
        headers={"content-type": "application/x-www-form-urlencoded"},
        body=urlencode({**fields, "charset": "utf-8", "fmt": "0"}).encode("ascii"),
        remote=remote,
        now=now,
    )
    response: WireResponse = yield from send(request)
    text = " ".join(response.body.decode("utf-8", "replace").split())
    if text.startswith("ERROR"):
        code = text.removeprefix("ERROR = ").split(" ", 1)[0]
        later = tables.TRUER[RefusalKind.UNAVAILABLE] in text
        status, _, more = ("451 4.3.0" if later else _STATUSES.get(code, "550 5.6.0")).partition(" ")
        return MailReply(int(status), f"{more} {text}")
    if "cost" in fields:
        return MailReply(250, f"2.0.0 TEST - {text}, nothing was sent")
    return MailReply(250, f"2.0.0 {text}")


def text_of(raw: bytes) -> str:
    """The request in a mail: what stands between [text] and [/text], else its plain text. Raises MailError."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(preferencelist=("plain", "html")) if message.is_multipart() else message
    if not isinstance(part, EmailMessage):
        raise MailError("The mail has no text.")
    kind = part.get_content_type()
    if not kind.startswith("text/"):
        raise MailError(f"The mail is {kind}; send text/plain.")
    payload = part.get_payload(decode=True)
    text = _decode(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
    text = text.replace("\r\n", "\n")
    wrapped = _WRAPPED.search(text)
    if wrapped is not None:
        text = wrapped[1]
    if kind != "text/plain":
        text = _TAG.sub("", text)
    return text.strip("\n ")


def _decode(octets: bytes, charset: str | None) -> str:
    try:
        return octets.decode(charset or DEFAULT_CHARSET)
    except (LookupError, UnicodeDecodeError):
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode(DEFAULT_CHARSET, "replace")


def parse_body(text: str) -> dict[str, str]:
    """Parameters of send.php in a mail's text. Raises MailError."""
    pieces = text.split(":", 6)
    if len(pieces) < 7:
        raise MailError(
            "The text must be login:psw:id:time,tz:translit,format,sender,test:phones:mes; "
            f"it has {len(pieces)} of 7 fields."
        )
    login, psw, own_id, when, options, phones, mes = pieces
    time, _, tz = when.partition(",")
    translit, kind, sender, test, *_ = [*options.split(",", 3), "", "", ""]
    fields = {"login": login.strip(), "psw": psw} if login.strip() else {"apikey": psw.strip()}
    fields |= {"id": own_id.strip(), "time": time.strip(), "tz": tz.strip(), "translit": translit.strip()}
    if sender.strip():
        fields["sender"] = sender.strip()
    if flag := FORMATS.get(kind.strip()):
        name, _, value = flag.partition("=")
        fields[name] = value
    elif kind.strip() == "12":
        fields["bot"] = fields.pop("sender", "") or "1"
    elif kind.strip() not in ("", "0"):
        raise MailError(f"There is no format {kind.strip()[:20]!r}; formats are 0 to 13.")
    if test.strip() not in ("", "0"):
        fields["cost"] = "1"
    if phones.strip():
        fields |= {"phones": phones.strip(), "mes": mes}
    else:
        fields["list"] = mes
    return {name: value for name, value in fields.items() if value}
