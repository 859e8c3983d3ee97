"""Who guesses at credentials, how slowly they may go on, and that nobody else waits for them."""

from __future__ import annotations

import pytest

from modemgw.rules.guessing import LONGEST_WAIT_S, BlockRule, Guesses


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("::ffff:1.2.3.4", "1.2.3.4", True),
        ("2001:db8::1", "2001:db8::2", True),  # one host has its 64 bits for itself
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("no address: x", "no address: x", True),
    ],
)
def test_an_address_is_blocked_for_a_while(clock: Clock, one: str, other: str, same: bool) -> None:
    guesses = Guesses(BlockRule(3, 60, 300), clock)
    assert [guesses.failed(one, None) for _ in range(3)] == [False, False, True]
    assert (guesses.blocked_s(other) > 0) is same
    clock.now += 299
    assert guesses.blocked_s(one) == pytest.approx(1)
    clock.now += 1
    assert guesses.blocked_s(one) == 0
    assert not guesses.failed(one, None)


def test_slow_failures_block_nobody(clock: Clock) -> None:
    guesses = Guesses(BlockRule(3, 60, 300), clock)
    for _ in range(50):
        clock.now += 31
        assert not guesses.failed("1.2.3.4", None)
    assert not any(Guesses(BlockRule(0), clock).failed("1.2.3.4", None) for _ in range(50))


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    guesses = Guesses(BlockRule(1, 60, 300), clock, max_keys=10)
    for number in range(100):
        assert guesses.failed(f"10.0.0.{number}", None)
    assert sum(guesses.blocked_s(f"10.0.0.{number}") > 0 for number in range(100)) == 10


def test_a_blocked_address_has_a_turn_every_second(clock: Clock) -> None:
    guesses = Guesses(BlockRule(3, 60, 300), clock)
    assert [guesses.turn("1.2.3.4", None) for _ in range(50)] == [0] * 50
    for _ in range(3):
        guesses.failed("1.2.3.4", None)
    assert [guesses.turn("1.2.3.4", None) for _ in range(6)] == [0, 1, 2, 3, None, None]
    assert guesses.turn("1.2.3.5", None) == 0
    clock.now += 1
    assert [guesses.turn("1.2.3.4", None) for _ in range(2)] == [3, None]
    clock.now += 300
    assert [guesses.turn("1.2.3.4", None) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.1.77", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_slowed(clock: Clock, address: str) -> None:
    guesses = Guesses(BlockRule(3, 60, 300), clock)
    for number in range(3):
        guesses.failed(f"127.0.1.{number}", None)
    turns = [guesses.turn(address, None) for _ in range(100)]
    assert turns[:3] == [0, pytest.approx(0.05), pytest.approx(0.1)]
    assert sum(turn is not None for turn in turns) == pytest.approx(LONGEST_WAIT_S / 0.05, abs=1)


def test_an_account_is_guarded_against_many_addresses(clock: Clock) -> None:
    guesses = Guesses(BlockRule(20, 60, 300, account_after=50), clock)
    looked_at = 0
    for _ in range(19):
        for number in range(200):
            clock.now += 3 / 3800
            if guesses.turn(f"10.0.0.{number}", "shop") is not None:
                guesses.failed(f"10.0.0.{number}", "shop")
                looked_at += 1
    # each address has had its first, and all together a few more
    assert 200 <= looked_at < 280
    assert guesses.turn("10.0.1.1", "shop") == 0  # whoever has not guessed
    assert guesses.turn("10.0.0.1", "other") == 0  # nor been guessed at
    clock.now += 10
    assert guesses.turn("10.0.0.1", "shop") == 0
    assert guesses.turn("10.0.0.2", "shop") == 2.0  # the pace has grown


def test_suspects_are_shown_and_forgotten(clock: Clock) -> None:
    guesses = Guesses(BlockRule(2, 60, 300), clock)
    assert (guesses.suspects(), guesses.clear()) == ([], 0)
    for _ in range(2):
        guesses.failed("1.2.3.4", "shop")
    guesses.failed("2001:db8::1", None)
    shown = [(who.kind, who.name, who.failures, who.left_s) for who in guesses.suspects()]
    assert shown == [("address", "2001:db8::/64", 1, 0), ("address", "1.2.3.4", 2, 300), ("account", "shop", 2, 0)]
    assert guesses.clear(address="2001:db8::99") == 1
    assert guesses.clear(login="shop") == 1
    assert guesses.clear(login="shop") == 0
    assert guesses.clear() == 1
    assert guesses.turn("1.2.3.4", "shop") == guesses.turn("1.2.3.4", "shop") == 0


def test_what_nobody_asks_for_any_more_is_not_shown(clock: Clock) -> None:
    guesses = Guesses(BlockRule(5, 60, 300), clock)
    guesses.failed("1.2.3.4", "shop")
    clock.now += 61
    assert guesses.suspects() == []
