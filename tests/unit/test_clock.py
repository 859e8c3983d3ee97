"""The service's clock: what has passed, whatever the wall clock is set to."""

from __future__ import annotations

import pytest

from modemgw.clock import ServiceClock, boot_id

S = 1_000_000_000


class Machine:
    """Both clocks of one, in seconds."""

    def __init__(self) -> None:
        self.wall, self.boot = 1_700_000_000.0, 100.0

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.boot += seconds

    def clock(self) -> ServiceClock:
        return ServiceClock(lambda: round(self.wall * S), lambda: round(self.boot * S))


@pytest.mark.parametrize("set_by", [-86_400, -60, 61, 3_600, 31_536_000])
def test_it_goes_on_when_the_wall_clock_is_set_and_follows_when_told(set_by: float) -> None:
    machine = Machine()
    clock = machine.clock()
    assert clock() == 1_700_000_000_000
    machine.passes(5)
    assert (clock(), clock.jump()) == (1_700_000_005_000, 0)
    before = clock.offset_ms
    machine.wall += set_by
    machine.passes(1)
    assert (clock(), clock.jump()) == (1_700_000_006_000, set_by * 1000)
    clock.follow(clock.jump())
    assert (clock(), clock.jump()) == (machine.wall * 1000, 0)
    assert clock.offset_ms - before == set_by * 1000


def test_small_steps_add_up() -> None:
    machine = Machine()
    clock = machine.clock()
    for step in (1, 2, 3):
        machine.wall += 0.4
        assert clock.jump() == (0 if step < 3 else 1200)


def test_the_machines_own() -> None:
    clock = ServiceClock()
    assert abs(clock.jump()) == 0
    assert boot_id() == boot_id() != ""
