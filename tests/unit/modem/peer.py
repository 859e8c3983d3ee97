"""A small scripted modem behind a real pty: hears lines, says what the script tells."""

from __future__ import annotations

import asyncio
import os
import re
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Self

Answer = bytes | Callable[["Peer", bytes], bytes | None] | None

OK = b"\r\nOK\r\n"


def said(*lines: str) -> bytes:
    """Lines between CR LF and CR LF, as V.250 has them."""
    return b"".join(b"\r\n" + line.encode() + b"\r\n" for line in lines)


class Peer:
    """`script` is tried from the top: the first pattern that a heard line matches gives the answer; None is silence.

    What ends a line stays on it only where it is SUB (a payload) or ESC.
    """

    def __init__(self, script: dict[str, Answer] | None = None) -> None:
        self.script: dict[str, Answer] = dict(script or {})
        self.heard: list[bytes] = []
        self.unread = b""
        self.master = -1
        self.slave = -1
        self.url = ""
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.url = os.ttyname(self.slave)
        asyncio.get_running_loop().add_reader(self.master, self._readable)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()

    def unplug(self) -> None:
        for fd in (self.master, self.slave):
            if fd >= 0:
                asyncio.get_running_loop().remove_reader(fd)
                os.close(fd)
        self.master = self.slave = -1

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    def _readable(self) -> None:
        try:
            self.unread += os.read(self.master, 65536)
        except OSError:
            return
        while found := re.search(rb"[\r\x1a\x1b]", self.unread):
            line, self.unread = self.unread[: found.end()], self.unread[found.end() :]
            self._hear(line.removesuffix(b"\r"))
        self._changed.set()

    def _hear(self, line: bytes) -> None:
        if not line:
            return
        self.heard.append(line)
        text = line.decode("latin-1")
        for pattern, answer in self.script.items():
            if re.fullmatch(pattern, text):
                reply = answer(self, line) if callable(answer) else answer
                if reply is not None and self.master >= 0:
                    self.say(reply)
                return
        if line not in (b"\x1b",):
            self.say(said("ERROR"))

    async def until(self, ready: Callable[[], object], limit_s: float = 5.0) -> None:
        """Wait for a state, with a limit; looked at whenever something was heard, and every few milliseconds."""
        async with asyncio.timeout(limit_s):
            while not ready():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.005):
                        await self._changed.wait()
                except TimeoutError:
                    pass


def over(*scripts: dict[str, Answer]) -> dict[str, Answer]:
    """One script of several; the earlier one counts."""
    out: dict[str, Answer] = {}
    for script in scripts:
        for pattern, answer in script.items():
            out.setdefault(pattern, answer)
    return out


ALIVE: dict[str, Answer] = {
    r"AT": OK,
    r"AT\+CMEE\?": said("+CMEE: 1", "OK"),
    r"AT\+CMGF\?": said("+CMGF: 0", "OK"),
    r"AT\+CFUN\?": said("+CFUN: 1", "OK"),
}
