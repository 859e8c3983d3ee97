"""The only place that opens a port: serial device, pty, and by `sockets` what is on the network. Bytes in, bytes out;
knows no AT.

pyserial opens and configures, asyncio reads the descriptor: no polling, no thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import grp
import logging
import os
import pwd
import stat
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import serial

from modemgw.errors import ModemgwError
from modemgw.modem.ports.telnet import DTR_OFF, DTR_ON, SET_CONTROL, ComPort

log = logging.getLogger(__name__)

OPEN_LIMIT_S = 10.0  # opening a dead tty may block in the kernel for ever
READ_SIZE = 4096  # octets at a time: a port that says much holds nobody up
LAST_READS = 16  # of a port that is gone
WRITE_LIMIT = 65536  # bytes that a modem may leave unread before the port counts as stuck

LOCK_FOLDERS = ("/var/lock", "/run/lock")

OnData = Callable[[bytes], None]
OnLost = Callable[[Exception | None], None]


class PortError(ModemgwError):
    """A port cannot be opened or used; `url` names it."""

    def __init__(self, url: str, sentence: str) -> None:
        self.url = url
        super().__init__(sentence)


class PortMissing(PortError):
    """There is no such port: not plugged in, or renamed."""


class PortBusy(PortError):
    """Another program holds the port."""


class PortDenied(PortError):
    """This user may not open the port."""


class PortLost(PortError):
    """The port was open and is gone: unplugged, hung up or closed by the other side."""


class Tap(Protocol):
    """Hears all that goes over a port, in its order, without a part in it (see `trace`)."""

    def sent(self, data: bytes) -> None: ...

    def received(self, data: bytes) -> None: ...

    def event(self, text: str) -> None: ...


class Transport:
    """An open port. `on_data` gets bytes as they come; `on_lost` is called once if the port goes away by itself."""

    def __init__(
        self,
        url: str,
        fd: int,
        close_port: Callable[[], None],
        serial_port: serial.Serial | None,
        *,
        coding: ComPort | None = None,
        early: bytes = b"",
    ) -> None:
        """`coding` is how data go over the wire, None for as they are; `early` is what was read already."""
        self.url = url
        self.on_data: OnData = _ignore
        self.on_lost: OnLost = _ignore
        self.tap: Tap | None = None
        self._fd = fd
        self._close_port = close_port
        self._serial = serial_port
        self._coding = coding
        self._early = early
        self._loop = asyncio.get_running_loop()
        self._unsent = bytearray()
        self._open = True
        self._reading = False
        self._held = False  # by the other side: nothing may be written

    @property
    def is_open(self) -> bool:
        return self._open

    def start(self, on_data: OnData, on_lost: OnLost) -> None:
        """Begin to read. Bytes that came before wait in the kernel and are delivered first."""
        self.on_data, self.on_lost = on_data, on_lost
        if self._open and not self._reading:
            self._reading = True
            self._loop.add_reader(self._fd, self._readable)
            if self._early:
                self._loop.call_soon(self._hear, b"")

    def write(self, data: bytes) -> None:
        """Write without waiting; what the port does not take at once goes out as it takes it. Raises PortLost."""
        if not self._open:
            raise PortLost(self.url, f"The port {self.url} is closed.")
        if self.tap is not None:
            self.tap.sent(data)
        self._send(data if self._coding is None else self._coding.encode(data))

    def _send(self, data: bytes) -> None:
        if not self._unsent and not self._held:
            try:
                taken = os.write(self._fd, data)
            except (BlockingIOError, InterruptedError):
                taken = 0
            except OSError as exc:
                self._lose(exc)
                raise PortLost(self.url, f"Writing to {self.url} failed: {exc.strerror or exc}.") from exc
            if taken == len(data):
                return
            data = data[taken:]
            self._loop.add_writer(self._fd, self._writable)
        if len(self._unsent) + len(data) > WRITE_LIMIT:
            self._lose(None)
            raise PortLost(self.url, f"The port {self.url} takes no more bytes; the modem does not read.")
        self._unsent += data

    async def toggle_dtr(self, low_s: float = 0.5) -> bool:
        """Drop DTR and raise it again, which wakes or resets many modems; False where the port has no such line."""
        if self._coding is not None:
            return await self._toggle_remote_dtr(self._coding, low_s)
        if self._serial is None or not self._open:
            return False
        try:
            self._serial.dtr = False
            await asyncio.sleep(low_s)
            if self._open:
                self._serial.dtr = True
        except OSError:
            return False
        return True

    async def _toggle_remote_dtr(self, coding: ComPort, low_s: float) -> bool:
        if not self._open or not coding.agreed:
            return False
        try:
            coding.ask(SET_CONTROL, bytes([DTR_OFF]))
            self._send(coding.take_replies())
            await asyncio.sleep(low_s)
            coding.ask(SET_CONTROL, bytes([DTR_ON]))
            if self._open:
                self._send(coding.take_replies())
        except PortLost:
            return False
        return True

    def close(self) -> None:
        """Close the port; `on_lost` is not called. May be called again."""
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._unsent.clear()
        with contextlib.suppress(OSError, termios.error):
            self._close_port()
        if self.tap is not None:
            tap, self.tap = self.tap, None
            tap.event("close")

    def drop(self) -> None:
        """The device is gone, whether or not its port has noticed: take what it said last, then tell the loss."""
        for _ in range(LAST_READS):
            if self._open and self._reading:
                self._readable()
        self._lose(OSError(errno.ENODEV, os.strerror(errno.ENODEV)))

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._lose(exc)
            return
        if data:
            self._hear(data)
        else:
            self._lose(None)

    def _hear(self, data: bytes) -> None:
        early, self._early = self._early, b""
        if self._coding is not None:
            data = self._decode(self._coding, data)
        data = early + data
        if data and self._open:
            if self.tap is not None:
                self.tap.received(data)
            self.on_data(data)

    def _decode(self, coding: ComPort, data: bytes) -> bytes:
        data = coding.decode(data)
        replies = coding.take_replies()
        if self._held and not coding.suspended and self._unsent:
            self._loop.add_writer(self._fd, self._writable)
        elif coding.suspended and not self._held:
            self._loop.remove_writer(self._fd)
        self._held = coding.suspended
        if replies:
            with contextlib.suppress(PortLost):  # it is told by on_lost
                self._send(replies)
        return data

    def _writable(self) -> None:
        try:
            taken = os.write(self._fd, self._unsent)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as exc:
            self._lose(exc)
            return
        del self._unsent[:taken]
        if not self._unsent:
            self._loop.remove_writer(self._fd)

    def _lose(self, exc: Exception | None) -> None:
        if self._open:
            if self.tap is not None:
                tap, self.tap = self.tap, None
                tap.event(f"lost {exc}" if exc is not None else "lost")
            self.close()
            self.on_lost(exc)


def _ignore(_: Any) -> None:
    """Nobody listens (yet)."""


async def open_transport(url: str, *, baudrate: int = 115200, limit_s: float = OPEN_LIMIT_S) -> Transport:
    """Open a port for this program alone. `url` is a device path, a symlink to one, a pty, `socket://host:port` or
    `rfc2217://host:port`.

    Raises PortMissing, PortBusy, PortDenied or PortError, each with what to do.
    """
    if "://" in url:
        from modemgw.modem.ports import sockets

        if url.startswith("rfc2217://"):
            return await sockets.open_rfc2217(url, baudrate, limit_s)
        if url.startswith(("socket://", "tcp://")):
            return await sockets.open_socket(url, limit_s)
        raise PortError(url, f"{url!r} is no address of a modem; write socket://host:port or rfc2217://host:port.")
    port = await _in_thread(url, lambda: _open_serial(url, baudrate), limit_s)
    return Transport(url, port.fileno(), port.close, port)


# ---------------------------------------------------------------- serial


class _KeepingSerial(serial.Serial):
    """pyserial's port, but what the modem said before it was opened (a late result, a URC) is not thrown away."""

    def _reset_input_buffer(self) -> None:
        """Nothing: pyserial calls this while opening."""


def _open_serial(url: str, baudrate: int) -> serial.Serial:
    """Runs in a thread, as each of these calls may block on a dead device."""
    try:
        status = os.stat(url)
    except FileNotFoundError as exc:
        raise PortMissing(url, f"There is no port {url}. Is the modem plugged in? Run: modemgw doctor.") from exc
    except PermissionError as exc:
        raise PortDenied(url, f"This user may not look at {url}: {exc.strerror}.") from exc
    except OSError as exc:
        raise PortError(url, f"The port {url} cannot be used: {exc.strerror or exc}.") from exc
    if not stat.S_ISCHR(status.st_mode):
        raise PortError(url, f"{url} is not a serial port but a {_kind(status.st_mode)}.")
    owner = _lock_file_owner(url)
    if owner is not None:
        raise PortBusy(url, f"The port {url} is in use by {owner} (it left a lock file). Stop that program first.")
    port = None
    try:
        port = _KeepingSerial(
            url, baudrate=baudrate, timeout=0, write_timeout=0, exclusive=True, xonxoff=False, rtscts=False
        )
        _configure(port.fileno(), os.path.realpath(url).startswith("/dev/pts/"))
    except (OSError, ValueError, termios.error) as exc:  # SerialException is an OSError
        if port is not None:
            port.close()
        raise _port_error(url, exc, status) from exc
    return port


def _configure(fd: int, is_pty: bool) -> None:
    """Reads without data say EAGAIN, so that an empty read is a hang-up; no other program may open the port."""
    settings = termios.tcgetattr(fd)
    settings[6][termios.VMIN] = 1
    settings[6][termios.VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    if not is_pty:  # on a pty the flag would outlive a killed process
        with contextlib.suppress(OSError):
            fcntl.ioctl(fd, termios.TIOCEXCL)


def _port_error(url: str, exc: BaseException, status: os.stat_result) -> PortError:
    number = getattr(exc, "errno", None)
    if number is None and isinstance(exc.__context__, OSError):
        number = exc.__context__.errno
    if number in (errno.EBUSY, errno.EAGAIN):
        who = holders(url)
        by = f" by {', '.join(who)}" if who else " by another program"
        return PortBusy(url, f"The port {url} is in use{by}. Stop that program, or give this modem another port.")
    if number == errno.EPERM:
        # the file's mode says EACCES; EPERM comes from a cgroup: systemd's DevicePolicy= or a container's device rules
        return PortDenied(
            url,
            f"The sandbox of this service or container forbids {url}, whatever the file's mode says. Under systemd: "
            "systemctl restart modemgw (its DeviceAllow= counts the drivers that were loaded when it started).",
        )
    if number == errno.EACCES:
        return PortDenied(url, _denied(url, status))
    if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return PortMissing(url, f"The port {url} has no device behind it. Is the modem plugged in?")
    if number == errno.EIO:
        return PortMissing(
            url, f"The device behind {url} does not answer (input/output error). Unplug it and plug it in."
        )
    return PortError(url, f"The port {url} cannot be opened: {exc}.")


def _denied(url: str, status: os.stat_result) -> str:
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    if status.st_mode & stat.S_IRGRP and status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        return f"{user} may not open {url}; group {group} may. Run: sudo usermod -aG {group} {user}, and log in again."
    return f"{user} may not open {url} (owner only). Install the udev rules that come with modemgw."


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "directory"
    if stat.S_ISREG(mode):
        return "file"
    return "socket" if stat.S_ISSOCK(mode) else "device of another kind"


def holders(url: str) -> list[str]:
    """Programs that have the port open, as `name (pid n)`; only those this user may look at, never this process."""
    try:
        wanted = os.stat(url).st_rdev
    except OSError:
        return []
    out: list[str] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        if _has_open(entry, wanted):
            out.append(_program(int(entry.name)))
    return out


def _has_open(process: Path, device: int) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            try:
                status = descriptor.stat()
            except OSError:
                continue
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == device:
                return True
    except OSError:
        pass
    return False


def _program(pid: int) -> str:
    try:
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        name = "a program"
    return f"{name} (pid {pid})"


def _lock_file_owner(url: str) -> str | None:
    """Who left a UUCP lock file (FHS 5.9 /var/lock/LCK..ttyUSB0), if that process lives."""
    name = os.path.basename(os.path.realpath(url))
    for folder in LOCK_FOLDERS:
        try:
            pid = int(Path(folder, f"LCK..{name}").read_text(encoding="ascii", errors="replace").split()[0])
        except (OSError, ValueError, IndexError):
            continue
        if pid != os.getpid() and Path(f"/proc/{pid}").exists():
            return _program(pid)
    return None


async def _in_thread(url: str, work: Callable[[], serial.Serial], limit_s: float) -> serial.Serial:
    """Run a blocking open in a thread of its own and give it up after `limit_s`; a port opened too late is closed."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[serial.Serial] = loop.create_future()

    def deliver(port: serial.Serial | None, problem: BaseException | None) -> None:
        if future.done():
            if port is not None:
                port.close()
        elif problem is not None:
            future.set_exception(problem)
        elif port is not None:
            future.set_result(port)

    def run() -> None:
        port, problem = None, None
        try:
            port = work()
        except BaseException as exc:
            problem = exc
        try:
            loop.call_soon_threadsafe(deliver, port, problem)
        except RuntimeError:  # the loop is closed
            if port is not None:
                port.close()

    threading.Thread(target=run, name=f"open {url}", daemon=True).start()
    try:
        async with asyncio.timeout(limit_s):
            return await future
    except TimeoutError as exc:
        raise PortError(
            url, f"Opening {url} took longer than {limit_s:g} s; the device hangs. Unplug it and plug it in."
        ) from exc
