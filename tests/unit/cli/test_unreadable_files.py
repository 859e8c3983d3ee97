"""Every command where a file or folder may not be read: a sentence and a status, never a traceback.

As after `install -d -m 750 -o root -g modemgw /etc/modemgw`, for somebody who is not in that group.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from modemgw.cli.main import group
from modemgw.store.database import Store
from tests.doctor_rig import POWERLESS

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may read all; setpriv takes that away"
)

#: Every command with what it needs. `demo` reads none of the files and serves until it is stopped.
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": (),
    "config check": (),
    "send": ("+79161234567", "Hello"),
    "explain": ("1",),
    "show": ("1",),
    "cancel": ("1",),
    "outbox": (),
    "inbox": (),
    "alert test": (),
    "lines": (),
    "modems": (),
    "route try": ("+79990000001", "x"),
    "pause": ("a",),
    "resume": ("a",),
    "access list": (),
    "access clear": (),
    "callbacks": (),
    "callbacks replay": ("--all-failed",),
    "db check": (),
    "db backup": (),
    "db restore": ("copy.db",),
    "db release": (),
    "stand-in": ("smsc.ru", "--dir", "closed/standin", "--files-only"),
    "doctor": (),
    "trace": ("a",),
    "udev show": (),
    "udev install": ("--rules-dir", "closed", "--unit-dir", "closed"),
    "udev uninstall": ("--rules-dir", "closed", "--unit-dir", "closed"),
    "udev check": ("--rules-dir", "closed", "--unit-dir", "closed"),
    "ussd": ("a", "*100#"),
    "balance": ("a",),
    "profiles": (),
    "profiles show": ("generic",),
    "profiles match": (),
    "profiles learned": (),
    "profiles learned forget": ("864425040000018",),
}

#: What is closed, and the commands that end well all the same.
CLOSED: dict[str, tuple[str, ...]] = {
    "etc": ("udev show",),
    "etc/modemgw.toml": ("udev show",),
    "data": ("config check", "udev show", "profiles", "profiles show", "profiles match"),
    "data/modemgw.db": (
        "config check",
        "udev show",
        "profiles",
        "profiles show",
        "profiles match",
        "profiles learned",
        "db restore",  # puts the file aside unread, as it does with a damaged one
    ),
    "data/modemgw.credentials.toml": (
        "config check",
        "udev show",
        "profiles",
        "profiles show",
        "profiles match",
        "profiles learned",
        "db check",
        "db backup",
        "db restore",
    ),
    "etc/profiles.d": ("udev show", "profiles", "profiles show", "profiles match"),
}

#: Runs every command of standard input in one process whose configuration is etc/modemgw.toml; says what came out.
SCRIPT = """
import json, sys, traceback
import click
from click.testing import CliRunner
from modemgw import places
from modemgw.cli.main import main
places.DEFAULT_PLACES = ("etc/modemgw.toml",)
out = {}
for name, words in json.load(sys.stdin).items():
    sys.argv = ["modemgw", *name.split(), *words]
    result = CliRunner().invoke(click.Command("all", callback=main), [])
    trouble = result.exception if not isinstance(result.exception, SystemExit) else None
    told = "".join(traceback.format_exception(trouble)) if trouble else ""
    out[name] = [result.exit_code, result.output, told]
json.dump(out, sys.stdout)
"""


async def _make_database(path: Path) -> None:
    await (await Store.open(path, lambda: 1)).close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Path]:
    for folder in ("etc/profiles.d", "data", "closed"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    config = tmp_path / "etc/modemgw.toml"
    config.write_text(f'[http]\nlisten = "127.0.0.1:1"\n[store]\npath = "{tmp_path}/data/modemgw.db"\n')
    config.chmod(0o600)
    asyncio.run(_make_database(tmp_path / "data/modemgw.db"))
    shutil.copy(tmp_path / "data/modemgw.db", tmp_path / "copy.db")
    (tmp_path / "data/modemgw.credentials.toml").write_text('[[account]]\nlogin = "x"\npassword = "y"\n')
    yield tmp_path
    for path in (tmp_path, *(tmp_path / place for place in ("etc", "data", "closed", "etc/profiles.d"))):
        path.chmod(0o700)


def results(machine: Path, *, environment: dict[str, str] | None = None, only: tuple[str, ...] = ()) -> dict[str, Any]:
    before = POWERLESS if os.geteuid() == 0 else ()
    wanted = {name: words for name, words in COMMANDS.items() if not only or name in only}
    done = subprocess.run(
        [*before, sys.executable, "-c", SCRIPT],
        input=json.dumps(wanted),
        capture_output=True,
        text=True,
        cwd=machine,
        timeout=100,
        env={k: v for k, v in os.environ.items() if not k.startswith("MODEMGW_")} | (environment or {}),
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_command_is_tried() -> None:
    def names(commands: click.Group, before: str = "") -> Iterator[str]:
        for name, command in commands.commands.items():
            if isinstance(command, click.Group):
                if command.invoke_without_command:
                    yield before + name
                yield from names(command, f"{before}{name} ")
            else:
                yield before + name

    assert set(names(group)) - {"demo"} == set(COMMANDS)


@pytest.mark.parametrize("closed", CLOSED)
def test_a_sentence_and_a_status(machine: Path, closed: str) -> None:
    (machine / closed).chmod(0)
    for name, (status, output, told) in results(machine).items():
        assert not told, (name, told)
        assert "Traceback" not in output, (name, output)
        assert (status == 0) == (name in CLOSED[closed]), (name, status, output)
        assert output.strip(), name


@pytest.mark.parametrize("closed", ["etc", "etc/modemgw.toml", "data"])
def test_who_gives_address_and_key_needs_no_file(machine: Path, closed: str) -> None:
    (machine / closed).chmod(0)
    given = {"MODEMGW_URL": "http://127.0.0.1:1", "MODEMGW_API_KEY": "key"}
    clients = ("send", "explain", "show", "outbox", "inbox", "modems", "pause", "ussd", "balance", "callbacks replay")
    for name, (status, output, _) in results(machine, environment=given, only=clients).items():
        assert status == 3, (name, output)
        assert "no service is running at http://127.0.0.1:1" in output, name


def test_the_configuration_is_named_with_what_to_do(machine: Path) -> None:
    (machine / "etc").chmod(0)
    for name, (status, output, _) in results(machine, only=("modems", "run", "doctor")).items():
        assert status, name
        assert "etc/modemgw.toml" in output, (name, output)
        assert "may not read" in output or "Permission denied" in output, (name, output)
