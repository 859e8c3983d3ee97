"""What a text costs an account: price per part by the longest prefix that fits. Decimal, never binary fractions."""

from __future__ import annotations

from decimal import Decimal

from modemgw.domain.account import Account


def price_of(account: Account, recipient: str) -> Decimal:
    """Price of one part to a number as it goes into TP-DA."""
    digits = recipient.lstrip("+")
    best, price = -1, account.price
    for prefix, amount in account.prices:
        if len(prefix) > best and digits.startswith(prefix):
            best, price = len(prefix), amount
    return Decimal(price)


def plain(amount: Decimal) -> str:
    """Decimal text without an exponent: "1.40" stays "1.40"."""
    return f"{amount:f}"
