"""Which concatenated message a part belongs to."""

from __future__ import annotations

import pytest

from modemgw.rules.concat_grouping import OPEN_MS, WINDOW_MS, OpenGroup, choose_group


def group(name: int, *have: int, scts: int | None = 0, last_at: int = 0) -> OpenGroup:
    return OpenGroup(name, 0, last_at, scts, frozenset(have))


@pytest.mark.parametrize(
    ("groups", "seq", "scts", "now", "chosen"),
    [
        ([], 1, 0, 0, None),
        ([group(7, 1)], 2, 0, 0, 7),
        ([group(7, 1)], 1, 0, 0, None),  # has it
        ([group(7, 1, scts=100), group(8, 1, scts=900)], 2, 800, 0, 8),  # nearest in time
        ([group(7, 1, scts=100), group(8, 1, scts=900)], 2, 200, 0, 7),
        ([group(7, 1, 2), group(8, 1, scts=9000)], 2, 0, 0, 8),  # the one that misses it
        ([group(7, 1)], 2, WINDOW_MS, 0, 7),
        ([group(7, 1)], 2, WINDOW_MS + 1, 0, None),  # another day's
        ([group(7, 1, scts=WINDOW_MS + 1)], 2, 0, 0, None),
        ([group(7, 1)], 2, 0, OPEN_MS, 7),
        ([group(7, 1)], 2, 0, OPEN_MS + 1, None),
        ([group(7, 1, scts=None)], 2, 5, 0, 7),  # no time to compare
        ([group(7, 1)], 2, None, 0, 7),
        ([group(7, 1, scts=None, last_at=1), group(8, 1, scts=None, last_at=2)], 2, 5, 9, 8),  # the latest
        ([group(7, 1, scts=None, last_at=9), group(8, 1, scts=5)], 2, 6, 9, 8),  # a time is better
    ],
)
def test_choice(groups: list[OpenGroup], seq: int, scts: int | None, now: int, chosen: int | None) -> None:
    assert choose_group(groups, seq, scts, now) == chosen
    assert choose_group(groups[::-1], seq, scts, now) == chosen
