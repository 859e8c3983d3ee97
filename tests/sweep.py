"""Long tables of cases: a sample of each is in every run, all of it where `-m ''` or `-m sweep` asks for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

import pytest


def sweep(cases: Sequence[Any], in_sample: Callable[[Any], bool]) -> list[Any]:
    """Values for `parametrize`: those that are not in the sample have the mark `sweep`."""
    return [_case(case, in_sample(case)) for case in cases]


def one_of_each(cases: Sequence[Any], kind: Callable[[Any], Hashable]) -> list[Any]:
    """Values for `parametrize`: the first case of each kind is the sample."""
    seen: set[Hashable] = set()
    marked = []
    for case in cases:
        marked.append(_case(case, kind(case) not in seen))
        seen.add(kind(case))
    return marked


def every(step: int, cases: Iterable[Any]) -> list[Any]:
    """Values for `parametrize`: each so many is in the sample, the first one too."""
    return [_case(case, number % step == 0) for number, case in enumerate(cases)]


def _case(case: Any, in_sample: bool) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=() if in_sample else pytest.mark.sweep)
