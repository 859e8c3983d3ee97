"""Sliding windows and holds: exact at their edges, bounded in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.rules.limits import Holds, Windows


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5), st.floats(1, 60))
def test_no_window_has_more_than_the_limit(steps: list[float], limit: int, window_s: float) -> None:
    clock = Clock()
    windows = Windows(clock)
    allowed: list[float] = []
    for step in steps:
        clock.now += step
        fits = sum(1 for at in allowed if at > clock.now - window_s) < limit
        assert windows.allow("k", limit, window_s) is fits
        if fits:
            allowed.append(clock.now)


def test_what_is_refused_does_not_count(clock: Clock) -> None:
    windows = Windows(clock)
    assert windows.allow("k", 1, 60)
    for _ in range(59):
        clock.now += 1
        assert not windows.allow("k", 1, 60)
    clock.now += 1
    assert windows.allow("k", 1, 60)
    assert windows.allow("another", 1, 60)
    assert not windows.allow("none at all", 0, 60)


def test_windows_are_bounded(clock: Clock) -> None:
    windows = Windows(clock, max_keys=10, max_times=25)
    for number in range(100):
        assert windows.allow(f"{number}" + "x" * 10_000, 5, 60)
    assert len(windows) == 10
    for _ in range(40):
        windows.allow("many", 1000, 60)
    assert windows.allow("new", 1, 60)
    assert not windows.allow("new", 1, 60)


def test_holds(clock: Clock) -> None:
    holds = Holds()
    first, second = holds.take("k", 2), holds.take("k", 2)
    assert first is not None
    assert second is not None
    assert holds.take("k", 2) is None
    first()
    assert holds.take("k", 2) is not None
    second()
    assert len(holds) == 1
