"""What the hot queries read: their index and nothing beside it, however much lies in the queue."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from modemgw.domain.message import MessageView
from modemgw.domain.requests import EventQuery, InboxQuery, MessageQuery
from modemgw.domain.states import State
from modemgw.rules.incoming import RawPdu, understand
from modemgw.store import intake, outbox, queries
from modemgw.store.acceptance import Accept
from tests.unit.store.desk import HOUR, MINUTE, OTHER, SHOP, START, Desk, new
from tests.unit.store.pdus import deliver, parts, report


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


# -- plans ------------------------------------------------------------------------------------------------


class Plans:
    """The plans of all statements that run on a connection."""

    def __init__(self, desk: Desk) -> None:
        self._con = desk.con
        self._seen: list[str] = []

    def of(self, run: Callable[[], object]) -> dict[str, list[str]]:
        self._seen = []
        self._con.set_trace_callback(self._seen.append)
        try:
            run()
        finally:
            self._con.set_trace_callback(None)
        statements = {s for s in self._seen if re.match(r"(?i)\s*(SELECT|UPDATE|INSERT .*SELECT)", s)}
        return {s: [row[3] for row in self._con.execute("EXPLAIN QUERY PLAN " + s)] for s in statements}


def begin_and_end(outcome: str) -> Callable[[Desk], object]:
    return lambda desk: desk.send(1, outcome=outcome, mr=5 if outcome == "sent" else None)


#: Everything that happens for a message, or by the clock. None may read a table from end to end, or sort one.
HOT: dict[str, Callable[[Desk], object]] = {
    "accept": lambda desk: desk.do(Accept(new(client_ref="x"))),
    "claim any": lambda desk: queries.claim(desk.con, "", 64),
    "claim line": lambda desk: queries.claim(desk.con, "a", 64),
    "job": lambda desk: queries.job(desk.con, 1),
    "sent": begin_and_end("sent"),
    "refused": begin_and_end("refused"),
    "unknown": begin_and_end("unknown"),
    "rejected": begin_and_end("rejected"),
    "times": lambda desk: queries.next_times(desk.con),
    "promote": lambda desk: desk.do(outbox.promote),
    "expire": lambda desk: desk.do(outbox.expire),
    "doubt": lambda desk: desk.do(outbox.settle_doubt),
    "late": lambda desk: desk.do(outbox.adopt_late_cmgs, 1, 9),
    "cancel": lambda desk: desk.do(outbox.cancel, 1, 2),
    "give back": lambda desk: desk.do(lambda tx: outbox.resume_rest(tx, 1)),
    "message": lambda desk: queries.message(desk.con, 1, 3),
    "by ref": lambda desk: queries.find_message(desk.con, 1, id=None, ref="r", tail="60000001"),
    "by number": lambda desk: queries.find_message(desk.con, 1, id=None, ref=None, tail="60000001"),
    "list": lambda desk: listed(desk, MessageQuery(SHOP, 100, 5)),
    "list state": lambda desk: queries.messages(
        desk.con, MessageQuery(SHOP, 100, 5, state=State.QUEUED, hidden=True, parts=False)
    ),
    "history": lambda desk: queries.events(desk.con, EventQuery(message_id=3)),
    "events": lambda desk: queries.events(desk.con, EventQuery(SHOP, 100, 5)),
    "last event": lambda desk: queries.last_event(desk.con),
    "report": lambda desk: desk.take([report(5, done=99)]),
    "text": lambda desk: desk.take([deliver("new", seconds=99)]),
    "part": lambda desk: desk.take([parts("x" * 200, seconds=50, reference=88)[0]]),
    "partials": lambda desk: desk.do(intake.show_partials, START),
    "inbox": lambda desk: queries.inbox(desk.con, InboxQuery(SHOP, 100, 1)),
}

#: Sorts of what belongs to one message or one row of a page.
SMALL = re.compile(r"FROM pdus WHERE (inbox_id|group_id) = |FROM receipt_parts |FROM attempts t |m\.id = ")


@pytest.mark.parametrize("name", HOT)
def test_nothing_is_read_from_end_to_end(desk: Desk, name: str) -> None:
    for number in range(8):
        desk.accept(ref="r", priority=number)
    desk.send(3, mr=5)
    desk.send(4, outcome="unknown", doubt_at=desk.now, line="b")
    desk.send(5, outcome="refused", due_at=desk.now)
    desk.take([report(5), deliver(), parts("y" * 200)[0]])
    plans = Plans(desk).of(lambda: HOT[name](desk))
    assert plans
    for statement, plan in plans.items():
        for step in plan:
            newest_first = step == "SCAN m" and statement.endswith("ORDER BY m.id DESC LIMIT 1")
            assert newest_first or not re.match(r"SCAN (?!CONSTANT ROW)", step), (statement, plan)
            if "TEMP B-TREE" in step:
                assert SMALL.search(statement), (statement, plan)


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (queries.CLAIM, "messages_ready"),
        ("SELECT id FROM messages WHERE queue = 2 AND due_at <= ? ORDER BY due_at LIMIT ?", "messages_later"),
        ("SELECT id FROM messages WHERE queue > 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?", "messages_expiry"),
        ("SELECT id FROM messages WHERE doubt_at <= ? LIMIT ?", "messages_doubt"),
    ],
)
def test_the_queue_is_read_by_its_own_index(desk: Desk, sql: str, index: str) -> None:
    (step, *more) = [row[3] for row in desk.con.execute("EXPLAIN QUERY PLAN " + sql, [1] * sql.count("?"))]
    assert f"INDEX {index} (" in step
    assert all(step.startswith(("CORRELATED", "SEARCH attempts USING COVERING INDEX")) for step in more)


# -- a long queue -----------------------------------------------------------------------------------------


def steps(con: sqlite3.Connection, run: Callable[[], object]) -> int:
    """Hundreds of instructions of SQLite's machine that `run` takes: what it costs, without a clock."""
    count = 0

    def tick() -> int:
        nonlocal count
        count += 1
        return 0

    con.set_progress_handler(tick, 100)
    try:
        run()
    finally:
        con.set_progress_handler(None, 100)
    return count


def listed(desk: Desk, asked: MessageQuery) -> list[MessageView]:
    """As the native API has them."""
    return queries.messages(desk.con, replace(asked, hidden=True, parts=False))


def fill(desk: Desk, count: int) -> None:
    """A queue of `count` messages: ready, waiting, of several priorities and for several lines."""
    desk.con.execute("BEGIN")
    desk.con.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n LIMIT :count) "
        "INSERT INTO messages (id, account_id, recipient, text, encoding, locking, single, flash, pid, priority, line, "
        "report, on_doubt, dialect, parts, state, queue, due_at, expires_at, validity_s, created_at, updated_at) "
        "SELECT i, 1, '+7916' || i, 'text', 'gsm7', 0, 0, 0, 0, i % 3, CASE i % 5 WHEN 0 THEN 'a' ELSE '' END, "
        "1, 'hold', 'native', 1, 'queued', 1 + (i % 7 = 0), CASE i % 7 WHEN 0 THEN :at + i END, :at + 9999999 + i, "
        "3600, :at, :at FROM n",
        {"count": count, "at": START + HOUR},
    )
    desk.con.execute("INSERT INTO parts (message_id, seq, state) SELECT id, 1, 'queued' FROM messages WHERE id >= 1000")
    desk.con.execute("COMMIT")


def test_a_long_queue_costs_no_more_than_a_short_one() -> None:
    def costs(count: int) -> dict[str, int]:
        desk = Desk()
        fill(desk, count)
        probe: dict[str, Callable[[], object]] = {
            "claim": lambda: queries.claim(desk.con, "", 64),
            "own": lambda: queries.claim(desk.con, "a", 64),
            "times": lambda: queries.next_times(desk.con),
            "promote": lambda: desk.do(outbox.promote),
            "expire": lambda: desk.do(outbox.expire),
            "accept": lambda: desk.do(Accept(new(client_ref=str(desk.now)))),
            "list": lambda: listed(desk, MessageQuery(SHOP, 100, 0)),
            "queued": lambda: queries.messages(
                desk.con, MessageQuery(SHOP, 100, 0, state=State.QUEUED, hidden=True, parts=False)
            ),
            "send": lambda: desk.send(desk.accept(), mr=1),
        }
        found = {}
        for name, run in probe.items():
            desk.now += 1
            found[name] = steps(desk.con, run)
        desk.close()
        return found

    short, long = costs(1_000), costs(100_000)
    for name, cost in long.items():
        assert cost <= short[name] * 1.3 + 5, (name, short, long)


def test_the_queue_is_in_order_of_priority_and_age(desk: Desk) -> None:
    ids = [desk.accept(priority=p, line=line) for p, line in ((0, ""), (5, ""), (-5, ""), (5, ""), (9, "a"), (0, ""))]
    assert [job.id for job in queries.claim(desk.con, "", 10)] == [ids[n] for n in (1, 3, 0, 5, 2)]
    assert [job.id for job in queries.claim(desk.con, "", 2)] == [ids[1], ids[3]]
    assert [job.id for job in queries.claim(desk.con, "a", 10)] == [ids[4]]
    assert queries.claim(desk.con, "b", 10) == []


def test_a_job_has_all_that_its_pdus_are_made_of(desk: Desk) -> None:
    message = desk.accept(
        text=None,
        data=b"\1\2",
        udh=b"\5\4\x0b\x84\x23\xf0",
        encoding="data8",
        pid=1,
        dcs=0xF5,
        line="a",
        priority=7,
        report=False,
        on_doubt="resend",
        validity_s=60,
        flash=True,
    )
    job = desk.job(message)
    assert job is not None
    got = (job.text, job.data, job.udh, job.encoding, job.pid, job.dcs, job.line, job.priority, job.report)
    assert got == (None, b"\1\2", b"\5\4\x0b\x84\x23\xf0", "data8", 1, 0xF5, "a", 7, False)
    assert (job.on_doubt, job.validity_s, job.expires_at, job.flash) == ("resend", 60, START + MINUTE, True)
    assert (job.queued, job.resend, job.tries) == ((1,), frozenset(), 0)


# -- views ------------------------------------------------------------------------------------------------


def test_a_message_with_all_that_happened_to_it(desk: Desk) -> None:
    number = desk.accept_long(client_ref="c", ref="r", extra='{"id": "x"}')
    desk.send(number, 1, "refused", error="Busy.", error_code=42, due_at=desk.now + MINUTE)
    view = queries.message(desk.con, 1, number)
    assert view is not None
    assert (view.state, view.due_at, view.error, view.error_code) == (State.QUEUED, desk.now + MINUTE, "Busy.", 42)
    desk.now += MINUTE
    desk.do(outbox.promote)
    for seq in (1, 2, 3):
        desk.send(number, seq, mr=seq)
        desk.take([report(seq, st=0x22)])
    view = queries.message(desk.con, 1, number)
    assert view is not None
    assert (view.state, view.due_at, view.error, view.st, view.line) == (State.SENT, None, None, 0x22, "a")
    assert (view.account, view.client_ref, view.extra, view.part_count) == ("shop", "c", {"id": "x"}, 3)
    first = view.parts[0]
    assert [(a.n, a.line, a.outcome, a.mr, a.error) for a in first.attempts] == [
        (1, "a", "rejected", None, "Busy."),
        (2, "a", "sent", 1, None),
    ]
    assert [(r.meaning, r.st, r.ambiguous) for r in first.receipts] == [("trying", 0x22, False)]
    assert queries.message(desk.con, 2, number) is None  # of another account


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"id": 1}, 1),
        ({"id": 9}, None),
        ({"ref": "r"}, 3),
        ({"tail": "60000001"}, 3),
        ({"tail": "60000002"}, 2),
        ({"id": 1, "ref": "r"}, 1),
        ({"id": 2, "ref": "r"}, None),
        ({"ref": "r", "tail": "60000002"}, None),
        ({}, 3),
    ],
)
def test_the_newest_message_that_fits(desk: Desk, query: dict[str, Any], found: int | None) -> None:
    desk.accept(ref="r")
    desk.accept(recipient="+79160000002")
    desk.accept(ref="r")
    desk.accept(account_id=2, ref="r")
    view = queries.find_message(desk.con, 1, **{"id": None, "ref": None, "tail": None, **query})
    assert (view.id if view else None) == found


def test_pages_of_messages_and_of_one_state(desk: Desk) -> None:
    ids = [desk.accept() for _ in range(7)]
    for message in ids[::2]:
        desk.send(message, mr=1)
    page = listed(desk, MessageQuery(SHOP, 3, 0))
    assert [m.id for m in page] == ids[:3]
    assert [m.id for m in listed(desk, MessageQuery(SHOP, 10, page[-1].id))] == ids[3:]
    assert [m.id for m in listed(desk, MessageQuery(SHOP, 2, ids[0], state=State.SENT))] == [ids[2], ids[4]]
    assert listed(desk, MessageQuery(OTHER, 10, 0)) == []


def test_an_account_sees_its_own_history_and_what_is_nobodys(desk: Desk) -> None:
    mine, other = desk.accept(), desk.accept(account_id=2)
    desk.doubt(other)
    desk.do(outbox.adopt_late_cmgs, 1, 5)
    desk.take([deliver()])
    seen = queries.events(desk.con, EventQuery(SHOP))
    assert {event.message_id for event in seen} == {mine, None}
    assert [e.kind for e in seen] == ["message.queued", "inbox.received"]
    assert queries.events(desk.con, EventQuery(SHOP, after=seen[-1].id)) == []
    assert queries.last_event(desk.con) == seen[-1].id


def test_what_waits_is_counted(desk: Desk) -> None:
    for number in range(5):
        desk.accept(send_at=START + HOUR if number % 2 else None)
    desk.send(1, mr=1)
    assert queries.queued_count(desk.con) == 4
    assert queries.queued_count(desk.con, cap=2) == 2


def test_understand_never_raises() -> None:
    assert understand(RawPdu("\ud800")).reason is not None
