"""Messages and the inbox by query: everything that is given fits, in order, page by page, by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from modemgw.domain.account import Account
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.requests import InboxQuery, MessageQuery
from modemgw.domain.states import State
from modemgw.store import outbox, queries
from modemgw.store.queries import MAX_PAGE
from tests.unit.store.desk import MINUTE, SHOP, START, Desk
from tests.unit.store.pdus import deliver
from tests.unit.store.test_queries import Plans

MTS, BEELINE = "+79161234567", "+79031234567"  # the same last seven digits


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    for number in range(10):
        desk.now = START + number * MINUTE
        desk.accept(
            account_id=2 if number == 4 else 1,
            recipient=MTS if number % 2 else BEELINE,
            ref=f"r{number // 3}",
            dialect="smsc" if number < 8 else "native",
        )
    yield desk
    desk.close()


def ids(desk: Desk, account: Account = SHOP, **asked: Any) -> list[int]:
    return [view.id for view in queries.messages(desk.con, MessageQuery(account, **asked))]


def minute(number: int) -> int:
    return START + number * MINUTE


def test_a_comment_is_searched_for(desk: Desk) -> None:
    for message, comment in ((1, "order 7"), (2, "order 8"), (3, 9)):
        desk.do(outbox.mark, 1, message, {"comment": comment})
    found = {asked: ids(desk, comment=asked) for asked in ("order", "order 8", "9", "Order", "%", "_")}
    assert found == {"order": [1, 2], "order 8": [2], "9": [3], "Order": [], "%": [], "_": []}
    assert ids(desk, comment="order", newest=True, limit=1) == [2]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [1, 2, 3, 4, 6, 7, 8, 9, 10]),
        ({"newest": True}, [10, 9, 8, 7, 6, 4, 3, 2, 1]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 0}, []),
        ({"limit": -1}, []),
        ({"limit": 2, "newest": True}, [10, 9]),
        ({"after": 4}, [6, 7, 8, 9, 10]),
        ({"after": 5, "limit": 2}, [6, 7]),  # the cursor is another account's
        ({"after": 10}, []),
        ({"after": 10**30}, []),
        ({"before": 4}, [1, 2, 3]),
        ({"before": 4, "newest": True, "limit": 2}, [3, 2]),
        ({"before": 10**30, "newest": True, "limit": 1}, [10]),
        ({"after": 2, "before": 7}, [3, 4, 6]),
        ({"since": minute(6)}, [7, 8, 9, 10]),
        ({"until": minute(2)}, [1, 2, 3]),
        ({"since": minute(2), "until": minute(5)}, [3, 4, 6]),
        ({"since": minute(2), "until": minute(5), "after": 3, "newest": True}, [6, 4]),
        ({"since": minute(5), "until": minute(2)}, []),
        ({"to": "79161234567"}, [2, 4, 6, 8, 10]),
        ({"to": "9161234567"}, [2, 4, 6, 8, 10]),
        ({"to": "89161234567"}, [2, 4, 6, 8, 10]),
        ({"to": "+79161234567"}, [2, 4, 6, 8, 10]),
        ({"to": "79031234567"}, [1, 3, 7, 9]),
        ({"to": "1234567"}, []),  # no end of a number is a number
        ({"to": "%"}, []),
        ({"to": ""}, []),
        ({"to": "79161234567", "newest": True, "limit": 1}, [10]),
        ({"to": "79161234567", "since": minute(4), "after": 6}, [8, 10]),
        ({"refs": ("r0",)}, [1, 2, 3]),
        ({"refs": ("r0", "r2", "none")}, [1, 2, 3, 7, 8, 9]),
        ({"refs": ("r0",), "to": "79161234567"}, [2]),
        ({"refs": ("r0", "r1"), "after": 2, "newest": True}, [6, 4, 3]),
        ({"dialect": "native"}, [9, 10]),
        ({"state": State.QUEUED, "after": 4}, [6, 7, 8, 9, 10]),
        ({"state": State.QUEUED, "newest": True, "before": 8, "limit": 2}, [7, 6]),
        ({"state": State.QUEUED, "since": minute(5), "to": "79161234567"}, [6, 8, 10]),
        ({"state": State.QUEUED, "after": 10**30}, []),
        ({"state": State.SENT}, []),
        ({"dialect": "smsc", "since": minute(5), "limit": 1}, [6]),
    ],
)
def test_all_that_is_given_fits(desk: Desk, asked: dict[str, Any], expected: list[int]) -> None:
    assert ids(desk, **asked) == expected


def test_short_codes_are_whole_numbers(desk: Desk) -> None:
    for recipient in ("0890", "+12345", "10890"):
        desk.accept(recipient=recipient)
    assert ids(desk, to="0890") == [11]
    assert ids(desk, to="12345") == [12]


def test_pages_leave_nothing_out_though_the_clock_was_set_back(desk: Desk) -> None:
    desk.now = minute(3)
    more = [desk.accept() for _ in range(3)]
    seen: list[int] = []
    cursor = 0
    while page := ids(desk, after=cursor, limit=2):
        seen += page
        cursor = page[-1]
    assert sorted(seen) == [1, 2, 3, 4, 6, 7, 8, 9, 10, *more]
    assert ids(desk, since=minute(3), until=minute(3)) == [4, *more]


def test_parts_attempts_and_receipts_come_along_as_with_one_message(desk: Desk) -> None:
    first, second = desk.accept_long(), desk.accept_long()
    for seq in (1, 2, 3):
        desk.send(second, seq, mr=seq)
    desk.doubt(first, 1)
    found = queries.messages(desk.con, MessageQuery(SHOP, after=10))
    assert found == [queries.message(desk.con, 1, number) for number in (first, second)]
    assert [len(view.parts) for view in found] == [3, 3]


def test_what_its_dialect_deleted_is_hidden_from_it_and_from_nobody_else(desk: Desk) -> None:
    desk.do(outbox.mark, 1, 2, {"deleted": True, "note": "ё"})
    assert 2 not in ids(desk)
    found = queries.find_message(desk.con, 1, id=None, ref="r0", tail="79161234567")
    assert found is None
    view = queries.message(desk.con, 1, 2)
    assert view is not None
    assert view.extra == {"deleted": True, "note": "ё"}
    assert 2 in [view.id for view in queries.messages(desk.con, MessageQuery(SHOP, hidden=True))]
    desk.do(outbox.mark, 1, 2, {"deleted": False, "ref": 77})
    assert ids(desk, refs=("77",)) == [2]
    with pytest.raises(Refusal) as refused:
        desk.do(outbox.mark, 2, 2, {"deleted": True})
    assert refused.value.kind is RefusalKind.NOT_FOUND


def test_one_id_of_two_numbers_that_end_alike(desk: Desk) -> None:
    ours = [desk.accept(ref="same", recipient=number) for number in (MTS, BEELINE)]
    found = [queries.find_message(desk.con, 1, id=None, ref="same", tail=to) for to in ("79161234567", "79031234567")]
    assert [view.id if view else None for view in found] == ours


@pytest.mark.parametrize("limit", [MAX_PAGE + 1, 10**9])
def test_a_page_is_bounded(desk: Desk, limit: int) -> None:
    for _ in range(MAX_PAGE + 5):
        desk.con.execute(
            "INSERT INTO messages SELECT NULL, account_id, recipient, text, data, udh, encoding, locking, single, "
            "flash, pid, dcs, priority, line, report, on_doubt, client_ref, ref, dialect, extra, parts, state, queue, "
            "due_at, expires_at, doubt_at, send_at, validity_s, tries, created_at, updated_at, error, error_code, st, "
            "cost, charged, hidden, held, refunded FROM messages WHERE id = 1"
        )
    assert len(ids(desk, limit=limit)) == MAX_PAGE


INDEX: dict[str, tuple[dict[str, Any], str]] = {
    "all": ({}, "messages_time"),
    "newest": ({"newest": True}, "messages_time"),
    "after": ({"after": 3}, "messages_time"),
    "before": ({"before": 8, "newest": True}, "messages_time"),
    "time": ({"since": START, "until": START + 1}, "messages_time"),
    "dialect": ({"dialect": "smsc"}, "messages_time"),
    "state": ({"state": State.QUEUED, "after": 3}, "messages_state"),
    "state and time": ({"state": State.QUEUED, "since": START, "newest": True}, "messages_state"),
    "number": ({"to": "79161234567"}, "messages_tail"),
    "short number": ({"to": "0890"}, "messages_tail"),
    "number and time": ({"to": "79161234567", "since": START, "newest": True}, "messages_tail"),
    "refs": ({"refs": ("a", "b"), "since": START}, "messages_ref"),
}


@pytest.mark.parametrize("name", INDEX)
def test_the_index_that_is_used(desk: Desk, name: str) -> None:
    asked, index = INDEX[name]
    plans = Plans(desk).of(lambda: ids(desk, **asked))
    for statement, plan in plans.items():
        assert not any(re.match(r"SCAN (?!CONSTANT ROW)", step) for step in plan), (statement, plan)
        if "m.account_id =" in statement:
            assert any(f"INDEX {index} (" in step for step in plan), (statement, plan)
            if index in {"messages_time", "messages_state"}:
                assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)


# -- in


@pytest.fixture
def mailbox(desk: Desk) -> Desk:
    for number, sender in enumerate(("+79161112233", "+79032223344", "+79161112233")):
        desk.now = minute(number)
        desk.take([deliver(f"t{number}", sender=sender, seconds=number)], line="ab"[number % 2])
    return desk


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [1, 2, 3]),
        ({"newest": True, "limit": 2}, [3, 2]),
        ({"after": 1}, [2, 3]),
        ({"after": 10**30}, []),
        ({"since": minute(1)}, [2, 3]),
        ({"until": minute(1), "newest": True}, [2, 1]),
        ({"since": minute(1), "after": 2}, [3]),
        ({"sender": "79161112233"}, [1, 3]),
        ({"sender": "79161112233", "since": minute(1)}, [3]),
        ({"recipient": "79990000000"}, [1, 2, 3]),
        ({"recipient": "79990000009"}, []),
    ],
)
def test_the_inbox(mailbox: Desk, asked: dict[str, Any], expected: list[int]) -> None:
    assert [view.id for view in queries.inbox(mailbox.con, InboxQuery(SHOP, **asked))] == expected


@pytest.mark.parametrize("asked", [{}, {"newest": True}, {"since": START}, {"sender": "79161112233"}, {"after": 1}])
def test_the_inbox_is_read_by_an_index(mailbox: Desk, asked: dict[str, Any]) -> None:
    plans = Plans(mailbox).of(lambda: queries.inbox(mailbox.con, InboxQuery(SHOP, **asked)))
    for statement, plan in plans.items():
        if "FROM inbox" in statement:
            whole = not {"since", "sender", "after"} & set(asked)
            assert any(step.startswith("SCAN i" if whole else "SEARCH i ") for step in plan), (statement, plan)
            assert not any("TEMP B-TREE" in step for step in plan), (statement, plan)
