"""The life of a message: the table as it is meant to be read, and the state of a message from those of its parts."""

from __future__ import annotations

import pytest

from modemgw.domain.states import FINAL, TRANSITIONS, State, derive, may_become

Q, SE, T, D, U, E, R, C, X = (
    State.QUEUED,
    State.SENDING,
    State.SENT,
    State.DELIVERED,
    State.UNDELIVERABLE,
    State.EXPIRED,
    State.REJECTED,
    State.CANCELLED,
    State.UNKNOWN,
)

#: old: what it may become
TABLE = {
    Q: {SE, E, R, C, T, D, U, X},  # the last four only of a part that waits to be sent again after a doubt
    SE: {T, Q, R, E, X, D},  # delivered: the report of an earlier copy
    T: {D, U, E},
    X: {T, D, U, E, Q},
    D: set(),
    U: {D, Q},  # another copy was delivered; or another way tries it, as the route says
    E: {T, D, U, Q},  # by the report of a copy that the modem had called refused; or as above
    R: {T, D, U, E},
    C: {T, D, U, E},
}


@pytest.mark.parametrize("old", State)
@pytest.mark.parametrize("new", State)
def test_the_table_says_which_state_may_follow_which(old: State, new: State) -> None:
    assert may_become(old, new) == (new in TABLE[old])


def test_from_a_final_state_only_news_of_a_copy_leads_on_or_another_way() -> None:
    assert {D, U, E, R, C} == FINAL
    assert {new for state in FINAL for new in TRANSITIONS[state]} == {T, D, U, E, Q}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("count", [1, 2, 7])
def test_parts_of_one_mind_make_the_message(state: State, count: int) -> None:
    assert derive([state] * count) is state


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([T, Q], SE),  # some went, others wait
        ([D, Q], SE),
        ([T, SE, Q], SE),
        ([Q, SE], SE),
        ([D, T], T),  # delivered only when all of it is
        ([T, D, D], T),
        ([D, X], X),
        ([X, Q], X),  # the rest waits for the doubt to clear
        ([X, SE], X),
        ([D, E], E),
        ([T, E, E], E),
        ([E, X], X),
        ([T, U], U),
        ([X, U], U),
        ([U, C], U),
        ([T, R, C], R),
        ([R, U], R),
        ([R, X], R),
        ([T, C], C),
        ([D, C], C),
    ],
)
def test_what_went_wrong_outranks_what_is_under_way(parts: list[State], message: State) -> None:
    assert derive(parts) is message
    assert derive(reversed(parts)) is message


def test_a_message_without_parts_is_none() -> None:
    with pytest.raises(ValueError, match="at least one part"):
        derive([])
