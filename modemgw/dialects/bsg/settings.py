"""What can be set about this dialect for one account."""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.dialects.settings import Setting, with_defaults
from modemgw.domain.account import Account

REFUSE, PING, SMS = "refuse", "ping", "sms"

#: `[account.bsg]`.
ACCOUNT_SETTINGS: Mapping[str, Setting] = {
    "hlr": Setting(str, REFUSE, "What hlr/create gets: error 33, or an answer from a type-0 message.", (REFUSE, PING)),
    "viber": Setting(
        str, REFUSE, "What viber/create gets: error 33, or its alt_route delivered as an SMS.", (REFUSE, SMS)
    ),
}


def option(account: Account, name: str) -> object:
    """A setting of the account."""
    return with_defaults(ACCOUNT_SETTINGS, account.options.get("bsg", {}))[name]
