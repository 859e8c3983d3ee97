"""What a person is told about by an alert, and when: once when it begins, once when it is over, a reminder a day.

Pure: what is observed and the time are passed in. Who is told, and how, is service/alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

#: A trouble that goes on is told again so seldom (ms).
REMIND_MS: Final = 86_400_000

#: After a telling that reached nobody it is tried again (ms).
AGAIN_MS: Final = 60_000


class Condition(StrEnum):
    """What can be observed."""

    LINE_DOWN = "line_down"  # it is not ready, and nobody paused it
    LINE_BLOCKED = "line_blocked"  # it waits for a person: PIN, SIM, a refused login
    NO_WAY_OUT = "no_way_out"  # no line is ready
    INTERNET_DOWN = "internet_down"  # no online gateway can be reached
    LOW_BALANCE = "low_balance"
    OLD_QUEUE = "old_queue"  # the oldest message has waited for long
    UNKNOWN_WAITING = "unknown_waiting"  # messages of which nobody can tell whether they went out
    CALLBACKS_FAILING = "callbacks_failing"  # calls to clients were given up
    FAILED_SHARE = "failed_share"  # many of the last reports say that a message failed
    DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is observed now. `subject` tells two of one condition apart: the name of a line."""

    condition: Condition
    subject: str
    text: str  # a sentence


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be said now."""

    key: str
    kind: str  # begin, still, over
    trouble: Trouble
    since: int  # Unix ms


@dataclass(slots=True)
class Known:
    """A trouble that is, or was told."""

    trouble: Trouble
    since: int
    told_at: int | None = None
    tried_at: int | None = None


class Watch:
    """One `[[alert]]`."""

    def __init__(self, conditions: Iterable[Condition], after_ms: int, told: Mapping[str, Known] | None = None) -> None:
        """`told`: what was told before this start and is not over, by key."""
        self._conditions = frozenset(conditions)
        self._after_ms = after_ms
        self.known: dict[str, Known] = dict(told or {})

    def look(self, troubles: Iterable[Trouble], now: int) -> list[Telling]:
        """What is to be said of what is observed now. `said` and `unsaid` tell what came of it."""
        seen: set[str] = set()
        tellings: list[Telling] = []
        for trouble in troubles:
            if trouble.condition not in self._conditions:
                continue
            key = f"{trouble.condition}:{trouble.subject}"
            seen.add(key)
            known = self.known.setdefault(key, Known(trouble, now))
            known.trouble = trouble
            if known.told_at is None:
                if now - known.since >= self._after_ms and self._may_try(known, now):
                    tellings.append(Telling(key, "begin", trouble, known.since))
            elif now - known.told_at >= REMIND_MS and self._may_try(known, now):
                tellings.append(Telling(key, "still", trouble, known.since))
        for key in [key for key in self.known if key not in seen]:
            known = self.known[key]
            if known.told_at is None:
                del self.known[key]
            elif self._may_try(known, now):
                tellings.append(Telling(key, "over", known.trouble, known.since))
        return tellings

    @staticmethod
    def _may_try(known: Known, now: int) -> bool:
        return known.tried_at is None or now - known.tried_at >= AGAIN_MS

    def said(self, telling: Telling, now: int) -> None:
        """Somebody was told."""
        if telling.kind == "over":
            self.known.pop(telling.key, None)
        else:
            known = self.known[telling.key]
            known.told_at, known.tried_at = now, None

    def unsaid(self, telling: Telling, now: int) -> None:
        """Nobody could be told: again in a while."""
        self.known[telling.key].tried_at = now


def sentence(telling: Telling, now: int) -> str:
    """As a person reads it."""
    minutes = max(0, (now - telling.since) // 60_000)
    lasted = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    if telling.kind == "over":
        return f"modemgw: over after {lasted}: {telling.trouble.text}"
    if telling.kind == "still":
        return f"modemgw: still, since {lasted}: {telling.trouble.text}"
    return f"modemgw: {telling.trouble.text}"
