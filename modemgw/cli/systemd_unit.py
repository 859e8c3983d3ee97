"""The text of `udev/modemgw.service`. Owns the unit; where it is put is `modemgw udev install`'s."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path

from modemgw.installation import USUAL

NAME = "modemgw.service"
CONFIG = "/etc/modemgw/modemgw.toml"

_TEXT = """\
# Made by `modemgw udev show --unit`; `modemgw udev install` puts it in place. Changes of your own belong into
# `systemctl edit modemgw`. It needs a user and two directories:
#   useradd --system --home-dir /var/lib/modemgw --groups {group} {user}
#   install -d -m 750 -o root -g {user} /etc/modemgw
# The configuration is {config} (mode 0640, group {user}), with [store] path = "/var/lib/modemgw/modemgw.db".

[Unit]
Description=SMS gateway on this machine's SIM cards
After=network.target time-sync.target
# DeviceAllow= below is resolved when the unit starts, against the drivers that are loaded then (/proc/devices): without
# these a machine that boots without a stick would forbid the first one that is plugged in
{modules}

[Service]
# ready when the API serves; a sign of life only while the event loop and the writer of the database live
Type=notify
NotifyAccess=main
WatchdogSec=60
TimeoutStartSec=300
User={user}
SupplementaryGroups={group}
ExecStart={execute} run --config {config}
WorkingDirectory=/var/lib/modemgw
StateDirectory=modemgw
StateDirectoryMode=0750
Restart=on-failure
RestartSec=2
# a part on the air is waited for, up to [sending] drain_limit_s
TimeoutStopSec=100
UMask=0077

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
# who holds a port is seen in /proc
ProtectProc=default
# netlink: events of ports that come and go
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# serial ports and nothing else; for power_cycle = ["uhubctl", …] add: DeviceAllow=char-usb_device rw
DevicePolicy=closed
{devices}

[Install]
WantedBy=multi-user.target
"""


#: Drivers that are loaded before the unit starts: usbserial registers ttyUSB, cdc_acm ttyACM, hso ttyHS.
MODULES = ("usbserial", "option", "cdc_acm", "qcserial", "sierra", "hso")

#: Groups of character devices as /proc/devices names them; those that a kernel does not have are passed over.
DEVICES = (
    *("ttyUSB", "ttyACM", "ttyS", "ttyAMA", "ttyXRUSB", "ttyHS", "ttySC", "ttyMSM", "ttymxc", "ttySAC", "ttyO"),
    *("ttySTM", "ttyGS", "wwan_port"),
)


@dataclass(frozen=True, slots=True)
class UnitChoices:
    """What differs from one machine to the next."""

    execute: str = USUAL
    user: str = "modemgw"
    group: str = "dialout"
    config: str = CONFIG

    @property
    def in_home(self) -> bool:
        """The program is where ProtectHome= would hide it."""
        return Path(self.execute).is_relative_to("/home") or Path(self.execute).is_relative_to("/root")


def unit(choices: UnitChoices | None = None) -> str:
    """The whole file."""
    choices = choices or UnitChoices()
    return _TEXT.format(
        execute=_quoted(choices.execute),
        user=choices.user,
        group=choices.group,
        config=_quoted(choices.config),
        home="read-only" if choices.in_home else "yes",
        modules="\n".join(
            f"{key}={' '.join(f'modprobe@{module}.service' for module in MODULES)}" for key in ("Wants", "After")
        ),
        devices="\n".join(f"DeviceAllow=char-{device} rw" for device in DEVICES),
    )


def choices_in(text: str) -> UnitChoices | None:
    """What was chosen when a unit was written; None if this is none of ours."""
    started = re.search(r'^ExecStart=("[^"]+"|\S+) run --config ("[^"]+"|\S+)$', text, re.MULTILINE)
    user = re.search(r"^User=(\S+)$", text, re.MULTILINE)
    group = re.search(r"^SupplementaryGroups=(\S+)$", text, re.MULTILINE)
    if started is None or user is None or group is None:
        return None
    return UnitChoices(_unquoted(started[1]), user[1], group[1], _unquoted(started[2]))


def user_entry(name: str) -> pwd.struct_passwd | None:
    """Of the table of users; None if there is no such user."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def closed_to(user: str, program: Path) -> Path | None:
    """What keeps a user from starting a program: it, its interpreter, or a directory above them; None if nothing does.

    A user that does not exist yet is taken for one without groups.
    """
    entry = user_entry(user)
    if entry is not None and entry.pw_uid == 0:
        return None
    groups = set(os.getgrouplist(user, entry.pw_gid)) if entry is not None else set()

    def may_pass(path: Path) -> bool:
        try:
            status = path.stat()
        except OSError:
            return False
        shift = 6 if entry is not None and status.st_uid == entry.pw_uid else 3 if status.st_gid in groups else 0
        return bool(status.st_mode >> shift & 1)

    files = [program.resolve()]
    with contextlib.suppress(OSError), program.open("rb") as script:
        words = script.readline(4096).removeprefix(b"#!").split() if script.peek(2)[:2] == b"#!" else []
        files += [Path(os.fsdecode(words[0])).resolve()] if words else []
    return next((path for file in files for path in (*reversed(file.parents), file) if not may_pass(path)), None)


def problem_in(text: str) -> str | None:
    """What is wrong with an installed unit, as the end of a sentence; None: nothing."""
    choices = choices_in(text)
    if choices is None or text != unit(choices):
        return "is of another version, or was changed"
    if not os.access(choices.execute, os.X_OK):
        return f"starts {choices.execute}, which is no program (any more)"
    if (closed := closed_to(choices.user, Path(choices.execute))) is not None:
        return (
            f"starts {choices.execute}, which the user {choices.user} may not: {closed} is closed to that user "
            "(docs/service.md tells where the program is best installed)"
        )
    return None


def unfit(path: str) -> str | None:
    """Why a path cannot stand in a unit; None if it can."""
    if not Path(path).is_absolute():
        return "systemd wants the whole path"
    if not path.isprintable() or any(char in path for char in '"\\$'):
        return "it has a character that a unit cannot hold"
    return None


def _quoted(path: str) -> str:
    """As systemd.service(5) reads it: `%` begins a specifier; blanks, `'` and `;` have a meaning outside quotes."""
    path = path.replace("%", "%%")
    return path if re.fullmatch(r"[\w/.,:@%+=-]+", path) else f'"{path}"'


def _unquoted(word: str) -> str:
    return word.strip('"').replace("%%", "%")
