"""Who may come in, and from where: credentials, the networks of an account, who guesses too often.

Every front door asks here, whatever its protocol.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from modemgw.domain.account import Account
from modemgw.domain.networks import within as within
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.rules.guessing import BlockRule, Guesses, Suspect, network_of
from modemgw.service.accounts import Accounts

log = logging.getLogger(__name__)

#: Right credentials, with the addresses they came from, that are remembered.
MAX_PROVEN = 10_000


class Access:
    """`remote` is the IP address of the peer, None where there is none (a process of this service).

    Right credentials get in whatever has happened before. What a suspect gives is looked at when its turn has come,
    in constant time; what the same address was let in with before has no turn to wait for.
    """

    def __init__(
        self,
        accounts: Accounts,
        rule: BlockRule | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._accounts = accounts
        self._guesses = Guesses(rule or BlockRule(), monotonic)
        self._sleep = sleep
        self._key = secrets.token_bytes(32)
        self._proven: OrderedDict[bytes, None] = OrderedDict()

    async def authenticate(
        self, *, login: str | None, password: str | None, api_key: str | None, md5: bool, remote: str | None
    ) -> Account:
        """The account. Refusal: UNAUTHORISED, ADDRESS_BLOCKED (wrong, or too many wait), ADDRESS_NOT_ALLOWED."""
        proof = self._digest(remote, login, password, api_key)
        if remote is not None and proof not in self._proven:
            wait_s = self._guesses.turn(remote, login)
            if wait_s is None:
                raise self._blocked(remote)
            if wait_s:
                await self._sleep(wait_s)
        try:
            account = self._accounts.authenticate(login=login, password=password, api_key=api_key, md5=md5)
        except Refusal:
            if remote is None:
                raise
            blocked = self._guesses.blocked_s(remote)
            if self._guesses.failed(remote, login):
                log.warning("%s gave wrong credentials too often: more of them are refused for a while.", remote)
            if blocked:
                raise self._blocked(remote) from None
            raise
        self._proven[proof] = None
        self._proven.move_to_end(proof)
        while len(self._proven) > MAX_PROVEN:
            self._proven.popitem(last=False)
        self.check(account, remote)
        return account

    @staticmethod
    def check(account: Account, remote: str | None) -> None:
        """That an account whose credentials were right before may come from here. Refusal(ADDRESS_NOT_ALLOWED)."""
        if account.allow and remote is not None and not within(account.allow, remote):
            raise Refusal(
                RefusalKind.ADDRESS_NOT_ALLOWED,
                f"The account {account.login} may not be used from {remote}; its key `allow` lists from where.",
            )

    def suspects(self) -> list[Suspect]:
        """Addresses and accounts that wrong credentials came from, or were for, lately."""
        return self._guesses.suspects()

    def clear(self, *, address: str | None = None, login: str | None = None) -> int:
        """Forget what an address or an account is suspected of, or without either everybody; how many there were."""
        return self._guesses.clear(address=address, login=login)

    def _blocked(self, remote: str) -> Refusal:
        left = max(1.0, self._guesses.blocked_s(remote))
        return Refusal(
            RefusalKind.ADDRESS_BLOCKED,
            f"Wrong credentials came too often. Try again in {left:.0f} s, or with the right ones.",
        )

    def _digest(self, *parts: str | None) -> bytes:
        remote, *given = parts
        raw = repr((None if remote is None else network_of(remote), *given)).encode("utf-8", "backslashreplace")
        return hashlib.blake2b(raw, key=self._key, digest_size=32).digest()
