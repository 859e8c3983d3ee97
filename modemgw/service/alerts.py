"""Alerts: what is observed of lines, queue and machine, and the telling of it. See rules/alerting for when.

Owns the observation and the order of things: told, then kept as told. A sink is anything that takes a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modemgw.domain.line import LineState, LineView
from modemgw.errors import ModemgwError
from modemgw.rules.alerting import Condition, Known, Telling, Trouble, Watch, sentence
from modemgw.service.ports import Clock
from modemgw.store.alerts import AlertStore, Told

log = logging.getLogger(__name__)

#: How often is looked.
LOOK_S: Final = 2.0

#: A line that starts is not down.
_NOT_DOWN: Final = frozenset({LineState.READY, LineState.PAUSED, LineState.STOPPED})

#: Room on the disk of the database below which it is nearly full: octets, and share.
DISK_OCTETS, DISK_SHARE = 200 << 20, 0.02

#: Reports of so long count for the share of those that failed.
SHARE_MS: Final = 3_600_000

#: Takes a sentence and its details; raises ModemgwError or OSError where nobody could be told.
Sink = Callable[[str, Mapping[str, object]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One `[[alert]]` with whom it tells."""

    name: str
    conditions: frozenset[Condition]
    after_ms: int
    sinks: tuple[tuple[str, Sink], ...]  # each with its name
    old_queue_ms: int = 600_000
    failed_share: float = 0.5
    failed_volume: int = 20


@dataclass(frozen=True, slots=True)
class Observed:
    """What alerts look at, as the gateway gives it."""

    lines: Callable[[], Sequence[LineView]]
    low_balances: Callable[[], Sequence[tuple[str, str]]]  # (line, amount in words)
    internet_down: Callable[[], bool]
    lanes: Callable[[], Awaitable[list[str]]]
    events: Callable[[], Awaitable[Mapping[str, int]]]  # how many of each kind since the start
    callbacks: Callable[[], Awaitable[Mapping[str, int]]]
    database: Path


class Alerts:
    """`run` until cancelled."""

    def __init__(self, rules: Sequence[AlertRule], observed: Observed, store: AlertStore, clock: Clock) -> None:
        self._rules = rules
        self._observed = observed
        self._store = store
        self._clock = clock
        self._watches: dict[str, Watch] = {}
        self._reports: deque[tuple[int, int, int]] = deque()  # (time, arrived, failed), both since the start
        self._callbacks_failed: int | None = None

    async def run(self) -> None:
        """Look, and tell."""
        await self._remember()
        while True:
            try:
                await self.look()
            except ModemgwError as error:
                log.warning("Alerts: what they look at cannot be read: %s", error)
            await asyncio.sleep(LOOK_S)

    async def _remember(self) -> None:
        rows = await self._store.told()
        for rule in self._rules:
            told = {row.key: _known(row) for row in rows if row.rule == rule.name}
            self._watches[rule.name] = Watch(rule.conditions, rule.after_ms, told)

    async def look(self) -> None:
        """Once."""
        if not self._watches:
            await self._remember()
        for rule in self._rules:
            now = self._clock()
            watch = self._watches[rule.name]
            for telling in watch.look(await self.troubles(rule, now), now):
                if await self.tell(rule, sentence(telling, now), _details(rule, telling)):
                    row = Told(rule.name, telling.key, telling.trouble.text, telling.since, now)
                    await self._store.put(row, telling.kind)
                    watch.said(telling, now)
                else:
                    watch.unsaid(telling, now)

    @staticmethod
    async def tell(rule: AlertRule, text: str, details: Mapping[str, object]) -> bool:
        """By every sink of a rule; True if one took it."""
        log.warning("Alert %s: %s", rule.name, text)
        told = False
        for name, sink in rule.sinks:
            try:
                await sink(text, details)
                told = True
            except (ModemgwError, OSError) as error:
                log.warning("Alert %s: %s could not be told: %s", rule.name, name, error)
        return told

    # -- what is observed ----------------------------------------------------------------------------------------

    async def troubles(self, rule: AlertRule, now: int) -> list[Trouble]:
        """All that is wrong now, as far as the rule asks for it."""
        found: list[Trouble] = []
        wanted = rule.conditions
        lines = self._observed.lines()
        found += [
            Trouble(Condition.LINE_DOWN, line.name, f"The line {line.name} is {line.state}{_because(line.reason)}")
            for line in lines
            if line.state not in _NOT_DOWN and not line.paused
        ]
        found += [
            Trouble(
                Condition.LINE_BLOCKED, line.name, f"The line {line.name} waits for a person{_because(line.reason)}"
            )
            for line in lines
            if line.state is LineState.BLOCKED
        ]
        if not any(line.state is LineState.READY for line in lines):
            found.append(Trouble(Condition.NO_WAY_OUT, "", "No line is ready: nothing goes out."))
        if self._observed.internet_down():
            found.append(Trouble(Condition.INTERNET_DOWN, "", "No online gateway can be reached."))
        found += [
            Trouble(Condition.LOW_BALANCE, line, f"The balance of {line} is low: {amount}.")
            for line, amount in self._observed.low_balances()
        ]
        if Condition.OLD_QUEUE in wanted:
            oldest = await self._store.oldest_waiting(["", *await self._observed.lanes()])
            if oldest is not None and now - oldest >= rule.old_queue_ms:
                found.append(
                    Trouble(Condition.OLD_QUEUE, "", f"A message has waited for {(now - oldest) // 60_000} min.")
                )
        if Condition.UNKNOWN_WAITING in wanted and (count := await self._store.unknown_count()):
            found.append(
                Trouble(Condition.UNKNOWN_WAITING, "", f"Of {count} messages nobody can tell whether they went out.")
            )
        if Condition.CALLBACKS_FAILING in wanted:
            found += await self._failing_callbacks()
        if Condition.FAILED_SHARE in wanted:
            found += await self._failing_reports(rule, now)
        if Condition.DISK_FULL in wanted:
            found += self._disk()
        return found

    async def _failing_callbacks(self) -> list[Trouble]:
        """Calls that were given up since the start."""
        failed = (await self._observed.callbacks()).get("failed", 0)
        if self._callbacks_failed is None or failed < self._callbacks_failed:
            self._callbacks_failed = failed
        more = failed - self._callbacks_failed
        text = f"{more} calls to clients were given up; `modemgw callbacks --state failed` shows them."
        return [Trouble(Condition.CALLBACKS_FAILING, "", text)] if more else []

    async def _failing_reports(self, rule: AlertRule, now: int) -> list[Trouble]:
        counts = await self._observed.events()
        arrived = counts.get("message.delivered", 0)
        failed = counts.get("message.undeliverable", 0) + counts.get("message.rejected", 0)
        if not self._reports or self._reports[-1][0] != now:
            self._reports.append((now, arrived, failed))
        while len(self._reports) > 1 and self._reports[0][0] < now - SHARE_MS:
            self._reports.popleft()
        _, arrived_then, failed_then = self._reports[0]
        good, bad = arrived - arrived_then, failed - failed_then
        if good + bad < rule.failed_volume or bad / (good + bad) < rule.failed_share:
            return []
        text = f"Of the last {good + bad} messages {bad} failed."
        return [Trouble(Condition.FAILED_SHARE, "", text)]

    def _disk(self) -> list[Trouble]:
        try:
            usage = shutil.disk_usage(self._observed.database.parent)
        except OSError:
            return []
        if usage.free >= min(DISK_OCTETS, usage.total * DISK_SHARE):
            return []
        text = f"The disk of the database is nearly full: {usage.free >> 20} MiB are left."
        return [Trouble(Condition.DISK_FULL, "", text)]


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else "."


def _known(row: Told) -> Known:
    condition, _, subject = row.key.partition(":")
    return Known(Trouble(Condition(condition), subject, row.text), row.since, row.told_at)


def _details(rule: AlertRule, telling: Telling) -> dict[str, object]:
    return {
        "rule": rule.name,
        "kind": telling.kind,
        "condition": telling.trouble.condition.value,
        "subject": telling.trouble.subject,
        "text": telling.trouble.text,
        "since": telling.since,
    }
