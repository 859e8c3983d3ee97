"""Messages that wait for a person: nothing sends them, whatever else happens, until he has decided."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemgw.domain.message import Hold
from modemgw.store import callbacks, holds, outbox, queries
from tests.unit.store.desk import DAY, HOUR, MINUTE, Desk
from tests.unit.store.pdus import report


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.close()


def test_what_could_have_gone_out_is_in_doubt(desk: Desk) -> None:
    waits = desk.accept()
    soon = desk.accept(send_at=desk.now + MINUTE)
    later = desk.accept(send_at=desk.now + DAY)
    retried = desk.accept()
    desk.send(retried, outcome="refused", due_at=desk.now + HOUR)
    sent = desk.accept()
    desk.send(sent, mr=1)
    doubted = desk.accept(on_doubt="resend")
    desk.doubt(doubted)
    in_air = desk.accept()
    desk.begin(in_air)
    long = desk.accept_long()
    desk.send(long, 1, mr=2)
    desk.now += 2 * MINUTE

    assert desk.do(holds.hold_restored) == 6
    assert {id: desk.state(id) for id in (waits, soon, retried, doubted, in_air, long)} == dict.fromkeys(
        (waits, soon, retried, doubted, in_air, long), "unknown"
    )
    assert desk.state(later) == "queued"
    assert desk.state(sent) == "sent"
    assert desk.parts(long) == ["sent", "unknown", "unknown"]
    assert queries.claim(desk.con, "", 10) == []
    assert holds.counts(desk.con) == {Hold.RESTORED: 6}
    view = queries.message(desk.con, 1, waits)
    assert view is not None
    assert (view.held, view.error) == (Hold.RESTORED, holds.MAY_HAVE_GONE)
    # nothing is sent by the clock
    desk.now += 2 * HOUR
    assert desk.do(outbox.settle_doubt) == []
    assert desk.do(outbox.promote) == []
    assert desk.do(holds.hold_restored) == 0


def test_a_person_has_them_sent(desk: Desk) -> None:
    plain, cautious, bold = desk.accept(), desk.accept(on_doubt="hold"), desk.accept(on_doubt="resend")
    desk.doubt(cautious)
    desk.doubt(bold)
    long = desk.accept_long()
    desk.send(long, 1, mr=2)
    desk.do(holds.hold_restored)
    assert desk.do(holds.release, [plain], False, [1, 2]) == 1
    assert (desk.state(plain), desk.queue(plain)) == ("queued", 1)
    assert desk.do(holds.release, None, False, [1, 2]) == 3
    assert [desk.state(id) for id in (cautious, bold, long)] == ["unknown", "queued", "sending"]
    assert desk.parts(long) == ["sent", "queued", "queued"]
    assert sorted(job.id for job in queries.claim(desk.con, "", 10) + queries.claim(desk.con, "a", 10)) == [
        plain,
        bold,
        long,
    ]
    assert holds.counts(desk.con) == {}


def test_or_leaves_them_unknown(desk: Desk) -> None:
    message = desk.accept()
    desk.do(holds.hold_restored)
    assert desk.do(holds.release, None, True, [1]) == 1
    assert desk.state(message) == "unknown"
    assert desk.events(message)[-1] == "message.held"
    assert holds.counts(desk.con) == {}
    assert desk.do(holds.release, None, False, [1]) == 0


def test_a_report_that_lets_the_rest_go_on_does_not_send_what_is_held(desk: Desk) -> None:
    long = desk.accept_long()
    desk.doubt(long, 1)
    desk.do(holds.hold_restored)
    desk.do(lambda tx: tx.execute("UPDATE messages SET queue = 1 WHERE id = ?", (long,)))
    assert desk.queue(long) == 3
    assert desk.begin(long, 2) is None


def test_messages_of_an_account_that_is_gone_wait_for_it(desk: Desk) -> None:
    ours, theirs = desk.accept(), desk.accept(account_id=2)
    later = desk.accept(account_id=2, send_at=desk.now + HOUR)
    doubted = desk.accept(account_id=2, on_doubt="resend")
    desk.doubt(doubted)
    assert desk.do(lambda tx: holds.hold_accounts(tx, [1])) == {"other": 3}
    desk.now += HOUR
    desk.do(outbox.settle_doubt)
    assert desk.do(outbox.promote) == []
    assert [job.id for job in queries.claim(desk.con, "", 10)] == [ours]
    assert desk.begin(theirs) is None
    assert desk.state(theirs) == "queued"
    assert desk.do(lambda tx: holds.hold_accounts(tx, [1, 2])) == {}
    desk.do(outbox.promote)
    assert sorted(job.id for job in queries.claim(desk.con, "", 10)) == [ours, theirs, later, doubted]


def test_they_expire_and_can_be_cancelled(desk: Desk) -> None:
    expires, cancelled = desk.accept(account_id=2, validity_s=60), desk.accept(account_id=2)
    kept = desk.accept(account_id=1)
    desk.do(lambda tx: holds.hold_accounts(tx, [1]))
    desk.now += 2 * MINUTE
    assert desk.do(outbox.expire) == [expires]
    assert desk.do(outbox.cancel_some, 2, None) == 1
    assert [desk.state(id) for id in (expires, cancelled, kept)] == ["expired", "cancelled", "queued"]
    assert holds.counts(desk.con) == {}


def test_what_its_rule_leaves_in_doubt_is_held_no_longer(desk: Desk) -> None:
    message = desk.accept(account_id=2, on_doubt="hold")
    desk.doubt(message)
    assert desk.do(lambda tx: holds.hold_accounts(tx, [1])) == {"other": 1}
    desk.now += HOUR
    desk.do(outbox.settle_doubt)
    assert (desk.state(message), holds.counts(desk.con)) == ("unknown", {})


def test_what_a_report_decides_is_held_no_longer(desk: Desk) -> None:
    message = desk.accept()
    desk.doubt(message)
    desk.do(holds.hold_restored)
    assert holds.counts(desk.con) == {Hold.RESTORED: 1}
    desk.take([report(7)])
    assert (desk.state(message), holds.counts(desk.con)) == ("delivered", {})


def test_all_for_a_line_are_cancelled(desk: Desk) -> None:
    for_a, for_b, any_line = desk.accept(line="a"), desk.accept(line="b"), desk.accept()
    sending = desk.accept_long(line="a")
    desk.send(sending, 1, mr=1)
    assert desk.do(outbox.cancel_some, 1, "a") == 1
    assert [desk.state(id) for id in (for_a, for_b, any_line, sending)] == ["cancelled", "queued", "queued", "sending"]
    assert desk.do(outbox.cancel_some, 1, "a") == 0


def test_a_release_of_an_account_that_is_gone_keeps_it_held(desk: Desk) -> None:
    message = desk.accept(account_id=2)
    desk.do(holds.hold_restored)
    desk.do(holds.release, None, False, [1])
    assert desk.queue(message) == 3
    assert holds.counts(desk.con) == {Hold.ACCOUNT: 1}
    assert desk.do(callbacks.replay_some, 2, 0, id=None, failed=True, since=None) == (0, 0)
