"""Where and how faults strike a modem: at named points of the dialogue, in replies, or at once.

Owns the deeds; which faults there are and when one's turn comes is in `faults.py`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from modemsim import faults as fault_kinds
from modemsim.errors import PowerLostError
from modemsim.farend import old_message
from modemsim.faults import Fault, FaultBox
from modemsim.storage import REC_READ, Storage, Stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from modemsim.engine import Session
    from modemsim.network import Network
    from modemsim.port import AtPort
    from modemsim.receive import Receiver
    from modemsim.simcard import SimCard
    from modemsim.timeline import Timeline
    from modemsim.traits import Personality


class FaultPoints:
    """The part of `SimModem` that faults act through; it has no state of its own."""

    if TYPE_CHECKING:
        faults: FaultBox
        rng: random.Random
        sim: SimCard
        network: Network
        personality: Personality
        session: Session
        ports: list[AtPort]
        receiver: Receiver
        rssi: int
        sim_unseen: bool
        sms_ready: bool
        timeline: Timeline
        usb_id: str
        urc_role: str
        deaf: str
        circuit_stat: int | None

        @property
        def number(self) -> str: ...

        def urc(self, text: str) -> None: ...

        def say_registration(self) -> None: ...

        def sms_awake(self) -> None: ...

        def _later(self, seconds: float, call: Callable[..., None], *args: Any) -> None: ...

        def urc_ports(self) -> list[AtPort]: ...

        def emit(self, port: int, data: bytes) -> None: ...

        def unplug(self, back_s: float = 0.0) -> None: ...

        def reboot(self, *, port: str = "stays", silent: bool = False) -> None: ...

        def hang(self, until: str = "close") -> None: ...

        def register(self) -> None: ...

        def set_registration(self, stat: int, seconds: float = 0.0) -> None: ...

        def memory(self, name: str) -> Storage: ...

    def fault(self, kind: str, **options: Any) -> None:
        """Order a fault; those that are deeds (and those with `when` or `at` = now) happen at once."""
        made = fault_kinds.make(kind, **options)
        deed = getattr(self, f"_do_{kind}", None)
        if deed is not None:
            deed(made)
        elif kind in ("unplug", "reboot", "hang") and made["at"] == "now":
            try:
                self.strike(made)
            except PowerLostError:
                pass
        elif kind in ("garbage", "urc") and made["when"] == "now":
            if kind == "garbage":
                self.emit(self.personality.at_port, self._noise(made))
            else:
                for port in self.urc_ports():
                    port.urc(made["text"])
        else:
            self.faults.add(made)

    def _noise(self, fault: Fault) -> bytes:
        if fault["random"]:
            return self.rng.randbytes(fault["random"])
        return bytes.fromhex(fault["hex"])

    def strike(self, fault: Fault) -> None:
        """Take the power, or the answers, away; raises `PowerLostError`."""
        if fault.kind == "unplug":
            self.unplug(fault["back_s"])
        elif fault.kind == "reboot":
            if fault["text"]:
                self.urc(fault["text"])
            self.reboot(silent=fault["silent"])
        else:
            self.hang(fault["until"])
        raise PowerLostError

    def point(self, at: str, label: str, size: tuple[int, int] | None = None) -> None:
        """A named point of the dialogue: a fault set for it strikes, by `PowerLostError`."""
        if not self.faults:
            return

        def here(fault: Fault) -> bool:
            if fault["at"] != at:
                return False
            return size is None or size[0] < max(1, fault["bytes"]) <= size[1]

        for kind in ("unplug", "reboot", "hang"):
            fault = self.faults.take(kind, label, here)
            if fault:
                self.strike(fault)

    def point_ahead(self, at: str, label: str, found: list[Fault]) -> None:
        """Like `point`, for who must do something before the strike: the fault is put into `found`."""
        for kind in ("unplug", "reboot", "hang"):
            fault = self.faults.take(kind, label, lambda f: f["at"] == at)
            if fault:
                found.append(fault)
                return

    def point_quietly(self, at: str, label: str) -> None:
        """The same where no command is under way."""
        try:
            self.point(at, label)
        except PowerLostError:
            pass

    def point_position(self, at: str, label: str, size: int) -> tuple[Fault, int] | None:
        """The fault set for a byte position of a reply, and that position."""
        for kind in ("unplug", "reboot", "hang"):
            fault = self.faults.take(kind, label, lambda f: f["at"] == at)
            if fault:
                position = fault["position"]
                return fault, min(size, position if position >= 0 else size // 2)
        return None

    def bend_reply(self, data: bytes, label: str) -> bytes:
        """A reply with the garbage and URCs that faults put before, into or behind it."""
        for kind in ("garbage", "urc"):
            fault = self.faults.take(kind, label, lambda f: f["when"] != "now")
            if fault is None:
                continue
            extra = self._noise(fault) if kind == "garbage" else f"\r\n{fault['text']}\r\n".encode()
            position = fault["position"] if fault["position"] >= 0 else len(data) // 2
            position = {"before": 0, "after": len(data)}.get(fault["when"].split("_")[0], position)
            data = data[:position] + extra + data[position:]
        cut = self.faults.take("reply_cut", label)
        if cut:
            position = cut["position"] if cut["position"] >= 0 else len(data) // 2
            data = data[:position] + data[position + cut["bytes"] :]
        return data

    def _do_registration(self, fault: Fault) -> None:
        self.set_registration(fault["stat"], fault["seconds"])

    def _do_flap(self, fault: Fault) -> None:
        for turn in range(fault["times"]):
            self.timeline.after(turn * fault["every_s"], self.unplug, fault["every_s"] / 2)

    def _do_storage_mode(self, fault: Fault) -> None:
        self.unplug(fault["back_s"])
        self.usb_id = self.personality.usb.storage_id

    def _do_urc_moved(self, fault: Fault) -> None:
        self.urc_role = fault["role"]

    def _do_circuit(self, fault: Fault) -> None:
        self.circuit_stat = fault["stat"] if fault["stat"] >= 0 else None
        self.say_registration()

    def _do_deaf(self, fault: Fault) -> None:
        self.deaf = fault["until"]

    def _do_sim_busy(self, fault: Fault) -> None:
        self.sms_ready = False
        self._later(fault["seconds"], self.sms_awake)

    def _do_smsc(self, fault: Fault) -> None:
        self.sim.smsc = fault["address"]

    def _do_mem3(self, fault: Fault) -> None:
        self.session.cpms[2] = self.memory(fault["memory"]).name

    def _do_signal(self, fault: Fault) -> None:
        self.rssi = fault["rssi"]

    def _do_full(self, fault: Fault) -> None:
        store = self.memory(fault["memory"])
        while len(store) < store.capacity - fault["leave"]:
            store.add(Stored(REC_READ, old_message(len(store)), b"\x00"))

    def _do_bad_pdu(self, fault: Fault) -> None:
        name = fault["memory"] or self.session.cpms[2]
        raw = bytes.fromhex(fault["hex"])
        cut = 1 + raw[0] if raw else 0
        shown = {"": None, "none": ()}.get(fault["line"], (fault["line"],))
        index = self.memory(name).add(Stored(0, raw[cut:], raw[:cut] or b"\x00", shown))
        if fault["announce"] and index is not None:
            self.receiver.announce(name, index)

    def _do_redeliver(self, _fault: Fault) -> None:
        self.network.redeliver(self.number)

    def _do_sim(self, fault: Fault) -> None:
        self.sim.removed = fault["removed"]
        self.sim_unseen = not self.personality.boot.sim_hotplug
        self.receiver.radio_off()
        if fault["removed"]:
            self.set_registration(0)
        else:
            self.register()

    def _do_pin(self, fault: Fault) -> None:
        self.sim.lock(fault["pin"], fault["tries"])
        self.receiver.radio_off()
        self.set_registration(0)
