"""Sliding windows, holds and the list of blocked addresses: exact at their edges, bounded in memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.rules.limits import Blocklist, BlockRule, Holds, Windows


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


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("2001:db8::1", "2001:db8::2", True),  # one host has its 64 bits for itself
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("no address: x", "no address: x", True),
    ],
)
def test_an_address_is_blocked_for_a_while(clock: Clock, one: str, other: str, same: bool) -> None:
    blocklist = Blocklist(BlockRule(3, 60, 300), clock)
    assert [blocklist.failed(one) for _ in range(3)] == [False, False, True]
    assert (blocklist.blocked_s(other) > 0) is same
    clock.now += 299
    assert blocklist.blocked_s(one) == pytest.approx(1)
    clock.now += 1
    assert blocklist.blocked_s(one) == 0
    assert not blocklist.failed(one)


def test_slow_failures_block_nobody(clock: Clock) -> None:
    blocklist = Blocklist(BlockRule(3, 60, 300), clock)
    for _ in range(50):
        clock.now += 31
        assert not blocklist.failed("1.2.3.4")
    assert not any(Blocklist(BlockRule(0), clock).failed("1.2.3.4") for _ in range(50))


def test_the_blocklist_is_bounded(clock: Clock) -> None:
    blocklist = Blocklist(BlockRule(1, 60, 300), clock, max_addresses=10)
    for number in range(100):
        assert blocklist.failed(f"10.0.0.{number}")
    assert sum(blocklist.blocked_s(f"10.0.0.{number}") > 0 for number in range(100)) == 10
