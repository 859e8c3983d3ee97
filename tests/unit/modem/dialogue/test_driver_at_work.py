"""The driver over a scripted modem at work: storage, acknowledging, state, and what it makes of URCs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modemgw.at.errors import CommandFailed
from modemgw.at.parser import Urc
from modemgw.at.sending import TpduHex
from modemgw.modem.dialogue import arrivals, report_path
from modemgw.modem.dialogue.acknowledge import AcknowledgementFailed
from modemgw.modem.dialogue.driver import (
    DirectMessage,
    DirectReport,
    DriverSettings,
    IncomingCall,
    LateCmgs,
    MessageStored,
    ModemEvent,
    PowerWarning,
    Rebooted,
    Registration,
    RegistrationChanged,
    ReportStored,
    ResetKind,
    SimChanged,
    StorageFill,
    StorageFull,
    StoredPdu,
    UnknownUrc,
    UssdReply,
)
from modemgw.modem.dialogue.driver_events import event_of
from modemgw.modem.dialogue.driver_registration import RegistrationWatch
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import TIMING, Turns, rig
from tests.unit.modem.peer import OK, Answer, over, said

_short_limits = driver_rig._short_limits

# ---------------------------------------------------------------- storage

ENTRY = ("+CMGL: 3,1,,4", "0004000000")
STORED = StoredPdu("SM", 3, 1, "0004000000", 4)
READ = said("+CMGR: 1,,4", "0004000000", "OK")
LISTS: list[dict[str, Answer]] = [
    {r"AT\+CMGL=4": said(*ENTRY, "OK")},
    {r"AT\+CMGL=4": said("+CMS ERROR: 303"), r'AT\+CMGL="ALL"': said(*ENTRY, "OK")},
    {r"AT\+CMGL=.*": said("ERROR"), r"AT\+CMGD=\?": said("+CMGD: (3),(0-4)", "OK"), r"AT\+CMGR=3": READ},
    {r"AT\+CMGL=4": said("+CMGL: 3,1,,9", "0004000000", "OK"), r"AT\+CMGR=3": READ},
]


@pytest.mark.parametrize("script", LISTS)
async def test_list(script: dict[str, Answer]) -> None:
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        before = r.count(r"AT\+CPMS=.*")
        assert await r.driver.list_messages("SM") == [STORED]
        asked = len(r.peer.heard)
        assert await r.driver.list_messages("SM") == [STORED]
        assert len(r.peer.heard) - asked <= 2
        assert r.count(r"AT\+CPMS=.*") == before


async def test_list_of_nothing() -> None:
    async with rig({r"AT\+CMGL=4": said("+CMS ERROR: 321"), r'AT\+CPMS="SM"': OK}) as r:
        assert await r.driver.list_messages("SM") == []
    async with rig({r"AT\+CMGL=4": OK, r'AT\+CPMS="SR"': OK}) as r:
        assert await r.driver.list_messages("SR") == []


async def test_list_that_fails_is_told() -> None:
    script: dict[str, Answer] = {
        r'AT\+CPMS="SM"': OK,
        r"AT\+CMGL=4": Turns(said("+CMS ERROR: 314"), said("+CMS ERROR: 303")),
    }
    async with rig(script) as r:
        for _ in range(2):
            with pytest.raises(CommandFailed):
                await r.driver.list_messages("SM")


async def test_a_memory_of_reports_that_cannot_be_listed_is_empty() -> None:
    async with rig({r'AT\+CPMS="SR"': OK}) as r:
        assert await r.driver.list_messages("SR") == []
        heard = len(r.peer.heard)
        assert await r.driver.list_messages("SR") == []
        assert len(r.peer.heard) == heard


async def test_entries_that_cannot_be_read_stop_nothing() -> None:
    lines = ("+CMGL: x,1,,4", "0004000000", *ENTRY)
    async with rig({r"AT\+CMGL=4": said(*lines, "OK"), r'AT\+CPMS="SM"': OK}) as r:
        assert await r.driver.list_messages("SM") == [STORED]


BROKEN = {  # the lines after the header, and the PDU that is made of them
    "the last digit is missing": (["000400000"], "000400000"),
    "a foreign character": (["00040X0000"], "00040X0000"),
    "no PDU at all": ([], None),
    "an empty line": ([""], None),
    "blanks between octets": (["00 04 00 00 00"], "0004000000"),
    "quoted": (['"0004000000"'], "0004000000"),
    "cut short": (["000400"], "000400"),
    "nothing like a PDU": (["what is this"], "what is this"),
    "octets that are no text": (["0004\xff0000"], "0004\\xc3\\xbf0000"),
}


@pytest.mark.parametrize("reading", ["+CMGR works", "+CMGR knows nothing", "+CMGR fails"])
@pytest.mark.parametrize(("lines", "pdu"), BROKEN.values(), ids=BROKEN)
async def test_a_stored_pdu_is_read_however_broken_it_is(
    lines: list[str], pdu: str | None, reading: str, caplog: pytest.LogCaptureFixture
) -> None:
    read = {"+CMGR works": said("+CMGR: 1,,4", *lines, "OK"), "+CMGR fails": said("+CMS ERROR: 320")}
    script: dict[str, Answer] = {
        r"AT\+CMGL=4": said(
            "+CMGL: 1,1,,4", "0004000000", "+CMGL: 2,1,,4", *lines, "+CMGL: 3,1,,4", "0004000000", "OK"
        ),
        r'AT\+CPMS="SM"': OK,
        r"AT\+CMGR=2": read.get(reading, said("ERROR")),
    }
    header = "+CMGL: 2,1,,4" if reading != "+CMGR works" else "+CMGR: 1,,4"
    async with rig(script) as r:
        found = await r.driver.list_messages("SM")
    assert [(one.index, one.hex) for one in found] == [(1, "0004000000"), (2, pdu or header), (3, "0004000000")]
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


async def test_a_pdu_that_is_never_read_twice_alike_is_taken_at_last() -> None:
    count = iter(range(100, 200))
    garbled: Answer = lambda peer, line: said("+CMGR: 1,,4", f"0004000X{next(count)}", "OK")  # noqa: E731
    async with rig({r"AT\+CMGR=7": garbled, r'AT\+CPMS="SM"': OK}) as r:
        assert await r.driver.read_message("SM", 7) is None
        assert await r.driver.read_message("SM", 7) is None
        taken = await r.driver.read_message("SM", 7)
        assert taken is not None
        assert taken.hex.startswith("0004000X")


async def test_memories_are_switched_only_when_they_differ() -> None:
    async with rig({r"AT\+CMGR=\d": READ, r"AT\+CMGD=\d": OK}) as r:
        await r.driver.initialise(DriverSettings())
        before = r.count(r"AT\+CPMS=.*")
        for index in (1, 2, 3):
            assert await r.driver.read_message("SM", index) == StoredPdu("SM", index, 1, "0004000000", 4)
            await r.driver.delete_message("SM", index)
        assert r.count(r"AT\+CPMS=.*") == before
        await r.driver.read_message("ME", 1)
        assert r.peer.heard[-2:] == [b'AT+CPMS="ME","SM","SM"', b"AT+CMGR=1"]
        r.peer.say(said("RDY"))
        await r.peer.until(lambda: Rebooted("RDY") in r.events)
        await r.driver.read_message("ME", 1)
        assert r.count(r'AT\+CPMS="ME","SM","SM"') == 2


async def test_a_message_that_is_elsewhere_is_found() -> None:
    """P22: announced in SM, stored in ME; or counted from 0."""
    nothing = said("+CMS ERROR: 321")
    script: dict[str, Answer] = {r"AT\+CMGR=5": Turns(nothing, READ), r"AT\+CMGR=\d": nothing}
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.read_message("SM", 5) == StoredPdu("ME", 5, 1, "0004000000", 4)
    async with rig({r"AT\+CMGR=4": READ, r"AT\+CMGR=\d": said("+CMGR: 0,,0", "OK")}) as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.read_message("SM", 5) == StoredPdu("SM", 4, 1, "0004000000", 4)
        assert await r.driver.read_message("SM", 9) is None


async def test_a_message_that_is_read_differently_each_time_is_left() -> None:
    answers = Turns(*(said("+CMGR: 1,,40", f"00040000{n:02}", "OK") for n in range(4)))
    async with rig({r"AT\+CMGR=1": answers, r'AT\+CPMS="SM"': OK}) as r:
        assert await r.driver.read_message("SM", 1) is None
    same = said("+CMGR: 1,,40", "0004000000", "OK")
    async with rig({r"AT\+CMGR=1": same, r'AT\+CPMS="SM"': OK}) as r:
        assert await r.driver.read_message("SM", 1) == StoredPdu("SM", 1, 1, "0004000000", 40)


async def test_errors_of_reading_and_deleting() -> None:
    script: dict[str, Answer] = {
        r'AT\+CPMS="SM"': OK,
        r"AT\+CMGR=1": said("+CMS ERROR: 314"),
        r"AT\+CMGR=\d": said("ERROR"),
        r"AT\+CMGD=1": said("+CMS ERROR: 321"),
        r"AT\+CMGD=2": said("+CMS ERROR: 320"),
    }
    async with rig(script) as r:
        with pytest.raises(CommandFailed):
            await r.driver.read_message("SM", 1)
        assert await r.driver.read_message("SM", 7) is None
        await r.driver.delete_message("SM", 1)
        with pytest.raises(CommandFailed):
            await r.driver.delete_message("SM", 2)


async def test_fill() -> None:
    async with rig() as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.storage() == [
            StorageFill("SM", 1, 30),
            StorageFill("ME", 2, 23),
            StorageFill("SR", 2, 23),
        ]
        assert r.peer.heard[-1] == b'AT+CPMS="SM","SM","SM"'


# ---------------------------------------------------------------- acknowledging, link, state


async def test_acknowledge() -> None:
    async with rig({r"AT\+CNMA": OK}) as r:
        await r.driver.acknowledge()
        assert r.peer.heard == []
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        assert r.peer.heard[-1] == b"AT+CNMA"


async def test_acknowledge_with_a_zero() -> None:
    async with rig({r"AT\+CNMA=0": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        await r.driver.acknowledge()
        assert r.peer.heard[-3:] == [b"AT+CNMA", b"AT+CNMA=0", b"AT+CNMA=0"]


async def test_a_modem_that_waits_for_none_has_its_indications_set_anew() -> None:
    async with rig({r"AT\+CNMA": said("+CMS ERROR: 340")}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        assert r.peer.heard[-1] == b"AT+CNMI=2,1,0,1,0"
        assert r.events == [StorageFull(None)]  # what came while it was deaf lies unannounced


@pytest.mark.parametrize("refusal", ["ERROR", "+CMS ERROR: 500"])
async def test_one_refusal_unlearns_nothing(refusal: str) -> None:
    answers = Turns(OK, said(refusal), OK)
    async with rig({r"AT\+CNMA": answers}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        with pytest.raises(AcknowledgementFailed):
            await r.driver.acknowledge()
        assert r.driver.learned.text("cnma") == "AT+CNMA"
        assert r.driver.learned.get("service") is None
        await r.driver.acknowledge()  # it is owed still, and taken now
        assert r.peer.heard[-1] == b"AT+CNMA"


async def test_no_number_of_refusals_unlearns_what_was_proven() -> None:
    async with rig({r"AT\+CNMA": Turns(OK, said("ERROR")), r"AT\+CSMS=0": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        for _ in range(10):
            with pytest.raises(AcknowledgementFailed):
                await r.driver.acknowledge()
        assert r.driver.learned.get("service") is None


async def test_a_modem_without_acknowledgement() -> None:
    async with rig({r"AT\+CSMS=0": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        for _ in range(2):
            with pytest.raises(AcknowledgementFailed):  # it may be a slip
                await r.driver.acknowledge()
        await r.driver.acknowledge()
        assert r.peer.heard[-2:] == [b"AT+CSMS=0", b"AT+CNMI=2,1,0,1,0"]
        assert r.driver.learned.get("service") == 0
        await r.driver.acknowledge()
        assert r.peer.heard[-1] == b"AT+CNMI=2,1,0,1,0"


@pytest.mark.parametrize("refused", [r"AT\+CSMS=0", r"AT\+CNMI=2,1,0,1,0"])
async def test_what_was_not_mended_is_not_remembered_and_mended_again(refused: str) -> None:
    async with rig({r"AT\+CSMS=0": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        r.peer.script = over({refused: Turns(said("ERROR"), OK)}, r.peer.script)
        for _ in range(3):
            with pytest.raises(AcknowledgementFailed):
                await r.driver.acknowledge()
        assert r.driver.learned.get("service") is None
        await r.driver.acknowledge()
        assert r.driver.learned.get("service") == 0


async def test_what_came_damaged_is_refused_and_confirmed_where_that_cannot_be() -> None:
    async with rig({r"AT\+CNMA=2": OK, r"AT\+CNMA": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.refuse()
        assert r.peer.heard[-1] == b"AT+CNMA=2"
        r.peer.script = over({r"AT\+CNMA=2": said("ERROR")}, r.peer.script)
        for _ in range(2):  # that it was understood once is not forgotten
            await r.driver.refuse()
        assert r.peer.heard[-4:] == [b"AT+CNMA=2", b"AT+CNMA"] * 2


async def test_a_modem_that_never_understood_a_refusal_is_not_asked_for_ever() -> None:
    async with rig({r"AT\+CNMA=2": said("ERROR"), r"AT\+CNMA": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        heard = len(r.peer.heard)
        for _ in range(5):
            await r.driver.refuse()
        assert r.peer.heard[heard:].count(b"AT+CNMA=2") == 3


async def test_a_modem_that_has_turned_deaf_while_reports_are_owed_is_set_right_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report_path, "SOON_S", 0.0)
    script: dict[str, Answer] = {
        r"AT\+CMGS=18": b"\r\n> ",
        r".*\x1a": said("+CMGS: 5", "OK"),
        r"AT\+CNMA=2": said("+CMS ERROR: 340"),
    }
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.send(TpduHex.of(bytes.fromhex("21000B919710325476F8000005C8329BFD06")), yes())
        await r.driver.let_go()
        assert r.peer.heard[-2:] == [b"AT+CNMA=2", b"AT+CNMI?"]
        r.peer.script = over({r"AT\+CNMI\?": said("+CNMI: 2,0,0,0,0", "OK")}, r.peer.script)
        await r.driver.let_go()
        assert r.peer.heard[-1] == b"AT+CNMI=2,1,0,1,0"
        assert r.events == [StorageFull(None)]


async def test_a_modem_that_waits_for_what_nobody_saw_is_let_go() -> None:
    """Its settings are as they should be: only what it waits for tells."""
    async with rig({r"AT\+CNMA=2": said("+CMS ERROR: 340"), r"AT\+CNMA": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        assert await r.driver.announces()
        assert r.peer.heard[-2:] == [b"AT+CNMA=2", b"AT+CNMI?"]
        r.peer.script = over({r"AT\+CNMA=2": OK}, r.peer.script)
        assert await r.driver.announces()
        assert r.peer.heard[-3:] == [b"AT+CNMA=2", b"AT+CNMI?", b"AT+CNMI=2,1,0,1,0"]
        r.peer.say(said("+CDS: 26", REPORT))
        await r.peer.until(lambda: r.events)
        assert await r.driver.announces()  # it waits for us, and rightly
        assert r.peer.heard[-1] == b"AT+CNMI?"


async def yes() -> bool:
    return True


async def test_while_a_report_is_due_a_modem_is_let_go_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    script: dict[str, Answer] = {r"AT\+CMGS=18": b"\r\n> ", r".*\x1a": said("+CMGS: 5", "OK"), r"AT\+CNMA(=2)?": OK}
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.let_go()
        assert r.peer.heard[-1] == b"AT+CNMA=2"  # a report of before the set-up may be due
        await r.driver.send(TpduHex.of(bytes.fromhex("21000B919710325476F8000005C8329BFD06")), yes())
        await r.driver.let_go()
        assert r.peer.heard[-1] == b"AT+CNMA=2"
        heard = len(r.peer.heard)
        for piece in (b"\r\n+CD", b"S: 26\r\n", REPORT[:20].encode()):
            r.peer.say(piece)
            await r.peer.until(lambda: r.driver.channel.hearing)
            await r.driver.let_go()
        assert len(r.peer.heard) == heard  # on a slow port what it waits for is on its way
        r.peer.say(REPORT[20:].encode() + b"\r\n")
        await r.peer.until(lambda: r.events)
        await r.driver.let_go()
        assert len(r.peer.heard) == heard  # it waits for us, and rightly
        await r.driver.acknowledge()
        monkeypatch.setattr(arrivals, "DUE_S", 0.0)
        await r.driver.let_go()
        assert len(r.peer.heard) == heard + 1  # nothing is due


async def test_owed_reports_that_do_not_come_have_their_way_looked_after() -> None:
    script: dict[str, Answer] = {r"AT\+CMGS=18": b"\r\n> ", r".*\x1a": said("+CMGS: 5", "OK"), r"AT\+CNMA=2": OK}
    async with rig(script, timing=replace(TIMING, report_owed_s=0.0)) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=False))
        await r.driver.send(TpduHex.of(bytes.fromhex("21000B919710325476F8000005C8329BFD06")), yes())
        assert await r.driver.announces()
        assert r.peer.heard[-1] == b"AT+CNMI=2,1,0,1,0"  # though it says that it is set so


async def test_keep_link() -> None:
    async with rig({r"AT\+CMMS=\d": OK}) as r:
        await r.driver.keep_link(True)
        assert r.peer.heard == []
        await r.driver.initialise(DriverSettings())
        for on in (True, True, False, False):
            await r.driver.keep_link(on)
        assert r.peer.heard[-2:] == [b"AT+CMMS=2", b"AT+CMMS=1"]
    async with rig({r"AT\+CMMS=\?": OK}) as r:
        await r.driver.initialise(DriverSettings())
        await r.driver.keep_link(True)
        await r.driver.keep_link(True)
        assert r.count(r"AT\+CMMS=\d") == 1


async def test_registration_of_an_lte_modem() -> None:
    script: dict[str, Answer] = {
        r"AT\+CREG\?": said("+CREG: 2,0", "OK"),
        r"AT\+CEREG\?": said('+CEREG: 2,1,"1A2B","01C3D4E5",7', "OK"),
    }
    async with rig(script, base={}) as r:
        state = await r.driver.registration()
        assert (state.stat, state.source, state.usable) == (1, "+CEREG", True)
        assert state.raw == (("+CEREG", 1), ("+CREG", 0))


async def test_registration_that_cannot_be_asked() -> None:
    async with rig({r"AT\+CEREG\?": said("+CEREG: x", "OK")}, base={}) as r:
        assert (await r.driver.registration()).stat == 4
        heard = len(r.peer.heard)
        assert not (await r.driver.registration()).usable
        assert len(r.peer.heard) - heard == 1


@pytest.mark.parametrize(
    ("stat", "usable", "roaming"),
    [(0, 0, 0), (1, 1, 0), (2, 0, 0), (3, 0, 0), (5, 1, 1), (6, 1, 0), (7, 1, 1), (8, 0, 0), (11, 0, 0), (99, 0, 0)],
)
def test_what_registration_is_good_for(stat: int, usable: int, roaming: int) -> None:
    registration = Registration(stat)
    assert (registration.usable, registration.roaming) == (bool(usable), bool(roaming))
    assert registration.text


def test_registration_told_domain_by_domain() -> None:
    watch = RegistrationWatch()
    assert watch.told("+CREG: 0").stat == 0
    assert watch.told("+CEREG: 1").usable
    assert watch.told("+CREG: 5").source == "+CEREG"
    assert watch.told("+CEREG: 0").stat == 5
    watch.forget()
    assert watch.state.stat == 4


async def test_state() -> None:
    async with rig() as r:
        assert await r.driver.alive()
        assert (await r.driver.signal()).rssi == 20
        assert await r.driver.operator() == "Acme Tel"
        await r.driver.resync()
        assert not r.driver.sending
        r.peer.unplug()
        assert not await r.driver.alive()


async def test_alive_though_it_refuses() -> None:
    async with rig({"AT": said("ERROR"), r"AT\+COPS\?": said("+COPS: x", "OK")}) as r:
        assert await r.driver.alive()
        assert await r.driver.operator() is None


async def test_resets() -> None:
    profile = Profile(full_reset=("AT+CRESET", "AT+CFUN=1,1"), radio_reset=("AT+CFUN=4", "AT+CFUN=1"))
    async with rig({r"AT\+CFUN=(4|1|1,1)": OK}, profile=profile) as r:
        await r.driver.reset(ResetKind.RADIO)
        assert r.peer.heard == [b"AT+CFUN=4", b"AT+CFUN=1"]
        await r.driver.reset(ResetKind.FULL)
        assert r.peer.heard[2:] == [b"AT+CRESET", b"AT+CFUN=1,1"]
    async with rig({r"AT\+C(FUN|RESET).*": said("ERROR")}, profile=profile) as r:
        with pytest.raises(CommandFailed):
            await r.driver.reset(ResetKind.FULL)


# ---------------------------------------------------------------- events

TEXT_MODE = '+CMT: "+79160000001",,"26/11/30,12:00:00+12"\nhello'
DELIVER = "0791198996910F04040B919710325476F80000622132023234210141"
REPORT = "0006070B919710325476F862112000000021621120000000210000"

EVENTS: list[tuple[Urc, ModemEvent | None]] = [
    (Urc("+CMTI", '+CMTI: "SM",3'), MessageStored("SM", 3)),
    (Urc("+CMTI", "+CMTI: ,-1"), StorageFull(None)),
    (Urc("+CMTI", '+CMTI: "SM",-1'), StorageFull("SM")),
    (Urc("+CMTI", "+CMTI: what"), UnknownUrc("+CMTI: what")),
    (Urc("+CDSI", '+CDSI: "SR",0'), ReportStored("SR", 0)),
    (Urc("+CDSI", "+CDSI: ,-1"), StorageFull("SR")),
    (Urc("+CMT", "+CMT: ,4", "000400000a"), DirectMessage("000400000A", 4)),
    (Urc("+CMT", "+CMT: ,4", "00040000 0"), DirectMessage("00040000 0", 4, whole=False)),
    (Urc("+CMT", TEXT_MODE), UnknownUrc(TEXT_MODE)),
    (Urc("+CMT", "+CMT: ,4"), DirectMessage("+CMT: ,4", 4, whole=False)),
    (Urc("+CMT", "+CMT: ,4", "00040000"), DirectMessage("0000040000", 4)),
    (Urc("+CMT", "+CMT: ,5", "00040000"), DirectMessage("00040000", 5, whole=False)),
    (Urc("+CMT", "+CMT: ,4", "0004_Z00"), DirectMessage("0004_Z00", 4, whole=False)),
    (Urc("unknown", DELIVER.lower()), DirectMessage(DELIVER, None)),  # its header got lost
    (Urc("unknown", REPORT), DirectReport(REPORT, None)),
    (Urc("unknown", "0791FFFFFFFFFFFF04050000000000000000"), UnknownUrc("0791FFFFFFFFFFFF04050000000000000000")),
    (Urc("+CDS", "+CDS: 4", "0006000000"), DirectReport("0006000000", 4)),
    (Urc("+CDS", "+CDS: 4"), DirectReport("+CDS: 4", 4, whole=False)),
    (Urc("+CMGS", "+CMGS: 7"), LateCmgs(7)),
    (Urc("+CMGS", "+CMGS:"), UnknownUrc("+CMGS:")),
    (Urc("+CUSD", '+CUSD: 0,"5 EUR",15'), UssdReply(0, "5 EUR", 15)),
    (Urc("+CPIN", "+CPIN: NOT INSERTED"), SimChanged("NOT INSERTED")),
    (Urc("+CLIP", '+CLIP: "+79161234567",145'), IncomingCall("+79161234567", told=True)),
    (Urc("RING", "RING"), IncomingCall(None)),
    (Urc("+CRING", "+CRING: VOICE"), IncomingCall(None)),
    (Urc("^SMMEMFULL", '^SMMEMFULL: "SM"'), StorageFull("SM")),
    (Urc("+SMS FULL", "+SMS FULL"), StorageFull(None)),
    (Urc("RDY", "RDY"), Rebooted("RDY")),
    (Urc("NORMAL POWER DOWN", "NORMAL POWER DOWN"), PowerWarning("NORMAL POWER DOWN")),
    (Urc("UNDER-VOLTAGE NOW", "UNDER-VOLTAGE NOW"), PowerWarning("UNDER-VOLTAGE NOW")),
    (Urc("^RSSI", "^RSSI:17"), None),
    (Urc("unknown", "HELLO"), UnknownUrc("HELLO")),
]


@pytest.mark.parametrize(("urc", "event"), EVENTS)
def test_event_of_a_urc(urc: Urc, event: ModemEvent | None) -> None:
    assert event_of(urc) == event


async def test_events_come_in_their_order() -> None:
    async with rig() as r:
        r.peer.say(said("+CREG: 2", '+CMTI: "SM",1', "^RSSI:1", "+CREG: nonsense", "*ATREADY: 1", "+CREG: 5", "HELLO"))
        await r.peer.until(lambda: UnknownUrc("HELLO") in r.events)
        assert [type(e) for e in r.events] == [
            RegistrationChanged,
            MessageStored,
            Rebooted,
            RegistrationChanged,
            UnknownUrc,
        ]


def test_tpdu_hex() -> None:
    assert TpduHex.of(b"\x01\xab") == TpduHex("0001AB", 2)
    assert TpduHex.of(b"\x01", b"\x02\x91\x97") == TpduHex("02919701", 1)
