"""The radio side of a modem: registration, what the network can reach, TP-MR. Owns no dialogue and no messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemsim.errors import CmsError
from modemsim.timeline import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemsim.engine import Session
    from modemsim.faults import FaultBox
    from modemsim.network import Network
    from modemsim.receive import Receiver
    from modemsim.simcard import SimCard
    from modemsim.timeline import Timeline
    from modemsim.traits import Personality

REGISTERED = frozenset({1, 5, 6, 7})


class RadioSide:
    """The part of `SimModem` that the network meets."""

    if TYPE_CHECKING:
        sim: SimCard
        network: Network
        timeline: Timeline
        personality: Personality
        session: Session
        receiver: Receiver
        faults: FaultBox
        powered: bool
        answering: bool
        sim_ready: bool
        sms_ready: bool
        cfun: int
        stat: int
        mr_sick: bool
        mr_stuck: bool
        deaf: str
        circuit_stat: int | None
        reachable_until: float
        received: int
        _registration: Timer | None

        @property
        def number(self) -> str: ...

        @property
        def no_sim(self) -> bool: ...

        def urc(self, text: str) -> None: ...

        def hang(self, until: str = "close") -> None: ...

    @property
    def in_service(self) -> bool:
        """Whether it can send."""
        return (
            self.powered
            and self.sim_ready
            and self.cfun == 1
            and self.stat in REGISTERED
            and self.sim.state == "READY"
            and not self.no_sim
        )

    @property
    def reachable(self) -> bool:
        """Whether the network can deliver to it."""
        if not self.in_service or not self.sms_ready or self.deaf:
            return False
        return not self.personality.radio.window_s or self.timeline.now < self.reachable_until

    def open_window(self) -> None:
        """A boot or a send: a modem that sleeps can be reached for a while."""
        if self.deaf == "send":
            self.deaf = ""
        if self.personality.radio.window_s:
            self.reachable_until = self.timeline.now + self.personality.radio.window_s
        if self.reachable:
            self.timeline.after(0, self.network.available, self.number)

    def register(self) -> None:
        """Look for the network, as after the PIN was given or the radio was put on."""
        self._register_soon(self.personality.boot.register_s)

    def _register_soon(self, seconds: float) -> None:
        if self._registration:
            self._registration.cancel()
        self._registration = self.timeline.after(seconds, self._registered)

    @property
    def home_stat(self) -> int:
        """The <stat> of a modem of this model that is registered."""
        radio = self.personality.radio
        return radio.creg_stat or radio.cereg_stat

    def _registered(self) -> None:
        if self.powered and self.cfun == 1 and self.sim.state == "READY" and not self.no_sim:
            self.set_registration(self.home_stat)
            self.open_window()

    def set_registration(self, stat: int, seconds: float = 0.0) -> None:
        """Be registered or not (TS 27.007 7.2 <stat>); back after `seconds` unless that is 0."""
        if self._registration:
            self._registration.cancel()
        if stat != self.stat:
            self.stat = stat
            self.say_registration()
        if self.reachable:
            self.network.available(self.number)
        if seconds > 0:
            self._register_soon(seconds)

    def say_registration(self) -> None:
        """The URCs of a change, where they are wanted."""
        for name, mode in self.session.creg.items():
            if mode and self.answering:
                shown = self.stat_of(name)
                self.urc(f"{name}: {shown}{self.cell if mode >= 2 and shown in REGISTERED else ''}")

    @property
    def cell(self) -> str:
        """`,<lac>,<ci>,<AcT>` (TS 27.007 7.2); of GSM alone <ci> has two octets, and its modems tell no <AcT>."""
        act = self.personality.radio.act
        return f',"1A2B","01C3D4E5",{act}' if act else ',"1A2B","D4E5"'

    def stat_of(self, name: str) -> int:
        """<stat> as +CREG, +CGREG or +CEREG says it."""
        if name == "+CREG" and self.circuit_stat is not None:
            return self.circuit_stat
        if self.stat != self.home_stat:
            return self.stat
        radio = self.personality.radio
        if name == "+CEREG":
            return radio.cereg_stat
        if name == "+CGREG" and radio.cgreg_stat >= 0:
            return radio.cgreg_stat
        return radio.creg_stat

    def set_radio(self, cfun: int) -> None:
        """AT+CFUN=0, 1 or 4."""
        if cfun == self.cfun:
            return
        self.cfun = cfun
        if cfun == 1:
            self.mr_stuck = False
            self.register()
            return
        self.receiver.radio_off()
        self.set_registration(0)
        if self.personality.boot.radio_off_kills:
            self.timeline.after(0.01, self.hang, "power")

    def deliver(self, tpdu: bytes, done: Callable[[str], None]) -> None:
        """The network brings a TPDU."""
        self.receiver.deliver(tpdu, done)
        limit = self.personality.radio.silent_after
        if limit and tpdu[:1] and tpdu[0] & 3 == 0:
            self.received += 1
            if self.received == limit:
                self.timeline.after(0, self.hang, "power")

    def next_mr(self) -> int:
        """The TP-MR of the next send; raises `CmsError` 1 from a modem that is sick after 255."""
        if self.mr_stuck:
            raise CmsError(1)
        mr = self.sim.mr
        self.sim.mr = (mr + 1) % 256
        if mr == 255 and (self.mr_sick or self.faults.take("mr_sick")):
            self.mr_stuck = True
        return mr
