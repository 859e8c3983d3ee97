"""One modem as a pure machine: bytes, times and network events in; bytes, plugs and network events out.

Owns power, radio, URCs and where faults strike. The dialogue is in `port.py`, commands in `commands/`,
taking messages in `receive.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modemsim.commands import lookup
from modemsim.errors import AtError, CmeError, CmsError, SimError, UnknownCommandError
from modemsim.faults import FaultBox
from modemsim.line import Command
from modemsim.network import Network
from modemsim.personality import Personality
from modemsim.port import AtPort
from modemsim.receive import Receiver
from modemsim.simcard import SimCard, luhn
from modemsim.storage import JoinedStorage, Storage
from modemsim.strikes import FaultPoints
from modemsim.timeline import Timeline, Timer

REGISTERED = frozenset({1, 5, 6, 7})


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
    ussd_open: bool = False


class SimModem(FaultPoints):
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
        self.memories: dict[str, Storage] = {"SM": sim.sm}
        for kind, capacity in memory.capacity.items():
            if kind not in ("SM", "MT"):
                self.memories[kind] = Storage(kind, capacity, memory.first_index)
        if "ME" in self.memories:
            self.memories["MT"] = JoinedStorage("MT", (self.memories["SM"], self.memories["ME"]), memory.first_index)
        self.session = Session()
        self.ports = [AtPort(self, i) for i in range(personality.ports)]
        self.receiver = Receiver(self)
        self.on_output: Callable[[SimModem], None] | None = None
        self.on_plug: Callable[[SimModem], None] | None = None
        self.plugged = True
        self.powered = False
        self.answering = False
        self.sim_ready = False
        self.cfun = 1
        self.stat = 0  # of +CREG, when the radio is on
        self.rssi = 20
        self.calls: list[dict[str, Any]] = []
        self.mr_sick = personality.radio.mr_wrap_sick
        self.mr_stuck = False
        self.bytes_in = 0
        self.resets = 0
        self._swallow = 0
        self._silent = False
        self.collided = False
        self.epoch = 0
        self._out: list[tuple[int, bytes]] = []
        self._boot: list[Timer] = []
        self._registration: Timer | None = None

    # -- the host's side

    @property
    def number(self) -> str:
        return self.sim.number

    def feed(self, data: bytes, now: float, port: int = 0) -> None:
        """Bytes from the host, in any pieces; what is due by `now` is done first."""
        self.timeline.run(now)
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
        self.ports[port].feed(data)
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
        first = not self._out
        if not first and self._out[-1][0] == port:
            self._out[-1] = (port, self._out[-1][1] + data)
        else:
            self._out.append((port, data))
        if first and self.on_output:
            self.on_output(self)

    def port_closed(self, port: int) -> None:
        """The host closed the port (DTR dropped)."""
        if self.ports[port].hung == "close":
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
        self.calls.clear()
        self.sim.power_on()
        self.sim_ready = False
        personality = self.personality
        self.session = Session(cnmi=list(personality.cnmi.default), cpms=list(personality.memory.default))
        if ready:
            self.answering = self.sim_ready = True
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
        self.powered = self.answering = False
        self.epoch += 1
        self.stat = 0
        for port in self.ports:
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
            if self.on_plug:
                self.on_plug(self)
        if back_s > 0:
            self.timeline.after(back_s, self.replug)

    def replug(self) -> None:
        """Put the plug back in: new ports, and the modem boots."""
        if self.plugged:
            return
        self.plugged = True
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

    # -- radio

    @property
    def reachable(self) -> bool:
        """Whether the network can deliver to it."""
        return (
            self.powered
            and self.sim_ready
            and self.cfun == 1
            and self.stat in REGISTERED
            and self.sim.state == "READY"
            and not self.sim.removed
        )

    def register(self) -> None:
        """Look for the network, as after the PIN was given or the radio was put on."""
        self._register_soon(self.personality.boot.register_s)

    def _register_soon(self, seconds: float) -> None:
        if self._registration:
            self._registration.cancel()
        self._registration = self.timeline.after(seconds, self._registered)

    def _registered(self) -> None:
        if self.powered and self.cfun == 1 and self.sim.state == "READY" and not self.sim.removed:
            self.set_registration(self.personality.radio.creg_stat)

    def set_registration(self, stat: int, seconds: float = 0.0) -> None:
        """Be registered or not (TS 27.007 7.2 <stat>); back after `seconds` unless that is 0."""
        if self._registration:
            self._registration.cancel()
        if stat != self.stat:
            self.stat = stat
            for name, mode in self.session.creg.items():
                if mode and self.answering:
                    where = ',"1A2B","01C3D4E5",7' if mode >= 2 and stat in REGISTERED else ""
                    self.urc(f"{name}: {self.stat_of(name)}{where}")
        if self.reachable:
            self.network.available(self.number)
        if seconds > 0:
            self._register_soon(seconds)

    def stat_of(self, name: str) -> int:
        """<stat> as +CREG, +CGREG or +CEREG says it."""
        if name == "+CEREG" and self.stat == self.personality.radio.creg_stat:
            return self.personality.radio.cereg_stat
        return self.stat

    def set_radio(self, cfun: int) -> None:
        """AT+CFUN=0, 1 or 4."""
        if cfun == self.cfun:
            return
        self.cfun = cfun
        if cfun == 1:
            self.mr_stuck = False
            self.register()
        else:
            self.receiver.radio_off()
            self.set_registration(0)

    def deliver(self, tpdu: bytes, done: Callable[[str], None]) -> None:
        """The network brings a TPDU."""
        self.receiver.deliver(tpdu, done)

    def ring(self, number: str) -> None:
        """A call comes in: RING and, when asked for, +CLIP."""
        self.calls.append({"dir": 1, "stat": 4, "number": number})
        plain = self.session.plain
        self.urc("+CRING: VOICE" if plain.get("+CRC") == "1" else "RING")
        if plain.get("+CLIP", "0")[:1] == "1":
            self.urc(f'+CLIP: "{number}",145,"",,"",0')

    def next_mr(self) -> int:
        """The TP-MR of the next send; raises `CmsError` 1 from a modem that is sick after 255."""
        if self.mr_stuck:
            raise CmsError(1)
        mr = self.sim.mr
        self.sim.mr = (mr + 1) % 256
        if mr == 255 and (self.mr_sick or self.faults.take("mr_sick")):
            self.mr_stuck = True
        return mr

    # -- URCs

    def urc(self, text: str, port: int | None = None) -> None:
        """Say an unsolicited result code, unless a fault has it otherwise."""
        if not self.answering:
            return
        index = self.personality.urc_port if port is None else port
        if self.faults:
            if self.faults.take("urc_lost", text):
                return
            if self.faults.take("urc_bare", text):
                text = text.split(",")[0] + ",-1"
            late = self.faults.take("urc_late", text)
            if late:
                self._later(late["seconds"], self._say, index, text)
                return
            if self.faults.take("urc_doubled", text):
                self._say(index, text)
        self._say(index, text)

    def _say(self, index: int, text: str) -> None:
        port = self.ports[index]
        if port.hung:
            return
        port.urc(text)

    # -- commands

    def dispatch(self, port: AtPort, command: Command) -> Any:
        """Run one command: information lines, None, or a generator that waits; raises `AtError`."""
        personality = self.personality
        name, text = command.name, command.text.upper()
        if text in personality.replies:
            return [self.fill(line) for line in personality.replies[text]]
        if text in personality.boot.reset_commands:
            self.timeline.after(0.01, self.reboot_from_command)
            return None
        if name in personality.refuse or text in personality.refuse:
            raise UnknownCommandError
        entry = lookup(name)
        if entry is None:
            if name in personality.accept:
                return _remember(self.session.plain, command)
            raise UnknownCommandError
        if entry.wants_sim:
            self._want_sim(sms=entry.sms)
        return entry.run(port, command)

    def reboot_from_command(self) -> None:
        """Restart as AT+CFUN=1,1 does on this model."""
        self.reboot(port=self.personality.boot.reset_port)

    def _want_sim(self, *, sms: bool) -> None:
        if self.sim.removed:
            raise CmsError(310) if sms else CmeError(10)
        if not self.sim_ready:
            raise CmsError(314) if sms else CmeError(14)
        if self.sim.state != "READY":
            puk = self.sim.state == "SIM PUK"
            raise CmsError(316 if puk else 311) if sms else CmeError(12 if puk else 11)

    def parameter_error(self, command: Command) -> AtError:
        """What bad arguments are answered with."""
        entry = lookup(command.name)
        if entry is not None and entry.sms:
            return CmsError(302)
        return CmeError(50) if entry is not None and command.name.startswith("+") else AtError()

    def fill(self, line: str) -> str:
        """A line of a personality with its placeholders filled in."""
        return line.replace("{imei}", self.imei).replace("{iccid}", self.sim.iccid)

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
        }


def _remember(plain: dict[str, str], command: Command) -> list[str] | None:
    """The answer of a harmless command: it takes anything, and tells what it was set to."""
    if command.op == "=":
        plain[command.name] = command.raw
    elif command.op == "?":
        return [f"{command.name}: {plain.get(command.name, '0')}"]
    elif command.op == "=?":
        return [f"{command.name}: (0-1)"]
    return None
