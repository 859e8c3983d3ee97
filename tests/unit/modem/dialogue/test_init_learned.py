"""Setting up with a profile and with what was learned: tried first, never believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from modemgw.modem.dialogue.driver import DriverSettings, SimProblem
from modemgw.modem.quirks.learned import LearnedStore
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import TIMING, Turns, rig
from tests.unit.modem.peer import OK, Answer, Peer, said

_short_limits = driver_rig._short_limits

IMEI = "356938030000013"


def settings(folder: Path, **more: object) -> DriverSettings:
    return DriverSettings(learned=LearnedStore(folder / "learned.json"), **more)  # type: ignore[arg-type]


def learned(folder: Path, key: str) -> object:
    return LearnedStore(folder / "learned.json").of(IMEI, "1.0").get(key)


def teach(folder: Path, **values: object) -> None:
    known = LearnedStore(folder / "learned.json").of(IMEI, "1.0")
    for key, value in values.items():
        known.put(key, value)


# ---------------------------------------------------------------- AT+CNMI


async def test_what_worked_is_tried_first_next_time(tmp_path: Path) -> None:
    script: dict[str, Answer] = {
        r"AT\+CNMI=\?": said("ERROR"),
        r"AT\+CNMI=3,1,0,2,0": OK,
        r"AT\+CNMI=.*": said("+CMS ERROR: 303"),
        r"AT\+CNMI\?": said("+CNMI: 3,1,0,2,0", "OK"),
    }
    for tries in (6, 1):
        async with rig(script) as r:
            info = await r.driver.initialise(settings(tmp_path))
            assert info.cnmi == (3, 1, 0, 2, 0)
            assert r.count(r"AT\+CNMI=\d.*") == tries
    assert learned(tmp_path, "cnmi") == [3, 1, 0, 2, 0]


async def test_what_worked_and_is_refused_now_is_asked_anew(tmp_path: Path) -> None:
    teach(tmp_path, cnmi=[1, 1, 0, 1, 0], memories=["MT", "MT", "MT"], cmgl={"SM": "word"})
    async with rig() as r:
        info = await r.driver.initialise(settings(tmp_path))
        assert (info.cnmi, info.receive_memory) == ((2, 1, 0, 1, 0), "SM")
        heard = [line.decode() for line in r.peer.heard]
        assert heard.index("AT+CNMI=1,1,0,1,0") < heard.index("AT+CNMI=2,1,0,1,0")
    assert learned(tmp_path, "cnmi") == [2, 1, 0, 1, 0]
    assert learned(tmp_path, "memories") == ["SM", "SM", "SM"]


@pytest.mark.parametrize("nonsense", [[9, 9], "2,1", [], [[2]], {"a": 1}, None, True])
async def test_a_file_that_somebody_edited_does_no_harm(tmp_path: Path, nonsense: object) -> None:
    keys = (
        "cnmi",
        "memories",
        "cpms",
        "cmgl",
        "cmgl_stalls",
        "places",
        "reports",
        "reports_broken",
        "urc_port",
        "service",
        "cnma",
        "ready",
        "mr_wrap",
    )
    teach(tmp_path, **dict.fromkeys(keys, nonsense))
    async with rig({r"AT\+CMGR=3": said("+CMGR: 1,,4", "0004000000", "OK"), r"AT\+CMGL=4": OK}) as r:
        info = await r.driver.initialise(settings(tmp_path))
        assert (info.cnmi, info.receive_memory) == ((2, 1, 0, 1, 0), "SM")
        assert await r.driver.list_messages("SM") == []
        assert await r.driver.read_message("SM", 3) is not None


async def test_a_setting_that_is_not_kept_gives_way_to_one_that_is(tmp_path: Path) -> None:
    """It takes ds=1 and says ds=0; ds=2 it keeps."""
    said_back = Turns(said("+CNMI: 2,1,0,0,0", "OK"), said("+CNMI: 2,1,0,2,0", "OK"))
    async with rig({r"AT\+CNMI=2,1,0,[12],0": OK, r"AT\+CNMI\?": said_back}) as r:
        info = await r.driver.initialise(settings(tmp_path))
        assert (info.cnmi, info.reports) == ((2, 1, 0, 2, 0), "stored")
    assert learned(tmp_path, "cnmi") == [2, 1, 0, 2, 0]


async def test_the_owners_setting_is_neither_changed_nor_learned(tmp_path: Path) -> None:
    teach(tmp_path, cnmi=[2, 1, 0, 1, 0])
    script: dict[str, Answer] = {r"AT\+CNMI=2,1,0,2,0": OK, r"AT\+CNMI\?": said("+CNMI: 2,1,0,2,0", "OK")}
    async with rig(script) as r:
        info = await r.driver.initialise(settings(tmp_path, indications=(2, 1, 0, 2, 0)))
        assert info.cnmi == (2, 1, 0, 2, 0)
    assert learned(tmp_path, "cnmi") == [2, 1, 0, 1, 0]


async def test_what_was_learned_does_not_outweigh_the_wish_for_direct_delivery(tmp_path: Path) -> None:
    teach(tmp_path, cnmi=[2, 1, 0, 1, 0])
    script: dict[str, Answer] = {r"AT\+CNMI=2,2,0,1,0": OK, r"AT\+CNMI\?": said("+CNMI: 2,2,0,1,0", "OK")}
    async with rig(script) as r:
        assert (await r.driver.initialise(settings(tmp_path, direct_delivery=True))).cnmi[1] == 2
        assert r.count(r"AT\+CNMI=2,1.*") == 0


REPORTS = [
    # proved  broken   the modem offers  set
    (None, None, "(0-2)", 1),
    (2, None, "(0-2)", 2),
    (None, [1], "(0-2)", 2),
    (2, [1], "(0-2)", 2),
    (2, None, "(0,1)", 1),
    (None, [1, 2], "(0-2)", 1),
    (None, [1], "(0,1)", 1),
]


@pytest.mark.parametrize(("proved", "broken", "offered", "ds"), REPORTS)
async def test_the_way_of_reports(
    tmp_path: Path, proved: int | None, broken: list[int] | None, offered: str, ds: int
) -> None:
    teach(tmp_path, **{key: value for key, value in (("reports", proved), ("reports_broken", broken)) if value})
    script: dict[str, Answer] = {
        r"AT\+CNMI=\?": said(f"+CNMI: (0-2),(0-3),(0,2),{offered},(0,1)", "OK"),
        rf"AT\+CNMI=2,1,0,[{offered.strip('()')}],0": OK,
        r"AT\+CNMI\?": said("ERROR"),
    }
    async with rig(script) as r:
        assert (await r.driver.initialise(settings(tmp_path))).cnmi == (2, 1, 0, ds, 0)


async def test_a_way_of_reports_that_the_profile_leaves_out_is_never_set() -> None:
    profile = Profile(name="own", reports=(1, 0))
    script: dict[str, Answer] = {r"AT\+CNMI=\?": said("ERROR"), r"AT\+CNMI=.*": said("ERROR")}
    async with rig(script, profile=profile) as r:
        await r.driver.initialise(DriverSettings())
        assert r.count(r"AT\+CNMI=\d,\d,\d,2.*") == 0
        assert r.count(r"AT\+CNMI=\d,\d,\d,1.*") > 2


# ---------------------------------------------------------------- AT+CPMS


async def test_the_form_of_cpms_is_remembered(tmp_path: Path) -> None:
    script: dict[str, Answer] = {
        r"AT\+CPMS=\?": said('+CPMS: ("SM"),("SM"),("SM")', "OK"),
        r'AT\+CPMS="SM","SM"': said("+CPMS: 0,20,0,20", "OK"),
        r"AT\+CPMS=.*": said("ERROR"),
    }
    for tries in (2, 1):
        async with rig(script) as r:
            await r.driver.initialise(settings(tmp_path))
            assert r.count(r'AT\+CPMS=".*') == tries
    assert (learned(tmp_path, "cpms"), learned(tmp_path, "memories")) == (2, ["SM", "SM"])


async def test_a_modem_of_three_arguments_only_is_asked_no_other_way() -> None:
    profile = Profile(name="brovi", cpms=(3,))
    script: dict[str, Answer] = {r'AT\+CPMS="SR".*': said("+CMS ERROR: 302")}
    async with rig(script, profile=profile) as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.storage()
        assert r.count(r'AT\+CPMS="\w+"(,"\w+")?') == 0


# ---------------------------------------------------------------- identity, commands, ports


async def test_the_serial_number_where_only_ati_tells_it() -> None:
    ati = said("Manufacturer: 4G Systems", "Model: XS Stick", "IMEI: 358999010000017", "OK")
    async with rig({r"AT\+C?GSN.*": said("ERROR"), "ATI": ati}) as r:
        assert (await r.driver.initialise(DriverSettings())).imei == "358999010000017"
    async with rig({r"AT\+CGSN.*": said("ERROR"), r"AT\+GSN": said("358999010000017", "OK")}) as r:
        assert (await r.driver.initialise(DriverSettings())).imei == "358999010000017"


async def test_of_several_commands_the_first_that_is_accepted_counts() -> None:
    profile = Profile(name="own", early=(("AT^A", "AT^B", "AT^C"), "AT^D"), late=(("AT^E", "AT^F"),))
    async with rig({r"AT\^[BC]": OK}, profile=profile) as r:
        info = await r.driver.initialise(DriverSettings())
        assert [line for line in r.peer.heard if line.startswith(b"AT^")] == [
            b"AT^A",
            b"AT^B",
            b"AT^D",
            b"AT^E",
            b"AT^F",
        ]
        assert info.notes == ("AT^D was refused (ERROR).", "AT^F was refused (ERROR).")


async def test_the_makers_questions_come_first() -> None:
    profile = Profile(name="own", iccid=("AT#CCID",), pin_counter=("AT#PCT",))
    script: dict[str, Answer] = {
        r"AT#CCID": said("#CCID: 89701990000000000079", "OK"),
        r"AT#PCT": said("#PCT: 1", "OK"),
        r"AT\+CPIN\?": said("+CPIN: SIM PIN", "OK"),
    }
    async with rig(script, profile=profile) as r:
        with pytest.raises(SimProblem, match="Tries left: 1"):
            await r.driver.initialise(DriverSettings(pin="1234"))
        assert r.count(r"AT\+CCID") == 0
        assert r.count(r"AT\+CPINR.*") == 0
        assert r.count(r"AT\+CPIN=.*") == 0


async def test_the_command_for_our_port_comes_first(tmp_path: Path) -> None:
    ports = {"at": ("AT^AT",), "modem": ("AT^MODEM",), "serial": ("AT^UART",)}
    for kind, first in (("at", b"AT^AT"), ("modem", b"AT^MODEM"), ("serial", b"AT^UART"), (None, b"AT^AT")):
        async with rig({r"AT\^.*": OK}, profile=Profile(name="own", urc_ports=ports)) as r:
            r.driver._port_kind = kind
            await r.driver.initialise(settings(tmp_path))
            assert [line for line in r.peer.heard if line.startswith(b"AT^")] == [first]
    async with rig({r"AT\^U.*": OK}, profile=Profile(name="own", urc_ports=ports)) as r:
        await r.driver.initialise(settings(tmp_path))
        assert [line for line in r.peer.heard if line.startswith(b"AT^")] == [b"AT^AT", b"AT^MODEM", b"AT^UART"]


# ---------------------------------------------------------------- after a start


async def test_after_a_start_the_message_service_is_waited_for(tmp_path: Path) -> None:
    profile = Profile(name="own", ready_urcs=("SMS Ready",), ready_s=20.0)
    async with rig(profile=profile) as r:
        r.peer.say(said("RDY"))
        await r.peer.until(lambda: bool(r.events))
        task = asyncio.ensure_future(r.driver.initialise(settings(tmp_path)))
        await r.peer.until(lambda: b"AT+CIMI" in r.peer.heard)
        r.peer.say(said("+CFUN: 1"))
        assert b"AT+CMGF=0" not in r.peer.heard
        r.peer.say(said("SMS Ready"))
        assert (await task).imsi
    assert learned(tmp_path, "ready") == "told"


async def test_a_modem_that_never_says_so_is_waited_for_once(tmp_path: Path) -> None:
    profile = Profile(name="own", ready_urcs=("SMS Ready",), ready_s=0.05)
    notes = []
    for _ in range(2):
        async with rig(profile=profile) as r:
            r.peer.say(said("RDY"))
            await r.peer.until(lambda: bool(r.events))
            notes.append((await r.driver.initialise(settings(tmp_path))).notes)
    assert "did not say within 0.05 s" in str(notes[0])
    assert notes[1] == ()
    assert learned(tmp_path, "ready") == "never"


async def test_a_modem_that_runs_is_not_waited_for() -> None:
    profile = Profile(name="own", ready_urcs=("SMS Ready",), ready_s=60.0)
    async with rig(profile=profile) as r:
        async with asyncio.timeout(20):
            await r.driver.initialise(DriverSettings())


# ---------------------------------------------------------------- another profile


async def test_a_changed_profile_counts_more_than_what_was_learned_with_the_old_one(tmp_path: Path) -> None:
    async with rig(profile=Profile(name="own")) as r:
        await r.driver.initialise(settings(tmp_path))
    teach(tmp_path, reports=1, mr_wrap="no", ussd="packed")
    changed = Profile(name="own", memories=("ME",), reports=(2, 1))
    script: dict[str, Answer] = {r"AT\+CNMI=2,1,0,2,0": OK, r"AT\+CNMI\?": said("ERROR")}
    async with rig(script, profile=changed) as r:
        info = await r.driver.initialise(settings(tmp_path))
        assert info.receive_memory == "ME"
    assert learned(tmp_path, "memories") == ["ME", "ME", "ME"]
    assert (learned(tmp_path, "reports"), learned(tmp_path, "mr_wrap"), learned(tmp_path, "ussd")) == (
        1,
        "no",
        "packed",
    )
    assert changed.mark != Profile(name="own").mark == Profile(name="own").mark


# ---------------------------------------------------------------- no answer


def silent(times: int, answer: bytes) -> Answer:
    """No answer so often, then this one."""
    left = [None] * times

    def said_at_last(peer: Peer, line: bytes) -> bytes | None:
        return left.pop() if left else answer

    return said_at_last


SHORT = replace(TIMING, longest_s=0.2)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (r"AT\+CSMS=1", said("+CSMS: 1,1,1", "OK")),
        (r"AT\+CPMS=\?", said('+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', "OK")),
        (r'AT\+CPMS="SM","SM","SM"', said("+CPMS: 1,30,1,30,1,30", "OK")),
        (r"AT\+CNMI=\?", said("+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", "OK")),
        (r"AT\+CNMI=2,1,0,1,0", OK),
    ],
)
async def test_what_the_line_would_not_hear_without_is_asked_again(command: str, answer: bytes) -> None:
    async with rig({command: silent(1, answer)}, timing=SHORT) as r:
        info = await r.driver.initialise(DriverSettings())
        assert (info.cnmi, info.receive_memory, info.needs_ack) == ((2, 1, 0, 1, 0), "SM", True)
        assert set(info.memories) == {"SM", "ME", "SR"}


async def test_a_modem_that_does_not_say_its_memories_has_all_looked_through() -> None:
    async with rig({r"AT\+CPMS=.*": None}, timing=SHORT) as r:
        info = await r.driver.initialise(DriverSettings())
        assert {"SM", "ME"} <= set(info.memories)
