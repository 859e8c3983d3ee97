"""One spell of a working modem: from the end of its set-up until the port, the modem or the operator ends it.

Starts the sender, the receiver and the housekeeping beside each other, waits for the first of them to end, and winds
the others down. What helps against their troubles is `troubles`', whether the line may send is `registrations`'.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from modemgw.at.errors import CommandFailed, CommandTimeout, ModemSilent
from modemgw.domain.events import EventKind
from modemgw.domain.job import LineRecord
from modemgw.domain.line import LineState
from modemgw.errors import ModemgwError
from modemgw.line.calls import CallWatch
from modemgw.line.canary import Canary
from modemgw.line.ladder import Rung
from modemgw.line.radio import DriverRadio
from modemgw.line.receiver import Receiver
from modemgw.line.registrations import Registrations
from modemgw.line.settings import LAST_SEND_S, Climb, Vitals, WorkerPorts, WorkerSettings
from modemgw.line.telling import SetState
from modemgw.line.troubles import Troubles
from modemgw.line.turn import Turn
from modemgw.line.ussd_dialogue import Conversation
from modemgw.modem.dialogue.acknowledge import AcknowledgementFailed
from modemgw.modem.dialogue.driver import (
    Driver,
    LateCmgs,
    ModemInfo,
    PowerWarning,
    Rebooted,
    Registration,
    RegistrationChanged,
    Signal,
    SimChanged,
    StorageFill,
    StorageFull,
    Unannounced,
    UssdReply,
)
from modemgw.modem.ports.transport import PortLost
from modemgw.rules.quota import Rest
from modemgw.service.sending import LineSender, LineTrouble

log = logging.getLogger(__name__)

#: How soon parts go on that a report freed from their doubt; reports that come together share one look.
RESUME_MS = 250

T = TypeVar("T")


class Session:
    """See the module. `on_event` may be called as soon as the driver exists; `run` once, after the set-up."""

    def __init__(
        self,
        driver: Driver,
        settings: WorkerSettings,
        ports: WorkerPorts,
        vitals: Vitals,
        set_state: SetState,
    ) -> None:
        self._driver = driver
        self._settings = settings
        self._ports = ports
        self._vitals = vitals
        self._ladder = vitals.ladder
        self._set_state = set_state
        self._turn = Turn()
        self._trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._winding_down = False
        timing = settings.timing
        self._receiver = Receiver(driver, ports.repository, self._turn, self._something_kept, self._note_fill, timing)
        self.conversation = Conversation(settings.name, driver.talk, self.errand, self._note, timing)
        self._calls = CallWatch(settings.name, settings.calls, self.errand, self._note, timing)
        self._registrations = Registrations(driver, self._turn, settings, vitals, set_state, self._note)
        self._troubles = Troubles(
            driver, self._turn, settings, vitals, self._registrations, self._receiver.sweep, set_state, self._note
        )
        self._sender: LineSender | None = None
        self._line: LineRecord | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._late: list[int] = []  # references that came before the line was known
        self.rebooted = False  # since the last look: what was set up is forgotten
        self.signal: Signal | None = None

    # -- seen from outside --------------------------------------------------------------------------------

    @property
    def fill(self) -> tuple[StorageFill, ...]:
        """Fill of the memories at the last look."""
        return self._receiver.fill

    @property
    def sent(self) -> int:
        return self._sender.sent if self._sender else 0

    @property
    def received(self) -> int:
        return self._receiver.received

    @property
    def in_air(self) -> bool:
        return bool(self._sender and self._sender.in_air)

    @property
    def registration(self) -> Registration | None:
        """What the modem told last."""
        return self._registrations.last

    @property
    def line(self) -> LineRecord | None:
        return self._line

    def on_event(self, event: object) -> None:
        """What the driver saw, in order; quick, never raises."""
        if self._receiver.on_event(event) or self._calls.on_event(event):
            return
        if isinstance(event, RegistrationChanged):
            self._registrations.seen(event.registration)
        elif isinstance(event, Rebooted):
            self.rebooted = True
            if self._line is not None:  # while it is set up the worker sees to it
                self._fail(self._troubles.rebooted(event.text))
        elif isinstance(event, LateCmgs):
            if self._line is None:
                self._late.append(event.mr)
            else:
                self._spawn(self._adopt(self._line, event.mr))
        elif isinstance(event, SimChanged):
            if event.state.upper() not in ("READY", "SMS READY"):
                self._fail(Climb(Rung.REINIT, f"The SIM changed: {event.state}.", again=True))
        elif isinstance(event, PowerWarning):
            log.warning("%s: the modem complains of its power: %s", self._settings.name, event.text)
            self._note(EventKind.LINE_POWER, text=event.text)
        elif isinstance(event, Unannounced):
            climb = self._troubles.unannounced()
            if climb is not None:
                self._fail(climb)
        elif isinstance(event, UssdReply):
            self.conversation.on_reply(event)
        else:
            log.debug("%s: %s", self._settings.name, event)

    def on_lost(self, error: PortLost) -> None:
        """The port is gone."""
        self._fail(error)

    def switched(self) -> None:
        """The operator paused or resumed the line."""
        self._registrations.switched()

    async def errand(self, work: Callable[[Driver], Awaitable[T]]) -> T:
        """Let `work` have the modem to itself between two messages. What it raises is its caller's matter."""
        async with self._turn:
            return await work(self._driver)

    # -- running ------------------------------------------------------------------------------------------

    async def run(self, info: ModemInfo, stop: asyncio.Event) -> None:
        """Until `stop`, or what ends the spell: PortLost, CommandTimeout, Climb."""
        try:
            await self._run(info, stop)
        finally:
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)

    async def _run(self, info: ModemInfo, stop: asyncio.Event) -> None:
        ports, name = self._ports, self._settings.name
        number = info.number or self._settings.number
        line_id = await ports.repository.ensure_line(
            name, imsi=info.imsi, iccid=info.iccid, imei=info.imei, number=number
        )
        self._line = line = LineRecord(line_id, name, info.imsi, number, self._settings.smsc)
        self._receiver.start(line, info)
        self._registrations.seen(info.registration)
        self.signal = info.signal
        self._note(EventKind.LINE_UP, modem=name, imei=info.imei, model=info.model)
        for mr in self._late:
            await self._adopt(line, mr)
        until = ports.clock() + int(self._settings.sending.waits.report_s * 1000)
        await ports.repository.spare_copies(line.id, until)
        ports.timers.wake_by(until)
        self._sender = LineSender(
            line,
            DriverRadio(self._driver, self._turn),
            ports.repository,
            ports.dispatcher,
            ports.timers,
            ports.clock,
            self._settings.sending,
            self._pacing,
            ports.routing,
        )
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        sender: asyncio.Future[Any] = asyncio.ensure_future(self._send(self._sender))
        others: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(self._receive(self._sweep_interval_s(info))),
            asyncio.ensure_future(self._watch()),
            asyncio.ensure_future(self._let_go()),
        ]
        if self._settings.canary_interval_s > 0:
            others.append(asyncio.ensure_future(self._canary(line).run()))
        try:
            await asyncio.wait({stopping, sender, self._trouble, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit = self._settings.drain_limit_s if stopping.done() else self._send_limit()
            await self._wind_down(sender, [stopping, *others], limit)
        for task in (self._trouble, sender, *others):
            if task.done() and not task.cancelled() and (error := task.exception()) is not None:
                raise error

    def _canary(self, line: LineRecord) -> Canary:
        return Canary(self._settings, self._ports, line, self._may_send, self._troubles.make_room, self._note)

    def _sweep_interval_s(self, info: ModemInfo) -> float:
        tells = len(info.cnmi) > 1 and info.cnmi[0] != 0 and info.cnmi[1] != 0
        usual_s = self._settings.sweep_interval_s
        return usual_s if tells else min(self._settings.timing.untold_sweep_s, usual_s)

    async def _wind_down(
        self, sender: asyncio.Future[Any], others: Sequence[asyncio.Future[Any]], limit_s: float
    ) -> None:
        """Stop sending without cutting off the part in the air, then all else."""
        assert self._sender is not None
        self._winding_down = self._sender.stopping = True
        self.conversation.close()
        self._calls.close()
        await asyncio.sleep(0)  # what they note is on its way to the store
        while self._sender.in_air and not sender.done():
            # a lost port or a result ends the send; the limit is for a modem that says nothing
            done, _ = await asyncio.wait({sender}, timeout=min(limit_s, 0.25))
            limit_s -= 0.25
            if done or limit_s <= 0:
                break
        if self._sender.in_air and not sender.done():
            # nobody will hear the result any more; with the port closed the part is in doubt, and is called so
            await self._driver.close()
            await asyncio.wait({sender}, timeout=self._settings.timing.outcome_s)
        for task in (sender, *others, *self._background):
            task.cancel()
        await asyncio.gather(sender, *others, *self._background, return_exceptions=True)
        await self._sender.flush()
        await self._receiver.keep_direct()
        if not self._trouble.done():
            self._trouble.cancel()

    def _send_limit(self) -> float:
        error = self._trouble.exception() if self._trouble.done() else None
        return error.send_limit_s if isinstance(error, Climb) else LAST_SEND_S

    async def _send(self, sender: LineSender) -> None:
        """The sender, with what its troubles ask for when that can be done in place."""
        with contextlib.suppress(CommandFailed):
            async with self._turn:
                await self._driver.keep_link(True)
        while not sender.stopping:
            await self._registrations.until_may_send()
            self._set_state(LineState.READY, None)
            try:
                await self._run_unhalted(sender)
            except LineTrouble as trouble:
                self._troubles.count_sent(sender.sent)
                if self._trouble.done():
                    await self._trouble  # the modem is gone already: nothing of this is worth a rung
                await self._troubles.mend(trouble)

    async def _run_unhalted(self, sender: LineSender) -> None:
        """The sender, until it is to halt: what is in the air is finished, the rest stays in the queue."""
        running = asyncio.ensure_future(sender.run())
        halted = asyncio.ensure_future(self._registrations.halted.wait())
        try:
            await asyncio.wait({running, halted}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and sender.in_air:
                sender.stopping = True
                await asyncio.wait({running})
                sender.stopping = self._winding_down
            if running.done():
                running.result()
        finally:
            for task in (running, halted):
                task.cancel()
            await asyncio.gather(running, halted, return_exceptions=True)

    def _may_send(self) -> bool:
        return not self._registrations.halted.is_set()

    def _pacing(self, rest: Rest | None) -> None:
        """The sender waits for the line's quota, or goes on."""
        if rest is None:
            self._set_state(LineState.READY, None)
            return
        until = datetime.fromtimestamp(rest.until / 1000, UTC)
        self._set_state(LineState.PAUSED, f"{rest.reason} Sending goes on at {until:%Y-%m-%d %H:%M:%S} UTC.")
        self._note(EventKind.LINE_QUOTA, modem=self._settings.name, reason=rest.reason, until=rest.until)

    # -- receiving and watching ---------------------------------------------------------------------------

    async def _receive(self, sweep_interval_s: float) -> None:
        """The receiver; a question that it got no answer to is asked again once, after a resync."""
        while True:
            try:
                await self._receiver.run(sweep_interval_s)
            except ModemSilent:
                raise
            except CommandTimeout as error:
                await self._troubles.stalled(error)
                self._receiver.on_event(StorageFull(None))
            except AcknowledgementFailed as error:
                raise Climb(Rung.REINIT, str(error)) from error

    async def _watch(self) -> None:
        """A health question now and then; a modem that does not answer ends the session by ModemSilent."""
        while True:
            await asyncio.sleep(self._settings.health_interval_s)
            try:
                async with self._turn:
                    self.signal = await self._driver.signal()
                    registration = await self._driver.registration()
                    announces = await self._driver.announces()
            except CommandFailed as error:
                log.debug("%s: %s", self._settings.name, error)
                continue
            except ModemSilent:
                raise
            except CommandTimeout as error:
                await self._troubles.resync(str(error))
                continue
            if not announces:
                self._troubles.announces_nothing()
            self._registrations.seen(registration)
            if registration.usable:
                self._ladder.well(time.monotonic())

    async def _let_go(self) -> None:
        """What is lost on its way must not keep the rest from coming."""
        while True:
            await asyncio.sleep(self._settings.timing.let_go_s)
            try:
                async with self._turn:
                    await self._driver.let_go()
            except ModemSilent:
                raise
            except CommandTimeout as error:
                await self._troubles.resync(str(error))

    def _note_fill(self, fills: Sequence[StorageFill]) -> None:
        """A memory that gets full, and one that is no longer, is told once."""
        for fill, full in self._vitals.storage.note(fills):
            kind = EventKind.LINE_STORAGE if full else EventKind.LINE_STORAGE_RELIEVED
            if full:
                log.warning(
                    "%s: memory %s holds %d of %d messages", self._settings.name, fill.memory, fill.used, fill.total
                )
            self._note(kind, modem=self._settings.name, memory=fill.memory, used=fill.used, total=fill.total)

    # -- small things -------------------------------------------------------------------------------------

    async def _adopt(self, line: LineRecord, mr: int) -> None:
        try:
            part = await self._ports.repository.adopt_late_cmgs(line.id, mr)
        except ModemgwError as error:  # the part stays in doubt: a report may yet end it
            log.warning("%s: a late +CMGS: %d could not be kept: %s", self._settings.name, mr, error)
            return
        if part is not None:
            log.info("%s: message %d, part %d went out after all", self._settings.name, *part)
            self._ports.dispatcher.refresh()

    def _something_kept(self) -> None:
        self._ports.timers.wake_by(self._ports.clock() + RESUME_MS)

    def _fail(self, error: Exception) -> None:
        if not self._trouble.done():
            self._trouble.set_exception(error)
            self._trouble.exception()  # seen: a session that does not run any more has nobody to be told

    def _note(self, kind: EventKind, **data: object) -> None:
        line_id = self._line.id if self._line else None
        self._spawn(self._write_note(kind, line_id, data))

    async def _write_note(self, kind: EventKind, line_id: int | None, data: dict[str, object]) -> None:
        with contextlib.suppress(ModemgwError):
            await self._ports.repository.note(kind, line_id, **data)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
