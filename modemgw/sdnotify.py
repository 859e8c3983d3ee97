"""What a service manager is told (sd_notify(3)): ready, stopping, how the modems do, and that the program lives.

Owns the datagrams and when they are sent. Without NOTIFY_SOCKET in the environment nothing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, MutableMapping, Sequence

from modemgw.domain.line import LineState, ModemView

log = logging.getLogger(__name__)

#: How often the status is looked at, and the longest pause between two signs of life.
STATUS_S = 5.0

#: Signs of life in one watchdog period.
SIGNS = 3

STATUS_LIMIT = 300


class Notifier:
    """Tells the service manager. `ready` starts it, `stopping` ends it; both may be called where there is none."""

    def __init__(
        self,
        modems: Callable[[], Sequence[ModemView]],
        touch_store: Callable[[], asyncio.Future[None]],
        environment: MutableMapping[str, str] | None = None,
    ) -> None:
        """`touch_store` gives the writer of the database something to do; it lives when that is done.

        The variables are taken out of the environment: programs that this one starts are none of the manager's.
        """
        environment = os.environ if environment is None else environment
        self._modems = modems
        self._touch_store = touch_store
        self._touched: asyncio.Future[None] | None = None
        self._address = _address(environment.pop("NOTIFY_SOCKET", ""))
        self._watchdog_s = _watchdog_s(environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", ""))
        self._task: asyncio.Task[None] | None = None
        self._status = ""

    def ready(self) -> None:
        """The API serves."""
        if self._address is not None:
            self._status = status(self._modems())
            self._send(f"READY=1\nSTATUS={self._status}")
            self._task = asyncio.create_task(self._run(), name="service manager")

    async def stopping(self) -> None:
        """Nothing new is accepted; what is in the air is finished."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._address is not None:
            self._send("STOPPING=1\nSTATUS=Finishing what is in the air")

    async def _run(self) -> None:
        every_s = STATUS_S if self._watchdog_s is None else min(STATUS_S, self._watchdog_s / SIGNS)
        while True:
            if self._watchdog_s is not None and await self._writer_lives(every_s):
                self._send("WATCHDOG=1")
            now = status(self._modems())
            if now != self._status:
                self._status = now
                self._send(f"STATUS={now}")
            await asyncio.sleep(every_s)

    async def _writer_lives(self, limit_s: float) -> bool:
        """The event loop runs, as this does; the writer has to prove it. One question at a time."""
        if self._touched is None:
            self._touched = self._touch_store()
            if self._touched.done():  # refused before it came to the writer: that proves nothing
                self._touched.exception()
                self._touched = None
                return False
        done, _ = await asyncio.wait([self._touched], timeout=limit_s)
        if not done:
            log.warning("The writer of the database has not answered for %g s.", limit_s)
            return False
        self._touched.exception()  # a full disk, say: it lives, and restarting it would not help
        self._touched = None
        return True

    def _send(self, text: str) -> None:
        assert self._address is not None
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.setblocking(False)
                sock.sendto(text.encode(), self._address)
        except OSError as error:  # a manager that cannot be told is no reason to stop
            log.debug("The service manager cannot be told: %s", error)


def status(modems: Sequence[ModemView]) -> str:
    """One line for `systemctl status`."""
    ready = sum(modem.state is LineState.READY for modem in modems)
    if not modems:
        return "No modem found yet"
    text = f"{ready} of {len(modems)} modem{'s' if len(modems) != 1 else ''} ready"
    others = [f"{modem.name} {modem.state}" for modem in modems if modem.state is not LineState.READY]
    if others:
        text += f"; {', '.join(others)}"
    return text if len(text) <= STATUS_LIMIT else text[: STATUS_LIMIT - 1] + "…"


def _address(value: str) -> str | None:
    """A path, or `@name` for a socket in the abstract namespace; other kinds (vsock) are for virtual machines."""
    if value.startswith("@"):
        return "\0" + value[1:]
    return value if value.startswith("/") else None


def _watchdog_s(microseconds: str, pid: str) -> float | None:
    """The period in which the manager wants a sign of life; None: it wants none, or not from this process."""
    if pid and pid != str(os.getpid()):
        return None
    with contextlib.suppress(ValueError):
        if (period := int(microseconds)) > 0:
            return period / 1_000_000
    return None
