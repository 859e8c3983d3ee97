"""What the process does with signals: which end it in good order, which make it tell, which it does not heed.

A signal that is not handled kills at once, and a text on the air becomes unknown; so each that a terminal, a service
manager or a log rotation sends by habit is handled.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

#: Accept nothing new, finish what is in the air, end with status 0.
STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)

#: Log what the lines do and what waits.
TELL = signal.SIGUSR1

#: Of no meaning here.
IGNORED = (signal.SIGUSR2,)


@contextmanager
def handled(loop: asyncio.AbstractEventLoop, stop: Callable[[], None], tell: Callable[[], None]) -> Iterator[None]:
    """Have `stop` and `tell` called on the loop when a signal asks for it; what was before comes back at the end.

    A SIGHUP that is ignored when we start (nohup) stays ignored.
    """
    wanted = [number for number in STOP if number is not signal.SIGHUP or _heeded(number)]
    for number in wanted:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(TELL, tell)
    for number in IGNORED:
        loop.add_signal_handler(number, log.debug, "%s means nothing here.", number.name)
    try:
        yield
    finally:
        for number in (*wanted, TELL, *IGNORED):
            loop.remove_signal_handler(number)


def _heeded(number: signal.Signals) -> bool:
    return signal.getsignal(number) is not signal.SIG_IGN
