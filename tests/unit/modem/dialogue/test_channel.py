"""The channel over a real pty: one command at a time, true outcomes of a send, resynchronising."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from modemgw.at import commands
from modemgw.at.commands import Command
from modemgw.at.errors import CmsError, CommandTimeout, ModemSilent
from modemgw.at.parser import Urc
from modemgw.at.sending import SendAborted, SendInDoubt, SendRejected, TpduHex
from modemgw.at.timing import Timing
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.ports.transport import PortLost, open_transport
from tests.unit.modem.peer import ALIVE, OK, Answer, Peer, over, said

PDU = TpduHex.of(bytes.fromhex("01000B919710325476F8000005C8329BFD06"))
PROMPT = b"\r\n> "
SUBMIT = rf"AT\+CMGS={PDU.length}"
PAYLOAD = PDU.hex + "\x1a"


class Rig:
    def __init__(self, peer: Peer, channel: Channel, urcs: list[Urc], losses: list[PortLost]) -> None:
        self.peer, self.channel, self.urcs, self.losses = peer, channel, urcs, losses

    async def send(self, go_ahead: object = None, **more: bool) -> int:
        return await self.channel.send_tpdu(PDU, go_ahead=yes() if go_ahead is None else go_ahead, **more)  # type: ignore[arg-type]


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


@contextlib.asynccontextmanager
async def rig(script: dict[str, Answer], **timing: Any) -> AsyncIterator[Rig]:
    async with Peer(over(script, ALIVE)) as peer:
        urcs: list[Urc] = []
        losses: list[PortLost] = []
        channel = Channel(
            await open_transport(peer.url), urcs.append, on_lost=losses.append, timing=replace(TIMING, **timing)
        )
        try:
            yield Rig(peer, channel, urcs, losses)
        finally:
            channel.close()


TIMING = Timing(
    prompt_s=0.3,
    submit_s=0.4,
    submit_ok_s=0.1,
    quiet_s=0.01,
    hold_s=0.05,
    go_ahead_s=0.3,
    resync_probe_s=(0.15, 0.15, 0.15),
    resync_refused_s=0.05,
)


def later(peer: Peer, delay_s: float, data: bytes) -> None:
    asyncio.get_running_loop().call_later(delay_s, lambda: peer.say(data) if peer.master >= 0 else None)


# ---------------------------------------------------------------- commands


async def test_answer_and_urcs_are_told_apart() -> None:
    async with rig({r"AT\+CSQ": said("+CREG: 5", "+CSQ: 20,99", '+CMTI: "SM",1', "OK")}) as r:
        response = await r.channel.run(commands.SIGNAL)
        assert response.texts == ("+CSQ: 20,99",)
        assert [u.name for u in r.urcs] == ["+CREG", "+CMTI"]


async def test_an_error_is_raised_with_its_code() -> None:
    async with rig({r"AT\+CMGD=1": said("+CMS ERROR: 321")}) as r:
        with pytest.raises(CmsError) as caught:
            await r.channel.run(commands.delete(1))
        assert caught.value.code == 321
        assert (await r.channel.run(commands.AT)).texts == ()


async def test_commands_run_one_after_the_other() -> None:
    running = 0

    def slow(peer: Peer, line: bytes) -> None:
        nonlocal running
        running += 1
        assert running == 1

        def answer() -> None:
            nonlocal running
            running -= 1
            peer.say(OK)

        asyncio.get_running_loop().call_later(0.01, answer)

    async with rig({r"AT\+CMGD=\d": slow}) as r:
        await asyncio.gather(*(r.channel.run(commands.delete(i)) for i in range(5)))
        assert r.peer.heard == [b"AT+CMGD=%d" % i for i in range(5)]


async def test_a_late_answer_is_never_the_next_commands() -> None:
    def late(peer: Peer, line: bytes) -> None:
        later(peer, 0.06, said("+CSQ: 18,99", "OK"))

    async with rig({r"AT\+CSQ": late, r"AT\+CGMI": said("maker", "OK")}) as r:
        with pytest.raises(CommandTimeout, match=r"AT\+CSQ within 0.05 s"):
            await r.channel.run(Command("AT+CSQ", ("+CSQ",), 0.05))
        assert (await r.channel.run(commands.MANUFACTURER)).texts == ("maker",)
        assert r.channel.counters.timeouts == 1
        assert r.channel.counters.resyncs == 1


async def test_a_modem_that_knows_none_of_the_questions_is_resynchronised_by_at_alone() -> None:
    unknown = {r"AT\+(CMEE|CMGF|CFUN)\?": said("ERROR")}
    async with rig({**unknown, r"AT\+CGMI": said("maker", "OK")}) as r:
        await r.channel.resync()
        assert (await r.channel.run(commands.MANUFACTURER)).texts == ("maker",)


async def test_a_silent_modem_is_told_as_such() -> None:
    async with rig({".*": None}) as r:
        with pytest.raises(ModemSilent):
            await r.channel.resync()
        with pytest.raises(ModemSilent):
            await r.channel.run(commands.AT)


async def test_a_port_that_goes_away_ends_the_command_and_is_told_once() -> None:
    def unplug(peer: Peer, line: bytes) -> None:
        peer.unplug()

    async with rig({r"AT\+CSQ": unplug}) as r:
        with pytest.raises(PortLost):
            await r.channel.run(commands.SIGNAL)
        assert len(r.losses) == 1
        assert r.channel.lost is r.losses[0]
        with pytest.raises(PortLost):
            await r.channel.run(commands.SIGNAL)
        with pytest.raises(SendAborted):
            await r.send()


async def test_a_cancelled_command_leaves_no_trace() -> None:
    def late(peer: Peer, line: bytes) -> None:
        later(peer, 0.05, said("+CSQ: 18,99", "OK"))

    async with rig({r"AT\+CSQ": late, r"AT\+CGMI": said("maker", "OK")}) as r:
        task = asyncio.create_task(r.channel.run(commands.SIGNAL))
        await r.peer.until(lambda: r.peer.heard)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await r.channel.run(commands.MANUFACTURER)).texts == ("maker",)


async def test_a_urc_without_its_second_line_is_released() -> None:
    async with rig({}) as r:
        r.peer.say(b"\r\n+CMT: ,24\r\n")
        await r.peer.until(lambda: r.urcs)
        assert r.urcs == [Urc("+CMT", "+CMT: ,24")]


async def test_a_failing_listener_does_not_stop_the_channel(caplog: pytest.LogCaptureFixture) -> None:
    def fail(urc: Urc) -> None:
        raise ValueError("listener")

    async with Peer({r"AT\+CSQ": said("RING", "+CSQ: 1,1", "OK")}) as peer:
        channel = Channel(await open_transport(peer.url), fail)
        try:
            assert (await channel.run(commands.SIGNAL)).texts == ("+CSQ: 1,1",)
        finally:
            channel.close()
        assert "handling RING failed" in caplog.text


async def test_a_pin_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = b'AT+CPIN="4321"\r' + OK
    async with rig({r'AT\+CPIN="4321"': echo}) as r:
        await r.channel.run(commands.enter_pin("4321"))
    assert "AT+CPIN" in caplog.text
    assert "4321" not in caplog.text


# ---------------------------------------------------------------- sends that end clearly


async def test_send() -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said("+CMGS: 12", "OK")}) as r:
        assert await r.send() == 12
        assert r.peer.heard == [b"AT+CMGS=%d" % PDU.length, PAYLOAD.encode()]
        assert not r.channel.sending


@pytest.mark.parametrize("form", ["future", "coroutine", "function"])
async def test_no_byte_of_the_payload_before_the_go_ahead(form: str) -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said("+CMGS: 12", "OK")}) as r:
        committed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def wait() -> bool:
            return await committed

        go_ahead: Awaitable[bool] | Callable[[], Awaitable[bool]]
        go_ahead = committed if form == "future" else wait() if form == "coroutine" else wait
        task = asyncio.create_task(r.send(go_ahead))
        await r.peer.until(lambda: r.peer.heard)
        await asyncio.sleep(0.02)
        assert r.peer.heard == [b"AT+CMGS=%d" % PDU.length]
        assert r.channel.sending
        committed.set_result(True)
        assert await task == 12


async def test_the_result_is_waited_for_without_a_byte() -> None:
    def slow(peer: Peer, line: bytes) -> None:
        later(peer, 0.2, said("+CMGS: 12", "OK"))

    async with rig({SUBMIT: PROMPT, PAYLOAD: slow}) as r:
        sending = asyncio.create_task(r.send())
        await r.peer.until(lambda: len(r.peer.heard) == 2)
        asking = asyncio.create_task(r.channel.run(commands.AT))
        assert await sending == 12
        assert len(r.peer.heard) == 2
        await asking


async def test_a_reference_without_ok_is_a_success() -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said("+CMGS: 12")}) as r:
        assert await r.send() == 12
        await r.channel.run(commands.AT)
        assert r.channel.counters.resyncs == 1


async def test_a_result_cut_by_a_urc() -> None:
    answer = b'\r\n+CMGS: 1\r\n+CMTI: "SM",3\r\n29\r\n\r\nOK\r\n'
    async with rig({SUBMIT: PROMPT, PAYLOAD: answer}) as r:
        assert await r.send() == 129


REJECTED: list[tuple[dict[str, Answer], bool, int | None, str]] = [
    ({SUBMIT: said("+CMS ERROR: 304")}, True, 304, "PDU invalid"),
    ({SUBMIT: said("ERROR")}, True, None, "ERROR"),
    ({SUBMIT: PROMPT, PAYLOAD: said("+CMS ERROR: 38")}, False, 38, "out of order"),
    ({SUBMIT: PROMPT, PAYLOAD: said("+CME ERROR: 30")}, False, 30, "no network service"),
]


@pytest.mark.parametrize(("script", "before", "code", "words"), REJECTED)
async def test_rejected(script: dict[str, Answer], before: bool, code: int | None, words: str) -> None:
    async with rig(script) as r:
        with pytest.raises(SendRejected, match=words) as caught:
            await r.send()
        assert caught.value.before_payload is before
        assert getattr(caught.value.error, "code", None) == code
        await r.channel.run(commands.AT)


async def test_a_modem_that_says_ok_of_what_failed() -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said('+CMTI: "SM",1', "OK")}, lone_ok_s=0.05) as r:
        with pytest.raises(SendRejected, match=r"OK without \+CMGS") as caught:
            await r.send(ok_is_failure=True)
        assert caught.value.error is None
        assert not caught.value.before_payload


async def test_ok_without_a_reference_says_nothing() -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said('+CMTI: "SM",1', "OK")}) as r:
        with pytest.raises(SendInDoubt, match=r"no \+CMGS within") as caught:
            await r.send()
        assert caught.value.silent_ok


async def test_the_true_result_may_come_long_after_an_ok() -> None:
    """As long as any result: the OK was that of something before."""

    def late(peer: Peer, line: bytes) -> bytes:
        later(peer, 0.2, said("+CMGS: 33", "OK"))
        return OK

    async with rig({SUBMIT: PROMPT, PAYLOAD: late}, lone_ok_s=0.0) as r:
        assert await r.send() == 33
        await r.channel.run(commands.AT)


@pytest.mark.parametrize(
    ("answer", "late", "doubt"),
    [
        ("+CMS ERROR: 332", False, True),
        ("+CMS ERROR: 500", False, False),
        ("+CMS ERROR: 500", True, True),
        ("+CMS ERROR: 38", True, False),
        ("ERROR", False, False),
        ("ERROR", True, True),
    ],
)
async def test_an_error_that_leaves_a_doubt(answer: str, late: bool, doubt: bool) -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said(answer)}, late_s=0.0 if late else 30.0) as r:
        with pytest.raises(SendInDoubt if doubt else SendRejected) as caught:
            await r.send()
        assert isinstance(caught.value, SendInDoubt | SendRejected)
        assert caught.value.error is not None


# ---------------------------------------------------------------- sends that never went out


def leaves_prompt(peer: Peer, line: bytes) -> bytes:
    return OK


@pytest.mark.parametrize("how", ["false", "raises", "never"])
async def test_without_a_go_ahead_nothing_goes_out(how: str) -> None:
    async def go_ahead() -> bool:
        if how == "raises":
            raise OSError("disk full")
        if how == "never":
            await asyncio.Event().wait()
        return False

    async with rig({SUBMIT: PROMPT, "\x1b": leaves_prompt}) as r:
        with pytest.raises(SendAborted, match="disk full" if how == "raises" else "Nothing was sent"):
            await r.send(go_ahead())
        assert b"\x1b" in r.peer.heard
        assert not any(line.endswith(b"\x1a") for line in r.peer.heard)
        await r.channel.run(commands.AT)


async def test_no_prompt() -> None:
    async with rig({SUBMIT: None}) as r:
        with pytest.raises(SendAborted, match="no prompt"):
            await r.send()
        assert b"\x1b" in r.peer.heard
        await r.channel.run(commands.AT)


async def test_a_prompt_that_comes_late_is_left_again() -> None:
    """It comes while the channel drains: ESC once more, and then the modem answers."""
    stuck = True

    def late(peer: Peer, line: bytes) -> None:
        later(peer, 0.32, PROMPT)

    def escape(peer: Peer, line: bytes) -> bytes | None:
        nonlocal stuck
        if len([h for h in peer.heard if h == b"\x1b"]) > 1:
            stuck = False
            return OK
        return None

    def probe(peer: Peer, line: bytes) -> bytes | None:
        return None if stuck else said("+CMEE: 1", "OK")

    async with rig({SUBMIT: late, "\x1b": escape, r"AT\+CMEE\?": probe, r"AT\+CMGF\?": probe}) as r:
        with pytest.raises(SendAborted, match="no prompt"):
            await r.send()
        assert not any(line.endswith(b"\x1a") for line in r.peer.heard)


async def test_an_error_while_the_go_ahead_is_awaited() -> None:
    """The modem gives up its prompt before the journal has committed."""

    async def go_ahead() -> bool:
        await asyncio.sleep(0.05)
        return True

    async with rig({SUBMIT: PROMPT + said("+CMS ERROR: 500")}) as r:
        with pytest.raises(SendRejected) as caught:
            await r.send(go_ahead())
        assert caught.value.before_payload
        assert not any(line.endswith(b"\x1a") for line in r.peer.heard)


async def test_a_port_lost_at_the_prompt() -> None:
    def unplug(peer: Peer, line: bytes) -> None:
        peer.unplug()

    async with rig({SUBMIT: unplug}) as r:
        with pytest.raises(SendAborted, match="was lost"):
            await r.send()


async def test_cancelled_before_the_payload() -> None:
    async with rig({SUBMIT: PROMPT, "\x1b": leaves_prompt}) as r:
        never: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(r.send(never))
        await r.peer.until(lambda: r.peer.heard)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await r.channel.run(commands.AT)
        assert not any(line.endswith(b"\x1a") for line in r.peer.heard)


async def test_a_modem_that_does_not_resynchronise_is_not_sent_to() -> None:
    async with rig({r"AT\+CSQ": None, ".*": None}) as r:
        with pytest.raises(CommandTimeout):
            await r.channel.run(Command("AT+CSQ", ("+CSQ",), 0.02))
        with pytest.raises(SendAborted, match="Nothing was sent"):
            await r.send()
        assert not any(line.startswith(b"AT+CMGS") for line in r.peer.heard)


# ---------------------------------------------------------------- sends in doubt


async def test_no_result_is_doubt_and_a_late_reference_is_told() -> None:
    def late(peer: Peer, line: bytes) -> None:
        later(peer, 0.5, said("+CMGS: 99", "OK"))

    async with rig({SUBMIT: PROMPT, PAYLOAD: late}) as r:
        with pytest.raises(SendInDoubt, match="no result"):
            await r.send()
        await r.peer.until(lambda: any(u.name == "+CMGS" for u in r.urcs))
        assert Urc("+CMGS", "+CMGS: 99") in r.urcs
        await r.channel.run(commands.AT)


async def test_a_port_lost_with_the_payload_out() -> None:
    def unplug(peer: Peer, line: bytes) -> None:
        peer.unplug()

    async with rig({SUBMIT: PROMPT, PAYLOAD: unplug}) as r:
        with pytest.raises(SendInDoubt, match="was lost before the result"):
            await r.send()


DOUBTFUL = [
    said("+CMGS: 1", "+CMS ERROR: 500"),
    said("+CMGS: 999", "OK"),
    said("+C", "MGS-12", "OK"),
    b"\r\n+CM\xff\xffGS: 12\r\n\r\nOK\r\n",
]


@pytest.mark.parametrize("answer", DOUBTFUL)
async def test_a_garbled_result_is_doubt(answer: bytes) -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: answer}) as r:
        with pytest.raises(SendInDoubt):
            await r.send()


async def test_cancelled_with_the_payload_out_the_result_is_still_awaited() -> None:
    """Nothing is written until the result has come, and its reference is told."""

    def slow(peer: Peer, line: bytes) -> None:
        later(peer, 0.1, said("+CMGS: 7", "OK"))

    async with rig({SUBMIT: PROMPT, PAYLOAD: slow}) as r:
        task = asyncio.create_task(r.send())
        await r.peer.until(lambda: len(r.peer.heard) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert r.channel.sending
        await r.channel.run(commands.AT)
        assert not r.channel.sending
        assert r.peer.heard[2:] == [b"AT"]
        assert Urc("+CMGS", "+CMGS: 7") in r.urcs


async def test_cancelled_at_the_moment_of_the_result_its_reference_is_told() -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: said("+CMGS: 7", "OK")}) as r:
        transport = r.channel.transport
        hear = transport.on_data
        assert hear is not None

        def heard(data: bytes) -> None:
            hear(data)
            if b"OK" in data:
                task.cancel()

        transport.on_data = heard
        task = asyncio.create_task(r.send())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not r.channel.sending
        assert r.urcs == [Urc("+CMGS", "+CMGS: 7")]
        await r.channel.run(commands.AT)


async def test_closed_with_the_payload_out_of_a_cancelled_send() -> None:
    async with rig({SUBMIT: PROMPT, PAYLOAD: None}) as r:
        task = asyncio.create_task(r.send())
        await r.peer.until(lambda: len(r.peer.heard) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        r.channel.close()
        with pytest.raises(PortLost):
            await r.channel.run(commands.AT)


# ---------------------------------------------------------------- slow ports


async def drip(peer: Peer, data: bytes, pause_s: float) -> None:
    """One octet after the other."""
    for octet in data:
        peer.say(bytes([octet]))
        await asyncio.sleep(pause_s)


async def test_the_wait_for_one_urc_does_not_tear_the_next() -> None:
    async with rig({}, hold_s=0.3) as r:
        for n in range(4):  # each takes longer than the time from the first header to the end of the wait for it
            await drip(r.peer, said(f"+CDS: {n + 4}", "00" + "06" * (n + 4)), 0.01)
        await r.peer.until(lambda: len(r.urcs) >= 4)
        assert r.urcs == [Urc("+CDS", f"+CDS: {n + 4}", "00" + "06" * (n + 4)) for n in range(4)]


async def test_an_answer_that_takes_longer_than_its_limit_is_waited_for_while_it_comes() -> None:
    def answer(peer: Peer, _: bytes) -> None:
        tasks.append(asyncio.ensure_future(drip(peer, said("+CSQ: 1,2", "+CSQ: 3,4", "+CSQ: 5,6", "OK"), 0.02)))

    tasks: list[asyncio.Task[None]] = []
    async with rig({r"AT\+CSQ": answer}) as r:
        response = await r.channel.run(Command("AT+CSQ", ("+CSQ",), timeout_s=0.5))
        assert response.texts == ("+CSQ: 1,2", "+CSQ: 3,4", "+CSQ: 5,6")


async def test_an_endless_answer_has_an_end() -> None:
    def answer(peer: Peer, _: bytes) -> None:
        tasks.append(asyncio.ensure_future(drip(peer, said(*["+CSQ: 1,2"] * 200), 0.005)))

    tasks: list[asyncio.Task[None]] = []
    async with rig({r"AT\+CSQ": answer}, answer_most=2, answering_s=0.05) as r:
        with pytest.raises(CommandTimeout):
            await r.channel.run(Command("AT+CSQ", ("+CSQ",), timeout_s=0.2))
        tasks[0].cancel()


async def test_a_result_inside_a_text_of_the_network_ends_no_send() -> None:
    def answer(peer: Peer, _: bytes) -> None:
        peer.say(b'\r\n+CUSD: 0,"Hello\r\n+CMGS: 77\r\n\r\nOK\r\nworld",15\r\n')
        later(peer, 0.1, said("+CMS ERROR: 38"))

    async with rig({SUBMIT: PROMPT, PAYLOAD: answer}) as r:
        with pytest.raises(SendRejected) as caught:
            await r.channel.send_tpdu(PDU, go_ahead=yes())
        assert isinstance(caught.value.error, CmsError)
        assert r.urcs == [Urc("+CUSD", '+CUSD: 0,"Hello\n+CMGS: 77\nOK\nworld",15')]


async def test_a_result_behind_a_text_without_its_quote_is_one() -> None:
    reply = b'\r\n+CUSD: 0,"Hello\r\n+CMGS: 77\r\n\r\nOK\r\n'
    async with rig({SUBMIT: PROMPT, PAYLOAD: reply}, burst_s=0.05) as r:
        assert await r.channel.send_tpdu(PDU, go_ahead=yes()) == 77
        assert r.urcs == [Urc("+CUSD", '+CUSD: 0,"Hello')]
