"""A part changes its state by `parts.move`, as the table has it, and in no other way."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import modemgw
from modemgw.domain.states import TRANSITIONS, State
from modemgw.store import parts
from tests.unit.store.desk import Desk

PAIRS = [(old, new) for old in State for new in State]

#: A statement that writes a state of messages or parts.
WRITES = re.compile(r"UPDATE\s+(?:messages|parts)\s+SET\s(?:(?!\bWHERE\b).)*\bstate\s*=", re.IGNORECASE | re.DOTALL)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


@pytest.mark.parametrize(("old", "new"), PAIRS, ids=lambda state: state)
def test_a_part_goes_the_ways_of_the_table_only(desk: Desk, old: State, new: State) -> None:
    message = desk.accept()
    desk.do(lambda tx: tx.execute("UPDATE parts SET state = ?", (old,)))
    if new in TRANSITIONS[old]:
        assert desk.do(lambda tx: parts.move(tx, message, old, new)) == 1
        assert desk.parts(message) == [new]
    else:
        with pytest.raises(ValueError, match=f"{old} does not become {new}"):
            desk.do(lambda tx: parts.move(tx, message, old, new))
        assert desk.parts(message) == [old]


def test_only_parts_in_that_state_are_moved(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    desk.doubt(message, 2)
    assert desk.do(lambda tx: parts.move(tx, message, State.UNKNOWN, State.QUEUED)) == 1
    assert desk.parts(message) == ["sent", "queued", "queued"]
    assert desk.do(lambda tx: parts.move(tx, message, State.QUEUED, State.EXPIRED, seq=1)) == 0
    assert desk.do(lambda tx: parts.move(tx, message, State.QUEUED, State.EXPIRED, may_be_out=False)) == 1
    assert desk.parts(message) == ["sent", "queued", "expired"]
    assert desk.do(lambda tx: parts.move(tx, message, State.QUEUED, State.UNKNOWN, may_be_out=True)) == 1


def test_when_it_was_sent_first_stays(desk: Desk) -> None:
    message, other = desk.accept(), desk.accept()
    desk.doubt(message)
    (since,) = desk.rows("SELECT sent_at FROM parts WHERE message_id = ?", message)
    assert since is not None
    desk.do(lambda tx: parts.move(tx, message, State.UNKNOWN, State.SENT, {"mr": 7}, sent_since=since + 5))
    desk.do(lambda tx: parts.move(tx, other, State.QUEUED, State.SENT, sent_since=since + 5))
    assert desk.rows("SELECT sent_at FROM parts ORDER BY message_id") == [since, since + 5]
    assert desk.rows("SELECT mr FROM parts ORDER BY message_id") == [7, None]


def written(source: str) -> list[str]:
    """The statements in a module that write a state, f-strings with a blank for what is put in."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else " ? " for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if WRITES.search(text):
            found.append(text)
    return found


def test_no_statement_changes_a_state_around_it() -> None:
    root = Path(modemgw.__file__).parent
    elsewhere = {
        str(path.relative_to(root)): statements
        for path in sorted(root.rglob("*.py"))
        if path.name != "parts.py" and (statements := written(path.read_text()))
    }
    assert elsewhere == {}


def test_such_a_statement_would_be_seen() -> None:
    assert written('tx.execute("UPDATE parts SET line_id = ?, " "state = \'sent\' WHERE id = 1")')
    assert written("tx.execute(f\"UPDATE messages SET queue = {Queue.READY}, state = 'queued' WHERE id = 1\")")
    assert not written("tx.execute(\"UPDATE messages SET queue = 1 WHERE state = 'queued'\")")
