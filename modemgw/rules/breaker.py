"""When an online gateway is left alone: a breaker, fed with the ends of tries. Pure: seconds of a clock are passed in.

Closed, messages go out. Open, none does, and after a while the gateway is asked something that costs nothing (its
balance, its health, or a mere connection): never with a customer's message. What that says closes it or opens it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from modemgw.domain.upstream import AccountTrouble, TryOutcome


class BreakerState(StrEnum):
    """Whether messages go out."""

    CLOSED = "closed"
    OPEN = "open"  # until a probe says otherwise
    BARRED = "barred"  # until a person or a new configuration says otherwise: a login that was refused


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """How much of what is too much within `window_s`, and the pauses between probes."""

    unknown: int = 2
    not_sent: int = 3
    window_s: float = 60.0
    pauses_s: tuple[float, ...] = (15.0, 30.0, 60.0, 120.0, 300.0)


#: Answers of a gateway that lives. TEMPORARY is one: it said so itself, and the message waits for it.
_ALIVE: Final = frozenset(
    {
        TryOutcome.ACCEPTED,
        TryOutcome.DUPLICATE,
        TryOutcome.REFUSED_MESSAGE,
        TryOutcome.REFUSED_WAY,
        TryOutcome.TEMPORARY,
    }
)


class Breaker:
    """One gateway's. `record` and `probed` return True when the state changed."""

    def __init__(self, limits: BreakerLimits = BreakerLimits()) -> None:
        self._limits = limits
        self._failures: dict[TryOutcome, list[float]] = {}
        self._opened = 0  # times in a row, without a try that went well between
        self._probe_at = 0.0
        self.state = BreakerState.CLOSED
        self.trouble: AccountTrouble | None = None
        self.reason = ""  # a sentence: why it is not closed

    def record(
        self, outcome: TryOutcome, now_s: float, reason: str = "", trouble: AccountTrouble | None = None
    ) -> bool:
        """A try ended."""
        if outcome in _ALIVE:
            self._failures.clear()
            if self.state is BreakerState.CLOSED and outcome is not TryOutcome.TEMPORARY:
                self._opened = 0
            return False
        if outcome is TryOutcome.REFUSED_ACCOUNT:
            return self._open(now_s, reason, trouble)
        times = self._failures.setdefault(outcome, [])
        times[:] = [at for at in times if at > now_s - self._limits.window_s] + [now_s]
        most = self._limits.unknown if outcome is TryOutcome.UNKNOWN else self._limits.not_sent
        return len(times) >= most and self._open(now_s, reason, None)

    def probed(
        self, outcome: TryOutcome, now_s: float, reason: str = "", trouble: AccountTrouble | None = None
    ) -> bool:
        """A probe ended: ACCEPTED when the gateway lives and, where money was short, there is some again."""
        if self.state is BreakerState.CLOSED:
            return False
        if outcome is TryOutcome.ACCEPTED:
            self._close()
            return True
        return self._open(now_s, reason, trouble)

    def probe_due_s(self) -> float | None:
        """When the gateway is to be asked; None: not by itself."""
        return self._probe_at if self.state is BreakerState.OPEN else None

    def reset(self) -> bool:
        """A person has seen to it, or the configuration is another one."""
        changed = self.state is not BreakerState.CLOSED
        self._close()
        self._opened = 0
        return changed

    def _open(self, now_s: float, reason: str, trouble: AccountTrouble | None) -> bool:
        barred = trouble is not None and trouble is not AccountTrouble.MONEY
        state = BreakerState.BARRED if barred else BreakerState.OPEN
        pauses = self._limits.pauses_s
        self._probe_at = now_s + pauses[min(self._opened, len(pauses) - 1)]
        self._opened += 1
        self._failures.clear()
        changed = state is not self.state or trouble is not self.trouble
        self.state, self.reason, self.trouble = state, reason or self.reason, trouble
        return changed

    def _close(self) -> None:
        self.state, self.reason, self.trouble = BreakerState.CLOSED, "", None
        self._failures.clear()
