"""What can be set about this dialect, with the provider's own behaviour as the default. Data and their reading only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modemgw.dialects.settings import Setting, with_defaults

HLR_REFUSE, HLR_PING = "refuse", "ping"
SENDER_RECORD, SENDER_PREFIX = "record", "prefix"

_LIMITS = Setting(
    bool, True, 'false switches the provider\'s limits off, also for an account that has `limits = "provider"`.'
)

#: `[smsc]`, for all accounts. Its limits hold where the account has the preset of the provider; one of 0 is none.
SETTINGS: Mapping[str, Setting] = {
    "limits": _LIMITS,
    "identical_sends": Setting(int, 1, "Identical sends a minute.", least=0),
    "identical_costs": Setting(int, 5, "Identical questions for a cost a minute.", least=0),
    "parallel_requests": Setting(int, 15, "Requests of one login at one time.", least=0),
    "status_per_message": Setting(int, 5, "Questions for the status of one message a minute.", least=0),
    "mass_status": Setting(int, 1, "Questions for the statuses of several messages a minute.", least=0),
    "balance_requests": Setting(int, 10, "Questions for the balance a minute.", least=0),
    "identical_requests": Setting(int, 3, "Identical requests a minute to the other commands.", least=0),
    "operator_requests": Setting(int, 100, "Questions of info.php a minute.", least=0),
}

#: `[account.smsc]`, of one account.
ACCOUNT_SETTINGS: Mapping[str, Setting] = {
    "limits": _LIMITS,
    "hlr": Setting(
        str, HLR_REFUSE, "What hlr=1 gets: error 8, or an answer from a type-0 message.", (HLR_REFUSE, HLR_PING)
    ),
    "sender": Setting(
        str,
        SENDER_RECORD,
        "What is done with a sender that is no line: kept with the message, or put before the text as well.",
        (SENDER_RECORD, SENDER_PREFIX),
    ),
    "tz": Setting(int, 0, "Hours relative to Moscow of a time without tz.", least=-15),
}


@dataclass(frozen=True, slots=True)
class Options:
    """The settings that hold for a request."""

    limits: bool = True
    identical_sends: int = 1
    identical_costs: int = 5
    parallel_requests: int = 15
    status_per_message: int = 5
    mass_status: int = 1
    balance_requests: int = 10
    identical_requests: int = 3
    operator_requests: int = 100
    hlr: str = HLR_REFUSE
    sender: str = SENDER_RECORD
    tz: int = 0

    @staticmethod
    def of(section: Mapping[str, object], account: Mapping[str, object], *, limits: bool = True) -> Options:
        """From both sections, each with or without what it leaves out; `limits` is what the account's preset says."""
        given = with_defaults(SETTINGS, section)
        own = with_defaults(ACCOUNT_SETTINGS, account)
        return Options(**{**given, **own, "limits": limits and given["limits"] and own["limits"]})
