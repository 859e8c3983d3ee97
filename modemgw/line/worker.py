"""One modem from port to shutdown: opens, sets up, sends, receives, sweeps, watches, recovers, for as long as it
is asked to. Owns the line's state; the dialogue is the driver's, the use cases are service's."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from modemgw.at.errors import CommandFailed, CommandTimeout
from modemgw.domain.events import EventKind
from modemgw.domain.line import LineState, ModemView, StorageView
from modemgw.errors import ModemgwError
from modemgw.line.ladder import ALWAYS, Ladder, Rung
from modemgw.line.port_choice import PortTaken, Whereabouts
from modemgw.line.session import Session
from modemgw.line.settings import Climb, LineNotReady, Vitals, WorkerPorts, WorkerSettings
from modemgw.line.ussd_dialogue import Conversation
from modemgw.modem.dialogue.driver import Driver, InitialiseFailed, ModemInfo, ResetKind, SimProblem, SimReason
from modemgw.modem.ports.discovery import PLACE
from modemgw.modem.ports.hotplug import HotPlug
from modemgw.modem.ports.power import PowerError, power_cycle, usb_device, usb_reset, why_no_usb_reset
from modemgw.modem.ports.transport import (
    PortBusy,
    PortDenied,
    PortError,
    PortLost,
    PortMissing,
    Transport,
    holders,
    open_transport,
)

log = logging.getLogger(__name__)

#: Looks for a port, after which they are fewer.
SOON = 120

#: Set-ups in a row for a modem that starts anew while it is set up.
SET_UPS = 3

#: The profile of a modem that nobody has described.
GENERIC = "generic"

_RESETS = {Rung.REINIT: ResetKind.SOFT, Rung.RADIO: ResetKind.RADIO, Rung.RESET: ResetKind.FULL}

T = TypeVar("T")


class Worker:
    """Runs one modem. `run` returns after `stop`; nothing that happens to the modem ends it."""

    def __init__(
        self,
        settings: WorkerSettings,
        ports: WorkerPorts,
        whereabouts: Whereabouts | None = None,
        plugs: HotPlug | None = None,
    ) -> None:
        """`whereabouts` knows the port, `plugs` when ports come and go; without it they are looked for."""
        self.settings = settings
        self._timing = timing = settings.timing
        self.port = settings.port
        self._whereabouts = whereabouts if whereabouts is not None else Whereabouts(settings)
        self._plugs = plugs
        self._transport: Transport | None = None
        self._node: str | None = None  # the device file that is open, whatever link led to it
        self._ports = ports
        self._state = LineState.ABSENT
        self._reason: str | None = None
        self._since = ports.clock()
        self._info: ModemInfo | None = None
        self._session: Session | None = None
        self._vitals = Vitals(Ladder(budgets=dict(timing.budgets), well_s=timing.well_s, stay_s=timing.quarantine_s))
        self._profile = settings.driver.profiles.get(settings.profile)
        self._tried: set[str] = set()  # ports of the device that were left for another
        self._told: str | None = None
        self._down = False  # it is, and that was told
        self._patient_until = 0.0
        self._stop = asyncio.Event()
        self._failures = 0
        self._pending_rung: Rung | None = None
        self._line_id: int | None = None
        self._totals = [0, 0]  # sent, received in sessions that are over

    # -- what others see ----------------------------------------------------------------------------------

    def view(self) -> ModemView:
        """The modem as clients see it."""
        info, session = self._info, self._session
        registration = session.registration if session else None
        signal = session.signal if session else None
        return ModemView(
            name=self.settings.name,
            port=self.port or "",
            state=self._state,
            reason=self._reason,
            imei=info.imei if info else None,
            imsi=info.imsi if info else None,
            iccid=info.iccid if info else None,
            number=(info.number if info else None) or self.settings.number,
            manufacturer=info.manufacturer if info else None,
            model=info.model if info else None,
            firmware=info.firmware if info else None,
            operator=info.operator if info else None,
            registration=registration.text if registration else None,
            signal_dbm=signal.dbm if signal else None,
            smsc=self.settings.smsc or (info.smsc if info else None),
            storage=tuple(StorageView(s.memory, s.used, s.total) for s in session.fill) if session else (),
            since=self._since,
            sent=self._totals[0] + (session.sent if session else 0),
            received=self._totals[1] + (session.received if session else 0),
            in_air=bool(session and session.in_air),
            paused=self._vitals.switch.paused_by is not None,
            reports=info.reports if info else None,
            recoveries=tuple((_name(rung), count) for rung, count in sorted(self._vitals.ladder.climbs.items())),
        )

    async def errand(self, work: Callable[[Driver], Awaitable[T]]) -> T:
        """Let `work` have the modem to itself between two messages; keep it short. Raises LineNotReady while there is
        no session, and what `work` raises."""
        session = self._session
        if session is None or session.line is None:
            raise self._not_ready()
        return await session.errand(work)

    def conversation(self) -> Conversation:
        """The USSD dialogue of the line. Raises LineNotReady while there is no session."""
        session = self._session
        if session is None or session.line is None:
            raise self._not_ready()
        return session.conversation

    def _not_ready(self) -> LineNotReady:
        state = f"{self._state}: {self._reason}" if self._reason else str(self._state)
        return LineNotReady(self.settings.name, f"The modem {self.settings.name} cannot be asked now ({state}).")

    # -- life ---------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Ask `run` to return: the part in the air is waited for up to the limit, nothing new goes out."""
        self._stop.set()

    def pause(self, by: str) -> None:
        """Send nothing more until `resume`; what is in the air is finished, and receiving goes on."""
        self._vitals.switch.pause(by)
        if self._session is not None:
            self._session.switched()

    def unplugged(self, node: str) -> None:
        """The system says that a device file is gone. The open port tells so itself, mostly."""
        if self._transport is not None and node == self._node and not _there(node):
            self._transport.drop()

    def resume(self) -> None:
        """End a pause of either kind, a stay in quarantine, and the wait for a person to see to the SIM."""
        self._vitals.switch.resume()
        if self._session is not None:
            self._session.switched()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stop.is_set():
            try:
                await self._after(await self._spell())
            except _Stopped:
                break
            except Exception as error:  # a bug of ours must not take the line down for good
                log.exception("%s: unexpected", self.settings.name)
                self._set(LineState.RECOVERING, f"Internal error: {error!r}")
                await self._pause(self._next_pause())
        self._whereabouts.release()
        self._set(LineState.STOPPED, None)

    async def _spell(self) -> Exception | None:
        """Everything between opening a port and closing it again: what ended it, None for `stop`."""
        driver: Driver | None = None
        ending: Exception | None = None
        try:
            transport = await self._stoppable(self._open())
            try:
                driver, session = self._make(transport)
            except BaseException:
                transport.close()
                raise
            if await self._stoppable(self._do_pending_rung(driver, transport)):
                return None
            self._set(LineState.STARTING, self._reason)
            info = await self._initialise(driver, session)
            self._session = session
            self._failures = 0
            self._down = False
            await session.run(info, self._stop)
        except ModemgwError as error:
            ending = error
        finally:
            self._end_session()
            self._transport = None
            if driver is not None:
                await self._close(driver)
        if ending is not None:
            await self._tell_down(str(ending))
        return ending

    async def _tell_down(self, reason: str) -> None:
        """Once for each time that the line was up, and at the start: it is not."""
        if self._down:
            return
        self._down = True
        log.warning("%s: down: %s", self.settings.name, reason)
        await self._note(EventKind.LINE_DOWN, reason=reason)

    async def _after(self, ending: Exception | None) -> None:
        """What the end of a spell asks for, with the port closed."""
        for kinds, recover in _RECOVERIES:
            if isinstance(ending, kinds):
                await recover(self, ending)
                return

    async def _missing(self, ending: PortMissing) -> None:
        self._pending_rung = None
        self._whereabouts.release()
        self._set(LineState.ABSENT, str(ending))
        await self._wait_for_port()

    async def _vanished(self, ending: PortLost) -> None:
        self._whereabouts.release()
        self.port = self.settings.port  # what has its name next may be another modem
        self._lost(ending)
        self._failures += 1
        await self._pause(self._timing.missing_s if self._failures == 1 else self._next_pause())

    async def _held(self, ending: PortDenied | PortBusy) -> None:
        self._set(LineState.BLOCKED, str(ending))
        pause = self._next_pause()
        await self._until_plugged(pause, pause)  # udev may yet set its group

    async def _unusable(self, ending: PortError) -> None:
        self._whereabouts.release()
        self._set(LineState.ABSENT, str(ending))
        await self._pause(self._next_pause())

    async def _no_sim(self, ending: SimProblem) -> None:
        passing = ending.reason in (SimReason.BUSY, SimReason.FAILURE)
        self._set(LineState.BLOCKED, str(ending))
        missing_s = self._timing.no_sim_s if ending.reason is SimReason.NOT_INSERTED else self._timing.sim_s
        await self._rest(self._next_pause() if passing else missing_s)

    async def _unanswered(self, ending: ModemgwError) -> None:
        if time.monotonic() < self._patient_until:  # it has just come, and may still be starting
            self._set(LineState.STARTING, str(ending))
            await self._pause(min(self._next_pause(), self._timing.patient_pause_s))
        else:
            await self._climb(Climb(Rung.REOPEN, f"{ending}{await self._who_else()}"))

    async def _try_again(self, ending: Exception) -> None:
        self._set(LineState.RECOVERING, str(ending))
        await self._pause(self._next_pause())

    async def _who_else(self) -> str:
        """Programs that have the port open too, as a sentence: what the modem answers may go to them."""
        if self._node is None:
            return ""
        others = await asyncio.to_thread(holders, self._node)
        return f" {', '.join(others)} has the port open too and may read its answers; stop it." if others else ""

    # -- one spell ----------------------------------------------------------------------------------------

    async def _open(self) -> Transport:
        known = self._info.imei if self._info is not None else None
        self.port = port = await self._whereabouts.find(self.port, known)
        self._set(LineState.OPENING, self._reason)
        self._node = _node(port)
        self._transport = await open_transport(port, baudrate=self.settings.baudrate)
        return self._transport

    def _make(self, transport: Transport) -> tuple[Driver, Session]:
        session: Session | None = None

        def on_event(event: object) -> None:
            if session is not None:
                session.on_event(event)

        def on_lost(error: PortLost) -> None:
            if session is not None:
                session.on_lost(error)

        driver = self._ports.make_driver(transport, self.settings, on_event, on_lost)
        if self._profile is not None:
            driver.assume(self._profile)
        session = Session(driver, self.settings, self._ports, self._vitals, self._set)
        return driver, session

    async def _initialise(self, driver: Driver, session: Session) -> ModemInfo:
        """Set the modem up; again where it started anew meanwhile."""
        for _ in range(SET_UPS):
            session.rebooted = False
            try:
                info = await self._stoppable(driver.initialise(self.settings.driver))
            except ModemgwError:
                if driver.profile.name != GENERIC:  # it got as far as saying what it is
                    self._profile = driver.profile
                raise
            if not session.rebooted:
                break
        self._check_identity(info)
        self._info, self._profile = info, driver.profile
        for note in info.notes:
            log.info("%s: %s", self.settings.name, note)
        self._vitals.ladder.allowed = await self._rungs()
        return info

    def _check_identity(self, info: ModemInfo) -> None:
        """A port that was found for an IMEI may have another modem by now."""
        wanted = self.settings.imei
        if wanted and info.imei and info.imei[:14] != wanted[:14]:
            port, self.port = self.port, self.settings.port
            self._profile = None
            self._whereabouts.release()
            raise PortError(port or "", f"There is a modem with IMEI {info.imei}, not {wanted}.")
        try:
            self._whereabouts.know(info)
        except PortTaken:
            self.port = self.settings.port
            self._whereabouts.release()
            raise

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._totals[0] += session.sent
            self._totals[1] += session.received
            if session.line is not None:
                self._line_id = session.line.id

    async def _close(self, driver: Driver) -> None:
        with contextlib.suppress(ModemgwError, OSError):
            await driver.close()

    # -- the ladder ---------------------------------------------------------------------------------------

    async def _rungs(self) -> frozenset[Rung]:
        """The rungs that this line has: by its model, its port, the host and the configuration."""
        rungs = set(ALWAYS)
        if self._profile is not None and self._profile.radio_reset:
            rungs.add(Rung.RADIO)
        if self._profile is not None and self._profile.full_reset:
            rungs.add(Rung.RESET)
        if await self._other_port() is not None:
            rungs.add(Rung.OTHER_PORT)
        if self.settings.usb_reset and self.port is not None:
            problem = why_no_usb_reset(self.port)
            if problem is None:
                rungs.add(Rung.USB_RESET)
            elif problem != self._told:
                self._told = problem
                log.warning("%s: %s", self.settings.name, problem)
        if self.settings.power_cycle:
            rungs.add(Rung.POWER)
        return frozenset(rungs)

    async def _other_port(self) -> str | None:
        """Another AT port of the same device that was not tried lately."""
        if self.port is None:
            return None
        ports = [port for port in await self._whereabouts.siblings(self.port) if port not in self._tried]
        return ports[0] if ports else None

    async def _climb(self, climb: Climb) -> None:
        """Choose the rung and climb it, or prepare it: what needs an open port is done when it is open again."""
        ladder, now, reason = self._vitals.ladder, time.monotonic(), climb.reason
        ladder.allowed = await self._rungs()
        if climb.again and ladder.take(climb.rung, now):
            rung = climb.rung
        else:
            rung = ladder.next(now, at_least=climb.rung, without=climb.without)
        self._set(LineState.RECOVERING, reason)
        if rung is Rung.QUARANTINE:
            await self._quarantine(reason)
            return
        log.warning("%s: %s Trying: %s.", self.settings.name, reason, _name(rung))
        await self._note(EventKind.LINE_RECOVERING, rung=_name(rung), reason=reason)
        try:
            await self._stoppable(self._from_outside(rung, deaf=climb.rung is Rung.OTHER_PORT))
        except PowerError as error:
            log.error("%s: %s", self.settings.name, error)
            await self._note(EventKind.LINE_RECOVERY_FAILED, rung=_name(rung), reason=str(error))
        self._pending_rung = rung
        await self._pause(self._next_pause())

    async def _from_outside(self, rung: Rung, *, deaf: bool) -> None:
        """The rungs for which the port must be closed. `deaf`: the modem is well, but announces nothing at this port;
        one that hung there says nothing about the port, nor about its like."""
        port = self.port or ""
        if rung is Rung.OTHER_PORT:
            other = await self._other_port()
            if other is not None:
                log.warning("%s: from %s to %s", self.settings.name, port, other)
                self._tried = {*self._tried, port}
                if deaf:
                    self._whereabouts.avoid(port)
                self.port = other
        elif rung is Rung.USB_RESET:
            device = usb_device(port)
            if device is None:
                raise PowerError(f"{port} is not on USB any more.")
            await usb_reset(device)
            self._be_patient()
        elif rung is Rung.POWER:
            await power_cycle(self.settings.power_cycle, {"MODEMGW_MODEM": self.settings.name, "MODEMGW_PORT": port})
            self._be_patient()

    async def _do_pending_rung(self, driver: Driver, transport: Transport) -> bool:
        """The part of a rung that talks to the modem, before it is set up. True: the port must be opened again."""
        rung, self._pending_rung = self._pending_rung, None
        if rung is Rung.REOPEN:
            await transport.toggle_dtr()
        kind = _RESETS.get(rung) if rung is not None else None
        if kind is None or (kind is ResetKind.SOFT and not driver.profile.soft_reset):
            return False
        await driver.resync()
        await driver.reset(kind)
        if kind is not ResetKind.FULL:
            return False
        await self._close(driver)
        self._be_patient()
        await self._pause(self._timing.reset_grace_s)
        return True

    async def _quarantine(self, reason: str) -> None:
        """Nothing helped. The line comes back after a while, when it is plugged anew, or when it is resumed."""
        stay = self._vitals.ladder.quarantine_s()
        log.error("%s: %s Nothing helped; left alone for %g s.", self.settings.name, reason, stay)
        resumed = asyncio.ensure_future(self._vitals.switch.rest(stay))
        self._set(LineState.QUARANTINED, f"{reason} Nothing helped; left alone for {stay:g} s.")
        self._tried = set()
        try:
            await self._note(EventKind.LINE_QUARANTINED, reason=reason, seconds=stay)
            before = _mark(self.port)
            while not self._stop.is_set() and not resumed.done():
                await self._pause(self._timing.missing_s)
                now = _mark(self.port)
                if now is not None and now != before:
                    self._be_patient()
                    break
                if now is None:
                    before = None  # unplugged: it may come back under the same number
        finally:
            resumed.cancel()
            await asyncio.gather(resumed, return_exceptions=True)
        self._failures = 0
        await self._note(EventKind.LINE_RELEASED)

    def _lost(self, error: PortLost) -> None:
        hint = self._vitals.losses.note(time.monotonic())
        self._set(LineState.ABSENT, f"{error} {hint}" if hint else str(error))
        self._vitals.unregistered_since = None
        self._be_patient()

    def _be_patient(self) -> None:
        """The modem has just been switched on: for a while its silence is no trouble."""
        self._patient_until = time.monotonic() + self._timing.boot_s

    # -- waiting ------------------------------------------------------------------------------------------

    async def _stoppable(self, work: Coroutine[Any, Any, T]) -> T:
        """`work`, unless `stop` comes first; then it is cancelled and _Stopped raised."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise _Stopped
        finally:
            stop.cancel()
            if not task.done():
                task.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    def _next_pause(self) -> float:
        pauses = self._timing.trouble_s
        pause = pauses[min(self._failures, len(pauses) - 1)]
        self._failures += 1
        return pause

    async def _pause(self, seconds: float) -> None:
        """Sleep, or until `stop`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _rest(self, seconds: float) -> None:
        """Sleep, or until `stop` or `resume`."""
        with contextlib.suppress(_Stopped):
            await self._stoppable(self._vitals.switch.rest(seconds))

    async def _wait_for_port(self) -> None:
        """Until it is worth while to look for the port again, or `stop`. Network ports are simply tried again."""
        port = self.settings.port
        self._failures += 1
        soon = self._failures < SOON
        if port is not None and "://" in port:
            await self._pause(self._timing.network_port_s if soon else self._timing.network_port_later_s)
        elif port is None or port.startswith(PLACE):
            self.port = port
            look_s = self._timing.locate_s if soon else self._timing.locate_later_s
            await self._until_plugged(look_s, self._timing.locate_told_s)
        else:
            self.port = port
            if _there(port):  # and yet it cannot be opened
                await self._pause(self._next_pause())
            elsewhere = time.monotonic() + self._timing.follow_s
            while not self._stop.is_set() and not _there(port):
                heard = await self._until_plugged(self._timing.missing_s, self._timing.missing_told_s)
                if self._info is not None and (heard or time.monotonic() > elsewhere):
                    break  # it may have come back under another name
        self._be_patient()

    async def _until_plugged(self, seconds: float, told_s: float) -> bool:
        """Until a device with all its ports has come or gone (True), `stop`, or for so long: `told_s` where one is told
        of ports that come."""
        plugs, port = self._plugs, self.settings.port
        if plugs is None:
            await self._pause(seconds)
            return False
        with contextlib.suppress(_Stopped):
            limit_s = told_s if plugs.proven and _is_told(port) else seconds
            if await self._stoppable(plugs.wait(limit_s)):
                await self._stoppable(plugs.settled())
                return True
        return False

    # -- telling ------------------------------------------------------------------------------------------

    async def _note(self, kind: EventKind, **data: object) -> None:
        with contextlib.suppress(ModemgwError):
            await self._ports.repository.note(kind, self._line_id, modem=self.settings.name, **data)

    def _set(self, state: LineState, reason: str | None) -> None:
        if (state, reason) == (self._state, self._reason):
            return
        if state is not self._state:
            self._since = self._ports.clock()
            log.info("%s: %s%s", self.settings.name, state, f" ({reason})" if reason else "")
        old, (self._state, self._reason) = self._state, (state, reason)
        if old is not state:
            self._ports.changed()


#: What ends a spell, the particular before the general, and what is done about it.
_RECOVERIES: tuple[tuple[tuple[type[Exception], ...], Callable[[Worker, Any], Awaitable[None]]], ...] = (
    ((PortMissing,), Worker._missing),
    ((PortLost,), Worker._vanished),
    ((PortDenied, PortBusy), Worker._held),
    ((PortError,), Worker._unusable),
    ((SimProblem,), Worker._no_sim),
    ((Climb,), Worker._climb),
    ((CommandTimeout, CommandFailed, InitialiseFailed), Worker._unanswered),
    ((Exception,), Worker._try_again),
)


def _name(rung: Rung) -> str:
    return rung.name.lower()


def _there(path: str) -> bool:
    return os.path.exists(path)


def _node(port: str) -> str | None:
    return None if "://" in port else os.path.realpath(port)


def _is_told(port: str | None) -> bool:
    """The system tells when this port comes: not of ptys, and not of links that somebody made."""
    return port is None or port.startswith(PLACE) or (port.startswith("/dev/") and not port.startswith("/dev/pts/"))


def _mark(path: str | None) -> tuple[str, int, int] | None:
    """What tells a port from the one that has its name after a replug; None while there is none."""
    if path is None or "://" in path:
        return None
    try:
        status = os.stat(path)
    except OSError:
        return None
    return os.path.realpath(path), status.st_rdev, status.st_ino


class _Stopped(Exception):
    """`stop` was called while the modem was being set up."""
