"""How the gateway is: readiness in words, and what is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Health:
    """Readiness in words. `ready` means: the API serves and the store is writable."""

    ready: bool
    store: str  # "ok", or the reason it cannot be written or read
    lines: tuple[tuple[str, str], ...]  # name, state
    queued: int | None  # None: the store cannot be read
    callbacks: Mapping[str, int] = field(default_factory=dict)  # waiting, failed
    held: Mapping[str, int] = field(default_factory=dict)  # messages that wait for a person, by Hold


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted, for metrics."""

    events: Mapping[str, int]  # by kind, since the start
    report_latency_s: Mapping[str, float]  # of the last report, by line
