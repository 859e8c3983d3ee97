"""Sending through one line: journal, send, outcome, and what an error means for the message and for the line.

Owns the order of things (docs/architecture.md rule 2) and the error policy's actions. The modem's dialogue is behind
`Radio`; what to do with a line in trouble is the worker's business, told by `LineTrouble`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from modemgw.at.policy import ErrorAction, ErrorScope, Fate, Waits, is_unclear, policy_for, policy_for_silent_ok
from modemgw.domain.job import Job, LineRecord
from modemgw.domain.states import AttemptOutcome
from modemgw.errors import ModemgwError
from modemgw.rules.compose import compose, submit_pdu
from modemgw.rules.quota import Pace, Quota, Rest
from modemgw.rules.report_matching import tail
from modemgw.rules.routing import is_lane
from modemgw.service.dispatch import Dispatcher
from modemgw.service.ports import Clock, InDoubt, NotSent, Radio, Refused, SendOutcome, Sent
from modemgw.service.routing import Routing
from modemgw.service.timers import Timers
from modemgw.sms import PduHex, UserData
from modemgw.store.repository import Outbox

log = logging.getLogger(__name__)

#: Pause of a line while the journal cannot be written.
STORE_RETRY_S = 2.0

#: A line that waits for its quota looks at the clock so often: it may have been set.
PACE_LOOK_S = 60.0

#: How long the end of a session waits for its outcomes to be written.
FLUSH_S = 10.0


@dataclass(frozen=True, slots=True)
class SendingSettings:
    """What the operator may set. Times in ms."""

    doubt_window_ms: int = 600_000
    pause_after: int = 3  # refusals in a row, of different recipients, that speak of the SIM
    pause_ms: int = 1_800_000
    quota: Quota = field(default_factory=Quota)
    waits: Waits = field(default_factory=Waits)


class LineTrouble(ModemgwError):
    """The line cannot go on sending by itself. `scope` says whose fault, `action` what is asked of the worker.

    `recipient` is whom the refused message was for: what is refused for one number only says little of the line.
    """

    def __init__(self, scope: ErrorScope, action: ErrorAction, reason: str, recipient: str | None = None) -> None:
        super().__init__(reason)
        self.scope = scope
        self.action = action
        self.recipient = recipient


class LineSender:
    """Sends messages through one ready line until it is cancelled or the line is in trouble."""

    def __init__(
        self,
        line: LineRecord,
        radio: Radio,
        repository: Outbox,
        dispatcher: Dispatcher,
        timers: Timers,
        clock: Clock,
        settings: SendingSettings,
        on_rest: Callable[[Rest | None], None] = lambda rest: None,
        routing: Routing | None = None,
    ) -> None:
        """`on_rest` is told when the line begins to wait for its quota, and with None when it goes on. Without
        `routing` there is no other way for a message."""
        self._routing = routing
        self._on_rest = on_rest
        self._pace: Pace | None = None
        self._line = line
        self._radio = radio
        self._repository = repository
        self._dispatcher = dispatcher
        self._timers = timers
        self._clock = clock
        self._settings = settings
        self._owed: bool | None = None  # the modem has not answered the last message; None: not looked up yet
        self._faults = 0  # refusals in a row that often pass at once, but came after the payload
        self._refused: dict[str, str] = {}  # recipients of a run of SIM refusals, and the reason
        self._pending: set[asyncio.Future[object]] = set()
        self.stopping = False
        self.in_air = False
        self.sent = 0

    async def run(self) -> None:
        """Until cancelled, `stopping` is set, or LineTrouble is raised."""
        while not self.stopping:
            try:
                if self._owed is None:
                    self._owed = await self._repository.answer_owed(self._line.id)
                pace = await self._kept_pace()
                job = await self._dispatcher.take(self._line.name)
            except ModemgwError as error:
                log.warning("%s: the queue cannot be read: %s", self._line.name, error)
                await asyncio.sleep(STORE_RETRY_S)
                continue
            rest = None if pace is None else pace.rest(self._clock(), len(job.queued))
            try:
                if rest is None:
                    await self.send(job)
                else:
                    self._return(job)  # another line may have it
            except LineTrouble:
                raise
            except BaseException:
                self._return(job)
                raise
            finally:
                self._dispatcher.release(job.id)
            if pace is not None and rest is not None:
                await self._rest(pace, len(job.queued), rest)

    async def _kept_pace(self) -> Pace | None:
        """The line's counts, as soon as they let another part go; None where it has no quota. Raises ModemgwError."""
        if not self._settings.quota:
            return None
        if self._pace is None:
            pace = Pace(self._settings.quota, random.random)
            since = self._clock() - pace.since_ms
            pace.remember(await self._repository.sent_since(self._line.id, since, pace.most))
            self._pace = pace
        if (rest := self._pace.rest(self._clock())) is not None:
            await self._rest(self._pace, 1, rest)
        return self._pace

    async def _rest(self, pace: Pace, parts: int, rest: Rest) -> None:
        """Wait until so many parts may go. A mere gap is not worth telling."""
        told = bool(rest.reason)
        if told:
            self._on_rest(rest)
        while True:
            await asyncio.sleep(min(PACE_LOOK_S, max(0.0, (rest.until - self._clock()) / 1000)))
            again = pace.rest(self._clock(), parts)
            if again is None:
                break
            rest = again
        if told:
            self._on_rest(None)

    async def flush(self) -> None:
        """Wait until every outcome is durable, or for FLUSH_S: the writer keeps what the disk does not take."""
        loop = asyncio.get_running_loop()
        end = loop.time() + FLUSH_S
        while self._pending and (left_s := end - loop.time()) > 0:
            await asyncio.wait(self._pending, timeout=left_s)

    async def send(self, job: Job) -> None:
        """Send the open parts of one message, one after the other; nothing comes between them on this line."""
        try:
            parts = compose(job)
        except (ModemgwError, ValueError) as error:
            await self._reject_uncomposable(job, f"It cannot be put into a PDU: {error}")
            return
        for seq, part in parts.items():
            if not await self._send_part(job, seq, part):
                return
            if self.stopping and seq != max(parts):
                # the rest waits for the next start, on this line
                self._return(job)
                return
        if self._pace is not None:
            self._pace.ended(self._clock())

    async def _send_part(self, job: Job, seq: int, part: UserData) -> bool:
        """True if the next part may follow."""
        tries = 0
        while True:
            try:
                pdu = submit_pdu(job, part, self._line, resend=seq in job.resend, now=self._clock())
            except (ModemgwError, ValueError) as error:
                await self._reject_uncomposable(job, f"It cannot be put into a PDU: {error}")
                return False
            attempt, outcome = await self._attempt(job, seq, pdu)
            if self._pace is not None and isinstance(outcome, Sent | InDoubt):
                self._pace.sent(self._clock())
            if attempt is None:
                # cancelled or expired meanwhile; or it has changed since the job was made, and is looked at again
                self._return(job)
                return False
            if isinstance(outcome, Sent | InDoubt):
                self._owed = isinstance(outcome, InDoubt) and outcome.error is None
            if isinstance(outcome, Sent):
                self._end(attempt, AttemptOutcome.SENT, mr=outcome.mr)
                if self._routing is not None:
                    self._routing.sent(self._line.name, job.recipient)
                self.sent += 1
                self._faults = 0
                self._refused.clear()
                return True
            if isinstance(outcome, InDoubt):
                doubt_at = self._clock() + self._settings.doubt_window_ms
                code = getattr(outcome.error, "code", None)
                await self._ended(
                    attempt, AttemptOutcome.UNKNOWN, error=outcome.reason, error_code=code, doubt_at=doubt_at
                )
                self._timers.wake_by(doubt_at)
                raise _trouble(outcome, job)
            if isinstance(outcome, NotSent):
                await self._ended(attempt, AttemptOutcome.NOT_SENT, error=outcome.reason)
                self._return(job)
                raise LineTrouble(ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE, outcome.reason)
            if seq in job.resend and _accepted_earlier(outcome):
                # the centre has it from the attempt that was in doubt, and knew the copy
                await self._ended(attempt, AttemptOutcome.SENT, error=outcome.text)
                return True
            wait_s = await self._refusal(attempt, job, seq, outcome, tries)
            if wait_s is None:
                return False
            tries += 1
            await asyncio.sleep(wait_s)

    async def _attempt(self, job: Job, seq: int, pdu: PduHex) -> tuple[int | None, SendOutcome]:
        """Journal and send; the attempt's id (None: the part is not to be sent now) and what came of it."""
        entry: asyncio.Future[int | None] | None = None

        async def journal() -> bool:
            nonlocal entry
            entry = self._repository.begin_attempt(
                job.id, seq, self._line, tail(job.recipient), resend=seq in job.resend, lane=job.line
            )
            try:
                # it is written even if nobody waits for it any more
                return await asyncio.shield(entry) is not None
            except ModemgwError:
                return False

        self.in_air = True
        try:
            outcome = await self._radio.send(pdu, journal, owed=bool(self._owed))
        except BaseException:
            if entry is not None:
                self._track(self._doubt(entry))
            raise
        finally:
            self.in_air = False
        if entry is not None and not entry.done():
            # the modem did not wait for the journal; nothing was sent, whatever becomes of the entry
            self._track(self._withdraw(entry, job))
            raise LineTrouble(ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE, _reason(outcome))
        if entry is not None and entry.exception() is not None:
            log.warning("The attempt could not be journalled, so nothing was sent: %s", entry.exception())
            await asyncio.sleep(STORE_RETRY_S)
            return None, outcome
        attempt = entry.result() if entry is not None else None
        if attempt is None and isinstance(outcome, NotSent) and outcome.trouble:
            self._return(job)
            raise LineTrouble(ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE, outcome.reason)
        return attempt, outcome

    async def _doubt(self, entry: asyncio.Future[int | None]) -> None:
        """The send was broken off from our side: what was journalled may be on the air."""
        attempt = None
        with contextlib.suppress(ModemgwError):
            attempt = await entry
        if attempt is not None:
            doubt_at = self._clock() + self._settings.doubt_window_ms
            reason = "Sending was broken off while the message was with the modem."
            await self._repository.end_attempt(attempt, AttemptOutcome.UNKNOWN, error=reason, doubt_at=doubt_at)
            self._timers.wake_by(doubt_at)

    async def _withdraw(self, entry: asyncio.Future[int | None], job: Job) -> None:
        """The journal was too slow: its entry says that nothing was sent, and the message waits again."""
        attempt = None
        with contextlib.suppress(ModemgwError):
            attempt = await entry
        if attempt is not None:
            reason = "The journal took too long."
            await self._repository.end_attempt(attempt, AttemptOutcome.NOT_SENT, error=reason)
        self._return(job)

    async def _refusal(self, attempt: int, job: Job, seq: int, outcome: Refused, tries: int) -> float | None:
        """Keep a refusal and act on it: seconds until another try here and now, or None: no more of this message."""
        out = not outcome.before_payload
        if outcome.error is None:
            # OK without +CMGS, of a modem that says so of what failed. It is set up anew, or would do so with the
            # whole queue
            policy = policy_for_silent_ok()
            await self._ended(attempt, AttemptOutcome.REJECTED, error=outcome.text, went_out=out)
            raise LineTrouble(policy.scope, policy.action, outcome.text)
        policy = policy_for(outcome.error)
        handling, text, waits = policy.handling, outcome.text, self._settings.waits
        code = getattr(outcome.error, "code", None)
        if handling.fate is Fate.FAILS:
            await self._ended(attempt, AttemptOutcome.REJECTED, error=text, error_code=code, went_out=out)
            if handling.counts:
                self._count_refusal(job, text)
            return None
        quick = handling.fate is Fate.HERE
        if not out and quick and tries < len(waits.here_s):
            await self._ended(attempt, AttemptOutcome.REFUSED, error=text, error_code=code)
            return waits.here_s[tries]
        if not out and handling.fate is Fate.KEEPS and job.tries < waits.keeps:
            await self._ended(attempt, AttemptOutcome.REFUSED, error=text, error_code=code)
            self._return(job)
        else:
            due_at = self._clock() + self._wait_ms(job, seq, outcome)
            await self._ended(
                attempt,
                AttemptOutcome.REFUSED,
                error=text,
                error_code=code,
                due_at=due_at,
                went_out=out,
                lane=self._next_lane(job),
            )
            self._timers.wake_by(due_at)
            if out and quick and self._faults < len(waits.here_s):
                self._faults += 1
                await asyncio.sleep(waits.here_s[self._faults - 1])
                return None  # it often passes: the next message may go
        raise LineTrouble(policy.scope, policy.action, text, job.recipient)

    def _next_lane(self, job: Job) -> str | None:
        """Where a message that this line could not send for now waits from now: after the route's `max_wait_s` in the
        next tier's lane. None: where it does."""
        routing = self._routing
        if routing is None or not is_lane(job.line) or len(job.queued) < job.parts:
            return None
        waited_ms = self._clock() - (job.expires_at - job.validity_s * 1000)
        if waited_ms < routing.route_named(job.line).max_wait_s * 1000:
            return None
        return routing.next_lane(job.line, self._line.name, frozenset({self._line.name}))

    def _wait_ms(self, job: Job, seq: int, outcome: Refused) -> int:
        """How long a part waits for its next try. After the payload: until a report could have come; and when two
        copies may be out already, for as long as a doubt lasts."""
        waits = self._settings.waits
        wait_s = min(waits.first_s * 2 ** min(job.tries, 10), waits.most_s)
        if not outcome.before_payload:
            wait_s = max(wait_s, waits.report_s)
            if seq in job.resend and outcome.error is not None and is_unclear(outcome.error):
                wait_s = max(wait_s, self._settings.doubt_window_ms / 1000)
        return int(wait_s * 1000 * random.uniform(1.02, 1.25))  # noqa: S311 (jitter)

    def _count_refusal(self, job: Job, reason: str) -> None:
        self._refused[job.recipient] = reason
        if len(self._refused) >= self._settings.pause_after:
            count = len(self._refused)
            self._refused.clear()
            raise LineTrouble(
                ErrorScope.SIM,
                ErrorAction.FAIL_COUNT,
                f"{count} messages to different recipients in a row were refused, the last with: {reason} "
                "The operator may have barred this SIM, or its credit is used up.",
            )

    def _return(self, job: Job) -> None:
        """What is left of a message goes back to its place in the queue; of one that is done, nothing is left."""
        self._track(self._give_back(job))

    async def _give_back(self, job: Job) -> None:
        # behind everything that is being written of it: then the store knows what is left, and for which line
        await self._repository.give_back(job.id)
        left = await self._repository.job(job.id)
        if left is not None:
            self._dispatcher.offer(left.id, left.priority, left.line, left)

    async def _reject_uncomposable(self, job: Job, reason: str) -> None:
        log.error("Message %d: %s", job.id, reason)
        await self._repository.reject(job.id, reason)

    # -- outcomes -----------------------------------------------------------------------------------------

    def _end(self, attempt: int, outcome: AttemptOutcome, *, mr: int | None = None) -> None:
        """Record an outcome without waiting: it is in the writer's hands, before the next attempt's journal."""
        self._track(self._repository.end_attempt(attempt, outcome, mr=mr))

    def _track(self, work: Awaitable[object]) -> asyncio.Future[object]:
        """Have something written whatever happens to the line; `flush` waits for it."""
        future = asyncio.ensure_future(work)
        self._pending.add(future)
        future.add_done_callback(self._recorded)
        return future

    def _recorded(self, future: asyncio.Future[object]) -> None:
        self._pending.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("An outcome could not be kept: %s", error)

    async def _ended(
        self,
        attempt: int,
        outcome: AttemptOutcome,
        *,
        error: str | None = None,
        error_code: int | None = None,
        due_at: int | None = None,
        doubt_at: int | None = None,
        went_out: bool = False,
        lane: str | None = None,
    ) -> None:
        """Record an outcome and wait for the COMMIT; a cancelled caller does not lose it."""
        future = self._track(
            self._repository.end_attempt(
                attempt,
                outcome,
                error=error,
                error_code=error_code,
                due_at=due_at,
                doubt_at=doubt_at,
                went_out=went_out,
                lane=lane,
            )
        )
        await asyncio.shield(future)


def _accepted_earlier(outcome: Refused) -> bool:
    return outcome.error is not None and policy_for(outcome.error).action is ErrorAction.ACCEPTED_EARLIER


def _trouble(outcome: InDoubt, job: Job) -> LineTrouble:
    """What a doubt says of the line."""
    if outcome.silent_ok:
        policy = policy_for_silent_ok()
        return LineTrouble(policy.scope, policy.action, outcome.reason)
    scope = ErrorScope.MODEM if outcome.error is None else policy_for(outcome.error).scope
    return LineTrouble(scope, ErrorAction.RETRY_BACKOFF, outcome.reason, job.recipient)


def _reason(outcome: SendOutcome) -> str:
    return outcome.reason if isinstance(outcome, NotSent | InDoubt) else "The modem did not wait for the journal."
