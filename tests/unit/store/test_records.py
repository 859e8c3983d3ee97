"""What dialects keep: one of a key, ids that ascend for good, ends, limits of size and number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import Record
from modemgw.store import records
from modemgw.store.records import MAX_DATA, MAX_KEY
from tests.unit.store.desk import Desk
from tests.unit.store.test_queries import Plans


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def put(desk: Desk, data: Any = None, key: str | None = None, **more: Any) -> Record:
    options = {"account_id": 1, "space": "smsc.template", "ttl_s": None, "limit": 1000, **more}
    return desk.do(records.put, data={"n": 1} if data is None else data, key=key, **options)


def get(desk: Desk, key: str, account: int = 1, space: str = "smsc.template") -> Record | None:
    return records.get(desk.con, account, space, key, desk.now)


def keys(desk: Desk, after: int = 0, limit: int = 100) -> list[str]:
    return [record.key for record in records.listed(desk.con, 1, "smsc.template", after, limit, desk.now)]


def test_without_a_key_the_id_is_the_key_and_no_id_comes_twice(desk: Desk) -> None:
    first, second = put(desk), put(desk)
    assert (first.key, second.key) == (str(first.id), str(second.id))
    assert desk.do(records.delete, 1, "smsc.template", second.key)
    third = put(desk)
    assert third.id > second.id > first.id
    assert keys(desk) == [first.key, third.key]


def test_a_key_that_looks_like_the_next_id_is_stepped_over(desk: Desk) -> None:
    first = put(desk, key="2")
    assert first.id == 1
    assert put(desk).key == "3"


def test_the_same_key_is_the_same_record(desk: Desk) -> None:
    first = put(desk, {"text": "Ёлка 👍"}, "a")
    desk.now += 5
    second = put(desk, {"text": "x"}, "a")
    assert (second.id, second.created_at, second.updated_at) == (first.id, first.created_at, desk.now)
    assert get(desk, "a") == second
    assert get(desk, "a", account=2) is None
    assert get(desk, "a", space="smsc.contact") is None
    assert put(desk, key="a", account_id=2).id != first.id


def test_what_has_ended_is_not_there(desk: Desk) -> None:
    first = put(desk, key="a", ttl_s=60)
    desk.now += 59_999
    assert get(desk, "a") is not None
    desk.now += 1
    assert get(desk, "a") is None
    assert keys(desk) == []
    assert records.find(desk.con, "smsc.template", "a", desk.now) is None
    assert not desk.do(records.delete, 1, "smsc.template", "a")
    put(desk, key="a", ttl_s=60)
    desk.now += 60_000
    again = put(desk, key="a")
    assert again.id > first.id
    assert (again.created_at, again.expires_at) == (desk.now, None)


def test_an_end_is_put_off_and_not_brought_back(desk: Desk) -> None:
    record = put(desk, key="a", ttl_s=60)
    desk.do(records.extend, record.id, desk.now + 120_000)
    desk.do(records.extend, record.id, desk.now + 90_000)
    desk.now += 119_999
    assert get(desk, "a") is not None
    desk.now += 1
    desk.do(records.extend, record.id, desk.now + 60_000)
    assert get(desk, "a") is None


def test_they_are_removed_in_the_end(desk: Desk) -> None:
    for number in range(5):
        put(desk, key=f"{number}", ttl_s=number + 1)
    put(desk, key="for good")
    assert not records.any_expired(desk.con, desk.now)
    desk.now += 3000
    assert records.any_expired(desk.con, desk.now)
    assert desk.do(records.purge) == 3
    assert keys(desk) == ["3", "4", "for good"]
    assert desk.rows("SELECT count FROM record_counts") == [3]


def test_lists_are_read_page_by_page(desk: Desk) -> None:
    ids = [put(desk, key=f"k{number}").id for number in range(7)]
    assert keys(desk, limit=3) == ["k0", "k1", "k2"]
    assert keys(desk, after=ids[2], limit=3) == ["k3", "k4", "k5"]
    assert keys(desk, after=ids[6]) == []


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"t": "x" * MAX_DATA}, "a"),
        ({"t": "ё" * (MAX_DATA // 2)}, "a"),
        ({}, "k" * (MAX_KEY + 1)),
    ],
)
def test_too_large(desk: Desk, data: dict[str, Any], key: str) -> None:
    with pytest.raises(Refusal) as refused:
        put(desk, data, key)
    assert refused.value.kind is RefusalKind.BAD_PARAMETER
    assert keys(desk) == []


def test_too_many(desk: Desk) -> None:
    for number in range(3):
        put(desk, key=f"{number}", ttl_s=60 if number else None, limit=3)
    with pytest.raises(Refusal, match=r"keeps 3 of smsc\.template already") as refused:
        put(desk, key="one more", limit=3)
    assert refused.value.kind is RefusalKind.FORBIDDEN
    put(desk, {"n": 2}, key="0", limit=3)  # a change is none more
    put(desk, key="another space", space="smsc.contact", limit=3)
    put(desk, key="another account", account_id=2, limit=3)
    desk.now += 60_000
    assert put(desk, key="in the place of what has ended", limit=3).key in keys(desk)
    assert desk.rows("SELECT count FROM record_counts WHERE account_id = 1 AND space = 'smsc.template'") == [2]


def test_half_a_surrogate_pair_and_nul_do_no_harm(desk: Desk) -> None:
    record = put(desk, {"t": "a\ud83d\0b"}, "k\ud83d\0")
    assert record.data == {"t": "a?\0b"}
    assert get(desk, "k\ud83d\0") == record
    assert desk.do(records.delete, 1, "smsc.template", "k\ud83d\0")


def test_a_session_is_found_by_its_index_whosever_it_is(desk: Desk) -> None:
    put(desk, key="secret", space="devino.session", account_id=2, ttl_s=60)
    found = records.find(desk.con, "devino.session", "secret", desk.now)
    assert found is not None
    assert found.account_id == 2


@pytest.mark.parametrize("name", ["put", "put new", "put none", "get", "list", "find", "delete", "expired", "purge"])
def test_nothing_is_read_from_end_to_end(desk: Desk, name: str) -> None:
    for number in range(20):
        put(desk, key=f"k{number}", ttl_s=number)
    run = {
        "put": lambda: put(desk, key="k3"),
        "put new": lambda: put(desk, key="new"),
        "put none": lambda: put(desk),
        "get": lambda: get(desk, "k1"),
        "list": lambda: keys(desk),
        "find": lambda: records.find(desk.con, "smsc.template", "k1", desk.now),
        "delete": lambda: desk.do(records.delete, 1, "smsc.template", "k1"),
        "expired": lambda: records.any_expired(desk.con, desk.now),
        "purge": lambda: desk.do(records.purge),
    }[name]
    for statement, plan in Plans(desk).of(run).items():
        for step in plan:
            assert not step.startswith("SCAN") or "sqlite_sequence" in statement, (statement, plan)
            assert "TEMP B-TREE" not in step or "key = 'k1'" in statement, (statement, plan)
