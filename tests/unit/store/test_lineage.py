"""An earlier database that comes back: what waits in it is held, and no id is given twice, whichever way it came."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from modemgw.domain.message import Hold
from modemgw.domain.requests import MessageQuery
from modemgw.store import backup, lineage
from modemgw.store.acceptance import Accept
from modemgw.store.callbacks import MAY_HAVE_GONE
from modemgw.store.database import Store
from modemgw.store.errors import StoreError
from modemgw.store.repository import Repository
from tests.unit.store.desk import DAY, PLAIN, SHOP, START, new


async def opened(path: Path, now: int = START) -> Store:
    store = await Store.open(path, lambda: now)
    await Repository(store).ensure_accounts(["shop"])
    return store


async def one_waiting(path: Path) -> int:
    """A database with a message, a callback, an inbox row, a record and a piece, and one of each deleted; the id."""
    store = await opened(path)

    def fill(tx):  # type: ignore[no-untyped-def]
        tx.execute("INSERT INTO lines (key, name, first_seen, last_seen) VALUES ('name:a', 'a', 0, 0)")
        tx.execute(
            "INSERT INTO inbox (line_id, sender, kind, received_at, parts, missing, complete) "
            "VALUES (1, '+7', 'text', 0, 1, '[]', 1)"
        )
        tx.execute(
            "INSERT INTO records (account_id, space, key, data, created_at, updated_at) VALUES (1,'x','k','{}',0,0)"
        )
        tx.execute(
            "INSERT INTO callbacks (account_id, dialect, stream, host, follows, event_id, method, url, headers, body, "
            "context, state, created_at, since, due_at, tries) VALUES (1, 'native', 's', 'h:80', 0, 1, 'POST', "
            "'http://h/', '{}', x'', '{}', 'waiting', 0, 0, 0, 0)"
        )

    await store.write(fill)
    accepted = await store.write(Accept(PLAIN))
    await store.close()
    return accepted.id


def highest(path: Path) -> dict[str, int]:
    with contextlib.closing(sqlite3.connect(path)) as con:
        return {
            table: con.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
            for table in ("messages", "inbox", "events", "records", "callbacks")
        }


async def test_a_restored_copy_sends_nothing_and_gives_no_id_again(tmp_path: Path) -> None:
    path, copy = tmp_path / "m.db", tmp_path / "copy.db"
    waiting = await one_waiting(path)
    backup.backup(path, copy)
    store = await opened(path)
    for _ in range(5):
        await store.write(Accept(PLAIN))
    await store.close()
    before = highest(path)
    backup.restore(copy, path, START)

    store = await opened(path, START + DAY)
    repository = Repository(store)
    assert await repository.holds() == {Hold.RESTORED: 1}
    assert await repository.claim("", 10) == []
    view = await repository.message(1, waiting)
    assert view is not None
    assert (view.state, view.held) == ("unknown", Hold.RESTORED)
    accepted = await store.write(Accept(PLAIN))
    assert accepted.id > 1_000_000
    assert (
        await store.write(lambda tx: tx.execute("SELECT max(id) FROM events").fetchone()[0]) > before["events"] + 10**6
    )
    told = await store.read(lambda con: con.execute("SELECT state, error FROM callbacks").fetchall())
    assert told == [("failed", MAY_HAVE_GONE)]
    assert await repository.release(None, False, [1]) == 1
    assert [job.id for job in await repository.claim("", 10)] == [waiting, accepted.id]
    assert await store.read(lambda con: con.execute("SELECT state FROM callbacks").fetchall()) == [("waiting",)]
    await store.close()
    # it is a database like any other from now on
    store = await opened(path, START + DAY)
    assert await Repository(store).holds() == {}
    assert [job.id for job in await Repository(store).claim("", 10)] == [waiting, accepted.id]
    await store.close()


@pytest.mark.parametrize("how", ["after a stop", "after a kill", "of an earlier life"])
async def test_a_copy_that_was_put_there_by_hand_is_noticed(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, copy = tmp_path / "m.db", tmp_path / "copy.db"
    waiting = await one_waiting(path)
    shutil.copy(path, copy)
    if how == "of an earlier life":
        (tmp_path / "night.db").write_bytes(copy.read_bytes())
        backup.restore(tmp_path / "night.db", path, START)
    store = await opened(path)
    await store.write(Accept(PLAIN))
    if how == "after a kill":
        await store._readers.close()
        await store._writer.close()
        store._connection.close()
        store._lock.release()
        (tmp_path / "m.db-wal").unlink(missing_ok=True)
    else:
        await store.close()
    shutil.copy(copy, path)
    caplog.clear()
    store = await opened(path)
    assert "put there by hand" in caplog.text
    assert "modemgw db release" in caplog.text
    assert await Repository(store).holds() == {Hold.RESTORED: 1}
    assert (await store.write(Accept(PLAIN))).id > waiting + 1_000_000
    await store.close()


async def test_a_copy_made_between_two_starts_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    waiting = await one_waiting(path)
    for name in ("aside.db", "elsewhere.db"):
        shutil.copy(path, tmp_path / name)
        shutil.copy(tmp_path / name, path)
        store = await opened(path)
        assert [job.id for job in await Repository(store).claim("", 10)] == [waiting]
        await store.close()
    lineage.mark_of(path).unlink()  # as on a machine where it never was
    store = await opened(path)
    assert [job.id for job in await Repository(store).claim("", 10)] == [waiting]
    await store.close()


async def test_the_mark_is_kept_up_to_date_while_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemgw.store.database.MARK_S", 0.0)
    path = tmp_path / "m.db"
    store = await opened(path)
    before = lineage.Mark.read(path)
    await store.write(Accept(PLAIN))
    await store.inspect()
    after = lineage.Mark.read(path)
    assert before is not None
    assert after is not None
    assert after.event > before.event
    await store.close()


async def test_a_database_with_the_log_of_another_is_refused(tmp_path: Path) -> None:
    path, wal = tmp_path / "m.db", tmp_path / "m.db-wal"
    await one_waiting(path)
    shutil.copy(path, tmp_path / "copy.db")
    mark = lineage.Mark.read(path)
    assert mark is not None
    wal.write_bytes(b"what was written last")
    lineage.Mark(mark.life, mark.starts, mark.event, path.stat().st_ino, wal.stat().st_ino).write(path)
    os.replace(tmp_path / "copy.db", path)
    with pytest.raises(StoreError, match=r"m\.db-wal is the log of that one.*db restore"):
        await Store.open(path, lambda: START)
    backup.restore(path, path, START)
    assert (tmp_path / "m.db.old-1-wal").read_bytes() == b"what was written last"
    await (await opened(path)).close()


@pytest.mark.parametrize("step", range(5))
async def test_a_restore_that_dies_is_finished_or_has_changed_nothing(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies before one of: the copy's name, the database aside, its log aside, the copy in its place."""
    path, copy = tmp_path / "m.db", tmp_path / "copy.db"
    waiting = await one_waiting(path)
    backup.backup(path, copy)
    store = await opened(path)
    await store.write(Accept(new(text="the newer one")))
    await store.close()
    (tmp_path / "m.db-wal").write_bytes(b"")
    calls = 0

    class Died(BaseException):
        pass

    def dying(name: str) -> None:
        true = getattr(os, name)

        def moved(*args: object) -> None:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Died
            true(*args)

        monkeypatch.setattr(os, name, moved)

    with monkeypatch.context():
        dying("rename")
        dying("replace")
        with contextlib.suppress(Died):
            backup.restore(copy, path, START)
        monkeypatch.undo()
    store = await opened(path)
    repository = Repository(store)
    held = await repository.holds()
    if step == 0:
        assert held == {}
        assert len(await repository.claim("", 10)) == 2
    else:
        assert held == {Hold.RESTORED: 1}
        assert await repository.message(1, waiting) is not None
        assert len(await repository.messages(MessageQuery(SHOP))) == 1
        with contextlib.closing(sqlite3.connect(tmp_path / "m.db.old-1")) as old:
            assert old.execute("SELECT count(*) FROM messages").fetchone() == (2,)
    await store.close()


async def test_ids_go_on_from_rows_that_were_deleted(tmp_path: Path) -> None:
    store = await opened(tmp_path / "m.db")
    first = await store.write(Accept(PLAIN))
    events = await store.write(lambda tx: tx.execute("SELECT max(id) FROM events").fetchone()[0])

    def forget(tx):  # type: ignore[no-untyped-def]
        for table in ("parts", "messages", "events"):
            tx.execute(f"DELETE FROM {table}")

    await store.write(forget)
    assert (await store.write(Accept(PLAIN))).id == first.id + 1
    assert await store.read(lambda con: con.execute("SELECT min(id) FROM events").fetchone()[0]) == events
    await store.close()
