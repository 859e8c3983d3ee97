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

from modemgw.at.errors import CommandFailed
from modemgw.domain.line import LineState, ModemView, StorageView
from modemgw.errors import ModemgwError
from modemgw.modem.channel import CommandTimeout
from modemgw.modem.driver import Driver, InitialiseFailed, ModemInfo, ResetKind, SimProblem
from modemgw.modem.ladder import Ladder, Rung
from modemgw.modem.session import Climb, Session, WorkerPorts, WorkerSettings
from modemgw.modem.transport import PortError, PortLost, PortMissing, Transport, open_transport

log = logging.getLogger(__name__)

#: How soon a missing port is looked for again; a look is one stat(2).
MISSING_S = 0.5

#: How soon a modem that is known by its IMEI is looked for again.
LOCATE_S = 2.0

#: Pauses between tries at a port that is there and cannot be used.
TROUBLE_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)

#: How long a SIM that needs a person is left alone before it is looked at again.
SIM_S = 60.0

#: After a full reset the device goes and comes back; a port that never went is opened again after this.
RESET_GRACE_S = 5.0

T = TypeVar("T")


class Worker:
    """Runs one modem. `run` returns after `stop`; nothing that happens to the modem ends it."""

    def __init__(
        self,
        settings: WorkerSettings,
        ports: WorkerPorts,
        locate: Callable[[str], Awaitable[str | None]] | None = None,
    ) -> None:
        """`locate` finds the port of the modem with an IMEI; for modems that are not bound to a port."""
        self.settings = settings
        self.port = settings.port
        self._locate = locate
        self._ports = ports
        self._state = LineState.ABSENT
        self._reason: str | None = None
        self._since = ports.clock()
        self._info: ModemInfo | None = None
        self._session: Session | None = None
        self._ladder = Ladder()
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
            number=info.number if info else None,
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
        )

    # -- life ---------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Ask `run` to return: the part in the air is waited for up to the limit, nothing new goes out."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`."""
        while not self._stop.is_set():
            try:
                transport = await self._open()
            except PortMissing as error:
                self._set(LineState.ABSENT, str(error))
                await self._wait_for_port()
                continue
            except PortError as error:
                self._set(LineState.ABSENT, str(error))
                await self._pause(self._next_pause())
                continue
            await self._with_driver(transport)
        self._set(LineState.STOPPED, None)

    async def _open(self) -> Transport:
        port = self.port
        if port is None or (self.settings.port is None and not _there(port)):
            imei = self.settings.imei or ""
            port = self.port = await self._locate(imei) if self._locate is not None else None
            if port is None:
                raise PortMissing("", f"No port of this machine has the modem with IMEI {imei}. Is it plugged in?")
        self._set(LineState.OPENING, self._reason)
        return await open_transport(port, baudrate=self.settings.baudrate)

    async def _with_driver(self, transport: Transport) -> None:
        """Everything between opening a port and closing it again."""
        session: Session | None = None

        def on_event(event: object) -> None:
            if session is not None:
                session.on_event(event)

        def on_lost(error: PortLost) -> None:
            if session is not None:
                session.on_lost(error)

        driver = self._ports.make_driver(transport, self.settings, on_event, on_lost)
        session = Session(driver, self.settings, self._ports, self._ladder, self._set)
        try:
            await self._stoppable(self._do_pending_rung(driver, transport))
            self._set(LineState.STARTING, None)
            self._info = await self._stoppable(driver.initialise(self.settings.driver))
            self._check_identity(self._info)
            for note in self._info.notes:
                log.info("%s: %s", self.settings.name, note)
            self._session = session
            self._failures = 0
            await session.run(self._info, self._stop)
        except _Stopped:
            pass
        except SimProblem as error:
            self._set(LineState.BLOCKED, str(error))
            await self._close(driver)
            await self._pause(SIM_S)
        except Climb as climb:
            await self._climb(climb, driver)
        except (PortLost, PortError) as error:
            self._set(LineState.ABSENT, str(error))
            await self._close(driver)
            await self._pause(MISSING_S)
        except (CommandTimeout, CommandFailed, InitialiseFailed) as error:
            rung = self._ladder.next(time.monotonic(), at_least=Rung.REOPEN)
            await self._climb(Climb(rung, str(error)), driver)
        except ModemgwError as error:
            self._set(LineState.RECOVERING, str(error))
            await self._close(driver)
            await self._pause(self._next_pause())
        except Exception as error:  # a bug of ours must not take the line down for good
            log.exception("%s: unexpected", self.settings.name)
            self._set(LineState.RECOVERING, f"Internal error: {error!r}")
            await self._close(driver)
            await self._pause(self._next_pause())
        finally:
            if self._session is not None:
                self._totals[0] += self._session.sent
                self._totals[1] += self._session.received
                self._session = None
            await self._close(driver)

    def _check_identity(self, info: ModemInfo) -> None:
        """A port that was found for an IMEI may have another modem by now."""
        wanted = self.settings.imei
        if wanted and info.imei and info.imei[:14] != wanted[:14]:
            self.port = self.settings.port
            raise PortError(self.port or "", f"There is a modem with IMEI {info.imei}, not {wanted}.")

    async def _climb(self, climb: Climb, driver: Driver) -> None:
        """Prepare the rung that was chosen; what needs a fresh driver is done after the port is open again."""
        rung, reason = climb.rung, climb.reason
        log.warning("%s: %s Trying: %s.", self.settings.name, reason, rung.name.lower())
        self._set(LineState.RECOVERING, reason)
        with contextlib.suppress(ModemgwError):
            await self._ports.repository.note(
                "line.recovering", self._line_id, modem=self.settings.name, rung=rung.name.lower(), reason=reason
            )
        await self._close(driver)
        if rung is Rung.QUARANTINE:
            stay = self._ladder.quarantine_s()
            self._set(LineState.QUARANTINED, f"{reason} Nothing helped; left alone for {stay:g} s.")
            with contextlib.suppress(ModemgwError):
                await self._ports.repository.note(
                    "line.quarantined", self._line_id, modem=self.settings.name, reason=reason
                )
            await self._pause(stay)
            return
        self._pending_rung = rung
        await self._pause(self._next_pause())

    async def _do_pending_rung(self, driver: Driver, transport: Transport) -> None:
        """The part of a rung that talks to the modem, before it is set up anew."""
        rung, self._pending_rung = self._pending_rung, None
        if rung is None or rung is Rung.RESYNC:
            return
        if rung is Rung.REOPEN:
            await transport.toggle_dtr()
            return
        with contextlib.suppress(CommandTimeout):
            await driver.resync()
        if rung is Rung.RADIO:
            await driver.reset(ResetKind.RADIO)
        elif rung is Rung.RESET:
            with contextlib.suppress(CommandTimeout):
                await driver.reset(ResetKind.FULL)
            await self._pause(RESET_GRACE_S)

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

    async def _close(self, driver: Driver) -> None:
        with contextlib.suppress(ModemgwError, OSError):
            await driver.close()

    def _next_pause(self) -> float:
        pause = TROUBLE_S[min(self._failures, len(TROUBLE_S) - 1)]
        self._failures += 1
        return pause

    async def _pause(self, seconds: float) -> None:
        """Sleep, or until `stop`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _wait_for_port(self) -> None:
        """Until the port is there, or `stop`. Network ports are simply tried again."""
        port = self.settings.port
        if port is None:
            self.port = None
            await self._pause(LOCATE_S)
        elif "://" in port:
            await self._pause(self._next_pause())
        else:
            while not self._stop.is_set() and not _there(port):
                await self._pause(MISSING_S)

    def _set(self, state: LineState, reason: str | None) -> None:
        if (state, reason) == (self._state, self._reason):
            return
        if state is not self._state:
            self._since = self._ports.clock()
            log.info("%s: %s%s", self.settings.name, state, f" ({reason})" if reason else "")
        self._state, self._reason = state, reason


def _there(path: str) -> bool:
    return os.path.exists(path)


class _Stopped(Exception):
    """`stop` was called while the modem was being set up."""
