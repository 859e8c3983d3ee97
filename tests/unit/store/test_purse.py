"""Money that is counted down: with the acceptance or not at all, and given back for what never left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modemgw.domain.message import Accepted
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.rules.pricing import money, units
from modemgw.store import outbox, parts, queries
from modemgw.store.acceptance import Accept
from tests.unit.store.desk import DAY, Desk, long, new
from tests.unit.store.pdus import report

PART = units("1.40")


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def spent(desk: Desk, account: int = 1) -> int:
    return int(desk.rows("SELECT spent FROM accounts WHERE id = ?", account)[0])


def many(desk: Desk, *messages: Any) -> list[Any]:
    ops = [Accept(message) for message in messages]
    return desk.do(lambda tx: ops[0].many(tx, ops))


def one(**more: Any) -> Any:
    return new(**{"cost": PART, "funds": units("5"), **more})


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00"),
        (1, "0.0001"),
        (14000, "1.40"),
        (14050, "1.405"),
        (-100, "-0.01"),
        (-14000, "-1.40"),
        (1_000_000_0000, "1000000.00"),
    ],
)
def test_amounts_as_text(amount: int, text: str) -> None:
    assert money(amount) == text
    assert units(text) == amount


def test_it_is_taken_off_with_the_acceptance(desk: Desk) -> None:
    accepted = many(desk, one(), one(client_ref="a"), one(client_ref="a"), one(account_id=2, funds=None))
    assert [item.created for item in accepted] == [True, True, False, True]
    assert {item.cost for item in accepted} == {"1.40"}
    assert (spent(desk), spent(desk, 2)) == (2 * PART, 0)
    (again,) = many(desk, one(client_ref="a"))
    assert (again.id, again.cost, spent(desk)) == (accepted[1].id, "1.40", 2 * PART)
    view = queries.message(desk.con, 1, 1)
    assert view is not None
    assert view.cost == "1.40"


def test_what_it_does_not_suffice_for_is_refused_and_the_rest_goes(desk: Desk) -> None:
    results = many(desk, *[one() for _ in range(5)], one(cost=0), one(account_id=2, funds=0, cost=0))
    assert [isinstance(result, Accepted) for result in results] == [True, True, True, False, False, True, True]
    refusal = results[3]
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.NO_MONEY
    assert str(refusal) == "The message costs 1.40 and 0.80 are left. Raise the balance of the account."
    assert spent(desk) == 3 * PART
    assert desk.rows("SELECT count(*) FROM messages") == [5]
    with pytest.raises(Refusal):
        desk.do(Accept(one()))
    assert desk.do(Accept(one(funds=units("5.60")))).created


def test_many_are_three_statements_and_one_for_each_account_that_pays(desk: Desk) -> None:
    seen: list[str] = []
    desk.con.set_trace_callback(seen.append)
    many(desk, *[one(account_id=1 + number % 2, funds=units("1000")) for number in range(64)])
    desk.con.set_trace_callback(None)
    writes = [statement.split()[0:2] for statement in seen if statement.startswith(("INSERT", "UPDATE"))]
    assert writes == [["INSERT", "INTO"]] * 2 + [["UPDATE", "accounts"]] * 2 + [["INSERT", "INTO"]]


def cancelled(desk: Desk, number: int) -> None:
    desk.do(outbox.cancel, 1, number)


def expired(desk: Desk, number: int) -> None:
    desk.now += 4 * DAY
    desk.do(outbox.expire)


def rejected_by_us(desk: Desk, number: int) -> None:
    desk.do(lambda tx: outbox.reject(tx, number, "No."))


def rejected(desk: Desk, number: int) -> None:
    desk.send(number, outcome="rejected", error="CMS ERROR: 28", error_code=28)


def sent(desk: Desk, number: int) -> None:
    desk.send(number, mr=1)


def in_doubt(desk: Desk, number: int) -> None:
    desk.doubt(number)


def second_rejected(desk: Desk, number: int) -> None:
    desk.send(number, 1, mr=1)
    desk.send(number, 2, outcome="rejected")


@pytest.mark.parametrize(
    ("happens", "message", "costs"),
    [
        (cancelled, new, 0),
        (cancelled, long, 0),
        (expired, new, 0),
        (rejected_by_us, long, 0),
        (rejected, new, 0),
        (rejected, long, 0),  # the parts behind it stay at home
        (sent, new, 1),
        (sent, long, 3),
        (in_doubt, new, 1),
        (second_rejected, long, 1),
    ],
)
def test_what_never_left_is_given_back(
    desk: Desk, happens: Callable[[Desk, int], None], message: Callable[..., Any], costs: int
) -> None:
    stored = message()
    number = desk.do(Accept(message(cost=PART * stored.parts, funds=units("100")))).id
    happens(desk, number)
    assert spent(desk) == costs * PART
    desk.do(lambda tx: parts.settle(tx, number))
    assert spent(desk) == costs * PART
    assert queries.message(desk.con, 1, number).cost == money(PART * stored.parts)  # type: ignore[union-attr]


def test_nothing_is_given_back_to_who_did_not_pay(desk: Desk) -> None:
    desk.do(Accept(one(funds=None)))
    desk.do(outbox.cancel, 1, 1)
    assert spent(desk) == 0


@pytest.mark.parametrize("funds", ["100", None])
def test_what_left_after_all_is_paid_after_all(desk: Desk, funds: str | None) -> None:
    """Called rejected, its price given back; then its report comes. The balance may be gone meanwhile."""
    number = desk.do(Accept(long(cost=3 * PART, funds=funds and units(funds)))).id
    desk.send(number, 1, outcome="rejected", error="CMS ERROR: 28", error_code=28, went_out=True)
    assert spent(desk) == 0
    desk.take([report(5)])
    assert desk.parts(number) == ["delivered", "cancelled", "cancelled"]
    assert spent(desk) == (PART if funds else 0)
    desk.take([report(5, done=99)])
    assert spent(desk) == (PART if funds else 0)
