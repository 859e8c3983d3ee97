"""Makes the gateway in this process impatient: a protocol's minute becomes a test's second.

Only spans of time are changed, never an order of things. The longest wait of all, 180 s for the result of a send
(and 120 s is what networks take), becomes `LIMIT_S`.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from modemgw.at.policy import Waits
from modemgw.at.timing import Timing as DialogueTiming
from modemgw.line.timing import Timing
from modemgw.runtime import Runtime
from modemgw.service import sending, timers

#: The longest that any answer of a modem is waited for.
LIMIT_S = 0.6

TIMING = Timing(
    dialogue=DialogueTiming(resync_probe_s=(0.3, 0.3, 0.5), hold_s=0.3, longest_s=LIMIT_S),
    waits=Waits(here_s=(0.05, 0.1), first_s=0.2, report_s=0.5),
    missing_s=0.05,
    trouble_s=(0.05, 0.1, 0.2),
    reset_grace_s=0.3,
    sim_s=0.3,
    network_pauses_s=(0.0, 0.1, 0.2),
    registration_s=0.3,
    rebooted_send_s=0.3,
    quarantine_s=(0.5, 3600.0),
)

SPANS: list[tuple[Any, str, Any]] = [
    (sending, "STORE_RETRY_S", 0.2),
    (timers, "LONGEST_SLEEP_MS", 1_000),
]


def shorten(monkeypatch: pytest.MonkeyPatch, *, health_s: float = 0.5) -> None:
    """Shorten every span of `SPANS`, every wait for an answer, and the interval of the health question."""
    for module, name, value in SPANS:
        monkeypatch.setattr(module, name, value)
    made = Runtime._worker_settings

    def settings(self: Runtime, modem: Any) -> Any:
        return dataclasses.replace(made(self, modem), health_interval_s=health_s)

    monkeypatch.setattr(Runtime, "_worker_settings", settings)
