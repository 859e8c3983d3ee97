"""A bench of USB sticks for a gateway that believes in them: umockdev's fake /sys, /dev and udev events, and simulated
modems behind the AT ports. `Bench` starts it as a process of its own, as umockdev must be preloaded; the process reads
commands as JSON lines and answers each with one.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import functools
import glob
import json
import os
import shutil
import sys
import time
import tty
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PRELOAD = "libumockdev-preload.so.0"
CONTROLLER = "/devices/pci0000:00/0000:00:14.0/usb1"
ROOT = Path(__file__).parents[1]

Kind = tuple[int, int, int]


@dataclass(frozen=True)
class Layout:
    """A model's USB id and its interfaces: number -> (class, subclass, protocol), endpoints, what it is.

    "at" is the simulator's AT port, "at2" another of its ports if it has one; all else listens and must hear nothing.
    "net" has no tty.
    """

    usb: str
    product: str
    interfaces: dict[int, tuple[Kind, int, str]]
    manufacturer: str = "Maker"


LAYOUTS = {
    "e3372": Layout(
        "12d1:1506",
        "HUAWEI Mobile",
        {0: ((255, 2, 1), 3, "at2"), 1: ((255, 2, 3), 2, "diag"), 2: ((255, 2, 2), 3, "at"), 3: ((8, 6, 80), 2, "net")},
    ),
    "ec25": Layout(
        "2c7c:0125",
        "EC25",
        {
            0: ((255, 255, 255), 2, "diag"),
            1: ((255, 0, 0), 3, "gps"),
            2: ((255, 0, 0), 3, "at"),
            3: ((255, 0, 0), 3, "at2"),
            4: ((255, 255, 255), 3, "net"),
        },
    ),
    # nobody's table has it: the maker is known, the model is not
    "unknown": Layout("2c7c:7777", "Module", {0: ((255, 255, 0x30), 2, "diag"), 4: ((255, 0, 0), 3, "at")}),
}


def preload() -> str | None:
    """umockdev's library, None where it is not installed."""
    found = sorted(
        path for folder in ("/usr/lib/*", "/usr/lib", "/usr/local/lib") for path in glob.glob(f"{folder}/{PRELOAD}")
    )
    return found[0] if found else None


# ---------------------------------------------------------------- inside


@dataclass
class _Ear:
    """A port that is not for AT, and what was written to it all the same."""

    name: str
    master: int
    slave: int
    heard: bytearray = field(default_factory=bytearray)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)

    def listen(self) -> None:
        with contextlib.suppress(OSError):
            self.heard += os.read(self.master, 4096)


class _Inside:
    """What runs in the preloaded process."""

    def __init__(self, simulation: Any) -> None:
        self._sim = simulation
        lib = self._lib = ctypes.CDLL(PRELOAD.replace("-preload", ""))
        lib.umockdev_testbed_new.restype = ctypes.c_void_p
        lib.umockdev_testbed_get_root_dir.restype = ctypes.c_char_p
        lib.umockdev_testbed_get_root_dir.argtypes = [ctypes.c_void_p]
        lib.umockdev_testbed_add_from_string.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        lib.umockdev_testbed_uevent.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
        lib.umockdev_testbed_remove_device.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        self._bed = lib.umockdev_testbed_new()
        self.root = lib.umockdev_testbed_get_root_dir(self._bed).decode()
        os.makedirs(f"{self.root}/dev/.node", exist_ok=True)
        self._add("P: /devices/pci0000:00/0000:00:14.0\nE: SUBSYSTEM=pci\n")
        self._add(f"P: {CONTROLLER}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor=1d6b\nA: idProduct=0002\n")
        self._ears: list[_Ear] = []
        self._plugged: dict[str, list[tuple[int, str]]] = {}  # place -> (tty number, sysfs path)
        self._first: dict[int, float] = {}
        self._plugged_at: dict[int, float] = {}
        for index, host in enumerate(simulation.modems):
            self._watch(index, host.modem)

    def _watch(self, index: int, modem: Any) -> None:
        feed = modem.feed

        def feeding(data: bytes, now: float, port: int = 0) -> None:
            self._first.setdefault(index, time.monotonic())
            feed(data, now, port)

        modem.feed = feeding

    def _add(self, text: str) -> None:
        if not self._lib.umockdev_testbed_add_from_string(self._bed, text.encode(), None):
            raise RuntimeError(f"umockdev takes no such device:\n{text}")

    def plug(self, modem: int, layout: str, place: str, tty: int, serial: str = "0000") -> None:
        """Put stick `modem` in at `place` ("1-1"); its ports get numbers from `tty` on."""
        kind, host = LAYOUTS[layout], self._sim.modems[modem]
        if not host.modem.plugged:
            host.modem.replug()
            self._sim.pump()
        vid, pid = kind.usb.split(":")
        device = f"{CONTROLLER}/{place}"
        self._add(
            f"P: {device}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_device\nA: idVendor={vid}\nA: idProduct={pid}\n"
            f"A: serial={serial}\nA: manufacturer={kind.manufacturer}\nA: product={kind.product}\n"
            f"A: authorized=1\nA: bNumInterfaces= {len(kind.interfaces)}\n"
        )
        spare = [p for p in range(len(host.links)) if p != host.modem.personality.at_port]
        self._plugged[place] = []
        self._first.pop(modem, None)
        self._plugged_at[modem] = time.monotonic()
        for number, ((klass, sub, protocol), endpoints, use) in kind.interfaces.items():
            interface = f"{device}/{place}:1.{number}"
            self._add(
                f"P: {interface}\nE: SUBSYSTEM=usb\nE: DEVTYPE=usb_interface\nA: bInterfaceNumber={number:02x}\n"
                f"A: bInterfaceClass={klass:02x}\nA: bInterfaceSubClass={sub:02x}\n"
                f"A: bInterfaceProtocol={protocol:02x}\nA: bNumEndpoints={endpoints:02x}\n"
            )
            if use == "net":
                continue
            if use == "at":
                wire = os.path.realpath(host.port)
            elif use == "at2" and spare:
                wire = os.path.realpath(host.links[spare[0]])
            else:
                wire = self._ear(f"{place}:{number}")
            self._tty(place, interface, tty, wire)
            tty += 1

    def _ear(self, name: str) -> str:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        ear = _Ear(name, master, slave)
        asyncio.get_running_loop().add_reader(master, ear.listen)
        self._ears.append(ear)
        return os.ttyname(slave)

    def _tty(self, place: str, interface: str, number: int, wire: str) -> None:
        name = f"ttyUSB{number}"
        port = f"{interface}/{name}"
        self._add(f"P: {port}\nE: SUBSYSTEM=usb-serial\n")
        self._add(
            f"P: {port}/tty/{name}\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/{name}\nE: MAJOR=188\nE: MINOR={number}\n"
            f"L: device=../../../{name}\n"
        )
        # as in the kernel: what sysfs says is there before the node is
        with contextlib.suppress(FileExistsError):
            os.symlink(f"188:{number}", f"{self.root}/dev/.node/{name}")
        os.symlink(wire, f"{self.root}/dev/{name}")
        self._plugged[place].append((number, f"{port}/tty/{name}"))

    def unplug(self, *sticks: tuple[int, str]) -> None:
        """Pull sticks out, each given as (modem, place).

        First all nodes go, while the gateway has no reason to look at them: umockdev ends a program that looks at a
        link of /dev in the moment in which it goes.
        """
        ports = [port for _, place in sticks for port in self._plugged.pop(place)]
        for number, _ in ports:
            os.unlink(f"{self.root}/dev/ttyUSB{number}")
        for modem, _ in sticks:
            if self._sim.modems[modem].modem.plugged:
                self._sim.unplug(modem)
        for _, path in ports:
            self._lib.umockdev_testbed_uevent(self._bed, f"/sys{path}".encode(), b"remove")
        for _, place in sticks:
            self._lib.umockdev_testbed_remove_device(self._bed, f"/sys{CONTROLLER}/{place}".encode())
        for link in glob.glob(f"{self.root}/sys/bus/*/devices/*") + glob.glob(f"{self.root}/sys/class/tty/*"):
            if os.path.islink(link) and not os.path.exists(link):  # umockdev forgets some, and would trip over them
                os.unlink(link)

    def swap_sims(self, one: int, other: int) -> None:
        """The SIMs of two sticks that are not plugged in change places."""
        a, b = self._sim.modems[one].modem, self._sim.modems[other].modem
        a.sim, b.sim = b.sim, a.sim

    def opened(self, modem: int) -> float | None:
        """Seconds from the last `plug` to the first byte that the gateway wrote to the stick."""
        first = self._first.get(modem)
        return None if first is None else first - self._plugged_at[modem]

    def written(self) -> dict[str, str]:
        """What was written to ports that are not for AT."""
        return {ear.name: ear.heard.hex() for ear in self._ears if ear.heard}

    def inject(self, modem: int, text: str) -> None:
        """A text arrives for the SIM in a stick."""
        self._sim.network.inject(self._sim.modems[modem].modem.sim.number, text)
        self._sim.pump()

    def imei(self, modem: int, value: str) -> None:
        """Let a stick claim another IMEI."""
        self._sim.modems[modem].modem.imei = value

    def sent(self) -> list[str]:
        """The texts that reached far phones."""
        return [message.text for message in self._sim.far]

    def close(self) -> None:
        for ear in self._ears:
            ear.close()
        shutil.rmtree(self.root, ignore_errors=True)


async def _serve() -> None:
    from modemsim.simulation import Simulation

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    options = json.loads(await reader.readline())
    options["dir"] = Path(options["dir"])
    async with Simulation(latency=0.01, **options) as simulation:
        for index in range(len(simulation.modems)):
            simulation.unplug(index)
        inside = _Inside(simulation)
        print(json.dumps({"root": inside.root}), flush=True)
        while line := await reader.readline():
            name, arguments = json.loads(line)
            try:
                answer = {"ok": getattr(inside, name)(*arguments)}
            except Exception as error:  # told to the test, which fails with it
                answer = {"error": repr(error)}
            print(json.dumps(answer), flush=True)
        inside.close()


# ---------------------------------------------------------------- outside

#: umockdev is not made for programs with threads: two that look at links at once share a buffer, and an assertion ends
#: the program. That says nothing of the program.
TRIPPED = "libumockdev-preload.c"
TRIES = 6

Test = Callable[[Path], Coroutine[Any, Any, None]]


def tried_again(test: Test) -> Test:
    """A test that is run anew, in another directory, when umockdev has ended a program that logs into `log` there."""

    @functools.wraps(test)
    async def trying(tmp_path: Path) -> None:
        for number in range(TRIES):
            directory = tmp_path / str(number)
            directory.mkdir()
            try:
                await test(directory)
                return
            except Exception:
                log = directory / "log"
                if number == TRIES - 1 or not log.exists() or TRIPPED not in log.read_text():
                    raise

    return trying


class Bench:
    """The bench as a test sees it: `await bench("plug", 0, "ec25", "1-1", 0)`."""

    def __init__(self, process: asyncio.subprocess.Process, environment: dict[str, str]) -> None:
        self._process = process
        self.environment = environment  # for programs that shall see the sticks

    async def __call__(self, name: str, *arguments: Any) -> Any:
        """Call a method of `_Inside`."""
        answer = await _talk(self._process, [name, list(arguments)])
        assert "error" not in answer, answer
        return answer["ok"]


@contextlib.asynccontextmanager
async def bench(directory: Path, **simulation: Any) -> AsyncIterator[Bench]:
    """A bench with `Simulation(**simulation)`, all sticks unplugged."""
    library = preload()
    assert library is not None
    paths = [str(ROOT), str(ROOT / "simulators"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "LD_PRELOAD": library, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.umockdev_bench", stdin=-1, stdout=-1, cwd=ROOT, env=environment
    )
    try:
        answer = await _talk(process, {"dir": str(directory), **simulation})
        yield Bench(process, {**environment, "UMOCKDEV_DIR": answer["root"]})
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _talk(process: asyncio.subprocess.Process, message: Any) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    async with asyncio.timeout(30):
        line = await process.stdout.readline()
    assert line, "the bench ended"
    return dict(json.loads(line))


if __name__ == "__main__":
    asyncio.run(_serve())
