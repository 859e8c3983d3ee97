"""Quotas: sliding windows over what went to the network, kept for the SIM."""

from __future__ import annotations

import asyncio
import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.domain.job import LineRecord
from modemgw.rules.quota import DAY_MS, HOUR_MS, MINUTE_MS, Pace, Quota, Rest
from modemgw.service import sending
from modemgw.service.sending import LineSender, SendingSettings
from tests.unit.service import air
from tests.unit.service.air import Air, Rig
from tests.unit.store.desk import START, new

rig = air.rig


def test_no_quota_is_false_and_costs_nothing() -> None:
    assert not Quota()
    assert Quota(per_day=1)
    assert Quota(gap_ms=1)


@pytest.mark.parametrize(
    ("quota", "sent", "parts", "rest"),
    [
        (Quota(per_minute=2), [0], 1, None),
        (Quota(per_minute=2), [0, 1000], 1, MINUTE_MS),
        (Quota(per_minute=2), [0, 1000], 2, MINUTE_MS + 1000),
        (Quota(per_minute=2), [0, 1000], 9, MINUTE_MS + 1000),  # more than the window holds: when it is empty
        (Quota(per_minute=2), [], 9, None),
        (Quota(per_minute=9, per_hour=1), [500], 1, HOUR_MS + 500),
        (Quota(per_hour=2, per_minute=1), [0, 10], 1, HOUR_MS),
        (Quota(per_day=3), [0, 1, 2, 3], 1, DAY_MS + 1),  # the oldest has been forgotten
    ],
)
def test_rest(quota: Quota, sent: list[int], parts: int, rest: int | None) -> None:
    pace = Pace(quota, random.random)
    pace.remember(sent)
    found = pace.rest(5000, parts)
    assert (found.until if found else None) == rest
    if found:
        assert pace.rest(found.until, parts) is None


def test_a_gap_has_no_sentence_and_is_never_shorter_than_asked() -> None:
    pace = Pace(Quota(gap_ms=1000), random.random)
    for _ in range(50):
        pace.ended(0)
        found = pace.rest(0)
        assert found is not None
        assert found.reason == ""
        assert 1000 <= found.until <= 1500


@given(
    limits=st.tuples(st.integers(1, 4), st.integers(1, 8)),
    steps=st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 5)), max_size=60),
)
def test_no_window_ever_holds_more_than_its_limit(limits: tuple[int, int], steps: list[tuple[int, int]]) -> None:
    """Who waits as told never exceeds a limit, but by a message larger than it; and nobody waits for ever."""
    pace = Pace(Quota(per_minute=limits[0], per_hour=limits[1]), random.random)
    now = 0
    sent: deque[tuple[int, bool]] = deque()
    for wait, parts in steps:
        now += wait
        looks = 0
        while (rest := pace.rest(now, parts)) is not None:
            assert rest.until > now
            now, looks = rest.until, looks + 1
            assert looks < 20
        large = parts > min(limits)
        for _ in range(parts):
            pace.sent(now)
            sent.append((now, large))
        for limit, length in zip(limits, (MINUTE_MS, HOUR_MS), strict=True):
            inside = [entry for entry in sent if entry[0] > now - length]
            assert len(inside) <= limit or any(big for _, big in inside)


class _Watched:
    """A sender with a quota, on the rig's clock, that never really sleeps."""

    def __init__(self, rig: Rig, air: Air, line_id: int, quota: Quota) -> None:
        self.rests: list[Rest | None] = []
        record = LineRecord(line_id, "a", "25001a", None)
        self.sender = LineSender(
            record,
            air,
            rig.repository,
            rig.dispatcher,
            rig.timers,
            rig.clock,
            SendingSettings(quota=quota),
            self.rests.append,
        )


async def _until(condition: object, limit_s: float = 10.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.002)


async def test_a_line_waits_for_its_quota_and_a_restart_gives_none_anew(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PACE_LOOK_S", 0.01)
    line_id = await rig.repository.ensure_line("a", imsi="25001a", iccid=None, imei=None, number=None)
    quota = Quota(per_hour=2)
    for _ in range(5):
        await rig.accept(new(text="x"))
    radio = Air()
    first = _Watched(rig, radio, line_id, quota)
    task = asyncio.ensure_future(first.sender.run())
    await _until(lambda: first.rests)
    assert len(radio.went) == 2
    assert first.rests[0] == Rest(START + HOUR_MS, "The quota of 2 an hour is used up.")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await first.sender.flush()

    rig.restart()
    second = _Watched(rig, radio, line_id, quota)
    task = asyncio.ensure_future(second.sender.run())
    await _until(lambda: second.rests)
    assert len(radio.went) == 2
    rig.now += HOUR_MS
    await _until(lambda: len(radio.went) == 4)
    await _until(lambda: len(second.rests) == 3)
    assert second.rests[1] is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await second.sender.flush()


async def test_a_message_is_not_torn_apart_and_another_line_may_have_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PACE_LOOK_S", 0.01)
    line_id = await rig.repository.ensure_line("a", imsi="25001a", iccid=None, imei=None, number=None)
    await rig.accept(new(text="x"))
    long = await rig.accept(new(text="y" * 300, parts=2))
    radio, other = Air(), Air()
    watched = _Watched(rig, radio, line_id, Quota(per_hour=2))
    task = asyncio.ensure_future(watched.sender.run())
    await _until(lambda: watched.rests)
    assert len(radio.went) == 1
    free = await rig.line(other, "b")
    second = asyncio.ensure_future(free.run())
    await _until(lambda: len(other.went) == 2)
    for running in (task, second):
        running.cancel()
    await asyncio.gather(task, second, return_exceptions=True)
    await watched.sender.flush()
    await free.flush()
    assert await rig.parts(long) == ["sent", "sent"]


@pytest.mark.parametrize("back", [3_600_000, 365 * 86_400_000])
def test_a_clock_that_is_set_back_bars_no_line_for_so_long(back: int) -> None:
    pace = Pace(Quota(per_hour=2, gap_ms=5_000, jitter=0), lambda: 0.0)
    now = 1_700_000_000_000
    pace.sent(now - 60_000)
    pace.sent(now)
    pace.ended(now)
    now -= back
    rest = pace.rest(now)
    assert rest is not None
    assert now < rest.until <= now + 3_600_000
    assert pace.rest(now + 3_600_001) is None
