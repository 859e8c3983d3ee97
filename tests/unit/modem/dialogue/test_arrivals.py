"""Reports that do not come, announcements that come out elsewhere, references that wrap: seen, mended, remembered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modemgw.at.errors import CmeError, CmsError, CommandFailed
from modemgw.at.policy import ErrorAction, ErrorPolicy, ErrorScope, ExplainedError, explained, policy_for
from modemgw.at.sending import SendRejected, TpduHex
from modemgw.at.timing import Timing
from modemgw.modem.dialogue import acknowledge
from modemgw.modem.dialogue.acknowledge import AcknowledgementFailed
from modemgw.modem.dialogue.arrivals import Arrivals
from modemgw.modem.dialogue.boot import BootWatch
from modemgw.modem.dialogue.driver import DriverSettings, StorageFill, StoredPdu
from modemgw.modem.dialogue.mr_wrap import MrWrap
from modemgw.modem.dialogue.report_path import (
    OWED_LONG_S,
    OWED_MOST,
    SILENT_S,
    ReportPath,
    Silence,
    preference,
)
from modemgw.modem.dialogue.urc_port import UrcPort
from modemgw.modem.quirks.learned import Learned, LearnedStore
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import Rig, Turns, rig
from tests.unit.modem.peer import OK, Answer, said

_short_limits = driver_rig._short_limits

IMEI = "356938030000013"
REPORT = "0006070B919710325476F862112000000021621120000000210000"  # SCA empty, TP-MTI 10
MESSAGE = "0004000000"
NOTHING = said("+CMS ERROR: 321")
WITH_REPORT = TpduHex.of(bytes.fromhex("21000B919710325476F8000005C8329BFD06"))
WITHOUT = TpduHex.of(bytes.fromhex("01000B919710325476F8000005C8329BFD06"))


def settings(folder: Path, **more: object) -> DriverSettings:
    return DriverSettings(learned=LearnedStore(folder / "learned.json"), **more)  # type: ignore[arg-type]


def learned(folder: Path, key: str) -> object:
    return LearnedStore(folder / "learned.json").of(IMEI, "1.0").get(key)


async def hear(r: Rig, *lines: str) -> None:
    """The modem says something unasked, and the driver has seen it."""
    before = len(r.events)
    r.peer.say(said(*lines))
    await r.peer.until(lambda: len(r.events) > before)


# ---------------------------------------------------------------- reports, at the driver

DS2: dict[str, Answer] = {
    r"AT\+CNMI=\?": said("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", "OK"),
    r"AT\+CNMI=2,1,0,[12],0": OK,
    r"AT\+CNMI\?": said("ERROR"),
    r"AT\+CMGR=\d+": NOTHING,
    r"AT\+CMGL=.*|AT\+CMGD=\?": said("ERROR"),
}
STORED_FIRST = Profile(name="own", reports=(2, 1, 0))


async def test_stored_reports_that_cannot_be_read_are_handed_over_from_now_on(tmp_path: Path) -> None:
    """SIM7600: announced as SR,n, and AT+CMGR answers CMS ERROR 321."""
    async with rig(DS2, profile=STORED_FIRST) as r:
        assert (await r.driver.initialise(settings(tmp_path))).reports == "stored"
        for index in (1, 2):
            await hear(r, f'+CDSI: "SR",{index}')
            assert await r.driver.read_message("SR", index) is None
        assert r.driver.info is not None
        assert r.driver.info.cnmi == (2, 1, 0, 1, 0)
        # the session was told at its start that nothing needs an acknowledgement: so none is asked for
        assert r.peer.heard[-3:] == [b"AT+CSMS=0", b"AT+CNMI=2,1,0,1,0", b"AT+CNMI?"]
    assert learned(tmp_path, "reports_broken") == [2]
    async with rig(DS2, profile=STORED_FIRST) as r:
        info = await r.driver.initialise(settings(tmp_path))
        assert (info.reports, info.needs_ack) == ("direct", True)
        await hear(r, "+CDS: 26", REPORT)
    assert learned(tmp_path, "reports") == 1


async def test_a_report_in_another_memory_than_announced_is_found(tmp_path: Path) -> None:
    """EC25: stored in SR, announced as SM."""
    read = said("+CMGR: 1,,26", REPORT, "OK")
    script = {r"AT\+CMGR=0": Turns(NOTHING, NOTHING, read), **DS2}
    async with rig(script, profile=STORED_FIRST) as r:
        await r.driver.initialise(settings(tmp_path))
        await hear(r, '+CDSI: "SM",0')
        assert await r.driver.read_message("SM", 0) == StoredPdu("SR", 0, 1, REPORT, 26)
    assert (learned(tmp_path, "reports"), learned(tmp_path, "places")) == (2, None)


async def test_a_report_at_another_place_than_announced_is_found(tmp_path: Path) -> None:
    script = {r"AT\+CMGL=4": said("+CMGL: 5,0,,26", REPORT, "OK"), **DS2}
    async with rig(script, profile=STORED_FIRST) as r:
        await r.driver.initialise(settings(tmp_path))
        for _ in range(3):
            await hear(r, '+CDSI: "SM",0')
            assert await r.driver.read_message("SM", 0) == StoredPdu("SR", 5, 0, REPORT, 26)
        assert r.driver.info is not None
        assert r.driver.info.reports == "stored"


async def test_a_report_that_was_swept_up_before_its_turn_is_not_missed(tmp_path: Path) -> None:
    lists = {r"AT\+CMGL=4": Turns(said("+CMGL: 1,0,,26", REPORT, "+CMGL: 2,0,,26", REPORT, "OK"), OK), **DS2}
    async with rig(lists, profile=STORED_FIRST) as r:
        await r.driver.initialise(settings(tmp_path))
        assert len(await r.driver.list_messages("SM")) == 2
        for index in (1, 2, 3):
            await hear(r, f'+CDSI: "SM",{index}')
            assert await r.driver.read_message("SM", index) is None
        assert r.driver.info is not None
        assert r.driver.info.reports == "stored"
    assert learned(tmp_path, "reports") == 2


async def test_the_owners_way_of_reports_is_left_alone(tmp_path: Path) -> None:
    async with rig(DS2) as r:
        await r.driver.initialise(settings(tmp_path, indications=(2, 1, 0, 2, 0)))
        for index in range(1, 6):
            await hear(r, f'+CDSI: "SR",{index}')
            assert await r.driver.read_message("SR", index) is None
        await r.driver.announces()
        assert r.driver.info is not None
        assert r.driver.info.reports == "stored"


async def test_reports_that_are_never_handed_over_are_stored_from_now_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modemgw.modem.dialogue.report_path.SILENT_S", 0.0)
    sends: dict[str, Answer] = {
        **DS2,
        r"AT\+CMGS=\d+": b"\r\n> ",
        r"[0-9A-F]+\x1a": said("+CMGS: 7", "OK"),
        r"AT\+CNMI=2,1,0,2,0": OK,
    }
    numbers = [TpduHex.of(bytes.fromhex(f"21000B9197103254{n}F8000005C8329BFD06")) for n in (70, 71, 72)]

    async def yes() -> bool:
        return True

    async with rig(sends) as r:
        await r.driver.initialise(settings(tmp_path))
        for _ in range(4):
            await r.driver.send(WITHOUT, yes())
        await r.driver.announces()
        assert r.driver.info is not None
        assert r.driver.info.reports == "direct"
        for pdu in numbers:
            await r.driver.send(pdu, yes())
        await r.driver.announces()
        assert r.driver.info.reports == "stored"
    assert learned(tmp_path, "reports_broken") == [1]


# ---------------------------------------------------------------- reports, the rule


def test_a_proved_way_is_not_doubted_for_silence() -> None:
    path = ReportPath(Learned(), 1, (1, 2, 0))
    path.came(1)
    for number in range(10):
        path.sent(str(number), 0.0)
    assert path.other_way(10 * SILENT_S) is None


def test_silence_is_many_numbers_and_long() -> None:
    path = ReportPath(Learned(), 1, (1, 2, 0))
    for _ in range(10):
        path.sent("one", 0.0)
    assert path.other_way(10 * SILENT_S) is None
    path.sent("two", 1.0)
    path.sent("three", 2.0)
    assert path.other_way(SILENT_S - 1) is None
    assert path.other_way(SILENT_S) == 2


def test_where_there_is_no_other_way_the_first_stays() -> None:
    known = Learned()
    path = ReportPath(known, 1, (1, 0))
    for number in ("one", "two", "three"):
        path.sent(number, 0.0)
    assert path.other_way(SILENT_S) is None
    assert known.get("reports_broken") is None


def test_both_ways_silent_changes_once_and_no_more() -> None:
    known = Learned()
    path = ReportPath(known, 1, (1, 2, 0))
    for expected in (2, None, None):
        for number in ("one", "two", "three"):
            path.sent(number, 0.0)
        assert path.other_way(SILENT_S) == expected
        if expected:
            path.changed(expected)
    assert preference((1, 2, 0), known) == (2, 1, 0)
    path.came(2)
    assert preference((1, 2, 0), known) == (2, 1, 0)


def test_lost_reports_lead_back_to_a_way_that_was_only_silent() -> None:
    """Three phones were off for ten minutes; the way that was changed to then loses every report (MU509)."""
    known = Learned()
    path = ReportPath(known, 1, (1, 2, 0))
    for number in ("one", "two", "three"):
        path.sent(number, 0.0)
    assert path.other_way(SILENT_S) == 2
    path.changed(2)
    path.missing()
    path.missing()
    assert path.other_way(SILENT_S) == 1
    path.changed(1)
    assert preference((1, 2, 0), known) == (1, 2, 0)
    for number in ("one", "two", "three"):
        path.sent(number, 0.0)
    assert path.other_way(SILENT_S) is None, "it ends there"


@pytest.mark.parametrize("stubborn", [said("+CMS ERROR: 303"), OK], ids=["refuses", "says OK and does not"])
async def test_a_way_that_the_modem_does_not_take_is_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stubborn: Answer
) -> None:
    monkeypatch.setattr("modemgw.modem.dialogue.report_path.SILENT_S", 0.0)
    script: dict[str, Answer] = {
        **DS2,
        r"AT\+CMGS=\d+": b"\r\n> ",
        r"[0-9A-F]+\x1a": said("+CMGS: 7", "OK"),
        r"AT\+CNMI=2,1,0,1,0": OK,
        r"AT\+CNMI=2,1,0,2,0": stubborn,
        r"AT\+CNMI\?": said("+CNMI: 2,1,0,1,0", "OK"),
    }
    del script[r"AT\+CNMI=2,1,0,[12],0"]

    async def yes() -> bool:
        return True

    async with rig(script) as r:
        await r.driver.initialise(settings(tmp_path))
        for _ in range(3):
            for n in (70, 71, 72):
                await r.driver.send(TpduHex.of(bytes.fromhex(f"21000B9197103254{n}F8000005C8329BFD06")), yes())
            assert await r.driver.announces(), "nothing is to be set up anew"
        assert r.count(r"AT\+CNMI=2,1,0,2,0") == 1
        assert r.driver.info is not None
        assert r.driver.info.reports == "direct"


def test_a_modem_that_hands_over_and_stores_each_report_is_remembered_as_it_is_set() -> None:
    for ds in (1, 2):
        known = Learned()
        path = ReportPath(known, ds, (1, 2, 0))
        for _ in range(3):
            path.came(1)
            assert known.get("reports") in (None, ds)
            path.came(2)
            assert known.get("reports") == ds


def test_a_way_that_works_again_is_broken_no_more() -> None:
    known = Learned()
    known.put("reports_broken", [1, 2])
    ReportPath(known, 1, (1, 2)).came(1)
    assert (known.get("reports"), known.get("reports_broken")) == (1, [2])
    assert preference((2, 1, 0), known) == (1, 2, 0)
    assert preference((2, 1), Learned()) == (2, 1)
    assert preference((2, 0), known) == (2, 0)  # what the profile leaves out is not set, proved or not


# ---------------------------------------------------------------- the port of announcements

PORTS = Profile(name="own", urc_ports={"at": ("AT^AT",), "modem": ("AT^MODEM",)})
LISTED = [said(f"+CMGL: {n},0,,4", MESSAGE, "OK") for n in (1, 2, 3)]


async def test_messages_that_come_unannounced_make_it_try_another_port(tmp_path: Path) -> None:
    script: dict[str, Answer] = {r"AT\^.*": OK, r"AT\+CMGL=4": Turns(*LISTED)}
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(settings(tmp_path))
        await r.driver.list_messages("SM")  # from before we came
        assert await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 0
        await r.driver.list_messages("SM")
        assert await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 1
        await hear(r, '+CMTI: "SM",4')
        await r.driver.list_messages("SM")
        await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 1
    assert learned(tmp_path, "urc_port") == {"unknown": "AT^MODEM"}
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(settings(tmp_path))
        assert [line for line in r.peer.heard if line.startswith(b"AT^")] == [b"AT^MODEM"]


async def test_what_lies_in_a_memory_that_was_empty_has_arrived_since() -> None:
    script: dict[str, Answer] = {
        r"AT\^.*": OK,
        r"AT\+CMGL=4": Turns(*LISTED),
        r"AT\+CPMS\?": said('+CPMS: "SM",0,30,"SM",0,30,"SM",0,30', "OK"),
    }
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(DriverSettings())
        await r.driver.storage()
        await r.driver.list_messages("SM")
        await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 1


async def test_a_way_that_was_given_up_with_the_wrong_port_is_set_again_in_place() -> None:
    """Unacknowledged reports made the modem fall back (TS 27.005 3.4.1); a set-up anew would choose the first port."""
    answers = Turns(said("+CNMI: 2,1,0,1,0", "OK"), said("+CNMI: 2,1,0,0,0", "OK"))
    script: dict[str, Answer] = {r"AT\^.*": OK, r"AT\+CMGL=4": Turns(*LISTED), r"AT\+CNMI\?": answers}
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(DriverSettings())
        await r.driver.list_messages("SM")
        await r.driver.list_messages("SM")
        set_before = r.count(r"AT\+CNMI=2,1,0,1,0")
        assert await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 1
        assert r.count(r"AT\+CNMI=2,1,0,1,0") == set_before + 1
        assert not await r.driver.announces()  # the port stays, and it has forgotten once more: set up anew


async def test_a_message_that_stays_where_it_was_has_not_arrived_again() -> None:
    """A full disk, or a modem that refuses to delete and marks nothing as read: it was there before we came."""
    script: dict[str, Answer] = {r"AT\^.*": OK, r"AT\+CMGL=4": LISTED[0]}
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(DriverSettings())
        for _ in range(4):
            await r.driver.list_messages("SM")
            await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 0


@pytest.mark.parametrize(
    ("cnmi", "pdu"), [((2, 0, 0, 1, 0), MESSAGE), ((2, 1, 0, 0, 0), REPORT)], ids=["messages", "reports"]
)
async def test_what_is_not_to_be_announced_says_nothing_of_the_port(cnmi: tuple[int, ...], pdu: str) -> None:
    lists = [said(f"+CMGL: {n},0,,{len(pdu) // 2 - 1}", pdu, "OK") for n in (1, 2, 3)]
    says = said(f"+CNMI: {','.join(map(str, cnmi))}", "OK")
    script: dict[str, Answer] = {r"AT\^.*": OK, r"AT\+CMGL=4": Turns(*lists), r"AT\+CNMI\?": says}
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(DriverSettings(indications=cnmi))
        for _ in lists:
            await r.driver.list_messages("SM")
            await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 0


async def test_messages_that_are_announced_leave_the_port_alone() -> None:
    script: dict[str, Answer] = {r"AT\^.*": OK, r"AT\+CMGL=4": Turns(*LISTED)}
    async with rig(script, profile=PORTS) as r:
        await r.driver.initialise(DriverSettings())
        await r.driver.list_messages("SM")
        await r.driver.list_messages("SM")
        await hear(r, '+CMTI: "SM",2')  # it was only under way
        await r.driver.announces()
        assert r.count(r"AT\^MODEM") == 0


def test_the_ports_are_tried_in_turn_and_not_for_ever() -> None:
    port = UrcPort({"at": ("A",), "modem": ("B",), "serial": ("C",)}, "modem", Learned(), ("D", "A"))
    assert port.commands == ["B", "A", "C"]
    port.accepted("B")
    tried = []
    for _ in range(20):
        port.unannounced(1)
        if others := port.others():
            tried.append(others[0])
            port.accepted(others[0])
    assert "".join(tried) == "ACDBACDB"
    port.heard()
    port.unannounced(5)
    assert port.others() == []


async def test_a_family_without_such_a_command_is_tried_with_what_the_makers_have(tmp_path: Path) -> None:
    script: dict[str, Answer] = {r"AT\+CATR=0": OK, r"AT\+CMGL=4": Turns(*LISTED)}
    async with rig(script, profile=Profile(name="own")) as r:
        await r.driver.initialise(settings(tmp_path))
        await r.driver.list_messages("SM")
        await r.driver.list_messages("SM")
        assert r.count(r"AT\+CATR.*|AT\+QURCCFG.*") == 0
        assert await r.driver.announces()
        assert r.count(r"AT\+CATR=0") == 1
        await hear(r, '+CMTI: "SM",4')
    assert learned(tmp_path, "urc_port") == {"unknown": "AT+CATR=0"}
    async with rig(script, profile=Profile(name="own")) as r:
        await r.driver.initialise(settings(tmp_path))
        assert r.count(r"AT\+CATR=0") == 1


async def test_a_modem_that_nobody_knows_is_tried_with_what_the_makers_have_at_once(tmp_path: Path) -> None:
    async with rig({r"AT\+CATR=0": OK}) as r:
        info = await r.driver.initialise(settings(tmp_path))
        assert (info.profile, info.notes) == ("generic", ())
        assert [x for x in r.peer.heard if b"CATR" in x or b"QURC" in x or b"PORTSEL" in x] == [
            b'AT+QURCCFG="urcport","usbat"',
            b"AT+CATR=0",
        ]


# ---------------------------------------------------------------- message reference 255


def after_255(known: Learned, profile: Profile) -> MrWrap:
    wrap = MrWrap(known, profile)
    wrap.sent(255)
    return wrap


def action(error: CommandFailed) -> ErrorAction:
    return policy_for(error).action


ANY, FALCOM = Profile(), Profile(name="falcom", mr_wrap_reset=True)


def test_the_wrap_is_suspected_cured_and_remembered() -> None:
    known = Learned()
    wrap = MrWrap(known, ANY)
    wrap.sent(254)
    assert action(wrap.refused(CmsError(1))) is ErrorAction.FAIL
    wrap.sent(255)
    assert action(wrap.refused(CmsError(38))) is ErrorAction.RETRY_BACKOFF
    assert action(wrap.refused(CmsError(1))) is ErrorAction.COLLISION_RETRY
    assert action(wrap.refused(CmsError(1))) is ErrorAction.RADIO_RESET
    MrWrap(known, ANY).sent(0)  # after the reset it went
    assert known.get("mr_wrap") == "radio"
    assert action(after_255(known, FALCOM).refused(CmsError(1))) is ErrorAction.RADIO_RESET


def test_where_the_radio_does_not_help_the_modem_is_started_anew() -> None:
    known = Learned()
    assert action(after_255(known, FALCOM).refused(CmsError(500))) is ErrorAction.RADIO_RESET
    assert action(MrWrap(known, FALCOM).refused(CmsError(1))) is ErrorAction.FULL_RESET
    MrWrap(known, FALCOM).sent(0)
    assert known.get("mr_wrap") == "full"
    assert action(after_255(known, FALCOM).refused(CmsError(1))) is ErrorAction.FULL_RESET  # at once next time
    assert action(MrWrap(known, FALCOM).refused(CmsError(1))) is ErrorAction.FAIL


def test_a_number_that_is_truly_unassigned_costs_the_resets_once() -> None:
    known = Learned()
    wrap = after_255(known, ANY)
    wrap.refused(CmsError(1))
    wrap.refused(CmsError(1))
    assert action(MrWrap(known, ANY).refused(CmsError(1))) is ErrorAction.FULL_RESET
    assert action(MrWrap(known, ANY).refused(CmsError(1))) is ErrorAction.FAIL
    assert known.get("mr_wrap") == "no"
    assert action(after_255(known, ANY).refused(CmsError(1))) is ErrorAction.FAIL
    assert action(after_255(known, FALCOM).refused(CmsError(1))) is ErrorAction.RADIO_RESET


def test_a_modem_that_cannot_be_reset_is_left_alone() -> None:
    deaf = Profile(name="m590", mr_wrap_reset=True, radio_reset=(), full_reset=())
    assert action(after_255(Learned(), deaf).refused(CmsError(1))) is ErrorAction.FAIL
    assert (
        action(after_255(Learned(), replace(deaf, full_reset=("AT",))).refused(CmsError(1))) is ErrorAction.FULL_RESET
    )
    for error in (CommandFailed("ERROR"), CmeError(1)):
        assert after_255(Learned(), ANY).refused(error) is error


# ---------------------------------------------------------------- what a maker means by a code


def test_the_makers_meaning_of_a_code() -> None:
    meanings = {512: ErrorPolicy(ErrorScope.NETWORK, ErrorAction.RETRY_BACKOFF, "no link")}
    error = explained(CmsError(512, command="AT+CMGS=20"), meanings)
    assert isinstance(error, ExplainedError)
    assert (policy_for(error).scope, policy_for(error).action) == (ErrorScope.NETWORK, ErrorAction.RETRY_BACKOFF)
    assert (error.code, error.text, error.command, error.result) == (
        512,
        "no link",
        "AT+CMGS=20",
        "CMS ERROR 512 (no link)",
    )
    for other in (CmsError(513), CmsError(None, "odd"), CmeError(512), CommandFailed("ERROR")):
        assert explained(other, meanings) is other


async def test_a_refused_send_has_the_makers_meaning() -> None:
    wavecom = Profile(
        name="own", errors={512: ErrorPolicy(ErrorScope.NETWORK, ErrorAction.RETRY_BACKOFF, "no connection")}
    )
    script: dict[str, Answer] = {r"AT\+CMGS=\d+": b"\r\n> ", r"[0-9A-F]+\x1a": said("+CMS ERROR: 512")}

    async def yes() -> bool:
        return True

    async with rig(script, profile=wavecom) as r:
        await r.driver.initialise(DriverSettings())
        with pytest.raises(SendRejected) as caught:
            await r.driver.send(WITH_REPORT, yes())
        assert caught.value.error is not None
        assert policy_for(caught.value.error).scope is ErrorScope.NETWORK
        assert "no connection" in caught.value.error.result
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        with pytest.raises(SendRejected) as caught:
            await r.driver.send(WITH_REPORT, yes())
        assert caught.value.error is not None
        assert policy_for(caught.value.error).action is ErrorAction.COLLISION_RETRY


# ---------------------------------------------------------------- acknowledging


def test_the_way_of_owed_reports_is_looked_after_at_longer_and_longer_intervals() -> None:
    path = ReportPath(Learned(), 1, (1, 2))
    assert path.silence(1e9) is Silence.NONE
    path.sent("7910", 0.0)
    looked = [now for now in range(0, 900, 10) if path.silence(now) is Silence.SOME]
    assert looked == [
        Timing().report_owed_s,
        2 * Timing().report_owed_s,
        4 * Timing().report_owed_s,
        8 * Timing().report_owed_s,
    ]
    path.came(1)
    assert path.silence(1e9) is Silence.NONE


def test_a_proved_way_that_brings_nothing_for_long_has_the_modem_set_up_anew() -> None:
    path = ReportPath(Learned(), 1, (1, 2))
    path.came(1)
    for n in range(OWED_MOST):
        assert path.silence(OWED_LONG_S * (n + 1)) is not Silence.LONG
        path.sent(f"791{n}", 0.0)
        path._looked_after_s = 0.0
    assert path.silence(OWED_LONG_S) is Silence.LONG


async def test_the_form_of_acknowledging_is_remembered(tmp_path: Path) -> None:
    for tried in (1, 0):
        async with rig({r"AT\+CNMA": said("ERROR"), r"AT\+CNMA=0": OK}) as r:
            await r.driver.initialise(settings(tmp_path))
            for _ in range(2):
                await r.driver.acknowledge()
            assert (r.count(r"AT\+CNMA"), r.count(r"AT\+CNMA=0")) == (tried, 2)
    assert learned(tmp_path, acknowledge.CNMA) == "AT+CNMA=0"


async def test_a_modem_without_acknowledging_is_not_asked_for_it_again(tmp_path: Path) -> None:
    async with rig({r"AT\+CNMA.*": said("ERROR")}) as r:
        assert (await r.driver.initialise(settings(tmp_path))).needs_ack
        for _ in range(acknowledge.REFUSALS_OF_THE_UNKNOWN - 1):
            with pytest.raises(AcknowledgementFailed):
                await r.driver.acknowledge()
        await r.driver.acknowledge()
    async with rig({r"AT\+CNMA.*": said("ERROR")}) as r:
        assert not (await r.driver.initialise(settings(tmp_path))).needs_ack
        await r.driver.acknowledge()
    assert learned(tmp_path, "service") == 0


# ---------------------------------------------------------------- starts


async def test_a_start_and_what_is_said_after_it() -> None:
    boot = BootWatch()
    boot.told("unknown", "SMS Ready")
    assert not boot.started
    boot.told("RDY", "RDY")
    boot.told("+QIND", "+QIND: SMS DONE")
    assert boot.started
    assert not boot.ready
    boot.suits(Profile(name="own", ready_urcs=("+QIND: SMS",)))
    assert boot.ready  # it was said before the family was known
    boot.told("RDY", "RDY")
    assert not boot.ready
    assert not await boot.wait(0.01)
    boot.told("+QIND", "+QIND: SMS DONE")
    assert await boot.wait(0.01)


async def test_a_line_that_says_both_that_it_started_and_that_it_is_ready() -> None:
    boot = BootWatch()
    boot.suits(Profile(name="own", ready_urcs=("+READY",)))
    boot.told("+READY", "+READY")
    assert boot.started
    assert boot.ready


def test_a_port_is_deaf_once_nothing_is_left_to_try() -> None:
    port = UrcPort({}, "modem", Learned())
    assert not port.deaf(), "nothing came yet"
    port.unannounced(1)
    assert port.deaf()
    assert not port.deaf(), "told once"
    tried = UrcPort({"at": ("AT^PORTSEL=1",)}, "modem", Learned())
    tried.unannounced(1)
    assert not tried.deaf(), "there is a command to try first"
    port.heard()
    port.unannounced(1)
    assert not port.deaf(), "announcements do come"


NO_PDUS = ["", "0", "g7" + REPORT[2:], "00g6" + REPORT[4:], "00 6", "00+6", "07", "ПДУ", "+CMGR: 0,,31"]


@pytest.mark.parametrize("pdu", NO_PDUS)
def test_what_is_no_pdu_is_no_report_and_stops_nobody(pdu: str) -> None:
    arrivals = Arrivals(Learned())
    arrivals.measured([StorageFill("SM", 0, 30)])
    arrivals.listed("SM", [StoredPdu("SM", 1, 0, pdu)])
    arrivals.report_read(StoredPdu("SM", 1, 0, pdu))
