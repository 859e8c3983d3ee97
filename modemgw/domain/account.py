"""API users and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field

from modemgw.domain.message import OnDoubt


@dataclass(frozen=True, slots=True)
class Account:
    """An API user. `id` is the store's key; secrets are compared in constant time and never shown."""

    id: int
    login: str
    password: str = field(repr=False, default="")
    api_key: str | None = field(repr=False, default=None)
    on_doubt: OnDoubt = OnDoubt.HOLD
    national: bool = False
    validity_s: int = 259_200
    max_parts: int = 10
    country: str | None = None  # calling code put before national numbers, e.g. "7" with trunk prefix "8"
    callback_url: str | None = None
    callback_secret: str | None = field(repr=False, default=None)
    balance: str = "0.00"  # what balance calls answer until a SIM balance is known
    currency: str = "RUR"
    price: str = "0.00"  # per part
