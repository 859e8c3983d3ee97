"""One AT command at a time over a transport.

Answers, URCs, the send dialogue, resynchronising. Knows no modem's ways: see `driver_at`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import Callable
from dataclasses import dataclass

from modemgw.at.commands import AT, ECHO_OFF, PROMPT_S, RESULTS_ON, SUBMIT_OK_S, SUBMIT_S, Command, submit
from modemgw.at.errors import AtResponseError
from modemgw.at.parser import (
    UNKNOWN,
    AtEvent,
    AtParser,
    Echo,
    Final,
    Garbage,
    InfoLine,
    Prompt,
    Urc,
)
from modemgw.at.policy import leaves_doubt
from modemgw.at.responses import read_submit_reference
from modemgw.errors import ModemgwError
from modemgw.modem.dialogue.driver import (
    DriverCounters,
    GoAhead,
    SendAborted,
    SendInDoubt,
    SendRejected,
    TpduHex,
)
from modemgw.modem.dialogue.echo import RESTARTED, EchoWatch
from modemgw.modem.ports.transport import PortLost, Transport

log = logging.getLogger(__name__)

ESC = b"\x1b"  # leaves the prompt without sending (TS 27.005 4.3)
SUB = b"\x1a"  # ends the payload
GO_AHEAD_S = 30.0  # the journal's COMMIT; a prompt is kept open no longer
QUIET_S = 0.1  # a modem that says nothing for so long has said what it had to
DRAIN_LIMIT_S = 2.0
HOLD_S = 10.0  # of silence: then the second line of a URC comes no more
STRING_S = 5.0  # of silence: then the quote of a USSD text comes no more
BURST_S = 1.0  # of silence: then a result inside an open USSD text was a result
ANSWERING_S = 2.0  # a modem in the middle of an answer is waited for as long as it goes on
ANSWER_MOST = 10  # times the limit of a command that an answer may take on a slow port
LONE_OK_S = 3.0  # a `+CMGS` may yet follow an OK, of a modem that says OK of what failed
STRAY_OK_S = 0.3  # an OK that may be another command's is followed by the true answer within this
REPEAT_S = 0.2  # a result so soon after a result is the same one, said again
SETTLE_S = 0.03  # a modem that says its results twice has said them when it is quiet for so long
RESYNC_PROBE_S = (2.0, 3.0, 5.0)
RESYNC_REFUSED_S = 0.5  # after an ERROR: was it a late one, or does the modem not know the question?

# Each asks for something with a name of its own, so that a late answer to another command is not taken for its answer.
_PROBES = (
    Command("AT+CMEE?", ("+CMEE",)),
    Command("AT+CMGF?", ("+CMGF",)),
    Command("AT+CFUN?", ("+CFUN",)),
)

FEW_BYTES = 4  # may come without meaning anything
UNREADABLE = "What came could not be read: baudrate of this modem may be wrong, or this is no AT port."

OnUrc = Callable[[Urc], None]


class CommandTimeout(ModemgwError):
    """The modem did not answer in time; the channel resynchronises before the next command."""

    def __init__(self, command: str, limit_s: float) -> None:
        self.command = command
        self.limit_s = limit_s
        super().__init__(f"The modem did not answer {command} within {limit_s:g} s.")


class ModemSilent(CommandTimeout):
    """Resynchronising failed: the modem answers nothing at all. Only the next rung of the recovery ladder helps."""

    def __init__(self, command: str, limit_s: float, hint: str = "") -> None:
        super().__init__(command, limit_s)
        if hint:
            self.args = (f"{self} {hint}",)


@dataclass(frozen=True, slots=True)
class Response:
    """The information lines of a successful command and its result."""

    lines: tuple[InfoLine, ...]
    final: Final

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(line.text for line in self.lines)


class _Timeout:
    """The outcome of waiting too long."""


_TIMEOUT = _Timeout()
_Outcome = Prompt | Final | PortLost | _Timeout


class Channel:
    """Runs commands one after the other, first come first served. URCs go to `on_urc` in the order of the bytes."""

    def __init__(
        self,
        transport: Transport,
        on_urc: OnUrc,
        *,
        on_lost: Callable[[PortLost], None] | None = None,
        counters: DriverCounters | None = None,
    ) -> None:
        self.transport = transport
        self.counters = counters if counters is not None else DriverCounters()
        self._on_urc = on_urc
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._parser = AtParser()
        self._lock = asyncio.Lock()
        self._waiter: asyncio.Future[_Outcome] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._lines: list[InfoLine] = []
        self._strays = 0  # lines during this command that nobody understood
        self._stray_results = 0
        self._result_at = -REPEAT_S
        self._repeats = False  # it says its results twice
        self._echo = EchoWatch()
        self._understood = 0  # lines, prompts and echoes, ever
        self._prompt_awaited = False
        self._secret = False
        self._bytes = 0
        self._heard_at = 0.0  # the last octet
        self._answer_until = 0.0  # no answer may take longer, however steadily it comes
        self._dirty = False  # an answer may still come that belongs to no command
        self._in_air = False  # a payload went out and its result has not come
        self._awaits_cmgs = False
        self._after_prompt: Final | PortLost | None = None  # a result that came instead of the payload's
        self._resyncing = False
        self._lost: PortLost | None = None
        transport.start(self._received, self._port_lost)

    @property
    def numeric(self) -> bool:
        """The modem answers in numbers (ATV0)."""
        return self._parser.numeric

    @property
    def sending(self) -> bool:
        """From the `AT+CMGS` to its result: nothing else may be done to the modem."""
        return self._in_air or self._awaits_cmgs

    @property
    def lost(self) -> PortLost | None:
        return self._lost

    def close(self) -> None:
        """Close the port; whoever waits gets PortLost."""
        self.transport.close()
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        self._fail_waiter(PortLost(self.transport.url, f"The port {self.transport.url} was closed."))

    # ------------------------------------------------------------ commands

    async def run(self, command: Command) -> Response:
        """Run a command to its result. Raises CommandFailed (CmsError, CmeError), CommandTimeout, PortLost."""
        async with self._lock:
            if self._dirty:
                await self._resync()
            if self._repeats:
                await self._quiet(SETTLE_S)
            return await self._run(command)

    async def resync(self) -> None:
        """Leave any prompt, drop what is late, and see the modem answer again. Raises CommandTimeout, PortLost."""
        async with self._lock:
            await self._resync()

    async def _run(self, command: Command) -> Response:
        self._begin(command, command.timeout_s)
        try:
            self._write(command.wire, command.shown)
            outcome = await self._wait()
            if isinstance(outcome, Final) and outcome.error is None and not self._lines and self._is_due(command):
                outcome = await self._after_lone_ok(outcome, STRAY_OK_S)
        except asyncio.CancelledError:
            self._dirty = True
            raise
        finally:
            self._end()
        if isinstance(outcome, Final):
            if outcome.error is not None:
                raise outcome.error
            self._echo.switched_off() if command is ECHO_OFF else self._echo.command_over()
            return Response(tuple(self._lines), outcome)
        if isinstance(outcome, PortLost):
            raise outcome
        self._dirty = True
        self.counters.timeouts += 1
        raise CommandTimeout(command.shown, command.timeout_s)

    def _is_due(self, command: Command) -> bool:
        """An information line must come with the OK. One that is wrongly missed is only asked for again; but a
        message that is taken for its neighbour would be deleted unread."""
        return command.answers or (self._repeats and (command.bare or bool(command.prefixes)))

    def _begin(self, command: Command, limit_s: float) -> None:
        if self._lost is not None:
            raise self._lost
        if self._parser.doubting:
            self._flush()  # what is doubted is of before this command
        self.counters.commands += 1
        self._after_prompt = None
        self._lines = []
        self._strays = 0
        self._secret = command.secret  # its echo is not logged either
        self._parser.begin(command)
        self._answer_until = self._loop.time() + ANSWER_MOST * limit_s
        self._await_outcome(limit_s)

    def _await_outcome(self, limit_s: float) -> None:
        self._waiter = self._loop.create_future()
        self._limit(limit_s)

    def _limit(self, limit_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(limit_s, self._time_is_up)

    def _time_is_up(self) -> None:
        """A long answer over a slow port is no silence: its end is waited for while it comes."""
        now = self._loop.time()
        comes = bool(self._lines) and now - self._heard_at < ANSWERING_S and now < self._answer_until
        if comes and not self.sending:
            self._limit(ANSWERING_S)
        else:
            self._deliver(_TIMEOUT)

    async def _wait(self) -> _Outcome:
        if self._waiter is None:
            return _TIMEOUT
        return await self._waiter

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiter = None
        self._prompt_awaited = False
        self._parser.end()

    def _write(self, data: bytes, shown: str) -> None:
        log.debug("%s > %s", self.transport.url, shown)
        self.transport.write(data)

    # ------------------------------------------------------------ sending

    async def send_tpdu(self, pdu: TpduHex, *, go_ahead: GoAhead, ok_is_failure: bool = False) -> int:
        """Send a TPDU (TS 27.005 4.3); the message reference of the modem.

        `go_ahead` is awaited while the modem makes its prompt. Not one byte of the payload is written before it was
        true, and nothing at all from the payload to the result, for up to 180 s. An OK without `+CMGS` is another
        command's late answer, for all that is known: the true one is waited for as long; `ok_is_failure`: this modem
        says so of a message that failed. Raises SendAborted, SendRejected, SendInDoubt.
        """
        await self._lock.acquire()
        release = True
        try:
            await self._until_prompt(pdu, go_ahead)
            release = False
            reference = await self._payload(pdu, ok_is_failure)
            release = True
            return reference
        except BaseException:
            release = release or not self._in_air
            raise
        finally:
            self._awaits_cmgs = False
            if release:
                self._lock.release()

    async def _until_prompt(self, pdu: TpduHex, go_ahead: GoAhead) -> None:
        self._awaits_cmgs = True
        try:
            if self._dirty:
                await self._resync()
            if self._repeats:
                await self._quiet(SETTLE_S)
            self._begin(submit(pdu.length), PROMPT_S)
            self._prompt_awaited = True
            self._write(b"AT+CMGS=%d\r" % pdu.length, "AT+CMGS")
        except (CommandTimeout, PortLost) as exc:
            self._end()
            _discard(go_ahead)
            raise SendAborted(f"Nothing was sent. {exc}") from exc
        except asyncio.CancelledError:
            _discard(go_ahead)
            raise
        refused: BaseException | None = None
        try:
            try:
                async with asyncio.timeout(GO_AHEAD_S):
                    permitted = await (go_ahead() if callable(go_ahead) else go_ahead)
            except Exception as exc:
                permitted, refused = False, exc
            outcome = await self._wait() if permitted else None
        except asyncio.CancelledError:
            self._dirty = True
            self._leave_prompt()
            self._end()
            raise
        restarted = self._echo.back
        if isinstance(outcome, Prompt) and not restarted:
            if self._after_prompt is None:
                return
            outcome = self._after_prompt
        self._end()
        if isinstance(outcome, Final) and outcome.error is not None and not restarted:
            raise SendRejected(str(outcome.error), outcome.error, before_payload=True)
        if isinstance(outcome, PortLost) or self._lost is not None:
            raise SendAborted(f"Nothing was sent. The port {self.transport.url} was lost.") from self._lost
        self._dirty = True
        with contextlib.suppress(CommandTimeout, PortLost):
            await self._resync()
        if outcome is None:
            why = f"the go-ahead failed ({refused})" if refused is not None else "no go-ahead was given"
            raise SendAborted(f"Nothing was sent: {why}.") from refused
        if restarted:
            raise SendAborted(f"Nothing was sent. {RESTARTED}")
        self.counters.timeouts += 1
        raise SendAborted(f"Nothing was sent: the modem gave no prompt within {PROMPT_S:g} s.")

    async def _payload(self, pdu: TpduHex, ok_is_failure: bool) -> int:
        self._in_air = True
        self._prompt_awaited = False
        self._parser.payload(pdu.hex)
        self._strays = 0
        self._await_outcome(SUBMIT_S)
        try:
            self._write(pdu.hex.encode("ascii") + SUB, "payload")
        except PortLost as exc:  # the kernel took not one byte
            self._in_air = False
            self._end()
            raise SendAborted(f"Nothing was sent. {exc}") from exc
        written = self._loop.time()
        try:
            outcome = await self._wait()
            if isinstance(outcome, Final) and outcome.error is None and not self._lines:
                left_s = SUBMIT_S - (self._loop.time() - written)
                outcome = await self._after_lone_ok(outcome, LONE_OK_S if ok_is_failure else left_s)
        except asyncio.CancelledError:
            self._abandon()
            raise
        took_s = self._loop.time() - written
        self._in_air = False
        self._end()
        return self._judge(outcome, took_s, ok_is_failure)

    async def _after_lone_ok(self, ok: Final, limit_s: float) -> _Outcome:
        """An OK without a due line may be the late result of something before: the true one follows it, or nothing."""
        self._await_outcome(limit_s)
        outcome = await self._wait()
        return ok if isinstance(outcome, _Timeout) and not self._lines else outcome

    def _judge(self, outcome: _Outcome, took_s: float, ok_is_failure: bool) -> int:
        """What a result after the payload means. A reference that was read is success, whatever silence follows."""
        answered, reference = bool(self._lines), self._reference()
        if isinstance(outcome, Final):
            if outcome.error is not None:
                if answered:
                    raise SendInDoubt(
                        f"The modem gave a reference and then {outcome.error.result}.", reference
                    ) from outcome.error
                if leaves_doubt(outcome.error, took_s):
                    raise SendInDoubt(
                        f"The modem said {outcome.error.result} after {took_s:.0f} s, which leaves open whether the "
                        "network has the message.",
                        error=outcome.error,
                    ) from outcome.error
                raise SendRejected(str(outcome.error), outcome.error)
            if reference is not None:
                return reference
            if answered or self._strays:
                raise SendInDoubt("The modem said OK, but its answer to AT+CMGS came garbled.")
            if ok_is_failure:
                raise SendRejected("The modem said OK without +CMGS, which it says of a message that was not sent.")
            raise SendInDoubt(f"The modem said OK, and no +CMGS within {SUBMIT_S:g} s.", silent_ok=True)
        self._dirty = True
        if reference is not None:
            return reference
        if isinstance(outcome, PortLost):
            raise SendInDoubt(f"The port {self.transport.url} was lost before the result came.") from outcome
        self.counters.timeouts += 1
        raise SendInDoubt(f"The modem gave no result within {SUBMIT_S:g} s.")

    def _reference(self) -> int | None:
        for line in self._lines:
            with contextlib.suppress(AtResponseError):
                return read_submit_reference(line.text)
        return None

    def _abandon(self) -> None:
        """The sender was cancelled with the payload out.

        Wait for the result on its behalf, and keep others away till then.
        """
        waiter = self._waiter = self._loop.create_future()

        def over(done: asyncio.Future[_Outcome]) -> None:
            reference = self._reference()
            self._in_air = False
            self._end()
            if done.cancelled() or not isinstance(done.result(), Final):
                self._dirty = True
            if reference is not None:
                self._urc(Urc("+CMGS", f"+CMGS: {reference}"))
            self._lock.release()

        waiter.add_done_callback(over)
        if self._lost is not None:
            self._deliver(self._lost)

    def _leave_prompt(self) -> None:
        with contextlib.suppress(PortLost):
            self.transport.write(ESC)

    # ------------------------------------------------------------ resynchronising

    async def _resync(self) -> None:
        """ESC, CR, drain, then a question whose answer cannot be another's (the recovery ladder's first rung)."""
        self.counters.resyncs += 1
        self._dirty = True
        self._resyncing = True
        before, understood = self._bytes, self._understood
        mute = False  # it gave the answer to a probe, but no result
        try:
            for probe, limit_s in zip(_PROBES, RESYNC_PROBE_S, strict=True):
                self._parser.expect_prompt()
                self._write(ESC + b"\r", "ESC")
                await self._quiet(QUIET_S)
                if mute:  # it has been told to keep its results to itself (V.250 6.2.5)
                    self._write(RESULTS_ON.wire, RESULTS_ON.shown)
                    await self._quiet(QUIET_S)
                heard = self._bytes
                answered = await self._probe(probe, limit_s)
                mute = not answered and bool(self._lines)
                if answered is None:
                    continue
                if answered or (self._bytes > heard and await self._plain_answer()):
                    self._dirty = False
                    break
            else:
                unreadable = self._bytes > before + FEW_BYTES and self._understood == understood
                raise ModemSilent("AT", sum(RESYNC_PROBE_S), UNREADABLE if unreadable else "")
        finally:
            self._resyncing = False
            self._end()
        await self._quiet(QUIET_S)  # a result that is said twice shows now

    async def _probe(self, probe: Command, limit_s: float) -> bool | None:
        """True if the probe's own information line and then a result came; None: the late result of something before.

        After that a slow modem can hear the next probe.
        """
        self._begin(probe, limit_s)
        self._parser.expect_prompt()
        self._write(probe.wire, probe.shown)
        while True:
            outcome = await self._wait()
            if isinstance(outcome, PortLost):
                raise outcome
            if not isinstance(outcome, Final):
                return False
            if self._lines:
                return True
            if outcome.error is None and probe is not _PROBES[-1]:
                return None
            self._await_outcome(RESYNC_REFUSED_S if outcome.error is not None else limit_s)

    async def _plain_answer(self) -> bool:
        """True if `AT` gives exactly one result, after silence and before silence."""
        self._end()
        await self._quiet(QUIET_S)
        self._begin(AT, 1.0)
        self._parser.expect_prompt()
        self._write(AT.wire, AT.shown)
        outcome = await self._wait()
        self._end()
        if isinstance(outcome, PortLost):
            raise outcome
        self._stray_results = 0
        await self._quiet(QUIET_S * 3)
        return isinstance(outcome, Final) and outcome.error is None and self._stray_results == 0

    async def _quiet(self, span_s: float) -> None:
        """Wait until nothing has come for `span_s`, or until that has lasted too long."""
        limit = self._loop.time() + DRAIN_LIMIT_S
        while self._loop.time() < limit:
            seen = self._bytes
            await asyncio.sleep(span_s)
            if self._lost is not None:
                raise self._lost
            if self._bytes == seen:
                return

    # ------------------------------------------------------------ what comes in

    def _received(self, data: bytes) -> None:
        self._bytes += len(data)
        self._heard_at = self._loop.time()
        if log.isEnabledFor(logging.DEBUG) and not self._secret:
            log.debug("%s < %r", self.transport.url, data)
        self._take(self._parser.feed(data))
        self._time_hold()

    def _take(self, events: list[AtEvent]) -> None:
        for event in events:
            kind = type(event)
            self._understood += kind is not Garbage
            if kind is Urc:
                self._urc(event)  # type: ignore[arg-type]
            elif kind is InfoLine:
                self._info(event)  # type: ignore[arg-type]
            elif kind is Final:
                self._result(event)  # type: ignore[arg-type]
            elif kind is Prompt:
                if self._resyncing:
                    self._leave_prompt()
                    self._parser.expect_prompt()
                else:
                    self._deliver(event)  # type: ignore[arg-type]
            elif kind is Garbage:
                self.counters.garbage += 1
                self._strays += 1
            elif kind is Echo and self._echo.heard():
                self._urc(Urc("RESTART", RESTARTED))

    def _time_hold(self) -> None:
        """Start the wait for the rest of a URC anew: it counts from the last octet, and ends with the URC it is for."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._parser.holding:
            limit_s = BURST_S if self._parser.doubting else STRING_S if self._parser.in_string else HOLD_S
            self._flush_timer = self._loop.call_later(limit_s, self._flush)

    def _result(self, final: Final) -> None:
        if self._prompt_awaited and final.error is None:
            return  # an OK can only be of something before: a prompt is due, or an error
        if self._waiter is not None and self._waiter.done():
            self._note_repeat()
        self._result_at = self._loop.time()
        self._deliver(final)

    def _info(self, line: InfoLine) -> None:
        if line.amends and self._lines:
            self._lines[-1] = line
        else:
            self._lines.append(line)
        if self._in_air:
            self._limit(SUBMIT_OK_S)

    def _urc(self, urc: Urc) -> None:
        if urc.name == UNKNOWN:
            self._strays += 1
            self.counters.unknown_urcs += 1
            if urc.text in ("OK", "ERROR") or urc.text.startswith(("+CMS ERROR", "+CME ERROR")):
                self._stray_results += 1
                self._note_repeat()
        try:
            self._on_urc(urc)
        except Exception:
            log.exception("%s: handling %s failed", self.transport.url, urc.name)

    def _note_repeat(self) -> None:
        if not self._repeats and not self._dirty and self._loop.time() - self._result_at < REPEAT_S:
            self._repeats = True
            log.info("%s: the modem says its results twice; it is given time for that", self.transport.url)

    def _flush(self) -> None:
        self._flush_timer = None
        self._take(self._parser.flush())
        self._time_hold()

    def _deliver(self, outcome: _Outcome) -> None:
        if self._waiter is None:
            return
        if not self._waiter.done():
            self._waiter.set_result(outcome)
        elif isinstance(outcome, Final | PortLost):
            self._after_prompt = outcome

    def _port_lost(self, exc: Exception | None) -> None:
        why = f": {exc}" if exc is not None else ""
        lost = PortLost(self.transport.url, f"The port {self.transport.url} is gone{why}.")
        self._fail_waiter(lost)
        if self._on_lost is not None:
            self._on_lost(lost)

    def _fail_waiter(self, lost: PortLost) -> None:
        if self._lost is None:
            self._lost = lost
        self._deliver(lost)


def _discard(go_ahead: GoAhead) -> None:
    """A coroutine that nobody will await is closed, so that Python does not complain."""
    if inspect.iscoroutine(go_ahead):
        go_ahead.close()
