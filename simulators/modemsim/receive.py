"""What a modem does with a TPDU that the network brings:

store, announce, route to the terminal, acknowledge (TS 27.005 3.4).

Owns the +CNMI rules, the buffer of indications and the wait for +CNMA; the memories belong to the modem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from modemsim import tpdu as octets
from modemsim.errors import CmsError
from modemsim.storage import REC_UNREAD, Stored
from modemsim.textmode import cds_text, cmt_text
from modemsim.timeline import Timer

if TYPE_CHECKING:
    from modemsim.engine import SimModem

Done = Callable[[str], None]
BUFFER_LIMIT = 255


class Receiver:
    """At most one TPDU waits for its +CNMA; the network brings no other meanwhile."""

    def __init__(self, modem: SimModem) -> None:
        self._modem = modem
        self._unacked: Done | None = None
        self._timer: Timer | None = None
        self._buffer: list[str] = []

    def power_off(self) -> None:
        """Buffer and un-acknowledged message are gone; the network still has the latter."""
        self._buffer.clear()
        self.radio_off()

    def radio_off(self) -> None:
        """The link is cut: the network learns that the message did not arrive."""
        done, self._unacked = self._unacked, None
        if self._timer:
            self._timer.cancel()
        if done:
            done("off")

    def deliver(self, tpdu: bytes, done: Done) -> None:
        """Take a DELIVER or STATUS-REPORT and say what became of it."""
        if tpdu and tpdu[0] & 0x03 == 0x02:
            self._report(tpdu, done)
        else:
            self._message(tpdu, done)

    def _message(self, tpdu: bytes, done: Done) -> None:
        modem = self._modem
        bad = modem.faults.take("bad_scts") if modem.faults else None
        if bad:
            tpdu = octets.with_scts(tpdu, bytes.fromhex(bad["hex"]))
        mt = modem.session.cnmi[1]
        dcs = octets.deliver_dcs(tpdu)
        modem.collided = modem.collided or any(p.in_payload for p in modem.ports)
        kind = octets.message_class(dcs) if dcs is not None else None
        direct = (
            (mt == 2 and kind != 2)
            or (mt == 3 and kind == 3)
            or (kind == 0 and mt in (1, 3) and modem.personality.cnmi.class0 == "direct")
        )
        if direct:
            text = f"+CMT: ,{len(tpdu)}\r\n{self._pdu(tpdu)}"
            if modem.session.cmgf:
                text = cmt_text(modem, tpdu)
            if modem.faults and modem.faults.take("stored_too"):
                self._store(modem.session.cpms[2], tpdu)
            self._route(text, done)
            return
        name = "SM" if kind == 2 else modem.session.cpms[2]
        index = self._store(name, tpdu)
        if index is None:
            if modem.personality.memory.full_urc:
                modem.urc(modem.personality.memory.full_urc)
            done("full")
            return
        done("ack")
        if mt:
            self.announce(name, index)

    def _store(self, name: str, tpdu: bytes) -> int | None:
        modem = self._modem
        return modem.memory(name).add(Stored(REC_UNREAD, tpdu, octets.sca_field(modem.network.config.smsc)))

    def announce(self, name: str, index: int) -> None:
        """+CMTI for a message in a memory."""
        memory = self._modem.personality.memory
        said = memory.cmti_name or name
        self._indicate(f'+CMTI: "{said}",{index + memory.cmti_shift}')

    def _report(self, tpdu: bytes, done: Done) -> None:
        modem = self._modem
        ds = modem.session.cnmi[3]
        if ds == 1:
            text = f"+CDS: {len(tpdu)}\r\n{self._pdu(tpdu)}"
            if modem.session.cmgf:
                text = cds_text(tpdu)
            self._route(text, done)
            return
        if ds == 2:
            name = modem.personality.cnmi.report_memory
            if not name:  # announced, and gone
                done("ack")
                self._indicate(f'+CDSI: "{modem.personality.cnmi.cdsi_name}",{modem.personality.memory.first_index}')
                return
            index = self._store(name, tpdu)
            if index is None:
                done("full")
                return
            done("ack")
            cnmi = modem.personality.cnmi
            said = cnmi.cdsi_index if cnmi.cdsi_index >= 0 else index
            self._indicate(f'+CDSI: "{cnmi.cdsi_name}",{said}')
            return
        done("ack")  # nobody wants it: gone

    def _pdu(self, tpdu: bytes) -> str:
        return (octets.sca_field(self._modem.network.config.smsc) + tpdu).hex().upper()

    def _route(self, text: str, done: Done) -> None:
        modem = self._modem
        if modem.session.csms != 1:
            done("ack")
            self._indicate(text)
            return
        self._unacked = done
        self._timer = modem.timeline.after(modem.personality.cnmi.ack_timeout_s, self._ack_overdue)
        self._indicate(text)

    def _ack_overdue(self) -> None:
        """27.005 3.4.1: no acknowledgement in time sets <mt> and <ds> to 0."""
        done, self._unacked = self._unacked, None
        if done is None:
            return
        if self._modem.personality.cnmi.unacked == "disable":
            self._modem.session.cnmi[1] = 0
            self._modem.session.cnmi[3] = 0
        done("error")

    def acknowledge(self, *, positive: bool) -> None:
        """AT+CNMA; raises `CmsError` 340 when nothing waits for it."""
        done, self._unacked = self._unacked, None
        if done is None:
            raise CmsError(340)
        if self._timer:
            self._timer.cancel()
        done("ack" if positive else "error")

    def _indicate(self, text: str) -> None:
        if self._modem.session.cnmi[0] == 0:
            if len(self._buffer) < BUFFER_LIMIT:
                self._buffer.append(text)
            return
        self._modem.urc(text)

    def routing_changed(self) -> None:
        """AT+CNMI was set: say or drop what was buffered, and let the network try again."""
        mode, _mt, _bm, _ds, bfr = self._modem.session.cnmi
        if mode:
            held, self._buffer = self._buffer, []
            if bfr == 0:
                for text in held:
                    self._modem.timeline.after(0, self._modem.urc, text)
        self._modem.network.available(self._modem.number)
