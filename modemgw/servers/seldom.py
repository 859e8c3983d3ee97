"""Log lines that a stranger can cause: each kind at most once a minute, so that a flood does not fill the disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

#: Seconds between two lines of one kind.
EVERY_S = 60.0


class SeldomLog:
    """Says a thing of one kind, then counts until it may be said again. `kind` is one of a few words of ours."""

    def __init__(self, log: logging.Logger, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._monotonic = monotonic
        self._said: dict[str, tuple[float, int]] = {}  # when, and how many were left out since

    def warning(self, kind: str, message: str, *args: object) -> None:
        """`message` with its arguments as a warning, and how many of the kind were not told before it."""
        now = self._monotonic()
        at, left_out = self._said.get(kind, (now - EVERY_S, 0))
        if now - at < EVERY_S:
            self._said[kind] = (at, left_out + 1)
            return
        self._said[kind] = (now, 0)
        if left_out:
            message, args = message + " (and %d more like it)", (*args, left_out)
        self._log.warning(message, *args)
