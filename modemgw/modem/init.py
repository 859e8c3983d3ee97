"""Initialising a modem.

The steps as a table, each tolerant of what it can be tolerant of. Reads and sets; never AT&W, never ATZ.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from modemgw.at import commands
from modemgw.at.commands import Command, plain
from modemgw.at.errors import AtError, AtResponseError, CommandFailed
from modemgw.at.responses import (
    MemoryRange,
    choose_indications,
    first,
    read_function,
    read_iccid,
    read_imei,
    read_imsi,
    read_indication_range,
    read_indications,
    read_memory_fill,
    read_memory_range,
    read_name,
    read_operator,
    read_own_number,
    read_signal,
    read_smsc,
)
from modemgw.modem.channel import Channel, CommandTimeout, ModemSilent
from modemgw.modem.driver import (
    DriverSettings,
    InitialiseFailed,
    ModemInfo,
    Registration,
    Signal,
    SimProblem,
    SimReason,
    StorageFill,
)
from modemgw.modem.driver_registration import RegistrationWatch
from modemgw.modem.init_sim import read_if_told, run_when_ready, sim_problem, sim_reason, unlock
from modemgw.modem.learned import Learned
from modemgw.modem.profile import Profile, choose_profile
from modemgw.modem.storage import Storage

log = logging.getLogger(__name__)

NOT_READY_S = 10.0  # message commands may be refused for so long after the SIM is ready
NOT_READY_PAUSE_S = 0.5
_DEFAULT_RANGES = (MemoryRange(("SM",), ("SM",), ("SM",)), MemoryRange(("ME",), ("ME",), ("ME",)))


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Where a step that is not `needed` fails, the failure is noted and the next one follows."""

    name: str
    run: Callable[[Initialiser], Awaitable[None]]
    needed: bool = False


@dataclass(slots=True)
class Found:
    """What the steps find out, piece by piece."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    imei: str | None = None
    imsi: str | None = None
    iccid: str | None = None
    number: str | None = None
    smsc: str | None = None
    operator: str | None = None
    registration: Registration = field(default_factory=lambda: Registration(4))
    signal: Signal = field(default_factory=lambda: Signal(None))
    memories: tuple[str, ...] = ()
    receive_memory: str | None = None
    storage: tuple[StorageFill, ...] = ()
    service: int = 0
    cnmi: tuple[int, ...] = ()
    link_modes: tuple[int, ...] = ()
    notes: list[str] = field(default_factory=list)


class Initialiser:
    """Runs the table of steps once over a channel."""

    def __init__(
        self,
        channel: Channel,
        storage: Storage,
        registrations: RegistrationWatch,
        settings: DriverSettings,
        profile: Profile | None,
        usb: str | None,
    ) -> None:
        self.channel = channel
        self.storage = storage
        self.registrations = registrations
        self.settings = settings
        self.fixed_profile = profile
        self.profile = profile if profile is not None else Profile()
        self.usb = usb
        self.found = Found()
        self.learned = Learned()
        self.deadline = asyncio.get_running_loop().time() + settings.sim_wait_s

    async def run(self) -> ModemInfo:
        """All steps in their order. Raises SimProblem, InitialiseFailed, ModemSilent, PortLost."""
        for step in STEPS:
            try:
                await step.run(self)
            except ModemSilent:
                raise
            except SimProblem as exc:
                if step.needed or exc.reason is not SimReason.BUSY:
                    raise
                self.note(f"{step.name}: {exc}")
            except (AtError, CommandTimeout) as exc:
                reason = sim_reason(exc) if isinstance(exc, CommandFailed) else None
                if step.needed and reason is not None:
                    raise sim_problem(reason) from exc
                if step.needed:
                    raise InitialiseFailed(step.name, f"The modem cannot be used: {step.name} failed. {exc}") from exc
                self.note(f"{step.name}: {exc}")
        return self._info()

    def note(self, sentence: str) -> None:
        log.info("%s: %s", self.channel.transport.url, sentence)
        self.found.notes.append(sentence)

    @property
    def direct(self) -> bool:
        wanted = self.settings.direct_delivery
        return self.profile.direct if wanted is None else wanted

    async def ask(self, command: Command) -> tuple[str, ...]:
        """The texts of the answer; waits while the SIM is busy."""
        return (await run_when_ready(self.channel, command, self.deadline)).texts

    def _info(self) -> ModemInfo:
        found = self.found
        acknowledged = found.service == 1 and (
            (len(found.cnmi) > 1 and found.cnmi[1] in (2, 3)) or (len(found.cnmi) > 3 and found.cnmi[3] == 1)
        )
        return ModemInfo(
            manufacturer=found.manufacturer,
            model=found.model,
            firmware=found.firmware,
            imei=found.imei,
            imsi=found.imsi,
            iccid=found.iccid,
            number=found.number,
            smsc=found.smsc,
            operator=found.operator,
            registration=found.registration,
            signal=found.signal,
            memories=found.memories,
            receive_memory=found.receive_memory,
            storage=found.storage,
            cnmi=found.cnmi,
            needs_ack=acknowledged,
            keeps_link=bool(found.link_modes),
            profile=self.profile.name,
            notes=tuple(found.notes),
        )


# ---------------------------------------------------------------- the dialogue itself


async def _drain(init: Initialiser) -> None:
    await init.channel.resync()


async def _echo(init: Initialiser) -> None:
    await init.channel.run(commands.ECHO_OFF)
    if init.channel.numeric:
        await init.channel.run(commands.VERBOSE_ON)


async def _errors(init: Initialiser) -> None:
    try:
        await init.channel.run(commands.ERRORS_NUMERIC)
    except CommandFailed:
        await init.channel.run(commands.ERRORS_VERBOSE)


# ---------------------------------------------------------------- identity


async def _identify(init: Initialiser) -> None:
    found = init.found
    found.manufacturer = await _name(init, commands.MANUFACTURER)
    found.model = await _name(init, commands.MODEL)
    found.firmware = await _name(init, commands.FIRMWARE)
    if not (found.manufacturer and found.model):
        await _identify_by_ati(init)
    for command in (commands.IMEI, commands.IMEI_ALONE):
        found.imei = found.imei or await read_if_told(init.channel, command, read_imei, "serial number")
    if init.fixed_profile is None:
        init.profile = choose_profile(found.manufacturer, found.model, found.firmware, init.usb)
    if init.settings.learned is not None and found.imei:
        init.learned = init.settings.learned.of(found.imei, found.firmware, found.model)


async def _name(init: Initialiser, command: Command) -> str:
    return await read_if_told(init.channel, command, read_name, "name") or ""


async def _identify_by_ati(init: Initialiser) -> None:
    """ATI answers `Manufacturer: …`, `Model: …` or three lines without names (V.250 6.1.3)."""
    found = init.found
    try:
        texts = (await init.channel.run(commands.IDENTIFY)).texts
    except CommandFailed:
        return
    bare = [t for t in texts if ":" not in t]
    named = {t.partition(":")[0].strip().lower(): t.partition(":")[2].strip() for t in texts if ":" in t}
    found.manufacturer = found.manufacturer or named.get("manufacturer", "") or (bare[0] if bare else "")
    found.model = found.model or named.get("model", "") or (bare[1] if len(bare) > 1 else "")
    found.firmware = found.firmware or named.get("revision", "") or (bare[2] if len(bare) > 2 else "")


async def _early(init: Initialiser) -> None:
    await _run_each(init, init.profile.early)


async def _late(init: Initialiser) -> None:
    await _run_each(init, init.profile.late)
    await _run_each(init, init.settings.extra_init)


async def _run_each(init: Initialiser, texts: Sequence[str]) -> None:
    for text in texts:
        try:
            await init.channel.run(plain(text, commands.FUNCTION_S))
        except CommandFailed as exc:
            init.note(f"{text} was refused ({exc.result}).")


# ---------------------------------------------------------------- SIM


async def _function(init: Initialiser) -> None:
    if await read_if_told(init.channel, commands.FUNCTION_ASK, read_function, "phone function") != 1:
        await run_when_ready(init.channel, commands.FULL_FUNCTION, init.deadline)


async def _sim_number(init: Initialiser) -> None:
    """Before the PIN, since it tells which SIM a PIN belongs to; where it is refused, once more after it."""
    for command in commands.ICCID_FORMS:
        if init.found.iccid is None:
            init.found.iccid = await read_if_told(init.channel, command, read_iccid, "SIM serial number")


async def _unlock(init: Initialiser) -> None:
    sim = init.found.iccid or init.found.imei or init.channel.transport.url
    await unlock(init.channel, init.settings.pin, sim, init.settings.pin_memory, init.deadline, init.note)


async def _subscriber(init: Initialiser) -> None:
    init.found.imsi = first(await init.ask(commands.IMSI), read_imsi, "IMSI")


async def _own_number(init: Initialiser) -> None:
    texts = await init.ask(commands.OWN_NUMBER)
    if texts:
        init.found.number = first(texts, read_own_number, "own number")


# ---------------------------------------------------------------- messages


async def _pdu_mode(init: Initialiser) -> None:
    await _when_messages_ready(init, commands.PDU_MODE)


async def _service(init: Initialiser) -> None:
    """With service 1 the modem waits for AT+CNMA, so that no message that is handed over directly is lost.

    Where messages are stored and only reports come directly, the owner may do without it: each report costs a command
    between two sends, but one that comes while nobody listens is brought again, and may end a doubt.
    """
    if init.direct or init.settings.acknowledge_reports:
        await _acknowledged(init)
    if init.found.service == 0:
        await init.channel.run(commands.select_service(0))


async def _acknowledged(init: Initialiser) -> None:
    if init.profile.service != 1:
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


async def _memories(init: Initialiser) -> None:
    try:
        response = await _when_messages_ready(init, commands.MEMORY_RANGE)
        ranges: tuple[MemoryRange, ...] = (first(response, read_memory_range, "list of memories"),)
    except (CommandFailed, AtResponseError) as exc:
        init.note(f"The modem does not tell its memories ({exc}).")
        ranges = _DEFAULT_RANGES
    for offered in ranges:
        if await _choose_memory(init, offered):
            _sweep_list(init, offered)
            return
    _sweep_list(init, ranges[0])
    raise CommandFailed("no memory can be selected", "AT+CPMS")


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
    init.storage.selected(memory, others)
    init.found.receive_memory = memory if len(others) == 2 else None
    return True


async def _select(init: Initialiser, memory: str, offered: MemoryRange) -> tuple[str, ...] | None:
    """AT+CPMS with three, two and one memory (some know only one form); the ones named after the first, or None."""
    write = memory if memory in offered.write else (offered.write[0] if offered.write else memory)
    for others in ((write, memory), (write,), ()):
        try:
            texts = await init.ask(commands.select_memory(memory, *others))
        except CommandFailed:
            continue
        init.found.storage = ()
        try:
            fills = first(texts, read_memory_fill, "fill of the memories")
            init.found.storage = (StorageFill(memory, fills[-1].used, fills[-1].total),)
        except AtResponseError:
            pass
        return others
    return None


def _sweep_list(init: Initialiser, offered: MemoryRange) -> None:
    """The memories to look through. MT is SM and ME together; BM holds broadcasts."""
    listed = [m for m in init.profile.sweep if m in offered.read]
    if "MT" in listed and ("SM" in listed and "ME" in listed):
        listed.remove("MT")
    init.found.memories = init.storage.memories = tuple(listed or offered.read[:1])


async def _indications(init: Initialiser) -> None:
    offers: list[tuple[int, ...]] = []
    try:
        texts = await init.ask(commands.INDICATIONS_RANGE)
        offered = first(texts, read_indication_range, "range of indications")
        offers.append(choose_indications(offered, direct=init.direct, reports=init.profile.reports))
        offers += [choose_indications(offered, direct=init.direct, reports=(r,)) for r in init.profile.reports]
    except (CommandFailed, AtResponseError) as exc:
        init.note(f"The modem does not tell its indications ({exc}).")
    offers += [
        (values[0], 2 if init.direct else values[1], *values[2:]) if len(values) > 1 else values
        for values in init.profile.indications
    ]
    if init.settings.indications is not None:
        offers.insert(0, init.settings.indications)
    for values in dict.fromkeys(offers):
        try:
            await init.channel.run(commands.set_indications(values))
        except CommandFailed:
            continue
        init.found.cnmi = await _indications_set(init, values)
        if len(values) > 1 and values[1] in (2, 3) and init.found.service == 0:
            # it delivers directly after all: then with acknowledgement, if it can
            await _acknowledged(init)
            if init.found.service == 1:
                with contextlib.suppress(CommandFailed):
                    await init.channel.run(commands.set_indications(values))
        return
    init.note("No indication of arriving messages can be switched on; they are found by looking through the storage.")


async def _indications_set(init: Initialiser, wanted: tuple[int, ...]) -> tuple[int, ...]:
    try:
        texts = (await init.channel.run(commands.INDICATIONS_ASK)).texts
        true = first(texts, read_indications, "indications")
    except (CommandFailed, AtResponseError):
        return wanted
    if true[: len(wanted)] != wanted:
        init.note(f"AT+CNMI was set to {wanted}, but the modem says {true}.")
    return true


async def _smsc(init: Initialiser) -> None:
    init.found.smsc = first(await init.ask(commands.SMSC_ASK), read_smsc, "address of the SMS centre")
    if init.found.smsc is None:
        init.note("The SIM holds no address of an SMS centre; set one for this modem if sending fails.")


async def _link(init: Initialiser) -> None:
    if not init.profile.keep_link:
        return
    try:
        texts = (await init.channel.run(commands.LINK_RANGE)).texts
        init.found.link_modes = tuple(
            n for n in first(texts, read_indication_range, "range of AT+CMMS")[0] if n in (1, 2)
        )
    except AtResponseError:
        init.found.link_modes = (1, 2)


# ---------------------------------------------------------------- network


async def _registration_urcs(init: Initialiser) -> None:
    for command in commands.REGISTRATION_ON:
        try:
            await init.channel.run(command)
        except CommandFailed:
            continue


async def _registration(init: Initialiser) -> None:
    init.found.registration = await init.registrations.ask(init.channel)


async def _operator(init: Initialiser) -> None:
    try:
        await init.channel.run(commands.OPERATOR_NAME_FORM)
    except CommandFailed:
        pass
    init.found.operator = first((await init.channel.run(commands.OPERATOR)).texts, read_operator, "operator")


async def _signal(init: Initialiser) -> None:
    rssi, ber = first((await init.channel.run(commands.SIGNAL)).texts, read_signal, "signal")
    init.found.signal = Signal(rssi, ber)


async def _caller(init: Initialiser) -> None:
    await init.channel.run(commands.CALLER_ON)


# ---------------------------------------------------------------- the table

STEPS: tuple[Step, ...] = (
    Step("waking the modem", _drain, needed=True),
    Step("switching the echo off", _echo),
    Step("switching error codes on", _errors),
    Step("identifying the modem", _identify),
    Step("the commands of this family", _early),
    Step("switching the radio on", _function),
    Step("reading the SIM's number", _sim_number),
    Step("unlocking the SIM", _unlock, needed=True),
    Step("reading the SIM's number again", _sim_number),
    Step("reading the subscriber", _subscriber),
    Step("selecting PDU mode", _pdu_mode, needed=True),
    Step("selecting the message service", _service),
    Step("selecting the message memory", _memories),
    Step("switching indications of messages on", _indications),
    Step("reading the address of the SMS centre", _smsc),
    Step("asking for the kept link", _link),
    Step("the last commands of this family and of the owner", _late),
    Step("switching indications of the registration on", _registration_urcs),
    Step("asking for the registration", _registration),
    Step("asking for the operator", _operator),
    Step("asking for the signal", _signal),
    Step("reading the own number", _own_number),
    Step("switching the caller's number on", _caller),
)


async def _when_messages_ready(init: Initialiser, command: Command) -> tuple[str, ...]:
    """The answer's texts; a refusal that may come from a service still starting is tried again for a while."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + min(NOT_READY_S, init.settings.sim_wait_s)
    while True:
        try:
            return await init.ask(command)
        except CommandFailed as exc:
            if getattr(exc, "code", None) not in _STARTING or loop.time() > limit:
                raise
        await asyncio.sleep(NOT_READY_PAUSE_S)


_STARTING = frozenset({300, 302, 320, 500})  # CMS errors of a message service that is not up yet
