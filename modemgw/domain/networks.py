"""Addresses and the networks they are in."""

from __future__ import annotations

import functools
import ipaddress

_Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


@functools.lru_cache(maxsize=256)
def _networks(texts: tuple[str, ...]) -> _Networks:
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def within(networks: tuple[str, ...], remote: str) -> bool:
    """True if the address is in one of the networks. An IPv4 address that came over IPv6 is an IPv4 address.

    Raises ValueError for a network that is none.
    """
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    found = address if mapped is None else mapped
    return any(found.version == network.version and found in network for network in _networks(networks))
