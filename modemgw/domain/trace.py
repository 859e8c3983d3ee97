"""The AT trace of a modem as clients see it: whether it is on and where it goes, never what is in it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TraceView:
    """`file` is a path on the gateway's machine; `since` Unix ms; `problem` why the last one ended by itself."""

    modem: str
    on: bool
    file: str | None = None
    size: int = 0  # octets, the rotated file with it
    since: int | None = None
    problem: str | None = None
