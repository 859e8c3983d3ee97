"""The running simulation: modems on ptys and TCP, one network, the clock.

For tests, demos and the command alike.

Owns the event loop's side: it feeds the pure machines with bytes and time, and carries away what they say.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from modemsim.engine import SimModem
from modemsim.errors import SimError
from modemsim.farend import FarMessage
from modemsim.ledger import Entry
from modemsim.naming import Names
from modemsim.network import Network, NetworkConfig
from modemsim.personality import load, scaled
from modemsim.simcard import SimCard, luhn
from modemsim.storage import Storage
from modemsim.timeline import Timeline
from modemsim.traits import Personality
from modemsim.wires import OpenWatch, PtyWire, TcpWire

T = TypeVar("T")


@dataclass(slots=True)
class SimulationConfig:
    """What to simulate. Seconds; `storage` is the capacity of memory SM; `baud` 0 is as fast as can be."""

    modems: int = 1
    dir: Path | None = None  # where the symlinks go; None: no ptys (TCP, or the library alone)
    personality: str | Sequence[str] = "generic"  # one for all, or one for each
    latency: float = 0.0
    linked_latency: float | None = None
    report_delay: float = 0.0
    deliver_latency: float = 0.0
    seed: int = 1
    numbers: Sequence[str] = ()
    storage: int | None = None
    baud: int = 0
    tcp: tuple[str, int] | None = None
    pin: str = ""
    mr: int | None = None  # the first TP-MR; None: seeded
    cold: bool = False  # boot at the start instead of having run for long
    names: str = "modem"  # of the ports: "modem" (modem0, modem0.1 …) or "tty" (ttyUSB0 …, as the kernel gives them)
    time_scale: float = 1.0  # what the times of the personalities are multiplied by


@dataclass(slots=True)
class Host:
    """One modem with the ends of its cables."""

    modem: SimModem
    links: list[Path]
    wires: list[PtyWire | None]
    tcp: TcpWire | None = None

    @property
    def name(self) -> str:
        return self.modem.name

    @property
    def number(self) -> str:
        return self.modem.number

    @property
    def port(self) -> str:
        """The path, or `socket://` address, to give to a program: that of the AT port."""
        if self.links:
            return str(self.links[self.modem.personality.at_port])
        if self.tcp:
            return "socket://{}:{}".format(*self.tcp.address)
        return ""

    def ports(self) -> list[dict[str, Any]]:
        """Each port with its place on the USB bus, its path, and whether anything was written to one without AT."""
        rows = [self.modem.port_state(i) for i in range(self.modem.personality.ports)]
        return [{"link": str(link), **row} for link, row in zip(self.links, rows, strict=True)] if self.links else rows


class Simulation:
    """`async with Simulation(modems=2, dir=path) as sim:` — then `sim.modems[0].port`, `sim.network`,
    `sim.fault(…)`, `sim.wait(…)`.
    """

    def __init__(self, config: SimulationConfig | None = None, **options: Any) -> None:
        """Build, without opening anything; raises `SimError`. Options are the fields of
        `SimulationConfig`.
        """
        if config is None:
            try:
                config = SimulationConfig(**options)
            except TypeError as e:
                raise SimError(f"Not an option of a simulation: {e}.") from None
        self.config = config
        if config.dir is not None:
            config.dir = Path(config.dir)
        if config.modems < 1:
            raise SimError(f"A simulation has at least one modem, not {config.modems}.")
        self.rng = random.Random(config.seed)
        self.timeline = Timeline(time.monotonic(), time.time(), time.monotonic)
        self.network = Network(
            self.timeline,
            random.Random(self.rng.random()),
            NetworkConfig(
                latency_s=config.latency,
                linked_latency_s=config.linked_latency,
                report_delay_s=config.report_delay,
                deliver_latency_s=config.deliver_latency,
            ),
        )
        self._names = Names(config.dir, config.names, config.modems) if config.dir is not None else None
        self._wanted: dict[SimModem, list[Path]] = {}  # the names of ports that come back under others
        self.modems: list[Host] = [self._make(i) for i in range(config.modems)]
        self._dirty: dict[SimModem, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._waiters: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._watch: OpenWatch | None = None
        self._control: Any = None
        self._pulled: set[PtyWire] = set()

    def _personality(self, i: int) -> Personality:
        given = self.config.personality
        made = load(given if isinstance(given, str) else given[i % len(given)])
        return made if self.config.time_scale == 1 else scaled(made, self.config.time_scale)

    def _make(self, i: int) -> Host:
        config = self.config
        personality = self._personality(i)
        number = config.numbers[i] if i < len(config.numbers) else f"+7900{i:07d}"
        if not number.lstrip("+").isdigit():
            raise SimError(f"{number!r} is not a telephone number: give digits with a leading +.")
        capacity = config.storage or personality.memory.capacity.get("SM", 30)
        sim = SimCard(
            number=number,
            imsi=f"{self.network.config.plmn}{i:010d}",
            iccid=luhn(f"8970199{i:011d}"),
            sm=Storage("SM", capacity, personality.memory.first_index),
            smsc=self.network.config.smsc,
            pin=config.pin,
            mr=self.rng.randrange(256) if config.mr is None else config.mr % 256,
        )
        modem = SimModem(f"modem{i}", sim, self.network, personality, random.Random(self.rng.random()), serial=i + 1)
        self.network.attach(modem)
        modem.power_on(ready=not config.cold)
        links = self._names.first(i, personality) if self._names else []
        return Host(modem, links, [None] * len(links))

    # -- life

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the ports and the control socket; raises `SimError`."""
        config = self.config
        self._watch = OpenWatch(asyncio.get_running_loop())
        try:
            if config.dir is not None:
                from modemsim.control import ControlServer

                self._control = ControlServer(self, config.dir / "control.sock")
                await self._control.start()
            for i, host in enumerate(self.modems):
                host.modem.on_output = self._has_output
                host.modem.on_plug = self._plug
                self._open(host)
                if config.tcp:
                    host.tcp = TcpWire(
                        baud=host.modem.personality.form.baud or config.baud,
                        on_data=self._feeder(host.modem, host.modem.personality.at_port),
                        on_close=self._closer(host.modem, host.modem.personality.at_port),
                    )
                    port = config.tcp[1]
                    await host.tcp.listen(config.tcp[0], port + i if port else 0)
        except OSError as e:
            await self.stop()
            raise SimError(f"Cannot open the ports in {config.dir}: {e.strerror}.") from None
        except SimError:
            await self.stop()
            raise
        self.pump()

    async def stop(self) -> None:
        """Close everything and remove what was made; safe to call twice."""
        if self._control:
            await self._control.stop()
            self._control = None
        for wire in list(self._pulled):
            wire.close()
        self._pulled.clear()
        for host in self.modems:
            self._close(host)
            if host.tcp:
                host.tcp.close()
                host.tcp = None
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._watch:
            self._watch.close()
            self._watch = None
        for _predicate, future in self._waiters:
            future.cancel()
        self._waiters.clear()

    def _open(self, host: Host) -> None:
        if self._watch is None:
            return
        for p, link in enumerate(host.links):
            link.parent.mkdir(parents=True, exist_ok=True)
            host.wires[p] = PtyWire(
                link,
                self._watch,
                baud=host.modem.personality.form.baud or self.config.baud,
                on_data=self._feeder(host.modem, p),
                on_close=self._closer(host.modem, p),
                on_open=self._opener(host.modem, p),
                bauds=host.modem.personality.form.bauds,
            )

    def _close(self, host: Host) -> None:
        for p, wire in enumerate(host.wires):
            if wire:
                wire.close()
                host.wires[p] = None

    def _plug(self, modem: SimModem) -> None:
        host = self._host(modem)
        if modem.plugged:
            if self._names:
                wanted = self._wanted.pop(modem, None)
                host.links = wanted or self._names.again(modem.personality, host.links, fresh=False)
            self._open(host)
        else:
            if self._names:
                self._names.free(modem.personality, host.links)
            self._flush(modem)
            for p, wire in enumerate(host.wires):
                if wire:
                    host.wires[p] = None
                    self._pulled.add(wire)
                    wire.pull(self._pulled.discard)
            if host.tcp:
                host.tcp.unplug()

    def _host(self, modem: SimModem) -> Host:
        return next(h for h in self.modems if h.modem is modem)

    # -- bytes and time

    def _feeder(self, modem: SimModem, port: int) -> Callable[[bytes], None]:
        def feed(data: bytes) -> None:
            modem.feed(data, time.monotonic(), port)
            self._settle()

        return feed

    def _closer(self, modem: SimModem, port: int) -> Callable[[], None]:
        return lambda: modem.port_closed(port)

    def _opener(self, modem: SimModem, port: int) -> Callable[[], None]:
        def opened() -> None:
            modem.port_opened(port)
            if self._watch is not None:
                self._settle()

        return opened

    def _has_output(self, modem: SimModem) -> None:
        self._dirty[modem] = None

    def _flush(self, modem: SimModem) -> None:
        self._dirty.pop(modem, None)
        host = self._host(modem)
        for port, data in modem.take_output():
            wire = host.wires[port] if port < len(host.wires) else None
            if wire:
                wire.write(data)
            if host.tcp and port == modem.personality.at_port:
                host.tcp.write(data)

    def pump(self) -> None:
        """Do what is due now and carry the output away;
        call it after touching a modem or the network by hand.
        """
        self.timeline.run(time.monotonic())
        self._settle()

    def _settle(self) -> None:
        while self._dirty:
            self._flush(next(iter(self._dirty)))
        due = self.timeline.next_deadline()
        if due != self._due or self._timer is None:
            if self._timer:
                self._timer.cancel()
                self._timer = None
            self._due = due
            if due is not None and self._watch is not None:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(max(0.0, due - time.monotonic()), self._on_timer)
        if self._waiters:
            self._check_waiters()

    def _on_timer(self) -> None:
        self._timer = None
        self._due = None
        self.pump()

    def _check_waiters(self) -> None:
        for waiter in list(self._waiters):
            predicate, future = waiter
            if future.done():
                self._waiters.remove(waiter)
                continue
            try:
                value = predicate()
            except Exception as e:
                self._waiters.remove(waiter)
                future.set_exception(e)
                continue
            if value:
                self._waiters.remove(waiter)
                future.set_result(value)

    # -- for tests

    async def wait(self, predicate: Callable[[], T], timeout: float = 10.0) -> T:  # noqa: ASYNC109
        """The first true value of `predicate()`, looked at after every event; raises `TimeoutError`."""
        self.pump()
        value = predicate()
        if value:
            return value
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiters.append((predicate, future))
        result: T = await asyncio.wait_for(future, timeout)
        return result

    async def wait_for_count(self, kind: str, count: int, timeout: float = 10.0) -> list[Entry]:  # noqa: ASYNC109
        """The ledger's entries of `kind` once there are `count` of them."""
        await self.wait(lambda: self.network.ledger.counts[kind] >= count, timeout)
        return self.network.ledger.select(kind)

    def find(self, which: int | str | None = 0) -> Host:
        """A modem by place, name or number; raises `SimError`."""
        if which is None:
            which = 0
        if isinstance(which, int) or which.isdigit():
            place = int(which)
            if place < len(self.modems):
                return self.modems[place]
        else:
            for host in self.modems:
                if which in (host.name, host.number, self.network.canonical(host.number)):
                    return host
        raise SimError(f"There is no modem {which!r}. There are: {', '.join(h.name for h in self.modems)}.")

    def fault(self, kind: str, modem: int | str | None = 0, **options: Any) -> None:
        """Order a fault for a modem, see `modemsim.faults.KINDS`."""
        self.find(modem).modem.fault(kind, **options)
        self._after_touch()

    def clear_faults(self, modem: int | str | None = None) -> None:
        """Take back all faults that have not struck, of one modem or of all."""
        for host in self.modems if modem is None else [self.find(modem)]:
            host.modem.faults.clear()
            for port in host.modem.ports:
                port.hung = ""

    def inject(self, text: str | None = None, to: int | str | None = 0, **options: Any) -> list[bytes]:
        """Send a text (or `data=`) from a far phone to a modem's SIM, see `Network.inject`."""
        made = self.network.inject(self.find(to).number, text, **options)
        self._after_touch()
        return made

    def inject_tpdu(self, tpdu: bytes, to: int | str | None = 0, sender: str = "") -> None:
        """Put a raw TPDU into a SIM's queue."""
        self.network.inject_tpdu(self.find(to).number, tpdu, sender=sender)
        self._after_touch()

    def unplug(self, modem: int | str | None = 0, back_s: float = 0.0, **names: Any) -> None:
        """Pull a modem's plug: all its ports vanish. For `names` see `rename`."""
        host = self.find(modem)
        host.modem.unplug(back_s)
        self.rename(modem, **names)
        self._after_touch()

    def replug(self, modem: int | str | None = 0, **names: Any) -> None:
        """Put a modem's plug back in. For `names` see `rename`."""
        self.rename(modem, **names)
        self.find(modem).modem.replug()
        self._after_touch()

    def swap(self, modem: int | str | None, other: int | str | None) -> None:
        """Exchange the SIM cards of two modems, which lose their power for it and boot."""
        hosts = [self.find(modem), self.find(other)]
        cards = [h.modem.sim for h in hosts]
        for host in hosts:
            host.modem.power_off()
        for host, card in zip(hosts, reversed(cards), strict=True):
            host.modem.insert(card)
            self.network.move(card.number, host.modem)
            if host.modem.plugged:
                host.modem.power_on()
        self._after_touch()

    def rename(self, modem: int | str | None = 0, *, renumber: bool = False, ports: Sequence[str] = ()) -> None:
        """Let its ports come back under other names at the next replug: new numbers, or `ports` in their order."""
        host = self.find(modem)
        if self._names is None or not (renumber or ports):
            return
        personality = host.modem.personality
        if ports:
            self._wanted[host.modem] = self._names.given(personality, ports)
        else:
            self._wanted[host.modem] = self._names.again(personality, host.links, fresh=True)

    def _after_touch(self) -> None:
        if self._watch is not None:
            self.pump()

    @property
    def ledger(self) -> list[Entry]:
        """All that the network saw."""
        return self.network.ledger.entries

    @property
    def far(self) -> list[FarMessage]:
        """The messages on far phones."""
        return self.network.far.messages
