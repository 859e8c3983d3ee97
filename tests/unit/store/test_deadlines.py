"""The wall clock was set: what waits goes on waiting for as long as it would have, by what has really passed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemgw.store import deadlines, outbox, queries
from tests.unit.store.desk import DAY, HOUR, MINUTE, Desk

YEAR = 365 * DAY
JUMPS = pytest.mark.parametrize("by", [HOUR, -HOUR, 4 * DAY, -YEAR, YEAR], ids=lambda by: f"{by // HOUR}h")


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def jump(desk: Desk, by: int) -> None:
    def follow(by_ms: int) -> None:
        desk.now += by_ms

    desk.do(deadlines.move, by, "boot", desk.now + by, follow)


@JUMPS
def test_a_message_expires_when_its_time_has_passed(desk: Desk, by: int) -> None:
    message = desk.accept(validity_s=3600)
    desk.now += 40 * MINUTE
    jump(desk, by)
    assert desk.do(outbox.expire) == []
    desk.now += 19 * MINUTE
    assert desk.do(outbox.expire) == []
    assert desk.begin(message) is not None
    desk.now += 2 * MINUTE
    late = desk.accept(validity_s=60)
    desk.now += 2 * MINUTE
    assert desk.do(outbox.expire) == [late]


@JUMPS
def test_a_doubt_ends_when_its_window_has(desk: Desk, by: int) -> None:
    message = desk.accept(on_doubt="resend", validity_s=7200)
    desk.doubt(message, window=10 * MINUTE)
    desk.now += 4 * MINUTE
    jump(desk, by)
    desk.now += 5 * MINUTE
    assert desk.do(outbox.settle_doubt) == []
    desk.now += 2 * MINUTE
    assert desk.do(outbox.settle_doubt) == [message]
    assert desk.state(message) == "queued"


@JUMPS
def test_the_next_try_is_due_as_it_was(desk: Desk, by: int) -> None:
    message = desk.accept()
    desk.send(message, outcome="refused", due_at=desk.now + 10 * MINUTE)
    jump(desk, by)
    desk.now += 9 * MINUTE
    assert desk.do(outbox.promote) == []
    desk.now += 2 * MINUTE
    assert [row[0] for row in desk.do(outbox.promote)] == [message]


def test_a_time_of_day_stays_one(desk: Desk) -> None:
    at = desk.now + 2 * HOUR
    message = desk.accept(send_at=at, validity_s=3600)
    jump(desk, -DAY)
    view = queries.message(desk.con, 1, message)
    assert view is not None
    assert (view.send_at, view.due_at, view.expires_at) == (at, at, at + HOUR)
    jump(desk, DAY + 2 * HOUR)
    assert [row[0] for row in desk.do(outbox.promote)] == [message]


def test_a_message_between_two_parts(desk: Desk) -> None:
    message = desk.accept_long(validity_s=3600)
    desk.send(message, 1, mr=1)
    jump(desk, DAY)
    assert desk.begin(message, 2) is not None


@pytest.mark.parametrize(("by", "told"), [(30_000, False), (-90_000, True), (DAY, True)])
def test_a_jump_of_more_than_a_minute_is_told(desk: Desk, by: int, told: bool) -> None:
    jump(desk, by)
    assert desk.rows("SELECT json_extract(data, '$.by_s') FROM events WHERE kind = 'clock.jumped'") == (
        [by // 1000] if told else []
    )


def test_what_was_set_while_the_service_did_not_run(desk: Desk) -> None:
    message = desk.accept(validity_s=3600)
    assert desk.do(deadlines.begin, "this boot", 5_000) == 0
    desk.now += DAY
    assert desk.do(deadlines.begin, "this boot", 5_000 + DAY) == DAY
    assert desk.do(outbox.expire) == []
    desk.now += 2 * DAY
    assert desk.do(deadlines.begin, "the next boot", 77) == 0  # who knows how long it was off
    assert desk.do(outbox.expire) == [message]


@pytest.mark.parametrize("wrong_by", [HOUR, 3 * DAY, 50 * YEAR])
def test_a_machine_that_starts_with_an_old_time_and_is_set_minutes_later(desk: Desk, wrong_by: int) -> None:
    desk.do(deadlines.begin, "a boot", 0)
    waits = desk.accept(validity_s=3600)
    retried = desk.accept(validity_s=4 * 3600)
    desk.send(retried, outcome="refused", due_at=desk.now + 10 * MINUTE)
    at = desk.now + 3 * HOUR
    scheduled = desk.accept(send_at=at, validity_s=3600)
    off = 2 * HOUR
    desk.now += off - wrong_by
    told = desk.do(deadlines.begin, "the next boot", 77)
    assert told == (min(0, off - wrong_by) if abs(off - wrong_by) >= MINUTE else 0)
    early = desk.accept(validity_s=3600)
    desk.now += 4 * MINUTE
    behind = off - wrong_by < 0
    assert desk.do(outbox.expire) == ([] if behind else [waits])
    jump(desk, wrong_by)
    assert desk.do(outbox.expire) == []
    desk.now += 7 * MINUTE
    assert retried in [row[0] for row in desk.do(outbox.promote)]
    desk.now += 50 * MINUTE
    assert desk.do(outbox.expire) == ([waits, early] if behind else [early])
    desk.now = max(desk.now, at)
    assert scheduled in [row[0] for row in desk.do(outbox.promote)]


def test_a_machine_that_ran_ahead_and_starts_with_the_right_time(desk: Desk) -> None:
    desk.do(deadlines.begin, "a boot", 0)
    desk.now += 50 * YEAR
    message = desk.accept(validity_s=3600)
    desk.now -= 50 * YEAR - 5 * MINUTE
    assert desk.do(deadlines.begin, "the next boot", 77) == 5 * MINUTE - 50 * YEAR
    desk.now += 59 * MINUTE
    assert desk.do(outbox.expire) == []
    desk.now += 2 * MINUTE
    assert desk.do(outbox.expire) == [message]


#: Times that stay when the clock is set: what happened, and what a client gave as a time of day.
HISTORY = {
    *("at", "created_at", "updated_at", "started_at", "ended_at", "sent_at", "done_at", "received_at", "lost_at"),
    *("send_at", "first_seen", "last_seen", "applied_at"),
}


def test_every_time_of_the_schema_is_moved_or_is_history(desk: Desk) -> None:
    forgotten = []
    for table in desk.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        moves = "".join(statement for statement in deadlines._MOVES if statement.startswith(f"UPDATE {table} "))
        for column in desk.rows("SELECT name FROM pragma_table_info(?)", table):
            is_time = column.endswith(("_at", "_seen", "_until")) or column in {"at", "since", "due", "until"}
            if is_time and column not in HISTORY and f"{column} = " not in moves:
                forgotten.append(f"{table}.{column}")
    assert forgotten == ["smpp_receivers.since"]  # when it first bound
