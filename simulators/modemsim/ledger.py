"""What the network saw, in order, with time and octets. Owns the record and how it is asked;
decides nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

KINDS = ("submit", "rejected", "delivered", "refused", "report", "inject", "far", "call")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing the network saw.

    kind: `submit` (accepted from a modem), `rejected` (refused to a modem), `delivered` (acknowledged by a
    modem), `refused` (not acknowledged), `report` (a status report acknowledged by a modem), `inject` (put in
    from outside), `far` (reached a far phone), `call` (a call that is over; `note` says how: missed,
    rejected, answered, ended, busy, unreachable, lost).
    """

    n: int
    t: float  # Unix seconds on the simulation's wall clock
    kind: str
    modem: str  # "" when none has part in it
    sender: str
    recipient: str
    mr: int | None
    status: int | None  # TP-ST of a report, CMS code of a rejection
    tpdu: str  # hex
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Ledger:
    """Grows only; entries are numbered from 1."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.counts: dict[str, int] = dict.fromkeys(KINDS, 0)

    def add(
        self,
        kind: str,
        t: float,
        *,
        tpdu: bytes,
        modem: str = "",
        sender: str = "",
        recipient: str = "",
        mr: int | None = None,
        status: int | None = None,
        note: str = "",
    ) -> Entry:
        entry = Entry(len(self.entries) + 1, t, kind, modem, sender, recipient, mr, status, tpdu.hex().upper(), note)
        self.entries.append(entry)
        self.counts[kind] += 1
        return entry

    def select(
        self, kind: str | None = None, *, modem: str | None = None, number: str | None = None, after: int = 0
    ) -> list[Entry]:
        """Entries past number `after` of this kind, modem and (as sender or recipient) number."""
        return [
            e
            for e in self.entries[after:]
            if (kind is None or e.kind == kind)
            and (modem is None or e.modem == modem)
            and (number is None or number in (e.sender, e.recipient))
        ]
