"""What the doctor's tests stand on: the real command in a process of its own, pseudo-terminals that play anything,
and a machine's /sys and /dev made of files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import termios
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Answerer = Callable[[bytes, int], bytes]

#: A healthy modem, as questions and answers.
HEALTHY: Mapping[str, str] = {
    "AT": "",
    "AT+CGMI": "Quectel",
    "AT+CGMM": "EC25",
    "AT+CGMR": "EC25EFAR06A06M4G",
    "AT+CGSN": "864425040000018",
    "AT+CFUN?": "+CFUN: 1",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CSQ": "+CSQ: 20,99",
    "AT+CREG?": "+CREG: 0,1",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+CGREG?": "+CGREG: 0,1",
    "AT+COPS?": '+COPS: 0,0,"Operator",7',
    "AT+CMGF?": "+CMGF: 0",
    "AT+CSMS?": "+CSMS: 1,1,1,1",
    "AT+CSCA?": '+CSCA: "+79000009999",145',
    "AT+CPMS?": '+CPMS: "ME",0,23,"ME",0,23,"ME",0,23',
    "AT+CNMI?": "+CNMI: 2,1,0,1,0",
    "AT+CIMI": "250990000000001",
    "AT+CNUM": '+CNUM: ,"+79990000001",145',
    "AT+CCID": "+CCID: 89701990000000000017",
    'AT+QURCCFG="urcport"': '+QURCCFG: "urcport","usbat"',
}


@dataclass(frozen=True)
class Told:
    """What `modemgw doctor --json` said."""

    status: int
    document: Json

    @property
    def top(self) -> Json:
        """The finding that is to be seen to first."""
        wanted = self.document["top"]
        return next(f for f in self.findings if f["key"] == wanted and f["verdict"] in ("problem", "warning"))

    @property
    def findings(self) -> list[Json]:
        return list(self.document["findings"])

    @property
    def problems(self) -> list[str]:
        return [f["key"] for f in self.findings if f["verdict"] == "problem"]

    def of(self, key: str) -> Json:
        """The finding with this key."""
        return next(f for f in self.findings if f["key"] == key)


#: Root without its powers: files of others are closed to it, and so are processes that have them.
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")


async def modemgw(*arguments: str, before: Sequence[str] = (), text: str = "") -> tuple[int, str, str]:
    """Status, output and complaints of the command, run from outside; `before` goes before it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODEMGW_")}
    process = await asyncio.create_subprocess_exec(
        *before,
        sys.executable,
        "-c",
        "from modemgw.cli import main; main()",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(text.encode()), 90)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"modemgw {' '.join(arguments)} took too long: {out!r} {err!r}") from None
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def doctor(
    config: Path, *arguments: str, root: Path | None = None, before: Sequence[str] = (), apart: bool = False
) -> Told:
    """What `modemgw doctor --json` tells, of a machine that has nothing but what the test gave it.

    In a thread of this process, which starts at once; with `before` or `apart` as the real command in a process of its
    own. What else runs or is installed on this machine is not seen: `root` is an empty folder unless it is given, and
    only this process and those of `process()` are in its /proc.
    """
    words = ["--config", str(config), "--root", str(_alone(root or config.parent / "alone")), *arguments]
    if not before and not apart:
        return await asyncio.to_thread(_diagnosed, words)
    status, out, err = await modemgw("doctor", "--json", *words, before=before)
    assert "Traceback" not in err, err
    assert out, err
    return Told(status, json.loads(out))


def _diagnosed(words: list[str]) -> Told:
    from modemgw.cli import doctor as command
    from modemgw.doctor.examine import diagnose

    options = command.doctor.make_context("doctor", words).params
    request = command.request_of(*(options[name] for name in ("config", "port", "url", "api_key", "root")))
    report = asyncio.run(diagnose(request))
    return Told(int(bool(report.diagnosis.problems)), json.loads(json.dumps(report.as_json())))


#: Processes that tests have started and that are to be seen.
_STARTED: set[int] = set()


def _alone(root: Path) -> Path:
    """The folder, with a /proc that has this test's processes only, and the pseudo-terminals."""
    shutil.rmtree(root / "proc", ignore_errors=True)
    (root / "proc").mkdir(parents=True)
    for name in ("self", *map(str, (os.getpid(), *_STARTED))):
        (root / "proc" / name).symlink_to(f"/proc/{name}")
    if not (root / "dev/pts").exists():
        (root / "dev").mkdir(exist_ok=True)
        (root / "dev/pts").symlink_to("/dev/pts")
    return root


def write_config(directory: Path, *ports: str, extra: str = "", modem: str = "", listen: str = "127.0.0.1:1") -> Path:
    """A configuration of mode 0600 with a modem a port, called m0, m1 …; nothing listens at `listen`."""
    path = directory / "modemgw.toml"
    modems = "".join(f'[[modem]]\nname = "m{n}"\nport = "{port}"\n{modem}' for n, port in enumerate(ports))
    path.write_text(
        f'[http]\nlisten = "{listen}"\n[store]\npath = "{directory / "modemgw.db"}"\n{modems}'
        f'[[account]]\nlogin = "shop"\npassword = "secret"\napi_key = "key-of-shop"\n{extra}'
    )
    path.chmod(0o600)
    return path


# ---------------------------------------------------------------- ports


@contextlib.asynccontextmanager
async def port(link: Path, answer: Answerer) -> AsyncIterator[Path]:
    """A pseudo-terminal behind `link`. `answer(data, speed)` gives what comes back."""
    loop = asyncio.get_running_loop()
    master, slave = os.openpty()
    os.set_blocking(master, False)
    tty.setraw(slave)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.ttyname(slave))

    def readable() -> None:
        with contextlib.suppress(OSError):
            data = os.read(master, 4096)
            out = answer(data, termios.tcgetattr(master)[5])
            if out:
                os.write(master, out)

    loop.add_reader(master, readable)
    try:
        yield link
    finally:
        loop.remove_reader(master)
        link.unlink()
        os.close(slave)
        os.close(master)


def scripted(changes: Mapping[str, str] | None = None, *, speed: int | None = None) -> Answerer:
    """A modem that answers as HEALTHY does, but for the changes; `ERROR…` and `+CM…ERROR…` are results.

    With `speed` (a termios constant) it understands nothing else.
    """
    answers = {**HEALTHY, **(changes or {})}
    line = bytearray()

    def answer(data: bytes, current: int) -> bytes:
        if speed is not None and current != speed:
            return bytes((0xF8, 0x80, 0x1E)) * len(data)
        out = bytearray()
        for byte in data:
            if byte == 0x1B:
                continue
            if byte != 0x0D:
                line.append(byte)
                continue
            asked = line.decode("latin-1").strip()
            line.clear()
            if not asked:
                continue
            said = answers.get(asked, "ERROR")
            out += f"{asked}\r".encode()
            if "ERROR" in said:
                out += f"\r\n{said}\r\n".encode()
            else:
                out += (f"\r\n{said}\r\n" if said else "").encode() + b"\r\nOK\r\n"
        return bytes(out)

    return answer


def parrot(data: bytes, _speed: int) -> bytes:
    """Gives back what it is told: a loopback plug."""
    return data


def asleep(answer: Answerer, seconds: float) -> Answerer:
    """Hears nothing for so long after the first byte."""
    woken: list[float] = []

    def after(data: bytes, speed: int) -> bytes:
        woken.append(time.monotonic())
        return answer(data, speed) if woken[-1] - woken[0] >= seconds else b""

    return after


def mute(_data: bytes, _speed: int) -> bytes:
    return b""


def saying(text: bytes) -> Answerer:
    """Says the same whatever it is told."""
    return lambda _data, _speed: text


# ---------------------------------------------------------------- a machine of files


@dataclass(frozen=True)
class Machine:
    """/sys, /dev and the rest below a directory, for --root."""

    root: Path

    def usb(self, place: str, usb: str, title: str, *interfaces: tuple[str, str, str | None]) -> None:
        """A device; each interface is ("ff/ff/30", name of its tty or "", driver or None), in order from 0."""
        base = self.root / "sys/bus/usb/devices"
        device = base / place
        device.mkdir(parents=True)
        vid, _, pid = usb.partition(":")
        for name, value in (("idVendor", vid), ("idProduct", pid), ("bDeviceClass", "00"), ("product", title)):
            (device / name).write_text(f"{value}\n")
        for number, (kind, tty_name, driver) in enumerate(interfaces):
            folder = base / f"{place}:1.{number}"
            folder.mkdir()
            values = dict(zip(("Class", "SubClass", "Protocol"), kind.split("/"), strict=True))
            for name, value in {**values, "Number": f"{number:02x}"}.items():
                (folder / f"bInterface{name}").write_text(f"{value}\n")
            (folder / "bNumEndpoints").write_text("03\n")
            if driver is not None:
                target = self.root / "sys/bus/usb/drivers" / driver
                target.mkdir(parents=True, exist_ok=True)
                (folder / "driver").symlink_to(target)
            if tty_name:
                (folder / tty_name).mkdir()

    def device(self, name: str) -> Path:
        """Where a device file of the machine is to be."""
        path = self.root / "dev" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, absolute: str, text: str) -> Path:
        path = self.root / absolute.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


@contextlib.contextmanager
def process(script: str, *arguments: str) -> Iterator[int]:
    """Another program, which has said that it is ready; its pid."""
    import subprocess

    child = subprocess.Popen(
        [sys.executable, "-c", script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        assert child.stdout.readline().strip() == "ready"
        _STARTED.add(child.pid)
        yield child.pid
    finally:
        _STARTED.discard(child.pid)
        child.stdin.close()
        child.wait(10)
        child.stdout.close()


#: Takes the name and the port given, and holds the port as ModemManager does (TIOCEXCL and a lock).
HOLD = """
import ctypes, fcntl, os, sys, termios
ctypes.CDLL(None).prctl(15, sys.argv[1].encode(), 0, 0, 0)
fd = os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY)
fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("ready", flush=True)
sys.stdin.read()
"""
