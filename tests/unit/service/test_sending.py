"""Sending through one line: a radio that says what it is told to, and a real store in a file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from modemgw.at.errors import CmsError, CommandFailed
from modemgw.at.policy import ErrorAction, ErrorScope, policy_for
from modemgw.domain.message import MessageView
from modemgw.service import sending
from modemgw.service.dispatch import Dispatcher
from modemgw.service.incoming import RawPdu
from modemgw.service.ports import InDoubt, LineRecord, NewMessage, NotSent, Refused, SendOutcome, Sent
from modemgw.service.receiving import take_in
from modemgw.service.sending import LineSender, LineTrouble, SendingSettings
from modemgw.service.timers import Timers
from modemgw.sms import Direction, PduHex, SmsSubmit, decode_pdu
from modemgw.store.database import Store
from modemgw.store.errors import StoreUnavailable
from modemgw.store.outbox import Accept
from modemgw.store.repository import SqliteRepository

from tests.unit.store.desk import START, long, new
from tests.unit.store.pdus import report

Behaviour = Callable[["Air"], Awaitable[SendOutcome]] | SendOutcome


def cms(code: int, before_payload: bool = False) -> Refused:
    error = CmsError(code)
    return Refused(error, f"+CMS ERROR: {code}", before_payload)


#: A code for each action of the table.
CODES = {
    ErrorAction.FAIL: 28,
    ErrorAction.FAIL_COUNT: 21,
    ErrorAction.RETRY_BACKOFF: 38,
    ErrorAction.SWEEP_RETRY: 322,
    ErrorAction.REINIT_RETRY_ONCE: 302,
    ErrorAction.STOP_LINE: 310,
    ErrorAction.WAIT_RETRY: 314,
    ErrorAction.COLLISION_RETRY: 512,
    ErrorAction.ACCEPTED_EARLIER: 197,
    ErrorAction.USE_CONFIGURED_SMSC: 330,
}


class Air:
    """A radio: each send does the next of `script`, then sends for real with the next reference."""

    def __init__(self, *script: Behaviour) -> None:
        self.script = list(script)
        self.went: list[SmsSubmit] = []  # on the air, in order
        self.mr = 0

    async def send(self, pdu: PduHex, go_ahead: Callable[[], Awaitable[bool]]) -> SendOutcome:
        behaviour = self.script.pop(0) if self.script else None
        if callable(behaviour):
            self.go_ahead, self.pdu = go_ahead, pdu
            return await behaviour(self)
        if not await go_ahead():
            return NotSent("withdrawn", trouble=False)
        if behaviour is None or isinstance(behaviour, Sent | InDoubt):
            self.take(pdu)
        return behaviour or Sent(self.mr)

    def take(self, pdu: PduHex) -> int:
        tpdu = decode_pdu(pdu.hex, Direction.FROM_MS).tpdu
        assert isinstance(tpdu, SmsSubmit)
        self.went.append(tpdu)
        self.mr += 1
        return self.mr

    @property
    def texts(self) -> list[str | None]:
        return [tpdu.text for tpdu in self.went]


class Rig:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = START
        self.repository = SqliteRepository(store)
        self.restart()

    def restart(self) -> None:
        """As after a start of the process: memory is empty, the store is as it was."""
        self.dispatcher = Dispatcher(self.repository)
        self.timers = Timers(self.repository, self.dispatcher, self.clock, partial_after_ms=3_600_000)

    def clock(self) -> int:
        return self.now

    async def accept(self, message: NewMessage) -> int:
        accepted = await self.store.write(Accept(message))
        self.dispatcher.offer(accepted.id, message.priority, message.line)
        return accepted.id

    async def line(self, air: Air, name: str = "a") -> LineSender:
        line_id = await self.repository.ensure_line(name, imsi=f"25001{name}", iccid=None, imei=None, number=None)
        record = LineRecord(line_id, name, f"25001{name}", None)
        return LineSender(
            record, air, self.repository, self.dispatcher, self.timers, self.clock, SendingSettings(pause_after=3)
        )

    async def view(self, message: int) -> MessageView:
        view = await self.repository.message(1, message)
        assert view is not None
        return view

    async def state(self, message: int) -> str:
        return str((await self.view(message)).state)

    async def parts(self, message: int) -> list[str]:
        return [str(part.state) for part in (await self.view(message)).parts]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "QUICK_RETRIES_S", (0.0, 0.0))
    monkeypatch.setattr(sending, "STORE_RETRY_S", 0.0)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    rigs: list[Rig] = []
    store = await Store.open(tmp_path / "m.db", lambda: rigs[0].now if rigs else START)
    rigs.append(Rig(store))
    await rigs[0].repository.ensure_accounts(["shop"])
    yield rigs[0]
    await store.close()


class Running:
    """A sender as a task."""

    def __init__(self, sender: LineSender) -> None:
        self.sender = sender
        self.task = asyncio.ensure_future(sender.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.sender.flush()

    async def trouble(self) -> LineTrouble:
        with pytest.raises(LineTrouble) as caught:
            await asyncio.wait_for(self.task, 5)
        await self.sender.flush()
        return caught.value


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(5):
        while not await look():
            await asyncio.sleep(0.001)


async def until_state(rig: Rig, message: int, *states: str) -> None:
    async def there() -> bool:
        return await rig.state(message) in states

    await until(there)


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
    assert {action: policy_for(CmsError(code)).action for action, code in CODES.items()} == {a: a for a in ErrorAction}


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
    assert all(0.9 * 15 * 2**n <= wait <= 1.1 * 15 * 2**n for n, wait in enumerate(waits))
    running = Running(await rig.line(Air(), "b"))  # another SIM may try
    await until_state(rig, message, "sent")
    await running.stop()


@pytest.mark.parametrize(
    "action",
    [
        ErrorAction.SWEEP_RETRY,
        ErrorAction.REINIT_RETRY_ONCE,
        ErrorAction.STOP_LINE,
        ErrorAction.USE_CONFIGURED_SMSC,
    ],
)
async def test_what_the_worker_mends_keeps_its_place(rig: Rig, action: ErrorAction) -> None:
    message, other = await rig.accept(new(text="first")), await rig.accept(new(text="second"))
    for _ in range(3):
        trouble = await Running(await rig.line(Air(cms(CODES[action])))).trouble()
        assert trouble.action is action
        assert (await rig.view(message)).due_at is None
    await Running(await rig.line(Air(cms(CODES[action])))).trouble()
    assert (await rig.view(message)).due_at is not None  # not for ever: then it waits like others
    air = Air()
    running = Running(await rig.line(air))
    await until_state(rig, other, "sent")
    await running.stop()
    assert await rig.state(message) == "queued"


@pytest.mark.parametrize("action", [ErrorAction.WAIT_RETRY, ErrorAction.COLLISION_RETRY])
@pytest.mark.parametrize("times", [1, 2, 3])
async def test_a_collision_is_tried_again_here_and_now_but_not_for_ever(
    rig: Rig, action: ErrorAction, times: int
) -> None:
    message = await rig.accept(long())
    running = Running(await rig.line(Air(Sent(1), *[cms(CODES[action])] * times)))
    if times < 3:
        await until_state(rig, message, "sent")
        await running.stop()
        assert len((await rig.view(message)).parts[1].attempts) == 1 + times
    else:
        assert (await running.trouble()).action is action
        assert await rig.parts(message) == ["sent", "queued", "queued"]
        assert (await rig.view(message)).due_at is not None


async def test_ok_without_a_reference_fails_and_the_modem_is_set_up_anew(rig: Rig) -> None:
    message, other = await rig.accept(new()), await rig.accept(new())
    running = Running(await rig.line(Air(Refused(None, "OK without +CMGS.", False))))
    trouble = await running.trouble()
    assert (trouble.scope, trouble.action) == (ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE)
    assert (await rig.state(message), await rig.state(other)) == ("rejected", "queued")


@pytest.mark.parametrize("error", [CommandFailed("ERROR"), CmsError(None, "weird")])
async def test_an_error_without_a_number(rig: Rig, error: CommandFailed) -> None:
    message = await rig.accept(new())
    running = Running(await rig.line(Air(*[Refused(error, "weird", False)] * 3)))
    await running.trouble()
    assert await rig.state(message) == "queued"


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
        (1, False), (1, True), (2, False), (3, False),
    ]  # fmt: skip
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


# -- nothing went out -------------------------------------------------------------------------------------


async def lost_before(air: Air) -> SendOutcome:
    """The port is gone before the modem was asked for anything."""
    return NotSent("The port is gone.", trouble=True)


async def no_prompt(air: Air) -> SendOutcome:
    assert await air.go_ahead()
    return NotSent("No prompt.", trouble=True)


@pytest.mark.parametrize("failure", [lost_before, no_prompt])
@pytest.mark.parametrize("part", [1, 2])
async def test_what_did_not_go_out_goes_out_later(rig: Rig, failure: Behaviour, part: int) -> None:
    message = await rig.accept(long())
    air = Air(*[Sent(1)] * (part - 1), failure)
    trouble = await Running(await rig.line(air)).trouble()
    assert (trouble.scope, trouble.action) == (ErrorScope.MODEM, ErrorAction.REINIT_RETRY_ONCE)
    running = Running(await rig.line(air))  # the next session of the same process
    await until_state(rig, message, "sent")
    await running.stop()
    assert [t.udh.concat.sequence for t in air.went if t.udh.concat] == [1, 2, 3]


async def test_of_which_nothing_went_out_another_line_takes_over(rig: Rig) -> None:
    message = await rig.accept(long())
    await Running(await rig.line(Air(no_prompt))).trouble()
    air = Air()
    running = Running(await rig.line(air, "b"))
    await until_state(rig, message, "sent")
    await running.stop()
    assert len(air.went) == 3


async def test_of_which_a_part_went_out_the_rest_waits_for_its_line(rig: Rig) -> None:
    message, other = await rig.accept(long()), await rig.accept(new())
    await Running(await rig.line(Air(Sent(1), no_prompt))).trouble()
    b = Air()
    second = Running(await rig.line(b, "b"))
    await until_state(rig, other, "sent")
    assert await rig.parts(message) == ["sent", "queued", "queued"]
    a = Air()
    first = Running(await rig.line(a, "a"))
    await until_state(rig, message, "sent")
    await first.stop()
    await second.stop()
    assert (len(a.went), len(b.went)) == (2, 1)


async def test_withdrawn_while_the_modem_made_its_prompt(rig: Rig) -> None:
    message, other = await rig.accept(new(text="withdrawn")), await rig.accept(new(text="other"))

    async def cancel(air: Air) -> SendOutcome:
        await rig.repository.cancel(1, message)
        assert not await air.go_ahead()
        return NotSent("No go-ahead was given.", trouble=False)

    air = Air(cancel)
    running = Running(await rig.line(air))
    await until_state(rig, other, "sent")
    await running.stop()
    assert (air.texts, await rig.state(message)) == (["other"], "cancelled")


async def test_expired_between_two_parts(rig: Rig) -> None:
    message, other = await rig.accept(long(validity_s=60)), await rig.accept(new())

    async def slow(air: Air) -> SendOutcome:
        assert await air.go_ahead()
        rig.now += 61_000
        return Sent(air.take(air.pdu))

    running = Running(await rig.line(Air(slow)))
    await until_state(rig, other, "sent")
    await running.stop()
    assert (await rig.state(message), await rig.parts(message)) == ("expired", ["sent", "expired", "expired"])


# -- stopping ---------------------------------------------------------------------------------------------


async def test_stopping_between_parts_leaves_the_rest_for_the_next_session(rig: Rig) -> None:
    message = await rig.accept(long())
    senders: list[LineSender] = []

    async def ask_to_stop(air: Air) -> SendOutcome:
        assert await air.go_ahead()
        senders[0].stopping = True
        return Sent(air.take(air.pdu))

    air = Air(ask_to_stop)
    running = Running(await rig.line(air))
    senders.append(running.sender)
    await running.task
    await running.sender.flush()
    assert await rig.parts(message) == ["sent", "queued", "queued"]
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert len(air.went) == 3


async def test_stopping_between_two_quick_tries_loses_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "QUICK_RETRIES_S", (100.0,))
    message = await rig.accept(new())
    air = Air(cms(512))
    running = Running(await rig.line(air))

    async def tried() -> bool:
        return bool((await rig.view(message)).parts[0].attempts) and await rig.state(message) == "queued"

    await until(tried)
    await running.stop()
    running = Running(await rig.line(air, "b"))
    await until_state(rig, message, "sent")
    await running.stop()


@pytest.mark.parametrize("turns", range(0, 60, 3))
async def test_stopping_at_any_moment_loses_nothing_and_sends_nothing_twice(rig: Rig, turns: int) -> None:
    message, other = await rig.accept(long()), await rig.accept(new())
    air = Air(Sent(1), cms(512))
    running = Running(await rig.line(air))
    for _ in range(turns):
        await asyncio.sleep(0)
    await running.stop()
    running = Running(await rig.line(air))
    await until_state(rig, other, "sent", "unknown")
    await until_state(rig, message, "sent", "unknown")
    await running.stop()
    sequences = [t.udh.concat.sequence for t in air.went if t.udh.concat]
    assert sequences == sorted(set(sequences))


# -- the store --------------------------------------------------------------------------------------------


async def test_nothing_goes_out_that_cannot_be_journalled(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    message = await rig.accept(long())
    real, refusals = rig.repository.begin_attempt, [0]

    def begin(*args: Any) -> Awaitable[int | None]:
        if 2 <= refusals[0] < 6:
            refusals[0] += 1
            failed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
            failed.set_exception(StoreUnavailable("The disk is full."))
            return failed
        refusals[0] += 1
        return real(*args)

    monkeypatch.setattr(rig.repository, "begin_attempt", begin)
    air = Air()
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert len(air.went) == 3
    assert refusals[0] == 7


async def test_a_journal_slower_than_the_prompt_is_undone(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    message = await rig.accept(new())
    real, gate = rig.repository.begin_attempt, asyncio.Event()

    async def begin(*args: Any) -> int | None:
        await gate.wait()
        return await real(*args)

    monkeypatch.setattr(rig.repository, "begin_attempt", begin)

    async def impatient(air: Air) -> SendOutcome:
        try:
            await asyncio.wait_for(air.go_ahead(), 0.01)
        except TimeoutError:
            return NotSent("The go-ahead did not come.", trouble=True)
        raise AssertionError

    air = Air(impatient)
    sender = await rig.line(air)
    running = Running(sender)
    with pytest.raises(LineTrouble):
        await running.task
    gate.set()
    await sender.flush()
    view = await rig.view(message)
    assert (view.state, [a.outcome for a in view.parts[0].attempts]) == ("queued", ["not_sent"])
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert len(air.went) == 1


async def test_a_queue_that_cannot_be_read_is_read_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    message = await rig.accept(new())
    real, failures = rig.repository.claim, [0]

    async def claim(line: str, limit: int) -> Any:
        failures[0] += 1
        if failures[0] < 4:
            raise StoreUnavailable("The database could not be read.")
        return await real(line, limit)

    monkeypatch.setattr(rig.repository, "claim", claim)
    running = Running(await rig.line(Air()))
    await until_state(rig, message, "sent")
    await running.stop()


async def test_what_cannot_be_composed_fails_and_the_line_goes_on(rig: Rig) -> None:
    broken, unaddressed = await rig.accept(new(parts=2)), await rig.accept(new(recipient="+"))
    good = await rig.accept(new())
    running = Running(await rig.line(Air()))
    await until_state(rig, good, "sent")
    await running.stop()
    assert (await rig.state(broken), await rig.state(unaddressed)) == ("rejected", "rejected")
    assert "PDU" in ((await rig.view(unaddressed)).error or "")


async def test_a_restart_of_the_process_goes_on_where_it_was(rig: Rig) -> None:
    message = await rig.accept(long())
    air = Air(Sent(1), lost_before)
    await Running(await rig.line(air)).trouble()
    rig.restart()
    assert await rig.repository.recover(600_000) == (0, 0)
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert len(air.went) == 3
