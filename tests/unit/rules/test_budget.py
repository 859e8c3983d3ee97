"""Money limits: a day, a month, a message; what is under way counts."""

from __future__ import annotations

import datetime as dt

from modemgw.rules.budget import Budget, MoneyLimits, begin_of, end_of
from modemgw.rules.pricing import units

NOW = int(dt.datetime(2026, 12, 30, 15, 0).timestamp() * 1000)
NONE = {"day": 0, "month": 0}


def test_days_and_months_of_this_machine() -> None:
    for period, begin, end in (
        ("day", dt.datetime(2026, 12, 30), dt.datetime(2026, 12, 31)),
        ("month", dt.datetime(2026, 12, 1), dt.datetime(2027, 1, 1)),
    ):
        assert begin_of(period, NOW) == begin.timestamp() * 1000
        assert end_of(period, NOW) == end.timestamp() * 1000


def test_a_limit_is_not_passed_by_what_is_under_way() -> None:
    budget = Budget(MoneyLimits(per_day=units("10")), NOW, NONE)
    assert budget.reserve(units("4"), NOW) is None
    assert budget.reserve(units("4"), NOW) is None
    rest = budget.reserve(units("4"), NOW)
    assert rest is not None
    assert rest.until == end_of("day", NOW)
    assert "10.00" in rest.reason
    assert budget.paid(units("4"), 0, NOW) == []  # it was refused there
    assert budget.reserve(units("4"), NOW) is None


def test_what_the_gateway_said_counts_and_most_of_it_is_told_once() -> None:
    budget = Budget(MoneyLimits(per_day=units("10"), per_month=units("100")), NOW, {"day": 0, "month": units("75")})
    assert budget.reserve(0, NOW) is None
    assert budget.paid(0, units("8"), NOW) == ["day", "month"]
    assert budget.paid(0, units("1"), NOW) == []
    assert budget.today == units("9")


def test_a_new_day_begins_with_nothing_and_the_month_goes_on() -> None:
    limits = MoneyLimits(per_day=units("10"), per_month=units("12"))
    budget = Budget(limits, NOW, {"day": units("10"), "month": units("10")})
    assert budget.reserve(units("1"), NOW) is not None
    tomorrow = end_of("day", NOW)
    assert budget.reserve(units("1"), tomorrow) is None
    budget.paid(units("1"), units("1"), tomorrow)
    rest = budget.reserve(units("2"), tomorrow)
    assert rest is not None
    assert rest.until == end_of("month", NOW)


def test_where_nothing_is_known_of_the_price_a_spent_limit_still_holds() -> None:
    budget = Budget(MoneyLimits(per_day=units("1")), NOW, {"day": units("1"), "month": units("1")})
    assert budget.reserve(0, NOW) is not None


def test_a_message_that_is_too_dear() -> None:
    budget = Budget(MoneyLimits(per_message=units("3")), NOW, NONE)
    assert budget.too_dear(units("3")) is None
    assert budget.too_dear(units("3.01")) == "It would cost 3.01, more than max_price (3.00)."
