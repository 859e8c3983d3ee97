"""One personality under the real gateway: found, set up, sends, receives, is reset, unplugged and renamed.

What cannot be said of a model ("-") is told apart from what does not work ("no"); `trouble` has the reasons.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp

from modemgw.at.timing import Timing as DialogueTiming
from modemgw.config import parse
from modemgw.errors import ModemgwError
from modemgw.line.ladder import Rung
from modemgw.line.settings import Climb
from modemgw.line.timing import Timing
from modemgw.line.worker import Worker
from modemgw.runtime import Runtime
from modemsim.catalogue import oddities
from modemsim.personality import load
from modemsim.simulation import Simulation
from tests.personalities.machine import Machine
from tests.rig import API_KEY, Rig, until

PEER = "+79991234567"
TEXTS = {"GSM-7": "hello [from] a test", "UCS-2": "Привет, мир 😀", "3 parts": "Три части одного сообщения. " * 6}
NO_REPORT = "report: none came"
REPORT_S = 3.0  # for the first report in a compressed run
LIMIT_S = 30.0  # for a step, and as much again as the model's own times ask for

#: Pauses of the gateway that are waits for real hardware: in a compressed run they are as short as the model's times.
PAUSES = (
    "fresh_pause_s",
    "silent_s",
    "store_retry_s",
    "unproved_sweep_s",
    "untold_sweep_s",
    "registration_s",
    "discovery_s",
    "missing_s",
    "locate_s",
    "follow_s",
    "reset_grace_s",
    "patient_pause_s",
    "trouble_s",
)
DIALOGUE_PAUSES = ("quiet_s", "lone_ok_s", "sim_busy_pause_s", "not_ready_pause_s")
PROBES_S = (0.5, 0.7, 1.0)


@dataclass(slots=True)
class Row:
    """What was found of one personality. Answers are "yes", "no" or "-"."""

    name: str
    title: str
    usb: str
    identified: str = "no"
    profile: str = ""
    found: str = "-"  # by itself, without a configuration
    send: str = "no"
    receive: str = "no"
    reports: str = "no"  # CDS, CDSI, or "-" where the model has none
    reset: str = "-"
    replug: str = "no"
    renamed: str = "-"
    ready_s: float = 0.0
    reset_s: float = 0.0
    replug_s: float = 0.0
    oddities: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def compressed(scale: float) -> Timing:
    """The gateway's pauses multiplied by `scale`; its limits stay."""
    if scale == 1:
        return Timing()

    def short(value: Any) -> Any:
        least = max(scale, 0.02)
        return tuple(v * least for v in value) if isinstance(value, tuple) else value * least

    made, dialogue = Timing(), DialogueTiming()
    return replace(
        made,
        dialogue=replace(
            dialogue, resync_probe_s=PROBES_S, **{name: short(getattr(dialogue, name)) for name in DIALOGUE_PAUSES}
        ),
        **{name: short(getattr(made, name)) for name in PAUSES},
    )


async def examine(name: str, directory: Path, scale: float = 1.0, limit_s: float = LIMIT_S) -> Row:
    """Everything about one personality; never raises for what the gateway does."""
    personality = load(name)
    row = Row(name, personality.title, personality.usb.id, oddities=oddities(personality))
    async with Simulation(
        modems=1,
        dir=directory,
        personality=name,
        cold=True,
        names="tty",
        time_scale=scale,
        report_delay=0.2 * max(scale, 0.1),
    ) as sim:
        examination = Examination(row, sim, Machine(sim, directory), directory, scale, limit_s)
        with examination.machine.seen():
            async with examination.gateway() as rig:
                await examination.run(rig)
    return row


class Examination:
    """The steps, in order; a step that fails says why, and the next one is tried all the same."""

    def __init__(
        self, row: Row, sim: Simulation, machine: Machine, directory: Path, scale: float, limit_s: float
    ) -> None:
        self.row, self.sim, self.machine = row, sim, machine
        self._directory = directory
        self._model = sim.modems[0].modem.personality
        boot = self._model.boot
        own = boot.boot_s + boot.sim_s + boot.sms_s + boot.register_s
        self._limit_s = (
            (limit_s if scale < 1 else 3 * limit_s)
            + 3 * own
            + self._model.memory.cmgl_stall_s * bool(self._model.memory.cmgl_stall_nth)
        )
        self._known = any(port.known_modem for port in machine.ports())
        self._count = 0
        self._scale = scale
        self._reported = False
        self._kind = "-"

    @contextlib.asynccontextmanager
    async def gateway(self) -> AsyncIterator[Rig]:
        """The gateway, with no [[modem]] where the model can be found by itself."""
        port = self.sim.modems[0].port
        modem = "" if self._known else f'[[modem]]\nname = "m0"\nport = "{port}"\n'
        text = (
            f'[http]\nlisten = "127.0.0.1:0"\n[store]\npath = "{self._directory / "modemgw.db"}"\n{modem}'
            f'[[account]]\nlogin = "shop"\npassword = "secret"\napi_key = "{API_KEY}"\n'
        )
        runtime = Runtime(parse(text), timing=compressed(self._scale))
        await runtime.start()
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {API_KEY}"}) as http:
            try:
                yield Rig(self.sim, runtime, http, text)
            finally:
                await runtime.stop()

    async def run(self, rig: Rig) -> None:
        began = time.monotonic()
        if not await self._step("set up", self._ready(rig)):
            return
        row = self.row
        row.ready_s = time.monotonic() - began
        row.found = "yes" if self._known else "-"
        self._identify(rig)
        row.send = _yes(await self._step("send", self._send(rig)))
        row.receive = _yes(await self._step("receive", self._receive(rig)))
        await self._reset(rig)
        row.replug, row.replug_s = await self._replugged(rig, "replug")
        if self._known:
            row.renamed, _ = await self._replugged(rig, "another name", renumber=True)
        if row.reports == "no" and not await self._step("reports at last", self._reported_at_last(rig)):
            row.trouble.pop()  # which says no more than the first

    async def _step(self, what: str, work: Awaitable[None]) -> bool:
        try:
            await work
        except (AssertionError, TimeoutError, ModemgwError) as exc:
            self.row.trouble.append(f"{what}: {' '.join(str(exc).split())[:700]}")
            return False
        return True

    def _worker(self, rig: Rig) -> Worker | None:
        made = rig.runtime._supervisor
        assert made is not None
        return next(iter(made._workers.values()), None)

    async def _ready(self, rig: Rig) -> None:
        async def look() -> bool:
            return [str(view.state) for view in rig.runtime.gateway.modems()] == ["ready"]

        await until(look, self._limit_s, lambda: f"not ready: {_views(rig)}")

    def _identify(self, rig: Rig) -> None:
        made, row = self._worker(rig), self.row
        assert made is not None
        info, modem = made._info, self.sim.modems[0].modem
        assert info is not None
        row.profile = info.profile
        identity = modem.personality.identity
        right = (info.manufacturer, info.model, info.imei, info.imsi) == (
            identity.manufacturer,
            identity.model,
            modem.imei,
            modem.sim.imsi,
        )
        row.identified = _yes(right)
        if not right:
            row.trouble.append(f"identified as {info.manufacturer} {info.model} {info.imei} {info.imsi}")
        row.reports = self._kind = {"direct": "CDS", "stored": "CDSI"}.get(info.reports, "-")

    # ------------------------------------------------------------ messages

    async def _send(self, rig: Rig) -> None:
        for text in TEXTS.values():
            await self._sent(rig, text)

    async def _sent(self, rig: Rig, text: str) -> None:
        """Sent, there, and reported where the model has reports."""
        message = await rig.submit(PEER, text)
        wanted = "sent" if self.row.reports in ("-", "no") else "delivered"
        try:
            await rig.until_state(message["id"], "sent", "delivered", limit_s=self._limit_s)
            limit_s = self._limit_s if self._reported or self._scale == 1 else REPORT_S
            await rig.until_state(message["id"], wanted, "delivered", limit_s=limit_s)
        except AssertionError:
            state = (await rig.message(message["id"]))["state"]
            if wanted == "delivered" and state == "sent" and not self._reported:
                self.row.reports = "no"
                self.row.trouble.append(NO_REPORT)
            else:
                raise AssertionError(f"{text[:20]!r} is {state}: {_views(rig)}") from None
        self._reported = self._reported or wanted == "delivered"
        assert self.sim.far[-1].text == text, (self.sim.far[-1].text, text)

    async def _reported_at_last(self, rig: Rig) -> None:
        """The first were lost; the look of every minute finds the port of announcements, if it can be found."""
        made = self._worker(rig)
        assert made is not None
        for _ in range(4):
            current = made._session
            with contextlib.suppress(ModemgwError):  # the line may leave this port in the middle of the question
                await made.errand(lambda driver: driver.announces())
            with contextlib.suppress(AssertionError):
                await until(_met(lambda current=current: made._session is not current), 0.5, str)
            await self._ready(rig)
            if made._session is not current:
                break
        message = await rig.submit(PEER, "now?")
        await rig.until_state(message["id"], "delivered", limit_s=REPORT_S)
        self.row.reports = self._kind
        self.row.trouble[self.row.trouble.index(NO_REPORT)] = "report: none until the port of announcements was found"

    async def _receive(self, rig: Rig) -> None:
        for text in TEXTS.values():
            await self._received(rig, text)

    async def _received(self, rig: Rig, text: str) -> None:
        self.sim.inject(text, sender=PEER)
        self._count += 1
        if self._model.radio.window_s:  # texts reach it after a boot or a send only
            await self._sent(rig, "to be reachable")
        items = await rig.inbox(self._count, self._limit_s)
        self._count = len(items)
        assert (items[-1]["from"], items[-1]["text"]) == (PEER, text), items[-1]

    async def _works(self, rig: Rig) -> None:
        await self._sent(rig, f"still {time.monotonic()}")
        await self._received(rig, f"heard {time.monotonic()}")

    # ------------------------------------------------------------ what happens to sticks

    async def _reset(self, rig: Rig) -> None:
        """The ladder's rung, with the command that the profile has for it."""
        row, modem = self.row, self.sim.modems[0].modem
        made = self._worker(rig)
        assert made is not None
        if Rung.RESET not in made._vitals.ladder.allowed:
            return
        current, resets, began = made._session, modem.resets, time.monotonic()

        async def reset() -> None:
            assert current is not None, f"there is nothing to reset: {_views(rig)}"
            current._fail(Climb(Rung.RESET, "The examination wants it so.", again=True))
            await until(_met(lambda: modem.resets > resets), self._limit_s, lambda: f"no reset: {_views(rig)}")
            await until(_met(lambda: made._session is not current), self._limit_s, lambda: f"no end: {_views(rig)}")
            self.machine.look()
            await self._ready(rig)
            row.reset_s = time.monotonic() - began
            await self._works(rig)

        row.reset = _yes(await self._step("reset", reset()))

    async def _replugged(self, rig: Rig, what: str, **names: Any) -> tuple[str, float]:
        took = 0.0

        async def replugged() -> None:
            nonlocal took
            self.sim.unplug()
            self.machine.look()
            await until(_met(lambda: "ready" not in _states(rig)), self._limit_s, lambda: f"not noticed: {_views(rig)}")
            self.sim.replug(**names)
            self.machine.look()
            began = time.monotonic()
            await self._ready(rig)
            took = time.monotonic() - began
            await self._works(rig)

        return _yes(await self._step(what, replugged())), took


def _met(ready: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return ready()

    return look


def _yes(good: bool) -> str:
    return "yes" if good else "no"


def _states(rig: Rig) -> list[str]:
    return [str(view.state) for view in rig.runtime.gateway.modems()]


def _views(rig: Rig) -> str:
    return (
        "; ".join(f"{v.name} at {v.port}: {v.state}, {v.reason}" for v in rig.runtime.gateway.modems()) or "none found"
    )


async def examined_within(name: str, directory: Path, scale: float, limit_s: float) -> Row:
    """`examine` with an end."""
    try:
        async with asyncio.timeout(limit_s):
            return await examine(name, directory, scale)
    except TimeoutError:
        personality = load(name)
        return Row(name, personality.title, personality.usb.id, trouble=[f"not within {limit_s:g} s"])
