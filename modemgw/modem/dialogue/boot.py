"""Whether the modem has started before our eyes, and has said since that its message service is up."""

from __future__ import annotations

import asyncio
import contextlib

from modemgw.at.urcs import BOOT_URCS
from modemgw.modem.quirks.profile import Profile


class BootWatch:
    """Fed with every unsolicited line."""

    def __init__(self) -> None:
        self.started = False
        self._said = asyncio.Event()
        self._wanted: tuple[str, ...] = ()
        self._heard: list[str] = []  # since the start; the profile may be known only later

    @property
    def ready(self) -> bool:
        return self._said.is_set()

    def suits(self, profile: Profile) -> None:
        """What this family says when it is ready."""
        self._wanted = tuple(text.upper() for text in profile.ready_urcs)
        if any(line.startswith(self._wanted) for line in self._heard):
            self._said.set()

    def told(self, name: str, text: str) -> None:
        """An unsolicited line came."""
        line = text.strip().upper()
        if name in BOOT_URCS:
            self.started = True
            if not line.startswith(self._wanted or ("\0",)):
                self._said.clear()
                self._heard.clear()
        if len(self._heard) < 50:
            self._heard.append(line)
        if self._wanted and line.startswith(self._wanted):
            self._said.set()

    async def wait(self, limit_s: float) -> bool:
        """Until it is ready, or so long; whether it is."""
        if self.ready:
            await asyncio.sleep(limit_s)
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._said.wait()
        return self.ready
