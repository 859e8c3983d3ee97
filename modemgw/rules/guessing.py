"""Who guesses at credentials, and how slowly they may go on: by address and by account.

Right credentials get in at any time, so the bound is on how often anything is looked at: a suspect waits for its turn.
In memory and bounded: what is forgotten first is what failed least lately. Times are of a monotonic clock, in s.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

#: Addresses, logins, and pairs of both that are remembered.
MAX_KEYS = 50_000

#: A turn that is further away than this is not waited for.
LONGEST_WAIT_S = 3.0

#: Between two looks at what a blocked address gives; at what this machine gives that has failed as often.
BLOCKED_PACE_S, LOOPBACK_PACE_S = 1.0, 0.05

#: Between two looks at an account that is guessed at: the first pace, doubled by so many more failures, up to the last.
FIRST_PACE_S, LAST_PACE_S, DOUBLED_BY = 0.25, 2.0, 20

#: All addresses of this machine together.
LOOPBACK = "127.0.0.0/8"


@dataclass(frozen=True, slots=True)
class BlockRule:
    """After `after` failures within `window_s` an address is blocked for `block_s`; after `account_after` at one
    account, from wherever, it is guarded. 0: never."""

    after: int = 20
    window_s: float = 60
    block_s: float = 300
    account_after: int = 50


@dataclass(frozen=True, slots=True)
class Suspect:
    """An address, or an account, that has failed lately. `left_s`: for so long it stays blocked or guarded; 0: it
    is neither."""

    kind: str  # "address" or "account"
    name: str
    failures: int
    left_s: float


@dataclass(slots=True)
class _Failures:
    """Failures of one address or one account."""

    count: int = 0
    since: float = 0.0  # of the first of those that are counted
    until: float = 0.0  # blocked or guarded
    next_turn: float = 0.0


class Guesses:
    """What has failed, and whose turn it is. Of IPv6 the network of 64 bits counts as one address."""

    def __init__(self, rule: BlockRule, monotonic: Callable[[], float], *, max_keys: int = MAX_KEYS) -> None:
        self._rule = rule
        self._monotonic = monotonic
        self._max = max_keys
        self._addresses: OrderedDict[str, _Failures] = OrderedDict()
        self._accounts: OrderedDict[str, _Failures] = OrderedDict()
        self._pairs: OrderedDict[tuple[str, str], float] = OrderedDict()  # until when they are remembered

    def turn(self, remote: str, login: str | None) -> float | None:
        """Seconds until credentials may be looked at, 0 for anybody who is no suspect; the turn is taken.

        None: too many wait before; nothing is looked at.
        """
        address, now = network_of(remote), self._monotonic()
        queues: list[tuple[_Failures, float]] = []
        at_address = self._addresses.get(address)
        if at_address is not None and at_address.until > now:
            queues.append((at_address, LOOPBACK_PACE_S if address == LOOPBACK else BLOCKED_PACE_S))
        if login is not None and self._pairs.get((address, login), 0.0) > now:
            at_account = self._accounts.get(login)
            if at_account is not None and at_account.until > now:
                queues.append((at_account, self._pace(at_account.count)))
        at = max((queue.next_turn for queue, _ in queues), default=now)
        if at - now > LONGEST_WAIT_S:
            return None
        for queue, pace in queues:
            queue.next_turn = max(now, at) + pace
        return max(0.0, at - now)

    def blocked_s(self, remote: str) -> float:
        """Seconds for which the address remains blocked; 0 if it is not."""
        found = self._addresses.get(network_of(remote))
        return 0.0 if found is None else max(0.0, found.until - self._monotonic())

    def failed(self, remote: str, login: str | None) -> bool:
        """Count wrong credentials; True if it is the failure that gets the address blocked."""
        address, now = network_of(remote), self._monotonic()
        newly = self._count(self._addresses, address, self._rule.after)
        if login is not None:
            self._count(self._accounts, login, self._rule.account_after)
            self._pairs[(address, login)] = now + self._rule.block_s
            self._pairs.move_to_end((address, login))
            while len(self._pairs) > self._max:
                self._pairs.popitem(last=False)
        return newly

    def suspects(self) -> list[Suspect]:
        """All that have failed lately, those first that failed last."""
        now = self._monotonic()
        found = []
        for kind, table in (("address", self._addresses), ("account", self._accounts)):
            for name, failures in reversed(table.items()):
                if failures.until > now or failures.since + self._rule.window_s > now:
                    found.append(Suspect(kind, name, failures.count, max(0.0, failures.until - now)))
        return found

    def clear(self, *, address: str | None = None, login: str | None = None) -> int:
        """Forget an address, an account, or without either everybody; how many were known."""
        if address is None and login is None:
            count = len(self._addresses) + len(self._accounts)
            self._addresses.clear()
            self._accounts.clear()
            self._pairs.clear()
            return count
        count = 0
        if address is not None:
            count += self._addresses.pop(network_of(address), None) is not None
        if login is not None:
            count += self._accounts.pop(login, None) is not None
        return count

    def _count(self, table: OrderedDict[str, _Failures], key: str, after: int) -> bool:
        """One more failure; True if it is the one that is too many."""
        now, rule = self._monotonic(), self._rule
        found = table.get(key)
        if found is None or (found.until <= now and now - found.since >= rule.window_s):
            found = table[key] = _Failures(since=now)
        found.count += 1
        table.move_to_end(key)
        while len(table) > self._max:
            table.popitem(last=False)
        if after <= 0 or found.count < after:
            return False
        newly = found.until <= now
        if newly:
            found.next_turn = now
        if newly or table is self._accounts:  # an account stays guarded while it is guessed at
            found.until = now + rule.block_s
        return newly

    def _pace(self, count: int) -> float:
        doublings = max(0, count - self._rule.account_after) // DOUBLED_BY
        return LAST_PACE_S if doublings > 10 else min(LAST_PACE_S, FIRST_PACE_S * 2.0**doublings)


def network_of(remote: str) -> str:
    """What counts as one address: all of this machine, an IPv4 address, an IPv6 network of 64 bits."""
    try:
        address = ipaddress.ip_address(remote.partition("%")[0])
    except ValueError:
        return remote
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None and not address.is_loopback:
            return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
        address = address.ipv4_mapped or ipaddress.IPv4Address("127.0.0.1")
    return LOOPBACK if address.is_loopback else str(address)
