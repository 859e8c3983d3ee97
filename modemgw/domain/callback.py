"""Calls to the URLs of clients: their states, what is seen of them, and which URLs may be called at all.

Owns the rule of who may have what called. Does not own the queue (store/callbacks.py) or the sending (service).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from modemgw.domain.account import Account
from modemgw.domain.call import CallView
from modemgw.domain.events import EventKind
from modemgw.domain.inbox import InboxView
from modemgw.domain.message import MessageView

#: Longest URL that is called, in characters.
MAX_URL = 4096

#: Controls, spaces, and what parsers of URLs disagree about.
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]")

_PORTS = {"http": 80, "https": 443}


class CallbackState(StrEnum):
    """The life of a callback."""

    WAITING = "waiting"  # to be sent, or sent again
    DONE = "done"  # the receiver answered 2xx
    FAILED = "failed"  # given up
    DROPPED = "dropped"  # not wanted: the receiver answered 410, or the configuration names it no more


@dataclass(frozen=True, slots=True)
class CallbackView:
    """A callback as its account sees it. Times are Unix milliseconds."""

    id: int
    state: CallbackState
    format: str  # the dialect that worded it
    event_id: int
    message_id: int | None
    inbox_id: int | None
    method: str
    url: str
    created_at: int
    due_at: int | None  # the next try; None also while an earlier one of its stream waits
    ended_at: int | None
    tries: int
    status: int | None  # HTTP status of the last answer; None if there was none
    error: str | None  # a sentence


def url_problem(url: str) -> str | None:
    """Why a URL can never be called, as the end of a sentence; None if it can."""
    if len(url) > MAX_URL:
        return f"is longer than {MAX_URL} characters"
    if _UNSAFE.search(url):
        return "has spaces, control characters or backslashes in it"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in _PORTS:
        return "does not begin with http:// or https://"
    if not parts.hostname or port == 0:
        return "names no host"
    return None


def may_call(account: Account, url: str) -> bool:
    """True if a request of the account may have this URL called.

    With `callback_any_url` any but an address of a private network that is not in `callback_networks` (whoever makes
    the call asks `may_reach` again when a name has become an address); else only what lies at or below the account's
    own `callback_url`, so that a client cannot make the gateway call other hosts of its network.
    """
    if url_problem(url) is not None:
        return False
    if lies_below(account, url):
        return True
    host = urlsplit(url).hostname or ""
    return account.callback_any_url and (address_of(host) is None or may_reach(host, account.callback_networks))


def lies_below(account: Account, url: str) -> bool:
    """True if a URL lies at or below the account's `callback_url`, however a server may read its path."""
    if account.callback_url is None or url_problem(account.callback_url) is not None or url_problem(url) is not None:
        return False
    own, asked = urlsplit(account.callback_url), urlsplit(url)
    if _origin(own) != _origin(asked):
        return False
    if asked.path == own.path:
        return True
    folder = (own.path or "/").removesuffix("/") + "/"
    return asked.path.startswith(folder) and _goes_down(asked.path.removeprefix(folder))


def may_reach(address: str, networks: Sequence[str] = ()) -> bool:
    """True if an IP address is one of the public internet, or in one of the networks that somebody has listed.

    Loopback, private, link-local and reserved addresses are not, in whichever form IPv6 carries them. What is no
    address is not either.
    """
    found = address_of(address)
    if found is None:
        return False
    inner = _embedded(found)
    if any(part in network for network in map(ip_network, networks) for part in {found, inner}):
        return True
    return inner.is_global and not (inner.is_multicast or inner.is_reserved or inner.is_unspecified)


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a host is given as; None if it is a name."""
    try:
        return ip_address(host.partition("%")[0])  # without the zone of a link-local address
    except ValueError:
        return None


#: IPv4 behind NAT64, RFC 6052: the last 32 bits.
_NAT64 = IPv6Network("64:ff9b::/96")


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, or the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address


def _goes_down(path: str) -> bool:
    """True if no server can read a step upwards into the rest of a path: `..` in any escape, any Unicode look-alike,
    behind a parameter, or after decoding twice."""
    try:
        text = unicodedata.normalize("NFKC", unquote_to_bytes(path).decode())
    except UnicodeDecodeError:  # as %c0%ae is a dot to some
        return False
    if "%" in text or "\\" in text or any(ord(sign) < 0x20 or sign == "\x7f" for sign in text):
        return False
    return not any(step.split(";", 1)[0].strip() in (".", "..") for step in text.split("/"))


def host_of(url: str) -> str:
    """`host:port` in lower case: what shares a limit of concurrent calls."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"


def shown(url: str) -> str:
    """A URL for logs and events: without query and credentials, which may be secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]


def _origin(parts: SplitResult) -> tuple[str | None, ...]:
    port = parts.port or _PORTS[parts.scheme]
    return parts.scheme, parts.hostname, str(port), parts.username, parts.password


@dataclass(frozen=True, slots=True)
class CallbackRequest:
    """A request to be made to a client's URL, durable and retried with backoff for days. Those of one `stream`
    are made in order, each after the one before was answered."""

    url: str
    stream: str
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    context: Mapping[str, Any] = field(default_factory=dict)  # comes back with the reply


def stream_name(account_id: int, dialect: str, own: bool, stream: str) -> str:
    """What the queue calls a stream of requests. `own`: to a URL that a request named."""
    return f"{account_id}:{dialect}:{'own' if own else 'account'}:{stream}"


def stream_is_own(name: str) -> bool:
    """Whether `stream_name` was given `own`."""
    return name.split(":", 3)[2:3] == ["own"]


@dataclass(frozen=True, slots=True)
class FeedItem:
    """An event that somebody may want to be told, with what it is about as it is now. `at` is Unix ms."""

    event_id: int
    at: int
    kind: str
    account_id: int | None
    message: MessageView | None
    inbox: InboxView | None
    call: CallView | None = None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in order. All up to `cursor` have been looked at; `more`: there may be others after it."""

    cursor: int
    items: Sequence[FeedItem]
    more: bool


@dataclass(frozen=True, slots=True)
class FeedStart:
    """Where to go on: the cursor, and for each account the event after which it wants to be told."""

    cursor: int
    since: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class NewCallback:
    """A request on its way into the queue."""

    account_id: int
    dialect: str
    stream: str
    host: str
    follows: bool  # the URL is the account's callback_url, and changes with it
    request: CallbackRequest
    event_id: int
    message_id: int | None
    inbox_id: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """An event about callbacks."""

    kind: EventKind
    account_id: int
    message_id: int | None
    inbox_id: int | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DueCallback:
    """A request whose turn it is. `since` is when its time began, Unix ms."""

    id: int
    account_id: int
    dialect: str
    host: str
    request: CallbackRequest
    tries: int
    since: int
    own: bool = False  # the URL was named by a request, not by the configuration


@dataclass(frozen=True, slots=True)
class DuePage:
    """What is due, by host, oldest first; `next_at` is when the first of the others will be."""

    hosts: Mapping[str, Sequence[DueCallback]]
    next_at: int | None
