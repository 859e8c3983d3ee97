"""Taking in what a modem has: understood, durable, and only then deleted there (docs/architecture.md rule 3)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from modemgw.domain.job import LineRecord
from modemgw.rules.incoming import RawPdu, understand
from modemgw.store.repository import Inbox

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """How many PDUs were new, and how many of these were messages rather than status reports."""

    new: int
    messages: int


async def take_in(repository: Inbox, line: LineRecord, pdus: Sequence[RawPdu]) -> Taken:
    """Store what came, whatever it is. After it returns the modem's copies may go.

    Raises StoreUnavailable: then they must stay.
    """
    understood = [understand(pdu) for pdu in pdus]
    reports = [pdu for pdu in understood if pdu.report is not None]
    messages = [pdu for pdu in understood if pdu.report is None]
    # both in one commit: the writer takes what waits together
    counts = await asyncio.gather(*(repository.take_in(line, some) for some in (messages, reports) if some))
    taken = Taken(sum(counts), counts[0] if messages else 0)
    if taken.new:
        log.info("%s: %d of %d PDUs are new", line.name, taken.new, len(pdus))
    return taken
