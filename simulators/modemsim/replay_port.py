"""A recorded modem behind a port: a pty at DIR/modem0 that plays its part of a trace. The script is `replay`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from modemsim.replay import Player
from modemsim.wires import OpenWatch, PtyWire


class _Wire(PtyWire):
    """A pty that tells also when it is opened."""

    on_open: Callable[[], None] | None = None

    def _terminal(self, opened: bool) -> None:
        super()._terminal(opened)
        if opened and self.on_open is not None:
            self.on_open()


class Replay:
    """`async with Replay(player, dir) as replay: await replay.done.wait()`; then `player.divergence`."""

    def __init__(self, player: Player, directory: Path, name: str = "modem0") -> None:
        self.player = player
        self.link = directory / name
        self.done = asyncio.Event()  # played to the end, or diverged
        self.stopped = asyncio.Event()  # set by whoever has seen enough
        self._watch: OpenWatch | None = None
        self._wire: _Wire | None = None
        self._pulled: set[PtyWire] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._staying = False

    @property
    def port(self) -> str:
        """The path to give to a program."""
        return str(self.link)

    async def __aenter__(self) -> Self:
        self._watch = OpenWatch(asyncio.get_running_loop())
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self._plug()
        return self

    async def wait(self, *, stay: bool = False) -> None:
        """Until all is played, the program diverged, or somebody stopped it; with `stay` not before the latter two."""
        waits = [asyncio.ensure_future(self.stopped.wait()), asyncio.ensure_future(self.done.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if stay and self.player.divergence is None:
            self.done.clear()
            self._staying = True
            waits[1] = asyncio.ensure_future(self.done.wait())
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for wire in [*self._pulled, *([self._wire] if self._wire is not None else [])]:
            wire.close()
        self._wire = None
        if self._watch is not None:
            self._watch.close()

    def _plug(self) -> None:
        assert self._watch is not None
        self._wire = _Wire(self.link, self._watch, on_data=self._heard, on_close=lambda: None)
        self._wire.on_open = self._opened

    def _opened(self) -> None:
        # not at once: the program that opens has still to set its port up, which drops what was said before
        asyncio.get_running_loop().call_later(0.02, self._begin)

    def _begin(self) -> None:
        self.player.begin(time.monotonic())
        self._settle()

    def _heard(self, data: bytes) -> None:
        self.player.heard(data, time.monotonic())
        self._settle()

    def _tick(self) -> None:
        self._timer = None
        self.player.tick(time.monotonic())
        self._settle()

    def _settle(self) -> None:
        for what in self.player.take():
            if isinstance(what, bytes):
                if self._wire is not None:
                    self._wire.write(what)
            elif what and self._wire is not None:
                wire, self._wire = self._wire, None
                self._pulled.add(wire)
                wire.pull(self._pulled.discard)
            elif not what and self._wire is None and self._watch is not None:
                self._plug()
        if self.player.divergence is not None or (self.player.ended and not self._staying):
            self.done.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.player.next_deadline()
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(max(0.0, due - time.monotonic()), self._tick)
