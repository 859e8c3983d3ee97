"""Taking in what a modem has: understood, durable, and only then deleted there (DESIGN rule 3)."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from modemgw.service.incoming import RawPdu, understand
from modemgw.service.ports import LineRecord, Repository

log = logging.getLogger(__name__)


async def take_in(repository: Repository, line: LineRecord, pdus: Sequence[RawPdu]) -> int:
    """Store what came, whatever it is; the number of those that were new. After it returns the modem's copies
    may go. Raises StoreUnavailable: then they must stay."""
    new = await repository.take_in(line, [understand(pdu) for pdu in pdus])
    if new:
        log.info("%s: %d of %d PDUs are new", line.name, new, len(pdus))
    return new
