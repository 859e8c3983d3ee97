"""The machine and the configuration: Python and its parts, SQLite, the clock, udev rules and the unit, complaints."""

from __future__ import annotations

import ctypes
import importlib.util
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from modemgw.config import Complaint, Config, warnings
from modemgw.doctor.findings import Area, Finding, Verdict, ok
from modemgw.doctor.host import Host
from modemgw.installation import how_to_add
from modemgw.modem.ports.udev_rules import NAME as RULES_NAME
from modemgw.modem.ports.udev_rules import group_in, rules

#: Before it several connections that checkpoint can corrupt a WAL database.
SAFE_SQLITE = (3, 51, 3)
#: No machine of today has a clock before this.
BUILT = datetime(2026, 1, 1, tzinfo=UTC)

UNIT = "/etc/systemd/system/modemgw.service"
INSTALL = "sudo modemgw udev install --reload"

#: What is wrong with the text of an installed unit, None: nothing. The unit itself is the command line's.
UnitProblem = Callable[[str], str | None]

_STA_UNSYNC = 0x40


def check_config(path: Path | None, config: Config | None, complaints: Sequence[Complaint]) -> Iterator[Finding]:
    """The configuration file."""
    if path is None:
        yield Finding(
            "configuration.none",
            Area.CONFIGURATION,
            Verdict.NOTE,
            "There is no configuration file: modemgw uses every modem it finds, and an account that it makes itself.",
        )
        return
    for complaint in complaints:
        yield Finding(
            "config.error",
            Area.CONFIGURATION,
            Verdict.PROBLEM,
            f"{path}: {complaint}.",
            f"correct {path}{f', line {complaint.line}' if complaint.line else ''}; modemgw config check {path} "
            "looks at it again"
            if not complaint.reason.startswith("cannot be read")
            else f"name another file with --config, or make it readable: sudo chown $USER {path}",
        )
    if config is None:
        return
    yield ok("configuration.valid", Area.CONFIGURATION, f"{path} is in order.")
    for sentence in warnings(config):
        if "chmod" in sentence:
            yield Finding(
                "config.mode",
                Area.CONFIGURATION,
                Verdict.WARNING,
                f"{path} {sentence.partition(';')[0]}.",
                f"chmod 600 {path}",
            )


def check_extras(config: Config | None) -> Iterator[Finding]:
    """Packages that are imported only where they are used."""
    if config is not None and config.smtp is not None and not _has("aiosmtpd"):
        yield Finding(
            "extras.aiosmtpd",
            Area.MACHINE,
            Verdict.PROBLEM,
            "[smtp] is configured, and the package aiosmtpd is missing.",
            how_to_add("smtp"),
        )
    if not _has("pyudev"):
        yield Finding(
            "extras.pyudev",
            Area.MACHINE,
            Verdict.NOTE,
            "The package pyudev is not there: that a modem comes or goes is told by the kernel, or seen by looking.",
            how_to_add("udev"),
        )


def check_sqlite() -> Iterator[Finding]:
    """The version of SQLite that this Python has."""
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        yield Finding(
            "sqlite.old",
            Area.MACHINE,
            Verdict.NOTE,
            f"SQLite {version} is older than {'.'.join(map(str, SAFE_SQLITE))}: several programs that write to one "
            "database could damage it. modemgw lets only one.",
            "do not open modemgw.db for writing with other programs while modemgw runs; update when you can",
        )
    else:
        yield ok("sqlite.version", Area.MACHINE, f"SQLite {version}.")


def check_clock(host: Host, now: datetime) -> Iterator[Finding]:
    """The machine's clock on its own evidence."""
    if now < BUILT:
        yield Finding(
            "clock.old",
            Area.MACHINE,
            Verdict.PROBLEM,
            f"This machine's clock says {now:%Y-%m-%d}: it was never set.",
            "sudo timedatectl set-ntp true (or install chrony); without internet set it by hand: sudo date -s …",
        )
        return
    synchronised = host.path("/run/systemd/timesync/synchronized").exists()
    if not synchronised and any(host.running(name) for name in ("chronyd", "ntpd", "ntpsec", "systemd-timesyn")):
        synchronised = not _kernel_unsynchronised()
    if synchronised:
        yield ok("clock.ntp", Area.MACHINE, "The clock is kept by NTP.")
    elif _kernel_unsynchronised():
        yield Finding(
            "clock.unsynchronised",
            Area.MACHINE,
            Verdict.NOTE,
            f"Nothing keeps the clock right; it says {now:%F %H:%M}Z.",
            "sudo timedatectl set-ntp true",
        )


def check_system_files(host: Host, unit_problem: UnitProblem | None) -> Iterator[Finding]:
    """udev rules and the systemd unit: there, and those of this version."""
    yield from _rules(host)
    text = host.text(UNIT)
    if text is None or unit_problem is None:
        return
    problem = unit_problem(text)
    if problem is None:
        yield ok("unit.current", Area.MACHINE, "The systemd unit is installed and up to date.")
    else:
        yield Finding("unit.old", Area.MACHINE, Verdict.WARNING, f"{UNIT} {problem}.", INSTALL)


def _rules(host: Host) -> Iterator[Finding]:
    for folder in ("/etc/udev/rules.d", "/lib/udev/rules.d", "/usr/lib/udev/rules.d"):
        text = host.text(f"{folder}/{RULES_NAME}")
        if text is None:
            continue
        group = group_in(text)
        if group is not None and text in (rules(group=group), rules(group=group, whole_devices=True)):
            yield ok("udev.current", Area.MACHINE, "The udev rules are installed and up to date.")
        else:
            yield Finding(
                "udev.old",
                Area.MACHINE,
                Verdict.WARNING,
                f"{folder}/{RULES_NAME} is not that of this version: new modems may be left to ModemManager.",
                INSTALL,
            )
        return
    grabber = host.running("ModemManager")
    taken = f" {grabber} runs and takes every modem that is plugged in." if grabber is not None else ""
    yield Finding(
        "udev.none",
        Area.MACHINE,
        Verdict.NOTE if grabber is None else Verdict.WARNING,
        f"The udev rules are not installed: ports change their names, and ModemManager may take them.{taken}",
        INSTALL,
    )


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _kernel_unsynchronised() -> bool:
    """adjtimex(2) without a change."""
    buffer = ctypes.create_string_buffer(512)
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(buffer) < 0:
            return False
    except (OSError, AttributeError):
        return False
    # struct timex: modes, (padding,) offset, freq, maxerror, esterror, status
    size = ctypes.sizeof(ctypes.c_long)
    return bool(int.from_bytes(buffer.raw[5 * size : 5 * size + 4], "little") & _STA_UNSYNC)
