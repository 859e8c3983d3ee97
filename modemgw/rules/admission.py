"""The door: what a submission must be, and the row it becomes. Refuses with the place and the reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal

from modemgw.domain.account import Account
from modemgw.domain.job import NewMessage
from modemgw.domain.message import MAX_VALIDITY_S, MIN_VALIDITY_S, Encoding, Submission
from modemgw.domain.numbers import normalise
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.rules.pricing import price_of, units
from modemgw.sms import Encoding as PduEncoding
from modemgw.sms import (
    LockingShift,
    Plan,
    SingleShift,
    TpduDecodeError,
    TpduEncodeError,
    Udh,
    plan,
    plan_data,
    without_look_alikes,
)
from modemgw.sms.user_data import MAX_UD_OCTETS

#: Longest text that is looked at at all; 255 parts of UCS-2 have 17 085 characters.
MAX_CHARACTERS = 40_000

MAX_AHEAD_MS = 366 * 86_400_000


def admit(account: Account, submission: Submission, now: int) -> NewMessage:
    """The message as it will be stored; raises Refusal. `now` is Unix ms."""
    s = _smart(account, submission)
    recipient = normalise(s.to, account.country)
    outline = outline_of(account, s)
    if outline.parts > account.max_parts:
        raise Refusal(
            RefusalKind.TEXT_TOO_LONG,
            f"The text needs {outline.parts} SMS parts; this account may send {account.max_parts} at the most. "
            "Shorten it, or raise max_parts of the account.",
            field="text",
        )
    validity = s.validity_s if s.validity_s is not None else account.validity_s
    if not MIN_VALIDITY_S <= validity <= MAX_VALIDITY_S:
        raise Refusal(
            RefusalKind.BAD_PARAMETER,
            f"A validity of {validity} s is outside {MIN_VALIDITY_S} s to {MAX_VALIDITY_S} s (63 weeks).",
            field="validity_s",
        )
    if s.send_at is not None and not -MAX_AHEAD_MS <= s.send_at <= now + MAX_AHEAD_MS:
        raise Refusal(RefusalKind.BAD_TIME, "The time to send is more than a year ahead, or none.", field="send_at")
    if not -100 <= s.priority <= 100:
        raise Refusal(RefusalKind.BAD_PARAMETER, "The priority is a number from -100 to 100.", field="priority")
    ref = s.extra.get("ref")
    extra = json.dumps(s.extra, ensure_ascii=False) if s.extra else None
    for field, value in (("client_ref", s.client_ref), ("modem", s.line), (None, extra)):
        if value is not None and not _storable(value):
            raise Refusal(
                RefusalKind.BAD_PARAMETER,
                f"The {field or 'request'} has half a surrogate pair in it, which is no character.",
                field=field,
            )
    return NewMessage(
        account_id=account.id,
        recipient=recipient,
        text=s.text,
        data=s.data,
        udh=s.udh or None,
        encoding=outline.encoding.value,
        locking=int(outline.locking),
        single=int(outline.single),
        flash=s.flash,
        pid=s.pid,
        dcs=s.dcs,
        priority=s.priority,
        line=s.line or "",
        report=s.report,
        on_doubt=s.on_doubt or account.on_doubt,
        client_ref=s.client_ref,
        ref=str(ref) if ref is not None else None,
        dialect=s.dialect,
        extra=extra,
        parts=outline.parts,
        send_at=s.send_at,
        validity_s=validity,
        cost=price_of(account, recipient) * outline.parts,
        funds=units(account.balance) if account.balance_mode == "countdown" else None,
    )


def _smart(account: Account, submission: Submission) -> Submission:
    """With plain signs for their look-alikes, where the message or its account asks for that."""
    wanted = account.smart_encoding if submission.smart_encoding is None else submission.smart_encoding
    if not wanted or submission.text is None or submission.encoding is Encoding.UCS2:
        return submission
    return replace(submission, text=without_look_alikes(submission.text))


def _storable(text: str) -> bool:
    """What is no Unicode text has no UTF-8 form, and so no place in the database."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def outline_of(account: Account, submission: Submission) -> Plan:
    """Encoding and parts of a submission; raises Refusal for what cannot be sent."""
    s = submission
    text = s.text
    if (text is None) == (s.data is None):
        raise Refusal(RefusalKind.BAD_PARAMETER, "Give either a text or data, not both and not neither.", field="text")
    try:
        if text is None:
            assert s.data is not None
            if not s.data and not s.udh and s.pid == 0:
                raise Refusal(RefusalKind.EMPTY_TEXT, "The data are empty; there is nothing to send.", field="data")
            header = udh_of(s.udh)
            if fits_whole(header, s.data):
                room = MAX_UD_OCTETS - header.octets
                return Plan(
                    PduEncoding.DATA8,
                    1,
                    LockingShift.DEFAULT,
                    SingleShift.DEFAULT,
                    len(s.data),
                    room,
                    room - len(s.data),
                    header=header,
                )
            return plan_data(len(s.data), header=header)
        if not text and s.pid == 0:
            raise Refusal(RefusalKind.EMPTY_TEXT, "The text is empty; there is nothing to send.", field="text")
        if len(text) > MAX_CHARACTERS:
            raise Refusal(
                RefusalKind.TEXT_TOO_LONG,
                f"The text has {len(text)} characters; no more than {MAX_CHARACTERS} are looked at.",
                field="text",
            )
        national = account.national if s.national is None else s.national
        return plan(text, encoding=_ENCODINGS[s.encoding], national=national)
    except TpduEncodeError as error:
        kind = RefusalKind.TEXT_TOO_LONG if "parts" in error.reason else RefusalKind.BAD_PARAMETER
        raise Refusal(
            kind, f"The text cannot be sent: {error}", field="text" if text is not None else "data"
        ) from error


_ENCODINGS: dict[Encoding, Literal["auto", "gsm7", "ucs2"]] = {
    Encoding.AUTO: "auto",
    Encoding.GSM7: "gsm7",
    Encoding.UCS2: "ucs2",
}


def fits_whole(header: Udh, data: bytes) -> bool:
    """Data that fit into one part as they are: their header is the client's own, a concatenation element included."""
    return header.octets + len(data) <= MAX_UD_OCTETS


def udh_of(octets: bytes) -> Udh:
    """The user data header a client gave, without its length octet; raises Refusal."""
    if not octets:
        return Udh()
    try:
        header, _ = Udh.decode(bytes([len(octets)]) + octets)
    except (TpduDecodeError, ValueError) as error:
        raise Refusal(RefusalKind.BAD_PARAMETER, f"The user data header is not one: {error}", field="udh") from error
    return header
