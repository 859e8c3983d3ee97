"""Opening the database: what it refuses, in which words, and what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modemgw.domain.refusal import StoreUnavailable
from modemgw.store import database
from modemgw.store.acceptance import Accept
from modemgw.store.database import Store
from modemgw.store.errors import StoreCorrupt, StoreError, StoreLocked
from modemgw.store.repository import Repository
from tests.unit.store.desk import PLAIN, START, new

HOLDER = """
import sys
from pathlib import Path
from modemgw.store.lock import LockFile
lock = LockFile(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def clock() -> int:
    return START


async def opened(path: Path) -> Store:
    store = await Store.open(path, clock)
    await Repository(store).ensure_accounts(["shop"])
    return store


async def test_a_new_database_is_made_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store = await opened(path)
    assert path.stat().st_mode & 0o777 == 0o600

    def pragmas(connection: sqlite3.Connection) -> list[object]:
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "foreign_keys")]

    assert await store.read(pragmas) == ["wal", 1]
    synchronous = await store.write(lambda tx: tx.execute("PRAGMA synchronous").fetchone()[0])
    assert synchronous == 2  # FULL
    await store.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.db", "m.db.lock", "m.db.mark"]  # no WAL is left


async def test_what_was_accepted_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store = await opened(path)
    accepted = await store.write(Accept(PLAIN))
    await store.close()
    store = await opened(path)
    job = await Repository(store).job(accepted.id)
    assert job is not None
    assert job.text == "hello"
    await store.close()


async def test_a_read_after_a_write_sees_it(tmp_path: Path) -> None:
    store = await opened(tmp_path / "m.db")
    for number in range(20):
        await store.write(Accept(new(text=str(number))))
        assert await store.read(lambda con: con.execute("SELECT count(*) FROM messages").fetchone()[0]) == number + 1
    await store.close()


async def test_readers_cannot_write(tmp_path: Path) -> None:
    store = await opened(tmp_path / "m.db")
    with pytest.raises(StoreUnavailable, match=r"could not be read.*readonly"):
        await store.read(lambda con: con.execute("DELETE FROM accounts"))
    await store.close()


async def test_wait_commit_wakes_for_each_commit_and_not_without(tmp_path: Path) -> None:
    store = await opened(tmp_path / "m.db")
    await store.wait_commit()  # that of the account
    waiting = asyncio.ensure_future(store.wait_commit())
    await asyncio.sleep(0)
    assert not waiting.done()
    await store.write(Accept(PLAIN))
    await asyncio.wait_for(waiting, 5)
    await store.close()


# -- the lock ---------------------------------------------------------------------------------------------


async def test_another_process_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked, match=rf"process {holder.pid}\)"):
            await Store.open(path, clock)
        assert not path.exists()  # the loser has made nothing
        holder.kill()  # a dead process holds nothing, whatever its file says
        holder.wait()
        await (await Store.open(path, clock)).close()
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


async def test_within_one_process_too(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store = await Store.open(path, clock)
    with pytest.raises(StoreLocked, match=str(os.getpid())):
        await Store.open(path, clock)
    await store.close()
    await (await Store.open(path, clock)).close()


async def test_a_failed_opening_lets_go_of_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    path.write_bytes(b"not a database, not at all" * 100)
    for _ in range(2):
        with pytest.raises(StoreCorrupt):
            await Store.open(path, clock)


# -- what it refuses --------------------------------------------------------------------------------------


async def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    content = b"Dear diary, " * 500
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=r"m\.db.*not a database.*db check"):
        await Store.open(path, clock)
    assert path.read_bytes() == content


async def test_a_damaged_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store = await opened(path)
    for number in range(200):
        store.write(Accept(new(text=f"message {number} " + "x" * 100)))
    await store.close()
    octets = bytearray(path.read_bytes())
    for place in range(8192 + 8, len(octets) - 4096, 4096):
        octets[place : place + 64] = b"\xaa" * 64
    path.write_bytes(octets)
    with pytest.raises(StoreCorrupt, match="damaged"):
        await Store.open(path, clock)
    assert path.read_bytes() == bytes(octets)


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE invoices (id)")
    connection.commit()
    connection.close()
    content = path.read_bytes()
    with pytest.raises(StoreCorrupt, match=r"m\.db.*not one of modemgw"):
        await Store.open(path, clock)
    assert path.read_bytes() == content


async def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path / 'none'} of the database does not exist"):
        await Store.open(tmp_path / "none" / "m.db", clock)


async def test_a_directory_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a directory"):
        await Store.open(tmp_path, clock)


async def test_a_directory_that_cannot_be_written_is_named() -> None:
    with pytest.raises(StoreError, match="Cannot write in /proc/"):
        await Store.open(Path("/proc/self/m.db"), clock)


AS_NOBODY = """
import asyncio, os, sys
from pathlib import Path
from modemgw.store.database import Store
from modemgw.store.errors import StoreError
if os.getuid() == 0:
    os.setuid(65534)
async def main():
    try:
        await Store.open(Path(sys.argv[1]), lambda: 0)
    except StoreError as error:
        print(type(error).__name__, error)
asyncio.run(main())
"""


@pytest.fixture
def for_all() -> Iterator[Path]:
    """A folder that every user may enter: those above `tmp_path` are made private again by any run of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


async def test_a_file_that_may_not_be_written(for_all: Path) -> None:
    path = for_all / "m.db"
    await (await opened(path)).close()
    path.chmod(0o444)
    (for_all / "m.db.lock").chmod(0o666)  # root writes whatever the mode: the child becomes nobody
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", AS_NOBODY, str(path)], capture_output=True, text=True
    )
    assert "StoreError" in done.stdout, done
    assert "cannot be opened for writing" in done.stdout
    assert "owner and mode" in done.stdout


@pytest.mark.parametrize("left", ["missing", "empty"])
async def test_a_log_without_its_database_is_left_alone(tmp_path: Path, left: str) -> None:
    path, wal = tmp_path / "m.db", tmp_path / "m.db-wal"
    wal.write_bytes(b"the log of some database")
    if left == "empty":
        path.touch()
    with pytest.raises(StoreError, match=r"m\.db-wal is the log of a database.*db restore"):
        await Store.open(path, clock)
    assert wal.read_bytes() == b"the log of some database"
    wal.rename(tmp_path / "elsewhere")
    await (await Store.open(path, clock)).close()


@pytest.mark.parametrize("name", ["m.db-wal", "m.db-shm", "m.db.lock"])
async def test_a_link_in_the_place_of_a_file_of_ours_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / name).symlink_to(tmp_path / "other")
    with pytest.raises(StoreError, match=rf"{name} is a link"):
        await Store.open(tmp_path / "m.db", clock)


async def test_a_new_database_is_said_to_be_new(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await (await Store.open(tmp_path / "m.db", clock)).close()
    assert "There was no database" in caplog.text
    caplog.clear()
    await (await Store.open(tmp_path / "m.db", clock)).close()
    assert "There was no database" not in caplog.text


@pytest.mark.parametrize("kind", ["symlink", "hard link"])
async def test_another_name_of_the_database_leads_to_the_same_lock(tmp_path: Path, kind: str) -> None:
    path, other = tmp_path / "m.db", tmp_path / "elsewhere" / "n.db"
    other.parent.mkdir()
    store = await opened(path)
    if kind == "symlink":
        other.symlink_to(path)
    else:
        other.hardlink_to(path)
    script = "import sys; from pathlib import Path; from modemgw.store.files import real\n" + HOLDER.replace(
        "LockFile(Path(sys.argv[1]))", "LockFile(real(sys.argv[1]))"
    )
    tried = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script, str(other)], capture_output=True, text=True, input=""
    )
    assert "held" not in tried.stdout
    assert "StoreLocked" in tried.stderr
    assert "in use by another modemgw" in tried.stderr
    await store.close()


# -- files that vanish while it runs ------------------------------------------------------------------------


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink()


def _replace(path: Path) -> None:
    draft = path.with_name("another")
    draft.write_bytes(path.read_bytes())
    draft.rename(path)


def _remove_log(path: Path) -> None:
    path.with_name(path.name + "-wal").unlink()


@pytest.mark.parametrize("vanish", [_remove, _replace, _remove_log])
async def test_nothing_is_accepted_once_a_file_is_gone(tmp_path: Path, vanish: Callable[[Path], None]) -> None:
    path = tmp_path / "m.db"
    store = await opened(path)
    before = await store.write(Accept(PLAIN))
    assert store.problem is None
    vanish(path)
    assert store.problem is not None
    assert "while the service runs" in store.problem
    with pytest.raises(StoreUnavailable, match=r"was (removed|replaced)"):
        await store.write(Accept(PLAIN))
    # what has happened already is recorded where it can be
    await asyncio.wait_for(store.submit(lambda tx: tx.event("line.ready"), must=True), 10)
    await store.close()
    kept = tmp_path / "m.db.rescued-1" if vanish is _replace else path
    with contextlib.closing(sqlite3.connect(kept)) as con:
        assert con.execute("SELECT id FROM messages").fetchall() == [(before.id,)]
        assert con.execute("SELECT count(*) FROM events WHERE kind = 'line.ready'").fetchone() == (1,)
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_a_file_that_comes_back_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    store = await opened(path)
    path.rename(tmp_path / "aside")
    with pytest.raises(StoreUnavailable):
        await store.write(Accept(PLAIN))
    (tmp_path / "aside").rename(path)
    assert (await store.write(Accept(PLAIN))).id == 1
    assert store.problem is None
    await store.close()


async def test_a_lock_file_that_is_removed_is_made_again(tmp_path: Path) -> None:
    path, lock = tmp_path / "m.db", tmp_path / "m.db.lock"
    store = await opened(path)
    lock.unlink()
    assert await store.inspect() is None
    assert lock.read_text() == f"{os.getpid()}\n"
    with pytest.raises(StoreLocked):
        await Store.open(path, clock)
    await store.close()


async def test_a_disk_that_hangs_is_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BEHIND_S", 0.05)
    store = await opened(tmp_path / "m.db")
    hang = threading.Event()
    stuck = store.write(lambda tx: hang.wait(30))
    try:
        async with asyncio.timeout(20):
            while store.problem is None:
                await asyncio.sleep(0.01)
        assert "does not answer" in store.problem
    finally:
        hang.set()
    await stuck
    await store.write(lambda tx: None)
    assert store.problem is None
    await store.close()


# -- a disk that fills up while it runs -------------------------------------------------------------------


async def test_a_full_disk_is_said_and_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "CHECKPOINT_PAGES", 10)
    store = await opened(tmp_path / "m.db")
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    writes = [store.write(Accept(new(text="x" * 2000))) for _ in range(50)]
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert any(isinstance(result, StoreUnavailable) for result in results)
    assert store.problem is not None
    assert "full" in store.problem
    count = await store.read(lambda con: con.execute("SELECT count(*) FROM messages").fetchone()[0])
    store._connection.execute("PRAGMA max_page_count = 1000000")
    await store.write(Accept(PLAIN))
    assert store.problem is None
    assert await store.read(lambda con: con.execute("SELECT count(*) FROM messages").fetchone()[0]) == count + 1
    await store.close()
