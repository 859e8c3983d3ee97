"""Which part a report belongs to: the rules without a database around them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemgw.rules.report_matching import REPORT_SLACK_MS, WRAP_ATTEMPTS, Candidate, choose, tail


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+79161234567", "89161234567"),
        ("+79161234567", "9161234567"),
        ("+79161234567", "61234567"),
        ("+7 916 123-45-67", "+79161234567"),
        ("+380501234567", "0501234567"),
        ("SberBank", "sberbank"),
        ("900", "+900"),
    ],
)
def test_spellings_of_one_number(one: str, other: str) -> None:
    assert tail(one) == tail(other)


@pytest.mark.parametrize(("one", "other"), [("900", "9000"), ("Bank1", "Bank2"), ("+79161234567", "+79161234568")])
def test_two_numbers(one: str, other: str) -> None:
    assert tail(one) != tail(other)


VALIDITY = 3_600_000


def part(name: int, mr: int | None, state: str = "sent", sent_at: int = 0, attempt: int | None = None) -> Candidate:
    st = {"delivered": 0, "expired": 0x46}.get(state)
    return Candidate(name, 1, state, mr, sent_at, sent_at, VALIDITY, st, attempt or name, last=True)


FAR = WRAP_ATTEMPTS


@pytest.mark.parametrize(
    ("parts", "at", "fits"),
    [
        ([], 0, []),
        ([part(1, 5)], 9, [1]),
        ([part(1, 6)], 9, []),
        ([part(1, 5), part(2, 6)], 9, [1]),
        ([part(1, 5), part(2, 5)], 9, [1, 2]),
        ([part(1, 5)], VALIDITY + REPORT_SLACK_MS, [1]),
        ([part(1, 5)], VALIDITY + REPORT_SLACK_MS + 1, []),
        ([part(1, 5, sent_at=9_000_000)], 9, [1]),  # the clock was set back
        ([part(1, None, "unknown")], 9, [1]),
        ([part(1, None, "queued")], 9, [1]),  # waits to be sent again
        ([part(1, None, "unknown"), part(2, None, "unknown")], 9, [1, 2]),
        ([part(1, None, "unknown"), part(2, 5)], 9, [2]),  # its neighbour has that reference
        ([part(1, None, "unknown", attempt=1), part(2, 5, attempt=1 + FAR)], 9, [2, 1]),
        ([part(1, None, "unknown", attempt=2 + FAR), part(2, 5, attempt=2)], 9, [2, 1]),
        ([part(1, 5, "delivered")], 9, [1]),  # a repeated report
        ([part(1, 5, "delivered"), part(2, 5)], 9, [2]),
        ([part(1, 5, "delivered"), part(2, 5, "expired")], 9, [1, 2]),
        ([part(1, 5, "delivered"), part(2, None, "unknown")], 9, [1]),
        ([part(1, 5, "delivered", attempt=1), part(2, None, "unknown", attempt=1 + FAR)], 9, [1, 2]),  # repeated?
    ],
)
def test_choice(parts: list[Candidate], at: int, fits: list[int]) -> None:
    verdict = choose(parts, 5, at)
    assert [c.message_id for c in verdict.candidates] == fits
    assert verdict.ambiguous == (len(fits) > 1)


candidates = st.lists(
    st.builds(
        part,
        st.integers(1, 50),
        st.none() | st.integers(0, 3),
        st.sampled_from(["sent", "unknown", "queued", "delivered", "expired"]),
        st.integers(0, 10**8),
        st.integers(1, 1000),
    ),
    max_size=8,
)


@given(candidates, st.integers(0, 3), st.integers(0, 2 * 10**8))
def test_a_reference_that_was_read_and_differs_never_fits(parts: list[Candidate], mr: int, at: int) -> None:
    verdict = choose(parts, mr, at)
    assert all(c.mr in (mr, None) for c in verdict.candidates)
    assert set(verdict.candidates) <= set(parts)
    if any(c.mr == mr and c.st is None for c in verdict.candidates):
        assert all(c.st is None or c.mr is None for c in verdict.candidates)
