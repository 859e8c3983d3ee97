"""The port side of a dialogue: octets to and from a transport, timers, and who comes next.

What is said when, and what an answer means, is `at.dialogue`'s; this runs it on asyncio. Knows no modem's ways: see
`driver_at`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TypeVar

from modemgw.at.commands import Command
from modemgw.at.dialogue import Dialogue
from modemgw.at.outcomes import Counters, Finished, Response, Script, Write
from modemgw.at.parser import Urc
from modemgw.at.phases import Phase
from modemgw.at.sending import SendAborted, SendInDoubt, TpduHex
from modemgw.at.timing import Timing
from modemgw.modem.dialogue.driver import GoAhead
from modemgw.modem.ports.transport import PortLost, Transport

log = logging.getLogger(__name__)

OnUrc = Callable[[Urc], None]
T = TypeVar("T")


class Channel:
    """Runs commands one after the other, first come first served. URCs go to `on_urc` in the order of the bytes."""

    def __init__(
        self,
        transport: Transport,
        on_urc: OnUrc,
        *,
        on_lost: Callable[[PortLost], None] | None = None,
        counters: Counters | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.transport = transport
        self._on_urc = on_urc
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._dialogue = Dialogue(transport.url, timing, counters)
        self._lock = asyncio.Lock()
        self._waiter: asyncio.Future[Finished] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._submitting = False
        self._abandoned = False  # the payload is out, and nobody waits for its result: the lock is held for it
        self._told_repeats = False
        transport.start(self._received, self._port_lost)

    @property
    def counters(self) -> Counters:
        return self._dialogue.counters

    @property
    def timing(self) -> Timing:
        """How long it waits for what."""
        return self._dialogue.timing

    @property
    def hearing(self) -> bool:
        """Something unasked is just coming in."""
        return self._dialogue.hearing

    @property
    def numeric(self) -> bool:
        """The modem answers in numbers (ATV0)."""
        return self._dialogue.numeric

    @property
    def sending(self) -> bool:
        """From the `AT+CMGS` to its result: nothing else may be done to the modem."""
        return self._submitting or self._dialogue.phase is Phase.PAYLOAD

    @property
    def lost(self) -> PortLost | None:
        error = self._dialogue.lost_by
        return error if isinstance(error, PortLost) else None

    def close(self) -> None:
        """Close the port; whoever waits gets PortLost."""
        self.transport.close()
        self._dialogue.lost(PortLost(self.transport.url, f"The port {self.transport.url} was closed."), self._now())
        self._settle()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------ commands

    async def run(self, command: Command) -> Response:
        """Run a command to its result. Raises CommandFailed (CmsError, CmeError), CommandTimeout, PortLost."""
        async with self._lock:
            return await self._perform(self._dialogue.run(command))

    async def resync(self) -> None:
        """Leave any prompt, drop what is late, and see the modem answer again. Raises CommandTimeout, PortLost."""
        async with self._lock:
            await self._perform(self._dialogue.resync())

    async def send_tpdu(
        self, pdu: TpduHex, *, go_ahead: GoAhead, ok_is_failure: bool = False, owed: bool = False
    ) -> int:
        """Send a TPDU (TS 27.005 4.3); the message reference of the modem.

        `go_ahead` is awaited while the modem makes its prompt. Not one byte of the payload is written before it was
        true, and nothing at all from the payload to the result, for up to 180 s. An OK without `+CMGS` is another
        command's late answer, for all that is known: the true one is waited for as long; `ok_is_failure`: this modem
        says so of a message that failed. `owed`: an earlier message got no answer yet, and the first `+CMGS` may be
        that one's. Raises SendAborted, SendRejected, SendInDoubt.
        """
        await self._lock.acquire()
        self._submitting = True
        try:
            await self._until_prompt(pdu, go_ahead)
            return await self._perform(self._dialogue.payload(pdu, ok_is_failure=ok_is_failure, owed=owed))
        except asyncio.CancelledError:
            self._abandoned = self._dialogue.phase is Phase.PAYLOAD
            raise
        finally:
            self._submitting = False
            if not self._abandoned:
                self._lock.release()

    async def _until_prompt(self, pdu: TpduHex, go_ahead: GoAhead) -> None:
        try:
            await self._perform(self._dialogue.ask_to_send(pdu))
        except BaseException:
            _discard(go_ahead)
            raise
        refused: Exception | None = None
        try:
            try:
                async with asyncio.timeout(self._dialogue.timing.go_ahead_s):
                    permitted = await (go_ahead() if callable(go_ahead) else go_ahead)
            except Exception as exc:
                permitted, refused = False, exc
            why = f"the go-ahead failed ({refused})" if refused is not None else ""
            try:
                await self._perform(self._dialogue.await_prompt(permitted=permitted, why=why))
            except SendAborted as exc:
                raise exc from refused or exc.__cause__
        except asyncio.CancelledError:
            self._dialogue.leave_prompt()
            self._settle()
            raise

    # ------------------------------------------------------------ running the machine

    async def _perform(self, script: Script[T]) -> T:
        """A script to its end; what it raises is raised here."""
        waiter: asyncio.Future[Finished] = self._loop.create_future()
        self._waiter = waiter
        self._dialogue.begin(script, self._now())
        self._settle()
        try:
            finished = await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and self._submitting:
                self._tell_reference(waiter.result())  # it had just come
            self._dialogue.cancel(self._now())
            self._settle()
            raise
        finally:
            self._waiter = None
        if finished.error is not None:
            raise finished.error
        value: T = finished.value
        return value

    def _settle(self) -> None:
        """Do what the machine asks for: write, tell, answer, and wake it in time."""
        dialogue = self._dialogue
        while dialogue.writes:
            self._write(dialogue.writes.pop(0))
        told, dialogue.told = dialogue.told, []
        for urc in told:
            self._tell(urc)
        if dialogue.repeats and not self._told_repeats:
            self._told_repeats = True
            log.info("%s: the modem says its results twice; it is given time for that", self.transport.url)
        finished, dialogue.finished = dialogue.finished, None
        if finished is not None:
            self._over(finished)
        self._set_timer()

    def _over(self, finished: Finished) -> None:
        if self._abandoned:
            self._abandoned = False
            self._tell_reference(finished)
            self._lock.release()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(finished)

    def _tell_reference(self, finished: Finished) -> None:
        """The reference of a message whose sender does not wait for it any more."""
        error = finished.error
        reference = error.mr if isinstance(error, SendInDoubt) else finished.value
        if reference is not None:
            self._tell(Urc("+CMGS", f"+CMGS: {reference}"))

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._dialogue.deadline
        if deadline is not None:
            self._timer = self._loop.call_at(deadline, self._tick, deadline)

    def _tick(self, due: float) -> None:
        self._timer = None
        self._dialogue.tick(max(due, self._now()))
        self._settle()

    def _write(self, write: Write) -> None:
        log.debug("%s > %s", self.transport.url, write.shown)
        try:
            self._put(write.data)
        except PortLost as exc:
            if write.vital:
                self._dialogue.unwritten(exc, self._now())

    def _put(self, data: bytes) -> None:
        """Give octets to the port. Raises PortLost."""
        self.transport.write(data)

    def _now(self) -> float:
        return self._loop.time()

    # ------------------------------------------------------------ what comes in

    def _received(self, data: bytes) -> None:
        if log.isEnabledFor(logging.DEBUG) and not self._dialogue.secret:
            log.debug("%s < %r", self.transport.url, data)
        self._dialogue.feed(data, self._now())
        self._settle()

    def _tell(self, urc: Urc) -> None:
        try:
            self._on_urc(urc)
        except Exception:
            log.exception("%s: handling %s failed", self.transport.url, urc.name)

    def _port_lost(self, exc: Exception | None) -> None:
        why = f": {exc}" if exc is not None else ""
        lost = PortLost(self.transport.url, f"The port {self.transport.url} is gone{why}.")
        self._dialogue.lost(lost, self._now())
        self._settle()
        if self._on_lost is not None:
            self._on_lost(lost)


def _discard(go_ahead: GoAhead) -> None:
    """A coroutine that nobody will await is closed, so that Python does not complain."""
    if inspect.iscoroutine(go_ahead):
        go_ahead.close()
