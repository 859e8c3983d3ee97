"""The channel with modems that say their results oddly: twice, not at all, in small letters, at another speed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from modemgw.at import commands
from modemgw.at.errors import ModemSilent
from modemgw.at.parser import Urc
from modemgw.at.sending import SendAborted, TpduHex
from modemgw.at.timing import Timing
from modemgw.modem.dialogue.channel import Channel
from modemgw.modem.ports.transport import open_transport
from tests.unit.modem.peer import ALIVE, OK, Answer, Peer, over, said

PDU = TpduHex.of(bytes.fromhex("01000B919710325476F8000005C8329BFD06"))
FIRST = "0791" + "97" * 6 + "040B919710325476F80000" + "62112221540021" + "03C8329B"


TIMING = Timing(quiet_s=0.02, resync_probe_s=(0.15, 0.15, 0.15))


@contextlib.asynccontextmanager
async def rig(script: dict[str, Answer], **timing: Any) -> AsyncIterator[tuple[Channel, Peer, list[Urc]]]:
    async with Peer(over(script, ALIVE)) as peer:
        urcs: list[Urc] = []
        channel = Channel(await open_transport(peer.url), urcs.append, timing=replace(TIMING, **timing))
        try:
            yield channel, peer, urcs
        finally:
            channel.close()


async def yes() -> bool:
    return True


async def test_a_message_is_never_taken_for_its_neighbour() -> None:
    """The OK of the command before comes when AT+CMGR=2 is out: the message is waited for."""

    def read(peer: Peer, line: bytes) -> bytes:
        asyncio.get_running_loop().call_later(0.05, peer.say, said(f"+CMGR: 0,,{len(FIRST) // 2 - 8}", FIRST, "OK"))
        return OK

    async with rig({r"AT\+CMGR=2": read, r"AT\+CMGR=3": said("+CMS ERROR: 321")}) as (channel, _, _):
        response = await channel.run(commands.read(2))
        assert [line.pdu for line in response.lines] == [FIRST]


async def test_an_empty_place_may_be_told_by_ok_alone() -> None:
    async with rig({r"AT\+CMGR=2": OK}) as (channel, _, _):
        assert (await channel.run(commands.read(2))).lines == ()


async def test_results_said_twice() -> None:
    """Once it is noticed, the next command waits for the second OK, and is not answered by it."""

    def twice(text: str) -> Answer:
        def answer(peer: Peer, line: bytes) -> bytes:
            asyncio.get_running_loop().call_later(0.01, peer.say, OK)
            return said(text, "OK")

        return answer

    script = {r"AT\+CSQ": twice("+CSQ: 20,99"), r"AT\+CGMI": twice("maker"), r"AT\+CGMM": twice("model")}
    async with rig(script, settle_s=0.2) as (channel, _, urcs):
        await channel.run(commands.SIGNAL)
        async with asyncio.timeout(5):
            while not urcs:
                await asyncio.sleep(0.005)
        for _ in range(3):
            assert (await channel.run(commands.MANUFACTURER)).texts == ("maker",)
            assert (await channel.run(commands.MODEL)).texts == ("model",)
        assert channel.counters.timeouts == 0


async def test_results_said_twice_are_noticed_before_the_first_command() -> None:
    def twice(text: str) -> Answer:
        def answer(peer: Peer, line: bytes) -> bytes:
            asyncio.get_running_loop().call_later(0.005, peer.say, OK)
            return said(text, "OK")

        return answer

    script = {r"AT\+CMEE\?": twice("+CMEE: 0"), r"AT\+CGMI": twice("maker"), r"AT\+CGMM": twice("model")}
    async with rig(script, quiet_s=0.2, settle_s=0.2) as (channel, peer, _):
        await channel.resync()
        assert (await channel.run(commands.MANUFACTURER)).texts == ("maker",)
        assert (await channel.run(commands.MODEL)).texts == ("model",)
        assert [line for line in peer.heard if line.startswith(b"AT+CGM")] == [b"AT+CGMI", b"AT+CGMM"]


async def test_an_ok_before_the_prompt_is_no_answer() -> None:
    script: dict[str, Answer] = {rf"AT\+CMGS={PDU.length}": OK + b"\r\n> ", PDU.hex + "\x1a": said("+CMGS: 7", "OK")}
    async with rig(script) as (channel, _, _):
        assert await channel.send_tpdu(PDU, go_ahead=yes()) == 7


async def test_a_modem_that_was_told_to_keep_its_results_to_itself() -> None:
    quiet = True

    def loud(peer: Peer, line: bytes) -> bytes:
        nonlocal quiet
        quiet = False
        return OK

    def level(peer: Peer, line: bytes) -> bytes:
        return b"\r\n+CMEE: 0\r\n" if quiet else said("+CMEE: 0", "OK")

    def alive(peer: Peer, line: bytes) -> bytes | None:
        return None if quiet else OK

    async with rig({"ATQ0V1": loud, "AT": alive, r"AT\+(CMEE|CMGF)\?": level}) as (channel, peer, _):
        await channel.resync()
        assert b"ATQ0V1" in peer.heard


async def test_small_letters() -> None:
    async with rig({r"AT\+CSQ": said("+CSQ: 20,99", "ok")}) as (channel, _, _):
        assert (await channel.run(commands.SIGNAL)).texts == ("+CSQ: 20,99",)


async def test_what_cannot_be_read_is_told_as_such() -> None:
    async with rig({".*": b"\xf8\x80\x00\xfe\r\n"}) as (channel, _, _):
        with pytest.raises(ModemSilent, match="baudrate"):
            await channel.resync()


def echoing(answer: bytes) -> Answer:
    return lambda peer, line: line + b"\r" + answer


@pytest.mark.parametrize("answer", [b"\r\n> ", said("+CMS ERROR: 304")])
async def test_an_echo_that_is_back_tells_of_a_restart_and_nothing_is_sent(answer: bytes) -> None:
    """In text mode AT+CMGS=18 would be taken for a number, and the PDU for its text; or it is refused."""
    script: dict[str, Answer] = {"ATE0": echoing(OK), r"AT\+CSQ": said("+CSQ: 20,99", "OK")}
    async with rig(script) as (channel, peer, urcs):
        await channel.run(commands.ECHO_OFF)
        await channel.run(commands.SIGNAL)
        assert urcs == []
        peer.script[rf"AT\+CMGS={PDU.length}"] = echoing(answer)
        with pytest.raises(SendAborted, match="started anew"):
            await channel.send_tpdu(PDU, go_ahead=yes())
        assert [urc.name for urc in urcs] == ["RESTART"]
        assert not any(line.endswith(b"\x1a") for line in peer.heard)


async def test_an_echo_that_stays_tells_nothing() -> None:
    script: dict[str, Answer] = {
        "ATE0": echoing(OK),
        r"AT\+CSQ": echoing(said("+CSQ: 20,99", "OK")),
        rf"AT\+CMGS={PDU.length}": echoing(b"\r\n> "),
        PDU.hex + "\x1a": echoing(said("+CMGS: 7", "OK")),
    }
    async with rig(script) as (channel, _, urcs):
        await channel.run(commands.ECHO_OFF)
        for _ in range(2):
            await channel.run(commands.SIGNAL)
        assert await channel.send_tpdu(PDU, go_ahead=yes()) == 7
        assert urcs == []


async def test_a_slow_modem_hears_the_next_question_once_it_has_answered_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It answers late, and what it is asked meanwhile it does not hear."""
    busy = False

    def slow(text: str) -> Answer:
        def answer(peer: Peer, line: bytes) -> None:
            nonlocal busy
            if busy:
                return

            def done() -> None:
                nonlocal busy
                busy = False
                peer.say(said(text, "OK"))

            busy = True
            asyncio.get_running_loop().call_later(0.2, done)

        return answer

    script: dict[str, Answer] = {
        r"AT\+CMEE\?": slow("+CMEE: 1"),
        r"AT\+CMGF\?": slow("+CMGF: 0"),
        r"AT\+CFUN\?": slow("+CFUN: 1"),
        "AT": None,
        "ATQ0V1": None,
    }
    async with rig(script, resync_probe_s=(0.1, 0.15, 1.0)) as (channel, peer, _):
        await channel.resync()
        assert peer.heard[-1] == b"AT+CFUN?"
        assert channel.counters.timeouts == 0
