"""Which national language tables can write a text (TS 23.038 6.2.1.2). Whether they pay, `segment` says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from modemgw.sms.gsm7 import codec
from modemgw.sms.gsm7_tables import LockingShift, SingleShift


@cache
def _pairs() -> tuple[tuple[LockingShift, SingleShift, frozenset[str]], ...]:
    """All pairs but the default one, those that lock nothing first."""
    return tuple(
        (locking, single, codec(locking, single).chars)
        for locking in LockingShift
        for single in SingleShift
        if locking or single
    )


@cache
def _all_chars() -> frozenset[str]:
    return frozenset().union(*(chars for _, _, chars in _pairs()))


def national_tables(text: str) -> Iterator[tuple[LockingShift, SingleShift]]:
    """The pairs of tables, other than the default pair, that have every character of `text`."""
    chars = frozenset(text)
    if chars <= _all_chars():
        for locking, single, known in _pairs():
            if chars <= known:
                yield locking, single
