"""The steps of initialising that concern messages: mode, service, memories, indications, SMS centre, kept link.

What worked last time with this modem is tried first; what is refused is forgotten and asked anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from modemgw.at import commands
from modemgw.at.commands import Command, plain
from modemgw.at.errors import AtResponseError, CommandFailed
from modemgw.at.responses import (
    MemoryRange,
    choose_indications,
    first,
    read_indication_range,
    read_indications,
    read_memory_fill,
    read_memory_range,
    read_smsc,
)
from modemgw.modem.dialogue.driver import StorageFill
from modemgw.modem.dialogue.report_path import BROKEN, PROVED, preference
from modemgw.modem.quirks.profile_registry import GENERIC

if TYPE_CHECKING:
    from modemgw.modem.dialogue.init import Initialiser

_DEFAULT_RANGES = (MemoryRange(("SM",), ("SM",), ("SM",)), MemoryRange(("ME",), ("ME",), ("ME",)))
_STARTING = frozenset({300, 302, 320, 500})  # CMS errors of a message service that is not up yet

#: Keys of the learned values.
CNMI, CPMS, MEMORIES, SERVICE, READY = "cnmi", "cpms", "memories", "service", "ready"

Indications = tuple[int, ...]


async def pdu_mode(init: Initialiser) -> None:
    await when_messages_ready(init, commands.PDU_MODE)


async def ready(init: Initialiser) -> None:
    """After a start, wait until the modem says that its message service is up: what is set before is forgotten again.

    Only where it has started before our eyes; a modem that never says so is not waited for a second time.
    """
    boot, known = init.boot, init.learned.get(READY)
    limit = min(init.profile.ready_s, init.settings.sim_wait_s)
    if not boot.started or not init.profile.ready_urcs or (known == "never" and not boot.ready):
        return
    if boot.ready or await boot.wait(limit):
        init.learned.put(READY, "told")
    else:
        init.note(f"The modem has started and did not say within {limit:g} s that its message service is ready.")
        if known != "told":
            init.learned.put(READY, "never")


# ---------------------------------------------------------------- service


async def service(init: Initialiser) -> None:
    """With service 1 the modem waits for AT+CNMA, so that no message that is handed over directly is lost.

    Where messages are stored and only reports come directly, the owner may do without it: each report costs a command
    between two sends, but one that comes while nobody listens is brought again, and may end a doubt.
    """
    if init.direct or init.settings.acknowledge_reports:
        await _acknowledged(init)
    if init.found.service == 0:
        await init.channel.run(commands.select_service(0))


async def _acknowledged(init: Initialiser) -> None:
    if init.profile.service != 1 or init.learned.number(SERVICE) == 0:
        return
    try:
        await init.channel.run(commands.select_service(1))
    except CommandFailed:
        init.note("Delivery with acknowledgement (AT+CSMS=1) is not offered.")
        return
    init.found.service = 1
    await _let_go(init)


async def _let_go(init: Initialiser) -> None:
    """A message that was handed to a process that is no more is refused, so that the network brings it again at once.

    Otherwise the modem waits for its acknowledgement, lets nothing else through meanwhile, and then hands over nothing
    directly any more (TS 27.005 3.4.1). That none waits (CMS ERROR 340) is the usual answer.
    """
    with contextlib.suppress(CommandFailed):
        await init.channel.run(commands.REFUSE_UNACKNOWLEDGED)


# ---------------------------------------------------------------- memories


async def memories(init: Initialiser) -> None:
    every = tuple(init.profile.sweep)
    _sweep_list(init, MemoryRange(every, every, every))  # whatever becomes of this step, they are looked through
    try:
        response = await when_messages_ready(init, commands.MEMORY_RANGE)
        ranges: tuple[MemoryRange, ...] = (first(response, read_memory_range, "list of memories"),)
    except (CommandFailed, AtResponseError) as exc:
        init.note(f"The modem does not tell its memories ({exc}).")
        ranges = _DEFAULT_RANGES
    if await _known_memories(init, ranges[0]):
        _sweep_list(init, ranges[0])
        return
    for offered in ranges:
        if await _choose_memory(init, offered):
            _sweep_list(init, offered)
            return
    _sweep_list(init, ranges[0])
    raise CommandFailed("no memory can be selected", "AT+CPMS")


async def _known_memories(init: Initialiser, offered: MemoryRange) -> bool:
    """What was chosen last time, if it is still taken."""
    known = init.learned.get(MEMORIES)
    if not isinstance(known, list) or not known or not all(isinstance(m, str) for m in known):
        return False
    memory, *others = known
    if memory in offered.read and await _try(init, memory, tuple(others)):
        _chosen(init, memory, tuple(others))
        return True
    init.learned.drop(MEMORIES)
    return False


async def _choose_memory(init: Initialiser, offered: MemoryRange) -> bool:
    """Select the largest memory that can be received into and read, of equal ones the first the profile names."""
    wanted = [m for m in init.profile.memories if m in offered.receive and m in offered.read]
    wanted = wanted or [m for m in offered.receive if m in offered.read] or list(offered.read[:1])
    best: tuple[int, str, tuple[str, ...]] | None = None
    last: str | None = None
    for memory in wanted:
        others = await _select(init, memory, offered)
        if others is None:
            continue
        last = memory
        total = init.found.storage[-1].total if init.found.storage else 0
        if best is None or total > best[0]:
            best = (total, memory, others)
    if best is None:
        return False
    _, memory, others = best
    if last != memory:
        await _select(init, memory, offered)
    _chosen(init, memory, others)
    init.learned.put(MEMORIES, [memory, *others])
    return True


def _chosen(init: Initialiser, memory: str, others: tuple[str, ...]) -> None:
    init.storage.selected(memory, others)
    init.found.receive_memory = memory if len(others) == 2 else None


async def _select(init: Initialiser, memory: str, offered: MemoryRange) -> tuple[str, ...] | None:
    """AT+CPMS with three, two and one memory (some know only one form); the ones named after the first, or None."""
    write = memory if memory in offered.write else (offered.write[0] if offered.write else memory)
    known = init.learned.number(CPMS)
    counts = dict.fromkeys([*([known] if known in (1, 2, 3) else []), *init.profile.cpms, 3, 2, 1])
    for count in counts:
        others = (write, memory)[: count - 1]
        if await _try(init, memory, others):
            if init.learned.number(CPMS) != count:
                init.learned.put(CPMS, count)
            return others
    return None


async def _try(init: Initialiser, memory: str, others: tuple[str, ...]) -> bool:
    try:
        texts = await init.ask(commands.select_memory(memory, *others))
    except CommandFailed:
        return False
    init.found.storage = ()
    with contextlib.suppress(AtResponseError):
        fills = first(texts, read_memory_fill, "fill of the memories")
        init.found.storage = (StorageFill(memory, fills[-1].used, fills[-1].total),)
    return True


def _sweep_list(init: Initialiser, offered: MemoryRange) -> None:
    """The memories to look through. MT is SM and ME together; BM holds broadcasts."""
    listed = [m for m in init.profile.sweep if m in offered.read]
    if "MT" in listed and ("SM" in listed and "ME" in listed):
        listed.remove("MT")
    init.found.memories = init.storage.memories = tuple(listed or offered.read[:1])


# ---------------------------------------------------------------- indications


async def indications(init: Initialiser) -> None:
    """The best of what is offered that the modem takes and, where it tells, has taken."""
    best: tuple[int, Indications, Indications] | None = None  # how good, what was set, what it says
    taken = 0
    for values in dict.fromkeys(await _offers(init)):
        try:
            await init.channel.run(commands.set_indications(values))
        except CommandFailed:
            if list(values) == init.learned.get(CNMI):
                init.learned.drop(CNMI)
            continue
        taken += 1
        true = await _read_back(init, values)
        good = _goodness(init, values, true)
        if best is None or good > best[0]:
            best = (good, values, true)
        if good == _AS_WANTED or taken == _TAKEN_MOST:
            break
    if best is None:
        init.note(
            "No indication of arriving messages can be switched on; they are found by looking through the storage."
        )
        return
    good, values, true = best
    if good != _AS_WANTED:
        with contextlib.suppress(CommandFailed):
            await init.channel.run(commands.set_indications(values))  # others were tried after it
        if true[: len(values)] != values:
            init.note(f"AT+CNMI was set to {values}, but the modem says {true}.")
    init.found.cnmi = true
    if init.settings.indications is None:
        init.learned.put(CNMI, list(values))
    if len(values) > 1 and values[1] in (2, 3) and init.found.service == 0:
        # it delivers directly after all: then with acknowledgement, if it can
        await _acknowledged(init)
        if init.found.service == 1:
            with contextlib.suppress(CommandFailed):
                await init.channel.run(commands.set_indications(values))


async def _offers(init: Initialiser) -> list[Indications]:
    """What is tried, the best first: the owner's, what worked last time, what the modem offers, the profile's list."""
    reports = preference(init.profile.reports, init.learned)
    offers: list[Indications] = []
    known = init.learned.ints(CNMI)
    try:
        texts = await init.ask(commands.INDICATIONS_RANGE)
        offered = first(texts, read_indication_range, "range of indications")
        offers.append(choose_indications(offered, direct=init.direct, reports=reports))
        offers += [choose_indications(offered, direct=init.direct, reports=(r,)) for r in reports]
    except (CommandFailed, AtResponseError) as exc:
        if known is None:
            init.note(f"The modem does not tell its indications ({exc}).")
    listed = [
        (values[0], 2 if init.direct else values[1], *values[2:]) if len(values) > 1 else values
        for values in init.profile.indications
    ]
    broken = init.learned.ints(BROKEN) or ()
    # a way of reports that the profile leaves out is not set, one that is known to be broken comes last
    listed = [values for values in listed if _ds(values) in (*reports, 0)]
    offers += sorted(listed, key=lambda values: _ds(values) in broken)
    if known is not None and _suits(init, known, reports):
        offers.insert(0, known)
    if init.settings.indications is not None:
        offers.insert(0, init.settings.indications)
    return offers


def _suits(init: Initialiser, known: Indications, reports: Sequence[int]) -> bool:
    """What worked last time is what is wanted now: a way of reports may have failed meanwhile."""
    handed_over = len(known) > 1 and known[1] in (2, 3)
    proved = init.learned.number(PROVED)
    broken = init.learned.ints(BROKEN) or ()
    wanted = (proved,) if proved in reports else tuple(ds for ds in reports if ds not in broken)
    return handed_over == init.direct and _ds(known) in (*wanted, 0)


def _ds(values: Indications) -> int:
    return values[3] if len(values) > 3 else 0


_AS_WANTED = 3
_TAKEN_MOST = 6  # a modem that takes so many and says something else each time has its own mind


def _goodness(init: Initialiser, wanted: Indications, true: Indications) -> int:
    """3: as it was set. 2: messages and reports are told all the same. 1: messages are. 0: nothing is."""
    if true[: len(wanted)] == wanted:
        return _AS_WANTED
    if len(true) < 2 or not true[1]:
        return 0
    return 2 if len(true) > 3 and true[3] in init.profile.reports and true[3] else 1


async def _read_back(init: Initialiser, wanted: Indications) -> Indications:
    try:
        texts = (await init.channel.run(commands.INDICATIONS_ASK)).texts
        return first(texts, read_indications, "indications")
    except (CommandFailed, AtResponseError):
        return wanted


async def urc_port(init: Initialiser) -> None:
    """Have announcements come out of our port; of several commands the first that is accepted counts for now."""
    for command in init.urc_port.commands:
        try:
            await init.channel.run(plain(command, commands.FUNCTION_S))
        except CommandFailed:
            continue
        init.urc_port.accepted(command)
        return
    if init.urc_port.commands and init.profile.name != GENERIC:
        init.note("The modem refuses to be told which port announces messages; they are looked for as well.")


# ---------------------------------------------------------------- SMS centre, link


async def smsc(init: Initialiser) -> None:
    answer = await init.ask(commands.SMSC_ASK)
    init.found.smsc = first(answer, read_smsc, "address of the SMS centre")
    if answer and init.found.smsc is None:
        init.found.smsc = ""
        init.note("The SIM holds no address of an SMS centre; set one for this modem if sending fails.")


async def link(init: Initialiser) -> None:
    if not init.profile.keep_link:
        return
    try:
        texts = (await init.channel.run(commands.LINK_RANGE)).texts
        init.found.link_modes = tuple(
            n for n in first(texts, read_indication_range, "range of AT+CMMS")[0] if n in (1, 2)
        )
    except AtResponseError:
        init.found.link_modes = (1, 2)


async def when_messages_ready(init: Initialiser, command: Command) -> tuple[str, ...]:
    """The answer's texts; a refusal that may come from a service still starting is tried again for a while."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + min(init.profile.ready_s, init.settings.sim_wait_s)
    while True:
        try:
            return await init.ask(command)
        except CommandFailed as exc:
            if getattr(exc, "code", None) not in _STARTING or loop.time() > limit:
                raise
        await init.boot.wait(init.channel.timing.not_ready_pause_s)
