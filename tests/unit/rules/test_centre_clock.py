"""The offset of a service centre's clock: what it takes to be believed, and what it is not believed about."""

from __future__ import annotations

import random

import pytest

from modemgw.rules.centre_clock import MARGIN_MS, QUARTER_MS, CentreClock, Fit, first_look

START = 1_700_000_000_000


def stamp(at: float, offset: float = 0.0) -> int:
    """What a centre whose clock is off by so many ms says of a moment."""
    return int((at + offset) // 1000 * 1000)


def taught(
    offset: float = 0.0, every_ms: int = 700, times: int = 20, took_ms: int = 300, rate: float = 1.0
) -> CentreClock:
    """The clock after so many texts; each is taken in the middle of its send. `rate`: of its clock against ours."""
    clock = None
    for n in range(times):
        since = START + n * every_ms
        scts = stamp(START + (since + took_ms / 2 - START) * rate, offset)
        look = (since, since + took_ms, scts)
        clock = first_look(*look) if clock is None else clock.learn(*look)
        assert clock is not None
    return clock  # type: ignore[return-value]


@pytest.mark.parametrize("offset", [0, 417, -3_500, 61_000, 3 * 3_600_000, -5 * 3_600_000 - 250, 40 * 86_400_000])
def test_a_copy_is_known_by_its_time_whatever_the_centre_thinks_the_time_is(offset: float) -> None:
    clock = taught(offset)
    assert clock.steady
    assert clock.spread < 400
    for at in range(START - 30_000, START + 60_000, 7_331):
        scts = stamp(at + 150, offset)
        assert clock.fit(at, at + 300, scts) is Fit.YES
        assert clock.fit(at + 4_000, at + 4_300, scts) is Fit.NO
        assert clock.fit(at - 4_000, at - 3_700, scts) is Fit.NO


@pytest.mark.parametrize("quarters", [1, -1, 4, 12, -44])
def test_a_zone_that_changes_changes_nothing(quarters: int) -> None:
    clock = taught()
    for n in range(20, 40):
        at = START + n * 700
        clock = clock.learn(at, at + 300, stamp(at + 150, quarters * QUARTER_MS))
    assert clock.count == 40
    at = START + 50_000
    assert clock.fit(at, at + 300, stamp(at + 150)) is Fit.YES
    assert clock.fit(at, at + 300, stamp(at + 150, quarters * QUARTER_MS)) is Fit.YES
    assert clock.fit(at + 5_000, at + 5_300, stamp(at + 150, quarters * QUARTER_MS)) is Fit.NO


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.5, 2.0, -1.0])
def test_a_clock_that_does_not_run_with_ours_is_not_believed(rate: float) -> None:
    for times in range(1, 60):
        assert not taught(rate=rate, times=times, every_ms=900).steady


def test_a_clock_without_sense_is_not_believed() -> None:
    chance = random.Random(7)
    clock = first_look(START, START + 300, START)
    assert clock is not None
    for n in range(200):
        at = START + n * 500
        clock = clock.learn(at, at + 300, stamp(at, chance.uniform(-400_000, 400_000)))
        assert not clock.steady


def test_a_clock_that_was_set_is_learned_anew() -> None:
    clock = taught()
    at = START + 20_000
    clock = clock.learn(at, at + 300, stamp(at, 47_000))
    assert (clock.count, clock.steady) == (1, False)
    for _ in range(10):
        at += 700
        clock = clock.learn(at, at + 300, stamp(at + 150, 47_000))
    assert clock.steady
    assert clock.fit(at, at + 300, stamp(at + 150, 47_000)) is Fit.YES
    assert clock.fit(at, at + 300, stamp(at + 150)) is Fit.NO


def test_what_was_learned_is_worth_less_with_time() -> None:
    clock = taught()
    month = START + 30 * 86_400_000
    assert clock.fit(month, month + 300, stamp(month, 200_000)) is not Fit.NO
    near = START + 60_000
    assert clock.fit(near, near + 300, stamp(near, 200_000)) is Fit.NO


def test_what_is_nearly_right_is_neither() -> None:
    clock = taught()
    at = START + 10_000
    just = int(clock.spread) + 1_300 // 2 + 500
    found = {clock.fit(at + away, at + away + 300, stamp(at)) for away in range(just, just + MARGIN_MS, 50)}
    assert Fit.MAYBE in found


def test_a_copy_whose_time_is_not_known_teaches_nothing() -> None:
    assert first_look(START, START + 180_000, START) is None
    assert first_look(START + 10, START, START) is None
    clock = taught()
    assert clock.learn(START, START + 180_000, START) == clock
