"""What can be set about this dialect, with the provider's own behaviour as the default. Data only."""

from __future__ import annotations

from collections.abc import Mapping

from modemgw.dialects.settings import Setting

ACTIVE, DISABLED, NOT_ACTIVATED = "active", "disabled", "not_activated"

#: `[devino]`, for all accounts.
SETTINGS: Mapping[str, Setting] = {
    "max_addresses": Setting(int, 2999, "Numbers of one bulk request.", least=1),
}

#: `[account.devino]`, of one account.
ACCOUNT_SETTINGS: Mapping[str, Setting] = {
    "user": Setting(
        str, ACTIVE, "Whether the account may come in through this dialect.", (ACTIVE, DISABLED, NOT_ACTIVATED)
    ),
}
