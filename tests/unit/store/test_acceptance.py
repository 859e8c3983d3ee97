"""Acceptance: many as one promise, the money of all of them, references that stand for one message alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from modemgw.domain.message import Accepted
from modemgw.domain.refusal import ClientRefUsed, Refusal, RefusalKind
from modemgw.rules.pricing import units
from modemgw.store.acceptance import Accept, AcceptAll
from tests.unit.store.desk import HOUR, START, Desk, long, new

PART = units("1.40")


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def paid(**more: Any) -> Any:
    return new(**{"cost": PART, "funds": units("5"), **more})


def count(desk: Desk) -> tuple[int, int, int, int]:
    """Messages, parts, events, and what the account has spent."""
    rows = [desk.rows(f"SELECT count(*) FROM {table}")[0] for table in ("messages", "parts", "events")]
    return (*rows, desk.rows("SELECT spent FROM accounts WHERE id = 1")[0])  # type: ignore[return-value]


def test_all_are_stored_in_their_order(desk: Desk) -> None:
    results = desk.do(AcceptAll([paid(text="one"), long(), paid(text="three")]))
    assert [isinstance(item, Accepted) and (item.id, item.parts, item.created) for item in results] == [
        (1, 1, True),
        (2, 3, True),
        (3, 1, True),
    ]
    assert count(desk) == (3, 5, 3, 2 * PART)


def test_money_for_three_of_four_is_a_refusal_of_all(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"The 4 messages together cost 5\.60 and 5\.00 are left\.") as refused:
        desk.do(AcceptAll([paid() for _ in range(4)], each=True))
    assert refused.value.kind is RefusalKind.NO_MONEY
    assert count(desk) == (0, 0, 0, 0)
    assert len(desk.do(AcceptAll([paid() for _ in range(3)]))) == 3


def test_what_others_of_the_same_commit_spend_counts(desk: Desk) -> None:
    ops = [AcceptAll([paid(), paid()]), AcceptAll([paid(), paid()]), AcceptAll([paid()])]
    first, second, third = desk.do(lambda tx: ops[0].many(tx, ops))
    assert isinstance(second, Refusal)
    assert [len(item) for item in (first, third)] == [2, 1]  # type: ignore[arg-type]
    assert count(desk) == (3, 3, 3, 3 * PART)


def test_a_group_is_found_by_the_id_of_its_first(desk: Desk) -> None:
    desk.accept()
    desk.do(
        AcceptAll([new(extra='{"sender": "Ж"}'), new(extra='{"sender": "Ж"}'), new(), new(ref="own")], as_group=True)
    )
    assert desk.rows("SELECT ref FROM messages WHERE id > 1 ORDER BY id") == [None, "2", "2", "own"]
    extras = desk.rows("SELECT extra FROM messages WHERE id IN (3, 4) ORDER BY id")
    assert [json.loads(extra) for extra in extras] == [{"sender": "Ж", "ref": "2"}, {"ref": "2"}]


@pytest.mark.parametrize(
    "changes", [{"priority": 5}, {"send_at": START + HOUR}, {"validity_s": 60}, {"report": False}, {"line": "a"}]
)
def test_a_reference_repeated_with_the_same_content_is_the_first_message(desk: Desk, changes: dict[str, Any]) -> None:
    first = desk.do(Accept(new(client_ref="order-7")))
    desk.send(first.id)
    again = desk.do(Accept(new(client_ref="order-7", **changes)))
    assert (again.id, again.state, again.created) == (first.id, "sent", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "+79160000002"},
        {"text": "shipped"},
        {"text": "hello "},
        {"text": None, "data": b"hello"},
        {"flash": True},
        {"udh": b"\x05\x04\x00\x01\x00\x02"},
        {"pid": 0x40},
    ],
)
def test_a_reference_repeated_with_other_content_is_refused(desk: Desk, changes: dict[str, Any]) -> None:
    first = desk.do(Accept(new(client_ref="order-7")))
    with pytest.raises(ClientRefUsed, match=rf"'order-7' was given to message {first.id} before") as refused:
        desk.do(Accept(new(client_ref="order-7", **changes)))
    assert (refused.value.kind, refused.value.message_id) == (RefusalKind.CLIENT_REF_USED, first.id)
    ops = [Accept(new(client_ref="order-8")), Accept(new(client_ref="order-8", **changes))]
    taken, other = desk.do(lambda tx: ops[0].many(tx, ops))
    assert isinstance(taken, Accepted)
    assert isinstance(other, ClientRefUsed)
    assert other.message_id == taken.id
    assert desk.do(Accept(new(client_ref="order-7", account_id=2, **changes))).created


def test_a_text_that_was_erased_since_is_known_by_its_number_alone(desk: Desk) -> None:
    first = desk.do(Accept(new(client_ref="order-7")))
    desk.con.execute("UPDATE messages SET text = NULL")
    assert desk.do(Accept(new(client_ref="order-7", text="whatever"))).id == first.id
    with pytest.raises(ClientRefUsed):
        desk.do(Accept(new(client_ref="order-7", recipient="+79160000002")))


def test_references_among_many(desk: Desk) -> None:
    first = desk.accept(client_ref="r", cost=0)
    before = count(desk)
    many = [
        paid(client_ref="r"),
        paid(client_ref="s"),
        paid(client_ref="s"),
        paid(),
        paid(client_ref="s", text="other"),
    ]
    with pytest.raises(Refusal) as refused:
        desk.do(AcceptAll([paid(), paid(client_ref="r", text="other")]))
    assert refused.value.kind is RefusalKind.CLIENT_REF_USED
    with pytest.raises(Refusal, match="stands beside two different messages"):
        desk.do(AcceptAll(many))
    assert count(desk) == before
    told = desk.do(AcceptAll(many, each=True))
    assert [(item.id, item.created) if isinstance(item, Accepted) else str(item.kind) for item in told] == [
        (first, False),
        (2, True),
        (2, False),
        (3, True),
        "client_ref_used",
    ]
    assert count(desk) == (3, 3, 3, 2 * PART)  # what was there, and what repeats this request, costs nothing
