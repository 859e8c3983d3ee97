"""API users and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modemgw.domain.message import OnDoubt


def iso_currency(code: str) -> str:
    """The code of ISO 4217 for one that may be the older RUR, which Russian providers still write."""
    return "RUB" if code == "RUR" else code


@dataclass(frozen=True, slots=True)
class Account:
    """An API user. `id` is the store's key; secrets are compared in constant time and never shown."""

    id: int
    login: str
    password: str = field(repr=False, default="")
    api_key: str | None = field(repr=False, default=None)
    on_doubt: OnDoubt = OnDoubt.HOLD
    national: bool = False
    smart_encoding: bool = False  # plain signs take the place of their look-alikes where that saves parts
    validity_s: int = 259_200
    max_parts: int = 10
    country: str | None = None  # calling code put before national numbers, e.g. "7" with trunk prefix "8"
    callback_url: str | None = None
    callback_secret: str | None = field(repr=False, default=None)
    callback_secret_old: str | None = field(repr=False, default=None)  # signs too, while receivers change to the new
    balance: str = "0.00"  # what balance calls answer until a SIM balance is known
    currency: str = "RUR"
    price: str = "0.00"  # per part
    prices: tuple[tuple[str, str], ...] = ()  # (prefix in digits, price per part); the longest that fits counts
    balance_mode: str = "fixed"  # fixed, countdown (what was accepted is taken off) or sim
    allow: tuple[str, ...] = ()  # networks it may come from; none: any
    callback_format: str = "smsc"  # the dialect that words the calls to callback_url
    ussd: bool = False  # may use USSD, which can spend money
    callback_any_url: bool = False  # a request may name a URL to be called back
    callback_networks: tuple[str, ...] = ()  # private networks in which such a URL may lie; none: in none
    limits: str | None = None  # "provider": a provider's limits hold; "own": only ours; None: see provider_limits
    smpp_coding_1: str = "ascii"  # or gsm7: what data_coding 1 is where the octets do not tell
    smpp_coding_4: str = "data"  # or latin1: likewise of data_coding 4
    accept: str = "always"  # or ready, or within: what is said when it cannot go out soon
    accept_within_s: int | None = None  # with within
    options: Mapping[str, Mapping[str, object]] = field(default_factory=dict)  # settings by dialect

    def provider_limits(self, *, standing_in: bool = False) -> bool:
        """Whether the limits of a provider hold that a dialect emulates. Where the account does not say, they do for a
        client that takes us for the provider (`standing_in`), and for no other."""
        return standing_in if self.limits is None else self.limits == "provider"
