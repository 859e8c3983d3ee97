"""The machine as the doctor sees it: device, system and configuration files, processes, mounts. Reads only.

`root` is another place for /dev, /sys, /etc, /run, /var and /lib: a host's file system mounted in a container. Where
/proc is mounted there too, what runs on the machine is looked up in it.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from modemgw.modem.ports.transport import holders

_MOVED = ("/dev/", "/sys/", "/etc/", "/run/", "/var/", "/lib/", "/usr/lib/")

LOCK_FOLDERS = ("/var/lock", "/run/lock")

#: Programs that take every modem they see, and how they are kept away.
GRABBERS = {
    "ModemManager": "sudo modemgw udev install --reload (it tells ModemManager to leave modems alone), "
    "or sudo systemctl disable --now ModemManager if nothing else needs it",
    "gammu-smsd": "sudo systemctl disable --now gammu-smsd",
    "smsd": "sudo systemctl disable --now smstools",
    "pppd": "end that data connection; a modem's AT port cannot be shared with pppd",
    "wvdial": "end that data connection; a modem's AT port cannot be shared with wvdial",
    "minicom": "leave minicom (Ctrl-A X)",
    "picocom": "leave picocom (Ctrl-A Ctrl-X)",
    "screen": "leave screen (Ctrl-A \\)",
    "asterisk": "take this port out of chan_dongle's configuration and restart Asterisk",
    "brltty": "sudo systemctl disable --now brltty brltty-udev, or remove the package brltty",
}


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a port open."""

    name: str
    pid: int

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class LockFile:
    """A UUCP lock file (FHS 5.9) of a port. `owner` is None where its process is gone."""

    path: Path
    pid: int
    owner: Holder | None


@dataclass(frozen=True, slots=True)
class Host:
    """See the module."""

    root: Path = Path("/")

    def path(self, absolute: str) -> Path:
        """Where a file of the system is."""
        if self.root == Path("/") or not absolute.startswith(_MOVED):
            return Path(absolute)
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str | None:
        """A small file, or None."""
        try:
            return self.path(absolute).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def lock_of(self, port: str) -> LockFile | None:
        """The lock file of a port, if there is one that can be read."""
        name = os.path.basename(os.path.realpath(self.path(port)))
        for folder in LOCK_FOLDERS:
            path = self.path(f"{folder}/LCK..{name}")
            try:
                raw = path.read_bytes()
            except OSError:
                continue
            pid = _lock_pid(raw)
            if pid is None or pid == os.getpid():
                continue
            alive = Path(f"/proc/{pid}").exists()
            return LockFile(path, pid, Holder(_comm(pid), pid) if alive else None)
        return None

    def holders(self, port: str) -> list[Holder]:
        """Who has the port open; the other end of a pseudo-terminal is not counted."""
        path = str(self.path(port))
        found = []
        for text in holders(path):
            name, _, rest = text.rpartition(" (pid ")
            pid = rest.rstrip(")")
            if pid.isdigit() and not _is_other_end(int(pid), path):
                found.append(Holder(_known_as(int(pid)) or name, int(pid)))
        return found

    def running(self, name: str) -> Holder | None:
        """A process of this name, also one that this user may not look into."""
        proc = self._proc
        for entry in proc.iterdir():
            if not entry.name.isdigit():
                continue
            if _comm(int(entry.name), proc) == name[:15] or _known_as(int(entry.name), proc) == name:
                return Holder(name, int(entry.name))
        return None

    @property
    def _proc(self) -> Path:
        mounted = self.root / "proc"
        return mounted if (mounted / "self").exists() else Path("/proc")

    @property
    def container(self) -> str | None:
        """What kind of container this is; None outside of any."""
        if self.path("/run/.containerenv").exists():
            return "podman"
        if (self.root / ".dockerenv").exists():
            return "docker"
        return (self.text("/run/systemd/container") or "").strip() or None

    def file_system(self, path: Path) -> tuple[str, str] | None:
        """(type, mount point) of what `path` lies on."""
        try:
            table = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
            real = os.path.realpath(path)
        except OSError:
            return None
        best: tuple[str, str] | None = None
        for line in table.splitlines():
            fields = line.split()
            if len(fields) < 3:
                continue
            point = fields[1].replace("\\040", " ")
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and (best is None or len(point) >= len(best[1])):
                best = fields[2], point
        return best


def is_modemgw(pid: int) -> bool:
    """The process runs this program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(os.path.basename(word).startswith(b"modemgw") for word in words[:4])


def _comm(pid: int, proc: Path = Path("/proc")) -> str:
    try:
        return (proc / f"{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "a program"


def _known_as(pid: int, proc: Path = Path("/proc")) -> str | None:
    """The name that a program goes by, where it is one of those that take modems."""
    try:
        first = (proc / f"{pid}/cmdline").read_bytes().partition(b"\0")[0]
    except OSError:
        return None
    name = os.path.basename(first.decode("utf-8", "replace"))
    return name if name in GRABBERS else None


def _lock_pid(raw: bytes) -> int | None:
    """Ten ASCII digits (HDB), or four octets in the machine's order."""
    words = raw.split()
    if words and words[0].isdigit():
        return int(words[0])
    return int.from_bytes(raw, "little") if len(raw) == 4 else None


#: Of the kernel's list of devices: the slaves of Unix98 pseudo-terminals, under whatever name.
_PTY_MAJORS = range(136, 144)


def _is_other_end(pid: int, port: str) -> bool:
    """The process has the master of this pseudo-terminal: it is what plays the modem (a simulator, socat)."""
    try:
        status = os.stat(port)
        if not stat.S_ISCHR(status.st_mode) or os.major(status.st_rdev) not in _PTY_MAJORS:
            return False
        index = str(os.minor(status.st_rdev))
        for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
            for line in entry.read_text(encoding="ascii", errors="replace").splitlines():
                if line.startswith("tty-index:") and line.split()[1] == index:
                    return True
    except (OSError, IndexError):
        return False
    return False
