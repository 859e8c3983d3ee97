"""What the driver sees of arriving messages and reports, taken together: do they come the way they were set up to?

Observes events and readings for `report_path` and `urc_port`. Runs no commands.
"""

from __future__ import annotations

from collections.abc import Sequence

from modemgw.at.timing import Timing
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    MessageStored,
    ModemEvent,
    ModemInfo,
    ReportStored,
    StorageFill,
    StoredPdu,
)
from modemgw.modem.dialogue.report_path import DIRECT, STORED, ReportPath, Silence
from modemgw.modem.dialogue.urc_port import UrcPort
from modemgw.modem.quirks.learned import Learned
from modemgw.sms import is_status_report

PLACES_MOST = 500  # announced places that are remembered
DUE_S = 600.0  # most reports come within so long


class Arrivals:
    """One modem between two set-ups. Without `info` it is not set up, and nothing is concluded."""

    def __init__(
        self,
        learned: Learned,
        info: ModemInfo | None = None,
        port: UrcPort | None = None,
        reports: Sequence[int] = (),
        timing: Timing | None = None,
    ) -> None:
        cnmi = info.cnmi if info is not None else ()
        ds = cnmi[3] if len(cnmi) > 3 else 0
        self._tells = {False: len(cnmi) > 1 and cnmi[1] != 0, True: ds != 0}  # messages, reports
        self._path = ReportPath(learned, ds, reports, timing)
        self._port = port if port is not None else UrcPort({}, None, learned)
        self._reports: dict[tuple[str, int], None] = {}  # announced and not yet read
        self._announced: dict[tuple[str, int], None] = {}
        # memories that were looked through, and what was in them: what is in them later besides has arrived since
        self._listed: dict[str, dict[int, str]] = {}
        self._asked_at: float | None = None  # for a report, the last time

    def told(self, event: ModemEvent) -> None:
        """An event of the driver."""
        if isinstance(event, DirectReport):
            self._path.came(DIRECT)
        elif isinstance(event, ReportStored):
            self._reports[event.memory, event.index] = None
            while len(self._reports) > PLACES_MOST:
                del self._reports[next(iter(self._reports))]
        if isinstance(event, MessageStored | ReportStored):
            self._announced[event.memory, event.index] = None
            while len(self._announced) > PLACES_MOST:
                del self._announced[next(iter(self._announced))]
        if isinstance(event, MessageStored | ReportStored | DirectMessage | DirectReport):
            self._port.heard()

    def sent(self, pdu: str, now: float) -> None:
        """A message was taken; `pdu` is SMSC address + TPDU, hex."""
        recipient = _reported_recipient(pdu)
        if recipient is not None:
            self._path.sent(recipient, now)
            self._asked_at = now

    def began(self, now: float) -> None:
        """The modem is set up: what was asked for before may come, too."""
        self._asked_at = now

    def reports_owed(self, now: float) -> bool:
        """Reports should have come, and none has."""
        return self._path.owes(now)

    def reports_due(self, now: float) -> bool:
        """A report may come any moment."""
        return self._asked_at is not None and now - self._asked_at < DUE_S

    def is_report(self, memory: str, index: int) -> bool:
        """A report was announced for this place; asked once."""
        found = (memory, index) in self._reports
        self._reports.pop((memory, index), None)
        return found

    def report_read(self, found: StoredPdu | None) -> None:
        """What was at the announced place of a report, or where else it lies."""
        if found is None:
            self._path.missing()
        elif is_status_report(found.hex):
            self._path.came(STORED)

    def listed(self, memory: str, found: Sequence[StoredPdu]) -> None:
        """A memory was looked through."""
        for _ in (pdu for pdu in found if is_status_report(pdu.hex)):
            self._path.found()
        before = self._listed.get(memory)
        if before is not None:
            new = [p for p in found if p.status == 0 and before.get(p.index) != p.hex and self._was_due(p)]
            if new:
                self._port.unannounced(len(new))
        self._listed[memory] = {pdu.index: pdu.hex for pdu in found}

    def _was_due(self, pdu: StoredPdu) -> bool:
        """It should have been announced, and was not."""
        return self._tells[is_status_report(pdu.hex)] and (pdu.memory, pdu.index) not in self._announced

    def measured(self, fills: Sequence[StorageFill]) -> None:
        """How full the memories are: what will lie in an empty one has arrived since."""
        self._listed.update((fill.memory, {}) for fill in fills if not fill.used)

    def other_reports(self, now: float) -> int | None:
        """The <ds> to change to, None: stay."""
        return self._path.other_way(now)

    def silence(self, now: float) -> Silence:
        """Reports are owed and none comes: whether to look after their way now."""
        return self._path.silence(now)

    def reports_changed(self, ds: int) -> None:
        self._tells[True] = ds != 0
        self._path.changed(ds)

    def reports_refused(self, ds: int) -> None:
        self._path.refused(ds)

    def other_ports(self) -> list[str]:
        """Commands that may bring announcements to our port: to try till one is accepted. None: leave it."""
        return self._port.others()

    def deaf(self) -> bool:
        """Announcements do not come to our port, whatever it is told."""
        return self._port.deaf()

    def port_changed(self, command: str) -> None:
        self._port.accepted(command)


def _tpdu(pdu: str) -> str:
    """The hex of the TPDU behind the SMSC address (TS 27.005 3.1 <pdu>)."""
    try:
        return pdu[2 + 2 * int(pdu[:2], 16) :]
    except ValueError:
        return ""


def _reported_recipient(pdu: str) -> str | None:
    """TP-DA of an SMS-SUBMIT with TP-SRR, as it stands in the PDU; None where no report is asked for."""
    tpdu = _tpdu(pdu)
    try:
        first, digits = int(tpdu[:2], 16), int(tpdu[4:6], 16)
    except ValueError:
        return None
    return tpdu[6 : 8 + 2 * ((digits + 1) // 2)] if first & 0x23 == 0x21 else None
