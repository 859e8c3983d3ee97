"""A line that sends itself a short text now and then, to prove that it hears what comes in.

Owns when one is sent and what its absence means. It goes out and comes in as any message does; see service/canary.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable

from modemgw.domain.events import EventKind
from modemgw.domain.job import LineRecord, NewMessage, job_of
from modemgw.domain.requests import EventQuery
from modemgw.errors import ModemgwError
from modemgw.line.ladder import Rung
from modemgw.line.settings import Climb, WorkerPorts, WorkerSettings
from modemgw.line.telling import Note
from modemgw.rules.canary_text import canary_text

log = logging.getLogger(__name__)

PRIORITY = 100
DIALECT = "canary"

#: What says that it did not go out, and proves nothing about hearing.
_NOT_SENT = frozenset(
    {EventKind.MESSAGE_REJECTED, EventKind.MESSAGE_EXPIRED, EventKind.MESSAGE_UNKNOWN, EventKind.MESSAGE_CANCELLED}
)


class Canary:
    """Runs beside a line's session. `ready` says that the line can send, `sweep` looks through its memories."""

    def __init__(
        self,
        settings: WorkerSettings,
        ports: WorkerPorts,
        line: LineRecord,
        ready: Callable[[], bool],
        sweep: Callable[[], Awaitable[None]],
        note: Note,
    ) -> None:
        self._settings = settings
        self._ports = ports
        self._line = line
        self._ready = ready
        self._sweep = sweep
        self._note = note

    async def run(self) -> None:
        """Until cancelled. Raises Climb for a line that does not hear."""
        number, account = self._line.number, self._ports.canary_account
        if number is None or account is None:
            log.warning("%s: no canary is sent: the SIM does not tell its number. Set number.", self._settings.name)
            return
        while True:
            await asyncio.sleep(self._settings.canary_interval_s * random.uniform(0.95, 1.0))  # noqa: S311 (jitter)
            if self._ready():
                await self._send_and_wait(number, account)

    async def _send_and_wait(self, number: str, account: int) -> None:
        token = secrets.token_hex(8)
        limit_s = self._settings.canary_limit_s
        message = NewMessage(
            account_id=account,
            recipient=number,
            text=canary_text(token),
            data=None,
            udh=None,
            encoding="gsm7",
            locking=0,
            single=0,
            flash=False,
            pid=0,
            dcs=None,
            priority=PRIORITY,
            line=self._line.name,
            report=False,
            on_doubt="hold",
            client_ref=token,
            ref=None,
            dialect=DIALECT,
            extra=None,
            parts=1,
            send_at=None,
            validity_s=max(60, int(limit_s)),
        )
        try:
            accepted = await self._ports.repository.accept(message)
        except ModemgwError as error:
            log.warning("%s: no canary: %s", self._settings.name, error)
            return
        job = job_of(message, accepted.id, self._ports.clock() + message.validity_s * 1000)
        self._ports.dispatcher.offer(accepted.id, PRIORITY, self._line.name, job)
        await self._wait(accepted.id, limit_s)

    async def _wait(self, message_id: int, limit_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        swept = False
        while True:
            await asyncio.sleep(self._settings.timing.canary_poll_s)
            kinds = {event.kind for event in await self._ports.repository.events(EventQuery(message_id=message_id))}
            if EventKind.LINE_CANARY in kinds:
                break
            if kinds & _NOT_SENT:
                log.info("%s: the canary was not sent", self._settings.name)
                return
            if deadline is None:
                if EventKind.PART_SENT in kinds:
                    deadline = loop.time() + limit_s
            elif loop.time() >= deadline:
                if swept:
                    self._deaf(Rung.RADIO, f"It sent itself a text {limit_s:g} s ago, and it did not come in.")
                swept = True
                await self._sweep()
                deadline = loop.time() + self._settings.timing.canary_swept_s
        if swept:
            self._deaf(Rung.REINIT, "A text that it sent to itself lay in its memory and was not announced.")

    def _deaf(self, rung: Rung, reason: str) -> None:
        self._note(EventKind.LINE_DEAF, modem=self._settings.name, reason=reason)
        raise Climb(rung, f"The line is deaf. {reason}")
