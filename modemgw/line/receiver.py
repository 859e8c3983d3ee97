"""Reading a modem empty: announced messages, direct ones, and the sweep of its memories.

A PDU is deleted from the modem only after the COMMIT that keeps it; while the store cannot be written nothing is
deleted and nothing acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from modemgw.at.errors import CommandFailed
from modemgw.domain.job import LineRecord
from modemgw.errors import ModemgwError
from modemgw.line.timing import Timing
from modemgw.line.turn import Turn
from modemgw.modem.dialogue.acknowledge import AcknowledgementFailed
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    Driver,
    MessageStored,
    ModemInfo,
    ReportStored,
    StorageFill,
    StorageFull,
    StoredPdu,
)
from modemgw.rules.incoming import RawPdu
from modemgw.service.receiving import take_in
from modemgw.sms import is_status_report
from modemgw.store.repository import Inbox

log = logging.getLogger(__name__)

#: Messages read in one turn.
TURN = 16

#: The same, and of those deleted, while somebody waits for the modem: a send comes after so many commands at most.
SHARE = 4

#: Direct messages kept in memory while the store is slow; the network holds back what is not acknowledged.
DIRECT_LIMIT = 1_000

#: How often the same damaged message is refused; whoever brings it a third time has no other.
REFUSALS_MOST = 2


@dataclass(frozen=True, slots=True)
class _HandedOver:
    """What the modem does not keep. Not `whole`: it came damaged."""

    pdu: RawPdu
    whole: bool = True


class Receiver:
    """Fed with events, runs as a task beside the sender; they share `turn`."""

    def __init__(
        self,
        driver: Driver,
        repository: Inbox,
        turn: Turn,
        on_kept: Callable[[], None],
        on_fill: Callable[[tuple[StorageFill, ...]], None],
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing if timing is not None else Timing()
        self._driver = driver
        self._on_fill = on_fill  # the memories were looked at
        self._on_kept = on_kept  # something new was stored: a report may have freed parts that wait
        self._repository = repository
        self._turn = turn
        # from reading a place to deleting it: who else did so meanwhile could delete what has come to the place since
        self._taking = asyncio.Lock()
        self._line: LineRecord | None = None
        self._memories: tuple[str, ...] = ()
        self._needs_ack = False
        self._places: dict[tuple[str, int], bool] = {}  # announced, in order, each once; True: for a report
        self._direct: deque[_HandedOver] = deque()
        self._owed: deque[_HandedOver] = deque()  # kept, and not acknowledged yet
        self._ack_failures = 0  # in a row
        self._handing = asyncio.Lock()  # from storing what was handed over to acknowledging it
        self._refused: Counter[str] = Counter()  # how often what came damaged was refused
        self._sweep_wanted = True
        self._announces = False  # it has, since the set-up
        self._news = asyncio.Event()
        self._fresh = True  # the memories have not been looked through since the set-up
        self._undeleted: dict[tuple[str, int], str] = {}  # places whose message is taken in and is still there
        self.fill: tuple[StorageFill, ...] = ()
        self.received = 0

    def start(self, line: LineRecord, info: ModemInfo) -> None:
        """Whose messages these are, and where they may lie."""
        self._line = line
        self._memories = info.memories
        self._needs_ack = info.needs_ack
        self._fresh = True
        self._undeleted.clear()
        self.fill = info.storage
        self._on_fill(self.fill)
        self._news.set()

    def on_event(self, event: object) -> bool:
        """Take an event of the driver; False if it is not about messages."""
        self._announces = self._announces or isinstance(event, MessageStored | DirectMessage)
        if isinstance(event, MessageStored | ReportStored):
            if event.index < 0 or not event.memory:
                self._sweep_wanted = True
            else:
                place = event.memory, event.index
                self._places[place] = isinstance(event, ReportStored) or self._places.get(place, False)
        elif isinstance(event, DirectMessage | DirectReport):
            if len(self._direct) < DIRECT_LIMIT:
                self._direct.append(_HandedOver(RawPdu(event.hex), event.whole))
                if not event.whole:
                    log.warning("A message was handed over damaged. It is kept as it came, and refused.")
            else:
                log.error("A direct message was not taken: the store is too far behind. It is not acknowledged.")
        elif isinstance(event, StorageFull):
            self._sweep_wanted = True
        else:
            return False
        self._news.set()
        return True

    async def run(self, sweep_interval_s: float) -> None:
        """Until cancelled; CommandTimeout, AcknowledgementFailed and PortLost end it."""
        while True:
            try:
                await self._work()
            except CommandFailed as error:
                log.warning("Reading messages: %s", error)
                self._sweep_wanted = False  # the timer brings the next sweep
            except AcknowledgementFailed as error:
                await self._acknowledge_later(error)
                continue
            except _StoreTrouble as trouble:
                log.warning("%s The modem keeps its messages.", trouble)
                self._sweep_wanted = True
                await asyncio.sleep(self._timing.store_retry_s)
                continue
            self._news.clear()
            if self._direct or self._owed or self._places or self._sweep_wanted:
                continue
            try:
                wait_s = sweep_interval_s if self._announces else min(sweep_interval_s, self._timing.unproved_sweep_s)
                async with asyncio.timeout(wait_s):
                    await self._news.wait()
            except TimeoutError:
                self._sweep_wanted = True

    async def _work(self) -> None:
        while self._direct or self._owed or self._places or self._sweep_wanted:
            if self._direct or self._owed:
                await self._take_over()
            if self._places:
                await self._take_announced()
            if self._sweep_wanted and not self._places:
                await self.sweep()

    @property
    def _urgent(self) -> bool:
        """Something was handed over, and waits; what failed waits for its own next try."""
        return bool(self._direct or self._owed) and not self._ack_failures

    async def _take_over(self) -> None:
        """Keep and acknowledge what was handed over."""
        async with self._handing:
            if self._direct:
                await self._take_direct()
            if self._owed:
                await self._acknowledge()

    async def _take_over_first(self) -> None:
        """The same, before the housekeeping goes on: a modem gives up after some seconds, and is deaf then, while
        emptying a memory over a slow port takes minutes."""
        if self._urgent:
            try:
                await self._take_over()
            except AcknowledgementFailed as error:
                log.warning("%s", error)
                self._ack_failures += 1

    async def _take_direct(self) -> None:
        handed = list(self._direct)
        await self._store([each.pdu for each in handed])
        for each in handed:
            self._direct.popleft()
            if self._needs_ack:
                self._owed.append(each)

    async def _acknowledge(self) -> None:
        """Each is owed until the modem has taken it: what fails or hangs here is made again."""
        while self._owed:
            each = self._owed[0]
            async with self._turn:
                if each.whole or self._refused[each.pdu.hex] >= REFUSALS_MOST:
                    await self._driver.acknowledge()
                else:
                    await self._driver.refuse()
                    self._refused[each.pdu.hex] += 1
            self._owed.popleft()
            self._ack_failures = 0
        if len(self._refused) > DIRECT_LIMIT:
            self._refused.clear()

    async def _acknowledge_later(self, error: AcknowledgementFailed) -> None:
        """Wait till an acknowledgement is tried again. Raises what it is given when it was tried often enough."""
        if self._ack_failures == len(self._timing.acknowledge_again_s):
            raise error
        log.warning("%s", error)
        self._ack_failures += 1
        await asyncio.sleep(self._timing.acknowledge_again_s[self._ack_failures - 1])

    async def keep_direct(self) -> None:
        """The end of the line's spell: what the modem handed over and keeps no copy of is stored."""
        if self._direct and self._line is not None:
            try:
                await self._store([each.pdu for each in self._direct])
            except _StoreTrouble as trouble:
                log.error("%d messages that were handed over directly are not stored: %s", len(self._direct), trouble)
            else:
                self._direct.clear()

    async def _take_announced(self) -> None:
        async with self._taking:
            await self._keep(await self._read_announced())

    async def _read_announced(self) -> list[StoredPdu]:
        found: list[StoredPdu] = []
        read = 0
        async with self._turn:
            for place in list(self._places)[:TURN]:
                stored = None
                with contextlib.suppress(CommandFailed):
                    stored = await self._driver.read_message(*place)
                report = self._places.pop(place, False)
                if stored is not None:
                    found.append(stored)
                if stored is None or (report and not (stored.memory == place[0] and is_status_report(stored.hex))):
                    # not where it was said to be: look everywhere, once. Reports that are announced for another memory
                    # than theirs share its places with messages, and with each other (EC25 says "SM",0 of each)
                    self._sweep_wanted = True
                read += 1
                if self._urgent or (read >= SHARE and self._turn.wanted):
                    break
        return found

    async def sweep(self) -> None:
        """List what lies in the memories and take it in. Memories that say they are empty are not listed."""
        self._sweep_wanted = False
        async with self._taking:
            async with self._turn:
                await self._measure()
            used = {fill.memory: fill.used for fill in self.fill}
            emptied = False
            for memory in self._memories:
                if used.get(memory, 1) == 0:
                    continue
                try:
                    async with self._turn:
                        stored = await self._driver.list_messages(memory)
                except CommandFailed as error:
                    log.debug("Memory %s: %s", memory, error)
                    continue
                # stored but not received (2, 3: unsent and sent drafts) is the owner's
                arrived = [pdu for pdu in stored if pdu.status in (0, 1)]
                for start in range(0, len(arrived), 4 * TURN):
                    await self._keep(arrived[start : start + 4 * TURN])
                    emptied = True
            self._fresh = False
            if emptied:
                async with self._turn:
                    await self._measure()

    async def _measure(self) -> None:
        try:
            self.fill = tuple(await self._driver.storage())
        except CommandFailed:
            self.fill = ()
        self._on_fill(self.fill)

    async def _keep(self, stored: list[StoredPdu]) -> None:
        """COMMIT, then delete."""
        if not stored:
            return
        new = [pdu for pdu in stored if self._undeleted.get((pdu.memory, pdu.index)) != pdu.hex]
        if new:
            await self._store([RawPdu(pdu.hex, pdu.memory, pdu.index, self._fresh) for pdu in new])
        rest = deque(stored)
        while rest:
            await self._take_over_first()
            async with self._turn:
                deleted = 0
                while rest and (deleted < SHARE or not self._turn.wanted):
                    await self._delete(rest.popleft())
                    deleted += 1
                    if self._urgent:
                        break

    async def _delete(self, pdu: StoredPdu) -> None:
        place = (pdu.memory, pdu.index)
        try:
            await self._driver.delete_message(*place)
        except CommandFailed as error:
            # it is known: the next sweep finds it and deletes it then
            if len(self._undeleted) >= DIRECT_LIMIT:
                self._undeleted.clear()
            self._undeleted[place] = pdu.hex
            log.warning("Message %s %d was kept but not deleted: %s", *place, error)
        else:
            self._undeleted.pop(place, None)

    async def _store(self, pdus: list[RawPdu]) -> None:
        assert self._line is not None
        try:
            taken = await take_in(self._repository, self._line, pdus)
        except ModemgwError as error:
            raise _StoreTrouble(str(error)) from error
        self.received += taken.messages
        if taken.new:
            self._on_kept()


class _StoreTrouble(ModemgwError):
    """What came could not be kept."""
