"""Messages whose account or line has left the configuration: held or left waiting, and told at the start."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from modemgw.store.repository import Repository

log = logging.getLogger(__name__)


async def hold_orphans(repository: Repository, accounts: Collection[int], lines: Sequence[str]) -> None:
    """Hold what waits of other accounts than these; say so, and what waits for other lines than these (none: whatever
    modem is found is a line)."""
    for login, count in (await repository.hold_accounts(accounts)).items():
        log.warning(
            "%d messages of the account %r, which is not configured any more, are held. `modemgw cancel --account "
            "%s` cancels them; with the account back they go on.",
            count,
            login,
            login,
        )
    if not lines:
        return
    for line, count in (await repository.waiting_elsewhere(lines)).items():
        log.warning(
            "%d messages wait for the line %r, which is not configured any more. `modemgw cancel --line %s` "
            "cancels those of an account.",
            count,
            line,
            line,
        )
