"""Who is asking: accounts by login and password, or by API key, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind


class Accounts:
    """The accounts of the config. Looking one up takes as long for a wrong name as for a wrong password."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._by_login = {account.login: account for account in accounts}
        self._by_id = {account.id: account for account in self._by_login.values()}
        self._by_key = {_digest(a.api_key): a for a in self._by_login.values() if a.api_key}
        self._nobody = Account(0, "", password="\0nobody\0")  # noqa: S106 (what a wrong login is compared with)

    @property
    def all(self) -> list[Account]:
        """Every account."""
        return list(self._by_login.values())

    @property
    def ids(self) -> list[int]:
        """Their keys in the store."""
        return list(self._by_id)

    def of_id(self, account_id: int) -> Account | None:
        """An account by its key in the store; None if it is not configured (any more)."""
        return self._by_id.get(account_id)

    def of_login(self, login: str) -> Account:
        """An account that the configuration names for somebody without credentials. Refusal(UNAUTHORISED)."""
        account = self._by_login.get(login)
        if account is None:
            raise Refusal(RefusalKind.UNAUTHORISED, f"There is no account {login!r} in the configuration.")
        return account

    def authenticate(self, *, login: str | None, password: str | None, api_key: str | None, md5: bool) -> Account:
        """The account, or Refusal(UNAUTHORISED). With `md5` the lower-case MD5 of the password is as good; with all
        three of the others the login's password or its API key is, for protocols that have one field for both."""
        if login and api_key is not None and password is not None:
            try:
                return self._by_password(login, password, md5)
            except Refusal:
                account = self._by_key.get(_digest(api_key))
                if account is None or account.login != login:
                    raise
                return account
        if api_key is not None:
            # the table is of digests: neither the time nor the place of a hit tells anything of a key
            account = self._by_key.get(_digest(api_key))
            if account is not None:
                return account
            raise Refusal(RefusalKind.UNAUTHORISED, "The API key is not known.")
        return self._by_password(login or "", password or "", md5)

    def _by_password(self, login: str, password: str, md5: bool) -> Account:
        account = self._by_login.get(login, self._nobody)
        given = password.encode("utf-8", "surrogatepass")
        right = hmac.compare_digest(given, account.password.encode())
        if md5:
            digest = hashlib.md5(account.password.encode(), usedforsecurity=False).hexdigest()
            right |= hmac.compare_digest(given, digest.encode())
        if not right or account is self._nobody or not account.password:
            raise Refusal(RefusalKind.UNAUTHORISED, "The login or the password is wrong.")
        return account


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
