"""The lines as the use cases reach them: what each is doing, and what an operator may ask of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from modemgw.domain.line import ModemView
from modemgw.domain.trace import TraceView
from modemgw.service.balances import Balances
from modemgw.service.ussd import UssdDesk
from modemgw.service.ways import Ways


class ManualPause(Protocol):
    """Pauses sending until resumed; False where there is no line of that name."""

    def pause(self, name: str, by: str) -> bool: ...

    def resume(self, name: str) -> bool: ...


class Traces(Protocol):
    """The AT traces of the lines, whatever lines there are. `switch` raises ModemgwError if none can be written."""

    def switch(self, name: str, on: bool) -> TraceView: ...

    def view(self, name: str) -> TraceView: ...


class Examiner(Protocol):
    """Asks a modem how it is set. Raises Refusal."""

    async def examine(self, line: str) -> Sequence[tuple[str, tuple[str, ...], str | None]]: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """All that the gateway has of its lines."""

    views: Callable[[], list[ModemView]]
    manual: ManualPause
    traces: Traces
    examiner: Examiner
    ussd: UssdDesk
    balances: Balances
    ways: Ways
