"""From the fields of a request to messages in the store."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from modemgw.dialects.kannel import tables
from modemgw.dialects.kannel.fields import CODING_8BIT, CODING_UCS2, Fields, Rejected
from modemgw.dialects.phones import international, line_named
from modemgw.dialects.seam import ListModems, Submit
from modemgw.domain.account import Account
from modemgw.domain.line import ModemView
from modemgw.domain.message import MAX_VALIDITY_S, Accepted, Encoding, Submission
from modemgw.domain.refusal import Refusal
from modemgw.domain.requests import Command

NAME = "kannel"

#: Kannel's priorities 0 to 3 among those of the gateway.
_PRIORITY_STEP = 10


def send(fields: Fields, account: Account, now: int) -> Generator[Command, Any, tuple[int, str]]:
    """Store the messages of a checked request; the answer, which names the receivers that are denied.

    Raises Rejected or Refusal where none was stored.
    """
    modems: Sequence[ModemView] = yield ListModems()
    template = template_of(fields, modems, now)
    numbers, denied = fields.allowed()
    submissions: list[Submission] = []
    reason = ""
    for number in numbers:
        try:
            to = international(number, account.country)
        except Refusal as refusal:
            reason = str(refusal)
            denied.append(number)
        else:
            submissions.append(replace(template, to=to, extra={**template.extra, "to": number}))
    if not submissions:
        raise Rejected(tables.DENIED, reason)
    results: Sequence[Accepted | Refusal] = yield Submit(account, submissions, each=True)
    refused = [(one, result) for one, result in zip(submissions, results, strict=True) if isinstance(result, Refusal)]
    if len(refused) == len(results):
        raise refused[0][1]
    denied += [str(one.extra["to"]) for one, _ in refused]
    return tables.with_denied(tables.ACCEPTED, denied)


def template_of(fields: Fields, modems: Sequence[ModemView], now: int) -> Submission:
    """What all messages of a request have in common. Raises Rejected."""
    extra: dict[str, object] = {}
    sender, smsc = fields.text("from").strip(), fields.text("smsc").strip()
    for name in ("account", "binfo", "meta-data"):
        if value := fields.text(name):
            extra[name] = value
    if sender:
        extra["sender"] = sender
    mask, url = fields.number("dlr-mask"), fields.text("dlr-url")
    if mask > 0 and url:
        extra |= {"callback": url, "dlr-mask": mask}
    validity, deferred, mclass, pid = (fields.number(name) for name in ("validity", "deferred", "mclass", "pid"))
    template = Submission(
        to="",
        validity_s=min(validity * 60, MAX_VALIDITY_S) if validity > 0 else None,
        send_at=now + deferred * 60_000 if deferred > 0 else None,
        priority=max(fields.number("priority"), 0) * _PRIORITY_STEP,
        pid=max(pid, 0),
        line=line_named(smsc, modems) or line_named(sender, modems),
        dialect=NAME,
        extra=extra,
    )
    udh = fields.values.get("udh", b"")[1:]
    if fields.coding == CODING_8BIT or udh:
        # TS 23.038 4: 8-bit data with a class; UCS-2 with a header
        dcs = 0x08 if fields.coding == CODING_UCS2 else 0xF4 | mclass if mclass >= 0 else None
        return replace(template, data=_payload(fields), udh=udh, dcs=dcs)
    text = fields.body_text()
    # an empty message is one to Kannel's clients; ours must have something in it
    return replace(
        template,
        text=text or " ",
        flash=mclass == 0,
        encoding=Encoding.UCS2 if fields.coding == CODING_UCS2 else Encoding.AUTO,
    )


def _payload(fields: Fields) -> bytes:
    """The octets of an 8-bit message; a text with a header goes as its octets too."""
    if fields.coding == CODING_8BIT:
        return fields.values.get("text", b"")
    if fields.coding == CODING_UCS2:
        return fields.body_text().encode("utf-16-be", "replace")
    # septets with a header of the client's own are not made here
    raise Rejected(tables.UNROUTABLE)
