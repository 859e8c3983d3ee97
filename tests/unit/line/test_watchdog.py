"""What is worth an event: memories that fill, ports that keep vanishing."""

from __future__ import annotations

from modemgw.line.watchdog import LOSSES, LOSSES_WITHIN_S, LossWatch, StorageWatch
from modemgw.modem.dialogue.driver import StorageFill

STEPS = [
    # used of 10   what is told
    (7, None),
    (8, True),
    (10, None),
    (6, None),
    (5, False),
    (7, None),
    (8, True),
]


def test_a_memory_is_told_once_each_way() -> None:
    watch = StorageWatch()
    for used, told in STEPS:
        changes = watch.note([StorageFill("SM", used, 10)])
        assert [full for _, full in changes] == ([] if told is None else [told]), used


def test_each_memory_for_itself_and_none_without_places() -> None:
    watch = StorageWatch()
    fills = [StorageFill("SM", 9, 10), StorageFill("ME", 1, 10), StorageFill("SR", 0, 0)]
    assert watch.note(fills) == [(fills[0], True)]
    assert watch.note([]) == []


def test_losses_are_suspicious_when_there_are_many_in_a_short_time() -> None:
    watch = LossWatch("port vanished")
    assert [watch.note(float(n)) for n in range(LOSSES - 1)] == [None] * (LOSSES - 1)
    assert watch.note(10.0) == (
        "The port vanished 5 times within 10 minutes: most likely its power supply is too weak, or its cable bad."
    )
    assert watch.note(11.0 + LOSSES_WITHIN_S) is None
