"""A foreign AT modem on a pty, written from TS 27.005, 27.007 and V.250 alone: habits are data, faults are told.

Owns the modem's side and writes down every breach of the standards it sees. Knows nothing of modemgw.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import tty
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import codec

ERROR_TEXTS = {
    3: "operation not allowed",
    4: "operation not supported",
    302: "operation not allowed",
    303: "operation not supported",
    321: "Invalid memory index",
    500: "unknown error",
}
_SIM = frozenset(
    {
        "+CPIN",
        "+CIMI",
        "+CCID",
        "+CNUM",
        "+CSMS",
        "+CPMS",
        "+CNMI",
        "+CMGS",
        "+CMGR",
        "+CMGL",
        "+CMGD",
        "+CSCA",
        "+CMMS",
        "+CNMA",
    }
)


@dataclass
class Habits:
    """What one make of modem does its own way."""

    before: str = "\r\n"  # and after each line of an answer
    after: str = "\r\n"
    prompt: bytes = b"\r\n> "
    prompt_delay_s: float = 0.0
    echo_always: bool = False
    cmee: int = 2  # highest level known; -1: the command is not
    refused: frozenset[str] = frozenset()  # names of commands that are ERROR
    cnmi_range: str | None = "(0-2),(0-3),(0,2),(0-2),(0,1)"
    cnmi_only: frozenset[str] | None = None  # settings that are taken; None: all
    csms: tuple[int, ...] = (0, 1)
    cpms_counts: tuple[int, ...] = (1, 2, 3)
    cpms_range: bool = True
    memories: dict[str, int] = field(default_factory=lambda: {"SM": 30, "ME": 100})
    first_index: int = 1
    receive: str = "SM"
    receive_fixed: bool = False
    report_memory: str | None = None  # of reports that are stored
    report_named: str | None = None  # what +CDSI calls it
    latency_s: float = 0.0
    cmgs: str = "+CMGS: {mr}"
    ok_delay_s: float = 0.0
    lower: bool = False
    sca: str | None = "+79160000000"  # "": an empty one; None: not even its length
    pin: str | None = None
    busy_s: float = 0.0
    chatter: tuple[str, ...] = ()  # said when the port appears
    noise: tuple[str, ...] = ()  # said at every point
    ok: tuple[str, ...] = ("OK",)  # each in a write of its own
    quiet: bool = False  # ATQ1 at power-on
    numeric: bool = False  # ATV0 at power-on
    lost: int = 0  # bytes that are lost when the port appears
    function: int = 1  # AT+CFUN at power-on
    listing: str = "4"  # what AT+CMGL takes; "": nothing
    shift: int = 0  # from a place to the one that is announced
    no_sim: bool = False
    registered: dict[str, int | None] = field(default_factory=lambda: {"+CREG": 1, "+CGREG": 1, "+CEREG": 1})


class Modem:
    """`plug` makes the port at `link`. What went out is in `sent`, what was done wrong in `breaches`."""

    def __init__(self, link: Path, habits: Habits, on_delete: Callable[[str], bool] = lambda _: True) -> None:
        self.link, self.habits, self.on_delete = link, habits, on_delete
        self.breaches: list[str] = []
        self.sent: list[codec.Submit] = []
        self.fate: deque[int | str] = deque()  # of the next messages: a CMS error, or what `_payload` knows
        self.refuse: dict[str, int] = {}  # recipient -> CMS error
        self.reports = True
        self.waiting: deque[bytes] = deque()  # what the network has for the SIM
        names = [*habits.memories, *([habits.report_memory] if habits.report_memory else [])]
        self.stored: dict[str, dict[int, list[Any]]] = {name: {} for name in names}
        self.pin_tries, self.mr = 3, 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.restart()

    def restart(self) -> None:
        """Settings as after power-on."""
        h = self.habits
        self.echo, self.cmee, self.cnmi, self.service, self.unlocked = True, 0, (0, 0, 0, 0, 0), 0, h.pin is None
        self.told = dict.fromkeys(h.registered, 0)
        self.memory = next(iter(h.memories))
        self.receive = h.receive if h.receive in h.memories else self.memory
        self.buffer, self.state, self.unacknowledged = bytearray(), "command", 0
        self.ready_at = asyncio.get_running_loop().time() + h.busy_s
        self.quiet, self.verbose, self.lost, self.function = h.quiet, not h.numeric, h.lost, h.function
        self.text_mode = True

    def plug(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.master, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self.slave))
        asyncio.get_running_loop().add_reader(self.master, self._readable)
        self.say(*self.habits.chatter)

    def unplug(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        self.link.unlink()
        os.close(self.slave)
        os.close(self.master)
        for task in self.tasks:
            task.cancel()
        self.restart()

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    def say(self, *lines: str) -> None:
        """Lines of an answer, or URCs."""
        before = self.habits.before if self.verbose else ""
        self.write("".join(before + line + self.habits.after for line in lines).encode("latin-1"))

    def register(self, stat: int) -> None:
        for name, known in self.habits.registered.items():
            if known is not None:
                self.habits.registered[name] = stat
                if self.told[name]:
                    self.say(f"{name}: {stat}")

    # ------------------------------------------------------------ bytes

    def _readable(self) -> None:
        try:
            data = os.read(self.master, 4096)
        except OSError:
            return
        if self.state == "air":
            self.breaches.append(f"bytes between payload and result: {data!r}")
            return
        data, self.lost = data[self.lost :], max(self.lost - len(data), 0)
        if self.echo or self.habits.echo_always:
            self.write(data)
        for byte in data:
            self._byte(byte)

    def _byte(self, byte: int) -> None:
        if self.state == "prompt" and byte == 0x1B:
            self.state, self.buffer = "command", bytearray()
            self._final()
        elif self.state == "prompt" and byte == 0x1A:
            payload, self.buffer, self.state = bytes(self.buffer), bytearray(), "air"
            self._start(self._payload(payload.decode("latin-1")))
        elif byte == 0x1B:
            self.buffer = bytearray()
        elif byte == 13 and self.state != "prompt":
            line, self.buffer = self.buffer.decode("latin-1").strip(), bytearray()
            if line.upper().startswith("AT"):
                if self.state == "busy":
                    self.breaches.append(f"a command before the result of the last: {line}")
                self.state = "busy"
                self._start(self._command(line[2:].strip()))
        else:
            self.buffer.append(byte)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.breaches.append(f"the foreign modem itself failed: {error!r}")

    def _noise(self) -> None:
        self.say(*self.habits.noise)

    def _final(self, text: str = "OK") -> None:
        if self.state in ("busy", "air"):
            self.state = "command"
        self._noise()
        if self.quiet:
            return
        if not self.verbose:
            self.write({"OK": b"0\r", "ERROR": b"4\r"}.get(text, text.encode() + b"\r"))
            return
        for result in self.habits.ok if text == "OK" else (text,):
            self.say(result)
        self._noise()

    def _error(self, code: int) -> None:
        kind = "CMS" if code >= 300 or code in (38, 1, 21) else "CME"
        if self.habits.cmee < 0 or (self.cmee == 0 and kind == "CME"):
            self._final("ERROR")
        else:
            self._final(f"+{kind} ERROR: {ERROR_TEXTS.get(code, code) if self.cmee == 2 else code}")

    # ------------------------------------------------------------ commands

    async def _command(self, text: str) -> None:
        found = re.match(r"(\+?[A-Z]+\d?)(.*)", text, re.IGNORECASE)
        name, rest = (found[1].upper(), found[2]) if found else (text, "")
        if name in self.habits.refused:
            return self._error(4)
        if name in ("Q0", "Q1") or text in ("Q0V1", "V1"):
            self.quiet, self.verbose = name == "Q1", True
            return self._final()
        if name in _SIM and (self.habits.no_sim or self.function != 1):
            return self._final("ERROR")
        if name in _SIM:
            if asyncio.get_running_loop().time() < self.ready_at:
                return self._error(14 if name in ("+CPIN", "+CIMI", "+CCID", "+CNUM") else 314)
            if not self.unlocked and name != "+CPIN":
                return self._error(11)
        if name in ("", "E0", "E1", "V1"):
            self.echo = name == "E1" if name[:1] == "E" else self.echo
            return self._final()
        if name == "+CMGS":
            return await self._cmgs(int(rest[1:]))
        if name in self.habits.registered:
            answer: list[str] | int = self._registration(name, rest)
        else:
            answer = getattr(self, "_do_" + name[1:].lower(), lambda _: 4)(rest)
        if isinstance(answer, int):
            return self._error(answer)
        self._noise()
        self.say(*answer)
        return self._final()

    def _do_cmee(self, rest: str) -> list[str] | int:
        if self.habits.cmee < 0 or (rest[1:].isdigit() and int(rest[1:]) > self.habits.cmee):
            return 4
        if rest == "?":
            return [f"+CMEE: {self.cmee}"]
        self.cmee = int(rest[1:])
        return []

    def _do_cgmi(self, _: str) -> list[str]:
        return ["Foreign"]

    def _do_cgmm(self, _: str) -> list[str]:
        return ["FX-1"]

    def _do_cgsn(self, _: str) -> list[str]:
        return ["860000001234567"]

    def _do_cimi(self, _: str) -> list[str]:
        return ["250010123456789"]

    def _do_ccid(self, _: str) -> list[str]:
        return ["+CCID: 8970101234567890123"]

    def _do_csq(self, _: str) -> list[str]:
        return ["+CSQ: 21,99"]

    def _do_csca(self, _: str) -> list[str]:
        return ['+CSCA: "+79160000000",145']

    def _do_cmgf(self, rest: str) -> list[str]:
        self.text_mode = self.text_mode if rest == "?" else rest == "=1"
        return [f"+CMGF: {int(self.text_mode)}"] if rest == "?" else []

    def _do_cfun(self, rest: str) -> list[str]:
        self.function = self.function if rest == "?" else int(rest[1:2])
        return [f"+CFUN: {self.function}"] if rest == "?" else []

    def _do_cmms(self, rest: str) -> list[str]:
        return ["+CMMS: (0-2)"] if rest == "=?" else []

    def _do_cpin(self, rest: str) -> list[str] | int:
        if rest == "?":
            return ["+CPIN: READY" if self.unlocked else "+CPIN: SIM PIN"]
        self.unlocked = rest[1:].strip('"') == self.habits.pin
        self.pin_tries -= not self.unlocked
        return [] if self.unlocked else 16

    def _registration(self, name: str, rest: str) -> list[str] | int:
        stat = self.habits.registered[name]
        if stat is None:
            return 4
        if rest == "?":
            return [f"{name}: {self.told[name]},{stat}" + (',"1A2B","01C3D4E5",7' if self.told[name] == 2 else "")]
        self.told[name] = int(rest[1:])
        return []

    def _do_csms(self, rest: str) -> list[str] | int:
        if int(rest[1:]) not in self.habits.csms:
            return 302
        self.service = int(rest[1:])
        return ["+CSMS: 1,1,1"]

    def _do_cnmi(self, rest: str) -> list[str] | int:
        h = self.habits
        if rest == "=?":
            return [f"+CNMI: {h.cnmi_range}"] if h.cnmi_range else 303
        if rest == "?":
            return ["+CNMI: " + ",".join(map(str, self.cnmi))]
        if h.cnmi_only is not None and rest[1:] not in h.cnmi_only:
            return 303
        values = tuple(int(v) for v in rest[1:].split(","))
        self.cnmi = (values + self.cnmi[len(values) :])[:5]
        return []

    def _do_cpms(self, rest: str) -> list[str] | int:
        h, count = self.habits, max(self.habits.cpms_counts)
        if rest == "=?":
            groups = ["(" + ",".join(f'"{m}"' for m in names) + ")" for names in (self.stored, h.memories, h.memories)]
            return ["+CPMS: " + ",".join(groups)] if h.cpms_range else 303
        if rest == "?":
            named = [self.memory, self.memory, self.receive][:count]
            return ["+CPMS: " + ",".join(f'"{m}",{self._fill(m)}' for m in named)]
        wanted = re.findall(r'"(..)"', rest)
        known = len(wanted) in h.cpms_counts and wanted[0] in self.stored
        if not known or not set(wanted[1:]) <= set(h.memories):
            return 302
        self.memory = wanted[0]
        if len(wanted) == 3 and not h.receive_fixed:
            self.receive = wanted[2]
        return ["+CPMS: " + ",".join(self._fill(m) for m in [*wanted, wanted[-1], wanted[-1]][:count])]

    def _fill(self, memory: str) -> str:
        return f"{len(self.stored[memory])},{self.habits.memories.get(memory, 100)}"

    def _do_cnma(self, _: str) -> list[str] | int:
        if not self.unacknowledged:
            return 340
        self.unacknowledged -= 1
        asyncio.get_running_loop().call_soon(self._pump)
        return []

    # ------------------------------------------------------------ messages that come

    def _with_pdu(self, head: str, tpdu: bytes, between: tuple[str, ...] = ()) -> None:
        octets = (codec.sca(self.habits.sca) if self.habits.sca is not None else b"") + tpdu
        self.say(head, *between, octets.hex() if self.habits.lower else octets.hex().upper())

    def _do_cmgl(self, rest: str) -> list[str] | int:
        if rest.strip('="') != self.habits.listing:
            return 303
        for index, entry in sorted(self.stored[self.memory].items()):
            self._with_pdu(f"+CMGL: {index},{entry[0]},,{len(entry[1])}", entry[1], self.habits.noise)
            entry[0] = 1
        return []

    def _do_cmgr(self, rest: str) -> list[str] | int:
        entry = self.stored[self.memory].get(int(rest[1:]))
        if entry is None:
            return 321
        self._with_pdu(f"+CMGR: {entry[0]},,{len(entry[1])}", entry[1], self.habits.noise)
        entry[0] = 1
        return []

    def _do_cmgd(self, rest: str) -> list[str] | int:
        if rest == "=?":
            return 303
        entry = self.stored[self.memory].pop(int(rest[1:]), None)
        if entry is None:
            return 321
        if not self.on_delete(entry[1].hex().upper()):
            self.breaches.append(f"deleted before it was kept: {entry[1].hex()}")
        asyncio.get_running_loop().call_soon(self._pump)
        return []

    def throw(self, *tpdus: bytes) -> None:
        """The network has these for the SIM."""
        self.waiting.extend(tpdus)
        self._pump()

    def _pump(self) -> None:
        """Hand over what the network keeps, as far as there is room and nothing is unacknowledged."""
        h = self.habits
        while self.waiting:
            tpdu = self.waiting[0]
            report = tpdu[0] & 3 == 2
            mode = self.cnmi[3 if report else 1]
            if mode == (1 if report else 2):
                if self.unacknowledged:
                    return
                self.unacknowledged += self.service
                self._with_pdu(f"+CDS: {len(tpdu)}" if report else f"+CMT: ,{len(tpdu)}", self.waiting.popleft())
            elif not report or mode == 2:
                memory = (h.report_memory or self.receive) if report else self.receive
                places = self.stored[memory]
                room = range(h.first_index, h.first_index + h.memories.get(memory, 100))
                free = next((place for place in room if place not in places), None)
                if free is None:
                    return
                places[free] = [0, self.waiting.popleft()]
                if mode:
                    named = h.report_named or memory
                    self.say(f'+CDSI: "{named}",{free}' if report else f'+CMTI: "{memory}",{free + h.shift}')
            else:
                self.waiting.popleft()

    # ------------------------------------------------------------ messages that go

    async def _cmgs(self, length: int) -> None:
        self.length = length
        if self.fate and self.fate[0] == "early":
            self.fate.popleft()
            return self._error(512)
        await asyncio.sleep(self.habits.prompt_delay_s)
        self._noise()
        self.state = "prompt"
        return self.write(self.habits.prompt)

    async def _payload(self, hexed: str) -> None:
        h = self.habits
        if self.text_mode:
            self.breaches.append(f"a PDU goes out as a text to {self.length}")
        try:
            message = codec.submit(hexed, self.length)
        except (AssertionError, ValueError, IndexError, KeyError) as problem:
            self.breaches.append(f"bad PDU {hexed}: {problem!r}")
            return self._error(304)
        self._noise()
        fate = self.fate.popleft() if self.fate else ""
        fate = self.refuse.get(message.to, fate)
        await asyncio.sleep(h.latency_s)
        if isinstance(fate, int):
            return self._error(fate)
        if fate == "late OK first":
            self.say("OK")
            await asyncio.sleep(0.05)
        self.sent.append(message)
        reference, self.mr = self.mr, (self.mr + 1) % 256
        if message.srr and self.reports:
            if fate == "report first":
                self.throw(codec.report(reference, message.to))
                await asyncio.sleep(0.05)
            else:
                asyncio.get_running_loop().call_later(0.02, self.throw, codec.report(reference, message.to))
        if fate == "unplug":
            return self.unplug()
        self.say(h.cmgs.format(mr=reference))
        await asyncio.sleep(h.ok_delay_s)
        return self._final()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.unplug()
