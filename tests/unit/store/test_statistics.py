"""What an account sent by day, counted in SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemgw.domain.requests import DayFigures, MessageQuery, StatisticsQuery
from modemgw.domain.states import State
from modemgw.store import outbox, queries, statistics
from tests.unit.store.desk import DAY, HOUR, SHOP, START, Desk
from tests.unit.store.pdus import report

#: START is 22:13:20 of a day of UTC.
MIDNIGHT = START - 80_000_000


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def days(desk: Desk, since: int | None = None, until: int | None = None, offset_s: int = 0) -> list[DayFigures]:
    return statistics.statistics(desk.con, StatisticsQuery(SHOP, since, until, offset_s))


def test_parts_by_state_and_money_by_day(desk: Desk) -> None:
    assert days(desk) == []
    delivered = desk.accept(cost=14_000)
    desk.send(delivered, mr=1)
    desk.take([report(1)])
    long = desk.accept_long(cost=42_000)
    desk.send(long, 1, mr=2)
    desk.send(long, 2, mr=3)
    desk.accept(account_id=2, cost=99)
    hidden = desk.accept()
    desk.do(outbox.mark, 1, hidden, {"deleted": True})
    desk.now += DAY
    desk.accept()
    assert days(desk) == [
        DayFigures(MIDNIGHT, {State.DELIVERED: 1, State.SENT: 2, State.QUEUED: 1}, "5.60"),
        DayFigures(MIDNIGHT + DAY, {State.QUEUED: 1}, "0.00"),
    ]
    assert [sum(day.parts.values()) for day in days(desk, until=START)] == [4]
    assert [day.begins_at for day in days(desk, since=START + 1)] == [MIDNIGHT + DAY]
    assert days(desk, since=START + 2 * DAY) == []
    assert days(desk, since=0, until=1 << 70) == days(desk, since=-(1 << 70))


@pytest.mark.parametrize(
    ("offset_s", "begins"), [(0, MIDNIGHT), (3 * 3600, MIDNIGHT + 21 * HOUR), (-11 * 3600, MIDNIGHT + 11 * HOUR)]
)
def test_days_begin_where_the_asker_lives(desk: Desk, offset_s: int, begins: int) -> None:
    desk.accept()
    assert [day.begins_at for day in days(desk, offset_s=offset_s)] == [begins]


def test_they_are_read_by_the_index_of_times(desk: Desk) -> None:
    desk.accept()
    asked: list[str] = []
    desk.con.set_trace_callback(asked.append)
    days(desk, since=START, until=START + HOUR)
    desk.con.set_trace_callback(None)
    assert len(asked) == 2  # the first of a day, and the day
    for statement in asked:
        plan = [row[3] for row in desk.con.execute("EXPLAIN QUERY PLAN " + statement)]
        assert "messages_time (account_id=? AND created_at>? AND created_at<?)" in plan[0]
        assert not any(step.startswith("SCAN") for step in plan), plan


def test_they_agree_with_what_is_listed(desk: Desk) -> None:
    for number in range(40):
        desk.now += HOUR
        message = desk.accept() if number % 3 else desk.accept_long()
        if number % 4:
            desk.send(message, 1, outcome="sent" if number % 5 else "rejected", mr=number)
    listed = queries.messages(desk.con, MessageQuery(SHOP, 1000))
    counted = days(desk)
    for state in State:
        here = sum(part.state is state for view in listed for part in view.parts)
        assert sum(day.parts.get(state, 0) for day in counted) == here, state
