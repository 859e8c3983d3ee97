"""Who has the modem for more than one command: sending, receiving, the health check, USSD. Owns the order."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Turn:
    """A fair lock (`async with`): first come, first served. Whoever holds it for long looks whether it is `wanted`."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    @property
    def wanted(self) -> bool:
        """Somebody else waits for it."""
        return self._waiting > 0

    async def __aenter__(self) -> None:
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
