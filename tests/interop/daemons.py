"""Programs as their users run them: `modemsim` and the daemons of others, as processes.

Owns how they are started, asked, waited for and ended (by pid). Owns no assertion and nothing of any one program.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from modemsim.control import ControlClient
from modemsim.errors import SimError

T = TypeVar("T")

LIMIT_S = 60.0  # a loaded machine is no reason to fail

PEER = "+79991234567"
RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 2 + "Ёлка № 5 — «готово»… конец"
"""Three parts in UCS-2; no blank at the end, which some of the programs strip."""
PARTS = 3


def program(*names: str) -> str | None:
    """The path of an installed program; the directories of daemons are looked into as well."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
        if found:
            return found
    return None


def until(look: Callable[[], T], what: Callable[[], str], running: Process | None = None) -> T:
    """The first true value of `look()`, asked for a minute at most and while `running` runs.

    Raises AssertionError with what `what()` says then: what was waited for, and the end of a log.
    """
    end = time.monotonic() + LIMIT_S
    while True:
        ended = running is not None and not running.running
        value = look()
        if value:
            return value
        if ended:
            raise AssertionError(f"the process ended: {running.text() if running else ''}; {what()}")
        if time.monotonic() > end:
            raise AssertionError(f"not within {LIMIT_S:g} s: {what()}")
        time.sleep(0.05)


class Process:
    """One process with its output in a file; a context manager that ends it, by pid, and it alone."""

    def __init__(self, argv: Sequence[str | Path], output: Path, *, cwd: Path | None = None) -> None:
        self.output = output
        with output.open("wb") as out:
            self._popen = subprocess.Popen(
                [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, cwd=cwd
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def text(self, tail: int = 4000) -> str:
        """The end of what it said."""
        return self.output.read_text(encoding="utf-8", errors="replace")[-tail:]

    def stop(self, limit_s: float = 10.0) -> None:
        """Ask it to end, then make it."""
        if self.running:
            self._popen.terminate()
        try:
            self._popen.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ModemSim(Process):
    """`modemsim` in a process of its own: two modems of one personality, reports after 0.3 s or as `options` say."""

    def __init__(self, directory: Path, personality: str, *options: str, modems: int = 2) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.personality = personality
        beside = Path(sys.executable).with_name("modemsim")
        self.command = [str(beside)] if beside.exists() else [sys.executable, "-m", "modemsim.cli"]
        argv = [*self.command, "--modems", str(modems), "--dir", str(directory), "--personality", personality]
        super().__init__([*argv, "--report-delay", "0.3", *options], directory / "modemsim.out")
        try:
            until(lambda: "Serving" in self.text(), lambda: "modemsim serves", self)
            self._control = ControlClient(directory)
        except BaseException:
            super().stop()
            raise

    def stop(self, limit_s: float = 10.0) -> None:
        self._control.close()
        super().stop(limit_s)

    def ask(self, cmd: str, **options: Any) -> dict[str, Any]:
        """A request over the control socket."""
        return self._control.request(cmd, **options)

    def ctl(self, *words: str) -> Any:
        """`modemsim ctl --dir … WORDS`, its answer."""
        done = subprocess.run(
            [*self.command, "ctl", "--dir", str(self.directory), *words], capture_output=True, check=True, timeout=60
        )
        return json.loads(done.stdout)

    def port(self, which: int = 0) -> str:
        """The path of a modem's AT port."""
        return str(self.ask("modems")["modems"][which]["port"])

    def number(self, which: int = 0) -> str:
        return str(self.ask("modems")["modems"][which]["number"])

    def state(self, which: int = 0) -> dict[str, Any]:
        state: dict[str, Any] = self.ask("state", modem=which)["modems"][0]
        return state

    def cnmi(self, which: int = 0) -> list[int]:
        """What AT+CNMI was set to."""
        return list(self.state(which)["session"]["cnmi"])

    def stored(self, which: int = 0) -> int:
        """Messages and reports in the modem's memories, each counted once."""
        return sum(len(rows) for rows in self.ask("storage", modem=which)["storage"].values())

    def entries(self, kind: str, **match: Any) -> list[dict[str, Any]]:
        """The ledger's entries of a kind, texts decoded."""
        return list(self.ask("ledger", kind=kind, text=True, **match)["entries"])

    def wait(self, kind: str, count: int, log: Callable[[], str] = str) -> list[dict[str, Any]]:
        """The ledger's entries of a kind, once there are `count`; raises AssertionError with `log()` after a minute."""
        try:
            self.ask("wait", kind=kind, count=count, timeout=LIMIT_S)
        except SimError as e:
            raise AssertionError(f"{count} × {kind}: {e} {log()}") from None
        return self.entries(kind)

    def heard(self) -> list[str]:
        """The texts that far phones have whole, put together."""
        return [m["text"] for m in self.ask("far")["messages"] if m["complete"]]


def tail(path: Path, size: int = 4000) -> str:
    """The end of a log, for a failure's message."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")[-size:]
    return f"({path.name} was not written)"
