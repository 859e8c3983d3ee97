"""The gateway as the front doors see it: what may be asked of it, over the store, the dispatcher and the lines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from modemgw.dialects.seam import WireRequest, WireResponse
from modemgw.domain.account import Account
from modemgw.domain.events import EventKind
from modemgw.domain.health import Figures, Health
from modemgw.domain.inbox import InboxView
from modemgw.domain.job import NewMessage, job_of
from modemgw.domain.line import LineView, ModemView
from modemgw.domain.message import Accepted, EventView, MessageView, Submission
from modemgw.domain.refusal import OF_THE_WHOLE, Refusal, RefusalKind, StoreUnavailable
from modemgw.domain.requests import Balance, DayFigures, EventQuery, InboxQuery, MessageQuery, Quoted, StatisticsQuery
from modemgw.domain.trace import TraceView
from modemgw.errors import ModemgwError
from modemgw.rules.admission import admit
from modemgw.rules.pricing import money, units
from modemgw.service.accounts import Accounts
from modemgw.service.callbacks import Callbacks
from modemgw.service.desk import Desk
from modemgw.service.dispatch import Dispatcher
from modemgw.service.lines import Lines
from modemgw.service.ports import Clock
from modemgw.service.readiness import Readiness
from modemgw.service.timers import Timers
from modemgw.service.ways import RouteTrial
from modemgw.store.repository import Repository

log = logging.getLogger(__name__)

R = TypeVar("R")

#: Events given to a follower at a time.
EVENT_PAGE = 500

#: Messages of a bulk that are looked at before others have their turn.
SLICE = 64


def _then(future: asyncio.Future[R], then: Callable[[R], None]) -> None:
    if not future.cancelled() and future.exception() is None:
        then(future.result())


class Gateway:
    """Every method may raise `Refusal`; nothing it accepted is lost."""

    def __init__(
        self,
        repository: Repository,
        dispatcher: Dispatcher,
        timers: Timers,
        accounts: Accounts,
        clock: Clock,
        desk: Desk,
        callbacks: Callbacks,
        lines: Lines,
    ) -> None:
        #: What dialects are given besides messages.
        self.desk = desk
        #: What was sent to clients' URLs, and sending it again.
        self.callbacks = callbacks
        #: USSD dialogues of the lines.
        self.ussd = lines.ussd
        self._repository = repository
        self._dispatcher = dispatcher
        self._timers = timers
        self._accounts = accounts
        self._clock = clock
        self._lines = lines
        self._readiness = Readiness(repository, callbacks)
        self._counted: int | None = None  # events up to this one are in the counters
        self._events: dict[str, int] = {}
        self._followers: set[asyncio.Event] = set()
        self.closing = False

    async def authenticate(
        self,
        *,
        login: str | None = None,
        password: str | None = None,
        api_key: str | None = None,
        md5: bool = False,
        remote: str | None = None,
    ) -> Account:
        """The account these credentials belong to, compared in constant time; Refusal(UNAUTHORISED) otherwise."""
        return await self.desk.access.authenticate(
            login=login, password=password, api_key=api_key, md5=md5, remote=remote
        )

    def check(self, account: Account, remote: str | None) -> None:
        """That an account known from before may (still) come from this address. Refusal as of `authenticate`."""
        self.desk.access.check(account, remote)

    async def balance(self, account: Account) -> Balance:
        """What is left: as configured, counted down, or as the SIM said, as the account is set."""
        if account.balance_mode == "countdown":
            left = units(account.balance) - await self._repository.spent(account.id)
            return Balance(money(left), account.currency)
        said = self._lines.balances.of_account(account) if account.balance_mode == "sim" else None
        return said or Balance(account.balance, account.currency)

    # -- out ----------------------------------------------------------------------------------------------

    async def submit(self, account: Account, submission: Submission) -> Accepted:
        """Validate and store one message; returns after the COMMIT."""
        message = self.admit(account, submission)
        return await self.durable(self._repository.accept(message), lambda accepted: self.offer(message, accepted))

    async def submit_many(
        self, account: Account, submissions: Sequence[Submission], *, each: bool = False, as_group: bool = False
    ) -> list[Accepted | Refusal]:
        """As `submit`, for many: all of them in one COMMIT, or a Refusal and none. One entry for each, in order.

        With `each`, what is wrong with one message alone (its number, its text, a reference used before) is told in
        its place, and the others are the promise. With `as_group`, messages without `extra["ref"]` carry the id of
        the first as theirs.
        """
        admitted = await self._each(self.admit, account, submissions)
        refusals = [item for item in admitted if isinstance(item, Refusal)]
        refusal = next((item for item in refusals if not each or item.kind in OF_THE_WHOLE), None)
        if refusal is not None:
            raise refusal
        messages = [item for item in admitted if isinstance(item, NewMessage)]
        if not messages:
            return list(refusals)
        write = self._repository.accept_all(messages, each=each, as_group=as_group)
        results: list[Accepted | Refusal] = await self.durable(write, lambda done: self._offer_all(messages, done))
        following = iter(results)
        return [item if isinstance(item, Refusal) else next(following) for item in admitted]

    @staticmethod
    async def _each(
        admit: Callable[[Account, Submission], NewMessage], account: Account, submissions: Sequence[Submission]
    ) -> list[NewMessage | Refusal]:
        admitted: list[NewMessage | Refusal] = []
        for submission in submissions:
            try:
                admitted.append(admit(account, submission))
            except Refusal as refusal:
                admitted.append(refusal)
            if len(admitted) % SLICE == 0:
                await asyncio.sleep(0)
        return admitted

    def _offer_all(self, messages: Sequence[NewMessage], results: Sequence[Accepted | Refusal]) -> None:
        if len(messages) > SLICE:  # more than a window holds: the store is asked for the head of them
            self._dispatcher.refresh()
            self._timers.wake_by(min((m.send_at for m in messages if m.send_at is not None), default=self._clock()))
            return
        for message, result in zip(messages, results, strict=True):
            if isinstance(result, Accepted):
                self.offer(message, result)

    def submit_soon(self, account: Account, submission: Submission, done: Callable[[Accepted | Refusal], None]) -> None:
        """As `submit`, without a task for each: `done` is called after the COMMIT. Raises what the door refuses."""
        message = self.admit(account, submission)
        write = asyncio.ensure_future(self._repository.accept(message))
        write.add_done_callback(lambda write: self._accepted(message, write, done))

    def _accepted(
        self, message: NewMessage, write: asyncio.Future[Accepted], done: Callable[[Accepted | Refusal], None]
    ) -> None:
        if write.cancelled():
            done(Refusal(RefusalKind.UNAVAILABLE, "The gateway is shutting down."))
            return
        error = write.exception()
        if error is None:
            accepted = write.result()
            self.offer(message, accepted)
            done(accepted)
        elif isinstance(error, Refusal):
            done(error)
        else:
            log.error("A message was not accepted", exc_info=error)
            done(Refusal(RefusalKind.UNAVAILABLE, f"The message was not accepted: {error}"))

    def admit(self, account: Account, submission: Submission) -> NewMessage:
        """What a submission would be stored as; raises Refusal. For those that store it in a way of their own."""
        message = self._placed(account, submission)
        self._lines.ways.admit(account, message)
        return message

    def _placed(self, account: Account, submission: Submission) -> NewMessage:
        """As `admit`, whatever can be sent now."""
        message = self._shaped(account, submission)
        self._lines.ways.place(account, submission, message)
        return message

    def _shaped(self, account: Account, submission: Submission) -> NewMessage:
        """As `admit`, before a way is chosen for it."""
        if self.closing:
            raise Refusal(RefusalKind.UNAVAILABLE, "The gateway is shutting down. Try again when it is back.")
        if (hang := self._repository.hang) is not None:
            raise StoreUnavailable(f"{hang} Try again later.")
        message = admit(account, submission, self._clock())
        if message.line:
            known = self._lines.ways.names
            if message.line not in known:
                names = ", ".join(sorted(known)) or "none"
                raise Refusal(
                    RefusalKind.UNKNOWN_LINE,
                    f"There is no line named {message.line!r}. There are: {names}.",
                    field="modem",
                )
        return message

    def try_route(self, account: Account, submission: Submission) -> RouteTrial:
        """What would become of a submission. Raises Refusal for one that cannot be sent at all."""
        message = self._shaped(account, submission)
        return self._lines.ways.trial(account, submission, message)

    async def durable(self, write: Awaitable[R], then: Callable[[R], None]) -> R:
        """The result of a write, with `then` done to it, also when the client goes away while it waits: what is
        written all the same is sent all the same."""
        future = asyncio.ensure_future(write)
        try:
            result = await asyncio.shield(future)
        except asyncio.CancelledError:
            future.add_done_callback(lambda done: _then(done, then))
            raise
        then(result)
        return result

    def offer(self, message: NewMessage, accepted: Accepted) -> None:
        """A message is durable: have it sent when its time has come."""
        if accepted.created:
            if message.send_at is None or message.send_at <= self._clock():
                job = job_of(message, accepted.id, self._clock() + message.validity_s * 1000)
                self._dispatcher.offer(accepted.id, message.priority, message.line, job)
            if message.send_at is not None:
                self._timers.wake_by(message.send_at)

    def quote(self, account: Account, submission: Submission) -> Quoted:
        """Encoding, parts and cost a submission would have; refuses what `submit` would refuse."""
        message = self._placed(account, submission)
        return Quoted(message.encoding, message.parts, money(message.cost))

    async def quote_many(self, account: Account, submissions: Sequence[Submission]) -> list[Quoted | Refusal]:
        """As `quote`, one entry for each, in order."""
        admitted = await self._each(self._placed, account, submissions)
        return [
            item if isinstance(item, Refusal) else Quoted(item.encoding, item.parts, money(item.cost))
            for item in admitted
        ]

    async def cancel(self, account: Account, message_id: int) -> MessageView:
        """Withdraw a message of which nothing has been sent; Refusal(CONFLICT) when it is too late."""
        await self._repository.cancel(account.id, message_id)
        return await self.message(account, message_id)

    async def cancel_many(self, account: Account, login: str | None, line: str | None) -> int:
        """Withdraw all that waits of an account, or of it for a line; how many. None: the asking account.

        Refusal(NOT_FOUND) where there never was such a login, Refusal(FORBIDDEN) for another that is configured.
        """
        whose: int | None = account.id
        if login is not None and login != account.login:
            whose = await self._repository.account_id(login)
            if whose is None:
                raise Refusal(RefusalKind.NOT_FOUND, f"There never was an account {login!r}.", field="account")
            if self._accounts.of_id(whose) is not None:
                raise Refusal(RefusalKind.FORBIDDEN, f"The messages of {login!r} are its own.", field="account")
        total = 0
        while count := await self._repository.cancel_some(whose, line):
            total += count
        return total

    async def message(self, account: Account, message_id: int) -> MessageView:
        """One message with parts, attempts and receipts; Refusal(NOT_FOUND)."""
        view = await self._repository.message(account.id, message_id)
        if view is None:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no message {message_id}.")
        return view

    async def find_message(
        self, account: Account, *, id: int | None = None, ref: str | None = None, to: str | None = None
    ) -> MessageView | None:
        """The newest message that fits, with its parts."""
        return await self._repository.find_message(account.id, id=id, ref=ref, tail=to or None)

    async def messages(self, asked: MessageQuery) -> list[MessageView]:
        """A page of messages."""
        return await self._repository.messages(asked)

    async def statistics(self, asked: StatisticsQuery) -> list[DayFigures]:
        """What was sent, by day."""
        return await self._repository.statistics(asked)

    async def mark(self, account: Account, message_id: int, extra: Mapping[str, object]) -> None:
        """Merge keys into a message's `extra`; Refusal(NOT_FOUND)."""
        await self._repository.mark(account.id, message_id, extra)

    async def release(self, account: Account, ids: Sequence[int] | None, drop: bool) -> int:
        """Send messages that are held because the database was brought back, or (`drop`) leave them unknown; None:
        all there are. How many."""
        count = await self._repository.release(ids, drop, self._accounts.ids)
        self._dispatcher.refresh()
        self.callbacks.notify()
        return count

    # -- in -----------------------------------------------------------------------------------------------

    async def inbox(self, asked: InboxQuery) -> list[InboxView]:
        """A page of incoming messages."""
        return await self._repository.inbox(asked)

    async def inbox_item(self, account: Account, inbox_id: int) -> InboxView:
        """One incoming message; Refusal(NOT_FOUND)."""
        view = await self._repository.inbox_item(inbox_id)
        if view is None:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no incoming message {inbox_id}.")
        return view

    # -- state --------------------------------------------------------------------------------------------

    def modems(self) -> list[ModemView]:
        """Every modem the gateway knows of, with the state of its line."""
        return [self._lines.balances.shown(view) for view in self._lines.views()]

    async def refresh_balance(self, account: Account, name: str) -> ModemView:
        """Ask the operator what the SIM in a modem has left; the modem with it. Raises what `Balances.refresh` does."""
        await self._lines.balances.refresh(name)
        return self._modem(name)

    async def pause_modem(self, account: Account, name: str) -> ModemView:
        """Send nothing more through a modem until `resume_modem`, or a restart; Refusal(NOT_FOUND)."""
        await self._switch(name, EventKind.LINE_PAUSED, self._lines.manual.pause(name, account.login), account)
        return self._modem(name)

    async def resume_modem(self, account: Account, name: str) -> ModemView:
        """End a pause of either kind, a quarantine, or the wait for a person; Refusal(NOT_FOUND)."""
        await self._switch(name, EventKind.LINE_RESUMED, self._lines.manual.resume(name), account)
        return self._modem(name)

    async def trace_modem(self, account: Account, name: str, on: bool | None) -> TraceView:
        """Begin, end or (None) just look at a modem's AT trace; Refusal(NOT_FOUND), Refusal(UNAVAILABLE)."""
        if all(modem.name != name for modem in self._lines.views()):
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no modem named {name!r}.", field="name")
        if on is None:
            return self._lines.traces.view(name)
        try:
            view = self._lines.traces.switch(name, on)
        except ModemgwError as error:
            raise Refusal(RefusalKind.UNAVAILABLE, str(error)) from error
        await self._switch(name, EventKind.LINE_TRACED if on else EventKind.LINE_UNTRACED, True, account)
        return view

    def lines(self) -> list[LineView]:
        """All ways out: SIM cards and online gateways."""
        return self._lines.ways.lines(self.modems())

    async def pause_line(self, account: Account, name: str) -> LineView:
        """As `pause_modem`, of a line of either kind."""
        lines = self._lines
        done = lines.ways.online.pause(name, account.login) or lines.manual.pause(name, account.login)
        await self._switch(name, EventKind.LINE_PAUSED, done, account, "line")
        return self._line(name)

    async def resume_line(self, account: Account, name: str) -> LineView:
        """As `resume_modem`, of a line of either kind."""
        done = self._lines.ways.online.resume(name) or self._lines.manual.resume(name)
        await self._switch(name, EventKind.LINE_RESUMED, done, account, "line")
        return self._line(name)

    def _line(self, name: str) -> LineView:
        return next(line for line in self.lines() if line.name == name)

    async def told(self, token: str, request: WireRequest) -> WireResponse | None:
        """A call to the address of an online gateway; None: nobody's. Answered after the COMMIT."""
        return await self._lines.ways.online.told(token, request)

    def can_send(self, line: str | None = None) -> bool:
        """True if a way out is ready now; that one, if it is named."""
        return self._lines.ways.can_send(line)

    async def examine_modem(self, account: Account, name: str) -> Sequence[tuple[str, tuple[str, ...], str | None]]:
        """Questions put to a modem between two messages, with the lines of each answer, or the error.

        Refusal(NOT_FOUND); Refusal(CONFLICT) while it cannot be asked.
        """
        return await self._lines.examiner.examine(name)

    async def _switch(self, name: str, kind: EventKind, done: bool, account: Account, what: str = "modem") -> None:
        if not done:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no {what} named {name!r}.", field="name")
        with contextlib.suppress(ModemgwError):  # the switch works though the store does not
            await self._repository.note(kind, None, modem=name, by=account.login)

    def _modem(self, name: str) -> ModemView:
        return next(modem for modem in self.modems() if modem.name == name)

    async def figures(self) -> Figures:
        """Counters and latencies."""
        if self._counted is None:
            self._counted = await self._repository.last_event()
        last, counts = await self._repository.count_events(self._counted)
        self._counted = max(self._counted, last)
        for kind, count in counts.items():
            self._events[kind] = self._events.get(kind, 0) + count
        latencies = await self._repository.report_latencies()
        return Figures(dict(self._events), {line: ms / 1000 for line, ms in latencies.items()})

    async def events(self, asked: EventQuery) -> list[EventView]:
        """A page of the history."""
        return await self._repository.events(asked)

    async def follow_events(self, account: Account, *, after: int | None = None) -> AsyncGenerator[EventView, None]:
        """The history of the account after the cursor, without end; None: what is committed from this call on."""
        return self._follow(account, await self._repository.last_event() if after is None else after)

    async def _follow(self, account: Account, cursor: int) -> AsyncGenerator[EventView, None]:
        news = asyncio.Event()
        self._followers.add(news)
        try:
            while not self.closing:
                news.clear()
                page = await self._repository.events(EventQuery(account, EVENT_PAGE, cursor))
                for event in page:
                    cursor = event.id
                    yield event
                if not page:
                    await news.wait()
        finally:
            self._followers.discard(news)

    def wake_by(self, at: int) -> None:
        """Something is durable that is due at `at` (Unix ms)."""
        self._timers.wake_by(at)

    def watch(self, news: asyncio.Event) -> None:
        """Have `news` set after every commit, and at the end."""
        self._followers.add(news)

    def unwatch(self, news: asyncio.Event) -> None:
        """Not any more."""
        self._followers.discard(news)

    def notify(self) -> None:
        """Something was committed: followers look again."""
        for news in self._followers:
            news.set()
        self.callbacks.notify()

    async def health(self) -> Health:
        """State of the store and of each line; within about a second, whatever the disk does."""
        counts, problem = await self._readiness.counts()
        return Health(
            ready=problem is None and not self.closing,
            store=problem or "ok",
            lines=tuple((modem.name, str(modem.state)) for modem in self._lines.views()),
            queued=counts.queued,
            callbacks=counts.callbacks,
            held=counts.held,
        )
