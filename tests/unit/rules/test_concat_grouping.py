"""Which parts are one message."""

from __future__ import annotations

from itertools import permutations

import pytest

from modemgw.rules.concat_grouping import JOIN_MS, SURE_BACKWARDS_MS, SURE_MS, Part, homes, is_sure, join, regroup

VOID = None


def part(name: str, seconds: float | None, **more: object) -> Part:
    """`a2` is the second part of message a; ids follow the names so that any order of arrival can be had."""
    scts = None if seconds is None else int(seconds * 1000)
    return Part(int(name[1:]) + 10 * ord(name[0]), int(name[1:]), scts, **{"at": 0, **more})  # type: ignore[arg-type]


def told(messages: list[list[Part]]) -> list[str]:
    return sorted(" ".join(f"{chr(one.id // 10)}{one.seq}" for one in message) for message in messages)


CASES: list[tuple[str, dict[str, float | None], list[str]]] = [
    ("one message", {"a1": 0, "a2": 1, "a3": 2}, ["a1 a2 a3"]),
    ("a lone second part, and a whole message ten minutes later", {"a2": 0, "b1": 600, "b2": 605}, ["a2", "b1 b2"]),
    ("the same a minute later: the nearer ones", {"a2": 0, "b1": 60, "b2": 65}, ["a2", "b1 b2"]),
    ("a lone first part, and a whole message", {"a1": 0, "b1": 20, "b2": 21}, ["a1", "b1 b2"]),
    ("the order tells where the time does not", {"a2": 0, "b1": 5, "b2": 10}, ["a2", "b1 b2"]),
    ("and the other way round", {"a1": 0, "a2": 5, "b1": 10}, ["a1 a2", "b1"]),
    ("two whole ones", {"a1": 0, "a2": 1, "b1": 30, "b2": 31}, ["a1 a2", "b1 b2"]),
    ("nobody knows whose it is", {"a1": 0, "b1": 0, "c2": 1}, ["a1", "b1", "c2"]),
    ("nor anything further away than that", {"a1": 0, "b1": 0, "c2": 1, "d2": 100}, ["a1", "b1", "c2", "d2"]),
    ("too far apart", {"a1": 0, "a2": JOIN_MS / 1000 + 1}, ["a1", "a2"]),
    ("by way of the one between", {"a1": 0, "a2": 200, "a3": 400}, ["a1 a2 a3"]),
    ("equal times are near", {"a1": 7, "a2": 7, "a3": 7}, ["a1 a2 a3"]),
    ("the wrong order alone parts nobody", {"a2": 0, "a1": 2}, ["a1 a2"]),
]


@pytest.mark.parametrize(("times", "messages"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_joined(times: dict[str, float | None], messages: list[str]) -> None:
    for order in permutations(part(name, seconds) for name, seconds in times.items()):
        assert told(join(order)) == messages


def test_without_a_time_the_arrival_counts() -> None:
    parts = [part("a2", VOID, at=0), part("b1", VOID, at=600_000), part("b2", 5, at=601_000)]
    assert told(join(parts)) == ["a2", "b1 b2"]


def test_what_is_joined_stays_unless_another_fits_better() -> None:
    known = [part("a1", 0, group=1, whole=True), part("a2", 1, group=1, whole=True), part("b1", 1, group=2)]
    assert told(regroup(known, part("b2", 2))) == ["a1 a2", "b1 b2"]
    mixed = [part("a2", 0, group=1), part("b1", 60, group=1)]
    assert told(regroup(mixed, part("b2", 65))) == ["a2", "b1 b2"]
    shown = [part("a1", 0, group=1, whole=True), part("a2", 2, group=1, whole=True)]
    assert told(regroup(shown, part("b1", 1))) == ["a1 a2", "b1"]
    wrong = [part("a1", 0, group=1, whole=True), part("b2", 20, group=1, whole=True)]
    assert told(regroup(wrong, part("b1", 19))) == ["a1", "b1 b2"]


def test_a_part_without_a_rival_needs_no_comparing() -> None:
    known = [part("a1", 0, group=1), part("a3", 2, group=1)]
    assert told(regroup(known, part("a2", 1))) == ["a1 a3 a2"]
    assert told(regroup(known, part("b2", 900))) == ["a1 a3", "b2"]
    assert told(regroup([], part("b2", 900))) == ["b2"]


@pytest.mark.parametrize(
    ("times", "sure"),
    [
        ((0, 1, 2), True),
        ((0, SURE_MS / 1000, 0), False),  # the third long before the second
        ((0, SURE_MS / 1000, 2 * SURE_MS / 1000), True),
        ((0, SURE_MS / 1000 + 1, SURE_MS / 1000 + 2), False),
        ((SURE_BACKWARDS_MS / 1000, 0, SURE_BACKWARDS_MS / 1000), True),  # centres' clocks differ by seconds
        ((SURE_BACKWARDS_MS / 1000 + 1, 0, 0), False),
    ],
)
def test_what_is_sure(times: tuple[float, ...], sure: bool) -> None:
    assert is_sure([part(f"a{seq}", seconds) for seq, seconds in enumerate(times, 1)]) is sure


def test_where_messages_go_on() -> None:
    a2, b1, b2 = part("a2", 0, group=1), part("b1", 60, group=1), part("b2", 65)
    assert homes([[a2], [b1, b2]], frozenset({1}), 2) == [None, 1]  # the whole one keeps the row
    assert homes([[a2], [b1]], frozenset({1}), 2) == [1, None]
    shown, other = part("a1", 0, group=1), part("a3", 2, group=2)
    assert homes([[shown, other]], frozenset({1}), 3) == [1]
    assert homes([[shown, other]], frozenset({2}), 3) == [2]
    assert homes([[shown, other]], frozenset({1, 2}), 3) is None
