"""The USSD dialogue of one line: a request, its answer, menus, and what the network says unasked (TS 27.007 7.15).

One at a time. The modem is held only while it takes a request; messages go out while the network thinks.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum, auto
from typing import Any

from modemgw.at.errors import CommandFailed, CommandTimeout, ModemSilent
from modemgw.at.ussd import UssdStatus, other_coding_may_help
from modemgw.domain.events import EventKind
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.ussd import UssdAnswer, UssdFailed, UssdNoAnswer, UssdState
from modemgw.errors import ModemgwError
from modemgw.line.telling import Note
from modemgw.line.timing import Timing
from modemgw.modem.dialogue.driver import Driver, Talk, UssdReply
from modemgw.modem.ports.transport import PortLost
from modemgw.sms.ussd import UssdCoding, read_answer

log = logging.getLogger(__name__)

#: These differ in how the modem is told, not in what goes to the network.
_SAME_ON_AIR = frozenset({UssdCoding.PLAIN, UssdCoding.GSM, UssdCoding.BARE})

_STATES = {
    UssdStatus.DONE: UssdState.DONE,
    UssdStatus.OPEN: UssdState.OPEN,
    UssdStatus.TERMINATED: UssdState.TERMINATED,
    UssdStatus.ELSEWHERE: UssdState.ELSEWHERE,
    UssdStatus.NOT_SUPPORTED: UssdState.NOT_SUPPORTED,
    UssdStatus.TIMEOUT: UssdState.TIMEOUT,
}

Errand = Callable[[Callable[[Driver], Awaitable[None]]], Awaitable[None]]


class _At(Enum):
    IDLE = auto()
    ASKING = auto()  # a request is under way
    OPEN = auto()  # the network waits for an answer


class Conversation:
    """`errand` lets work have the modem to itself, `note` writes history. `close` at the end of the line's spell."""

    def __init__(self, name: str, talk: Talk, errand: Errand, note: Note, timing: Timing | None = None) -> None:
        self._name = name
        self._talk = talk
        self._errand = errand
        self._note = note
        self._timing = timing if timing is not None else Timing()
        self._at = _At.IDLE
        self._by: str | None = None  # whose dialogue it is; None: the network's
        self._answer: asyncio.Future[UssdReply] | None = None
        self._coding: UssdCoding | None = None  # of the dialogue
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    # -- what others ask ----------------------------------------------------------------------------------

    async def ask(self, text: str, by: str, timeout_s: float) -> UssdAnswer:
        """A request and what the network says to it. Refusal(CONFLICT), UssdNoAnswer, UssdFailed."""
        self._must_be(_At.IDLE, by)
        return await self._exchange(text, by, timeout_s, answering=False)

    async def answer(self, text: str, by: str, timeout_s: float) -> UssdAnswer:
        """An answer to an open menu, and what the network says to it. Raises as `ask`."""
        self._must_be(_At.OPEN, by)
        return await self._exchange(text, by, timeout_s, answering=True)

    async def cancel(self, by: str) -> UssdAnswer:
        """End the dialogue, whoever began it. Refusal(CONFLICT) if a request is under way, or there is none."""
        if self._at is _At.ASKING:
            raise Refusal(RefusalKind.CONFLICT, f"The network has not answered the request on {self._name} yet.")
        if self._at is _At.IDLE:
            raise Refusal(RefusalKind.CONFLICT, f"There is no open USSD dialogue on {self._name}.")
        self._idle_at_last()
        await self._end_on_modem()
        answer = UssdAnswer(self._name, UssdState.CANCELLED, None)
        self._tell(answer, by=by)
        return answer

    def close(self) -> None:
        """The line's spell is over: whoever waits is told so."""
        self._closed = True
        self._set_idle_timer(None)
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(UssdNoAnswer(self._lost))
        for task in self._tasks:
            task.cancel()

    @property
    def _lost(self) -> str:
        return (
            f"The modem {self._name} was lost before the network answered. What was asked for may be done all the same."
        )

    # -- what the modem says ------------------------------------------------------------------------------

    def on_reply(self, reply: UssdReply) -> None:
        """`+CUSD` came."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(reply)
            return
        answer = self._read(reply)
        if self._at is _At.ASKING:  # something more to a request that was answered just now
            if answer.text:
                self._tell(answer, unasked=True)
            return
        if not answer.text and answer.state is not UssdState.OPEN:
            if self._at is _At.OPEN:
                self._idle_at_last()
                self._tell(answer)
            return
        if answer.open:
            self._open(self._by if self._at is _At.OPEN else None)
        else:
            self._idle_at_last()
        self._tell(answer, unasked=True)

    # -- a request and its answer -------------------------------------------------------------------------

    def _must_be(self, wanted: _At, by: str) -> None:
        if self._closed:
            raise Refusal(RefusalKind.CONFLICT, f"The modem {self._name} cannot be asked now.")
        if self._at is _At.ASKING:
            raise Refusal(RefusalKind.CONFLICT, f"A USSD request is under way on {self._name}. Try again after it.")
        if wanted is _At.IDLE and self._at is _At.OPEN:
            whose = f"of {self._by}" if self._by else "of the network"
            raise Refusal(
                RefusalKind.CONFLICT,
                f"A USSD dialogue {whose} is open on {self._name}: answer it, or cancel it first.",
            )
        if wanted is _At.OPEN and self._at is _At.IDLE:
            raise Refusal(
                RefusalKind.CONFLICT,
                f"There is no open USSD dialogue on {self._name}: nothing was asked, or it has ended meanwhile.",
            )
        if wanted is _At.OPEN and self._by not in (None, by):
            raise Refusal(RefusalKind.CONFLICT, f"The USSD dialogue on {self._name} is of {self._by}.")

    async def _exchange(self, text: str, by: str, timeout_s: float, *, answering: bool) -> UssdAnswer:
        self._set_idle_timer(None)
        self._at, self._by = _At.ASKING, by
        asked: dict[str, object] = {"by": by, "answering": True} if answering else {"by": by, "code": masked(text)}
        exchange = self._spawn(self._try_codings(text, answering=answering))
        try:
            done, _ = await asyncio.wait({exchange}, timeout=timeout_s)
            if not done:
                await self._give_up(exchange, timeout_s, asked)
            if exchange.cancelled():  # the spell is over
                raise UssdNoAnswer(self._lost)
            answer: UssdAnswer = exchange.result()
        except asyncio.CancelledError:
            exchange.cancel()
            raise
        except ModemgwError as error:
            if not isinstance(error, UssdNoAnswer):
                self._note(EventKind.LINE_USSD, modem=self._name, state="refused", reason=str(error), **asked)
            raise
        finally:
            self._answer = None
            if self._at is _At.ASKING:
                self._idle_at_last()
        if answer.open:
            self._open(by)
        self._tell(answer, **asked)
        return answer

    async def _give_up(self, exchange: asyncio.Task[UssdAnswer], timeout_s: float, asked: dict[str, object]) -> None:
        if self._answer is None:
            exchange.cancel()
            raise Refusal(
                RefusalKind.CONFLICT,
                f"The modem {self._name} was busy for {timeout_s:g} s. Nothing was asked; try again.",
            )
        exchange.cancel()
        self._answer.cancel()
        self._answer = None
        if self._coding is not None and self._coding is not self._talk.proven and "answering" not in asked:
            self._talk.doubt(self._coding)  # the next request goes in another form
        self._spawn(self._end_on_modem())
        reason = f"The network did not answer within {timeout_s:g} s."
        self._note(EventKind.LINE_USSD, modem=self._name, state="no_answer", reason=reason, **asked)
        raise UssdNoAnswer(f"{reason} What was asked for may be done all the same.")

    async def _try_codings(self, text: str, *, answering: bool) -> UssdAnswer:
        """The request in one coding after the other, until modem and network take one. What they took is never asked
        a second time: a code may cost money."""
        codings, proven = self._talk.codings(text), self._talk.proven
        if answering and self._coding in codings:
            codings = (self._coding,)
        refused: CommandFailed | None = None
        last: UssdAnswer | None = None
        aired = False  # a coding of _SAME_ON_AIR went to the network
        for coding in codings:
            if aired and coding in _SAME_ON_AIR:
                continue
            try:
                reply = await self._once(text, coding)
            except CommandFailed as error:
                refused = error
                if not other_coding_may_help(error):
                    break
                continue
            aired = aired or coding in _SAME_ON_AIR
            last = self._read(reply, coding)
            if last.state is UssdState.NOT_SUPPORTED and not last.text and coding is not proven and not answering:
                continue
            self._judge(coding, last)
            return last
        if last is not None:
            return last
        if refused is None:
            raise UssdFailed("No coding of USSD can carry this text.")
        raise UssdFailed(f"The modem {self._name} refused the request: {refused.result}. Nothing was done.")

    async def _once(self, text: str, coding: UssdCoding) -> UssdReply:
        """One request. CommandFailed: it did not go to the network. A modem that gives no result may have sent it."""
        answer: asyncio.Future[UssdReply] = asyncio.get_running_loop().create_future()

        async def work(driver: Driver) -> None:
            self._answer, self._coding = answer, coding
            try:
                await driver.talk.ask(text, coding)
            except ModemSilent:
                raise
            except CommandTimeout as error:
                log.debug("%s: %s", self._name, error)

        try:
            await self._errand(work)
        except CommandFailed:
            if not answer.done():
                self._answer = None
                raise
        except ModemSilent:
            self._answer = None
            raise Refusal(
                RefusalKind.CONFLICT, f"The modem {self._name} does not answer. Nothing was asked; try again."
            ) from None
        except PortLost:
            raise UssdNoAnswer(self._lost) from None
        reply = await answer
        if reply.status == UssdStatus.TERMINATED and not reply.text:
            self._answer = answer = asyncio.get_running_loop().create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._timing.ussd_grace_s):
                    return await answer
        return reply

    def _judge(self, coding: UssdCoding, answer: UssdAnswer) -> None:
        """Remember how the modem was understood, or was not."""
        if answer.state in (UssdState.NOT_SUPPORTED, UssdState.TIMEOUT):
            return  # that may be for the code
        if answer.text and answer.readable:
            self._talk.understood(coding)
        else:
            self._talk.doubt(coding)

    def _read(self, reply: UssdReply, asked: UssdCoding | None = None) -> UssdAnswer:
        try:
            state = _STATES[UssdStatus(reply.status)]
        except ValueError:
            state = UssdState.DONE
        if not reply.text:
            return UssdAnswer(self._name, state, None, dcs=reply.dcs)
        read = read_answer(reply.text, reply.dcs, asked or self._coding)
        return UssdAnswer(self._name, state, read.text, str(read.coding), read.readable, reply.dcs, reply.text)

    # -- states -------------------------------------------------------------------------------------------

    def _open(self, by: str | None) -> None:
        self._at, self._by = _At.OPEN, by
        self._set_idle_timer(self._timing.ussd_idle_s)

    def _idle_at_last(self) -> None:
        self._at, self._by = _At.IDLE, None
        self._set_idle_timer(None)

    def _set_idle_timer(self, seconds: float | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        loop = asyncio.get_running_loop()
        self._idle = None if seconds is None or self._closed else loop.call_later(seconds, self._nobody_answers)

    def _nobody_answers(self) -> None:
        if self._at is _At.OPEN:
            self._idle_at_last()
            self._tell(UssdAnswer(self._name, UssdState.CANCELLED, None), reason="Nobody answered the menu.")
            self._spawn(self._end_on_modem())

    async def _end_on_modem(self) -> None:
        try:
            await self._errand(lambda driver: driver.talk.cancel())
        except ModemgwError as error:
            log.debug("%s: %s", self._name, error)

    def _tell(self, answer: UssdAnswer, **more: object) -> None:
        data = {"text": answer.text, "coding": answer.coding, **more}
        shown = {key: value for key, value in data.items() if value is not None}
        self._note(EventKind.LINE_USSD, modem=self._name, state=answer.state.value, **shown)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: whoever asked may be gone


def masked(code: str) -> str:
    """A code for the history: long numbers in it, which may be vouchers, are not shown."""
    return re.sub(r"\d{8,}", lambda found: found[0][:2] + "…", code)
