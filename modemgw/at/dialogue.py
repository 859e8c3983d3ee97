"""The dialogue with a modem as a machine: octets and time in, octets and outcomes out. Owns no port and no clock.

How it works. V.250 has no framing and no numbers: an answer belongs to a command by nothing but its place. So one
command runs at a time, and whenever an answer may be outstanding that nobody waits for (a limit passed, a waiter was
cancelled) the dialogue is *dirty*, and is put in step again (RESYNC) before the next command.

* Why ESC. The modem may stand in the prompt of a +CMGS (TS 27.005 4.3) and take whatever is written for a text. ESC is
  the one octet that leaves it without sending, and outside of it does no harm; the CR after it ends a line that is half
  there. Then the questions: each asks for something with a name of its own, so that the late answer to another command
  is not taken for its answer. `AT` alone would be answered by any OK.
* Why a lone OK is doubted. A modem that was slow with the last command says its OK in the middle of this one. Where an
  information line is due and none came with the OK, the true answer is waited for; for a send that means as long as a
  send may take, unless this maker says OK of what failed.
* Why a reference is doubted. The same of a send that was given up: a modem answers in the order of the questions, and
  while it owes that answer, the first `+CMGS` may be it. Then ours follows; if nothing does for a while, it was ours.
* Why nothing is written after the payload. Many modems take any octet for "stop": the send is broken off, or its
  result is lost, and the message may go out all the same. From the Ctrl-Z to the result nothing is written, for minutes
  if need be; a sender that is cancelled meanwhile leaves the dialogue in PAYLOAD till the result is there.
* Why two seconds of silence say nothing. A port of 1200 baud hands over an octet each 8 ms, a server of ports may pause
  for seconds inside a line. Waits for the rest of something count from the last octet, and end with what they are for.

What moves it: octets (`feed`), time (`tick`, due at `deadline`), the loss of the port (`lost`), and scripts, which are
begun with `begin` and run until `finished`. What a line does depends on the phase, by `phases.TABLE`; URCs, echoes and
garbage mean the same in every phase. After each of these calls `writes`, `told` and `finished` are to be taken.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

from modemgw.at.commands import AT, ECHO_OFF, RESULTS_ON, Command
from modemgw.at.commands import submit as submit_command
from modemgw.at.echo import RESTARTED, EchoWatch
from modemgw.at.errors import AtResponseError, CommandTimeout, ModemSilent
from modemgw.at.judging import Answer, judged
from modemgw.at.outcomes import (
    AN_OUTCOME,
    TIMED_OUT,
    Counters,
    Finished,
    Lost,
    Outcome,
    Response,
    Script,
    TimedOut,
    Unwritten,
    Wait,
    Write,
)
from modemgw.at.parser import UNKNOWN, AtEvent, AtParser, Echo, Final, Garbage, InfoLine, Prompt, Urc
from modemgw.at.phases import TABLE, Action, Event, Phase
from modemgw.at.responses import read_submit_reference
from modemgw.at.sending import SendAborted, SendInDoubt, SendRejected, TpduHex
from modemgw.at.timing import Timing
from modemgw.errors import ModemgwError

ESC = b"\x1b"  # leaves the prompt without sending (TS 27.005 4.3)
SUB = b"\x1a"  # ends the payload

# Each asks for something with a name of its own, so that a late answer to another command is not taken for its answer.
PROBES = (
    Command("AT+CMEE?", ("+CMEE",)),
    Command("AT+CMGF?", ("+CMGF",)),
    Command("AT+CFUN?", ("+CFUN",)),
)

FEW_BYTES = 4  # may come without meaning anything
UNREADABLE = "What came could not be read: baudrate of this modem may be wrong, or this is no AT port."


class Dialogue:
    """See the module. `name` is the port's, for sentences; `now` is in seconds of a clock that only goes forward."""

    def __init__(self, name: str, timing: Timing | None = None, counters: Counters | None = None) -> None:
        self.name = name
        self.timing = timing if timing is not None else Timing()
        self.counters = counters if counters is not None else Counters()
        self.phase = Phase.IDLE
        self.writes: list[Write] = []  # to be taken by the owner, as are these two
        self.told: list[Urc] = []
        self.finished: Finished | None = None
        self.secret = False  # what is said now is not to be logged: it may echo a PIN
        self.repeats = False  # the modem says its results twice
        self.lost_by: Exception | None = None
        self._now = 0.0
        self._parser = AtParser()
        self._echo = EchoWatch()
        self._script: Script[Any] | None = None
        self._wait: Wait | None = None  # of the script
        self._outcome: Outcome | None = None
        self._after_prompt: Outcome | None = None  # a result that came instead of the payload's
        self._lines: list[InfoLine] = []
        self._strays = 0  # lines during this command that nobody understood
        self._stray_results = 0
        self._result_at = -math.inf
        self._understood = 0  # lines, prompts and echoes, ever
        self._bytes = 0
        self._heard_at = 0.0  # the last octet
        self._dirty = False  # an answer may still come that belongs to no command
        self._limit_at: float | None = None  # then what is waited for is late
        self._answer_until = 0.0  # no answer may take longer, however steadily it comes
        self._quiet_from = 0.0
        self._hold_at: float | None = None  # then the rest of a URC comes no more

    @property
    def numeric(self) -> bool:
        """The modem answers in numbers (ATV0)."""
        return self._parser.numeric

    @property
    def hearing(self) -> bool:
        """Something unasked is just coming in: its end is still to come."""
        return self._parser.holding or self._parser.amid_line

    @property
    def busy(self) -> bool:
        """A script runs."""
        return self._script is not None

    # ------------------------------------------------------------ what moves it

    def begin(self, script: Script[Any], now: float) -> None:
        """Start a script; one at a time."""
        self._now = now
        self.finished = None
        self._script = script
        self._resume(None)

    def cancel(self, now: float) -> None:
        """The script is not wanted any more. In PAYLOAD nothing can be taken back: it goes on to its end."""
        self._now = now
        if self.phase is Phase.PAYLOAD or self._script is None:
            return
        script, self._script, self._wait = self._script, None, None
        script.close()

    def feed(self, data: bytes, now: float) -> None:
        """Octets came. Each line is acted on before the next is read, so that it does not matter what came together."""
        self._now = now
        self._bytes += len(data)
        self._heard_at = now
        for event in self._parser.events(data):
            self._take(event)
        self._time_hold()

    def tick(self, now: float) -> None:
        """Time has passed; to be called at `deadline`."""
        self._now = now
        if self._hold_at is not None and now >= self._hold_at:
            self._flush()
        if self._script is not None and self._wait is not None and self._wait.quiet_s is not None:
            if now >= self._quiet_until():
                self._resume(None)
        elif self._limit_at is not None and now >= self._limit_at:
            self._time_is_up()

    def lost(self, error: Exception, now: float) -> None:
        """The port is gone."""
        self._now = now
        if self.lost_by is None:
            self.lost_by = error
        self._happen(Event.LOST, Lost(self.lost_by))
        if self.phase is Phase.IDLE:
            self.phase = Phase.LOST
        if self._wait is not None and self._wait.quiet_s is not None:
            self._resume(None)

    def unwritten(self, error: Exception, now: float) -> None:
        """The octets of the last Write could not be given to the port: not one of them."""
        self._now = now
        self._deliver(Unwritten(error))

    @property
    def deadline(self) -> float | None:
        """When `tick` is to be called next."""
        due = [self._hold_at] if self._hold_at is not None else []
        if self._script is not None and self._wait is not None and self._wait.quiet_s is not None:
            due.append(self._quiet_until())
        elif self._limit_at is not None and self._outcome is None:
            due.append(self._limit_at)
        return min(due, default=None)

    @property
    def patience_s(self) -> float:
        """How long the outcome that is waited for may take from now on."""
        return 0.0 if self._limit_at is None else self._limit_at - self._now

    # ------------------------------------------------------------ scripts

    def run(self, command: Command) -> Script[Response]:
        """A command to its result. Raises CommandFailed (CmsError, CmeError), CommandTimeout, what was `lost`."""
        yield from self._in_step()
        return (yield from self._command(command))

    def resync(self) -> Script[None]:
        """Leave any prompt, drop what is late, see the modem answer again. Raises ModemSilent, what was `lost`."""
        yield from self._resync()

    def ask_to_send(self, pdu: TpduHex) -> Script[None]:
        """AT+CMGS, and no wait for its prompt. Raises SendAborted."""
        try:
            yield from self._in_step()
            self._begin(Phase.PROMPT, submit_command(pdu.length), self.timing.prompt_s)
            self._write(b"AT+CMGS=%d\r" % pdu.length, "AT+CMGS")
        except ModemgwError as exc:  # a timeout, or the loss of the port
            raise SendAborted(f"Nothing was sent. {exc}") from exc

    def await_prompt(self, *, permitted: bool, why: str = "") -> Script[None]:
        """The prompt, if the payload may go out; else leave it. Raises SendAborted, SendRejected."""
        outcome = (yield AN_OUTCOME) if permitted else None
        restarted = self._echo.back
        if isinstance(outcome, Prompt) and not restarted:
            if self._after_prompt is None:
                return
            outcome = self._after_prompt
        self._end()
        if isinstance(outcome, Final) and outcome.error is not None and not restarted:
            raise SendRejected(str(outcome.error), outcome.error, before_payload=True)
        if isinstance(outcome, Unwritten):
            raise SendAborted(f"Nothing was sent. {outcome.error}") from outcome.error
        if isinstance(outcome, Lost) or self.lost_by is not None:
            raise SendAborted(f"Nothing was sent. The port {self.name} was lost.") from self.lost_by
        self._dirty = True
        with contextlib.suppress(ModemgwError):
            yield from self._resync()
        if outcome is None:
            raise SendAborted(f"Nothing was sent: {why or 'no go-ahead was given'}.")
        if restarted:
            raise SendAborted(f"Nothing was sent. {RESTARTED}")
        self.counters.timeouts += 1
        raise SendAborted(f"Nothing was sent: the modem gave no prompt within {self.timing.prompt_s:g} s.")

    def leave_prompt(self) -> None:
        """The sender is gone before its payload: out of the prompt."""
        self._dirty = True
        self.writes.append(Write(ESC, "ESC", vital=False))
        self._end()

    def payload(self, pdu: TpduHex, *, ok_is_failure: bool = False, owed: bool = False) -> Script[int]:
        """The payload into the prompt; the reference of its message. Raises SendAborted, SendRejected, SendInDoubt.

        `owed`: an earlier send got no answer yet.
        """
        timing = self.timing
        self.phase = Phase.PAYLOAD
        self._parser.payload(pdu.hex)
        self._strays = 0
        self._await_outcome(timing.submit_s)
        self._write(pdu.hex.encode("ascii") + SUB, "payload")
        written = self._now
        outcome = yield AN_OUTCOME
        if _is_lone_ok(outcome) and not self._lines:
            left_s = timing.submit_s - (self._now - written)
            outcome = yield from self._after_lone_ok(outcome, timing.lone_ok_s if ok_is_failure else left_s)
        if owed and _is_lone_ok(outcome) and self._reference() is not None:
            outcome = yield from self._own_result(outcome)
        took_s = self._now - written
        self._end()
        if isinstance(outcome, Unwritten):
            raise SendAborted(f"Nothing was sent. {outcome.error}") from outcome.error
        return self._judge(outcome, took_s, ok_is_failure)

    # ------------------------------------------------------------ pieces of scripts

    def _in_step(self) -> Script[None]:
        if self._dirty:
            yield from self._resync()
        if self.repeats:
            yield from self._quiet(self.timing.settle_s)

    def _command(self, command: Command) -> Script[Response]:
        self._begin(Phase.COMMAND, command, command.timeout_s)
        try:
            self._write(command.wire, command.shown)
            outcome = yield AN_OUTCOME
            if _is_lone_ok(outcome) and not self._lines and self._is_due(command):
                outcome = yield from self._after_lone_ok(outcome, self.timing.stray_ok_s)
        except GeneratorExit:
            self._dirty = True
            raise
        finally:
            lines = tuple(self._lines)
            self._end()
        if isinstance(outcome, Final):
            if outcome.error is not None:
                raise outcome.error
            self._echo.switched_off() if command is ECHO_OFF else self._echo.command_over()
            return Response(lines, outcome)
        if isinstance(outcome, Lost | Unwritten):
            raise outcome.error
        self._dirty = True
        self.counters.timeouts += 1
        raise CommandTimeout(command.shown, command.timeout_s)

    def _is_due(self, command: Command) -> bool:
        """An information line must come with the OK. One that is wrongly missed is only asked for again; but a
        message that is taken for its neighbour would be deleted unread."""
        return command.answers or (self.repeats and (command.bare or bool(command.prefixes)))

    def _after_lone_ok(self, ok: Outcome | None, limit_s: float) -> Script[Outcome | None]:
        """An OK without a due line may be the late result of something before: the true one follows it, or nothing."""
        self._await_outcome(limit_s)
        outcome = yield AN_OUTCOME
        return ok if isinstance(outcome, TimedOut) and not self._lines else outcome

    def _own_result(self, first: Outcome | None) -> Script[Outcome | None]:
        """Of one result or two, ours: the last. The other's reference is told as a late one."""
        lines, reference, until = self._lines, self._reference(), self._now + self.timing.owed_s
        while True:
            self._lines = []
            self._await_outcome(until - self._now)
            second = yield AN_OUTCOME
            if isinstance(second, TimedOut) and not self._lines:
                self._lines = lines
                return first
            said_again = _is_lone_ok(second) and (not self._lines or self._reference() == reference)
            if not said_again:
                break
        if not isinstance(second, Lost):  # else nobody knows whose it was
            self.told.append(Urc("+CMGS", f"+CMGS: {reference}"))
        return second

    def _judge(self, outcome: Outcome | None, took_s: float, ok_is_failure: bool) -> int:
        """What a result after the payload means. A reference that was read is success, whatever silence follows."""
        if isinstance(outcome, Final):
            answer = Answer(outcome, bool(self._lines), self._reference(), self._strays > 0)
            return judged(answer, took_s, self.timing, ok_is_failure=ok_is_failure)
        self._dirty = True
        reference = self._reference()
        if reference is not None:
            return reference
        if isinstance(outcome, Lost):
            raise SendInDoubt(f"The port {self.name} was lost before the result came.") from outcome.error
        self.counters.timeouts += 1
        raise SendInDoubt(f"The modem gave no result within {self.timing.submit_s:g} s.")

    def _reference(self) -> int | None:
        for line in self._lines:
            with contextlib.suppress(AtResponseError):
                return read_submit_reference(line.text)
        return None

    def _resync(self) -> Script[None]:
        """ESC, CR, drain, then a question whose answer cannot be another's (the recovery ladder's first rung)."""
        self.counters.resyncs += 1
        self._dirty = True
        before, understood = self._bytes, self._understood
        mute = False  # it gave the answer to a probe, but no result
        timing = self.timing
        self.phase = Phase.RESYNC
        try:
            for probe, limit_s in zip(PROBES, timing.resync_probe_s, strict=True):
                self._parser.expect_prompt()
                self._write(ESC + b"\r", "ESC")
                yield from self._quiet(timing.quiet_s)
                if mute:  # it has been told to keep its results to itself (V.250 6.2.5)
                    self._write(RESULTS_ON.wire, RESULTS_ON.shown)
                    yield from self._quiet(timing.quiet_s)
                heard = self._bytes
                answered = yield from self._probe(probe, limit_s)
                mute = not answered and bool(self._lines)
                if answered is None:
                    continue
                if answered or (self._bytes > heard and (yield from self._plain_answer())):
                    self._dirty = False
                    break
            else:
                unreadable = self._bytes > before + FEW_BYTES and self._understood == understood
                raise ModemSilent("AT", sum(timing.resync_probe_s), UNREADABLE if unreadable else "")
        finally:
            self._end()
        yield from self._quiet(timing.quiet_s)  # a result that is said twice shows now

    def _probe(self, probe: Command, limit_s: float) -> Script[bool | None]:
        """True if the probe's own information line and then a result came; None: the late result of something before.

        After that a slow modem can hear the next probe.
        """
        self._begin(Phase.RESYNC, probe, limit_s)
        self._parser.expect_prompt()
        self._write(probe.wire, probe.shown)
        while True:
            outcome = yield AN_OUTCOME
            if isinstance(outcome, Lost | Unwritten):
                raise outcome.error
            if not isinstance(outcome, Final):
                return False
            if self._lines:
                return True
            if outcome.error is None and probe is not PROBES[-1]:
                return None
            self._await_outcome(self.timing.resync_refused_s if outcome.error is not None else limit_s)

    def _plain_answer(self) -> Script[bool]:
        """True if `AT` gives exactly one result, after silence and before silence."""
        self._end()
        yield from self._quiet(self.timing.quiet_s)
        self._begin(Phase.RESYNC, AT, 1.0)
        self._parser.expect_prompt()
        self._write(AT.wire, AT.shown)
        outcome = yield AN_OUTCOME
        self._end()
        if isinstance(outcome, Lost | Unwritten):
            raise outcome.error
        self._stray_results = 0
        yield from self._quiet(self.timing.quiet_s * 3)
        return isinstance(outcome, Final) and outcome.error is None and self._stray_results == 0

    def _quiet(self, span_s: float) -> Script[None]:
        """Wait until nothing has come for `span_s`, or until that has lasted too long."""
        yield Wait(span_s)
        if self.lost_by is not None:
            raise self.lost_by
        if isinstance(self._outcome, Unwritten):
            raise self._outcome.error

    # ------------------------------------------------------------ how scripts run

    def _resume(self, outcome: Outcome | None) -> None:
        while (script := self._script) is not None:
            self._wait = None
            try:
                wait = script.send(outcome)
            except StopIteration as stop:
                self._script, self.finished = None, Finished(stop.value)
                return
            except Exception as exc:
                self._script, self.finished = None, Finished(error=exc)
                return
            self._wait = wait
            if wait.quiet_s is not None:
                self._quiet_from = self._now
                if self.lost_by is None:
                    return
                outcome = None
            elif self._outcome is not None:
                outcome = self._outcome
            else:
                return

    def _quiet_until(self) -> float:
        assert self._wait is not None
        assert self._wait.quiet_s is not None
        silent = max(self._quiet_from, self._heard_at) + self._wait.quiet_s
        return min(silent, self._quiet_from + self.timing.drain_limit_s)

    def _begin(self, phase: Phase, command: Command, limit_s: float) -> None:
        if self.lost_by is not None:
            raise self.lost_by
        if self._parser.doubting:
            self._flush()  # what is doubted is of before this command
        self.counters.commands += 1
        self.phase = phase
        self._after_prompt = None
        self._lines = []
        self._strays = 0
        self.secret = command.secret
        self._parser.begin(command)
        self._answer_until = self._now + self.timing.answer_most * limit_s
        self._await_outcome(limit_s)

    def _await_outcome(self, limit_s: float) -> None:
        self._outcome = None
        self._limit(limit_s)

    def _limit(self, limit_s: float) -> None:
        self._limit_at = self._now + min(limit_s, self.timing.longest_s)

    def _end(self) -> None:
        self._limit_at = None
        self._outcome = None
        self.phase = Phase.IDLE if self.lost_by is None else Phase.LOST
        self._parser.end()

    def _write(self, data: bytes, shown: str) -> None:
        self.writes.append(Write(data, shown))

    # ------------------------------------------------------------ what happens

    def _take(self, event: AtEvent) -> None:
        self._understood += not isinstance(event, Garbage)
        match event:
            case Urc():
                self._urc(event)
            case InfoLine():
                self._happen(Event.INFO, event)
            case Final():
                self._happen(Event.OK if event.error is None else Event.ERROR, event)
            case Prompt():
                self._happen(Event.PROMPT, event)
            case Garbage():
                self.counters.garbage += 1
                self._strays += 1
            case Echo():
                if self._echo.heard():
                    self._urc(Urc("RESTART", RESTARTED))

    def _happen(self, event: Event, what: Any) -> None:
        """What is done in this phase about an event."""
        _ACTIONS[TABLE[self.phase][event]](self, what)

    def _ignore(self, what: Any) -> None:
        """Nothing."""

    def _keep(self, line: InfoLine) -> None:
        if line.amends and self._lines:
            self._lines[-1] = line
        else:
            self._lines.append(line)

    def _hurry(self, line: InfoLine) -> None:
        self._keep(line)
        self._limit(self.timing.submit_ok_s)

    def _tell(self, line: InfoLine) -> None:
        if not line.amends:
            self.told.append(Urc(line.text.partition(":")[0], line.text))

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, Final):
            self._result_at = self._now
        self._deliver(outcome)

    def _leave(self, prompt: Prompt) -> None:
        self.writes.append(Write(ESC, "ESC", vital=False))
        self._parser.expect_prompt()

    def _deliver(self, outcome: Outcome) -> None:
        if self._outcome is None:
            self._outcome = outcome
            if self._wait is not None and self._wait.quiet_s is None:
                self._resume(outcome)
        elif isinstance(outcome, Final | Lost):
            self._after_prompt = outcome

    def _urc(self, urc: Urc) -> None:
        if urc.name == UNKNOWN:
            self._strays += 1
            self.counters.unknown_urcs += 1
            if urc.text in ("OK", "ERROR") or urc.text.startswith(("+CMS ERROR", "+CME ERROR")):
                self._stray_results += 1
                self._note_repeat()
        self.told.append(urc)

    def _note_repeat(self) -> None:
        if not self._dirty and self._now - self._result_at < self.timing.repeat_s:
            self.repeats = True

    def _time_is_up(self) -> None:
        """A long answer over a slow port is no silence: its end is waited for while it comes."""
        span_s = self.timing.answering_s
        comes = bool(self._lines) and self._now - self._heard_at < span_s and self._now < self._answer_until
        if comes and self.phase in (Phase.COMMAND, Phase.RESYNC):
            self._limit(span_s)
            return
        self._limit_at = None
        self._happen(Event.TIME, TIMED_OUT)

    def _time_hold(self) -> None:
        """Start the wait for the rest of a URC anew: it counts from the last octet, and ends with the URC it is for."""
        self._hold_at = None
        if self._parser.holding:
            timing, parser = self.timing, self._parser
            span_s = timing.burst_s if parser.doubting else timing.string_s if parser.in_string else timing.hold_s
            self._hold_at = self._now + span_s

    def _flush(self) -> None:
        for event in self._parser.flush():
            self._take(event)
        self._time_hold()


_ACTIONS: Mapping[Action, Callable[[Dialogue, Any], None]] = {
    Action.IGNORE: Dialogue._ignore,
    Action.KEEP: Dialogue._keep,
    Action.HURRY: Dialogue._hurry,
    Action.TELL: Dialogue._tell,
    Action.FINISH: Dialogue._finish,
    Action.LEAVE: Dialogue._leave,
}


def _is_lone_ok(outcome: Outcome | None) -> bool:
    return isinstance(outcome, Final) and outcome.error is None
