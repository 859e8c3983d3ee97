"""The kinds of `[[upstream]]` that are spoken over HTTP, by name."""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.dialects import http_upstream, modemgw_upstream, sms_gate_app_upstream
from modemgw.dialects.bsg import upstream as bsg
from modemgw.dialects.devino import upstream as devino
from modemgw.dialects.kannel import upstream as kannel
from modemgw.dialects.smsc import upstream as smsc
from modemgw.dialects.twilio import upstream as twilio
from modemgw.dialects.upstream import UpstreamCodec

_ALL: tuple[UpstreamCodec, ...] = (
    smsc.CODEC,
    devino.CODEC,
    bsg.CODEC,
    twilio.CODEC,
    sms_gate_app_upstream.CODEC,
    kannel.CODEC,
    modemgw_upstream.CODEC,
    http_upstream.CODEC,
)

CODECS: Mapping[str, UpstreamCodec] = {codec.kind: codec for codec in _ALL}


def codec_of(kind: str) -> UpstreamCodec:
    """Raises KeyError for a kind that is none, and for `smpp`, which is a session and no codec."""
    return CODECS[kind]
