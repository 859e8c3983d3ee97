"""A Kannel smsbox as a gateway that we send through: sendsms and its delivery reports.

`url` is the whole path, `http://host:13013/cgi-bin/sendsms`. It is spoken to by POST of text/xml, which smsbox takes
and nobody repeats. It has no reference of ours and cannot be asked: only a report to our `dlr-url` tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, quote
from xml.sax.saxutils import escape

from modemgw.dialects.kannel import tables
from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.dialects.upstream import (
    NotGenuine,
    PlainCodec,
    Told,
    Traits,
    by_status,
    retry_after_s,
    unknown_keys,
    wanted,
)
from modemgw.domain.states import State
from modemgw.domain.upstream import (
    AccountTrouble,
    Fate,
    SendAnswer,
    TryOutcome,
    UpstreamAccount,
    UpstreamInbound,
    UpstreamMessage,
    WireAnswer,
    WireCall,
)

#: dlr-mask: delivered, failed, buffered, accepted by the centre, rejected by it.
DLR_MASK = 31

#: `%d` as our states; 4 (buffered) says nothing.
STATES: Final[Mapping[str, State]] = {
    "1": State.DELIVERED,
    "2": State.UNDELIVERABLE,
    "8": State.SENT,
    "16": State.UNDELIVERABLE,
}

_TAKEN = ("0:", "3:", "sent.", "ok.", "result: ok")


class KannelCodec(PlainCodec):
    """Kind `kannel`."""

    kind = "kannel"
    traits = Traits(
        unique_refs=False, proves_absence=False, asks_by_ref=False, polls=False, pushes=True, max_parallel=10
    )

    def problems(self, account: UpstreamAccount) -> Sequence[tuple[str, str]]:
        """The whole path of sendsms, and the credentials of a sendsms-user."""
        return [*wanted(account, "url", "login", "password"), *unknown_keys(account, ("smsc_id",))]

    def cannot(self, message: UpstreamMessage) -> str | None:
        """Nothing: it knows flash."""
        return None

    def send(self, account: UpstreamAccount, message: UpstreamMessage, now: int) -> WireCall:
        """The XML of smsbox; validity in minutes."""
        sender = message.sender or account.sender
        parts = [
            f"<da><number>{_xml(message.to)}</number></da>",
            f"<oa><number>{_xml(sender)}</number></oa>" if sender else "",
            f"<ud>{_xml(message.text)}</ud>",
            _dcs(message),
            f"<vp><delay>{max(1, message.validity_s // 60)}</delay></vp>",
            f"<statusrequest><dlr-mask>{DLR_MASK}</dlr-mask><dlr-url>{_xml(_dlr_url(account, message))}</dlr-url>"
            "</statusrequest>"
            if account.callback_url and message.report
            else "",
            f"<from><user>{_xml(account.login)}</user><pass>{_xml(account.password)}</pass></from>",
            f"<to>{_xml(str(account.options['smsc_id']))}</to>" if account.options.get("smsc_id") else "",
        ]
        document = f'<?xml version="1.0" encoding="UTF-8"?><message><submit>{"".join(parts)}</submit></message>'
        return WireCall("POST", account.url, {"Content-Type": "text/xml"}, document.encode("utf-8", "replace"))

    def sent(self, account: UpstreamAccount, message: UpstreamMessage, answer: WireAnswer) -> SendAnswer:
        """By status, and the words of the body."""
        text = answer.body[:500].decode("utf-8", "replace").strip()
        said = f"Kannel answered HTTP {answer.status}: {text}" if text else f"Kannel answered HTTP {answer.status}."
        code = str(answer.status)
        if answer.status in (200, 202):
            if text.lower().startswith(_TAKEN):
                return SendAnswer(TryOutcome.ACCEPTED, ids=(message.ref,), code=text[:40])
            return SendAnswer(TryOutcome.UNKNOWN, said, code=code)
        if (answer.status, text) == tables.TEMPORARY or (answer.status == 503 and text.startswith("Temporal")):
            return SendAnswer(TryOutcome.TEMPORARY, said, code=code, retry_after_s=retry_after_s(answer) or 10.0)
        if answer.status == 403 and not text.startswith("Not routable"):
            return SendAnswer(TryOutcome.REFUSED_ACCOUNT, said, code=code, trouble=AccountTrouble.LOGIN)
        if answer.status == 403:
            return SendAnswer(TryOutcome.REFUSED_WAY, said, code=code)
        if (answer.status, text) == tables.UNKNOWN_REQUEST or (answer.status, text) == tables.CONTENT_TYPE:
            return SendAnswer(TryOutcome.REFUSED_ACCOUNT, said, code=code, trouble=AccountTrouble.CONFIG)
        if answer.status == 400 and "ender missing" in text:
            return SendAnswer(TryOutcome.REFUSED_ACCOUNT, said, code=code, trouble=AccountTrouble.SENDER)
        if answer.status == 400 and text.endswith(("rejected", "lists.")):
            return SendAnswer(TryOutcome.REFUSED_MESSAGE, said, code=code)
        return by_status(answer)

    def told(self, account: UpstreamAccount, request: WireRequest, url: str) -> Told:
        """A delivery report: our own `dlr-url` with its escapes filled in; or an incoming text by `get-url`."""
        fields = parse_qs(request.raw_query.decode("utf-8", "replace"), keep_blank_values=True)

        def one(name: str) -> str:
            return fields.get(name, [""])[0]

        response = WireResponse(b"", content_type="text/plain; charset=utf-8")
        if "dlr" in fields and "ref" in fields:
            ref = one("ref")
            fate = Fate(ref, STATES.get(one("dlr")), ref, text=one("reply")[:200], code=one("dlr"), at=request.now)
            return Told(response, fates=(fate,))
        if "from" in fields and "text" in fields:
            item = UpstreamInbound(
                one("id") or f"{one('from')} {request.now}",
                one("from"),
                one("to") or None,
                one("text"),
                request.now,
            )
            return Told(response, inbound=(item,))
        raise NotGenuine


def _dcs(message: UpstreamMessage) -> str:
    mclass = "<mclass>0</mclass>" if message.flash else ""
    coding = f"<coding>{2 if message.encoding == 'ucs2' else 0}</coding>"
    return f"<dcs>{mclass}{coding}</dcs>"


def _dlr_url(account: UpstreamAccount, message: UpstreamMessage) -> str:
    return f"{account.callback_url}?ref={quote(message.ref)}&dlr=%d&reply=%A"


def _xml(text: str) -> str:
    return escape("".join(char for char in text if char >= " " or char in "\t\n\r"))


CODEC = KannelCodec()
