"""One spell of a working modem: from the end of its set-up until the port, the modem or the operator ends it.

Runs the sender, the receiver and the housekeeping beside each other and hands their troubles to the ladder.
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
from modemgw.at.policy import ErrorAction, ErrorScope
from modemgw.domain.job import LineRecord
from modemgw.domain.line import LineState
from modemgw.errors import ModemgwError
from modemgw.line.calls import CallWatch
from modemgw.line.canary import Canary
from modemgw.line.ladder import Rung
from modemgw.line.radio import DriverRadio
from modemgw.line.receiver import Receiver
from modemgw.line.settings import LAST_SEND_S, Climb, Vitals, WorkerPorts, WorkerSettings
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
from modemgw.service import sending
from modemgw.service.sending import LineSender, LineTrouble

log = logging.getLogger(__name__)

#: Asked again while there is no network; a +CREG that comes by itself is quicker.
REGISTRATION_S = 10.0

#: The same at first: after a start a modem finds its network within seconds, and not all tell it.
REGISTRATION_SOON_S, SOON_FOR_S = 2.0, 30.0

#: Pauses of a line whose network refuses message after message to one recipient after the other, while it says that
#: it is registered.
NETWORK_PAUSES_S = (0.0, 5.0, 15.0, 30.0, 60.0, 120.0)

#: Time between looks through the memories of a modem that cannot be made to tell of arriving messages.
UNTOLD_SWEEP_S = 10.0

#: A modem that says that it has started anew says no result of a send any more, unless it was under way already.
REBOOTED_SEND_S = 3.0

#: How long the outcome of a send takes to be kept once its port was closed.
OUTCOME_S = 5.0

#: Pause after a sweep that the store could not take.
STORE_RETRY_S = 2.0

#: A modem that leaves two questions about its messages unanswered within so long needs more than a resync.
STALLED_S = 120.0

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
        set_state: Callable[[LineState, str | None], None],
    ) -> None:
        self._driver = driver
        self._settings = settings
        self._ports = ports
        self._vitals = vitals
        self._ladder = vitals.ladder
        self._switch = vitals.switch
        self._set_state = set_state
        self._turn = Turn()
        self._trouble: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._registered = asyncio.Event()
        self._halted = asyncio.Event()  # no network, or paused by hand: nothing more is to be sent
        self._winding_down = False
        self._receiver = Receiver(driver, ports.repository, self._turn, self._something_kept, self._note_fill)
        self.conversation = Conversation(settings.name, driver.talk, self.errand, self._note)
        self._calls = CallWatch(settings.name, settings.calls, self.errand, self._note)
        self._sender: LineSender | None = None
        self._line: LineRecord | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._network_refused: set[str | None] = set()  # recipients, since something was sent
        self._modem_troubles = 0
        self._sent_before = 0
        self._late: list[int] = []  # references that came before the line was known
        self._stalled_at = -STALLED_S
        self.rebooted = False  # since the last look: what was set up is forgotten
        self.registration: Registration | None = None
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
    def line(self) -> LineRecord | None:
        return self._line

    def on_event(self, event: object) -> None:
        """What the driver saw, in order; quick, never raises."""
        if self._receiver.on_event(event) or self._calls.on_event(event):
            return
        if isinstance(event, RegistrationChanged):
            self._note_registration(event.registration)
        elif isinstance(event, Rebooted):
            self.rebooted = True
            if self._line is not None:  # while it is set up the worker sees to it
                self._fail_rebooted(f"The modem has started anew by itself ({event.text}).")
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
            self._note("line.power", text=event.text)
        elif isinstance(event, Unannounced):
            if self._ladder.has(Rung.OTHER_PORT, time.monotonic()):
                reason = "Messages come unannounced: the modem tells of them at another of its ports."
                self._fail(Climb(Rung.OTHER_PORT, reason, again=True))
        elif isinstance(event, UssdReply):
            self.conversation.on_reply(event)
        else:
            log.debug("%s: %s", self._settings.name, event)

    def on_lost(self, error: PortLost) -> None:
        """The port is gone."""
        self._fail(error)

    def switched(self) -> None:
        """The operator paused or resumed the line."""
        self._halt_or_go()

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
        self._note_registration(info.registration)
        self.signal = info.signal
        self._note("line.up", modem=name, imei=info.imei, model=info.model)
        for mr in self._late:
            await self._adopt(line, mr)
        until = ports.clock() + int(sending.REPORT_WAIT_S * 1000)
        await ports.repository.spare_copies(line, until)
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
        return Canary(self._settings, self._ports, line, self._driver_ready, self._make_room, self._note)

    def _sweep_interval_s(self, info: ModemInfo) -> float:
        tells = len(info.cnmi) > 1 and info.cnmi[0] != 0 and info.cnmi[1] != 0
        return self._settings.sweep_interval_s if tells else min(UNTOLD_SWEEP_S, self._settings.sweep_interval_s)

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
            await asyncio.wait({sender}, timeout=OUTCOME_S)
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
            await self._until_may_send()
            self._set_state(LineState.READY, None)
            try:
                await self._run_unhalted(sender)
            except LineTrouble as trouble:
                self._count_sent(sender)
                if self._trouble.done():
                    await self._trouble  # the modem is gone already: nothing of this is worth a rung
                await self._mend(trouble)

    def _count_sent(self, sender: LineSender) -> None:
        if sender.sent > self._sent_before:
            self._network_refused.clear()
            self._modem_troubles = 0
            self._ladder.proved()
        self._sent_before = sender.sent

    async def _run_unhalted(self, sender: LineSender) -> None:
        """The sender, until it is to halt: what is in the air is finished, the rest stays in the queue."""
        running = asyncio.ensure_future(sender.run())
        halted = asyncio.ensure_future(self._halted.wait())
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

    def _driver_ready(self) -> bool:
        return not self._halted.is_set()

    async def _mend(self, trouble: LineTrouble) -> None:
        name, reason = self._settings.name, str(trouble)
        self._note("line.trouble", modem=name, scope=str(trouble.scope), reason=reason)
        log.warning("%s: %s", name, reason)
        if trouble.action is ErrorAction.FAIL_COUNT:
            await self._pause_line(reason)
        elif trouble.action is ErrorAction.STOP_LINE:
            raise Climb(Rung.REINIT, reason, again=True)
        elif trouble.action is ErrorAction.RADIO_RESET:
            raise Climb(Rung.RADIO, reason, again=True)
        elif trouble.action is ErrorAction.FULL_RESET:
            raise Climb(Rung.RESET, reason, again=True)
        elif trouble.action is ErrorAction.SWEEP_RETRY:
            await self._make_room()
        elif trouble.action is ErrorAction.USE_CONFIGURED_SMSC:
            await self._missing_smsc(reason)
        elif trouble.scope is ErrorScope.NETWORK:
            await self._network_trouble(reason, trouble.recipient)
        elif trouble.action is ErrorAction.REINIT_RETRY_ONCE:
            raise Climb(Rung.REOPEN, reason)
        else:
            await self._modem_trouble(reason)

    async def _pause_line(self, reason: str) -> None:
        pause_s = self._settings.sending.pause_ms / 1000
        self._set_state(LineState.PAUSED, f"{reason} Paused for {pause_s / 60:g} minutes, or until it is resumed.")
        self._note("line.paused", modem=self._settings.name, reason=reason, seconds=pause_s)
        by_hand = await self._switch.rest(pause_s)
        self._note("line.resumed", modem=self._settings.name, by="hand" if by_hand else "time")

    def _pacing(self, rest: Rest | None) -> None:
        """The sender waits for the line's quota, or goes on."""
        if rest is None:
            self._set_state(LineState.READY, None)
            return
        until = datetime.fromtimestamp(rest.until / 1000, UTC)
        self._set_state(LineState.PAUSED, f"{rest.reason} Sending goes on at {until:%Y-%m-%d %H:%M:%S} UTC.")
        self._note("line.quota", modem=self._settings.name, reason=rest.reason, until=rest.until)

    async def _make_room(self) -> None:
        try:
            await self._receiver.sweep()
        except (PortLost, CommandTimeout):
            raise
        except ModemgwError as error:
            log.warning("%s: the memories could not be emptied: %s", self._settings.name, error)
            await asyncio.sleep(STORE_RETRY_S)

    async def _missing_smsc(self, reason: str) -> None:
        smsc = self._settings.smsc
        if smsc is None:
            await self._pause_line(f"{reason} Set smsc of this modem in the configuration.")

    async def _network_trouble(self, reason: str, recipient: str | None) -> None:
        self._note_registration(await self._driver.registration())
        if self._registered.is_set():
            again = recipient is not None and recipient in self._network_refused
            self._network_refused.add(recipient)
            pause = 0.0 if again else NETWORK_PAUSES_S[min(len(self._network_refused), len(NETWORK_PAUSES_S)) - 1]
            if pause:
                self._set_state(LineState.RECOVERING, reason)
                await asyncio.sleep(pause)

    async def _modem_trouble(self, reason: str) -> None:
        """The first rung is climbed in place; the others need a fresh start."""
        self._modem_troubles += 1
        if self._modem_troubles > 1:
            raise Climb(Rung.REOPEN, reason)
        await self._resync(reason)

    async def _resync(self, reason: str) -> None:
        """The ladder's first rung, in place. Raises ModemSilent if it does not help."""
        if not self._ladder.take(Rung.RESYNC, time.monotonic()):
            raise Climb(Rung.REOPEN, reason)
        self._note("line.recovering", modem=self._settings.name, rung=Rung.RESYNC.name.lower(), reason=reason)
        async with self._turn:
            await self._driver.resync()

    # -- receiving and watching ---------------------------------------------------------------------------

    async def _receive(self, sweep_interval_s: float) -> None:
        """The receiver; a question that it got no answer to is asked again once, after a resync."""
        while True:
            try:
                await self._receiver.run(sweep_interval_s)
            except ModemSilent:
                raise
            except CommandTimeout as error:
                now = time.monotonic()
                if now - self._stalled_at < STALLED_S:
                    raise Climb(Rung.REOPEN, str(error)) from error
                self._stalled_at = now
                await self._resync(str(error))
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
                await self._resync(str(error))
                continue
            now = time.monotonic()
            if not announces:
                self._set_up_anew(now)
            self._note_registration(registration)
            if registration.usable:
                self._ladder.well(now)

    def _set_up_anew(self, now: float) -> None:
        """The modem announces nothing any more: it has started anew in silence, has given up on a message that was
        not acknowledged in time, or keeps to itself what it should tell. A line that can do nothing more about it
        goes on, and looks through the memories."""
        reason = "The modem does not announce messages any more, as it was told to (AT+CNMI)."
        without = (Rung.OTHER_PORT,)
        if self._ladder.find(now, at_least=Rung.REINIT, without=without) is not Rung.QUARANTINE:
            raise Climb(Rung.REINIT, reason, again=self._ladder.has(Rung.REINIT, now), without=without)
        log.warning("%s: %s", self._settings.name, reason)

    def _note_fill(self, fills: Sequence[StorageFill]) -> None:
        """A memory that gets full, and one that is no longer, is told once."""
        for fill, full in self._vitals.storage.note(fills):
            kind = "line.storage" if full else "line.storage_relieved"
            if full:
                log.warning(
                    "%s: memory %s holds %d of %d messages", self._settings.name, fill.memory, fill.used, fill.total
                )
            self._note(kind, modem=self._settings.name, memory=fill.memory, used=fill.used, total=fill.total)

    # -- registration -------------------------------------------------------------------------------------

    def _note_registration(self, registration: Registration) -> None:
        before = self.registration
        self.registration = registration
        if registration.usable:
            self._registered.set()
            self._vitals.unregistered_since = None
        else:
            self._registered.clear()
            if self._vitals.unregistered_since is None:
                self._vitals.unregistered_since = time.monotonic()
        self._halt_or_go()
        if before is not None and before.stat != registration.stat:
            self._note("line.registration", modem=self._settings.name, text=registration.text)

    def _halt_or_go(self) -> None:
        if self._registered.is_set() and self._switch.paused_by is None:
            self._halted.clear()
        else:
            self._halted.set()

    async def _until_may_send(self) -> None:
        """Until there is a network and the operator lets the line send. Climbs where there is none for too long."""
        while self._halted.is_set():
            if self._switch.paused_by is not None:
                self._set_state(LineState.PAUSED, f"Paused by {self._switch.paused_by}.")
                await self._switch.rest(None)
                self._halt_or_go()
                continue
            text = self.registration.text if self.registration else "unknown"
            self._set_state(LineState.SEARCHING, f"Network: {text}.")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._registration_pause_s()):
                    await self._registered.wait()
                    continue
            async with self._turn:
                self._note_registration(await self._driver.registration())
            self._check_registration(text)

    def _registration_pause_s(self) -> float:
        since = self._vitals.unregistered_since
        soon = since is not None and time.monotonic() - since < SOON_FOR_S
        return min(REGISTRATION_SOON_S, REGISTRATION_S) if soon else REGISTRATION_S

    def _check_registration(self, text: str) -> None:
        since, now = self._vitals.unregistered_since, time.monotonic()
        limit = self._settings.registration_limit_s
        if since is None or now - since < limit:
            return
        self._vitals.unregistered_since = now
        reason = f"No network for {limit:g} s: {text}."
        self._note("line.no_network", modem=self._settings.name, reason=reason)
        # another port does not help, and a line in quarantine would not see the network come back
        without = (Rung.OTHER_PORT,)
        if self._ladder.find(now, at_least=Rung.RADIO, without=without) is not Rung.QUARANTINE:
            raise Climb(Rung.RADIO, reason, without=without)
        log.warning("%s: %s", self._settings.name, reason)

    # -- small things -------------------------------------------------------------------------------------

    async def _adopt(self, line: LineRecord, mr: int) -> None:
        try:
            part = await self._ports.repository.adopt_late_cmgs(line, mr)
        except ModemgwError as error:  # the part stays in doubt: a report may yet end it
            log.warning("%s: a late +CMGS: %d could not be kept: %s", self._settings.name, mr, error)
            return
        if part is not None:
            log.info("%s: message %d, part %d went out after all", self._settings.name, *part)
            self._ports.dispatcher.refresh()

    def _something_kept(self) -> None:
        self._ports.timers.wake_by(self._ports.clock() + RESUME_MS)

    def _fail_rebooted(self, reason: str) -> None:
        hint = self._vitals.reboots.note(time.monotonic())
        self._fail(Climb(Rung.REINIT, hint or reason, again=True, send_limit_s=REBOOTED_SEND_S))

    def _fail(self, error: Exception) -> None:
        if not self._trouble.done():
            self._trouble.set_exception(error)
            self._trouble.exception()  # seen: a session that does not run any more has nobody to be told

    def _note(self, kind: str, **data: object) -> None:
        line_id = self._line.id if self._line else None
        self._spawn(self._write_note(kind, line_id, data))

    async def _write_note(self, kind: str, line_id: int | None, data: dict[str, object]) -> None:
        with contextlib.suppress(ModemgwError):
            await self._ports.repository.note(kind, line_id, **data)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
