"""Every change of a message on its way out, each as one operation on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modemgw.domain.refusal import Refusal, RefusalKind
from modemgw.domain.states import State
from modemgw.store import outbox, parts, queries
from modemgw.store.acceptance import Accept
from tests.unit.store.desk import DAY, HOUR, MINUTE, START, Desk, new
from tests.unit.store.pdus import report


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


# -- accept -----------------------------------------------------------------------------------------------


def test_accepted_is_queued_and_ready(desk: Desk) -> None:
    accepted = desk.do(Accept(new(text="one", parts=1)))
    assert (accepted.state, accepted.parts, accepted.created) == (State.QUEUED, 1, True)
    assert desk.queue(accepted.id) == 1
    assert desk.events(accepted.id) == ["message.queued"]


def test_the_same_client_ref_is_the_first_message_also_within_one_commit(desk: Desk) -> None:
    first = desk.do(Accept(new(client_ref="order-1")))
    desk.send(first.id)
    again = desk.do(Accept(new(client_ref="order-1", priority=5, send_at=START + HOUR)))
    assert (again.id, again.state, again.created, again.parts) == (first.id, State.SENT, False, 1)
    other = desk.do(Accept(new(client_ref="order-1", account_id=2)))
    assert other.id != first.id
    ops = [Accept(new(client_ref="order-2")), Accept(new(client_ref=None)), Accept(new(client_ref="order-2"))]
    twin = desk.do(lambda tx: ops[0].many(tx, ops))
    assert [(a.id, a.created) for a in twin] == [(3, True), (4, True), (3, False)]  # type: ignore[union-attr]
    assert desk.rows("SELECT count(*) FROM messages") == [4]


def test_a_message_for_later_waits_until_then(desk: Desk) -> None:
    message = desk.accept(send_at=START + HOUR)
    assert desk.queue(message) == 2
    assert desk.begin(message) is None
    assert desk.do(outbox.promote) == []
    desk.now += HOUR
    assert desk.do(outbox.promote) == [(message, 0, "")]
    assert desk.queue(message) == 1
    # its validity begins when it may be sent
    assert desk.rows("SELECT expires_at FROM messages") == [START + HOUR + 3 * DAY]


def test_a_time_to_send_that_has_passed_is_now(desk: Desk) -> None:
    message = desk.accept(send_at=START - HOUR)
    assert desk.queue(message) == 1


# -- attempts ---------------------------------------------------------------------------------------------


def test_a_part_goes_out(desk: Desk) -> None:
    message = desk.accept()
    attempt = desk.begin(message)
    assert (desk.state(message), desk.parts(message), desk.queue(message)) == ("sending", ["sending"], 0)
    assert desk.end(attempt, outcome="sent", mr=17) is State.SENT
    assert desk.rows("SELECT mr, sent_at, line_id, tail FROM parts") == [(17, START, 1, "60000001")]
    assert desk.events(message) == ["message.queued", "part.sending", "part.sent", "message.sent"]


@pytest.mark.parametrize(
    ("outcome", "more", "part", "message", "queue"),
    [
        ("sent", {"mr": 1}, "sent", "sent", 0),
        ("rejected", {"error": "no", "error_code": 1}, "rejected", "rejected", 0),
        ("refused", {"error": "busy"}, "queued", "queued", 1),
        ("refused", {"error": "busy", "due_at": START + 15_000}, "queued", "queued", 2),
        ("not_sent", {"error": "no prompt"}, "queued", "queued", 1),
        ("unknown", {"error": "silence", "doubt_at": START + MINUTE}, "unknown", "unknown", 0),
    ],
)
def test_every_outcome(desk: Desk, outcome: str, more: dict[str, object], part: str, message: str, queue: int) -> None:
    number = desk.accept()
    desk.send(number, outcome=outcome, **more)
    assert (desk.parts(number), desk.state(number), desk.queue(number)) == ([part], message, queue)
    tries, error = desk.rows("SELECT tries, error FROM messages")[0]
    assert tries == (outcome == "refused")
    assert error == (more.get("error"))
    assert desk.rows("SELECT n, ended_at FROM attempts") == [(1, START)]


def test_attempts_are_counted_for_each_part(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    desk.send(message, 2, "refused", error="busy")
    desk.send(message, 2, mr=2)
    assert desk.rows("SELECT seq, n, outcome FROM attempts ORDER BY id") == [
        (1, 1, "sent"),
        (2, 1, "rejected"),
        (2, 2, "sent"),
    ]


@pytest.mark.parametrize("spoil", ["cancel", "begun", "sent", "expired", "later", "gone", "other line"])
def test_what_is_not_to_be_sent_is_not_begun(desk: Desk, spoil: str) -> None:
    message = desk.accept(line="b" if spoil == "other line" else "")
    if spoil == "cancel":
        desk.do(outbox.cancel, 1, message)
    elif spoil == "begun":
        desk.begin(message)
    elif spoil == "sent":
        desk.send(message, mr=1)
    elif spoil == "expired":
        desk.now += 3 * DAY
    elif spoil == "later":
        desk.send(message, outcome="refused", due_at=desk.now + MINUTE)
    elif spoil == "gone":
        message += 1
    assert desk.begin(message, line="a") is None
    assert desk.rows("SELECT count(*) FROM attempts WHERE outcome = 'started'") == [spoil == "begun"]


def test_a_message_found_to_be_expired_at_the_prompt_says_so_at_once(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    desk.now += 3 * DAY
    assert desk.begin(message, 2) is None
    assert (desk.state(message), desk.parts(message)) == ("expired", ["sent", "expired", "expired"])
    assert desk.queue(message) == 0


# -- several parts ----------------------------------------------------------------------------------------


def test_a_part_that_fails_keeps_the_rest_at_home(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    desk.send(message, 2, "rejected", error="Bad number.", error_code=28)
    assert (desk.state(message), desk.parts(message)) == ("rejected", ["sent", "rejected", "cancelled"])
    assert desk.rows("SELECT error, error_code FROM messages") == [("Bad number.", 28)]
    assert "Not sent" in desk.rows("SELECT error FROM parts WHERE seq = 3")[0]


def test_a_part_that_a_report_calls_lost_keeps_the_rest_at_home(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    desk.send(message, 2, "refused", error="busy", due_at=desk.now + MINUTE)
    desk.take([report(1, st=0x41)])
    assert (desk.state(message), desk.parts(message)) == ("undeliverable", ["undeliverable", "cancelled", "cancelled"])
    assert desk.queue(message) == 0


def test_a_report_of_failure_while_the_next_part_is_in_the_air(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    attempt = desk.begin(message, 2)
    desk.take([report(1, st=0x41)])
    assert desk.parts(message) == ["undeliverable", "sending", "cancelled"]
    desk.end(attempt, "refused", error="busy")
    assert (desk.state(message), desk.parts(message)) == ("undeliverable", ["undeliverable", "cancelled", "cancelled"])


def test_a_message_stays_on_the_line_its_first_part_went_out_by(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    assert desk.rows("SELECT line FROM messages") == ["a"]
    assert desk.begin(message, 2, line="b") is None
    assert desk.begin(message, 2, line="a") is not None


@pytest.mark.parametrize("outcome", ["refused", "not_sent"])
def test_a_message_of_which_nothing_went_out_may_take_another_line(desk: Desk, outcome: str) -> None:
    message = desk.accept_long()
    desk.send(message, 1, outcome)
    assert desk.rows("SELECT line FROM messages") == [""]
    assert desk.begin(message, 1, line="b") is not None


def test_a_doubtful_part_keeps_its_message_on_its_line(desk: Desk) -> None:
    message = desk.accept_long(on_doubt="resend")
    desk.doubt(message, 1)
    assert desk.rows("SELECT line FROM messages") == ["a"]
    single = desk.accept(on_doubt="resend")
    desk.doubt(single)
    assert desk.rows("SELECT line FROM messages WHERE id = ?", single) == [""]


def test_a_line_that_stops_between_parts_gives_the_rest_back(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    assert (desk.state(message), desk.queue(message), desk.job(message)) == ("sending", 0, None)
    desk.do(lambda tx: outbox.resume_rest(tx, message))
    job = desk.job(message)
    assert job is not None
    assert (job.queued, job.line, job.resend) == ((2, 3), "a", frozenset())


@pytest.mark.parametrize("state", ["sent", "rejected", "unknown", "refused"])
def test_giving_back_what_has_no_rest_changes_nothing(desk: Desk, state: str) -> None:
    message = desk.accept()
    desk.send(
        message,
        outcome=state,
        doubt_at=desk.now + MINUTE if state == "unknown" else None,
        due_at=desk.now + MINUTE if state == "refused" else None,
    )
    before = desk.rows("SELECT * FROM messages")
    desk.do(lambda tx: outbox.resume_rest(tx, message))
    assert desk.rows("SELECT * FROM messages") == before


# -- cancel, expire, reject -------------------------------------------------------------------------------


def test_cancel(desk: Desk) -> None:
    message = desk.accept_long()
    desk.do(outbox.cancel, 1, message)
    assert (desk.state(message), desk.parts(message), desk.queue(message)) == ("cancelled", ["cancelled"] * 3, 0)
    desk.do(outbox.cancel, 1, message)  # twice is once
    assert desk.events(message) == ["message.queued", "message.cancelled"]


def test_cancel_while_it_waits_for_another_try(desk: Desk) -> None:
    message = desk.accept()
    desk.send(message, outcome="refused", error="busy", due_at=desk.now + MINUTE)
    desk.do(outbox.cancel, 1, message)
    assert (desk.state(message), desk.queue(message)) == ("cancelled", 0)
    assert desk.rows("SELECT due_at FROM messages") == [None]
    assert desk.do(outbox.promote) == []


@pytest.mark.parametrize(
    ("account", "outcome", "kind"),
    [
        (2, None, RefusalKind.NOT_FOUND),
        (1, "started", RefusalKind.CONFLICT),
        (1, "sent", RefusalKind.CONFLICT),
        (1, "rejected", RefusalKind.CONFLICT),
        (1, "unknown", RefusalKind.CONFLICT),
    ],
)
def test_what_cannot_be_cancelled(desk: Desk, account: int, outcome: str | None, kind: RefusalKind) -> None:
    message = desk.accept()
    if outcome is not None:
        attempt = desk.begin(message)
        if outcome != "started":
            desk.end(attempt, outcome=outcome)
    before = desk.rows("SELECT * FROM messages")
    with pytest.raises(Refusal) as refused:
        desk.do(outbox.cancel, account, message)
    assert refused.value.kind is kind
    assert desk.rows("SELECT * FROM messages") == before


def test_cancel_stops_a_second_copy_and_does_not_deny_the_first(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += 10 * MINUTE
    assert desk.do(outbox.settle_doubt) == [message]
    desk.do(outbox.cancel, 1, message)
    assert (desk.state(message), desk.queue(message)) == ("unknown", 0)
    assert desk.begin(message) is None


def test_expiry_of_what_waits(desk: Desk) -> None:
    short, lasting = desk.accept(validity_s=60), desk.accept(validity_s=3600)
    later = desk.accept(validity_s=60, send_at=desk.now + HOUR)
    desk.now += MINUTE
    assert desk.do(outbox.expire) == [short]
    assert [desk.state(m) for m in (short, lasting, later)] == ["expired", "queued", "queued"]
    assert desk.do(outbox.expire) == []
    assert "validity" in desk.rows("SELECT error FROM messages WHERE id = ?", short)[0]


def test_a_part_in_the_air_does_not_expire(desk: Desk) -> None:
    message = desk.accept(validity_s=60)
    attempt = desk.begin(message)
    desk.now += HOUR
    assert desk.do(outbox.expire) == []
    desk.end(attempt, outcome="refused", error="busy", due_at=desk.now + MINUTE)
    assert desk.do(outbox.expire) == [message]
    assert desk.state(message) == "expired"


def test_a_message_that_expires_after_some_parts_went_says_which(desk: Desk) -> None:
    message = desk.accept_long(validity_s=60)
    desk.send(message, 1, mr=1)
    desk.send(message, 2, "refused", error="busy", due_at=desk.now + 15_000)
    desk.now += MINUTE
    desk.do(outbox.expire)
    assert (desk.state(message), desk.parts(message)) == ("expired", ["sent", "expired", "expired"])
    desk.take([report(1)])
    assert (desk.state(message), desk.parts(message)) == ("expired", ["delivered", "expired", "expired"])


def test_what_was_in_doubt_does_not_expire_but_stays_in_doubt(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend", validity_s=3600)
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.now += HOUR
    assert desk.do(outbox.expire) == [message]
    assert (desk.state(message), desk.queue(message)) == ("unknown", 0)


def test_what_we_cannot_put_into_a_pdu_is_rejected(desk: Desk) -> None:
    message = desk.accept_long()
    desk.do(lambda tx: outbox.reject(tx, message, "It cannot be."))
    assert (desk.state(message), desk.parts(message)) == ("rejected", ["rejected"] * 3)
    assert desk.rows("SELECT error FROM messages") == ["It cannot be."]


# -- doubt ------------------------------------------------------------------------------------------------


def test_hold_stays_unknown_and_is_never_claimed_again(desk: Desk) -> None:
    message = desk.accept_long(on_doubt="hold")
    desk.send(message, 1, mr=1)
    desk.doubt(message, 2)
    assert (desk.state(message), desk.parts(message)) == ("unknown", ["sent", "unknown", "queued"])
    assert desk.do(outbox.settle_doubt) == []
    assert desk.begin(message, 3) is None
    desk.now += 10 * MINUTE
    assert desk.do(outbox.settle_doubt) == []
    assert (desk.state(message), desk.parts(message)) == ("unknown", ["sent", "unknown", "cancelled"])
    assert desk.events(message)[-1] == "message.held"
    desk.now += 4 * DAY
    assert (desk.do(outbox.settle_doubt), desk.do(outbox.expire), desk.do(outbox.promote)) == ([], [], [])
    assert (desk.state(message), desk.queue(message)) == ("unknown", 0)


def test_resend_goes_again_and_says_so(desk: Desk) -> None:
    message = desk.accept_long(on_doubt="resend")
    desk.send(message, 1, mr=1)
    desk.doubt(message, 2)
    desk.now += 10 * MINUTE
    assert desk.do(outbox.settle_doubt) == [message]
    assert (desk.state(message), desk.parts(message)) == ("sending", ["sent", "queued", "queued"])
    job = desk.job(message)
    assert job is not None
    assert (job.queued, job.resend, job.line) == ((2, 3), frozenset({2}), "a")
    assert "message.resend" in desk.events(message)
    attempt = desk.begin(message, 2, resend=True)
    assert desk.rows("SELECT rd FROM attempts WHERE id = ?", attempt) == [1]
    desk.end(attempt, "sent", mr=9)
    desk.send(message, 3, mr=10)
    assert (desk.state(message), desk.parts(message)) == ("sent", ["sent"] * 3)


def test_resend_does_not_outlive_the_message(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend", validity_s=300)
    desk.doubt(message)
    desk.now += 10 * MINUTE
    assert desk.do(outbox.settle_doubt) == []
    assert (desk.state(message), desk.queue(message)) == ("unknown", 0)


def test_a_second_copy_that_is_rejected_says_nothing_of_the_first(desk: Desk) -> None:
    message = desk.accept_long(on_doubt="resend")
    desk.doubt(message, 1)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(message, 1, "rejected", error="No.")
    assert (desk.state(message), desk.parts(message)) == ("unknown", ["unknown", "cancelled", "cancelled"])
    assert desk.rows("SELECT error, doubt_at FROM messages") == [("No.", None)]


def test_a_second_copy_that_must_wait_remembers_the_doubt(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend", validity_s=3600)
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(message, 1, "refused", error="busy", due_at=desk.now + MINUTE)
    desk.now += HOUR
    desk.do(outbox.expire)
    assert desk.state(message) == "unknown"


# -- the late +CMGS ---------------------------------------------------------------------------------------


def test_a_late_answer_resolves_the_doubt_and_the_rest_goes_on(desk: Desk) -> None:
    message = desk.accept_long()
    desk.doubt(message, 1)
    assert desk.do(outbox.adopt_late_cmgs, 1, 44) == (message, 1)
    assert (desk.state(message), desk.parts(message), desk.queue(message)) == (
        "sending",
        ["sent", "queued", "queued"],
        1,
    )
    assert desk.rows("SELECT mr FROM parts WHERE seq = 1") == [44]
    assert desk.rows("SELECT doubt_at FROM messages") == [None]
    assert desk.rows("SELECT account_id FROM events WHERE kind = 'part.resolved'") == [1]
    assert desk.do(outbox.adopt_late_cmgs, 1, 45) is None


def test_a_late_answer_after_the_window_still_tells_the_truth(desk: Desk) -> None:
    message = desk.accept()
    desk.doubt(message)
    desk.now += HOUR
    desk.do(outbox.settle_doubt)
    assert desk.do(outbox.adopt_late_cmgs, 1, 44) == (message, 1)
    assert desk.state(message) == "sent"


def test_a_late_answer_before_the_second_copy_went_out_spares_it(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += HOUR
    assert desk.do(outbox.settle_doubt) == [message]
    assert desk.do(outbox.adopt_late_cmgs, 1, 44) == (message, 1)
    assert (desk.state(message), desk.queue(message), desk.begin(message)) == ("sent", 0, None)


@pytest.mark.parametrize("between", ["nothing sent", "another attempt", "other line", "resolved", "second copy"])
def test_a_stray_answer_is_not_given_to_just_anybody(desk: Desk, between: str) -> None:
    message, other = desk.accept(on_doubt="resend"), desk.accept()
    if between == "nothing sent":
        assert desk.do(outbox.adopt_late_cmgs, 1, 44) is None
        return
    desk.doubt(message)
    if between == "another attempt":
        desk.send(other, mr=5)
    elif between == "other line":
        assert desk.do(outbox.adopt_late_cmgs, 2, 44) is None
        return
    elif between == "resolved":
        desk.take([report(7)])
    elif between == "second copy":
        desk.now += HOUR
        desk.do(outbox.settle_doubt)
        desk.send(message, line="b", mr=6)
    before = desk.rows("SELECT * FROM parts")
    assert desk.do(outbox.adopt_late_cmgs, 1, 44) is None
    assert desk.rows("SELECT * FROM parts") == before


def test_a_late_answer_while_the_second_copy_is_in_the_air(desk: Desk) -> None:
    """It goes into the history of the first copy, and no third one goes if the second is refused or in doubt."""
    for outcome in ("refused", "rejected", "unknown"):
        message = desk.accept(on_doubt="resend")
        desk.doubt(message)
        desk.now += HOUR
        desk.do(outbox.settle_doubt)
        second = desk.begin(message, resend=True)
        assert desk.do(outbox.adopt_late_cmgs, 1, 44) == (message, 1)
        assert desk.state(message) == "sending"
        desk.end(second, outcome, due_at=desk.now, doubt_at=desk.now, went_out=True)
        assert (desk.state(message), desk.queue(message)) == ("sent", 0)
        desk.take([report(44, done=message)])
        assert desk.state(message) == "delivered"


def test_a_copy_that_failed_before_says_nothing_of_the_next(desk: Desk) -> None:
    """Another way failed by its gateway's word, which no status report says; then the SIM is refused."""
    message = desk.accept()
    desk.send(message, mr=1)
    desk.now += MINUTE
    desk.do(lambda tx: parts.move(tx, message, State.SENT, State.UNDELIVERABLE))
    assert desk.do(outbox.send_elsewhere, message, "")
    desk.now += MINUTE
    desk.send(message, 1, "rejected", "b", error="No.")
    assert desk.state(message) == "rejected"


def test_an_answer_is_owed_until_a_later_message_has_its_own(desk: Desk) -> None:
    def owed(line_id: int = 1) -> bool:
        return queries.answer_owed(desk.con, line_id)

    assert not owed()
    desk.send(desk.accept(), mr=7)
    assert not owed()
    desk.doubt(desk.accept())
    assert owed()
    assert not owed(2)
    desk.send(desk.accept(), outcome="rejected", error_code=28)
    assert owed()
    desk.send(desk.accept(), outcome="unknown", error_code=332, doubt_at=desk.now)  # that is an answer
    assert not owed()
    desk.doubt(desk.accept())
    assert owed()
    desk.do(outbox.adopt_late_cmgs, 1, 8)
    assert not owed()


def test_a_late_answer_with_the_report_already_here(desk: Desk) -> None:
    message = desk.accept()
    other = desk.accept(recipient="+79160000001")
    attempt = desk.begin(message)
    desk.take([report(44)])  # before the answer: nobody's yet, for the attempt has not ended
    desk.end(attempt, outcome="unknown", doubt_at=desk.now + MINUTE)
    assert desk.state(message) == "delivered"
    assert desk.state(other) == "queued"


# -- after a crash ----------------------------------------------------------------------------------------


def recover(desk: Desk) -> tuple[int, int]:
    return desk.do(lambda tx: outbox.recover(tx, 10 * MINUTE, 15_000))


def test_recovery_of_an_orderly_stop_finds_nothing(desk: Desk) -> None:
    for outcome in ("sent", "rejected", "refused", "unknown"):
        desk.send(desk.accept(), outcome=outcome, doubt_at=desk.now + MINUTE if outcome == "unknown" else None)
    before = desk.rows("SELECT * FROM messages")
    assert recover(desk) == (0, 0)
    assert desk.rows("SELECT * FROM messages") == before


@pytest.mark.parametrize(
    ("kill", "found", "parts", "state", "queue"),
    [
        ("after accept", (0, 0), ["queued"] * 3, "queued", 1),
        ("after journal 1", (1, 0), ["unknown", "queued", "queued"], "unknown", 0),
        ("after outcome 1", (0, 1), ["sent", "queued", "queued"], "sending", 1),
        ("after report 1", (0, 1), ["delivered", "queued", "queued"], "sending", 1),
        ("after journal 2", (1, 0), ["sent", "unknown", "queued"], "unknown", 0),
        ("after refusal 2", (0, 0), ["sent", "queued", "queued"], "sending", 2),
        ("after outcome 3", (0, 0), ["sent"] * 3, "sent", 0),
    ],
)
def test_recovery_from_every_kill_point(
    desk: Desk, kill: str, found: tuple[int, int], parts: list[str], state: str, queue: int
) -> None:
    message = desk.accept_long()
    steps = {
        "after accept": lambda: None,
        "after journal 1": lambda: desk.begin(message, 1),
        "after outcome 1": lambda: desk.send(message, 1, mr=1),
        "after report 1": lambda: (desk.send(message, 1, mr=1), desk.take([report(1)])),
        "after journal 2": lambda: (desk.send(message, 1, mr=1), desk.begin(message, 2)),
        "after refusal 2": lambda: (
            desk.send(message, 1, mr=1),
            desk.send(message, 2, "refused", due_at=desk.now + MINUTE),
        ),
        "after outcome 3": lambda: [desk.send(message, seq, mr=seq) for seq in (1, 2, 3)],
    }
    steps[kill]()
    assert recover(desk) == found
    assert (desk.parts(message), desk.state(message), desk.queue(message)) == (parts, state, queue)
    assert recover(desk) == (0, 0)  # a second crash changes nothing
    assert desk.rows("SELECT doubt_at IS NOT NULL FROM messages") == [state == "unknown"]


def test_recovery_obeys_the_rule_of_each_message(desk: Desk) -> None:
    held, again = desk.accept(on_doubt="hold"), desk.accept(on_doubt="resend")
    desk.begin(held, line="a")
    desk.begin(again, line="b")
    assert recover(desk) == (2, 0)
    desk.now += 10 * MINUTE
    assert desk.do(outbox.settle_doubt) == [again]
    assert (desk.state(held), desk.state(again)) == ("unknown", "queued")


def test_a_second_copy_in_the_air_at_the_crash_is_in_doubt_like_the_first(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.begin(message, resend=True)
    assert recover(desk) == (1, 0)
    assert desk.state(message) == "unknown"


# -- clocks that are set ----------------------------------------------------------------------------------


def test_a_clock_set_back_loses_nothing(desk: Desk) -> None:
    message = desk.accept()
    desk.send(message, mr=3)
    desk.now -= DAY
    desk.take([report(3)])
    assert desk.state(message) == "delivered"


def test_a_clock_set_forward_ends_windows_and_sends_nothing_twice(desk: Desk) -> None:
    message = desk.accept(on_doubt="hold")
    desk.doubt(message)
    desk.now += 365 * DAY
    assert (desk.do(outbox.settle_doubt), desk.do(outbox.expire), desk.do(outbox.promote)) == ([], [], [])
    assert desk.state(message) == "unknown"
