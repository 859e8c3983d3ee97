"""Callbacks to clients' URLs: made in order within a stream, tried again for days, no receiver holding up another.

Owns when a request is made and what its answer means. What is told to whom is callback_feed.py, the queue is the
store's, sockets are the caller's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from modemgw.dialects.seam import CallbackRenderer, CallbackReply, CallbackSigner, ReplyHandler, ReplySteps, Submit
from modemgw.domain.account import Account
from modemgw.domain.callback import CallbackState, CallbackView, DueCallback, lies_below
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.errors import ModemgwError
from modemgw.service.callback_feed import CallbackFeed
from modemgw.service.callback_ports import Answered, Caller, NoAnswer
from modemgw.service.ports import Clock
from modemgw.store.callbacks import CallbackQueue

log = logging.getLogger(__name__)

#: Runs the commands of a dialect's handler to its end, see service/commands.py.
Drive = Callable[[ReplySteps], Awaitable[None]]

#: Looks again after this long at the latest while something waits: bounds what a clock that was set can do.
LONGEST_SLEEP_MS = 30_000

#: Old rows are removed this often.
PURGE_EVERY_MS = 3_600_000

#: After a failure of the store.
RETRY_S = 2.0

#: Between two looks at the history: events that come fast are taken together, so that accepting is not slowed.
PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class CallbackLimits:
    """How patient, how many at a time. Times in ms unless the name says otherwise."""

    give_up_ms: int = 3 * 86_400_000
    keep_done_ms: int = 7 * 86_400_000
    keep_failed_ms: int = 30 * 86_400_000
    backoff_ms: tuple[int, ...] = (5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000)  # the last one from then on
    jitter: float = 0.1  # of the backoff, either way
    per_host: int = 4
    total: int = 32
    slow_s: float = 5.0  # an answer that takes longer counts the host among the slow
    drain_s: float = 2.0  # at a stop, how long those under way are waited for


class _NotTaken(ModemgwError):
    """What a reply asked for could not be stored now; the callback is tried again."""


@dataclass(slots=True)
class _Host:
    """What the last answers say of a host. Until it has answered in time it gets one call at a time."""

    proven: bool = False
    silent: bool = False  # the last call had no answer
    calls: set[int] = field(default_factory=set)


class Callbacks:
    """`start`, then `notify` after every COMMIT, then `stop`."""

    def __init__(
        self,
        store: CallbackQueue,
        accounts: Sequence[Account],
        renderers: Mapping[str, CallbackRenderer],
        caller: Caller,
        clock: Clock,
        chance: Callable[[], float],
        secret: Callable[[], str],
        *,
        signers: Mapping[str, CallbackSigner] | None = None,
        repliers: Mapping[str, ReplyHandler] | None = None,
        drive: Drive | None = None,
        limits: CallbackLimits | None = None,
    ) -> None:
        """`chance` is uniform in [0, 1); `secret` makes random hex."""
        self._store = store
        self._accounts = {account.id: account for account in accounts}
        self._feed = CallbackFeed(store, accounts, renderers, secret)
        self._caller = caller
        self._clock = clock
        self._chance = chance
        self._signers = signers or {}
        self._repliers = repliers or {}
        self._drive = drive
        self._limits = limits or CallbackLimits()
        self._hosts: dict[str, _Host] = {}
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._purge_at = 0

    async def start(self) -> None:
        """Go on where the last run ended. Raises ModemgwError."""
        await self._feed.start()
        if self._feed.calling:
            self._news.set()  # what was committed after the last look of the last run
            self._tasks.append(asyncio.create_task(self._follow(), name="callback feed"))
        self._tasks.append(asyncio.create_task(self._send(), name="callback sender"))

    def notify(self) -> None:
        """Something was committed."""
        if self._feed.calling:
            self._news.set()

    async def stop(self) -> None:
        """Start no more calls, give those under way a moment. What is not answered is sent again next time."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        calls = list(self._calls.values())
        if calls:
            await asyncio.wait(calls, timeout=self._limits.drain_s)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        await self._caller.close()
        try:
            await self._feed.stop()
        except ModemgwError as error:
            log.warning("%s", error)

    # -- what an account sees -----------------------------------------------------------------------------

    async def list(
        self, account: Account, *, state: CallbackState | None = None, after: int = 0, limit: int = 100
    ) -> list[CallbackView]:
        """The account's callbacks by ascending id, after the cursor."""
        return await self._store.views(account.id, state, after, limit)

    async def replay(
        self, account: Account, *, id: int | None = None, failed: bool = False, since: int | None = None
    ) -> int:
        """Make callbacks again as if they were new: one, all that have failed, or all made since (Unix ms).

        How many; none is a Refusal(NOT_FOUND) where one was named.
        """
        count, after = await self._store.replay_some(account.id, 0, id=id, failed=failed, since=since)
        more = count
        while more:
            more, after = await self._store.replay_some(account.id, after, id=id, failed=failed, since=since)
            count += more
        if id is not None and not count:
            raise Refusal(RefusalKind.NOT_FOUND, f"There is no callback {id}.")
        self._wake.set()
        return count

    async def counts(self) -> Mapping[str, int]:
        """How many wait and how many have failed, by the name of the state."""
        return {state.value: count for state, count in (await self._store.counts()).items()}

    # -- the history --------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                more = True
                while more:
                    queued, more = await self._feed.step()
                    if queued:
                        self._wake.set()
            except Exception as error:
                self._report("The history could not be followed for callbacks", error)
                self._news.set()
                await asyncio.sleep(RETRY_S)
            await asyncio.sleep(PAUSE_S)

    # -- the queue ----------------------------------------------------------------------------------------

    async def _send(self) -> None:
        while True:
            self._wake.clear()
            try:
                next_at = await self._fill()
            except Exception as error:
                self._report("The queue of callbacks could not be read", error)
                next_at = self._clock() + int(RETRY_S * 1000)
            wait_ms = max(10, next_at - self._clock())
            try:
                async with asyncio.timeout(wait_ms / 1000):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _fill(self) -> int:
        """Start every call that may be made now; when to look again unless woken, Unix ms."""
        limits, now = self._limits, self._clock()
        if not self._purge_at - PURGE_EVERY_MS <= now < self._purge_at:  # set back, the clock would stop this for long
            while await self._store.purge_some(now - limits.keep_done_ms, now - limits.keep_failed_ms):
                pass
            self._purge_at = now + PURGE_EVERY_MS
        if len(self._calls) >= limits.total:
            return self._purge_at  # whichever ends first wakes us
        busy = {name: len(host.calls) for name, host in self._hosts.items() if host.calls}
        page = await self._store.due(now, busy, limits.per_host)
        waiting = [
            [call for call in calls if call.id not in self._calls][: self._room(host)]
            for host, calls in page.hosts.items()
        ]
        # one of each host, then a second of each: no host is served before the others have begun
        for call in (call for turn in zip_longest(*waiting) for call in turn if call is not None):
            if len(self._calls) < limits.total and (self._proven(call.host) or self._unproven < limits.total // 2):
                self._hosts.setdefault(call.host, _Host()).calls.add(call.id)
                self._calls[call.id] = asyncio.create_task(self._make(call), name=f"callback {call.id}")
        self._forget_hosts(page.hosts)
        if page.next_at is None and not page.hosts:
            return self._purge_at
        return min(page.next_at or self._purge_at, now + LONGEST_SLEEP_MS)

    def _room(self, name: str) -> int:
        host = self._hosts.get(name)
        if host is None or not host.proven:
            return 1 - (len(host.calls) if host else 0)
        return max(0, self._limits.per_host - len(host.calls))

    def _proven(self, name: str) -> bool:
        return name in self._hosts and self._hosts[name].proven

    @property
    def _unproven(self) -> int:
        """Calls to hosts that may be dead: together they get half of the places, so that the others have theirs."""
        return sum(len(host.calls) for host in self._hosts.values() if not host.proven)

    def _forget_hosts(self, due: Mapping[str, Any]) -> None:
        if len(self._hosts) > 1_000:
            self._hosts = {name: host for name, host in self._hosts.items() if host.calls or name in due}

    async def _make(self, call: DueCallback) -> None:
        """One try, from the request to its outcome in the store."""
        try:
            state, due_at, status, error = await self._try(call)
            await self._store.settle(call.id, state, due_at=due_at, status=status, error=error)
            if state is CallbackState.FAILED:
                log.warning("Callback %d to %s was given up: %s", call.id, call.host, error)
        except Exception as error:
            self._report(f"Callback {call.id} has no recorded outcome and is made again", error)
            await asyncio.sleep(RETRY_S)
        finally:
            del self._calls[call.id]
            self._hosts[call.host].calls.discard(call.id)
            self._wake.set()

    async def _try(self, call: DueCallback) -> tuple[CallbackState, int | None, int | None, str | None]:
        """State, time of the next try, HTTP status and a sentence."""
        replier = self._repliers.get(call.dialect) if self._drive is not None else None
        begun = asyncio.get_running_loop().time()
        headers = {"X-Modemgw-Callback": str(call.id), "X-Modemgw-Try": str(call.tries + 1)}
        account = self._accounts.get(call.account_id)
        if account is not None and (signer := self._signers.get(call.dialect)) is not None:
            headers |= signer(call.request, account, call.id, self._clock())
        # whoever may send may name a URL; what the configuration names may be anywhere
        guard = None
        if call.own and not (account is not None and lies_below(account, call.request.url)):
            guard = account.callback_networks if account is not None else ()
        answer = await self._caller.call(call.request, headers, want_body=replier is not None, guard=guard)
        await self._judge_host(call.host, answer, asyncio.get_running_loop().time() - begun)
        if isinstance(answer, NoAnswer):
            if answer.never:
                return CallbackState.FAILED, None, None, answer.reason
            return self._again(call, None, answer.reason)
        status = answer.status
        if 200 <= status < 300:
            error = None
            if replier is not None:
                try:
                    error = await self._reply(replier, call, answer)
                except _NotTaken as problem:
                    return self._again(call, status, str(problem))
            return CallbackState.DONE, None, status, error
        if status == 410:
            return CallbackState.DROPPED, None, status, "The receiver answered 410: it does not want this any more."
        return self._again(call, status, _why(answer))

    def _again(
        self, call: DueCallback, status: int | None, error: str
    ) -> tuple[CallbackState, int | None, int | None, str | None]:
        limits, now = self._limits, self._clock()
        step = limits.backoff_ms[min(call.tries, len(limits.backoff_ms) - 1)]
        due_at = now + int(step * (1 + limits.jitter * (2 * self._chance() - 1)))
        if due_at - call.since > limits.give_up_ms:
            return CallbackState.FAILED, None, status, error
        return CallbackState.WAITING, due_at, status, error

    async def _judge_host(self, name: str, answer: Answered | NoAnswer, took_s: float) -> None:
        host = self._hosts[name]
        was_silent = host.silent
        host.silent = isinstance(answer, NoAnswer)
        host.proven = not host.silent and took_s <= self._limits.slow_s
        if was_silent and not host.silent:
            await self._store.release(name)

    async def _reply(self, replier: ReplyHandler, call: DueCallback, answer: Answered) -> str | None:
        """Do what the answer asks for; a sentence if it could not be done. Raises _NotTaken.

        The outcome is recorded after this. A crash in between makes the callback again; what it submits has a
        reference made of the callback's id, and so is not submitted twice.
        """
        account = self._accounts.get(call.account_id)
        if account is None or self._drive is None:
            return None
        reply = CallbackReply(account, call.request, answer.status, answer.headers, answer.body, self._clock())
        try:
            await self._drive(_once(replier(reply), call.id))
        except Refusal as refusal:
            return f"What the answer asks for was refused: {refusal}"
        except _NotTaken:
            raise
        except Exception as error:
            log.exception("The answer to callback %d could not be followed", call.id)
            return f"What the answer asks for could not be done: {type(error).__name__}."
        return None

    @staticmethod
    def _report(what: str, error: Exception) -> None:
        if isinstance(error, ModemgwError):
            log.warning("%s: %s", what, error)
        else:
            log.error("%s", what, exc_info=error)


def _once(steps: ReplySteps, callback_id: int) -> ReplySteps:
    """The same commands, but their submissions are recognised when they are made again, and must not be put off."""
    submitted = 0
    try:
        command = next(steps)
        while True:
            if isinstance(command, Submit):
                command, submitted = _named(command, callback_id, submitted)
            try:
                result = yield command
            except Refusal as refusal:
                if refusal.kind is RefusalKind.UNAVAILABLE:
                    raise _NotTaken(
                        f"The answer came, but what it asks for could not be stored: {refusal}"
                    ) from refusal
                command = steps.throw(refusal)
            else:
                command = steps.send(result)
    except StopIteration:
        return
    finally:
        steps.close()


def _named(command: Submit, callback_id: int, first: int) -> tuple[Submit, int]:
    """The submissions with references by which a second try is recognised, and the number of the next one."""
    submissions = [
        submission
        if submission.client_ref is not None
        else replace(submission, client_ref=f"modemgw:callback:{callback_id}:{first + index}")
        for index, submission in enumerate(command.submissions)
    ]
    return replace(command, submissions=submissions), first + len(submissions)


def _why(answer: Answered) -> str:
    if 300 <= answer.status < 400:
        place = answer.headers.get("location", "nowhere")[:200]
        return (
            f"The receiver answered {answer.status} and points to {place}. Callbacks follow no redirects: "
            "configure the final address."
        )
    return f"The receiver answered {answer.status}; 2xx is expected."
