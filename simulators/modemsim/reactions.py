"""How a modem reacts to one command by its personality, and on which port it says what nobody asked for.

Owns the order: replies and errors of the model first, then what it lacks, then the command itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modemsim.errors import AtError, CmeError, CmsError, UnknownCommandError, error_of
from modemsim.line import Command
from modemsim.registry import lookup
from modemsim.traits import ICCID_COMMANDS

if TYPE_CHECKING:
    from modemsim.engine import Session
    from modemsim.faults import FaultBox
    from modemsim.port import AtPort
    from modemsim.simcard import SimCard
    from modemsim.timeline import Timeline
    from modemsim.traits import Personality


class Reactions:
    """The part of `SimModem` that commands go through."""

    if TYPE_CHECKING:
        faults: FaultBox
        imei: str
        sim: SimCard
        session: Session
        personality: Personality
        ports: list[AtPort]
        timeline: Timeline
        answering: bool
        plugged: bool
        sim_ready: bool
        sms_ready: bool
        urc_role: str

        @property
        def no_sim(self) -> bool: ...

        def reboot(self, *, port: str = "stays", silent: bool = False) -> None: ...

        def unplug(self, back_s: float = 0.0) -> None: ...

        def power_off(self) -> None: ...

        def emit(self, port: int, data: bytes) -> None: ...

        def stall(self, port: int, seconds: float) -> None: ...

        def _later(self, seconds: float, call: Callable[..., None], *args: Any) -> None: ...

    def dispatch(self, port: AtPort, command: Command) -> Any:
        """Run one command: information lines, None, or a generator that waits; raises `AtError`."""
        personality = self.personality
        name, text = command.name, command.text.upper()
        self.session.given.add(text)
        lines = _matching(personality.replies, text)
        if lines is not None:
            return [self.fill(line) for line in lines]
        error = _matching(personality.errors, text)
        if error is not None:
            raise error_of(error)
        if text in personality.boot.reset_commands:
            self.timeline.after(0.01, self.reboot_from_command)
            return None
        if text in personality.boot.off_commands:
            self.timeline.after(0.01, self._switch_off)
            return None
        if text in personality.urc.moves:
            role = personality.urc.moves[text]
            self.urc_role = str(port.index) if role == "here" else role
            if name != "+CNMI":
                return None
        if name in personality.refuse or text in personality.refuse:
            raise UnknownCommandError
        if name in personality.identity.iccid:
            return self._iccid(command)
        if name in ICCID_COMMANDS:
            raise UnknownCommandError
        entry = lookup(name)
        if entry is None:
            if name in personality.accept:
                return _remember(self.session.plain, command)
            raise UnknownCommandError
        if entry.wants_sim:
            self._want_sim(sms=entry.sms)
        return entry.run(port, command)

    def _iccid(self, command: Command) -> list[str] | None:
        if command.op == "=?":
            return None
        if self.no_sim:
            raise CmeError(10)
        return [self.fill(self.personality.identity.iccid[command.name])]

    def reboot_from_command(self) -> None:
        """Restart as AT+CFUN=1,1 does on this model."""
        self.reboot(port=self.personality.boot.reset_port)

    def _switch_off(self) -> None:
        """As by AT+QPOWD: a USB device goes from the bus, a module on a UART falls silent."""
        if self.personality.boot.reset_port == "vanishes":
            self.unplug()
        else:
            self.power_off()

    def _want_sim(self, *, sms: bool) -> None:
        if self.no_sim:
            raise CmsError(310) if sms else CmeError(10)
        if not self.sim_ready:
            raise CmsError(314) if sms else CmeError(14)
        if self.sim.state != "READY":
            puk = self.sim.state == "SIM PUK"
            raise CmsError(316 if puk else 311) if sms else CmeError(12 if puk else 11)
        if sms and not self.sms_ready:
            raise CmsError(314)

    def parameter_error(self, command: Command) -> AtError:
        """What bad arguments are answered with."""
        entry = lookup(command.name)
        if entry is not None and entry.sms:
            return CmsError(302)
        return CmeError(50) if entry is not None and command.name.startswith("+") else AtError()

    def fill(self, line: str) -> str:
        """A line of a personality with its placeholders filled in."""
        return line.replace("{imei}", self.imei).replace("{iccid}", self.sim.iccid)

    # -- unsolicited lines

    def urc_ports(self) -> list[AtPort]:
        """Where unsolicited lines go now."""
        role = self.urc_role
        if role == "all":
            return self.ports
        if role.isdigit():
            return [p for p in self.ports if p.index == int(role)]
        return [p for p in self.ports if self.personality.port[p.index].role == role][:1]

    def urc(self, text: str) -> None:
        """Say an unsolicited result code, unless a fault has it otherwise."""
        if not self.answering:
            return
        if self.faults:
            if self.faults.take("urc_lost", text):
                return
            if self.faults.take("urc_bare", text):
                text = text.split(",")[0] + ",-1"
            wrong = self.faults.take("cmti_wrong", text)
            if wrong:
                memory, _, index = text.partition(",")
                named = f'+CMTI: "{wrong["memory"]}"' if wrong["memory"] else memory
                text = f"{named},{int(index) + wrong['shift']}"
            late = self.faults.take("urc_late", text)
            if late:
                self._later(late["seconds"], self._say, text)
                return
            if self.faults.take("urc_doubled", text):
                self._say(text)
            split = self.faults.take("urc_split", text) if "\r\n" in text else None
            if split:
                self._say_split(text, split["seconds"])
                return
        if self.personality.urc.split_s and "\r\n" in text:
            self._say_split(text, self.personality.urc.split_s)
        else:
            self._say(text)

    def _say_split(self, text: str, seconds: float) -> None:
        first, _, rest = text.partition("\r\n")
        for port in self.urc_ports():
            self.emit(port.index, f"\r\n{first}\r\n".encode("latin-1", "replace"))
            self.stall(port.index, seconds)
            self.emit(port.index, f"{rest}\r\n".encode("latin-1", "replace"))

    def _say(self, text: str) -> None:
        for port in self.urc_ports():
            if not port.hung:
                port.urc(text)


def _matching(table: Mapping[str, Any], text: str) -> Any:
    """The value of the key that is `text`, or that ends in `*` and begins it."""
    if not table:
        return None
    found = table.get(text)
    if found is not None:
        return found
    return next((v for k, v in table.items() if k.endswith("*") and text.startswith(k[:-1])), None)


def _remember(plain: dict[str, str], command: Command) -> list[str] | None:
    """The answer of a harmless command: it takes anything, and tells what it was set to."""
    if command.op == "=":
        plain[command.name] = command.raw
    elif command.op == "?":
        return [f"{command.name}: {plain.get(command.name, '0')}"]
    elif command.op == "=?":
        return [f"{command.name}: (0-1)"]
    return None
