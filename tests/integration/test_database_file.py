"""`modemgw db`: a copy made while the service writes is whole, and comes back."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modemgw.cli.main import group
from modemgw.store import backup
from modemgw.store.errors import StoreCorrupt, StoreError, StoreLocked
from tests.rig import running


async def test_a_copy_of_a_running_database_comes_back(tmp_path: Path) -> None:
    path, copy = tmp_path / "modemgw.db", tmp_path / "copy.db"
    async with running(tmp_path) as rig:
        accepted = await rig.submit("+79161234567", "kept in the copy")
        await rig.until_state(accepted["id"], "delivered")
        assert backup.check(path) == []
        assert backup.backup(path, copy) > 0
        with pytest.raises(StoreLocked, match="in use by another modemgw"):
            backup.restore(copy, path, 0)
        await rig.submit("+79161234567", "not in the copy")
    kept = backup.restore(copy, path, 0)
    assert kept is not None
    async with running(tmp_path) as rig:
        items = (await rig.get("/v1/messages"))["items"]
        assert [(item["text"], item["state"]) for item in items] == [("kept in the copy", "delivered")]


def test_a_copy_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "there.db").write_bytes(b"")
    with pytest.raises(StoreError, match="exists already"):
        backup.backup(tmp_path / "modemgw.db", tmp_path / "there.db")


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""], ids=["garbage", "empty"])
def test_what_is_no_database_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "modemgw.db"
    path.write_bytes(content)
    result = CliRunner().invoke(group, ["db", "check", str(path)])
    assert result.exit_code == 1
    assert "modemgw" in result.output
    with pytest.raises(StoreCorrupt):
        backup.restore(path, tmp_path / "other.db", 0)
    assert not (tmp_path / "other.db").exists()


def test_what_is_no_database_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened, connect = tmp_path / "modemgw.db", [], sqlite3.connect
    path.write_bytes(b"not a database at all" * 100)

    def remembered(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remembered)
    with pytest.raises(StoreCorrupt):
        backup.check(path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


def test_check_finds_a_damaged_page(tmp_path: Path) -> None:
    path = tmp_path / "modemgw.db"
    with sqlite3.connect(path) as con:
        con.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT)")
        con.executemany("INSERT INTO messages (text) VALUES (?)", [("x" * 500,)] * 2000)
    con.close()
    data = bytearray(path.read_bytes())
    data[8192:8400] = b"\xff" * 208
    path.write_bytes(data)
    assert backup.check(path)


def test_a_backup_ends_though_somebody_writes_all_the_time(tmp_path: Path) -> None:
    """A commit between any two steps of the copy does not make it begin anew."""
    path, copy = tmp_path / "modemgw.db", tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as con:
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, text TEXT)")
        con.execute("BEGIN")
        con.executemany("INSERT INTO messages (text) VALUES (?)", [("x" * 3000,)] * 5 * backup.STEP_PAGES)
        con.execute("COMMIT")
        steps: list[int] = []

        def busy(done: int, total: int) -> None:
            con.execute("INSERT INTO messages (text) VALUES ('written meanwhile')")
            steps.append(done)
            assert len(steps) < 50, "the copy begins again and again"

        backup.backup(path, copy, busy)
    assert len(steps) > 3
    assert steps == sorted(steps)
    with contextlib.closing(sqlite3.connect(copy)) as con:
        assert con.execute("SELECT count(*) FROM messages WHERE text = 'written meanwhile'").fetchone() == (0,)
