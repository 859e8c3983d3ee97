"""Ports before they are opened: are they there, whose are they, who has them, what are they for. Opens nothing.

The result of a port's checks also says whether it may be asked.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.doctor.host import GRABBERS, Holder, Host, is_modemgw
from modemgw.doctor.usb import UsbDevice
from modemgw.doctor.wanted import Wanted
from modemgw.modem.ports.discovery import HUAWEI, FoundPort, PortRole
from modemgw.modem.ports.storage_modes import network_stick

_WORDS = {
    PortRole.DIAG: "the diagnostics port",
    PortRole.GPS: "the GPS port",
    PortRole.AUDIO: "the audio port",
    PortRole.IGNORE: "a port that must not be touched",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known of the machine's ports: those on USB with their roles, and the devices."""

    host: Host
    devices: Sequence[UsbDevice]
    ports: Sequence[FoundPort]

    def found(self, port: str) -> FoundPort | None:
        """The USB port behind a path, also behind a symlink."""
        node = os.path.realpath(self.host.path(port))
        for found in self.ports:
            if node == os.path.realpath(self.host.path(found.url)):
                return found
        return next((found for found in self.ports if os.path.basename(found.url) == os.path.basename(port)), None)

    def siblings(self, found: FoundPort) -> list[FoundPort]:
        """The other ports of the device that may be asked AT, the best first."""
        return [p for p in self.ports if p.device == found.device and p.candidate and p.url != found.url]


def check_port(wanted: Wanted, ground: Ground) -> list[Finding]:
    """What is in the way of opening the port; nothing that is a problem: it may be asked."""
    if "://" in wanted.port:
        return []
    return list(_check(wanted, ground))


def _check(wanted: Wanted, ground: Ground) -> Iterator[Finding]:
    host, port, name = ground.host, wanted.port, wanted.name
    path = host.path(port)
    found = ground.found(port)
    if found is not None and not found.candidate:
        yield _wrong_role(wanted, ground, found)
        return
    try:
        status = os.stat(path)
    except FileNotFoundError:
        yield _missing(wanted, ground)
        return
    except OSError as error:
        yield Finding(
            "port.denied",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{_user()} may not look at {port}: {error.strerror}.",
            "run modemgw doctor as the user that modemgw runs as; check the folder's owner and mode",
            name,
        )
        return
    if not stat.S_ISCHR(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a file"
        yield Finding(
            "port.no_port",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{port} is {kind}, not a serial port.",
            _offer(ground) or "set port of this modem to its AT port, such as /dev/serial/by-id/…",
            name,
        )
        return
    if not os.access(path, os.R_OK | os.W_OK):
        yield denied(wanted, status, host)
        return
    busy = list(_busy(wanted, ground))
    yield from busy
    if not any(f.verdict is Verdict.PROBLEM for f in busy):
        role = "" if found is None or found.role is PortRole.UNKNOWN else f", role {found.role.value}"
        usb = "" if found is None else f" of {found.description} (USB {found.usb}, interface {found.interface}{role})"
        yield ok("port.free", Area.PORTS, f"{port}{usb} is there and free.", name)


def _wrong_role(wanted: Wanted, ground: Ground, found: FoundPort) -> Finding:
    better = next(iter(ground.siblings(found)), None)
    use = f"; its AT port is {better.url}" if better is not None else ""
    return Finding(
        "port.role",
        Area.PORTS,
        Verdict.PROBLEM,
        f"{wanted.port} is {_WORDS[found.role]} of {found.description} ({found.usb}, interface {found.interface}), "
        f"not an AT port{use}. It was not opened.",
        f'set port = "{better.url}" for the modem {wanted.name} (or its imei, which stays)'
        if better is not None
        else f"set imei of the modem {wanted.name} instead of port: modemgw finds the AT port itself",
        wanted.name,
    )


def _missing(wanted: Wanted, ground: Ground) -> Finding:
    host, port = ground.host, wanted.port
    offer = _offer(ground)
    known = any(os.path.basename(found.url) == os.path.basename(port) for found in ground.ports)
    modems = [device for device in ground.devices if device.maker_of_modems or device.converter]
    if host.container and (known or not modems) and not host.path("/dev/serial").exists():
        give = (
            f"start the container with --device {port} (or -v /dev:/dev and "
            "--device-cgroup-rule 'c 188:* rmw' --device-cgroup-rule 'c 166:* rmw', which survives a replug)"
        )
        if known:
            return Finding(
                "container.no_device",
                Area.PORTS,
                Verdict.PROBLEM,
                f"There is no {port} in this {host.container} container, but the machine has it: the container was "
                "not given the device.",
                give,
                wanted.name,
            )
        return Finding(
            "port.missing",
            Area.PORTS,
            Verdict.PROBLEM,
            f"There is no port {port}: the modem is not plugged in, or this {host.container} container was not given "
            "it.",
            f"plug the modem in (lsusb on the machine must show it), and {give}",
            wanted.name,
        )
    where = "" if offer is None else " There are other ports, however."
    return Finding(
        "port.missing",
        Area.PORTS,
        Verdict.PROBLEM,
        f"There is no port {port}.{where}",
        offer or "plug the modem in, and look at lsusb and dmesg: it must show up there",
        wanted.name,
    )


def _offer(ground: Ground) -> str | None:
    """The AT ports that are there."""
    best: dict[str, FoundPort] = {}
    for port in ground.ports:
        if port.candidate and port.known_modem:
            best.setdefault(port.device, port)
    if not best:
        return None
    names = " or ".join(f'"{port.url}" ({port.description})' for port in best.values())
    return f"set port = {names}; better set imei of the modem, which stays when ports are renumbered"


def denied(wanted: Wanted, status: os.stat_result, host: Host, *, refused: bool = False) -> Finding:
    """Not allowed to open it, with what gives the right."""
    port, name = wanted.port, wanted.name
    real = os.path.realpath(host.path(port))
    if _mode_allows(status) and (refused or host.container):
        kind = os.major(status.st_rdev)
        return Finding(
            "port.denied",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{_user()} may not open {port}, though the file's mode allows it: the container's device rules forbid it.",
            f"start the container with --device {port} or --device-cgroup-rule 'c {kind}:* rmw'",
            name,
        )
    try:
        group = grp.getgrgid(status.st_gid).gr_name
    except KeyError:
        group = str(status.st_gid)
    mode = stat.filemode(status.st_mode)
    if status.st_mode & stat.S_IRGRP and status.st_mode & stat.S_IWGRP and status.st_gid != 0:
        fix = f"sudo usermod -aG {group} {_user()}, then log in again (for the service: systemctl restart modemgw)"
        why = f"group {group} may ({mode})"
    elif real.startswith("/dev/pts/"):
        fix, why = f"sudo chmod a+rw {real}, or run as its owner", f"only its owner may ({mode})"
    else:
        fix = "sudo modemgw udev install --reload (it gives modems' ports to the group dialout), then plug it in again"
        why = f"only its owner may ({mode})"
    return Finding("port.denied", Area.PORTS, Verdict.PROBLEM, f"{_user()} may not open {port}; {why}.", fix, name)


def _busy(wanted: Wanted, ground: Ground) -> Iterator[Finding]:
    host, port, name = ground.host, wanted.port, wanted.name
    lock = host.lock_of(port)
    if lock is not None and lock.owner is not None:
        yield Finding(
            "port.lock",
            Area.PORTS,
            Verdict.PROBLEM,
            f"{port} is reserved by {lock.owner}, which left the lock file {lock.path}.",
            _release(lock.owner),
            name,
        )
        return
    if lock is not None:
        yield Finding(
            "port.stale_lock",
            Area.PORTS,
            Verdict.NOTE,
            f"The lock file {lock.path} is stale: its process {lock.pid} is gone. modemgw takes no notice of it, "
            "other programs may.",
            f"sudo rm {lock.path}",
            name,
        )
    held = host.holders(port)
    for holder in held:
        yield held_by(wanted, holder)
    found = ground.found(port)
    if held or found is None:
        return
    for sibling in ground.siblings(found):
        for holder in host.holders(sibling.url):
            if not is_modemgw(holder.pid):
                yield shared(name, sibling.url, holder)


def held_by(wanted: Wanted, holder: Holder) -> Finding:
    """Another program has the port open."""
    key = "port.held_by_modemgw" if is_modemgw(holder.pid) else "port.held"
    return Finding(
        key, Area.PORTS, Verdict.PROBLEM, f"{wanted.port} is in use by {holder}.", _release(holder), wanted.name
    )


def shared(name: str, port: str, holder: Holder) -> Finding:
    """Another program has another port of the same modem open: it can change the modem's settings under us."""
    return Finding(
        "port.shared",
        Area.PORTS,
        Verdict.WARNING,
        f"{holder} uses {port}, another port of the same modem, and may change its settings (AT+CNMI, AT+CPMS).",
        _release(holder),
        name,
    )


def in_use_unseen(wanted: Wanted, host: Host) -> Finding:
    """The port is busy, and who has it cannot be seen by this user."""
    for name in GRABBERS:
        running = host.running(name)
        if running is not None:
            return Finding(
                "port.held",
                Area.PORTS,
                Verdict.PROBLEM,
                f"{wanted.port} is in use, most likely by {running}, which is running; this user may not see for sure.",
                _release(running),
                wanted.name,
            )
    return Finding(
        "port.held",
        Area.PORTS,
        Verdict.PROBLEM,
        f"{wanted.port} is in use by a program that this user may not see.",
        f"sudo fuser -v {wanted.port} names it; stop it, or give the modem another port",
        wanted.name,
    )


def _release(holder: Holder) -> str:
    if is_modemgw(holder.pid):
        return f"one modemgw is enough: stop the other (kill {holder.pid}), or give each its own modems"
    known = next((fix for name, fix in GRABBERS.items() if holder.name.startswith(name[:15])), None)
    return known or f"stop {holder.name} (kill {holder.pid}), or give this modem another port"


def _mode_allows(status: os.stat_result) -> bool:
    """By owner, group and mode this process may read and write; if it may not all the same, something else forbids."""
    mode = status.st_mode
    if _may_override():
        return True
    if status.st_uid == os.geteuid():
        return mode & 0o600 == 0o600
    if status.st_gid in {os.getegid(), *os.getgroups()}:
        return mode & 0o060 == 0o060
    return mode & 0o006 == 0o006


def _may_override() -> bool:
    """CAP_DAC_OVERRIDE (capabilities(7))."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        held = next(line for line in status.splitlines() if line.startswith("CapEff:"))
        return bool(int(held.split()[1], 16) & 0b10)
    return os.geteuid() == 0


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


# ---------------------------------------------------------------- USB


def check_usb(devices: Sequence[UsbDevice]) -> Iterator[Finding]:
    """Modems that have no AT port: still a drive, a network card, or without a driver."""
    for device in devices:
        title = device.title or "a device"
        stick = device.installation_disk
        if stick is not None:
            yield Finding(
                "usb.storage_mode",
                Area.USB,
                Verdict.PROBLEM,
                f"{stick} (USB {device.usb} at {device.place}) is still in storage mode: it shows a drive with "
                "software instead of a modem.",
                "sudo apt install usb-modeswitch, then plug it in again (by hand: sudo usb_modeswitch "
                f"-v {device.vid:04x} -p {device.pid:04x} {'-J' if device.vid == HUAWEI else '-K'})",
            )
        elif device.network_only:
            yield Finding(
                "usb.hilink",
                Area.USB,
                Verdict.PROBLEM,
                network_stick(device.usb)
                or f"{title} (USB {device.usb} at {device.place}) is a network card and has no AT port.",
                'use a stick with an AT port, or put the stick firmware ("stick" instead of "HiLink") on it',
            )
        elif device.undriven and device.maker_of_modems:
            driver = "cdc_acm" if device.wants_acm else "option"
            new_id = (
                ""
                if driver == "cdc_acm"
                else (
                    f"; if it stays without: echo {device.vid:04x} {device.pid:04x} | "
                    "sudo tee /sys/bus/usb-serial/drivers/option1/new_id"
                )
            )
            yield Finding(
                "usb.no_driver",
                Area.USB,
                Verdict.PROBLEM,
                f"{title} (USB {device.usb} at {device.place}) has {len(device.undriven)} serial interfaces and no "
                "driver for them: there is no port.",
                f"sudo modprobe {driver}{new_id}",
            )
        elif device.maker_of_modems and device.ports:
            yield ok("usb.modem", Area.USB, f"{title} (USB {device.usb} at {device.place}): {', '.join(device.ports)}.")
        elif device.converter and device.ports:
            yield Finding(
                "usb.converter",
                Area.USB,
                Verdict.OK,
                f"{title} (USB {device.usb}) at /dev/{device.ports[0]}: a serial converter; a modem behind it must be "
                "named by port.",
            )
