"""The driver over a scripted modem: what it asks, what it does about refusals, what it makes of URCs."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from modemgw.at.errors import CommandFailed
from modemgw.at.parser import Urc
from modemgw.modem import channel as channel_module
from modemgw.modem import init as init_module
from modemgw.modem import init_sim
from modemgw.modem.driver import (
    DirectMessage,
    DirectReport,
    DriverSettings,
    IncomingCall,
    InitialiseFailed,
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
    SimProblem,
    SimReason,
    StorageFill,
    StorageFull,
    StoredPdu,
    TpduHex,
    UnknownUrc,
    UssdReply,
)
from modemgw.modem.driver_at import AtDriver
from modemgw.modem.driver_events import event_of
from modemgw.modem.driver_registration import RegistrationWatch
from modemgw.modem.init_sim import RefusedPins
from modemgw.modem.profile import Profile
from modemgw.modem.transport import open_transport

from tests.unit.modem.peer import ALIVE, OK, Answer, Peer, over, said

SENSIBLE: dict[str, Answer] = {
    r"ATE0|AT\+CMEE=1|AT\+CMGF=0|AT\+C(RE|GRE|ERE)G=2|AT\+COPS=3,0|AT\+CLIP=1|AT\+CFUN=1": OK,
    r"AT\+CGMI": said("Acme", "OK"),
    r"AT\+CGMM": said("M1", "OK"),
    r"AT\+CGMR": said("1.0", "OK"),
    r"AT\+CGSN": said("356938030000013", "OK"),
    r"AT\+CCID": said("+CCID: 8970199000000000007", "OK"),
    r"AT\+CPIN\?": said("+CPIN: READY", "OK"),
    r"AT\+CIMI": said("250011234567890", "OK"),
    r"AT\+CSMS=1": said("+CSMS: 1,1,1", "OK"),
    r"AT\+CPMS=\?": said('+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', "OK"),
    r'AT\+CPMS="SM","SM","SM"': said("+CPMS: 1,30,1,30,1,30", "OK"),
    r'AT\+CPMS="ME","ME","ME"': said("+CPMS: 0,23,0,23,0,23", "OK"),
    r'AT\+CPMS="(ME|SR)","SM","SM"': said("+CPMS: 2,23,1,30,1,30", "OK"),
    r"AT\+CPMS\?": said('+CPMS: "SM",1,30,"SM",1,30,"SM",1,30', "OK"),
    r"AT\+CNMI=\?": said("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", "OK"),
    r"AT\+CNMI=2,1,0,1,0": OK,
    r"AT\+CNMI\?": said("+CNMI: 2,1,0,1,0", "OK"),
    r"AT\+CSCA\?": said('+CSCA: "+79168999100",145', "OK"),
    r"AT\+CMMS=\?": said("+CMMS: (0-2)", "OK"),
    r"AT\+CREG\?": said('+CREG: 2,1,"1A2B","01C3D4E5",7', "OK"),
    r"AT\+COPS\?": said('+COPS: 0,0,"Acme Tel",7', "OK"),
    r"AT\+CSQ": said("+CSQ: 20,99", "OK"),
    r"AT\+CNUM": said('+CNUM: ,"+79161234567",145', "OK"),
}


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "QUIET_S", 0.005)
    monkeypatch.setattr(channel_module, "RESYNC_REFUSED_S", 0.02)
    monkeypatch.setattr(channel_module, "RESYNC_PROBE_S", (0.1, 0.1, 0.1))
    monkeypatch.setattr(init_module, "NOT_READY_PAUSE_S", 0.01)
    monkeypatch.setattr(init_sim, "BUSY_PAUSE_S", 0.01)
    monkeypatch.setattr(init_sim, "THIS_PROCESS", RefusedPins())


class Rig:
    def __init__(self, peer: Peer, driver: AtDriver, events: list[ModemEvent]) -> None:
        self.peer, self.driver, self.events = peer, driver, events

    def count(self, pattern: str) -> int:
        return sum(1 for line in self.peer.heard if re.fullmatch(pattern, line.decode()))


@contextlib.asynccontextmanager
async def rig(
    script: dict[str, Answer] | None = None, *, profile: Profile | None = None, base: dict[str, Answer] = SENSIBLE
) -> AsyncIterator[Rig]:
    async with Peer(over(script or {}, base, ALIVE)) as peer:
        events: list[ModemEvent] = []
        driver = AtDriver(await open_transport(peer.url), events.append, profile=profile)
        try:
            yield Rig(peer, driver, events)
        finally:
            await driver.close()


class Turns:
    """Answers one after the other; the last one stays."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def __call__(self, peer: Peer, line: bytes) -> bytes:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


# ---------------------------------------------------------------- initialising


async def test_initialise() -> None:
    async with rig() as r:
        info = await r.driver.initialise(DriverSettings(extra_init=("AT+XYZ",)))
        assert (info.manufacturer, info.model, info.firmware) == ("Acme", "M1", "1.0")
        assert (info.imei, info.imsi, info.iccid) == ("356938030000013", "250011234567890", "8970199000000000007")
        assert (info.number, info.smsc, info.operator) == ("+79161234567", "+79168999100", "Acme Tel")
        assert info.registration == Registration(1, "LTE", "1A2B", "01C3D4E5", "+CREG", (("+CREG", 1),))
        assert info.signal.dbm == -73
        assert info.memories == ("SM", "ME", "SR")
        assert info.receive_memory == "SM"
        assert info.storage == (StorageFill("SM", 1, 30),)
        assert (info.cnmi, info.reports, info.needs_ack, info.keeps_link) == ((2, 1, 0, 1, 0), "direct", False, True)
        assert info.notes == ("AT+XYZ was refused (ERROR).",)
        assert r.driver.info is info
        assert not any(line.startswith((b"ATZ", b"AT&")) for line in r.peer.heard)


async def test_a_modem_that_knows_next_to_nothing() -> None:
    """Only what no message can be sent without is needed."""
    least: dict[str, Answer] = {r"AT\+CMGF=0": OK, r"AT\+CPMS=.*": said("+CPMS: 0,20", "OK"), r"AT\+CNMI=.*": OK}
    async with rig(least, base={}) as r:
        info = await r.driver.initialise(DriverSettings())
        assert (info.imei, info.imsi, info.number, info.smsc) == (None, None, None, None)
        assert info.memories == ("SM",)
        assert not info.registration.usable
        assert not info.needs_ack
        assert not info.keeps_link
        assert len(info.notes) > 5


async def test_no_pdu_mode_is_the_end() -> None:
    async with rig({r"AT\+CMGF=0": said("ERROR")}) as r:
        with pytest.raises(InitialiseFailed, match="selecting PDU mode") as caught:
            await r.driver.initialise(DriverSettings())
        assert caught.value.step == "selecting PDU mode"


async def test_a_message_service_that_is_still_starting_is_waited_for() -> None:
    later = Turns(said("+CMS ERROR: 500"), said("+CMS ERROR: 302"), OK)
    async with rig({r"AT\+CMGF=0": later, r"AT\+CPMS=\?": Turns(said("+CMS ERROR: 314"), *[SENSIBLE_RANGE])}) as r:
        await r.driver.initialise(DriverSettings())
        assert r.count(r"AT\+CMGF=0") == 3


SENSIBLE_RANGE = said('+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', "OK")


async def test_numbers_for_results_are_ended() -> None:
    async with rig({r"ATE0": b"ATE0\r0\r", r"ATV1": OK, r"AT\+CMEE\?": b"\r\n+CMEE: 0\r\n0\r"}) as r:
        await r.driver.initialise(DriverSettings())
        assert r.count("ATV1") == 1


async def test_error_codes_in_words_where_there_are_no_numbers() -> None:
    async with rig({r"AT\+CMEE=1": said("ERROR"), r"AT\+CMEE=2": OK}) as r:
        await r.driver.initialise(DriverSettings())
        assert r.count(r"AT\+CMEE=2") == 1


async def test_identity_from_ati() -> None:
    nothing = {r"AT\+CGM[IMR]": said("ERROR")}
    ati = said("Manufacturer: huawei", "Model: E173", "Revision: 11.1", "IMEI: 356938030000013", "OK")
    async with rig({**nothing, "ATI": ati}) as r:
        info = await r.driver.initialise(DriverSettings())
        assert (info.manufacturer, info.model, info.firmware, info.profile) == ("huawei", "E173", "11.1", "huawei")
    async with rig({**nothing, "ATI": said("Quectel", "EC25", "Revision: EC25X", "OK")}) as r:
        info = await r.driver.initialise(DriverSettings())
        assert (info.manufacturer, info.model, info.firmware, info.profile) == ("Quectel", "EC25", "EC25X", "quectel")


async def test_radio_is_switched_on() -> None:
    async with rig({r"AT\+CFUN\?": Turns(said("+CFUN: 4", "OK"))}) as r:
        await r.driver.initialise(DriverSettings())
        assert r.count(r"AT\+CFUN=1") == 1


MEMORIES = [
    # AT+CPMS=?                                        settings that work                  wanted   sweep
    ('("SM"),("SM"),("SM")', r'"SM","SM","SM"', "SM", ("SM",)),
    ('("SM"),("SM")', r'"SM","SM"', None, ("SM",)),
    ('("SM")', r'"SM"', None, ("SM",)),
    ('("ME","MT","SM","SR"),("ME","SM"),("SM","MT")', r'"(SM|MT)","(SM|ME)","(SM|MT)"', "SM", ("SM", "ME", "SR")),
    ('("BM","MT"),("SM"),("MT")', r'"MT","SM","MT"', "MT", ("MT",)),
]


@pytest.mark.parametrize(("offered", "works", "receive", "sweep"), MEMORIES)
async def test_memories(offered: str, works: str, receive: str | None, sweep: tuple[str, ...]) -> None:
    script: dict[str, Answer] = {
        r"AT\+CPMS=\?": said(f"+CPMS: {offered}", "OK"),
        rf"AT\+CPMS={works}": said("+CPMS: 0,20,0,20,0,20", "OK"),
        r"AT\+CPMS=.*": said("+CMS ERROR: 302"),
    }
    async with rig(script) as r:
        info = await r.driver.initialise(DriverSettings())
        assert (info.receive_memory, info.memories) == (receive, sweep)


async def test_no_memory_at_all_is_noted() -> None:
    async with rig({r"AT\+CPMS=.*": said("ERROR")}) as r:
        info = await r.driver.initialise(DriverSettings())
        assert any("no memory can be selected" in note for note in info.notes)


INDICATIONS = [
    # offered                            accepted        set
    ("(0-2),(0-3),(0,2),(0-2),(0,1)", "2,1,0,2,0", (2, 1, 0, 2, 0)),
    ("(0-2),(0-1),(0),(0,2),(1)", "2,1,0,2,1", (2, 1, 0, 2, 1)),
    (None, "2,1,0,0,0", (2, 1, 0, 0, 0)),
    (None, "2,1", (2, 1)),
    (None, "none", ()),
]


@pytest.mark.parametrize(("offered", "accepted", "values"), INDICATIONS)
async def test_indications(offered: str | None, accepted: str, values: tuple[int, ...]) -> None:
    script: dict[str, Answer] = {
        r"AT\+CNMI=\?": said(f"+CNMI: {offered}", "OK") if offered else said("ERROR"),
        rf"AT\+CNMI={accepted}": OK,
        r"AT\+CNMI=.*": said("+CMS ERROR: 303"),
        r"AT\+CNMI\?": said("ERROR"),
    }
    async with rig(script) as r:
        info = await r.driver.initialise(DriverSettings())
        assert info.cnmi == values


async def test_indications_that_are_not_what_was_set_are_noted() -> None:
    async with rig({r"AT\+CNMI\?": said("+CNMI: 2,1,0,0,0", "OK")}) as r:
        info = await r.driver.initialise(DriverSettings())
        assert info.cnmi == (2, 1, 0, 0, 0)
        assert any("the modem says" in note for note in info.notes)


async def test_the_familys_commands_and_the_owners() -> None:
    profile = Profile(name="own", early=("AT^EARLY",), late=("AT^LATE",), service=0, keep_link=False)
    async with rig({r"AT\^.*": OK, r"AT\+CSMS=0": OK}, profile=profile) as r:
        info = await r.driver.initialise(DriverSettings(extra_init=("AT^MINE",)))
        heard = [line.decode() for line in r.peer.heard]
        assert heard.index("AT^EARLY") < heard.index("AT+CPIN?") < heard.index("AT^LATE") < heard.index("AT^MINE")
        assert (info.profile, info.needs_ack, info.keeps_link) == ("own", False, False)


# ---------------------------------------------------------------- SIM

SIM_STATES: list[tuple[dict[str, Answer], SimReason]] = [
    ({r"AT\+CPIN\?": said("+CME ERROR: 10")}, SimReason.NOT_INSERTED),
    ({r"AT\+CPIN\?": said("+CME ERROR: SIM not inserted")}, SimReason.NOT_INSERTED),
    ({r"AT\+CPIN\?": said("+CPIN: SIM PUK", "OK")}, SimReason.PUK_REQUIRED),
    ({r"AT\+CPIN\?": said("+CPIN: PH-NET PIN", "OK")}, SimReason.LOCKED),
    ({r"AT\+CPIN\?": said("+CPIN: PH-SIM PUK", "OK")}, SimReason.LOCKED),
    ({r"AT\+CPIN\?": said("+CPIN: NOT READY", "OK")}, SimReason.FAILURE),
    ({r"AT\+CPIN\?": said("+CME ERROR: 13")}, SimReason.FAILURE),
    ({r"AT\+CPIN\?": said("+CMS ERROR: 310")}, SimReason.NOT_INSERTED),
    ({r"AT\+CPIN\?": said("+CPIN: SIM PIN", "OK")}, SimReason.PIN_REQUIRED),
    ({r"AT\+CPIN\?": said("+CME ERROR: 11")}, SimReason.PIN_REQUIRED),
    ({r"AT\+CPIN\?": said("+CME ERROR: 14")}, SimReason.BUSY),
    ({r"AT\+CMGF=0": said("+CMS ERROR: 310")}, SimReason.NOT_INSERTED),
]


@pytest.mark.parametrize(("script", "reason"), SIM_STATES)
async def test_sim_problems(script: dict[str, Answer], reason: SimReason) -> None:
    async with rig(script) as r:
        with pytest.raises(SimProblem) as caught:
            await r.driver.initialise(DriverSettings(sim_wait_s=0.05))
        assert caught.value.reason is reason
        assert r.count(r"AT\+CPIN=.*") == 0


async def test_a_busy_sim_is_waited_for() -> None:
    busy = Turns(said("+CME ERROR: 14"), said("+CME ERROR: SIM busy"), said("+CPIN: READY", "OK"))
    async with rig({r"AT\+CPIN\?": busy}) as r:
        assert (await r.driver.initialise(DriverSettings())).imsi


async def test_a_pin_with_an_unreadable_counter_is_tried_once() -> None:
    script: dict[str, Answer] = {r"AT\+CPIN\?": said("+CPIN: SIM PIN", "OK"), r"AT\+CPIN=.*": said("+CME ERROR: 16")}
    async with rig(script) as r:
        for _ in range(3):
            with pytest.raises(SimProblem) as caught:
                await r.driver.initialise(DriverSettings(pin="1111"))
            assert caught.value.reason is SimReason.PIN_WRONG
        assert r.count(r"AT\+CPIN=.*") == 1


async def test_a_pin_that_leads_to_the_puk() -> None:
    script: dict[str, Answer] = {r"AT\+CPIN\?": said("+CPIN: SIM PIN", "OK"), r"AT\+CPIN=.*": said("+CME ERROR: 12")}
    async with rig(script) as r:
        with pytest.raises(SimProblem, match="PUK"):
            await r.driver.initialise(DriverSettings(pin="1111"))


async def test_a_pin_and_a_sim_that_takes_its_time() -> None:
    state = Turns(said("+CPIN: SIM PIN", "OK"), said("+CPIN: SIM PIN", "OK"), said("+CPIN: READY", "OK"))
    async with rig(
        {r"AT\+CPIN\?": state, r"AT\+CPIN=.*": OK, r'AT\+CPINR="SIM PIN"': said("+CPINR: SIM PIN,3", "OK")}
    ) as r:
        assert (await r.driver.initialise(DriverSettings(pin="1111"))).imsi


async def test_a_sim_that_never_gets_ready() -> None:
    script: dict[str, Answer] = {r"AT\+CPIN\?": said("+CPIN: SIM PIN", "OK"), r"AT\+CPIN=.*": OK}
    async with rig(script) as r:
        with pytest.raises(SimProblem) as caught:
            await r.driver.initialise(DriverSettings(pin="1111", sim_wait_s=0.1))
        assert caught.value.reason is SimReason.BUSY


def test_refused_pins_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "pins"
    RefusedPins(path).remember("sim", "1234")
    again = RefusedPins(path)
    assert again.was_refused("sim", "1234")
    assert not again.was_refused("sim", "4321")
    assert not again.was_refused("other", "1234")
    assert "1234" not in path.read_text()
    path.write_text("{broken")
    assert not RefusedPins(path).was_refused("sim", "1234")
    lost = RefusedPins(tmp_path / "no" / "folder")
    lost.remember("sim", "1234")
    assert lost.was_refused("sim", "1234")


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
    lines = ("+CMGL: x,1,,4", "0004000000", "+CMGL: 2,1,,4", "00ZZ", *ENTRY)
    async with rig({r"AT\+CMGL=4": said(*lines, "OK"), r'AT\+CPMS="SM"': OK}) as r:
        assert await r.driver.list_messages("SM") == [STORED]


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


@pytest.mark.parametrize("code", [340, 500])
async def test_a_refused_acknowledgement_sets_indications_anew(code: int) -> None:
    async with rig({r"AT\+CNMA": said(f"+CMS ERROR: {code}")}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        assert r.peer.heard[-1] == b"AT+CNMI=2,1,0,1,0"


async def test_a_modem_without_acknowledgement() -> None:
    async with rig({r"AT\+CSMS=0": OK}) as r:
        await r.driver.initialise(DriverSettings(acknowledge_reports=True))
        await r.driver.acknowledge()
        assert r.peer.heard[-2:] == [b"AT+CSMS=0", b"AT+CNMI=2,1,0,1,0"]
        await r.driver.acknowledge()
        assert r.count(r"AT\+CNMA(=0)?") == 2


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

EVENTS: list[tuple[Urc, ModemEvent | None]] = [
    (Urc("+CMTI", '+CMTI: "SM",3'), MessageStored("SM", 3)),
    (Urc("+CMTI", "+CMTI: ,-1"), StorageFull(None)),
    (Urc("+CMTI", '+CMTI: "SM",-1'), StorageFull("SM")),
    (Urc("+CMTI", "+CMTI: what"), UnknownUrc("+CMTI: what")),
    (Urc("+CDSI", '+CDSI: "SR",0'), ReportStored("SR", 0)),
    (Urc("+CDSI", "+CDSI: ,-1"), StorageFull("SR")),
    (Urc("+CMT", "+CMT: ,4", "000400000a"), DirectMessage("000400000A", 4)),
    (Urc("+CMT", "+CMT: ,4"), UnknownUrc("+CMT: ,4")),
    (Urc("+CDS", "+CDS: 4", "0006000000"), DirectReport("0006000000", 4)),
    (Urc("+CDS", "+CDS: 4"), UnknownUrc("+CDS: 4")),
    (Urc("+CMGS", "+CMGS: 7"), LateCmgs(7)),
    (Urc("+CMGS", "+CMGS:"), UnknownUrc("+CMGS:")),
    (Urc("+CUSD", '+CUSD: 0,"5 EUR",15'), UssdReply(0, "5 EUR", 15)),
    (Urc("+CPIN", "+CPIN: NOT INSERTED"), SimChanged("NOT INSERTED")),
    (Urc("+CLIP", '+CLIP: "+79161234567",145'), IncomingCall("+79161234567")),
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
