"""The rows of SMPP: pieces and their ids, replacing, the queue of deliveries and its queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from modemgw.domain.esme import NewDelivery, NewPiece
from modemgw.domain.job import NewMessage
from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.store import acceptance, outbox, smpp
from tests.unit.store.desk import PLAIN, Desk

WAIT_MS = 300_000


def piece(sequence: int, octets: str = "", total: int = 3, key: str = "k") -> NewPiece:
    octets = octets or f"{sequence:02x}"
    return NewPiece(1, key, sequence, total, octets, json.dumps({"octets": octets}))


def join(pieces: Any) -> NewMessage:
    return replace(PLAIN, text="".join(pieces[n][1]["octets"] for n in sorted(pieces)))


def keep(desk: Desk, *args: Any, **fields: Any) -> Any:
    return desk.do(smpp.keep_piece, piece(*args, **fields), join, WAIT_MS)


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def test_pieces_and_messages_have_ids_of_one_sequence(desk: Desk) -> None:
    first = desk.do(acceptance.Accept(PLAIN)).id
    ids = [keep(desk, 2).id, desk.do(acceptance.Accept(PLAIN)).id, keep(desk, 1).id]
    last = keep(desk, 3)
    assert [first, *ids, last.id] == list(range(first, first + 5))
    assert last.accepted.id == last.id
    assert desk.con.execute("SELECT text FROM messages WHERE id = ?", (last.id,)).fetchone()[0] == "010203"
    view = smpp.piece(desk.con, 1, ids[0])
    assert view is not None
    assert view.message_id == last.id
    assert desk.do(acceptance.Accept(PLAIN)).id == last.id + 1


def test_a_repeated_piece_is_the_same_and_another_begins_a_new_message(desk: Desk) -> None:
    first = keep(desk, 1).id
    assert keep(desk, 1).id == first
    other = keep(desk, 1, "aa").id
    assert other != first
    keep(desk, 2)
    whole = keep(desk, 3)
    assert whole.message.text == "aa0203"  # the newest group takes what comes
    assert keep(desk, 2).accepted is None


def test_pieces_of_others_are_left_alone(desk: Desk) -> None:
    keep(desk, 1, key="a", total=2)
    assert keep(desk, 2, key="b", total=2).accepted is None


def test_a_refused_whole_leaves_its_pieces_waiting(desk: Desk) -> None:
    keep(desk, 1, total=2)

    def refuse(pieces: Any) -> NewMessage:
        raise Refusal(RefusalKind.TEXT_TOO_LONG, "too long")

    with pytest.raises(Refusal):
        desk.do(smpp.keep_piece, piece(2, total=2), refuse, WAIT_MS)
    assert len(smpp.lost(desk.con, 1 << 60)) == 1


def test_a_message_that_was_tried_is_not_replaced(desk: Desk) -> None:
    message_id = desk.do(acceptance.Accept(PLAIN)).id
    desk.do(smpp.replace, 1, message_id, replace(PLAIN, text="second"))
    assert desk.con.execute("SELECT text FROM messages").fetchone()[0] == "second"
    with pytest.raises(Refusal) as caught:
        desk.do(smpp.replace, 1, message_id + 1, PLAIN)
    assert caught.value.kind is RefusalKind.NOT_FOUND
    desk.do(outbox.cancel, 1, message_id)
    with pytest.raises(Refusal) as caught:
        desk.do(smpp.replace, 1, message_id, PLAIN)
    assert caught.value.kind is RefusalKind.CONFLICT


def test_the_queue_is_in_order_of_priority_and_age(desk: Desk) -> None:
    rows = [NewDelivery(1, "receipt", priority, json.dumps({"n": n})) for n, priority in enumerate((0, 0, 20, 10, 20))]
    desk.do(smpp.enqueue, rows, cursor=7)
    head = smpp.deliveries(desk.con, 1, 10, desk.now)
    assert [row.data["n"] for row in head] == [2, 4, 3, 0, 1]
    desk.do(smpp.postpone, head[0].id, desk.now + 1000)
    desk.do(smpp.acknowledge, [head[1].id])
    assert [row.data["n"] for row in smpp.deliveries(desk.con, 1, 10, desk.now)] == [3, 0, 1]
    assert [row.data["n"] for row in smpp.deliveries(desk.con, 1, 10, desk.now + 1000)] == [2, 3, 0, 1]
    assert smpp.deliveries(desk.con, 2, 10, desk.now) == []


def test_old_rows_are_dropped(desk: Desk) -> None:
    desk.do(smpp.enqueue, [NewDelivery(1, "receipt", 0, "{}")])
    assert desk.do(smpp.prune, desk.now) == 0
    assert desk.do(smpp.prune, desk.now + 1) == 1


def test_the_head_of_the_queue_is_found_without_sorting(desk: Desk) -> None:
    plan = " ".join(row[3] for row in desk.con.execute("EXPLAIN QUERY PLAN " + smpp.HEAD, (1, 0, 5)))
    assert "smpp_deliveries_head" in plan
    assert "TEMP B-TREE" not in plan
