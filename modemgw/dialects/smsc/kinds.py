"""What a message of send.php is: text, flash, binary, WAP push, ping, HLR; and what goes out of the text given.

Owns one text and its flags. Numbers are in recipients.py, the request as a whole is in send.py.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import IntEnum
from itertools import accumulate

from modemgw.dialects.smsc import wap
from modemgw.dialects.smsc.settings import HLR_REFUSE, SENDER_PREFIX, Options
from modemgw.dialects.smsc.wire import Params
from modemgw.dialects.translit import translit
from modemgw.domain.account import Account
from modemgw.domain.message import TYPE_0, MessageView, Submission
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.sms import MAX_PARTS, TpduEncodeError, plan
from modemgw.sms.grapheme import clusters

#: Kinds of message that no SIM can send.
CANNOT = ("mms", "mail", "soc", "viber", "whatsapp", "call", "tg", "bot")

_COMMENT = re.compile(r"\r?\n~~~\r?\n(.*)\Z", re.DOTALL)
_COMMENT_OCTETS = re.compile(rb"\r?\n~~~\r?\n")
_PREFIX = re.compile(r"__(HLR|PING|CALL|VIBER|SOC|MAIL|TGM|BOT)__")
_PID_DCS = re.compile(r"pid:\s*([0-9A-Fa-f]{1,2})(?:\s*,\s*dcs:\s*([0-9A-Fa-f]{1,2}))?|dcs:\s*([0-9A-Fa-f]{1,2})")

#: What a sender may be: digits of a number, or letters of the GSM alphabet.
_SENDER = re.compile(r"\+?[0-9]{1,15}|[ -~]{1,11}", re.ASCII)


class Kind(IntEnum):
    """The provider's `type` of a message."""

    SMS = 0
    FLASH = 1
    BINARY = 2
    PUSH = 3
    HLR = 4
    PING = 5


def kind_of(view: MessageView) -> Kind:
    """The kind of a message in the store, also of one that came in through another API."""
    kept = view.extra.get("type")
    if isinstance(kept, int) and kept in {Kind.PUSH, Kind.HLR, Kind.PING}:
        return Kind(kept)
    return Kind.BINARY if view.data is not None else Kind.FLASH if view.flash else Kind.SMS


def shown_text(view: MessageView) -> str:
    """The text as the client gave it; of binary messages the hex."""
    if isinstance(given := view.extra.get("mes"), str):
        return given
    return view.text if view.text is not None else (view.data or b"").hex()


def refuse_what_no_sim_can(params: Params) -> None:
    """Raises Refusal(CANNOT)."""
    for name in CANNOT:
        if params.flag(name) or (name == "bot" and params.text(name)):
            raise Refusal(RefusalKind.CANNOT, f"A {name} message cannot leave through a SIM card.", field=name)


def sender_of(value: str) -> str:
    """The sender that was asked for; empty for none, which a point asks for too. Raises Refusal(FORBIDDEN)."""
    sender = value.strip()
    if sender in {"", "."}:
        return ""
    if not _SENDER.fullmatch(sender):
        raise Refusal(
            RefusalKind.FORBIDDEN, "A sender has at most 11 Latin letters and signs, or 15 digits.", field="sender"
        )
    return sender


def with_text(template: Submission, text: str, params: Params, account: Account, options: Options) -> Submission:
    """The submission of one text, still without a number. Raises Refusal."""
    extra = dict(template.extra)
    comment = _COMMENT.search(text)
    if comment is not None:
        extra["comment"] = comment[1]
        text = text[: comment.start()]
    template = replace(template, extra=extra)
    mode = params.flag("bin")
    if mode in {1, 2}:
        raw = _octets(params, text) if mode == 1 else text.encode()
        return _binary(template, raw, mode, comment[1] if comment else "")
    prefix = _PREFIX.match(text)
    if prefix is not None and prefix[1] not in {"HLR", "PING"}:
        raise Refusal(RefusalKind.CANNOT, f"A message {prefix[0]} cannot leave through a SIM card.", field="mes")
    if params.flag("hlr") or (prefix is not None and prefix[1] == "HLR"):
        if options.hlr == HLR_REFUSE:
            raise Refusal(
                RefusalKind.CANNOT,
                'A SIM card cannot ask the HLR; hlr = "ping" in the settings answers from a type-0 message.',
                field="hlr",
            )
        return _silent(template, Kind.HLR)
    if params.flag("ping") or prefix is not None:
        return _silent(template, Kind.PING)
    if params.flag("push"):
        return _push(template, text)
    text = translit(text, params.flag("translit"))
    if options.sender == SENDER_PREFIX and text and template.line is None and (sender := extra.get("sender")):
        text = f"{sender}: {text}"
    if most := params.number("maxsms", 0, 0, MAX_PARTS):
        text = cut_to_parts(text, most, national=account.national)
    return replace(template, text=text)


def _silent(template: Submission, kind: Kind) -> Submission:
    """A type-0 message; its report says whether the telephone is there, so it is always asked for."""
    return replace(template, text="", pid=TYPE_0, flash=False, report=True, extra={**template.extra, "type": int(kind)})


def _push(template: Submission, text: str) -> Submission:
    url, _, title = text.replace("\r\n", "\n").partition("\n")
    payload = wap.service_indication(url.strip(), title)
    extra = {**template.extra, "type": int(Kind.PUSH), "mes": text}
    return replace(template, data=payload, udh=wap.PORTS, flash=False, extra=extra)


def _octets(params: Params, text: str) -> bytes:
    """The payload of bin=1 as it came; in a list it has been a text already."""
    if params.text("list").strip():
        return text.encode("cp1251", "replace")
    return _COMMENT_OCTETS.split(params.raw("mes"), maxsplit=1)[0]


def _binary(template: Submission, raw: bytes, mode: int, comment: str) -> Submission:
    """bin=1 octets, bin=2 hex; the user data header with its length octet comes first."""
    payload = raw
    if mode == 2:
        try:
            payload = bytes.fromhex(raw.decode("ascii", "replace"))
        except ValueError:
            raise Refusal(RefusalKind.BAD_PARAMETER, "mes is not hex, as bin=2 asks.", field="mes") from None
    if not payload or len(payload) <= payload[0]:
        raise Refusal(
            RefusalKind.BAD_PARAMETER, "mes is shorter than the header its first octet announces.", field="mes"
        )
    header, data = payload[1 : payload[0] + 1], payload[payload[0] + 1 :]
    match = _PID_DCS.search(comment)
    pid = int(match[1], 16) if match and match[1] else 0
    dcs = (match[2] or match[3]) if match else None
    return replace(template, data=data, udh=header, pid=pid, dcs=int(dcs, 16) if dcs else None)


def cut_to_parts(text: str, most: int, *, national: bool) -> str:
    """The longest beginning of the text, in whole characters as a reader sees them, that takes `most` SMS at most."""
    if _parts(text, national) <= most:
        return text
    ends = list(accumulate(len(cluster) for cluster in clusters(text)))
    fits, fails = 0, len(ends)
    while fails - fits > 1:
        middle = (fits + fails) // 2
        if _parts(text[: ends[middle - 1]], national) <= most:
            fits = middle
        else:
            fails = middle
    return text[: ends[fits - 1]] if fits else ""


def _parts(text: str, national: bool) -> int:
    try:
        return plan(text, national=national).parts
    except TpduEncodeError:
        return MAX_PARTS + 1


def hlr_fields(kind: Kind) -> dict[str, str]:
    """What the provider tells of an HLR query, in its order. A report of a type-0 message tells none of it."""
    names = ("imsi", "msc", "mcc", "mnc", "cn", "net", "rcn", "rnet")
    return dict.fromkeys(names, "") if kind is Kind.HLR else {}
