"""What the parts of a line tell by: its events, and its state."""

from __future__ import annotations

from typing import Protocol

from modemgw.domain.events import EventKind
from modemgw.domain.line import LineState


class Note(Protocol):
    """Writes an event of the line."""

    def __call__(self, kind: EventKind, **data: object) -> None: ...


class SetState(Protocol):
    """Shows the state of the line, and why it is in it."""

    def __call__(self, state: LineState, reason: str | None, /) -> None: ...
