"""USSD dialogues on a scripted modem: which requests go out, in which order, and what becomes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modemgw.at.errors import CmeError, CommandFailed, CommandTimeout
from modemgw.domain.refusal import Refusal
from modemgw.domain.ussd import UssdFailed, UssdNoAnswer, UssdState
from modemgw.line.timing import Timing
from modemgw.line.ussd_dialogue import Conversation, masked
from modemgw.modem.dialogue.driver import UssdReply
from modemgw.modem.dialogue.talk import AtTalk
from modemgw.modem.ports.transport import PortLost
from modemgw.modem.quirks.learned import Learned
from modemgw.modem.quirks.profile import Profile
from modemgw.sms.ussd import UssdCoding
from tests.rig import until
from tests.unit.modem.driver_rig import rig
from tests.unit.modem.peer import OK

PLAIN, PACKED, UCS2, GSM, BARE = (
    UssdCoding.PLAIN,
    UssdCoding.PACKED,
    UssdCoding.UCS2,
    UssdCoding.GSM,
    UssdCoding.BARE,
)
ERROR = CommandFailed("ERROR", "AT+CUSD=***")

#: What a request is met with: an error of the modem, or what the network says (None: nothing).
Meets = Exception | UssdReply | None


class FakeTalk:
    """The driver's part, played; learns as the true one does."""

    def __init__(self, **meets: Meets) -> None:
        self.meets = {UssdCoding(name): met for name, met in meets.items()}
        self.asked: list[tuple[str, UssdCoding]] = []
        self.cancelled = 0
        self.proven: UssdCoding | None = None
        self.doubted: list[UssdCoding] = []
        self.say: Callable[[UssdReply], None] = lambda reply: None

    def codings(self, text: str) -> tuple[UssdCoding, ...]:
        order = (PLAIN, PACKED, UCS2, GSM, BARE)
        return (self.proven, *(c for c in order if c is not self.proven)) if self.proven else order

    async def ask(self, text: str, coding: UssdCoding) -> None:
        self.asked.append((text, coding))
        met = self.meets.get(coding, ERROR)
        if isinstance(met, UssdReply):
            self.say(met)
        elif met is not None:
            raise met

    async def cancel(self) -> None:
        self.cancelled += 1

    def understood(self, coding: UssdCoding) -> None:
        self.proven = coding

    def doubt(self, coding: UssdCoding) -> None:
        self.doubted.append(coding)

    @property
    def talk(self) -> FakeTalk:
        return self


class Dialogue:
    """A conversation with a `FakeTalk`, and its events."""

    def __init__(self, idle_s: float = 60, **meets: Meets) -> None:
        self.talk = FakeTalk(**meets)
        self.events: list[dict[str, object]] = []
        self.turn = asyncio.Lock()
        talk: Any = self.talk

        async def errand(work: Callable[[Any], Awaitable[None]]) -> None:
            async with self.turn:
                await work(talk)

        def note(kind: str, **data: object) -> None:
            assert kind == "line.ussd"
            self.events.append(data)

        self.it = Conversation("a", talk, errand, note, Timing(ussd_idle_s=idle_s, ussd_grace_s=0.05))
        self.talk.say = self.it.on_reply

    @property
    def codings(self) -> list[UssdCoding]:
        return [coding for _, coding in self.talk.asked]


def said(text: str | None, status: int = 0, dcs: int | None = 15) -> UssdReply:
    return UssdReply(status, text, dcs)


# ---------------------------------------------------------------- codings


async def test_the_first_coding_that_is_understood_is_remembered() -> None:
    d = Dialogue(packed=said("C2303BEC1E9775A0986CE6A2D540D2AA10"))
    answer = await d.it.ask("*100#", "shop", 5)
    assert (answer.text, answer.coding) == ("Balance: 123.45 RUB", "packed")
    assert d.codings == [PLAIN, PACKED]
    await d.it.ask("*100#", "shop", 5)
    assert d.codings == [PLAIN, PACKED, PACKED]


async def test_a_request_that_the_network_does_not_support_is_tried_in_what_differs_on_the_air() -> None:
    d = Dialogue(plain=said(None, 4), packed=said(None, 4), ucs2=said("Да", 0), gsm=said("no"), bare=said("no"))
    assert (await d.it.ask("*1#", "shop", 5)).text == "Да"
    assert d.codings == [PLAIN, PACKED, UCS2]


async def test_a_code_that_nobody_knows_is_not_asked_three_times_of_a_modem_that_is_known() -> None:
    d = Dialogue(plain=said(None, 4), packed=said(None, 4), ucs2=said(None, 4))
    assert (await d.it.ask("*1#", "shop", 5)).state is UssdState.NOT_SUPPORTED
    assert d.codings == [PLAIN, PACKED, UCS2]
    d.talk.proven = PACKED
    assert (await d.it.ask("*1#", "shop", 5)).state is UssdState.NOT_SUPPORTED
    assert d.codings == [PLAIN, PACKED, UCS2, PACKED]
    assert d.talk.doubted == []


@pytest.mark.parametrize(
    "reply", [said(None, 2), said("\x01\x02\x03"), said(None, 0), said(None, 5), said(None, 3), said("?", 17)]
)
async def test_what_the_network_took_is_never_sent_again(reply: UssdReply) -> None:
    d = Dialogue(plain=reply, packed=said("charged twice"))
    await d.it.ask("*1#", "shop", 5)
    assert d.codings == [PLAIN]
    assert d.talk.proven is None
    assert d.talk.doubted == ([] if reply.status == 5 else [PLAIN])  # a timeout says nothing of the coding


async def test_no_other_coding_helps_without_a_network() -> None:
    d = Dialogue(plain=CmeError(30, command="AT+CUSD"), packed=said("x"))
    with pytest.raises(UssdFailed, match=r"CME ERROR.*30"):
        await d.it.ask("*1#", "shop", 5)
    assert d.codings == [PLAIN]
    assert [event["state"] for event in d.events] == ["refused"]


async def test_refused_in_every_coding() -> None:
    d = Dialogue()
    with pytest.raises(UssdFailed, match=r"refused the request: ERROR\. Nothing was done"):
        await d.it.ask("*1#", "shop", 5)
    assert d.codings == [PLAIN, PACKED, UCS2, GSM, BARE]


async def test_an_answer_goes_in_the_coding_of_its_menu_and_is_not_tried_in_another() -> None:
    d = Dialogue(packed=said("31", 1))
    assert (await d.it.ask("*1#", "shop", 5)).open
    d.talk.meets[PACKED] = said(None, 4)
    assert (await d.it.answer("1", "shop", 5)).state is UssdState.NOT_SUPPORTED
    assert d.talk.asked[-1] == ("1", PACKED)
    assert len(d.codings) == 3


async def test_a_modem_that_gives_no_result_may_have_sent_it() -> None:
    d = Dialogue(plain=CommandTimeout("AT+CUSD=***", 45), packed=said("charged twice"))
    asked = asyncio.create_task(d.it.ask("*1#", "shop", 5))
    await until(_asked(d), 5, lambda: "the request")
    d.it.on_reply(said("Done"))
    assert (await asked).text == "Done"
    assert d.codings == [PLAIN]


def _asked(d: Dialogue) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(d.talk.asked)

    return look


# ---------------------------------------------------------------- times


async def test_no_answer_ends_the_dialogue_on_the_modem_and_a_late_one_is_told() -> None:
    d = Dialogue(plain=None)
    with pytest.raises(UssdNoAnswer, match=r"within 0\.05 s\. What was asked for may be done"):
        await d.it.ask("*123*12345678901234#", "shop", 0.05)

    async def cancelled() -> bool:
        return d.talk.cancelled == 1

    await until(cancelled, 5, lambda: "AT+CUSD=2")
    d.it.on_reply(said("Your account was topped up"))
    assert d.events == [
        {
            "modem": "a",
            "state": "no_answer",
            "reason": "The network did not answer within 0.05 s.",
            "by": "shop",
            "code": "*123*12…#",
        },
        {"modem": "a", "state": "done", "text": "Your account was topped up", "coding": "plain", "unasked": True},
    ]
    assert d.talk.doubted == [PLAIN]  # the next request goes in another form
    d.talk.meets[PLAIN] = said("Hello")
    assert (await d.it.ask("*1#", "shop", 5)).text == "Hello"
    d.talk.meets[PLAIN] = None
    with pytest.raises(UssdNoAnswer):
        await d.it.ask("*1#", "shop", 0.05)
    assert d.talk.doubted == [PLAIN]  # but a form that was understood before is not to blame


async def test_a_modem_that_is_busy_all_the_time_was_not_asked() -> None:
    d = Dialogue(plain=said("x"))
    async with d.turn:
        with pytest.raises(Refusal, match="Nothing was asked"):
            await d.it.ask("*1#", "shop", 0.05)
    assert d.talk.asked == []
    assert (await d.it.ask("*1#", "shop", 5)).text == "x"


async def test_a_menu_that_nobody_answers_is_left() -> None:
    d = Dialogue(idle_s=0.05, plain=said("1 Yes", 1))
    assert (await d.it.ask("*1#", "shop", 5)).open

    async def cancelled() -> bool:
        return d.talk.cancelled == 1

    await until(cancelled, 5, lambda: "AT+CUSD=2")
    assert d.events[-1]["state"] == "cancelled"
    with pytest.raises(Refusal, match="no open USSD dialogue"):
        await d.it.answer("1", "shop", 5)


async def test_the_end_of_the_dialogue_before_is_not_the_answer() -> None:
    d = Dialogue(plain=said(None, 2))
    asked = asyncio.create_task(d.it.ask("*1#", "shop", 5))
    await until(_asked(d), 5, lambda: "the request")
    d.it.on_reply(said("Balance 5"))
    assert (await asked).text == "Balance 5"


async def test_the_end_of_the_spell_ends_the_waiting() -> None:
    d = Dialogue(plain=None)
    asked = asyncio.create_task(d.it.ask("*1#", "shop", 5))
    await until(_asked(d), 5, lambda: "the request")
    d.it.close()
    with pytest.raises(UssdNoAnswer, match="was lost before the network answered"):
        await asked
    with pytest.raises(Refusal, match="cannot be asked now"):
        await d.it.ask("*1#", "shop", 5)


async def test_a_port_that_goes_while_it_is_asked_leaves_a_doubt() -> None:
    d = Dialogue(plain=PortLost("/dev/x", "gone"))
    with pytest.raises(UssdNoAnswer, match="may be done all the same"):
        await d.it.ask("*1#", "shop", 5)


# ---------------------------------------------------------------- whose dialogue


async def test_one_at_a_time_and_each_its_own() -> None:
    d = Dialogue(plain=said("1 Yes", 1))
    await d.it.ask("*1#", "shop", 5)
    with pytest.raises(Refusal, match="dialogue of shop is open"):
        await d.it.ask("*1#", "other", 5)
    with pytest.raises(Refusal, match="is of shop"):
        await d.it.answer("1", "other", 5)
    assert (await d.it.cancel("other")).state is UssdState.CANCELLED
    assert d.talk.cancelled == 1
    assert d.events[-1] == {"modem": "a", "state": "cancelled", "by": "other"}


async def test_a_menu_of_the_network_may_be_answered_by_anybody() -> None:
    d = Dialogue(plain=said("Thanks"))
    d.it.on_reply(said("Agree? 1 Yes", 1))
    with pytest.raises(Refusal, match="dialogue of the network is open"):
        await d.it.ask("*1#", "shop", 5)
    assert (await d.it.answer("1", "shop", 5)).text == "Thanks"
    assert [event.get("unasked") for event in d.events] == [True, None]


async def test_a_menu_that_the_network_ends_is_closed() -> None:
    d = Dialogue(plain=said("1 Yes", 1))
    await d.it.ask("*1#", "shop", 5)
    d.it.on_reply(said(None, 2))
    with pytest.raises(Refusal, match="has ended meanwhile"):
        await d.it.answer("1", "shop", 5)
    assert d.events[-1]["state"] == "terminated"


async def test_a_bare_end_without_a_dialogue_is_nothing() -> None:
    d = Dialogue()
    d.it.on_reply(said(None, 2))
    assert d.events == []


@pytest.mark.parametrize(
    ("code", "shown"), [("*100#", "*100#"), ("*123*1234567#", "*123*1234567#"), ("*123*12345678#", "*123*12…#")]
)
def test_vouchers_are_not_shown(code: str, shown: str) -> None:
    assert masked(code) == shown


# ---------------------------------------------------------------- the driver's part, on the wire


async def test_requests_on_the_wire() -> None:
    script = {r"AT\+CUSD=.*": OK, r"AT\+CSCS=.*": OK}
    async with rig(script) as r:
        talk = r.driver.talk
        for coding in (PLAIN, PACKED, UCS2, GSM, BARE):
            await talk.ask("*100#", coding)
        await talk.cancel()
        assert [line.decode() for line in r.peer.heard] == [
            'AT+CUSD=1,"*100#",15',
            'AT+CUSD=1,"AA180C3602",15',
            'AT+CUSD=1,"002A0031003000300023",15',
            'AT+CSCS="GSM"',
            'AT+CUSD=1,"*100#",15',
            'AT+CUSD=1,"*100#"',
            "AT+CUSD=2",
        ]


async def test_the_order_is_what_was_learned_then_the_profile_then_the_rest() -> None:
    learned = Learned()
    async with rig(profile=Profile(ussd=("packed", "plain"))) as r:
        talk = AtTalk(r.driver.channel, lambda: r.driver.profile, lambda: learned)
        assert talk.codings("*1#") == (PACKED, PLAIN, UCS2, GSM, BARE)
        talk.doubt(PACKED)
        assert talk.codings("*1#") == (PLAIN, UCS2, GSM, BARE, PACKED)
        talk.understood(UCS2)
        assert talk.codings("*1#")[0] is UCS2
        assert talk.codings("Да") == (UCS2,)
        talk.doubt(UCS2)  # a code that the network does not answer says nothing about it
        assert talk.proven is UCS2
        learned.put("ussd", "nonsense")
        assert talk.proven is None


async def test_a_call_is_hung_up_in_the_ways_of_the_profile_one_after_the_other() -> None:
    script = {
        r"AT\+CHUP": b"\r\nERROR\r\n",
        r"ATH|AT\+HVOIC": OK,
        r"AT\+CLCC": b'\r\n+CLCC: 1,1,4,0,0,"+7",145\r\n\r\nOK\r\n',
    }
    async with rig(script, profile=Profile(hang_up=("AT+CHUP", "ATH", "AT+HVOIC"))) as r:
        await r.driver.talk.hang_up(0)
        await r.driver.talk.hang_up(2)
        assert [line.decode() for line in r.peer.heard] == ["AT+CHUP", "ATH", "AT+HVOIC"]
        assert await r.driver.talk.ringing() is True


@pytest.mark.parametrize(
    ("answer", "rings"),
    [
        (b"\r\nOK\r\n", False),
        (b"\r\nERROR\r\n", None),
        (b'\r\n+CLCC: 1,0,2,0,0,"+7",145\r\n\r\nOK\r\n', False),  # our own
        (b"\r\n+CLCC: 1,1,0,0,0\r\n+CLCC: 2,1,5,0,0\r\n\r\nOK\r\n", True),
        (b"\r\n+CLCC: 1\r\n\r\nOK\r\n", None),
    ],
)
async def test_whether_a_call_rings(answer: bytes, rings: bool | None) -> None:
    async with rig({r"AT\+CLCC": answer}) as r:
        assert await r.driver.talk.ringing() is rings
