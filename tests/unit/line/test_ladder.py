"""Which rung comes next: gentle first, higher while it does not help, never beyond the budget."""

from __future__ import annotations

import pytest

from modemgw.line.ladder import ALWAYS, BUDGETS, HOUR_S, Ladder, Rung

WELL_S, (FIRST_S, LONGEST_S) = Ladder().well_s, Ladder().stay_s

EVERY = frozenset(Rung) - {Rung.QUARANTINE}


def test_the_whole_way_up() -> None:
    ladder = Ladder(EVERY)
    assert [ladder.next(float(n)) for n in range(10)] == [*Rung, Rung.QUARANTINE]
    assert ladder.climbs == {**dict.fromkeys(Rung, 1), Rung.QUARANTINE: 2}


def test_rungs_that_the_line_has_not_are_left_out() -> None:
    ladder = Ladder(ALWAYS)
    assert [ladder.next(0.0) for _ in range(4)] == [Rung.RESYNC, Rung.REOPEN, Rung.REINIT, Rung.QUARANTINE]


def test_at_least_and_without() -> None:
    ladder = Ladder(EVERY)
    assert ladder.next(0.0, at_least=Rung.RESET) is Rung.RESET
    assert ladder.find(0.0, without={Rung.OTHER_PORT}) is Rung.USB_RESET
    assert ladder.find(0.0) is Rung.OTHER_PORT  # looking uses nothing up


def test_a_line_that_was_well_starts_from_below() -> None:
    ladder = Ladder(EVERY)
    ladder.next(0.0, at_least=Rung.RADIO)
    ladder.well(1000.0)  # it was not for so long
    assert ladder.find(1000.0) is Rung.RESET
    ladder.well(1000.0 + WELL_S - 1)
    assert ladder.find(1000.0 + WELL_S - 1) is Rung.RESET
    ladder.well(1000.0 + WELL_S)
    assert ladder.find(1000.0 + WELL_S) is Rung.RESYNC


def test_what_was_well_before_the_last_climb_does_not_count() -> None:
    ladder = Ladder(EVERY)
    ladder.next(0.0, at_least=Rung.RADIO)
    ladder.well(1.0)
    ladder.take(Rung.REINIT, WELL_S)
    ladder.well(WELL_S + 1)
    assert ladder.find(WELL_S + 1) is Rung.RESET


def test_trouble_that_lasts_goes_on_upwards_however_long_it_lasts() -> None:
    ladder = Ladder(EVERY)
    ladder.next(0.0, at_least=Rung.RADIO)
    assert ladder.find(100 * HOUR_S) is Rung.RESET


def test_a_message_that_went_out_proves_the_line() -> None:
    ladder = Ladder(EVERY)
    ladder.next(0.0, at_least=Rung.RESET)
    ladder.proved()
    assert ladder.find(1.0) is Rung.RESYNC


@pytest.mark.parametrize("rung", [rung for rung in Rung if rung is not Rung.QUARANTINE])
def test_budgets(rung: Rung) -> None:
    ladder = Ladder(EVERY)
    for n in range(BUDGETS[rung]):
        assert ladder.take(rung, float(n))
    assert not ladder.take(rung, HOUR_S - 1)
    assert ladder.find(HOUR_S - 1, at_least=rung) is not rung
    assert ladder.take(rung, HOUR_S)  # the first is an hour ago
    assert ladder.climbs[rung] == BUDGETS[rung] + 1


def test_a_rung_taken_by_itself_makes_the_next_no_higher() -> None:
    ladder = Ladder(EVERY)
    assert ladder.take(Rung.REINIT, 0.0)
    assert ladder.find(1.0) is Rung.RESYNC
    assert not Ladder(ALWAYS).take(Rung.RADIO, 0.0)


def test_stays_in_quarantine_get_longer_until_the_line_works() -> None:
    ladder = Ladder(EVERY)
    assert [ladder.quarantine_s() for _ in range(7)] == [
        *(FIRST_S * 2**n for n in range(5)),
        LONGEST_S,
        LONGEST_S,
    ]
    assert ladder.find(0.0) is Rung.RESYNC
    ladder.proved()
    assert ladder.quarantine_s() == FIRST_S
