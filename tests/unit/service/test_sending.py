"""Sending through one line: what goes well, what is refused, what is in doubt."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from modemgw.at.errors import CmsError, CommandFailed
from modemgw.at.policy import ErrorAction, ErrorScope, policy_for
from modemgw.domain.job import LineRecord
from modemgw.rules.incoming import RawPdu
from modemgw.service.ports import InDoubt, Refused, SendOutcome, Sent
from modemgw.service.receiving import take_in
from tests.unit.service import air
from tests.unit.service.air import CODES, Air, Rig, Running, cms, until, until_state
from tests.unit.store.desk import long, new
from tests.unit.store.pdus import report

rig = air.rig
_quick = air._quick

# -- going well -------------------------------------------------------------------------------------------


async def test_messages_go_out_by_priority_and_age(rig: Rig) -> None:
    ids = [await rig.accept(new(text=f"{n}", priority=p)) for n, p in enumerate((0, 0, 5, -1))]
    air = Air()
    running = Running(await rig.line(air))
    for message in ids:
        await until_state(rig, message, "sent")
    await running.stop()
    assert air.texts == ["2", "0", "1", "3"]
    view = await rig.view(ids[0])
    assert [(a.outcome, a.mr, a.line) for a in view.parts[0].attempts] == [("sent", 2, "a")]
    assert running.sender.sent == 4


async def test_the_attempt_is_durable_before_the_payload_goes_out(rig: Rig, tmp_path: Path) -> None:
    message = await rig.accept(new())
    seen: list[tuple[str, str]] = []

    async def look(air: Air) -> SendOutcome:
        before = await rig.state(message)
        assert await air.go_ahead()
        other = sqlite3.connect(tmp_path / "m.db")  # what another process would find after a power cut
        after = other.execute("SELECT state FROM parts").fetchone()[0]
        other.close()
        seen.append((before, after))
        return Sent(air.take(air.pdu))

    sender = await rig.line(Air(look))
    job = await rig.dispatcher.take("a")
    await sender.send(job)
    assert seen == [("queued", "sending")]


async def test_parts_go_in_order_and_nothing_goes_between_them(rig: Rig) -> None:
    first, second = await rig.accept(long()), await rig.accept(long(priority=9))
    urgent = new(text="urgent", priority=50)
    added: list[int] = []

    async def meanwhile(air: Air) -> SendOutcome:
        added.append(await rig.accept(urgent))
        assert await air.go_ahead()
        return Sent(air.take(air.pdu))

    air = Air(meanwhile)
    running = Running(await rig.line(air))
    await until_state(rig, first, "sent")
    await running.stop()
    order = [(t.udh.concat.reference, t.udh.concat.sequence) if t.udh.concat else t.text for t in air.went]
    assert order == [(second, 1), (second, 2), (second, 3), "urgent", (first, 1), (first, 2), (first, 3)]
    assert await rig.state(added[0]) == "sent"


async def test_two_lines_share_a_queue(rig: Rig) -> None:
    ids = [await rig.accept(long() if n % 3 == 0 else new(text=str(n))) for n in range(20)]
    airs = [Air(), Air()]
    lines = [Running(await rig.line(air, name)) for air, name in zip(airs, "ab", strict=True)]
    for message in ids:
        await until_state(rig, message, "sent")
    for line in lines:
        await line.stop()
    assert sum(len(air.went) for air in airs) == 13 + 3 * 7
    for message in ids:
        assert len({part.line for part in (await rig.view(message)).parts}) == 1


# -- every action of the error table ----------------------------------------------------------------------


async def test_every_action_has_its_code() -> None:
    given = {ErrorAction.RADIO_RESET, ErrorAction.FULL_RESET}  # by a profile or a sickness of the modem, by no code
    assert {policy_for(CmsError(code)).action: action for action, code in CODES.items()} == {
        action: action for action in ErrorAction if action not in given
    }


@pytest.mark.parametrize("action", [ErrorAction.FAIL, ErrorAction.ACCEPTED_EARLIER])
async def test_a_bad_message_fails_and_the_line_goes_on(rig: Rig, action: ErrorAction) -> None:
    bad, good = await rig.accept(long()), await rig.accept(new())
    running = Running(await rig.line(Air(cms(CODES[action]))))
    await until_state(rig, good, "sent")
    await running.stop()
    assert await rig.parts(bad) == ["rejected", "cancelled", "cancelled"]
    assert (await rig.view(bad)).error_code == CODES[action]


async def test_a_bad_number_never_stops_a_line_however_often(rig: Rig) -> None:
    ids = [await rig.accept(new(recipient=f"+791600000{n:02}")) for n in range(20)]
    last = await rig.accept(new())
    running = Running(await rig.line(Air(*[cms(28)] * 20)))
    await until_state(rig, last, "sent")
    await running.stop()
    assert [await rig.state(message) for message in ids] == ["rejected"] * 20


async def test_refusals_to_different_recipients_stop_the_line(rig: Rig) -> None:
    ids = [await rig.accept(new(recipient=f"+7916000000{n}")) for n in (1, 1, 2, 3, 4)]
    running = Running(await rig.line(Air(*[cms(21)] * 5)))
    trouble = await running.trouble()
    assert (trouble.scope, trouble.action) == (ErrorScope.SIM, ErrorAction.FAIL_COUNT)
    assert "3 messages to different recipients" in str(trouble)
    assert [await rig.state(message) for message in ids] == ["rejected"] * 4 + ["queued"]


async def test_a_success_ends_a_run_of_refusals(rig: Rig) -> None:
    ids = [await rig.accept(new(recipient=f"+7916000000{n}")) for n in range(5)]
    running = Running(await rig.line(Air(cms(21), cms(21), Sent(1), cms(21), cms(21))))
    await until_state(rig, ids[-1], "rejected")
    await running.stop()
    assert [await rig.state(message) for message in ids] == ["rejected", "rejected", "sent", "rejected", "rejected"]


async def test_what_passes_is_tried_later_and_later_still(rig: Rig) -> None:
    message = await rig.accept(new())
    waits = []
    for _ in range(4):
        running = Running(await rig.line(Air(cms(38))))
        trouble = await running.trouble()
        assert (trouble.scope, trouble.action) == (ErrorScope.NETWORK, ErrorAction.RETRY_BACKOFF)
        view = await rig.view(message)
        assert view.state == "queued"
        assert view.due_at is not None
        waits.append((view.due_at - rig.now) / 1000)
        rig.now = view.due_at
        await rig.timers.tick()
    assert all(15 * 2**n <= wait <= 1.25 * 15 * 2**n for n, wait in enumerate(waits))
    running = Running(await rig.line(Air(), "b"))  # another SIM may try
    await until_state(rig, message, "sent")
    await running.stop()


WORKER_MENDS = [
    ErrorAction.SWEEP_RETRY,
    ErrorAction.REINIT_RETRY_ONCE,
    ErrorAction.STOP_LINE,
    ErrorAction.USE_CONFIGURED_SMSC,
]
PASSING = [ErrorAction.WAIT_RETRY, ErrorAction.COLLISION_RETRY]


@pytest.mark.parametrize("action", WORKER_MENDS)
async def test_what_the_worker_mends_keeps_its_place(rig: Rig, action: ErrorAction) -> None:
    message, other = await rig.accept(new(text="first")), await rig.accept(new(text="second"))
    refused = cms(CODES[action], before_payload=True)
    for _ in range(3):
        trouble = await Running(await rig.line(Air(refused))).trouble()
        assert trouble.action is action
        assert (await rig.view(message)).due_at is None
    await Running(await rig.line(Air(refused))).trouble()
    assert (await rig.view(message)).due_at is not None  # not for ever: then it waits like others
    air = Air()
    running = Running(await rig.line(air))
    await until_state(rig, other, "sent")
    await running.stop()
    assert await rig.state(message) == "queued"


@pytest.mark.parametrize("action", PASSING)
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_collision_is_tried_again_here_and_now_but_not_for_ever(
    rig: Rig, action: ErrorAction, times: int
) -> None:
    message = await rig.accept(long())
    running = Running(await rig.line(Air(Sent(1), *[cms(CODES[action], before_payload=True)] * times)))
    if times < 3:
        await until_state(rig, message, "sent")
        await running.stop()
        assert len((await rig.view(message)).parts[1].attempts) == 1 + times
    else:
        assert (await running.trouble()).action is action
        assert await rig.parts(message) == ["sent", "queued", "queued"]
        assert (await rig.view(message)).due_at is not None


@pytest.mark.parametrize("action", [*WORKER_MENDS, *PASSING, ErrorAction.RETRY_BACKOFF])
async def test_after_the_payload_no_copy_goes_before_a_report_could_come(rig: Rig, action: ErrorAction) -> None:
    message = await rig.accept(long())
    air = Air(Sent(1), cms(CODES[action]))
    running = Running(await rig.line(air))

    async def refused() -> bool:
        return (await rig.view(message)).due_at is not None

    await until(refused)
    await running.stop()
    due_at = (await rig.view(message)).due_at
    assert due_at is not None
    assert 15_000 <= due_at - rig.now <= 20_000
    assert await rig.parts(message) == ["sent", "queued", "queued"]
    rig.now = due_at - 1
    await rig.timers.tick()
    assert await rig.state(message) == "sending"
    assert len(air.went) == 1
    rig.now = due_at
    await rig.timers.tick()
    air = Air()
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert [(t.udh.concat.sequence, t.rd) for t in air.went if t.udh.concat] == [(2, True), (3, False)]


@pytest.mark.parametrize("action", PASSING)
async def test_what_often_passes_lets_the_next_message_go_and_stops_the_line_the_third_time(
    rig: Rig, action: ErrorAction
) -> None:
    ids = [await rig.accept(new(recipient=f"+7916000000{n}")) for n in range(4)]
    running = Running(await rig.line(Air(cms(CODES[action]), cms(CODES[action]), Sent(1), cms(CODES[action]))))
    await until_state(rig, ids[2], "sent")
    await running.stop()
    assert [await rig.state(message) for message in ids[:2]] == ["queued", "queued"]
    more = [await rig.accept(new()) for _ in range(3)]
    assert (await Running(await rig.line(Air(*[cms(CODES[action])] * 3))).trouble()).action is action
    assert len(more) == 3


@pytest.mark.parametrize(("code", "wait_s"), [(500, 600), (513, 600), (41, 600), (38, 30), (331, 30)])
async def test_a_third_copy_waits_as_long_as_a_doubt(rig: Rig, code: int, wait_s: float) -> None:
    message = await rig.accept(new())
    for wait in (15, wait_s):
        running = Running(await rig.line(Air(cms(code))))

        async def refused() -> bool:
            return (await rig.view(message)).due_at is not None

        await until(refused)
        await running.stop()
        due_at = (await rig.view(message)).due_at
        assert due_at is not None
        assert wait * 1000 <= due_at - rig.now <= wait * 1250
        rig.now = due_at
        await rig.timers.tick()


async def test_a_report_of_what_was_refused_ends_the_retry(rig: Rig) -> None:
    message, line = await rig.accept(new()), LineRecord(1, "a", None, None)
    await Running(await rig.line(Air(cms(38)))).trouble()
    await take_in(rig.repository, line, [RawPdu(report(200))])
    assert (await rig.state(message), (await rig.view(message)).due_at) == ("delivered", None)
    rig.now += 3_600_000
    await rig.timers.tick()
    air = Air()
    running = Running(await rig.line(air))
    other = await rig.accept(new())
    await until_state(rig, other, "sent")
    await running.stop()
    assert len(air.went) == 1


@pytest.mark.parametrize("failed", [Refused(CmsError(28), "no", False), Refused(None, "OK without +CMGS.", False)])
async def test_a_report_of_what_was_refused_for_good_is_believed(rig: Rig, failed: Refused) -> None:
    message, line = await rig.accept(new()), LineRecord(1, "a", None, None)
    running = Running(await rig.line(Air(failed)))
    await until_state(rig, message, "rejected")
    await running.stop()
    await take_in(rig.repository, line, [RawPdu(report(200))])
    assert await rig.state(message) == "delivered"


async def test_ok_without_a_reference_is_a_doubt_and_the_modem_is_set_up_anew(rig: Rig) -> None:
    message, other = await rig.accept(new()), await rig.accept(new())
    trouble = await Running(await rig.line(Air(InDoubt("OK and no +CMGS.", silent_ok=True)))).trouble()
    assert (trouble.scope, trouble.action) == (ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE)
    assert (await rig.state(message), await rig.state(other)) == ("unknown", "queued")


async def test_a_modem_whose_ok_means_failure(rig: Rig) -> None:
    message, other = await rig.accept(new()), await rig.accept(new())
    running = Running(await rig.line(Air(Refused(None, "OK without +CMGS.", False))))
    trouble = await running.trouble()
    assert (trouble.scope, trouble.action) == (ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE)
    assert (await rig.state(message), await rig.state(other)) == ("rejected", "queued")


@pytest.mark.parametrize("error", [CommandFailed("ERROR"), CmsError(None, "weird")])
async def test_an_error_without_a_number(rig: Rig, error: CommandFailed) -> None:
    message = await rig.accept(new())
    running = Running(await rig.line(Air(*[Refused(error, "weird", True)] * 3)))
    await running.trouble()
    assert await rig.state(message) == "queued"


async def test_a_network_that_did_not_answer_in_time_is_its_own_trouble(rig: Rig) -> None:
    message = await rig.accept(new())
    doubt = InDoubt("The modem said +CMS ERROR: 332.", error=CmsError(332))
    trouble = await Running(await rig.line(Air(doubt))).trouble()
    assert (trouble.scope, trouble.action) == (ErrorScope.NETWORK, ErrorAction.RETRY_BACKOFF)
    assert await rig.state(message) == "unknown"


# -- doubt ------------------------------------------------------------------------------------------------


async def test_no_answer_is_a_doubt_and_the_rest_waits(rig: Rig) -> None:
    message = await rig.accept(long())
    air = Air(Sent(1), InDoubt("The port was lost."))
    trouble = await Running(await rig.line(air)).trouble()
    assert trouble.scope is ErrorScope.MODEM
    assert (await rig.state(message), await rig.parts(message)) == ("unknown", ["sent", "unknown", "queued"])
    rig.now += 600_000
    await rig.timers.tick()
    assert (await rig.state(message), await rig.parts(message)) == ("unknown", ["sent", "unknown", "cancelled"])


async def test_a_second_copy_says_that_it_is_one(rig: Rig) -> None:
    message = await rig.accept(long(on_doubt="resend"))
    air = Air(InDoubt("Silence."))
    await Running(await rig.line(air)).trouble()
    rig.now += 600_000
    await rig.timers.tick()
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert [(t.udh.concat.sequence, t.rd) for t in air.went if t.udh.concat] == [
        (1, False),
        (1, True),
        (2, False),
        (3, False),
    ]
    assert air.went[0].ud == air.went[1].ud


async def test_a_second_copy_that_the_centre_knows_is_sent_and_the_rest_follows(rig: Rig) -> None:
    message = await rig.accept(long(on_doubt="resend"))
    air = Air(InDoubt("Silence."), cms(197))
    await Running(await rig.line(air)).trouble()
    rig.now += 600_000
    await rig.timers.tick()
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert await rig.parts(message) == ["sent"] * 3
    assert len(air.went) == 3


async def test_the_rest_goes_on_when_a_report_clears_the_doubt(rig: Rig) -> None:
    message = await rig.accept(long())
    air = Air(InDoubt("Silence."))
    sender = await rig.line(air)
    await Running(sender).trouble()
    line = LineRecord(1, "a", None, None)
    running = Running(await rig.line(air))
    await take_in(rig.repository, line, [RawPdu(report(200))])
    await rig.timers.tick()
    await until_state(rig, message, "sent")
    await running.stop()
    assert await rig.parts(message) == ["delivered", "sent", "sent"]


async def test_an_answer_that_is_owed_may_come_first(rig: Rig) -> None:
    doubts = [InDoubt("no answer"), InDoubt("332", CmsError(332))]
    ids = [await rig.accept(new()) for _ in range(6)]
    air = Air(doubts[0])
    await Running(await rig.line(air)).trouble()
    rig.restart()  # the next session, or the next start
    air.script = [cms(28), Sent(1), Sent(2), doubts[1]]
    await Running(await rig.line(air)).trouble()
    air.script = [Sent(3)]
    running = Running(await rig.line(air))
    await until_state(rig, ids[-1], "sent")
    await running.stop()
    assert air.owed == [False, True, True, False, False, False]


async def test_broken_off_with_the_payload_out_is_a_doubt(rig: Rig) -> None:
    message, other = await rig.accept(new()), await rig.accept(new())
    out = asyncio.Event()

    async def hang(air: Air) -> SendOutcome:
        assert await air.go_ahead()
        out.set()
        await asyncio.sleep(100)
        raise AssertionError

    running = Running(await rig.line(Air(hang)))
    await out.wait()
    assert running.sender.in_air
    await running.stop()
    assert not running.sender.in_air
    assert (await rig.state(message), await rig.state(other)) == ("unknown", "queued")


async def test_a_bug_with_the_payload_out_is_a_doubt_too(rig: Rig) -> None:
    message = await rig.accept(new())

    async def stumble(air: Air) -> SendOutcome:
        assert await air.go_ahead()
        raise KeyError("a bug of ours")

    running = Running(await rig.line(Air(stumble)))
    with pytest.raises(KeyError):
        await running.task
    await running.sender.flush()
    assert await rig.state(message) == "unknown"
