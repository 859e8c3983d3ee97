"""One modem as a pure machine: bytes, times and network events in; bytes, plugs and network events out.

Owns power, boot and plugs. The dialogue is in `port.py`, how a command is met in `reactions.py`, registration in
`radio.py`, taking messages in `receive.py`, calls in `voice.py`, where faults strike in `strikes.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import modemsim.commands  # noqa: F401  puts them into the registry
from modemsim.dumb import DumbPort
from modemsim.errors import SimError
from modemsim.faults import FaultBox
from modemsim.network import Network
from modemsim.port import AtPort
from modemsim.radio import RadioSide
from modemsim.reactions import Reactions
from modemsim.receive import Receiver
from modemsim.simcard import SimCard, luhn
from modemsim.storage import JoinedStorage, Storage
from modemsim.strikes import FaultPoints
from modemsim.timeline import Timeline, Timer
from modemsim.traits import SPEAKING, Personality
from modemsim.voice import Voice


@dataclass(slots=True)
class Session:
    """Settings that live until the power goes, besides those of each port."""

    cmgf: int = 0
    csms: int = 0
    cnmi: list[int] = field(default_factory=lambda: [0, 0, 0, 0, 0])
    cpms: list[str] = field(default_factory=lambda: ["SM", "SM", "SM"])
    cscs: str = "GSM"
    csmp: list[int] = field(default_factory=lambda: [17, 167, 0, 0])
    csdh: int = 0
    creg: dict[str, int] = field(default_factory=lambda: {"+CREG": 0, "+CGREG": 0, "+CEREG": 0})
    cmms: int = 0
    cops_format: int = 0
    plain: dict[str, str] = field(default_factory=dict)  # what harmless commands were set to
    curc: bool = True
    last_send: float = -1e9
    failed_ok: bool = False
    given: set[str] = field(default_factory=set)  # the commands that came since power-on
    ussd_path: str = ""  # where the USSD dialogue is: "*105#", or "" for none


class SimModem(Reactions, RadioSide, FaultPoints):
    """`feed`, `tick`, `next_deadline`, `take_output`;
    `on_output` and `on_plug` tell the host that there is something to take.
    """

    def __init__(
        self,
        name: str,
        sim: SimCard,
        network: Network,
        personality: Personality,
        rng: random.Random,
        *,
        serial: int = 0,
    ) -> None:
        self.name = name
        self.sim = sim
        self.network = network
        self.timeline: Timeline = network.timeline
        self.personality = personality
        self.rng = rng
        self.faults = FaultBox(rng)
        self.imei = luhn(personality.identity.tac[:8] + f"{serial:06d}")
        memory = personality.memory
        self.memories: dict[str, Storage] = {
            kind: Storage(kind, capacity, memory.first_index)
            for kind, capacity in memory.capacity.items()
            if kind not in ("SM", "MT")
        }
        self.insert(sim)
        self.session = Session()
        self.every_port: list[AtPort | DumbPort] = [
            AtPort(self, i) if port.role in SPEAKING else DumbPort(self, i, port)
            for i, port in enumerate(personality.port)
        ]
        self.ports = [p for p in self.every_port if isinstance(p, AtPort)]
        self.urc_role = personality.urc.role
        self.usb_id = personality.usb.id  # now; another one in storage mode
        self.receiver = Receiver(self)
        self.on_output: Callable[[SimModem], None] | None = None
        self.on_plug: Callable[[SimModem], None] | None = None
        self.plugged = True
        self.powered = False
        self.answering = False
        self.sim_ready = False
        self.sms_ready = False
        self.sim_unseen = False  # it was put in, and this model has not noticed
        self.cfun = 1
        self.stat = 0  # of +CREG, when the radio is on
        self.circuit_stat: int | None = None  # what +CREG says instead, by a fault
        self.deaf = ""  # no message can reach it until: "send", "reset"
        self.reachable_until = 0.0
        self.received = 0
        self.listings = 0
        self.rssi = 20
        self.voice = Voice(self)
        self.mr_sick = personality.radio.mr_wrap_sick
        self.mr_stuck = False
        self.bytes_in = 0
        self.resets = 0
        self._swallow = 0
        self._silent = False
        self.collided = False
        self.owed: tuple[str, float] | None = None  # a result not said yet, and how long before the next one's
        self.epoch = 0
        self._out: list[tuple[int, bytes]] = []
        self._stalled: dict[int, bytes] = {}
        self._boot: list[Timer] = []
        self._registration: Timer | None = None

    def insert(self, sim: SimCard) -> None:
        """Put a card in, while the power is off: its memory SM is the card's, counted as this model counts."""
        self.sim = sim
        first = self.personality.memory.first_index
        sim.sm.first_index = first
        self.memories["SM"] = sim.sm
        if "ME" in self.memories:
            self.memories["MT"] = JoinedStorage("MT", (sim.sm, self.memories["ME"]), first)

    # -- the host's side

    @property
    def number(self) -> str:
        return self.sim.number

    @property
    def no_sim(self) -> bool:
        """Whether it has no card, as far as it knows."""
        return self.sim.removed or self.sim_unseen

    def feed(self, data: bytes, now: float, port: int = 0) -> None:
        """Bytes from the host, in any pieces; what is due by `now` is done first."""
        self.timeline.run(now)
        target = self.every_port[port]
        if isinstance(target, DumbPort):
            target.feed(data)
            self.timeline.run(now)
            return
        self.bytes_in += len(data)
        if not (self.plugged and self.powered and self.answering):
            return
        if self.faults:
            lost = self.faults.take("lost_bytes")
            if lost:
                self._swallow += lost["bytes"]
        if self._swallow:
            cut = min(self._swallow, len(data))
            self._swallow -= cut
            data = data[cut:]
        target.feed(data)
        self.timeline.run(now)

    def tick(self, now: float) -> None:
        """Do what is due by `now`."""
        self.timeline.run(now)

    def next_deadline(self) -> float | None:
        """When `tick` is wanted next."""
        return self.timeline.next_deadline()

    def take_output(self) -> list[tuple[int, bytes]]:
        """(port, bytes) said since the last call, in order."""
        out, self._out = self._out, []
        return out

    def emit(self, port: int, data: bytes) -> None:
        """Say bytes on a port."""
        if not data or not self.plugged:
            return
        if port in self._stalled:
            self._stalled[port] += data
            return
        first = not self._out
        if not first and self._out[-1][0] == port:
            self._out[-1] = (port, self._out[-1][1] + data)
        else:
            self._out.append((port, data))
        if first and self.on_output:
            self.on_output(self)

    def stall(self, port: int, seconds: float) -> None:
        """Say nothing more on a port for a while; then all that came meanwhile."""
        self._stalled.setdefault(port, b"")
        self._later(seconds, self._unstall, port)

    def _unstall(self, port: int) -> None:
        self.emit(port, self._stalled.pop(port, b""))

    def dumb_ports(self) -> list[DumbPort]:
        """The ports that speak no AT."""
        return [p for p in self.every_port if isinstance(p, DumbPort)]

    def port_opened(self, port: int) -> None:
        """The host opened the port."""
        target = self.every_port[port]
        if isinstance(target, DumbPort):
            target.opened()
        else:
            self._swallow += self.personality.boot.lost_bytes_open

    def port_closed(self, port: int) -> None:
        """The host closed the port (DTR dropped)."""
        target = self.every_port[port]
        if isinstance(target, DumbPort):
            target.closed()
        elif target.hung == "close":
            for each in self.ports:
                each.hung = ""

    # -- power

    def power_on(self, *, ready: bool = False, silent: bool = False) -> None:
        """Start; with `ready` as one that has been running for long."""
        self.powered = True
        self._silent = silent
        self.mr_stuck = False
        self.cfun = 1
        self.stat = 0
        self.received = 0
        self.deaf = ""
        self.circuit_stat = None
        self.sim_unseen = False
        self.voice.power_on()
        self.sim.power_on()
        self.sim_ready = self.sms_ready = False
        if not self.personality.urc.kept:
            self.urc_role = self.personality.urc.role
        personality = self.personality
        self.session = Session(cnmi=list(personality.cnmi.default), cpms=list(personality.memory.default))
        if ready:
            self.answering = self.sim_ready = self.sms_ready = True
            self._register_soon(0)
            self.timeline.run(self.timeline.now)
        else:
            self._later(personality.boot.boot_s, self._awake)
        if personality.radio.chatter and personality.radio.chatter_every_s:
            self._later(personality.radio.chatter_every_s, self._chat)

    def _later(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        self._boot.append(self.timeline.after(seconds, call, *args))
        if len(self._boot) > 20:
            self._boot = [t for t in self._boot if t.call is not None]

    def _awake(self) -> None:
        self.answering = True
        for port in self.dumb_ports():
            port.awake()
        boot = self.personality.boot
        self._swallow = boot.lost_bytes
        for line in () if self._silent else boot.chatter:
            self.urc(line)
        self._later(boot.sim_s, self._sim_awake)

    def _sim_awake(self) -> None:
        self.sim_ready = True
        for line in () if self._silent else self.personality.boot.late_chatter:
            self.urc(line)
        self._register_soon(self.personality.boot.register_s)
        self._later(self.personality.boot.sms_s, self.sms_awake)

    def sms_awake(self) -> None:
        """Messages work from now on."""
        self.sms_ready = True
        for line in () if self._silent else self.personality.boot.sms_chatter:
            self.urc(line)
        self.open_window()

    def _chat(self) -> None:
        for line in self.personality.radio.chatter:
            if self.session.curc:
                self.urc(line)
        self._later(self.personality.radio.chatter_every_s, self._chat)

    def power_off(self) -> None:
        """All that is under way is gone; what lies in the memories stays."""
        for timer in self._boot:
            timer.cancel()
        self._boot.clear()
        if self._registration:
            self._registration.cancel()
        self._stalled.clear()
        self.powered = self.answering = False
        self.epoch += 1
        self.owed = None
        self.stat = 0
        for port in self.every_port:
            port.reset()
        self.receiver.power_off()

    def reboot(self, *, port: str = "stays", silent: bool = False) -> None:
        """Restart, by a command or by itself; with `port` = vanishes the USB device goes and comes."""
        self.resets += 1
        if port == "vanishes":
            self.unplug(self.personality.boot.boot_s)
        else:
            self.power_off()
            self.power_on(silent=silent)

    def unplug(self, back_s: float = 0.0) -> None:
        """Pull the plug; it is put back after `back_s` (0: only by `replug`)."""
        if self.plugged:
            self.power_off()
            self.plugged = False
            for port in self.dumb_ports():
                port.closed()
            if self.on_plug:
                self.on_plug(self)
        if back_s > 0:
            self.timeline.after(back_s, self.replug)

    def replug(self) -> None:
        """Put the plug back in: new ports, and the modem boots."""
        if self.plugged:
            return
        self.plugged = True
        self.usb_id = self.personality.usb.id
        self.power_on()
        if self.on_plug:
            self.on_plug(self)

    def hang(self, until: str = "close") -> None:
        """Answer nothing more until the port is closed, or a replug."""
        for port in self.ports:
            settings = port.settings
            port.reset()
            port.settings = settings
            port.hung = until

    def memory(self, name: str) -> Storage:
        """A memory by name; raises `SimError` for one that the modem does not have."""
        store = self.memories.get(name.upper())
        if store is None:
            raise SimError(f"{self.name} has no memory {name!r}. It has: {', '.join(self.memories)}.")
        return store

    def state(self) -> dict[str, Any]:
        """What can be seen of it from outside, for the control socket."""
        return {
            "name": self.name,
            "number": self.number,
            "imei": self.imei,
            "imsi": self.sim.imsi,
            "iccid": self.sim.iccid,
            "personality": self.personality.name,
            "plugged": self.plugged,
            "answering": self.answering,
            "sim": self.sim.state,
            "pin_tries": self.sim.pin_tries,
            "registration": self.stat,
            "reachable": self.reachable,
            "rssi": self.rssi,
            "urc_port": self.urc_role,
            "calls": len(self.voice.calls),
            "cfun": self.cfun,
            "next_mr": self.sim.mr,
            "session": {
                "cmgf": self.session.cmgf,
                "csms": self.session.csms,
                "cnmi": list(self.session.cnmi),
                "cpms": list(self.session.cpms),
                "cmms": self.session.cmms,
            },
            "storage": {n: [len(s), s.capacity] for n, s in self.memories.items()},
            "pending": self.network.pending(self.number),
            "faults": self.faults.describe(),
            "resets": self.resets,
            "usb": self.usb_id,
            "ports": [self.port_state(i) for i in range(len(self.every_port))],
        }

    def port_state(self, index: int) -> dict[str, Any]:
        """A port as USB shows it, and what was written to one that speaks no AT."""
        port, made = self.every_port[index], self.personality.port[index]
        state: dict[str, Any] = {"role": made.role, "interface": made.interface, "usb_class": made.usb_class}
        state["endpoints"] = made.endpoints
        if isinstance(port, DumbPort):
            state |= {"written": port.written, "first": port.first.hex()}
        return state
