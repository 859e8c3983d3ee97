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
from modemgw.at.commands import Command, plain, question
from modemgw.at.errors import AtError, AtResponseError, CommandFailed, CommandTimeout, ModemSilent
from modemgw.at.responses import (
    first,
    read_function,
    read_iccid,
    read_imei,
    read_imsi,
    read_name,
    read_operator,
    read_own_number,
    read_signal,
)
from modemgw.at.ussd import USSD_ON
from modemgw.modem.dialogue import init_messages
from modemgw.modem.dialogue.boot import BootWatch
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.dialogue.driver import (
    DriverSettings,
    InitialiseFailed,
    ModemInfo,
    Registration,
    Signal,
    SimProblem,
    SimReason,
    StorageFill,
)
from modemgw.modem.dialogue.driver_registration import RegistrationWatch
from modemgw.modem.dialogue.init_sim import read_if_told, run_when_ready, sim_problem, sim_reason, unlock
from modemgw.modem.dialogue.storage import Storage
from modemgw.modem.dialogue.urc_port import UrcPort
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Alternatives, Profile

log = logging.getLogger(__name__)


NO_SIM_ANSWERS = (
    "The modem refuses everything that needs a SIM, without a reason: none is in it, it is still starting, or it "
    "cannot be read. Insert one, or clean its contacts."
)


PROFILE = "profile"  # key of the learned values: the profile that they were learned with
#: What follows from a profile's start values. What is a fact about the modem, whatever they were, is not among these.
STARTED_FROM_PROFILE = ("cnmi", "cpms", "memories", "cmgl", "cmgl_stalls", "cnma", "urc_port", "ready")
SILENT_OK = "silent_ok"  # key of the learned values: it said OK to a send that gave no reference


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Where a step that is not `needed` fails, the failure is noted and the next one follows.

    `again`: without it the line would not hear, so it is made once more where it got no answer.
    """

    name: str
    run: Callable[[Initialiser], Awaitable[None]]
    needed: bool = False
    again: bool = False


@dataclass(slots=True)
class Found:
    """What the steps find out, piece by piece."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    ati: tuple[str, ...] = ()
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
        *,
        port_kind: str | None = None,
        boot: BootWatch | None = None,
        learned: Learned | None = None,
    ) -> None:
        self.channel = channel
        self.storage = storage
        self.registrations = registrations
        self.settings = settings
        self.fixed_profile = profile
        self.profile = profile if profile is not None else Profile()
        self.usb = usb
        self.found = Found()
        self.port_kind = port_kind
        self.boot = boot if boot is not None else BootWatch()
        self.learned = learned if learned is not None else Learned()
        self.urc_port = UrcPort({}, port_kind, self.learned)
        self.deadline = asyncio.get_running_loop().time() + settings.sim_wait_s

    async def run(self) -> ModemInfo:
        """All steps in their order. Raises SimProblem, InitialiseFailed, ModemSilent, PortLost."""
        for step in STEPS:
            try:
                await self._make(step)
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
                    sentence = f"The modem cannot be used: {step.name} failed. {exc}{await self._without_network()}"
                    raise InitialiseFailed(step.name, sentence) from exc
                self.note(f"{step.name}: {exc}")
        return self._info()

    async def _make(self, step: Step) -> None:
        try:
            await step.run(self)
        except ModemSilent:
            raise
        except CommandTimeout as exc:
            if not step.again:
                raise
            log.info("%s: %s: %s Once more.", self.channel.transport.url, step.name, exc)
            await step.run(self)

    async def _without_network(self) -> str:
        """What may be behind a refusal: some modems take no command of messages in a restricted network (A7670)."""
        try:
            registration = await self.registrations.ask(self.channel)
        except (AtError, CommandTimeout):
            return ""
        if registration.usable or not registration.raw:
            return ""
        return f" The network: {registration.text}; some modems refuse messages until that is better."

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
    for command in (commands.IMEI, commands.IMEI_ALONE, commands.SERIAL_NUMBER):
        found.imei = found.imei or await read_if_told(init.channel, command, read_imei, "serial number")
    if found.imei is None and not found.ati:
        await _identify_by_ati(init)
    found.imei = found.imei or imei_in(found.ati)
    if init.fixed_profile is None:
        init.profile = init.settings.profiles.choose(found.manufacturer, found.model, found.firmware, init.usb)
    if init.settings.learned is not None and found.imei:
        init.learned = init.settings.learned.of(found.imei, found.firmware, found.model)
    _start_values_anew(init)
    init.boot.suits(init.profile)
    init.storage.suits(init.profile, init.learned)
    init.urc_port = UrcPort(init.profile.urc_ports, init.port_kind, init.learned, init.profile.urc_probes)


async def _name(init: Initialiser, command: Command) -> str:
    return await read_if_told(init.channel, command, read_name, "name") or ""


async def _identify_by_ati(init: Initialiser) -> None:
    """ATI answers `Manufacturer: …`, `Model: …` or three lines without names (V.250 6.1.3)."""
    found = init.found
    try:
        found.ati = texts = (await init.channel.run(commands.IDENTIFY)).texts
    except CommandFailed:
        return
    bare = [t for t in texts if ":" not in t]
    named = {t.partition(":")[0].strip().lower(): t.partition(":")[2].strip() for t in texts if ":" in t}
    found.manufacturer = found.manufacturer or named.get("manufacturer", "") or (bare[0] if bare else "")
    found.model = found.model or named.get("model", "") or (bare[1] if len(bare) > 1 else "")
    found.firmware = found.firmware or named.get("revision", "") or (bare[2] if len(bare) > 2 else "")


def _start_values_anew(init: Initialiser) -> None:
    """With another profile, or a changed one, its start values count again, not what was learned from the old ones."""
    known, mark = init.learned.get(PROFILE), init.profile.mark
    if known != mark:
        if known is not None:
            for key in STARTED_FROM_PROFILE:
                init.learned.drop(key)
        init.learned.put(PROFILE, mark)


def imei_in(texts: Sequence[str]) -> str | None:
    """Some tell it nowhere but in ATI, as `IMEI: …` or as bare digits."""
    for text in texts:
        head, colon, _ = text.partition(":")
        if not colon or "IMEI" in head.upper():
            with contextlib.suppress(AtResponseError):
                return read_imei(text)
    return None


async def _early(init: Initialiser) -> None:
    await _run_each(init, init.profile.early)
    if init.learned.get(SILENT_OK) is True and not set(init.profile.honest) & set(init.profile.early):
        await _run_each(init, (init.profile.honest,) if init.profile.honest else ())


async def _late(init: Initialiser) -> None:
    await _run_each(init, init.profile.late)
    await _run_each(init, init.settings.extra_init)


async def _run_each(init: Initialiser, texts: Sequence[Alternatives]) -> None:
    """One command after the other; of several that mean the same the first that is accepted counts."""
    for choice in texts:
        refused = ""
        for text in (choice,) if isinstance(choice, str) else choice:
            try:
                await init.channel.run(plain(text, commands.FUNCTION_S))
                break
            except CommandFailed as exc:
                refused = f"{text} was refused ({exc.result})."
        else:
            init.note(refused)


# ---------------------------------------------------------------- SIM


async def _function(init: Initialiser) -> None:
    if await read_if_told(init.channel, commands.FUNCTION_ASK, read_function, "phone function") != 1:
        await run_when_ready(init.channel, commands.FULL_FUNCTION, init.deadline)


async def _sim_number(init: Initialiser) -> None:
    """Before the PIN, since it tells which SIM a PIN belongs to; where it is refused, once more after it."""
    for command in dict.fromkeys((*map(question, init.profile.iccid), *commands.ICCID_FORMS)):
        if init.found.iccid is None:
            init.found.iccid = await read_if_told(init.channel, command, read_iccid, "SIM serial number")


async def _unlock(init: Initialiser) -> None:
    sim = init.found.iccid or init.found.imei or init.channel.transport.url
    counters = tuple(map(question, init.profile.pin_counter))
    await unlock(init.channel, init.settings.pin, sim, init.settings.pin_memory, init.deadline, init.note, counters)


async def _subscriber(init: Initialiser) -> None:
    init.found.imsi = first(await init.ask(commands.IMSI), read_imsi, "IMSI")


async def _sim_answers(init: Initialiser) -> None:
    """Modems without error codes do not say that there is no SIM, or that it is starting: it just answers nothing."""
    found = init.found
    if found.imsi is None and found.iccid is None and not found.storage and not found.cnmi:
        raise SimProblem(SimReason.FAILURE, NO_SIM_ANSWERS)


async def _own_number(init: Initialiser) -> None:
    texts = await init.ask(commands.OWN_NUMBER)
    if texts:
        init.found.number = first(texts, read_own_number, "own number")


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
    if init.settings.show_calls:
        await init.channel.run(commands.CALLER_ON)


async def _ussd(init: Initialiser) -> None:
    """What the network says by USSD without being asked. A request switches it on as well, hence no note."""
    with contextlib.suppress(CommandFailed):
        await init.channel.run(USSD_ON)


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
    Step("waiting for the message service", init_messages.ready),
    Step("selecting PDU mode", init_messages.pdu_mode, needed=True),
    Step("selecting the message service", init_messages.service, again=True),
    Step("selecting the message memory", init_messages.memories, again=True),
    Step("choosing the port of indications", init_messages.urc_port),
    Step("switching indications of messages on", init_messages.indications, again=True),
    Step("hearing of the SIM", _sim_answers, needed=True),
    Step("reading the address of the SMS centre", init_messages.smsc),
    Step("asking for the kept link", init_messages.link),
    Step("the last commands of this family and of the owner", _late),
    Step("switching indications of the registration on", _registration_urcs),
    Step("asking for the registration", _registration),
    Step("asking for the operator", _operator),
    Step("asking for the signal", _signal),
    Step("reading the own number", _own_number),
    Step("switching the caller's number on", _caller),
    Step("switching messages of the network on", _ussd),
)
