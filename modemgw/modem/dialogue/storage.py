"""The modem's message memories (AT+CPMS, +CMGL, +CMGR, +CMGD).

Knows which memory is selected, how each can be listed and where announced messages truly lie; never deletes by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from modemgw.at import commands
from modemgw.at.errors import AtResponseError, CmeError, CmsError, CommandFailed, CommandTimeout, ModemSilent
from modemgw.at.outcomes import Response
from modemgw.at.responses import (
    MemoryFill,
    StoredLine,
    first,
    read_index_list,
    read_list_entry,
    read_memory_fill,
    read_message,
    with_sca,
)
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.driver import StorageFill, StoredPdu
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Profile

log = logging.getLogger(__name__)

READ_TRIES = 3
UNSTEADY_LOOKS = 3  # at a place that is read differently each time, before it is taken as it comes
WALK_MOST = 500  # places read one by one where a memory can be listed in no other way
REPORTS = "SR"  # listed by AT+CPMS=? of many modems that can neither list nor read it
UNSTEADY_LIMIT = 1_000  # such places that are remembered

# Keys of the learned values: memory -> way of listing; ways that were not answered in time; announced memory ->
# [true memory, shift of the index].
_CMGL, _STALLS, _PLACES = "cmgl", "cmgl_stalls", "places"

_EMPTY_CMS = frozenset({321})  # invalid memory index: nothing there
_EMPTY_CME = frozenset({21, 22})  # invalid index, not found
# The modem does not know this way of listing; anything else (SIM busy, memory failure) is a true error.
_UNSUPPORTED_CMS = frozenset({301, 302, 303, 304, 305})
_UNSUPPORTED_CME = frozenset({3, 4, 50})


def is_empty_place(error: CommandFailed) -> bool:
    """The error says that nothing lies at this index."""
    return (isinstance(error, CmsError) and error.code in _EMPTY_CMS) or (
        isinstance(error, CmeError) and error.code in _EMPTY_CME
    )


def is_unsupported(error: CommandFailed) -> bool:
    """The error says that the modem does not know the command, not that something is wrong."""
    if isinstance(error, CmsError):
        return error.code in _UNSUPPORTED_CMS
    if isinstance(error, CmeError):
        return error.code in _UNSUPPORTED_CME
    return True


class Storage:
    """Reads and deletes what the modem keeps. One task at a time switches memories."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = asyncio.Lock()
        self._selected: str | None = None
        self._others: tuple[str, ...] = ()  # mem2 and mem3, for modems that want all three named
        self._listers: dict[str, str | None] = {}  # what works with each memory; None: nothing does
        self._index_is_true: set[str] = set()  # memories in which an announced index was right
        self._astray: dict[str, tuple[str, int]] = {}  # announced memory -> where its last message truly lay
        self._used: dict[str, int] = {}  # at the last look
        self._barren: dict[str, int] = {}  # memories whose messages no listing shows, and how many they are
        self._unsteady: dict[tuple[str, int], int] = {}  # places that were read differently each time: how often
        self._profile = Profile()
        self._learned = Learned()
        self.memories: tuple[str, ...] = ()

    def suits(self, profile: Profile, learned: Learned) -> None:
        """The modem is known now: its family's ways, and what it taught us before."""
        self._profile, self._learned = profile, learned

    def forget(self) -> None:
        """The modem has started anew: nothing is known of what it has selected."""
        self._selected = None

    def selected(self, memory: str, others: tuple[str, ...]) -> None:
        """Initialising has selected these."""
        self._selected, self._others = memory, others

    async def list_messages(self, memory: str) -> list[StoredPdu]:
        """All that lies in a memory. Raises CommandFailed where the memory cannot be selected or read."""
        async with self._lock:
            if memory == REPORTS and self._listers.get(memory, "") is None:
                return []
            await self._select(memory)
            problem: CommandFailed | None = None
            shown_empty = False
            for way in self._ways(memory):
                try:
                    found = await _LISTERS[way](self, memory)
                except CommandFailed as exc:
                    if is_empty_place(exc):
                        return []
                    if not is_unsupported(exc):
                        raise
                    self._forget_way(memory, way)
                    problem = exc
                    continue
                except ModemSilent:
                    raise
                except CommandTimeout:
                    self._stalled(way)  # the next look goes another way
                    raise
                if not found and self._used.get(memory, 0) > self._barren.get(memory, 0):
                    shown_empty = True  # it says that there are some: another way may show them
                    continue
                if found:
                    self._barren.pop(memory, None)
                    self._keep_way(memory, way)
                self._listers[memory] = way
                return found
            if shown_empty:
                self._barren[memory] = self._used.get(memory, 0)
                return []
            if memory == REPORTS:
                self._listers[memory] = None
                log.info("%s: the memory of reports cannot be listed", self._channel.transport.url)
                return []
            raise problem if problem is not None else CommandFailed("no list")

    def _ways(self, memory: str) -> list[str]:
        """The ways of listing, the one that worked last first."""
        known = self._listers.get(memory) or self._learned.table(_CMGL).get(memory)
        stalls = self._learned.names(_STALLS)
        ways = [*([known] if known in _LISTERS else []), *self._profile.listings, *_LISTERS]
        return sorted(dict.fromkeys(ways), key=lambda way: way in stalls)

    def _stalled(self, way: str) -> None:
        stalls = self._learned.names(_STALLS)
        if way not in stalls and len(stalls) < len(_LISTERS) - 1:
            self._learned.put(_STALLS, [*stalls, way])

    def _keep_way(self, memory: str, way: str) -> None:
        self._learned.put(_CMGL, {**self._learned.table(_CMGL), memory: way})

    def _forget_way(self, memory: str, way: str) -> None:
        if self._listers.get(memory) == way:
            del self._listers[memory]
        table = self._learned.table(_CMGL)
        if table.get(memory) == way:
            self._learned.put(_CMGL, {m: w for m, w in table.items() if m != memory})

    async def read_message(self, memory: str, index: int, *, report: bool = False) -> StoredPdu | None:
        """The message at an announced place, or None. The place that is returned is the true one.

        Some modems announce SM and store in ME, or count from 0 where they announce from 1: as long as no
        announcement of this memory has proved right, the other memories and the neighbouring places are looked at too.
        A `report` may also lie in the memory of reports.
        """
        async with self._lock:
            table = self._learned.table(_PLACES)
            known = _place(table.get(memory))
            if known is not None and memory not in self._index_is_true:
                found = await self._look(known[0], index + known[1])
                if found is not None:
                    return found
            await self._select(memory)
            found = await self._arrived(memory, index)
            if found is not None:
                self._index_is_true.add(memory)
                self._astray.pop(memory, None)
                if known is not None:
                    self._learned.put(_PLACES, {m: p for m, p in table.items() if m != memory})
                return found
            if memory in self._index_is_true and not report:
                return None
            for other, shift in self._elsewhere(memory, report):
                found = await self._look(other, index + shift)
                if found is None:
                    continue
                if other != REPORTS:
                    self._note_place(memory, other, shift)
                return found
            return None

    def _elsewhere(self, memory: str, report: bool) -> list[tuple[str, int]]:
        """Where a message that is not at its place may be: (memory, how far from the announced place)."""
        others = [m for m in self.memories if m not in (memory, REPORTS)]
        if report and memory != REPORTS and self._listers.get(REPORTS, "") is not None:
            others.append(REPORTS)
        return [*((other, 0) for other in others), *((memory, shift) for shift in self._profile.shifts if shift)]

    async def _look(self, memory: str, index: int) -> StoredPdu | None:
        """A place, or None where there is none or the memory cannot be had."""
        if index < 0:
            return None
        try:
            await self._select(memory)
        except CommandFailed:
            return None
        return await self._arrived(memory, index)

    async def _arrived(self, memory: str, index: int) -> StoredPdu | None:
        """A place, unless a draft is there, unsent (2) or sent (3): it is the owner's, and was never announced."""
        found = await self._read(memory, index)
        return None if found is not None and found.status in (2, 3) else found

    def _note_place(self, announced: str, memory: str, shift: int) -> None:
        """Twice in a row the same way astray: this modem means it so."""
        if self._astray.get(announced) == (memory, shift):
            self._learned.put(_PLACES, {**self._learned.table(_PLACES), announced: [memory, shift]})
        self._astray[announced] = (memory, shift)

    async def delete_message(self, memory: str, index: int) -> None:
        """Free a place; a place that is free already is no error."""
        async with self._lock:
            await self._select(memory)
            self._used[memory] = max(0, self._used.get(memory, 0) - 1)
            try:
                await self._channel.run(commands.delete(index))
            except CommandFailed as exc:
                if not is_empty_place(exc):
                    raise

    async def fill(self) -> list[StorageFill]:
        """How full each memory is; one that cannot be asked is left out."""
        async with self._lock:
            home = self._selected
            known: dict[str, StorageFill] = {}
            response = await self._channel.run(commands.MEMORY_ASK)
            for fill in first(response.lines, read_memory_fill, "fill of the memories"):
                if fill.name is not None:
                    known.setdefault(fill.name, StorageFill(fill.name, fill.used, fill.total))
            for memory in self.memories:
                if memory not in known:
                    try:
                        answer = await self._select(memory)
                    except CommandFailed:
                        continue
                    if answer is not None:
                        known[memory] = StorageFill(memory, answer.used, answer.total)
            if home is not None:
                await self._select(home)
            self._used = {memory: fill.used for memory, fill in known.items()}
            return [known[m] for m in self.memories if m in known]

    # ------------------------------------------------------------ one step each, under the lock

    async def _select(self, memory: str) -> MemoryFill | None:
        """Make `memory` the one that is read and deleted from; its fill if the modem said it."""
        if memory == self._selected:
            return None
        self._selected = None
        response = await self._run_select(memory)
        self._selected = memory
        try:
            return first(response.lines, read_memory_fill, "fill of the memories")[0]
        except AtResponseError:
            return None

    async def _run_select(self, memory: str) -> Response:
        """AT+CPMS in the form that works here, and where this memory cannot be had in it, in shorter ones."""
        try:
            return await self._channel.run(commands.select_memory(memory, *self._others))
        except CommandFailed as exc:
            if not self._others or not is_unsupported(exc) or self._profile.cpms == (len(self._others) + 1,):
                raise
        for count in range(len(self._others) - 1, 0, -1):
            with contextlib.suppress(CommandFailed):
                return await self._channel.run(commands.select_memory(memory, *self._others[:count]))
        return await self._channel.run(commands.select_memory(memory))

    async def _read(self, memory: str, index: int, listed: StoredLine | None = None) -> StoredPdu | None:
        """One place; None where nothing lies, or not yet what can be believed.

        What is no PDU of the announced length is believed when it comes a second time (line noise does not), and as
        `listed` where this place can be listed and not read. One that is read differently each time is left where it
        is at first, and taken as it comes when later looks find it no better: it must not keep its place for ever.
        """
        seen: set[str] = set()
        entry: StoredLine | None = None
        for _ in range(READ_TRIES):
            entry = await self._read_once(memory, index) or listed
            if entry is None:
                return None
            if entry.whole or entry.pdu in seen or entry is listed:
                self._unsteady.pop((memory, index), None)
                return _stored(memory, index, entry)
            seen.add(entry.pdu)
        looks = self._unsteady.pop((memory, index), 0) + 1
        if entry is not None and looks >= UNSTEADY_LOOKS:
            return _stored(memory, index, entry)
        if len(self._unsteady) >= UNSTEADY_LIMIT:
            self._unsteady.clear()
        self._unsteady[memory, index] = looks
        log.warning("Message %s %d is read differently each time; it is left where it is", memory, index)
        return None

    async def _read_once(self, memory: str, index: int) -> StoredLine | None:
        try:
            response = await self._channel.run(commands.read(index))
        except CommandFailed as exc:
            if is_empty_place(exc) or type(exc) is CommandFailed:
                return None
            raise
        for line in response.lines:
            try:
                return read_message(line)
            except AtResponseError as exc:
                log.debug("Message %s %d cannot be read: %s", memory, index, exc)
        return None

    async def _read_entries(self, command: commands.Command, memory: str) -> list[StoredPdu]:
        response = await self._channel.run(command)
        out: list[StoredPdu] = []
        for line in response.lines:
            try:
                entry = read_list_entry(line)
            except AtResponseError as exc:
                log.warning("An entry of %s cannot be read; it is left where it is", memory)
                log.debug("The entry of %s: %s", memory, exc)
                continue
            if entry.index is None:
                continue
            found = _stored(memory, entry.index, entry) if entry.whole else await self._reread(memory, entry)
            if found is not None:
                out.append(found)
        return out

    async def _reread(self, memory: str, entry: StoredLine) -> StoredPdu | None:
        """An entry of a list that is not whole, read by itself; as it was listed where that fails."""
        assert entry.index is not None
        try:
            return await self._read(memory, entry.index, entry)
        except CommandFailed as exc:
            log.debug("Message %s %d is listed and cannot be read: %s", memory, entry.index, exc)
            return _stored(memory, entry.index, entry)


_Lister = Callable[[Storage, str], Coroutine[Any, Any, list[StoredPdu]]]


async def _by_number(storage: Storage, memory: str) -> list[StoredPdu]:
    return await storage._read_entries(commands.LIST_ALL, memory)


async def _by_word(storage: Storage, memory: str) -> list[StoredPdu]:
    """EP06-A and EM06-A answer CMS 303 to CMGL=4 and want the text mode's word, in PDU mode too."""
    return await storage._read_entries(commands.LIST_ALL_TEXT_FORM, memory)


async def _by_index(storage: Storage, memory: str) -> list[StoredPdu]:
    response = await storage._channel.run(commands.LIST_INDEXES)
    try:
        indexes = first(response.lines, read_index_list, "list of occupied places")
    except AtResponseError as exc:
        raise CommandFailed(str(exc)) from exc
    found = [await storage._read(memory, index) for index in indexes]
    return [entry for entry in found if entry is not None]


async def _by_walk(storage: Storage, memory: str) -> list[StoredPdu]:
    """Place after place (D-Link's SR can be neither listed nor asked for its places), as many as it says are used."""
    response = await storage._channel.run(commands.MEMORY_ASK)
    try:
        fill = first(response.lines, read_memory_fill, "fill of the memories")[0]
    except AtResponseError as exc:
        raise CommandFailed(str(exc)) from exc
    if fill.name not in (None, memory):
        raise CommandFailed(f"memory {memory} is not the one that is selected")
    found: list[StoredPdu] = []
    for index in range(min(fill.total, WALK_MOST) + 1):  # some count from 0, some from 1
        if len(found) >= fill.used:
            break
        with contextlib.suppress(CommandFailed):
            entry = await storage._read(memory, index)
            if entry is not None:
                found.append(entry)
    if fill.used and not found:
        raise CommandFailed(f"no place of memory {memory} can be read")
    return found


_LISTERS: dict[str, _Lister] = {"number": _by_number, "word": _by_word, "index": _by_index, "walk": _by_walk}


def _place(value: object) -> tuple[str, int] | None:
    match value:
        case [str(memory), int(shift)]:
            return memory, shift
    return None


def _stored(memory: str, index: int, entry: StoredLine) -> StoredPdu:
    return StoredPdu(memory, index, entry.status, with_sca(entry.pdu, entry.length), entry.length)
