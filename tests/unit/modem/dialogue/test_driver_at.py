"""The driver over a scripted modem: setting it up, and its SIM."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.modem.dialogue.driver import (
    DriverSettings,
    InitialiseFailed,
    Registration,
    SimProblem,
    SimReason,
    StorageFill,
)
from modemgw.modem.dialogue.init_sim import RefusedPins
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import Turns, rig
from tests.unit.modem.peer import OK, Answer, said

_short_limits = driver_rig._short_limits

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
        assert (info.cnmi, info.reports, info.needs_ack, info.keeps_link) == ((2, 1, 0, 1, 0), "direct", True, True)
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


async def test_a_refusal_in_a_restricted_network_is_told_as_such() -> None:
    """A7670E with +CREG: 0,11."""
    restricted: dict[str, Answer] = {r"AT\+CMGF=0": said("ERROR"), r"AT\+CREG\?": said("+CREG: 0,11", "OK")}
    async with rig(restricted) as r:
        with pytest.raises(InitialiseFailed, match="emergency or restricted service only"):
            await r.driver.initialise(DriverSettings())


async def test_a_sim_that_answers_nothing_is_not_called_ready() -> None:
    """Without error codes nobody says that there is none."""
    async with rig({r"AT\+CMGF=0": OK}, base={}) as r:
        with pytest.raises(SimProblem, match="needs a SIM") as caught:
            await r.driver.initialise(DriverSettings())
        assert caught.value.reason is SimReason.FAILURE


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
        assert (info.manufacturer, info.model, info.firmware, info.profile) == ("huawei", "E173", "11.1", "huawei-e173")
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


async def test_reports_without_acknowledgement_where_the_owner_wants_that() -> None:
    async with rig() as r:
        info = await r.driver.initialise(DriverSettings(acknowledge_reports=False))
        assert (info.reports, info.needs_ack) == ("direct", False)
        assert r.count(r"AT\+CSMS=0") == 1
        assert r.count(r"AT\+CSMS=1") == 0


async def test_a_modem_that_delivers_directly_after_all_is_acknowledged_all_the_same() -> None:
    script: dict[str, Answer] = {
        r"AT\+CNMI=\?": said("ERROR"),
        r"AT\+CNMI=2,1.*": said("ERROR"),
        r"AT\+CNMI=1,1.*": said("ERROR"),
        r"AT\+CNMI=2,2,0,1,0": OK,
        r"AT\+CNMI\?": said("+CNMI: 2,2,0,1,0", "OK"),
    }
    async with rig(script) as r:
        info = await r.driver.initialise(DriverSettings(acknowledge_reports=False))
        assert (info.cnmi[1], info.needs_ack) == (2, True)
