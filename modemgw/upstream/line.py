"""One online gateway as a line: takes messages, hands them over, and says whether it is ready.

Owns the line's state and the order of things: journal, request, outcome (docs/architecture.md rule 2). The requests
are the link's, what they mean the codec's; when a gateway is left alone is decided by rules/breaker, where a message
goes next by rules/routing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from modemgw.dialects.seam import WireRequest
from modemgw.dialects.upstream import Told
from modemgw.domain.events import EventKind
from modemgw.domain.job import Job, LineRecord
from modemgw.domain.line import LineState, LineView
from modemgw.domain.states import AttemptOutcome
from modemgw.domain.upstream import (
    AccountTrouble,
    BalanceAnswer,
    Fate,
    SendAnswer,
    TryOutcome,
    UpstreamInbound,
    UpstreamMessage,
)
from modemgw.errors import ModemgwError
from modemgw.rules.breaker import Breaker, BreakerState
from modemgw.rules.budget import PERIODS, Budget, MoneyLimits, begin_of
from modemgw.rules.pricing import money, units
from modemgw.rules.quota import Pace, Quota, Rest
from modemgw.rules.report_matching import tail
from modemgw.rules.routing import Way
from modemgw.service.dispatch import Dispatcher
from modemgw.service.ports import Clock
from modemgw.service.routing import Routing
from modemgw.service.timers import Timers
from modemgw.store.upstream import Begun, Ended, UpstreamStore
from modemgw.upstream.asking import DOUBT, TAKEN, Asker
from modemgw.upstream.detour import Detour
from modemgw.upstream.link import Link

log = logging.getLogger(__name__)

#: Pause while the journal cannot be written.
STORE_RETRY_S: Final = 2.0

#: A line that waits for a limit looks at the clock so often: it may have been set.
LIMIT_LOOK_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class UpstreamLineSettings:
    """What the operator wants of one gateway. Money in units of the gateway's currency (rules/pricing)."""

    name: str
    kind: str
    sender: str = ""
    quota: Quota = field(default_factory=Quota)
    rate_per_s: float = 0  # 0: as fast as it goes
    max_parallel: int = 10
    price: int | None = None  # of a part, where the gateway does not say
    currency: str | None = None
    money: MoneyLimits = field(default_factory=MoneyLimits)
    low_balance: int | None = None
    balance_interval_s: float = 3600
    poll_s: float = 0
    doubt_window_ms: int = 600_000
    proves_absence: bool | None = None
    callback_url: str | None = None
    drain_s: float = 30.0  # how long requests under way are waited for at the end


@dataclass(frozen=True, slots=True)
class LinePorts:
    """What a line is given of the rest of the gateway."""

    store: UpstreamStore
    dispatcher: Dispatcher
    routing: Routing
    timers: Timers
    clock: Clock
    give_back: Callable[[int], Coroutine[Any, Any, None]]  # what is left of a message waits again
    sent_since: Callable[[int, int, int], Awaitable[list[int]]]
    changed: Callable[[], None]  # this line is ready, or is not any more
    network: Callable[[str, bool], None]  # (name, whether its network was reached)


class UpstreamLine:
    """`run` until `stop`. Nothing that a gateway answers ends it."""

    def __init__(self, settings: UpstreamLineSettings, link: Link, ports: LinePorts) -> None:
        self.settings = settings
        self._link = link
        self._ports = ports
        self._breaker = Breaker()
        self._detour = Detour(settings.name, ports.routing, ports.dispatcher)
        self._state = LineState.STARTING
        self._reason: str | None = None
        self._since = ports.clock()
        self._down_since: float | None = None  # monotonic, once that was told
        self._paused_by: str | None = None
        self._rest: Rest | None = None
        self._line: LineRecord | None = None
        self._asker: Asker | None = None
        self._pace: Pace | None = None
        self._budget: Budget | None = None
        self._balance: tuple[str, str | None, int] | None = None
        self._low = False
        self._pump: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore(settings.max_parallel)
        self._in_air: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._look = asyncio.Event()  # the breaker has changed: the prober looks again
        self._sent = 0
        self._received = 0

    # -- what others see -----------------------------------------------------------------------------------------

    @property
    def way(self) -> Way:
        """The line as routes see it."""
        return Way(
            self.settings.name, "upstream", self._state is LineState.READY, reason=self._reason or str(self._state)
        )

    def view(self, used_today: int) -> LineView:
        """The line as clients see it."""
        amount, currency, at = self._balance or (None, None, None)
        return LineView(
            name=self.settings.name,
            kind=self.settings.kind,
            state=self._state,
            reason=self._reason,
            since=self._since,
            sent=self._sent,
            received=self._received,
            used_today=used_today,
            in_air=bool(self._in_air),
            paused=self._paused_by is not None,
            number=self.settings.sender or None,
            operator=None,
            balance=amount,
            balance_currency=currency,
            balance_at=at,
            spent_today=None if self._budget is None else money(self._budget.today),
            callback_url=self.settings.callback_url,
            reports=self._reports,
        )

    @property
    def low_balance(self) -> str | None:
        """What is left, where that is less than the limit."""
        return self._balance[0] if self._low and self._balance is not None else None

    @property
    def _reports(self) -> str:
        traits = self._link.traits
        if traits.pushes and self.settings.callback_url is not None:
            return "told"
        return "asked" if traits.polls else "none"

    def pause(self, by: str) -> None:
        """Hand nothing over until `resume`; what is under way is finished."""
        self._paused_by = by
        self._refresh()

    def resume(self) -> None:
        """End a pause, and the wait for a person to see to a login that was refused."""
        self._paused_by = None
        self._breaker.reset()
        self._link.retry()
        self._look.set()
        self._refresh()

    async def told(self, request: WireRequest, url: str) -> Told:
        """Take in a call of the gateway to our address. Raises NotGenuine, StoreUnavailable."""
        told = self._link.told(request, url)
        await self._take_in(told.fates, told.inbound)
        return told

    async def _take_in(self, fates: Sequence[Fate], inbound: Sequence[UpstreamInbound]) -> None:
        line = self._line
        if line is None:
            return
        if fates:
            await self._ports.store.tell(line.id, fates)
            self._ports.timers.wake_by(self._ports.clock())  # the rest of a message may be due
        if inbound:
            self._received += await self._ports.store.take_in(line, inbound)
            for text in inbound:
                self._ports.routing.known(text.sender, line.name)

    # -- life ----------------------------------------------------------------------------------------------------

    async def stop(self) -> None:
        """Ask `run` to return: requests under way are waited for, nothing new goes out."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop`."""
        name, ports = self.settings.name, self._ports
        while self._line is None and not self._stop.is_set():
            try:
                line_id = await ports.store.ensure_line(name, number=None, upstream=True)
                line = LineRecord(line_id, name, None, self.settings.sender or None)
                await self._remember(line)
                self._line = line
            except ModemgwError as error:
                log.warning("%s: the store does not answer: %s", name, error)
                await asyncio.sleep(STORE_RETRY_S)
        if self._line is None:
            return
        self._asker = Asker(
            self._line,
            self._link,
            ports.store,
            ports.clock,
            lambda one: self._detour.of_absent(one.lane),
            ports.dispatcher.refresh,
            told=self.settings.callback_url is not None and self._link.traits.pushes,
            poll_s=self.settings.poll_s,
            proves_absence=self.settings.proves_absence,
            doubt_window_s=self.settings.doubt_window_ms / 1000,
        )
        tasks = [
            asyncio.create_task(self._keep(work), name=f"{name} {label}")
            for label, work in (
                ("session", self._session),
                ("asking", self._asker.run),
                ("probes", self._probe),
                ("balance", self._ask_balance),
                *((("inbox", self._asker.run_inbox),) if self._link.traits.polls_inbound else ()),
            )
        ]
        self._refresh()
        await self._stop.wait()
        self._refresh()
        if self._in_air:
            await asyncio.wait(self._in_air, timeout=self.settings.drain_s)
        for task in (*tasks, *self._in_air):
            task.cancel()
        await asyncio.gather(*tasks, *self._in_air, return_exceptions=True)
        await self._link.close()

    async def _keep(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Go on whatever happens: a fault of ours in one duty must not end it for good."""
        while True:
            try:
                await work()
                return
            except ModemgwError as error:
                log.warning("%s: %s", self.settings.name, error)
            except Exception:
                log.exception("%s: unexpected", self.settings.name)
            await asyncio.sleep(STORE_RETRY_S)

    async def _remember(self, line: LineRecord) -> None:
        """What went out before this start counts for the limits."""
        ports, now = self._ports, self._ports.clock()
        if self.settings.quota:
            pace = Pace(self.settings.quota, random.random)
            pace.remember(await ports.sent_since(line.id, now - pace.since_ms, pace.most))
            self._pace = pace
        spent = {period: await ports.store.spent(line.id, begin_of(period, now)) for period in PERIODS}
        self._budget = Budget(self.settings.money, now, spent)

    async def _session(self) -> None:
        await self._link.run(self._take_in, self._refresh)

    # -- state ---------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """What the line is now; its pump runs while it is ready."""
        self._set(*self._current())

    def _current(self) -> tuple[LineState, str | None]:
        if self._stop.is_set():
            return LineState.STOPPED, None
        if self._line is None:
            return LineState.STARTING, None
        if self._paused_by is not None:
            return LineState.PAUSED, f"Paused by {self._paused_by}."
        if self._breaker.state is BreakerState.BARRED:
            return LineState.BLOCKED, f"{self._breaker.reason} Mend it, then `modemgw resume {self.settings.name}`."
        if self._breaker.state is BreakerState.OPEN:
            return LineState.RECOVERING, self._breaker.reason
        if (down := self._link.down) is not None:
            return (LineState.RECOVERING, down) if down else (LineState.STARTING, None)
        if self._rest is not None:
            return LineState.PAUSED, self._rest.reason
        return LineState.READY, None

    def _set(self, state: LineState, reason: str | None) -> None:
        old, (self._state, self._reason) = self._state, (state, reason)
        if old is state:
            return
        self._since = self._ports.clock()
        name = self.settings.name
        if state is LineState.READY:
            self._pump = asyncio.create_task(self._run_pump(), name=f"{name} sending")
            if self._down_since is not None:
                seconds = time.monotonic() - self._down_since
                self._down_since = None
                log.warning("%s: up again after %.0f s", name, seconds)
                self._note(EventKind.LINE_UP, modem=name, seconds=round(seconds, 1))
        else:
            if self._pump is not None:
                self._pump.cancel()
                self._pump = None
            outage = state in (LineState.RECOVERING, LineState.BLOCKED)
            if outage and self._down_since is None:
                self._down_since = time.monotonic()
                log.warning("%s: down: %s", name, reason)
                self._note(EventKind.LINE_DOWN, modem=name, reason=reason)
        self._ports.changed()

    def _spawn(self, work: Coroutine[Any, Any, None], what: str) -> None:
        """Something that is waited for at the end."""
        task = asyncio.create_task(work, name=f"{self.settings.name} {what}")
        self._in_air.add(task)
        task.add_done_callback(self._in_air.discard)

    def _note(self, kind: EventKind, **data: object) -> None:
        self._spawn(self._keep_note(kind, None if self._line is None else self._line.id, data), kind)

    async def _keep_note(self, kind: EventKind, line_id: int | None, data: dict[str, object]) -> None:
        with contextlib.suppress(ModemgwError):
            await self._ports.store.note(kind, line_id, **data)

    # -- sending -------------------------------------------------------------------------------------------------

    async def _run_pump(self) -> None:
        """Take messages while the line is ready; cancelled when it is not any more."""
        gap_s = 1 / self.settings.rate_per_s if self.settings.rate_per_s else 0.0
        due = 0.0
        while True:
            await self._slots.acquire()
            try:
                if gap_s and (wait_s := due - time.monotonic()) > 0:
                    await asyncio.sleep(wait_s)
                job = await self._ports.dispatcher.take(self.settings.name)
            except ModemgwError as error:
                self._slots.release()
                log.warning("%s: the queue cannot be read: %s", self.settings.name, error)
                await asyncio.sleep(STORE_RETRY_S)
                continue
            except BaseException:
                self._slots.release()
                raise
            due = time.monotonic() + gap_s
            self._spawn(self._send(job), f"message {job.id}")

    async def _send(self, job: Job) -> None:
        try:
            await self._hand_over(job)
        except ModemgwError as error:
            log.warning("%s: message %d: %s", self.settings.name, job.id, error)
            await self._return(job)
            await asyncio.sleep(STORE_RETRY_S)
        except Exception:
            log.exception("%s: message %d: unexpected", self.settings.name, job.id)
            await self._return(job)
            await asyncio.sleep(STORE_RETRY_S)
        finally:
            self._ports.dispatcher.release(job.id)
            self._slots.release()

    async def _hand_over(self, job: Job) -> None:
        ports, line, now = self._ports, self._line, self._ports.clock()
        assert line is not None
        message = self._message(job, now)
        cannot = self._cannot(job, message)
        if cannot is not None:
            await self._pass_on(job, cannot)
            return
        if (rest := self._limit(job, now)) is not None:
            await self._return(job)  # another line may have it
            self._begin_rest(rest)
            return
        cost = 0
        try:
            begun = await ports.store.begin(job, line, tail(job.recipient), unique_refs=self._link.traits.unique_refs)
            if begun is None:  # cancelled or expired meanwhile, or on another way
                await self._return(job)
                return
            answer = await self._link.send(replace(message, ref=begun.ref), now)
            if answer.outcome in (TryOutcome.ACCEPTED, TryOutcome.DUPLICATE):
                cost = self._cost(job, answer) or 0
            await self._ended(job, begun, answer)
        finally:
            self._pay(job, cost, ports.clock())

    def _message(self, job: Job, now: int) -> UpstreamMessage:
        return UpstreamMessage(
            ref="",
            to=job.recipient,
            text=job.text or "",
            flash=job.flash,
            encoding=job.encoding,
            parts=job.parts,
            sender=self.settings.sender,
            validity_s=max(1, (job.expires_at - now) // 1000),
            report=job.report,
        )

    def _cannot(self, job: Job, message: UpstreamMessage) -> str | None:
        """Why this way cannot take a message, as a sentence."""
        if job.text is None or job.pid or job.udh:
            return "It sends texts only."
        if len(job.queued) < job.parts:
            return "A part of the text went another way."
        assert self._budget is not None
        return self._budget.too_dear(self._price(job)) or self._link.cannot(message)

    async def _ended(self, job: Job, begun: Begun, answer: SendAnswer) -> None:
        """Keep what a try came to, and act on it."""
        now, asker = self._ports.clock(), self._asker
        assert asker is not None
        self._ports.network(self.settings.name, not self._link.cut_off)
        outcome, reason = answer.outcome, answer.reason or None
        if outcome in (TryOutcome.ACCEPTED, TryOutcome.DUPLICATE):
            cost = self._cost(job, answer)
            ask_at = asker.first_fate(now) if answer.ids or self._link.traits.asks_by_ref else None
            ended = Ended(
                AttemptOutcome.SENT, ids=answer.ids, ask_at=ask_at, cost=None if cost is None else money(cost)
            )
            await self._ports.store.end(begun.id, ended)
            asker.news(TAKEN)
            self._went_out(job, now)
            self._ports.dispatcher.settled(job.id)
        elif outcome is TryOutcome.UNKNOWN:
            doubt_at = now + self.settings.doubt_window_ms
            ended = Ended(AttemptOutcome.UNKNOWN, reason, doubt_at=doubt_at, ask_at=asker.first_find(now))
            await self._ports.store.end(begun.id, ended)
            asker.news(DOUBT)
            self._ports.timers.wake_by(doubt_at)
            self._went_out(job, now)
            self._ports.dispatcher.settled(job.id)
        elif outcome is TryOutcome.REFUSED_MESSAGE or (
            outcome is TryOutcome.REFUSED_WAY and not self._detour.may_follow(job)
        ):
            await self._ports.store.end(begun.id, Ended(AttemptOutcome.REJECTED, reason))
            self._ports.dispatcher.settled(job.id)
        else:
            lane, due_at = self._detour.after(job, outcome, now, answer.retry_after_s)
            if lane is None:
                await self._ports.store.end(begun.id, Ended(AttemptOutcome.REJECTED, reason))
            else:
                word = AttemptOutcome.NOT_SENT if outcome is TryOutcome.NOT_SENT else AttemptOutcome.REFUSED
                await self._ports.store.end(begun.id, Ended(word, reason, lane=lane, due_at=due_at))
                self._offer_again(job, lane, due_at)
        if self._breaker.record(outcome, time.monotonic(), answer.reason, answer.trouble):
            self._look.set()
        self._refresh()

    def _offer_again(self, job: Job, lane: str, due_at: int | None) -> None:
        if due_at is None:
            self._ports.dispatcher.offer(job.id, job.priority, lane)
        else:
            self._ports.timers.wake_by(due_at)

    async def _pass_on(self, job: Job, reason: str) -> None:
        """This way cannot take a message: the next one may. Nothing was handed over."""
        lane, due_at = self._detour.after(job, TryOutcome.REFUSED_WAY, self._ports.clock())
        said = f"{self.settings.name}: {reason}"
        await self._ports.store.pass_on(job.id, lane, said, due_at)
        if lane is not None:
            self._offer_again(job, lane, due_at)

    async def _return(self, job: Job) -> None:
        """What waits of a message goes back to its place."""
        with contextlib.suppress(ModemgwError):
            await self._ports.give_back(job.id)

    # -- limits and money ----------------------------------------------------------------------------------------

    def _price(self, job: Job) -> int:
        """What a message will cost, as far as the configuration knows."""
        return (self.settings.price or 0) * job.parts

    def _cost(self, job: Job, answer: SendAnswer) -> int | None:
        """What a message took: as the gateway said, else by the configured price; None: nobody knows."""
        if answer.cost is not None:
            try:
                return max(0, units(answer.cost))
            except ArithmeticError:
                log.warning("%s: a cost that is no amount: %.40r", self.settings.name, answer.cost)
        return None if self.settings.price is None else self.settings.price * (answer.parts or job.parts)

    def _went_out(self, job: Job, now: int) -> None:
        self._sent += len(job.queued)
        if self._pace is not None:
            for _ in job.queued:
                self._pace.sent(now)
        self._ports.routing.sent(self.settings.name, job.recipient, len(job.queued))

    def _pay(self, job: Job, cost: int, now: int) -> None:
        assert self._budget is not None
        for period in self._budget.paid(self._price(job), cost, now):
            log.warning("%s: 80 %% of the money of this %s is spent", self.settings.name, period)
            self._note(EventKind.UPSTREAM_MONEY, modem=self.settings.name, period=period)

    def _limit(self, job: Job, now: int) -> Rest | None:
        """What the line has to wait for before it may hand this message over; else its price is set aside."""
        assert self._budget is not None
        rest = None if self._pace is None else self._pace.rest(now, len(job.queued))
        return rest or self._budget.reserve(self._price(job), now)

    def _begin_rest(self, rest: Rest) -> None:
        if self._rest is not None:
            return
        self._rest = rest
        self._spawn(self._end_rest(rest), "rest")
        self._refresh()

    async def _end_rest(self, rest: Rest) -> None:
        now = self._ports.clock()
        while now < rest.until and not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LIMIT_LOOK_S, (rest.until - now) / 1000)):
                    await self._stop.wait()
            now = self._ports.clock()
        self._rest = None
        self._refresh()

    # -- whether it lives ----------------------------------------------------------------------------------------

    async def _probe(self) -> None:
        """Ask a gateway that is left alone whether it lives again."""
        while True:
            self._look.clear()
            due = self._breaker.probe_due_s()
            wait_s = None if due is None else max(0.0, due - time.monotonic())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._look.wait()
                    continue
            answer = await self._link.probe()
            self._ports.network(self.settings.name, not self._link.cut_off)
            outcome, reason = answer.outcome, answer.reason
            if outcome is TryOutcome.ACCEPTED and self._short(answer):
                outcome, reason = TryOutcome.REFUSED_ACCOUNT, self._breaker.reason
            if outcome is TryOutcome.TEMPORARY or answer.trouble is AccountTrouble.CONFIG:
                outcome = TryOutcome.ACCEPTED  # it answers, though not to that question
            refused = outcome is TryOutcome.REFUSED_ACCOUNT
            trouble = (answer.trouble or self._breaker.trouble) if refused else None
            self._breaker.probed(outcome, time.monotonic(), reason, trouble)
            self._keep_balance(answer)
            self._refresh()

    def _short(self, answer: BalanceAnswer) -> bool:
        """The breaker is open for want of money, and there is not enough of it yet."""
        if self._breaker.trouble is None or answer.amount is None:
            return False
        try:
            return units(answer.amount) <= (self.settings.price or 0)
        except ArithmeticError:
            return False

    async def _ask_balance(self) -> None:
        """Ask what is left, at the start and now and then."""
        if not self._link.traits.own_balance:
            return
        while True:
            if self._breaker.state is BreakerState.CLOSED and self._link.down is None:
                answer = await self._link.balance()
                if answer is None:
                    return
                # an address that has no balance is nothing against sending
                if answer.trouble in (AccountTrouble.LOGIN, AccountTrouble.MONEY, AccountTrouble.ADDRESS):
                    if self._breaker.record(answer.outcome, time.monotonic(), answer.reason, answer.trouble):
                        self._look.set()
                    self._refresh()
                self._keep_balance(answer)
            await asyncio.sleep(self.settings.balance_interval_s)

    def _keep_balance(self, answer: BalanceAnswer) -> None:
        if answer.amount is None:
            return
        self._balance = (answer.amount, answer.currency or self.settings.currency, self._ports.clock())
        limit = self.settings.low_balance
        try:
            low = limit is not None and units(answer.amount) < limit
        except ArithmeticError:
            return
        if low and limit is not None and not self._low:
            log.warning("%s: the balance is low: %s", self.settings.name, answer.amount)
            self._note(
                EventKind.LINE_LOW_BALANCE,
                modem=self.settings.name,
                amount=answer.amount,
                currency=self._balance[1],
                limit=money(limit),
            )
        elif self._low and not low:
            self._note(EventKind.LINE_BALANCE_RELIEVED, modem=self.settings.name, amount=answer.amount)
        self._low = low
