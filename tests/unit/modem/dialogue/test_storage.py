"""Memories of strange modems: listed another way, walked through, places astray; what works is remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemgw.at import commands
from modemgw.at.errors import CommandFailed, CommandTimeout
from modemgw.modem.dialogue import storage as storage_module
from modemgw.modem.dialogue.driver import DriverSettings, StoredPdu
from modemgw.modem.quirks.learned import LearnedStore
from modemgw.modem.quirks.profile import Profile
from tests.unit.modem import driver_rig
from tests.unit.modem.driver_rig import Turns, rig
from tests.unit.modem.peer import OK, Answer, said

_short_limits = driver_rig._short_limits

IMEI = "356938030000013"
ENTRY = said("+CMGL: 3,1,,4", "0004000000", "OK")
READ = said("+CMGR: 1,,4", "0004000000", "OK")
NOTHING = said("+CMS ERROR: 321")
STORED = StoredPdu("SM", 3, 1, "0004000000", 4)


def settings(folder: Path) -> DriverSettings:
    return DriverSettings(learned=LearnedStore(folder / "learned.json"))


def learned(folder: Path, key: str) -> object:
    return LearnedStore(folder / "learned.json").of(IMEI, "1.0").get(key)


# ---------------------------------------------------------------- listing


async def test_the_way_of_listing_is_remembered(tmp_path: Path) -> None:
    script: dict[str, Answer] = {r"AT\+CMGL=4": said("+CMS ERROR: 303"), r'AT\+CMGL="ALL"': ENTRY}
    for numbers in (1, 0):
        async with rig(script) as r:
            await r.driver.initialise(settings(tmp_path))
            assert await r.driver.list_messages("SM") == [STORED]
            assert r.count(r"AT\+CMGL=4") == numbers
    assert learned(tmp_path, "cmgl") == {"SM": "word"}
    async with rig({r"AT\+CMGL=4": ENTRY}) as r:  # it works no more: asked anew
        await r.driver.initialise(settings(tmp_path))
        assert await r.driver.list_messages("SM") == [STORED]
    assert learned(tmp_path, "cmgl") == {"SM": "number"}


async def test_the_profile_says_which_way_is_first() -> None:
    async with rig({r'AT\+CMGL="ALL"': ENTRY}, profile=Profile(name="own", listings=("word", "number"))) as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.list_messages("SM") == [STORED]
        assert r.count(r"AT\+CMGL=4") == 0


async def test_place_after_place_where_nothing_lists() -> None:
    """D-Link DWM-156: SR can be neither listed nor asked for its places."""
    script: dict[str, Answer] = {
        r"AT\+CMGL=.*|AT\+CMGD=\?": said("ERROR"),
        r"AT\+CPMS\?": said('+CPMS: "SM",2,30,"SM",2,30,"SM",2,30', "OK"),
        r"AT\+CMGR=[14]": READ,
        r"AT\+CMGR=2": said("+CMS ERROR: 500"),
        r"AT\+CMGR=\d+": NOTHING,
    }
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        assert [pdu.index for pdu in await r.driver.list_messages("SM")] == [1, 4]
        assert r.count(r"AT\+CMGR=\d+") == 5  # no further than it says that there are


async def test_a_memory_that_says_it_has_some_and_lists_none_is_listed_another_way() -> None:
    script: dict[str, Answer] = {
        r"AT\+CMGL=4": OK,
        r'AT\+CMGL="ALL"': said("ERROR"),
        r"AT\+CMGD=\?": said("+CMGD: (3),(0-4)", "OK"),
        r"AT\+CMGR=3": READ,
    }
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        await r.driver.storage()  # SM holds one
        assert await r.driver.list_messages("SM") == [STORED]
    async with rig({r"AT\+CMGL=4": OK, r"AT\+CMGR=\d+": NOTHING}) as r:
        await r.driver.initialise(DriverSettings())
        for asked in (5, 6):  # the same count again is not looked for everywhere a second time
            await r.driver.storage()
            assert await r.driver.list_messages("SM") == []
            assert r.count(r"AT\+CMGL=.*|AT\+CMGD=\?") <= asked


async def test_a_listing_that_stalls_is_not_tried_first_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """P18: E1550 and E173 stall while they list; reading place by place works."""
    monkeypatch.setattr(commands, "LIST_ALL", commands.Command("AT+CMGL=4", ("+CMGL",), 0.05, pdu=True))
    script: dict[str, Answer] = {
        r"AT\+CMGL=.*": None,
        r"AT\+CMGD=\?": said("+CMGD: (3),(0-4)", "OK"),
        r"AT\+CMGR=3": READ,
    }
    profile = Profile(name="own", listings=("number", "index", "word", "walk"))
    async with rig(script, profile=profile) as r:
        await r.driver.initialise(settings(tmp_path))
        with pytest.raises(CommandTimeout):
            await r.driver.list_messages("SM")
        assert await r.driver.list_messages("SM") == [STORED]
    assert learned(tmp_path, "cmgl_stalls") == ["number"]
    async with rig(script, profile=profile) as r:
        await r.driver.initialise(settings(tmp_path))
        assert await r.driver.list_messages("SM") == [STORED]
        assert r.count(r"AT\+CMGL=4") == 0


# ---------------------------------------------------------------- places


async def test_places_that_are_astray_twice_are_remembered(tmp_path: Path) -> None:
    """E303 announces SM and stores in ME; others count from 0 and announce from 1."""
    elsewhere: dict[str, Answer] = {
        r"AT\+CMGR=5": Turns(NOTHING, READ),
        r"AT\+CMGR=6": Turns(NOTHING, READ),
        r"AT\+CMGR=\d": NOTHING,
    }
    async with rig(elsewhere) as r:
        await r.driver.initialise(settings(tmp_path))
        for index in (5, 6):
            assert await r.driver.read_message("SM", index) == StoredPdu("ME", index, 1, "0004000000", 4)
    assert learned(tmp_path, "places") == {"SM": ["ME", 0]}
    async with rig({r"AT\+CMGR=7": READ}) as r:
        await r.driver.initialise(settings(tmp_path))
        before = len(r.peer.heard)
        assert await r.driver.read_message("SM", 7) == StoredPdu("ME", 7, 1, "0004000000", 4)
        assert r.peer.heard[before:] == [b'AT+CPMS="ME","SM","SM"', b"AT+CMGR=7"]


async def test_a_place_that_is_right_after_all_is_believed_again(tmp_path: Path) -> None:
    LearnedStore(tmp_path / "learned.json").of(IMEI, "1.0").put("places", {"SM": ["SM", -1]})
    async with rig({r"AT\+CMGR=7": READ, r"AT\+CMGR=\d": NOTHING}) as r:
        await r.driver.initialise(settings(tmp_path))
        assert await r.driver.read_message("SM", 7) == StoredPdu("SM", 7, 1, "0004000000", 4)
    assert learned(tmp_path, "places") == {}


@pytest.mark.parametrize("status", [2, 3])
async def test_a_draft_is_never_taken_for_what_was_announced(status: int) -> None:
    """Announced for SM and stored in ME, or the other way round: at the announced place the owner keeps a draft."""
    draft = said(f"+CMGR: {status},,4", "0001000000", "OK")
    script: dict[str, Answer] = {r"AT\+CMGR=\d+": draft}
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.read_message("SM", 4) is None, "whoever gets it deletes it"
    script = {r"AT\+CMGR=\d+": Turns(draft, READ)}
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        found = await r.driver.read_message("SM", 4)
        assert found is not None
        assert (found.memory, found.index, found.status) != ("SM", 4, status)


async def test_one_place_astray_is_no_rule(tmp_path: Path) -> None:
    async with rig({r"AT\+CMGR=4": READ, r"AT\+CMGR=\d": NOTHING}) as r:
        await r.driver.initialise(settings(tmp_path))
        assert await r.driver.read_message("SM", 5) is not None
    assert learned(tmp_path, "places") is None


async def test_a_modem_whose_places_are_true_is_not_searched() -> None:
    async with rig({r"AT\+CMGR=4": READ, r"AT\+CMGR=\d": NOTHING}) as r:
        await r.driver.initialise(DriverSettings())
        await r.driver.read_message("SM", 4)
        before = len(r.peer.heard)
        assert await r.driver.read_message("SM", 5) is None
        assert r.peer.heard[before:] == [b"AT+CMGR=5"]


# ---------------------------------------------------------------- AT+CPMS


async def test_a_memory_that_is_only_had_in_a_shorter_form() -> None:
    script: dict[str, Answer] = {
        r'AT\+CPMS="SR","SM","SM"': said("+CMS ERROR: 302"),
        r'AT\+CPMS="SR","SM"': OK,
        r"AT\+CMGL=4": OK,
    }
    async with rig(script) as r:
        await r.driver.initialise(DriverSettings())
        assert await r.driver.list_messages("SR") == []
        assert r.peer.heard[-2:] == [b'AT+CPMS="SR","SM"', b"AT+CMGL=4"]


async def test_a_memory_that_cannot_be_had_is_an_error() -> None:
    async with rig({r'AT\+CPMS="ME".*': said("+CMS ERROR: 302")}) as r:
        await r.driver.initialise(DriverSettings())
        with pytest.raises(CommandFailed):
            await r.driver.list_messages("ME")
        assert storage_module.is_unsupported(CommandFailed("ERROR"))
