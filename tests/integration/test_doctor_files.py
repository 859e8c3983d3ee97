"""`modemgw doctor` on files: configuration, database, disk, clock, secrets; from outside."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemgw.store.database import Store
from tests.doctor_rig import POWERLESS, doctor, modemgw, port, process, scripted, write_config
from tests.integration.test_doctor_modems import expect

CONFIG_ERRORS = """\
[http]
listen = "127.0.0.1:1"
[[modem]]
name = "a"
prt = "/dev/ttyUSB0"
[[account]]
login = "shop"
password = 5
"""


async def made(directory: Path) -> Path:
    """A database as a stopped service leaves it."""
    path = directory / "modemgw.db"
    store = await Store.open(path, lambda: int(time.time() * 1000))
    await store.close()
    return path


async def test_every_complaint_about_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "modemgw.toml"
    path.write_text(CONFIG_ERRORS)
    told = await doctor(path)
    expect(told, "config.error", "modem[0]", "modemgw config check")
    complaints = [f["seen"] for f in told.findings if f["key"] == "config.error"]
    assert len(complaints) == 3
    assert any('did you mean "port"?' in text for text in complaints)
    assert any("must be a string" in text for text in complaints)
    assert set(told.problems) == {"config.error"}
    assert told.of("service.down")["because"] == "config.error"


async def test_a_broken_configuration_does_not_hide_the_modem(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted({"AT+CPIN?": "+CME ERROR: 10"})) as link:
        config = write_config(tmp_path, str(link), extra="[htp]\n")
        told = await doctor(config)
    assert told.document["top"] == "config.error"
    assert told.of("sim.missing")["subject"] == "m0"


async def test_no_toml_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "modemgw.toml"
    told = await doctor(path)
    expect(told, "config.error", "cannot be read", "--config")
    path.write_text("[[modem\n")
    told = await doctor(path)
    expect(told, "config.error", "is not TOML", "correct")


async def test_wrong_usage_is_status_2() -> None:
    assert (await modemgw("doctor", "--no-such-option"))[0] == 2
    assert (await modemgw("doctor", "--url", "nonsense"))[0] == 2


async def test_a_damaged_database(tmp_path: Path) -> None:
    path = await made(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[5000:9000] = os.urandom(4000)
    path.write_bytes(raw)
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)))
    expect(told, "database.corrupt", "damaged", "modemgw db restore")
    assert told.problems == ["database.corrupt"]


async def test_a_sound_database_is_left_as_it_was(tmp_path: Path) -> None:
    path = await made(tmp_path)
    before = sorted(entry.name for entry in tmp_path.iterdir())
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)))
    assert told.of("database.whole")["seen"].startswith(str(path))
    assert sorted({entry.name for entry in tmp_path.iterdir()} - {"modemgw.toml", "alone"}) == before


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "modemgw.db").write_bytes(b"hello " * 1000)
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)))
    expect(told, "database.corrupt", "no database of modemgw", "modemgw db restore")


async def test_a_database_that_another_program_has_locked(tmp_path: Path) -> None:
    path = await made(tmp_path)
    script = (
        "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "db.execute('PRAGMA locking_mode = EXCLUSIVE')\ndb.execute('BEGIN EXCLUSIVE')\n"
        "print('ready', flush=True)\nsys.stdin.read()\n"
    )
    async with port(tmp_path / "tty", scripted()) as link:
        config = write_config(tmp_path, str(link))
        with process(script, str(path)):
            told = await doctor(config)
    expect(told, "database.locked", "locked by another program", "fuser")
    assert told.problems == ["database.locked"]


async def test_a_clock_behind_its_own_history(tmp_path: Path) -> None:
    path = await made(tmp_path)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO events (at, kind) VALUES (?, 'line.up')", (int((time.time() + 5 * 86_400) * 1000),))
    db.close()
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)))
    expect(told, "clock.behind", "5 days in its future", "set-ntp")
    assert told.problems == ["clock.behind"]


async def test_callbacks_that_fail(tmp_path: Path) -> None:
    path = await made(tmp_path)
    now = int(time.time() * 1000)
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO accounts (login) VALUES ('shop')")
        db.execute(
            "INSERT INTO callbacks (account_id, dialect, stream, host, follows, event_id, method, url, headers, body,"
            " context, state, created_at, since, due_at, ended_at, tries, status, error) VALUES (1, 'native', 's', 'h',"
            " 1, 1, 'POST', 'http://user:word@shop.example/hook?key=abc', '{}', x'', '{}', 'failed', ?, ?, NULL, ?, 9,"
            " 500, NULL)",
            (now, now, now),
        )
    db.close()
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)))
    expect(told, "callbacks.failing", "shop.example fail (1 given up since yesterday", "callbacks replay")
    assert "HTTP 500" in told.top["seen"]
    assert "word" not in told.top["seen"]


async def test_secrets_that_everybody_may_read(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        config = write_config(tmp_path, str(link))
        config.chmod(0o644)
        told = await doctor(config)
    expect(told, "config.mode", "can be read by everybody", f"chmod 600 {config}")


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        config = write_config(tmp_path, str(link))
        config.write_text(config.read_text().replace("modemgw.db", "no/such/modemgw.db"))
        told = await doctor(config)
    expect(told, "database.no_folder", "does not exist", "mkdir -p")


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root, to take its powers away")
async def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = await made(tmp_path)
    os.chown(path, 1234, 1234)
    async with port(tmp_path / "tty", scripted()) as link:
        told = await doctor(write_config(tmp_path, str(link)), before=POWERLESS)
    expect(told, "database.denied", "may not use", "chown")
    assert told.problems == ["database.denied"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB, nearly full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount")
    (folder / "big").write_bytes(b"x" * 7_900_000)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk(tmp_path: Path, small_disk: Path) -> None:
    async with port(tmp_path / "tty", scripted()) as link:
        config = write_config(tmp_path, str(link))
        config.write_text(config.read_text().replace(str(tmp_path / "modemgw.db"), str(small_disk / "modemgw.db")))
        told = await doctor(config)
    expect(told, "disk.full", "is full", "make room")
    assert told.problems == ["disk.full"]


async def test_two_runs_side_by_side(tmp_path: Path) -> None:
    """The second finds the port busy, and no traceback."""
    async with port(tmp_path / "tty", scripted()) as link:
        config = write_config(tmp_path, str(link))
        first, second = await asyncio.gather(*(doctor(config, root=tmp_path / name, apart=True) for name in "ab"))
    assert {*first.problems, *second.problems} <= {"port.held", "port.held_by_modemgw"}
