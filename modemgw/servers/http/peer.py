"""Whose address a request comes from, through reverse proxies that the configuration trusts. Believes nothing else."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Peers:
    """Tells a client from the proxies before it. `trusted` are addresses and networks, checked by the configuration."""

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        self._trusted = [ipaddress.ip_network(network, strict=False) for network in trusted]

    def address(self, request: web.Request) -> str | None:
        """The client's address: the peer's own, or, where that is a trusted proxy, the last one in X-Forwarded-For
        that is not. What a client wrote into the header itself stands left of that and is not looked at."""
        peer = request.remote
        if not self._trusted or peer is None or not self._trusts(peer):
            return peer
        steps = [step.strip() for line in request.headers.getall("X-Forwarded-For", []) for step in line.split(",")]
        for step in reversed(steps):
            found = _address(step)
            if found is None:
                return peer  # a proxy that we trust writes no such thing
            peer = str(found)
            if not self._trusts(peer):
                break
        return peer

    def scheme(self, request: web.Request) -> str:
        """`http` or `https`, as the client sees it: a trusted proxy tells in X-Forwarded-Proto."""
        if self._trusted and request.remote is not None and self._trusts(request.remote):
            told = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
            if told in ("http", "https"):
                return told
        return request.scheme

    def _trusts(self, address: str) -> bool:
        found = _address(address)
        return found is not None and any(found in network for network in self._trusted)


def _address(text: str) -> Address | None:
    """`1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]:5678`; an IPv4 address in IPv6 is an IPv4 address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
