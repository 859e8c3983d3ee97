"""`modemgw udev`: what is written where, what is not, and what is said."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modemgw.cli.main import group
from modemgw.cli.systemd_unit import NAME as UNIT
from modemgw.cli.systemd_unit import UnitChoices, choices_in, closed_to, unit
from modemgw.modem.ports.udev_rules import NAME as RULES
from modemgw.modem.ports.udev_rules import rules

UDEV = Path(__file__).parents[3] / "udev"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(group, ["udev", *map(str, arguments)])


@pytest.fixture
def places(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "units").mkdir()
    return ("--rules-dir", str(tmp_path / "rules"), "--unit-dir", str(tmp_path / "units"))


def test_the_unit_in_the_repository_is_the_one_that_is_installed() -> None:
    assert (UDEV / UNIT).read_text(encoding="utf-8") == unit()


def test_show() -> None:
    assert run("show").output == rules()
    assert run("show", "--whole-devices", "--group", "sms").output == rules(whole_devices=True, group="sms")
    assert "Type=notify" in run("show", "--unit").output


def test_a_dry_run_writes_nothing(places: tuple[str, ...], tmp_path: Path) -> None:
    result = run("install", "--dry-run", *places)
    assert result.exit_code == 0
    assert "+WatchdogSec=60" in result.output
    assert f"+++ new\n@@ -0,0 +1,{len(rules().splitlines())} @@" in result.output
    assert "2 file(s) would change; nothing was written." in result.output
    assert [*(tmp_path / "rules").iterdir(), *(tmp_path / "units").iterdir()] == []


def test_install_check_and_install_again(places: tuple[str, ...], tmp_path: Path) -> None:
    missing = run("check", *places)
    assert missing.exit_code == 1
    assert missing.output.count("is not installed.") == 2

    program = "/bin/sh"  # in no home, wherever the checkout is: the unit of a program in a home differs
    first = run("install", "--exec", program, "--user", "sms", "--group", "plugdev", *places)
    assert first.exit_code == 0, first.output
    assert f"Wrote {tmp_path / 'rules' / RULES}." in first.output
    assert "Now run: udevadm control --reload && udevadm trigger --subsystem-match=tty && systemctl daemon-reload" in (
        first.output
    )
    assert "useradd --system --home-dir /var/lib/modemgw --groups plugdev sms" in first.output
    assert "systemctl enable --now modemgw" in first.output
    text = (tmp_path / "units" / UNIT).read_text()
    assert f"ExecStart={program} run --config /etc/modemgw/modemgw.toml\n" in text
    assert "User=sms\nSupplementaryGroups=plugdev\n" in text
    assert (tmp_path / "rules" / RULES).read_text() == rules(group="plugdev")
    assert (tmp_path / "rules" / RULES).stat().st_mode & 0o777 == 0o644
    assert run("check", *places).exit_code == 0

    again = run("install", "--exec", program, "--user", "sms", "--group", "plugdev", *places)
    assert again.output.count("is up to date.") == 2
    assert "Now run" not in again.output

    (tmp_path / "rules" / RULES).write_text("# of another version\n")
    (tmp_path / "units" / UNIT).write_text(text.replace(program, "/gone/modemgw"))
    stale = run("check", *places)
    assert stale.exit_code == 1
    assert "is of another version" in stale.output
    assert "starts /gone/modemgw, which is no program" in stale.output
    assert f"Replaced {tmp_path / 'rules' / RULES};" in run("install", "--no-unit", *places).output
    assert (tmp_path / "rules" / f"{RULES}.old").read_text() == "# of another version\n"


def test_a_program_in_a_home_that_is_gone(places: tuple[str, ...], tmp_path: Path) -> None:
    gone = "/home/nobody-is-called-so/modemgw/.venv/bin/modemgw"
    assert run("install", "--no-rules", "--exec", gone, *places).exit_code == 0
    assert "ProtectHome=read-only" in (tmp_path / "units" / UNIT).read_text()
    assert f"starts {gone}, which is no program" in run("check", *places).output


def test_the_next_steps_are_told_whatever_became_of_the_others(
    places: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tool(tmp_path, "udevadm", "echo no daemon >&2; exit 3")
    config = tmp_path / "etc/modemgw.toml"
    for option in ("--dry-run", "--reload"):
        told = run("install", option, "--exec", "/bin/sh", "--user", "sms", "--config", config, *places)
        assert "There is no user sms yet: sudo useradd --system" in told.output
        assert f"sudo install -d -m 750 -o root -g sms {config.parent} && sudo install -m 640 -g sms" in told.output
        assert "Then: sudo systemctl enable --now modemgw" in told.output
    assert told.exit_code == 1


def tool(folder: Path, name: str, script: str) -> None:
    """A program of the system, on the PATH at folder/bin; its arguments go to folder/NAME.called."""
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {folder / name}.called\n{script}\n')
    path.chmod(0o755)


def test_user_and_directory_are_made_where_there_are_none(
    places: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    tool(tmp_path, "useradd", "echo no room >&2; exit 1")
    config = tmp_path / "etc/modemgw/modemgw.toml"
    asked = ("install", "--create-user", "--exec", "/bin/sh", "--config", config, *places)
    failed = run(*asked, "--user", "no-such-user")
    assert failed.exit_code == 1
    assert "no-such-user ended with status 1: no room" in failed.output
    called = (tmp_path / "useradd.called").read_text()
    assert called == "--system --home-dir /var/lib/modemgw --groups dialout no-such-user\n"

    me = pwd.getpwuid(os.geteuid()).pw_name
    made = run(*asked, "--user", me)
    assert made.exit_code == 0, made.output
    assert f"Made {config.parent}, which {me} may read." in made.output
    assert config.parent.stat().st_mode & 0o777 == 0o750
    assert f"sudo install -m 640 -g {me} modemgw.toml {config}" in made.output
    assert "Made" not in run(*asked, "--user", me).output
    assert (tmp_path / "useradd.called").read_text() == called


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_a_program_that_the_user_may_not_start(places: tuple[str, ...], open_folder: Path) -> None:
    home = open_folder / "home"
    (home / "bin").mkdir(parents=True)
    program = home / "bin/modemgw"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    asked = ("--no-rules", "--exec", program, *places)
    assert closed_to("modemgw", program) is None
    assert "may not start" not in run("install", *asked).output

    home.chmod(0o700)
    told = run("install", *asked).output
    assert f"modemgw may not start {program}: {home} is closed to that user." in told
    assert "docs/service.md" in told
    assert run("install", "--no-unit", *places).exit_code == 0
    checked = run("check", *places)
    assert checked.exit_code == 1
    assert f"which the user modemgw may not: {home} is closed" in checked.output

    home.chmod(0o755)
    (open_folder / "python").mkdir(mode=0o700)
    (open_folder / "python/python3").symlink_to("/bin/sh")
    hidden = open_folder / "python/real"
    shutil.copy("/bin/sh", hidden)
    program.write_text(f"#!{hidden} -I\n")
    assert closed_to("modemgw", program) == open_folder / "python"
    assert closed_to("root", program) is None


def test_uninstall(places: tuple[str, ...], tmp_path: Path) -> None:
    assert run("uninstall", *places).output.count("is not installed.") == 2
    rules_path, unit_path = tmp_path / "rules" / RULES, tmp_path / "units" / UNIT
    for group_name in ("dialout", "sms"):  # the second leaves what was there beside it
        assert run("install", "--group", group_name, *places).exit_code == 0
    assert run("uninstall", "--dry-run", *places).output.count("would be removed.") == 2
    assert rules_path.exists()
    done = run("uninstall", *places)
    assert done.exit_code == 0, done.output
    assert f"Removed {rules_path}." in done.output
    assert f"Removed {unit_path}." in done.output
    assert "Now run: udevadm control --reload" in done.output
    assert [*(tmp_path / "rules").iterdir(), *(tmp_path / "units").iterdir()] == []
    unit_path.write_text("[Service]\nExecStart=/bin/true\n")
    assert "was not written by `install`; it stays." in run("uninstall", *places).output
    assert unit_path.exists()


def test_only_one_of_them(places: tuple[str, ...], tmp_path: Path) -> None:
    assert "systemctl" not in run("install", "--no-unit", *places).output
    assert not list((tmp_path / "units").iterdir())
    assert "udevadm" not in run("install", "--no-rules", *places).output
    assert list((tmp_path / "units").iterdir())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--user", "x\nExecStartPre=/bin/evil"),
        ("--user", "%u"),
        ("--user", ""),
        ("--group", 'g" RUN+="/bin/evil'),
        ("--group", "two groups"),
        ("--exec", "/opt/x\nExecStartPre=/bin/evil"),
        ("--exec", '/opt/"x"'),
        ("--exec", "/opt/$HOME/x"),
        ("--config", "modemgw.toml"),
        ("--config", "/etc/a\\n.toml"),
    ],
)
def test_what_would_mean_something_else_in_a_unit_is_refused(
    option: str, value: str, places: tuple[str, ...], tmp_path: Path
) -> None:
    result = run("install", option, value, *places)
    assert result.exit_code == 2, result.output
    assert [*(tmp_path / "rules").iterdir(), *(tmp_path / "units").iterdir()] == []
    if option == "--group":
        assert run("show", option, value).exit_code == 2


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    result = run("install", "--no-unit", "--rules-dir", tmp_path / "none")
    assert result.exit_code == 1
    assert "There is no directory" in result.output
    assert run("install", "--exec", "modemgw").exit_code == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_who_may_not_write_is_told_to_use_sudo(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir(mode=0o500)
    result = run("install", "--no-unit", "--rules-dir", folder)
    assert result.exit_code == 1
    assert "Run the command with sudo." in result.output


def test_reload_tells_what_it_could_not_do(
    places: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "udevadm").write_text('#!/bin/sh\n[ "$1" = control ] || { echo no daemon >&2; exit 3; }\n')
    (tools / "udevadm").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    result = run("install", "--reload", *places)
    assert result.exit_code == 1
    assert "Ran udevadm control --reload." in result.output
    assert "udevadm trigger --subsystem-match=tty ended with status 3: no daemon" in result.output
    (tools / "udevadm").write_text("#!/bin/sh\n")
    (tmp_path / "units" / UNIT).unlink()
    (tmp_path / "rules" / RULES).unlink()
    result = run("install", "--reload", *places)
    assert result.exit_code == 0, result.output
    assert "systemctl is not on this machine; skipped: systemctl daemon-reload" in result.output


CHOICES = [
    UnitChoices(),
    UnitChoices("/home/me/my venv/bin/modemgw", "me", "dialout", "/home/me/100% mine.toml"),
    UnitChoices("/root/it's;x/modemgw"),
]


@pytest.mark.parametrize("choices", CHOICES)
def test_the_choices_are_read_back(choices: UnitChoices) -> None:
    text = unit(choices)
    assert choices_in(text) == choices
    assert ("ProtectHome=read-only" in text) is choices.in_home


def test_what_is_not_our_unit() -> None:
    assert choices_in("[Service]\nExecStart=/bin/true\n") is None


# ---------------------------------------------------------------- as systemd sees it

ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze (Debian package systemd) is not installed")

#: Tenths: 0 is a service that may do nothing, 100 one that may do all. What is left is what a gateway needs.
EXPOSURE = 20


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    return subprocess.run([ANALYZE, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=60)


@needs_systemd
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    spaced = tmp_path / "a program" / "modemgw"
    spaced.parent.mkdir()
    spaced.write_text("#!/bin/sh\n")
    spaced.chmod(0o755)
    for execute in (sys.executable, str(spaced)):
        path = tmp_path / UNIT
        path.write_text(unit(UnitChoices(execute)))
        done = analyze("verify", path)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_the_sandbox_is_tight(tmp_path: Path) -> None:
    path = tmp_path / UNIT
    path.write_text(unit(UnitChoices(sys.executable)))
    done = analyze("security", "--offline=yes", "--no-pager", f"--threshold={EXPOSURE}", path)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze looks at running units only")
    assert done.returncode == 0, done.stdout + done.stderr
