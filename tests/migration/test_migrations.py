"""Databases of earlier versions open; the schema is what the last release wrote, or a migration says why not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlite_utils import Database

from modemgw.domain.requests import InboxQuery
from modemgw.store import schema
from modemgw.store.acceptance import Accept
from modemgw.store.database import Store
from modemgw.store.errors import StoreError
from modemgw.store.repository import Repository
from tests.unit.store.desk import SHOP, START, new

HERE = Path(__file__).parent

#: A database after migration 1, with rows in every table, as `.dump` writes it.
FIRST = HERE / "m001.sql"

#: Tables and indexes after each migration that was released: `schema-NAME.sql`. What is in these never changes;
#: a change of the schema is another migration.
SNAPSHOTS = sorted(HERE.glob("schema-*.sql"))


def dumped(path: Path) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(FIRST.read_text(encoding="utf-8"))
    connection.close()
    return path


def structure(connection: sqlite3.Connection) -> str:
    rows = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '%sqlite%' ORDER BY type DESC, name"
    )
    return "".join(" ".join(line.split("--")[0].strip() for line in sql.splitlines()) + ";\n" for (sql,) in rows)


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda path: path.stem)
def test_a_migration_does_what_it_did_when_it_was_released(tmp_path: Path, snapshot: Path) -> None:
    connection = sqlite3.connect(tmp_path / "m.db")
    names = [migration.name for migration in schema.migrations.pending(Database(connection))]
    last = names.index(snapshot.stem.removeprefix("schema-"))
    schema.migrations.apply(Database(connection), stop_before=names[last + 1 :])
    assert structure(connection) == snapshot.read_text(encoding="utf-8")
    connection.close()


def test_an_old_database_becomes_what_a_new_one_is(tmp_path: Path) -> None:
    old, fresh = sqlite3.connect(dumped(tmp_path / "m.db")), sqlite3.connect(tmp_path / "n.db")
    for connection in (old, fresh):
        schema.apply(Database(connection))
    assert structure(old) == structure(fresh)
    old.close()
    fresh.close()


def test_migrating_twice_is_migrating_once(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "m.db")
    assert schema.apply(Database(connection))[0] == "m001_first"
    before = list(connection.iterdump())
    assert schema.apply(Database(connection)) == []
    assert list(connection.iterdump()) == before
    connection.close()


async def test_what_was_in_an_old_database_is_there_and_goes_on(tmp_path: Path) -> None:
    store = await Store.open(dumped(tmp_path / "m.db"), lambda: START)
    repository = Repository(store)
    assert await repository.ensure_accounts(["shop"]) == {"shop": 1, "other": 2}
    assert await repository.recover(600_000, 15_000) == (1, 1)
    delivered, partly, in_air = [await repository.message(1, number) for number in (1, 2, 3)]
    assert delivered is not None
    assert partly is not None
    assert in_air is not None
    assert (delivered.text, delivered.state, delivered.parts[0].receipts[0].meaning) == (
        "Привет",
        "delivered",
        "delivered",
    )
    assert (partly.state, [part.state for part in partly.parts]) == ("sending", ["sent", "queued"])
    assert in_air.state == "unknown"
    assert [job.id for job in await repository.claim("a", 10)] == [2]
    inbox = await repository.inbox(InboxQuery(SHOP))
    assert [(view.text, view.complete) for view in inbox] == [("hi", True), ("a" * 153 + "[…]", False)]
    accepted = await store.write(Accept(new(text="after")))
    assert accepted.id == 4
    await store.close()


def fail(db: Database) -> None:
    db.execute("CREATE TABLE half (id)")
    db.execute("INSERT INTO nowhere VALUES (1)")


def test_a_migration_that_fails_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(dumped(tmp_path / "m.db"), isolation_level=None)
    schema.apply(Database(connection))
    before = list(connection.iterdump())
    broken: Callable[[Database], None] = fail
    monkeypatch.setattr(schema.migrations, "_migrations", list(schema.migrations._migrations))
    schema.migrations(name="m999_broken")(broken)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        schema.apply(Database(connection))
    assert list(connection.iterdump()) == before
    connection.close()


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = dumped(tmp_path / "m.db")
    connection = sqlite3.connect(path)
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('modemgw', 'm900_later', '2030')"
    )
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer modemgw \(it has m900_later\)"):
        await Store.open(path, lambda: START)
    assert path.read_bytes() == before
