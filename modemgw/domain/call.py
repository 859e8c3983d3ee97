"""An incoming call as clients see it. Calls are never answered."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallView:
    """A call that came in. `id` is that of its event, `at` Unix ms; `number` is None where it was withheld."""

    id: int
    line: str
    number: str | None
    at: int
    rejected: bool
