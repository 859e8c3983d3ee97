"""Status reports: matched by line, recipient, reference and time, or called what they are.

See docs/architecture.md rule 4.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from modemgw.store import outbox, queries
from tests.unit.store.desk import DAY, HOUR, MINUTE, START, Desk
from tests.unit.store.pdus import at, report


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


def matched(desk: Desk) -> list[int]:
    """0 nobody's, 1 one part's, 2 ambiguous; of each receipt in order."""
    return desk.rows("SELECT matched FROM receipts ORDER BY id")


@pytest.mark.parametrize(
    ("st", "state"),
    [
        (0x00, "delivered"),
        (0x20, "sent"),
        (0x25, "sent"),
        (0x30, "sent"),
        (0x40, "undeliverable"),
        (0x41, "undeliverable"),
        (0x46, "expired"),
        (0x49, "undeliverable"),
        (0x60, "undeliverable"),
        (0x65, "undeliverable"),
        (0x80, "undeliverable"),
        (0xFF, "undeliverable"),
    ],
)
def test_what_a_status_makes_of_a_part(desk: Desk, st: int, state: str) -> None:
    message = desk.accept()
    desk.send(message, mr=9)
    desk.take([report(9, st=st)])
    assert desk.state(message) == state
    assert matched(desk) == [1]
    assert desk.rows("SELECT st FROM parts") == [st]
    assert desk.rows("SELECT st FROM messages") == [st]


def test_still_trying_and_then_delivered(desk: Desk) -> None:
    message = desk.accept()
    desk.send(message, mr=9)
    desk.take([report(9, st=0x22)])
    desk.take([report(9, st=0x00, done=60)])
    assert desk.state(message) == "delivered"
    assert matched(desk) == [1, 1]


@pytest.mark.parametrize(
    ("first", "second", "state"),
    [(0, 0x41, "delivered"), (0x41, 0, "undeliverable"), (0, 0x22, "delivered"), (0, 0, "delivered")],
)
def test_the_last_word_stands_and_a_later_one_is_kept(desk: Desk, first: int, second: int, state: str) -> None:
    message = desk.accept()
    desk.send(message, mr=9)
    desk.take([report(9, st=first)])
    desk.take([report(9, st=second, done=90)])
    assert desk.state(message) == state
    assert desk.rows("SELECT st FROM parts") == [first]
    assert desk.rows("SELECT count(*) FROM receipt_parts") == [2]


def test_the_same_report_twice_is_one(desk: Desk) -> None:
    message = desk.accept()
    desk.send(message, mr=9)
    assert desk.take([report(9), report(9)]) == 1
    desk.now += DAY
    assert desk.take([report(9)]) == 0
    assert matched(desk) == [1]


@pytest.mark.parametrize("other", ["line", "recipient", "reference", "too late", "no report wanted", "rejected"])
def test_a_report_of_something_else_is_nobodys(desk: Desk, other: str) -> None:
    message = desk.accept(report=other != "no report wanted")
    desk.send(message, outcome="rejected" if other == "rejected" else "sent", mr=None if other == "rejected" else 9)
    before = desk.state(message)
    line = "b" if other == "line" else "a"
    if other == "too late":
        desk.now += 5 * DAY
    desk.take(
        [report(10 if other == "reference" else 9, "+79160000002" if other == "recipient" else "+79160000001")], line
    )
    assert (desk.state(message), matched(desk)) == (before, [0])
    assert desk.rows("SELECT kind FROM events WHERE kind LIKE 'receipt.%'") == ["receipt.unmatched"]


@pytest.mark.parametrize("spelling", ["+79160000001", "89160000001", "9160000001"])
def test_the_network_may_spell_the_number_in_its_own_way(desk: Desk, spelling: str) -> None:
    message = desk.accept()
    desk.send(message, mr=9)
    desk.take([report(9, spelling)])
    assert desk.state(message) == "delivered"


def test_each_part_has_its_own_report(desk: Desk) -> None:
    message = desk.accept_long()
    for seq in (1, 2, 3):
        desk.send(message, seq, mr=100 + seq)
    desk.take([report(103), report(101)])
    assert (desk.state(message), desk.parts(message)) == ("sent", ["delivered", "sent", "delivered"])
    desk.take([report(102)])
    assert desk.state(message) == "delivered"


# -- references that come round ---------------------------------------------------------------------------


def test_more_than_256_parts_in_flight_to_one_recipient(desk: Desk) -> None:
    messages = [desk.accept() for _ in range(300)]
    for number, message in enumerate(messages):
        desk.send(message, mr=number % 256)
    for number in reversed(range(300)):  # last sent, first delivered
        desk.take([report(number % 256, seconds=number, done=400 - number)])
    twice = set(range(44)) | set(range(256, 300))
    for number, message in enumerate(messages):
        assert desk.state(message) == ("sent" if number in twice else "delivered"), number
    assert desk.rows("SELECT count(*) FROM receipts WHERE matched = 2") == [88]
    view = queries.message(desk.con, 1, messages[3])
    assert view is not None
    assert [(r.ambiguous, r.meaning) for r in view.parts[0].receipts] == [(True, "delivered")] * 2
    assert "receipt.ambiguous" in desk.events(messages[3])


def burst(desk: Desk, count: int, every_ms: int = 100, took_ms: int = 40, first: int = 0) -> list[tuple[int, int]]:
    """So many texts to one number, references counting up: of each the message and when the centre took it."""
    sent = []
    for number in range(count):
        message = desk.accept()
        attempt = desk.begin(message)
        desk.now += took_ms
        desk.end(attempt, mr=(first + number) % 256)
        sent.append((message, desk.now - took_ms // 2))
        desk.now += every_ms - took_ms
    return sent


def reported(sent: list[tuple[int, int]], number: int, offset_s: float = 0.0, first: int = 0) -> str:
    """The report of one of a burst, by a centre whose clock is off."""
    taken = (sent[number][1] - START) / 1000 + offset_s
    return report((first + number) % 256, seconds=taken // 1, done=taken // 1 + 4000 + number)


ORDERS: dict[str, Callable[[list[int]], list[int]]] = {
    "in order": lambda numbers: numbers,
    "last first": lambda numbers: numbers[::-1],
    "shuffled": lambda numbers: random.Random(3).sample(numbers, len(numbers)),
}


@pytest.mark.parametrize("offset_s", [0.0, 3 * 3600 + 0.4, -7.3, 900.0])
@pytest.mark.parametrize("order", ORDERS)
def test_reports_that_share_a_reference_are_told_apart_by_the_centres_time(
    desk: Desk, order: str, offset_s: float
) -> None:
    """300 texts to one number and all reports at the end. Each says another thing, so that a wrong one would show."""
    sent = burst(desk, 300)
    desk.now += HOUR
    for number in ORDERS[order](list(range(300))):
        pdu = reported(sent, number, offset_s)
        st = 0x41 if number % 3 == 0 else 0
        desk.take([pdu if st == 0 else report(number % 256, st=st, **_times(sent, number, offset_s))])
    assert [desk.state(message) for message, _ in sent] == [
        "undeliverable" if number % 3 == 0 else "delivered" for number in range(300)
    ]
    assert set(matched(desk)) == {1}
    assert desk.rows("SELECT count(*) FROM receipt_parts WHERE ambiguous") == [0]


def _times(sent: list[tuple[int, int]], number: int, offset_s: float) -> dict[str, float]:
    taken = (sent[number][1] - START) / 1000 + offset_s
    return {"seconds": taken // 1, "done": taken // 1 + 4000 + number}


def test_reports_of_a_burst_within_two_seconds_are_told_apart(desk: Desk) -> None:
    desk.now += 300
    sent = burst(desk, 300, every_ms=7, took_ms=3)
    desk.now += HOUR
    for number in range(300):
        desk.take([report(number % 256, st=0x41 if number % 3 == 0 else 0, **_times(sent, number, 0.0))])
    assert [desk.state(message) for message, _ in sent] == [
        "undeliverable" if number % 3 == 0 else "delivered" for number in range(300)
    ]


@pytest.mark.parametrize("every_ms", [100, 7])
@pytest.mark.parametrize("clock", ["void", "frozen", "random", "slow", "jumps"])
def test_a_centre_without_a_usable_clock_makes_nothing_wrong(desk: Desk, clock: str, every_ms: int) -> None:
    sent, chance = burst(desk, 300, every_ms=every_ms, took_ms=every_ms // 2), random.Random(5)
    desk.now += HOUR
    for number in range(300):
        taken = (sent[number][1] - START) / 1000
        seconds = {
            "frozen": 5.0,
            "random": chance.uniform(0, 300),
            "slow": taken * 0.4,
            "jumps": taken + number * 7,
        }.get(clock, 0.0)
        pdu = report(number % 256, st=0x41 if number % 2 else 0, seconds=seconds // 1, done=4000 + number)
        if clock == "void":
            stamp = at(seconds // 1).raw.hex().upper()
            pdu = pdu.replace(stamp, "FF" * 7, 1)
        desk.take([pdu])
    shared = {*range(44), *range(256, 300)}
    for number, (message, _) in enumerate(sent):
        right = "undeliverable" if number % 2 else "delivered"
        assert desk.state(message) in ({"sent", right} if number in shared else {right}), number


def test_a_zone_that_changes_in_the_middle_makes_nothing_wrong(desk: Desk) -> None:
    sent = burst(desk, 300)
    desk.now += HOUR
    for number in range(300):
        desk.take([reported(sent, number, 3600.0 if number > 150 else 0.0)])
    assert [desk.state(message) for message, _ in sent] == ["delivered"] * 300


def test_copies_a_quarter_of_an_hour_apart_are_not_told_apart(desk: Desk) -> None:
    """It may be the zone that differs."""
    for number in range(256):
        message = desk.accept()
        desk.send(message, mr=number)
        desk.take([report(number, seconds=(desk.now - START) / 1000, done=desk.now / 1000 - START / 1000)])
        desk.now += 5_000
    first, second = desk.accept(), desk.accept()
    desk.send(first, mr=7)
    times = {"seconds": (desk.now - START) / 1000, "done": 9000}
    desk.now += 15 * MINUTE
    desk.send(second, mr=7)
    desk.take([report(7, **times)])
    assert (desk.state(first), desk.state(second), matched(desk)[-1]) == ("sent", "sent", 2)


def test_the_clock_is_known_after_a_restart_and_for_each_sim(desk: Desk) -> None:
    sent = burst(desk, 60)
    desk.now += HOUR
    for number in range(60):
        desk.take([reported(sent, number)])
    assert desk.rows("SELECT line_id, centre FROM centre_clocks") == [(1, "")]
    desk.now += MINUTE
    twice = [burst(desk, 1, first=5)[0], burst(desk, 1, first=5, every_ms=9_000)[0]]
    twice.append(burst(desk, 1, first=5)[0])
    desk.take([reported(twice, 2, first=3)])
    assert [desk.state(message) for message, _ in twice] == ["sent", "sent", "delivered"]
    assert desk.rows("SELECT count(*) FROM receipts WHERE matched = 2") == [0]


def test_a_reference_that_has_come_round_after_its_last_word_is_not_ambiguous(desk: Desk) -> None:
    first, second = desk.accept(), desk.accept()
    desk.send(first, mr=9)
    desk.take([report(9, st=0x41)])
    desk.send(second, mr=9)
    desk.take([report(9, st=0, seconds=50, done=60)])
    assert (desk.state(first), desk.state(second)) == ("undeliverable", "delivered")


# -- before the answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 30_000, 170_000])
def test_a_report_before_the_answer(desk: Desk, delay: int) -> None:
    message = desk.accept()
    attempt = desk.begin(message)
    desk.now += 1000
    desk.take([report(9)])
    assert matched(desk) == [0]
    desk.now += delay
    desk.end(attempt, mr=9)
    assert (desk.state(message), matched(desk)) == ("delivered", [1])


def test_a_report_before_the_answer_goes_to_its_own_attempt_only(desk: Desk) -> None:
    first, second = desk.accept(), desk.accept()
    attempt = desk.begin(first)
    desk.take([report(9), report(10)])
    desk.end(attempt, mr=10)
    desk.now += MINUTE
    desk.send(second, mr=9)  # the other report came before this was tried at all
    assert (desk.state(first), desk.state(second), matched(desk)) == ("delivered", "sent", [0, 1])
    assert desk.rows("SELECT count(*) FROM events WHERE kind = 'receipt.unmatched'") == [2]


def test_a_report_before_the_answer_is_not_given_to_a_doubt(desk: Desk) -> None:
    doubtful, sure = desk.accept(), desk.accept()
    desk.doubt(doubtful)
    attempt = desk.begin(sure)
    desk.take([report(9)])
    assert matched(desk) == [0]
    desk.end(attempt, mr=9)
    assert (desk.state(doubtful), desk.state(sure)) == ("unknown", "delivered")


@pytest.mark.parametrize("outcome", ["sent", "rejected", "refused"])
def test_the_report_of_a_doubt_waits_for_an_answer_that_could_be_its_own(desk: Desk, outcome: str) -> None:
    doubtful, sure = desk.accept(), desk.accept()
    desk.doubt(doubtful)
    attempt = desk.begin(sure)
    desk.take([report(8)])
    desk.end(attempt, outcome=outcome, mr=9 if outcome == "sent" else None)
    assert (desk.state(doubtful), matched(desk)) == ("delivered", [1])


# -- doubt ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("st", "state"), [(0, "delivered"), (0x22, "sent"), (0x41, "undeliverable"), (0x46, "expired")]
)
def test_a_report_resolves_a_doubt(desk: Desk, st: int, state: str) -> None:
    message = desk.accept()
    desk.doubt(message)
    desk.take([report(200, st=st)])
    assert desk.state(message) == state
    assert desk.rows("SELECT mr FROM parts") == [200]
    assert desk.rows("SELECT mr FROM attempts") == [200]
    assert "part.resolved" in desk.events(message)
    assert desk.rows("SELECT doubt_at FROM messages") == [None]


@pytest.mark.parametrize("rule", ["hold", "resend"])
def test_a_report_after_the_window_resolves_it_too(desk: Desk, rule: str) -> None:
    message = desk.accept(on_doubt=rule)
    desk.doubt(message)
    desk.now += HOUR
    desk.do(outbox.settle_doubt)
    desk.take([report(200)])
    assert (desk.state(message), desk.queue(message)) == ("delivered", 0)
    assert desk.begin(message) is None


def test_the_rest_of_a_message_goes_on_when_a_report_resolves_its_doubt(desk: Desk) -> None:
    message = desk.accept_long(priority=3)
    desk.send(message, 1, mr=1)
    desk.doubt(message, 2)
    desk.take([report(2)])
    assert (desk.state(message), desk.parts(message)) == ("sending", ["sent", "delivered", "queued"])
    assert desk.do(outbox.promote) == [(message, 3, "a")]  # the timer tells the dispatcher
    assert desk.begin(message, 3) is not None


def test_two_doubts_that_a_report_fits_are_ambiguous(desk: Desk) -> None:
    first, second = desk.accept(), desk.accept()
    desk.doubt(first)
    desk.doubt(second)
    desk.take([report(9)])
    assert (desk.state(first), desk.state(second), matched(desk)) == ("unknown", "unknown", [2])


def test_a_doubt_does_not_make_the_reports_of_its_neighbours_ambiguous(desk: Desk) -> None:
    """References count up: the doubtful part cannot have the one that its neighbour was given."""
    doubtful, sure = desk.accept(), desk.accept()
    desk.doubt(doubtful)
    desk.send(sure, mr=18)
    desk.take([report(18)])
    assert (desk.state(doubtful), desk.state(sure)) == ("unknown", "delivered")
    desk.take([report(18, done=77)])  # repeated: still not that of the doubtful one
    assert desk.state(doubtful) == "unknown"
    desk.take([report(17)])
    assert desk.state(doubtful) == "delivered"


def test_a_doubt_a_whole_round_away_makes_a_report_ambiguous(desk: Desk) -> None:
    doubtful = desk.accept()
    desk.doubt(doubtful)
    for number in range(255):
        desk.send(desk.accept(recipient="+79160000099"), mr=number)
    sure = desk.accept()
    desk.send(sure, mr=18)
    desk.take([report(18)])
    assert (desk.state(doubtful), desk.state(sure), matched(desk)) == ("unknown", "sent", [2])


def test_a_doubt_about_a_message_that_wanted_no_report_is_not_resolved_by_one(desk: Desk) -> None:
    message = desk.accept(report=False)
    desk.doubt(message)
    desk.take([report(9)])
    assert (desk.state(message), matched(desk)) == ("unknown", [0])


def test_the_report_of_the_first_copy_is_not_taken_for_that_of_the_second(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(message, mr=50)
    desk.take([report(17, st=0x41)])  # the first copy is lost; the second may arrive
    assert (desk.state(message), desk.rows("SELECT st FROM parts")) == ("sent", [None])
    desk.take([report(50)])
    assert desk.state(message) == "delivered"
    assert matched(desk) == [1, 1]


def test_the_recipient_has_it_if_the_first_copy_came(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(message, mr=50, line="b")  # by another SIM, even
    desk.take([report(17)], "a")
    assert desk.state(message) == "delivered"
    desk.take([report(50, st=0x41)], "b")
    assert desk.state(message) == "delivered"


def test_the_report_of_a_first_copy_is_not_given_to_another_doubt(desk: Desk) -> None:
    again, other = desk.accept(on_doubt="resend"), desk.accept(on_doubt="hold")
    desk.doubt(again)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(again, mr=50)
    desk.doubt(other)
    desk.take([report(17)])
    assert (desk.state(again), desk.state(other), matched(desk)) == ("sent", "unknown", [2])


def test_the_first_copy_comes_before_the_second_is_sent_by_another_line(desk: Desk) -> None:
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(message, outcome="refused", error="busy", due_at=desk.now + MINUTE, line="b")
    desk.take([report(17)], "a")
    assert (desk.state(message), desk.queue(message)) == ("delivered", 0)


def test_a_late_answer_finds_the_report_that_was_here_first(desk: Desk) -> None:
    first, second = desk.accept(), desk.accept(recipient="89160000001")
    desk.doubt(first, window=HOUR)
    desk.doubt(second, line="b", window=HOUR)
    assert desk.do(outbox.adopt_late_cmgs, 1, 8) == (first, 1)
    desk.take([report(8)])
    assert (desk.state(first), desk.state(second)) == ("delivered", "unknown")


def test_a_part_known_to_be_there_without_a_reference(desk: Desk) -> None:
    """CMS 197: the centre knows the second copy, and nobody knows its reference."""
    message = desk.accept(on_doubt="resend")
    desk.doubt(message)
    desk.now += 10 * MINUTE
    desk.do(outbox.settle_doubt)
    desk.send(message, outcome="sent", error="Duplicate.")
    assert desk.state(message) == "sent"
    desk.take([report(77)])
    assert desk.state(message) == "delivered"


# -- a copy that the modem called refused -------------------------------------------------------------------


def refuse(desk: Desk, message: int, seq: int = 1, line: str = "a", outcome: str = "refused") -> int:
    """An attempt that was refused after its payload was out."""
    due = {"due_at": desk.now + 15_000} if outcome == "refused" else {}
    return desk.send(message, seq, outcome, line, error="+CMS ERROR: 38", error_code=38, went_out=True, **due)


@pytest.mark.parametrize("outcome", ["refused", "rejected"])
@pytest.mark.parametrize(
    ("st", "state"), [(0, "delivered"), (0x22, "sent"), (0x41, "undeliverable"), (0x46, "expired")]
)
def test_a_report_is_believed_more_than_the_modem(desk: Desk, outcome: str, st: int, state: str) -> None:
    message = desk.accept()
    refuse(desk, message, outcome=outcome)
    assert desk.state(message) == ("queued" if outcome == "refused" else "rejected")
    desk.take([report(17, st=st)])
    assert (desk.state(message), desk.queue(message), matched(desk)) == (state, 0, [1])
    assert desk.rows("SELECT mr, error, sent_at FROM parts") == [(17, None, desk.now)]
    assert "part.resolved" in desk.events(message)
    assert desk.begin(message) is None
    desk.take([report(17, st=0, done=90)])
    assert desk.state(message) == ("delivered" if state in ("sent", "delivered") else state)


def test_a_report_before_the_error(desk: Desk) -> None:
    message = desk.accept()
    attempt = desk.begin(message)
    desk.take([report(17)])
    assert matched(desk) == [0]
    desk.now += 40_000
    desk.end(attempt, outcome="refused", due_at=desk.now + 15_000, went_out=True)
    assert (desk.state(message), desk.queue(message), matched(desk)) == ("delivered", 0, [1])


@pytest.mark.parametrize("outcome", ["refused", "rejected", "not_sent"])
def test_what_was_refused_before_its_payload_has_no_report(desk: Desk, outcome: str) -> None:
    message = desk.accept()
    desk.send(message, outcome=outcome)
    desk.take([report(17)])
    assert (desk.state(message), matched(desk)) == ("rejected" if outcome == "rejected" else "queued", [0])


def test_the_next_copy_says_that_it_is_one(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    refuse(desk, message, 2)
    desk.now += 15_000
    desk.do(outbox.promote)
    job = desk.job(message)
    assert job is not None
    assert (job.queued, job.resend) == ((2, 3), {2})
    desk.begin(message, 2, resend=True)
    assert desk.rows("SELECT data FROM events WHERE kind = 'part.sending' ORDER BY id DESC LIMIT 1") == [
        '{"resend":true,"after":"rejected"}'
    ]


def test_the_rest_of_a_message_does_not_wait_for_a_try_that_is_not_needed(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    refuse(desk, message, 2)
    desk.take([report(2)])
    assert desk.parts(message) == ["sent", "delivered", "queued"]
    assert desk.do(outbox.promote) == [(message, 0, "a")]


def test_the_rest_of_a_message_waits_for_the_part_that_is_tried_again(desk: Desk) -> None:
    message = desk.accept_long()
    desk.send(message, 1, mr=1)
    refuse(desk, message, 2)
    desk.take([report(1)])
    assert desk.do(outbox.promote) == []


def test_a_part_that_was_out_after_all_keeps_the_others_on_its_line(desk: Desk) -> None:
    message = desk.accept_long()
    refuse(desk, message, 1)
    assert desk.rows("SELECT line FROM messages") == [""]
    desk.take([report(2)])
    assert desk.rows("SELECT line FROM messages") == ["a"]
    assert desk.do(outbox.promote) == [(message, 0, "a")]


@pytest.mark.parametrize("second", ["in the air", "refused", "sent", "failed"])
def test_a_report_of_the_first_copy_with_a_second_on_its_way_through_another_line(desk: Desk, second: str) -> None:
    message = desk.accept()
    refuse(desk, message)
    desk.now += 15_000
    desk.do(outbox.promote)
    attempt = desk.begin(message, line="b", resend=True)
    if second == "in the air":
        desk.take([report(17)], "a")
        assert desk.state(message) == "delivered"
        desk.end(attempt, outcome="refused", due_at=desk.now + 15_000, went_out=True)
    elif second == "refused":
        desk.end(attempt, outcome="refused", due_at=desk.now + 15_000, went_out=True)
        desk.take([report(17)], "a")
    else:
        desk.end(attempt, mr=50)
        if second == "failed":
            desk.take([report(50, st=0x41)], "b")
            assert desk.state(message) == "undeliverable"
        desk.take([report(17)], "a")
    assert (desk.state(message), desk.queue(message)) == ("delivered", 0)
    assert matched(desk)[-1] == 1


def test_the_centre_is_trying_the_first_copy_so_that_no_third_goes(desk: Desk) -> None:
    message = desk.accept()
    refuse(desk, message)
    desk.now += 15_000
    desk.do(outbox.promote)
    attempt = desk.begin(message, line="b", resend=True)
    desk.take([report(17, st=0x22)], "a")
    assert desk.state(message) == "sending"
    desk.end(attempt, outcome="refused", due_at=desk.now + 15_000)
    assert (desk.state(message), desk.queue(message)) == ("sent", 0)
    desk.take([report(17, done=90)], "a")
    assert desk.state(message) == "delivered"


def test_of_two_copies_of_one_part_a_report_needs_no_telling_apart(desk: Desk) -> None:
    message = desk.accept()
    for _ in range(2):
        refuse(desk, message)
        desk.now += 16_000
        desk.do(outbox.promote)
    desk.take([report(17, st=0x41)])  # of one of them: the other may arrive
    assert (desk.state(message), matched(desk)) == ("queued", [1])
    desk.take([report(18)])
    assert desk.state(message) == "delivered"


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_what_was_given_up_in_the_queue_may_have_arrived(desk: Desk, ending: str) -> None:
    message = desk.accept(validity_s=60)
    refuse(desk, message)
    if ending == "expired":
        desk.now += HOUR
        desk.do(outbox.expire)
    else:
        desk.do(outbox.cancel, 1, message)
    assert desk.state(message) == ending
    desk.take([report(17)])
    assert desk.state(message) == "delivered"


@pytest.mark.parametrize("newest", ["refused", "rejected"])
def test_a_late_reference_of_what_was_refused(desk: Desk, newest: str) -> None:
    message = desk.accept()
    refuse(desk, message, outcome=newest)
    assert desk.do(outbox.adopt_late_cmgs, 1, 33) == (message, 1)
    assert (desk.state(message), desk.queue(message)) == ("sent", 0)
    desk.take([report(33)])
    assert desk.state(message) == "delivered"


def test_a_line_that_is_back_hears_its_reports_before_it_sends_copies(desk: Desk) -> None:
    refused, resent, fresh = desk.accept(), desk.accept(on_doubt="resend"), desk.accept()
    refuse(desk, refused)
    desk.doubt(resent)
    desk.now += HOUR
    desk.do(outbox.promote)
    desk.do(outbox.settle_doubt)
    until = desk.now + 15_000
    desk.do(lambda tx: outbox.spare_copies(tx, 2, until))  # of another line
    assert [desk.queue(message) for message in (refused, resent, fresh)] == [1, 1, 1]
    desk.do(lambda tx: outbox.spare_copies(tx, 1, until))
    assert [desk.queue(message) for message in (refused, resent, fresh)] == [2, 2, 1]
    assert desk.rows("SELECT due_at FROM messages WHERE due_at IS NOT NULL") == [until, until]


def test_after_a_start_copies_wait_for_reports(desk: Desk) -> None:
    message = desk.accept()
    refuse(desk, message)
    desk.now += HOUR
    desk.do(lambda tx: outbox.recover(tx, 10 * MINUTE, 15_000))
    assert desk.do(outbox.promote) == []
    desk.take([report(17)])
    assert (desk.state(message), desk.begin(message)) == ("delivered", None)
