"""What a gateway is asked about later: whether it has what is in doubt, what became of what it has, what came in.

Owns when it is asked, how often, and in which portions; what that means for messages is the store's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from modemgw.domain.job import LineRecord
from modemgw.domain.states import AttemptOutcome
from modemgw.domain.upstream import FindAnswer, Presence, UpstreamMessage
from modemgw.errors import ModemgwError
from modemgw.service.ports import Clock
from modemgw.store.upstream import Ended, OpenTry, UpstreamStore
from modemgw.upstream.link import Link

log = logging.getLogger(__name__)

#: Pauses between questions about a message: after its acceptance, and after each question.
FATE_GAPS_S: Final = (30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)

#: The same where the gateway tells fates by itself: then asking is for what it did not tell.
TOLD_GAPS_S: Final = (600.0, 1800.0, 3600.0)

#: Pauses between questions about what is in doubt, after the first.
DOUBT_GAPS_S: Final = (10.0, 20.0, 40.0, 60.0)

#: Times that a gateway must say that it never had a message before it is believed.
ABSENCES: Final = 3

#: No longer after the end of a message's validity.
AFTER_S: Final = 3600.0

#: Looked at in one go.
PORTION: Final = 1000

#: So often incoming texts are asked for, where they can be.
INBOX_S: Final = 20.0

#: Between two questions about what is in doubt, where the gateway does not want less.
FIND_GAP_S: Final = 1.0

_STORE_RETRY_S: Final = 2.0

#: States of a try (store/upstream.py).
DOUBT: Final = "doubt"
TAKEN: Final = "taken"


class Asker:
    """One gateway's. `run` until cancelled; `wake_by` tells of something to ask about."""

    def __init__(
        self,
        line: LineRecord,
        link: Link,
        store: UpstreamStore,
        clock: Clock,
        next_lane: Callable[[OpenTry], str],
        freed: Callable[[], None],
        *,
        told: bool,
        poll_s: float = 0,
        proves_absence: bool | None = None,
        doubt_window_s: float = 600,
    ) -> None:
        """`next_lane` says where a message waits that the gateway never had, `freed` hears that one waits. `told`: it
        tells fates by itself. `poll_s`: the pause between questions, where the operator wants another."""
        self._line = line
        self._link = link
        self._store = store
        self._clock = clock
        self._next_lane = next_lane
        self._freed = freed
        self._gaps = (poll_s,) if poll_s else TOLD_GAPS_S if told else FATE_GAPS_S
        self._absence = link.traits.proves_absence if proves_absence is None else proves_absence
        self._doubt_window_s = doubt_window_s
        self._absences: dict[int, int] = {}  # by try: how often it was said to be unknown there
        self._sooner = {DOUBT: asyncio.Event(), TAKEN: asyncio.Event()}

    def first_fate(self, now: int) -> int | None:
        """When a message that was taken just now is asked about first; None: never."""
        return now + int(self._gaps[0] * 1000) if self._link.traits.polls else None

    def first_find(self, now: int) -> int | None:
        """The same of one that is in doubt."""
        return now + int(self._link.traits.first_find_s * 1000) if self._link.traits.asks_by_ref else None

    def news(self, state: str) -> None:
        """Something durable of that state is to be asked about."""
        self._sooner[state].set()

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.gather(self._run(DOUBT, self.ask_doubts), self._run(TAKEN, self.ask_fates))

    async def _run(self, state: str, ask: Callable[[], Awaitable[None]]) -> None:
        sooner = self._sooner[state]
        while True:
            sooner.clear()
            try:
                await ask()
                target = await self._store.next_ask(self._line.id, state)
                wait_s = None if target is None else max(0.05, (target - self._clock()) / 1000)
            except ModemgwError as error:
                log.warning("%s: what is to be asked about cannot be read: %s", self._line.name, error)
                wait_s = _STORE_RETRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await sooner.wait()

    async def run_inbox(self, interval_s: float = INBOX_S) -> None:
        """Read incoming texts, where the gateway can be asked for them. Until cancelled."""
        cursor = await self._store.cursor(self._line.name)
        while True:
            found = await self._link.inbox(cursor, self._clock())
            if found is not None:
                texts, cursor = found
                await self._store.take_in(self._line, texts, cursor)
                if texts:
                    continue  # there may be more
            await asyncio.sleep(interval_s)

    async def ask_doubts(self) -> None:
        """Ask about all in doubt that is due now."""
        for one in await self._store.due(self._line.id, DOUBT, self._clock(), PORTION):
            await self._find(one)
            await asyncio.sleep(min(self._link.traits.poll_gap_s, FIND_GAP_S))

    async def ask_fates(self) -> None:
        """Ask what became of all that is due now."""
        found = await self._store.due(self._line.id, TAKEN, self._clock(), PORTION)
        fates = [(one, name) for one in found for name in one.ids]
        size = max(1, self._link.traits.ids_a_poll)
        for start in range(0, len(fates), size):
            await self._ask_fates(fates[start : start + size])
            await asyncio.sleep(self._link.traits.poll_gap_s)
        if none := [(one.id, None) for one in found if not one.ids]:
            await self._store.asked(none)

    # -- what is in doubt ----------------------------------------------------------------------------------------

    async def _find(self, one: OpenTry) -> None:
        now = self._clock()
        answer = await self._link.find(_message(one, now), now)
        if answer is None:
            await self._store.asked([(one.id, None)])
            return
        if answer.presence is Presence.FOUND:
            await self._found(one, answer)
            return
        absences = self._absences.get(one.id, 0) + (answer.presence is Presence.ABSENT)
        self._absences[one.id] = absences
        age_s = (now - one.started_at) / 1000
        if self._absence and absences >= ABSENCES and age_s >= self._link.traits.absent_after_s:
            self._absences.pop(one.id, None)
            reason = answer.reason or "The gateway says that it never had it."
            if await self._store.absent(one.id, self._next_lane(one), reason):
                log.warning("%s: message %d never arrived there; it goes on", self._line.name, one.message_id)
                self._freed()
            return
        if age_s > self._doubt_window_s:  # the message's own rule has decided
            self._absences.pop(one.id, None)
            await self._store.asked([(one.id, None)])
            return
        gap_s = DOUBT_GAPS_S[min(one.asks, len(DOUBT_GAPS_S) - 1)]
        await self._store.asked([(one.id, now + int(gap_s * 1000))])

    async def _found(self, one: OpenTry, answer: FindAnswer) -> None:
        self._absences.pop(one.id, None)
        await self._store.end(one.id, Ended(AttemptOutcome.SENT, ids=answer.ids, ask_at=self.first_fate(self._clock())))
        if answer.fate is not None:
            await self._store.tell(self._line.id, [answer.fate])
        self._freed()

    # -- what became of it ---------------------------------------------------------------------------------------

    async def _ask_fates(self, asked: Sequence[tuple[OpenTry, str]]) -> None:
        now = self._clock()
        told = await self._link.fates([(name, one.recipient) for one, name in asked], now)
        await self._store.asked([(one.id, self._again(one, now)) for one in {one.id: one for one, _ in asked}.values()])
        if told:
            await self._store.tell(self._line.id, told)

    def _again(self, one: OpenTry, now: int) -> int | None:
        """When a message is asked about again; None when nothing more can be learned of it."""
        at = now + int(self._gaps[min(one.asks + 1, len(self._gaps) - 1)] * 1000)
        end = one.expires_at + int(AFTER_S * 1000)
        live_s = self._link.traits.ids_live_s
        if live_s is not None:
            end = min(end, one.started_at + int(live_s * 980))
        return at if at <= end else None


def _message(one: OpenTry, now: int) -> UpstreamMessage:
    """As it was handed over, as far as a gateway can be asked by it."""
    return UpstreamMessage(
        ref=one.ref,
        to=one.recipient,
        text=one.text,
        flash=one.flash,
        encoding=one.encoding,
        parts=one.parts,
        validity_s=max(1, (one.expires_at - now) // 1000),
    )
