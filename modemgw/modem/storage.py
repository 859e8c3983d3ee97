"""The modem's message memories (AT+CPMS, +CMGL, +CMGR, +CMGD).

Knows which memory is selected; never deletes by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from modemgw.at import commands
from modemgw.at.errors import AtResponseError, CmeError, CmsError, CommandFailed
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
from modemgw.modem.channel import Channel
from modemgw.modem.driver import StorageFill, StoredPdu

log = logging.getLogger(__name__)

READ_TRIES = 3
REPORTS = "SR"  # listed by AT+CPMS=? of many modems that can neither list nor read it

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
        self._listers: dict[str, _Lister | None] = {}  # what works with each memory; None: nothing does
        self._index_is_true: set[str] = set()  # memories in which an announced index was right
        self.memories: tuple[str, ...] = ()

    def forget(self) -> None:
        """The modem has started anew: nothing is known of what it has selected."""
        self._selected = None

    def selected(self, memory: str, others: tuple[str, ...]) -> None:
        """Initialising has selected these."""
        self._selected, self._others = memory, others

    async def list_messages(self, memory: str) -> list[StoredPdu]:
        """All that lies in a memory. Raises CommandFailed where the memory cannot be selected or read."""
        async with self._lock:
            if memory == REPORTS and self._listers.get(memory, _by_number) is None:
                return []
            await self._select(memory)
            known = self._listers.get(memory)
            problem: CommandFailed | None = None
            for way in (known,) if known is not None else (_by_number, _by_word, _by_index):
                try:
                    found = await way(self, memory)
                except CommandFailed as exc:
                    if is_empty_place(exc):
                        return []
                    if not is_unsupported(exc):
                        raise
                    problem = exc
                    continue
                self._listers[memory] = way
                return found
            self._listers.pop(memory, None)
            if memory == REPORTS and known is None:
                self._listers[memory] = None
                log.info("%s: the memory of reports cannot be listed", self._channel.transport.url)
                return []
            raise problem if problem is not None else CommandFailed("no list")

    async def read_message(self, memory: str, index: int) -> StoredPdu | None:
        """The message at an announced place, or None. The place that is returned is the true one.

        Some modems announce SM and store in ME, or count from 0 where they announce from 1: as long as no
        announcement of this
        memory has proved right, the other memories and the neighbouring places are looked at too.
        """
        async with self._lock:
            await self._select(memory)
            found = await self._read(memory, index)
            if found is not None:
                self._index_is_true.add(memory)
                return found
            if memory in self._index_is_true:
                return None
            for other in self.memories:
                if other in (memory, REPORTS):
                    continue
                try:
                    await self._select(other)
                except CommandFailed:
                    continue
                found = await self._read(other, index)
                if found is not None:
                    return found
            await self._select(memory)
            for near in (index - 1, index + 1):
                found = await self._read(memory, near) if near >= 0 else None
                if found is not None:
                    return found
            return None

    async def delete_message(self, memory: str, index: int) -> None:
        """Free a place; a place that is free already is no error."""
        async with self._lock:
            await self._select(memory)
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
            return [known[m] for m in self.memories if m in known]

    # ------------------------------------------------------------ one step each, under the lock

    async def _select(self, memory: str) -> MemoryFill | None:
        """Make `memory` the one that is read and deleted from; its fill if the modem said it."""
        if memory == self._selected:
            return None
        self._selected = None
        response = await self._channel.run(commands.select_memory(memory, *self._others))
        self._selected = memory
        try:
            return first(response.lines, read_memory_fill, "fill of the memories")[0]
        except AtResponseError:
            return None

    async def _read(self, memory: str, index: int) -> StoredPdu | None:
        """One place.

        A PDU that has not the announced length is believed when it comes a second time (line noise does not).
        """
        seen: str | None = None
        for _ in range(READ_TRIES):
            entry = await self._read_once(memory, index)
            if entry is None:
                return None
            if entry.whole or entry.pdu == seen:
                return _stored(memory, index, entry)
            seen = entry.pdu
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
                if line.pdu is not None:
                    log.warning("Message %s %d cannot be read: %s", memory, index, exc)
        return None

    async def _read_entries(self, command: commands.Command, memory: str) -> list[StoredPdu]:
        response = await self._channel.run(command)
        out: list[StoredPdu] = []
        for line in response.lines:
            try:
                entry = read_list_entry(line)
            except AtResponseError as exc:
                log.warning("An entry of %s cannot be read: %s", memory, exc)
                continue
            if entry.index is None:
                continue
            found = _stored(memory, entry.index, entry) if entry.whole else await self._read(memory, entry.index)
            if found is not None:
                out.append(found)
        return out


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


def _stored(memory: str, index: int, entry: StoredLine) -> StoredPdu:
    return StoredPdu(memory, index, entry.status, with_sca(entry.pdu, entry.length), entry.length)
