"""Incoming PDUs as a modem would read them out, made with the codec."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from modemgw.sms import Address, Scts, SmsDeliver, SmsStatusReport, Udh, encode_pdu, plan, segment
from modemgw.sms.dcs import Dcs, MessageClass

#: 2023-11-14T22:13:20Z, the time at which the desk's clock begins.
T0 = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)

SENDER = "+79161112233"


def at(seconds: float) -> Scts:
    """A service centre time, `seconds` after T0."""
    return Scts.of(T0 + timedelta(seconds=seconds))


def deliver(text: str = "hi", sender: str = SENDER, seconds: float = 0, **more: Any) -> str:
    """A message of one part, hex."""
    outline = plan(text)
    (part,) = segment(text, outline)
    flash = more.pop("flash", False)
    options: dict[str, Any] = {"ud": part.ud, "udh": part.udh, "scts": at(seconds)}
    options["dcs"] = outline.dcs(MessageClass.CLASS0 if flash else None)
    return encode_pdu(SmsDeliver(oa=Address.parse(sender), **{**options, **more})).hex


def parts(text: str, sender: str = SENDER, seconds: float = 0, reference: int = 7, **options: Any) -> list[str]:
    """A message of several parts, hex, in order; their times are a second apart."""
    outline = plan(text, **options)
    return [
        encode_pdu(
            SmsDeliver(oa=Address.parse(sender), ud=part.ud, udh=part.udh, dcs=outline.dcs(), scts=at(seconds + number))
        ).hex
        for number, part in enumerate(segment(text, outline, reference=reference))
    ]


def binary(data: bytes, udh: Udh, seconds: float = 0) -> str:
    """An 8-bit message, hex."""
    return encode_pdu(
        SmsDeliver(oa=Address.parse(SENDER), ud=data, udh=udh, dcs=Dcs.decode(0x04), scts=at(seconds))
    ).hex


def report(mr: int, recipient: str = "+79160000001", st: int = 0, seconds: float = 5, done: float = 6) -> str:
    """A status report, hex."""
    return encode_pdu(SmsStatusReport(mr=mr, ra=Address.parse(recipient), st=st, scts=at(seconds), dt=at(done))).hex
