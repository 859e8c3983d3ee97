"""What a line is given, and what is remembered of it from one spell to the next: settings, ports, switch, vitals."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.errors import ModemgwError
from modemgw.line.calls import CallsMode
from modemgw.line.ladder import Ladder, Rung
from modemgw.line.timing import Timing
from modemgw.line.watchdog import LossWatch, StorageWatch
from modemgw.modem.dialogue.driver import Driver, DriverSettings
from modemgw.modem.ports.transport import PortLost, Transport
from modemgw.service.dispatch import Dispatcher
from modemgw.service.ports import Clock
from modemgw.service.routing import Routing
from modemgw.service.sending import SendingSettings
from modemgw.service.timers import Timers
from modemgw.store.repository import Repository

#: Longer than any result of AT+CMGS takes (the channel gives up after 180 s).
LAST_SEND_S = 200.0


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What the operator wants of one modem."""

    name: str
    port: str | None = None  # None: wherever the modem with `imei` is
    imei: str | None = None
    baudrate: int = 115_200
    smsc: str | None = None
    number: str | None = None  # the SIM's own, where it does not tell it
    driver: DriverSettings = field(default_factory=DriverSettings)
    spoken_by: str = "at"  # which driver speaks with it
    profile: str | None = None
    sending: SendingSettings = field(default_factory=SendingSettings)
    sweep_interval_s: float = 300.0
    health_interval_s: float = 60.0
    registration_limit_s: float = 600.0
    drain_limit_s: float = 75.0
    usb_reset: bool = False
    power_cycle: tuple[str, ...] = ()
    canary_interval_s: float = 0.0  # 0: no canary
    canary_limit_s: float = 300.0
    calls: CallsMode = "log"
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True)
class WorkerPorts:
    """What a worker is given of the rest of the gateway."""

    repository: Repository
    dispatcher: Dispatcher
    timers: Timers
    clock: Clock
    make_driver: MakeDriver
    canary_account: int | None = None  # whose messages the canaries are
    routing: Routing | None = None  # None: there are no routes
    changed: Callable[[], None] = lambda: None  # a line is ready, or is not any more


class MakeDriver(Protocol):
    """A driver over an open port. `on_event` gets what the modem says unasked, `on_lost` the end of the port."""

    def __call__(
        self,
        transport: Transport,
        settings: WorkerSettings,
        on_event: Callable[[object], None],
        on_lost: Callable[[PortLost], None],
    ) -> Driver: ...


class LineNotReady(Refusal):
    """Nothing can be asked of a modem just now: it is absent, starting, recovering or blocked. `name` is the line's."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        super().__init__(RefusalKind.CONFLICT, sentence)


class NoSuchLine(Refusal):
    """There is no modem of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")


class Climb(ModemgwError):
    """The session ends for a rung that needs the port opened anew: `rung` or, if that did not help, a higher one.

    With `again` it is this very rung as long as there is budget for it: for what a set-up puts right each time.
    """

    def __init__(
        self,
        rung: Rung,
        reason: str,
        *,
        again: bool = False,
        without: Collection[Rung] = (),
        send_limit_s: float = LAST_SEND_S,
    ) -> None:
        super().__init__(reason)
        self.rung = rung
        self.reason = reason
        self.again = again
        self.without = without
        self.send_limit_s = send_limit_s  # how long a part in the air is waited for before


class Switch:
    """An operator's hand on a line: pauses sending until it is resumed, and cuts short what the line waits for."""

    def __init__(self) -> None:
        self.paused_by: str | None = None
        self._hand = asyncio.Event()

    def pause(self, by: str) -> None:
        """Nothing more is sent; `by` is who wants it so."""
        self.paused_by = by

    def resume(self) -> None:
        """Sending goes on, and whoever rests wakes up."""
        self.paused_by = None
        self._hand.set()
        self._hand = asyncio.Event()

    def rest(self, seconds: float | None) -> Coroutine[Any, Any, bool]:
        """Wait for so long (None: without end), or until a `resume` from now on: then True."""
        return self._rest(self._hand, seconds)

    @staticmethod
    async def _rest(hand: asyncio.Event, seconds: float | None) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await hand.wait()
        return hand.is_set()


@dataclass(slots=True)
class Vitals:
    """What is remembered of a line while sessions come and go."""

    ladder: Ladder = field(default_factory=Ladder)
    switch: Switch = field(default_factory=Switch)
    storage: StorageWatch = field(default_factory=StorageWatch)
    losses: LossWatch = field(default_factory=lambda: LossWatch("port vanished"))
    reboots: LossWatch = field(default_factory=lambda: LossWatch("modem started anew by itself"))
    unregistered_since: float | None = None  # monotonic; also the time of the last rung climbed for it
