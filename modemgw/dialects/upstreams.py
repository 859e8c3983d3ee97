"""The kinds of `[[upstream]]` that are spoken over HTTP, by name."""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.dialects.smsc import upstream as smsc
from modemgw.dialects.upstream import UpstreamCodec

CODECS: Mapping[str, UpstreamCodec] = {codec.kind: codec for codec in (smsc.CODEC,)}


def codec_of(kind: str) -> UpstreamCodec:
    """Raises KeyError for a kind that is none, and for `smpp`, which is a session and no codec."""
    return CODECS[kind]
