"""What dialects are given besides messages: who may come in, records, limits, what is known of numbers, settings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from modemgw.domain.account import Account
from modemgw.domain.requests import NumberFacts
from modemgw.rules.guessing import BlockRule
from modemgw.rules.limits import Holds, Windows
from modemgw.service.access import Access
from modemgw.service.accounts import Accounts
from modemgw.service.numbers import Numbers
from modemgw.service.ports import Clock
from modemgw.service.records import MAX_RECORDS, Records
from modemgw.store.repository import RecordStore


class Desk:
    """One for all front doors: a limit holds over all protocols. `sections` are the settings by dialect."""

    def __init__(
        self,
        repository: RecordStore,
        accounts: Accounts,
        clock: Clock,
        *,
        sections: Mapping[str, Mapping[str, Any]] | None = None,
        block: BlockRule | None = None,
        max_records: int = MAX_RECORDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.access = Access(accounts, block, monotonic)
        self.records = Records(repository, accounts, clock, max_records)
        self._accounts = accounts
        self._sections = sections or {}
        self._windows = Windows(monotonic)
        self._holds = Holds()
        self._numbers = Numbers(clock)

    def settings(self, dialect: str) -> Mapping[str, Any]:
        """The configuration's section of a dialect; {} if there is none."""
        return self._sections.get(dialect, {})

    def account(self, login: str) -> Account:
        """The account that the configuration names for a dialect without credentials. Refusal(UNAUTHORISED)."""
        return self._accounts.of_login(login)

    def accounts(self) -> list[Account]:
        """All of them, secrets and all."""
        return self._accounts.all

    def throttle(self, key: str, limit: int, window_s: float) -> bool:
        """True, and counted, if this is within `limit` of the key in `window_s`."""
        return self._windows.allow(key, limit, window_s)

    def hold(self, key: str, limit: int) -> Callable[[], None] | None:
        """What gives one of `limit` of the key back, to be called once; None if all are held."""
        return self._holds.take(key, limit)

    async def lookup_number(self, number: str) -> NumberFacts | None:
        """What public data say of a number."""
        return await self._numbers.lookup(number)
