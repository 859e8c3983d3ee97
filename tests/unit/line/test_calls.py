"""Rings to calls: what the driver says in, events and hang-ups out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from modemgw.at.errors import CommandFailed
from modemgw.line.calls import CallsMode, CallWatch
from modemgw.line.timing import Timing
from modemgw.modem.dialogue.driver import CallEnded, IncomingCall, UnknownUrc
from tests.rig import until

RING, NUMBER, WITHHELD, END = (
    IncomingCall(None),
    IncomingCall("+7916", told=True),
    IncomingCall(None, told=True),
    CallEnded("NO CARRIER"),
)


TIMING = Timing(call_silence_s=0.6, call_number_s=0.2, call_before_reject_s=0.05, call_release_s=0.1)


class Line:
    """`rings`: what +CLCC says after each hang-up, True as long as a way does not help."""

    def __init__(self, mode: CallsMode, *rings: bool | None) -> None:
        self.rings = list(rings)
        self.tried: list[int] = []
        self.error: Exception | None = None
        self.turn = asyncio.Lock()
        self.events: list[tuple[object, object]] = []
        self.watch = CallWatch("a", mode, self._errand, self._note, TIMING)

    async def _errand(self, work: Callable[[Any], Awaitable[None]]) -> None:
        async with self.turn:
            await work(self)

    def _note(self, kind: str, **data: object) -> None:
        assert kind == "call.incoming"
        assert data["modem"] == "a"
        self.events.append((data["number"], data["rejected"]))

    @property
    def talk(self) -> Line:
        return self

    async def hang_up(self, tried: int) -> None:
        self.tried.append(tried)
        if self.error is not None:
            raise self.error

    async def ringing(self) -> bool | None:
        at = min(len(self.tried), len(self.rings)) - 1
        return self.rings[at] if self.rings else None

    async def told(self, *events: tuple[object, object]) -> None:
        async def look() -> bool:
            return len(self.events) >= len(events)

        await until(look, 5, lambda: f"{events}, there is {self.events}")
        assert self.events == list(events)


async def test_a_number_is_told_when_it_comes_and_once() -> None:
    line = Line("log")
    for event in (RING, NUMBER, RING, NUMBER, RING):
        assert line.watch.on_event(event)
    assert line.events == [("+7916", False)]
    line.watch.on_event(END)
    line.watch.on_event(NUMBER)  # some say no RING
    assert line.events == [("+7916", False)] * 2


async def test_a_number_that_is_withheld_is_told_as_that_at_once() -> None:
    line = Line("log")
    line.watch.on_event(RING)
    assert line.events == []
    line.watch.on_event(WITHHELD)
    assert line.events == [(None, False)]


async def test_a_number_that_never_comes_is_not_waited_for_for_ever() -> None:
    line = Line("log")
    line.watch.on_event(RING)
    await line.told((None, False))


async def test_a_call_that_ends_before_its_number_is_told() -> None:
    line = Line("log")
    line.watch.on_event(RING)
    line.watch.on_event(END)
    assert line.events == [(None, False)]


async def test_silence_ends_a_call() -> None:
    line = Line("log")
    line.watch.on_event(NUMBER)

    async def over() -> bool:
        return line.watch._call is None

    await until(over, 5, lambda: "the end")
    line.watch.on_event(NUMBER)
    assert len(line.events) == 2


async def test_the_end_of_the_spell_tells_what_is_known() -> None:
    line = Line("log")
    line.watch.on_event(RING)
    line.watch.close()
    assert line.events == [(None, False)]


async def test_other_events_are_not_its_business() -> None:
    assert not Line("log").watch.on_event(UnknownUrc("?"))
    line = Line("leave")
    assert line.watch.on_event(NUMBER)
    assert line.events == []


async def test_refused_by_the_first_way() -> None:
    line = Line("reject", False)
    line.watch.on_event(RING)
    line.watch.on_event(NUMBER)
    await line.told(("+7916", True))
    assert line.tried == [0]
    line.watch.on_event(END)
    assert len(line.events) == 1


async def test_refused_without_a_number() -> None:
    line = Line("reject", False)
    line.watch.on_event(RING)
    await line.told((None, True))


async def test_a_way_that_does_not_help_is_followed_by_the_next() -> None:
    line = Line("reject", True, True, False)
    line.watch.on_event(NUMBER)
    await line.told(("+7916", True))
    assert line.tried == [0, 1, 2]


async def test_what_cannot_be_refused_is_not_called_refused() -> None:
    line = Line("reject", True)
    line.watch.on_event(NUMBER)
    await line.told(("+7916", False))
    line.watch.on_event(RING)
    line.watch.on_event(END)
    assert line.tried == [0, 1, 2]
    assert len(line.events) == 1


async def test_a_modem_that_does_not_tell_is_believed_when_it_rings_no_more() -> None:
    line = Line("reject", None)
    line.watch.on_event(NUMBER)
    await line.told(("+7916", True))
    assert line.tried == [0]


async def test_a_modem_that_does_not_tell_and_rings_on_gets_the_next_way() -> None:
    line = Line("reject", None)
    line.watch.on_event(NUMBER)

    async def tried(count: int) -> bool:
        return len(line.tried) == count

    await until(lambda: tried(1), 5, lambda: "a hang-up")
    line.watch.on_event(RING)
    await until(lambda: tried(2), 5, lambda: "another")
    line.watch.on_event(END)
    await line.told(("+7916", True))


async def test_a_call_that_ends_while_the_modem_is_busy_is_not_hung_up() -> None:
    line = Line("reject", False)
    async with line.turn:
        line.watch.on_event(NUMBER)
        await asyncio.sleep(0)
        line.watch.on_event(END)
    await line.told(("+7916", False))
    assert line.tried == []


async def test_an_error_is_no_refusal() -> None:
    line = Line("reject", False)
    line.error = CommandFailed("ERROR")
    line.watch.on_event(NUMBER)
    await line.told(("+7916", False))
