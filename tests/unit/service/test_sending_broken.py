"""Sending through one line that is stopped, lost, slow, or has a store that refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from modemgw.at.policy import ErrorAction, ErrorScope, Waits
from modemgw.domain.refusal import StoreUnavailable
from modemgw.service.ports import NotSent, SendOutcome, Sent
from modemgw.service.sending import LineSender, LineTrouble
from tests.unit.service import air
from tests.unit.service.air import Air, Behaviour, Rig, Running, cms, until, until_state
from tests.unit.store.desk import long, new

rig = air.rig
_quick = air._quick

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


async def test_stopping_between_two_quick_tries_loses_nothing(rig: Rig) -> None:
    message = await rig.accept(new())
    air = Air(cms(512, before_payload=True))
    running = Running(await rig.line(air, waits=Waits(here_s=(100.0,))))

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
    air = Air(Sent(1), cms(512, before_payload=True))
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

    def begin(*args: Any, **options: Any) -> Awaitable[int | None]:
        if 2 <= refusals[0] < 6:
            refusals[0] += 1
            failed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
            failed.set_exception(StoreUnavailable("The disk is full."))
            return failed
        refusals[0] += 1
        return real(*args, **options)

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

    async def late(*args: Any, **options: Any) -> int | None:
        await gate.wait()
        return await real(*args, **options)

    def begin(*args: Any, **options: Any) -> asyncio.Future[int | None]:
        return asyncio.ensure_future(late(*args, **options))

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
    assert await rig.repository.recover(600_000, 15_000) == (0, 0)
    running = Running(await rig.line(air))
    await until_state(rig, message, "sent")
    await running.stop()
    assert len(air.went) == 3
