"""Once when it begins, once when it is over, a reminder a day; and again where nobody could be told."""

from __future__ import annotations

from modemgw.rules.alerting import AGAIN_MS, REMIND_MS, Condition, Trouble, Watch, sentence

DOWN = Trouble(Condition.LINE_DOWN, "a", "The line a is absent.")
OTHER = Trouble(Condition.LINE_DOWN, "b", "The line b is absent.")


def kinds(watch: Watch, troubles: list[Trouble], now: int) -> list[tuple[str, str]]:
    tellings = watch.look(troubles, now)
    for telling in tellings:
        watch.said(telling, now)
    return [(telling.kind, telling.key) for telling in tellings]


def test_it_must_last_before_it_is_told_and_is_told_once() -> None:
    watch = Watch([Condition.LINE_DOWN], 10_000)
    assert kinds(watch, [DOWN], 0) == []
    assert kinds(watch, [DOWN], 9_999) == []
    assert kinds(watch, [DOWN, OTHER], 10_000) == [("begin", "line_down:a")]
    assert kinds(watch, [DOWN], 60_000) == []
    assert kinds(watch, [], 61_000) == [("over", "line_down:a")]
    assert kinds(watch, [], 62_000) == []


def test_what_passes_before_it_was_told_is_never_told() -> None:
    watch = Watch([Condition.LINE_DOWN], 10_000)
    kinds(watch, [DOWN], 0)
    assert kinds(watch, [], 5_000) == []
    assert kinds(watch, [DOWN], 12_000) == []  # its time begins anew


def test_a_reminder_a_day() -> None:
    watch = Watch([Condition.LINE_DOWN], 0)
    assert kinds(watch, [DOWN], 0) == [("begin", "line_down:a")]
    assert kinds(watch, [DOWN], REMIND_MS - 1) == []
    assert kinds(watch, [DOWN], REMIND_MS) == [("still", "line_down:a")]
    assert kinds(watch, [DOWN], REMIND_MS + 1) == []


def test_nobody_was_told_so_it_is_tried_again_in_a_while_also_that_it_is_over() -> None:
    watch = Watch([Condition.LINE_DOWN], 0)
    (telling,) = watch.look([DOWN], 0)
    watch.unsaid(telling, 0)
    assert watch.look([DOWN], AGAIN_MS - 1) == []
    assert kinds(watch, [DOWN], AGAIN_MS) == [("begin", "line_down:a")]
    (over,) = watch.look([], AGAIN_MS + 1)
    watch.unsaid(over, AGAIN_MS + 1)
    assert kinds(watch, [], 2 * AGAIN_MS + 1) == [("over", "line_down:a")]


def test_other_conditions_are_nobodys_business() -> None:
    watch = Watch([Condition.DISK_FULL], 0)
    assert watch.look([DOWN], 0) == []


def test_sentences() -> None:
    watch = Watch([Condition.LINE_DOWN], 0)
    (begin,) = watch.look([DOWN], 0)
    assert sentence(begin, 0) == "modemgw: The line a is absent."
    watch.said(begin, 0)
    (over,) = watch.look([], 5 * 60_000)
    assert sentence(over, 5 * 60_000) == "modemgw: over after 5 min: The line a is absent."
