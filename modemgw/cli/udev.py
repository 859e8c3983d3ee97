"""`modemgw udev`: installs and removes the udev rules and the systemd unit, and tells whether they are up to date.

Owns the files on this machine; their texts are `modem.udev_rules` and `systemd_unit`.
"""

from __future__ import annotations

import difflib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from modemgw.cli import systemd_unit
from modemgw.cli.exits import Exit, fail
from modemgw.cli.systemd_unit import UnitChoices, closed_to, user_entry
from modemgw.installation import program
from modemgw.places import is_there

RULES_DIR = "/etc/udev/rules.d"
UNIT_DIR = "/etc/systemd/system"

#: What makes the system read the new files; told, or run with --reload.
RELOAD_RULES = (("udevadm", "control", "--reload"), ("udevadm", "trigger", "--subsystem-match=tty"))
RELOAD_UNITS = (("systemctl", "daemon-reload"),)
COMMAND_LIMIT_S = 30.0

#: The home of the service's user, and where its database is.
STATE_DIR = "/var/lib/modemgw"

#: As useradd(8) and groupadd(8) take them. Anything else would have a meaning of its own in rules and units.
_ACCOUNT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def _account(_context: click.Context, parameter: click.Parameter, value: str) -> str:
    if _ACCOUNT.fullmatch(value) is None:
        raise click.BadParameter(f"{value!a} is no name of a {parameter.name}.")
    return value


_folder = click.Path(path_type=Path, file_okay=False)
_rules_dir = click.option("--rules-dir", type=_folder, default=RULES_DIR, show_default=True, help="Where udev looks.")
_unit_dir = click.option("--unit-dir", type=_folder, default=UNIT_DIR, show_default=True, help="Where systemd looks.")
_group = click.option(
    "--group", default="dialout", show_default=True, callback=_account, help="Who may open the ports."
)
_whole = click.option(
    "--whole-devices", is_flag=True, help="ModemManager shall ignore known modems, not only their AT ports."
)


@click.group()
def udev() -> None:
    """Set this machine up: names and rights of ports (udev), and the service (systemd)."""


@udev.command()
@click.option("--unit", "as_unit", is_flag=True, help="Print the systemd unit instead.")
@_whole
@_group
def show(as_unit: bool, whole_devices: bool, group: str) -> None:
    """Print the udev rules as `install` would write them."""
    if as_unit:
        click.echo(systemd_unit.unit(UnitChoices(execute=program(), group=group)), nl=False)
        return
    from modemgw.modem.ports.udev_rules import rules

    click.echo(rules(whole_devices=whole_devices, group=group), nl=False)


@udev.command()
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--reload", "reload_now", is_flag=True, help="Make udev and systemd read the new files.")
@click.option("--create-user", is_flag=True, help="Make the user and the configuration's directory if there are none.")
@click.option("--no-unit", is_flag=True, help="Rules only.")
@click.option("--no-rules", is_flag=True, help="Unit only.")
@_rules_dir
@_unit_dir
@click.option("--user", default="modemgw", show_default=True, callback=_account, help="Whom the service runs as.")
@_group
@click.option("--exec", "execute", help="The program that the unit starts [this one].")
@click.option("--config", default=systemd_unit.CONFIG, show_default=True, help="The configuration that it is given.")
@_whole
def install(
    dry_run: bool,
    reload_now: bool,
    create_user: bool,
    no_unit: bool,
    no_rules: bool,
    rules_dir: Path,
    unit_dir: Path,
    user: str,
    group: str,
    execute: str | None,
    config: str,
    whole_devices: bool,
) -> None:
    """Write the udev rules and the systemd unit; needs root for the usual places."""
    choices = UnitChoices(execute or program(), user, group, config)
    for option, path in (("--exec", choices.execute), ("--config", choices.config)):
        if (reason := systemd_unit.unfit(path)) is not None:
            fail(Exit.USAGE, f"{option} {path!r}: {reason}.")
    files = []
    if not no_rules:
        from modemgw.modem.ports import udev_rules

        text = udev_rules.rules(whole_devices=whole_devices, group=group)
        files.append(_File(rules_dir / udev_rules.NAME, text, RELOAD_RULES))
    if not no_unit:
        files.append(_File(unit_dir / systemd_unit.NAME, systemd_unit.unit(choices), RELOAD_UNITS))
    changed = [file for file in files if file.now() != file.text]
    for file in files:
        if file not in changed:
            click.echo(f"{file.path} is up to date.")
    for file in changed:
        if dry_run:
            click.echo("".join(file.diff()), nl=False)
        else:
            click.echo(file.write())
    failures = []
    if dry_run:
        click.echo(f"{len(changed)} file(s) would change; nothing was written.")
    else:
        failures += _reload([command for file in changed for command in file.reload], reload_now)
        if create_user and not no_unit:
            failures += _create_user(choices)
    if not no_unit:
        _tell_next(choices)
    if failures:
        fail(Exit.FAILED, "\n".join(failures))


@udev.command()
@click.option("--dry-run", is_flag=True, help="Tell what would be removed, and remove nothing.")
@click.option("--reload", "reload_now", is_flag=True, help="Make udev and systemd notice that the files are gone.")
@_rules_dir
@_unit_dir
def uninstall(dry_run: bool, reload_now: bool, rules_dir: Path, unit_dir: Path) -> None:
    """Remove the rules and the unit that `install` wrote; configuration and database stay."""
    from modemgw.modem.ports import udev_rules

    rules_file = _File(rules_dir / udev_rules.NAME, "", RELOAD_RULES)
    unit_file = _File(unit_dir / systemd_unit.NAME, "", RELOAD_UNITS)
    ours = {rules_file: udev_rules.group_in, unit_file: systemd_unit.choices_in}
    gone = []
    for file, choices_in in ours.items():
        text = file.now()
        if text is None:
            click.echo(f"{file.path} is not installed.")
        elif choices_in(text) is None:
            click.echo(f"{file.path} was not written by `install`; it stays.")
        else:
            gone.append(file)
            click.echo(f"{file.path} would be removed." if dry_run else file.remove())
    if dry_run:
        return
    failures = _reload([command for file in gone for command in file.reload], reload_now)
    click.echo(
        f"A running service goes on: systemctl disable --now modemgw ends it. {STATE_DIR}, "
        f"{Path(systemd_unit.CONFIG).parent} and the user stay; docs/service.md tells how to remove them."
    )
    if failures:
        fail(Exit.FAILED, "\n".join(failures))


@udev.command()
@_rules_dir
@_unit_dir
def check(rules_dir: Path, unit_dir: Path) -> None:
    """Tell whether the installed rules and unit are those of this version; status 1 if they are not."""
    from modemgw.modem.ports import udev_rules

    rules_path, unit_path = rules_dir / udev_rules.NAME, unit_dir / systemd_unit.NAME
    found = [_rules_state(rules_path, _read(rules_path)), _unit_state(unit_path, _read(unit_path))]
    for _, sentence in found:
        click.echo(sentence)
    if not all(fine for fine, _ in found):
        click.echo(f"Run: sudo {program()} udev install --reload")
        raise SystemExit(int(Exit.FAILED))


def _rules_state(path: Path, text: str | None) -> tuple[bool, str]:
    from modemgw.modem.ports.udev_rules import group_in, rules

    if text is None:
        return False, f"{path} is not installed."
    group = group_in(text)
    if group is not None and text in (rules(group=group), rules(group=group, whole_devices=True)):
        return True, f"{path} is up to date."
    return False, f"{path} is of another version, or was changed."


def _unit_state(path: Path, text: str | None) -> tuple[bool, str]:
    if text is None:
        return False, f"{path} is not installed."
    problem = systemd_unit.problem_in(text)
    choices = systemd_unit.choices_in(text)
    if problem is not None or choices is None:
        return False, f"{path} {problem}."
    return True, f"{path} is up to date; it starts {choices.execute}."


@dataclass(frozen=True)
class _File:
    """A file to be, and the commands that make the system read it."""

    path: Path
    text: str
    reload: tuple[tuple[str, ...], ...]

    def now(self) -> str | None:
        return _read(self.path)

    def diff(self) -> Iterator[str]:
        return difflib.unified_diff(
            (self.now() or "").splitlines(keepends=True), self.text.splitlines(keepends=True), str(self.path), "new"
        )

    def write(self) -> str:
        """Put it in place in one step; what was done, as a sentence."""
        before = self.now()
        if not self.path.parent.is_dir():
            fail(Exit.FAILED, f"There is no directory {self.path.parent}. Name another, or leave it out; see --help.")
        beside = self.path.with_name(f".{self.path.name}.new")
        kept = self.path.with_name(f"{self.path.name}.old")  # neither udev nor systemd reads it
        try:
            beside.write_text(self.text, encoding="utf-8")
            beside.chmod(0o644)
            if before is not None:
                shutil.copy2(self.path, kept)
            beside.replace(self.path)
        except OSError as error:
            beside.unlink(missing_ok=True) if os.access(self.path.parent, os.W_OK) else None
            fail(Exit.FAILED, f"{self.path} cannot be written: {error.strerror or error}.{_sudo(error)}")
        return f"Wrote {self.path}." if before is None else f"Replaced {self.path}; what it was is in {kept.name}."

    def remove(self) -> str:
        """Take it away, and what was kept of a former one; what was done, as a sentence."""
        try:
            self.path.unlink()
            self.path.with_name(f"{self.path.name}.old").unlink(missing_ok=True)
        except OSError as error:
            fail(Exit.FAILED, f"{self.path} cannot be removed: {error.strerror or error}.{_sudo(error)}")
        return f"Removed {self.path}."


def _sudo(error: OSError) -> str:
    return " Run the command with sudo." if isinstance(error, PermissionError) and os.geteuid() != 0 else ""


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        fail(Exit.FAILED, f"{path} cannot be read: {error}")


def _reload(commands: Sequence[Sequence[str]], now: bool) -> list[str]:
    """Run the commands, or name them; what went wrong, as sentences."""
    if commands and not now:
        click.echo("Now run: " + " && ".join(" ".join(command) for command in commands))
        return []
    return [failure for command in commands if (failure := _run(command)) is not None]


def _run(command: Sequence[str]) -> str | None:
    """Run a command of the system and say so; a sentence if it failed."""
    program = shutil.which(command[0])
    if program is None:
        click.echo(f"{command[0]} is not on this machine; skipped: {shlex.join(command)}")
        return None
    try:
        done = subprocess.run(  # noqa: S603 (constants, and names that _ACCOUNT takes)
            [program, *command[1:]], check=False, capture_output=True, text=True, timeout=COMMAND_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return f"{shlex.join(command)} took longer than {COMMAND_LIMIT_S:g} s."
    if done.returncode != 0:
        return f"{shlex.join(command)} ended with status {done.returncode}: {(done.stderr or done.stdout).strip()}"
    click.echo(f"Ran {shlex.join(command)}.")
    return None


def _useradd(choices: UnitChoices) -> list[str]:
    return ["useradd", "--system", "--home-dir", STATE_DIR, "--groups", choices.group, choices.user]


def _create_user(choices: UnitChoices) -> list[str]:
    """The user and the directory of the configuration, where there are none; what went wrong, as sentences."""
    folder = Path(choices.config).parent
    if user_entry(choices.user) is None and (failure := _run(_useradd(choices))) is not None:
        return [failure]
    try:
        if not folder.exists():
            folder.mkdir(mode=0o750, parents=True)
            shutil.chown(folder, group=choices.user)
            click.echo(f"Made {folder}, which {choices.user} may read.")
    except (OSError, LookupError) as error:
        return [f"{folder} cannot be made so that {choices.user} may read it: {error}."]
    return []


def _tell_next(choices: UnitChoices) -> None:
    """What is still to be done until the service runs, as lines to paste."""
    execute, folder = Path(choices.execute), Path(choices.config).parent
    if execute.exists() and (closed := closed_to(choices.user, execute)) is not None:
        click.echo(
            f"{choices.user} may not start {choices.execute}: {closed} is closed to that user. "
            "Install the program in /opt/modemgw as docs/service.md tells, or name another with --exec."
        )
    if user_entry(choices.user) is None:
        click.echo(f"There is no user {choices.user} yet: sudo {shlex.join(_useradd(choices))}")
    if not is_there(Path(choices.config)):
        install = "" if folder.exists() else f"sudo install -d -m 750 -o root -g {choices.user} {folder} && "
        click.echo(
            f"There is no {choices.config} yet, see docs/config.md; with one in this directory: "
            f"{install}sudo install -m 640 -g {choices.user} modemgw.toml {choices.config}"
        )
    click.echo("Then: sudo systemctl enable --now modemgw")


COMMANDS: tuple[click.Command, ...] = (udev,)
