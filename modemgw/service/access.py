"""Who may come in, and from where: credentials, the networks of an account, addresses that failed too often.

Every front door asks here, whatever its protocol.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from modemgw.domain.account import Account
from modemgw.domain.networks import within as within
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.rules.limits import Blocklist, BlockRule
from modemgw.service.accounts import Accounts

log = logging.getLogger(__name__)


class Access:
    """`remote` is the IP address of the peer, None where there is none (a process of this service)."""

    def __init__(
        self, accounts: Accounts, rule: BlockRule | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._accounts = accounts
        self._blocklist = Blocklist(rule or BlockRule(), monotonic)

    def authenticate(
        self, *, login: str | None, password: str | None, api_key: str | None, md5: bool, remote: str | None
    ) -> Account:
        """The account. Refusal: ADDRESS_BLOCKED (right or wrong), UNAUTHORISED, ADDRESS_NOT_ALLOWED (right)."""
        self._not_blocked(remote)
        try:
            account = self._accounts.authenticate(login=login, password=password, api_key=api_key, md5=md5)
        except Refusal:
            if remote is not None and self._blocklist.failed(remote):
                log.warning("%s gave wrong credentials too often and is blocked for a while.", remote)
            raise
        self._allowed(account, remote)
        return account

    def check(self, account: Account, remote: str | None) -> None:
        """As `authenticate`, for one whose credentials were found right before."""
        self._not_blocked(remote)
        self._allowed(account, remote)

    def _not_blocked(self, remote: str | None) -> None:
        if remote is not None and (left := self._blocklist.blocked_s(remote)):
            raise Refusal(
                RefusalKind.ADDRESS_BLOCKED,
                f"Wrong credentials came from {remote} too often. Try again in {left:.0f} s, with the right ones.",
            )

    @staticmethod
    def _allowed(account: Account, remote: str | None) -> None:
        if account.allow and remote is not None and not within(account.allow, remote):
            raise Refusal(
                RefusalKind.ADDRESS_NOT_ALLOWED,
                f"The account {account.login} may not be used from {remote}; its key `allow` lists from where.",
            )
