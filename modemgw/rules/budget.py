"""How much money a line may spend in a day and a month. Counts; pays nothing. Money in units (rules/pricing).

Days and months are those of the machine's zone. What is under way is counted as if it had been paid, so that many
requests at a time do not go beyond a limit together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from modemgw.rules.pricing import money
from modemgw.rules.quota import Rest

PERIODS: Final = ("day", "month")

#: Of a limit, told once when so much of it is spent.
NEARLY: Final = 0.8


@dataclass(frozen=True, slots=True)
class MoneyLimits:
    """What may be spent; None: any amount."""

    per_day: int | None = None
    per_month: int | None = None
    per_message: int | None = None

    def of(self, period: str) -> int | None:
        """The limit of one of PERIODS."""
        return self.per_day if period == "day" else self.per_month


class Budget:
    """One line's. Times are Unix ms."""

    def __init__(self, limits: MoneyLimits, now: int, spent: Mapping[str, int]) -> None:
        """`spent`: what went in each of PERIODS before this start, from `begin_of`."""
        self._limits = limits
        self._spent = dict(spent)
        self._ends = {period: end_of(period, now) for period in PERIODS}
        self._reserved = 0
        self._told: set[str] = set()

    @property
    def today(self) -> int:
        """What went today."""
        return self._spent["day"]

    def reserve(self, price: int, now: int) -> Rest | None:
        """Set the price of a message aside; or what it has to wait for, and nothing is set aside."""
        self._begin_periods(now)
        for period in PERIODS:
            limit = self._limits.of(period)
            if limit is not None and self._spent[period] + self._reserved + max(price, 1) > limit:
                return Rest(self._ends[period], f"The money of this {period} ({money(limit)}) is spent.")
        self._reserved += price
        return None

    def paid(self, price: int, cost: int, now: int) -> list[str]:
        """What was set aside is free again, and `cost` was paid. The periods of which most is gone now, once each."""
        self._begin_periods(now)
        self._reserved -= price
        nearly = []
        for period in PERIODS:
            limit = self._limits.of(period)
            self._spent[period] += cost
            if limit is not None and self._spent[period] >= limit * NEARLY and period not in self._told:
                self._told.add(period)
                nearly.append(period)
        return nearly

    def too_dear(self, price: int) -> str | None:
        """Why a message of that price is not sent at all, as a sentence."""
        most = self._limits.per_message
        if most is None or price <= most:
            return None
        return f"It would cost {money(price)}, more than max_price ({money(most)})."

    def _begin_periods(self, now: int) -> None:
        for period in PERIODS:
            if now >= self._ends[period]:
                self._ends[period], self._spent[period] = end_of(period, now), 0
                self._told.discard(period)


def begin_of(period: str, now: int) -> int:
    """When the day or the month began that `now` is in."""
    today = _date(now)
    return _ms(today if period == "day" else today.replace(day=1))


def end_of(period: str, now: int) -> int:
    """When the next one begins."""
    today = _date(now)
    if period == "day":
        return _ms(today + dt.timedelta(days=1))
    return _ms((today.replace(day=1) + dt.timedelta(days=32)).replace(day=1))


def _date(now: int) -> dt.date:
    return dt.datetime.fromtimestamp(now / 1000, dt.UTC).astimezone().date()


def _ms(date: dt.date) -> int:
    return int(dt.datetime.combine(date, dt.time()).timestamp() * 1000)
