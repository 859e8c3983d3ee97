"""What can be set about this dialect. Data and their reading only."""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.dialects.settings import Setting, with_defaults
from modemgw.domain.account import Account

#: `[smsgate]`, for all accounts.
SETTINGS: Mapping[str, Setting] = {
    "identical_sends": Setting(int, 1, "Identical sends by GET a minute; 0 is no limit.", least=0),
}

#: `[account.smsgate]`.
ACCOUNT_SETTINGS: Mapping[str, Setting] = {
    "tz": Setting(int, 0, "Hours relative to Moscow of all times."),
    "reply": Setting(
        str,
        "async",
        "What the answer to an incoming message is: a receipt, or a text to send back.",
        choices=("async", "sync"),
    ),
}


def options_of(account: Account) -> Mapping[str, object]:
    """The account's settings with their defaults."""
    return with_defaults(ACCOUNT_SETTINGS, account.options.get("smsgate", {}))
