"""Laws of the state table and of the one function that derives a message's state from its parts."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from modemgw.domain.states import FINAL, TRANSITIONS, State, derive, may_become

states = st.lists(st.sampled_from(list(State)), min_size=1, max_size=10)


@given(states, st.randoms())
def test_the_order_of_parts_does_not_matter(parts: list[State], chance: random.Random) -> None:
    shuffled = parts[:]
    chance.shuffle(shuffled)
    assert derive(shuffled) is derive(parts)


@given(states)
def test_how_many_parts_share_a_state_does_not_matter(parts: list[State]) -> None:
    assert derive(parts) is derive(set(parts)) is derive(parts * 3)


@given(states)
def test_good_news_needs_every_part(parts: list[State]) -> None:
    if derive(parts) is State.DELIVERED:
        assert set(parts) == {State.DELIVERED}
    if derive(parts) is State.SENT:
        assert set(parts) <= {State.SENT, State.DELIVERED}
    if derive(parts) is State.QUEUED:
        assert set(parts) == {State.QUEUED}


@given(states)
def test_a_doubt_shows_unless_something_is_worse(parts: list[State]) -> None:
    if State.UNKNOWN in parts:
        assert derive(parts) in (State.UNKNOWN, State.UNDELIVERABLE, State.REJECTED)


@given(states)
def test_a_message_is_over_only_when_something_failed_or_all_is_over(parts: list[State]) -> None:
    if derive(parts) in FINAL - {State.REJECTED, State.UNDELIVERABLE, State.EXPIRED}:
        assert set(parts) <= FINAL | {State.SENT}


@given(st.sampled_from(list(State)), st.lists(st.integers(0, 8), max_size=12))
def test_every_walk_ends_or_can_still_end(start: State, choices: list[int]) -> None:
    state = start
    for choice in choices:
        following = sorted(TRANSITIONS[state])
        if not following:
            assert state in FINAL
            return
        new = following[choice % len(following)]
        assert may_become(state, new)
        state = new
    reached, seen = {state}, set[State]()
    while reached - seen:
        seen |= reached
        reached |= {new for old in reached for new in TRANSITIONS[old]}
    assert seen & FINAL
