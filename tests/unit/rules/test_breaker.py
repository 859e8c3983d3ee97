"""When an online gateway is left alone, and for how long."""

from __future__ import annotations

import pytest

from modemgw.domain.upstream import AccountTrouble, TryOutcome
from modemgw.rules.breaker import Breaker, BreakerState

ACCEPTED, UNKNOWN, NOT_SENT = TryOutcome.ACCEPTED, TryOutcome.UNKNOWN, TryOutcome.NOT_SENT


def feed(breaker: Breaker, *tries: tuple[float, TryOutcome]) -> list[bool]:
    return [breaker.record(outcome, at, "It said so.") for at, outcome in tries]


@pytest.mark.parametrize(
    ("tries", "changes"),
    [
        ([(0, UNKNOWN), (1, UNKNOWN)], [False, True]),
        ([(0, UNKNOWN), (61, UNKNOWN), (62, UNKNOWN)], [False, False, True]),
        ([(0, NOT_SENT), (1, NOT_SENT), (2, NOT_SENT)], [False, False, True]),
        ([(0, NOT_SENT), (1, UNKNOWN), (2, NOT_SENT)], [False, False, False]),
        ([(0, UNKNOWN), (1, ACCEPTED), (2, UNKNOWN)], [False, False, False]),
        ([(0, UNKNOWN), (1, TryOutcome.REFUSED_MESSAGE), (2, UNKNOWN)], [False, False, False]),
        ([(0, TryOutcome.TEMPORARY)] * 50, [False] * 50),
        ([(0, TryOutcome.REFUSED_ACCOUNT)], [True]),
    ],
)
def test_what_opens_it(tries: list[tuple[float, TryOutcome]], changes: list[bool]) -> None:
    breaker = Breaker()
    assert feed(breaker, *tries) == changes
    assert (breaker.state is not BreakerState.CLOSED) is changes[-1]


def test_the_pauses_grow_until_a_message_went_well() -> None:
    breaker = Breaker()
    pauses, now = [], 0.0
    for _ in range(7):
        feed(breaker, (now, UNKNOWN), (now, UNKNOWN))
        due = breaker.probe_due_s()
        assert due is not None
        pauses.append(due - now)
        now = due
        assert breaker.probed(ACCEPTED, now)
        assert breaker.probe_due_s() is None
    assert pauses == [15, 30, 60, 120, 300, 300, 300]
    breaker.record(ACCEPTED, now)
    feed(breaker, (now, UNKNOWN), (now, UNKNOWN))
    assert breaker.probe_due_s() == now + 15


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = Breaker()
    feed(breaker, (0, UNKNOWN), (0, UNKNOWN))
    assert not breaker.probed(NOT_SENT, 15, "It cannot be reached.")
    assert (breaker.state, breaker.reason, breaker.probe_due_s()) == (BreakerState.OPEN, "It cannot be reached.", 45)


def test_money_is_asked_for_again_and_a_login_is_not() -> None:
    breaker = Breaker()
    assert breaker.record(TryOutcome.REFUSED_ACCOUNT, 0, "No money.", AccountTrouble.MONEY)
    assert (breaker.state, breaker.probe_due_s()) == (BreakerState.OPEN, 15)
    assert breaker.record(TryOutcome.REFUSED_ACCOUNT, 1, "Wrong password.", AccountTrouble.LOGIN)
    assert (breaker.state, breaker.probe_due_s()) == (BreakerState.BARRED, None)
    assert breaker.reset()
    assert (breaker.state, breaker.reason, breaker.trouble) == (BreakerState.CLOSED, "", None)
    assert not breaker.reset()


def test_a_late_answer_does_not_close_it() -> None:
    """What was under way when it opened may still end well; only a probe, or a person, closes it."""
    breaker = Breaker()
    feed(breaker, (0, UNKNOWN), (0, UNKNOWN))
    assert not breaker.record(ACCEPTED, 1)
    assert breaker.state is BreakerState.OPEN
