"""What a text costs an account: price per part by the longest prefix that fits. Never binary fractions.

Amounts are whole ten-thousandths of the account's currency inside, decimal text outside.
"""

from __future__ import annotations

import functools
from decimal import Decimal

from modemgw.domain.account import Account

#: Units of one rouble, dollar, …
UNITS = 10_000


@functools.lru_cache(maxsize=4096)
def units(amount: str) -> int:
    """Decimal text as units; what is finer than a unit is cut off."""
    return int(Decimal(amount) * UNITS)


def money(amount: int) -> str:
    """Units as decimal text with two decimals, or as many as it needs: 14000 is "1.40", 14050 is "1.405"."""
    whole, rest = divmod(abs(amount), UNITS)
    digits = f"{rest:04d}"
    return f"{'-' if amount < 0 else ''}{whole}.{digits[:2]}{digits[2:].rstrip('0')}"


def price_of(account: Account, recipient: str) -> int:
    """Price of one part to a number as it goes into TP-DA, in units."""
    price = account.price
    if account.prices:
        digits, best = recipient.lstrip("+"), -1
        for prefix, amount in account.prices:
            if len(prefix) > best and digits.startswith(prefix):
                best, price = len(prefix), amount
    return units(price)
